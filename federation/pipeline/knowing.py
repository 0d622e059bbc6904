"""What a run must know of a source before it plans: all its records, or those that a push speaks of.

It reads the ledger, and never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from federation.ledger import Ledger
from federation.ledger.approvals import hashed
from federation.ledger.records import RecordState
from federation.ledger.times import to_text
from federation.model import Reason, RunState
from federation.pipeline.mapping import home_of
from federation.pipeline.prepare import Known
from federation.pipeline.sources import Source

REMEMBERED = timedelta(days=30)  # how far back the guard looks
BURST = timedelta(days=1)  # deletes that were pushed within it are judged together, in however many runs they came

WHOLE_RUNS = (RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED)

Graphs = Callable[[list[str]], Mapping[str, str]]


def known_of(source: Source, ledger: Ledger, graphs: Graphs, now: datetime, confirmed: bool = False) -> Known:
    """What a run must know of a source before it plans. ``graphs`` gives the content of records by their IRIs."""
    settled = max(now - REMEMBERED, ledger.approvals.losses_counted_from(source.id, now) or now - REMEMBERED)
    forgotten = ledger.forgotten.all()
    partner = source.partner.slug
    return Known(
        states=ledger.records.states(source.id),
        elsewhere=ledger.records.keys_elsewhere(partner, source.id),
        forgetful=ledger.erasures.of_partner(partner),
        is_forgotten=lambda key: bool(forgotten) and hashed(partner, key) in forgotten,
        live=_highest_live(source.id, ledger, now),
        gone=ledger.records.withdrawn_since(source.id, to_text(settled), Reason.ABSENT.value),
        ceilings=ledger.approvals.ceilings(source.id, now),
        waiting=ledger.cursors.waiting(source.id),
        confirmed=confirmed,
        graphs=graphs,
        restricted=ledger.records.restrictions,
    )


def _highest_live(source: str, ledger: Ledger, now: datetime) -> int:
    """How many records there are, or were lately: since a person agreed to fewer, or had a run undone.

    0 until a harvest has gone to its end: what one has brought that was cut short is no measure for the rest of it.
    """
    if ledger.runs.last(source, (*WHOLE_RUNS, RunState.HELD)) is None:
        return 0
    since = max(now - REMEMBERED, ledger.runs.last_undo(source) or now - REMEMBERED)
    given, until = ledger.approvals.fewer(source) or (since, since)
    highest = ledger.runs.highest_live(source, max(since, given), max(since, until))
    return max(highest, ledger.records.present(source))


class _Asked(Mapping[str, RecordState]):
    """The states of the records of a source that a push speaks of, read as they are asked for."""

    def __init__(self, source: Source, base_url: str, ledger: Ledger) -> None:
        self._source, self._start, self._ledger = source.id, home_of(source, base_url), ledger
        self._known: dict[str, RecordState | None] = {}

    def ask(self, keys: Iterable[str]) -> None:
        """Read what is known under these keys, all at once."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._known]
        if wanted:
            found = self._ledger.records.get(self._start + key for key in wanted)
            self._known.update({key: found.get(self._start + key) for key in wanted})

    def elsewhere(self, key: str) -> bool:
        """Whether another source of the partner owns a key."""
        self.ask([key])
        state = self._known[key]
        return state is not None and state.source != self._source

    def __getitem__(self, key: str) -> RecordState:
        self.ask([key])
        state = self._known[key]
        if state is None or state.source != self._source:
            raise KeyError(key)
        return state

    def __iter__(self) -> Iterator[str]:
        return (key for key, state in self._known.items() if state is not None and state.source == self._source)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Elsewhere:
    """The keys that other sources of the partner own, of those asked for."""

    def __init__(self, states: _Asked) -> None:
        self._states = states

    def __contains__(self, key: object) -> bool:
        return self._states.elsewhere(str(key))


def known_of_pushed(source: Source, base_url: str, ledger: Ledger, now: datetime) -> Known:
    """What a run over a push must know: of its own records only, whatever else the source has.

    The guard judges its deletes together with those of the last day, or a burst would come in small pieces. A first
    push too is one, in however many runs it comes within a day: it has nothing to lose.
    """
    states = _Asked(source, base_url, ledger)
    forgotten = ledger.forgotten.all()
    partner = source.partner.slug
    deleted = ledger.records.withdrawn_since(source.id, to_text(now - BURST), Reason.EXPLICIT.value)
    return Known(
        states=states,
        ask=states.ask,
        elsewhere=_Elsewhere(states),
        forgetful=ledger.erasures.of_partner(partner),
        is_forgotten=lambda key: bool(forgotten) and hashed(partner, key) in forgotten,
        live=ledger.records.present(source.id) + len(deleted),
        deleted=deleted,
        begins=lambda: not ledger.records.any_before(source.id, to_text(now - BURST)),
        ceilings=ledger.approvals.ceilings(source.id, now),
        waiting=ledger.cursors.waiting(source.id),
        restricted=ledger.records.restrictions,
    )
