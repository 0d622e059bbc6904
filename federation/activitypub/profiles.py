"""Tells followers when an actor of ours has changed: its profile, or its keys.

New keys are told by an Update that the old ones sign, and sign themselves only when that has been delivered. Must never
let an actor be without a key that others know (design, section 2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from federation.activitypub import activities
from federation.activitypub.actors import Document, PublicKeys
from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.sending import Audience, Letter, Sender
from federation.ledger import Ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.times import from_text, to_text

SWITCH_AFTER = timedelta(hours=1)
"""For which the old keys sign at most, once the new ones are told: whoever is away learns of them by fetching."""
LOOK_EVERY = timedelta(minutes=1)
_FOLLOWED = 10_000


class Actors(Protocol):
    """The documents of our actors: see desk.py."""

    def actor_document(self, username: str, keys: PublicKeys | None = None) -> Document | None:
        """The document of an actor. ``keys``: those to show in place of the current ones."""


class Rotation(Protocol):
    """Our keys: see keyring.py."""

    def prove(self, actor: str, document: Document, created: datetime) -> Document:
        """A document with a proof by the current key."""

    def rotate(self, actor: str) -> PublicKeys:
        """Put new keys beside the old ones; the same again until the switch. Raises LookupError."""

    def rotating(self, actor: str) -> bool:
        """Whether new keys wait for their switch."""

    def switch(self, actor: str, tx: Connection) -> None:
        """Let the new keys sign from now on."""

    def forget(self, actor: str) -> None:
        """Look the keys up anew."""


class Profiles:
    """Watches our actors. For one thread at a time; ``rotate`` for any."""

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        actors: Actors,
        keyring: Rotation,
        sender: Sender,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger, self._names, self._actors = ledger, names, actors
        self._keyring, self._sender, self._clock = keyring, sender, clock
        self._looked: datetime | None = None

    def work(self) -> bool:
        """Tell what has changed, once a minute, and end rotations; whether there was any. Raises EngineUnavailable."""
        now = self._clock()
        if self._looked is not None and now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        partners = [partner.slug for partner in self._ledger.sources.partners()]
        return sum(self._look(username) for username in (INSTANCE, COMMONS, *partners)) > 0

    def rotate(self, username: str) -> str:
        """Begin to change the keys of an actor; return the id (IRI) of the Update that tells. Raises LookupError."""
        actor = self._names.actor(username)
        document = self._actors.actor_document(username, self._keyring.rotate(actor))
        if document is None:
            raise LookupError(username)
        with self._ledger.write() as tx:
            ulid = self._tell(username, document, tx)
            self._ledger.cursors.set_fact(_rotation(username), f"{ulid} {to_text(self._clock())}", tx)
        return self._names.activity(ulid)

    # -- one actor ------------------------------------------------------------------------------------------------

    def _look(self, username: str) -> bool:
        if self._keyring.rotating(self._names.actor(username)):
            return self._go_on(username)
        document = self._actors.actor_document(username)
        if document is None:
            return False
        digest = _digest(document)
        known = self._ledger.cursors.fact(_profile(username))
        if known == digest:
            return False
        with self._ledger.write() as tx:
            if known:  # else it is new: nobody knows another one
                self._tell(username, document, tx)
            self._ledger.cursors.set_fact(_profile(username), digest, tx)
        return bool(known)

    def _go_on(self, username: str) -> bool:
        """End a rotation once its Update has arrived wherever it can; begin it again if it was cut short."""
        begun = self._ledger.cursors.fact(_rotation(username))
        if not begun:
            self.rotate(username)
            return True
        ulid, _, at = begun.partition(" ")
        job = self._ledger.ap_jobs.get(ulid)
        done = (job is None or job.next_try is None) and not self._ledger.ap_deliveries.counts(ulid).get("waiting")
        if not done and self._clock() - from_text(at) < SWITCH_AFTER:
            return False
        actor = self._names.actor(username)
        document = self._actors.actor_document(username, self._keyring.rotate(actor))
        with self._ledger.write() as tx:
            self._keyring.switch(actor, tx)
            self._ledger.cursors.set_fact(_rotation(username), "", tx)
            if document is not None:
                self._ledger.cursors.set_fact(_profile(username), _digest(document), tx)
        self._keyring.forget(actor)
        return True

    def _tell(self, username: str, document: Document, tx: Connection) -> str:
        actor = self._names.actor(username)
        say = self._sender.saying(actor)
        made = activities.update_actor(self._names, say, document, lambda one: self._keyring.prove(actor, one, say.at))
        row = NewActivity(say.ulid, actor, "Update", actor, None, to_text(say.at), activities.serialise(made))
        followers = (actor,) if username == COMMONS else (actor, self._names.commons)
        audience = Audience(followers, inboxes=self._followed(actor))
        self._sender.keep([Letter(row, audience, actor, collapses=True)], tx)
        return say.ulid

    def _followed(self, actor: str) -> tuple[Target, ...]:
        """Those whom an actor follows: they hold its key, too."""
        rows = self._ledger.ap_follows.listed(Direction.OUT, (FollowState.REQUESTED, FollowState.ACCEPTED), _FOLLOWED)
        return tuple({row.inbox: Target(row.inbox, row.host) for row in rows if row.follower == actor}.values())


def _profile(username: str) -> str:
    return f"ap-profile/{_short(username)}"


def _rotation(username: str) -> str:
    return f"ap-rotation/{_short(username)}"


def _short(username: str) -> str:
    """A name of bounded length for a fact of the ledger."""
    return hashlib.sha256(username.encode()).hexdigest()[:40]


def _digest(document: Document) -> str:
    return hashlib.sha256(activities.serialise(document)).hexdigest()
