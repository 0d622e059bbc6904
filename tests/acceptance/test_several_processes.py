"""Pages served by several processes of `app.py`, with a worker beside them: who writes, who sees what, what is said."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import COMMAND, GARDENS, GARDENS_FEED, ROOT, carrefour, make_instance, own_process
from test_worker_processes import wait_until

WEB = (
    "import sys, waitress; from app import app;"
    " waitress.serve(app, host='127.0.0.1', port=int(sys.argv[1]), threads=2, _quiet=True)"
)


class Process:
    """A process of the instance, with what it says on standard error."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._said: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "CARREFOUR_INSTANCE": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self._said.extend(iter(self.process.stderr.readline, ""))

    @property
    def said(self) -> str:
        """All that it has said so far."""
        return "".join(self._said)

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it, and hear it out."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        self.process.wait(30)
        self._listening.join(30)


class Web(Process):
    """One process that serves pages, as a WSGI server with several of them would run it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        super().__init__(folder, sys.executable, "-c", WEB, str(self._port))

    def get(self, path: str) -> int:
        """Status of a page; 0 while nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", headers={"Accept": "text/html"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def worker(folder: Path) -> Process:
    """`carrefour worker` in a process of its own."""
    return Process(folder, *COMMAND, "--lang", "fr", "worker")


@contextlib.contextmanager
def ended(*processes: Process) -> Iterator[None]:
    """End processes, whatever happens."""
    try:
        yield
    finally:
        for each in processes:
            if each.process.poll() is None:
                each.process.kill()
            each.process.wait(30)


def writer(folder: Path) -> str:
    """The number of the process that writes to the store."""
    lock = folder / "data" / "store" / "lock"
    return lock.read_text() if lock.exists() else ""


@pytest.mark.slow
def test_two_web_processes_follow_one_worker(tmp_path: Path) -> None:
    """Without a worker both read and say that nobody harvests; with one, both see what it writes, and it alone writes.

    A second worker waits, says so, and takes over when the first is killed; an order goes to whoever writes.
    """
    slow = GARDENS.replace('format = "csv"', 'format = "csv"\nschedule = "manual"')
    folder = make_instance(tmp_path / "i", {"jardins": slow})
    one, two = Web(folder), Web(folder)
    with ended(one, two):
        for web in (one, two):
            wait_until(lambda web=web: web.get("/") == 200, "a page")
            assert web.get("/records/jardins/1") == 404
            assert "run `carrefour worker`" in web.said

        first = worker(folder)
        with ended(first):
            wait_until(lambda: writer(folder) == str(first.process.pid), "the worker has the instance")
            second = worker(folder)
            with ended(second):
                ordered = own_process(folder, "harvest", "jardins")
                assert ordered.code == 0, ordered.said
                assert "lui sont laissés" in ordered.err
                assert [web.get("/records/jardins/1") for web in (one, two)] == [200, 200]

                wait_until(lambda: str(first.process.pid) in second.said, "the second says who writes")
                assert "la lecture reste ouverte" in second.said
                assert writer(folder) == str(first.process.pid)

                first.end(signal.SIGKILL)
                (folder / "feeds" / "jardins.csv").write_text(
                    f"{GARDENS_FEED}4;Un verger;Des pommes.;Jardinage;59000;Lille\n"
                )
                again = own_process(folder, "harvest", "jardins")  # here, or by the second if it has taken over
                assert again.code == 0, again.said
                assert [web.get("/records/jardins/4") for web in (one, two)] == [200, 200]
                second.end()
                assert "Traceback" not in second.said
        for web in (one, two):
            web.end()
            assert "Traceback" not in web.said
    assert carrefour(folder, "status").code == 0
