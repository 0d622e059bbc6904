"""The worker alone: what it takes up in which order, notes and survives. A stand-in plays the writer."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from federation.errors import CarrefourError, ConfigError, DataFolderBusy, EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.runs import Order
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import from_text
from federation.model import Counts, RunKind, RunReport, RunState, Text
from federation.pipeline.apply import Stopped
from federation.pipeline.fetch import Delivery
from federation.pipeline.fetch.faults import Fault, FetchFailed
from federation.pipeline.schedule import slot_on
from federation.pipeline.sources import Partner, Source
from federation.pipeline.worker import PRUNED, Desk, Pace, Pauses, Watcher, Worker, keep_working
from federation.pipeline.worker.jobs import Progress

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 5, 5, 10, tzinfo=UTC)
SECONDS = 30  # after which a test that waits has failed
EMPTY = Delivery(())
DOWN = FetchFailed(Fault.STATUS, "en panne", "down", 503, "7200")


def source(name: str, url: str = "", schedule: str = "nightly") -> Source:
    """A source of its own host."""
    return Source(name, Partner("p", "P"), name, url or f"https://{name}.example/feed", "csv", "v1", schedule=schedule)


@dataclass
class Files:
    """Source files, of which some have a fault."""

    found: dict[str, Source | ConfigError]

    def all(self) -> Mapping[str, Source | ConfigError]:
        return dict(self.found)

    def one(self, name: str) -> Source:
        known = self.found.get(name, ConfigError(f"{name}.toml: gone"))
        if isinstance(known, ConfigError):
            raise known
        return known


@dataclass
class StandIn:
    """Fetches and writes as it is told, and remembers what was asked of it."""

    ledger: Ledger
    brings: dict[str, Callable[[], Delivery]] = field(default_factory=dict)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    fetching: set[str] = field(default_factory=set)
    most: int = 0
    pruned: int = 0

    def fetch(self, wanted: Source) -> Delivery:
        self.fetching.add(wanted.url)
        self.most = max(self.most, len(self.fetching))
        try:
            return self.brings.get(wanted.id, lambda: EMPTY)()
        finally:
            self.fetching.discard(wanted.url)

    def harvest(
        self,
        wanted: Source,
        progress: Progress,
        delivery: Delivery | CarrefourError | None = None,
        queued: str | None = None,
    ) -> RunReport:
        self.ledger.sources.declare(PartnerRow("p", "P"), SourceRow(wanted.id, "p", wanted.name))
        if queued is None:
            run = self.ledger.runs.start(wanted.id, "p", NOON, 1)
        else:
            self.ledger.runs.take(queued, NOON, 1)
            run = queued
        progress("harvest", 5, None)
        self.during.get(wanted.id, lambda: None)()
        try:
            progress("harvest", 10, None)
        except Stopped:
            return self._finish(run, wanted.id, RunState.ABANDONED, "")
        failed = isinstance(delivery, CarrefourError)
        return self._finish(run, wanted.id, RunState.FAILED if failed else RunState.SUCCEEDED, str(delivery))

    def carry_out(self, order: Order, progress: Progress, queued: str | None = None) -> RunReport:
        before = self.ledger.runs.get(order.of or "")
        assert before is not None
        run = self.ledger.runs.start(before.source, "p", NOON, 1, kind=order.kind, of=order.of)
        self.done.append(f"{order.kind.value} {order.of}")
        return self._finish(run, before.source, RunState.SUCCEEDED, "")

    def erase(self) -> int:
        return 0

    def prune(self) -> None:
        self.pruned += 1

    def _finish(self, run: str, name: str, state: RunState, message: str) -> RunReport:
        report = RunReport(run, name, "p", state, NOON, NOON, Counts(), message=message)
        self.ledger.runs.finish(report)
        self.ledger.sources.note_run(name, run)
        self.done.append(name)
        return report


@dataclass
class Bench:
    """A worker with everything around it."""

    ledger: Ledger
    writer: StandIn
    files: Files
    now: datetime = NOON
    reports: list[RunReport] = field(default_factory=list)
    said: list[Text] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    errand: Callable[[], bool] = lambda: False

    def work(self, threads: int = 4, due: bool = True) -> None:
        """Work until nothing is left to do."""
        self.stop.clear()
        pace = Pace(PARIS, threads, poll=0.05, look=0.0, beat=0.0)
        watcher = Watcher(self.reports.append, self.said.append)
        worker = Worker(
            self.writer, self.ledger, self.files, pace, watcher, lambda: self.now, errand=lambda: self.errand()
        )
        worker.run(self.stop, True, due)

    def row(self, name: str) -> SourceRow:
        known = self.ledger.sources.get(name)
        assert known is not None
        return known

    def know(self, name: str, due: datetime | None = None, failures: int = 0) -> None:
        """Let the ledger know a source, that is due some time."""
        self.ledger.sources.declare(PartnerRow("p", "P"), SourceRow(name, "p", name))
        self.ledger.sources.schedule(name, None if due is None else due.isoformat().replace("+00:00", "Z"), failures)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty instance."""
    with closing(open_ledger("", tmp_path)) as ledger:
        yield Bench(ledger, StandIn(ledger), Files({}))


def late(hours: int) -> datetime:
    """So many hours before noon."""
    return NOON - timedelta(hours=hours)


def test_orders_come_first_then_what_is_due_longest(bench: Bench) -> None:
    """The oldest order, the next one, then sources by the time since which they are due; what is not due is left."""
    for name, due in (("a", late(1)), ("b", late(5)), ("c", late(-5)), ("d", late(3)), ("e", late(-9))):
        bench.files.found[name] = source(name, url=f"/feeds/{name}.csv")
        bench.know(name, due)
    bench.files.found["m"] = source("m", "/feeds/m.csv", "manual")
    times = iter([late(2), late(1)])
    desk = Desk(bench.ledger, lambda: next(times))
    orders = [desk.order(source("e")), desk.order(source("m"))]

    bench.work(threads=1)

    assert bench.writer.done == ["e", "m", "b", "d", "a"]
    assert [report.run for report in bench.reports[:2]] == orders
    assert bench.ledger.runs.queued() == []


def test_what_is_old_is_forgotten_once_a_day(bench: Bench) -> None:
    """Each day once, however often the worker is started; a clock that ran ahead for a while stops nothing for long."""
    seen = []
    for hours in (0, 1, 23, 24, 25, 48, -72, -71):
        bench.now = NOON + timedelta(hours=hours)
        bench.work()
        seen.append(bench.writer.pruned)

    assert seen == [1, 1, 1, 2, 2, 3, 4, 4]


def test_what_is_old_is_left_by_who_only_carries_out_orders(bench: Bench) -> None:
    """A command that has one thing done does nothing else."""
    bench.ledger.cursors.set_fact(PRUNED, late(99).isoformat())
    bench.work(due=False)

    assert bench.writer.pruned == 0


def test_other_work_of_the_writing_thread_is_done_between_two_harvests(bench: Bench) -> None:
    """An errand that has more to do is called again at once, and keeps no source waiting; not for a single order."""
    for name in ("a", "b"):
        bench.files.found[name] = source(name, url=f"/feeds/{name}.csv")
        bench.know(name, late(1))
    pieces = iter([True, True, True, True])

    def errand() -> bool:
        if (more := next(pieces, False)) is True:
            bench.writer.done.append("errand")
        return more

    bench.errand = errand
    bench.work(due=False)
    assert bench.writer.done == []
    bench.work()

    assert bench.writer.done.count("errand") == 4
    assert [name for name in bench.writer.done if name != "errand"] == ["a", "b"]
    assert bench.writer.done.index("a") < 4


def test_a_feed_that_hangs_delays_nobody_else(bench: Bench) -> None:
    """Three fetches never end while the others are asked for; the worker harvests all others before it lets them go."""
    release, others = threading.Event(), threading.Event()
    for n in range(40):
        bench.files.found[f"s{n:02}"] = source(f"s{n:02}")
    hanging = ("s00", "s07", "s39")

    def hang() -> Delivery:
        assert release.wait(SECONDS)
        raise DOWN

    def watch() -> None:
        if len(bench.writer.done) == 40 - len(hanging) - 1:
            others.set()
            release.set()

    bench.writer.brings = dict.fromkeys(hanging, hang)
    bench.writer.during = {name: watch for name in bench.files.found if name not in hanging}
    bench.work()

    assert others.is_set()
    assert set(bench.writer.done[-3:]) == set(hanging)
    assert [report.state for report in bench.reports].count(RunState.FAILED) == 3
    assert bench.writer.most <= 4


def test_one_host_is_asked_one_thing_at_a_time(bench: Bench) -> None:
    """Sources of one host follow each other, also while another host is asked."""
    seen: list[int] = []

    def look() -> Delivery:
        seen.append(sum("same.example" in url for url in bench.writer.fetching))
        return EMPTY

    for n in range(8):
        name = f"s{n}"
        bench.files.found[name] = source(name, f"https://same.example:{8000 + n}/feed")
        bench.writer.brings[name] = look
    bench.files.found["other"] = source("other")

    bench.work()

    assert seen == [1] * 8
    assert len(bench.writer.done) == 9


def test_a_failure_is_counted_and_puts_the_source_off(bench: Bench) -> None:
    """Retry-After counts after the first; then one, two, four days; a success begins anew."""
    bench.files.found["a"] = source("a")
    bench.writer.brings["a"] = lambda: (_ for _ in ()).throw(DOWN)
    night = slot_on(NOON.date(), "a", PARIS)
    dues = []
    for _ in range(3):
        bench.work()
        dues.append(from_text(bench.row("a").due or ""))
        bench.now = dues[-1] + timedelta(minutes=1)

    assert dues[0] == NOON + timedelta(hours=2), "as the server asked"
    assert [(due.date() - night.date()).days for due in dues[1:]] == [2, 6]
    assert bench.row("a").failures == 3

    bench.writer.brings.clear()
    bench.work()

    assert bench.row("a").failures == 0
    assert from_text(bench.row("a").due or "") - bench.now < timedelta(days=1)


def test_a_due_source_is_harvested_once_for_its_slot(bench: Bench) -> None:
    """However often the worker looks; and again the night after."""
    bench.files.found["a"] = source("a")
    for _ in range(3):
        bench.work()
    bench.now += timedelta(days=1)
    bench.work()

    assert bench.writer.done == ["a", "a"]


def test_what_a_person_tries_does_not_move_the_schedule(bench: Bench) -> None:
    """A failed order is no failed night; a good one ends a row of failures."""
    bench.files.found["a"] = source("a")
    due = NOON + timedelta(hours=20)
    bench.know("a", due, failures=1)
    desk = Desk(bench.ledger, lambda: bench.now)
    bench.writer.brings["a"] = lambda: (_ for _ in ()).throw(DOWN)
    desk.order(source("a"))
    bench.work()
    assert (from_text(bench.row("a").due or ""), bench.row("a").failures) == (due, 1)

    bench.writer.brings.clear()
    desk.order(source("a"))
    bench.work()
    assert bench.row("a").failures == 0


def test_a_source_file_with_a_fault_is_noted_and_stops_nobody(bench: Bench) -> None:
    """Told once, kept on the source until it is mended; the others are harvested."""
    bench.know("a", late(1))
    bench.files.found = {"a": ConfigError("a.toml, line 3: what?", "a.toml, ligne 3 : quoi ?"), "b": source("b")}

    bench.work()
    bench.now += timedelta(days=1)
    bench.work()

    assert bench.writer.done == ["b", "b"]
    assert bench.row("a").note == "a.toml, ligne 3 : quoi ?"

    bench.files.found["a"] = source("a")
    bench.work()

    assert bench.writer.done[2:] == ["a"]
    assert bench.row("a").note is None


def test_the_reason_of_a_pause_is_not_touched(bench: Bench) -> None:
    """A note that is not about the file stays, and a paused source is not harvested."""
    bench.know("a", late(1))
    bench.ledger.sources.set_state("a", "paused", "le partenaire déménage")
    bench.files.found["a"] = ConfigError("a.toml: what?", "a.toml : quoi ?")
    bench.work()
    bench.files.found["a"] = source("a")
    bench.work()

    assert bench.row("a").note == "le partenaire déménage"
    assert bench.writer.done == []


def test_an_order_for_a_source_that_is_gone_fails_with_its_reason(bench: Bench) -> None:
    """Whoever follows it reads why; nothing waits for ever."""
    run = Desk(bench.ledger, lambda: bench.now).order(source("gone"))

    bench.work()

    account = Desk(bench.ledger, lambda: bench.now).account(run)
    assert account is not None
    assert account.state is RunState.FAILED
    assert [finding.message["en"] for finding in account.findings] == ["gone.toml: gone"]


@pytest.mark.fault(37)
def test_told_to_stop_it_stops_at_the_next_batch_and_counts_no_failure(bench: Bench) -> None:
    """The run is abandoned, and taken up at the next start; until then the source is due as before."""
    due = late(1)
    bench.know("a", due)
    bench.files.found = {"a": source("a"), "b": source("b")}
    seen: list[Mapping[str, object]] = []

    def stop() -> None:
        running = bench.ledger.runs.last("a", [RunState.RUNNING])
        assert running is not None
        seen.append(bench.ledger.runs.progress(running.run))
        bench.stop.set()

    bench.writer.during["a"] = stop

    bench.work(threads=1)

    assert seen == [{"stage": "harvest", "done": 5, "total": None}]
    assert [report.state for report in bench.reports] == [RunState.ABANDONED]
    assert (from_text(bench.row("a").due or ""), bench.row("a").failures) == (due, 0)

    bench.writer.during.clear()
    bench.work(threads=1)

    assert bench.writer.done == ["a", "a", "b"]


@pytest.mark.fault(33)
def test_what_a_crash_cut_short_is_taken_up_first(bench: Bench) -> None:
    """From the stored bytes if there are any, else by a new harvest; an undoing is begun again."""
    bench.files.found = {name: source(name) for name in "abcd"}
    for name in "abc":
        bench.know(name, NOON + timedelta(hours=20))
    read = bench.ledger.runs.start("a", "p", NOON, 1)
    bench.ledger.runs.note(read, input_sha256="0" * 64)
    bench.ledger.runs.start("b", "p", NOON, 1)
    bench.ledger.runs.start("c", "p", NOON, 1, kind=RunKind.UNDO, of=read)
    bench.know("d", NOON + timedelta(hours=20))
    bench.ledger.runs.abandon_open(NOON)

    bench.work()

    assert bench.writer.done[:2] == [f"replay {read}", "a"]
    assert f"undo {read}" in bench.writer.done
    assert "b" in bench.writer.done
    assert "d" not in bench.writer.done


def test_a_source_that_kills_its_process_is_put_off_in_the_end(bench: Bench) -> None:
    """Each attempt is counted before it begins; after three the source waits as after failures, and others go on."""
    bench.files.found = {"a": source("a"), "b": source("b")}
    bench.know("a", late(1))

    class Killed(BaseException):
        """Stands for the end of the process."""

    def die() -> None:
        raise Killed

    bench.writer.during["a"] = die
    for _ in range(3):
        with pytest.raises(Killed):
            bench.work(threads=1)
        bench.ledger.runs.abandon_open(NOON)
    bench.work(threads=1)

    assert bench.row("a").failures == 3
    assert from_text(bench.row("a").due or "") > NOON + timedelta(days=3)
    assert bench.writer.done == ["b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_in_a_fetch_fails_that_run_only(bench: Bench) -> None:
    """A thread that ends in a way nobody thought of leaves its trace in the log, and an account."""
    bench.files.found = {"a": source("a"), "b": source("b")}
    bench.writer.brings["a"] = lambda: Delivery((), total=1 // 0)

    bench.work()

    assert sorted(bench.writer.done) == ["a", "b"]
    assert {report.source: report.state for report in bench.reports} == {
        "a": RunState.FAILED,
        "b": RunState.SUCCEEDED,
    }


def test_only_orders_are_done_when_due_sources_are_left_to_others(bench: Bench) -> None:
    """Whoever takes over for a worker that has gone does what was asked for."""
    bench.files.found = {"a": source("a"), "b": source("b")}
    Desk(bench.ledger, lambda: bench.now).order(source("b"))

    bench.work(due=False)

    assert bench.writer.done == ["b"]


def test_a_worker_leaves_its_number_while_it_is_there(bench: Bench) -> None:
    """Others see by it that orders are taken."""
    desk = Desk(bench.ledger, lambda: bench.now)
    seen: list[str] = []
    bench.files.found["a"] = source("a")
    bench.writer.during["a"] = lambda: seen.append(desk.worker())

    bench.work()

    assert seen[0].isdigit()
    assert desk.worker() == ""


def test_a_worker_that_fails_is_followed_by_another() -> None:
    """Whatever ended it; what is the same is told once; a folder in use is waited for; a stop ends it."""
    stop, said = threading.Event(), list[Text]()
    ends: list[Exception | None] = [
        DataFolderBusy("busy", "occupé"),
        DataFolderBusy("busy", "occupé"),
        EngineUnavailable("full", "plein"),
        ZeroDivisionError("ours"),
        None,
    ]
    runs = 0

    def session() -> None:
        nonlocal runs
        runs += 1
        if (end := ends.pop(0)) is not None:
            raise end

    keep_working(session, stop, said.append, Pauses(0.0, 0.0, 0.0))

    assert runs == 5
    assert [text["en"].split(". ")[-1] for text in said] == ["busy", "full"]
    assert "reading goes on" in said[0]["en"]
    stop.set()
    ends.append(AssertionError("a stopped worker was started"))
    keep_working(session, stop, said.append, Pauses(0.0, 0.0, 0.0))
    assert runs == 5


@pytest.mark.parametrize("resting", [False, True])
def test_a_signal_that_another_thread_takes_stops_the_worker_all_the_same(resting: bool) -> None:
    """At work or resting after a failure: whichever thread the system hands the signal to, the worker notices it."""
    stop, lost = threading.Event(), threading.Event()

    def too_late() -> None:
        lost.set()
        stop.set()

    def interrupt() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    def session() -> None:
        sender.start()
        if resting:
            raise EngineUnavailable("full", "plein")
        stop.wait()

    sender, guard = threading.Timer(0.1, interrupt), threading.Timer(SECONDS, too_late)
    before = signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=stop.set).start())
    guard.start()
    try:
        keep_working(session, stop, lambda _: None, Pauses(3600.0, 3600.0, 3600.0))
    finally:
        guard.cancel()
        sender.join()
        signal.signal(signal.SIGUSR1, before)

    assert not lost.is_set()
