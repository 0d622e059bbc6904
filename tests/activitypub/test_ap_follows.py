"""Follow, Accept, Reject and Undo, both ways: each state machine, and who may move it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ap_intake_desk import AS2, BASE, COMMONS, PEER, IntakeDesk

from federation.activitypub.actors import SYNC_PROFILE
from federation.activitypub.origins import origin_of
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_peers import SyncRow
from federation.ledger.times import to_text
from federation.vocabulary import Vocabulary

FAN = "https://f.example/u"
INSTANCE = f"{BASE}/actor"


@pytest.fixture
def desk(tmp_path: Path, words: Vocabulary) -> Iterator[IntakeDesk]:
    """An instance, and an actor elsewhere with a shared inbox."""
    made = IntakeDesk(tmp_path / "here", words)
    made.actor(FAN, "Person", endpoints={"sharedInbox": "https://f.example/inbox"})
    yield made
    made.close()


def follow_of(desk: IntakeDesk) -> str | None:
    """In which state the fan follows the commons."""
    row = desk.ledger.ap_follows.get(Direction.IN, FAN, COMMONS)
    return None if row is None else row.state


def asked(desk: IntakeDesk, actor: str, kind: str = "Group", **more: object) -> str:
    """Follow an actor; give the id of our Follow."""
    desk.actor(actor, kind, **more)
    row = desk.directory.fetch(actor)
    with desk.ledger.write() as tx:
        return desk.relations.ask(row, tx).activity


def test_a_follow_is_accepted_and_a_repeated_one_again(desk: IntakeDesk) -> None:
    """Each gets an Accept that names it; the follower counts once, at its shared inbox."""
    first = desk.give(desk.activity("Follow", COMMONS, FAN))
    second = desk.give(desk.activity("Follow", {"id": COMMONS}, FAN))

    accepts = desk.sent()
    assert [said["type"] for said in accepts] == ["Accept", "Accept"]
    assert [said["object"]["id"] for said in accepts] == [first.activity, second.activity]
    assert accepts[0]["actor"] == COMMONS
    assert desk.ledger.ap_follows.followers(COMMONS) == 1
    (target,) = desk.ledger.ap_follows.targets(COMMONS)
    assert target.inbox == "https://f.example/inbox"


@pytest.mark.parametrize("named", ["id", "pair", "both"])
def test_an_undo_is_matched_by_id_or_by_pair(desk: IntakeDesk, named: str) -> None:
    """A bare id, an embedded Follow without one we know, and both."""
    follow = desk.activity("Follow", COMMONS, FAN)
    desk.give(follow)
    bare = {"type": "Follow", "actor": FAN, "object": COMMONS, "id": "https://f.example/other"}
    thing = {"id": follow["id"], "pair": bare, "both": follow}[named]
    desk.give(desk.activity("Undo", thing, FAN))
    assert follow_of(desk) == "removed"


def test_the_mode_of_a_host_decides_on_follows(desk: IntakeDesk) -> None:
    """Deny gets a Reject, ask waits in silence."""
    desk.ledger.ap_hosts.set_modes("f.example", "ask", None)
    assert desk.give(desk.activity("Follow", COMMONS, FAN)).outcome == "follow-pending"
    assert not desk.sent()
    desk.ledger.ap_hosts.set_modes("f.example", "deny", None)
    assert desk.give(desk.activity("Follow", COMMONS, FAN)).outcome == "follow-denied"
    assert [said["type"] for said in desk.sent()] == ["Reject"]
    assert follow_of(desk) == "removed"


def test_only_our_actors_can_be_followed(desk: IntakeDesk) -> None:
    """Neither a partner that is none, nor anything elsewhere."""
    for name in (f"{BASE}/actors/nobody", f"{BASE}/objects/p/1", "https://other.example/u"):
        assert desk.give(desk.activity("Follow", name, FAN)).outcome == "follow-unknown"
    assert not desk.sent()


def test_our_follow_is_accepted_once_and_may_end(desk: IntakeDesk) -> None:
    """Requested, accepted, and rejected when the other side wants no more."""
    id_ = asked(desk, FAN, "Person")
    assert [said["type"] for said in desk.sent()] == ["Follow"]
    desk.give(desk.activity("Accept", id_, FAN))
    row = desk.ledger.ap_follows.get(Direction.OUT, INSTANCE, FAN)
    assert row is not None
    assert row.state == "accepted"
    assert desk.give(desk.activity("Accept", id_, FAN)).outcome == "answer-late"
    desk.give(desk.activity("Reject", {"id": id_, "type": "Follow", "actor": INSTANCE, "object": FAN}, FAN))
    row = desk.ledger.ap_follows.get(Direction.OUT, INSTANCE, FAN)
    assert row is not None
    assert row.state == "rejected"
    assert desk.give(desk.activity("Accept", id_, FAN)).outcome == "answer-late"


def test_a_commons_that_declares_our_profile_becomes_a_sync_peer(desk: IntakeDesk) -> None:
    """As soon as it accepts; no more when we follow it no more."""
    group = f"{PEER}/actors/commons"
    generator = {"type": "Application", "implements": [{"href": SYNC_PROFILE}]}
    id_ = asked(desk, group, generator=generator)
    assert desk.ledger.ap_syncs.get(group) is None
    desk.give(desk.activity("Accept", id_, group))
    sync = desk.ledger.ap_syncs.get(group)
    assert sync is not None
    assert sync.origin == PEER

    row = desk.ledger.ap_follows.get(Direction.OUT, INSTANCE, group)
    assert row is not None
    with desk.ledger.write() as tx:
        assert desk.relations.take_back(row, tx)
    assert desk.ledger.ap_syncs.get(group) is None
    assert [said["type"] for said in desk.sent()] == ["Follow", "Undo"]


def test_a_peer_that_is_followed_again_is_compared_at_once(desk: IntakeDesk) -> None:
    """Whatever is still known of it: what it said in between was not for us."""
    group = f"{PEER}/actors/commons"
    desk.ledger.ap_syncs.put(SyncRow(group, PEER, compared=to_text(desk.clock())))
    generator = {"type": "Application", "implements": [{"href": SYNC_PROFILE}]}
    desk.give(desk.activity("Accept", asked(desk, group, generator=generator), group))

    sync = desk.ledger.ap_syncs.get(group)

    assert sync is not None
    assert sync.asked is not None


def test_a_host_keeps_in_step_if_its_application_says_so(desk: IntakeDesk) -> None:
    """Known by the Follow of its instance, before anything is sent to it; no user declares it for all."""
    declared = {"generator": {"type": "Application", "implements": [{"href": SYNC_PROFILE}]}}
    instance, host = desk.actor(f"{PEER}/actor", "Application", **declared), origin_of(PEER).authority
    user = desk.actor("https://f.example/bea", "Person", **declared)
    for actor in (instance, user):
        desk.give(desk.activity("Follow", COMMONS, actor))

    assert desk.ledger.ap_hosts.syncing([host, "f.example"]) == {host}

    desk.directory.fetch(desk.actor(instance, "Application"))
    assert not desk.ledger.ap_hosts.syncing([host])


def test_a_follow_that_nobody_answers_is_sent_once_more(desk: IntakeDesk) -> None:
    """After seven days, under the id that an answer will name."""
    id_ = asked(desk, FAN, "Person")
    assert desk.relations.resend() == 0
    desk.turn(days=8)
    assert desk.relations.resend() == 1
    assert desk.relations.resend() == 0
    assert [said["id"] for said in desk.sent() if said["type"] == "Follow"] == [id_, id_]
    desk.give(desk.activity("Accept", id_, FAN))
    assert desk.ledger.ap_follows.following(INSTANCE) == 1


@pytest.mark.abuse(21)
def test_an_answer_counts_only_for_our_follow_by_the_one_followed(desk: IntakeDesk) -> None:
    """Neither without a Follow, nor by a third party, nor for a Follow of somebody else."""
    group, third = f"{PEER}/actors/commons", desk.actor("https://third.example/u")
    id_ = asked(desk, group)
    made_up = {"id": f"{BASE}/activities/none", "type": "Follow", "actor": INSTANCE, "object": third}
    for thing, actor in (
        (id_, third),
        ({"id": id_, "type": "Follow", "actor": INSTANCE, "object": group}, third),
        (made_up, third),
        (f"{BASE}/activities/none", group),
    ):
        row = desk.give(desk.activity("Accept", thing, actor))
        assert row.outcome == "answer-unasked"
    assert desk.ledger.ap_follows.following(INSTANCE) == 0
    assert not desk.ledger.ap_syncs.all()


@pytest.mark.abuse(14)
def test_nobody_undoes_the_follow_of_another(desk: IntakeDesk) -> None:
    """Neither of another origin, nor another actor of the same one."""
    follow = desk.activity("Follow", COMMONS, FAN)
    desk.give(follow)
    for other in ("https://f.example/other", "https://third.example/u"):
        desk.actor(other)
        desk.give(desk.activity("Undo", follow["id"], other))
        desk.give(desk.activity("Undo", follow, other))
        desk.give(desk.activity("Undo", {**follow, "actor": other}, other))
        assert follow_of(desk) == "accepted"


def test_an_actor_that_is_gone_follows_no_more(desk: IntakeDesk) -> None:
    """Its origin must say 410; that there is nothing (404), or anything else, leaves it."""
    desk.give(desk.activity("Follow", COMMONS, FAN))
    kept = desk.world.documents.pop(FAN)
    assert desk.give(desk.activity("Delete", FAN, FAN)).outcome == "actor-not-gone"
    desk.world.documents[FAN] = kept
    assert desk.give(desk.activity("Delete", FAN, FAN)).outcome == "actor-not-gone"
    assert follow_of(desk) == "accepted"
    desk.world.documents[FAN] = desk.fault(410)
    assert desk.give(desk.activity("Delete", FAN, FAN)).outcome == "actor-gone"
    assert follow_of(desk) == "removed"


@pytest.mark.abuse(7)
def test_what_nobody_proved_counts_only_for_an_actors_end_that_its_origin_confirms(desk: IntakeDesk) -> None:
    """Whatever the border may have kept: no Undo, no Delete of another's; and the end only by 410."""
    follow = desk.activity("Follow", COMMONS, FAN)
    desk.give(follow)
    for kind, thing in (("Undo", follow), ("Delete", "https://f.example/notes/1"), ("Update", FAN)):
        id_ = desk.keep(desk.activity(kind, thing, FAN), "unproved")
        desk.work()
        assert desk.row(id_).outcome == "unproved"
    ends = []
    for answered in (desk.world.documents[FAN], desk.fault(404), desk.fault(410)):
        desk.world.documents[FAN] = answered
        ends.append(desk.keep(desk.activity("Delete", FAN, FAN), "unproved"))
        desk.work()
    assert [desk.row(id_).outcome for id_ in ends] == ["actor-not-gone", "actor-not-gone", "actor-gone"]
    assert follow_of(desk) == "removed"


@pytest.mark.abuse(18, 23)
def test_an_update_of_an_actor_counts_as_fetched(desk: IntakeDesk) -> None:
    """An inbox or a key in the activity is not read; one elsewhere is refused; the follower gets its post anew."""
    desk.give(desk.activity("Follow", COMMONS, FAN))
    evil = {"@context": AS2, "id": FAN, "type": "Person", "inbox": "https://evil.example/inbox"}
    assert desk.give(desk.activity("Update", evil, FAN)).outcome == "actor-updated"
    (target,) = desk.ledger.ap_follows.targets(COMMONS)
    assert target.inbox == "https://f.example/inbox"

    desk.world.documents[FAN] = evil
    assert desk.give(desk.activity("Update", evil, FAN)).outcome == "actor:foreign-member"
    desk.actor(FAN, "Person", inbox="https://f.example/new")
    desk.world.documents[FAN]["inbox"] = "https://f.example/new"  # type: ignore[index]
    desk.give(desk.activity("Update", FAN, FAN))
    (target,) = desk.ledger.ap_follows.targets(COMMONS)
    assert target.inbox == "https://f.example/new"

    other = desk.actor("https://f.example/other")
    assert desk.give(desk.activity("Update", {**evil, "id": FAN}, other)).state == "dropped"
    assert desk.give(desk.activity("Create", evil, FAN)).state == "dropped"


@pytest.mark.abuse(23)
def test_a_change_of_key_inbox_or_id_is_told_to_operators(desk: IntakeDesk, caplog: pytest.LogCaptureFixture) -> None:
    """One line of the log each; a key that has changed under its id is believed no more. A new name is not told."""
    forgotten: list[str] = []
    desk.directory._forget_keys = forgotten.append
    key = {"id": f"{FAN}#main-key", "owner": FAN, "publicKeyPem": "one"}
    desk.actor(FAN, "Person", publicKey=key)
    desk.give(desk.activity("Follow", COMMONS, FAN))
    for changed, told in (
        ({"publicKey": {**key, "publicKeyPem": "two"}}, "keys"),
        ({"publicKey": {**key, "id": f"{FAN}#other"}}, "key_ids, keys"),
        ({"inbox": "https://f.example/new"}, "inbox"),
        ({"id": "https://f.example/else"}, "https://f.example/else"),
        ({"name": "Another name"}, ""),
    ):
        caplog.clear()
        document = desk.world.documents[FAN]
        assert isinstance(document, dict)
        desk.world.documents[FAN] = {**document, **changed}
        desk.give(desk.activity("Update", FAN, FAN))
        lines = [line.getMessage() for line in caplog.records if line.name == "federation.activitypub.directory"]
        assert len(lines) == bool(told)
        assert all(FAN in line and told in line for line in lines)
        if "id" in changed:
            desk.world.documents[FAN] = document
    assert forgotten == [FAN, FAN]


@pytest.mark.abuse(24)
def test_moves_and_aliases_are_not_read(desk: IntakeDesk) -> None:
    """A Move changes nothing, of either side."""
    desk.give(desk.activity("Follow", COMMONS, FAN))
    other = desk.actor("https://third.example/u", alsoKnownAs=[FAN])
    for actor in (FAN, other):
        row = desk.give(desk.activity("Move", FAN, actor, target=other))
        assert (row.state, row.outcome) == ("dropped", "unsupported")
    assert follow_of(desk) == FollowState.ACCEPTED
    assert desk.ledger.ap_follows.get(Direction.IN, other, COMMONS) is None
