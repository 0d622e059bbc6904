"""ActivityPub over HTTP, the reading side: media types, redirects for people, tombstones, discovery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sample_commons import BASE, Sample, make_platform

from federation.activitypub import activities
from federation.activitypub.activities import LD_PROFILE, Saying
from federation.activitypub.names import COMMONS, Names
from federation.activitypub.proofs import parse, verify
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.changes import erased_name
from federation.ledger.records import RecordState, RecordStatus
from federation.model import Reason
from federation.web import create_app

ACTIVITY = "application/activity+json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FEDIFY = "application/activity+json, application/ld+json"
MASTODON = f"{ACTIVITY}, {LD_PROFILE}, text/html;q=0.1"
NAMES = Names(BASE)
AVISE = NAMES.partner("avise")
MADE = "2026-01-03T00:00:00.000000Z"
GONE = datetime(2026, 1, 5, 10, tzinfo=UTC)
ACTORS = ["/actor", "/actors/commons", "/actors/avise"]
DOCUMENTS = [
    *ACTORS,
    "/objects/avise/123",
    "/contexts/p1",
    "/actors/avise/outbox",
    "/actors/avise/outbox/1",
    "/actors/avise/followers",
    "/actors/avise/following",
    "/actor/outbox",
    "/actor/outbox/1",
    "/actor/followers",
    "/actor/following",
    "/actors/commons/moderators",
    "/activities/01KAJ0000000000000000000C1",
]


def row(ulid: str, actor: str, kind: str, about: str | None, position: int | None, document: bytes = b"{}") -> Any:
    """One activity as the ledger keeps it."""
    return ActivityRow(ulid, actor, kind, about, 1, MADE, document, position)


@pytest.fixture(scope="module")
def commons() -> Sample:
    """The sample with withdrawn records and some activities."""
    made = make_platform()
    record = f"{BASE}/records/avise/gone"
    made.ledger.gone = {record: GONE, f"{BASE}/id/projet/gone": GONE, f"{BASE}/records/avise/erased": GONE}
    state = RecordState(
        record, "avise", "gone", "s", "", "", "", None, RecordStatus.WITHDRAWN.value, MADE, "", None, None
    )
    erased = erased_name(f"{BASE}/records/avise/erased")
    made.memory.states = {
        record: state._replace(reason=Reason.ABSENT.value),
        erased: state._replace(record=erased, reason=Reason.PERSON.value),
    }
    page, gone = NAMES.object(f"{BASE}/records/avise/123"), NAMES.object(record)
    rows = [
        row("01KAJ0000000000000000000C1", AVISE, "Create", page, 1),
        row("01KAJ0000000000000000000D1", AVISE, "Delete", gone, 2),
        row("01KAJ0000000000000000000C2", AVISE, "Create", gone, 3),
        row("01KAJ0000000000000000000A1", NAMES.commons, "Announce", NAMES.activity("01KAJ0000000000000000000C1"), 1),
        row("01KAJ0000000000000000000A2", NAMES.commons, "Announce", page, 2),
        row("01KAJ0000000000000000000A3", NAMES.commons, "Announce", "https://bound.example/a/1", 3),
        row("01KAJ0000000000000000000F1", NAMES.instance, "Follow", "https://peer.example/u", None),
        row("01KAJ0000000000000000000G1", NAMES.commons, "Accept", "https://peer.example/f/1", None),
        row("01KAJ0000000000000000000B1", AVISE, "Update", AVISE, 4),
        row("01KAJ0000000000000000000E1", AVISE, "Create", f"{BASE}/objects/avise/erased", 5, b""),
    ]
    made.memory.activities.update({one.id: one for one in rows})
    return made


@pytest.fixture
def client(commons: Sample) -> FlaskClient:
    """A client of that sample."""
    return create_app(commons).test_client()


@pytest.fixture
def pushed(commons: Sample) -> Iterator[Sample]:
    """The sample, one record of which its partner pushed."""
    commons.memory.pushed[f"{BASE}/records/fonda/g-1"] = "https://fonda.example/ap/g-1"
    yield commons
    commons.memory.pushed.clear()


def read(client: FlaskClient, path: str, accept: str = ACTIVITY) -> Any:
    """The JSON of a 200."""
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200, (path, response.status_code)
    return json.loads(response.data)


# -- media types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize(
    ("accept", "kind"),
    [(ACTIVITY, ACTIVITY), (LD_PROFILE, LD_PROFILE), (FEDIFY, ACTIVITY), (MASTODON, ACTIVITY)],
)
def test_a_document_has_the_media_types_of_activitystreams(
    client: FlaskClient, path: str, accept: str, kind: str
) -> None:
    """As servers ask for them; the answer names its own address and varies on Accept and Signature."""
    response = client.get(path, headers={"Accept": accept})

    assert response.status_code == 200
    assert response.content_type == kind
    assert json.loads(response.data)["id"] == BASE + path
    assert {"Accept", "Signature"} <= set(response.vary)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    tag = response.headers["ETag"]
    assert client.get(path, headers={"Accept": accept, "If-None-Match": tag}).status_code == 304


@pytest.mark.abuse(47)
@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_does_not_follow_the_host_header(client: FlaskClient, path: str) -> None:
    """Every address is built on the configured origin."""
    headers = {"Accept": ACTIVITY, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert b"evil.example" not in client.get(path, headers=headers).data


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/actor", "/"),
        ("/actors/commons", "/projets"),
        ("/actors/avise", "/contributeur/avise"),
        ("/objects/avise/123", "/projet/p1"),
        ("/objects/avise/gone", "/records/avise/gone"),
        ("/contexts/p1", "/projet/p1"),
        ("/actors/commons/moderators", "/contributeurs"),
    ],
)
def test_people_are_sent_to_the_page(client: FlaskClient, path: str, page: str) -> None:
    """303 for browsers, in the language of the address."""
    response = client.get(path, headers={"Accept": BROWSER})

    assert (response.status_code, response.headers["Location"]) == (303, page)


def test_the_page_of_a_contributor_leads_to_its_actor(client: FlaskClient) -> None:
    """By a link for browsers; by 303 for who asks for ActivityStreams; linked data stays where it was."""
    shown = client.get("/contributeur/avise", headers={"Accept": BROWSER})
    assert f'<{AVISE}>; rel="alternate"; type="{ACTIVITY}"' in shown.headers["Link"]
    assert "Accept" in shown.headers["Vary"]

    for accept in (ACTIVITY, MASTODON, FEDIFY):
        sent = client.get("/contributeur/avise", headers={"Accept": accept})
        assert (sent.status_code, sent.headers["Location"]) == (303, AVISE), accept
    assert client.get("/contributeur/nobody", headers={"Accept": ACTIVITY}).status_code == 404


@pytest.mark.parametrize("path", ["/actors/avise/outbox", "/activities/01KAJ0000000000000000000C1"])
def test_what_has_no_page_is_shown_as_it_is(client: FlaskClient, path: str) -> None:
    """A browser takes anything."""
    assert client.get(path, headers={"Accept": BROWSER}).content_type == ACTIVITY


def test_a_type_that_there_is_not_is_refused(client: FlaskClient) -> None:
    """406 with the list."""
    assert client.get("/objects/avise/123", headers={"Accept": "image/png"}).status_code == 406


@pytest.mark.parametrize("accept", ["application/ld+json", "text/turtle", "*/*", f"text/turtle, {ACTIVITY};q=0.5"])
def test_a_partner_stays_linked_data_for_those_who_ask_for_that(client: FlaskClient, accept: str) -> None:
    """Plain JSON-LD, Turtle and no preference at all give what they gave before."""
    response = client.get("/actors/avise", headers={"Accept": accept})

    assert response.mimetype in {"application/ld+json", "text/turtle"}
    assert b"preferredUsername" not in response.data


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/projet/p1", "/contexts/p1"),
        ("/id/projet/p1", "/contexts/p1"),
        ("/projet/p2", "/objects/avise/456"),
        ("/records/avise/123", "/objects/avise/123"),
    ],
)
def test_a_page_leads_to_its_view(client: FlaskClient, path: str, view: str) -> None:
    """An address pasted into a search box of Mastodon is found; the page names its view, too."""
    response = client.get(path, headers={"Accept": MASTODON})

    assert (response.status_code, response.headers["Location"]) == (303, BASE + view)
    if not path.startswith("/id/"):
        link = f'<{BASE}{view}>; rel="alternate"; type="{ACTIVITY}"'
        assert link in client.get(path, headers={"Accept": BROWSER}).headers["Link"]


@pytest.mark.parametrize(
    "path",
    [
        "/actors/nobody",
        "/actors/nobody/outbox",
        "/actors/nobody/followers",
        "/actors/nobody/following",
        "/actors/avise/outbox/2",
        "/actors/avise/outbox/0",
        "/actors/avise/outbox/01",
        "/objects/avise/nothing%3E",
        "/objects/avise",
        "/contexts/x%3Ey",
        "/activities/01KAJ0000000000000000000ZZ",
    ],
)
def test_what_never_was_is_not_found(client: FlaskClient, path: str) -> None:
    """404, and nothing internal."""
    assert client.get(path, headers={"Accept": ACTIVITY}).status_code == 404


# -- objects --------------------------------------------------------------------------------------------------------


def test_an_object_is_proved_by_its_partner(client: FlaskClient, commons: Sample) -> None:
    """The proof of what is served verifies with the key that the partner's actor shows."""
    made = read(client, "/objects/avise/123")
    proof = parse(made, now=GONE)

    assert proof is not None
    assert proof.verification_method == read(client, "/actors/avise")["assertionMethod"][0]["id"]
    assert verify(proof, commons.keys.private.public_key())["updated"] == "2026-01-02T03:00:09.125Z"
    assert made["published"] == "2025-11-03T00:00:00.000Z"


@pytest.mark.parametrize("name", ["avise/123", "avise/456", "fonda/g-1", "malin/x"])
def test_the_data_of_an_object_has_its_digest(client: FlaskClient, name: str) -> None:
    """``recordData`` answers with exactly the bytes of which ``recordDigest`` is the SHA-256."""
    made = read(client, f"/objects/{name}")
    data = client.get(made["recordData"].removeprefix(BASE)).data

    assert activities_digest(data) == made["recordDigest"]
    assert data.count(b"\n") == len(data.splitlines())
    for line in data.decode().splitlines():
        assert line.startswith((f"<{BASE}/records/{name}> ", f"<{BASE}/records/{name}#"))
        assert "_:" not in line.split(" ", 1)[0]


def activities_digest(data: bytes) -> str:
    """Worked out here, not by the code under test."""
    import hashlib  # noqa: PLC0415 - beside its one use, to show that nothing of ours is used

    return f"sha-256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(("name", "reason"), [("gone", "absent"), ("erased", "person")])
def test_a_withdrawn_record_is_a_tombstone(client: FlaskClient, name: str, reason: str) -> None:
    """410 with what it was, since when it is gone and why, proved by its partner; nothing of its content."""
    response = client.get(f"/objects/avise/{name}", headers={"Accept": ACTIVITY})
    made = json.loads(response.data)

    assert response.status_code == 410
    assert (made["type"], made["formerType"], made["reason"]) == ("Tombstone", "Page", reason)
    assert made["deleted"] == "2026-01-05T10:00:00.000Z"
    assert set(made) == {"@context", "id", "type", "formerType", "deleted", "reason", "proof"}


@pytest.mark.usefixtures("pushed")
def test_a_record_that_its_partner_pushed_keeps_its_id(client: FlaskClient) -> None:
    """We publish no copy: the address here leads there, and the project's collection names it."""
    response = client.get("/objects/fonda/g-1", headers={"Accept": ACTIVITY})

    assert (response.status_code, response.headers["Location"]) == (301, "https://fonda.example/ap/g-1")
    assert "https://fonda.example/ap/g-1" in read(client, "/contexts/p1")["orderedItems"]


def test_a_context_lists_the_records_of_a_project(client: FlaskClient) -> None:
    """FEP-7888; after a merge it leads to the survivor, and a project that is gone leaves a tombstone."""
    made = read(client, "/contexts/p1")
    old = client.get("/contexts/old", headers={"Accept": ACTIVITY})

    assert made["orderedItems"] == [f"{BASE}/objects/avise/123", f"{BASE}/objects/fonda/g-1"]
    assert (old.status_code, old.headers["Location"]) == (301, f"{BASE}/contexts/p1")
    assert client.get("/contexts/gone", headers={"Accept": ACTIVITY}).status_code == 410


# -- activities -----------------------------------------------------------------------------------------------------


def test_an_activity_embeds_its_object_as_it_is_now(client: FlaskClient) -> None:
    """A Create whose record is withdrawn shows a Tombstone: nothing withdrawn lingers."""
    assert read(client, "/activities/01KAJ0000000000000000000C1")["object"]["type"] == "Page"
    for ulid in ("01KAJ0000000000000000000C2", "01KAJ0000000000000000000D1"):
        made = read(client, f"/activities/{ulid}")
        assert made["object"]["type"] == "Tombstone"
        assert "proof" in made
        assert "@context" not in made["object"]


def test_an_activity_read_is_the_one_that_was_sent(client: FlaskClient, commons: Sample) -> None:
    """While its object stays, the same bytes: proof and all."""
    ulid = "01KAJ0000000000000000000C1"
    at = datetime(2026, 1, 3, tzinfo=UTC)
    embedded = commons.federation.embedded(f"{BASE}/records/avise/123")
    assert embedded is not None
    sent = activities.create(
        NAMES, Saying(ulid, AVISE, at), embedded, lambda document: commons.keys.prove(AVISE, document, at)
    )

    assert client.get(f"/activities/{ulid}", headers={"Accept": ACTIVITY}).data == activities.serialise(sent)


def test_an_announce_embeds_ours_and_names_what_is_not(client: FlaskClient) -> None:
    """The inner activity is made anew as well; one of a bound partner is told by its own origin."""
    ours = read(client, "/activities/01KAJ0000000000000000000A1")

    assert ours["object"] == read(client, "/activities/01KAJ0000000000000000000C1")
    assert read(client, "/activities/01KAJ0000000000000000000A2")["object"] == f"{BASE}/objects/avise/123"
    assert read(client, "/activities/01KAJ0000000000000000000A3")["object"] == "https://bound.example/a/1"


def test_an_update_of_an_actor_shows_it_as_it_is(client: FlaskClient) -> None:
    """With its keys."""
    made = read(client, "/activities/01KAJ0000000000000000000B1")
    actor = read(client, "/actors/avise")

    assert made["object"] == {key: value for key, value in actor.items() if key != "@context"}


@pytest.mark.parametrize("ulid", ["01KAJ0000000000000000000F1", "01KAJ0000000000000000000G1"])
def test_who_follows_whom_is_not_served(client: FlaskClient, ulid: str) -> None:
    """Follow and its answers were said to one actor."""
    assert client.get(f"/activities/{ulid}", headers={"Accept": ACTIVITY}).status_code == 404


def test_what_was_said_of_an_erased_record_is_gone(client: FlaskClient) -> None:
    """410, without naming the record."""
    response = client.get("/activities/01KAJ0000000000000000000E1", headers={"Accept": ACTIVITY})

    assert response.status_code == 410
    assert b"avise" not in response.data


# -- outbox ---------------------------------------------------------------------------------------------------------


def test_an_outbox_page_lists_ids_only(client: FlaskClient) -> None:
    """The newest first, no content, no relation."""
    made = read(client, "/actors/commons/outbox/1")

    assert made["orderedItems"] == [NAMES.activity(f"01KAJ0000000000000000000A{n}") for n in (3, 2, 1)]
    assert read(client, "/actors/commons/outbox")["totalItems"] == 3


def test_a_full_page_never_changes(commons: Sample) -> None:
    """It is kept for a year; the newest is asked for again."""
    made = replace(commons, reader=commons.reader)
    fonda = NAMES.partner("fonda")
    for number in range(1, 52):
        ulid = f"01KAJ00000000000000000F{number:03}"
        made.memory.activities[ulid] = row(ulid, fonda, "Create", f"{BASE}/objects/fonda/g-1", number)
    client = create_app(made).test_client()
    full, newest = (client.get(f"/actors/fonda/outbox/{n}", headers={"Accept": ACTIVITY}) for n in (1, 2))

    assert "immutable" in full.headers["Cache-Control"]
    assert "immutable" not in newest.headers["Cache-Control"]
    assert len(json.loads(full.data)["orderedItems"]) == 50
    assert json.loads(newest.data)["next"] == f"{fonda}/outbox/1"


# -- actors, discovery ----------------------------------------------------------------------------------------------


def test_an_actor_without_keys_is_not_shown(commons: Sample) -> None:
    """Nobody could verify what it says."""
    made = replace(commons, reader=commons.reader)
    made.keys.without.add(NAMES.partner("fonda"))
    try:
        client = create_app(made).test_client()
        assert client.get("/actors/fonda", headers={"Accept": ACTIVITY}).status_code == 404
        assert "proof" not in read(client, "/objects/fonda/g-1")
    finally:
        made.keys.without.clear()


@pytest.mark.abuse(46)
@pytest.mark.parametrize("path", ACTORS)
def test_webfinger_and_actor_name_each_other(client: FlaskClient, path: str) -> None:
    """The loop that Mastodon walks: id, account, self link, id."""
    actor = read(client, path)
    account = f"acct:{actor['preferredUsername']}@127.0.0.1:8000"
    response = client.get("/.well-known/webfinger", query_string={"resource": account})
    found = json.loads(response.data)

    assert response.content_type == "application/jrd+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert found["subject"] == account
    assert next(one["href"] for one in found["links"] if one["rel"] == "self") == actor["id"]
    by_address = client.get("/.well-known/webfinger", query_string={"resource": actor["id"]})
    assert json.loads(by_address.data) == found


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"resource": "acct:avise@elsewhere.example"}, 404),
        ({"resource": "acct:nobody@127.0.0.1:8000"}, 404),
        ({"resource": f"{BASE}/"}, 200),
        ({"resource": "acct:AVISE@127.0.0.1:8000", "rel": "self"}, 200),
    ],
)
def test_webfinger_answers_for_ours_only(client: FlaskClient, query: dict[str, str], status: int) -> None:
    """RFC 7033, section 4.2."""
    assert client.get("/.well-known/webfinger", query_string=query).status_code == status


def test_node_info_is_found_from_its_link(client: FlaskClient) -> None:
    """The well-known document leads to it, and to the instance actor."""
    links = {one["rel"]: one["href"] for one in json.loads(client.get("/.well-known/nodeinfo").data)["links"]}
    response = client.get(links["http://nodeinfo.diaspora.software/ns/schema/2.1"].removeprefix(BASE))

    assert json.loads(response.data)["software"]["name"] == "carrefour"
    assert 'profile="http://nodeinfo.diaspora.software/ns/schema/2.1#"' in response.content_type
    assert links["https://www.w3.org/ns/activitystreams#Application"] == f"{BASE}/actor"


def test_our_context_is_one_file_for_ever(client: FlaskClient, commons: Sample) -> None:
    """Open to every site, kept for a year, the bytes of the package."""
    response = client.get("/ns/carrefour/v1")

    assert response.data == commons.vocabulary.file("vocab/activitypub/carrefour-v1.jsonld")
    assert response.content_type == "application/ld+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=31536000" in response.headers["Cache-Control"]
    assert "Vary" not in response.headers


def test_nothing_that_is_served_is_restricted(client: FlaskClient) -> None:
    """Budgets, contacts and partners' partners are not open data: no document has a place for them."""
    for name in ("avise/123", "avise/456", "fonda/g-1"):
        text = client.get(f"/objects/{name}", headers={"Accept": ACTIVITY}).get_data(as_text=True)
        assert not any(word in text for word in ("budget", "contactPoint", "telephone", "email"))


def test_the_group_is_no_partner(client: FlaskClient) -> None:
    """It has no linked data: whatever is asked, it is an actor."""
    made = json.loads(client.get(f"/actors/{COMMONS}", headers={"Accept": "*/*"}).data)

    assert made["type"] == "Group"
