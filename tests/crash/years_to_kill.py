"""A process whose children harvest one day of a small instance until they end or are killed (see harvest_to_kill.py).

It reads lines ``FOLDER DAY``. Days bring, change and withdraw records, and some of their lists are held by the guard.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))

from years import Instance, Row, row

import federation.pipeline
from federation.vocabulary import Vocabulary, load

SOURCES = ("s", "t")
FEW = 10  # records in a batch, so that a run has several instants between them


def feed(source: str, day: int) -> Sequence[Row]:
    """What a source says on one day: most records stay, a few leave for ten days at a time, some change."""
    if day % 7 == 5:
        return [row(str(key), "Un reste") for key in range(6)]  # shrink, and changes that apply
    if day % 7 == 3 and source == "s":
        return [row(str(key), f"Tout autre, {day}") for key in range(50)]  # change
    away = {(day // 10 * 4 + each) % 50 for each in range(4)}
    items = [row(str(key), f"Texte {day if key % 10 == day % 10 else 0}") for key in range(50) if key not in away]
    items += [row(str(100 + day // 8 % 5 * 2 + each)) for each in range(2)]
    return [{**each, "name": ""} if each["id"] == str(day % 50) else each for each in items]


def main(folder: Path, day: int, vocabulary: Vocabulary) -> None:
    """Open, recover, harvest both sources, close."""
    here = Instance(folder, vocabulary, day)
    os.write(1, f"opened {os.getpid()}\n".encode())
    for source in SOURCES:
        here.run(feed(source, day), source)
    here.close()


def serve() -> None:
    """Run one child after the other."""
    vocabulary = load()
    vars(federation.pipeline)["BATCH"] = vars(sys.modules["federation.pipeline.apply"])["BATCH"] = FEW
    for line in sys.stdin:
        folder, day = line.split()
        child = os.fork()
        if child == 0:
            main(Path(folder), int(day), vocabulary)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    serve()
