"""Runs: one attempt to harvest one source, from its start to its account. At most one per source is running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from federation.errors import DataFolderBusy
from federation.ledger.database import Database
from federation.ledger.findings import saying
from federation.ledger.schema import journal, run
from federation.ledger.times import from_text, to_text
from federation.model import Counts, RunReport, RunState

ENDED = tuple(state for state in RunState if state is not RunState.RUNNING)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(now: datetime, randomness: bytes) -> str:
    """A ULID: 48 bits of milliseconds, 80 bits of ``randomness`` (10 bytes), Crockford base32, 26 characters."""
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(randomness[:10].rjust(10, b"\0"))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


class Runs:
    """The table ``run``."""

    def __init__(self, database: Database, randomness: Callable[[int], bytes]) -> None:
        self._database = database
        self._randomness = randomness

    def start(
        self,
        source: str,
        partner: str,
        now: datetime,
        holder: int,
        input_sha256: str | None = None,
        mapping_version: str | None = None,
    ) -> str:
        """Open a run, held by process ``holder``, and return its ULID.

        Raises DataFolderBusy, naming the holder, if the source has a running one; EngineUnavailable.
        """
        name = ulid(now, self._randomness(10))
        values = {
            "id": name,
            "source": source,
            "partner": partner,
            "state": RunState.RUNNING.value,
            "started": to_text(now),
            "input_sha256": input_sha256,
            "mapping_version": mapping_version,
            "holder": holder,
        }
        try:
            with self._database.write() as tx:
                tx.execute(insert(run), values)
        except IntegrityError as error:
            raise self._already_running(source) from error
        return name

    def finish(self, report: RunReport, tx: Connection | None = None) -> None:
        """Write the account of a run. Its findings are kept apart (findings.py)."""
        values = {
            "state": report.state.value,
            "ended": None if report.ended is None else to_text(report.ended),
            "counts": asdict(report.counts),
            "input_sha256": report.input_sha256,
            "mapping_version": report.mapping_version,
            "message": report.message,
            "holder": None,
        }
        with self._database.write(tx) as tx:
            tx.execute(update(run).where(run.c.id == report.run).values(values))

    def abandon_open(self, now: datetime) -> list[RunReport]:
        """Mark every running run as abandoned and return them. Only for the one writer, when it opens the ledger."""
        with self._database.write() as tx:
            names = list(tx.scalars(select(run.c.id).where(run.c.state == RunState.RUNNING.value)))
            values = {"state": RunState.ABANDONED.value, "ended": to_text(now), "holder": None}
            if names:
                tx.execute(update(run).where(run.c.id.in_(names)).values(values))
            return [_report(row) for row in tx.execute(select(run).where(run.c.id.in_(names)).order_by(run.c.id))]

    def get(self, name: str) -> RunReport | None:
        """One run by its ULID, without its findings; None if there is none."""
        with self._database.read() as tx:
            row = tx.execute(select(run).where(run.c.id == name)).one_or_none()
        return None if row is None else _report(row)

    def last(self, source: str, states: Iterable[RunState] | None = None) -> RunReport | None:
        """The latest run of a source, in one of ``states`` if given.

        Of its findings it has only the one that tells its ``message``, in both languages; none if it has no message.
        """
        query = select(run).where(run.c.source == source)
        if states is not None:
            query = query.where(run.c.state.in_([state.value for state in states]))
        with self._database.read() as tx:
            row = tx.execute(query.order_by(run.c.started.desc(), run.c.id.desc()).limit(1)).one_or_none()
            if row is None:
                return None
            told = () if row.message is None else saying(row.id, row.message, tx)
        return replace(_report(row), findings=told)

    def recent(self, limit: int = 50) -> list[RunReport]:
        """The latest runs of all sources, newest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(run).order_by(run.c.started.desc(), run.c.id.desc()).limit(limit)).all()
        return [_report(row) for row in rows]

    def that_wrote(self) -> Iterator[RunReport]:
        """The ended runs that wrote to the public graph, oldest first."""
        wrote = select(journal.c.run).distinct()
        query = select(run).where(run.c.id.in_(wrote), run.c.state != RunState.RUNNING.value).order_by(run.c.id)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        yield from map(_report, rows)

    def _already_running(self, source: str) -> DataFolderBusy:
        running = self.last(source, [RunState.RUNNING])
        with self._database.read() as tx:
            holder = tx.scalar(select(run.c.holder).where(run.c.id == (running.run if running else "")))
        return DataFolderBusy(
            f"A run of the source {source} is under way already (process {holder}). Wait until it ends, or stop it.",
            f"Une moisson de la source {source} est déjà en cours (processus {holder}). Attendez qu'elle finisse, ou "
            "arrêtez-la.",
        )


def _report(row: Row[Any]) -> RunReport:
    return RunReport(
        run=row.id,
        source=row.source,
        partner=row.partner,
        state=RunState(row.state),
        started=from_text(row.started),
        ended=None if row.ended is None else from_text(row.ended),
        counts=Counts(**(row.counts or {})),
        input_sha256=row.input_sha256,
        mapping_version=row.mapping_version,
        message=row.message,
    )
