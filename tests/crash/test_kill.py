"""Kill -9 at random instants of a harvest: each record is old or new and whole, nothing is lost, all accounts agree."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from consistency import check
from harvest_to_kill import SOURCES, wanted
from made_up import BASE, SINGLE_VALUED, Clock

from federation.engines import GraphReader
from federation.engines.store_oxigraph import open_reader, open_store
from federation.ledger import open_ledger
from federation.model import to_lines
from federation.pipeline.merge import Merger

SCRIPT = Path(__file__).with_name("harvest_to_kill.py")
LONGEST = 60  # seconds that one harvest may take on a busy machine


class Harvests:
    """A process that forks harvests (harvest_to_kill.py), and what it says of them."""

    def __init__(self, folder: Path, script: Path = SCRIPT) -> None:
        self.folder = folder
        self._process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._said = b""

    def run_to_its_end(self, version: int) -> float:
        """Harvest ``version`` without a kill; return how long that took after opening, in seconds."""
        self._start(version)
        started = time.monotonic()
        assert self._hear(LONGEST) == ["ended", "0"]
        return time.monotonic() - started

    def kill_after(self, version: int, seconds: float) -> bool:
        """Harvest and kill with signal 9 after so many seconds; return whether that caught it alive."""
        harvesting = self._start(version)
        if self._hear(seconds) is not None:
            return False
        with contextlib.suppress(ProcessLookupError):  # it may end at this very instant
            os.kill(harvesting, signal.SIGKILL)
        ended = self._hear(LONGEST)
        assert ended is not None
        return ended == ["ended", "-9"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=LONGEST)

    def _start(self, version: object) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.folder} {version}\n".encode())
        self._process.stdin.flush()
        opened = self._hear(LONGEST)
        assert opened is not None
        assert opened[0] == "opened"
        return int(opened[1])

    def _hear(self, seconds: float) -> list[str] | None:
        """The words of the next line, or None if none comes in time."""
        assert self._process.stdout is not None
        output, until = self._process.stdout.fileno(), time.monotonic() + seconds
        while b"\n" not in self._said:
            ready, _, _ = select.select([output], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            self._said += os.read(output, 4096)
        line, _, self._said = self._said.partition(b"\n")
        return line.decode().split()


def contents(version: int) -> dict[str, str]:
    """Record graphs after a whole harvest of ``version``, without what every run writes anew."""
    return {record.iri: record.digest for source in SOURCES for record in wanted(source, version).values()}


def graphs_seen(reader: GraphReader) -> dict[str, str]:
    """Content of every named graph."""
    rows = reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")
    return {row["g"][1:-1]: to_lines(reader.graph(row["g"][1:-1])) for row in rows}


def possible(version: int) -> set[str]:
    """The content of every record graph in one version."""
    return {record.content for source in SOURCES for record in wanted(source, version).values()}


def recover_and_check(folder: Path) -> dict[str, str]:
    """Open as the next start does, finish what was cut, assert that all agrees; return digests by record."""
    store, ledger = open_store(folder / "store"), open_ledger("", folder)
    Merger(store, ledger, BASE, Clock(), SINGLE_VALUED).recover()
    check(store.reader(), ledger, SINGLE_VALUED)
    published = open_reader(folder / "store")
    assert published.seq == ledger.changes.last_seq()
    states = [state for source in SOURCES for state in ledger.records.states(source).values()]
    digests = {state.record: state.digest for state in states if state.state != "withdrawn"}
    store.close()
    ledger.close()
    return digests


def each_is_old_or_new(now: Mapping[str, str], before: Mapping[str, str], target: Mapping[str, str]) -> None:
    """Assert that each record is as it was before the killed harvest or as that harvest wanted it."""
    for record in now.keys() | before.keys() | target.keys():
        assert now.get(record) in {before.get(record), target.get(record)}, record


def hammer(folder: Path, kills: int, seed: int) -> None:
    """Kill so many harvests at random instants, each going on from what the one before left."""
    chance = random.Random(seed)
    with contextlib.closing(Harvests(folder)) as harvests:
        harvests.run_to_its_end(0)
        span = harvests.run_to_its_end(1)
        before, whole = recover_and_check(folder), possible(0) | possible(1)
        assert before == contents(1)
        died, version = 0, 1
        while died < kills:
            version += 1
            whole |= possible(version)
            caught = harvests.kill_after(version, chance.uniform(0, span))
            died += caught
            span *= 1 if caught else 0.95  # a faster machine than at first: aim earlier
            assert set(graphs_seen(open_reader(folder / "store")).values()) <= whole, "readers never see half a record"
            now = recover_and_check(folder)
            each_is_old_or_new(now, before, contents(version))
            before = now
        harvests.run_to_its_end(version + 1)
    assert recover_and_check(folder) == contents(version + 1), "the next whole harvest has every record"


@pytest.mark.slow
@pytest.mark.fault(33)
def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    """Three kills: the short form of the test below, for every run of the suite."""
    hammer(tmp_path, kills=3, seed=20261121)


@pytest.mark.fault(33)
@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    """Kill -9 at 100 random instants of a harvest, its recovery of the one before included."""
    hammer(tmp_path, kills=100, seed=5)
