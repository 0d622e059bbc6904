"""What records were before a run changed them, so that the run can be undone. Kept 90 days.

One row holds a batch; it is written with the batch's journal row, before the store is touched.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from federation.ledger.database import Database
from federation.ledger.records import RecordState
from federation.ledger.schema import revision
from federation.ledger.times import to_text


@dataclass(frozen=True, slots=True)
class Revision:
    """A record as it was before a run: its state (None: it was never seen), its graph (None: it was not online)."""

    record: str
    state: RecordState | None
    content: str | None
    restricted: Mapping[str, Any]


class Revisions:
    """The table ``revision``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: str, source: str, now: datetime, revisions: Iterable[Revision], tx: Connection) -> None:
        """Keep what the records of a batch were."""
        payload = _packed(revisions)
        values = {"run": run, "source": source, "made": to_text(now), "payload": payload}
        tx.execute(insert(revision), values)

    def of_run(self, run: str) -> Iterator[Revision]:
        """What a run changed, the last change first: the order in which it is undone."""
        query = select(revision.c.payload).where(revision.c.run == run).order_by(revision.c.id.desc())
        with self._database.read() as tx:
            payloads = list(tx.scalars(query))
        for payload in payloads:
            yield from reversed(_unpacked(payload))

    def changed_after(self, source: str, run: str) -> frozenset[str]:
        """The records of a source that later runs have changed."""
        last = select(func.max(revision.c.id)).where(revision.c.run == run).scalar_subquery()  # no clock decides
        query = select(revision.c.payload).where(revision.c.source == source, revision.c.id > last)
        with self._database.read() as tx:
            payloads = list(tx.scalars(query))
        return frozenset(each.record for payload in payloads for each in _unpacked(payload))

    def forget(self, source: str, record: str, tx: Connection) -> None:
        """Remove everything kept of a record: a person asked for it."""
        self._rewrite(source, lambda each: each.record != record, tx)

    def prune(self, before: datetime, keep: Collection[str] = ()) -> int:
        """Forget what runs changed before a time, but for those in ``keep``; return how many rows went.

        A run loses all or nothing: an undoing by halves would be worse than none.
        """
        with self._database.write() as tx:
            old = set(tx.scalars(select(revision.c.run).where(revision.c.made < to_text(before)).distinct()))
            gone = sorted(old - set(keep))
            return sum(tx.execute(delete(revision).where(revision.c.run == name)).rowcount for name in gone)

    def _rewrite(self, source: str, keeps: Callable[[Revision], bool], tx: Connection) -> None:
        for row in tx.execute(select(revision.c.id, revision.c.payload).where(revision.c.source == source)).all():
            before = _unpacked(row.payload)
            after = [each for each in before if keeps(each)]
            if len(after) < len(before):
                tx.execute(update(revision).where(revision.c.id == row.id).values(payload=_packed(after)))


def _packed(revisions: Iterable[Revision]) -> bytes:
    rows = [
        [each.record, None if each.state is None else list(each.state), each.content, dict(each.restricted)]
        for each in revisions
    ]
    return zlib.compress(orjson.dumps(rows), 1)


def _unpacked(payload: bytes) -> list[Revision]:
    return [
        Revision(record, None if state is None else RecordState(*state), content, restricted)
        for record, state, content, restricted in orjson.loads(zlib.decompress(payload))
    ]
