"""When a delivery that failed is tried again, and what an answer means for it. Pure.

Must never look at a clock: the instant and the chance are given (design, section 4).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=48),
)
SPREAD = 0.2
LONGEST = timedelta(hours=48)
"""What a ``Retry-After`` may ask for at most."""

_SECONDS = 9  # digits


class Verdict(Enum):
    """What an answer means."""

    TAKEN = "taken"
    GONE = "gone"
    UNSIGNED = "unsigned"  # perhaps only for the dialect of our signature
    BUSY = "busy"  # alive, and asks for time
    FAILED = "failed"  # perhaps later
    REFUSED = "refused"


def verdict(status: int) -> Verdict:
    """Judge an HTTP status. A redirect is a refusal: what is signed is for one address."""
    if 200 <= status < 300:
        return Verdict.TAKEN
    if status == HTTPStatus.GONE:
        return Verdict.GONE
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Verdict.UNSIGNED
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict.BUSY
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= 500:
        return Verdict.FAILED
    return Verdict.REFUSED


def next_try(tries: int, now: datetime, chance: float, asked: datetime | None = None) -> datetime | None:
    """When to try again after ``tries`` failed attempts; None: no more. ``chance``: from 0 to 1.

    ``asked``: not before then, as the server said, two days at most.
    """
    if tries > len(WAITS):
        return None
    again = now + WAITS[tries - 1] * (1 + SPREAD * (2 * chance - 1))
    return again if asked is None else max(again, min(asked, now + LONGEST))


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """Read ``Retry-After``: seconds or a date (RFC 9110 section 10.2.3); None if it says nothing that we understand."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return now + min(timedelta(seconds=int(text[:_SECONDS])), LONGEST)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
