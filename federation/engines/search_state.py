"""The state file beside a search index: the layout of the index, and the change that it is complete to.

It must never touch the index itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from federation.engines.search_failures import foreign, unusable

LAYOUT = 2
"""Version of the schema and of the analysis; a folder with another one is rebuilt."""

STATE = "carrefour.json"  # {"layout": …, "seq": …}, written after each commit


def problem(folder: Path) -> str | None:
    """Why the folder cannot be opened as it is: None (it looks right), "" (nothing there), or a reason."""
    try:
        names = {item.name for item in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise unusable(folder, "opened", error) from error
    if not names:
        return ""
    if not names & {"meta.json", STATE, ".tantivy-meta.lock"}:
        raise foreign(folder)
    try:
        layout = json.loads((folder / STATE).read_text("utf-8"))["layout"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{STATE} is missing or damaged"
    return None if layout == LAYOUT else f"its layout is {layout}, this version reads {LAYOUT}"


def write_state(folder: Path, seq: int) -> None:
    """Replace the state file in one step; a crash before it leaves an older seq, and the log is applied again."""
    temporary = folder / f"{STATE}.new"
    temporary.write_text(json.dumps({"layout": LAYOUT, "seq": seq}), "utf-8")
    os.replace(temporary, folder / STATE)


def read_state(folder: Path) -> int:
    """The change that the index is complete to; 0 if nobody knows."""
    try:
        return int(json.loads((folder / STATE).read_text("utf-8"))["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def stamp(folder: Path) -> tuple[int, int]:
    """What changes whenever the index has been written, by whoever."""
    try:
        found = os.stat(folder / STATE)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
