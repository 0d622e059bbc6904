"""How a source stands after each of its runs, and when that changed: for news feeds, badges and notices.

Pure. Must never tell a partner the same twice: only a change of standing is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeVar

from federation.model import Counts, RunKind, RunState, Text


class Standing(Enum):
    """What a run means to those who wait for it, from good to bad."""

    ONLINE = "online"
    REJECTS = "rejects"
    HELD = "held"
    FAILING = "failing"


STANDINGS: Mapping[Standing, Text] = {
    Standing.ONLINE: {"fr": "en ligne", "en": "online"},
    Standing.REJECTS: {"fr": "en ligne, des fiches sont refusées", "en": "online, some records are refused"},
    Standing.HELD: {"fr": "en attente d'un accord", "en": "waiting for approval"},
    Standing.FAILING: {"fr": "la dernière moisson a échoué", "en": "the last harvest failed"},
}
_ORDER = list(Standing)


class Ended(Protocol):
    """What is needed of a run."""

    @property
    def source(self) -> str: ...
    @property
    def state(self) -> RunState: ...
    @property
    def kind(self) -> RunKind: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def ended(self) -> datetime | None: ...


T = TypeVar("T", bound=Ended)


def standing(run: Ended) -> Standing | None:
    """How the source stands after a run; None if the run says nothing of it (under way, abandoned by us, an undo)."""
    if run.kind not in {RunKind.HARVEST, RunKind.REPLAY}:
        return None
    if run.state in {RunState.FAILED, RunState.INCOMPLETE}:
        return Standing.FAILING
    if run.state is RunState.HELD:
        return Standing.HELD
    if run.state in {RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED}:
        return Standing.REJECTS if run.counts.rejected or run.counts.held else Standing.ONLINE
    return None


@dataclass(frozen=True, slots=True)
class Turn(Generic[T]):
    """A run after which a source stands otherwise than before; ``before`` is None for its first run."""

    run: T
    now: Standing
    before: Standing | None


def turns(newest_first: Sequence[T]) -> list[Turn[T]]:
    """The runs that changed how their source stands, newest first. The oldest run of each source counts as one."""
    last: dict[str, Standing] = {}
    found = []
    for run in reversed(newest_first):
        now = standing(run)
        if now is None:
            continue
        before = last.get(run.source)
        if now is not before:
            found.append(Turn(run, now, before))
        last[run.source] = now
    return found[::-1]


def worst(newest_first: Iterable[Ended]) -> Standing | None:
    """How a partner stands: as its source that stands worst; None before the first run."""
    last: dict[str, Standing] = {}
    for run in newest_first:
        now = standing(run)
        if now is not None:
            last.setdefault(run.source, now)
    return max(last.values(), key=_ORDER.index, default=None)
