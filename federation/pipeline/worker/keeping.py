"""Keeps a worker at work: a session that ends by a failure is followed by another. Must never look into its work."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from federation.errors import CarrefourError, DataFolderBusy
from federation.model import Text

_LOG = logging.getLogger(__name__)
# Seconds that may pass before a signal is noticed: the system hands it to any thread of the process, those of the
# store and of the index too, but its handler runs in the main thread alone, and only once that one wakes by itself.
_BREATH = 0.2


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before the next session of a worker: after a failure, twice as long after each, at most ``longest``;
    while another process writes.
    """

    first: float = 30.0
    longest: float = 3600.0
    busy: float = 30.0


@contextlib.contextmanager
def one_at_a_time(lock: threading.Lock) -> Iterator[None]:
    """Let one thread of this process write: to open a store a second time would take its lock from the first.

    Raises DataFolderBusy.
    """
    if not lock.acquire(blocking=False):
        raise DataFolderBusy(
            "This process writes to the instance already: leave an order for its worker.",
            "Ce processus écrit déjà dans l'instance : laissez un ordre à son ouvrier.",
        )
    try:
        yield
    finally:
        lock.release()


def keep_working(
    session: Callable[[], None], stop: threading.Event, said: Callable[[Text], None], pauses: Pauses | None = None
) -> None:
    """Have sessions of a worker one after the other until ``stop``: one that ends by a failure is followed by another.

    What fails is told, each kind once. Another process that writes to the instance is waited for.
    """
    pauses = pauses or Pauses()
    pause, told = pauses.first, ""
    while not stop.is_set():
        failure = _outcome(session, stop)
        if failure is None:
            return
        busy = isinstance(failure, DataFolderBusy)
        if not isinstance(failure, CarrefourError):
            _LOG.error("the worker was ended by a fault of ours; it starts again", exc_info=failure)
        elif told != str(failure):
            told = str(failure)
            said(_waiting(failure.text) if busy else failure.text)
        _rest(stop, pauses.busy if busy else pause)
        pause = pauses.first if busy else min(pause * 2, pauses.longest)


def _rest(stop: threading.Event, seconds: float) -> None:
    """Wait so long, or until ``stop``."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, _BREATH)):
        pass


def _waiting(text: Text) -> Text:
    return {
        "fr": f"Rien n'est moissonné ici pour le moment, la lecture reste ouverte. {text['fr']}",
        "en": f"Nothing is harvested here for the time being, reading goes on. {text['en']}",
    }


def _outcome(session: Callable[[], None], stop: threading.Event) -> BaseException | None:
    """How a session ends. An interruption of whoever waits for it stops it first."""
    with ThreadPoolExecutor(1, "worker") as hands:
        under_way = hands.submit(session)
        try:
            while wait([under_way], _BREATH).not_done:
                pass
            return under_way.exception()
        except KeyboardInterrupt:
            stop.set()
            raise
