"""A first push has nothing to lose: it is taken as it comes, in however many runs; later ones meet the guard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pushing import Pushing
from years import Instance, is_held

from federation.model import Rule, RunState
from federation.vocabulary import Vocabulary


@pytest.fixture
def desk(tmp_path: Path, vocabulary: Vocabulary) -> Iterator[Pushing]:
    """An instance to which a partner pushes, that must be in order when the test is over."""
    here = Instance(tmp_path / "here", vocabulary)
    yield Pushing(here)
    here.check()
    here.close()


def push(desk: Pushing, numbers: range) -> RunState:
    """Push some new records."""
    return desk.push(*(desk.made(str(n), desk.at(-5)) for n in numbers)).state


def test_a_first_push_in_pieces_is_taken_as_it_comes(desk: Pushing) -> None:
    """Five, then 120 within the day: as one push of 125 would be."""
    assert push(desk, range(5)) is RunState.SUCCEEDED
    desk.here.clock.turn(timedelta(hours=20))
    assert push(desk, range(5, 125)) is RunState.SUCCEEDED
    assert len(desk.online()) == 125


def test_a_later_push_that_grows_too_much_waits(desk: Pushing) -> None:
    """A day after the first records, 101 new ones beside five are held."""
    push(desk, range(5))
    desk.here.clock.turn(timedelta(hours=25))
    held = desk.push(*(desk.made(str(n), desk.at(-5)) for n in range(5, 106)))

    is_held(held, Rule.GROWTH)
    assert len(desk.online()) == 5
