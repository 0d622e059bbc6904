"""Attacks of the list on what is worked on once accepted: forged owners, forged inner activities, disclosure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ap_active import BAD, Active
from ap_intake_desk import ACTOR, AS2, BASE, COMMONS, HOST, PEER, PUBLIC, IntakeDesk, Peer

from federation.ledger.ap_peers import BlockRow
from federation.ledger.times import to_text
from federation.platform import open_platform
from federation.vocabulary import Vocabulary
from federation.web import create_app

pytestmark = pytest.mark.slow  # whole instances and hosts: minutes on a small machine

OTHER = f"{HOST}/other"
FOREIGN = "https://foreign.example/u"


@pytest.fixture
def desk(tmp_path: Path, words: Vocabulary) -> Iterator[IntakeDesk]:
    """An instance with a bound partner whose page 1 is online, an actor beside it, and one elsewhere."""
    made = IntakeDesk(tmp_path / "here", words)
    made.bind()
    for name in (ACTOR, OTHER, FOREIGN):
        made.actor(name)
    made.give(made.activity("Create", made.page("1", -9)))
    yield made
    made.close()


def unharmed(desk: IntakeDesk) -> bool:
    """Whether page 1 is the only record, and as it was."""
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/1")
    return len(desk.online()) == 1 and "Un projet" in desk.text() and known is not None and known.state == "live"


@pytest.mark.abuse(13)
def test_an_object_on_a_foreign_origin_is_not_its_senders(desk: IntakeDesk) -> None:
    """Embedded or by reference: only the origin of an id speaks for it."""
    victim = {**desk.page("9"), "id": "https://foreign.example/pages/9"}
    for thing in (victim, victim["id"], {**victim, "attributedTo": FOREIGN}):
        for kind in ("Create", "Update"):
            assert desk.give(desk.activity(kind, thing)).state == "dropped"
    assert unharmed(desk)


@pytest.mark.abuse(14)
@pytest.mark.parametrize("actor", [OTHER, FOREIGN])
def test_nobody_states_or_ends_what_is_anothers(desk: IntakeDesk, actor: str) -> None:
    """Update, Delete, Undo, Add and Remove, by another actor of the same origin and by one of another; both bound."""
    desk.bind(actor)
    page = desk.page("1", -1, content="<p>Volé</p>")
    for kind in ("Update", "Create"):
        assert desk.give(desk.activity(kind, page, actor)).state == "dropped"
        assert desk.give(desk.activity(kind, {**page, "attributedTo": actor}, actor)).state == "dropped"
    for kind in ("Delete", "Undo"):
        row = desk.give(desk.activity(kind, {"id": page["id"], "type": "Tombstone"}, actor))
        assert row.outcome != "taken"
    for kind in ("Add", "Remove"):
        assert desk.give(desk.activity(kind, page["id"], actor, target=f"{COMMONS}/moderators")).state == "dropped"
    assert unharmed(desk)


def test_the_application_of_an_origin_may_delete_what_is_gone_there(desk: IntakeDesk) -> None:
    """Only with its origin's own word: while the object is served, its Delete is refused."""
    desk.actor(OTHER, "Application")
    desk.directory.fetch(OTHER)
    page = desk.page("1", -9)
    desk.world.documents[page["id"]] = {"@context": AS2, **page}
    assert desk.give(desk.activity("Delete", page["id"], OTHER)).outcome == "state:owner"
    assert unharmed(desk)
    desk.world.documents[page["id"]] = desk.fault(410)
    assert desk.give(desk.activity("Delete", page["id"], OTHER)).outcome == "taken"
    assert not desk.online()


@pytest.mark.abuse(15)
@pytest.mark.parametrize(
    "served",
    [{"id": f"{HOST}/pages/8"}, {"id": "https://foreign.example/pages/9"}, {"attributedTo": OTHER}, {"to": [OTHER]}],
)
def test_what_is_fetched_must_be_what_was_named(desk: IntakeDesk, served: dict[str, Any]) -> None:
    """Another id, another origin, another owner, another audience: not taken."""
    page = desk.page("9")
    desk.world.documents[page["id"]] = {"@context": AS2, **page, **served}
    assert desk.give(desk.activity("Create", page["id"])).state == "dropped"
    assert unharmed(desk)


@pytest.mark.abuse(17, 20)
def test_an_announce_proves_nothing_of_what_it_embeds(desk: IntakeDesk) -> None:
    """A foreign object is left; an inner activity counts by its proof, else as its origin serves it."""
    peer = Peer(desk)
    assert desk.give(desk.activity("Announce", desk.page("9"), FOREIGN)).outcome == "announce-foreign"
    assert desk.give(desk.activity("Announce", desk.page("9"), peer.group)).outcome == "announce-foreign"
    forged = desk.activity("Create", desk.page("9"))
    for announcer in (FOREIGN, peer.group):
        assert desk.give(desk.activity("Announce", forged, announcer)).outcome != "taken"

    good = peer.announce("Create", "1", -9)
    inner = good["object"]
    tampered = {**inner, "object": {**inner["object"], "name": "Volé"}}
    assert desk.give(peer.passed_on(tampered)).state == "dropped"
    unsigned = {key: value for key, value in inner.items() if key != "proof"}
    assert desk.give(peer.passed_on({**unsigned, "id": f"{PEER}/activities/none"})).outcome == "remote:status"
    assert unharmed(desk)
    desk.world.documents[inner["id"]] = unsigned
    assert desk.give(peer.passed_on({**unsigned, "object": {**inner["object"], "name": "Volé"}})).outcome == "taken"
    assert "Volé" not in desk.text()
    known = desk.ledger.ap_objects.get(inner["object"]["id"])
    assert known is not None
    assert known.provenance["method"] == "fetch"


@pytest.mark.abuse(18)
def test_an_embedded_actor_brings_no_key(desk: IntakeDesk) -> None:
    """As an object, or within one: neither its key nor its inbox is kept."""
    evil = {"id": ACTOR, "type": "Person", "inbox": "https://evil.example/inbox", "publicKey": {"id": f"{ACTOR}#evil"}}
    for kind in ("Create", "Update", "Announce"):
        desk.give(desk.activity(kind, evil))
    desk.give(desk.activity("Create", desk.page("9", to=[PUBLIC], attachment=[evil])))
    known = desk.ledger.ap_actors.get(ACTOR)
    assert known is not None
    assert known.inbox == f"{ACTOR}/inbox"
    assert "evil.example" not in desk.text()


@pytest.mark.abuse(19)
@pytest.mark.parametrize("owner", [[ACTOR], [ACTOR, OTHER], {"id": ACTOR}, None, "", OTHER, FOREIGN, 7])
def test_an_object_has_exactly_one_owner(desk: IntakeDesk, owner: Any) -> None:
    """A list, an object, nothing, somebody else."""
    assert desk.give(desk.activity("Create", {**desk.page("9"), "attributedTo": owner})).state == "dropped"
    without = {key: value for key, value in desk.page("9").items() if key != "attributedTo"}
    assert desk.give(desk.activity("Create", without)).state == "dropped"
    assert unharmed(desk)


@pytest.mark.abuse(22)
@pytest.mark.parametrize("subject", [f"{PEER}/actors/p", "a.example"])
def test_a_blocked_owner_does_not_come_through_others(desk: IntakeDesk, subject: str) -> None:
    """The owner within an Announce is looked at, and its host."""
    peer = Peer(desk)
    kind = "actor" if subject.startswith("https") else "host"
    desk.ledger.ap_blocks.add(BlockRow(subject, kind, "ana", to_text(desk.clock())))
    announce = peer.announce("Create", "1", -9)
    assert desk.give(announce).outcome in {"blocked", "blocked-inner"}
    third = desk.activity("Announce", announce["object"], FOREIGN)
    assert desk.give(third).outcome == "blocked-inner"
    assert unharmed(desk)


@pytest.mark.abuse(37)
def test_a_pushed_record_runs_nothing_on_its_page(desk: IntakeDesk) -> None:
    """Markup in name, summary, content and addresses is text on the pages of the record and its project."""
    for number, bad in enumerate(BAD):
        page = desk.page(f"x{number}", name=f"Nom {bad}", summary=bad, content=f"<p>Texte {bad}</p>")
        desk.give(desk.activity("Create", {**page, "url": f"{HOST}/x{number}"}))
    for number, address in enumerate(("javascript:alert(1)", "data:text/html,<script>alert(1)</script>")):
        desk.give(
            desk.activity("Create", desk.page(f"u{number}", url=address, image={"type": "Image", "url": address}))
        )
    pages = [urlsplit(record).path for record in desk.here.graphs()]
    pages += [f"/projet/{state.pid}" for state in desk.here.states("s").values()]
    assert len(desk.online()) > len(BAD)
    settings = desk.here.settings
    desk.here.close()
    with closing(open_platform(settings)) as platform:
        client = create_app(platform).test_client()
        for path in pages:
            answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
            assert answer.status_code == 200, path
            active = Active()
            active.feed(answer.text)
            assert [one for one in active.found if one != "script"] == []
            assert "<script>alert" not in answer.text
    desk.here.open()


@pytest.mark.abuse(38)
@pytest.mark.parametrize("name", ["x" * 1_000_000, "x" * 1_001, "nul\x00nul", {"fr": "x" * 2_000}])
def test_a_field_has_an_honest_length(desk: IntakeDesk, name: Any) -> None:
    """A name of a megabyte, one that is too long in a language, a zero character: nothing of it enters."""
    more = {"nameMap": name} if isinstance(name, dict) else {"name": name}
    row = desk.give(desk.activity("Create", desk.page("9", **more)))
    assert row.state == "quarantined"
    assert unharmed(desk)


@pytest.mark.abuse(38)
def test_writing_that_turns_around_is_not_kept(desk: IntakeDesk) -> None:
    """Marks that turn the direction of a text are not in the graph."""
    desk.give(desk.activity("Create", desk.page("9", name="Projet \u202egnp.exe")))
    assert "\u202e" not in desk.text()
    assert "\\u202E" not in desk.text()


@pytest.mark.abuse(50)
@pytest.mark.parametrize(
    ("activity", "thing"),
    [
        ({"to": [FOREIGN]}, {"to": [FOREIGN]}),
        ({"to": [f"{ACTOR}/followers"]}, {"to": [f"{ACTOR}/followers"]}),
        ({"to": [COMMONS], "cc": [COMMONS]}, {}),
        ({"to": []}, {"to": []}),
        ({"to": [FOREIGN]}, {}),
        ({}, {"to": [FOREIGN]}),
    ],
)
def test_what_is_not_for_everybody_enters_no_public_graph(
    desk: IntakeDesk, activity: dict[str, Any], thing: dict[str, Any]
) -> None:
    """Said to one, to followers, to nobody; the activity public and the object not, and the other way round."""
    row = desk.give({**desk.activity("Create", {**desk.page("9"), **thing}), **activity})
    assert (row.state, row.outcome) == ("dropped", "audience:private")
    assert not desk.ledger.ap_objects.get(f"{HOST}/pages/9")
    assert unharmed(desk)


@pytest.mark.abuse(50)
def test_a_private_letter_of_a_stranger_is_not_for_moderators(desk: IntakeDesk) -> None:
    """It is dropped, not queued."""
    letter = {**desk.page("9", owner=FOREIGN), "to": [f"{BASE}/actors/p"]}
    assert desk.give({**desk.activity("Create", letter, FOREIGN), "to": [f"{BASE}/actors/p"]}).state == "dropped"
