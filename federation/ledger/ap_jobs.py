"""Fan-out jobs: one per activity that is to be sent, waiting to be expanded to one delivery per inbox.

Must never know who follows whom: ``targets`` holds plain values that the sender reads back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from federation.ledger.ap_schema import ap_job
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import to_text


class NewJob(NamedTuple):
    """What is to be sent. ``targets``: to whom, in plain values; ``object``: whom it is about, for what collapses.

    ``collapses``: of two such deliveries in a row about one object, to one inbox, only the last is sent (Update).
    """

    activity: str
    actor: str
    object: str | None
    collapses: bool
    targets: Mapping[str, Any]


class JobRow(NamedTuple):
    """A job. ``tries`` counts its claims; ``next_try`` is None once it has been expanded (ledger times)."""

    activity: str
    actor: str
    object: str | None
    collapses: bool
    targets: Mapping[str, Any]
    made: str
    tries: int
    next_try: str | None
    holder: str | None


_COLUMNS = [ap_job.c[name] for name in JobRow._fields]


class Jobs:
    """The table ``ap_job``. A job ends in ``Deliveries.fan_out``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, jobs: Sequence[NewJob], now: datetime, tx: Connection | None = None) -> None:
        """Queue jobs; with ``tx`` in the very transaction that keeps their activities."""
        if jobs:
            at = to_text(now)
            with self._database.write(tx) as tx:
                tx.execute(insert(ap_job), [{**job._asdict(), "made": at, "next_try": at} for job in jobs])

    def claim(self, holder: str, now: datetime, until: datetime, limit: int = 20) -> list[JobRow]:
        """Take the oldest jobs that are due; they are ``holder``'s until ``until``, then anybody's again."""
        due = (
            select(ap_job.c.activity)
            .where(ap_job.c.next_try.is_not(None), ap_job.c.next_try <= to_text(now))
            .order_by(ap_job.c.next_try, ap_job.c.activity)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        values = {"next_try": to_text(until), "holder": holder, "tries": ap_job.c.tries + 1}
        with self._database.write() as tx:
            ids = tx.scalars(due).all()
            if not ids:
                return []
            tx.execute(update(ap_job).where(ap_job.c.activity.in_(ids)).values(values))
            rows = tx.execute(select(*_COLUMNS).where(ap_job.c.activity.in_(ids)).order_by(ap_job.c.activity)).all()
        return [JobRow._make(row) for row in rows]

    def end(self, activities: Sequence[str], tx: Connection) -> None:
        """Note that jobs are done which were for nobody (the others end in ``Deliveries.fan_out``)."""
        for part in in_parts(activities):
            done = {"next_try": None, "holder": None}
            tx.execute(update(ap_job).where(ap_job.c.activity.in_(part)).values(done))

    def put_off(self, activity: str, next_try: datetime) -> None:
        """Let a claimed job wait."""
        values = {"next_try": to_text(next_try), "holder": None}
        with self._database.write() as tx:
            tx.execute(
                update(ap_job).where(ap_job.c.activity == activity, ap_job.c.next_try.is_not(None)).values(values)
            )

    def release(self, holder: str, now: datetime) -> None:
        """Give back every job that ``holder`` has claimed and not expanded: it was cut short."""
        values = {"next_try": ap_job.c.made, "holder": None}
        with self._database.write() as tx:
            held = (ap_job.c.holder == holder, ap_job.c.next_try > to_text(now))
            tx.execute(update(ap_job).where(*held).values(values))

    def prune(self, before: datetime, limit: int = 5_000) -> int:
        """Delete expanded jobs that were made before then, at most ``limit``; return how many."""
        old = select(ap_job.c.activity).where(ap_job.c.next_try.is_(None), ap_job.c.made < to_text(before))
        with self._database.write() as tx:
            return tx.execute(delete(ap_job).where(ap_job.c.activity.in_(old.limit(limit)))).rowcount

    def get(self, activity: str, tx: Connection | None = None) -> JobRow | None:
        """The job of an activity."""
        with self._database.read(tx) as tx:
            row = tx.execute(select(*_COLUMNS).where(ap_job.c.activity == activity)).one_or_none()
        return None if row is None else JobRow._make(row)

    def counts(self) -> dict[str, int]:
        """Number of jobs ``waiting`` and ``done``."""
        with self._database.read() as tx:
            waiting = tx.scalar(select(func.count()).where(ap_job.c.next_try.is_not(None))) or 0
            total = tx.scalar(select(func.count()).select_from(ap_job)) or 0
        return {"waiting": waiting, "done": total - waiting}
