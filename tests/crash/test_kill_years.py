"""Kill -9 in runs that withdraw and hold: after a restart and one more harvest, all is as if nothing had happened."""

from __future__ import annotations

import contextlib
import random
import sys
from pathlib import Path

import pytest
from test_kill import Harvests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))

from years import Instance
from years_to_kill import SOURCES

from federation.vocabulary import Vocabulary, load

SCRIPT = Path(__file__).with_name("years_to_kill.py")


def standing(folder: Path, vocabulary: Vocabulary, day: int) -> dict[str, tuple[str | None, tuple[object, ...] | None]]:
    """What an instance has come to: all record graphs, and what is known of each record but for times and runs."""
    here = Instance(folder, vocabulary, day)
    here.check()
    states = {
        state.record: (state.state, state.digest, state.tier, state.misses, state.reason, state.pid)
        for source in SOURCES
        for state in here.states(source).values()
    }
    graphs = here.graphs()
    here.close()
    return {each: (graphs.get(each), states.get(each)) for each in graphs.keys() | states.keys()}


def hammer(folder: Path, kills: int, seed: int) -> None:
    """Kill so many runs, one a day at most; finish each day, and compare it with that of an undisturbed instance."""
    chance, vocabulary = random.Random(seed), load()
    hit, calm = folder / "hit", folder / "calm"
    with contextlib.closing(Harvests(hit, SCRIPT)) as killed, contextlib.closing(Harvests(calm, SCRIPT)) as undisturbed:
        span, died, day = 0.3, 0, 0
        while died < kills:
            died += killed.kill_after(day, chance.uniform(0, span)) if day else 0
            span = 0.7 * span + 0.3 * undisturbed.run_to_its_end(day)
            killed.run_to_its_end(day)
            for each in (killed, undisturbed):  # once more: what a run brings in raises the limits of the next one
                each.run_to_its_end(day)
            after, wanted = standing(hit, vocabulary, day), standing(calm, vocabulary, day)
            assert {
                each: (after.get(each), wanted[each]) for each in wanted if after.get(each) != wanted[each]
            } == {}, day
            assert after.keys() == wanted.keys()
            day += 1
    withdrawn = [state for _, state in wanted.values() if state is not None and state[0] == "withdrawn"]
    assert withdrawn or day < 12, "the days that are tested withdraw records"


@pytest.mark.slow
@pytest.mark.fault(33)
def test_a_few_kills_of_runs_that_withdraw_and_hold_leave_no_trace(tmp_path: Path) -> None:
    """Two kills: the short form of the test below."""
    hammer(tmp_path, kills=2, seed=2)


@pytest.mark.fault(33)
@pytest.mark.slow
def test_a_hundred_kills_of_runs_that_withdraw_and_hold_leave_no_trace(tmp_path: Path) -> None:
    """Kill -9 at 100 random instants, between journal rows, before and after absences are noted, in withdrawals."""
    hammer(tmp_path, kills=100, seed=9)
