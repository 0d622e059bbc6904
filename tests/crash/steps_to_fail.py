"""A process whose children harvest a small instance and meet one fault at one step (see years_to_kill.py).

It reads lines ``FOLDER DAY:ADDRESS:STEP:TIME:WHEN:FAULT``: at the TIMEth call of STEP, before or after it, the fault
comes. DAY counts from the start, ADDRESS is the port of the server that holds the feeds. A child that is told by
EngineUnavailable that it cannot go on ends with 7.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))

from years import Instance

import federation.pipeline
from federation.errors import EngineUnavailable
from federation.vocabulary import Vocabulary, load

FEW = 3  # records in a batch, so that a run has several instants between them
TOLD = 7
NOBODY = 65534
GONE = ".gone"


def crash_here(here: Instance) -> None:
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def fall_asleep(here: Instance) -> None:
    """Stop until somebody wakes this process."""
    os.kill(os.getpid(), signal.SIGSTOP)


def fill_the_disk(here: Instance) -> None:
    """No file may grow any more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def lose_the_disk(here: Instance) -> None:
    """The folder of the store is not where it was."""
    live = here.settings.data_dir / "store" / "live"
    live.rename(live.with_suffix(GONE))


def may_only_read(here: Instance) -> None:
    """The folder of the store takes no new file from this process any more."""
    for path in (here.settings.data_dir / "store").rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the engine tidies up beside us
            path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        os.setuid(NOBODY)


FAULTS: dict[str, Callable[[Instance], None]] = {
    "kill": crash_here,
    "sleep": fall_asleep,
    "full": fill_the_disk,
    "gone": lose_the_disk,
    "read-only": may_only_read,
}


def owner_of(here: Instance, step: str) -> tuple[Any, str]:
    """The object and the method that a step names: ``store.write``, ``journal.add``."""
    owner, name = step.split(".")
    return (here.store if owner == "store" else getattr(here.ledger, owner)), name


def lay(here: Instance, step: str, time: int, when: str, fault: str) -> None:
    """Have the fault come at a step."""
    owner, name = owner_of(here, step)
    method, calls = getattr(owner, name), [0]

    def failing(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == time and when == "before":
            FAULTS[fault](here)
        answer = method(*given, **named)
        if calls[0] == time and when == "after":
            FAULTS[fault](here)
        return answer

    setattr(owner, name, failing)


def main(folder: Path, asked: str, vocabulary: Vocabulary) -> int:
    """Open, recover, harvest into the fault, close."""
    day, port, step, time, when, fault = asked.split(":")
    server = SimpleNamespace(url=lambda path: f"http://127.0.0.1:{port}{path}", answers={})
    here = Instance(folder, vocabulary, int(day), server=server)
    os.write(1, f"opened {os.getpid()}\n".encode())
    if step:
        lay(here, step, int(time), when, fault)
    try:
        here.run()
        here.close()
    except EngineUnavailable:
        return TOLD
    return 0


def serve() -> None:
    """Run one child after the other."""
    vocabulary = load()
    vars(federation.pipeline)["BATCH"] = vars(sys.modules["federation.pipeline.apply"])["BATCH"] = FEW
    for line in sys.stdin:
        folder, asked = line.split()
        child = os.fork()
        if child == 0:
            os._exit(main(Path(folder), asked, vocabulary))
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    serve()
