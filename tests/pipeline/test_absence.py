"""Counting absences: three whole lists twelve hours apart and seven days, whatever clock and people do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.ledger.times import to_text
from federation.pipeline.absence import Grace, Miss, count

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
GRACE = Grace()


class Seen(NamedTuple):
    """What the ledger knows of the absences of a record."""

    misses: int = 0
    missing_since: str | None = None
    missed_at: str | None = None


def missed(hours: Iterable[float], state: Seen | None = None, confirmed: bool = False) -> list[Miss]:
    """What each of the runs at these hours from the start finds of a record that is in none of them."""
    known, found = state or Seen(), []
    for hour in hours:
        (miss,) = count(["k"], {"k": known}, START + timedelta(hours=hour), GRACE, confirmed)
        known = Seen(miss.misses, to_text(miss.since), to_text(miss.counted))
        found.append(miss)
    return found


def test_seven_nights_and_three_lists_make_it_due() -> None:
    """Nightly runs: due on the eighth absence, seven days after the first."""
    found = missed(24 * night for night in range(8))
    assert [miss.misses for miss in found] == list(range(1, 9))
    assert [miss.due for miss in found] == [False] * 7 + [True]


def test_seven_days_are_not_enough_with_two_lists() -> None:
    """A weekly source: the third absence, not the second, though a week has passed."""
    assert [miss.due for miss in missed([0, 168, 336])] == [False, False, True]


@pytest.mark.parametrize(("hours", "due"), [(168, True), (167.9, False)])
def test_three_lists_are_not_enough_without_seven_days(hours: float, due: bool) -> None:
    """To the minute."""
    assert missed([0, 24, hours])[-1].due is due


@pytest.mark.parametrize(("hours", "misses"), [(11.9, 1), (12, 2)])
def test_an_absence_counts_twelve_hours_after_the_last_that_counted(hours: float, misses: int) -> None:
    """To the minute."""
    assert missed([0, hours])[-1].misses == misses


def test_three_runs_in_ten_minutes_count_once() -> None:
    """Nor do they put off the next one that counts."""
    assert [miss.misses for miss in missed([0, 0.05, 0.1, 12.01])] == [1, 1, 1, 2]


def test_runs_each_eleven_hours_count_every_other_time() -> None:
    """The distance is from the last that counted, not from the last run."""
    assert [miss.misses for miss in missed([0, 11, 22, 33, 44])] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("turn", [24, -24])
def test_a_clock_a_day_off_does_not_withdraw_early_nor_stop_the_count(turn: int) -> None:
    """A day ahead or behind for one night costs a day at most."""
    hours = [0, 24 + turn, 48, 72, 96, 120, 144, 168, 192]
    found = missed(hours)
    assert not any(miss.due for miss, hour in zip(found, hours, strict=True) if hour < 168)
    assert found[-1].due


def test_a_returned_record_starts_again() -> None:
    """A state without misses is a record that was seen: its seven days begin anew."""
    missed(24 * night for night in range(7))
    assert [miss.misses for miss in missed([200, 224], Seen())] == [1, 2]
    assert missed([200], Seen())[0].since == START + timedelta(hours=200)


def test_a_confirmed_absence_is_due_at_once() -> None:
    """The partner says that it is gone."""
    assert missed([0], confirmed=True)[0].due


@given(st.lists(st.floats(min_value=0, max_value=30 * 24), max_size=12))
def test_nothing_is_due_before_its_time(hours: list[float]) -> None:
    """Whatever the instants: never before three that are twelve hours apart, nor before seven days."""
    ordered = sorted(hours)
    for number, miss in enumerate(missed(ordered)):
        spent = timedelta(hours=ordered[number]) - timedelta(hours=ordered[0])
        assert miss.misses <= number + 1
        assert miss.misses <= 1 + (spent + timedelta(seconds=1)) / GRACE.apart
        assert not miss.due or (miss.misses >= GRACE.misses and spent >= GRACE.time - timedelta(seconds=1))
