"""Counts what each client has running on the SPARQL endpoint, so that one client cannot take all workers.

It must never keep an address longer than its queries run.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class TooMany(Exception):
    """This client has its full number of queries running or waiting (429)."""


class Clients:
    """Admits ``admitted`` queries of a client at the same time, and lets only ``running`` of them reach the workers.

    With one worker more than ``running``, one client's queries never keep all others waiting.
    """

    def __init__(self, admitted: int, running: int, wait_seconds: float) -> None:
        self._admitted = admitted
        self._running = max(1, running)
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._present: dict[str, int] = {}
        self._turns: dict[str, deque[threading.Event]] = {}

    @contextmanager
    def admit(self, client: str) -> Iterator[None]:
        """Hold a place for one query of ``client``, first come first served. Raises TooMany."""
        turn = threading.Event()
        with self._lock:
            present = self._present.get(client, 0)
            if present >= self._admitted:
                raise TooMany(client)
            self._present[client] = present + 1
            turns = self._turns.setdefault(client, deque())
            turns.append(turn)
            self._wake(turns)
        try:
            if not turn.wait(self._wait_seconds):
                raise TooMany(client)
            yield
        finally:
            with self._lock:
                turns.remove(turn)
                self._wake(turns)
                self._present[client] -= 1
                if not self._present[client]:
                    del self._present[client], self._turns[client]

    def _wake(self, turns: deque[threading.Event]) -> None:
        for turn in list(turns)[: self._running]:
            turn.set()
