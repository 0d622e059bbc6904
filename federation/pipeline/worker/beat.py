"""Notes how far a run is, for whoever watches, and is where a run stops when the worker is to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from federation.ledger import Ledger
from federation.model import RunState
from federation.pipeline.apply import Stopped


class Beat:
    """Notes in the ledger how far the run of a source is, and ends it when the worker is to stop."""

    def __init__(
        self, ledger: Ledger, source: str, stop: threading.Event, every: float, seconds: Callable[[], float]
    ) -> None:
        self._ledger, self._source, self._stop = ledger, source, stop
        self._every, self._seconds = every, seconds
        self._run: str | None = None
        self._last = -float("inf")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take note. Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        now = self._seconds()
        if now - self._last < self._every:
            return
        self._last = now
        if self._run is None:
            running = self._ledger.runs.last(self._source, [RunState.RUNNING])
            self._run = running.run if running else None
        if self._run is not None:
            self._ledger.runs.note(self._run, progress={"stage": stage, "done": done, "total": total})
