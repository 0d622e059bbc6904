"""Deliveries: every one accounted for, in order per lane, within the limits per host, none lost, none needless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import DeliveryState, Lane, Settled, Target
from federation.ledger.ap_hosts import OPENS_AFTER
from federation.ledger.ap_jobs import NewJob
from federation.ledger.ap_peers import BlockRow
from federation.ledger.times import to_text

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ACTOR = "https://ici.example/actors/commons"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


def send(
    ledger: Ledger, number: int, hosts: Sequence[str], actor: str = ACTOR, object_: str = "o", update: bool = False
) -> str:
    """Queue an activity and expand it to the inbox of each host; return its ULID."""
    ulid = f"{number:026}"
    ledger.ap_jobs.add([NewJob(ulid, actor, object_, update, {"followers": actor})], NOW)
    ledger.ap_deliveries.fan_out(ulid, [Target(f"https://{host}/inbox", host) for host in hosts], NOW)
    return ulid


def claim(ledger: Ledger, at: datetime = NOW, holder: str = "w", lanes: int = 64, per_lane: int = 1) -> list[Lane]:
    """Claim for five minutes."""
    return ledger.ap_deliveries.claim(holder, at, at + timedelta(minutes=5), lanes, per_lane)


def settle(ledger: Ledger, lanes: Sequence[Lane], state: DeliveryState = DeliveryState.SENT, holder: str = "w") -> None:
    """Settle all that was claimed; what is to be tried again in five minutes."""
    again = LATER if state is DeliveryState.WAITING else None
    results = [Settled(lane.lane, one.id, state, 202, None, again) for lane in lanes for one in lane.deliveries]
    ledger.ap_deliveries.settle(holder, results, NOW)


def sent(lanes: Sequence[Lane]) -> list[tuple[str, int]]:
    """Hosts and numbers of the activities claimed."""
    return sorted((lane.host, int(one.activity)) for lane in lanes for one in lane.deliveries)


def test_a_job_is_claimed_once_and_again_when_its_holder_died(ledger: Ledger) -> None:
    """It becomes anybody's again when its lease ends, and is done with its last part."""
    ledger.ap_jobs.add([NewJob("1" * 26, ACTOR, "o", False, {"to": ["x"]})], NOW)

    first = ledger.ap_jobs.claim("w", NOW, LATER)
    nobody = ledger.ap_jobs.claim("v", NOW, LATER)
    second = ledger.ap_jobs.claim("v", LATER, LATER + timedelta(minutes=1))
    ledger.ap_deliveries.fan_out("1" * 26, [Target("https://a/1", "a")], NOW, last=False)
    half = ledger.ap_jobs.counts()
    ledger.ap_deliveries.fan_out("1" * 26, [Target("https://a/1", "a"), Target("https://a/2", "a")], NOW)

    assert [job.targets for job in first] == [{"to": ["x"]}]
    assert nobody == []
    assert [job.tries for job in second] == [2]
    assert (half, ledger.ap_jobs.counts()) == ({"waiting": 1, "done": 0}, {"waiting": 0, "done": 1})
    assert ledger.ap_deliveries.counts() == {"waiting": 2}


def test_an_unknown_job_is_not_expanded(ledger: Ledger) -> None:
    """Nobody gets what nobody said."""
    with pytest.raises(LookupError):
        ledger.ap_deliveries.fan_out("0" * 26, [Target("https://a/1", "a")], NOW)


def test_one_delivery_per_lane_is_in_flight_in_order(ledger: Ledger) -> None:
    """The second leaves when the first is settled, however often one asks."""
    send(ledger, 1, ["a"])
    send(ledger, 2, ["a"], object_="p")

    first = claim(ledger)
    meanwhile = claim(ledger, holder="v")
    settle(ledger, first)
    second = claim(ledger)
    settle(ledger, second)

    assert (sent(first), meanwhile, sent(second)) == ([("a", 1)], [], [("a", 2)])
    assert claim(ledger) == []
    assert ledger.ap_deliveries.counts() == {"sent": 2}
    assert ledger.ap_deliveries.next_ready() is None


def test_a_host_gets_four_at_a_time_and_others_do_not_wait_for_it(ledger: Ledger) -> None:
    """Six actors write to one host, one to another."""
    for number in range(6):
        send(ledger, number, ["a"], actor=f"https://ici.example/actors/{number}")
    send(ledger, 9, ["b"])

    first, second = claim(ledger), claim(ledger)
    settle(ledger, first[:1])
    third = claim(ledger)

    assert [host for host, _ in sent(first)] == ["a", "a", "a", "a", "b"]
    assert second == []
    assert len(third) == (1 if first[0].host == "a" else 0)


def test_a_failed_delivery_keeps_its_place(ledger: Ledger) -> None:
    """What comes after it in the lane waits with it, and then comes after it."""
    send(ledger, 1, ["a"])
    send(ledger, 2, ["a"], object_="p")

    settle(ledger, claim(ledger, per_lane=1), DeliveryState.WAITING)
    too_early = claim(ledger, NOW + timedelta(minutes=4))
    in_time = claim(ledger, LATER, per_lane=8)

    assert too_early == []
    assert [(int(one.activity), one.tries) for one in in_time[0].deliveries] == [(1, 1), (2, 0)]


def test_a_dead_letter_lets_the_lane_go_on(ledger: Ledger) -> None:
    """400 is an end for one delivery only."""
    send(ledger, 1, ["a"])
    send(ledger, 2, ["a"], object_="p")

    settle(ledger, claim(ledger), DeliveryState.DEAD)

    assert sent(claim(ledger)) == [("a", 2)]
    assert ledger.ap_deliveries.counts() == {"dead": 1, "waiting": 1}


def test_what_a_dead_worker_held_goes_out_again(ledger: Ledger) -> None:
    """At least once: after the lease, or at once if it gave it back; what it settles too late stays settled once."""
    send(ledger, 1, ["a"])
    first = claim(ledger)
    second = claim(ledger, LATER, holder="v")
    settle(ledger, second, holder="v")
    settle(ledger, first, DeliveryState.WAITING)
    send(ledger, 2, ["a"])
    claim(ledger, holder="x")
    ledger.ap_deliveries.release("x", NOW)

    assert sent(first) == sent(second) == [("a", 1)]
    assert sent(claim(ledger)) == [("a", 2)]
    assert ledger.ap_deliveries.counts() == {"sent": 1, "waiting": 1}


def test_successive_updates_of_an_object_collapse_into_the_last(ledger: Ledger) -> None:
    """One in flight stays; a Delete between keeps what is before it; other objects and inboxes are left alone."""
    send(ledger, 1, ["a"], update=True)
    flying = claim(ledger)
    for number, object_, update in ((2, "o", True), (3, "p", True), (4, "o", True), (5, "o", False), (6, "o", True)):
        send(ledger, number, ["a"], object_=object_, update=update)
    send(ledger, 7, ["a", "b"], update=True)
    settle(ledger, flying)

    (lane,) = (lane for lane in claim(ledger, per_lane=20) if lane.host == "a")

    assert sent(flying) == [("a", 1)]
    assert [int(one.activity) for one in lane.deliveries] == [3, 4, 5, 7]
    assert ledger.ap_deliveries.counts() == {"sent": 1, "dropped": 2, "waiting": 5}


def test_an_update_that_failed_gives_way_to_a_later_one(ledger: Ledger) -> None:
    """It was in flight when the later one came."""
    send(ledger, 1, ["a"], update=True)
    flying = claim(ledger)
    send(ledger, 2, ["a"], update=True)
    settle(ledger, flying, DeliveryState.WAITING)

    assert sent(claim(ledger, LATER)) == [("a", 2)]
    assert ledger.ap_deliveries.counts() == {"dropped": 1, "waiting": 1}


def test_an_open_breaker_lets_nothing_through_and_then_one(ledger: Ledger) -> None:
    """One probe when its time has come; everything when the host answers."""
    for number in range(3):
        send(ledger, number, ["a"], actor=f"https://ici.example/actors/{number}")
    breaker = ledger.ap_hosts.failed(["a"] * OPENS_AFTER, NOW)["a"]

    shut = claim(ledger)
    probe = claim(ledger, NOW + timedelta(minutes=1))
    settle(ledger, probe)
    woken = ledger.ap_hosts.succeeded(["a", "b"])

    assert breaker.open_until == to_text(NOW + timedelta(minutes=1))
    assert (shut, len(probe), woken) == ([], 1, ["a"])
    assert len(claim(ledger)) == 2


def test_what_waits_for_a_later_try_goes_at_once_when_the_host_answers(ledger: Ledger) -> None:
    """Its lanes are hastened."""
    send(ledger, 1, ["a"])
    settle(ledger, claim(ledger), DeliveryState.WAITING)

    ledger.ap_deliveries.hasten("a", NOW)

    assert sent(claim(ledger)) == [("a", 1)]


def test_nothing_goes_to_dormant_and_blocked_hosts_and_all_is_accounted_for(ledger: Ledger) -> None:
    """Their queues are dropped, and what comes later is dropped at once."""
    send(ledger, 1, ["a", "b", "c"])
    ledger.ap_hosts.failed(["a"] * OPENS_AFTER, NOW - timedelta(days=7))
    ledger.ap_hosts.failed(["a"], NOW)
    ledger.ap_blocks.add(BlockRow("b", "host", "ana", to_text(NOW)))
    unsent = sent(claim(ledger))
    dropped = ledger.ap_deliveries.drop_host("a", "dormant", NOW) + ledger.ap_deliveries.drop_host("b", "blocked", NOW)
    second = send(ledger, 2, ["a", "b", "c"])

    assert unsent == [("c", 1)]
    assert dropped == 2
    assert ledger.ap_deliveries.counts(second) == {"dropped": 2, "waiting": 1}
    assert sum(ledger.ap_deliveries.counts().values()) == 6
    reasons = [row.reason for row in ledger.ap_deliveries.listed(DeliveryState.DROPPED)]
    assert reasons == ["blocked", "dormant", "blocked", "dormant"]


def test_a_blocked_host_still_gets_its_farewell_and_nothing_else(ledger: Ledger) -> None:
    """The Reject of its follows and the Undo of ours, also past what slipped into its lane as it was blocked."""
    slipped = send(ledger, 1, ["b"])
    ledger.ap_blocks.add(BlockRow("b", "host", "ana", to_text(NOW)))
    kinds = {2: "Create", 3: "Reject", 4: "Undo"}
    for number, kind in kinds.items():
        made = NewActivity(f"{number:026}", ACTOR, kind, "o", None, to_text(NOW), b"{}", listed=False)
        with ledger.write() as tx:
            ledger.ap_activities.append([made], tx)
        send(ledger, number, ["b", "c"])

    lanes = claim(ledger, per_lane=9)
    settle(ledger, lanes)

    assert [one for one in sent(lanes) if one[0] == "b"] == [("b", 3), ("b", 4)]
    assert ledger.ap_deliveries.counts(f"{2:026}") == {"dropped": 1, "sent": 1}
    assert ledger.ap_deliveries.counts(slipped) == {"waiting": 1}
    assert claim(ledger) == []


def test_a_gone_inbox_and_an_erased_object_are_dropped_from_the_queues(ledger: Ledger) -> None:
    """A lane with nothing left is given to nobody."""
    send(ledger, 1, ["a"], object_="secret")
    send(ledger, 2, ["b"])

    ledger.ap_deliveries.drop_objects(["secret"], "erased", NOW)
    ledger.ap_deliveries.drop_inbox("https://b/inbox", "gone", NOW)

    assert claim(ledger) == []
    assert ledger.ap_deliveries.next_ready() is None
    assert ledger.ap_deliveries.waiting_by_host() == {}


def test_old_ends_are_pruned_and_what_waits_is_not(ledger: Ledger) -> None:
    """However old it is."""
    send(ledger, 1, ["a", "b"])
    settle(ledger, claim(ledger, lanes=1))

    assert ledger.ap_deliveries.prune(NOW) == 0
    assert ledger.ap_deliveries.prune(NOW + timedelta(days=90)) == 1
    assert ledger.ap_deliveries.counts() == {"waiting": 1}
    assert sum(ledger.ap_deliveries.waiting_by_host().values()) == 1
