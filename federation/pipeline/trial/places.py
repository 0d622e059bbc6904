"""How many trials run at the same time in one instance, over all its processes: one file to lock for each place."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from federation.errors import EngineUnavailable, os_reason
from federation.pipeline.visitors import TooOften

PLACES = 2
BUSY_SECONDS = 20


@contextmanager
def place(folder: Path) -> Iterator[None]:
    """Hold one of the places until the block ends; a killed process gives its own back.

    Raises TooOften if all are taken, EngineUnavailable if the folder cannot be written.
    """
    for number in range(PLACES):
        try:
            file = (folder / f"trial-{number}.lock").open("ab")
        except OSError as error:
            why = os_reason(error)
            raise EngineUnavailable(
                f"{folder} cannot be written to: {why['en']}.", f"Impossible d'écrire dans {folder} : {why['fr']}."
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield
            return
    raise TooOften(
        BUSY_SECONDS,
        "D'autres essais sont en cours, et il n'y a que deux places. Réessayez dans une demi-minute.",
        "Other trials are under way, and there are only two places. Try again in half a minute.",
    )
