"""Erasure of records at a person's request: the orders that wait, and what the tables keep afterwards, which is a hash.

A tombstone stays under an opaque name: followers hear of it, projects keep their addresses, the record's own address
answers that it is gone. Nothing leads back from it to the record. Source: harvesting design, section 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, delete, exists, select, update

from federation.ledger.ap_digests import Digests
from federation.ledger.ap_schema import ap_activity, ap_delivery, ap_follow, ap_job
from federation.ledger.changes import erased_name
from federation.ledger.database import Database
from federation.ledger.records import RecordState, RecordStatus
from federation.ledger.schema import (
    change,
    claim,
    finding,
    identity,
    meta,
    record_state,
    restricted,
    run,
    source,
    trial,
)
from federation.model import Reason

_ORDER = "erasure:"  # of keys in `meta`, before a hash of the record's IRI, which is the value
_FILES = "erasure-files"  # key in `meta`: rows are erased that files may still hold
_TOLD = "erasure-told:"  # of keys in `meta`: an erased record of which others are still to be told
_AT_ONCE = 5_000


class Erasures:
    """Orders in the table ``meta``, and the one statement of each table that carries them out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- orders

    def ask(self, record: str) -> None:
        """Ask whoever writes to this instance to erase a record; asking again changes nothing."""
        with self._database.write() as tx:
            tx.execute(self._database.upsert(meta), {"key": _key(record), "value": record})

    def asked(self) -> list[str]:
        """The records that wait to be erased."""
        query = select(meta.c.value).where(meta.c.key.startswith(_ORDER, autoescape=True)).order_by(meta.c.key)
        with self._database.read() as tx:
            return list(tx.scalars(query))

    def drop(self, record: str) -> None:
        """Take an order back: there is no such record."""
        with self._database.write() as tx:
            tx.execute(delete(meta).where(meta.c.key == _key(record)))

    def in_files(self) -> bool:
        """Whether files may still hold what has been erased from the tables and the graph."""
        with self._database.read() as tx:
            return bool(tx.scalar(select(exists().where(meta.c.key == _FILES))))

    def waits(self, record: str) -> bool:
        """Whether a record is still to be erased, from tables or files."""
        return record in self.asked() or self.in_files()

    def files_done(self) -> None:
        """Note that no file holds anything of what was erased."""
        with self._database.write() as tx:
            tx.execute(delete(meta).where(meta.c.key == _FILES))

    # -- erasing

    def of_partner(self, partner: str) -> bool:
        """Whether any record of a partner has been erased: its feeds may bring it again."""
        erased = (record_state.c.partner == partner, record_state.c.reason == Reason.PERSON.value)
        with self._database.read() as tx:
            return bool(tx.scalar(select(exists().where(*erased))))

    def erase(self, state: RecordState, tx: Connection) -> None:
        """Put a tombstone in the place of a withdrawn record, in all tables, and strike out its order.

        Gone are its restricted fields, its key, page and hashes, what was found in rows that may be its; and all
        results of trials, for nobody knows which of them shows it. Its own findings and revisions go beside this.
        """
        record, name = state.record, erased_name(state.record)
        tx.execute(delete(restricted).where(restricted.c.record == record))
        self._loose_findings(state, tx)
        tx.execute(delete(trial))
        tx.execute(update(claim).where(claim.c.record == record).values(record=name, live=False))
        tx.execute(update(identity).where(identity.c.home == record).values(home=name))
        tx.execute(update(change).where(change.c.record == record).values(record=name, digest=""))
        Digests(self._database).forget(record, tx)
        self._strike_out_said(record, tx)
        known = record_state.c.record == record
        if state.pid is None:  # it was never in the graph
            tx.execute(delete(record_state).where(known))
        else:
            tx.execute(update(record_state).where(known).values(_tombstone(state, name)))
        tx.execute(delete(meta).where(meta.c.key == _key(record)))
        tx.execute(self._database.upsert(meta), {"key": _FILES, "value": "1"})

    def settle(self) -> int:
        """Strike out what was said of erased records once nobody is left who is still to be told; return how many."""
        query = select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_TOLD, autoescape=True))
        with self._database.write() as tx:
            struck = [row.key for row in tx.execute(query).all() if self._strike_out_said(row.value, tx)]
            tx.execute(delete(meta).where(meta.c.key.in_(struck)))
            if struck:
                tx.execute(self._database.upsert(meta), {"key": _FILES, "value": "1"})
        return len(struck)

    def _strike_out_said(self, record: str, tx: Connection) -> bool:
        """Take a record's address, and all that told of it, out of what we have said; whether that could be done yet.

        Where anybody follows us, the Delete that withdraws it everywhere else still needs the address: see ``settle``.
        """
        object_, name = record.replace("/records/", "/objects/", 1), erased_name(record)
        about = ap_activity.c.object == object_
        waiting = (ap_delivery.c.object == object_, ap_delivery.c.state == "waiting")
        followed = tx.scalar(select(exists().where(ap_follow.c.direction == "in", ap_follow.c.state == "accepted")))
        deleted = tx.scalar(select(exists().where(about, ap_activity.c.kind == "Delete")))
        untold = followed and tx.scalar(select(exists().where(about))) and not deleted
        if untold or tx.scalar(select(exists().where(*waiting))):
            tx.execute(self._database.upsert(meta), {"key": _TOLD + _key(record), "value": record})
            return False
        base = object_.partition("/objects/")[0]
        said = [f"{base}/activities/{id_}" for id_ in tx.scalars(select(ap_activity.c.id).where(about))]
        tx.execute(update(ap_activity).where(ap_activity.c.object.in_(said)).values(document=b""))  # they embed them
        tx.execute(update(ap_activity).where(about).values(object=name, document=b""))
        for table in (ap_job, ap_delivery):
            tx.execute(update(table).where(table.c.object == object_).values(object=name))
        return True

    def _loose_findings(self, state: RecordState, tx: Connection) -> None:
        """Remove findings about rows of the partner's feeds that name no record but quote a value, or this record.

        Whose row it was nobody can tell: a quoted value may be the person's.
        """
        runs = select(run.c.id).join(source, source.c.id == run.c.source).where(source.c.partner == state.partner)
        query = select(finding.c.id, finding.c.detail).where(finding.c.record.is_(None), finding.c.run.in_(runs))
        names = [name for name in (state.record, state.page) if name]
        gone = [row.id for row in tx.execute(query) if _quotes(row.detail, names)]
        for start in range(0, len(gone), _AT_ONCE):
            tx.execute(delete(finding).where(finding.c.id.in_(gone[start : start + _AT_ONCE])))


def _key(record: str) -> str:
    return _ORDER + hashlib.sha256(record.encode()).hexdigest()[:48]


def _quotes(detail: dict[str, object], names: Sequence[str]) -> bool:
    if detail.get("value") is not None or detail.get("suggestion") is not None:
        return True
    text = orjson.dumps(detail).decode()
    return any(name in text for name in names)


def _tombstone(state: RecordState, name: str) -> dict[str, object]:
    """What stays of the row: whose it was, since when it is gone, and the project it belonged to."""
    return {
        "record": name,
        "key": name.rpartition("/")[2],
        "page": None,
        "digest": "",
        "raw_hash": "",
        "row_hash": "",
        "mapping_version": "",
        "misses": 0,
        "missing_since": None,
        "missed_at": None,
        "state": RecordStatus.WITHDRAWN.value,
        "reason": Reason.PERSON.value,
        "withdrawn_at": state.withdrawn_at or state.first_seen,
    }
