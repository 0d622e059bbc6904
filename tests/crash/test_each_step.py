"""One fault at one step of a run: after a restart and the next harvest, all is as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from test_kill import LONGEST, Harvests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))

from lying_server import LyingServer
from misbehaving import data
from steps_to_fail import GONE, TOLD
from years import NIGHT, Instance, Row, rows

from federation.engines.store_oxigraph import open_reader, open_store
from federation.errors import DataFolderBusy
from federation.ledger import open_ledger
from federation.model import RunState, to_lines
from federation.vocabulary import Vocabulary, load

SCRIPT = Path(__file__).with_name("steps_to_fail.py")
DAY = 9  # the day of the run that fails: three records have been missing for long enough
FEED = [*rows(4, "Autre texte"), *rows(14, start=4), *rows(5, start=50)]  # 4 changed, 2 gone, 5 new

Standing = tuple[dict[str, str], dict[str, tuple[object, ...]]]


@dataclass
class Bench:
    """A server, the instance to begin with, what comes of it without fault, and a process that harvests."""

    server: LyingServer
    folder: Path
    vocabulary: Vocabulary
    before: dict[str, str]
    after: Standing
    harvests: Harvests

    def open(self, folder: Path, day: int) -> Instance:
        """Open an instance as the next start does."""
        return Instance(folder, self.vocabulary, day, server=self.server)

    def say(self, feed: Sequence[Row]) -> None:
        """What the source says from now on."""
        self.server.answers["/s.json"] = data(list(feed), 'ETag: "same"')

    def fail(self, folder: Path, asked: str) -> str:
        """Harvest into a fault; how the process ends."""
        shutil.copytree(self.folder, folder)
        self.say(FEED)
        self.harvests.folder = folder
        self.harvests._start(f"{DAY}:{self.server.port}:{asked}")
        ended = self.harvests._hear(LONGEST)
        assert ended is not None
        return ended[1]

    def finish(self, folder: Path) -> Standing:
        """Restart, assert that all agrees and that every record is old or new, harvest once more; what it comes to."""
        here = self.open(folder, DAY)
        here.check()
        self.each_is_old_or_new(here.graphs())
        self.say(FEED)
        here.run()
        here.night()
        here.check()
        stands = standing(here)
        here.close()
        return stands

    def each_is_old_or_new(self, graphs: dict[str, str]) -> None:
        """Assert that no record is half one version and half another (I3)."""
        for name in graphs.keys() | self.before.keys() | self.after[0].keys():
            assert graphs.get(name) in {self.before.get(name), self.after[0].get(name)}, name


def standing(here: Instance) -> Standing:
    """All record graphs, and what is known of each record but for times and runs."""
    states = {
        key: (state.state, state.digest, state.tier, state.reason, state.misses if state.state == "missing" else 0)
        for key, state in here.states().items()
    }
    return here.graphs(), states


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Twenty records, two of which have been missing for a week; and the same after a day without fault."""
    folder, vocabulary, server = tmp_path_factory.mktemp("steps"), load(), LyingServer()
    with contextlib.closing(server), contextlib.closing(Harvests(folder, SCRIPT)) as harvests:
        made = Bench(server, folder / "first", vocabulary, {}, ({}, {}), harvests)
        here = made.open(made.folder, 0)
        made.say(rows(20))
        here.run()
        made.say([*rows(18)])
        for _ in range(3):
            here.clock.turn(NIGHT)
            here.run()
        made.before = here.graphs()
        here.close()
        made.say([])
        calm = made.open(shutil.copytree(made.folder, folder / "calm"), DAY)
        made.say(FEED)
        calm.run()
        calm.night()
        made.after = standing(calm)
        calm.close()
        assert sorted(state[0] for state in made.after[1].values()).count("withdrawn") == 2
        yield made


STEPS = (
    "bodies.keep:1",
    "runs.start:1",
    "revisions.add:1",
    "journal.add:1",
    "journal.add:3",
    "store.write:1",
    "store.write:2",
    "records.put:1",
    "changes.append:2",
    "journal.close:1",
    "journal.close:2",
    "store.publish:1",
    "records.note:1",
    "cursors.set_fact:2",
    "sources.note_fetch:1",
    "runs.finish:1",
)


@pytest.mark.fault(33)
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", STEPS)
def test_kill_at_each_step_leaves_no_trace(bench: Bench, tmp_path: Path, step: str, when: str) -> None:
    """Between any two steps, journal rows included: readers see old or new records, and the end state is the same."""
    folder = tmp_path / "hit"
    ended = bench.fail(folder, f"{step}:{when}:kill")

    assert ended == "-9", "the step is one of the run's"
    reader = open_reader(folder / "data" / "store")
    names = [each["g"][1:-1] for each in reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")]
    whole = {*bench.before, *bench.after[0]}
    assert set(names) <= whole
    assert all(to_lines(reader.graph(name)) for name in names)
    assert bench.finish(folder) == bench.after


@pytest.mark.fault(34)
@pytest.mark.parametrize("step", ["store.write:1", "store.write:3", "journal.add:2", "store.publish:1"])
@pytest.mark.parametrize("fault", ["gone", pytest.param("read-only", marks=pytest.mark.slow)])
def test_a_store_that_goes_away_in_mid_run_is_resumed(bench: Bench, tmp_path: Path, step: str, fault: str) -> None:
    """Its folder is away, or takes no file: the run stops, its cursor does not move, and the journal is carried on."""
    folder = tmp_path / "hit"
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    ended = bench.fail(folder, f"{step}:before:{fault}")
    store = folder / "data" / "store"
    if (away := (store / "live").with_suffix(GONE)).exists():
        shutil.rmtree(store / "live", ignore_errors=True)
        away.rename(store / "live")
    for path in store.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)

    assert ended == str(TOLD)
    ledger = open_ledger("", folder / "data" / "ledger")
    source, last = ledger.sources.get("s"), ledger.runs.last("s")
    settled = ledger.cursors.fact("settled/s")
    ledger.close()
    assert source is not None
    assert last is not None
    assert (last.state, settled) == (RunState.RUNNING, ""), "what it read is not taken for done"
    assert bench.finish(folder) == bench.after


@pytest.mark.fault(35)
@pytest.mark.parametrize("step", ["bodies.keep:1", "journal.add:1", "journal.add:2", "store.write:1", "store.write:2"])
def test_a_disk_that_is_full_loses_nothing(bench: Bench, tmp_path: Path, step: str) -> None:
    """At the stored bytes or the first journal row nothing has changed; later, what was begun is finished."""
    folder = tmp_path / "hit"
    assert bench.fail(folder, f"{step}:before:full") == str(TOLD)
    if step in {"bodies.keep:1", "journal.add:1"}:
        here = bench.open(folder, DAY)
        assert here.graphs() == bench.before
        here.close()
    assert bench.finish(folder) == bench.after


@pytest.mark.fault(36)
def test_a_run_that_falls_asleep_keeps_others_out_and_ends_when_it_wakes(bench: Bench, tmp_path: Path) -> None:
    """Nobody can write beside it, so what it writes when it wakes is never older than what is there."""
    folder = tmp_path / "hit"
    shutil.copytree(bench.folder, folder)
    bench.say(FEED)
    bench.harvests.folder = folder
    sleeper = bench.harvests._start(f"{DAY}:{bench.server.port}:store.write:2:before:sleep")
    until = time.monotonic() + LONGEST
    while psutil.Process(sleeper).status() != psutil.STATUS_STOPPED and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(DataFolderBusy, match=str(sleeper)):
        open_store(folder / "data" / "store")
    os.kill(sleeper, signal.SIGCONT)
    assert bench.harvests._hear(LONGEST) == ["ended", "0"]
    assert bench.finish(folder) == bench.after
