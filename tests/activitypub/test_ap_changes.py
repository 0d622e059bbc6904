"""What peers read to keep in step: complete to a number, equal to what the store holds, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from ap_step import Site, row, rows
from flask.testing import FlaskClient

from federation.activitypub.changes import PAGE, page_of
from federation.activitypub.objects import record_digest
from federation.ledger.ap_digests import Xor, mark
from federation.ledger.ap_objects import ObjectRow
from federation.model import partner_of
from federation.web import create_app

pytestmark = pytest.mark.slow  # whole instances and hosts: minutes on a small machine


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Carrefour whose records were edited, withdrawn and brought back."""
    made = Site(tmp_path_factory.mktemp("changes") / "site")
    made.harvest("p", rows(12))
    made.harvest("q", rows(3, "Un jardin.", start=100))
    made.harvest("p", [row("0", "Un autre texte."), *rows(10, start=2)])
    made.harvest("p", [row("0", "Un autre texte."), row("1", "De retour."), *rows(9, start=2)])
    yield made
    made.down()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """A client of it."""
    return create_app(site.platform).test_client()


def read(client: FlaskClient, site: Site, path: str) -> dict[str, Any]:
    """One document."""
    response = client.get(path.removeprefix(site.base))
    assert response.status_code == 200, path
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    found: dict[str, Any] = json.loads(response.data)
    return found


def walk(client: FlaskClient, site: Site, path: str) -> Iterator[Mapping[str, Any]]:
    """The records of a manifest or a dump, part by part."""
    following: str | None = path
    while following is not None:
        part = read(client, site, following)
        yield from part["records"]
        following = part.get("next")


def digests(site: Site) -> dict[str, str]:
    """The digest of each public record, from the store itself."""
    return {iri: record_digest(text.encode()) for iri, text in site.own().items()}


def test_the_digest_is_that_of_the_store(client: FlaskClient, site: Site) -> None:
    """Count and XOR of each partner, kept change by change, are those of its records as they are."""
    found = read(client, site, "/changes/digest")

    assert found["seq"] == site.ledger.changes.last_seq()
    assert [one["actor"] for one in found["partners"]] == [f"{site.base}/actors/{slug}" for slug in ("p", "q")]
    for one in found["partners"]:
        xor = 0
        mine = {iri: d for iri, d in digests(site).items() if partner_of(iri, site.base) == one["name"]}
        for iri, digest in mine.items():
            xor ^= int.from_bytes(hashlib.sha256(f"{iri}\n{digest}".encode()).digest())
        assert (one["count"], one["xor"]) == (len(mine), xor.to_bytes(32).hex())


def test_the_manifest_lists_every_record_in_order(
    client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part after part, in the order of bytes, with the digest of today."""
    monkeypatch.setattr("federation.activitypub.changes.PART", 4)
    first = {one["actor"]: one["first"] for one in read(client, site, "/changes/manifest")["partners"]}
    listed = [*walk(client, site, first[f"{site.base}/actors/p"]), *walk(client, site, "/changes/manifest/q")]

    assert {one["record"]: one["digest"] for one in listed} == digests(site)
    names = [one["record"] for one in listed]
    assert names == sorted(names, key=str.encode)
    assert {one["id"] for one in listed} == {iri.replace("/records/", "/objects/") for iri in digests(site)}


def test_the_dump_is_every_public_record(client: FlaskClient, site: Site) -> None:
    """As one body, and part by part: the same records, each with its data; 304 as long as nothing changes."""
    response = client.get("/changes/dump")
    head, *lines = response.data.splitlines()
    records = [json.loads(line) for line in lines]
    parts = [*walk(client, site, "/changes/dump/p"), *walk(client, site, "/changes/dump/q")]

    assert json.loads(head)["seq"] == site.ledger.changes.last_seq()
    assert {one["record"]: one["data"] for one in records} == site.own()
    assert records == parts
    assert all(one["digest"] == record_digest(one["data"].encode()) for one in records)
    assert client.get("/changes/dump", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


def test_the_feed_tells_the_latest_of_each_record_once(client: FlaskClient, site: Site) -> None:
    """Every change is there in order; only the one that is true today carries a digest."""
    entries = read(client, site, read(client, site, "/changes")["first"])["orderedItems"]
    told = [(one["record"], one["digest"]) for one in entries if "digest" in one]

    assert [one["seq"] for one in entries] == list(range(1, site.ledger.changes.last_seq() + 1))
    assert len(told) == len(digests(site))
    assert dict(told) == digests(site)
    last = [one for one in entries if one["record"].endswith("/p/11")][-1]
    assert (last["type"], "digest" in last) == ("Delete", False)
    kinds = [one["type"] for one in entries if one["record"].endswith("/p/1")]
    assert kinds == ["Create", "Delete", "Create"]


def test_pages_go_by_the_number_of_the_change(client: FlaskClient, site: Site) -> None:
    """A page is known from a number alone; there is none after the newest, nor any written in another way."""
    assert [page_of(seq) for seq in (1, PAGE, PAGE + 1)] == [1, 1, 2]
    for path in ("/changes/page/2", "/changes/page/0", "/changes/page/01", "/changes/page/x"):
        assert client.get(path).status_code == 404


def test_a_page_is_a_linked_data_event_stream(client: FlaskClient, site: Site) -> None:
    """Read as JSON-LD, every change is a member of the stream that the page is a view of, with number and record."""
    page = read(client, site, "/changes/page/1")
    plain = {"id": "@id", "type": "@type", "orderedItems": {"@id": "urn:items", "@container": "@list"}}
    context = [{"@vocab": "https://www.w3.org/ns/activitystreams#", **plain}, *page["@context"][1:]]
    quads = {
        (str(quad.subject), str(quad.predicate), str(quad.object))
        for quad in ox.parse(input=json.dumps({**page, "@context": context}), format=ox.RdfFormat.JSON_LD)
    }

    stream = f"<{site.base}/changes>"
    members = [one for subject, name, one in quads if (subject, name) == (stream, "<https://w3id.org/tree#member>")]
    assert len(members) == site.ledger.changes.last_seq()
    assert (stream, "<https://w3id.org/tree#view>", f"<{site.base}/changes/page/1>") in quads
    for member in members:
        said = {name: value for subject, name, value in quads if subject == member}
        assert said["<http://schema.org/position>"].partition("^^")[0] == f'"{member[1:-1].partition("#")[2]}"'
        assert said["<http://xmlns.com/foaf/0.1/primaryTopic>"].startswith(f"<{site.base}/records/")


def test_a_partner_that_nobody_knows_has_an_empty_manifest(client: FlaskClient, site: Site) -> None:
    """Nothing tells whether it has ever been here."""
    assert read(client, site, "/changes/manifest/nobody")["records"] == []
    assert read(client, site, "/changes/dump/nobody")["records"] == []


def test_the_object_of_a_record_that_its_partner_pushed_is_the_partners(client: FlaskClient, site: Site) -> None:
    """We publish no copy of it: the feed, the manifest and the dump name the object that is."""
    record, there = f"{site.base}/records/q/100", "https://q.example/objects/100"
    site.ledger.ap_objects.put(
        [ObjectRow(there, record, "https://q.example/actor", "q.example", "q", None, None, "live", "public", {})]
    )

    assert next(one["id"] for one in walk(client, site, "/changes/manifest/q") if one["record"] == record) == there
    assert next(one["object"] for one in walk(client, site, "/changes/dump/q") if one["record"] == record) == there
    entries = read(client, site, "/changes/page/1")["orderedItems"]
    assert {one["object"] for one in entries if one["record"] == record} == {there}


def test_an_erased_record_is_in_no_table_and_no_document(tmp_path: Path) -> None:
    """The tally is as if it had never been; the log keeps an opaque name."""
    site = Site(tmp_path / "site")
    site.harvest("p", rows(6))
    record = f"{site.base}/records/p/3"
    site.ledger.erasures.ask(record)
    with site.platform.writing():  # it begins with what people want erased
        assert site.ledger.ap_digests.many([record]) == {}
    site.tally()

    xor = Xor()
    for iri, digest in digests(site).items():
        xor.add(iri, digest.removeprefix("sha-256:"))
    assert site.ledger.ap_digests.state()[1][0][1:] == (5, xor.hex)
    said = json.dumps([site.changes.page(1), site.changes.manifest_part("p"), site.changes.dump_part("p")])
    assert f'{record}"' not in said
    assert record not in digests(site)
    site.down()


def test_xor_forgets_what_is_put_in_twice() -> None:
    """Any order gives the same; a record and its digest are taken together."""
    one, two = Xor(), Xor()
    one.add("a", "1")
    one.add("b", "2")
    two.add("b", "2")
    two.add("c", "3")
    two.add("a", "1")
    two.add("c", "3")

    assert one.hex == two.hex
    assert mark("a", "12") != mark("a\nsha-256:1", "2")
