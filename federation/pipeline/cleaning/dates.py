"""Dates as precise as they were given: a year stays a year. Must never depend on the day of the run.

So relative words ("hier") and dates that need a missing part filled in are refused; "mars 2021" is a month.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, NamedTuple

import dateparser

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import as_string, is_missing

FIRST_YEAR, LAST_YEAR = 1500, 2199
"""A project outside these years is a slip of the keyboard (``20266``, ``0218``)."""

_XSD = "http://www.w3.org/2001/XMLSchema#"
_LONGEST = 60  # characters of a date
_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)?)?$",
    re.ASCII,  # year and zone are written as they stand
)
_DMY = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4})(?:[ T,à]+(\d{1,2})[:hH](\d{2})(?::(\d{2}))?)?$")
_SLASHED_ISO = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})$")
_MONTH_YEAR = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{4})$", re.ASCII)
_HAS_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_HAS_LETTER = re.compile(r"[^\W\d_]{3}")
_CLOCK = re.compile(r"\d{1,2}[:hH]\d{2}")


class Moment(NamedTuple):
    """A date as precise as it was given: ``year``, ``month``, ``date`` or ``datetime``. ``lexical`` is its XSD form."""

    precision: str
    lexical: str

    @property
    def datatype(self) -> str:
        """The XML Schema datatype of this precision."""
        return _XSD + {"year": "gYear", "month": "gYearMonth", "date": "date", "datetime": "dateTime"}[self.precision]

    def day(self) -> Moment:
        """Drop the time of day."""
        return Moment("date", self.lexical[:10]) if self.precision == "datetime" else self


def clean_date(raw: Any, language: str, problems: list[Problem]) -> Moment | None:
    """Read a year, year-month, ISO, RFC 2822, day/month/year or written-out date in ``language``; None if unreadable.

    Day comes before month. Unreadable values give the problem ``date-unreadable``.
    """
    text = as_string(raw)
    if text is None:
        if raw:
            problems.append(Problem("date-unreadable", str(raw)[:200]))
        return None
    if is_missing(text):
        return None
    moment = _read(text.strip(), language) if len(text) <= _LONGEST else None
    if moment is None:
        problems.append(Problem("date-unreadable", text))
    return moment


def is_written_out(raw: Any) -> bool:
    """Say whether reading a date takes a parser of languages: some two milliseconds, a hundred times the usual."""
    if not isinstance(raw, str) or len(raw) > _LONGEST:
        return False
    text = raw.strip()
    plain = any(form.match(text) for form in (_ISO, _DMY, _SLASHED_ISO, _MONTH_YEAR))
    return not plain and _HAS_LETTER.search(text) is not None and _HAS_YEAR.search(text) is not None


@lru_cache(maxsize=8192)
def _read(text: str, language: str) -> Moment | None:
    if match := _ISO.match(text):
        return _moment(*match.groups())
    if match := _DMY.match(text):
        day, month, year, hour, minute, second = match.groups()
        return _moment(year, month, day, hour, minute, second, None)
    if match := _SLASHED_ISO.match(text):
        return _moment(*match.groups())
    if match := _MONTH_YEAR.match(text):
        return _moment(match[2], match[1])
    if not _HAS_LETTER.search(text) or not _HAS_YEAR.search(text):
        return None
    return _rfc2822(text) or _written_out(text, language)


def _moment(
    year: str,
    month: str | None = None,
    day: str | None = None,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    zone: str | None = None,
) -> Moment | None:
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return None
    if month is None:
        return Moment("year", year)
    if not 1 <= int(month) <= 12:
        return None
    if day is None:
        return Moment("month", f"{year}-{int(month):02}")
    try:
        found = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    if hour is None:
        return Moment("date", found.date().isoformat())
    if zone and zone != "Z":
        zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
        if int(zone[4:6]) > 59 or int(zone[1:3]) * 60 + int(zone[4:6]) > 14 * 60:
            return None
        zone = "Z" if zone[1:] == "00:00" else zone  # canonical (XML Schema, dateTime), and what the store gives back
    return Moment("datetime", found.isoformat() + (zone or ""))


def _rfc2822(text: str) -> Moment | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not FIRST_YEAR <= found.year <= LAST_YEAR or not _CLOCK.search(text):
        return None
    if found.tzinfo is not None:
        return Moment("datetime", found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return Moment("datetime", found.isoformat())


def _written_out(text: str, language: str) -> Moment | None:
    """Parse twice from two bases that share no day, month or year: what differs was not in the text."""
    early = _parsed(text, language, datetime(2001, 1, 1), "first", "first")
    late = _parsed(text, language, datetime(2006, 12, 31), "last", "last")
    if early is None or late is None or early.year != late.year or not FIRST_YEAR <= early.year <= LAST_YEAR:
        return None
    if early.month != late.month:
        return Moment("year", f"{early.year:04}")
    if early.day != late.day:
        return Moment("month", f"{early.year:04}-{early.month:02}")
    return Moment("date", early.isoformat())


def _parsed(text: str, language: str, base: datetime, day: str, month: str) -> date | None:
    settings: Any = {
        "PARSERS": ["absolute-time"],
        "DATE_ORDER": "DMY",
        "PREFER_LOCALE_DATE_ORDER": False,
        "RELATIVE_BASE": base,
        "PREFER_DAY_OF_MONTH": day,
        "PREFER_MONTH_OF_YEAR": month,
        "REQUIRE_PARTS": ["year"],
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    try:
        found: datetime | None = dateparser.parse(
            text, languages=list(dict.fromkeys((language, "en"))), settings=settings
        )
    except (ValueError, OverflowError, RecursionError):
        return None
    return found.date() if found else None
