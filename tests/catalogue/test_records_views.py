"""Things read from the store: who said what, JSON-LD equal to the oracle, formats that lose nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyoxigraph as ox
import pytest
from pyld import jsonld
from sample_commons import BASE, Reader, quads

from federation.catalogue import formats
from federation.catalogue.formats import Content, serialise, turtle
from federation.catalogue.jsonld import Compactor
from federation.catalogue.records import Catalogue, safe_iri, web_address
from federation.catalogue.values import decode
from federation.catalogue.views import FieldView, ProjectView, project_view, record_view
from federation.catalogue.words import Words
from federation.model import Triple, to_lines
from federation.vocabulary import load

CONTEXT = "https://w3id.org/carrefour/context/v1.jsonld"


@pytest.fixture(scope="module")
def words() -> Words:
    """The tables of the real vocabulary."""
    return Words.of(load())


@pytest.fixture(scope="module")
def catalogue(words: Words) -> Catalogue:
    """The sample commons."""
    return Catalogue(Reader(quads()), words, BASE)


def project(catalogue: Catalogue, pid: str) -> Content:
    """A project that must be there."""
    found = catalogue.thing(f"{BASE}/id/projet/{pid}")
    assert found is not None
    return found


def view(catalogue: Catalogue, pid: str) -> ProjectView:
    """The page model of a project."""
    content = project(catalogue, pid)
    records = catalogue.records_of(content)
    graphs = catalogue.graphs(records)
    return project_view(content.root, content.triples, graphs, catalogue.lines(records), catalogue.words)


def partners(field: FieldView, text: str) -> set[str]:
    """Slugs of the partners who state a value."""
    return {line.partner for said in (*field.values, *field.others) if said.value.text == text for line in said.records}


def test_every_value_names_the_records_that_state_it(catalogue: Catalogue) -> None:
    """A keyword given by two partners names both, one given by one names that one."""
    field = view(catalogue, "p1").fields["keywords"]

    assert partners(field, "semences") == {"avise", "fonda"}
    assert partners(field, "troc") == {"fonda"}
    assert field.sources == 2
    assert not field.diverging


def test_a_losing_value_is_shown_beside_the_kept_one(catalogue: Catalogue) -> None:
    """Two French names: the kept one and the other, each with its record; the field is marked as diverging."""
    field = view(catalogue, "p1").fields["name"]

    assert field.diverging
    assert {said.value.text for said in field.values} == {"Graine(s) de troc", "Seed swap"}
    assert [said.value.text for said in field.others] == ["Graines de Troc"]
    assert partners(field, "Graines de Troc") == {"fonda"}


def test_nodes_are_equal_by_content_whatever_their_address(catalogue: Catalogue) -> None:
    """A place in the merged project is recognised in the record, though its node has another IRI."""
    field = view(catalogue, "p1").fields["location"]

    assert [said.value.text for said in field.values] == ["17000 La Rochelle"]
    assert partners(field, "17000 La Rochelle") == {"avise"}
    assert field.others == ()


def test_a_node_that_points_back_is_recognised_too(catalogue: Catalogue) -> None:
    """A job points to its project: merged and record version are one value."""
    field = view(catalogue, "p2").fields["job"]

    assert partners(field, "Chef d'atelier") == {"avise"}
    assert field.others == ()


def test_sections_come_from_the_vocabulary(catalogue: Catalogue) -> None:
    """Labels in French and English and the order of sections are those of the shapes."""
    sections = view(catalogue, "p1").sections

    assert [section.key for section in sections] == ["identity", "content", "place", "people", "stage"]
    assert all(section.label.keys() >= {"fr", "en"} for section in sections)
    assert all(field.label.get("fr") for section in sections for field in section.fields)


def test_an_address_that_runs_code_is_never_a_link(catalogue: Catalogue) -> None:
    """javascript: and data: addresses of a partner are text."""
    seen = view(catalogue, "p3")

    assert [said.value.link for said in seen.fields["url"].values] == [None]
    assert [said.value.link for said in seen.fields["sameAs"].values] == [None]
    assert seen.records[0].page is None
    assert web_address("https://a.example/") == "https://a.example/"
    assert web_address("JavaScript:alert(1)") is None


def test_a_record_page_says_everything_by_itself(catalogue: Catalogue, words: Words) -> None:
    """The model of one record: its own values, all stated by it, and its credit."""
    iri = f"{BASE}/records/avise/123"
    content = catalogue.record(iri)
    assert content is not None
    line = catalogue.lines([iri])[iri]

    seen = record_view(iri, content.triples, line, words)

    assert seen.title["fr"] == "Graine(s) de troc"
    assert (line.partner_name, line.page, line.tier) == ("Avise", "https://avise.example/fiche/123", "basic")
    assert line.first_seen == "2025-11-03T00:00:00Z"
    assert not seen.diverging


def test_cards_keep_the_order_and_credit_every_partner(catalogue: Catalogue) -> None:
    """Cards come in the order asked; one that does not exist is left out."""
    cards = catalogue.cards([f"{BASE}/id/projet/{pid}" for pid in ("p2", "never", "p1")])

    assert [card.pid for card in cards] == ["p2", "p1"]
    assert [line.partner_name for line in cards[1].records] == ["Avise", "La Fonda"]
    assert cards[1].places == ("La Rochelle",)


@pytest.mark.parametrize(
    "iri", ["", "a b", "http://x/>", 'http://x/"', "http://x/\n", "http://x/{", "http://x/\\u003e", "http://x/%zz"]
)
def test_an_iri_that_could_break_out_of_a_query_is_refused(catalogue: Catalogue, iri: str) -> None:
    """What cannot stand between < and > is not looked up at all."""
    assert not safe_iri(iri)
    assert catalogue.thing(iri) is None
    assert catalogue.record(iri) is None
    assert catalogue.lines([iri]) == {}


# -- formats ----------------------------------------------------------------------------------------------------------


def contents(catalogue: Catalogue) -> Iterator[Content]:
    """Every thing of the sample."""
    for pid in ("p1", "p2", "p3"):
        yield project(catalogue, pid)
    for path in ("avise/123", "avise/456", "fonda/g-1", "malin/x"):
        found = catalogue.record(f"{BASE}/records/{path}")
        assert found is not None
        yield found
    for path in ("actors/avise", "sources/avise-fiches", "runs/01HZX5T9V0000000000000000A"):
        found = catalogue.thing(f"{BASE}/{path}")
        assert found is not None
        yield found


def triples_in(body: bytes, form: ox.RdfFormat) -> set[Triple]:
    """Triples of a serialisation, graph names aside."""
    return {(str(q.subject), str(q.predicate), str(q.object)) for q in ox.parse(input=body, format=form)}


@pytest.mark.parametrize("form", formats.RECORD_DATA, ids=lambda form: form.suffix)
def test_no_format_loses_a_triple(catalogue: Catalogue, words: Words, form: formats.Format) -> None:
    """Reading back any format of anything gives exactly its triples; twice written, the same bytes."""
    compactor = Compactor(words.context, CONTEXT)
    for content in contents(catalogue):
        body = serialise(content, form, compactor, words.prefixes)

        expected = set(content.triples) | (set(content.beside) if form.graphs else set())
        if form is formats.JSONLD:
            found = triples_of_jsonld(body, words)
        else:
            found = triples_in(body, next(f for f in RDF_FORMATS if f.file_extension == form.suffix))
        assert to_lines(found) == to_lines(expected)
        assert serialise(content, form, compactor, words.prefixes) == body


RDF_FORMATS = (
    ox.RdfFormat.TURTLE,
    ox.RdfFormat.N_TRIPLES,
    ox.RdfFormat.RDF_XML,
    ox.RdfFormat.N_QUADS,
    ox.RdfFormat.TRIG,
)


def triples_of_jsonld(body: bytes, words: Words) -> set[Triple]:
    """Our JSON-LD read by pyld, our context given."""
    lines = jsonld.to_rdf(json.loads(body), {"format": "application/n-quads", "documentLoader": loader(words)})
    return triples_in(lines.encode(), ox.RdfFormat.N_QUADS)


def loader(words: Words) -> Any:
    """A document loader that knows our context only."""

    def load_document(url: str, _options: object) -> dict[str, Any]:
        assert url == CONTEXT
        return {"document": {"@context": words.context}, "documentUrl": url, "contextUrl": None}

    return load_document


def test_a_record_keeps_its_graph_name_in_formats_that_have_one(catalogue: Catalogue, words: Words) -> None:
    """TriG and N-Quads name the record's graph, and put beside it what the default graph says of the record."""
    iri = f"{BASE}/records/avise/123"
    content = catalogue.record(iri)
    assert content is not None

    body = serialise(content, formats.NQUADS, Compactor(words.context, CONTEXT), words.prefixes)
    graphs = {str(quad.graph_name) for quad in ox.parse(input=body, format=ox.RdfFormat.N_QUADS)}

    assert graphs == {f"<{iri}>", "DEFAULT"}


@pytest.mark.parametrize("pid", ["p1", "p2", "p3"])
def test_project_json_ld_is_what_framing_would_give(catalogue: Catalogue, words: Words, pid: str) -> None:
    """The direct builder equals pyld: frame on the project IRI, then our context."""
    content = project(catalogue, pid)
    built = Compactor(words.context, CONTEXT).document(content.root, sorted(content.triples))
    frame = json.loads(load().file("vocab/frame/project.jsonld"))

    framed = framed_by_pyld(content, frame, words)

    assert normal(built) == normal(framed)


def framed_by_pyld(content: Content, frame: dict[str, Any], words: Words) -> dict[str, Any]:
    """The oracle."""
    options: dict[str, Any] = {"documentLoader": loader(words), "omitGraph": True, "pruneBlankNodeIdentifiers": True}
    lines = to_lines(content.triples)
    expanded = jsonld.from_rdf(lines, {"format": "application/n-quads"})
    result: dict[str, Any] = jsonld.frame(expanded, {**frame, "id": content.root}, options)
    return result


def normal(value: Any, root: str = "") -> Any:
    """Order of arrays aside; empty defaults and back-links to the root left out.

    The type of a value under its keyword: its alias is a set in our context, which RDFLib does not see through.
    """
    if isinstance(value, dict) and "@value" in value and "type" in value:
        value = {"@type": value["type"], "@value": value["@value"]}
    if isinstance(value, dict):
        root = root or value.get("id", "")
        inner = {key: normal(item, root) for key, item in value.items() if item not in ([], {})}
        return {key: item for key, item in inner.items() if not (key.startswith("schema:hiring"))}
    if isinstance(value, list):
        return sorted((normal(item, root) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ('"a\\"b\\\\c\\n"@fr', ('a"b\\c\n', "fr", None)),
        ('"\\u00E9"', ("é", None, "http://www.w3.org/2001/XMLSchema#string")),
        ('"2012"^^<http://www.w3.org/2001/XMLSchema#gYear>', ("2012", None, "http://www.w3.org/2001/XMLSchema#gYear")),
        ('"x\\"@en"@fr', ('x"@en', "fr", None)),
    ],
)
def test_terms_are_decoded(term: str, expected: tuple[str, str | None, str | None]) -> None:
    """Escapes, language tags and datatypes of canonical N-Triples."""
    value = decode(term)

    assert (value.text, value.language, value.datatype) == expected


def test_turtle_is_written_for_people() -> None:
    """The thing first, ``a`` first, a blank line between subjects, only prefixes in use, and not a triple lost."""
    words = Words.of(load())
    root = "https://w3id.org/carrefour/theme/zzz"
    label = "<http://www.w3.org/2004/02/skos/core#prefLabel>"
    kind = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    concept = "<http://www.w3.org/2004/02/skos/core#Concept>"
    triples = (
        (f"<{root}>", label, '"<http://a/> \\"x\\"\\n"@fr'),
        (f"<{root}>", "<http://example.org/a%20b,c>", '"1"^^<http://www.w3.org/2001/XMLSchema#integer>'),
        (f"<{root}>", kind, concept),
        ("<http://a.example/first>", label, f'"{root}"'),
        ("<http://a.example/first>", kind, concept),
    )

    written = turtle(root, triples, words.prefixes).decode()

    head, first, second = written.split("\n\n")
    assert first.splitlines()[0] == "theme:zzz a skos:Concept ;"
    assert second.startswith("<http://a.example/first> a skos:Concept ;")
    assert head.splitlines() == [
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .",
        "@prefix theme: <https://w3id.org/carrefour/theme/> .",
        "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .",
    ]
    parsed = {
        (str(q.subject), str(q.predicate), str(q.object)) for q in ox.parse(input=written, format=ox.RdfFormat.TURTLE)
    }
    assert parsed == set(triples)
