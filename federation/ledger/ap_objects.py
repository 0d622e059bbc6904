"""What we hold of the objects of others: which record is whose, how it came, and what is gone for good.

Must never hold what an object says: that is its graph's, and only its owner replaces it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select, update

from federation.ledger.ap_schema import ap_object
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import to_text


class ObjectState(StrEnum):
    """``hidden``: its owner is blocked, reversibly. ``erased``: at a person's request, never yields."""

    LIVE = "live"
    HIDDEN = "hidden"
    TOMBSTONE = "tombstone"
    ERASED = "erased"


class ObjectRow(NamedTuple):
    """An object. ``updated``: as its owner says it; ``digest``: of its record data; ``checked``: last seen there.

    ``misses``: how often in a row it was not there when we looked. ``provenance``: plain values (activity, announcer,
    method, key, sha256, time). All times are ledger times.
    """

    id: str
    record: str | None
    owner: str
    host: str
    source: str | None
    updated: str | None
    digest: str | None
    state: str
    audience: str
    provenance: Mapping[str, Any]
    deleted: str | None = None
    checked: str | None = None
    misses: int = 0


_LOST = 2  # misses in a row
_COLUMNS = [ap_object.c[name] for name in ObjectRow._fields]


def refusal(known: ObjectRow | None, owner: str, updated: datetime | None, create: bool, confirmed: bool) -> str | None:
    """Why a statement may not replace what is known of its object: a rule's name; None if it may.

    ``create``: by a Create; ``confirmed``: the object was fetched with 200 just now. Equal times may: it is a repeat.
    Source: design of ActivityPub, section 6 (Tombstone) and step 15.
    """
    if known is None:
        return None
    if known.state == ObjectState.ERASED:
        return "erased"
    if known.owner != owner:
        return "other-owner"
    newer = updated is not None and (known.updated is None or to_text(updated) > known.updated)
    if known.state == ObjectState.TOMBSTONE:
        return None if create and confirmed and newer else "tombstone"
    if updated is None:
        return None if confirmed else "no-date"
    return "older" if known.updated is not None and to_text(updated) < known.updated else None


def erased_id(object_: str) -> str:
    """The name under which an erased object stays known: nothing leads back from it."""
    return f"erased:{hashlib.sha256(object_.encode()).hexdigest()}"


def _unseen(before: datetime) -> tuple[ColumnElement[bool], ...]:
    old = ap_object.c.checked.is_(None) | (ap_object.c.checked < to_text(before))
    return ap_object.c.state == ObjectState.LIVE.value, old


_OF_RECORDS = select(*_COLUMNS).where(ap_object.c.record.in_(bindparam("b_records", expanding=True)))


class Objects:
    """The table ``ap_object``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id_: str, tx: Connection | None = None) -> ObjectRow | None:
        """One object by its id, erased ones too (without anything about them)."""
        query = select(*_COLUMNS).where(ap_object.c.id.in_([id_, erased_id(id_)]))
        with self._database.read(tx) as tx:
            row = tx.execute(query.order_by(ap_object.c.id.startswith("erased:").desc()).limit(1)).one_or_none()
        return None if row is None else ObjectRow._make(row)

    def many(self, ids: Iterable[str], tx: Connection | None = None) -> dict[str, ObjectRow]:
        """Objects by id; unknown ones are absent, erased ones stand under the id asked for."""
        asked = {name: id_ for id_ in ids for name in (id_, erased_id(id_))}
        found: dict[str, ObjectRow] = {}
        with self._database.read(tx) as tx:
            for part in in_parts(asked):
                for row in tx.execute(select(*_COLUMNS).where(ap_object.c.id.in_(part))):
                    found[asked[row[0]]] = ObjectRow._make(row)
        return found

    def by_record(self, record: str, tx: Connection | None = None) -> ObjectRow | None:
        """The object that a record IRI belongs to."""
        with self._database.read(tx) as tx:
            row = tx.execute(select(*_COLUMNS).where(ap_object.c.record == record)).one_or_none()
        return None if row is None else ObjectRow._make(row)

    def by_records(self, records: Iterable[str]) -> dict[str, ObjectRow]:
        """The objects that record IRIs belong to; those that belong to none are absent."""
        found: dict[str, ObjectRow] = {}
        with self._database.read() as tx:
            for part in in_parts(records):
                rows = [ObjectRow._make(row) for row in tx.execute(_OF_RECORDS, {"b_records": part})]
                found |= {row.record: row for row in rows if row.record is not None}
        return found

    def away(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of some objects that are gone or hidden."""
        return frozenset(id_ for id_, row in self.many(ids).items() if row.state != ObjectState.LIVE)

    def away_records(self, records: Iterable[str]) -> frozenset[str]:
        """Those of some record IRIs whose object is gone or hidden."""
        away = ap_object.c.state != ObjectState.LIVE.value
        with self._database.read() as tx:
            parts = [
                tx.scalars(select(ap_object.c.record).where(away, ap_object.c.record.in_(part))).all()
                for part in in_parts(records)
            ]
        return frozenset(str(record) for part in parts for record in part)

    def put(self, rows: Sequence[ObjectRow], tx: Connection | None = None) -> None:
        """Insert or replace objects; ask :func:`refusal` first. With ``tx`` in the transaction of their graphs.

        Raises IntegrityError if a record IRI belongs to another object.
        """
        if rows:
            values = [{**row._asdict(), "provenance": dict(row.provenance)} for row in rows]
            with self._database.write(tx) as tx:
                tx.execute(self._database.upsert(ap_object), values)

    def bury(self, ids: Iterable[str], now: datetime, tx: Connection | None = None) -> int:
        """Put tombstones in the place of objects, erased ones aside; return how many were not buried yet."""
        done, gone = 0, {"state": ObjectState.TOMBSTONE.value, "deleted": to_text(now)}
        standing = ap_object.c.state.in_([ObjectState.LIVE.value, ObjectState.HIDDEN.value])
        with self._database.write(tx) as tx:
            for part in in_parts(ids):
                done += tx.execute(update(ap_object).where(ap_object.c.id.in_(part), standing).values(gone)).rowcount
        return done

    def erase(self, row: ObjectRow, now: datetime, tx: Connection | None = None) -> None:
        """Keep of an object only that it is erased, under a name that tells nothing. Stored bytes go beside this."""
        values: dict[str, object] = {
            "id": erased_id(row.id) if row.state != ObjectState.ERASED else row.id,
            "record": None,
            "owner": "",
            "host": "",
            "source": row.source,
            "updated": None,
            "digest": None,
            "state": ObjectState.ERASED.value,
            "provenance": {},
            "deleted": to_text(now),
            "checked": None,
        }
        with self._database.write(tx) as tx:
            tx.execute(update(ap_object).where(ap_object.c.id == row.id).values(values))

    def hide(self, tx: Connection, owner: str | None = None, host: str | None = None) -> list[ObjectRow]:
        """Hide the live objects of an owner or a host (block); return them as they were."""
        return self._turn(ObjectState.LIVE, ObjectState.HIDDEN, owner, host, tx)

    def show(self, tx: Connection, owner: str | None = None, host: str | None = None) -> list[ObjectRow]:
        """Show again what was hidden of an owner or a host; return it as it was."""
        return self._turn(ObjectState.HIDDEN, ObjectState.LIVE, owner, host, tx)

    def of_source(self, source: str, states: Iterable[ObjectState] = (ObjectState.LIVE,)) -> dict[str, ObjectRow]:
        """The objects of a source in some states, by id."""
        where = (ap_object.c.source == source, ap_object.c.state.in_([state.value for state in states]))
        return {row.id: row for row in self._select(where)}

    def of_owner(self, owner: str, states: Iterable[ObjectState] = (ObjectState.LIVE,)) -> dict[str, ObjectRow]:
        """The objects of an owner in some states, by id."""
        where = (ap_object.c.owner == owner, ap_object.c.state.in_([state.value for state in states]))
        return {row.id: row for row in self._select(where)}

    def to_check(self, checked_before: datetime, limit: int = 100, but_hosts: Iterable[str] = ()) -> list[ObjectRow]:
        """Live objects that nobody has seen at their origin since before then (monthly re-check), longest ago first."""
        where = (*_unseen(checked_before), ap_object.c.host.not_in(list(but_hosts)))
        query = select(*_COLUMNS).where(*where)
        oldest = (ap_object.c.checked.is_not(None), ap_object.c.checked, ap_object.c.id)
        with self._database.read() as tx:
            return [ObjectRow._make(row) for row in tx.execute(query.order_by(*oldest).limit(limit))]

    def is_checked(self, source: str, checked_before: datetime) -> bool:
        """Whether none of the live objects of a source is to be looked for: at its time, or again as it was missed."""
        missed_once = and_(ap_object.c.state == ObjectState.LIVE.value, ap_object.c.misses == 1)
        due = or_(missed_once, and_(*_unseen(checked_before)))
        with self._database.read() as tx:
            return not tx.scalar(select(exists().where(ap_object.c.source == source, due)))

    def lost(self, source: str) -> list[ObjectRow]:
        """The live objects of a source that were not at their origin twice."""
        live = ap_object.c.state == ObjectState.LIVE.value
        return self._select((ap_object.c.source == source, live, ap_object.c.misses >= _LOST))

    def checked(self, ids: Iterable[str], now: datetime, tx: Connection | None = None) -> None:
        """Note that objects were seen at their origin, or count as seen then."""
        self._note(ids, {"checked": to_text(now), "misses": 0}, tx)

    def missed(self, ids: Iterable[str], checked: datetime, tx: Connection | None = None) -> None:
        """Note that objects were not at their origin; ``checked`` says from when the next look is counted."""
        self._note(ids, {"checked": to_text(checked), "misses": ap_object.c.misses + 1}, tx)

    def postpone(self, ids: Iterable[str], checked: datetime, tx: Connection | None = None) -> None:
        """Note that objects could not be looked for."""
        self._note(ids, {"checked": to_text(checked)}, tx)

    def counts(self) -> dict[str, int]:
        """Number of objects by state."""
        with self._database.read() as tx:
            rows = tx.execute(select(ap_object.c.state, func.count()).group_by(ap_object.c.state)).all()
        return {row[0]: row[1] for row in rows}

    def _note(self, ids: Iterable[str], values: Mapping[str, Any], tx: Connection | None) -> None:
        with self._database.write(tx) as tx:
            for part in in_parts(ids):
                tx.execute(update(ap_object).where(ap_object.c.id.in_(part)).values(values))

    def _turn(
        self, before: ObjectState, after: ObjectState, owner: str | None, host: str | None, tx: Connection
    ) -> list[ObjectRow]:
        if owner is None and host is None:
            raise ValueError("whose objects?")
        whose = ap_object.c.owner == owner if owner is not None else ap_object.c.host == host
        where = (whose, ap_object.c.state == before.value)
        rows = [ObjectRow._make(row) for row in tx.execute(select(*_COLUMNS).where(*where).order_by(ap_object.c.id))]
        tx.execute(update(ap_object).where(*where).values(state=after.value))
        return rows

    def _select(self, where: Iterable[ColumnElement[bool]], limit: int | None = None) -> list[ObjectRow]:
        query = select(*_COLUMNS).where(*where).order_by(ap_object.c.id).limit(limit)
        with self._database.read() as tx:
            return [ObjectRow._make(row) for row in tx.execute(query)]
