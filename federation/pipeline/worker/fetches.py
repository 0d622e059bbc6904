"""Fetches feeds in threads, one host at a time, so that a server that hangs delays nobody else. Must never write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from federation.errors import CarrefourError, ConfigError
from federation.pipeline.fetch import Delivery
from federation.pipeline.sources import Source
from federation.pipeline.worker.jobs import Arrival, Job, Writing

_BREATH = 0.2  # seconds after which a stop is noticed while nothing happens
_OUR_FAULT = ConfigError(
    "The fetch was ended by a fault of ours: the log of the server says which. Please report it.",
    "La collecte s'est arrêtée par une faute de notre côté : le journal du serveur dit laquelle. Signalez-la.",
)


class Fetches:
    """The fetches under way, at most so many at a time. To be used from one thread."""

    def __init__(self, writer: Writing, threads: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self._writer, self._threads, self._seconds = writer, threads, seconds
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._hosts: dict[str, str] = {}  # sources being fetched, with their host

    @property
    def full(self) -> bool:
        """Say whether no more may be begun for the time being."""
        return len(self._hosts) >= self._threads

    def begin(self, job: Job, source: Source) -> bool:
        """Begin to fetch for a job, unless too much is under way or another source of the same host is."""
        host = urlsplit(source.url).hostname or ""
        if self.full or (host and host in self._hosts.values()):
            return False
        self._hosts[job.source] = host
        threading.Thread(target=self._fetch, args=(job, source), name=f"fetch {job.source}", daemon=True).start()
        return True

    def receive(self, seconds: float, stop: threading.Event) -> list[Arrival]:
        """What has come. Waits so long for the first, but not once told to stop."""
        arrived: list[Arrival] = []
        until = self._seconds() + seconds
        while not stop.is_set():
            try:
                arrived.append(self._arrivals.get(timeout=max(0.0, min(until - self._seconds(), _BREATH))))
            except Empty:
                if self._seconds() >= until:
                    break
                continue
            del self._hosts[arrived[-1].job.source]
            until = self._seconds()
        return arrived

    def _fetch(self, job: Job, source: Source) -> None:
        """Run in a thread of its own, which nobody waits for when the process ends: it has nothing to lose."""
        brought: Delivery | CarrefourError = _OUR_FAULT  # stays so if what follows ends in a way nobody thought of
        try:
            brought = self._writer.fetch(source)
        except CarrefourError as error:
            brought = error
        finally:
            self._arrivals.put(Arrival(job, source, brought))
