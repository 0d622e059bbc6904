"""Partners and sources as the operator declared them, with the version of each source file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select, update

from federation.ledger.database import Database
from federation.ledger.schema import partner, source


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """Who publishes. ``slug`` is fixed for ever."""

    slug: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One feed of one partner. ``version`` counts the source files seen under this id; ``licence`` is an IRI,
    ``lang`` the language of its texts.
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
            tx.execute(self._database.upsert(source, keep=("first_run", "last_run")), values)
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

    def note_run(self, source_id: str, run: str, tx: Connection | None = None) -> None:
        """Remember ``run`` as the last one of a source, and as the first if there was none."""
        with self._database.write(tx) as tx:
            tx.execute(update(source).where(source.c.id == source_id).values(last_run=run))
            first = source.c.first_run.is_(None)
            tx.execute(update(source).where(source.c.id == source_id, first).values(first_run=run))


def _one(tx: Connection, source_id: str) -> SourceRow | None:
    row = tx.execute(select(source).where(source.c.id == source_id)).one_or_none()
    return None if row is None else _source(row)


def _source(row: Row[tuple[object, ...]]) -> SourceRow:
    return SourceRow(**row._mapping)
