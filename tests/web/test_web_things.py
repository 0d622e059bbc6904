"""Linked data over HTTP: representation by Accept and suffix, 303, 301, 406, 410, headers (vocabulary design, 10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from sample_commons import BASE, RUN, Sample

TYPES = {
    "jsonld": "application/ld+json",
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "trig": "application/trig",
}
DOCUMENTS = ["/projet/p1", "/records/avise/123", "/sources/avise-fiches", f"/runs/{RUN}", "/theme/AGR", "/vocab"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", [*DOCUMENTS, "/actors/avise", "/shapes/project"])
@pytest.mark.parametrize("suffix", TYPES)
def test_a_format_is_had_by_accept_and_by_suffix(client: FlaskClient, path: str, suffix: str) -> None:
    """Both ways give the same bytes, typed, located, open to other sites, varying on Accept, with a strong ETag."""
    by_accept = client.get(path, headers={"Accept": TYPES[suffix]})
    by_suffix = client.get(f"{path}.{suffix}")

    assert by_accept.status_code == by_suffix.status_code == 200
    assert by_accept.data == by_suffix.data
    assert by_accept.mimetype == by_suffix.mimetype == TYPES[suffix]
    assert by_accept.headers["Content-Location"] == f"{path}.{suffix}"
    assert "Accept" in by_accept.headers["Vary"]
    assert by_accept.headers["Access-Control-Allow-Origin"] == "*"
    assert "Link" in by_accept.headers["Access-Control-Expose-Headers"]
    tag = by_accept.headers["ETag"]
    assert client.get(path, headers={"Accept": TYPES[suffix], "If-None-Match": tag}).status_code == 304


CHANGED = datetime(2026, 1, 4, 9, 30, 15, 250000, tzinfo=UTC)
STAMP = "Sun, 04 Jan 2026 09:30:15 GMT"


@pytest.fixture
def dated(platform: Sample) -> Iterator[Sample]:
    """The sample, with the change log knowing of one project and one record."""
    platform.ledger.changes = {f"{BASE}/id/projet/p1": CHANGED, f"{BASE}/records/avise/123": CHANGED}
    yield platform
    platform.ledger.changes = {}


@pytest.mark.usefixtures("dated")
@pytest.mark.parametrize("path", ["/projet/p1", "/records/avise/123"])
@pytest.mark.parametrize("suffix", [*TYPES, "html"])
def test_what_has_a_date_tells_when_it_was_last_modified(client: FlaskClient, path: str, suffix: str) -> None:
    """Every format has the date and an ETag; with another's ETag the whole answer comes, whatever the date."""
    response = client.get(f"{path}.{suffix}")
    tag = response.headers["ETag"]
    known = client.get(f"{path}.{suffix}", headers={"If-None-Match": tag})
    unknown = client.get(f"{path}.{suffix}", headers={"If-None-Match": '"other"', "If-Modified-Since": STAMP})

    assert response.headers["Last-Modified"] == STAMP
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", tag)
    assert unknown.status_code == 200


@pytest.mark.usefixtures("dated")
@pytest.mark.parametrize("path", ["/projet/p1", "/records/avise/123"])
@pytest.mark.parametrize("suffix", ["jsonld", "ttl", "nt", "rdf"])
def test_data_older_than_what_a_client_has_is_not_sent_again(client: FlaskClient, path: str, suffix: str) -> None:
    """If-Modified-Since: 304 from the date of the change on, the whole answer before."""
    codes = [
        client.get(f"{path}.{suffix}", headers={"If-Modified-Since": since}).status_code
        for since in ("Sun, 04 Jan 2026 09:30:14 GMT", STAMP, "Mon, 05 Jan 2026 00:00:00 GMT", "gestern")
    ]

    assert codes == [200, 304, 304, 200]


@pytest.mark.usefixtures("dated")
@pytest.mark.parametrize("path", ["/projet/p1", "/records/avise/123.trig", "/records/avise/123.nq"])
def test_what_shows_more_than_the_dated_triples_is_not_judged_by_their_date(client: FlaskClient, path: str) -> None:
    """A page names its partners, a record's quads its tier: these change without the record, so the ETag decides."""
    response = client.get(path, headers={"Accept": BROWSER, "If-Modified-Since": STAMP})

    assert (response.status_code, response.headers["Last-Modified"]) == (200, STAMP)


def test_a_change_of_this_minute_is_not_dated_yet(client: FlaskClient, dated: Sample) -> None:
    """HTTP dates have whole seconds: another change in the same second could not be told from it."""
    dated.ledger.changes[f"{BASE}/id/projet/p1"] = datetime.now(UTC) - timedelta(seconds=5)

    assert "Last-Modified" not in client.get("/projet/p1.ttl").headers


def test_a_change_that_is_not_published_yet_is_not_dated(client: FlaskClient, dated: Sample) -> None:
    """The log may be ahead of what readers see: it is asked for what they see."""
    dated.reader.seq = 0
    response = client.get("/projet/p1.ttl")
    dated.reader.seq = 1

    assert "Last-Modified" not in response.headers


def test_a_run_was_last_modified_when_it_ended(client: FlaskClient) -> None:
    """Its description never changes after that; a source, whose date nobody knows, has none."""
    assert client.get(f"/runs/{RUN}.ttl").headers["Last-Modified"] == "Fri, 02 Jan 2026 03:00:09 GMT"
    assert "Last-Modified" not in client.get("/sources/avise-fiches.ttl").headers


def test_a_run_says_how_it_ended(client: FlaskClient) -> None:
    """State and counts, in words on its page and as two plain values in its data."""
    page = client.get(f"/runs/{RUN}", headers={"Accept": BROWSER}).get_data(as_text=True)
    data = json.loads(client.get(f"/runs/{RUN}.jsonld").data)

    assert "réussie avec rejets" in page
    assert "<strong>3</strong> lues" in page
    assert (data["runState"], data["counts"]) == ("with-rejects", "read=3 accepted=2")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_etags_differ_by_format(client: FlaskClient, path: str) -> None:
    """No two representations of one thing share a tag."""
    tags = [client.get(f"{path}.{suffix}").headers["ETag"] for suffix in TYPES]

    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("path", [*DOCUMENTS, "/id/projet/p1", "/actors/avise"])
def test_head_is_get_without_a_body(client: FlaskClient, path: str) -> None:
    """HEAD has the status and headers of GET."""
    got, head = client.get(path), client.head(path)

    assert (head.status_code, head.data) == (got.status_code, b"")
    assert head.headers.get("ETag") == got.headers.get("ETag")


@pytest.mark.parametrize(
    ("accept", "target"),
    [
        (None, "/projet/p1.jsonld"),
        ("*/*", "/projet/p1.jsonld"),
        ("application/json", "/projet/p1.jsonld"),
        (BROWSER, "/projet/p1"),
        ("text/turtle", "/projet/p1.ttl"),
        ("text/turtle;q=0.5, application/rdf+xml;q=0.9", "/projet/p1.rdf"),
        ("application/n-triples, */*;q=0.1", "/projet/p1.nt"),
    ],
)
def test_a_project_sends_to_a_document(client: FlaskClient, accept: str | None, target: str) -> None:
    """A thing answers 303 to the document that suits the client; the wildcard gives JSON-LD."""
    response = client.get("/id/projet/p1", headers={"Accept": accept} if accept else {})

    assert (response.status_code, response.headers["Location"]) == (303, target)
    assert "Accept" in response.headers["Vary"]
    assert client.get(target).status_code == 200


@pytest.mark.parametrize(
    ("path", "wildcard"),
    [
        ("/projet/p1", "text/html"),
        ("/records/avise/123", "application/ld+json"),
        ("/theme/AGR", "text/html"),
        ("/vocab", "text/turtle"),
        ("/shapes/project", "text/turtle"),
        ("/actors/avise", "application/ld+json"),
    ],
)
def test_the_wildcard_gives_what_suits_most(client: FlaskClient, path: str, wildcard: str) -> None:
    """*/* is HTML on pages, JSON-LD on data, Turtle on vocabulary files."""
    assert client.get(path, headers={"Accept": "*/*"}).mimetype == wildcard


@pytest.mark.parametrize("path", [*DOCUMENTS, "/id/projet/p1", "/actors/avise", "/projet/gone"])
def test_an_unknown_type_is_refused_with_the_list(client: FlaskClient, path: str) -> None:
    """406 names every representation that there is."""
    response = client.get(path, headers={"Accept": "image/png"})

    assert response.status_code == 406
    for media_type in TYPES.values():
        assert media_type in response.get_data(as_text=True)
    assert 'rel="alternate"' in response.headers["Link"]


def test_a_record_names_its_graph(client: FlaskClient) -> None:
    """N-Quads of a record: its graph is the record, and nothing of other records is in it."""
    response = client.get("/records/avise/123.nq")
    quads = list(ox.parse(input=response.data, format=ox.RdfFormat.N_QUADS))

    assert response.mimetype == "application/n-quads"
    assert {str(quad.graph_name) for quad in quads} == {f"<{BASE}/records/avise/123>", "DEFAULT"}
    assert b"fonda" not in response.data


def test_links_tell_the_way(client: FlaskClient) -> None:
    """Alternates with types, licence, provenance, the thing described; on a record its project and its shape."""
    link = client.get("/projet/p1.ttl").headers["Link"]
    assert f'<{BASE}/id/projet/p1>; rel="describes"' in link
    assert '<https://creativecommons.org/licenses/by/4.0/>; rel="license"' in link
    assert f'<{BASE}/records/fonda/g-1>; rel="http://www.w3.org/ns/prov#has_provenance"' in link
    assert '</projet/p1.jsonld>; rel="alternate"; type="application/ld+json"' in link
    assert '</projet/p1>; rel="alternate"; type="text/html"' in link

    link = client.get("/records/avise/123", headers={"Accept": "text/turtle"}).headers["Link"]
    assert f'<{BASE}/id/projet/p1>; rel="collection"' in link
    assert '<https://w3id.org/carrefour/shapes/record>; rel="describedby"' in link

    page = client.get("/projet/p1", headers={"Accept": BROWSER}).headers["Link"]
    assert f'<{BASE}/projet/p1>; rel="canonical"' in page
    assert 'rel="alternate"; type="text/turtle"' in page


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/vocab.ttl", "https://w3id.org/carrefour/vocab"),
        ("/theme/AGR.jsonld", "https://w3id.org/carrefour/theme/AGR"),
        ("/theme/AGR", "https://w3id.org/carrefour/theme/AGR"),
        ("/shapes/place.ttl", "https://w3id.org/carrefour/shapes/place"),
        ("/context/v1.jsonld", "https://w3id.org/carrefour/context/v1.jsonld"),
        ("/status/", "https://w3id.org/carrefour/status/"),
    ],
)
def test_copies_of_the_vocabulary_name_the_original(client: FlaskClient, path: str, canonical: str) -> None:
    """Local copies point to their permanent IRI; data files may be kept a day, a frozen context for good."""
    response = client.get(path)

    assert response.status_code == 200
    assert f'<{canonical}>; rel="canonical"' in response.headers["Link"]
    if path == "/context/v1.jsonld":
        assert "immutable" in response.headers["Cache-Control"]
        assert json.loads(response.data)["@context"]["@version"] == 1.1
    elif "." in path:
        assert "max-age=86400" in response.headers["Cache-Control"]


def test_a_merged_project_leads_to_the_survivor(client: FlaskClient) -> None:
    """301, kept for an hour because merges can be undone; suffixes and languages follow."""
    response = client.get("/id/projet/old", headers={"Accept": "text/turtle"})
    assert (response.status_code, response.headers["Location"]) == (301, "/id/projet/p1")
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert client.get("/projet/old.ttl").headers["Location"] == "/projet/p1.ttl"
    assert client.get("/en/projet/old").headers["Location"] == "/en/projet/p1"


@pytest.mark.parametrize("path", ["/id/projet/gone", "/projet/gone", "/records/avise/gone"])
def test_a_withdrawn_thing_leaves_a_tombstone(client: FlaskClient, path: str) -> None:
    """410 as a page, and as RDF in every format: what it was and since when."""
    page = client.get(path, headers={"Accept": BROWSER})
    assert (page.status_code, page.mimetype) == (410, "text/html")
    assert "5 janvier 2026" in page.get_data(as_text=True)

    for suffix, media_type in TYPES.items():
        response = client.get(path, headers={"Accept": media_type})
        assert (response.status_code, response.mimetype) == (410, media_type), suffix
        assert b"Tombstone" in response.data
        assert b"2026-01-05T10:00:00+00:00" in response.data


def test_a_living_thing_is_never_a_tombstone(client: FlaskClient, platform: Sample) -> None:
    """A project that loses one of its records, or a record that came back, is served: what is in the store lives."""
    living = {
        f"{BASE}/id/projet/p1": datetime(2026, 1, 1, tzinfo=UTC),
        f"{BASE}/records/avise/123": datetime(2026, 1, 1, tzinfo=UTC),
    }
    platform.ledger.gone |= living

    codes = [client.get(path).status_code for path in ("/id/projet/p1", "/projet/p1", "/records/avise/123")]

    for iri in living:
        del platform.ledger.gone[iri]
    assert codes == [303, 200, 200]


def test_frozen_lists_are_pages_without_a_search(client: FlaskClient) -> None:
    """A concept of the 2018 list has its page and its data, but no count and no filter."""
    page = client.get("/theme/cis2018/pubics_youth", headers={"Accept": BROWSER})

    assert page.status_code == 200
    assert b"/projets?" not in page.data
    assert client.get("/theme/cis2018/pubics_youth.ttl").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/id/projet/nope",
        "/projet/nope",
        "/records/avise/nope",
        "/actors/nope",
        "/theme/NOPE",
        "/vocab.xyz",
        "/nope/AGR",
        "/shapes/nope",
        "/context/v9.jsonld",
        "/records/a%3E/%20b",
        "/projet/%00",
        "/contributeur/nope",
        "/runs/x.nq",
    ],
)
def test_what_is_not_there_is_a_404(client: FlaskClient, path: str) -> None:
    """Never a 500, as a page for browsers and one line of text for others."""
    assert client.get(path, headers={"Accept": BROWSER}).status_code == 404
    plain = client.get(path, headers={"Accept": "text/turtle, text/plain;q=0.5"})
    assert (plain.status_code, plain.mimetype) == (404, "text/plain")


def test_the_host_header_builds_nothing(client: FlaskClient) -> None:
    """IRIs in bodies and links come from the configured address only."""
    response = client.get(
        "/projet/p1", headers={"Accept": BROWSER, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )

    assert "evil.example" not in response.get_data(as_text=True)
    assert "evil.example" not in str(response.headers)


def test_data_under_english_is_the_same_data(client: FlaskClient) -> None:
    """IRIs and data are language-neutral: the same bytes, located without the prefix."""
    response = client.get("/en/projet/p1", headers={"Accept": "text/turtle"})

    assert response.data == client.get("/projet/p1.ttl").data
    assert response.headers["Content-Location"] == "/projet/p1.ttl"


@pytest.mark.parametrize("path", ["/records/avise/", "/projet/", "/id/projet/", "/actors/", "/sources/", "/runs/"])
@pytest.mark.parametrize("name", ["%25zz", "%25", "%00", "%0d%0aX:1", "%ff", "%7B%7D", "%E2%80%A8", "%EE%80%80"])
def test_an_address_that_is_no_iri_names_nothing(client: FlaskClient, path: str, name: str) -> None:
    """Not found, and nothing to find out."""
    assert client.get(path + name).status_code == 404
