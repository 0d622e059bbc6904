"""What operators do about other servers: follow by name, bind, hold back, block, decide, replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from ap_intake_desk import ACTOR, BASE, COMMONS, HOST, IntakeDesk

from federation.activitypub.erasing import forget
from federation.activitypub.peers import Peers
from federation.errors import ConfigError, PeerError
from federation.vocabulary import Vocabulary

FAN = "https://f.example/u"


@pytest.fixture
def desk(tmp_path: Path, words: Vocabulary) -> Iterator[IntakeDesk]:
    """An instance, a bound partner, and an actor elsewhere."""
    made = IntakeDesk(tmp_path / "here", words)
    made.actor(ACTOR)
    made.actor(FAN, "Person", preferredUsername="u")
    yield made
    made.close()


@pytest.fixture
def peers(desk: IntakeDesk) -> Peers:
    """What its operators do."""
    return Peers(desk.ledger, desk.names, desk.relations, desk.directory, desk.clock)


def finger(desk: IntakeDesk, host: str, name: str, subject: str, link: str) -> None:
    """Let a host answer for a name."""
    links = [{"rel": "self", "type": "application/activity+json", "href": link}]
    body = orjson.dumps({"subject": subject, "links": links})
    asked = f"https://{host}/.well-known/webfinger?resource=acct%3A{name}%40{host}"
    desk.world.bodies[asked] = ("application/jrd+json", body)


def test_an_actor_is_bound_to_a_source_that_takes_pushes(desk: IntakeDesk) -> None:
    """Of another format nothing could enter: whoever binds hears so, not whoever pushes."""
    desk.bind()
    desk.give(desk.activity("Create", desk.page("1")))

    def desk_of(reads: str) -> Peers:
        return Peers(desk.ledger, desk.names, desk.relations, desk.directory, desk.clock, lambda _source: reads)

    with pytest.raises(ConfigError, match="reads geojson"):
        desk_of("geojson").bind(FAN, "p", "s", "ana")
    assert desk_of("activitypub").bind(FAN, "p", "s", "ana").source == "s"


def test_an_actor_is_followed_by_address_or_by_name(desk: IntakeDesk, peers: Peers) -> None:
    """Once: to follow again while it is asked changes nothing."""
    finger(desk, "f.example", "u", "acct:u@f.example", FAN)
    assert peers.follow("@u@f.example", "ana").state == "requested"
    peers.follow(FAN, "ana")
    assert [said["type"] for said in desk.sent()] == ["Follow"]
    assert peers.unfollow(FAN, "ana").state == "undone"
    with pytest.raises(ConfigError):
        peers.show("f.example")


@pytest.mark.abuse(46)
@pytest.mark.parametrize(
    ("subject", "link", "document"),
    [
        ("acct:victim@other.example", FAN, {}),
        ("acct:u@f.example", "https://other.example/u", {}),
        ("acct:u@f.example", FAN, {"preferredUsername": "somebody"}),
        ("acct:u@f.example", FAN, {"preferredUsername": "u", "id": "https://f.example/else"}),
    ],
)
def test_a_name_counts_only_if_it_leads_back(
    desk: IntakeDesk, peers: Peers, subject: str, link: str, document: dict[str, Any]
) -> None:
    """A foreign subject, a self link elsewhere, another name or id in the actor's own document."""
    desk.actor("https://other.example/u", "Person", preferredUsername="u")
    desk.world.documents[FAN] = {**desk.world.documents[FAN], **document}  # type: ignore[dict-item]
    finger(desk, "f.example", "u", subject, link)
    with pytest.raises(PeerError):
        peers.follow("@u@f.example", "ana")
    assert not desk.sent()


def test_a_partner_is_bound_to_its_actor(desk: IntakeDesk, peers: Peers) -> None:
    """Then it pushes; unbound it is a stranger again. Nobody speaks for a partner that is none."""
    desk.pushing.push(desk.pushing.made("0", desk.at(-60)))
    with pytest.raises(ConfigError):
        peers.bind(ACTOR, "none", "s", "ana")
    peers.bind(ACTOR, "p", "s", "ana")
    assert desk.give(desk.activity("Create", desk.page("1"))).outcome == "taken"
    assert peers.show(ACTOR).bindings[0].partner == "p"
    peers.unbind(ACTOR, "ana")
    assert desk.give(desk.activity("Create", desk.page("2"))).outcome == "moderation"


def test_the_queue_is_decided_on(desk: IntakeDesk, peers: Peers) -> None:
    """A follow, a record, a reply, a report; each by its reference, once."""
    peers.set_modes("f.example", "ask", None, "ana")
    desk.give(desk.activity("Follow", COMMONS, FAN))
    desk.give(desk.activity("Create", desk.page("1")))
    note = desk.page("2", owner=FAN, type="Note", inReplyTo=f"{BASE}/objects/p/1")
    desk.give(desk.activity("Create", note, FAN))
    desk.give(desk.activity("Flag", f"{BASE}/objects/p/1", FAN))

    waiting = {one.kind: one.reference for one in peers.queue()}
    assert sorted(waiting) == ["flag", "follow", "moderation", "reply"]
    assert peers.approve(waiting["follow"], "ana") == "accepted"
    assert [said["type"] for said in desk.sent()] == ["Accept"]
    with pytest.raises(ConfigError):
        peers.approve(waiting["moderation"], "ana")
    desk.bind()
    assert peers.approve(waiting["moderation"], "ana") == "replayed"
    assert peers.approve(waiting["reply"], "ana") == "seen"
    peers.reject(waiting["flag"], "ana")
    desk.work()
    assert not peers.queue()
    assert len(desk.online()) == 1
    with pytest.raises(ConfigError):
        peers.approve(waiting["follow"], "ana")


def test_what_was_withdrawn_while_it_waited_is_not_let_in(desk: IntakeDesk, peers: Peers) -> None:
    """Of whoever is nobody's partner a Delete changes nothing; but a record that its origin calls gone never enters."""
    for key in ("1", "2"):
        desk.give(desk.activity("Create", desk.page(key)))
    gone = str(desk.page("1")["id"])
    assert desk.give(desk.activity("Delete", {"id": gone, "type": "Tombstone"})).outcome == "delete-unknown"
    desk.world.documents[gone] = desk.fault(410)
    desk.bind()
    waiting = {one.reference: one for one in peers.queue()}
    for reference in waiting:
        peers.approve(reference, "ana")
    desk.work()
    outcomes = [desk.ledger.ap_inbox.get(int(reference[1:])) for reference in sorted(waiting)]
    assert [row.outcome for row in outcomes if row is not None] == ["object-gone", "taken"]


def test_a_bound_partner_may_be_held_back(desk: IntakeDesk, peers: Peers) -> None:
    """With `ask` each of its records waits for a yes."""
    desk.bind()
    peers.set_modes("partner.example", None, "ask", "ana")
    desk.give(desk.activity("Create", desk.page("1")))
    (one,) = peers.queue()
    assert not desk.online()
    peers.approve(one.reference, "ana")
    desk.work()
    assert len(desk.online()) == 1
    with pytest.raises(ConfigError):
        peers.set_modes("partner.example", "perhaps", None, "ana")


def test_a_block_removes_followers_and_hides_and_comes_off(desk: IntakeDesk, peers: Peers) -> None:
    """A Reject is queued; nothing more is taken; the graphs come back with the end of the block."""
    desk.bind()
    desk.give(desk.activity("Create", desk.page("1")))
    desk.give(desk.activity("Follow", COMMONS, ACTOR))
    desk.sent()
    assert peers.block(ACTOR, "ana", "spam") == 1
    assert [said["type"] for said in desk.sent()][-1:] == ["Reject"]
    desk.work()
    assert not desk.online()
    assert desk.ledger.ap_follows.followers(COMMONS) == 0
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/1")
    assert known is not None
    assert known.state == "hidden"

    peers.unblock(ACTOR, "ana")
    desk.work()
    assert len(desk.online()) == 1
    with pytest.raises(ConfigError):
        peers.unblock(ACTOR, "ana")


def test_a_blocked_host_is_not_followed(desk: IntakeDesk, peers: Peers) -> None:
    """Whom we followed there is followed no more."""
    peers.follow(FAN, "ana")
    peers.block("f.example", "ana")
    assert peers.show("f.example").following == ()
    assert peers.show("f.example").blocked
    with pytest.raises(ConfigError):
        peers.follow(FAN, "ana")


def test_quarantine_is_replayed(desk: IntakeDesk, peers: Peers) -> None:
    """What was put aside for a fault is worked on once more, by its reference or all of it."""
    desk.bind()
    row = desk.give(desk.activity("Create", desk.page("1", name="x" * 2000)))
    assert (row.state, row.outcome) == ("quarantined", "field:length")
    assert [one.id for one in peers.quarantined()] == [row.id]
    assert peers.replay([f"a{row.id}"], "ana") == 1
    desk.work()
    assert peers.replay([], "ana") == 1
    with pytest.raises(ConfigError):
        peers.replay(["a999999"], "ana")


def test_an_erased_object_never_comes_back_and_leaves_no_bytes(desk: IntakeDesk) -> None:
    """What is kept of it is a name that tells nothing; its owner's later Create is dropped."""
    desk.bind()
    row = desk.give(desk.activity("Create", desk.page("1")))
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/1")
    assert known is not None
    assert known.record is not None
    assert forget([known.record, "https://none.example/"], desk.ledger, desk.clock()) == 1
    assert desk.row(row.activity).raw is None
    desk.turn(hours=1)
    later = desk.page("1", -1)
    desk.world.documents[later["id"]] = {"@context": "https://www.w3.org/ns/activitystreams", **later}
    assert desk.give(desk.activity("Create", later)).outcome == "erased"
