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
    ``after``: live records once the new ones are in.
    ``read``: rows; 0 also if all were refused and none is of a known record.
    ``gone``: records missing now, and withdrawn for absence in these 30 days without approval, but for those that this
    run brings back; ``explicit``: deletes
    that the feed asks for; ``rejected``: live records refused for the first time; ``matched``: new records that look
    like one that is missing.
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
    after: int = 0


def judge(figures: Figures, thresholds: Thresholds, ceilings: Mapping[Rule, int] | None = None) -> tuple[Hold, ...]:
    """Say which rules fire, each with its figure, its limit and the part of the plan that it withholds.

    ``ceilings`` are a person's approval: up to that figure a rule does not fire. From the second run on; a first run
    has nothing to lose.
    """
    if not figures.live:
        return ()
    allowed = ceilings or {}
    fired = [*_renamed(figures, thresholds), *_by_figures(figures, thresholds, allowed.get(Rule.GROWTH, -1))]
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


def _by_figures(figures: Figures, thresholds: Thresholds, may_grow: int) -> list[Hold]:
    """Measure each figure. What the run brings in counts among the live, unless it is withheld: when the same feed
    comes again, or the run is cut and begun again, these are live and the judgement must be the same."""
    if not figures.read:
        return [Hold(Rule.EMPTY, figures.live, 0, _ALL)]
    growth = _measured(Rule.GROWTH, figures.new, thresholds.new_least, thresholds.new, figures.live, Part.NEW)
    grows = not growth or figures.new <= may_grow
    live = max(figures.live, figures.after) if grows else figures.live
    gone, explicit, rejected = thresholds.gone, thresholds.explicit, thresholds.rejected
    return [
        *_measured(Rule.SHRINK, figures.gone, thresholds.gone_least, gone, live, Part.WITHDRAWALS),
        *_measured(Rule.EXPLICIT, figures.explicit, thresholds.explicit_least, explicit, live, Part.DELETES),
        *_measured(Rule.CHANGE, figures.changed, thresholds.changed_least, thresholds.changed, live, Part.CHANGES),
        *_measured(Rule.REJECT, figures.rejected, thresholds.rejected_least, rejected, live),
        *growth,
    ]


def _measured(rule: Rule, figure: int, least: int, share: float, live: int, *parts: Part) -> list[Hold]:
    limit = max(least, int(share * live))
    return [Hold(rule, figure, limit, frozenset(parts))] if figure > limit else []
