"""Keys, peers, follows, our activities and objects of others, as the ledger keeps them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import PAGE, NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_hosts import Breaker, after_failure
from federation.ledger.ap_keys import KeyUse, OurKind
from federation.ledger.ap_objects import ObjectRow, ObjectState, refusal
from federation.ledger.ap_peers import ActorRow, BindingRow, BlockRow, SyncRow
from federation.ledger.times import to_text

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACTOR = "https://ici.example/actors/commons"
OTHER = "https://b.example/u"
KEY = f"{OTHER}#main-key"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


# -- keys


def test_a_rotation_announces_then_switches_and_keeps_the_old_key_readable(ledger: Ledger) -> None:
    """At any time one key signs; two processes cannot both make the first."""
    ledger.ap_keys.add(ACTOR, OurKind.RSA, f"{ACTOR}#main-key", "old", b"1", NOW)
    with pytest.raises(IntegrityError):
        ledger.ap_keys.add(ACTOR, OurKind.RSA, f"{ACTOR}#main-key", "twin", b"2", NOW)
    number = ledger.ap_keys.add(ACTOR, OurKind.RSA, f"{ACTOR}#main-key", "new", b"3", NOW, use=False)
    before = ledger.ap_keys.current(ACTOR, OurKind.RSA)

    ledger.ap_keys.switch(number, NOW + HOUR)

    after = ledger.ap_keys.current(ACTOR, OurKind.RSA)
    assert before is not None
    assert after is not None
    assert (before.public, after.public, after.private) == ("old", "new", b"3")
    assert [(key.public, key.retired is None) for key in ledger.ap_keys.of(ACTOR)] == [("old", False), ("new", True)]
    assert ledger.ap_keys.current(ACTOR, OurKind.ED25519) is None
    assert ledger.ap_keys.actors() == [ACTOR]
    with pytest.raises(LookupError):
        ledger.ap_keys.switch(number, NOW)
    assert ledger.ap_keys.forget(NOW + DAY) == 1


def test_a_failed_fetch_is_remembered_for_a_while_and_locks_no_known_key_out(ledger: Ledger) -> None:
    """By use: HTTP and proof keys fail apart; a good fetch clears what failed."""
    keys = ledger.ap_remote_keys
    keys.refuse(KEY, "", KeyUse.HTTP, "timeout", NOW, NOW + HOUR)
    refused, other_use = keys.get(KEY, KeyUse.HTTP, NOW), keys.get(KEY, KeyUse.PROOF, NOW)
    expired = keys.get(KEY, KeyUse.HTTP, NOW + HOUR)
    keys.put(KEY, OTHER, KeyUse.HTTP, "pem", NOW, NOW + DAY)
    keys.refuse(KEY, OTHER, KeyUse.HTTP, "timeout", NOW, NOW + HOUR)

    (known,) = keys.get(KEY, KeyUse.HTTP, NOW)
    assert [row.reason for row in refused] == ["timeout"]
    assert (other_use, expired) == ([], [])
    assert (known.public, known.reason) == ("pem", None)
    keys.drop(OTHER)
    assert keys.get(KEY, KeyUse.HTTP, NOW) == []


def test_a_key_is_fetched_again_once_in_ten_minutes(ledger: Ledger) -> None:
    """A burst of bad signatures causes one fetch, and a new fetch does not reset the clock."""
    keys, ten = ledger.ap_remote_keys, timedelta(minutes=10)
    keys.put(KEY, OTHER, KeyUse.HTTP, "pem", NOW, NOW + DAY)

    first = keys.may_force(KEY, OTHER, KeyUse.HTTP, NOW, NOW - ten)
    keys.put(KEY, OTHER, KeyUse.HTTP, "pem2", NOW, NOW + DAY)
    burst = keys.may_force(KEY, OTHER, KeyUse.HTTP, NOW + HOUR / 60, NOW + HOUR / 60 - ten)
    later = keys.may_force(KEY, OTHER, KeyUse.HTTP, NOW + HOUR, NOW + HOUR - ten)

    assert (first, burst, later) == (True, False, True)
    assert keys.prune(NOW + 2 * DAY) == 1


# -- hosts


def test_the_breaker_probes_at_longer_and_longer_intervals() -> None:
    """Open after 5 failures; 1, 2, 4 minutes to 6 hours; failures in flight meanwhile change nothing."""
    breaker, at, waits = Breaker(), NOW, []
    for _ in range(4):
        breaker = after_failure(breaker, at)
    still_shut = breaker.open_until is None
    for _ in range(12):
        breaker = after_failure(after_failure(breaker, at), at)
        until = datetime.fromisoformat(str(breaker.open_until))
        waits.append((until - at).total_seconds() / 60)
        at = until

    assert still_shut
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_old_failures_are_forgotten_and_a_week_of_them_makes_dormant() -> None:
    """The state of failures has an end; a host that fails for 7 days is dormant."""
    old = after_failure(Breaker(4, 0, to_text(NOW - 9 * DAY), to_text(NOW - 8 * DAY)), NOW)
    week = after_failure(Breaker(50, 20, to_text(NOW - 7 * DAY), to_text(NOW - HOUR), to_text(NOW)), NOW)

    assert old == Breaker(1, 0, to_text(NOW), to_text(NOW))
    assert week.dormant_since == to_text(NOW)


def test_hosts_are_as_by_default_until_something_is_said(ledger: Ledger) -> None:
    """Modes, dialect and profile are kept beside each other and the breaker."""
    hosts = ledger.ap_hosts
    hosts.set_modes("b", "allow", "deny")
    hosts.speaks("b", "rfc9421", NOW + DAY)
    hosts.declares_sync("b", True)
    hosts.failed(["b", "c"], NOW)

    row = hosts.get("b")
    assert (row.follow_mode, row.record_mode, row.dialect, row.sync) == ("allow", "deny", "rfc9421", True)
    assert row.breaker.failures == 1
    assert hosts.get("z").breaker == Breaker()
    assert hosts.syncing(["b", "c", "z"]) == {"b"}
    assert [one.host for one in hosts.listed()] == ["b", "c"]
    assert hosts.failing_since(NOW + HOUR) == ["b", "c"]
    assert hosts.succeeded(["b", "b"]) == []
    assert hosts.counts(NOW) == {"known": 2, "failing": 1, "open": 0, "dormant": 0}


# -- peers


def test_actors_blocks_bindings_and_peers_in_step_are_kept(ledger: Ledger) -> None:
    """What is put replaces what was there."""
    ledger.ap_actors.put(ActorRow(OTHER, "b", "Person", f"{OTHER}/inbox", None, {"id": OTHER}, to_text(NOW)))
    ledger.ap_actors.put(ActorRow(OTHER, "b", "Group", f"{OTHER}/inbox", "https://b/inbox", {}, to_text(NOW)))
    ledger.ap_actors.gone(OTHER, NOW)
    ledger.ap_blocks.add(BlockRow("b", "host", "ana", to_text(NOW), "spam"))
    ledger.ap_bindings.add(BindingRow(OTHER, "maison", "maison-push", "ana", to_text(NOW)))
    ledger.ap_syncs.put(SyncRow(OTHER, "https://b", 7, {"maison": [1, "00"]}))

    actor, block = ledger.ap_actors.get(OTHER), ledger.ap_blocks.find([OTHER, "b"])
    assert actor is not None
    assert (actor.type, actor.gone is None, ledger.ap_actors.of_host("b"), ledger.ap_actors.count()) == (
        "Group",
        False,
        [actor],
        1,
    )
    assert block is not None
    assert block.reason == "spam"
    assert ledger.ap_blocks.lift("b")
    assert ledger.ap_blocks.find(["b"]) is None
    assert [row.partner for row in ledger.ap_bindings.all("maison")] == ["maison"]
    assert ledger.ap_bindings.remove(OTHER)
    assert ledger.ap_bindings.get(OTHER) is None


def test_a_peer_is_compared_with_when_asked_for_and_weekly(ledger: Ledger) -> None:
    """And while its backfill goes on."""
    ledger.ap_syncs.put(SyncRow(OTHER, "https://b", 7, {}, None, to_text(NOW)))
    fresh = ledger.ap_syncs.due(NOW - DAY)
    ledger.ap_syncs.ask(OTHER, NOW)

    assert fresh == []
    assert [row.seq for row in ledger.ap_syncs.due(NOW - DAY)] == [7]
    ledger.ap_syncs.put(SyncRow(OTHER, "https://b", 8, {}, "page-3", to_text(NOW)))
    assert [row.cursor for row in ledger.ap_syncs.due(NOW - DAY)] == ["page-3"]
    ledger.ap_syncs.remove(OTHER)
    assert ledger.ap_syncs.all() == []


# -- follows


def test_followers_of_one_host_get_one_delivery(ledger: Ledger) -> None:
    """Each inbox once, accepted ones only, page after page."""
    for number, (inbox, state) in enumerate(
        (("s", "accepted"), ("s", "accepted"), ("t", "accepted"), ("u", "pending"), ("v", "removed"))
    ):
        follower, target = f"{OTHER}{number}", Target(f"https://b.example/{inbox}", "b.example")
        ledger.ap_follows.put(Direction.IN, follower, ACTOR, f"{follower}/f", FollowState(state), target, NOW)

    first = ledger.ap_follows.targets(ACTOR, limit=1)
    rest = ledger.ap_follows.targets(ACTOR, after=first[-1].inbox)

    assert [target.inbox for target in first + rest] == ["https://b.example/s", "https://b.example/t"]
    assert ledger.ap_follows.followers(ACTOR) == 3
    assert [row.follower for row in ledger.ap_follows.listed(Direction.IN, [FollowState.PENDING])] == [f"{OTHER}3"]
    assert len(ledger.ap_follows.remove_inbox("https://b.example/s", NOW)) == 2
    assert len(ledger.ap_follows.remove_follower(f"{OTHER}2", NOW)) == 1
    assert len(ledger.ap_follows.remove_host("b.example", NOW)) == 1
    assert ledger.ap_follows.counts() == {("in", "removed"): 5}


def test_our_follow_is_answered_once_and_resent_once(ledger: Ledger) -> None:
    """A repeated Follow keeps its row under its new id."""
    target = Target(f"{OTHER}/inbox", "b.example")
    first = ledger.ap_follows.put(Direction.OUT, ACTOR, OTHER, "f1", FollowState.REQUESTED, target, NOW)
    waiting = ledger.ap_follows.to_resend(NOW + DAY)
    ledger.ap_follows.resent(first.id, NOW + DAY)
    none_left = ledger.ap_follows.to_resend(NOW + 2 * DAY)
    again = ledger.ap_follows.put(Direction.OUT, ACTOR, OTHER, "f2", FollowState.REQUESTED, target, NOW)

    assert ([row.id for row in waiting], none_left) == ([first.id], [])
    assert again.id == first.id
    assert ledger.ap_follows.by_activity(Direction.OUT, "f1") is None
    assert ledger.ap_follows.by_activity(Direction.OUT, "f2") == again
    assert ledger.ap_follows.answer(again.id, FollowState.ACCEPTED, NOW)
    assert not ledger.ap_follows.answer(again.id, FollowState.ACCEPTED, NOW)
    assert ledger.ap_follows.following(ACTOR) == 1
    assert ledger.ap_follows.get(Direction.IN, ACTOR, OTHER) is None


# -- activities


def test_the_outbox_is_numbered_without_gaps_and_full_pages_stay(ledger: Ledger) -> None:
    """Each actor by itself; what is not shown takes no number; nothing is numbered that was rolled back."""

    def new(number: int, actor: str, listed: bool = True) -> NewActivity:
        return NewActivity(f"{number:026}", actor, "Create", f"o{number}", number, to_text(NOW), b"{}", listed)

    ledger.ap_activities.append([new(number, ACTOR) for number in range(PAGE)])
    first = ledger.ap_activities.page(ACTOR, 1)
    with contextlib.suppress(RuntimeError), ledger.write() as tx:
        ledger.ap_activities.append([new(100, ACTOR)], tx)
        raise RuntimeError
    rows = ledger.ap_activities.append([new(101, ACTOR), new(102, "x"), new(103, ACTOR, False), new(104, ACTOR)])

    assert [row.position for row in rows] == [PAGE + 1, 1, None, PAGE + 2]
    assert ledger.ap_activities.page(ACTOR, 1) == first
    assert ledger.ap_activities.page(ACTOR, 2) == [f"{101:026}", f"{104:026}"]
    assert (ledger.ap_activities.total(ACTOR), ledger.ap_activities.last_seq()) == (PAGE + 2, 104)
    assert ledger.ap_activities.many([f"{101:026}", "no"])[f"{101:026}"] == rows[0]
    assert ledger.ap_activities.of_seq(102) == [rows[1]]


def test_erasure_takes_the_bytes_of_our_activities(ledger: Ledger) -> None:
    """Their ids and places stay."""
    ledger.ap_activities.append([NewActivity("1" * 26, ACTOR, "Create", "o", 1, to_text(NOW), b"secret")])

    assert ledger.ap_activities.forget(["o"]) == 1

    assert [(row.document, row.position) for row in ledger.ap_activities.of_object("o")] == [(b"", 1)]
    assert ledger.ap_activities.counts() == {"Create": 1}


# -- objects


def known(state: ObjectState = ObjectState.LIVE, updated: datetime | None = NOW) -> ObjectRow:
    """An object of another server."""
    at = None if updated is None else to_text(updated)
    return ObjectRow(
        "https://b.example/o",
        "https://b.example/r",
        OTHER,
        "b.example",
        "maison",
        at,
        "0",
        state.value,
        "public",
        {"m": 1},
    )


@pytest.mark.parametrize(
    ("row", "owner", "updated", "create", "confirmed", "rule"),
    [
        (None, OTHER, None, True, False, None),
        (known(), OTHER, NOW + HOUR, False, False, None),
        (known(), OTHER, NOW, False, False, None),
        (known(), OTHER, NOW - HOUR, False, True, "older"),
        (known(), OTHER, None, False, False, "no-date"),
        (known(), OTHER, None, False, True, None),
        (known(), "https://c.example/u", NOW + HOUR, False, True, "other-owner"),
        (known(ObjectState.TOMBSTONE), OTHER, NOW + HOUR, False, True, "tombstone"),
        (known(ObjectState.TOMBSTONE), OTHER, NOW + HOUR, True, False, "tombstone"),
        (known(ObjectState.TOMBSTONE), OTHER, NOW, True, True, "tombstone"),
        (known(ObjectState.TOMBSTONE), OTHER, NOW + HOUR, True, True, None),
        (known(ObjectState.ERASED), OTHER, NOW + HOUR, True, True, "erased"),
    ],
)
def test_only_the_owner_replaces_an_object_and_a_tombstone_yields_rarely(
    row: ObjectRow | None, owner: str, updated: datetime | None, create: bool, confirmed: bool, rule: str | None
) -> None:
    """Design, section 6: a later Create by the same owner, confirmed; never what a person had erased."""
    assert refusal(row, owner, updated, create, confirmed) == rule


def test_one_record_belongs_to_one_object(ledger: Ledger) -> None:
    """A second object that claims it is refused by the ledger itself."""
    ledger.ap_objects.put([known()])

    with pytest.raises(IntegrityError):
        ledger.ap_objects.put([known()._replace(id="https://b.example/p")])
    assert ledger.ap_objects.by_record("https://b.example/r") == known()
    assert ledger.ap_objects.of_source("maison") == ledger.ap_objects.of_owner(OTHER) == {known().id: known()}


def test_blocked_objects_hide_and_come_back_and_tombstones_stay(ledger: Ledger) -> None:
    """Hiding touches live ones only."""
    buried = known()._replace(id="https://b.example/p", record=None)
    ledger.ap_objects.put([known(), buried])
    ledger.ap_objects.bury([buried.id, "unknown"], NOW)
    with ledger.write() as tx:
        hidden = ledger.ap_objects.hide(tx, host="b.example")
        counts = ledger.ap_objects.counts
    during = counts()
    with ledger.write() as tx:
        shown = ledger.ap_objects.show(tx, owner=OTHER)

    assert ([row.id for row in hidden], [row.id for row in shown]) == ([known().id], [known().id])
    assert during == {"hidden": 1, "tombstone": 1}
    assert ledger.ap_objects.to_check(NOW) == [known()]
    ledger.ap_objects.checked([known().id], NOW)
    assert ledger.ap_objects.to_check(NOW) == []


def test_an_erased_object_is_known_by_nothing_but_a_hash(ledger: Ledger) -> None:
    """It is found by its id, and no row holds that id, its owner or its record."""
    ledger.ap_objects.put([known()])

    ledger.ap_objects.erase(known(), NOW)

    row = ledger.ap_objects.get(known().id)
    assert row is not None
    assert (row.state, row.owner, row.record, row.provenance) == ("erased", "", None, {})
    assert "b.example" not in repr(row)
    assert ledger.ap_objects.many([known().id]) == {known().id: row}
    assert ledger.ap_objects.bury([known().id], NOW) == 0
