"""How good the records of each source are, as last worked out. Must never influence what is found or in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from federation.ledger.database import Database
from federation.ledger.schema import quality


@dataclass(frozen=True, slots=True)
class QualityRow:
    """The score of a source (0 to 100) after a run, and the plain values it was made of."""

    source: str
    run: str
    score: int
    detail: Mapping[str, Any]


class Qualities:
    """The table ``quality``: one row for each source."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: QualityRow, tx: Connection | None = None) -> None:
        """Note the score of a source, in place of the last one. Raises EngineUnavailable."""
        values = {"source": row.source, "run": row.run, "score": row.score, "detail": dict(row.detail)}
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(quality), values)

    def of(self, sources: Iterable[str]) -> dict[str, QualityRow]:
        """The scores of some sources, by id; one that has none is absent."""
        query = select(quality).where(quality.c.source.in_(list(sources)))
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return {row.source: QualityRow(row.source, row.run, row.score, row.detail) for row in rows}
