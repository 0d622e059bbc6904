"""The writing side. READ THIS FIRST: :func:`harvest` is the way of a record, stage by stage, in order.

fetch → read → map + validate → plan → apply (merge); search index and readers follow what was applied.
Each stage is a module that knows no other; they meet here and in federation/model.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from federation.errors import CarrefourError, ConfigError, PartnerError, PeerError
from federation.ledger import Ledger
from federation.ledger.records import RecordState, RecordStatus
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_seconds
from federation.model import Action, Counts, Finding, Outcome, RunReport, RunState, Severity
from federation.pipeline.account import Account
from federation.pipeline.assess import assess
from federation.pipeline.check import check
from federation.pipeline.collector import collector_paused, tidy
from federation.pipeline.fetch import Fetched
from federation.pipeline.intake import obtain, open_feed, readable
from federation.pipeline.mapping import Columns, RunStamp
from federation.pipeline.merge import AppliedBatch, Item, Merger, removal
from federation.pipeline.plan import WHOLE, Planned, Planner, Step, end_state
from federation.pipeline.preview import Preview, Progress, preview
from federation.pipeline.readers import Reading
from federation.pipeline.sources import Coverage, Source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

__all__ = ["Follower", "Preview", "Progress", "Workshop", "check", "harvest", "preview"]

BATCH = 2500  # records per transaction: large enough to be fast, small enough to be soon visible and light in memory

Follower = Callable[[AppliedBatch], None]
"""Told of each batch once it is durable (the search index)."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the writing side works with; platform.py furnishes it."""

    settings: Settings
    vocabulary: Vocabulary
    ledger: Ledger
    merger: Merger
    clock: Callable[[], datetime]
    follow: Follower
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run under way: what it harvests, what was known before it, and its account so far."""

    id: str
    source: Source
    shop: Workshop
    states: Mapping[str, RecordState]
    planner: Planner
    account: Account


def harvest(source: Source, shop: Workshop, progress: Progress) -> RunReport:
    """Take every record of a source's feed into the graph, and account for every row.

    A feed that cannot be fetched or read gives a failed run, and nothing is removed. Raises EngineUnavailable (the
    store or the ledger cannot be written) and DataFolderBusy (the source is being harvested by another process).
    """
    with collector_paused():
        return _harvest(source, shop, progress)


def _harvest(source: Source, shop: Workshop, progress: Progress) -> RunReport:
    started = shop.clock()
    run = _open(source, shop, started)
    report = RunReport(
        run.id, source.id, source.partner.slug, RunState.RUNNING, started, None, Counts(),
        mapping_version=source.version,
    )  # fmt: skip
    missing = None
    try:
        progress("fetch", 0, None)
        body = obtain(source, shop.settings, shop.environ)
        report = replace(report, input_sha256=body.sha256)
        if (same := _already_done(source, body, shop.ledger)) is not None:
            return _finish(run, replace(report, state=RunState.UNCHANGED, counts=_all_unchanged(same)), None)
        shop.ledger.bodies.keep(body.body, source.id, shop.clock(), body.content_type, body.etag, body.last_modified)
        reading = open_feed(source, body, shop.settings, shop.vocabulary)
        columns = Columns(source)
        _write_all(run, _batches(_planned(run, reading, columns, report)), progress)
        run.account.add("", [replace(found, where=source.id) for found in reading.findings])
        run.account.add("", columns.findings(source.id))
        state = end_state(run.planner.counts(False), reading.whole)
        whole = state in WHOLE and source.coverage is Coverage.COMPLETE
        missing = run.planner.missing() if whole else None
        report = replace(report, counts=run.planner.counts(whole), state=state)
    except (PartnerError, PeerError, ConfigError) as error:
        run.account.add("", [_failure(error, source)])
        counts = run.planner.counts(False)
        state = RunState.INCOMPLETE if counts.accepted else RunState.FAILED
        report = replace(report, state=state, counts=counts, message=str(error))
    return _finish(run, report, missing)


def _already_done(source: Source, body: Fetched, ledger: Ledger) -> RunReport | None:
    """The last run, if it read the same bytes with the same mapping to the end: then there is nothing to do."""
    ended = (RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED, RunState.INCOMPLETE, RunState.ABANDONED)
    last = ledger.runs.last(source.id, ended)
    if last is None or last.state in {RunState.INCOMPLETE, RunState.ABANDONED}:
        return None
    same = (last.input_sha256, last.mapping_version) == (body.sha256, source.version)
    return last if same else None


def _all_unchanged(last: RunReport) -> Counts:
    return replace(last.counts, new=0, changed=0, unchanged=last.counts.accepted)


def _open(source: Source, shop: Workshop, started: datetime) -> _Run:
    partner = PartnerRow(source.partner.slug, source.partner.name, source.partner.url)
    row = SourceRow(source.id, partner.slug, source.name, source.url, source.licence, source.version)
    shop.merger.declare(partner, row, source.lang)
    run = shop.ledger.runs.start(source.id, partner.slug, started, os.getpid(), mapping_version=source.version)
    states = shop.ledger.records.states(source.id)
    planner = Planner(states, source.version, shop.ledger.records.keys_elsewhere(partner.slug, source.id))
    return _Run(run, source, shop, states, planner, Account())


def _planned(run: _Run, reading: Reading, columns: Columns, report: RunReport) -> Iterator[Planned]:
    known = {
        key: (state.row_hash, state.raw_hash)
        for key, state in run.states.items()
        if state.state == RecordStatus.LIVE and state.mapping_version == run.source.version
    }
    settings = run.shop.settings
    stamp = RunStamp(f"{settings.base_url}/runs/{run.id}", to_seconds(report.started))
    broken: list[Outcome] = []
    rows = columns.over(readable(reading, broken))
    yield from run.planner.plan(assess(rows, run.source, settings.base_url, stamp, known, settings.workers))
    yield from run.planner.plan(broken)


def _batches(planned: Iterator[Planned]) -> Iterator[list[Planned]]:
    """Batches in order. What was planned before the feed broke off is counted, so it comes before the failure."""
    batch: list[Planned] = []
    failure: CarrefourError | None = None
    try:
        for each in planned:
            batch.append(each)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except (PartnerError, PeerError, ConfigError) as error:
        failure = error
    if batch:
        yield batch
    if failure is not None:
        raise failure


def _write_all(run: _Run, batches: Iterator[list[Planned]], progress: Progress) -> None:
    """Apply one batch after the other, each while the next is read and planned.

    The store works without the interpreter's lock, so the two share the processors well. If reading fails, the batch
    under way is finished before the failure is told.
    """
    with ThreadPoolExecutor(1, "writer") as writer:
        under_way: Future[None] | None = None
        for batch in batches:
            if under_way is not None:
                under_way.result()
            tidy()
            under_way = writer.submit(_apply, run, batch)
            progress("harvest", run.planner.counts(False).read, None)
        if under_way is not None:
            under_way.result()


def _apply(run: _Run, batch: list[Planned]) -> None:
    """Write what is new or changed, note what is only known better, keep all findings."""
    ledger = run.shop.ledger
    for planned in batch:
        run.account.add(planned.outcome.where, planned.outcome.findings)
    if fresh := run.account.drain():
        ledger.findings.add(run.id, fresh)
    if notes := [_noted(run, planned) for planned in batch if planned.noted and not planned.retiered]:
        ledger.records.note(notes)
    if items := [item for planned in batch if (item := _item(run, planned)) is not None]:
        run.shop.follow(run.shop.merger.apply(run.id, run.source.version, items))


def _noted(run: _Run, planned: Planned) -> RecordState:
    """The state of a record whose graph stays as it is: held back, or live with the hashes of this run."""
    outcome = planned.outcome
    state = run.states[str(outcome.key if outcome.record is None else outcome.record.key)]
    if planned.step is Step.HELD:
        return state._replace(state=RecordStatus.HELD, last_run=run.id)
    if outcome.record is None:  # not even mapped: only what its mapping does not read has changed
        return state._replace(row_hash=outcome.row_hash, last_run=run.id)
    return state._replace(
        state=RecordStatus.LIVE,
        raw_hash=outcome.record.raw_hash,
        row_hash=outcome.record.row_hash,
        mapping_version=run.source.version,
        last_run=run.id,
    )


def _item(run: _Run, planned: Planned) -> Item | None:
    record, tier = planned.outcome.record, planned.outcome.tier
    if planned.closing is not None:
        return removal(run.states[str(planned.outcome.key)])
    if record is None or tier is None:
        return None
    if planned.step is Step.NEW:
        return Item(Action.CREATE, record, tier)
    if planned.step is Step.CHANGED or planned.retiered:
        return Item(Action.UPDATE, record, tier)
    return None


def _failure(error: CarrefourError, source: Source) -> Finding:
    text = getattr(error, "text", None) or {"fr": str(error), "en": str(error)}
    return Finding(getattr(error, "rule", "feed-unreadable"), Severity.VIOLATION, text, where=source.id)


def _finish(run: _Run, report: RunReport, missing: list[str] | None) -> RunReport:
    run.shop.ledger.findings.add(run.id, [*run.account.drain(), *run.account.hints()])
    report = replace(report, ended=run.shop.clock(), findings=run.account.all())
    run.shop.merger.finish(report, missing)
    return report
