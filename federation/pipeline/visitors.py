"""Tells how often somebody has come lately, and whether a form was filled by a person, without knowing who it is.

Must never keep an address: what is kept is a keyed hash, whose key never leaves the ledger of this instance.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from federation.errors import CarrefourError
from federation.ledger import Ledger

_FACT = "visitors"  # the name of the key in the ledger
_SOON = timedelta(seconds=3)
"""Nobody reads and fills a form faster."""

_LATE = timedelta(hours=24)


class TooOften(CarrefourError):
    """The visitor must wait: too many tries of one client, or too many for all. ``seconds`` says how long."""

    def __init__(self, seconds: int, fr: str, en: str) -> None:
        super().__init__(en, fr)
        self.seconds = seconds


class Pace(Enum):
    """How long a form took to be filled, by its stamp."""

    FINE = "fine"
    TOO_FAST = "too-fast"
    TOO_OLD = "too-old"  # or no stamp of ours


class Visitors:
    """The visitors of an instance, as far as it must tell them apart."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], randomness: Callable[[int], bytes]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._randomness = randomness
        self._key: bytes | None = None

    def take(self, what: str, client: str, limit: int, all_together: int, window: timedelta) -> None:
        """Count one try of a client at ``what`` (a short word). Raises TooOften past its limit, or that of all."""
        now = self._clock()
        own = f"{what}:{self._hashed(f'{what} {_network(client)}')}"
        for key, most in ((own, limit), (f"{what}:all", all_together)):
            wait = self._ledger.throttles.take(key, most, window, now)
            if wait is not None:
                minutes = math.ceil(wait.total_seconds() / 60)
                raise TooOften(
                    math.ceil(wait.total_seconds()),
                    f"Trop d'essais depuis votre adresse pour le moment. Réessayez dans {minutes} min.",
                    f"Too many tries from your address for now. Try again in {minutes} min.",
                )

    def stamp(self) -> str:
        """What a form carries to tell when it was given out."""
        made = str(int(self._clock().timestamp()))
        return f"{made}.{self._hashed(f'stamp {made}')}"

    def pace(self, stamp: str) -> Pace:
        """Judge the stamp that comes back with a form."""
        made, _, mark = stamp.partition(".")
        if not (made.isascii() and made.isdecimal() and len(made) <= 12):
            return Pace.TOO_OLD
        if not hmac.compare_digest(mark.encode(), self._hashed(f"stamp {made}").encode()):
            return Pace.TOO_OLD
        age = timedelta(seconds=self._clock().timestamp() - int(made))
        if age > _LATE:
            return Pace.TOO_OLD
        return Pace.TOO_FAST if age < _SOON else Pace.FINE

    def _hashed(self, text: str) -> str:
        if self._key is None:
            self._key = bytes.fromhex(self._ledger.cursors.settled(_FACT, self._randomness(32).hex()))
        return hmac.digest(self._key, text.encode(), "sha256").hex()


def _network(client: str) -> str:
    """Who counts as one: an IPv4 address, or the 64 bits of an IPv6 address that one household has."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return client
