"""Who follows whom: others our actors (``in``), ours theirs (``out``). One row per pair and direction.

Must never answer a Follow: it keeps the state, whoever decides sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_schema import ap_follow
from federation.ledger.database import Database
from federation.ledger.times import to_text


class Direction(StrEnum):
    """Seen from here."""

    IN = "in"
    OUT = "out"


class FollowState(StrEnum):
    """In: pending (for an operator), accepted, removed. Out: requested, accepted, rejected, undone."""

    PENDING = "pending"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDONE = "undone"
    REMOVED = "removed"


class FollowRow(NamedTuple):
    """A follow. ``activity``: id of the latest Follow; ``host``: of the other side; ``inbox``: where it gets its post.

    For ``in`` that is the shared inbox if there is one. ``answered``, ``resent``: ledger times.
    """

    id: int
    direction: str
    follower: str
    followed: str
    activity: str
    state: str
    host: str
    inbox: str
    made: str
    answered: str | None
    resent: str | None


_COLUMNS = [ap_follow.c[name] for name in FollowRow._fields]


class Follows:
    """The table ``ap_follow``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    def put(
        self,
        direction: Direction,
        follower: str,
        followed: str,
        activity: str,
        state: FollowState,
        target: Target,
        now: datetime,
        tx: Connection | None = None,
    ) -> FollowRow:
        """Keep a Follow, first or repeated, in this state. ``target``: the other side's inbox and host."""
        at = to_text(now)
        values = {
            "direction": direction.value,
            "follower": follower,
            "followed": followed,
            "activity": activity,
            "state": state.value,
            "host": target.host,
            "inbox": target.inbox,
            "made": at,
            "answered": at if state is FollowState.ACCEPTED else None,
            "resent": None,
        }
        keys = ("direction", "follower", "followed")
        replaced = {name: value for name, value in values.items() if name not in keys}
        statement = self._insert(ap_follow).values(values).on_conflict_do_update(index_elements=keys, set_=replaced)
        with self._database.write(tx) as tx:
            tx.execute(statement)
            this = _pair(direction, follower, followed)
            return FollowRow._make(tx.execute(select(*_COLUMNS).where(*this)).one())

    def answer(self, id_: int, state: FollowState, now: datetime, tx: Connection | None = None) -> bool:
        """Change the state of a follow (accepted, rejected, undone, removed); False if it was in that state."""
        changes = (ap_follow.c.id == id_, ap_follow.c.state != state.value)
        with self._database.write(tx) as tx:
            values = {"state": state.value, "answered": to_text(now)}
            return tx.execute(update(ap_follow).where(*changes).values(values)).rowcount == 1

    def get(self, direction: Direction, follower: str, followed: str, tx: Connection | None = None) -> FollowRow | None:
        """The follow of a pair, in whatever state."""
        return next(iter(self._select(_pair(direction, follower, followed), 1, tx)), None)

    def by_activity(self, direction: Direction, activity: str) -> FollowRow | None:
        """The follow whose latest Follow had this id."""
        return next(
            iter(self._select((ap_follow.c.activity == activity, ap_follow.c.direction == direction.value), 1)), None
        )

    def targets(self, followed: str, after: str = "", limit: int = 10_000) -> list[Target]:
        """Where an actor's accepted followers get their post, each inbox once, in order, from after the given one."""
        query = (
            select(ap_follow.c.inbox, func.min(ap_follow.c.host))
            .where(*_accepted(followed), ap_follow.c.inbox > after)
            .group_by(ap_follow.c.inbox)
            .order_by(ap_follow.c.inbox)
            .limit(limit)
        )
        with self._database.read() as tx:
            return [Target(row[0], row[1]) for row in tx.execute(query)]

    def followers(self, followed: str) -> int:
        """Number of accepted followers of one of our actors."""
        with self._database.read() as tx:
            return tx.scalar(select(func.count()).select_from(ap_follow).where(*_accepted(followed))) or 0

    def following(self, follower: str) -> int:
        """Number of actors that one of ours follows."""
        ours = (ap_follow.c.direction == Direction.OUT.value, ap_follow.c.state == FollowState.ACCEPTED.value)
        query = select(func.count()).select_from(ap_follow).where(*ours, ap_follow.c.follower == follower)
        with self._database.read() as tx:
            return tx.scalar(query) or 0

    def listed(
        self, direction: Direction, states: Iterable[FollowState], limit: int = 100, after: int = 0
    ) -> list[FollowRow]:
        """Follows in some states, oldest first (the queue of moderators, the peers page)."""
        where = (
            ap_follow.c.direction == direction.value,
            ap_follow.c.state.in_([state.value for state in states]),
            ap_follow.c.id > after,
        )
        return self._select(where, limit)

    def to_resend(self, asked_before: datetime, limit: int = 100) -> list[FollowRow]:
        """Our Follows that nobody has answered since before then, and that were not sent a second time."""
        where = (
            ap_follow.c.direction == Direction.OUT.value,
            ap_follow.c.state == FollowState.REQUESTED.value,
            ap_follow.c.resent.is_(None),
            ap_follow.c.made < to_text(asked_before),
        )
        return self._select(where, limit)

    def resent(self, id_: int, now: datetime, tx: Connection | None = None) -> None:
        """Note that a Follow was sent a second time."""
        with self._database.write(tx) as tx:
            tx.execute(update(ap_follow).where(ap_follow.c.id == id_).values(resent=to_text(now)))

    def remove_host(self, host: str, now: datetime, tx: Connection | None = None) -> list[FollowRow]:
        """Remove every follower on a host (blocked, silent for 30 days); return them as they were."""
        return self._remove(ap_follow.c.host == host, now, tx)

    def remove_inbox(self, inbox: str, now: datetime, tx: Connection | None = None) -> list[FollowRow]:
        """Remove every follower that gets its post at an inbox that is gone (410); return them as they were."""
        return self._remove(ap_follow.c.inbox == inbox, now, tx)

    def remove_follower(self, follower: str, now: datetime, tx: Connection | None = None) -> list[FollowRow]:
        """Remove every follow of ours by one actor (blocked, deleted); return them as they were."""
        return self._remove(ap_follow.c.follower == follower, now, tx)

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of follows by (direction, state)."""
        query = select(ap_follow.c.direction, ap_follow.c.state, func.count())
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(ap_follow.c.direction, ap_follow.c.state)).all()
        return {(row[0], row[1]): row[2] for row in rows}

    def _remove(self, whose: ColumnElement[bool], now: datetime, tx: Connection | None) -> list[FollowRow]:
        live = [FollowState.ACCEPTED.value, FollowState.PENDING.value]
        where = (whose, ap_follow.c.direction == Direction.IN.value, ap_follow.c.state.in_(live))
        with self._database.write(tx) as tx:
            rows = [FollowRow._make(row) for row in tx.execute(select(*_COLUMNS).where(*where))]
            values = {"state": FollowState.REMOVED.value, "answered": to_text(now)}
            tx.execute(update(ap_follow).where(*where).values(values))
        return rows

    def _select(
        self, where: Iterable[ColumnElement[bool]], limit: int, tx: Connection | None = None
    ) -> list[FollowRow]:
        with self._database.read(tx) as tx:
            rows = tx.execute(select(*_COLUMNS).where(*where).order_by(ap_follow.c.id).limit(limit)).all()
        return [FollowRow._make(row) for row in rows]


def _pair(direction: Direction, follower: str, followed: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ap_follow.c.direction == direction.value,
        ap_follow.c.follower == follower,
        ap_follow.c.followed == followed,
    )


def _accepted(followed: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ap_follow.c.followed == followed,
        ap_follow.c.direction == Direction.IN.value,
        ap_follow.c.state == FollowState.ACCEPTED.value,
    )
