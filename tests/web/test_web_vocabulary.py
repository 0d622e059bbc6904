"""Every IRI of ours that the data points to answers here: lists with members, licences, tiers, shapes, versions."""

from __future__ import annotations

import json

import html5lib
import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from sample_commons import BASE, RUN

CARREFOUR = "https://w3id.org/carrefour/"
SKOS = "http://www.w3.org/2004/02/skos/core#"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LISTS = ["theme/", "public/", "status/", "theme/cis2018/", "licence/open/", "licence/closed/"]


def said(client: FlaskClient, path: str) -> set[tuple[str, str, str]]:
    """The triples of a Turtle answer."""
    response = client.get(path, headers={"Accept": "text/turtle"})
    assert (response.status_code, response.mimetype) == (200, "text/turtle")
    quads = ox.parse(input=response.data, format=ox.RdfFormat.TURTLE)
    return {(quad.subject.value, quad.predicate.value, quad.object.value) for quad in quads}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_names_its_members(client: FlaskClient, path: str) -> None:
    """A scheme as data holds its concepts: top ones named by it, each in it, with its label."""
    triples = said(client, "/" + path)
    scheme = CARREFOUR + path

    top = {o for s, p, o in triples if (s, p) == (scheme, SKOS + "hasTopConcept")}
    members = {s for s, p, o in triples if (p, o) == (SKOS + "inScheme", scheme)}
    assert top
    assert top <= members
    assert members <= {s for s, p, _ in triples if p == SKOS + "prefLabel"}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_every_format_where_it_says(client: FlaskClient, path: str) -> None:
    """Content-Location and alternates of a scheme lead to the same bytes; browsers get a page."""
    by_accept = client.get("/" + path, headers={"Accept": "application/ld+json"})

    assert by_accept.headers["Content-Location"] == f"/{path.rstrip('/')}.jsonld"
    assert client.get(by_accept.headers["Content-Location"]).data == by_accept.data
    assert client.get("/" + path, headers={"Accept": BROWSER}).mimetype == "text/html"


@pytest.mark.parametrize("tier", ["essential", "basic", "full"])
def test_a_tier_is_described(client: FlaskClient, tier: str) -> None:
    """What dcterms:conformsTo points to is a standard with a label and a comment in both languages."""
    tree = json.loads(client.get(f"/shapes/{tier}", headers={"Accept": "application/ld+json"}).data)
    triples = said(client, f"/shapes/{tier}")
    labels = {o for s, p, o in triples if s == f"{CARREFOUR}shapes/{tier}" and p.endswith("#label")}

    assert "Standard" in json.dumps(tree)
    assert len(labels) == 2
    page = client.get(f"/shapes/{tier}", headers={"Accept": BROWSER})
    assert (page.status_code, page.mimetype) == (200, "text/html")


def test_a_version_of_the_ontology_is_the_ontology(client: FlaskClient) -> None:
    """The owl:versionIRI answers with the ontology; a version that we do not have is not found."""
    triples = said(client, "/vocab")
    version = next(o for _, p, o in triples if p.endswith("#versionIRI"))

    assert said(client, "/" + version.removeprefix(CARREFOUR)) == triples
    assert client.get("/vocab/99.0.0").status_code == 404


def test_a_shape_can_be_read_in_a_browser(client: FlaskClient) -> None:
    """A page that shows the Turtle, not a refusal; machines still get the file."""
    page = client.get("/shapes/project", headers={"Accept": BROWSER})

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "sh:NodeShape" in page.get_data(as_text=True)
    assert client.get("/shapes/project", headers={"Accept": "*/*"}).mimetype == "text/turtle"


def test_a_source_says_whose_it_is_and_its_last_run(client: FlaskClient) -> None:
    """Publisher, licence and the last run that changed something, as data and on the page."""
    triples = said(client, "/sources/avise-fiches")
    source = f"{BASE}/sources/avise-fiches"

    assert (source, "http://purl.org/dc/terms/publisher", f"{BASE}/actors/avise") in triples
    assert any(s == source and p == "http://purl.org/dc/terms/license" for s, p, _ in triples)
    assert (f"{BASE}/runs/{RUN}", "http://www.w3.org/ns/prov#used", source) in triples
    assert f"/runs/{RUN}" in client.get("/sources/avise-fiches", headers={"Accept": BROWSER}).get_data(as_text=True)


def test_domains_are_apart_from_themes(client: FlaskClient) -> None:
    """The page of the thesaurus has two tables, 8 domains and 40 themes, with scope notes and no empty column."""
    body = client.get("/theme/", headers={"Accept": BROWSER}).get_data(as_text=True)
    page = html5lib.parse(body, namespaceHTMLElements=False)

    sizes = [len(table.findall("./tbody/tr")) for table in page.findall(".//table")]
    assert sizes == [8, 40]
    assert [len(table.findall("./thead/tr/th")) for table in page.findall(".//table")] == [2, 3]
    assert "alimentation, forêt" in body
    assert "Définition" not in client.get("/status/", headers={"Accept": BROWSER}).get_data(as_text=True)


def test_vocabulary_chips_are_in_words(client: FlaskClient) -> None:
    """Lists and shapes are named in the language of the page, terms of others by where they come from."""
    page = client.get("/vocab", headers={"Accept": BROWSER}).get_data(as_text=True)
    assert ">Thèmes</a>" in page
    assert ">Projet</a>" in page
    concept = client.get("/theme/AGR", headers={"Accept": BROWSER}).get_data(as_text=True)
    assert ">ESSGlobal T2</a>" in concept
    assert ">http://purl.org" not in concept
