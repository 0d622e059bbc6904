"""Which run deserves a letter, to whom, and when letters are held back because the fault is everybody's (so, ours).

Harvesting design, sections 7 (fleet) and 10 (notifications). Pure: runs and what was told before in, a decision out.
Must never tell the same twice: only a change is news, and once a week that it still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from federation.ledger.standing import Ended, Standing, standing
from federation.model import RunKind, RunReport

A_NIGHT = timedelta(hours=12)  # a failure that follows the first one by less belongs to the same night
DIGEST_AFTER = timedelta(days=7)
A_DAY = timedelta(days=1)
FLEET_SOURCES = 3
FLEET_SHARE = 0.2
FAILED = "failed"
"""Stands for a failed run among the rules of the guard: an outage of ours makes every source fail."""


class NoticeKind(Enum):
    """What a letter is about."""

    STARTED = "started"  # the first harvest is online
    FAILING = "failing"  # the second failed night
    HELD = "held"
    REJECTS = "rejects"
    GONE = "gone"  # nothing is left at the feed's address (410, or for weeks no feed), and the source is paused
    RECOVERED = "recovered"
    DIGEST = "digest"  # once a week, while something is open
    FLEET = "fleet"  # for the operator


PROBLEMS = frozenset({NoticeKind.FAILING, NoticeKind.HELD, NoticeKind.REJECTS, NoticeKind.GONE})
_OF: Mapping[Standing, NoticeKind] = {
    Standing.FAILING: NoticeKind.FAILING,
    Standing.HELD: NoticeKind.HELD,
    Standing.REJECTS: NoticeKind.REJECTS,
}


@dataclass(frozen=True, slots=True)
class Told:
    """The last change that was told of a source, and when anything was told last, digests included."""

    kind: NoticeKind
    at: datetime


def notice_of(
    report: RunReport, earlier: Sequence[Ended], told: Told | None, gone: bool, now: datetime
) -> NoticeKind | None:
    """Say whether a run that has just ended deserves a letter.

    ``earlier``: runs of the source before it, newest first. ``gone``: its address answered 410 for good.
    """
    stands = standing(report)
    if stands is None and not gone:
        return None
    problem = NoticeKind.GONE if gone else _OF.get(stands or Standing.ONLINE)
    if problem is NoticeKind.FAILING and not _failed_before(report, earlier):
        return None
    if problem is None:
        if told is not None and told.kind in PROBLEMS:
            return NoticeKind.RECOVERED
        return NoticeKind.STARTED if told is None and _never_stood(earlier) else None
    if told is None or told.kind is not problem:
        return problem
    return NoticeKind.DIGEST if now - told.at >= DIGEST_AFTER else None


def _failed_before(report: RunReport, earlier: Sequence[Ended]) -> bool:
    """Whether the failures that this run ends a row of began on an earlier night."""
    for run in earlier:
        stood = standing(run)
        if stood is Standing.FAILING and run.ended is not None and report.started - run.ended >= A_NIGHT:
            return True
        if stood not in {Standing.FAILING, None}:
            return False
    return False


def _never_stood(earlier: Sequence[Ended]) -> bool:
    return all(standing(run) in {Standing.FAILING, None} for run in earlier)


def recipients(contacts: Mapping[str, str], kind: NoticeKind) -> list[str]:
    """Whom to write to: ``always`` wants good news, too; ``problems`` what is open and its end; ``never`` nothing."""
    wanted = {"always"} if kind is NoticeKind.STARTED else {"always", "problems"}
    return [address for address, preference in contacts.items() if preference in wanted]


def rules_of(report: RunReport) -> list[str]:
    """What a run fell on: rules of the guard, or its failure."""
    failed = [FAILED] if standing(report) is Standing.FAILING else []
    return sorted({hold.rule.value for hold in report.holds} | set(failed))


def fleet(runs: Iterable[RunReport], now: datetime) -> dict[str, frozenset[str]]:
    """The rules on which too many sources fell within a day, with these sources.

    At least 3 sources, and at least 20 % of the day's runs: then the fault is most likely ours, not theirs.
    """
    day = [run for run in runs if run.kind is RunKind.HARVEST and run.ended is not None and now - run.ended <= A_DAY]
    fell: dict[str, list[str]] = {}
    for run in day:
        for rule in rules_of(run):
            fell.setdefault(rule, []).append(run.source)
    return {
        rule: frozenset(sources)
        for rule, sources in fell.items()
        if len(set(sources)) >= FLEET_SOURCES and len(sources) >= FLEET_SHARE * len(day)
    }
