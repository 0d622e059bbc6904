"""What hosts show of themselves: RFC 9421 is remembered, a dormant one is woken, and seldom is anything written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.activitypub.actors import RFC_9421, SYNC_PROFILE
from federation.activitypub.hearing import Hearing, implements
from federation.activitypub.settling import REMEMBERED
from federation.activitypub.signatures import Dialect
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_hosts import OPENS_AFTER
from federation.ledger.times import to_text

HOST = "f.example"


class World:
    """A ledger, a clock, and what was told and written."""

    def __init__(self, ledger: Ledger) -> None:
        self.hosts = ledger.ap_hosts
        self.at = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self.returned: list[str] = []
        self.hearing = Hearing(self.hosts, lambda: self.at, self.returned.append)

    def fails(self, days: int = 7) -> None:
        """The host has failed for so long."""
        self.hosts.failed([HOST] * OPENS_AFTER, self.at)
        self.at += timedelta(days=days)
        self.hosts.failed([HOST], self.at)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nothing is known yet."""
    ledger = open_ledger("", tmp_path)
    yield World(ledger)
    ledger.close()


def test_a_host_that_signs_by_rfc_9421_is_spoken_to_so_for_thirty_days(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand requests of one day one is noted; as long as it speaks so it stays noted."""
    written: list[str] = []
    speaks = world.hosts.speaks

    def count(host: str, dialect: str, until: datetime) -> None:
        written.append(host)
        speaks(host, dialect, until)

    monkeypatch.setattr(world.hosts, "speaks", count)
    for _ in range(1000):
        world.hearing.spoke(HOST, Dialect.RFC9421)
        world.hearing.declares(HOST)
    row = world.hosts.get(HOST)
    assert (row.dialect, row.dialect_until) == ("rfc9421", to_text(world.at + REMEMBERED))
    assert written == [HOST]
    Hearing(world.hosts, lambda: world.at, world.returned.append).spoke(HOST, Dialect.RFC9421)
    assert written == [HOST], "another process need not note it again"
    world.at += timedelta(days=2)
    world.hearing.spoke(HOST, Dialect.RFC9421)
    assert world.hosts.get(HOST).dialect_until == to_text(world.at + REMEMBERED)


def test_what_a_host_understands_is_not_forgotten_for_what_it_sends(world: World) -> None:
    """A request in the older dialect says nothing about the newer one."""
    world.hearing.declares(HOST)
    world.hearing.spoke(HOST, Dialect.CAVAGE)
    assert world.hosts.get(HOST).dialect == "rfc9421"
    world.hearing.spoke("other.example", Dialect.CAVAGE)
    assert world.hosts.get("other.example").dialect is None


@pytest.mark.abuse(44)
def test_a_dormant_host_that_speaks_is_tried_once_more(world: World) -> None:
    """It is told of, so that both sides catch up. If it still takes nothing it sleeps on, and is no younger."""
    world.fails()
    assert world.hosts.get(HOST).breaker.dormant_since is not None
    world.hearing.spoke(HOST, Dialect.CAVAGE)
    assert world.returned == [HOST]
    breaker = world.hosts.get(HOST).breaker
    assert breaker.dormant_since is None
    assert breaker.open_until == to_text(world.at)
    since = breaker.first_failure

    world.at += timedelta(minutes=1)
    world.hosts.failed([HOST], world.at)
    world.hearing.spoke(HOST, Dialect.CAVAGE)
    breaker = world.hosts.get(HOST).breaker
    assert breaker.dormant_since is not None
    assert breaker.first_failure == since
    assert world.returned == [HOST], "once a day"


def test_a_dormant_host_that_takes_something_again_is_as_any_other(world: World) -> None:
    """Its failures are forgotten by the delivery, not by its words."""
    world.fails(days=20)
    world.hearing.spoke(HOST, Dialect.CAVAGE)
    world.hosts.succeeded([HOST])
    assert world.hosts.get(HOST).breaker.failures == 0


def test_what_software_implements_is_named_by_its_iri() -> None:
    """A list or one, an object with href or id, or the IRI itself (FEP-844e)."""
    for named in ([{"href": SYNC_PROFILE}, {"href": RFC_9421}], {"id": RFC_9421}, [RFC_9421], RFC_9421):
        assert implements({"generator": {"implements": named}}, RFC_9421)
    for other in ({}, {"generator": RFC_9421}, {"generator": {"implements": [{"href": SYNC_PROFILE}, 1, None]}}):
        assert not implements(other, RFC_9421)
