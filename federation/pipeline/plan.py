"""Decides what to do with each row of a feed, given what is known of its record. Pure: it reads and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

from federation.model import Counts, Finding, Outcome, Part, Reason, RunState, Severity, Tier

WHOLE = frozenset({RunState.SUCCEEDED, RunState.WITH_REJECTS})
"""The states of a run that has seen the whole list, so that silence on a record says something."""

FORGOTTEN = "forgotten"
"""Why a row is left out whose record a person asked to have removed for good: nothing of it is kept, not even remarks.
"""

_IN_STORE = frozenset({"live", "held", "missing"})


class Known(Protocol):
    """What planning needs of a record's known state (ledger/records.py, RecordState)."""

    @property
    def digest(self) -> str: ...
    @property
    def raw_hash(self) -> str: ...
    @property
    def row_hash(self) -> str: ...
    @property
    def mapping_version(self) -> str: ...
    @property
    def tier(self) -> str | None: ...
    @property
    def state(self) -> str: ...


class Step(Enum):
    """What to do with one row."""

    NEW = "new"  # write it; it was never here, or had been withdrawn
    CHANGED = "changed"  # replace its graph
    UNCHANGED = "unchanged"  # leave its graph
    HELD = "held"  # refused: its last good version stays
    REJECTED = "rejected"  # refused, and nothing of it is in the store
    EXCLUDED = "excluded"  # left out on purpose


@dataclass(frozen=True, slots=True)
class Planned:
    """One row and what to do with it. ``outcome`` is the given one, with a finding added if planning refused it.

    ``retiered``: an unchanged record meets another tier than before. ``noted``: nothing to write in the graph, but
    its state in the ledger is out of date (it came back, was accepted again, or its hashes are older). ``closing``: the
    record may not be public any more, and why; what the store has of it is to be withdrawn. ``kept``: what the ledger
    is to keep of it beside its graph, if that alone is news.
    """

    outcome: Outcome
    step: Step
    retiered: bool = False
    noted: bool = False
    closing: Reason | None = None
    kept: Mapping[str, Any] | None = None

    @property
    def part(self) -> Part | None:
        """The part of the plan it belongs to, if the guard may withhold that. What a partner closes, it never may."""
        if self.closing is not None:
            return Part.DELETES if self.closing is Reason.EXPLICIT else None
        return _PARTS.get(self.step)

    @property
    def writes(self) -> bool:
        """Whether anything is to be written for it, in the store or in the ledger."""
        told = self.retiered or self.noted or self.closing is not None or self.kept is not None
        return self.step in _PARTS or told


_PARTS = {Step.NEW: Part.NEW, Step.CHANGED: Part.CHANGES}


class Planner:
    """Plans one run of one source, row by row, and keeps its account.

    ``states`` are the known records of the source by key; ``elsewhere`` the keys that other sources of the partner
    own; ``mapping_version`` that of this run; ``is_forgotten`` says of a key that a person asked for its record to be
    removed for good; ``verbatim``: a record is kept to the byte, so that its raw hash decides too.
    """

    def __init__(
        self,
        states: Mapping[str, Known],
        mapping_version: str,
        elsewhere: Container[str] = frozenset(),
        is_forgotten: Callable[[str], bool] = lambda _key: False,
        verbatim: bool = False,
    ) -> None:
        self._states = states
        self._mapping_version = mapping_version
        self._elsewhere = elsewhere
        self._is_forgotten = is_forgotten
        self._verbatim = verbatim
        self._seen: set[str] = set()
        self._accepted: set[str] = set()
        self._tally: Counter[str] = Counter()
        self.newly_held = 0  # live records that this run refuses for the first time
        self.deletes: list[str] = []  # keys of the records that the feed asks to delete
        self.closed = 0  # records that may not be public any more

    @property
    def explicit(self) -> int:
        """How many records the feed asks to delete."""
        return len(self.deletes)

    def plan(self, outcomes: Iterable[Outcome]) -> Iterator[Planned]:
        """Plan rows as they come."""
        return map(self.step, outcomes)

    def step(self, outcome: Outcome) -> Planned:
        """Plan one row and count it."""
        planned = self._without(outcome) or self._closed(outcome) or self._decide(outcome)
        self._count(planned)
        return planned

    def missing(self) -> list[str]:
        """The keys in the store that no row of the run had, in order. Only a whole list says anything by silence."""
        return sorted(key for key, known in self._states.items() if known.state in _IN_STORE and key not in self._seen)

    def counts(self, whole: bool) -> Counts:
        """The account so far; ``missing`` stays 0 unless the list was ``whole``."""
        return Counts(**self._tally, missing=len(self.missing()) if whole else 0)

    def _without(self, outcome: Outcome) -> Planned | None:
        """Leave out a record that a person asked to have removed for good; None for any other."""
        if outcome.key is None or not self._is_forgotten(outcome.key):
            return None
        left = replace(outcome, record=None, tier=None, findings=(), excluded=FORGOTTEN, closing=None)
        return Planned(left, Step.EXCLUDED)

    def _closed(self, outcome: Outcome) -> Planned | None:
        """Withdraw a record that its partner has closed; None if the row says no such thing."""
        key = outcome.key
        if key is None or key in self._accepted or outcome.closing is None:
            return None
        self._seen.add(key)
        self._accepted.add(key)  # no further row of this key opens it again
        known = self._states.get(key)
        step = Step.REJECTED if outcome.excluded is None else Step.EXCLUDED
        present = known is not None and known.state in _IN_STORE
        return Planned(outcome, step, closing=outcome.closing if present else None)

    def _decide(self, outcome: Outcome) -> Planned:
        record = outcome.record
        if outcome.excluded is not None:
            return Planned(outcome, Step.EXCLUDED)
        key = outcome.key if record is None else record.key
        known = None if key is None else self._states.get(key)
        if record is None and known is not None and _was_skipped(outcome, known):
            return self._skip(outcome, known)
        if record is None or outcome.tier is None:
            return self._refused(outcome, key, known)
        if record.key in self._accepted:
            return Planned(_refuse(outcome, _repeated(outcome, record.key)), Step.REJECTED)
        if record.key in self._elsewhere:
            return Planned(_refuse(outcome, _owned(outcome, record.key)), Step.REJECTED)
        self._seen.add(record.key)
        self._accepted.add(record.key)
        if known is None or known.state not in _IN_STORE:
            return Planned(outcome, Step.NEW)
        if known.digest != record.digest or (self._verbatim and known.raw_hash != record.raw_hash):
            return Planned(outcome, Step.CHANGED)
        version = (known.row_hash, known.raw_hash, known.mapping_version)
        noted = known.state != "live" or version != (record.row_hash, record.raw_hash, self._mapping_version)
        return Planned(outcome, Step.UNCHANGED, known.tier != outcome.tier.value, noted)

    def _skip(self, outcome: Outcome, known: Known) -> Planned:
        key = str(outcome.key)
        if key in self._accepted:
            return Planned(_refuse(outcome, _repeated(outcome, key)), Step.REJECTED)
        self._seen.add(key)
        self._accepted.add(key)
        noted = known.row_hash != outcome.row_hash
        return Planned(replace(outcome, tier=Tier(known.tier)), Step.UNCHANGED, noted=noted)

    def _refused(self, outcome: Outcome, key: str | None, known: Known | None) -> Planned:
        if key is not None:
            self._seen.add(key)
        if known is None or known.state not in _IN_STORE or key in self._accepted:
            return Planned(outcome, Step.REJECTED)
        newly = known.state != "held"
        self.newly_held += newly
        return Planned(outcome, Step.HELD, noted=newly)

    def _count(self, planned: Planned) -> None:
        outcome, step = planned.outcome, planned.step
        if planned.closing is Reason.EXPLICIT:
            self.deletes.append(str(outcome.key))
        elif planned.closing is not None:
            self.closed += 1
        self._tally["read"] += outcome.rows
        self._tally["merged"] += outcome.rows - 1
        self._tally[step.value] += 1
        if step in {Step.NEW, Step.CHANGED, Step.UNCHANGED} and outcome.tier is not None:
            self._tally["accepted"] += 1
            self._tally[outcome.tier.value] += 1


def _was_skipped(outcome: Outcome, known: Known) -> bool:
    """Say whether the row was not even mapped, for it still has the raw hash of its live record."""
    return known.state == "live" and not outcome.findings and outcome.raw_hash == known.raw_hash


def end_state(counts: Counts, whole: bool) -> RunState:
    """The state in which a run ends that could read its feed.

    A feed without a single row fails: it is far more often an accident than a partner who withdraws everything.
    """
    if not counts.read:
        return RunState.FAILED
    if not whole:
        return RunState.INCOMPLETE
    return RunState.WITH_REJECTS if counts.rejected or counts.held else RunState.SUCCEEDED


def imbalance(counts: Counts) -> int:
    """Rows that an account lost (positive) or made up (negative); 0 when every row is in exactly one place.

    Checks also that accepted records are the sum of new, changed and unchanged ones, and of the three tiers.
    """
    accepted = counts.new + counts.changed + counts.unchanged
    tiers = counts.essential + counts.basic + counts.full
    if accepted != counts.accepted or tiers != counts.accepted:
        return (accepted - counts.accepted) or (tiers - counts.accepted)
    return counts.read - (counts.accepted + counts.held + counts.rejected + counts.excluded + counts.merged)


def _refuse(outcome: Outcome, finding: Finding) -> Outcome:
    return replace(outcome, record=None, tier=None, findings=(*outcome.findings, finding))


def _repeated(outcome: Outcome, key: str) -> Finding:
    return Finding(
        rule="key-repeated",
        severity=Severity.VIOLATION,
        where=outcome.where,
        term="identifier",
        value=key[:200],
        message={
            "fr": f"L'identifiant « {key} » a déjà servi plus haut dans ce flux : cette fiche est écartée. "
            "Donnez à chaque fiche son identifiant, ou déclarez `repeat` si ses lignes n'en forment qu'une.",
            "en": f"The identifier “{key}” was used earlier in this feed: this record is left out. "
            "Give each record its own, or declare `repeat` if its rows make one record.",
        },
    )


def _owned(outcome: Outcome, key: str) -> Finding:
    return Finding(
        rule="key-owned-elsewhere",
        severity=Severity.VIOLATION,
        where=outcome.where,
        term="identifier",
        value=key[:200],
        message={
            "fr": f"L'identifiant « {key} » appartient à une autre source du partenaire : cette fiche est écartée. "
            'Distinguez les deux numérotations dans le fichier de la source, par un gabarit : [records] id = "b-{n°}".',
            "en": f"The identifier “{key}” belongs to another source of the same partner: this record is left out. "
            'Set the two numberings apart in the source file, by a template: [records] id = "b-{n°}".',
        },
    )
