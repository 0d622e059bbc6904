"""How often logging in has failed of late, by name and by client address, and how long to wait before the next try.

Must never keep a name or an address: the keys are hashes.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from federation.ledger.database import Database
from federation.ledger.schema import throttle
from federation.ledger.throttles import LONGEST
from federation.ledger.times import from_text, to_text

_FAMILY = "login-"


@dataclass(frozen=True, slots=True)
class Patience:
    """``free`` tries pass at once; each further one doubles the wait, from one second to ``longest``."""

    free: int
    longest: timedelta

    def wait(self, tries: int) -> timedelta:
        """How long to wait after so many tries in a row."""
        beyond = tries - self.free
        return timedelta() if beyond < 0 else min(timedelta(seconds=2 ** min(beyond, 30)), self.longest)


BY_NAME = Patience(5, timedelta(minutes=15))
BY_ADDRESS = Patience(20, timedelta(minutes=15))  # several people may share an address


class Attempts:
    """The rows of the table ``throttle`` that count tries to log in; ``since`` is the time of the last one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, name: str, address: str, now: datetime) -> timedelta | None:
        """Count a try before its password is looked at; None if it may go on, else how long to wait.

        Counting comes first so that many tries at the same moment are not all free. One that must wait is not counted.
        """
        limits = _keys(name, address)
        with self._database.write() as tx:
            counted = self._counted(limits, now, tx)
            waits = [since + limits[key].wait(count) - now for key, (count, since) in counted.items()]
            longest = max(waits, default=timedelta())
            if longest > timedelta():
                return longest
            for key in limits:
                count = counted[key][0] if key in counted else 0
                tx.execute(self._database.upsert(throttle), {"key": key, "count": count + 1, "since": to_text(now)})
        return None

    def succeed(self, name: str, address: str) -> None:
        """The try that was counted last was right: forget those of the name, take it off the address."""
        of_name, of_address = _keys(name, address)
        with self._database.write() as tx:
            tx.execute(delete(throttle).where(throttle.c.key == of_name))
            some = (throttle.c.key == of_address, throttle.c.count > 0)
            tx.execute(update(throttle).where(*some).values(count=throttle.c.count - 1))

    def forgive(self, name: str) -> None:
        """Forget the tries of a name: the operator has given it another password."""
        with self._database.write() as tx:
            tx.execute(delete(throttle).where(throttle.c.key == _hashed("name", name)))

    def _counted(self, keys: Mapping[str, Patience], now: datetime, tx: Connection) -> dict[str, tuple[int, datetime]]:
        old = throttle.c.since <= to_text(now - LONGEST)
        tx.execute(delete(throttle).where(throttle.c.key.startswith(_FAMILY, autoescape=True), old))
        query = (
            select(throttle.c.key, throttle.c.count, throttle.c.since)
            .where(throttle.c.key.in_(keys))
            .order_by(throttle.c.key)
            .with_for_update()
        )
        return {key: (count, from_text(since)) for key, count, since in tx.execute(query)}


def _keys(name: str, address: str) -> dict[str, Patience]:
    return {_hashed("name", name): BY_NAME, _hashed("address", _network(address)): BY_ADDRESS}


def _network(address: str) -> str:
    """The client: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _hashed(kind: str, value: str) -> str:
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_FAMILY}{kind}:{digest}"
