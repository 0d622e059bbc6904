"""Times as our documents write them: UTC, milliseconds, ``Z``. Pure.

Milliseconds, for of two versions within one second the later must win (design, section 6).
"""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """``2026-11-21T02:14:00.125Z``. ``at`` must carry its zone; raises ValueError if it does not."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
