"""When a source is to be harvested: one slot a night, a week or a month, and longer pauses after failures. Pure.

Must never read a clock or the ledger: times come in with their zone and go out in UTC. Design of harvesting, section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from federation.errors import ConfigError
from federation.ledger.sources import SourceRow
from federation.ledger.times import from_text, to_text

HARVESTED = frozenset({"trial", "live"})
"""States in which a source is harvested without being asked for."""

MANUAL = "manual"
BACK_OFF = (1, 2, 4, 7)  # days to wait after so many failures in a row, then always the last
NIGHT_FROM, NIGHT_SECONDS = time(1), 4 * 3600  # slots lie between 01:00 and 05:00 of the local clock
_DAY = timedelta(days=1)
_PERIODS = {"nightly": _DAY, "weekly": 7 * _DAY, "monthly": 31 * _DAY}
_MISTRUST = timedelta(days=2, hours=2)  # beyond the longest regular wait: a clock may go from a day ahead to one behind
_EARLY = timedelta(hours=12)  # a pause of n days ends in the slot that is nearest to it
_SOON = timedelta(minutes=1)  # whatever a server says, it is not asked again at once


def zone_named(name: str) -> tzinfo:
    """The time zone of a name in the IANA database. Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"The setting `timezone` cannot be {name!r}: no such zone is known here. Example: Europe/Paris.",
            f"Le réglage `timezone` ne peut pas être {name!r} : ce fuseau n'est pas connu ici. Exemple : Europe/Paris.",
        ) from error


def slot_on(day: date, source_id: str, zone: tzinfo) -> datetime:
    """The moment (UTC) of a source's slot in the night of a local day, the same by the clock on the wall every night.

    A slot in the hour that a clock change leaves out comes an hour later; in the hour that comes twice, the first time.
    """
    share = int.from_bytes(_hash(source_id)[:4])
    wall = datetime.combine(day, NIGHT_FROM) + timedelta(seconds=share * NIGHT_SECONDS >> 32)
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def slots_after(schedule: str, source_id: str, moment: datetime, zone: tzinfo) -> Iterator[datetime]:
    """The slots of a source after a moment, in order, without end. There are none for ``manual``."""
    if schedule == MANUAL:
        return
    marks = _hash(source_id)
    day = moment.astimezone(zone).date() - _DAY
    while True:
        regular = {"weekly": day.weekday() == marks[4] % 7, "monthly": day.day == 1 + marks[5] % 28}
        if regular.get(schedule, True) and (slot := slot_on(day, source_id, zone)) > moment:
            yield slot
        day += _DAY


def next_due(
    schedule: str,
    source_id: str,
    now: datetime,
    zone: tzinfo,
    failures: int = 0,
    served: datetime | None = None,
    not_before: datetime | None = None,
) -> datetime | None:
    """When a source is due after a run that ended now; None: only when asked for.

    ``failures``: how many runs in a row have failed, this one included: they delay it by 1, 2, 4, then always 7 days.
    ``served``: the slot for which the run was made: it does not come twice, even if the clock has been put back since.
    ``not_before``: when the server wants to be asked again (Retry-After): obeyed within 7 days; after the first
    failure it may be sooner than the next slot.
    """
    if schedule == MANUAL:
        return None
    moment = now if served is None or not _near(served, now, _PERIODS[schedule]) else max(now, served)
    if not failures:
        return next(slots_after(schedule, source_id, moment, zone))
    pause = BACK_OFF[min(failures, len(BACK_OFF)) - 1] * _DAY
    due = next(slots_after("nightly", source_id, max(now + pause - _EARLY, moment), zone))
    if not_before is None:
        return due
    asked = min(max(not_before, now + _SOON), now + BACK_OFF[-1] * _DAY)
    return asked if failures == 1 else max(asked, due)


def due_at(row: SourceRow | None, schedule: str, source_id: str, now: datetime, zone: tzinfo) -> datetime | None:
    """When a source is due as the ledger knows it; None: only when asked for.

    A source never harvested is due now. A time too far ahead for its schedule (the clock was wrong by more than a day
    when it was noted, or the schedule has changed) gives way to the next slot; whoever asks must note what they get.
    """
    if schedule == MANUAL or (row is not None and row.state not in HARVESTED):
        return None
    if row is None or (row.due is None and row.last_run is None):
        return now
    if row.due is None:  # harvested by hand so far
        began = _began(row.last_run or "")
        return next(slots_after(schedule, source_id, began if began <= now else now, zone))
    due = from_text(row.due)
    longest = max(_PERIODS[schedule], (BACK_OFF[-1] + 1) * _DAY if row.failures else _PERIODS[schedule])
    return due if due - now <= longest + _MISTRUST else next(slots_after(schedule, source_id, now, zone))


def is_due(row: SourceRow | None, schedule: str, source_id: str, now: datetime, zone: tzinfo) -> bool:
    """Say whether a source is to be harvested now."""
    due = due_at(row, schedule, source_id, now, zone)
    return due is not None and due <= now


def asked_back(retry_after: str | None, now: datetime) -> datetime | None:
    """The moment that a Retry-After names: seconds or a date (RFC 9110, section 10.2.3). None for anything else."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return now + timedelta(seconds=min(int(text[:9]), 10 * 365 * 86400))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_pruning_due(last: str | None, now: datetime) -> bool:
    """Say whether what is old is to be forgotten: once a day. What a clock noted that ran ahead counts for nothing."""
    return last is None or not _DAY > now - from_text(last) >= -_EARLY


def noted(due: datetime | None) -> str | None:
    """A moment as the ledger keeps it."""
    return None if due is None else to_text(due)


def _near(served: datetime, now: datetime, period: timedelta) -> bool:
    return served - now <= period + _MISTRUST


def _began(run: str) -> datetime:
    """When a run began, which its ULID says in its first ten characters (milliseconds)."""
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = 0
    for character in run[:10]:
        number = number << 5 | digits.index(character)
    return datetime.fromtimestamp(number / 1000, UTC)


def _hash(source_id: str) -> bytes:
    return hashlib.sha256(source_id.encode()).digest()
