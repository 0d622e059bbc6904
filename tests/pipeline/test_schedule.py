"""When sources are due: slots of the night, clock changes, pauses after failures, clocks that are wrong."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.ledger.runs import ulid
from federation.ledger.sources import SourceRow
from federation.pipeline.schedule import (
    asked_back,
    due_at,
    is_due,
    next_due,
    noted,
    slot_on,
    slots_after,
    zone_named,
)

PARIS = ZoneInfo("Europe/Paris")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # the nights of the clock changes
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
SCHEDULES = st.sampled_from(["nightly", "weekly", "monthly"])
PERIODS = {"nightly": DAY, "weekly": 7 * DAY, "monthly": 31 * DAY}


def row(due: datetime | None = None, **values: object) -> SourceRow:
    """A source as the ledger knows it."""
    known = SourceRow(
        "jardins", "jardins", "Jardins", due=noted(due), last_run=ulid(datetime(2020, 1, 1, tzinfo=UTC), b"")
    )
    return replace(known, **values)  # type: ignore[arg-type]


@given(NAMES, st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_a_slot_lies_in_the_night_of_its_day(name: str, day: date) -> None:
    """Between 01:00 and 05:00 of the local clock, on the day itself, the same each time it is asked."""
    slot = slot_on(day, name, PARIS)

    assert slot.astimezone(PARIS).date() == day
    assert 1 <= slot.astimezone(PARIS).hour < 5
    assert slot == slot_on(day, name, PARIS)


@given(NAMES, st.sampled_from([SPRING, AUTUMN]))
def test_a_night_with_a_clock_change_has_one_slot(name: str, day: date) -> None:
    """Slots before, in and after the night of a change follow each other by 23 to 25 hours."""
    around = list(itertools.islice(slots_after("nightly", name, slot_on(day - DAY, name, PARIS) - HOUR, PARIS), 4))

    assert [slot.astimezone(PARIS).date() for slot in around] == [day + n * DAY for n in (-1, 0, 1, 2)]
    assert all(23 * HOUR <= later - earlier <= 25 * HOUR for earlier, later in itertools.pairwise(around))


@given(NAMES, TIMES, SCHEDULES)
def test_slots_come_after_the_moment_and_no_rarer_than_they_should(name: str, moment: datetime, rhythm: str) -> None:
    """The first one is later than the moment, by a period and an hour at most; so is each after the one before."""
    slots = [moment, *itertools.islice(slots_after(rhythm, name, moment, PARIS), 3)]

    assert all(timedelta() < b - a <= PERIODS[rhythm] + HOUR for a, b in itertools.pairwise(slots))


def test_sources_spread_over_the_night() -> None:
    """Of 400 sources, each quarter of the night has a share."""
    hours = [slot_on(date(2026, 5, 5), f"source-{n}", PARIS).astimezone(PARIS).hour for n in range(400)]

    assert min(hours.count(hour) for hour in (1, 2, 3, 4)) > 60


def test_a_manual_source_is_never_due() -> None:
    """Neither new, nor late, nor after a run."""
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert not is_due(None, "manual", "jardins", now, PARIS)
    assert not is_due(row(now - 9 * DAY), "manual", "jardins", now, PARIS)
    assert next_due("manual", "jardins", now, PARIS) is None
    assert list(slots_after("manual", "jardins", now, PARIS)) == []


@pytest.mark.parametrize("state", ["paused", "retired", "draft", "previewed"])
def test_a_source_that_is_not_live_is_not_due(state: str) -> None:
    """A source that somebody has paused waits, however late it is."""
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert not is_due(row(now - DAY, state=state), "nightly", "jardins", now, PARIS)


def test_a_new_source_is_due_at_once() -> None:
    """Whether the ledger has never heard of it or only knows its name."""
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert is_due(None, "monthly", "jardins", now, PARIS)
    assert is_due(row(None, last_run=None), "monthly", "jardins", now, PARIS)


def test_a_source_harvested_by_hand_waits_for_the_slot_after_that() -> None:
    """Without a noted time, the last run counts."""
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)
    by_hand = row(None, last_run=ulid(now - HOUR, b"0123456789"))

    assert due_at(by_hand, "nightly", "jardins", now, PARIS) == slot_on(date(2026, 5, 6), "jardins", PARIS)
    assert is_due(by_hand, "nightly", "jardins", now + DAY, PARIS)


@given(NAMES, TIMES)
def test_failures_delay_by_1_2_4_and_then_always_7_days(name: str, now: datetime) -> None:
    """Counted from a run in its slot, and given back as a slot."""
    slot = next(slots_after("nightly", name, now, PARIS))
    days = [
        (due.astimezone(PARIS).date() - slot.astimezone(PARIS).date()).days
        for failures in (1, 2, 3, 4, 5, 30)
        if (due := next_due("nightly", name, slot + timedelta(minutes=5), PARIS, failures, slot))
    ]

    assert days == [1, 2, 4, 7, 7, 7]


def test_a_monthly_source_that_failed_is_tried_again_the_next_night() -> None:
    """A failure does not cost a month."""
    now = slot_on(date(2026, 5, 5), "jardins", PARIS)

    assert next_due("monthly", "jardins", now, PARIS, 1, now) == slot_on(date(2026, 5, 6), "jardins", PARIS)


def test_retry_after_is_obeyed_within_a_week() -> None:
    """Sooner than the next slot after a first failure, never sooner after more; garbage and years change little."""
    now = datetime(2026, 5, 5, 3, tzinfo=UTC)
    slot = next_due("nightly", "jardins", now, PARIS, 1)
    late = next_due("nightly", "jardins", now, PARIS, 3)

    assert next_due("nightly", "jardins", now, PARIS, 1, None, now + HOUR) == now + HOUR
    assert next_due("nightly", "jardins", now, PARIS, 1, None, now - DAY) == now + timedelta(minutes=1)
    assert next_due("nightly", "jardins", now, PARIS, 1, None, now + 900 * DAY) == now + 7 * DAY
    assert next_due("nightly", "jardins", now, PARIS, 3, None, now + HOUR) == late
    assert next_due("nightly", "jardins", now, PARIS, 1, None, None) == slot


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("86400", 86400),
        ("Tue, 05 May 2026 04:00:00 GMT", 3600),
        ("Tue, 05 May 2026 06:00:00 +0200", 3600),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
        ("9" * 400, 315_360_000),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_as_a_date(text: str | None, seconds: int | None) -> None:
    """Anything else says nothing."""
    now = datetime(2026, 5, 5, 3, tzinfo=UTC)

    assert asked_back(text, now) == (None if seconds is None else now + timedelta(seconds=seconds))


@pytest.mark.fault(38)
@settings(max_examples=200)
@given(NAMES, TIMES, st.lists(st.tuples(st.integers(-24 * 60, 24 * 60), st.integers(1, 90)), max_size=12))
def test_jumps_of_a_day_neither_double_a_run_nor_starve_a_source(
    name: str, start: datetime, jumps: list[tuple[int, int]]
) -> None:
    """A worker looks every half hour for weeks, while its clock is up to a day wrong at times.

    No slot is harvested twice, and no more than four days of true time go by without a harvest.
    """
    wrong: dict[int, timedelta] = {}
    look = 0
    for minutes, pause in jumps:
        look += pause
        wrong[look] = timedelta(minutes=minutes)
    known, error = row(start), timedelta()
    served: list[datetime] = []
    last = start
    for number in range(look + 200):
        error = wrong.get(number, error)
        true = start + number * timedelta(minutes=30)
        now = true + error
        due = due_at(known, "nightly", name, now, PARIS)
        known = replace(known, due=noted(due))
        if due is not None and due <= now:
            served.append(due)
            last = true
            known = replace(known, due=noted(next_due("nightly", name, now, PARIS, 0, due)))
        assert true - last <= 4 * DAY
    assert len(served) == len(set(served))


@given(NAMES, TIMES, st.integers(5, 4000), st.sampled_from([0, 1, 4]))
def test_a_clock_that_was_far_ahead_does_not_hold_a_source_for_ever(
    name: str, now: datetime, days: int, failures: int
) -> None:
    """A time noted by a clock that was wrong by days or years gives way to a plausible one, which then is kept."""
    noted_then = next_due("nightly", name, now + days * DAY, PARIS, failures)
    known = row(noted_then, failures=failures)

    due = due_at(known, "nightly", name, now, PARIS)

    assert due is not None
    assert due - now <= (8 if failures else 1) * DAY + 51 * HOUR
    assert due_at(replace(known, due=noted(due)), "nightly", name, now, PARIS) == due


def test_a_schedule_made_more_frequent_counts_at_once() -> None:
    """A source that waits for a month, and becomes nightly, is due the next night."""
    now = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert due_at(row(now + 20 * DAY), "nightly", "jardins", now, PARIS) == slot_on(date(2026, 5, 6), "jardins", PARIS)


def test_a_run_that_ends_before_its_slot_by_a_clock_put_back_is_not_made_again() -> None:
    """A minute back between the beginning of a run and its end."""
    slot = slot_on(date(2026, 5, 5), "jardins", PARIS)

    assert next_due("nightly", "jardins", slot - timedelta(minutes=1), PARIS, 0, slot) == slot_on(
        date(2026, 5, 6), "jardins", PARIS
    )


def test_a_zone_that_nobody_knows_is_named() -> None:
    """The operator reads the setting, the value and an example."""
    with pytest.raises(ConfigError, match=r"timezone.*Europe/Pari'.*Example: Europe/Paris"):
        zone_named("Europe/Pari")
    assert zone_named("Europe/Paris") == PARIS
    with pytest.raises(ConfigError):
        zone_named("../../etc/passwd")
