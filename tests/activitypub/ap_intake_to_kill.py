"""Works on the inbox of the instance in the folder given, until nothing is due; to be killed at any instant."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ap_intake_desk import ACTOR, IntakeDesk

from federation.vocabulary import load


def main(folder: Path, day: int) -> None:
    """Open it on a later day, so that leases of the dead have ended; work; say that all is done."""
    desk = IntakeDesk(folder, load(), day)
    desk.actor(ACTOR)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    desk.work()
    desk.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
