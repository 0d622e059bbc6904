"""Applies a plan: what the guard does not withhold, in batches, new and changed records first, then withdrawals.

Between two batches a run may stop; what it has applied stays, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from federation.ledger import Ledger
from federation.ledger.records import RecordState, RecordStatus
from federation.ledger.times import to_text
from federation.model import Action, Part, Reason
from federation.pipeline.absence import Miss
from federation.pipeline.collector import tidy
from federation.pipeline.merge import AppliedBatch, Item, Merger, removal
from federation.pipeline.plan import Planned, Step

BATCH = 2500  # records per transaction: large enough to be fast, small enough to be soon visible and light in memory


class Stopped(Exception):
    """The process is to end. What was applied so far stays."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run writes: ``mapping_version`` goes into the states of what it writes; ``stop`` says when to leave."""

    run: str
    mapping_version: str
    ledger: Ledger
    merger: Merger
    follow: Callable[[AppliedBatch], None]
    stop: Callable[[], bool]


def apply(
    site: Site,
    batches: Iterable[Sequence[Planned]],
    states: Mapping[str, RecordState],
    withheld: frozenset[Part],
    progress: Callable[[int], None],
) -> None:
    """Apply what was planned, but for the parts withheld. Raises EngineUnavailable, Stopped."""
    done = 0
    for batch in batches:
        _leave_if_asked(site)
        chosen = [planned for planned in batch if planned.part not in withheld]
        notes = [_noted(site, states, planned) for planned in chosen if planned.noted and not planned.retiered]
        notes += _returned(site, states, batch, withheld)
        if notes:
            site.ledger.records.note(notes)
        site.ledger.records.restrict({**_kept(states, chosen), **_restricted(chosen)})
        write(site, [item for planned in chosen if (item := _item(states, planned)) is not None])
        done += len(batch)
        progress(done)


def withdraw(site: Site, states: Iterable[RecordState], reason: Reason) -> None:
    """Withdraw records, whatever their feed says. Raises EngineUnavailable, Stopped."""
    for part in parts(states, BATCH):
        _leave_if_asked(site)
        write(site, [removal(state, reason) for state in part])


def write(site: Site, items: Sequence[Item]) -> None:
    """Write one batch, and tell the index. Raises EngineUnavailable."""
    if items:
        site.follow(site.merger.apply(site.run, site.mapping_version, items))
        tidy()


def note_absences(site: Site, misses: Iterable[Miss], states: Mapping[str, RecordState]) -> None:
    """Note how often records were missing."""
    noted = [
        states[miss.key]._replace(
            state=RecordStatus.MISSING.value,
            misses=miss.misses,
            missing_since=to_text(miss.since),
            missed_at=to_text(miss.counted),
        )
        for miss in misses
    ]
    for part in parts(noted, BATCH):
        site.ledger.records.note(part)


def parts(items: Iterable[RecordState], size: int) -> Iterator[list[RecordState]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _leave_if_asked(site: Site) -> None:
    if site.stop():
        raise Stopped


def _noted(site: Site, states: Mapping[str, RecordState], planned: Planned) -> RecordState:
    """The state of a record whose graph stays as it is: held back, or live with the hashes of this run."""
    outcome = planned.outcome
    state = states[str(outcome.key if outcome.record is None else outcome.record.key)]
    state = state._replace(last_run=site.run, misses=0, missing_since=None, missed_at=None)
    if planned.step is Step.HELD:
        return state._replace(state=RecordStatus.HELD.value)
    if outcome.record is None:  # not even mapped: only what its mapping does not read has changed
        return state._replace(row_hash=outcome.row_hash)
    return state._replace(
        state=RecordStatus.LIVE.value,
        raw_hash=outcome.record.raw_hash,
        row_hash=outcome.record.row_hash,
        mapping_version=site.mapping_version,
    )


def _returned(
    site: Site, states: Mapping[str, RecordState], batch: Iterable[Planned], withheld: frozenset[Part]
) -> list[RecordState]:
    """The states of records that were missing and are back: not absent, though what they say now is withheld."""
    if Part.CHANGES not in withheld:
        return []
    changed = [planned.outcome.record for planned in batch if planned.step is Step.CHANGED]
    known = [states[record.key] for record in changed if record is not None]
    live = RecordStatus.LIVE.value
    return [
        state._replace(state=live, last_run=site.run, misses=0, missing_since=None, missed_at=None)
        for state in known
        if state.state == RecordStatus.MISSING
    ]


def _restricted(chosen: Iterable[Planned]) -> dict[str, Mapping[str, Any]]:
    """The fields that are not open data, of records whose graph stays as it is: merge sees only the others."""
    records = (planned.outcome.record for planned in chosen if planned.noted and not planned.retiered)
    return {record.iri: record.restricted for record in records if record is not None}


def _kept(states: Mapping[str, RecordState], chosen: Iterable[Planned]) -> dict[str, Mapping[str, Any]]:
    """What is to be kept beside the graphs of records that nothing else is written of."""
    found = ((planned.outcome, planned.kept) for planned in chosen if planned.kept is not None and not planned.closing)
    return {
        states[str(outcome.key if outcome.record is None else outcome.record.key)].record: kept
        for outcome, kept in found
    }


def _item(states: Mapping[str, RecordState], planned: Planned) -> Item | None:
    record, tier = planned.outcome.record, planned.outcome.tier
    if planned.closing is not None:
        gone = removal(states[str(planned.outcome.key)], planned.closing)
        return replace(gone, record=replace(gone.record, restricted=planned.kept or {}))
    if record is None or tier is None:
        return None
    if planned.step is Step.NEW:
        return Item(Action.CREATE, record, tier)
    if planned.step is Step.CHANGED or planned.retiered:
        return Item(Action.UPDATE, record, tier)
    return None
