"""The writing side. READ THIS FIRST: :func:`harvest` is the way of a record, stage by stage, in order.

visit (fetch) → read → map + validate → plan → guard → apply (merge); search index and readers follow what was applied.
Each stage is a module that knows no other; they meet here, in prepare.py and in federation/model.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from federation.errors import CarrefourError, ConfigError, PartnerError, PeerError
from federation.ledger import Ledger
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_seconds
from federation.model import Counts, Reason, RunKind, RunReport, RunState
from federation.pipeline.account import Account
from federation.pipeline.apply import BATCH, Site, Stopped, apply, note_absences, withdraw
from federation.pipeline.check import check
from federation.pipeline.collector import collector_paused
from federation.pipeline.erasure import LET_GO, erase_asked
from federation.pipeline.fetch import Delivery, Fault, FetchRefused
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.history import retire, undo
from federation.pipeline.intake import keep, kept, obtain
from federation.pipeline.knowing import WHOLE_RUNS, known_of, known_of_pushed
from federation.pipeline.late import without_gone
from federation.pipeline.lost import lost
from federation.pipeline.mapping import RunStamp
from federation.pipeline.merge import AppliedBatch, Merger
from federation.pipeline.peering import note_hiding
from federation.pipeline.plan import FORGOTTEN, Planned
from federation.pipeline.prepare import Frame, Known, Plan, failure, prepare, prepare_unchanged
from federation.pipeline.preview import Preview, Progress, preview
from federation.pipeline.sources import Source
from federation.pipeline.spool import Spool
from federation.settings import Settings
from federation.vocabulary import Vocabulary

__all__ = [
    "Asked",
    "Follower",
    "Preview",
    "Progress",
    "Workshop",
    "check",
    "erase_records",
    "harvest",
    "known_of",
    "preview",
    "visit_source",
]

Follower = Callable[[AppliedBatch], None]
"""Told of each batch once it is durable (the search index)."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the writing side works with; platform.py furnishes it. ``stop`` says that the process is to end."""

    settings: Settings
    vocabulary: Vocabulary
    ledger: Ledger
    merger: Merger
    clock: Callable[[], datetime]
    follow: Follower
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stop: Callable[[], bool] = lambda: False
    visitor: Visitor | None = None


@dataclass(slots=True)
class Asked:
    """What is asked of a run: ``of`` names the one to replay or undo, ``queued`` the order that it carries out.

    ``brought``: what a visit has brought already, or why it brought nothing. ``confirmed``: the partner says that what
    is absent is gone.
    """

    kind: RunKind = RunKind.HARVEST
    of: str | None = None
    queued: str | None = None
    brought: Delivery | CarrefourError | None = None
    confirmed: bool = False


@dataclass(slots=True)
class _Run:
    """One run under way."""

    report: RunReport
    source: Source
    shop: Workshop
    site: Site
    account: Account
    progress: Progress
    whole: bool = False


def harvest(source: Source, shop: Workshop, progress: Progress, asked: Asked | None = None) -> RunReport:
    """Take every record of a source's feed into the graph, and account for every row; or what else is ``asked``.

    A feed that cannot be fetched or read gives a failed run, and nothing is removed. Raises EngineUnavailable (the
    store or the ledger cannot be written) and DataFolderBusy (the source is being harvested by another process).
    """
    asked = asked or Asked()
    with collector_paused():
        run = _open(source, shop, progress, asked)
        try:
            report = _ways[asked.kind](run, asked)
        except Stopped:
            report = replace(run.report, state=RunState.ABANDONED)
        except (PartnerError, PeerError, ConfigError) as error:
            run.account.add("", [failure(error, source)])
            report = replace(run.report, state=RunState.FAILED, message=str(error))
            _pause_if_lost(run, asked, error)
        return _finish(run, report)


def _pause_if_lost(run: _Run, asked: Asked, error: CarrefourError) -> None:
    """Pause a source whose server says that it is gone, or that has given no feed for weeks; tell why."""
    why = error.text["fr"] if isinstance(error, FetchRefused) and error.fault is Fault.GONE else None
    if why is None and asked.kind is RunKind.HARVEST:
        source, rule = run.source, getattr(error, "rule", "")
        said = lost(source.id, source.partner.slug, rule, run.report.started, run.shop.ledger)
        if said is not None:
            run.account.add("", [said])
            why = said.message["fr"]
    if why is not None:
        run.shop.ledger.sources.set_state(run.source.id, "paused", why)


def _harvest(run: _Run, asked: Asked) -> RunReport:
    """Visit the source, plan over what it gave, and apply the plan."""
    source, shop = run.source, run.shop
    run.progress("fetch", 0, None)
    if isinstance(asked.brought, CarrefourError):
        raise asked.brought
    if asked.brought is not None and asked.brought.pushed:
        return _push(run, asked.brought)
    delivery = asked.brought or visit_source(source, shop)
    same = _already_done(source, delivery, shop.ledger)
    if delivery.unchanged and (same is None or asked.confirmed):  # nothing to compare with: everything is needed
        delivery = obtain(source, shop.settings, shop.environ, None, shop.visitor)
        same = _already_done(source, delivery, shop.ledger)
    if asked.confirmed:
        same = None
    run.report = replace(run.report, input_sha256=_read_of(delivery, same))
    known = known_of(source, shop.ledger, shop.merger.graphs, run.report.started, asked.confirmed)
    if same is not None:
        news_only = not same.counts.read and _asked_for_news(source, same, shop.ledger)
        report = _apply(run, prepare_unchanged(same.counts, known, _frame(run), news_only), known, ())
    else:
        keep(delivery, source, shop.ledger, shop.clock())
        report = _take(run, delivery, known)
    if report.state in WHOLE_RUNS:
        shop.ledger.sources.note_fetch(source.id, delivery.validators, None)
        shop.ledger.cursors.set_in_store(source.id, run.report.run)
    return report


def _push(run: _Run, delivery: Delivery) -> RunReport:
    """Plan over what was pushed, and apply the plan.

    It tells of some records only: what the last visit of the feed has brought is noted as before.
    """
    ledger = run.shop.ledger
    run.report = replace(run.report, input_sha256=delivery.sha256)
    keep(delivery, run.source, ledger, run.shop.clock())
    return _take(run, delivery, known_of_pushed(run.source, run.shop.settings.base_url, ledger, run.report.started))


def _read_of(delivery: Delivery, same: RunReport | None) -> str | None:
    """The hash of what a run reads: of the visit, or what the last run read if the server says that it is the same."""
    return same.input_sha256 if same is not None and not delivery.pages else delivery.sha256


def _asked_for_news(source: Source, run: RunReport, ledger: Ledger) -> bool:
    """Whether the visit of a run asked only for what is new, so that no row is no empty list."""
    try:
        return kept(run.input_sha256 or "", source, ledger).conditional
    except LookupError:  # its bytes are not kept any more
        return False


def visit_source(source: Source, shop: Workshop) -> Delivery:
    """Visit a source, asking only for what is new if its last run went well with the same mapping. Writes nothing.

    Raises PartnerError, PeerError, ConfigError.
    """
    last = _settled(source, shop.ledger)
    row = shop.ledger.sources.get(source.id)
    well = last is not None and last.mapping_version == source.version
    validators = row.validators if well and row is not None else None
    return obtain(source, shop.settings, shop.environ, validators, shop.visitor)


def _replay(run: _Run, asked: Asked) -> RunReport:
    """Map again what an earlier run read, without network. Raises PartnerError if its bytes are not kept any more."""
    source, ledger = run.source, run.shop.ledger
    earlier = ledger.runs.get(asked.of or "")
    try:
        if earlier is None or earlier.input_sha256 is None:
            raise LookupError(asked.of)
        delivery = kept(earlier.input_sha256, source, ledger)
    except LookupError as error:
        raise PartnerError(
            f"What run {asked.of} read is not kept (any more): harvest the source instead.",
            f"Ce que la moisson {asked.of} a lu n'est pas ou plus gardé : moissonnez plutôt la source.",
        ) from error
    run.report = replace(run.report, input_sha256=earlier.input_sha256)
    if delivery.pushed:
        delivery = without_gone(delivery, ledger)
        known = known_of_pushed(source, run.shop.settings.base_url, ledger, run.report.started)
    else:
        known = known_of(source, ledger, run.shop.merger.graphs, run.report.started)
    return _take(run, delivery, replace(known, replayed=True))


def _undo(run: _Run, asked: Asked) -> RunReport:
    """Put back what a run changed, and pause the source: else the next harvest would bring it again."""
    ledger = run.shop.ledger
    ledger.cursors.set_in_store(run.source.id, "")
    ledger.sources.set_state(run.source.id, "paused", f"undone: {asked.of}")  # first: a crash must not lose it
    ledger.approvals.lapse(run.source.id, run.report.started)
    count, findings = undo(run.site, run.source.id, asked.of or "")
    run.account.add("", findings)
    return replace(run.report, state=RunState.SUCCEEDED, counts=Counts(changed=count))


def _retire(run: _Run, _asked: Asked) -> RunReport:
    """Withdraw all records of a source that leaves."""
    run.shop.ledger.cursors.set_in_store(run.source.id, "")
    note_hiding(run.source.id, run.report.run, run.shop.ledger)
    count = retire(run.site, run.shop.ledger.records.states(run.source.id).values())
    run.shop.ledger.sources.set_state(run.source.id, "retired")
    return replace(run.report, state=RunState.SUCCEEDED, counts=Counts(withdrawn=count))


_ways: Mapping[RunKind, Callable[[_Run, Asked], RunReport]] = {
    RunKind.HARVEST: _harvest,
    RunKind.REPLAY: _replay,
    RunKind.UNDO: _undo,
    RunKind.RETIRE: _retire,
}


def _already_done(source: Source, delivery: Delivery, ledger: Ledger) -> RunReport | None:
    """The last run, if it read the same bytes with the same mapping to the end: then there is nothing to plan."""
    last = _settled(source, ledger)
    if last is None:
        return None
    if delivery.unchanged:
        return last if last.mapping_version == source.version else None
    same = (last.input_sha256, last.mapping_version) == (delivery.sha256, source.version)
    return last if same and delivery.whole and not delivery.conditional else None


def _settled(source: Source, ledger: Ledger) -> RunReport | None:
    """The harvest whose list is what the store has; None if what came after it may have changed that."""
    last = ledger.runs.get(ledger.cursors.in_store(source.id))
    return last if last is not None and last.state in WHOLE_RUNS else None


def _open(source: Source, shop: Workshop, progress: Progress, asked: Asked) -> _Run:
    started = shop.clock()
    partner = PartnerRow(source.partner.slug, source.partner.name, source.partner.url)
    row = SourceRow(source.id, partner.slug, source.name, source.url, source.licence, source.version)
    shop.merger.declare(partner, row, source.lang)
    runs = shop.ledger.runs
    if asked.queued is None:
        name = runs.start(source.id, partner.slug, started, os.getpid(), source.version, asked.kind, asked.of)
    else:
        name = asked.queued
        asked.confirmed = asked.confirmed or bool(runs.options(name).get("confirm_absent"))
        runs.take(name, started, os.getpid(), source.version)
    report = RunReport(
        name, source.id, partner.slug, RunState.RUNNING, started, None, Counts(),
        mapping_version=source.version, kind=asked.kind, of=asked.of,
    )  # fmt: skip
    site = Site(name, source.version, shop.ledger, shop.merger, shop.follow, shop.stop)
    return _Run(report, source, shop, site, Account(), progress)


def _frame(run: _Run) -> Frame:
    settings = run.shop.settings
    stamp = RunStamp(f"{settings.base_url}/runs/{run.report.run}", to_seconds(run.report.started))
    return Frame(settings, run.shop.vocabulary, run.report.started, stamp)


def _take(run: _Run, delivery: Delivery, known: Known) -> RunReport:
    """Plan over a delivery, and apply the plan; if reading breaks off, what was read may still update.

    The plan waits on disk until the guard has judged the whole of it. A first harvest has nothing to lose: its records
    are applied as they come, while later ones are still being mapped.
    """
    ledger = run.shop.ledger
    ledger.runs.note(run.report.run, input_sha256=run.report.input_sha256)
    if not delivery.pushed:
        ledger.cursors.set_in_store(run.source.id, "")
    spool: Spool[Planned] = Spool(run.shop.settings.data_dir / "plans")
    ready: list[Planned] = []
    put = spool.put if known.live else ready.append
    read, unkept = 0, False

    def take(planned: Planned) -> None:
        nonlocal read, unkept
        read += planned.outcome.rows
        unkept = unkept or _may_be_forgotten(planned, known)
        if planned.writes:
            put(planned)
        if read % 1000 < planned.outcome.rows:
            ledger.findings.add(run.report.run, run.account.drain())
            run.progress("plan" if known.live else "harvest", read, None)
        if len(ready) >= BATCH:
            apply(run.site, [ready], known.states, frozenset(), lambda _done: None)
            ready.clear()

    try:
        plan = prepare(run.source, delivery, known, _frame(run), run.account, take)
        report = _apply(run, plan, known, spool.batches(BATCH) if known.live else [ready])
        unkept = unkept or (known.forgetful and plan.state in {RunState.INCOMPLETE, RunState.FAILED})
    except (PartnerError, ConfigError):
        unkept = known.forgetful
        raise
    except Stopped:
        unkept = False  # the next start reads these bytes once more
        raise
    finally:
        spool.close()
        if unkept:
            ledger.bodies.forget(run.source.id)
    return report


def _may_be_forgotten(planned: Planned, known: Known) -> bool:
    """Whether a row may hold what a person asked to have erased: then the feed is not kept beyond the run."""
    outcome = planned.outcome
    return outcome.excluded == FORGOTTEN or (known.forgetful and outcome.key is None)


def _apply(run: _Run, plan: Plan, known: Known, batches: Iterable[Sequence[Planned]]) -> RunReport:
    """Apply a plan: first what came, then what is gone for long enough."""
    run.shop.ledger.cursors.set_waiting(run.source.id, plan.holds)  # it holds, too, if the run is cut from here on
    total = plan.counts.read
    apply(run.site, batches, known.states, plan.withheld, lambda done: run.progress("harvest", done, total))
    if plan.misses is not None:
        note_absences(run.site, plan.misses, known.states)
        run.whole = True
    gone = Reason.PARTNER if known.confirmed else Reason.ABSENT  # what a person has confirmed is no loss
    withdraw(run.site, [known.states[key] for key in plan.due], gone)
    return replace(run.report, state=plan.state, counts=plan.counts, holds=plan.holds, message=plan.message)


def _finish(run: _Run, report: RunReport) -> RunReport:
    ledger = run.shop.ledger
    ledger.findings.add(report.run, [*run.account.drain(), *run.account.hints()])
    live = ledger.records.present(report.source)
    report = replace(report, ended=run.shop.clock(), findings=run.account.all(), live=live)
    run.shop.merger.finish(report, run.whole)
    return report


def erase_records(shop: Workshop, index: Callable[[], None] = lambda: None, let_go: float = LET_GO) -> int:
    """Erase the records that people have asked for, for good and from all files; return how many there were.

    ``index`` makes the search index anew. Raises EngineUnavailable.
    """
    return erase_asked(Site("", "", shop.ledger, shop.merger, shop.follow, shop.stop), index, let_go)
