"""Token buckets: bursts, refilling, and who shares one."""

from __future__ import annotations

import pytest

from federation.activitypub.buckets import Buckets, Rate, client_name


class Time:
    """Seconds that a test moves."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.abuse(49)
def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """Whoever waits as long as told gets one; nobody gathers more than a burst."""
    time = Time()
    buckets = Buckets(Rate(2.0, 3.0), time)
    assert [buckets.take("a") for _ in range(3)] == [None] * 3
    wait = buckets.take("a")
    assert wait == pytest.approx(0.5)
    assert buckets.take("b") is None
    time.at += 0.5
    assert buckets.take("a") is None
    assert buckets.take("a") is not None
    time.at += 1000
    assert [buckets.take("a") is None for _ in range(4)] == [True, True, True, False]


def test_what_costs_more_takes_more() -> None:
    """And waits for all of it."""
    time = Time()
    buckets = Buckets(Rate(1.0, 10.0), time)
    assert buckets.take("a", 8.0) is None
    assert buckets.take("a", 8.0) == pytest.approx(6.0)
    assert buckets.take("a", 2.0) is None


@pytest.mark.abuse(49)
def test_the_number_of_buckets_is_bounded() -> None:
    """Whoever has been away the longest is forgotten."""
    buckets = Buckets(Rate(0.001, 1.0), Time(), most=3)
    for name in "abcd":
        assert buckets.take(name) is None
    assert buckets.take("b") is not None
    assert buckets.take("a") is None


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_network_of_ipv6_is_one_client(address: str, name: str) -> None:
    """A /64 is what one customer gets."""
    assert client_name(address) == name
