"""How far each consumer has followed the change log, and small facts about the instance as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.schema import cursor, meta
from federation.model import Hold, Rule


class Cursors:
    """The tables ``cursor`` and ``meta``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, consumer: str) -> int:
        """The last change that ``consumer`` has dealt with; 0 if it never came."""
        with self._database.read() as tx:
            return tx.scalar(select(cursor.c.seq).where(cursor.c.consumer == consumer)) or 0

    def set(self, consumer: str, seq: int, tx: Connection | None = None) -> None:
        """Note that ``consumer`` has dealt with everything up to ``seq``."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(cursor), {"consumer": consumer, "seq": seq})

    def fact(self, key: str) -> str | None:
        """A small fact about this instance (its base URL, ...), or None."""
        with self._database.read() as tx:
            return tx.scalar(select(meta.c.value).where(meta.c.key == key))

    def facts(self, keys: Iterable[str]) -> dict[str, str]:
        """Those of some small facts that there are."""
        found: dict[str, str] = {}
        with self._database.read() as tx:
            for part in in_parts(keys):
                found.update((row[0], row[1]) for row in tx.execute(select(meta).where(meta.c.key.in_(part))))
        return found

    def set_fact(self, key: str, value: str, tx: Connection | None = None) -> None:
        """Note a small fact about this instance."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(meta), {"key": key, "value": value})

    def in_store(self, source: str) -> str:
        """The harvest of a source whose list is what the store has; empty if that may have changed since."""
        return self.fact(f"settled/{source}") or ""

    def set_in_store(self, source: str, run: str) -> None:
        """Note the harvest whose list is what the store has; empty while something writes. No clock decides it."""
        self.set_fact(f"settled/{source}", run)

    def waiting(self, source: str) -> Mapping[Rule, int]:
        """The limits by which the last judgement on a source withholds a part of its plan."""
        noted = json.loads(self.fact(f"waiting/{source}") or "{}")
        return {Rule(rule): limit for rule, limit in noted.items()}

    def set_waiting(self, source: str, holds: Iterable[Hold]) -> None:
        """Note what was withheld, before anything is written. No clock decides which judgement was the last."""
        self.set_fact(f"waiting/{source}", json.dumps({hold.rule.value: hold.limit for hold in holds}))

    def settled(self, key: str, value: str) -> str:
        """A small fact that is noted once: the one that is there, else ``value``, which is noted now."""
        with self._database.write() as tx:
            known = tx.scalar(select(meta.c.value).where(meta.c.key == key))
            if known is None:
                tx.execute(self._database.upsert(meta), {"key": key, "value": value})
        return value if known is None else known
