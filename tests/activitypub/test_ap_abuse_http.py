"""The attacks of the list on a whole instance at work: really signed requests, over HTTP, from servers that lie.

One instance for all: each attack is judged by its end in the ledger, and by what anybody sees of the instance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ap_abuse_site import AS2, TAKEN, Attacker, Victim, served, until
from ap_active import BAD, Active
from ap_peer_server import PeerServer, answer, redirect
from ap_site import PUBLIC, Sender, rsa_key, unsigned

from federation.activitypub.keys import public_pem
from federation.activitypub.signatures import Dialect

pytestmark = pytest.mark.slow  # a whole instance and three servers that attack it

STOLEN = "Volé par un autre"
PROJECT = re.compile(r'href="(/projet/[^"#?]+)"')


class World:
    """The instance ``here``; on one server ``ada`` and ``other``, on a second ``eve`` and ``zoe``, on a third ``bob``.

    ``ada``, ``other`` and ``eve`` push for one partner, ``bob`` for another; ``zoe`` is nobody's.
    """

    def __init__(self, here: Victim, servers: tuple[PeerServer, PeerServer, PeerServer]) -> None:
        home, foreign, third = servers
        self.here, self.home, self.foreign = here, home, foreign
        self.ada, self.other = Attacker(home, "ada"), Attacker(home, "other", 1)
        self.eve, self.zoe = Attacker(foreign, "eve", 2), Attacker(foreign, "zoe", 3)
        self.bob = Attacker(third, "bob", 4)
        self.first = self.ada.page("1", -60)
        self.ada.publish(self.first, *(self.ada.page(key, -60) for key in ("2", "3", "4")))
        here.partner("p", self.ada.id)
        here.partner("q", self.bob.id)
        for each in (self.other, self.eve):
            here.bind(each.id, "p")
        here.work()

    def give(self, sender: Sender, *activities: dict[str, Any]) -> list[str]:
        """Deliver activities, and give what became of each."""
        return self.here.give(sender, *activities)

    def unharmed(self) -> None:
        """What ada's outbox said first is there as it was; nothing of what was forged is anywhere."""
        records = self.here.records("p")
        assert "Projet 1" in records.values()
        assert not self.here.says(STOLEN)
        forged = [name for name in records.values() if name.startswith("Projet x")]
        assert not forged


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The instance at work, and three other servers."""
    servers = (PeerServer(), PeerServer(), PeerServer())
    here = Victim(tmp_path_factory.mktemp("here"))
    with served(*servers):
        yield World(here, servers)
        here.close()


def refused(ends: list[str]) -> bool:
    """Whether nothing of it was taken: refused at the border, or dropped."""
    return all(end in {"400", "401", "403", "413"} or end.startswith("dropped:") for end in ends)


def gets(*servers: PeerServer) -> int:
    """How often servers were asked for something; what is delivered to them aside."""
    return sum(asked.method == "GET" for server in servers for asked in server.asked)


# ---- what is honest goes through, or the rest would show nothing


def test_what_is_honest_is_taken(world: World) -> None:
    """A Create, an Update and a Delete of a bound partner, in both dialects, are seen by anybody."""
    here, ada = world.here, world.ada
    assert world.give(ada, ada.says("Create", ada.page("honest", -9))) == ["done:taken"]
    assert "Projet honest" in here.records("p").values()
    later = ada.page("honest", -5, content="<p>Mieux dit</p>")
    assert world.give(ada, ada.says("Update", later)) == ["done:taken"]
    assert here.says("Mieux dit")
    gone = {"id": later["id"], "type": "Tombstone", "deleted": ada.page("honest", -1)["updated"]}
    assert world.give(ada, ada.says("Delete", gone)) == ["done:taken"]
    assert "Projet honest" not in here.records("p").values()


def test_what_came_by_a_visit_is_changed_and_ended_by_its_owner(world: World) -> None:
    """Its origin is asked once whose it is; or it says that the thing is gone."""
    here, ada = world.here, world.ada
    later = ada.page("2", -5, content="<p>Poussé après la visite</p>")
    ada.serve_at("/pages/2", later)
    assert world.give(ada, ada.says("Update", later)) == ["done:taken"]
    assert here.says("Poussé après la visite")
    ada.serve_at("/pages/3", ada.page("3", -60))
    world.home.answers["/pages/4"] = answer(b"", status="410 Gone")
    for key in ("3", "4"):
        gone = {"id": f"{world.home.origin}/pages/{key}", "type": "Tombstone", "deleted": later["updated"]}
        assert world.give(world.eve, world.eve.says("Delete", gone)) == ["403"]
        assert world.give(ada, ada.says("Delete", gone)) == ["done:taken"]
        assert f"Projet {key}" not in here.records("p").values()


# ---- whose a thing is


@pytest.mark.abuse(13)
def test_an_object_on_a_foreign_origin_is_not_its_senders(world: World) -> None:
    """Embedded or by reference, whoever it names as its owner."""
    ada, victim = world.ada, {**world.eve.page("x13", name=STOLEN), "attributedTo": world.ada.id}
    things = (victim, victim["id"], {**victim, "attributedTo": world.eve.id})
    assert refused(world.give(ada, *(ada.says(kind, thing) for thing in things for kind in ("Create", "Update"))))
    world.unharmed()


@pytest.mark.abuse(14)
@pytest.mark.parametrize("name", ["other", "eve"])
def test_nobody_states_or_ends_what_is_anothers(world: World, name: str) -> None:
    """Update, Create, Delete, Undo, Add, Remove: by one on the same server and by one on another, both bound."""
    thief: Attacker = getattr(world, name)
    page = {**world.first, "content": f"<p>{STOLEN}</p>", "updated": world.ada.page("1", -1)["updated"]}
    world.ada.serve_at("/pages/1", world.first)
    said = [thief.says(kind, page) for kind in ("Update", "Create")]
    said += [thief.says(kind, {**page, "attributedTo": thief.id}) for kind in ("Update", "Create")]
    said += [thief.says(kind, {"id": page["id"], "type": "Tombstone"}) for kind in ("Delete", "Undo")]
    said += [thief.says(kind, page["id"], target=f"{world.here.commons}/moderators") for kind in ("Add", "Remove")]
    ends = world.give(thief, *said)
    assert not [end for end in ends if end.endswith(("taken", "held"))], ends
    members = world.here.document("/actors/commons/moderators")["orderedItems"]
    assert page["id"] not in members
    world.unharmed()


@pytest.mark.abuse(14)
def test_nobody_undoes_the_follow_of_another(world: World) -> None:
    """By the id of the Follow, or with the Follow in it."""
    here, eve = world.here, world.eve
    follow = eve.says("Follow", here.commons)
    assert world.give(eve, follow) == ["done:follow-accepted"]
    followers = here.followers
    for thief in (world.zoe, world.ada):
        for thing in (follow["id"], follow, {**follow, "actor": thief.id}):
            world.give(thief, thief.says("Undo", thing))
    assert here.followers == followers
    world.give(eve, eve.says("Undo", follow["id"]))
    assert here.followers == followers - 1


@pytest.mark.abuse(15)
@pytest.mark.parametrize(
    "served_as",
    [
        {"id": "HOME/pages/y15"},
        {"id": "FOREIGN/pages/x15"},
        {"attributedTo": "HOME/users/other"},
        {"attributedTo": "FOREIGN/users/eve"},
        {"to": ["HOME/users/other"]},
    ],
)
def test_what_is_fetched_must_be_what_was_named(world: World, served_as: dict[str, Any]) -> None:
    """Another id, another origin, another owner, another audience."""
    lie = json.dumps(served_as).replace("HOME", world.home.origin).replace("FOREIGN", world.foreign.origin)
    page = world.ada.page("x15", name=STOLEN)
    world.ada.serve_at("/pages/x15", {**page, **json.loads(lie)})
    world.ada.serve_at("/pages/y15", world.ada.page("y15", name=STOLEN))
    world.eve.serve_at("/pages/x15", {**page, **json.loads(lie)})
    assert refused(world.give(world.ada, world.ada.says("Create", page["id"])))
    world.unharmed()


@pytest.mark.abuse(15, 40, 41)
def test_a_redirect_leads_neither_elsewhere_nor_to_us_nor_in_a_ring(world: World) -> None:
    """To another server's page, to our own, round and round, and on and on: few requests, nothing taken."""
    home, ada = world.home, world.ada
    stolen = world.eve.serve_at("/pages/x40", world.eve.page("x40", name=STOLEN))
    home.answers["/pages/x40a"] = redirect(stolen)
    home.answers["/pages/x40b"] = redirect(f"{world.here.origin}/actor")
    home.answers["/pages/x40c"] = redirect(f"{home.origin}/pages/x40d")
    home.answers["/pages/x40d"] = redirect(f"{home.origin}/pages/x40c")
    for number in range(9):
        home.answers[f"/pages/x41-{number}"] = redirect(f"{home.origin}/pages/x41-{number + 1}")
    asked = gets(home)
    names = [f"{home.origin}/pages/{key}" for key in ("x40a", "x40b", "x40c", "x41-0")]
    assert refused(world.give(ada, *(ada.says("Create", name) for name in names)))
    assert gets(home) - asked <= 10
    world.unharmed()


@pytest.mark.abuse(16)
def test_an_upload_is_neither_an_object_nor_a_key(world: World) -> None:
    """Whatever it contains: what is not served as ActivityStreams is none."""
    ada, home = world.ada, world.home
    uploader = Attacker(home, "uploader", 1)
    kinds = ["text/plain", "application/json", "application/octet-stream", "application/ld+json", "text/html", None]
    ends = []
    for number, kind in enumerate(kinds):
        page = ada.page(f"x16-{number}", name=STOLEN)
        body = json.dumps({"@context": AS2, **page}).encode()
        home.answers[f"/pages/x16-{number}"] = answer(body, kind=kind)
        ends += world.give(ada, ada.says("Create", page["id"]))
        mallory = Attacker(home, f"uploads-{number}", 1)
        home.answers[f"/users/uploads-{number}"] = answer(json.dumps(mallory.document()).encode(), kind=kind)
        ends += world.give(mallory, mallory.says("Create", mallory.page("x16")))
    assert refused(ends)
    assert ends.count("401") == len(kinds)
    assert world.give(uploader, uploader.says("Like", f"{world.here.origin}/objects/p/1")) != ["401"]
    world.unharmed()


@pytest.mark.abuse(19)
def test_an_object_has_exactly_one_owner(world: World) -> None:
    """A list, an object, nothing, somebody else, no address."""
    ada = world.ada
    owners = [[ada.id], [ada.id, world.other.id], {"id": ada.id}, None, "", world.other.id, world.eve.id, 7]
    pages = [{**ada.page("x19", name=STOLEN), "attributedTo": owner} for owner in owners]
    pages.append({key: value for key, value in ada.page("x19", name=STOLEN).items() if key != "attributedTo"})
    ends = world.give(ada, *(ada.says("Create", page) for page in pages))
    assert refused(ends), ends
    world.unharmed()


@pytest.mark.abuse(11)
def test_one_host_written_in_other_ways_is_another(world: World) -> None:
    """A final dot, a user, an escape, numbers for an address: none speaks for ada, nor makes us ask for a key."""
    here, ada, port = world.here, world.ada, world.home.port
    asked = gets(world.home, world.foreign)
    ends = []
    for host in (
        *(f"127.0.0.1.:{port}", f"eve@127.0.0.1:{port}", f"127.0.0.1%2F:{port}", f"127.1:{port}", f"0x7f.0.0.1:{port}"),
        *(f"127.0.0.1:{port}@{world.foreign.port}", f"[::ffff:127.0.0.1]:{port}", f"127.0.0.1:0{port}"),
    ):
        actor = f"http://{host}/users/ada"
        for said in (ada.says("Create", ada.page("x11", name=STOLEN), actor=actor), ada.says("Like", here.commons)):
            ends.append(str(here.post(ada, said, key_id=f"{actor}#main-key").status))
    assert set(ends) <= {"400", "401"}, ends
    assert gets(world.home, world.foreign) == asked
    world.unharmed()


# ---- JSON-LD


@pytest.mark.abuse(26)
def test_keywords_in_a_body_are_refused_at_the_border(world: World) -> None:
    """Nothing is hidden where plain JSON does not look."""
    ada, hidden = world.ada, world.ada.page("x26", name=STOLEN)
    words = ("@graph", "@included", "@reverse", "@nest", "@index", "@set", "@id", "@type", "@list", "@vocab", "@base")
    said = [ada.says("Create", {**ada.page("x26b"), word: [hidden]}) for word in words]
    said += [ada.says("Create", ada.page("x26b"), **{word: hidden}) for word in words]
    assert set(world.give(ada, *said)) == {"400"}
    world.unharmed()


@pytest.mark.abuse(25, 27, 28, 29, 30, 32)
def test_tricks_of_json_ld_say_nothing_and_reach_nobody(world: World) -> None:
    """Terms for keys and inboxes, nodes of others, remote contexts, terms redefined, contexts in contexts, cliques."""
    here, ada, victim = world.here, world.ada, world.eve.page("x27", name=STOLEN)
    evil, remote = "https://evil.example/", world.eve.serve_at("/context", {"@context": {"name": "as:summary"}})
    nested: dict[str, Any] = {"a": "https://x.example/a"}
    for _ in range(10):
        nested = {"a": {"@id": "https://x.example/a", "@context": nested}}
    nodes = [
        {"id": f"_:n{one}", "type": "Note", "tag": [{"id": f"_:n{other}"} for other in range(8)]} for one in range(8)
    ]
    keys = {"foo": "http://www.w3.org/ns/ldp#inbox", "bar": "https://w3id.org/security#publicKeyPem"}
    tricks: list[tuple[Any, dict[str, Any]]] = [
        ([AS2, keys], {"foo": f"{evil}inbox", "bar": f"{evil}key"}),
        (AS2, {"attachment": [victim], "tag": [victim], "replies": victim}),
        ([AS2, remote], {}),
        ([AS2, {"name": f"{evil}name"}], {}),
        ([AS2, {"@vocab": evil}], {}),
        ([AS2, {"title": "@id"}], {"title": victim["id"]}),
        ([AS2, nested], {"a": "b"}),
        (AS2, {"tag": nodes}),
    ]
    asked = gets(world.foreign)
    said = [
        {**ada.says("Create", ada.page(f"25-{number}", **more)), "@context": context}
        for number, (context, more) in enumerate(tricks)
    ]
    ends = world.give(ada, *said)
    assert all(end.partition(":")[0] in {"done", "quarantined", "dropped", "400"} for end in ends), ends
    assert [end.partition(":")[0] for end in ends[3:7]] == ["quarantined"] * 4
    assert gets(world.foreign) == asked
    assert not here.says(evil)
    assert not here.speaks_of(victim["id"])
    world.unharmed()
    assert world.give(ada, ada.says("Create", ada.page("25-honest"))) == ["done:taken"]


# ---- what is passed on


@pytest.mark.abuse(17, 20)
def test_an_announce_proves_nothing_of_what_it_embeds(world: World) -> None:
    """A foreign object is left. An inner activity counts by its owner's proof, else as its origin serves it."""
    here, ada, eve = world.here, world.ada, world.eve
    page = ada.page("x20", name=STOLEN)
    forged = ada.says("Create", page)
    by_eve = eve.proved(here, forged)  # type: ignore[arg-type]
    good = ada.proved(here, ada.says("Create", ada.page("20", -9)))  # type: ignore[arg-type]
    tampered = {**good, "object": {**good["object"], "id": page["id"], "name": STOLEN}}
    said = [page, page["id"], forged, by_eve, tampered, {**good, "actor": world.other.id}]
    ends = world.give(eve, *(eve.says("Announce", thing) for thing in said))
    assert refused(ends), ends
    world.unharmed()

    assert world.give(eve, eve.says("Announce", good)) == ["done:taken"]
    served_by_ada = ada.says("Create", ada.page("21", -9, content="<p>Comme ada le dit</p>"))
    ada.serve_at(served_by_ada["id"].removeprefix(world.home.origin), served_by_ada)
    bent = {**served_by_ada, "object": {**served_by_ada["object"], "content": f"<p>{STOLEN}</p>"}}
    assert world.give(eve, eve.says("Announce", bent)) == ["done:taken"]
    assert here.says("Comme ada le dit")
    world.unharmed()


@pytest.mark.abuse(18)
def test_an_embedded_actor_brings_no_key(world: World) -> None:
    """As an object, within one, within an Announce: what eve signs in ada's name afterwards is refused."""
    here, ada, eve = world.here, world.ada, world.eve
    evil = ada.document(inbox=f"{world.foreign.origin}/users/eve/inbox")
    evil["publicKey"]["publicKeyPem"] = public_pem(eve.rsa.public_key())
    said = [eve.says(kind, evil) for kind in ("Create", "Update", "Announce")]
    said.append(eve.says("Create", eve.page("x18", attachment=[evil], tag=[evil], name="Projet de eve")))
    world.give(eve, *said)
    world.give(ada, *(ada.says(kind, evil) for kind in ("Create", "Announce")))
    forged = ada.says("Create", ada.page("x18b", name=STOLEN))
    told = here.post(eve, forged, key_id=ada.key_id)
    assert told.status == 401
    row = here.ledger.ap_actors.get(ada.id)
    assert row is not None
    assert row.inbox == f"{ada.id}/inbox"
    assert not here.says(public_pem(eve.rsa.public_key())[30:60])
    assert world.give(ada, ada.says("Like", f"{here.origin}/objects/p/1")) != ["401"]
    world.unharmed()


@pytest.mark.abuse(21)
def test_an_answer_counts_only_for_our_follow_by_the_one_followed(world: World) -> None:
    """Nobody accepts what was not asked of it: neither a third, nor with a Follow that we never sent."""
    here, eve, zoe = world.here, world.eve, world.zoe
    before = here.following
    invented = {"id": f"{here.origin}/activities/none", "type": "Follow", "actor": f"{here.origin}/actor"}
    ends = world.give(zoe, zoe.says("Accept", {**invented, "object": zoe.id}), zoe.says("Accept", invented["id"]))
    here.platform.peers.follow(eve.id, "op")
    until(lambda: bool(eve.got("Follow")), "our Follow")
    follow = eve.got("Follow")[-1]
    ends += world.give(zoe, zoe.says("Accept", follow["id"]), zoe.says("Accept", follow), zoe.says("Reject", follow))
    ends += world.give(world.ada, world.ada.says("Accept", {**follow, "object": world.ada.id}))
    assert set(ends) == {"done:answer-unasked"}
    assert here.following == before
    assert world.give(eve, eve.says("Accept", follow["id"])) == ["done:follow-answered"]
    assert here.following == before + 1
    assert world.give(zoe, zoe.says("Reject", follow)) == ["done:answer-unasked"]
    assert here.following == before + 1


# ---- actors


@pytest.mark.abuse(23)
def test_an_actors_update_moves_nothing_off_its_origin(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither inbox, key, shared inbox nor id; what it may change is told to operators."""
    here, actor = world.here, Attacker(world.home, "mover", 5)
    assert world.give(actor, actor.says("Follow", here.commons)) == ["done:follow-accepted"]
    until(lambda: bool(actor.got("Accept")), "our Accept")
    elsewhere = world.foreign.origin
    key = actor.document()["publicKey"]
    lies: list[dict[str, Any]] = [
        {"inbox": f"{elsewhere}/users/eve/inbox"},
        {"endpoints": {"sharedInbox": f"{elsewhere}/inbox"}},
        {"publicKey": [key, {**key, "id": f"{elsewhere}/users/eve#main-key"}]},
        {"id": world.eve.id},
        {"id": world.other.id},
    ]
    ends = []
    for lie in lies:
        actor.serve(**lie)
        ends += world.give(actor, actor.says("Update", {**actor.document(), **lie}), actor.says("Update", actor.id))
    assert refused(ends), ends
    actor.serve()
    row = here.ledger.ap_actors.get(actor.id)
    assert row is not None
    assert row.inbox == f"{actor.id}/inbox"

    caplog.clear()
    actor.server.answers["/users/mover/new"] = TAKEN
    actor.serve(inbox=f"{actor.id}/new")
    assert world.give(actor, actor.says("Update", actor.id)) == ["done:actor-updated"]
    lines = [line.getMessage() for line in caplog.records if line.name == "federation.activitypub.directory"]
    assert [(actor.id in line, "inbox" in line) for line in lines] == [(True, True)]


@pytest.mark.abuse(9, 23)
def test_a_key_that_an_actor_has_changed_counts_and_the_old_one_no_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Told by an Update under the old key, or found out by a signature that fails; forgers change nothing."""
    here, actor = world.here, Attacker(world.home, "rotor", 6)
    like = f"{here.origin}/objects/p/1"
    assert world.give(actor, actor.says("Follow", here.commons)) == ["done:follow-accepted"]
    old, actor.rsa = actor.rsa, rsa_key(7)
    actor.serve()
    update = actor.says("Update", actor.id)
    actor.rsa = old
    assert world.give(actor, update) == ["done:actor-updated"]
    assert any("keys" in line.getMessage() and actor.id in line.getMessage() for line in caplog.records)
    assert world.give(actor, actor.says("Like", like)) == ["401"]
    actor.rsa = rsa_key(7)
    assert world.give(actor, actor.says("Like", like)) != ["401"]

    asked = world.home.targets.count("/users/rotor")
    for _ in range(20):
        assert here.post(world.eve, actor.says("Like", like), key_id=actor.key_id).status == 401
    assert world.home.targets.count("/users/rotor") - asked <= 1
    assert world.give(actor, actor.says("Like", like)) != ["401"]


@pytest.mark.abuse(8)
def test_a_key_whose_document_lies_elsewhere_proves_nothing(world: World) -> None:
    """Served by another origin, of another owner, or not named by its owner."""
    here, home = world.here, world.home
    ends = []
    for number, lie in enumerate(("redirect", "owner", "unlisted")):
        actor = Attacker(home, f"x8-{number}", 5)
        if lie == "redirect":
            world.foreign.answers[f"/users/{actor.name}"] = home.answers[f"/users/{actor.name}"]
            home.answers[f"/users/{actor.name}"] = redirect(f"{world.foreign.origin}/users/{actor.name}")
        elif lie == "owner":
            actor.serve(publicKey={**actor.document()["publicKey"], "owner": world.other.id})
        else:
            actor.serve(publicKey=None)
            key = {"id": f"{home.origin}/keys/x8", "type": "Key", "owner": actor.id}
            actor.serve_at("/keys/x8", {**key, "publicKeyPem": public_pem(actor.rsa.public_key())})
            ends.append(str(here.post(actor, actor.says("Follow", here.commons), key_id=key["id"]).status))
        ends += world.give(actor, actor.says("Follow", here.commons))
    assert ends == ["401"] * 4


@pytest.mark.abuse(24)
def test_moves_and_aliases_are_not_read(world: World) -> None:
    """A Move, of either side, takes no follower along."""
    here, zoe, eve = world.here, world.zoe, world.eve
    assert world.give(zoe, zoe.says("Follow", here.commons)) == ["done:follow-accepted"]
    before = here.followers
    eve.serve(alsoKnownAs=[zoe.id])
    zoe.serve(movedTo=eve.id)
    ends = world.give(zoe, zoe.says("Move", zoe.id, target=eve.id), zoe.says("Update", zoe.id))
    ends += world.give(eve, eve.says("Move", zoe.id, target=eve.id), eve.says("Follow", here.commons))
    assert ends[0] == ends[2] == "dropped:unsupported"
    assert here.followers == before + 1, "eve follows for herself, and zoe still does"
    for each in (zoe, eve):
        each.serve()
        world.give(each, each.says("Undo", {"type": "Follow", "actor": each.id, "object": here.commons, "id": each.id}))
    assert here.followers == before - 1


@pytest.mark.abuse(7)
def test_an_actor_that_is_gone_is_let_go_only_by_the_word_of_its_origin(world: World) -> None:
    """Its key is gone with it, so nobody can prove its Delete: 410 of its own document does. 404 does not."""
    here, home = world.here, world.home
    ghosts = [Attacker(home, f"ghost-{number}", 5) for number in range(2)]
    for ghost in ghosts:
        assert world.give(ghost, ghost.says("Follow", here.commons)) == ["done:follow-accepted"]
        here.platform.station._keys.forget(ghost.id)
    before = here.followers
    home.answers["/users/ghost-0"] = answer(b"", status="410 Gone")
    home.answers["/users/ghost-1"] = answer(b"", status="404 Not Found")
    assert world.give(ghosts[0], ghosts[0].says("Undo", ghosts[1].id)) == ["401"]
    assert world.give(ghosts[0], ghosts[0].says("Delete", ghosts[0].id)) == ["done:actor-gone"]
    assert world.give(ghosts[1], ghosts[1].says("Delete", ghosts[1].id)) == ["401"]
    assert here.followers == before - 1
    assert world.give(world.zoe, world.zoe.says("Follow", here.commons)) == ["done:follow-accepted"]
    assert world.give(world.zoe, world.zoe.says("Delete", world.zoe.id)) == ["dropped:actor-not-gone"]
    assert here.followers == before
    follow = {"id": world.zoe.id, "type": "Follow", "actor": world.zoe.id, "object": here.commons}
    assert world.give(world.zoe, world.zoe.says("Undo", follow)) == ["done:undo-done"]
    assert here.followers == before - 1


# ---- what it says


@pytest.mark.abuse(37)
def test_a_pushed_record_runs_nothing_on_its_page(world: World) -> None:
    """Markup in name, summary, content, addresses is text on the pages of the record and its project."""
    here, ada = world.here, world.ada
    said = []
    for number, bad in enumerate(BAD):
        page = ada.page(f"37-{number}", name=f"Nom {bad}", summary=bad, content=f"<p>Texte {bad}</p>")
        said.append(ada.says("Create", page))
    for number, address in enumerate(("javascript:alert(1)", "data:text/html,<script>alert(1)</script>")):
        page = ada.page(f"37-u{number}", url=address, image={"type": "Image", "url": address, "name": "x"})
        said.append(ada.says("Create", page))
    ends = world.give(ada, *said)
    assert ends.count("done:taken") >= len(BAD), ends
    addresses = list(here.records("p"))
    assert len(addresses) > len(BAD)
    projects = {path for address in addresses for path in PROJECT.findall(here.page(address).text)}
    assert len(projects) > len(BAD)
    for address in (*addresses, *(here.origin + path for path in projects), f"{here.origin}/projets"):
        told = here.page(address)
        assert told.status_code == 200, address
        active = Active()
        active.feed(told.text)
        assert [one for one in active.found if one != "script"] == []
        assert "<script>alert" not in told.text


@pytest.mark.abuse(38)
def test_a_field_has_an_honest_length(world: World) -> None:
    """A name of a megabyte, one that is too long in a language, a zero character, marks that turn the writing."""
    here, ada = world.here, world.ada
    names: list[dict[str, Any]] = [
        {"name": "x" * 1_100_000},
        {"name": "x" * 900_000},
        {"name": "x" * 1_001},
        {"nameMap": {"fr": "x" * 2_000}},
        {"name": "nul\x00nul"},
        {"content": "y" * 200_000},
    ]
    ends = world.give(ada, *(ada.says("Create", ada.page("x38", **more)) for more in names))
    assert all(end in {"400", "413"} or end.startswith("quarantined:") for end in ends), ends
    assert not here.says("x" * 100)
    world.unharmed()

    turned = ada.says("Create", ada.page("38", name="Projet \u202egnp.exe"))
    assert world.give(ada, turned) == ["done:taken"]
    assert here.says("Projet gnp.exe")
    assert not here.says("\u202e")


@pytest.mark.abuse(50)
def test_what_is_not_for_everybody_is_seen_by_nobody(world: World) -> None:
    """Said to one, to followers, to nobody; the activity public and the object not, and the other way round.

    By the shared inbox or a personal one, and by a stranger, whose letter is not for moderators either.
    """
    here, ada, zoe = world.here, world.ada, world.zoe
    one, fans = {"to": [world.eve.id]}, {"to": [f"{ada.id}/followers"]}
    group: dict[str, Any] = {"to": [here.commons], "cc": [here.commons]}
    ways: list[tuple[dict[str, Any], dict[str, Any]]] = [
        *((one, one), (fans, fans), (group, {"to": []}), ({"to": []}, {"to": []}), (one, {}), ({}, one)),
        ({"to": [f"{here.origin}/actors/p"]}, {"to": [f"{here.origin}/actors/p"]}),
    ]
    letters = [
        {**ada.says("Create", ada.page(f"x50-{number}", **{"name": STOLEN, **thing})), **activity}
        for number, (activity, thing) in enumerate(ways)
    ]
    assert set(world.give(ada, *letters)) == {"dropped:audience:private"}
    personal = {**ada.says("Create", {**ada.page("x50-p", name=STOLEN), **one}), **one}
    assert here.post(ada, personal, target="/actors/p/inbox").status == 202
    assert here.end(personal["id"]) == "dropped:audience:private"
    waiting = here.quarantined
    private: dict[str, Any] = {"to": [f"{here.origin}/actors/p"]}
    assert refused(world.give(zoe, {**zoe.says("Create", zoe.page("x50-z", **private)), **private}))
    assert here.quarantined == waiting
    assert not [one for one in here.platform.peers.queue() if STOLEN in one.text]
    world.unharmed()


# ---- who is held off


@pytest.mark.abuse(22)
def test_a_blocked_owner_does_not_come_through_others(world: World) -> None:
    """Its records are seen no more, its followers get one Reject, and no Announce of anybody's brings it back."""
    here, bob, eve = world.here, world.bob, world.eve
    assert world.give(bob, bob.says("Create", bob.page("1", -9))) == ["done:taken"]
    follow = bob.says("Follow", here.commons)
    assert world.give(bob, follow) == ["done:follow-accepted"]
    until(lambda: bool(bob.got("Accept")), "our Accept")
    followers = here.followers
    good = [bob.proved(here, bob.says("Create", bob.page(key, name=STOLEN))) for key in ("2", "3")]  # type: ignore[arg-type]

    here.platform.peers.block(bob.server.origin, "op")
    until(lambda: not here.records("q"), "the hiding of its records")
    assert here.followers == followers - 1
    until(lambda: bool(bob.got("Reject")), "our Reject")
    assert world.give(eve, *(eve.says("Announce", one) for one in good)) == ["dropped:blocked-inner"] * 2
    ends = world.give(bob, bob.says("Create", bob.page("4", name=STOLEN)), bob.says("Follow", here.commons))
    assert all(end in {"403", "dropped:blocked"} for end in ends), ends
    assert set(world.give(eve, good[0])) <= {"403", "dropped:blocked"}, "by its proof, in eve's envelope"
    assert not here.records("q")
    assert here.followers == followers - 1
    assert len(bob.got("Reject")) == 1
    world.unharmed()

    here.platform.peers.unblock(bob.server.origin, "op")
    until(lambda: "Projet 1" in here.records("q").values(), "the end of the hiding")


@pytest.mark.abuse(22)
def test_a_blocked_actor_does_not_come_through_others_and_its_neighbours_do(world: World) -> None:
    """The block of one actor is not of its server."""
    here, zoe, eve, other = world.here, world.zoe, world.eve, world.other
    proved = other.proved(here, other.says("Create", other.page("x22", name=STOLEN)))  # type: ignore[arg-type]
    here.bind(zoe.id, "q")
    letters = zoe.proved(here, zoe.says("Create", zoe.page("x22", name=STOLEN)))  # type: ignore[arg-type]
    here.platform.peers.block(zoe.id, "op")
    here.platform.peers.unbind(other.id, "op")
    ends = world.give(eve, eve.says("Announce", letters), eve.says("Announce", proved))
    assert ends == ["dropped:blocked-inner", "dropped:announce-foreign"]
    served_by_zoe = zoe.says("Create", zoe.page("x22", name=STOLEN))
    zoe.serve_at(served_by_zoe["id"].removeprefix(world.foreign.origin), served_by_zoe)
    in_eves_name = {**served_by_zoe, "actor": eve.id}
    assert refused(world.give(world.ada, world.ada.says("Announce", in_eves_name)))
    assert world.give(eve, eve.says("Like", f"{here.origin}/objects/p/1")) != ["403"]
    here.platform.peers.unblock(zoe.id, "op")
    here.platform.peers.unbind(zoe.id, "op")
    here.bind(other.id, "p")
    world.unharmed()


@pytest.mark.abuse(1, 2, 6)
def test_the_border_of_the_whole_instance_holds(world: World) -> None:
    """Unsigned, with another body, and once more: 401, 401, and no second effect."""
    here, ada = world.here, world.ada
    activity = ada.says("Create", ada.page("x1", name=STOLEN))
    assert here.send(unsigned(here, activity)).status == 401  # type: ignore[arg-type]
    honest = ada.message(here, ada.says("Like", f"{here.origin}/objects/p/1"))  # type: ignore[arg-type]
    swapped = type(honest)(honest.method, honest.target, honest.headers, json.dumps(activity).encode())
    assert here.send(swapped).status == 401
    kept = sum(here.ledger.ap_inbox.counts().values())
    assert [here.send(honest).status for _ in range(3)] == [202] * 3
    assert sum(here.ledger.ap_inbox.counts().values()) == kept + 1
    world.unharmed()


def test_a_host_that_signs_by_rfc_9421_is_answered_so(world: World) -> None:
    """It need not be knocked at in the older dialect first."""
    here, server = world.here, PeerServer()
    with served(server):
        modern = Attacker(server, "modern", 5)
        follow = modern.says("Follow", here.commons, to=[PUBLIC])
        assert here.post(modern, follow, dialect=Dialect.RFC9421).status == 202
        assert here.end(follow["id"]) == "done:follow-accepted"
        until(lambda: bool(modern.got("Accept")), "our Accept")
        (came,) = [asked for asked in server.asked if asked.target == "/users/modern/inbox"]
        assert "signature-input" in came.headers
        world.give(modern, modern.says("Undo", follow["id"]))
