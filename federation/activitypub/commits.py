"""Group commit: rows of many requests go into one durable transaction, and each request waits for it.

It must never answer for a row before it is durable, nor let one wait that nobody will answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from federation.errors import EngineUnavailable
from federation.ledger.ap_inbox import Received

GATHER_SECONDS: Final = 0.005
MOST: Final = 256
"""Rows of one transaction."""

Keep = Callable[[Sequence[Received], datetime], list[bool]]
"""Makes rows durable, in one transaction; for each, whether it is new. Raises EngineUnavailable."""


class _Place:
    """A row that waits, and what whoever waits for it is told. A lock does: a Future costs what a signature does."""

    __slots__ = ("_told", "_wait", "row")

    def __init__(self, row: Received) -> None:
        self.row = row
        self._told: bool | EngineUnavailable | None = None
        self._wait = threading.Lock()
        self._wait.acquire()

    def tell(self, what: bool | EngineUnavailable) -> None:
        """Answer, if that has not been done."""
        if self._told is None:
            self._told = what
            self._wait.release()

    def answer(self) -> bool:
        """Wait for the answer. Raises EngineUnavailable."""
        with self._wait:
            if isinstance(self._told, EngineUnavailable):
                raise self._told
            return bool(self._told)


_Batch = list[_Place]


class GroupCommit:
    """One per process, safe for threads. Its thread starts with the first row.

    Rows wait for others ``gather`` seconds at most, and not once every request that is under way has brought its own.
    """

    def __init__(self, keep: Keep, now: Callable[[], datetime], gather: float = GATHER_SECONDS) -> None:
        self._keep, self._now, self._gather = keep, now, gather
        self._waiting: _Batch = []
        self._coming = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Tell that a request is being looked at, which may bring a row."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._wake()

    def put(self, row: Received) -> bool:
        """Wait until a row is durable; give whether it is new. Raises EngineUnavailable: then it is not kept."""
        place = _Place(row)
        with self._changed:
            if self._closed:
                raise _closing()
            self._waiting.append(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
                self._thread.start()
            self._wake()
        return place.answer()

    def close(self) -> None:
        """Write what waits, and take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        """Tell the thread of the first row, and when there is nothing more to wait for."""
        if self._waiting and (len(self._waiting) == 1 or self._complete()):
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            while batch := self._gathered():
                self._write(batch)
        finally:
            with self._changed:
                self._thread = None  # after a defect the next row starts another
                left, self._waiting = self._waiting, []
            _refuse(left)

    def _gathered(self) -> _Batch:
        """The rows of the next transaction; none once all is written and closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(self._complete, self._gather)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            return batch

    def _complete(self) -> bool:
        return self._closed or len(self._waiting) >= min(self._coming, MOST)

    def _write(self, batch: _Batch) -> None:
        try:
            answers = self._keep([place.row for place in batch], self._now())
            for place, new in zip(batch, answers, strict=True):
                place.tell(new)
        except EngineUnavailable as error:
            for place in batch:
                place.tell(error)
        finally:
            _refuse(batch)


def _refuse(batch: _Batch) -> None:
    """Whatever happened, nobody waits for ever."""
    for place in batch:
        place.tell(_closing())


def _closing() -> EngineUnavailable:
    return EngineUnavailable(
        "The inbox takes nothing now: it is being closed, or its last transaction failed.",
        "La boîte de réception ne prend rien : elle se ferme, ou sa dernière transaction a échoué.",
    )
