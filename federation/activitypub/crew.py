"""Threads that carry deliveries out: as many as there is to do, up to a limit, and none that keeps a process alive.

Must never wait for a host on behalf of another one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Crew:
    """Daemon threads, made when first needed. ``hand`` and ``dismiss`` are for one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = 0
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def hand(self, task: Callable[[], None], under_way: int) -> None:
        """Let a thread do a task; ``under_way``: how many it has that are not done yet, this one among them."""
        if self._threads < min(under_way, self._most):
            self._threads += 1
            threading.Thread(target=self._work, name=f"delivery-{self._threads}", daemon=True).start()
        self._tasks.put(task)

    def dismiss(self) -> None:
        """Let every thread end once it is done with what it has in hand."""
        for _ in range(self._threads):
            self._tasks.put(None)
        self._threads = 0

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
