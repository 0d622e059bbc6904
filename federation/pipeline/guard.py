"""Decides which part of a plan is withheld until a person agrees: an accident must remove nothing. Pure.

A rule that fires withholds its part of the plan; the rest applies (harvesting design, section 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from federation.model import Hold, Part, Rule

_ALL = frozenset(Part)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares of the live records from which a rule fires, and least numbers below which none does."""

    gone: float = 0.2
    gone_least: int = 1
    explicit: float = 0.2
    explicit_least: int = 5
    changed: float = 0.5
    changed_least: int = 5
    rejected: float = 0.3
    rejected_least: int = 3
    new: float = 3.0
    new_least: int = 100
    renamed: float = 0.8
    matched: float = 0.6


@dataclass(frozen=True, slots=True)
class Figures:
    """What the guard judges of one run.

    ``live``: highest number of live records of the last 30 days, or since the last approval; 0 for a first run.
    ``read``: rows; 0 also if all were refused and none is of a known record.
    ``gone``: records missing now, and withdrawn for absence in these 30 days without approval, but for those that this
    run brings back; ``explicit``: deletes that the feed asks for; ``rejected``: live records refused for the first
    time; ``matched``: new records that look like one that is missing.
    """

    live: int
    read: int
    accepted: int
    gone: int = 0
    explicit: int = 0
    changed: int = 0
    rejected: int = 0
    new: int = 0
    matched: int = 0


def judge(
    figures: Figures,
    thresholds: Thresholds,
    ceilings: Mapping[Rule, int] | None = None,
    waiting: Mapping[Rule, int] | None = None,
) -> tuple[Hold, ...]:
    """Say which rules fire, each with its figure, its limit and the part of the plan that it withholds.

    ``ceilings`` are a person's approval: up to that figure a rule does not fire. ``waiting`` are the limits of what
    waits for one: new records that came beside it do not raise them, so the same feed again is judged alike. From the
    second run on; a first run has nothing to lose.
    """
    if not figures.live:
        return ()
    allowed = ceilings or {}
    fired = [*_renamed(figures, thresholds), *_by_figures(figures, thresholds, waiting or {})]
    holds = [hold for hold in fired if hold.figure > allowed.get(hold.rule, -1)]
    if any(hold.rule is Rule.RE_IDENTIFIED for hold in holds):
        return tuple(hold for hold in holds if hold.rule is Rule.RE_IDENTIFIED)  # it explains the others
    return tuple(holds)


def withheld(holds: tuple[Hold, ...]) -> frozenset[Part]:
    """The parts of the plan that wait for a person."""
    return frozenset(part for hold in holds for part in hold.parts)


def _renamed(figures: Figures, thresholds: Thresholds) -> list[Hold]:
    """The partner has changed its ids: the same projects would come again under new names."""
    limit = int(thresholds.renamed * figures.accepted)
    if figures.accepted < 2 or figures.new < thresholds.renamed * figures.accepted:
        return []
    if not figures.new or figures.matched < thresholds.matched * figures.new:
        return []
    return [Hold(Rule.RE_IDENTIFIED, figures.new, limit, _ALL)]


def _by_figures(figures: Figures, thresholds: Thresholds, waiting: Mapping[Rule, int]) -> list[Hold]:
    live = figures.live
    if not figures.read:
        return [Hold(Rule.EMPTY, live, 0, _ALL)]
    rules: tuple[tuple[Rule, int, int, float, set[Part]], ...] = (
        (Rule.SHRINK, figures.gone, thresholds.gone_least, thresholds.gone, {Part.WITHDRAWALS}),
        (Rule.EXPLICIT, figures.explicit, thresholds.explicit_least, thresholds.explicit, {Part.DELETES}),
        (Rule.CHANGE, figures.changed, thresholds.changed_least, thresholds.changed, {Part.CHANGES}),
        (Rule.REJECT, figures.rejected, thresholds.rejected_least, thresholds.rejected, set()),
        (Rule.GROWTH, figures.new, thresholds.new_least, thresholds.new, {Part.NEW}),
    )
    limits = {rule: max(least, int(share * live)) for rule, _, least, share, _ in rules}
    limits |= {rule: min(limit, waiting.get(rule, limit)) for rule, limit in limits.items()}
    return [
        Hold(rule, figure, limits[rule], frozenset(parts))
        for rule, figure, _, _, parts in rules
        if figure > limits[rule]
    ]
