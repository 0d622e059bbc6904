"""The nouns of the worker: what it asks of others, what it has to do, what was brought. Must never do anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol

from federation.errors import CarrefourError, ConfigError
from federation.ledger.runs import Order
from federation.model import RunKind, RunReport, Text
from federation.pipeline.fetch import Delivery
from federation.pipeline.sources import Source

Progress = Callable[[str, int, int | None], None]


class Writing(Protocol):
    """What the worker asks of whoever writes."""

    def fetch(self, source: Source) -> Delivery:
        """Bring what a source has. Writes nothing; from any thread. Raises PartnerError, PeerError, ConfigError."""

    def harvest(
        self,
        source: Source,
        progress: Progress,
        delivery: Delivery | CarrefourError | None = None,
        queued: str | None = None,
    ) -> RunReport:
        """Take a delivery into the graph, or account for the error that came instead; as the queued run, if any."""

    def carry_out(self, order: Order, progress: Progress, queued: str | None = None) -> RunReport:
        """Replay, undo or retire: what needs no fetch."""

    def erase(self) -> int:
        """Erase the records that people have asked for; how many there were. Never during a run."""

    def prune(self) -> None:
        """Forget what has been kept for long enough. Never during a run."""


class Shelf(Protocol):
    """The source files of the instance."""

    def all(self) -> Mapping[str, Source | ConfigError]:
        """Every source by id, or the fault of its file."""

    def one(self, source: str) -> Source:
        """One source as its file says now. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks at the queue, looks at what is due, and notes of progress; threads that fetch; the zone of
    the nightly slots.
    """

    zone: tzinfo
    threads: int = 8
    poll: float = 1.0
    look: float = 15.0
    beat: float = 1.0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whoever wants to know: of a run that has ended, and of what else is to be said."""

    ended: Callable[[RunReport], None]
    said: Callable[[Text], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do: an order of somebody (``run`` names it in the queue), or a source that is due since ``slot``."""

    source: str
    order: Order = field(default_factory=Order)
    run: str | None = None
    slot: datetime | None = None

    @property
    def fetches(self) -> bool:
        """Say whether something must be fetched for it."""
        return self.order.kind is RunKind.HARVEST


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a fetch has brought: a delivery, or why there is none."""

    job: Job
    source: Source
    brought: Delivery | CarrefourError
