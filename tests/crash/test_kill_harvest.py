"""Kill -9 at random instants of the whole harvest, worker processes and search index included."""

from __future__ import annotations

import contextlib
import os
import random
import time
from pathlib import Path

import psutil
import pytest
from commons_to_kill import SOURCES
from consistency import check
from test_kill import Harvests

from federation.engines import SearchRequest
from federation.platform import Platform, open_platform
from federation.settings import load_settings

SCRIPT = Path(__file__).with_name("commons_to_kill.py")


def single_valued(platform: Platform) -> set[str]:
    """The properties of a project that take one value."""
    fields = platform.vocabulary.fields.values()
    return {item.property for item in fields if not item.many and "." not in item.key}


def recover_and_check(folder: Path) -> dict[str, str]:
    """Open for writing as the next harvest does; assert that store, ledger, log and index agree; give the digests."""
    platform = open_platform(load_settings(folder, {}))
    with platform.writing():
        pass
    ledger = platform._ledger
    check(platform.reader, ledger, single_valued(platform))
    states = [state for source in SOURCES for state in ledger.records.states(source).values()]
    projects = {state.pid for state in states}
    assert platform.reader.seq == ledger.changes.last_seq() == platform.search.seq
    assert platform.search.search(SearchRequest(limit=1)).total == len(projects)
    platform.close()
    return {state.record: state.digest for state in states}


def hammer(folder: Path, kills: int, seed: int) -> None:
    """Kill so many harvests at random instants, each going on from what the one before left."""
    chance = random.Random(seed)
    with contextlib.closing(Harvests(folder, SCRIPT)) as harvests:
        span = harvests.run_to_its_end(0)
        before = recover_and_check(folder)
        died, version = 0, 0
        while died < kills:
            version += 1
            died += harvests.kill_after(version, chance.uniform(0, span))
            now = recover_and_check(folder)
            assert now.keys() >= before.keys(), "no record is lost"
            before = now
        harvests.run_to_its_end(version + 1)
        after = recover_and_check(folder)
    with contextlib.closing(Harvests(folder.with_name("fresh"), SCRIPT)) as fresh:
        fresh.run_to_its_end(version + 1)
    assert after == recover_and_check(folder.with_name("fresh")), "the next whole harvest has every record as it is"
    _no_worker_is_left(folder)


def _no_worker_is_left(folder: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        mine = psutil.Process(os.getpid())
        others = [process for process in mine.children(recursive=True) if "spawn_main" in " ".join(process.cmdline())]
        orphans = [
            process
            for process in psutil.process_iter(["ppid", "cmdline"])
            if process.info["ppid"] == 1 and "spawn_main" in " ".join(process.info["cmdline"] or ())
        ]
        if not others and not orphans:
            return
        time.sleep(0.2)
    raise AssertionError("worker processes outlive their harvest")


@pytest.mark.slow
@pytest.mark.fault(33)
def test_a_few_kills_of_the_whole_harvest_lose_nothing(tmp_path: Path) -> None:
    """Two kills: the short form of the test below."""
    hammer(tmp_path / "here", kills=2, seed=3)


@pytest.mark.fault(33)
@pytest.mark.slow
def test_a_hundred_kills_of_the_whole_harvest_lose_nothing(tmp_path: Path) -> None:
    """Kill -9 at 100 random instants of a harvest from its start to its end."""
    hammer(tmp_path / "here", kills=100, seed=11)
