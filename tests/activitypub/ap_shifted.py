"""The ``carrefour`` command under another clock: ``python ap_shifted.py CLOCK SKEW ARGUMENTS…``.

The file CLOCK holds, as eight bytes, by how many seconds time has been moved for everybody; SKEW is how many this
process is ahead of that. ``ARGUMENTS`` are those of ``carrefour``.
"""

from __future__ import annotations

import mmap
import struct
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import ModuleType

from federation import platform
from federation.cli import main
from federation.pipeline.fetch import visit
from federation.web import site

FORM = struct.Struct("=d")
READERS: tuple[ModuleType, ...] = (platform, visit, site)
"""All that ask what time it is; everybody else is told."""


def moved(clock: Path, skew: float) -> type[datetime]:
    """A class of times whose ``now`` is moved."""
    with clock.open("rb") as file:
        shared = mmap.mmap(file.fileno(), FORM.size, access=mmap.ACCESS_READ)

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=FORM.unpack(shared[: FORM.size])[0] + skew)

    return Moved


def run(clock: str, skew: str, arguments: Sequence[str]) -> None:
    """Run the command."""
    for module in READERS:
        module.__dict__["datetime"] = moved(Path(clock), float(skew))
    sys.argv = ["carrefour", *arguments]
    main()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3:])
