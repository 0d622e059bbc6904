"""Short replies for microblogs: only if they are asked for, of what shows, and never for longer than their record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.activitypub import objects
from federation.activitypub.actors import Document
from federation.activitypub.audience import PUBLIC
from federation.activitypub.notes import note, standing
from federation.activitypub.outbound import Outbound
from federation.activitypub.sending import Sync
from federation.ledger import open_ledger
from federation.ledger.changes import erased_name
from federation.model import Action, Reason
from tests.activitypub.test_ap_outbound import BASE, NAMES, OBJECT, PARTNER, RECORD, World, page


def shown(digest: str, name: str = "Jardin <partagé>", summary: str = "Un jardin.") -> Document:
    """A Page as microblogs show it."""
    return {**page(digest), "name": name, "summary": summary, "url": f"{BASE}/projet/1"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An instance that sends Notes, and has told of a record."""
    ledger = open_ledger("", tmp_path)
    made = World(ledger)
    speaking(made, True)
    made.change(shown("1"), Action.CREATE)
    made.work()
    yield made
    ledger.close()


def speaking(world: World, notes: bool) -> None:
    """Let it be set so."""
    parts = (world.ledger, NAMES, world.objects, world._visible, world.keyring, world.sender, world.relay)
    world.outbound = Outbound(*parts, notes)


def told(world: World, shape: Document) -> list[dict[str, Any]]:
    """What is said of a change to this, in order."""
    before = len(world.rows())
    world.change(shape)
    world.work()
    return [json.loads(row.document) for row in world.rows()[before:]]


def test_a_change_that_shows_is_told_by_a_reply(world: World) -> None:
    """By the partner to its followers, and named by the commons to its own; never to hosts that are in step."""
    _, _, made, announced = told(world, shown("2", summary="Un <b>grand</b> jardin."))
    said = made["object"]

    assert (made["type"], made["actor"], said["type"]) == ("Create", PARTNER, "Note")
    assert (said["inReplyTo"], said["attributedTo"], said["to"]) == (OBJECT, PARTNER, [PUBLIC])
    assert said["content"] == (
        f'<p>Mise à jour / Update: <a href="{BASE}/projet/1">Jardin &lt;partagé&gt;</a></p>'
        "<p>Un <b>grand</b> jardin.</p>"
    )
    assert said["id"] == f"{BASE}/notes/{made['id'].rpartition('/')[2]}"
    assert (announced["type"], announced["actor"], announced["object"]) == ("Announce", NAMES.commons, said["id"])
    jobs = world.ledger.ap_jobs.claim("t", world.clock(), world.clock(), 100)[-2:]
    assert [(job.targets["followers"], job.targets["sync"]) for job in jobs] == [
        ([PARTNER], Sync.NOT), ([NAMES.commons], Sync.NOT)
    ]  # fmt: skip


def test_nothing_else_is_worth_a_reply(world: World) -> None:
    """A change that does not show, and any change if the instance is not set to send Notes."""
    assert [one["type"] for one in told(world, shown("2"))] == ["Update", "Announce"]
    speaking(world, False)
    assert [one["type"] for one in told(world, shown("3", name="Un autre"))] == ["Update", "Announce"]


def test_a_note_goes_with_its_record(world: World) -> None:
    """Each that stands is deleted once, whatever is set by then; one of another life of the record is gone already."""
    notes = [told(world, shown(str(number), name=f"Nom {number}"))[2]["object"]["id"] for number in range(2, 4)]
    speaking(world, False)
    before = len(world.rows())
    world.withdraw()
    world.work()
    gone = [json.loads(row.document) for row in world.rows()[before:] if row.kind == "NoteGone"]
    assert [(one["type"], one["object"]["type"], one["object"]["id"]) for one in gone] == [
        ("Delete", "Tombstone", name) for name in notes
    ]
    assert standing(world.ledger.ap_activities.of_object(OBJECT)) == []

    world.change(shown("5"), Action.CREATE)
    world.work()
    world.withdraw()
    world.work()
    assert [row.kind for row in world.rows()].count("NoteGone") == 2


def test_an_erasure_leaves_no_word_of_a_note(world: World) -> None:
    """Its bytes go with those of everything else that was said of the record."""
    told(world, shown("2", name="Le jardin de Zoé"))
    world.objects.now[RECORD] = objects.tombstone(OBJECT, world.clock(), Reason.PERSON)
    world.change(None, Action.DELETE, erased_name(RECORD))
    world.work()

    assert all("Zoé".encode() not in row.document for row in world.rows())
    assert [row.kind for row in world.rows()][-1] == "NoteGone"


def test_a_note_says_what_its_record_says_now(world: World) -> None:
    """Made anew when it is read: of a record that is gone it is a Tombstone."""
    say = world.sender.saying(PARTNER)
    assert "Autre nom" in str(note(NAMES, say, shown("3", name="Autre nom")))
    tombstone = objects.tombstone(OBJECT, world.clock(), None)
    assert note(NAMES, say, tombstone)["type"] == "Tombstone"
