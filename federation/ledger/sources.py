"""Partners and sources as the operator declared them, with the version of each source file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from federation.ledger.database import Database
from federation.ledger.schema import partner, run, source
from federation.ledger.times import from_text


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """Who publishes. ``slug`` is fixed for ever."""

    slug: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One feed of one partner. ``version`` counts the source files seen under this id; ``licence`` is an IRI,
    ``lang`` the language of its texts. ``due``: ledger time from which it is to be harvested; ``failures`` in a row;
    ``note``: why it is paused or was refused; ``validators``: what the server said that a conditional request repeats,
    by address; ``full_at``: when it last was fetched whole, without condition.
    """

    id: str
    partner: str
    name: str
    url: str | None = None
    licence: str | None = None
    file_hash: str | None = None
    version: int = 1
    state: str = "live"
    first_run: str | None = None
    last_run: str | None = None
    lang: str = "fr"
    due: str | None = None
    failures: int = 0
    note: str | None = None
    validators: Mapping[str, Any] | None = None
    full_at: str | None = None


_KEPT = ("first_run", "last_run", "due", "failures", "note", "validators", "full_at")
"""What a source has lived through: declaring it again does not change that."""


class Sources:
    """The tables ``partner`` and ``source``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declare(self, who: PartnerRow, what: SourceRow) -> SourceRow:
        """Insert or refresh a partner and one of its sources; a new ``file_hash`` makes the next version.

        The runs noted so far stay. Returns the row as stored. Raises EngineUnavailable.
        """
        with self._database.write() as tx:
            tx.execute(self._database.upsert(partner), {"slug": who.slug, "name": who.name, "url": who.url})
            known = _one(tx, what.id)
            version = what.version if known is None else known.version + (known.file_hash != what.file_hash)
            values = {
                "id": what.id,
                "partner": what.partner,
                "name": what.name,
                "url": what.url,
                "licence": what.licence,
                "file_hash": what.file_hash,
                "version": version,
                "state": what.state,
                "lang": what.lang,
            }
            tx.execute(self._database.upsert(source, keep=(*_KEPT, "state")), values)
            stored = _one(tx, what.id)
        if stored is None:
            raise LookupError(what.id)
        return stored

    def get(self, source_id: str) -> SourceRow | None:
        """One source, or None."""
        with self._database.read() as tx:
            return _one(tx, source_id)

    def all(self) -> list[SourceRow]:
        """Every source, by id."""
        with self._database.read() as tx:
            return [_source(row) for row in tx.execute(select(source).order_by(source.c.id))]

    def partner(self, slug: str) -> PartnerRow | None:
        """One partner, or None."""
        with self._database.read() as tx:
            row = tx.execute(select(partner).where(partner.c.slug == slug)).one_or_none()
        return None if row is None else PartnerRow(row.slug, row.name, row.url)

    def partners(self) -> list[PartnerRow]:
        """Every partner, by slug."""
        with self._database.read() as tx:
            rows: Sequence[Row[tuple[str, str, str | None]]] = tx.execute(
                select(partner).order_by(partner.c.slug)
            ).all()
        return [PartnerRow(row.slug, row.name, row.url) for row in rows]

    def since(self, slug: str | None = None) -> datetime | None:
        """When the first run of a partner's sources began, or of any source if none is named; None before that."""
        query = select(func.min(run.c.started)).join_from(source, run, run.c.id == source.c.first_run)
        with self._database.read() as tx:
            found = tx.scalar(query if slug is None else query.where(source.c.partner == slug))
        return None if found is None else from_text(found)

    def note_run(self, source_id: str, name: str, tx: Connection | None = None) -> None:
        """Remember the run ``name`` as the last one of a source, and as the first if there was none."""
        with self._database.write(tx) as tx:
            tx.execute(update(source).where(source.c.id == source_id).values(last_run=name))
            first = source.c.first_run.is_(None)
            tx.execute(update(source).where(source.c.id == source_id, first).values(first_run=name))

    def set_state(self, source_id: str, state: str, note: str | None = None) -> None:
        """Put a source into a state (``live``, ``paused``, ``retired``), and say why."""
        with self._database.write() as tx:
            tx.execute(update(source).where(source.c.id == source_id).values(state=state, note=note))

    def schedule(self, source_id: str, due: str | None, failures: int) -> None:
        """Note when a source is to be harvested next, and how many of its runs in a row have failed."""
        with self._database.write() as tx:
            tx.execute(update(source).where(source.c.id == source_id).values(due=due, failures=failures))

    def note_fetch(
        self, source_id: str, validators: Mapping[str, Any], full_at: str | None, tx: Connection | None = None
    ) -> None:
        """Keep what conditional requests need; ``full_at`` only after a fetch without condition.

        To be called when a run has ended well: a held or incomplete run must not keep the next from reading again.
        """
        values: dict[str, Any] = {"validators": dict(validators)}
        if full_at is not None:
            values["full_at"] = full_at
        with self._database.write(tx) as tx:
            tx.execute(update(source).where(source.c.id == source_id).values(values))


def _one(tx: Connection, source_id: str) -> SourceRow | None:
    row = tx.execute(select(source).where(source.c.id == source_id)).one_or_none()
    return None if row is None else _source(row)


def _source(row: Row[tuple[object, ...]]) -> SourceRow:
    return SourceRow(**row._mapping)
