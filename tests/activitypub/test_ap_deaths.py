"""Processes die at work on the inbox: the one activity that kills is found, the others are worked on all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.activitypub.deaths import ALONE, TOGETHER, Deaths
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_inbox import InboxState, Outcome, Received

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose inbox has kept five activities."""
    opened = open_ledger("", tmp_path)
    for number in range(5):
        id_ = f"https://b.example/a/{number}"
        one = Received(id_, "https://b.example/u", "b.example", "Like", None, b"{}", (), {}, "", "0" * 64, id_)
        opened.ap_inbox.keep([one], NOW + timedelta(seconds=number))
    yield opened
    opened.close()


def begun(ledger: Ledger) -> Deaths:
    """What a process that has just begun knows."""
    deaths = Deaths(ledger)
    deaths.begin(10)
    return deaths


def test_what_the_dead_held_is_due_at_once_and_in_its_order(ledger: Ledger) -> None:
    """Before what came later; and the try that did not end is none."""
    held = ledger.ap_inbox.claim("dead", LATER, LATER + timedelta(hours=1), 2)
    begun(ledger)

    again = ledger.ap_inbox.claim("living", LATER, LATER + timedelta(hours=1), 3)

    assert [row.id for row in held] == [1, 2]
    assert [(row.id, row.tries) for row in again] == [(1, 1), (2, 1), (3, 1)]


def test_deaths_at_different_activities_are_nobodys_fault(ledger: Ledger) -> None:
    """A process is killed often, and gets on a little each time."""
    for id_ in range(1, 6):
        for _ in range(TOGETHER - 1):
            ledger.ap_inbox.claim("dead", LATER, LATER + timedelta(hours=1))
            deaths = begun(ledger)
            assert not deaths.careful
            assert all(deaths.may_try(number) for number in range(1, 6))
        ledger.ap_inbox.settle([Outcome(id_, InboxState.DONE)])


def test_one_that_kills_again_and_again_is_put_off_and_no_other(ledger: Ledger) -> None:
    """After some deaths it is worked on alone; after some more it has to wait; then its deaths are counted anew."""
    for death in range(TOGETHER + ALONE):
        ledger.ap_inbox.claim("dead", LATER, LATER + timedelta(hours=1), 1 if death >= TOGETHER else 5)
        deaths = begun(ledger)
        assert deaths.careful == (death + 1 >= TOGETHER)

    assert all(deaths.may_try(number) for number in range(2, 6))
    assert not deaths.may_try(1)
    assert deaths.may_try(1)
    assert not begun(ledger).careful


def test_care_ends_after_a_while(ledger: Ledger) -> None:
    """So many are worked on one by one, then together again."""
    for _ in range(TOGETHER):
        ledger.ap_inbox.claim("dead", LATER, LATER + timedelta(hours=1))
        deaths = begun(ledger)
    assert all(deaths.may_try(number % 5 + 1) for number in range(10))
    assert not deaths.careful


def test_a_stop_in_good_order_is_no_death(ledger: Ledger) -> None:
    """What was let go of is counted to nobody."""
    for _ in range(2 * (TOGETHER + ALONE)):
        ledger.ap_inbox.claim("stopped", LATER, LATER + timedelta(hours=1))
        ledger.ap_inbox.let_go()
        assert begun(ledger).may_try(1)
