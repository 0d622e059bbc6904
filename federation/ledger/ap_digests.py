"""The digest of each public record of ours, and per partner their number and combined digest: for peers in step.

Must never hold a record of another Carrefour, nor one that is not in the public graph. It can be made again from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select

from federation.ledger.ap_schema import ap_digest, ap_object, ap_tally
from federation.ledger.database import Database
from federation.ledger.records import PRESENT, in_parts
from federation.ledger.schema import change, cursor, record_state
from federation.ledger.times import from_text
from federation.model import Action, Change

FOLLOWER = "record-digests"
"""The consumer of the change log that keeps these tables."""

_NOTHING = bytes(32)


class DigestRow(NamedTuple):
    """A public record. ``digest``: hex SHA-256 of its record data; ``updated``: its last change, number ``seq``."""

    record: str
    partner: str
    digest: str
    updated: str
    seq: int


class TallyRow(NamedTuple):
    """A partner: how many public records, and the XOR of :func:`mark` of each (64 hex digits)."""

    partner: str
    records: int
    xor: str


class Entry(NamedTuple):
    """A change as peers see it. ``digest``: of the record data, if no later change of the record is known; else None.

    ``object``: the id of its object where that is not ours, of a record that its partner pushed.
    """

    change: Change
    digest: str | None
    object: str | None


def mark(record: str, digest: str) -> bytes:
    """SHA-256 of a record's IRI, newline, ``sha-256:`` and its digest in hex: what is combined by XOR."""
    return hashlib.sha256(f"{record}\nsha-256:{digest}".encode()).digest()


class Xor:
    """Combines digests of many records, in any order; the same twice is nothing."""

    def __init__(self, start: str = "") -> None:
        self._value = int(start or "0", 16)
        self.records = 0

    def add(self, record: str, digest: str) -> None:
        """Put a record in; or take it out again, but for :attr:`records`."""
        self._value ^= int.from_bytes(mark(record, digest))
        self.records += 1

    @property
    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self._value.to_bytes(32).hex()


_ROW = [ap_digest.c[name] for name in DigestRow._fields]
_TALLY = [ap_tally.c[name] for name in TallyRow._fields]


class Digests:
    """The tables ``ap_digest`` and ``ap_tally``. One writer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Iterable[DigestRow], gone: Collection[str], seq: int, tx: Connection) -> None:
        """Take in what changed up to change ``seq``: records as they are now, and those that are public no more."""
        self._replace(rows, gone, tx)
        tx.execute(self._database.upsert(cursor), {"consumer": FOLLOWER, "seq": seq})

    def forget(self, record: str, tx: Connection) -> None:
        """Forget a record that is being erased, and all that could lead back to it."""
        self._replace((), [record], tx)

    def _replace(self, rows: Iterable[DigestRow], gone: Collection[str], tx: Connection) -> None:
        now = {row.record: row for row in rows}
        before = self._many([*now, *gone], tx)
        tallies: dict[str, tuple[int, Xor]] = {}
        for row, by in (*((row, -1) for row in before.values()), *((row, 1) for row in now.values())):
            if row.partner not in tallies:
                known = self._tally(row.partner, tx)
                tallies[row.partner] = known.records, Xor(known.xor)
            records, xor = tallies[row.partner]
            xor.add(row.record, row.digest)
            tallies[row.partner] = records + by, xor
        for part in in_parts(set(before) - set(now)):
            tx.execute(delete(ap_digest).where(ap_digest.c.record.in_(part)))
        if now:
            self._database.put_rows(tx, self._database.upsert(ap_digest), list(now.values()))
        made = [TallyRow(partner, records, xor.hex)._asdict() for partner, (records, xor) in tallies.items()]
        if made:
            tx.execute(self._database.upsert(ap_tally), made)

    def state(self) -> tuple[int, list[TallyRow]]:
        """The change up to which all this is complete, and the tally of each partner that has records, by slug."""
        with self._database.read() as tx:
            rows = tx.execute(select(*_TALLY).where(ap_tally.c.records > 0).order_by(ap_tally.c.partner)).all()
            return self._seq(tx), [TallyRow._make(row) for row in rows]

    def tally(self, partner: str) -> tuple[int, TallyRow]:
        """The same for one partner, with or without records."""
        with self._database.read() as tx:
            return self._seq(tx), self._tally(partner, tx)

    def seq(self) -> int:
        """The change up to which all this is complete."""
        with self._database.read() as tx:
            return self._seq(tx)

    def page(self, partner: str, after: str, limit: int) -> list[DigestRow]:
        """Records of a partner in byte order of their IRIs, from after the given one."""
        query = select(*_ROW).where(ap_digest.c.partner == partner, ap_digest.c.record > after)
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(ap_digest.c.record).limit(limit)).all()
        return [DigestRow._make(row) for row in rows]

    def many(self, records: Iterable[str]) -> dict[str, DigestRow]:
        """Records by IRI; what is not public is absent."""
        with self._database.read() as tx:
            return self._many(records, tx)

    def objects(self, records: Iterable[str]) -> dict[str, str]:
        """The ids of the objects of those records that partners pushed, by record."""
        found: dict[str, str] = {}
        with self._database.read() as tx:
            for part in in_parts(records):
                query = select(ap_object.c.record, ap_object.c.id).where(ap_object.c.record.in_(part))
                found.update((row[0], row[1]) for row in tx.execute(query))
        return found

    def entries(self, first: int, last: int, home: str) -> list[Entry]:
        """The changes from number ``first`` to ``last`` of records whose IRI begins with ``home``, oldest first."""
        latest = (ap_digest.c.record == change.c.record) & (ap_digest.c.seq == change.c.seq)
        query = (
            select(change, ap_digest.c.digest.label("now"), ap_object.c.id.label("object"))
            .outerjoin(ap_digest, latest)
            .outerjoin(ap_object, ap_object.c.record == change.c.record)
            .where(change.c.seq >= first, change.c.seq <= last)
            .order_by(change.c.seq)
        )
        with self._database.read() as tx:
            return [
                Entry(
                    Change(row.seq, from_text(row.time), Action(row.action), row.record, row.digest, row.project),
                    row.now,
                    row.object,
                )
                for row in tx.execute(query)
                if row.record.startswith(home)
            ]

    def held(self, source: str) -> Iterator[tuple[str, str]]:
        """What we hold of a source of another Carrefour: record and digest (hex), in parts, in no order to rely on."""
        kept = (record_state.c.source == source, record_state.c.state.in_([state.value for state in PRESENT]))
        query = select(record_state.c.record, record_state.c.raw_hash).where(*kept)
        with self._database.read() as tx:
            for row in tx.execution_options(yield_per=5_000).execute(query):
                yield row[0], row[1]

    def held_between(self, source: str, after: str, last: str) -> dict[str, str]:
        """Of that the records whose IRIs lie after one and not after another, in byte order; empty: no bound."""
        iri: ColumnElement[str] = record_state.c.record
        if self._database.dialect == "postgresql":
            iri = iri.collate("C")
        kept = [record_state.c.source == source, record_state.c.state.in_([state.value for state in PRESENT])]
        kept += [iri > after] if after else []
        kept += [iri <= last] if last else []
        with self._database.read() as tx:
            rows = tx.execute(select(record_state.c.record, record_state.c.raw_hash).where(*kept))
            return {row[0]: row[1] for row in rows}

    def _seq(self, tx: Connection) -> int:
        return tx.scalar(select(cursor.c.seq).where(cursor.c.consumer == FOLLOWER)) or 0

    def _tally(self, partner: str, tx: Connection) -> TallyRow:
        row = tx.execute(select(*_TALLY).where(ap_tally.c.partner == partner)).one_or_none()
        return TallyRow(partner, 0, _NOTHING.hex()) if row is None else TallyRow._make(row)

    def _many(self, records: Iterable[str], tx: Connection) -> dict[str, DigestRow]:
        found: dict[str, DigestRow] = {}
        for part in in_parts(records):
            rows = tx.execute(select(*_ROW).where(ap_digest.c.record.in_(part)))
            found.update((row[0], DigestRow._make(row)) for row in rows)
        return found
