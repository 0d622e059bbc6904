"""Counts how often somebody did something lately. Must never be given a name or an address: keys are hashes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from federation.ledger.database import Database
from federation.ledger.schema import throttle
from federation.ledger.times import from_text, to_text

LONGEST = timedelta(hours=24)
"""The longest time for which a try is remembered, here and by attempts.py."""


class Throttles:
    """The table ``throttle``: one window of time per key, which begins with the first try in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, key: str, limit: int, window: timedelta, now: datetime) -> timedelta | None:
        """Count one try; None if it may go on, else how long to wait. A refused try is not counted.

        ``window`` is LONGEST at most. What is older than it is forgotten for keys that begin like this one, up to
        their first colon.
        """
        family = key.partition(":")[0] + ":"
        past = to_text(now - window)
        with self._database.write() as tx:
            tx.execute(
                delete(throttle).where(throttle.c.key.startswith(family, autoescape=True), throttle.c.since <= past)
            )
            row = tx.execute(select(throttle.c.count, throttle.c.since).where(throttle.c.key == key)).first()
            if row is None:
                first = {"key": key, "count": 1, "since": to_text(now)}
                tx.execute(self._database.upsert(throttle), first)
                return None
            if row[0] >= limit:
                return max(from_text(row[1]) + window - now, timedelta(seconds=1))
            tx.execute(update(throttle).where(throttle.c.key == key).values(count=throttle.c.count + 1))
        return None

    def prune(self, now: datetime) -> int:
        """Forget whoever has not come lately, whatever they tried; return how many."""
        with self._database.write() as tx:
            return tx.execute(delete(throttle).where(throttle.c.since <= to_text(now - LONGEST))).rowcount
