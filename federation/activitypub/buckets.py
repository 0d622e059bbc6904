"""Token buckets: how much may come from one client or one host in a time, whatever it is worth.

Must never grow with the number of those who come, nor be written to disk.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST: Final = 10_000
"""Buckets kept; whoever has been away the longest starts with a full one again."""
_IPV6_PREFIX: Final = 64  # what one customer gets, at the least (RFC 6177)


@dataclass(frozen=True, slots=True)
class Rate:
    """``each_second`` on the average, ``burst`` at once."""

    each_second: float
    burst: float


class Buckets:
    """A bucket for each name. ``clock`` gives seconds, monotonic. Safe for threads."""

    def __init__(self, rate: Rate, clock: Callable[[], float], most: int = MOST) -> None:
        self._rate, self._clock, self._most = rate, clock, most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, name: str, cost: float = 1.0) -> float | None:
        """Take tokens of a name; None if there were as many, else seconds until there are. ``cost`` <= the burst."""
        now = self._clock()
        with self._guard:
            left, since = self._buckets.pop(name, (self._rate.burst, now))
            left = min(self._rate.burst, left + (now - since) * self._rate.each_second)
            enough = left >= cost
            self._buckets[name] = (left - cost if enough else left, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return None if enough else (cost - left) / self._rate.each_second


def client_name(address: str) -> str:
    """Whose bucket an address takes from: an IPv4 address its own, an IPv6 one that of its /64."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv4Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network((read, _IPV6_PREFIX), strict=False))
