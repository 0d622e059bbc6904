"""Where orders are left for whoever writes, and where what became of them is read. Must never carry one out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from federation.ledger import Ledger
from federation.ledger.runs import ENDED, Order
from federation.model import RunReport
from federation.pipeline.sources import Source

WORKER = "worker"  # the fact of the ledger that names the process whose worker is at it


class Desk:
    """The queue of runs, from the side of who asks. Safe for threads and processes."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger, self._clock = ledger, clock

    def order(self, source: Source, order: Order | None = None) -> str:
        """Ask for a run of a source, known to the ledger or not; give its name."""
        return self._ledger.runs.queue(source.id, source.partner.slug, self._clock(), order or Order())

    def account(self, run: str) -> RunReport | None:
        """What has become of a run; once it has ended, with its findings. None if there is none of that name."""
        report = self._ledger.runs.get(run)
        if report is None or report.state not in ENDED:
            return report
        return replace(report, findings=tuple(self._ledger.findings.of_run(run)))

    def progress(self, run: str) -> Mapping[str, Any]:
        """How far a running run is: ``stage``, ``done``, ``total``; empty if nothing is known."""
        return self._ledger.runs.progress(run)

    def erase(self, record: str) -> None:
        """Ask that a record be erased, at a person's request."""
        self._ledger.erasures.ask(record)

    def erased(self, record: str) -> bool:
        """Whether no order to erase a record waits any more, and no files are left to be cleaned."""
        return not self._ledger.erasures.waits(record)

    def worker(self) -> str:
        """The number of the process whose worker takes orders, as its last sign of life says; empty if there is none.

        One that was killed has left its number: it only counts while that process writes to the instance.
        """
        return self._ledger.cursors.fact(WORKER) or ""
