"""Keeps what our actors say, with whom it is for, in the transaction of whoever says it.

Must never send anything: that is for delivery.py, from the jobs kept here (design, section 4).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from federation.activitypub import activities
from federation.activitypub.actors import Document
from federation.activitypub.names import Names
from federation.ledger import Ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_jobs import NewJob
from federation.ledger.runs import ulid
from federation.ledger.times import to_text

_RANDOM_BITS = 80


class Sync(StrEnum):
    """What becomes of followers on hosts that declare our sync profile."""

    ALSO = "also"
    NOT = "not"  # none of them that gets the Group's Announce{activity}
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Audience:
    """To whom an activity goes: the followers of actors of ours, and single inboxes."""

    followers: tuple[str, ...] = ()
    sync: Sync = Sync.ALSO
    inboxes: tuple[Target, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "followers": list(self.followers),
            "sync": self.sync.value,
            "inboxes": [[target.inbox, target.host] for target in self.inboxes],
        }

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Audience:
        """Read back what :meth:`plain` wrote."""
        inboxes = tuple(Target(inbox, host) for inbox, host in plain.get("inboxes", ()))
        return Audience(tuple(plain.get("followers", ())), Sync(plain.get("sync", Sync.ALSO)), inboxes)


@dataclass(frozen=True, slots=True)
class Letter:
    """An activity to keep and, if ``audience`` is given, to send.

    ``about``: the object by which deliveries of one thing are kept in step and collapse (``collapses``: an Update).
    """

    activity: NewActivity
    audience: Audience | None
    about: str | None = None
    collapses: bool = False


class Ulids:
    """Makes ULIDs that grow, of several in one millisecond too: their order is the order of what is said."""

    def __init__(self, randomness: Callable[[int], bytes]) -> None:
        self._randomness = randomness
        self._last = (0, 0)
        self._guard = threading.Lock()

    def new(self, now: datetime) -> str:
        """One for this instant; if the clock has gone back, one for the last instant."""
        with self._guard:
            moment = int(now.timestamp() * 1000)
            last, number = self._last
            fresh = int.from_bytes(self._randomness(_RANDOM_BITS // 8)) >> 1  # half the room is left to count up
            self._last = (moment, fresh) if moment > last else (last, number + 1)
            moment, number = self._last
            return ulid(datetime.fromtimestamp(moment / 1000, now.tzinfo), number.to_bytes(_RANDOM_BITS // 8))


class Sender:
    """Keeps letters. Safe for threads."""

    def __init__(
        self, ledger: Ledger, names: Names, clock: Callable[[], datetime], randomness: Callable[[int], bytes]
    ) -> None:
        self._ledger = ledger
        self._names = names
        self._clock = clock
        self._ulids = Ulids(randomness)

    def saying(self, actor: str) -> activities.Saying:
        """Who says something now, under a new id."""
        now = self._clock()
        return activities.Saying(self._ulids.new(now), actor, now)

    def keep(self, letters: list[Letter], tx: Connection | None = None) -> None:
        """Keep activities and their jobs in one transaction: both are durable when it ends, or neither is."""
        jobs = [
            NewJob(one.activity.id, one.activity.actor, one.about, one.collapses, one.audience.plain())
            for one in letters
            if one.audience is not None
        ]
        if not letters:
            return
        if tx is not None:
            self._ledger.ap_activities.append([one.activity for one in letters], tx)
            self._ledger.ap_jobs.add(jobs, self._clock(), tx)
            return
        with self._ledger.write() as own:
            self.keep(letters, own)

    def tell(self, say: activities.Saying, document: Document, target: Target, tx: Connection | None = None) -> str:
        """Tell one inbox something that is for one actor only: Follow, Accept, Reject, Undo. Return its id (IRI).

        It stands in no outbox. ``document`` was made with ``say`` (see :meth:`saying`) by one of activities.py.
        """
        about = document["object"]
        named = about if isinstance(about, str) else str(about["id"])
        made = NewActivity(
            say.ulid,
            say.actor,
            str(document["type"]),
            named,
            None,
            to_text(say.at),
            activities.serialise(document),
            listed=False,
        )
        self.keep([Letter(made, Audience(inboxes=(target,)))], tx)
        return self._names.activity(say.ulid)
