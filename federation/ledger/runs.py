"""Runs: one attempt to harvest one source, from its start to its account. At most one per source is running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from federation.errors import DataFolderBusy
from federation.ledger.database import Database
from federation.ledger.findings import saying
from federation.ledger.records import PRESENT, RecordStatus
from federation.ledger.schema import approval, finding, journal, notice, quality, record_state, revision, run, source
from federation.ledger.times import from_text, to_text
from federation.model import Counts, Hold, Part, Rule, RunKind, RunReport, RunState

ENDED = tuple(state for state in RunState if state not in {RunState.RUNNING, RunState.QUEUED})
_AT_ONCE = 500  # runs named in one statement
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(now: datetime, randomness: bytes) -> str:
    """A ULID: 48 bits of milliseconds, 80 bits of ``randomness`` (10 bytes), Crockford base32, 26 characters."""
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(randomness[:10].rjust(10, b"\0"))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a run: ``of`` names the run to replay or undo; ``options`` are plain values."""

    kind: RunKind = RunKind.HARVEST
    of: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Queued(NamedTuple):
    """A run that waits for whoever writes."""

    run: str
    source: str
    order: Order


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
        mapping_version: str | None = None,
        kind: RunKind = RunKind.HARVEST,
        of: str | None = None,
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
            "mapping_version": mapping_version,
            "holder": holder,
            "kind": kind.value,
            "of": of,
        }
        try:
            with self._database.write() as tx:
                tx.execute(insert(run), values)
        except IntegrityError as error:
            raise self._already_running(source) from error
        return name

    def queue(self, source: str, partner: str, now: datetime, order: Order, tx: Connection | None = None) -> str:
        """Ask whoever writes to this instance for a run; return its ULID."""
        name = ulid(now, self._randomness(10))
        values = {
            "id": name,
            "source": source,
            "partner": partner,
            "state": RunState.QUEUED.value,
            "started": to_text(now),
            "kind": order.kind.value,
            "of": order.of,
            "options": dict(order.options),
        }
        with self._database.write(tx) as tx:
            tx.execute(insert(run), values)
        return name

    def queued(self) -> list[Queued]:
        """The runs asked for, oldest first."""
        query = select(run).where(run.c.state == RunState.QUEUED.value).order_by(run.c.id)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [Queued(row.id, row.source, Order(RunKind(row.kind), row.of, row.options or {})) for row in rows]

    def take(self, name: str, now: datetime, holder: int, mapping_version: str | None = None) -> None:
        """Start a queued run.

        Raises DataFolderBusy if its source has a running one, LookupError if it is not queued (any more).
        """
        waiting = (run.c.id == name, run.c.state == RunState.QUEUED.value)
        values = {
            "state": RunState.RUNNING.value,
            "started": to_text(now),
            "holder": holder,
            "mapping_version": mapping_version,
        }
        try:
            with self._database.write() as tx:
                if not tx.execute(update(run).where(*waiting).values(values)).rowcount:
                    raise LookupError(name)
        except IntegrityError as error:
            found = self.get(name)
            raise self._already_running(found.source if found else name) from error

    def note(self, name: str, input_sha256: str | None = None, progress: Mapping[str, Any] | None = None) -> None:
        """Note what a running run reads, or how far it is (``stage``, ``done``, ``total``): for whoever watches."""
        values: dict[str, Any] = {}
        if input_sha256 is not None:
            values["input_sha256"] = input_sha256
        if progress is not None:
            values["progress"] = dict(progress)
        with self._database.write() as tx:
            tx.execute(update(run).where(run.c.id == name).values(values))

    def progress(self, name: str) -> Mapping[str, Any]:
        """How far a running run is; empty if nothing is known."""
        with self._database.read() as tx:
            return dict(tx.scalar(select(run.c.progress).where(run.c.id == name)) or {})

    def options(self, name: str) -> Mapping[str, Any]:
        """What was asked of a run beside its kind; plain values."""
        with self._database.read() as tx:
            return dict(tx.scalar(select(run.c.options).where(run.c.id == name)) or {})

    def highest_live(self, source: str, since: datetime, unapproved: datetime) -> int:
        """The highest number of records of a source that were online since then, as its ended runs tell; 0 if none.

        Of a run that began since ``unapproved`` this is the number before its withdrawals, though it was cut: what it
        brought and what it took away count alike whether it took one run or two. Of an earlier one it is the number
        with which it ended: a person had agreed to fewer.
        """
        columns = (run.c.state, run.c.started, run.c.counts, run.c.live)
        query = select(*columns).where(run.c.source == source, run.c.ended >= to_text(since), run.c.live.is_not(None))
        began = to_text(unapproved)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        ends = [row.live for row in rows if row.started < began and row.state != RunState.ABANDONED]
        peaks = [row.live + (row.counts or {}).get("withdrawn", 0) for row in rows if row.started >= began]
        return max([*ends, *peaks], default=0)

    def last_undo(self, source: str) -> datetime | None:
        """When a person last had a run of a source undone."""
        query = select(func.max(run.c.started)).where(run.c.source == source, run.c.kind == RunKind.UNDO.value)
        with self._database.read() as tx:
            started = tx.scalar(query.where(run.c.state != RunState.QUEUED.value))
        return None if started is None else from_text(started)

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
            "holds": [
                {
                    "rule": hold.rule.value,
                    "figure": hold.figure,
                    "limit": hold.limit,
                    "parts": sorted(part.value for part in hold.parts),
                }
                for hold in report.holds
            ],
            "live": report.live,
            "progress": None,
        }
        with self._database.write(tx) as tx:
            if report.state is RunState.ABANDONED:
                values |= _left_by(report.run, report.source, tx)
            tx.execute(update(run).where(run.c.id == report.run).values(values))

    def abandon_open(self, now: datetime) -> list[RunReport]:
        """Mark every running run as abandoned and return them. Only for the one writer, when it opens the ledger."""
        with self._database.write() as tx:
            cut = tx.execute(select(run.c.id, run.c.source).where(run.c.state == RunState.RUNNING.value)).all()
            names = [name for name, _ in cut]
            values = {"state": RunState.ABANDONED.value, "ended": to_text(now), "holder": None}
            for name, source in cut:
                tx.execute(update(run).where(run.c.id == name).values(values | _left_by(name, source, tx)))
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

    def since(self, moment: datetime) -> list[RunReport]:
        """The runs that have ended since then, or not ended."""
        query = select(run).where(or_(run.c.ended.is_(None), run.c.ended >= to_text(moment))).order_by(run.c.id)
        with self._database.read() as tx:
            return [_report(row) for row in tx.execute(query)]

    def that_wrote(self) -> Iterator[RunReport]:
        """The ended runs that wrote to the public graph, oldest first."""
        wrote = select(journal.c.run).distinct()
        query = (
            select(run).where(run.c.id.in_(wrote), run.c.state.in_([state.value for state in ENDED])).order_by(run.c.id)
        )
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        yield from map(_report, rows)

    def first_that_wrote(self, source: str) -> list[RunReport]:
        """The first run of a source that wrote to the public graph, ended or not, and those that took it up again."""
        wrote = select(journal.c.run).distinct()
        kinds = [RunKind.HARVEST.value, RunKind.REPLAY.value]
        of_source = (run.c.source == source, run.c.kind.in_(kinds), run.c.id.in_(wrote))
        with self._database.read() as tx:
            first = tx.scalar(select(func.min(run.c.id)).where(*of_source))
            rows = tx.execute(select(run).where(*of_source, or_(run.c.id == first, run.c.of == first))).all()
        return [_report(row) for row in rows]

    def prune_unchanged(self, before: datetime, keep: Iterable[str], limit: int = 5_000) -> int:
        """Delete harvests that ended before then and found nothing new, with their findings; return how many went.

        At most ``limit``, the oldest. Not those in ``keep``, nor what a person asked for, nor what anything names: a
        source, a record, a run, an approval, a letter, a score, the journal (so the public graph), a revision.
        """
        named = [select(each.c.run) for each in (journal, revision, approval, notice, quality)]
        named += [select(record_state.c.last_run), select(source.c.last_run), select(source.c.first_run)]
        named += [select(run.c.of)]
        old = (
            run.c.state == RunState.UNCHANGED.value,
            run.c.kind == RunKind.HARVEST.value,
            run.c.ended < to_text(before),
            run.c.options.is_(None),
            *(run.c.id.not_in(each.where(each.selected_columns[0].is_not(None))) for each in named),
        )
        kept = frozenset(keep)
        with self._database.write() as tx:
            names = [name for name in tx.scalars(select(run.c.id).where(*old).order_by(run.c.id)) if name not in kept]
            for start in range(0, len(names[:limit]), _AT_ONCE):
                some = names[start : min(start + _AT_ONCE, limit)]
                tx.execute(delete(finding).where(finding.c.run.in_(some)))
                tx.execute(delete(run).where(run.c.id.in_(some)))
        return len(names[:limit])

    def _already_running(self, source: str) -> DataFolderBusy:
        running = self.last(source, [RunState.RUNNING])
        with self._database.read() as tx:
            holder = tx.scalar(select(run.c.holder).where(run.c.id == (running.run if running else "")))
        return DataFolderBusy(
            f"A run of the source {source} is under way already (process {holder}). Wait until it ends, or stop it.",
            f"Une moisson de la source {source} est déjà en cours (processus {holder}). Attendez qu'elle finisse, ou "
            "arrêtez-la.",
        )


def _left_by(name: str, source: str, tx: Connection) -> dict[str, Any]:
    """What a run that was cut has come to: how many records are online, and how many it had withdrawn."""
    online = record_state.c.state.in_([state.value for state in PRESENT])
    gone = (record_state.c.state == RecordStatus.WITHDRAWN.value, record_state.c.last_run == name)
    of_source = select(func.count()).where(record_state.c.source == source)
    withdrawn = tx.scalar(of_source.where(*gone)) or 0
    return {"live": tx.scalar(of_source.where(online)) or 0, "counts": asdict(Counts(withdrawn=withdrawn))}


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
        kind=RunKind(row.kind),
        of=row.of,
        holds=tuple(
            Hold(Rule(hold["rule"]), hold["figure"], hold["limit"], frozenset(map(Part, hold["parts"])))
            for hold in row.holds or ()
        ),
        live=row.live or 0,
    )
