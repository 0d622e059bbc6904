"""How often and how long after a failure a request is made again, and what a visit may take. Must never sleep."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from federation.pipeline.fetch.faults import Fault, FetchFailed, too_long, too_many_pages, too_much

BACK_OFF = (2.0, 8.0)
"""Seconds before the second and the third try."""

LONGEST_WAIT = 600.0
"""Seconds that Retry-After may cost a visit in all; beyond, the run is put off (harvesting design, section 2)."""

_PASSING = frozenset({Fault.UNREACHABLE, Fault.TIMEOUT, Fault.CUT, Fault.ENCODING, Fault.STATUS})
_SECONDS = re.compile(r"[0-9]{1,12}")


def retry_seconds(text: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for: a number or an HTTP date (RFC 9110, section 10.2.3). None for nonsense."""
    said = (text or "").strip()
    if _SECONDS.fullmatch(said):
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, math.ceil((until - now).total_seconds()))


class Budget:
    """What one visit may use in all: seconds on ``monotonic``, pages, bytes, and seconds of waiting."""

    def __init__(self, monotonic: Callable[[], float], seconds: float, pages: int, size: int) -> None:
        self._monotonic = monotonic
        self._seconds, self._end = seconds, monotonic() + seconds
        self._pages, self._pages_left = pages, pages
        self._size, self._size_left = size, size
        self._patience = LONGEST_WAIT

    @property
    def left(self) -> float:
        """Seconds until the end of the visit. Raises FetchFailed if none is left."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise too_long(self._seconds)
        return left

    def spend_page(self) -> None:
        """Count one page. Raises FetchFailed if pages, bytes or time are used up."""
        if self._end <= self._monotonic():
            raise too_long(self._seconds)
        if self._size_left <= 0:
            raise too_much(self._size)
        if self._pages_left <= 0:
            raise too_many_pages(self._pages)
        self._pages_left -= 1

    def spend_bytes(self, size: int) -> None:
        """Count the bytes of a body that came."""
        self._size_left -= size

    def wait_before(self, attempt: int, error: FetchFailed, now: datetime) -> float | None:
        """Seconds to wait before the next try, after ``attempt`` tries (from 1) failed; None if it is to be given up.

        Retry-After is obeyed as long as all such waits of the visit stay under LONGEST_WAIT.
        """
        if attempt > len(BACK_OFF) or error.fault not in _PASSING:
            return None
        wait = BACK_OFF[attempt - 1]
        asked = retry_seconds(error.retry_after, now)
        if asked is not None:
            wait = max(wait, asked)
            if wait > self._patience:
                return None
            self._patience -= wait
        return wait if wait < self._end - self._monotonic() else None
