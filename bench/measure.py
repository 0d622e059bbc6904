"""What every benchmark shares: the machine in words, peak memory of a process tree, results as a table."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
        """Look four times a second. What is theirs alone takes the kernel a walk through all their pages (measured: a
        twentieth of a harvest), so it is asked for only when what they hold in all has grown by a hundredth."""
        me = psutil.Process()
        looked = 0
        while not self._stop.wait(0.25):
            processes = [me, *me.children(recursive=True)]
            held = _sum(processes, lambda process: int(process.memory_info().rss))
            if held > looked * 1.01:
                looked = held
                self.bytes = max(self.bytes, _sum(processes, lambda process: int(process.memory_full_info().uss)))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _sum(processes: Sequence[psutil.Process], size: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += size(process)
    return total


@dataclass
class Spent:
    """Seconds by the clock, and processor seconds of this process and of its children that have ended."""

    seconds: float = 0.0
    processor: float = 0.0


VIOLATION = "http://www.w3.org/ns/shacl#Violation"
Fault = tuple[str, str, str]
"""Severity, shape and component, as IRIs; the shape is empty where it has no IRI."""


@dataclass
class Taken:
    """What one setting of the peer did: records, seconds of each step and in all, and what it found by identifier."""

    records: int = 0
    spent: Spent = field(default_factory=Spent)
    read: float = 0.0
    validate: float = 0.0
    store: float = 0.0
    faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict)

    @property
    def accepted(self) -> frozenset[str]:
        """Identifiers of the records without a Violation."""
        return frozenset(key for key, found in self.faults.items() if VIOLATION not in {f[0] for f in found})


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


@dataclass(frozen=True)
class Rate:
    """So many per second by the clock, and per processor second of the processes measured."""

    clock: float
    processor: float


_BEGAN = time.perf_counter()


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"[{time.perf_counter() - _BEGAN:6.1f} s] {text}", flush=True)
