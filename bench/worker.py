"""The worker: many sources due at once, of which some servers take the connection and never answer.

`python -m bench.worker [--sources N] [--records N] [--hanging N] [--results FILE]`, over loopback, on a fresh instance;
then once more on the unchanged feeds. Says when the last source that answers is done, when all are, and the peak memory
of all processes. The exit code is 1 if a source that answers was not harvested, or if one that hangs delayed another.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.feed import CONTEXT, record, write_source
from bench.measure import RESULTS, Peak, record_result, table
from federation.model import RunReport, RunState
from federation.pipeline.worker import Watcher
from federation.platform import open_platform
from federation.settings import Settings, load_settings

HOSTS = 8  # that answer; the sources are spread over them
FETCH_SECONDS = 60  # the default: what a server that hangs may cost
LIMIT = 1024  # MiB that all may take
GOOD = (RunState.SUCCEEDED, RunState.UNCHANGED)


@dataclass(frozen=True)
class Round:
    """One round over all sources: seconds until each report, and peak bytes."""

    reports: Sequence[tuple[float, RunReport]]
    seconds: float
    peak: int

    def last(self, good: bool) -> float:
        """Seconds until the last source that answers, or hangs, is done."""
        return max((at for at, report in self.reports if (report.state in GOOD) is good), default=0.0)


def feed_server(host: str, size: int) -> ThreadingHTTPServer:
    """A server whose path ``/7`` is a feed of ``size`` records from number 7 × ``size`` on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the feed of that number."""
            number = self.path.rpartition("/")[2]
            if not number.isdigit():
                self.send_error(404)
                return
            graph = [record(i) for i in range(int(number) * size, (int(number) + 1) * size)]
            body = json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/ld+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@contextlib.contextmanager
def addresses(count: int, size: int, hanging: int) -> Iterator[list[str]]:
    """The addresses of all feeds; those that hang come first, as they are due as long as the others."""
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(hanging):
            held = stack.enter_context(socket.create_server((f"127.0.0.{101 + number}", 0)))
            found.append(f"http://127.0.0.{101 + number}:{held.getsockname()[1]}/0")
        servers = [stack.enter_context(closing(_Closing(f"127.0.0.{11 + n}", size))) for n in range(HOSTS)]
        for number, server in zip(range(count - hanging), itertools.cycle(servers), strict=False):
            found.append(f"{server.address}/{number}")
        yield found


class _Closing:
    def __init__(self, host: str, size: int) -> None:
        self._server = feed_server(host, size)
        self.address = f"http://{host}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def instance(folder: Path, feeds: Sequence[str]) -> Settings:
    """Lay out an instance with a source for each feed."""
    (folder / "sources").mkdir(parents=True)
    for number, address in enumerate(feeds):
        path = folder / "sources" / f"s{number:03}.toml"
        write_source(path, Path("ADDRESS"), f"s{number:03}")
        path.write_text(path.read_text("utf-8").replace("ADDRESS", address), "utf-8")
    text = f'base_url = "http://127.0.0.1:8000"\nfetch_private = true\nfetch_seconds = {FETCH_SECONDS}\n'
    (folder / "carrefour.toml").write_text(text, "utf-8")
    return load_settings(folder, {})


def work(settings: Settings) -> Round:
    """One round of the worker over what is due or asked for."""
    reports: list[tuple[float, RunReport]] = []
    began = time.perf_counter()
    watcher = Watcher(lambda report: reports.append((time.perf_counter() - began, report)), lambda text: print(text))
    with closing(open_platform(settings)) as platform, Peak() as peak:
        for source in platform.sources():
            platform.desk.order(source)
        platform.work(threading.Event(), watcher, until_idle=True, due=False)
    return Round(reports, time.perf_counter() - began, peak.bytes)


def bench(count: int, size: int, hanging: int, results: Path) -> bool:
    """Measure two rounds; say whether all that answer were harvested before those that hang had failed."""
    with addresses(count, size, hanging) as feeds, tempfile.TemporaryDirectory() as name:
        settings = instance(Path(name) / "one", feeds)
        rounds = {"first harvest": work(settings), "again, unchanged": work(settings)}
    rows, fine = [], True
    for what, done in rounds.items():
        good = sum(report.state in GOOD for _, report in done.reports)
        fine &= good == count - hanging and (not hanging or done.last(True) < done.last(False) + 1)
        rows.append(
            [what, good, f"{done.last(True):.1f}", hanging, f"{done.last(False):.1f}", f"{done.peak / 2**20:.0f}"]
        )
    head = ["round", "sources that answer", "last one done (s)", "that hang", "last one given up (s)", "peak MiB"]
    text = f"{table(head, rows)}\n{size} records in each feed, {HOSTS} hosts that answer, "
    text += f"fetch_seconds = {FETCH_SECONDS}, {settings.fetch_threads} threads that fetch. "
    text += f"Limit of memory: {LIMIT} MiB, all processes."
    record_result(f"Worker: {count} sources, {hanging} hanging", text, results)
    return fine and all(done.peak < LIMIT * 2**20 for done in rounds.values())


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--records", type=int, default=100, help="records of each feed")
    parser.add_argument("--hanging", type=int, default=3, help="sources whose server never answers")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that takes the results")
    chosen = parser.parse_args()
    return 0 if bench(chosen.sources, chosen.records, chosen.hanging, chosen.results) else 1


if __name__ == "__main__":
    sys.exit(main())
