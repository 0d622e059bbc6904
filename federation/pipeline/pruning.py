"""Forgets what was kept for long enough: bytes, revisions, findings, runs without news, trials, sessions, tries.

Once a day, between two runs. Must never forget what a run that can still be replayed or undone needs, nor the last good
bytes of a source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from federation.errors import EngineUnavailable
from federation.ledger import Ledger
from federation.ledger.operations import UNDOABLE_FOR
from federation.ledger.runs import ENDED
from federation.model import RunReport, RunState
from federation.pipeline.intake import MANIFEST
from federation.pipeline.peering import hiding

_SPARE = timedelta(days=2)  # a clock may go from a day ahead to one behind
FINDINGS_FOR = timedelta(days=400)
"""How long a partner may read what was found in a run: a year's harvest can be compared with the last one's."""

RECEIVED_FOR = timedelta(days=90)
"""How long the bytes of an activity are kept that has been dealt with, and our retired keys."""
KNOWN_FOR = timedelta(days=400)
"""How long an activity of somebody is known by its id, so that it is not taken twice."""

_GOOD = (RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many of each went. ``files``: bytes that a crash had left without an account."""

    bodies: int
    revisions: int
    trials: int
    sessions: int
    tries: int
    files: int
    findings: int
    runs: int


def prune(ledger: Ledger, now: datetime) -> Pruned:
    """Forget what is old. Only for the one writer, while no run is under way. Raises EngineUnavailable."""
    _forget_received(ledger, now)
    before = now - UNDOABLE_FOR - _SPARE
    recent = ledger.runs.since(before)
    undoable = {run.run for run in recent} | {run.of for run in recent if run.of}
    undoable |= {run for row in ledger.sources.all() for run in hiding(row.id, ledger) or ()}
    inputs: dict[str, set[str]] = {}
    standing = _standing(ledger, recent)
    for run in (*recent, *standing):
        if run.input_sha256 is not None:
            inputs.setdefault(run.source, set()).add(run.input_sha256)
    needed = undoable | {run.run for run in standing} | _last(ledger)
    return Pruned(
        bodies=_bodies(ledger, before, inputs),
        revisions=ledger.revisions.prune(before, undoable),
        trials=ledger.trials.prune(now),
        sessions=ledger.sessions.prune(now),
        tries=ledger.throttles.prune(now),
        files=ledger.bodies.sweep(),
        findings=ledger.findings.prune(now - FINDINGS_FOR, needed),
        runs=ledger.runs.prune_unchanged(before, needed),
    )


def _forget_received(ledger: Ledger, now: datetime) -> None:
    """Forget what other servers sent long ago, their keys, and ours that sign no more."""
    while ledger.ap_inbox.prune(now - RECEIVED_FOR - _SPARE, now - KNOWN_FOR - _SPARE):
        pass
    ledger.ap_remote_keys.prune(now - _SPARE)
    ledger.ap_keys.forget(now - RECEIVED_FOR - _SPARE)
    ledger.erasures.settle()


def _standing(ledger: Ledger, recent: Iterable[RunReport]) -> list[RunReport]:
    """Runs of any age whose bytes are needed: each source's last good one and its last, those ordered again, and those
    of pushes that wait for a person.
    """
    names: set[str] = {run.of for run in recent if run.of and run.ended is None}
    sources = [row.id for row in ledger.sources.all()]
    names |= {ledger.cursors.in_store(source) for source in sources} | ledger.ap_inbox.held().keys()
    found = [ledger.runs.get(name) for name in names]
    for source in sources:
        found += [ledger.runs.last(source, _GOOD), ledger.runs.last(source, [*_GOOD, RunState.ABANDONED])]
    return [run for run in found if run is not None]


def _last(ledger: Ledger) -> set[str]:
    """The last run of each source, whatever became of it: its page shows that."""
    found = [ledger.runs.last(row.id, ENDED) for row in ledger.sources.all()]
    return {run.run for run in found if run is not None}


def _bodies(ledger: Ledger, before: datetime, inputs: Mapping[str, set[str]]) -> int:
    """Forget old bytes, source by source; one whose lists of pages cannot be read is left for another day."""
    count = 0
    for source in ledger.bodies.sources():
        try:
            keep = {each for sha256 in inputs.get(source, ()) for each in _with_pages(sha256, source, ledger)}
        except (EngineUnavailable, orjson.JSONDecodeError, LookupError):
            continue
        count += ledger.bodies.prune(source, before, keep)
    return count


def _with_pages(sha256: str, source: str, ledger: Ledger) -> set[str]:
    """A body that is kept, with the pages that it lists if it is the list of a visit."""
    known = ledger.bodies.about(sha256, source)
    if known is None or known.content_type != MANIFEST:
        return {sha256}
    return {sha256, *(page for _, page, _ in orjson.loads(ledger.bodies.read(sha256))["pages"])}
