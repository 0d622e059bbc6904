"""What every benchmark shares: the machine in words, peak memory of a process tree, results as a table."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "RESULTS.md"


def machine() -> str:
    """Date, processor, cores, memory, Python."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    day = datetime.now(UTC).date().isoformat()
    return f"{day}, {model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


class Peak:
    """Largest memory seen, in bytes: the sum over this process and its children of what is theirs alone (USS)."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.25):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().uss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.bytes = max(self.bytes, total)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass
class Spent:
    """Seconds by the clock, and processor seconds of this process and of its children that have ended."""

    seconds: float = 0.0
    processor: float = 0.0


@contextmanager
def clock() -> Iterator[Spent]:
    """What the block takes; filled in at its end."""
    spent = Spent()
    wall, processor = time.perf_counter(), sum(os.times()[:4])
    yield spent
    spent.seconds, spent.processor = time.perf_counter() - wall, sum(os.times()[:4]) - processor


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def record_result(title: str, text: str, results: Path = RESULTS) -> None:
    """Put a section into the results in place of the one of the same title, and print it."""
    section = f"## {title}\n\n{machine()}\n\n{text.strip()}\n"
    print(section)
    old = results.read_text("utf-8") if results.exists() else "# Results of the benchmarks\n\nMade by `make bench`.\n"
    head, *sections = old.split("\n## ")
    kept = [part for part in sections if not part.startswith(f"{title}\n")]
    results.write_text(
        "\n## ".join([head.rstrip() + "\n", *(part.rstrip() + "\n" for part in [*kept, section[3:]])]), "utf-8"
    )
