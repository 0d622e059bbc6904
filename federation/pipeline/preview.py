"""Preview: what a harvest would do, through all stages but the last. Must never write."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from federation.ledger import Ledger
from federation.ledger.times import to_seconds
from federation.model import Outcome, Record, RunReport
from federation.pipeline.account import Account
from federation.pipeline.assess import assess
from federation.pipeline.intake import obtain, open_feed, readable
from federation.pipeline.mapping import Columns, RunStamp
from federation.pipeline.plan import Planner, Step, end_state
from federation.pipeline.sources import Coverage, Source
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
    source: Source, settings: Settings, vocabulary: Vocabulary, ledger: Ledger | None, now: datetime, progress: Progress
) -> Preview:
    """Take a source's feed through all stages but the last, and say what a harvest would do. Nothing is written.

    Without a ``ledger`` everything is new. Raises PartnerError, PeerError, ConfigError.
    """
    progress("fetch", 0, None)
    body = obtain(source, settings, os.environ)
    reading = open_feed(source, body, settings, vocabulary)
    states = ledger.records.states(source.id) if ledger else {}
    elsewhere = ledger.records.keys_elsewhere(source.partner.slug, source.id) if ledger else frozenset()
    planner = Planner(states, source.version, elsewhere)
    account = Account()
    stamp = RunStamp(f"{settings.base_url}/runs/preview", to_seconds(now))
    sample: list[Record] = []
    broken: list[Outcome] = []
    columns = Columns(source)
    outcomes = assess(columns.over(readable(reading, broken)), source, settings.base_url, stamp, {}, settings.workers)
    for planned in planner.plan(chain(outcomes, broken)):
        account.add(planned.outcome.where, planned.outcome.findings)
        account.drain()
        record = planned.outcome.record
        if len(sample) < SAMPLE and record is not None and planned.step in {Step.NEW, Step.CHANGED}:
            sample.append(record)
    account.add("", [replace(found, where=source.id) for found in reading.findings])
    account.add("", columns.findings(source.id))
    counts = planner.counts(reading.whole and source.coverage is Coverage.COMPLETE)
    report = RunReport(
        "preview", source.id, source.partner.slug, end_state(counts, reading.whole), now, now, counts, account.all(),
        body.sha256, source.version,
    )  # fmt: skip
    return Preview(report, tuple(sample))
