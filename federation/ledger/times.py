"""Times as the ledger writes them: UTC ISO 8601 of constant width, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def to_text(at: datetime) -> str:
    """``2026-11-21T02:14:00.000000Z``. ``at`` must carry its zone; raises ValueError if it does not."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_seconds(at: datetime) -> str:
    """``2026-11-21T02:14:00Z``, as the public graph says it: a store may drop the last zeros of a fraction."""
    return f"{to_text(at)[:19]}Z"


def from_text(text: str) -> datetime:
    """Read back what :func:`to_text` wrote."""
    return datetime.fromisoformat(text)
