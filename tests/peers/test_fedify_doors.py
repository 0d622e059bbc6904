"""A real peer at the doors of a harvested instance: what it reads, what its posts come to, what we deliver to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from carrefour_site import CarrefourSite
from fedify_peer import Dialect, FedifyPeer, Sign
from open_doors import Doors, now

from federation.activitypub import activities
from federation.activitypub.activities import FollowRef, Saying, announce_activity, serialise
from federation.activitypub.actors import Document
from federation.activitypub.collections import PAGE_SIZE
from federation.activitypub.names import Names
from federation.activitypub.objects import Prove, tombstone
from federation.ledger.ap_lanes import DeliveryState
from federation.model import Reason
from federation.settings import load_settings

pytestmark = pytest.mark.slow

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"


@pytest.fixture(scope="module")
def peer(start_peer: Callable[[], FedifyPeer]) -> FedifyPeer:
    """A real peer."""
    return start_peer()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> CarrefourSite:
    """A harvested instance, whose outboxes have more than one page; record 12 was public, and is no longer."""
    made = CarrefourSite(tmp_path_factory.mktemp("carrefour"))
    made.write(**{f"n{number}": (f"Le jardin {number}", "opendata") for number in range(100, 160)})
    made.run("harvest")
    made.write(n12=("Le jardin 12", "private"))
    made.run("harvest")
    return made


@pytest.fixture(scope="module")
def doors(site: CarrefourSite) -> Iterator[Doors]:
    """The same, with its doors open."""
    opened = Doors(load_settings(site.folder))
    yield opened
    opened.close()


def saying(peer: FedifyPeer, kind: str, about: Any, name: str) -> dict[str, Any]:
    """An activity of ``asso``."""
    id_ = f"{peer.origin}/activities/{name}"
    return {"@context": AS2, "id": id_, "type": kind, "actor": peer.actor("asso"), "to": [PUBLIC], "object": about}


def say_of(make: Callable[..., Document], names: Names, about: Document, prove: Prove, say: Saying) -> Document:
    """An activity about a record."""
    return make(names, say, about, prove)


def page(peer: FedifyPeer, name: str) -> dict[str, Any]:
    """An object of ``asso``."""
    id_ = f"{peer.origin}/documents/{name}"
    return {"id": id_, "type": "Page", "attributedTo": peer.actor("asso"), "name": "Jardin", "to": [PUBLIC]}


# -- what it reads --------------------------------------------------------------------------------------------------


def test_the_peer_finds_and_reads_our_actors(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """Each actor by its address, with keys and inboxes; by WebFinger the same address."""
    kinds = {doors.names.instance: "Application", site.commons: "Group", site.partner: "Organization"}
    for actor, kind in kinds.items():
        found = peer.tell("lookup", actor="alice", target=actor)
        assert found["type"] == kind
        assert found["json"]["id"] == actor
        finger = peer.tell("finger", target=actor)
        assert [link["href"] for link in finger["links"] if link["rel"] == "self"] == [actor]
        assert peer.tell("lookup", actor="alice", target=f"@{finger['subject'].removeprefix('acct:')}") == found


def test_the_peer_finds_our_actors_by_name(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """``@commons@host``, and so for each of our actors; a name that nobody has leads to nothing."""
    names = {"commons": site.commons, "jardins": site.partner, "instance.actor": doors.names.instance}
    for name, actor in names.items():
        for written in (f"@{name}@{doors.names.authority}", f"acct:{name}@{doors.names.authority}"):
            assert peer.tell("lookup", actor="alice", target=written)["json"]["id"] == actor
    assert peer.tell("lookup", actor="alice", target=f"@nobody@{doors.names.authority}") is None


def test_the_peer_knows_what_we_are(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """NodeInfo, found and read strictly by Fedify."""
    found = peer.tell("nodeinfo", target=site.origin)
    assert (found["software"]["name"], found["protocols"]) == ("carrefour", ["activitypub"])
    assert (found["openRegistrations"], found["usage"]["users"]) == (False, {})
    assert found["services"] == {"inbound": [], "outbound": []}


def test_the_peer_walks_our_outboxes(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """From page to page, newest first; each activity is fetched by its id, and is there."""
    doors.say_all()
    walked = {
        actor: peer.tell("walk", actor="alice", target=f"{actor}/outbox") for actor in (site.partner, site.commons)
    }
    for actor, kind in ((site.partner, "Create"), (site.commons, "Announce")):
        ids = [item["id"] for item in walked[actor]["items"]]
        assert len(set(ids)) == len(ids) == walked[actor]["total"] > PAGE_SIZE
        assert ids == sorted(ids, reverse=True)
        assert {item["type"] for item in walked[actor]["items"]} == {kind}
    created = {item["id"]: item["object"] for item in walked[site.partner]["items"]}
    assert set(created.values()) >= {site.object("1"), site.object("100")}
    assert {item["object"] for item in walked[site.commons]["items"]} == set(created)


def test_the_peer_reads_our_objects_and_collections(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """An object with its proof, an outbox, a tombstone."""
    found = peer.tell("lookup", actor="alice", target=site.object("1"))
    assert (found["type"], found["json"]["name"]) == ("Page", "Le jardin 1")
    assert (found["json"]["proof"]["cryptosuite"], found["proof"]) == ("eddsa-jcs-2022", "verified")
    assert peer.tell("lookup", actor="alice", target=f"{site.partner}/outbox")["type"] == "OrderedCollection"
    assert peer.tell("lookup", actor="alice", target=f"{site.partner}/followers")["type"].endswith("Collection")


# -- what it posts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "dialect", "verdict"),
    [
        ("http", "rfc9421", {"method": "http", "dialect": "rfc9421"}),
        ("http", "draft-cavage-http-signatures-12", {"method": "http", "dialect": "cavage"}),
        ("proof", "rfc9421", {"method": "proof"}),
        ("both", "rfc9421", {"method": "proof"}),
    ],
)
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete", "Announce"])
def test_what_the_peer_signs_is_kept(
    peer: FedifyPeer,
    site: CarrefourSite,
    doors: Doors,
    kind: str,
    sign: Sign,
    dialect: Dialect,
    verdict: dict[str, str],
) -> None:
    """Each kind, in both dialects, by proof alone and with both: 202 at the first knock, and the bytes are durable."""
    name = f"{kind}-{sign}-{dialect}".lower()
    about: Any = page(peer, name)
    if kind == "Delete":
        about = {"id": about["id"], "type": "Tombstone", "formerType": "Page"}
    if kind == "Announce":
        about = site.object("1")
    sent = peer.send("asso", site.commons, saying(peer, kind, about, name), sign, dialect)
    assert sent["failure"] is None
    assert [knock["status"] for knock in sent["knocks"]] == [202]
    row = doors.came(sent["id"])
    assert (row.kind, row.actor) == (kind, peer.actor("asso"))
    assert {key: row.verdict[key] for key in verdict} == verdict
    assert row.raw is not None
    assert json.loads(row.raw)["id"] == sent["id"]


def test_the_peer_follows_and_is_answered(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """Its Follow is kept; it believes our Accept and its Undo is kept as well."""
    sent = peer.follow("alice", site.partner)
    assert doors.came(sent["id"]).kind == "Follow"
    asked = FollowRef(sent["id"], peer.actor("alice"), site.partner)
    doors.say_to(site.partner, peer.inbox("alice"), lambda say: activities.accept(doors.names, say, asked))
    entry = peer.heard("Accept", actor=site.partner)
    assert entry["http"] == "verified"
    assert peer.relations("alice")["following"][site.partner] == "accepted"
    gone = peer.unfollow("alice", site.partner)
    assert doors.came(gone["id"]).kind == "Undo"


def test_the_peer_answers_our_follow(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """It takes our Follow, its Accept is kept; it takes our Undo, and has one follower less."""
    me, you = doors.names.instance, peer.actor("asso")
    id_ = doors.say_to(me, peer.inbox("asso"), lambda say: activities.follow(doors.names, say, you))
    answer = peer.wait_for(lambda entry: entry["kind"] == "sent" and entry["type"] == "Accept")
    assert answer["failure"] is None
    kept = doors.came(answer["id"])
    assert kept.raw is not None
    assert json.loads(kept.raw)["object"]["id"] == id_
    assert peer.relations("asso")["followers"] == [me]
    asked = FollowRef(id_, me, you)
    doors.say_to(me, peer.inbox("asso"), lambda say: activities.undo(doors.names, say, asked))
    assert peer.heard("Undo", actor=me)["http"] == "verified"
    assert peer.relations("asso")["followers"] == []


# -- what we deliver ------------------------------------------------------------------------------------------------


def test_the_peer_believes_what_we_deliver(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """Create, Update, Delete and the Group's Announce of a harvested record: signature and proof both hold."""
    names, prove, inbox = doors.names, doors.prove(site.partner), peer.inbox()
    made = doors.object_of(site.record("1"))
    gone = tombstone(made["id"], now(), Reason.PARTNER)
    for kind, about, found in (("Create", made, "Page"), ("Update", made, "Page"), ("Delete", gone, "Tombstone")):
        make = activities.ABOUT_RECORDS[kind]
        doors.publish(site.partner, inbox, partial(say_of, make, names, about, prove))
        entry = peer.heard(kind, object=site.object("1"))
        assert (entry["http"], entry["proof"], entry["heard"]["objectType"]) == ("verified", "verified", found)

    inner = activities.create(names, doors.sender.saying(site.partner), made, prove)
    doors.publish(site.commons, inbox, lambda say: announce_activity(names, say, serialise(inner)))
    entry = peer.heard("Announce", actor=site.commons)
    assert (entry["http"], entry["inner"], entry["heard"]["objectType"]) == ("verified", "verified", "Create")
    assert set(doors.kept.ap_deliveries.counts()) == {DeliveryState.SENT}


def test_the_peer_believes_a_new_key_of_ours(peer: FedifyPeer, site: CarrefourSite, doors: Doors) -> None:
    """After a rotation what the new keys sign is verified, though the old ones are in Fedify's cache."""
    names, inbox = doors.names, peer.inbox()
    doors.keyring.rotate(site.partner)
    with doors.kept.write() as tx:
        doors.keyring.switch(site.partner, tx)
    doors.keyring.forget(site.partner)
    made = doors.object_of(site.record("2"))
    doors.publish(site.partner, inbox, lambda say: activities.create(names, say, made, doors.prove(site.partner)))
    entry = peer.heard("Create", object=site.object("2"))
    assert (entry["http"], entry["proof"]) == ("verified", "verified")


def test_what_harvests_bring_reaches_a_follower(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite, doors: Doors
) -> None:
    """A new, a changed and a closed record of a feed: Create, Update, Delete of the partner, Announces of the Group."""
    peer = start_peer()
    doors.say_all()  # what the first harvest brought, before anybody followed
    for followed in (site.partner, site.commons):
        doors.accept(peer.follow("alice", followed)["id"], peer.actor("alice"), followed, peer.inbox())
        peer.heard("Accept", actor=followed)
    assert [entry for entry in peer.log() if (entry.get("heard") or {}).get("kind") == "Create"] == []

    site.write(n20=("Le jardin 20", "opendata"), n3=("Le jardin d'à côté", "opendata"), n4=("Le jardin 4", "private"))
    site.run("harvest")
    doors.say_all()
    brought = (("Create", "20", "Le jardin 20"), ("Update", "3", "Le jardin d'à côté"), ("Delete", "4", None))
    for kind, key, name in brought:
        entry = peer.heard(kind, object=site.object(key))
        assert (entry["http"], entry["proof"], entry["heard"]["actor"]) == ("verified", "verified", site.partner)
        assert entry["heard"]["objectName"] == name
        whole = peer.heard("Announce", object=entry["heard"]["id"])
        assert (whole["http"], whole["inner"], whole["heard"]["actor"]) == ("verified", "verified", site.commons)
    assert peer.heard("Announce", object=site.object("20"))["heard"]["objectName"] == "Le jardin 20"
    seen = peer.tell("lookup", actor="alice", target=site.object("20"))
    assert (seen["json"]["name"], seen["proof"]) == ("Le jardin 20", "verified")
    assert peer.tell("lookup", actor="alice", target=site.object("4")) is None
    gone = requests.get(site.object("4"), headers={"Accept": "application/activity+json"}, timeout=30)
    assert (gone.status_code, gone.json()["type"]) == (410, "Tombstone")

    site.write(n4=("Le jardin 4", "opendata"))
    site.run("harvest")
    doors.say_all()
    assert peer.heard("Create", object=site.object("4"))["heard"]["objectName"] == "Le jardin 4"
