"""The guard: what is held at each limit and one past it, what that withholds, and what a person's ceiling allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.model import Hold, Part, Rule
from federation.pipeline.guard import Figures, Thresholds, judge, withheld

CALM = Figures(live=100, read=100, accepted=100)
USUAL = Thresholds()

LIMITS = [
    (Rule.SHRINK, "gone", 3, 1, {Part.WITHDRAWALS}),
    (Rule.SHRINK, "gone", 100, 20, {Part.WITHDRAWALS}),
    (Rule.SHRINK, "gone", 214, 42, {Part.WITHDRAWALS}),
    (Rule.EXPLICIT, "explicit", 10, 5, {Part.DELETES}),
    (Rule.EXPLICIT, "explicit", 214, 42, {Part.DELETES}),
    (Rule.CHANGE, "changed", 3, 5, {Part.CHANGES}),
    (Rule.CHANGE, "changed", 101, 50, {Part.CHANGES}),
    (Rule.REJECT, "rejected", 5, 3, set()),
    (Rule.REJECT, "rejected", 100, 30, set()),
    (Rule.GROWTH, "new", 10, 100, {Part.NEW}),
    (Rule.GROWTH, "new", 100, 300, {Part.NEW}),
]


def figures(live: int, **more: int) -> Figures:
    """Figures of a run that read and accepted much, so that ids are not what has changed."""
    return replace(CALM, live=live, read=10_000, accepted=10_000, **more)


@pytest.mark.parametrize(("rule", "figure", "live", "limit", "parts"), LIMITS)
def test_a_rule_holds_one_past_its_limit(rule: Rule, figure: str, live: int, limit: int, parts: set[Part]) -> None:
    """At the limit nothing is held; one past it, just this rule, with its figure, its limit and its part."""
    assert judge(figures(live, **{figure: limit}), USUAL) == ()
    held = judge(figures(live, **{figure: limit + 1}), USUAL)
    assert held == (Hold(rule, limit + 1, limit, frozenset(parts)),)
    assert withheld(held) == parts


@pytest.mark.parametrize(("rule", "figure", "live", "limit", "parts"), LIMITS)
def test_a_ceiling_allows_its_figure_and_no_more(
    rule: Rule, figure: str, live: int, limit: int, parts: set[Part]
) -> None:
    """A person's approval is a ceiling: up to it nothing is held, one past it the rule holds again."""
    ceilings = {rule: limit + 7}
    assert judge(figures(live, **{figure: limit + 7}), USUAL, ceilings) == ()
    (held,) = judge(figures(live, **{figure: limit + 8}), USUAL, ceilings)
    assert (held.rule, held.figure, held.parts) == (rule, limit + 8, frozenset(parts))


def test_a_ceiling_below_the_limit_does_not_lower_it() -> None:
    """Approving ten makes eleven no worse than it was."""
    assert judge(figures(100, gone=20), USUAL, {Rule.SHRINK: 10}) == ()


def test_a_ceiling_is_for_one_rule() -> None:
    """What is agreed to for absences does not let changes through."""
    held = judge(figures(100, gone=50, changed=60), USUAL, {Rule.SHRINK: 50})
    assert [hold.rule for hold in held] == [Rule.CHANGE]


def test_a_list_without_rows_withholds_everything() -> None:
    """One live record is enough; a ceiling of all that is live confirms the empty list."""
    empty = Figures(live=1, read=0, accepted=0, gone=1)
    held = judge(empty, USUAL)
    assert [hold.rule for hold in held] == [Rule.EMPTY]
    assert withheld(held) == set(Part)
    assert judge(empty, USUAL, {Rule.EMPTY: 1}) == ()
    assert judge(replace(empty, live=2), USUAL, {Rule.EMPTY: 1}) != ()


def test_a_first_run_is_never_held() -> None:
    """Nothing is live, so there is nothing to lose; whatever comes is new."""
    assert judge(Figures(live=0, read=5000, accepted=5000, new=5000), USUAL) == ()
    assert judge(Figures(live=0, read=0, accepted=0), USUAL) == ()


def test_several_rules_hold_together() -> None:
    """Each with its own part; what no rule names applies."""
    held = judge(figures(100, gone=21, changed=51, rejected=31), USUAL)
    assert [hold.rule for hold in held] == [Rule.SHRINK, Rule.CHANGE, Rule.REJECT]
    assert withheld(held) == {Part.WITHDRAWALS, Part.CHANGES}


def renamed(new: int, matched: int) -> Figures:
    """A list of 100 of which so many are new, and so many of these known again."""
    return Figures(live=100, read=100, accepted=100, gone=new, new=new, matched=matched)


@pytest.mark.parametrize(("new", "matched", "held"), [(80, 48, True), (79, 79, False), (80, 47, False)])
def test_new_ids_are_seen_from_four_fifths_new_and_three_fifths_known_again(new: int, matched: int, held: bool) -> None:
    """At both shares the rule holds; one below either it does not, and the loss is judged as a loss."""
    found = {hold.rule for hold in judge(renamed(new, matched), USUAL)}
    assert found == ({Rule.RE_IDENTIFIED} if held else {Rule.SHRINK})


def test_new_ids_explain_the_other_rules() -> None:
    """The run is held whole under one name: told of a loss and a growth, nobody would think of ids."""
    held = judge(replace(renamed(100, 100), changed=90, rejected=90), USUAL)
    assert [hold.rule for hold in held] == [Rule.RE_IDENTIFIED]
    assert withheld(held) == set(Part)


def test_agreed_new_ids_leave_the_other_rules() -> None:
    """Whoever agrees to new ids has not agreed to lose the records under the old ones."""
    held = judge(renamed(100, 100), USUAL, {Rule.RE_IDENTIFIED: 100})
    assert [hold.rule for hold in held] == [Rule.SHRINK]
    assert judge(renamed(100, 100), USUAL, {Rule.RE_IDENTIFIED: 100, Rule.SHRINK: 100}) == ()


def test_one_record_alone_has_no_new_ids() -> None:
    """One new record in place of another is a change like any other."""
    one = Figures(live=1, read=1, accepted=1, gone=1, new=1, matched=1)
    assert judge(one, USUAL) == ()
