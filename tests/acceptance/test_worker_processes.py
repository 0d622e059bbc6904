"""The worker in real processes: inside ``carrefour serve``, asked by ``carrefour harvest``, stopped, killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from running import COMMAND, GARDENS, GARDENS_FEED, ROOT, SMALL, carrefour, make_instance, own_process
from test_command_line import Served

from federation.model import RunReport, RunState
from federation.pipeline.worker import Watcher
from federation.platform import open_platform
from federation.settings import load_settings

SECONDS = 60  # after which waiting has failed
OPEN = SMALL + "fetch_private = true\n"


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Ask again and again; fail when it takes too long."""
    until = time.monotonic() + SECONDS
    pause = threading.Event()
    while not true():
        assert time.monotonic() < until, f"in vain waited for: {what}"
        pause.wait(0.05)


def runs(folder: Path, source: str) -> list[tuple[str, str, int]]:
    """State, kind and records accounted for of the runs of a source, oldest first."""
    with closing(sqlite3.connect(f"file:{folder}/data/ledger/ledger.sqlite?mode=ro", uri=True)) as ledger:
        rows = ledger.execute("SELECT state, kind, counts FROM run WHERE source = ? ORDER BY id", [source]).fetchall()
    return [(state, kind, json.loads(counts or "{}").get("accepted", 0)) for state, kind, counts in rows]


def states(folder: Path, source: str) -> list[str]:
    """The states of the runs of a source, oldest first."""
    return [state for state, _, _ in runs(folder, source)]


def garden(url: str, name: str = "jardins", schedule: str = "nightly") -> str:
    """The garden source at another address, under another name."""
    text = GARDENS.replace('"../feeds/jardins.csv"', f'"{url}"\nschedule = "{schedule}"')
    return text.replace('id = "jardins"\npartner = "jardins"', f'id = "{name}"\npartner = "{name}"')


class Feeds:
    """A server of one loopback address that answers each path with the garden feed, or first hangs until released."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.asked: list[str] = []
        self.hang = threading.Event()
        self.hang.set()
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/robots.txt":
                    self.send_error(404)
                    return
                feeds.asked.append(self.path)
                feeds.hang.wait(SECONDS)
                body = GARDENS_FEED.encode()
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/csv; charset=utf-8")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self.address = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    """One server of feeds."""
    with closing(Feeds()) as server:
        yield server


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """``carrefour serve`` on a folder, killed at the end if it still is there."""
    server = Served(folder)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


@pytest.mark.slow
def test_a_server_harvests_what_is_due_and_what_is_put_into_its_folder(tmp_path: Path) -> None:
    """Nobody gives an order: the source there is harvested; so is one whose file comes later."""
    folder = make_instance(tmp_path / "i", settings=SMALL)
    with served(folder) as server:
        wait_until(lambda: json.loads(server.get("/healthz")[1])["projects"] == 3, "the first harvest")
        code, errors = server.end(signal.SIGTERM)

    assert states(folder, "jardins") == ["succeeded"]
    assert "jardins : réussie" in errors
    assert "Traceback" not in errors
    assert code == 0


@pytest.mark.slow
def test_a_server_that_may_not_harvest_only_reads(tmp_path: Path) -> None:
    """With ``worker = false`` the folder is free for others, who harvest themselves."""
    folder = make_instance(tmp_path / "i", settings=f"{SMALL}worker = false\n")
    with served(folder) as server:
        beside = own_process(folder, "harvest")
        projects = json.loads(server.get("/healthz")[1])["projects"]

    assert beside.code == 0
    assert "laissés" not in beside.err
    assert projects == 3


@pytest.mark.slow
def test_orders_left_to_a_server_end_as_if_done_here(tmp_path: Path) -> None:
    """One good source, one with a rejected row, one that is missing: accounts, findings and exit code are the same."""
    bad = GARDENS_FEED + "4;;Sans nom, pas de fiche.;Jardinage;59000;Lille\n"
    sources = {
        "a": garden("../feeds/a.csv", "a", "manual"),
        "b": garden("../feeds/b.csv", "b", "manual"),
        "c": garden("../feeds/none.csv", "c", "manual"),
    }
    here = make_instance(tmp_path / "here", sources, {"a.csv": GARDENS_FEED, "b.csv": bad})
    there = make_instance(tmp_path / "there", sources, {"a.csv": GARDENS_FEED, "b.csv": bad})
    with served(there):
        left = [own_process(there, "harvest", *names, "--json") for names in (["a"], ["a", "b"], [])]
        due = own_process(there, "harvest", "--due")
    done = [carrefour(here, "harvest", *names, "--json") for names in (["a"], ["a", "b"], [])]

    assert [result.code for result in left] == [result.code for result in done] == [0, 1, 4]
    for mine, theirs in zip(left, done, strict=True):
        assert "les ordres lui sont laissés" in mine.err
        for name, run in theirs.runs().items():
            same = mine.runs()[name]
            assert (same["state"], same["counts"]) == (run["state"], run["counts"])
            assert [f["rule"] for f in same["findings"]] == [f["rule"] for f in run["findings"]]
    assert due.code == 0
    assert "s'occupe déjà" in due.err


@pytest.mark.slow
def test_an_interrupted_wait_leaves_the_order(tmp_path: Path, feeds: Feeds) -> None:
    """Ctrl+C while the feed hangs: exit code 130 and a word about it; the harvest is done all the same."""
    feeds.hang.clear()
    folder = make_instance(tmp_path / "i", {"a": garden(f"{feeds.address}/a", "a", "manual")}, {}, OPEN)
    with served(folder):
        waiting = subprocess.Popen(
            [*COMMAND, "--instance", str(folder), "--lang", "fr", "harvest", "a"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: "/a" in feeds.asked, "the fetch")
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=SECONDS)
        before = states(folder, "a")
        feeds.hang.set()
        wait_until(lambda: states(folder, "a") == ["succeeded"], "the harvest that was ordered")

    assert waiting.returncode == 130
    assert "les ordres restent dans la file" in errors
    assert before == ["queued"]


@pytest.mark.slow
def test_an_order_outlives_the_server_that_was_to_do_it(tmp_path: Path, feeds: Feeds) -> None:
    """The server is killed while it fetches; whoever waits for the order takes the folder and does it."""
    feeds.hang.clear()
    folder = make_instance(tmp_path / "i", {"a": garden(f"{feeds.address}/a", "a", "manual")}, {}, OPEN)
    with served(folder) as server:
        done: list[int] = []
        waiting = threading.Thread(target=lambda: done.append(own_process(folder, "harvest", "a").code))
        waiting.start()
        wait_until(lambda: "/a" in feeds.asked, "the fetch")
        server.process.kill()
        feeds.hang.set()
        waiting.join(SECONDS)

    assert done == [0]
    assert states(folder, "a") == ["succeeded"]


@pytest.mark.slow
def test_a_worker_alone_harvests_until_it_is_stopped(tmp_path: Path) -> None:
    """``carrefour worker`` serves nothing, takes what is due, and ends at once and well when a supervisor stops it."""
    folder = make_instance(tmp_path / "i")
    assert carrefour(folder, "status").code == 0  # there is a ledger to look into
    worker = subprocess.Popen(
        [*COMMAND, "--instance", str(folder), "worker"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: states(folder, "jardins") == ["succeeded"], "the harvest")
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=SECONDS)
    finally:
        worker.kill()

    assert worker.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_time_zone_that_nobody_knows_is_told_at_the_start(tmp_path: Path, command: str) -> None:
    """Exit code 2 and the setting's name, rather than a nightly silence."""
    folder = make_instance(tmp_path / "i", settings='timezone = "Europe/Pari"\n')

    result = own_process(folder, command)

    assert result.code == 2
    assert "timezone" in result.err


def children(pid: int) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.fault(37)
@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_goes_in_mid_harvest_is_continued_by_the_next(tmp_path: Path, end: signal.Signals) -> None:
    """Told to stop, or killed, between two batches: no process is left over, and the next server resumes."""
    many = 7500
    rows = "".join(
        f"{n};Le potager {n} de la rue;Un jardin n° {n} pour qui passe.;Jardinage;25000;Besançon\n" for n in range(many)
    )
    head = GARDENS_FEED.partition("\n")[0]
    settings = SMALL.replace("workers = 1", "workers = 2", 1)
    folder = make_instance(tmp_path / "i", None, {"jardins.csv": f"{head}\n{rows}"}, settings)

    def under_way() -> bool:
        with closing(sqlite3.connect(f"file:{folder}/data/ledger/ledger.sqlite?mode=ro", uri=True)) as ledger:
            states = ledger.execute("SELECT count(*) FROM record_state").fetchone()
        return 0 < states[0] < many

    with served(folder) as server:
        wait_until(under_way, "a batch that is written while others are to come")
        below = children(server.process.pid)
        server.process.send_signal(end)
        _, errors = server.process.communicate(timeout=SECONDS)
    psutil.wait_procs(below, 10)
    left = [process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    cut = states(folder, "jardins")
    with served(folder) as server:
        wait_until(lambda: json.loads(server.get("/healthz")[1])["projects"] == many, "the rest")
        code, _ = server.end(signal.SIGTERM)

    assert below
    assert left == []
    assert cut == ["abandoned" if end is signal.SIGTERM else "running"]
    assert "Traceback" not in errors
    assert states(folder, "jardins")[0] == "abandoned"
    assert states(folder, "jardins")[-1] == "succeeded"
    assert code == 0


@pytest.mark.fault(45)
@pytest.mark.slow
@pytest.mark.parametrize("count", [100])
def test_of_many_sources_those_that_hang_delay_no_other(tmp_path: Path, count: int) -> None:
    """All are due at once; three servers take the connection and do not answer before all others are harvested."""
    dead = [socket.create_server((f"127.0.0.{n}", 0)) for n in (101, 102, 103)]
    ended: list[RunReport] = []

    def note(report: RunReport) -> None:
        ended.append(report)
        if len(ended) == count - len(dead):
            for held in dead:
                held.close()  # what they held is cut off

    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(closing(Feeds(f"127.0.0.{n}"))) for n in range(11, 17)]
        names = [f"s{n:03}" for n in range(count - len(dead))]
        urls = {name: f"{servers[n % len(servers)].address}/{name}" for n, name in enumerate(names)}
        urls |= {f"a{n}": f"http://127.0.0.{101 + n}:{held.getsockname()[1]}/" for n, held in enumerate(dead)}
        sources = {name: garden(url, name) for name, url in urls.items()}
        folder = make_instance(tmp_path / "i", sources, {}, f"{OPEN}fetch_seconds = 900\n")
        platform = stack.enter_context(closing(open_platform(load_settings(folder, os.environ))))
        platform.work(threading.Event(), Watcher(note, lambda _: None), until_idle=True)

    assert [report.state for report in ended] == [RunState.SUCCEEDED] * (count - 3) + [RunState.FAILED] * 3
    assert {report.source for report in ended[-3:]} == {"a0", "a1", "a2"}
