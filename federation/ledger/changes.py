"""The append-only change log: what merge wrote, in order, for everything that is derived from it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, text

from federation.ledger.database import Database
from federation.ledger.schema import change
from federation.ledger.times import from_text, to_text
from federation.model import Action, Change


class NewChange(NamedTuple):
    """A change that has no number yet."""

    action: Action
    record: str
    digest: str
    project: str


class Changes:
    """The table ``change``. Nothing deletes from it; an erasure alone changes it: it gives a record an opaque name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, changes: Iterable[NewChange], now: datetime, tx: Connection) -> list[Change]:
        """Number the changes without gaps and append them, inside the caller's write transaction."""
        if self._database.dialect == "postgresql":
            tx.execute(text("LOCK TABLE change IN EXCLUSIVE MODE"))  # SQLite has one writer anyway
        first = (tx.scalar(select(func.max(change.c.seq))) or 0) + 1
        numbered = [Change(seq, now, *new) for seq, new in enumerate(changes, first)]
        if numbered:
            time = to_text(now)
            rows = [
                {
                    "seq": item.seq,
                    "time": time,
                    "action": item.action.value,
                    "record": item.record,
                    "digest": item.digest,
                    "project": item.project,
                }
                for item in numbered
            ]
            tx.execute(insert(change), rows)
        return numbered

    def since(self, seq: int, limit: int = 1000) -> list[Change]:
        """The changes after ``seq``, oldest first."""
        query = select(change).where(change.c.seq > seq).order_by(change.c.seq).limit(limit)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [_change(*row) for row in rows]

    def of_record(self, record: str) -> list[Change]:
        """The history of one record, oldest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(change).where(change.c.record == record).order_by(change.c.seq)).all()
        return [_change(*row) for row in rows]

    def of_project(self, project: str) -> list[Change]:
        """What happened under the IRI of one merged project, oldest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(change).where(change.c.project == project).order_by(change.c.seq)).all()
        return [_change(*row) for row in rows]

    def latest(self, iri: str, upto: int | None = None) -> Change | None:
        """The last change of a record, erased or not, or under a merged project's IRI; ``upto`` a number, if given.

        None if there is none.
        """
        for column, name in ((change.c.record, iri), (change.c.project, iri), (change.c.record, erased_name(iri))):
            newest = select(func.max(change.c.seq)).where(column == name)
            if upto is not None:
                newest = newest.where(change.c.seq <= upto)
            with self._database.read() as tx:
                row = tx.execute(select(change).where(change.c.seq == newest.scalar_subquery())).one_or_none()
            if row is not None:
                return _change(*row)
        return None

    def last_seq(self, tx: Connection | None = None) -> int:
        """Number of the latest change; 0 if there is none."""
        with self._database.read(tx) as tx:
            return tx.scalar(select(func.max(change.c.seq))) or 0


def erased_name(record: str) -> str:
    """The opaque IRI under which the tombstone of a record stands that a person asked to have erased.

    It has the form of a key that is no safe name: ``h-`` and 26 characters of the base32 of a SHA-256.
    """
    letters = base64.b32encode(hashlib.sha256(f"erased\n{record}".encode()).digest()).decode().lower()
    return f"{record.rpartition('/')[0]}/h-{letters[:26]}"


def _change(seq: int, time: str, action: str, record: str, digest: str, project: str) -> Change:
    return Change(seq, from_text(time), Action(action), record, digest, project)
