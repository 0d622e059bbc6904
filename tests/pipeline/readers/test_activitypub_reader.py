"""ActivityPub: what an outbox brings and withdraws, and whose word counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed
from federation.pipeline.readers.hosts import host_of

HOST = "mobilizon.example"
ACTOR = f"https://{HOST}/@collectif"


def event(number: int = 1, host: str = HOST, **more: Any) -> dict[str, Any]:
    """An event as Mobilizon writes it."""
    name = f"https://{host}/events/{number}"
    return {
        "id": name,
        "type": "Event",
        "name": "Repair café",
        "content": "<p>On répare</p>",
        "attributedTo": ACTOR,
        **more,
    }


def activity(kind: str, thing: Any, actor: Any = ACTOR) -> dict[str, Any]:
    """An activity on a thing."""
    return {"id": f"https://{HOST}/activities/{kind}", "type": kind, "actor": actor, "object": thing}


def outbox(*items: Any, **more: Any) -> bytes:
    """One page of an outbox."""
    document = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{ACTOR}/outbox?page=1",
        "type": "OrderedCollectionPage",
        "orderedItems": list(items),
        **more,
    }
    return json.dumps(document).encode()


def test_created_and_updated_objects_are_rows() -> None:
    """In their own compact keys, the newest mention first."""
    newer = event(name="Repair café du jeudi", tag=[{"type": "Hashtag", "name": "#Réparation"}])

    rows, broken, result = reading(
        outbox(activity("Update", newer), activity("Create", event()), activity("Create", event(2))),
        "activitypub",
        host=HOST,
    )

    assert (broken, result.findings) == ([], [])
    assert [(row.where, row.row["name"]) for row in rows] == [
        (f"https://{HOST}/events/1", "Repair café du jeudi"),
        (f"https://{HOST}/events/2", "Repair café"),
    ]
    assert (rows[0].row["type"], rows[0].row["@type"], rows[0].row["hashtags"]) == ("Event", "Event", ["Réparation"])


def test_deletions_are_withdrawals_with_their_id() -> None:
    """As an IRI or a Tombstone; what was created before is not brought back."""
    gone = {"id": f"https://{HOST}/events/2", "type": "Tombstone", "formerType": "Event"}

    rows, _, _ = reading(
        outbox(
            activity("Delete", f"https://{HOST}/events/1"),
            activity("Delete", gone),
            activity("Create", event(1)),
        ),
        "activitypub",
        host=HOST,
    )

    assert [(row.row["id"], row.deleted) for row in rows] == [
        (f"https://{HOST}/events/1", True),
        (f"https://{HOST}/events/2", True),
    ]
    assert rows[1].row["formerType"] == "Event"


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    "host",
    [f"{HOST}.evil.net", f"{HOST}@evil.net", "evil.net", f"{HOST}:8443", f"evil.net\\@{HOST}", f"sub.{HOST}"],
)
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_an_object_of_another_host_is_refused(host: str, kind: str) -> None:
    """Compared as parsed, never by its beginning."""
    rows, broken, _ = reading(
        outbox(activity(kind, event(host=host)), activity("Create", event(5))), "activitypub", host=HOST
    )

    assert [row.row["id"] for row in rows] == [f"https://{HOST}/events/5"]
    assert [each.rule for each in broken] in (["object-host"], ["object-id"])


def test_an_actor_of_another_host_cannot_speak_through_this_outbox() -> None:
    """The object and its actor agree, but not with the server that answers."""
    stolen = activity("Create", event(host="autre.example"), actor="https://autre.example/@x")

    rows, broken, _ = reading(outbox(stolen), "activitypub", host=HOST)

    assert (rows, [each.rule for each in broken]) == ([], ["object-host"])


def test_upper_case_and_default_ports_are_the_same_host() -> None:
    """RFC 3986, section 6.2."""
    rows, broken, _ = reading(outbox(activity("Create", event(host="MOBILIZON.example:443"))), "activitypub", host=HOST)

    assert (len(rows), broken) == (1, [])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.org/x", "a.org"),
        ("https://a.org.evil.net/x", "a.org.evil.net"),
        ("https://a.org@evil.net/x", "evil.net"),
        ("http://a.org:8080/", "a.org:8080"),
        ("https://A.ORG.:443", "a.org"),
        ("https://épicerie.example/", "xn--picerie-9xa.example"),
        ("ftp://a.org/", None),
        ("https://a.org\\@evil.net", None),
        ("https://[", None),
        ("https://a.org:port/", None),
        (None, None),
    ],
)
def test_hosts_are_parsed(address: object, expected: str | None) -> None:
    """What stands before an at sign is no host, nor is the beginning of a longer name."""
    assert host_of(address) == expected


def test_boosts_likes_replies_and_mere_links_are_counted_in_one_remark() -> None:
    """They are no records, and none disappears without a word."""
    items = [
        activity("Announce", "https://ailleurs.example/1"),
        activity("Announce", "https://ailleurs.example/2"),
        activity("Like", "https://ailleurs.example/3"),
        activity("Create", event(type="Note", inReplyTo="https://ailleurs.example/4")),
        activity("Create", f"https://{HOST}/events/9"),
        f"https://{HOST}/activities/8",
    ]

    rows, broken, result = reading(outbox(*items), "activitypub", host=HOST)

    assert (rows, broken, rules(result)) == ([], [], ["activities-left-out"])
    assert result.findings[0].count == 6
    assert "Announce (2)" in result.findings[0].message["fr"]


def test_types_choose_among_objects() -> None:
    """No notes where events are wanted."""
    items = [activity("Create", event(1, type="Note")), activity("Create", event(2, type="as:Event"))]

    rows, _, result = reading(outbox(*items), "activitypub", host=HOST, types=("Event",))

    assert [row.row["type"] for row in rows] == ["Event"]
    assert result.findings[0].count == 1


def test_an_outbox_that_announces_posts_and_lists_none_is_not_whole() -> None:
    """pixelfed#4519."""
    _, _, empty = reading(outbox(type="OrderedCollection", totalItems=12), "activitypub", host=HOST)
    _, _, cover = reading(
        outbox(type="OrderedCollection", totalItems=12, first=f"{ACTOR}/outbox?page=1"), "activitypub"
    )
    _, _, none = reading(outbox(type="OrderedCollection", totalItems=0), "activitypub", host=HOST)

    assert (rules(empty), empty.whole) == (["outbox-empty"], False)
    assert (rules(cover), cover.whole, rules(none), none.whole) == ([], True, [], True)


def test_an_actor_is_a_row_of_its_own() -> None:
    """A group or an organisation may be the project."""
    actor = {"id": ACTOR, "type": "Group", "name": "Collectif", "outbox": f"{ACTOR}/outbox"}

    rows, _, _ = reading(json.dumps(actor).encode(), "activitypub", host=HOST)

    assert rows[0].row["name"] == "Collectif"
    assert reading(json.dumps(actor).encode(), "activitypub", host="autre.example")[1][0].rule == "object-host"


def test_texts_by_language_stand_under_their_plain_key() -> None:
    """``nameMap`` alone would be no name."""
    thing = event(nameMap={"fr": "Jardin", "br": "Liorzh"})
    del thing["name"]

    rows, _, _ = reading(outbox(activity("Create", thing)), "activitypub", host=HOST)

    assert rows[0].row["name"] == {"fr": "Jardin", "br": "Liorzh"}


@pytest.mark.fault(4, 6)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"error": "not found"}', "not-activitystreams"),
        (b"[1, 2]", "not-activitystreams"),
        (b'{"type": "OrderedCollection", "orderedItems": [', "cut"),
        (b"<!doctype html><html></html>", "web-page"),
    ],
)
def test_what_is_no_activitystreams_is_refused_in_words(body: bytes, rule: str) -> None:
    """A body cut short, a web page: neither is an empty outbox."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(body, "activitypub")

    assert rule in caught.value.rule


def test_odd_members_do_no_harm() -> None:
    """Every one is refused or counted."""
    odd = [None, 7, [], {"type": "Create"}, {"type": ["Create", 3], "object": [[], {}]}, {"type": "Event", "id": 3}]

    rows, broken, result = reading(outbox(*odd), "activitypub", host=HOST)

    assert rows == []
    assert broken
    assert rules(result) == ["activities-left-out"]


@pytest.mark.needs_shared
def test_no_document_of_the_corpora_breaks_the_reader(shared: Path) -> None:
    """W3C's examples, good and bad, and those of other software: rows, findings, or words."""
    files = [*shared.glob("activitypub/w3c-as2/test/**/*.json"), *shared.glob("activitypub/fedify-fixtures/**/*.json")]
    read = refused = 0

    for file in files:
        try:
            rows, broken, _ = reading(file.read_bytes(), "activitypub")
        except UnreadableFeed:
            refused += 1
        else:
            read += bool(rows)
            for row in rows:
                assert host_of(row.row["id"])
            assert all(each.where for each in broken)

    assert len(files) > 200
    assert read > 30
    assert refused < len(files) / 2


@pytest.mark.needs_shared
def test_objects_of_other_software_are_rows(shared: Path) -> None:
    """Variants of objects as the networks' servers send them (fediverse-pasture)."""
    count = 0
    for file in sorted(shared.glob("activitypub/funfedi-inputs/*.json")):
        for number, example in enumerate(json.loads(file.read_bytes()).get("examples", [])):
            thing = {"type": "Note", "attributedTo": ACTOR, **example, "id": f"https://{HOST}/{file.stem}/{number}"}
            if "attributedTo" in example or thing.get("inReplyTo"):
                continue
            rows, broken, _ = reading(outbox(activity("Create", thing)), "activitypub", host=HOST)
            assert (len(rows), broken) == (1, []), (file.name, number)
            count += 1

    assert count > 100
