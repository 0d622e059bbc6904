"""What we know of each record beside its graph: digest, state, when first and last seen, and its restricted fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, distinct, exists, func, select, tuple_, update

from federation.ledger.database import Database
from federation.ledger.schema import record_state, restricted

IN_LIST = 5_000  # values per IN (...): SQLite takes at most 32,766 variables in one statement


class RecordStatus(StrEnum):
    """States of a record. In the store are those that are live, held or missing."""

    LIVE = "live"
    HELD = "held"  # its newest version was refused: the last good one stays
    MISSING = "missing"  # absent from the last whole list, in its time of grace
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"  # refused, and never live


PRESENT = (RecordStatus.LIVE, RecordStatus.HELD, RecordStatus.MISSING)


class RecordState(NamedTuple):
    """One row of ``record_state``. ``pid`` is the one under which the record's project answers at present.

    ``misses``: whole lists in a row that did not have it, the first at ``missing_since``, the last counted at
    ``missed_at``; ``reason`` and ``withdrawn_at`` are of its tombstone. Times are ledger times.
    """

    record: str
    partner: str
    key: str
    source: str
    digest: str
    raw_hash: str
    mapping_version: str
    tier: str | None
    state: str
    first_seen: str
    last_run: str
    page: str | None
    pid: str | None
    row_hash: str = ""
    misses: int = 0
    missing_since: str | None = None
    missed_at: str | None = None
    reason: str | None = None
    withdrawn_at: str | None = None


_COLUMNS = [record_state.c[name] for name in RecordState._fields]


class Records:
    """The tables ``record_state`` and ``restricted``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, source: str) -> dict[str, RecordState]:
        """The states of all records of a source, by partner's key."""
        with self._database.read() as tx:
            rows = tx.execute(select(*_COLUMNS).where(record_state.c.source == source)).all()
        return {row[2]: RecordState._make(row) for row in rows}

    def keys_elsewhere(self, partner: str, source: str) -> frozenset[str]:
        """The keys of a partner that its other sources own: a run writes only graphs of its own source."""
        query = select(record_state.c.key).where(record_state.c.partner == partner, record_state.c.source != source)
        with self._database.read() as tx:
            return frozenset(tx.scalars(query))

    def get(self, records: Iterable[str], tx: Connection | None = None) -> dict[str, RecordState]:
        """The states of some records, by record IRI; unknown ones are absent."""
        return self._where(record_state.c.record, records, tx)

    def members(self, pids: Iterable[str], tx: Connection | None = None) -> dict[str, RecordState]:
        """The states of all records whose project answers under one of ``pids`` at present, by record IRI."""
        return self._where(record_state.c.pid, pids, tx)

    def _where(self, column: Any, values: Iterable[str], tx: Connection | None) -> dict[str, RecordState]:
        found: dict[str, RecordState] = {}
        with self._database.read(tx) as connection:
            for part in in_parts(values):
                for row in connection.execute(select(*_COLUMNS).where(column.in_(part))):
                    found[row[0]] = RecordState._make(row)
        return found

    def put(self, states: Sequence[RecordState], tx: Connection | None = None) -> None:
        """Insert or replace states; the first sight of a known record stays."""
        if states:
            with self._database.write(tx) as tx:
                self._database.put_rows(tx, self._database.upsert(record_state, keep=("first_seen",)), states)

    def note(self, changed: Iterable[RecordState], tx: Connection | None = None) -> None:
        """Write again what a run may learn of a known record without changing its graph: state, hashes, absences."""
        rows = [
            {
                "b_record": state.record,
                "state": state.state,
                "raw_hash": state.raw_hash,
                "row_hash": state.row_hash,
                "mapping_version": state.mapping_version,
                "last_run": state.last_run,
                "misses": state.misses,
                "missing_since": state.missing_since,
                "missed_at": state.missed_at,
            }
            for state in changed
        ]
        if rows:
            with self._database.write(tx) as tx:
                tx.execute(update(record_state).where(record_state.c.record == bindparam("b_record")), rows)

    def end_run(self, source: str, run: str, tx: Connection | None = None) -> None:
        """At the end of a run over a whole list: what is present and not missing was seen by it."""
        seen = record_state.c.state.in_([RecordStatus.LIVE.value, RecordStatus.HELD.value])
        with self._database.write(tx) as tx:
            tx.execute(update(record_state).where(record_state.c.source == source, seen).values(last_run=run))

    def present(self, source: str) -> int:
        """Number of records of a source that are online."""
        present = record_state.c.state.in_([state.value for state in PRESENT])
        query = select(func.count()).where(record_state.c.source == source, present)
        with self._database.read() as tx:
            return tx.scalar(query) or 0

    def withdrawn_since(self, source: str, since: str, reason: str) -> frozenset[str]:
        """The keys of the records of a source withdrawn for a reason since a ledger time."""
        query = select(record_state.c.key).where(
            record_state.c.source == source,
            record_state.c.state == RecordStatus.WITHDRAWN.value,
            record_state.c.reason == reason,
            record_state.c.withdrawn_at >= since,
        )
        with self._database.read() as tx:
            return frozenset(tx.scalars(query))

    def any_before(self, source: str, since: str) -> bool:
        """Whether a source had a record online at a ledger time that it has online still, or had withdrawn since."""
        present = record_state.c.state.in_([state.value for state in PRESENT])
        lately = record_state.c.withdrawn_at >= since
        old = (record_state.c.source == source, record_state.c.first_seen < since, present | lately)
        with self._database.read() as tx:
            return bool(tx.scalar(select(exists().where(*old))))

    def restrict(self, fields: Mapping[str, Mapping[str, Any]], tx: Connection | None = None) -> None:
        """Replace the restricted fields of some records; an empty mapping removes a record's."""
        kept = [{"record": record, "data": dict(data)} for record, data in fields.items() if data]
        with self._database.write(tx) as tx:
            for part in in_parts(record for record, data in fields.items() if not data):
                tx.execute(delete(restricted).where(restricted.c.record.in_(part)))
            if kept:
                tx.execute(self._database.upsert(restricted), kept)

    def restricted(self, record: str) -> dict[str, Any]:
        """The fields of a record that are not open data."""
        with self._database.read() as tx:
            found = tx.scalar(select(restricted.c.data).where(restricted.c.record == record))
        return dict(found or {})

    def restrictions(self, records: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is kept of some records beside their graphs, by record IRI; those without anything are absent."""
        found: dict[str, dict[str, Any]] = {}
        with self._database.read() as tx:
            for part in in_parts(records):
                rows = tx.execute(select(restricted).where(restricted.c.record.in_(part)))
                found.update((row.record, dict(row.data)) for row in rows)
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of records by (partner, state)."""
        query = select(record_state.c.partner, record_state.c.state, func.count())
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(record_state.c.partner, record_state.c.state)).all()
        return {(row[0], row[1]): row[2] for row in rows}

    def projects(self) -> int:
        """Number of merged projects that have a record in the store."""
        present = record_state.c.state.in_([state.value for state in PRESENT])
        with self._database.read() as tx:
            return tx.scalar(select(func.count(distinct(record_state.c.pid))).where(present)) or 0

    def by_project(self) -> Iterator[list[RecordState]]:
        """The records that answer under each pid, withdrawn too; in order of pid, read in parts (to rebuild)."""
        placed = (record_state.c.pid, record_state.c.record)
        query = select(*_COLUMNS).where(record_state.c.pid.is_not(None)).order_by(*placed).limit(IN_LIST)
        after = ("", "")
        group: list[RecordState] = []
        while True:
            with self._database.read() as tx:
                rows = [RecordState._make(row) for row in tx.execute(query.where(tuple_(*placed) > after))]
            for state in rows:
                if group and state.pid != group[0].pid:
                    yield group
                    group = []
                group.append(state)
            if not rows:
                break
            after = (str(rows[-1].pid), rows[-1].record)
        if group:
            yield group


def in_parts(values: Iterable[str]) -> Iterable[list[str]]:
    """The values in lists of at most :data:`IN_LIST`."""
    rest = iter(values)
    while part := list(islice(rest, IN_LIST)):
        yield part
