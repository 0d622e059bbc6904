"""A worker's way to a writer that fetches for itself. Must never be needed once writers take deliveries."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Protocol

from federation.errors import CarrefourError, ConfigError
from federation.ledger import Ledger
from federation.ledger.runs import Order
from federation.model import RunReport, RunState
from federation.pipeline.fetch import Delivery
from federation.pipeline.intake import obtain
from federation.pipeline.sources import Source
from federation.pipeline.worker.jobs import Progress
from federation.settings import Settings


class _Writer(Protocol):
    def harvest(self, source: Source, progress: Progress) -> RunReport: ...


class Plain:
    """Fetches once to know that the server answers, then lets the writer fetch again."""

    def __init__(self, writer: _Writer, ledger: Ledger, settings: Settings) -> None:
        self._writer, self._ledger, self._settings = writer, ledger, settings

    def fetch(self, source: Source) -> Delivery:
        """See Writing."""
        return Delivery((obtain(source, self._settings, os.environ),))

    def harvest(
        self,
        source: Source,
        progress: Progress,
        delivery: Delivery | CarrefourError | None = None,  # noqa: ARG002
        queued: str | None = None,
    ) -> RunReport:
        """See Writing."""
        if queued is None:
            return self._writer.harvest(source, progress)
        order = self._ledger.runs.get(queued)
        if order is None or order.state is not RunState.QUEUED:
            raise ConfigError(f"The order {queued} is gone.", f"L'ordre {queued} n'existe plus.")
        report = replace(self._writer.harvest(source, progress), run=queued)
        self._ledger.findings.add(queued, report.findings)
        self._ledger.runs.finish(report)
        return report

    def carry_out(self, order: Order, progress: Progress, queued: str | None = None) -> RunReport:  # noqa: ARG002
        """See Writing."""
        raise ConfigError(f"This writer cannot {order.kind.value}.", f"Pas encore possible : {order.kind.value}.")
