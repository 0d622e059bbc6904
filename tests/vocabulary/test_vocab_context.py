"""The JSON-LD context and the ontology: every word leads to a term that is ours or a listed standard's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from pyld import jsonld

from federation.errors import ConfigError
from federation.vocabulary import BASE, CRF, Vocabulary, load
from federation.vocabulary.fields import context_terms

CONTEXT = BASE + "context/v1.jsonld"
RECORD = Path(__file__).with_name("record.ttl")
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
STANDARDS = (
    "http://schema.org/",
    "http://virtual-assembly.org/ontologies/pair#",
    "http://purl.org/dc/terms/",
    "http://www.w3.org/ns/dcat#",
    "http://www.w3.org/ns/prov#",
    "http://rdfs.org/ns/void#",
    "http://xmlns.com/foaf/0.1/",
    "http://www.opengis.net/ont/geosparql#",
    "http://rdf.insee.fr/def/geo#",
    "http://www.w3.org/ns/regorg#",
    "https://ontology.commonapproach.org/cids#",
)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load()


@pytest.fixture(scope="module")
def options(vocabulary: Vocabulary) -> dict[str, Any]:
    """PyLD with pinned contexts only."""

    def pinned(url: str, _: Any) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": vocabulary.contexts[url]}

    return {"documentLoader": pinned}


@pytest.fixture(scope="module")
def ontology(vocabulary: Vocabulary) -> dict[str, dict[str, list[Any]]]:
    """Subject → predicate → objects."""
    found: dict[str, dict[str, list[Any]]] = {}
    for quad in ox.parse(input=vocabulary.file("vocab/ontology.ttl"), format=ox.RdfFormat.TURTLE):
        subject, predicate, value = quad.triple
        found.setdefault(subject.value, {}).setdefault(predicate.value, []).append(value)
    return found


def test_every_key_expands_to_a_known_term(vocabulary: Vocabulary, options: dict[str, Any], ontology: Any) -> None:
    """PyLD expands every key of the context to an IRI that the ontology defines, or lists from a standard."""
    for key, term in vocabulary.context_terms.items():
        if key[0].isupper():
            node: Any = jsonld.expand({"@context": CONTEXT, "id": "urn:x", "type": key}, options)[0]["@type"]
            iris = set(node)
        else:
            expanded: Any = jsonld.expand({"@context": CONTEXT, "id": "urn:x", key: {"id": "urn:y"}}, options)
            if "@language" in json.dumps(vocabulary.context[key]):
                expanded = jsonld.expand({"@context": CONTEXT, "id": "urn:x", key: {"fr": "mot"}}, options)
            node = expanded[0]
            iris = set(node.get("@reverse", node)) - {"@id"}
        assert iris == {term.property}, key
        assert term.property in ontology, key
        assert term.property.startswith((CRF, *STANDARDS)), key


def test_own_terms_are_complete(vocabulary: Vocabulary, ontology: Any) -> None:
    """Every term of ours has one label and one definition in French and English, and says where it is defined."""
    assert len(vocabulary.terms) >= 22
    for iri, term in vocabulary.terms.items():
        assert set(term.labels) == {"fr", "en"}, iri
        assert set(term.definition) == {"fr", "en"}, iri
        assert [value.value for value in ontology[iri][RDFS + "isDefinedBy"]] == [CRF], iri
    ours = {iri for iri in ontology if iri.startswith(CRF) and iri != CRF}
    assert ours == set(vocabulary.terms)


def test_decided_terms_are_there(vocabulary: Vocabulary) -> None:
    """All terms of the design exist, with the parents that it names."""
    names = (
        "Project MarkerAssessment MatchAssessment holder method budget socialNeed novelty lesson successCondition "
        "obstacle replicationCondition replicationOf spreadMode needType marker score decision "
        "opendata commons collective private"
    )
    assert {CRF + name for name in names.split()} <= set(vocabulary.terms)
    pair = "http://virtual-assembly.org/ontologies/pair#"
    assert vocabulary.terms[CRF + "Project"].parents == ("http://schema.org/Project", pair + "Project")
    assert vocabulary.terms[CRF + "holder"].parents == (pair + "involves",)
    assert pair + "inspiredBy" in vocabulary.terms[CRF + "replicationOf"].parents


def test_ontology_says_what_it_is(ontology: Any) -> None:
    """The ontology has a version, a preferred prefix, and titles in both languages."""
    head = {predicate.rpartition("/")[2].rpartition("#")[2]: values for predicate, values in ontology[CRF].items()}

    assert head["versionInfo"][0].value.count(".") == 2
    assert head["preferredNamespacePrefix"][0].value == "crf"
    assert {value.language for value in head["title"]} == {"fr", "en"}


def test_reused_terms_are_labelled(ontology: Any) -> None:
    """Every reused term has French and English labels and leads to its owner."""
    for iri, said in ontology.items():
        if not iri.startswith(CRF):
            assert {value.language for value in said[RDFS + "label"]} == {"fr", "en"}, iri
            assert said[RDFS + "isDefinedBy"][0].value in iri


@pytest.mark.parametrize(
    ("document", "triple"),
    [
        ({"theme": ["AGR"]}, ("http://purl.org/dc/terms/subject", "<https://w3id.org/carrefour/theme/AGR>")),
        ({"status": "running"}, ("hasStatus", "<https://w3id.org/carrefour/status/running>")),
        ({"audience": "HAN"}, ("audience", "<https://w3id.org/carrefour/public/HAN>")),
        ({"access": "opendata"}, ("accessRights", f"<{CRF}opendata>")),
        ({"language": "FRA"}, ("language", "<http://publications.europa.eu/resource/authority/language/FRA>")),
        ({"sdg": "3"}, ("forTheme", "<http://metadata.un.org/sdg/3>")),
        ({"name": {"fr": "Jardin"}}, ("http://schema.org/name", '"Jardin"@fr')),
        ({"obstacle": {"fr": ["a", "b"]}}, ("obstacle", '"b"@fr')),
        ({"startYear": "2012"}, ("startDate", '"2012"^^<http://www.w3.org/2001/XMLSchema#gYear>')),
        ({"url": "https://a.example/"}, ("http://schema.org/url", "<https://a.example/>")),
    ],
)
def test_short_forms_mean_what_they_say(options: dict[str, Any], document: Any, triple: tuple[str, str]) -> None:
    """Codes, languages and dates may be written short."""
    text = jsonld.to_rdf({"@context": CONTEXT, "id": "urn:x", **document}, {**options, "format": "application/n-quads"})

    assert any(triple[0] in line and f" {triple[1]} ." in line for line in str(text).splitlines())


def test_unknown_keys_mean_nothing(options: dict[str, Any]) -> None:
    """There is no global @vocab: a key we do not know yields no triple."""
    expanded: Any = jsonld.expand({"@context": CONTEXT, "id": "urn:x", "name": {"fr": "a"}, "nom": "b"}, options)

    assert set(expanded[0]) == {"@id", "http://schema.org/name"}


def test_terms_are_protected(options: dict[str, Any]) -> None:
    """Another context cannot give our keys another meaning."""
    with pytest.raises(jsonld.JsonLdError):
        jsonld.expand({"@context": [CONTEXT, {"name": "http://evil.example/name"}], "name": {"fr": "a"}}, options)


def canonical(nquads: bytes) -> str:
    """The graph of N-Quads or Turtle without blank nodes, as sorted lines."""
    return "\n".join(sorted(str(quad.triple) for quad in ox.parse(input=nquads, format=ox.RdfFormat.N_QUADS)))


def expanded_record() -> tuple[list[Any], bytes]:
    """The record in expanded JSON-LD and as N-Quads."""
    parsed = ox.parse(input=RECORD.read_bytes(), format=ox.RdfFormat.TURTLE)
    quads = ox.serialize(parsed, format=ox.RdfFormat.N_QUADS)
    assert quads is not None
    nodes: list[Any] = jsonld.from_rdf(quads.decode(), {"useNativeTypes": False})
    return nodes, quads


def test_a_record_survives_compaction(options: dict[str, Any]) -> None:
    """A whole record compacts with our context, without a full name as a key, and expands to the same graph."""
    nodes, quads = expanded_record()

    compact: Any = jsonld.compact(nodes, CONTEXT, options)
    again = str(jsonld.to_rdf(compact, {**options, "format": "application/n-quads"}))

    assert canonical(again.encode()) == canonical(quads)
    project = next(node for node in compact["graph"] if node["id"].endswith("#project"))
    assert set(project["type"]) == {"Project", "schema:Project", "pair:Project"}
    assert set(project["theme"]) == {"MOB", "EMP"}
    assert project["status"] == "running"
    assert project["startYear"] == "2012"
    assert project["name"] == {"fr": "Garage solidaire", "en": "Community garage"}
    keys = {key for node in compact["graph"] for key in node}
    # The context knows this property from the project's side only, as `job`.
    assert {key for key in keys if ":" in key} == {"schema:hiringOrganization"}


def test_frame_embeds_what_a_page_shows(options: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Framing on a project embeds its nodes and its jobs, whose links point at the project."""
    nodes, _ = expanded_record()
    frame = json.loads(vocabulary.file("vocab/frame/project.jsonld"))

    framed: Any = jsonld.frame(nodes, frame, {**options, "omitGraph": True})

    assert framed["location"][0]["address"]["postalCode"] == "63000"
    assert framed["holder"][0]["name"] == {"fr": "Les Mains dans le cambouis"}
    assert [job["type"] for job in framed["job"]] == [["JobPosting"]]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("rest", ["://schema.org", "://schema.org/", "://schema.org/docs/jsonldcontext.json"])
def test_schema_org_is_one(options: dict[str, Any], scheme: str, rest: str) -> None:
    """Whatever the address of the schema.org context, its terms come out under http."""
    document = {"@context": scheme + rest, "@type": "Project", "name": "x", "url": "https://a.example/"}

    node: Any = jsonld.expand(document, options)[0]

    assert node["@type"] == ["http://schema.org/Project"]
    assert node["http://schema.org/url"] == [{"@id": "https://a.example/"}]


def test_gogocarto_context_is_pinned(options: dict[str, Any]) -> None:
    """GoGoCarto's context, on a closed host, is read from our own copy."""
    document = {
        "@context": "https://rawgit.com/jmvanel/rdf-convert/master/context-gogo.jsonld",
        "@graph": [{"id": "urn:x", "title": "Épicerie", "geo": {"latitude": 46.1}, "website": "https://a.example/"}],
    }

    node: Any = jsonld.expand(document, options)[0]

    assert node["http://schema.org/name"] == [{"@value": "Épicerie"}]
    assert node["http://schema.org/geo"][0]["http://schema.org/latitude"] == [{"@value": 46.1}]


def test_undeclared_prefix_in_the_context_is_told() -> None:
    """A context term with an unknown prefix is a configuration error."""
    with pytest.raises(ConfigError, match="`foo`"):
        context_terms({"schema": "http://schema.org/", "name": "foo:name"})


def test_prefix_table_and_context_agree(vocabulary: Vocabulary) -> None:
    """A prefix of the context has the same namespace in the table that all outputs use."""
    for key, value in vocabulary.context.items():
        if isinstance(value, str) and value.endswith(("#", "/")):
            assert vocabulary.prefixes[key] == value


def test_example_queries_run(vocabulary: Vocabulary) -> None:
    """Every example is titled in both languages and answers on an empty and on a small store."""
    store = ox.Store()
    graph = ox.NamedNode("https://commun.example/records/avise/123")
    assert len(vocabulary.queries) >= 5
    for query in vocabulary.queries:
        assert set(query.labels) == set(query.comment) == {"fr", "en"}, query.iri
        assert list(store.query(query.text)) == []  # type: ignore[arg-type]

    for quad in ox.parse(input=RECORD.read_bytes(), format=ox.RdfFormat.TURTLE):
        store.add(ox.Quad(quad.subject, quad.predicate, quad.object, graph))
    found = {query.iri.rpartition("/")[2]: list(store.query(query.text)) for query in vocabulary.queries}  # type: ignore[arg-type]

    assert len(found["projects-by-theme-and-partner"]) == 2
    assert len(found["projects-of-a-departement"]) == 2
    assert len(found["licences-by-partner"]) == 1
