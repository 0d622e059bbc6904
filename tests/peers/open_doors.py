"""A harvested instance with its doors open to ActivityPub: pages and inboxes over HTTP, our keys, our deliveries.

What comes in is kept and goes no further, as no worker takes it up: that is shown where the whole server is tested.
"""

from __future__ import annotations

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
from federation.activitypub.knock import Knock
from federation.activitypub.origins import origin_of
from federation.activitypub.outbound import Outbound
from federation.activitypub.relay import Relay
from federation.activitypub.remote import Remote
from federation.activitypub.sending import Audience, Letter, Sender
from federation.ledger import open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import InboxRow
from federation.ledger.times import to_text
from federation.platform import open_platform
from federation.settings import Settings
from federation.web import create_app


def now() -> datetime:
    """The time: a peer has its own clock."""
    return datetime.now(UTC)


class Doors:
    """An open instance, served, whose worker rests: a test says when something goes out."""

    def __init__(self, settings: Settings) -> None:
        self.platform = open_platform(settings)
        station = self.platform.station
        self.names, self.keyring, self.desk = station.names, station.keyring, station.desk
        self.kept = open_ledger(settings.ledger_url, settings.data_dir / "ledger")
        self._remote = Remote(origin_of(settings.base_url), "Carrefour", time.monotonic, allow_private=True)
        self.sender = Sender(self.kept, self.names, now, os.urandom)
        knock = Knock(self.keyring, self._remote, now)
        self.deliverer = Deliverer(self.kept, self.names, knock, now, lambda: 0.5)
        app = create_app(self.platform)
        self._server = waitress.create_server(app, host="127.0.0.1", port=settings.port, threads=8)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the doors."""
        self._server.close()
        self._remote.close()
        self.kept.close()
        self.platform.close()

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
        relay, seen = Relay(self.names, self.sender), lambda: self.platform.reader.seq
        out = Outbound(self.kept, self.names, self.desk, seen, self.keyring, self.sender, relay)
        while out.work():
            self.deliverer.work_off()

    def prove(self, actor: str) -> Callable[[Document], Document]:
        """What gives a document the proof of an actor of ours."""
        return lambda document: self.keyring.prove(actor, document, now())

    def _target(self, inbox: str) -> Target:
        return Target(inbox, origin_of(inbox).authority)

    def object_of(self, record: str) -> Document:
        """The object of a record, as it is embedded."""
        found = self.desk.embedded(record)
        assert found is not None, record
        return found
