"""The writing side. READ THIS FIRST: :func:`harvest` is the way of a record, stage by stage, in order.

fetch → read → map + validate → plan → apply (merge); search index and readers follow what was applied.
Each stage is a module that knows no other; they meet here and in federation/model.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from urllib.parse import urlsplit

from federation.errors import PartnerError, PeerError
from federation.ledger import Ledger
from federation.ledger.records import RecordState, RecordStatus
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_text
from federation.model import Action, Counts, Finding, Outcome, RawRecord, Record, RunReport, RunState, Severity
from federation.pipeline.account import Account
from federation.pipeline.assess import assess
from federation.pipeline.fetch import Fetched, FetchRequest, fetch
from federation.pipeline.mapping import RunStamp
from federation.pipeline.merge import AppliedBatch, Item, Merger
from federation.pipeline.plan import Planned, Planner, Step
from federation.pipeline.readers import Reading, ReadOptions, read
from federation.pipeline.sources import Coverage, Source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

BATCH = 1000  # records per transaction: large enough to be fast, small enough to be soon visible and light in memory
SAMPLE = 3  # records that a preview shows whole

Progress = Callable[[str, int, int | None], None]
"""Told of a stage's name, how many records are done, and of how many if that is known."""

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
class Preview:
    """What a harvest would do: its report as planned, and the first records that it would write."""

    report: RunReport
    sample: tuple[Record, ...]


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
    run = _open(source, shop)
    report = RunReport(
        run.id, source.id, source.partner.slug, RunState.RUNNING, shop.clock(), None, Counts(),
        mapping_version=source.version,
    )  # fmt: skip
    missing = None
    try:
        body = _obtain(source, shop.settings, shop.environ, progress)
        report = replace(report, input_sha256=body.sha256)
        if (same := _already_done(source, body, shop.ledger)) is not None:
            return _finish(run, replace(report, state=RunState.UNCHANGED, counts=_all_unchanged(same)), None)
        shop.ledger.bodies.keep(body.body, source.id, shop.clock(), body.content_type, body.etag, body.last_modified)
        reading = read(body.body, _options(source, body, shop.settings, shop.vocabulary))
        for batch in _batches(_planned(run, reading, report)):
            _apply(run, batch)
            progress("harvest", run.planner.counts(False).read, None)
        run.account.add("", [replace(found, where=source.url) for found in reading.findings])
        whole = reading.whole and source.coverage is Coverage.COMPLETE
        missing = run.planner.missing() if whole else None
        counts = run.planner.counts(whole)
        report = replace(report, counts=counts, state=_state(counts, reading.whole))
    except (PartnerError, PeerError) as error:
        run.account.add(source.url, [_failure(error, source)])
        counts = run.planner.counts(False)
        state = RunState.INCOMPLETE if counts.accepted else RunState.FAILED
        report = replace(report, state=state, counts=counts, message=str(error))
    return _finish(run, report, missing)


def preview(
    source: Source, settings: Settings, vocabulary: Vocabulary, ledger: Ledger | None, now: datetime, progress: Progress
) -> Preview:
    """Take a source's feed through all stages but the last, and say what a harvest would do. Nothing is written.

    Without a ``ledger`` everything is new. Raises PartnerError, PeerError, ConfigError.
    """
    body = _obtain(source, settings, os.environ, progress)
    options = _options(source, body, settings, vocabulary)
    reading = read(body.body, options)
    states = ledger.records.states(source.id) if ledger else {}
    elsewhere = ledger.records.keys_elsewhere(source.partner.slug, source.id) if ledger else frozenset()
    planner = Planner(states, source.version, elsewhere)
    account = Account()
    stamp = RunStamp(f"{settings.base_url}/runs/preview", to_text(now))
    sample: list[Record] = []
    broken: list[Outcome] = []
    outcomes = assess(_rows(reading, broken), source, settings.base_url, stamp, {}, settings.workers)
    for planned in planner.plan(chain(outcomes, broken)):
        account.add(planned.outcome.where, planned.outcome.findings)
        account.drain()
        record = planned.outcome.record
        if len(sample) < SAMPLE and record is not None and planned.step in {Step.NEW, Step.CHANGED}:
            sample.append(record)
    account.add("", [replace(found, where=source.url) for found in reading.findings])
    counts = planner.counts(reading.whole and source.coverage is Coverage.COMPLETE)
    report = RunReport(
        "preview", source.id, source.partner.slug, _state(counts, reading.whole), now, now, counts, account.all(),
        body.sha256, source.version,
    )  # fmt: skip
    return Preview(report, tuple(sample))


def _obtain(source: Source, settings: Settings, environ: Mapping[str, str], progress: Progress) -> Fetched:
    progress("fetch", 0, None)
    params, headers = source.request.resolved(environ)
    contact = f"; mailto:{settings.contact}" if settings.contact else ""
    return fetch(
        FetchRequest(
            url=source.url,
            params=params,
            headers=headers,
            max_bytes=source.limits.bytes or settings.fetch_bytes,
            max_seconds=source.limits.seconds or settings.fetch_seconds,
            allow_private=settings.fetch_private,
            user_agent=f"Carrefour (+{settings.base_url}/robot{contact})",
        )
    )


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


def _options(source: Source, body: Fetched, settings: Settings, vocabulary: Vocabulary) -> ReadOptions:
    remote = urlsplit(body.final_url).scheme in {"http", "https"}
    return ReadOptions(
        format=source.format,
        at=source.records.at,
        sheet=source.records.sheet,
        separator=source.records.separator,
        encoding=source.records.encoding,
        contexts=vocabulary.contexts,
        base_url=body.final_url if remote else f"{settings.base_url}/sources/{source.id}",
        max_records=source.limits.records,
        max_record_bytes=source.limits.record_bytes,
        length_proved=body.length_proved,
        declared_charset=body.charset,
    )


def _open(source: Source, shop: Workshop) -> _Run:
    partner = PartnerRow(source.partner.slug, source.partner.name, source.partner.url)
    row = SourceRow(source.id, partner.slug, source.name, source.url, source.licence, source.version)
    shop.merger.declare(partner, row, source.lang)
    run = shop.ledger.runs.start(source.id, partner.slug, shop.clock(), os.getpid(), mapping_version=source.version)
    states = shop.ledger.records.states(source.id)
    planner = Planner(states, source.version, shop.ledger.records.keys_elsewhere(partner.slug, source.id))
    return _Run(run, source, shop, states, planner, Account())


def _planned(run: _Run, reading: Reading, report: RunReport) -> Iterator[Planned]:
    known = {
        key: state.raw_hash
        for key, state in run.states.items()
        if state.state == RecordStatus.LIVE and state.mapping_version == run.source.version
    }
    settings = run.shop.settings
    stamp = RunStamp(f"{settings.base_url}/runs/{run.id}", to_text(report.started))
    broken: list[Outcome] = []
    rows = _rows(reading, broken)
    yield from run.planner.plan(assess(rows, run.source, settings.base_url, stamp, known, settings.workers))
    yield from run.planner.plan(broken)


def _rows(reading: Reading, broken: list[Outcome]) -> Iterator[RawRecord]:
    """The rows that could be read; the others are put aside as rejected outcomes."""
    for item in reading:
        if isinstance(item, Finding):
            broken.append(Outcome(item.where, None, None, (item,)))
        else:
            yield item


def _batches(planned: Iterator[Planned]) -> Iterator[list[Planned]]:
    while batch := list(islice(planned, BATCH)):
        yield batch


def _apply(run: _Run, batch: list[Planned]) -> None:
    """Write what is new or changed, note what is only known better, keep all findings."""
    ledger = run.shop.ledger
    for planned in batch:
        run.account.add(planned.outcome.where, planned.outcome.findings)
    if fresh := run.account.drain():
        ledger.findings.add(run.id, fresh)
    if notes := [_noted(run, planned) for planned in batch if planned.noted and not planned.retiered]:
        ledger.records.note(notes)
    if items := [item for planned in batch if (item := _item(planned)) is not None]:
        run.shop.follow(run.shop.merger.apply(run.id, run.source.version, items))


def _noted(run: _Run, planned: Planned) -> RecordState:
    """The state of a record whose graph stays as it is: held back, or live with the hashes of this run."""
    outcome = planned.outcome
    state = run.states[str(outcome.key if outcome.record is None else outcome.record.key)]
    if planned.step is Step.HELD or outcome.record is None:
        return state._replace(state=RecordStatus.HELD, last_run=run.id)
    return state._replace(
        state=RecordStatus.LIVE,
        raw_hash=outcome.record.raw_hash,
        mapping_version=run.source.version,
        last_run=run.id,
    )


def _item(planned: Planned) -> Item | None:
    record, tier = planned.outcome.record, planned.outcome.tier
    if record is None or tier is None:
        return None
    if planned.step is Step.NEW:
        return Item(Action.CREATE, record, tier)
    if planned.step is Step.CHANGED or planned.retiered:
        return Item(Action.UPDATE, record, tier)
    return None


def _state(counts: Counts, whole: bool) -> RunState:
    if not whole:
        return RunState.INCOMPLETE
    return RunState.WITH_REJECTS if counts.rejected or counts.held else RunState.SUCCEEDED


def _failure(error: PartnerError | PeerError, source: Source) -> Finding:
    text = getattr(error, "text", None) or {"fr": str(error), "en": str(error)}
    return Finding(getattr(error, "rule", "feed-unreadable"), Severity.VIOLATION, text, where=source.url)


def _finish(run: _Run, report: RunReport, missing: list[str] | None) -> RunReport:
    run.shop.ledger.findings.add(run.id, [*run.account.drain(), *run.account.hints()])
    report = replace(report, ended=run.shop.clock(), findings=run.account.all())
    run.shop.merger.finish(report, missing)
    return report
