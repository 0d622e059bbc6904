"""Says when a feed is lost: for weeks there has been no feed at its address. Then nobody is to ask there every night.

Design of harvesting, section 11, fault 11. Must never judge by one night, nor while the fault may well be ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile

from federation.ledger import Ledger
from federation.ledger.passages import Passage
from federation.model import Finding, RunKind, RunState, Severity
from federation.pipeline.notices import A_DAY, FAILED, fleet

SOURCE_PAUSED = "source-paused"
LOST = frozenset({"fetch:unreachable", "fetch:tls", "web-page"})
"""Failures that say that nothing of the feed is left: no host, a certificate of others, a page for people."""

NIGHTS = 7
LOST_FOR = timedelta(days=7)
_LOOKED_AT = 50  # runs, those that a restart has cut included
_PASSED_OVER = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.ABANDONED})


def lost(source: str, partner: str, rule: str, now: datetime, ledger: Ledger) -> Finding | None:
    """Judge a harvest that has just failed by ``rule``: what to tell if its source is to be paused, else None.

    It is if this is the seventh such failure in a row or a later one, seven days at least after the first of them; but
    not on a day on which many sources fail.
    """
    if rule not in LOST:
        return None
    before = (
        each for each in ledger.passages.of_partner(partner, _LOOKED_AT, source) if each.state not in _PASSED_OVER
    )
    row = list(takewhile(lambda run: _was_lost(run, ledger), before))
    if len(row) < NIGHTS - 1 or now - row[-1].started < LOST_FOR:
        return None
    if source in fleet(ledger.runs.since(now - A_DAY), now).get(FAILED, frozenset()):
        return None
    return _said(source, len(row) + 1, (now - row[-1].started).days)


def _was_lost(run: Passage, ledger: Ledger) -> bool:
    """Whether an earlier harvest failed in such a way."""
    failed = run.kind is RunKind.HARVEST and run.state is RunState.FAILED
    return failed and any(rule in LOST for rule, _ in ledger.findings.by_rule(run.run))


def _said(source: str, times: int, days: int) -> Finding:
    return Finding(
        SOURCE_PAUSED,
        Severity.VIOLATION,
        {
            "fr": f"{times} moissons de suite, en {days} jours, n'ont plus trouvé de flux à cette adresse : la source "
            f"est mise en pause, ses fiches restent en ligne. Corrigez `url`, puis : carrefour source resume {source}",
            "en": f"{times} harvests in a row, within {days} days, have found no feed at this address any more: the "
            "source is paused, its records stay online. Correct `url`, then: carrefour source resume "
            f"{source}",
        },
        where=source,
    )
