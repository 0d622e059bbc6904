"""The journal of batches: written before the store is touched, closed with the batch's other rows.

A batch still pending at start was cut by a crash: merge rolls it forward.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from sqlalchemy import Connection, exists, func, insert, select, update

from federation.ledger.database import Database
from federation.ledger.schema import journal

_PENDING, _DONE = "pending", "done"


class Pending(NamedTuple):
    """A batch that may be written to the store wholly, in part, or not at all."""

    batch: int
    run: str
    payload: bytes


class Journal:
    """The table ``journal``. A closed batch keeps its row and drops its payload."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: str, payload: bytes, tx: Connection | None = None) -> int:
        """Note a batch as pending and return its number; durable with its transaction. Raises EngineUnavailable."""
        values = {"run": run, "state": _PENDING, "payload": zlib.compress(payload, 1)}
        with self._database.write(tx) as tx:
            (batch,) = tx.execute(insert(journal), values).inserted_primary_key or (0,)
        return int(batch)

    def close(self, batch: int, tx: Connection) -> None:
        """Mark a batch as done, inside the transaction that writes its other rows."""
        tx.execute(update(journal).where(journal.c.id == batch).values(state=_DONE, payload=None))

    def pending(self) -> list[Pending]:
        """The batches to roll forward, oldest first."""
        query = select(journal.c.id, journal.c.run, journal.c.payload).where(journal.c.state == _PENDING)
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(journal.c.id)).all()
        return [Pending(row[0], row[1], zlib.decompress(row[2])) for row in rows]

    def last_done(self) -> int:
        """Number of the latest batch that is wholly written; 0 if there is none. Numbers only grow."""
        with self._database.read() as tx:
            return tx.scalar(select(func.max(journal.c.id)).where(journal.c.state == _DONE)) or 0

    def wrote(self, run: str) -> bool:
        """Whether a run has written any batch."""
        with self._database.read() as tx:
            return bool(tx.scalar(select(exists().where(journal.c.run == run))))
