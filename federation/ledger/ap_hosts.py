"""What is known of each host: what it may do, which dialect it speaks, whether it answers (the circuit breaker).

Must never speak to a host. Source of the figures: design of ActivityPub, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from federation.ledger.ap_schema import ap_host
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import from_text, to_text

OPENS_AFTER = 5  # failures in a row
FIRST_PROBE, LAST_PROBE = timedelta(minutes=1), timedelta(hours=6)
DORMANT_AFTER = timedelta(days=7)  # of failures only
FAILURES_COUNT_FOR = timedelta(days=7)  # after the last one


class Breaker(NamedTuple):
    """The circuit breaker of a host: open until then, after so many failures in a row (ledger times).

    Once ``open_until`` has passed, one delivery tries; success forgets all, failure opens again, for longer.
    """

    failures: int = 0
    probes: int = 0
    first_failure: str | None = None
    last_failure: str | None = None
    open_until: str | None = None
    dormant_since: str | None = None


class HostRow(NamedTuple):
    """A host. Modes are ``allow``, ``ask``, ``deny`` or None (the default); ``dialect`` holds until ``dialect_until``.

    ``sync``: it declares our sync profile.
    """

    host: str
    follow_mode: str | None = None
    record_mode: str | None = None
    dialect: str | None = None
    dialect_until: str | None = None
    sync: bool = False
    breaker: Breaker = Breaker()


def after_failure(breaker: Breaker, now: datetime) -> Breaker:
    """The breaker after one more failure. Of deliveries in flight when it opened only the first counts as a probe."""
    at = to_text(now)
    if breaker.last_failure and now - from_text(breaker.last_failure) > FAILURES_COUNT_FOR:
        breaker = Breaker(dormant_since=breaker.dormant_since)
    first = breaker.first_failure or at
    failures, probes, until = breaker.failures + 1, breaker.probes, breaker.open_until
    if failures >= OPENS_AFTER and (until is None or until <= at):
        until = to_text(now + min(FIRST_PROBE * 2 ** min(probes, 16), LAST_PROBE))
        probes += 1
    dormant = breaker.dormant_since
    if dormant is None and failures >= OPENS_AFTER and now - from_text(first) >= DORMANT_AFTER:
        dormant = at
    return Breaker(failures, probes, first, at, until, dormant)


_PLAIN = ("host", "follow_mode", "record_mode", "dialect", "dialect_until", "sync")
_COLUMNS = [ap_host.c[name] for name in (*_PLAIN, *Breaker._fields)]


class Hosts:
    """The table ``ap_host``. A host without a row is as :class:`HostRow` is by default."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    def get(self, host: str) -> HostRow:
        """One host, known or not."""
        return self.many([host])[host]

    def many(self, hosts: Iterable[str], tx: Connection | None = None) -> dict[str, HostRow]:
        """Hosts by name, known or not."""
        wanted = list(hosts)
        found = {host: HostRow(host) for host in wanted}
        with self._database.read(tx) as tx:
            for part in in_parts(wanted):
                for row in tx.execute(select(*_COLUMNS).where(ap_host.c.host.in_(part))):
                    found[row[0]] = _host(row)
        return found

    def listed(self, limit: int = 500, after: str = "") -> list[HostRow]:
        """The hosts with a row, by name, from after the given one."""
        query = select(*_COLUMNS).where(ap_host.c.host > after).order_by(ap_host.c.host).limit(limit)
        with self._database.read() as tx:
            return [_host(row) for row in tx.execute(query)]

    # -- what was decided and what was learnt

    def set_modes(self, host: str, follow: str | None, records: str | None, tx: Connection | None = None) -> None:
        """Let a host's follows and records in, ask, or deny; None: the default."""
        self._set(host, {"follow_mode": follow, "record_mode": records}, tx)

    def speaks(self, host: str, dialect: str, until: datetime) -> None:
        """Remember which dialect of signatures a host understands."""
        self._set(host, {"dialect": dialect, "dialect_until": to_text(until)})

    def declares_sync(self, host: str, sync: bool) -> None:
        """Note whether a host declares our sync profile."""
        self._set(host, {"sync": sync})

    def syncing(self, hosts: Iterable[str]) -> frozenset[str]:
        """Those of some hosts that declare our sync profile."""
        return frozenset(host for host, row in self.many(hosts).items() if row.sync)

    # -- the breaker

    def failed(self, hosts: Iterable[str], now: datetime, tx: Connection | None = None) -> dict[str, Breaker]:
        """Count a failure for each host (twice given, twice counted); return the breakers as they are then.

        One that has just become dormant has ``dormant_since`` equal to ``now``: its queue is to be dropped.
        """
        told = list(hosts)
        with self._database.write(tx) as tx:
            self._ensure(set(told), tx)
            query = select(ap_host.c.host, *_COLUMNS[len(_PLAIN) :]).where(ap_host.c.host.in_(set(told)))
            breakers = {row[0]: Breaker._make(row[1:]) for row in tx.execute(query.with_for_update())}
            for host in told:
                breakers[host] = after_failure(breakers[host], now)
            for host, breaker in breakers.items():
                tx.execute(update(ap_host).where(ap_host.c.host == host).values(breaker._asdict()))
        return breakers

    def succeeded(self, hosts: Iterable[str], tx: Connection | None = None) -> list[str]:
        """Forget the failures of hosts that answer; return those whose breaker was open, or that were dormant.

        Writes only where there is need.
        """
        woken: list[str] = []
        with self._database.write(tx) as tx:
            for part in in_parts(set(hosts)):
                failing = (ap_host.c.host.in_(part), ap_host.c.first_failure.is_not(None))
                rows = tx.execute(select(ap_host.c.host, ap_host.c.open_until, ap_host.c.dormant_since).where(*failing))
                names = [(row[0], row[1] or row[2]) for row in rows]
                if names:
                    changed = update(ap_host).where(ap_host.c.host.in_([name for name, _ in names]))
                    tx.execute(changed.values(Breaker()._asdict()))
                woken += [name for name, was_shut in names if was_shut]
        return sorted(woken)

    def wake(self, host: str, now: datetime) -> bool:
        """Let a dormant host that speaks to us be tried once more; False if it is not dormant.

        It has not taken anything yet: if the next delivery fails, too, it sleeps on, and its failures are as old as
        they were, so that speaking alone keeps no dead inbox for ever (abuse 44).
        """
        asleep = (ap_host.c.host == host, ap_host.c.dormant_since.is_not(None))
        at = to_text(now)
        values = {"dormant_since": None, "open_until": at, "last_failure": at}
        with self._database.write() as tx:
            return tx.execute(update(ap_host).where(*asleep).values(values)).rowcount == 1

    def failing_since(self, before: datetime) -> list[str]:
        """The hosts that have only failed since before then: after 30 days their followers are removed."""
        query = select(ap_host.c.host).where(ap_host.c.first_failure < to_text(before)).order_by(ap_host.c.host)
        with self._database.read() as tx:
            return list(tx.scalars(query))

    def counts(self, now: datetime) -> dict[str, int]:
        """Number of hosts ``known``, ``failing``, ``open`` and ``dormant``."""
        of: dict[str, Any] = {
            "known": (),
            "failing": (ap_host.c.first_failure.is_not(None),),
            "open": (ap_host.c.open_until > to_text(now), ap_host.c.dormant_since.is_(None)),
            "dormant": (ap_host.c.dormant_since.is_not(None),),
        }
        with self._database.read() as tx:
            return {
                name: tx.scalar(select(func.count()).select_from(ap_host).where(*where)) or 0
                for name, where in of.items()
            }

    def _set(self, host: str, values: dict[str, object], tx: Connection | None = None) -> None:
        with self._database.write(tx) as tx:
            self._ensure({host}, tx)
            tx.execute(update(ap_host).where(ap_host.c.host == host).values(values))

    def _ensure(self, hosts: set[str], tx: Connection) -> None:
        if hosts:
            rows = [{"host": host} for host in sorted(hosts)]
            tx.execute(self._insert(ap_host).on_conflict_do_nothing(), rows)


def _host(row: Any) -> HostRow:
    values = tuple(row)
    return HostRow._make((*values[: len(_PLAIN)], Breaker._make(values[len(_PLAIN) :])))
