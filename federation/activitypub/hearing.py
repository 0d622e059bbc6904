"""What a host shows of itself by speaking to us, or by its documents: that it lives, and that it reads RFC 9421.

It must never write for each activity: what is news of a host is noted once a day (design, section 4, dialect).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from federation.activitypub.settling import REMEMBERED
from federation.activitypub.signatures import Dialect
from federation.ledger.ap_hosts import HostRow
from federation.ledger.times import to_text

LOOK: Final = timedelta(days=1)
"""How often it is asked what is known of a host that speaks."""
IN_MEMORY: Final = 20_000

_DECLARED: Final = "declared"


class Hosts(Protocol):
    """The hosts in the ledger."""

    def get(self, host: str) -> HostRow:
        """One host, known or not."""

    def speaks(self, host: str, dialect: str, until: datetime) -> None:
        """Remember which dialect of signatures a host understands."""

    def wake(self, host: str, now: datetime) -> bool:
        """Let a dormant host be tried once more; False if it is not dormant."""


class Hearing:
    """One per process, safe for threads. ``returned`` is told of a dormant host that speaks."""

    def __init__(self, hosts: Hosts, now: Callable[[], datetime], returned: Callable[[str], None]) -> None:
        self._hosts, self._now, self._returned = hosts, now, returned
        self._looked: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._guard = threading.Lock()

    def spoke(self, host: str, dialect: str) -> None:
        """Note that a host has signed a request to us, which was verified, in a dialect. Raises EngineUnavailable."""
        now = self._now()
        if not self._is_time(host, dialect, now):
            return
        row = self._hosts.get(host)
        if row.breaker.dormant_since is not None and self._hosts.wake(host, now):
            self._returned(host)
        if dialect == Dialect.RFC9421:
            self._note(row, now)

    def declares(self, host: str) -> None:
        """Note that the software of a host declares RFC 9421 (FEP-844e). Raises EngineUnavailable."""
        now = self._now()
        if self._is_time(host, _DECLARED, now):
            self._note(self._hosts.get(host), now)

    def _note(self, row: HostRow, now: datetime) -> None:
        fresh = row.dialect == Dialect.RFC9421 and (row.dialect_until or "") > to_text(now + REMEMBERED - LOOK)
        if not fresh:
            self._hosts.speaks(row.host, Dialect.RFC9421.value, now + REMEMBERED)

    def _is_time(self, host: str, what: str, now: datetime) -> bool:
        with self._guard:
            last = self._looked.get((host, what))
            if last is not None and now - last < LOOK:
                return False
            self._looked[host, what] = now
            self._looked.move_to_end((host, what))
            if len(self._looked) > IN_MEMORY:
                self._looked.popitem(last=False)
            return True


def implements(document: Mapping[str, Any], what: str) -> bool:
    """Whether an actor's document says that its software implements something, named by its IRI (FEP-844e)."""
    generator = document.get("generator")
    named = generator.get("implements") if isinstance(generator, Mapping) else None
    listed = named if isinstance(named, list) else [named]
    return any((one.get("href", one.get("id")) if isinstance(one, Mapping) else one) == what for one in listed)
