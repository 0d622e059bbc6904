"""A real peer and a whole Carrefour, served by its own command: follows, deliveries, and what is taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from carrefour_site import CarrefourSite
from fedify_peer import Dialect, Entry, FedifyPeer, Sign

pytestmark = pytest.mark.slow

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"
PUSHED = """\
[source]
id = "asso"
partner = "asso"
name = "L'association"
url = "{outbox}"
profile = "activitypub"
licence = "https://creativecommons.org/licenses/by/4.0/"
schedule = "manual"
"""


@pytest.fixture(scope="module")
def peer(start_peer: Callable[[], FedifyPeer]) -> FedifyPeer:
    """A real peer: ``alice`` follows, ``asso`` is a partner who pushes."""
    return start_peer()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, peer: FedifyPeer) -> Iterator[CarrefourSite]:
    """A Carrefour that has harvested once, serves, and has bound the actor ``asso`` to a partner."""
    made = CarrefourSite(tmp_path_factory.mktemp("carrefour"))
    outbox = f"{peer.actor('asso')}/outbox"
    (made.folder / "sources" / "asso.toml").write_text(PUSHED.format(outbox=outbox), "utf-8")
    made.run("harvest")
    made.run("peers", "bind", peer.actor("asso"), "asso")
    made.serve()
    yield made
    made.stop()


def followers(site: CarrefourSite, actor: str) -> int:
    """How many follow an actor of ours."""
    status, document = site.get(f"{actor}/followers")
    assert status == 200
    return int(document["totalItems"])


def nobody_follows(site: CarrefourSite, actor: str) -> bool:
    """Whether an actor of ours has no followers."""
    return followers(site, actor) == 0


def follow(peer: FedifyPeer, site: CarrefourSite, name: str, actor: str) -> None:
    """Have an actor of the peer follow one of ours, and see that both sides know."""
    before, logged = followers(site, actor), len(peer.log())
    assert peer.follow(name, actor)["failure"] is None
    entry = peer.heard("Accept", logged, actor=actor)
    assert entry["http"] == "verified"
    assert peer.relations(name)["following"][actor] == "accepted"
    assert followers(site, actor) == before + 1


def saying(peer: FedifyPeer, site: CarrefourSite, kind: str, name: str, about: Any) -> dict[str, Any]:
    """An activity of ``asso`` for everybody and our Group."""
    id_ = f"{peer.origin}/activities/{kind.lower()}-{name}"
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = {"@context": AS2, "id": id_, "type": kind, "actor": peer.actor("asso"), "published": at}
    return {**made, "to": [PUBLIC], "cc": [site.commons], "object": about}


def page(peer: FedifyPeer, name: str, title: str) -> dict[str, Any]:
    """A project of ``asso`` as a Page."""
    id_ = f"{peer.origin}/documents/{name}"
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = {"id": id_, "type": "Page", "attributedTo": peer.actor("asso"), "name": title, "to": [PUBLIC]}
    return {**made, "url": f"{id_}.html", "content": "<p>Un jardin sur les toits.</p>", "published": at, "updated": at}


def taken(sent: Entry) -> None:
    """See that what was sent was accepted at the first knock."""
    assert sent["failure"] is None
    assert [knock["status"] for knock in sent["knocks"]] == [202]


def test_the_peer_follows_us_and_leaves(peer: FedifyPeer, site: CarrefourSite) -> None:
    """Its Follow of instance, Group and partner is accepted, in words that it verifies; its Undo ends it."""
    for actor in (f"{site.origin}/actor", site.commons, site.partner):
        follow(peer, site, "alice", actor)
        assert peer.unfollow("alice", actor)["failure"] is None
        site.until(partial(nobody_follows, site, actor), "the Undo")


def test_the_peer_believes_what_harvests_bring(peer: FedifyPeer, site: CarrefourSite) -> None:
    """A new, a changed and a closed record: Create, Update, Delete by the partner, Announces by the Group, a 410."""
    follow(peer, site, "asso", site.partner)
    follow(peer, site, "asso", site.commons)
    site.write(n20=("Le jardin 20", "opendata"), n3=("Le jardin d'à côté", "opendata"), n4=("Le jardin 4", "private"))
    site.run("harvest", "jardins")
    brought = (("Create", "20", "Le jardin 20"), ("Update", "3", "Le jardin d'à côté"), ("Delete", "4", None))
    for kind, key, name in brought:
        entry = peer.heard(kind, object=site.object(key))
        assert (entry["http"], entry["proof"], entry["heard"]["actor"]) == ("verified", "verified", site.partner)
        assert entry["heard"]["objectName"] == name
        whole = peer.heard("Announce", object=entry["heard"]["id"])
        assert (whole["http"], whole["inner"], whole["heard"]["actor"]) == ("verified", "verified", site.commons)
    by_id = peer.heard("Announce", object=site.object("20"))
    assert (by_id["http"], by_id["heard"]["actor"]) == ("verified", site.commons)
    assert (by_id["heard"]["objectType"], by_id["heard"]["objectName"]) == ("Page", "Le jardin 20")
    assert peer.tell("lookup", actor="alice", target=site.object("20"))["proof"] == "verified"
    status, gone = site.get(site.object("4"))
    assert (status, gone["type"]) == (410, "Tombstone")
    assert not [one for one in peer.log() if (one.get("heard") or {}).get("object") == site.object("1")]


@pytest.mark.parametrize(
    ("sign", "dialect"),
    [
        ("http", "rfc9421"),
        ("http", "draft-cavage-http-signatures-12"),
        ("proof", "rfc9421"),
        ("both", "rfc9421"),
    ],
)
def test_what_a_bound_partner_says_is_done(peer: FedifyPeer, site: CarrefourSite, sign: Sign, dialect: Dialect) -> None:
    """Create, Update and Delete of the peer, signed in each way: its record comes, changes and goes."""
    name = f"{sign}-{dialect}"
    title, later = f"Jardin {name}", f"Verger {name}"
    made = page(peer, name, title)
    peer.serve(f"/documents/{name}", {"@context": AS2, **made})
    taken(peer.send("asso", site.commons, saying(peer, site, "Create", name, made), sign, dialect))
    site.until(lambda: site.ask(f'?s schema:name "{title}"@fr'), "the record")

    changed = page(peer, name, later)
    peer.serve(f"/documents/{name}", {"@context": AS2, **changed})
    taken(peer.send("asso", site.commons, saying(peer, site, "Update", name, changed), sign, dialect))
    site.until(lambda: site.ask(f'?s schema:name "{later}"@fr'), "the change")
    assert not site.ask(f'?s schema:name "{title}"@fr')

    gone = {"id": made["id"], "type": "Tombstone", "formerType": "Page"}
    peer.serve(f"/documents/{name}", {"@context": AS2, **gone}, 410)
    taken(peer.send("asso", site.commons, saying(peer, site, "Delete", name, gone), sign, dialect))
    site.until(lambda: not site.ask(f'?s schema:name "{later}"@fr'), "the end")


def test_what_a_partner_says_to_the_group_comes_back_announced(peer: FedifyPeer, site: CarrefourSite) -> None:
    """The Group passes the partner's own bytes on to its followers, whose proof still holds."""
    follow(peer, site, "alice", site.commons)
    made = page(peer, "announced", "Jardin annoncé")
    activity = saying(peer, site, "Create", "announced", made)
    taken(peer.send("asso", site.commons, activity))
    entry = peer.heard("Announce", object=activity["id"])
    assert (entry["http"], entry["inner"], entry["heard"]["actor"]) == ("verified", "verified", site.commons)


def test_a_strangers_record_waits_for_a_person(peer: FedifyPeer, site: CarrefourSite) -> None:
    """What ``alice``, nobody's partner, signs is accepted, stands in the queue of operators, and enters no graph."""
    made = {**page(peer, "stranger", "Jardin d'une inconnue"), "attributedTo": peer.actor("alice")}
    activity = {**saying(peer, site, "Create", "stranger", made), "actor": peer.actor("alice")}
    taken(peer.send("alice", site.commons, activity))
    site.until(lambda: made["id"] in site.run("peers", "queue", "--json"), "the queue")
    assert not site.ask('?s schema:name "Jardin d\'une inconnue"@fr')


@pytest.mark.parametrize(
    "embeds",
    [
        False,
        True,
    ],
)
def test_we_follow_the_peer_and_leave(peer: FedifyPeer, site: CarrefourSite, embeds: bool) -> None:
    """It takes our Follow; we take its Accept, be what was asked embedded in full or named; our Undo ends it."""
    ours, alice, logged = f"{site.origin}/actor", peer.actor("alice"), len(peer.log())
    peer.answer("accept", embeds)
    site.run("peers", "follow", alice)
    assert peer.heard("Follow", logged, actor=ours)["http"] == "verified"
    answer = peer.wait_for(lambda one: one["kind"] == "sent" and one["type"] == "Accept" and one["n"] > logged)
    assert answer["failure"] is None
    site.until(lambda: f"→ {alice}  accepted" in site.run("peers", "show", alice), "the Accept")
    assert peer.relations("alice")["followers"] == [ours]
    site.run("peers", "unfollow", alice)
    peer.heard("Undo", logged, actor=ours)
    assert peer.relations("alice")["followers"] == []


def test_a_peer_that_rejects_us_is_not_followed(peer: FedifyPeer, site: CarrefourSite) -> None:
    """Its Reject is taken: our Follow stands no more among those that are asked or accepted."""
    asso = peer.actor("asso")
    peer.answer("reject", embeds=False)
    assert "requested" in site.run("peers", "follow", asso)
    site.until(lambda: f"→ {asso}" not in site.run("peers", "show", asso), "the Reject")
    assert peer.relations("asso")["followers"] == []
