"""The desk over a real instance: what was harvested is read by ActivityPub, what was retired is a tombstone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from federation.ledger.ap_activities import NewActivity
from federation.ledger.runs import Order
from federation.ledger.times import to_text
from federation.model import RunKind
from federation.platform import Platform, open_platform
from federation.settings import CONFIG_NAME, load_settings
from federation.web import create_app

ROOT = Path(__file__).resolve().parents[2]
BASE = "http://127.0.0.1:8000"
ACTIVITY = {"Accept": "application/activity+json"}
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
SOURCES = ("carnet-du-carrefour", "huit-exemples", "departements-solidaires")
RETIRED, CLOSED_FIELDS = SOURCES[1:]


def _quiet(stage: str, done: int, total: int | None) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Three sources of the demonstration, harvested, one of them retired."""
    folder = tmp_path_factory.mktemp("federated")
    for name in ("sources", "feeds"):
        shutil.copytree(ROOT / "demo" / name, folder / name)
    shutil.copyfile(ROOT / "demo" / CONFIG_NAME, folder / CONFIG_NAME)
    opened = open_platform(replace(load_settings(folder, {}), workers=1))
    with opened.writing() as writer:
        for name in SOURCES:
            writer.harvest(opened.source(name), _quiet)
        last = opened.ledger.last_run(RETIRED)
        assert last is not None
        writer.carry_out(Order(RunKind.RETIRE, last.run), _quiet)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(platform: Platform) -> FlaskClient:
    """A client of that instance."""
    return create_app(platform).test_client()


def states(platform: Platform, source: str) -> list[str]:
    """The records of a source, present or withdrawn, that were in the graph."""
    known = platform._ledger.records.states(source)
    return sorted(state.record for state in known.values() if state.pid is not None)


def read(client: FlaskClient, address: str) -> tuple[int, Any]:
    """Status and JSON of one address of the instance."""
    response = client.get(address.removeprefix(BASE), headers=ACTIVITY)
    return response.status_code, json.loads(response.data) if response.mimetype == ACTIVITY["Accept"] else None


def test_every_harvested_record_is_a_page_whose_data_has_its_digest(client: FlaskClient, platform: Platform) -> None:
    """The bytes behind ``recordData`` are the record's graph, nothing but statements about it."""
    records = states(platform, SOURCES[0])

    assert len(records) > 5
    for record in records:
        status, made = read(client, record.replace("/records/", "/objects/"))
        data = client.get(made["recordData"].removeprefix(BASE)).data
        assert (status, made["type"], made["recordData"]) == (200, "Page", f"{record}.nt")
        assert made["recordDigest"] == f"sha-256:{hashlib.sha256(data).hexdigest()}"
        assert all(line.startswith((f"<{record}> ", f"<{record}#")) for line in data.decode().split("\n")[:-1])
        assert made["name"]
        assert made["license"].startswith("https://")
        assert read(client, made["context"])[1]["orderedItems"].count(made["id"]) == 1


def test_nothing_restricted_is_in_an_object(client: FlaskClient, platform: Platform) -> None:
    """What the ledger keeps beside the public graph is in no document."""
    kept = 0
    for record in states(platform, CLOSED_FIELDS):
        fields = platform._ledger.records.restricted(record)
        text = json.dumps(read(client, record.replace("/records/", "/objects/"))[1], ensure_ascii=False)
        for value in _texts(fields):
            kept += 1
            assert value not in text, record
    assert kept


def _texts(value: Any) -> Iterator[str]:
    """Every text in a plain value that is long enough to be told apart."""
    if isinstance(value, str) and len(value) > 8:
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def test_an_actor_says_since_when_it_has_published(client: FlaskClient, platform: Platform) -> None:
    """A partner since the first run of its sources; the instance and the commons since the first of all."""
    first = platform._ledger.sources.since()
    said = {name: read(client, f"{BASE}/{name}")[1] for name in ("actor", "actors/commons")}
    slugs = [one.slug for one in platform._ledger.sources.partners()]
    theirs = [read(client, f"{BASE}/actors/{slug}")[1]["published"] for slug in slugs]

    assert first is not None
    assert {one["published"] for one in said.values()} == {min(theirs)}
    assert min(theirs)[:19] == first.isoformat()[:19]
    assert client.get(said["actor"]["icon"]["url"].removeprefix(BASE)).mimetype == said["actor"]["icon"]["mediaType"]


def test_every_retired_record_is_a_tombstone_that_says_why(client: FlaskClient, platform: Platform) -> None:
    """410 with the reason of the ledger, proved by its partner's key."""
    records = states(platform, RETIRED)

    assert records
    for record in records:
        status, made = read(client, record.replace("/records/", "/objects/"))
        assert (status, made["type"], made["reason"]) == (410, "Tombstone", "retired")
        assert made["proof"]["cryptosuite"] == "eddsa-jcs-2022"


def test_an_outbox_lists_what_the_ledger_keeps(client: FlaskClient, platform: Platform) -> None:
    """51 activities: a full page and one that has begun; each activity answers with the object of today."""
    partner = f"{BASE}/actors/{platform.source(SOURCES[0]).partner.slug}"
    about = states(platform, SOURCES[0])[0].replace("/records/", "/objects/")
    platform._ledger.ap_activities.append(
        [
            NewActivity(f"01KAJ000000000000000000{number:03}", partner, "Create", about, number, to_text(NOW), b"{}")
            for number in range(1, 52)
        ]
    )
    _, outbox = read(client, f"{partner}/outbox")
    _, newest = read(client, outbox["first"])
    _, full = read(client, newest["next"])
    _, activity = read(client, newest["orderedItems"][0])

    assert (outbox["totalItems"], len(newest["orderedItems"]), len(full["orderedItems"])) == (51, 1, 50)
    assert activity["object"]["id"] == about
    assert activity["actor"] == activity["object"]["attributedTo"] == partner


def test_actors_show_the_keys_of_the_ledger(client: FlaskClient, platform: Platform) -> None:
    """Instance, commons and partner; WebFinger finds each."""
    slug = platform.source(SOURCES[0]).partner.slug
    for path, kind in (("/actor", "Application"), ("/actors/commons", "Group"), (f"/actors/{slug}", "Organization")):
        _, actor = read(client, path)
        account = {"resource": f"acct:{actor['preferredUsername']}@127.0.0.1:8000"}
        assert actor["type"] == kind
        assert "BEGIN PUBLIC KEY" in actor["publicKey"]["publicKeyPem"]
        assert client.get("/.well-known/webfinger", query_string=account).status_code == 200


def test_a_note_is_read_as_its_record_is_now(client: FlaskClient, platform: Platform) -> None:
    """Under its own id and in its activity; of a retired record it is a Tombstone, other activities made none."""
    here, gone = (states(platform, name)[0].replace("/records/", "/objects/") for name in (SOURCES[0], RETIRED))
    made = []
    for number, about in enumerate((here, gone)):
        partner = f"{BASE}/actors/{about.split('/')[4]}"
        for kind in ("Note", "NoteGone"):
            ulid = f"01KAK00000000000000000{len(kind)}{number:03}"
            body = b'{"id":"x","type":"Delete"}' if kind == "NoteGone" else b"{}"
            made.append(NewActivity(ulid, partner, kind, about, None, to_text(NOW), body, listed=False))
    platform._ledger.ap_activities.append(made)

    status, said = read(client, f"{BASE}/notes/{made[0].id}")
    assert (status, said["type"], said["inReplyTo"], said["id"]) == (200, "Note", here, f"{BASE}/notes/{made[0].id}")
    _, created = read(client, f"{BASE}/activities/{made[0].id}")
    assert (created["type"], created["object"]["content"]) == ("Create", said["content"])
    assert read(client, f"{BASE}/activities/{made[1].id}")[1] == {"id": "x", "type": "Delete"}
    status, said = read(client, f"{BASE}/notes/{made[2].id}")
    assert (status, said["type"], said["formerType"]) == (410, "Tombstone", "Note")
    assert read(client, f"{BASE}/notes/{made[1].id}")[0] == 404
    assert read(client, f"{BASE}/notes/nothing")[0] == 404
