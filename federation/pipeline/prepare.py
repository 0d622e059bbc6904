"""From a visit to a plan: read → map + validate → plan → guard. Harvest and preview share it.

It writes nothing: what is to be applied is handed over item by item, and what is withheld is said at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from federation.errors import CarrefourError, ConfigError, PartnerError, PeerError
from federation.ledger.findings import DELETE_HELD
from federation.ledger.records import RecordState, RecordStatus
from federation.model import Counts, Finding, Hold, Outcome, Part, RawRecord, Rule, RunState, Severity, Text
from federation.pipeline.absence import Grace, Miss, count
from federation.pipeline.account import Account
from federation.pipeline.assess import assess
from federation.pipeline.fetch import Delivery
from federation.pipeline.guard import Figures, Thresholds, judge, withheld
from federation.pipeline.intake import open_feed, readable
from federation.pipeline.mapping import Columns, RunStamp, unquoted
from federation.pipeline.plan import WHOLE, Planned, Planner, Step, end_state
from federation.pipeline.readers import Reading
from federation.pipeline.renaming import Likeness, likeness, matches
from federation.pipeline.sources import Coverage, Source
from federation.pipeline.timely import Timely
from federation.settings import Settings
from federation.vocabulary import Vocabulary

_LARGE = 5_000_000  # bytes of a visit that surely takes worker processes
_COMPARED = 5_000
"""New and missing records that are compared at most, to see whether ids have changed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a source before a run.

    ``states`` by the partner's key; ``elsewhere``: keys that other sources of the partner own; ``live`` and ``gone``
    as the guard wants them (see Figures; ``gone``: the keys of those withdrawn lately for absence); ``ceilings`` and
    ``confirmed`` are a person's approval, ``waiting`` the limits of what waits for one; ``graphs`` gives the content of
    records by their IRIs. ``replayed``: the list is an old one, so that silence on a record says nothing of what the
    partner lists now. ``ask`` reads the states of some keys, where ``states`` are read as they are needed; ``deleted``
    are those withdrawn lately because a push said so; ``begins`` says whether a first push is still coming in;
    ``restricted`` gives what else is kept of records, by their IRIs.
    ``forgetful``: a record of the partner was erased at a person's request; ``is_forgotten`` says of
    which keys.
    """

    states: Mapping[str, RecordState] = field(default_factory=dict)
    elsewhere: Container[str] = frozenset()
    is_forgotten: Callable[[str], bool] = lambda _key: False
    forgetful: bool = False
    live: int = 0
    gone: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    begins: Callable[[], bool] = lambda: False
    ceilings: Mapping[Rule, int] = field(default_factory=dict)
    waiting: Mapping[Rule, int] = field(default_factory=dict)
    confirmed: bool = False
    replayed: bool = False
    graphs: Callable[[list[str]], Mapping[str, str]] = lambda _records: {}
    ask: Callable[[list[str]], None] = lambda _keys: None
    restricted: Callable[[list[str]], Mapping[str, Mapping[str, Any]]] = lambda _records: {}


@dataclass(frozen=True, slots=True)
class Frame:
    """The circumstances of a run: what it works with, when, and the name it writes into records."""

    settings: Settings
    vocabulary: Vocabulary
    now: datetime
    stamp: RunStamp
    thresholds: Thresholds = field(default_factory=Thresholds)
    grace: Grace = field(default_factory=Grace)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, but for the items handed over. ``misses``: absences to note; None if silence says nothing."""

    state: RunState
    counts: Counts
    holds: tuple[Hold, ...]
    withheld: frozenset[Part]
    misses: tuple[Miss, ...] | None
    message: str | None = None

    @property
    def due(self) -> list[str]:
        """The keys of the records to withdraw for absence."""
        if self.misses is None or Part.WITHDRAWALS in self.withheld:
            return []
        return [miss.key for miss in self.misses if miss.due]


def prepare(
    source: Source,
    delivery: Delivery,
    known: Known,
    frame: Frame,
    account: Account,
    take: Callable[[Planned], None],
) -> Plan:
    """Plan a run over what a visit brought. ``take`` gets every row as planned, in order; findings go to ``account``.

    If reading breaks off after some rows, these count, and the run is incomplete. Raises PartnerError, ConfigError (the
    feed cannot be read at all), EngineUnavailable.
    """
    planner = Planner(known.states, source.version, known.elsewhere, known.is_forgotten, source.is_verbatim)
    columns = Columns(source)
    broken: list[Outcome] = []
    opened: list[Reading] = []
    settings = frame.settings
    timely = Timely(source, settings.base_url, frame.now, known.states, known.ask, known.restricted, delivery.pushed)
    rows = columns.over(timely.over(_rows(source, delivery, frame, opened, broken), broken))
    large = not known.states and delivery.size > _LARGE and not delivery.pushed
    hashes = _Hashes(known.states, source.version)
    outcomes = assess(rows, source, settings.base_url, frame.stamp, hashes, settings.workers, large, delivery.pushed)
    fresh: list[Likeness] = []
    back = 0
    broke: CarrefourError | None = None
    try:
        for planned in planner.plan(chain(outcomes, _later(broken))):
            account.add(planned.outcome.where, _tellable(planned.outcome, known))
            record = planned.outcome.record
            if known.states and planned.step is Step.NEW and record is not None and len(fresh) < _COMPARED:
                fresh.append(likeness(record.iri, record.page, record.content))
            back += planned.step is Step.NEW and record is not None and record.key in known.gone
            take(timely.marked(planned))
    except (PartnerError, PeerError, ConfigError) as error:
        if not planner.counts(False).accepted:
            raise
        broke = error
        account.add("", [failure(error, source)])
    (reading,) = opened
    said = map(_wordless, reading.findings) if known.forgetful else reading.findings  # of the file: of anybody's row
    account.add("", [replace(found, where=found.where or source.id) for found in said])
    account.add("", columns.findings(source.id))
    whole = reading.whole and broke is None
    state = end_state(planner.counts(False), whole)
    listing = source.coverage is Coverage.COMPLETE and not delivery.conditional
    if state is RunState.FAILED and not listing:  # nothing new is no news
        well = RunState.UNCHANGED if delivery.conditional else RunState.SUCCEEDED
        state = well if whole else RunState.INCOMPLETE
    plan = _judged(listing, known, frame, planner, fresh, state, back)
    account.add("", _deletes_that_wait(planner, plan, known))
    return plan if broke is None else replace(plan, message=str(broke))


@dataclass(frozen=True, slots=True)
class _Hashes:
    """What live records were made of by the mapping as it is now: the hashes of row, and raw, by key."""

    states: Mapping[str, RecordState]
    version: str

    def get(self, key: str, /) -> tuple[str, str] | None:
        state = self.states.get(key)
        if state is None or state.state != RecordStatus.LIVE or state.mapping_version != self.version:
            return None
        return state.row_hash, state.raw_hash


def _rows(
    source: Source, delivery: Delivery, frame: Frame, opened: list[Reading], broken: list[Outcome]
) -> Iterator[RawRecord]:
    """The rows of a visit; its first body is opened when the first row is asked for, and then is in ``opened``."""
    reading = open_feed(source, delivery, frame.settings, frame.vocabulary)
    opened.append(reading)
    yield from readable(reading, broken)


def _deletes_that_wait(planner: Planner, plan: Plan, known: Known) -> list[Finding]:
    """One remark for each record that the feed asks to delete and that stays until a person has agreed."""
    keys = planner.deletes if Part.DELETES in plan.withheld else ()
    records = [known.states[key].record for key in keys]
    return [Finding(DELETE_HELD, Severity.INFO, _DELETE_HELD, where=record, record=record) for record in records]


_DELETE_HELD: Text = {
    "fr": "Le flux demande de retirer cette fiche : elle reste en ligne tant que personne n'a donné son accord.",
    "en": "The feed asks to delete this record: it stays online until a person has agreed.",
}


def _tellable(outcome: Outcome, known: Known) -> Iterable[Finding]:
    """The findings of a row; without its words if nobody knows whose it is, and somebody's record was erased."""
    if not known.forgetful or outcome.key is not None:
        return outcome.findings
    return map(_wordless, outcome.findings)


def _wordless(found: Finding) -> Finding:
    """A finding that quotes nothing of the row."""
    quoted = [text for text in (found.value, found.suggestion) if text]
    told = not any(text in message for message in found.message.values() for text in quoted)
    if told:
        return replace(found, value=None, suggestion=None)
    cause = unquoted(found.rule)
    message = _NOT_QUOTED if cause is None else {tag: f"{_capital(text)} {_WHY[tag]}" for tag, text in cause.items()}
    return replace(found, value=None, suggestion=None, message=message)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_WHY: Text = {
    "fr": "Cette ligne n'est pas citée ici : une fiche de ce partenaire a été effacée à la demande d'une personne, et "
    "rien ne dit que la ligne n'est pas la sienne.",
    "en": "This row is not quoted here: a record of this partner was erased on a person's request, and nothing says "
    "that the row is not that person's.",
}
_NOT_QUOTED: Text = {
    "fr": f"Cette ligne ne peut pas être lue : corrigez-la dans votre fichier. {_WHY['fr']}",
    "en": f"This row cannot be read: correct it in your file. {_WHY['en']}",
}


def failure(error: CarrefourError, source: Source) -> Finding:
    """What a failure tells the partner."""
    return Finding(getattr(error, "rule", "feed-unreadable"), Severity.VIOLATION, error.text, where=source.id)


def prepare_unchanged(counts: Counts, known: Known, frame: Frame, news_only: bool = False) -> Plan:
    """Plan a run over a feed that says what it said: what was missing is missing once more.

    ``counts``: of the run that took in what it says; ``news_only``: that run had asked for what is new, and none came.
    """
    missing = sorted(key for key, state in known.states.items() if state.state == RecordStatus.MISSING)
    read = max(counts.read, 1) if news_only else counts.read  # no news is no empty list
    gone = len(missing) + len(known.gone)
    figures = Figures(live=known.live, read=read, accepted=counts.accepted, gone=gone)
    holds = judge(figures, frame.thresholds, known.ceilings, known.waiting)
    counts = replace(counts, new=0, changed=0, unchanged=counts.accepted)
    if any(hold.rule is Rule.EMPTY for hold in holds):  # an empty list that nobody agrees to any more
        return Plan(RunState.HELD, replace(counts, missing=0, withdrawn=0), holds, withheld(holds), None)
    misses = tuple(count(missing, known.states, frame.now, frame.grace, known.confirmed))
    due = 0 if Part.WITHDRAWALS in withheld(holds) else sum(miss.due for miss in misses)
    # a loss that is only waiting for its time is no news: it was told when it was found
    state = RunState.HELD if holds and any(miss.due for miss in misses) else RunState.UNCHANGED
    counts = replace(counts, missing=len(misses), withdrawn=due)
    return Plan(state, counts, holds if state is RunState.HELD else (), withheld(holds), misses)


def _later(broken: list[Outcome]) -> Iterator[Outcome]:
    """What could not be read: known only when all rows have been."""
    yield from broken


def _judged(
    listing: bool,
    known: Known,
    frame: Frame,
    planner: Planner,
    fresh: list[Likeness],
    state: RunState,
    back: int,
) -> Plan:
    """Judge the whole of a plan. ``listing``: the feed lists all there is, so silence on a record says something.

    ``back``: records withdrawn lately that it brings again.
    """
    empty = state is RunState.FAILED  # no row at all
    whole = state in WHOLE and listing
    missing = planner.missing() if whole else []
    counts = planner.counts(whole)
    figures = Figures(
        live=known.live,
        read=_telling(counts, planner) if listing else max(counts.read, 1),
        accepted=counts.accepted,
        gone=len(missing) + len(known.gone) - back if whole and not known.replayed else 0,
        explicit=planner.explicit and planner.explicit + len(known.deleted),
        changed=counts.changed,
        rejected=planner.newly_held,
        new=0 if counts.new > frame.thresholds.new_least and known.begins() else counts.new,
        matched=_matched(known, counts, missing, fresh),
    )
    holds = judge(figures, frame.thresholds, known.ceilings, known.waiting)
    if empty and known.live and not holds:  # a person has confirmed that the list is empty
        missing, whole, state = planner.missing(), True, RunState.SUCCEEDED
    parts = withheld(holds)
    noted = whole and not known.replayed and not {Rule.EMPTY, Rule.RE_IDENTIFIED} & {hold.rule for hold in holds}
    misses = tuple(count(missing, known.states, frame.now, frame.grace, known.confirmed)) if noted else None
    plan = Plan(RunState.HELD if holds else state, counts, holds, parts, misses)
    withdrawn = len(plan.due) + (0 if Part.DELETES in parts else planner.explicit) + planner.closed
    return replace(plan, counts=replace(counts, missing=len(misses or ()), withdrawn=withdrawn))


def _telling(counts: Counts, planner: Planner) -> int:
    """The rows read, but 0 if they were all refused and none is of a known record: such a list says nothing."""
    refused_only = not (counts.accepted or counts.held or counts.excluded or planner.explicit or planner.closed)
    return 0 if refused_only else counts.read


def _matched(known: Known, counts: Counts, missing: list[str], fresh: list[Likeness]) -> int:
    if not missing or counts.new < counts.accepted / 2:
        return 0  # far from what the rule asks: the graphs need not be read
    records = {known.states[key].record: known.states[key].page or "" for key in missing[:_COMPARED]}
    graphs = known.graphs(list(records))
    return matches(fresh, [likeness(record, page, graphs.get(record, "")) for record, page in records.items()])
