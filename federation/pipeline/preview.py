"""Preview: what a harvest would do, through all stages but the last. Must never write."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from federation.ledger.times import to_seconds
from federation.model import Part, Record, RunReport
from federation.pipeline.account import Account
from federation.pipeline.fetch import Delivery
from federation.pipeline.intake import obtain
from federation.pipeline.mapping import RunStamp
from federation.pipeline.plan import Planned, Step
from federation.pipeline.prepare import Frame, Known, prepare
from federation.pipeline.sources import Source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

SAMPLE = 3  # records that a preview shows whole

Progress = Callable[[str, int, int | None], None]
"""Told of a stage's name, how many records are done, and of how many if that is known."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a harvest would do: its report as planned, and the first records that it would write."""

    report: RunReport
    sample: tuple[Record, ...]


def preview(
    source: Source,
    settings: Settings,
    vocabulary: Vocabulary,
    now: datetime,
    progress: Progress,
    known: Known | None = None,
    delivery: Delivery | None = None,
    sample: int = SAMPLE,
) -> Preview:
    """Take a source's feed through all stages but the last, and say what a harvest would do. Nothing is written.

    Without what is ``known`` of the source everything is new; ``delivery`` stands in for a visit. Raises PartnerError,
    PeerError, ConfigError.
    """
    progress("fetch", 0, None)
    delivery = delivery or obtain(source, settings, os.environ)
    known = known or Known()
    account = Account()
    frame = Frame(settings, vocabulary, now, RunStamp(f"{settings.base_url}/runs/preview", to_seconds(now)))
    chosen: list[Record] = []

    def take(planned: Planned) -> None:
        account.drain()
        record = planned.outcome.record
        if len(chosen) < sample and record is not None and planned.step in {Step.NEW, Step.CHANGED}:
            chosen.append(record)

    plan = prepare(source, delivery, known, frame, account, take)
    live = known.live + (0 if Part.NEW in plan.withheld else plan.counts.new)  # as the guard counts, and the run will
    report = RunReport(
        "preview", source.id, source.partner.slug, plan.state, now, now, plan.counts, account.all(),
        delivery.sha256, source.version, plan.message, live=live, holds=plan.holds,
    )  # fmt: skip
    return Preview(report, tuple(chosen))
