"""What other servers sent us: kept before it is answered, worked on by whoever claims it, in the order of its coming.

Must never judge an activity: it keeps the bytes, the verdict of whoever checked the signature, and the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from federation.ledger.ap_schema import ap_inbox
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import to_text


class InboxState(StrEnum):
    """States of a received activity. ``accepted`` and ``retry`` wait for a worker, ``held`` for a person who agrees to
    what the guard withholds; the others are ends."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    DONE = "done"
    DROPPED = "dropped"
    QUARANTINED = "quarantined"
    HELD = "held"


WAITING = (InboxState.ACCEPTED, InboxState.RETRY)


class Received(NamedTuple):
    """An activity to keep. ``sha256``: of ``raw``; ``seen``: a hash of signature and body, by which a repeat is known.

    ``headers``: as received, in order; ``verdict``: plain values (dialect, key id, proof); ``object``: its id, if any.
    """

    activity: str
    actor: str
    host: str
    kind: str
    object: str | None
    raw: bytes
    headers: tuple[tuple[str, str], ...]
    verdict: Mapping[str, Any]
    audience: str
    sha256: str
    seen: str


class InboxRow(NamedTuple):
    """A kept activity. ``raw`` and ``headers`` are None once purged; ``next_try`` is None at its end (ledger times).

    While somebody works on it (``holder``), ``next_try`` is the end of the lease.
    """

    id: int
    activity: str
    actor: str
    host: str
    kind: str
    object: str | None
    received: str
    raw: bytes | None
    headers: list[list[str]] | None
    verdict: Mapping[str, Any]
    audience: str
    state: str
    tries: int
    next_try: str | None
    holder: str | None
    outcome: str | None
    sha256: str


class Outcome(NamedTuple):
    """What became of a claimed activity. ``rule``: short machine name; ``next_try``: only for ``retry``."""

    id: int
    state: InboxState
    rule: str = ""
    next_try: datetime | None = None


class _Kept(NamedTuple):
    """A received activity as a row. ``headers``, ``verdict``: as JSON, or plain where the driver writes it."""

    activity: str
    actor: str
    host: str
    kind: str
    object: str | None
    raw: bytes
    headers: Any
    verdict: Any
    audience: str
    sha256: str
    seen: str
    received: str
    state: str
    next_try: str


_COLUMNS = [ap_inbox.c[name] for name in InboxRow._fields]
_AT_ONCE = 500
"""Numbers in one statement."""
_SEEN = select(exists().where(ap_inbox.c.seen == bindparam("b_seen")))
"""Built once: building it costs more than the database does."""
_HELD = "held:"


def held_in(run: str) -> str:
    """The rule under which an activity ends as held that a run of its source did not take in whole."""
    return f"{_HELD}{run}"


class Inbox:
    """The table ``ap_inbox``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        self._insert = insert(ap_inbox).on_conflict_do_nothing()

    # -- coming in

    def keep(self, rows: Sequence[Received], now: datetime, tx: Connection | None = None) -> list[bool]:
        """Keep activities in one durable transaction; for each, whether it is new (False: its id is known already).

        Of two in ``rows`` with one id the first is kept. Raises EngineUnavailable: then nothing is kept.
        """
        if not rows:
            return []
        came = to_text(now)
        values = [_Kept(*row, came, InboxState.ACCEPTED.value, came) for row in rows]
        with self._database.write(tx) as tx:
            new = self._keep(values, tx)
        answers = []
        for row in rows:
            answers.append(row.activity in new)
            new.discard(row.activity)
        return answers

    def _keep(self, rows: Sequence[_Kept], tx: Connection) -> set[str]:
        """Insert rows; give the ids of those that were not known."""
        if self._database.dialect == "postgresql":
            statement = self._insert.returning(ap_inbox.c.activity)
            return set(tx.execute(statement, [row._asdict() for row in rows]).scalars())
        # SQLite has one writer, which holds its lock by now: what is new has a number after the last one
        last = tx.exec_driver_sql("SELECT coalesce(max(id), 0) FROM ap_inbox").scalar_one()
        plain = [row._replace(headers=_json(row.headers), verdict=_json(dict(row.verdict))) for row in rows]
        self._database.put_rows(tx, self._insert, plain)
        return set(tx.exec_driver_sql("SELECT activity FROM ap_inbox WHERE id > ?", (last,)).scalars())

    def seen(self, hash_: str) -> bool:
        """Whether this very request (signature and body) has been kept before."""
        with self._database.read() as tx:
            return bool(tx.scalar(_SEEN, {"b_seen": hash_}))

    def known(self, activities: Iterable[str]) -> frozenset[str]:
        """Those of some activity ids that have been kept before."""
        with self._database.read() as tx:
            parts = [
                tx.scalars(select(ap_inbox.c.activity).where(ap_inbox.c.activity.in_(part))).all()
                for part in in_parts(activities)
            ]
        return frozenset(id_ for part in parts for id_ in part)

    # -- work

    def claim(self, holder: str, now: datetime, until: datetime, limit: int = 100) -> list[InboxRow]:
        """Take the oldest activities that are due; they are ``holder``'s until ``until``, then anybody's again.

        Each claim counts as a try; one that is released is none.
        """
        due = (
            select(ap_inbox.c.id)
            .where(ap_inbox.c.next_try.is_not(None), ap_inbox.c.next_try <= to_text(now))
            .order_by(ap_inbox.c.next_try, ap_inbox.c.id)
            .limit(limit)
        )
        values = {"next_try": to_text(until), "holder": holder, "tries": ap_inbox.c.tries + 1}
        with self._database.write() as tx:
            ids = tx.scalars(due.with_for_update(skip_locked=True)).all()
            if not ids:
                return []
            tx.execute(update(ap_inbox).where(ap_inbox.c.id.in_(ids)).values(values))
            rows = tx.execute(select(*_COLUMNS).where(ap_inbox.c.id.in_(ids)).order_by(ap_inbox.c.id)).all()
        return [InboxRow._make(row) for row in rows]

    def let_go(self, tx: Connection | None = None) -> list[int]:
        """Let go of all that is held, as if it had not been claimed: due since it came. Return the numbers of it.

        For whoever alone may work on the inbox: at its begin, of what the dead held, and at its end.
        """
        held = and_(ap_inbox.c.next_try.is_not(None), ap_inbox.c.holder.is_not(None))
        values = {"next_try": ap_inbox.c.received, "holder": null(), "tries": ap_inbox.c.tries - 1}
        with self._database.write(tx) as tx:
            ids = list(tx.scalars(select(ap_inbox.c.id).where(held)))
            if ids:
                tx.execute(update(ap_inbox).where(held).values(values))
        return ids

    def settle(self, outcomes: Sequence[Outcome], tx: Connection | None = None) -> None:
        """Write what became of claimed activities; with ``tx`` in the very transaction of their effects."""
        if not outcomes:
            return
        statement = (
            update(ap_inbox)
            .where(ap_inbox.c.id == bindparam("b_id"))
            .values(
                state=bindparam("b_state"), outcome=bindparam("b_rule"), next_try=bindparam("b_next"), holder=null()
            )
        )
        rows = [
            {
                "b_id": one.id,
                "b_state": one.state.value,
                "b_rule": one.rule or None,
                "b_next": to_text(one.next_try) if one.next_try and one.state in WAITING else None,
            }
            for one in outcomes
        ]
        with self._database.write(tx) as tx:
            tx.execute(statement, rows)

    def ended(self, id_: int, tx: Connection) -> bool:
        """Whether an activity has reached an end: whoever lost the lease on it applies nothing twice."""
        query = select(ap_inbox.c.next_try).where(ap_inbox.c.id == id_).with_for_update()
        row = tx.execute(query).one_or_none()
        return row is None or row.next_try is None

    def unended(self, ids: Sequence[int], tx: Connection) -> frozenset[int]:
        """Those of some activities that have not reached an end: what is not ours any more is not applied twice."""
        found: set[int] = set()
        for start in range(0, len(ids), _AT_ONCE):
            waits = (ap_inbox.c.id.in_(ids[start : start + _AT_ONCE]), ap_inbox.c.next_try.is_not(None))
            found.update(tx.scalars(select(ap_inbox.c.id).where(*waits).with_for_update()))
        return frozenset(found)

    def replay(self, ids: Iterable[int], now: datetime, tx: Connection | None = None) -> int:
        """Let activities be worked on once more whose bytes are still there (quarantined, dropped); return how many."""
        again = and_(ap_inbox.c.id.in_(list(ids)), ap_inbox.c.next_try.is_(None), ap_inbox.c.raw.is_not(None))
        values = {"state": InboxState.RETRY.value, "next_try": to_text(now), "tries": 0, "outcome": None}
        with self._database.write(tx) as tx:
            return tx.execute(update(ap_inbox).where(again).values(values)).rowcount

    # -- what the guard holds

    def held(self) -> dict[str, int]:
        """How many activities wait for a person to agree to what the guard withholds, by the run that found so."""
        query = select(ap_inbox.c.outcome, func.count()).where(ap_inbox.c.state == InboxState.HELD.value)
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(ap_inbox.c.outcome)).all()
        return {str(row[0]).removeprefix(_HELD): row[1] for row in rows}

    def release(self, runs: Iterable[str], now: datetime, tx: Connection | None = None) -> int:
        """Let what was held in some runs be worked on again, in the order of its coming; return how much it was."""
        again = {"state": InboxState.RETRY.value, "next_try": to_text(now), "tries": 0, "outcome": None}
        return self._turn_held(runs, again, tx)

    def drop_held(self, runs: Iterable[str], tx: Connection | None = None) -> int:
        """End what was held in some runs: a person wants none of it. Return how much it was."""
        return self._turn_held(runs, {"state": InboxState.DROPPED.value, "outcome": "turned-down"}, tx)

    def _turn_held(self, runs: Iterable[str], values: Mapping[str, Any], tx: Connection | None) -> int:
        done = 0
        with self._database.write(tx) as tx:
            for part in in_parts(map(held_in, runs)):
                which = and_(ap_inbox.c.state == InboxState.HELD.value, ap_inbox.c.outcome.in_(part))
                done += tx.execute(update(ap_inbox).where(which).values(values)).rowcount
        return done

    # -- looking

    def get(self, id_: int) -> InboxRow | None:
        """One activity by its number."""
        return next(iter(self._select(ap_inbox.c.id == id_)), None)

    def by_activity(self, activity: str) -> InboxRow | None:
        """One activity by its id."""
        return next(iter(self._select(ap_inbox.c.activity == activity)), None)

    def listed(self, state: InboxState, limit: int = 50, before: int | None = None) -> list[InboxRow]:
        """Activities in a state, newest first; ``before``: the number of the last one shown, for the next page."""
        older = () if before is None else (ap_inbox.c.id < before,)
        return self._select(ap_inbox.c.state == state.value, *older, limit=limit, newest=True)

    def counts(self) -> dict[str, int]:
        """Number of activities by state."""
        with self._database.read() as tx:
            rows = tx.execute(select(ap_inbox.c.state, func.count()).group_by(ap_inbox.c.state)).all()
        return {row[0]: row[1] for row in rows}

    def oldest_due(self) -> str | None:
        """Since when the activity waits that is next to be worked on (ledger time); None if none waits."""
        with self._database.read() as tx:
            found: str | None = tx.scalar(select(func.min(ap_inbox.c.next_try)).where(ap_inbox.c.next_try.is_not(None)))
        return found

    # -- forgetting

    def purge_object(self, objects: Iterable[str], tx: Connection | None = None) -> int:
        """Drop the stored bytes of everything about some objects (erasure); their ids stay known. Return how many.

        What still waits is dropped with them.
        """
        done = 0
        waits = ap_inbox.c.next_try.is_not(None) | (ap_inbox.c.state == InboxState.HELD.value)
        with self._database.write(tx) as tx:
            for part in in_parts(objects):
                about = ap_inbox.c.object.in_(part)
                ended = {"state": InboxState.DROPPED.value, "next_try": None, "holder": None, "outcome": "erased"}
                tx.execute(update(ap_inbox).where(about, waits).values(ended))
                gone: dict[str, Any] = {"raw": None, "headers": null(), "object": None, "verdict": {}}
                done += tx.execute(update(ap_inbox).where(about).values(gone)).rowcount
        return done

    def prune(self, bytes_before: datetime, rows_before: datetime, limit: int = 5_000) -> int:
        """Drop old bytes of what is done or dropped, and rows that are older still; return how many were touched.

        Quarantine keeps its bytes until its row goes. At most ``limit`` of each: call again while it is not 0.
        """
        over = (ap_inbox.c.state.in_([InboxState.DONE.value, InboxState.DROPPED.value]), ap_inbox.c.next_try.is_(None))
        full = select(ap_inbox.c.id).where(
            *over, ap_inbox.c.raw.is_not(None), ap_inbox.c.received < to_text(bytes_before)
        )
        old = select(ap_inbox.c.id).where(ap_inbox.c.next_try.is_(None), ap_inbox.c.received < to_text(rows_before))
        with self._database.write() as tx:
            gone = tx.execute(delete(ap_inbox).where(ap_inbox.c.id.in_(old.limit(limit)))).rowcount
            emptied = update(ap_inbox).where(ap_inbox.c.id.in_(full.limit(limit))).values(raw=None, headers=null())
            return gone + tx.execute(emptied).rowcount

    def _select(self, *where: Any, limit: int = 1, newest: bool = False) -> list[InboxRow]:
        order = ap_inbox.c.id.desc() if newest else ap_inbox.c.id
        with self._database.read() as tx:
            rows = tx.execute(select(*_COLUMNS).where(*where).order_by(order).limit(limit)).all()
        return [InboxRow._make(row) for row in rows]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
