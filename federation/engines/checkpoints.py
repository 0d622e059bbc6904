"""Where the embedded store keeps its checkpoints: immutable copies that any process may read beside the writer.

It never opens a store. A reader that wants a checkpoint to stay while it works takes a shared lock on its folder
(:func:`hold`); the writer removes only what nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from pathlib import Path

CURRENT = "CURRENT"
KEPT = 3  # newest checkpoints that stay even when nobody holds them: a reader needs a moment to take hold of one
_LOOK = 0.1  # seconds between two looks at who still holds one
_NAME = re.compile(r"(\d+)-(\d+)")


def newest_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """Path of the newest published checkpoint of the store in ``folder`` and the change it is complete to, or None."""
    checkpoints = folder / "checkpoints"
    try:
        name = (checkpoints / CURRENT).read_text("ascii").strip()
    except FileNotFoundError:
        return None
    matched = _NAME.fullmatch(name)
    return (checkpoints / name, int(matched[1])) if matched else None


def hold(checkpoint: Path) -> int:
    """Take a shared lock on a checkpoint and return its file descriptor; closing it lets go.

    Raises FileNotFoundError if the checkpoint has just been removed: ask for the newest again.
    """
    held = os.open(checkpoint, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def next_name(checkpoints: Path, seq: int) -> str:
    """Name of the next checkpoint: ``{seq}-{n}``, n growing for ever so that names never come back."""
    numbers = [int(matched[2]) for name in os.listdir(checkpoints) if (matched := _NAME.fullmatch(name))]
    return f"{seq}-{max(numbers, default=0) + 1}"


def point_to(checkpoints: Path, name: str) -> None:
    """Make ``name`` the newest checkpoint: readers see the old pointer or the new one, never half of one."""
    fresh = checkpoints / f"{CURRENT}.new"
    with fresh.open("w", encoding="ascii") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(checkpoints / CURRENT)
    folder = os.open(checkpoints, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the ledger notes next what is published: a power cut must not bring the old pointer back
    finally:
        os.close(folder)


def prune(checkpoints: Path) -> None:
    """Remove old checkpoints that nobody holds, and what a crash left half made."""
    for name in os.listdir(checkpoints):
        if name.endswith(".part"):
            shutil.rmtree(checkpoints / name, ignore_errors=True)
    for _, name in _complete(checkpoints)[:-KEPT]:
        _remove_unless_held(checkpoints / name)


def drop_others(checkpoints: Path, seconds: float) -> None:
    """Remove all checkpoints but the newest: each as soon as nobody holds it, and after so many seconds in any case.

    Who opens one later finds the newest; an answer that is still being read from an older one may break off.
    """
    until = time.monotonic() + seconds
    while others := [name for _, name in _complete(checkpoints)[:-1]]:
        late = time.monotonic() >= until
        for name in others:
            if late:
                shutil.rmtree(checkpoints / name, ignore_errors=True)
            else:
                _remove_unless_held(checkpoints / name)
        if late:
            return
        time.sleep(min(_LOOK, seconds))


def _complete(checkpoints: Path) -> list[tuple[int, str]]:
    """Number and name of the complete checkpoints, oldest first."""
    return sorted((int(matched[2]), name) for name in os.listdir(checkpoints) if (matched := _NAME.fullmatch(name)))


def _remove_unless_held(checkpoint: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        probe = os.open(checkpoint, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(checkpoint, ignore_errors=True)
        except BlockingIOError:
            pass  # a long answer is still being read from it; the next publication tries again
        finally:
            os.close(probe)
