"""Counts how long a record has been absent from a whole list, and says which are to be withdrawn for it. Pure.

Withdrawn after three whole runs in a row, each at least twelve hours after the last that counted, and seven days
(harvesting design, section 8): a bad night removes nothing, and three runs in ten minutes are one absence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol


class Absent(Protocol):
    """What counting needs of a record's known state (ledger/records.py, RecordState)."""

    @property
    def misses(self) -> int: ...
    @property
    def missing_since(self) -> str | None: ...
    @property
    def missed_at(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a record may be absent before it is withdrawn."""

    misses: int = 3
    apart: timedelta = timedelta(hours=12)
    time: timedelta = timedelta(days=7)


class Miss(NamedTuple):
    """The count of a missing record after this run. Times are UTC."""

    key: str
    misses: int
    since: datetime
    counted: datetime
    due: bool


def count(
    missing: Iterable[str], states: Mapping[str, Absent], now: datetime, grace: Grace, confirmed: bool = False
) -> list[Miss]:
    """Count one more absence of each missing record. ``confirmed``: the partner says that they are gone."""
    return [_counted(key, states[key], now, grace, confirmed) for key in missing]


def _counted(key: str, known: Absent, now: datetime, grace: Grace, confirmed: bool) -> Miss:
    since = datetime.fromisoformat(known.missing_since) if known.missing_since and known.misses else now
    last = datetime.fromisoformat(known.missed_at) if known.missed_at else None
    counts = last is None or abs(now - last) >= grace.apart  # a clock that jumps back does not stop the count
    misses = known.misses + 1 if counts else known.misses
    due = confirmed or (misses >= grace.misses and now - since >= grace.time)
    return Miss(key, misses, since, now if counts or last is None else last, due)
