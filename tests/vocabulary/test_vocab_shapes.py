"""The shapes as SHACL: valid, complete, on classes we define, and saying what the design asks of a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyshacl import validate
from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.namespace import DCTERMS, SH

from federation.vocabulary import CRF, Vocabulary, load

SCHEMA = Namespace("http://schema.org/")
OURS = Namespace(CRF)
RECORD = "https://commun.example/records/avise/123"
PROJECT = URIRef(RECORD + "#project")
SHAPES = "https://w3id.org/carrefour/shapes/"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load()


@pytest.fixture(scope="module")
def shapes(vocabulary: Vocabulary) -> Graph:
    graph = Graph()
    for text in vocabulary.shapes().values():
        graph.parse(data=text, format="turtle")
    return graph


@pytest.fixture(scope="module")
def thesauri(vocabulary: Vocabulary) -> Graph:
    graph = Graph()
    graph.parse(data=vocabulary.background(), format="turtle")
    return graph


@pytest.fixture(scope="module")
def record_shapes(vocabulary: Vocabulary) -> Graph:
    """All but the concept shapes, which are for the thesauri themselves."""
    graph = Graph()
    for name, text in vocabulary.shapes().items():
        if name != "concept.ttl":
            graph.parse(data=text, format="turtle")
    return graph


def property_shapes(shapes: Graph) -> Iterator[URIRef]:
    """The named property shapes; anonymous ones are parts of another's rule."""
    for _, _, shape in shapes.triples((None, SH.property, None)):
        if isinstance(shape, URIRef):
            yield shape


def results(record: Graph, record_shapes: Graph, thesauri: Graph) -> set[tuple[str, str]]:
    """(shape, severity) of every result of one record, as pySHACL sees it."""
    _, report, _ = validate(record + thesauri, shacl_graph=record_shapes, advanced=False, inplace=True)
    assert isinstance(report, Graph)
    found = set()
    for result in report.subjects(RDF.type, SH.ValidationResult):
        shape: Any = report.value(result, SH.sourceShape)
        severity: Any = report.value(result, SH.resultSeverity)
        found.add((str(shape).removeprefix(SHAPES), str(severity).removeprefix(str(SH))))
    return found


@pytest.fixture
def record() -> Graph:
    return Graph().parse(Path(__file__).with_name("record.ttl"), format="turtle")


def test_shapes_are_valid_shacl(shapes: Graph) -> None:
    """The shapes pass the SHACL shapes of SHACL itself."""
    conforms, _, text = validate(Graph(), shacl_graph=shapes, meta_shacl=True)

    assert conforms, text


def test_every_shape_targets_a_class_of_the_ontology(vocabulary: Vocabulary, shapes: Graph) -> None:
    """Every node shape has a target, and the ontology defines or lists each target and each class asked for."""
    ontology = Graph().parse(data=vocabulary.file("vocab/ontology.ttl").decode(), format="turtle")
    for shape in shapes.subjects(RDF.type, SH.NodeShape):
        assert list(shapes.objects(shape, SH.targetClass)), shape
    for predicate in (SH.targetClass, SH["class"]):
        for target in shapes.objects(None, predicate):
            assert (target, RDF.type, None) in ontology, target


def test_every_property_shape_speaks_both_languages(shapes: Graph) -> None:
    """Names, descriptions and messages are in French and English; severity and order are stated."""
    for shape in property_shapes(shapes):
        for predicate in (SH.name, SH.description, SH.message):
            assert {text.language for text in shapes.objects(shape, predicate)} == {"fr", "en"}, (shape, predicate)
        assert shapes.value(shape, SH.severity) in (SH.Violation, SH.Warning, SH.Info), shape
        assert shapes.value(shape, SH.order) is not None, shape


def test_shapes_use_shacl_core_only(shapes: Graph) -> None:
    """No SPARQL constraint, no rule, no script: any SHACL Core engine can read the shapes."""
    used = {str(predicate) for predicate in shapes.predicates() if str(predicate).startswith(str(SH))}

    assert not {term for term in used if "sparql" in term.lower() or "js" in term.lower() or "rule" in term.lower()}


def test_every_shape_path_is_a_known_property(vocabulary: Vocabulary) -> None:
    """Every property that a shape names has a context term or is a standard of structure (rdf, skos)."""
    known = {term.property for term in vocabulary.context_terms.values()}
    for field in (f for c in vocabulary.classes.values() if c.shape for f in vocabulary.fields_of(c.iri).values()):
        assert field.property in known, field.key


def test_thesauri_hold_to_the_concept_shape(vocabulary: Vocabulary, thesauri: Graph) -> None:
    """Every concept of every scheme, licences and languages too, passes shapes/concept.ttl."""
    shape = Graph().parse(data=vocabulary.shapes()["concept.ttl"], format="turtle")

    conforms, _, text = validate(thesauri, shacl_graph=shape)

    assert conforms, text


def test_complete_record_is_full(record: Graph, record_shapes: Graph, thesauri: Graph) -> None:
    """A complete record has no result at all: tier Full."""
    assert results(record, record_shapes, thesauri) == set()


@pytest.mark.parametrize(
    ("predicates", "expected"),
    [
        (["dcterms:license"], ("record#license", "Violation")),
        (["dcterms:source"], ("record#page", "Violation")),
        (["foaf:primaryTopic"], ("record#topic", "Violation")),
        (["schema:name"], ("project#name", "Violation")),
        (["schema:description"], ("project#text-expected", "Warning")),
        (["dcterms:subject"], ("project#theme-expected", "Warning")),
        (["schema:location"], ("project#place-expected", "Warning")),
        (["crf:holder"], ("project#holder-expected", "Warning")),
        (["pair:hasStatus"], ("project#status-expected", "Info")),
        (["crf:lesson"], ("project#learning-expected", "Info")),
        (["schema:funding"], ("project#money-expected", "Info")),
        (["schema:startDate"], ("project#startDate-expected", "Info")),
        (["dcterms:modified"], ("record#modified-expected", "Info")),
    ],
)
def test_an_absence_costs_its_tier(
    vocabulary: Vocabulary,
    record: Graph,
    record_shapes: Graph,
    thesauri: Graph,
    predicates: list[str],
    expected: tuple[str, str],
) -> None:
    """Each missing field gives the severity of the design's table, under a name to group by."""
    for prefix, _, name in (predicate.partition(":") for predicate in predicates):
        record.remove((None, URIRef(vocabulary.prefixes[prefix] + name), None))

    assert expected in results(record, record_shapes, thesauri)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"Garage solidaire"@fr', '"Garage solidaire"', ("project#name", "Violation")),
        ('"Garage solidaire"@fr', '"Ga"@fr', ("project#name", "Violation")),
        ('"Community garage"@en', '"Autre nom"@fr', ("project#name", "Violation")),
        ("theme/MOB>", "theme/XXX>", ("project#theme", "Violation")),
        ("theme/MOB>", "public/PRE>", ("project#theme", "Violation")),
        ("language/FRA>", "language/XYZ>", ("record#language", "Violation")),
        ("by-sa/4.0/>", "by-nc/4.0/>", ("record#license", "Violation")),
        ('"2012"^^xsd:gYear', '"2012"', ("project#startDate", "Violation")),
        ('"2012"^^xsd:gYear', '"2012-02-31"^^xsd:date', ("project#startDate", "Violation")),
        ('"2017-03-01"^^xsd:date', '"mars 2017"', ("record#issued", "Violation")),
        ("schema:latitude 45.78", "schema:latitude 145.78", ("place#latitude", "Violation")),
        ("schema:longitude 3.08", 'schema:longitude "3,08"', ("place#longitude", "Violation")),
        ('"63000"', '"6300"', ("place#french-postcode", "Warning")),
        ('"63113"', '"63-113"', ("place#codeINSEE", "Violation")),
        ('"0009:12345678200010"', '"0009:123"', ("organization#siret", "Violation")),
        ('"0002:123456782"', '"0002:12"', ("organization#siren", "Violation")),
        ('"RNA:W123456789"', '"W12"', ("organization#rna", "Violation")),
        ("<https://garage.example/> ;", "<ftp://garage.example/> ;", ("project#url", "Violation")),
        ("schema:Project, pair:Project", "schema:Project", ("project#types", "Violation")),
        (
            'schema:description "Un garage où',
            'schema:description "Court."@nl, "x',
            ("project#description-length", "Warning"),
        ),
        ("need/employment>", "need/nothing>", ("need#needType", "Violation")),
        ("crf:opendata", "crf:secret", ("record#access", "Violation")),
    ],
)
def test_a_wrong_value_that_arrives_is_refused(
    record_shapes: Graph, thesauri: Graph, old: str, new: str, expected: tuple[str, str]
) -> None:
    """A value of the wrong kind, list, range or pattern is named by the shape of its field."""
    text = Path(__file__).with_name("record.ttl").read_text("utf-8")
    assert old in text

    found = results(Graph().parse(data=text.replace(old, new, 1), format="turtle"), record_shapes, thesauri)

    assert expected in found


@pytest.mark.parametrize("country", ['"BE"', '"CH"'])
def test_foreign_postcodes_are_left_alone(record_shapes: Graph, thesauri: Graph, country: str) -> None:
    """A four-digit postcode is right where the country is not France."""
    text = (
        Path(__file__).with_name("record.ttl").read_text("utf-8").replace('"63000"', '"1000"').replace('"FR"', country)
    )

    found = results(Graph().parse(data=text, format="turtle"), record_shapes, thesauri)

    assert ("place#french-postcode", "Warning") not in found


def test_an_abstract_stands_in_for_a_description(record: Graph, record_shapes: Graph, thesauri: Graph) -> None:
    """A record with a summary only is not asked for a description."""
    for text in list(record.objects(PROJECT, SCHEMA.description)):
        record.remove((PROJECT, SCHEMA.description, text))
        record.add((PROJECT, DCTERMS.abstract, text))

    assert results(record, record_shapes, thesauri) == set()
