"""The worker: harvests what is asked for and what is due, for as long as it is let; one source at a time is written.

Feeds are fetched beside it, in threads, so that a server that hangs delays nobody else. It must never fetch or write
itself: it says what is next to whoever can, and notes in the ledger what came of it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from federation.errors import CarrefourError, ConfigError
from federation.ledger import Ledger
from federation.ledger.runs import Order
from federation.ledger.sources import SourceRow
from federation.ledger.times import from_text, to_text
from federation.model import Counts, Finding, RunKind, RunReport, RunState, Severity
from federation.pipeline import schedule
from federation.pipeline.worker.beat import Beat
from federation.pipeline.worker.desk import WORKER, Desk
from federation.pipeline.worker.fetches import Fetches
from federation.pipeline.worker.jobs import Arrival, Job, Pace, Shelf, Watcher, Writing
from federation.pipeline.worker.keeping import Pauses, keep_working, one_at_a_time

__all__ = ["PRUNED", "Desk", "Pace", "Pauses", "Shelf", "Watcher", "Worker", "Writing", "keep_working", "one_at_a_time"]

RESUMED = 3  # times that a run which ends its process is tried again at once; then it is due as after failures
PRUNED = "pruned"  # fact: when what is old was last forgotten
_FAILED = frozenset({RunState.FAILED, RunState.INCOMPLETE})


class Worker:
    """One worker of one instance. ``run`` is called once, in the thread that may write."""

    def __init__(
        self,
        writer: Writing,
        ledger: Ledger,
        shelf: Shelf,
        pace: Pace,
        watcher: Watcher,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = time.monotonic,
        errand: Callable[[], bool] = lambda: False,
    ) -> None:
        """``errand``: a short piece of other work for the thread that may write; it says whether there was any."""
        self._errand = errand
        self._writer, self._ledger, self._shelf = writer, ledger, shelf
        self._pace, self._watcher = pace, watcher
        self._clock, self._seconds = clock, seconds
        self._stop = threading.Event()
        self._fetches = Fetches(writer, pace.threads, seconds)
        self._waiting: list[Job] = []  # in the order in which they are to be begun
        self._ready: deque[Arrival | Job] = deque()  # all that only needs writing
        self._in_hand: set[str] = set()  # sources begun and not ended
        self._looked = -float("inf")
        self._due: list[Job] = []
        self._told: dict[str, str] = {}  # faults of source files that have been told

    def run(self, stop: threading.Event, until_idle: bool = False, due: bool = True) -> None:
        """Work until ``stop``, or until nothing is left to do.

        ``due=False``: only what was asked for. Raises EngineUnavailable: then the worker is done, and another one goes
        on after the instance has been opened anew.
        """
        self._stop = stop
        self._ledger.cursors.set_fact(WORKER, str(os.getpid()))
        try:
            if due:
                self._resume()
            while not stop.is_set():
                if due:
                    self._prune()
                if self._ledger.erasures.asked():
                    self._writer.erase()
                busy = due and self._errand()
                self._look(due)
                self._begin()
                if self._ready:
                    self._write_next()
                elif until_idle and not busy and not self._in_hand and not self._waiting:
                    return
                self._ready.extend(self._fetches.receive(0.0 if busy or self._ready else self._pace.poll, stop))
        finally:
            self._ledger.cursors.set_fact(WORKER, "")

    # -- what is to be done ------------------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Take up what an end of the process cut short: from the stored bytes, or anew."""
        sources = self._shelf.all()
        states = [state for state in RunState if state is not RunState.QUEUED]
        for row in self._ledger.sources.all():
            last = self._ledger.runs.last(row.id, states)
            if last is None or last.state is not RunState.ABANDONED or row.failures >= RESUMED:
                continue
            if last.kind in {RunKind.UNDO, RunKind.RETIRE}:
                self._take(Job(row.id, Order(last.kind, last.of or last.run)))
            elif row.id not in sources or row.state not in schedule.HARVESTED:
                continue
            elif last.input_sha256 is not None:
                self._take(Job(row.id, Order(RunKind.REPLAY, last.run), slot=_moment(row)))
            else:
                self._ledger.sources.schedule(row.id, schedule.noted(self._clock()), row.failures)

    def _take(self, job: Job) -> None:
        self._in_hand.add(job.source)
        self._ready.append(job)

    def _look(self, due: bool) -> None:
        """Find what waits: what was asked for, oldest first, then what is due, longest due first."""
        if due and self._seconds() - self._looked >= self._pace.look:
            self._looked = self._seconds()
            self._due = self._find_due()
        orders = [Job(item.source, item.order, item.run) for item in self._ledger.runs.queued()]
        self._waiting = [job for job in (*orders, *self._due) if job.source not in self._in_hand]

    def _find_due(self) -> list[Job]:
        now = self._clock()
        rows = {row.id: row for row in self._ledger.sources.all()}
        found: list[tuple[datetime, str]] = []
        for name, source in self._shelf.all().items():
            row = rows.get(name)
            if isinstance(source, ConfigError):
                self._note_fault(name, row, source)
                continue
            self._note_mended(row)
            due = schedule.due_at(row, source.schedule, name, now, self._pace.zone)
            if row is not None and schedule.noted(due) != row.due and row.state in schedule.HARVESTED:
                self._ledger.sources.schedule(name, schedule.noted(due), row.failures)
            if due is not None and due <= now:
                found.append((due, name))
        return [Job(name, slot=due) for due, name in sorted(found)]

    def _prune(self) -> None:
        """Have what is old forgotten once a day; noted first, so that what cannot be forgotten is no endless work."""
        if self._seconds() - self._looked < self._pace.look:
            return
        now = self._clock()
        if schedule.is_pruning_due(self._ledger.cursors.fact(PRUNED), now):
            self._ledger.cursors.set_fact(PRUNED, to_text(now))
            self._writer.prune()

    # -- fetching ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin what may be begun: a fetch if a thread is free and nobody else asks its host; what needs none at once.

        What is fetched and not yet written is bounded too, for it lies in memory.
        """
        for job in self._waiting:
            if job.source in self._in_hand:
                continue
            if not job.fetches:
                self._take(job)
            elif not self._fetches.full and len(self._ready) < self._pace.threads:
                self._begin_fetch(job)

    def _begin_fetch(self, job: Job) -> None:
        try:
            source = self._shelf.one(job.source)
        except ConfigError as error:
            self._refuse(job, error)
            return
        if self._fetches.begin(job, source):
            self._in_hand.add(job.source)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write_next(self) -> None:
        item = self._ready.popleft()
        job = item if isinstance(item, Job) else item.job
        try:
            self._write(job, item if isinstance(item, Arrival) else None)
        finally:
            self._in_hand.discard(job.source)
            self._due = [other for other in self._due if other.source != job.source]

    def _write(self, job: Job, arrival: Arrival | None) -> None:
        """Have it done. A run that ends the process is a failed one: it is counted before it begins."""
        before = self._ledger.sources.get(job.source)
        charged = job.run is None and before is not None
        if before is not None and charged:
            self._charge(before)
        beat = Beat(self._ledger, job.source, self._stop, self._pace.beat, self._seconds)
        try:
            if arrival is None:
                report = self._writer.carry_out(job.order, beat, job.run)
            else:
                report = self._writer.harvest(arrival.source, beat, arrival.brought, job.run)
        except ConfigError as error:
            self._refuse(job, error)
            return
        if report.state is RunState.ABANDONED:  # told to stop: the next start takes it up
            if before is not None and charged:
                self._ledger.sources.schedule(before.id, before.due, before.failures)
        elif job.order.kind not in {RunKind.UNDO, RunKind.RETIRE}:
            brought = arrival.brought if arrival is not None else None
            self._settle(job, report, before, getattr(brought, "retry_after", None))
        self._watcher.ended(report)

    def _charge(self, row: SourceRow) -> None:
        now = self._clock()
        due = schedule.next_due("nightly", row.id, now, self._pace.zone, row.failures + 1)
        self._ledger.sources.schedule(row.id, schedule.noted(due), row.failures + 1)

    def _settle(self, job: Job, report: RunReport, before: SourceRow | None, retry_after: str | None) -> None:
        """Note when the source is due next. A failure of what a person asked for changes nothing."""
        failed = report.state in _FAILED
        if failed and job.run is not None:
            return
        if job.run is not None and before is not None and before.due is not None and not before.failures:
            return
        try:
            rhythm = self._shelf.one(job.source).schedule
        except ConfigError:
            rhythm = schedule.MANUAL
        failures = (before.failures if before else 0) + 1 if failed else 0
        now = self._clock()
        back = schedule.asked_back(retry_after, now)
        due = schedule.next_due(rhythm, job.source, now, self._pace.zone, failures, job.slot, back)
        self._ledger.sources.schedule(job.source, schedule.noted(due), failures)

    # -- faults ------------------------------------------------------------------------------------------------------

    def _refuse(self, job: Job, error: CarrefourError) -> None:
        """Account for an order that cannot even be begun; what is only due stays so, and its file's fault is told."""
        self._watcher.said(error.text)
        self._due = [other for other in self._due if other.source != job.source]
        if job.run is None or (queued := self._ledger.runs.get(job.run)) is None:
            return
        finding = Finding("order-refused", Severity.VIOLATION, error.text, where=job.source)
        now = self._clock()
        report = RunReport(
            queued.run, queued.source, queued.partner, RunState.FAILED, queued.started, now, Counts(),
            (finding,), message=str(error), kind=queued.kind, of=queued.of,
        )  # fmt: skip
        self._ledger.findings.add(report.run, report.findings)
        self._ledger.runs.finish(report)
        self._watcher.ended(report)

    def _note_fault(self, name: str, row: SourceRow | None, error: ConfigError) -> None:
        text = error.text["fr"]
        if self._told.get(name) != text:
            self._told[name] = text
            self._watcher.said(error.text)
        if row is not None and row.note != text and row.state in schedule.HARVESTED:
            self._ledger.sources.set_state(name, row.state, text)

    def _note_mended(self, row: SourceRow | None) -> None:
        if row is None:
            return
        self._told.pop(row.id, None)
        if row.note is not None and row.note.startswith(f"{row.id}.toml"):
            self._ledger.sources.set_state(row.id, row.state, None)


def _moment(row: SourceRow) -> datetime | None:
    return None if row.due is None else from_text(row.due)
