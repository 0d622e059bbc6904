"""A harvested instance with its doors open to ActivityPub: pages and inboxes over HTTP, our keys, our deliveries.

What comes in is kept and goes no further: what follows from it is shown where the whole server is tested.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import waitress

from federation.activitypub import activities
from federation.activitypub.activities import FollowRef, Saying, serialise
from federation.activitypub.actors import Document
from federation.activitypub.delivery import Deliverer
from federation.activitypub.desk import Desk
from federation.activitypub.inbox import Inbox
from federation.activitypub.keycache import KeyCache
from federation.activitypub.keyring import Keyring, known_actors, load_secret
from federation.activitypub.knock import Knock
from federation.activitypub.memory import memory_of
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.outbound import Outbound
from federation.activitypub.remote import Remote
from federation.activitypub.sending import Audience, Letter, Sender
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import InboxRow
from federation.ledger.times import to_text
from federation.platform import Platform
from federation.settings import Settings
from federation.vocabulary import load
from federation.web import create_app

SECONDS = 60


def now() -> datetime:
    """The time: a peer has its own clock."""
    return datetime.now(UTC)


class Doors(Platform):
    """The platform with everything of ActivityPub that speaks HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.kept: Ledger = open_ledger(settings.ledger_url, settings.data_dir / "ledger")
        super().__init__(settings, load(), self.kept)
        self.names = Names(settings.base_url)
        self.remote = Remote(origin_of(settings.base_url), "Carrefour", time.monotonic, allow_private=True)
        secret = load_secret("", settings.data_dir, os.urandom)
        exists = known_actors(self.names, self.kept.sources.partner)
        self.keyring = Keyring(self.kept.ap_keys, self.names, secret, exists, now, os.urandom)
        self.sender = Sender(self.kept, self.names, now, os.urandom)
        knock = Knock(self.keyring, self.remote, now)
        self.deliverer = Deliverer(self.kept, self.names, knock, now, lambda: 0.5)
        self.server = waitress.create_server(create_app(self), host="127.0.0.1", port=settings.port, threads=8)
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()

    @functools.cached_property
    def federation(self) -> Desk:
        """What anybody may read, with proofs and our keys."""
        return Desk(self.settings, memory_of(self.kept), lambda: self.reader, self.words, self.keyring)

    @functools.cached_property
    def inbox(self) -> Inbox:
        """Steps 1 to 8."""
        keys = KeyCache(self.kept.ap_remote_keys, self.remote, now, self.keyring.signer())
        return Inbox(self.settings.base_url, keys, self.kept.ap_inbox, self.kept.ap_blocks.all, now, time.monotonic)

    def close(self) -> None:
        """Close the doors."""
        self.server.close()
        self.inbox.close()
        self.remote.close()
        super().close()

    # ---- what comes in

    def came(self, activity: str) -> InboxRow:
        """An activity that was accepted, as it is kept."""
        row = self.kept.ap_inbox.by_activity(activity)
        assert row is not None, activity
        return row

    # ---- what goes out

    def say_to(self, actor: str, inbox: str, make: Callable[[Saying], Document]) -> str:
        """Say something to one inbox by the deliverer; the id of the activity."""
        say = self.sender.saying(actor)
        self.sender.tell(say, make(say), self._target(inbox))
        self.deliverer.work_off()
        return self.names.activity(say.ulid)

    def publish(self, actor: str, inbox: str, make: Callable[[Saying], Document | bytes]) -> str:
        """Say something to everybody, sent to one inbox by the deliverer; the id of the activity."""
        say = self.sender.saying(actor)
        made = make(say)
        body = made if isinstance(made, bytes) else serialise(made)
        kind = "Announce" if isinstance(made, bytes) else str(made["type"])
        kept = NewActivity(say.ulid, actor, kind, None, None, to_text(say.at), body)
        self.sender.keep([Letter(kept, Audience(inboxes=(self._target(inbox),)))])
        self.deliverer.work_off()
        return self.names.activity(say.ulid)

    def accept(self, follow: str, follower: str, followed: str, inbox: str) -> None:
        """Take a follower, and tell it; what it gets goes to ``inbox``."""
        asked, target = FollowRef(follow, follower, followed), self._target(inbox)
        state = FollowState.ACCEPTED
        self.kept.ap_follows.put(Direction.IN, follower, followed, follow, state, target, now())
        self.say_to(followed, inbox, lambda say: activities.accept(self.names, say, asked))

    def say_all(self) -> None:
        """Say what the change log asks for, and deliver it."""
        out = Outbound(self.kept, self.names, self.federation, lambda: self.reader.seq, self.keyring, self.sender)
        while out.work():
            self.deliverer.work_off()

    def prove(self, actor: str) -> Callable[[Document], Document]:
        """What gives a document the proof of an actor of ours."""
        return lambda document: self.keyring.prove(actor, document, now())

    def _target(self, inbox: str) -> Target:
        return Target(inbox, origin_of(inbox).authority)

    def object_of(self, record: str) -> Document:
        """The object of a record, as it is embedded."""
        found = self.federation.embedded(record)
        assert found is not None, record
        return found
