"""The history of a partner's sources as its page and its news feed show it: one short line for each run.

Reads the table ``run`` only. Must never write: runs are the affair of runs.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from federation.ledger.database import Database
from federation.ledger.schema import run
from federation.ledger.times import from_text
from federation.model import Counts, RunKind, RunState


class Passage(NamedTuple):
    """One run in short. ``live``: records of the source that were online at its end."""

    run: str
    source: str
    state: RunState
    kind: RunKind
    started: datetime
    ended: datetime | None
    counts: Counts
    live: int


_COLUMNS = (run.c.id, run.c.source, run.c.state, run.c.kind, run.c.started, run.c.ended, run.c.counts, run.c.live)


class Passages:
    """Runs by partner or by source, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_partner(self, slug: str, limit: int, source: str | None = None) -> list[Passage]:
        """The latest runs of a partner's sources, or of one of them; those that still wait are left out."""
        query = select(*_COLUMNS).where(run.c.partner == slug, run.c.state != RunState.QUEUED.value)
        if source is not None:
            query = query.where(run.c.source == source)
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(run.c.started.desc(), run.c.id.desc()).limit(limit)).all()
        return [
            Passage(
                row[0],
                row[1],
                RunState(row[2]),
                RunKind(row[3]),
                from_text(row[4]),
                None if row[5] is None else from_text(row[5]),
                Counts(**(row[6] or {})),
                row[7] or 0,
            )
            for row in rows
        ]
