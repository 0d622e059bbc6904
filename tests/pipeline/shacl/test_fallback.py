"""What the compiler does not claim goes to pySHACL, whole and visibly, with results of the same form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyshacl_judge import Judge, rows

from federation.errors import ConfigError
from federation.model import Triple
from federation.pipeline.validate import Result, Validator, compile_shapes, parse_turtle, reference_shapes
from federation.vocabulary import load

PREFIXES = """
@prefix ex: <http://ex.example/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

SPARQL = """
ex:Even a sh:NodeShape ; sh:targetClass ex:Number ;
  sh:sparql [ sh:message "{$this} est trop grand"@fr ;
    sh:select "SELECT $this WHERE { $this <http://ex.example/n> ?n FILTER(?n > 3) }" ] .
ex:Named a sh:NodeShape ; sh:targetClass ex:Number ; sh:property [ sh:path ex:name ; sh:minCount 1 ] .
"""


def triples(turtle: str) -> list[Triple]:
    """Read a record."""
    return list(parse_turtle("record.ttl", PREFIXES + turtle))


def components(results: list[Result]) -> list[str]:
    """Short names of the components found."""
    return [result.component.rsplit("#", 1)[-1].rstrip(">") for result in results]


def test_a_sparql_constraint_goes_to_pyshacl_and_the_rest_stays() -> None:
    """Only the shape with the SPARQL constraint falls back; both kinds of results come in one list."""
    validator = compile_shapes({"s.ttl": PREFIXES + SPARQL})

    results = validator(triples("ex:a a ex:Number ; ex:n 5 ."))

    assert set(validator.fallback_shapes) == {"<http://ex.example/Even>"}
    assert validator.claimed_shapes == ("<http://ex.example/Named>",)
    assert sorted(components(results)) == ["MinCountConstraintComponent", "SPARQLConstraintComponent"]


def test_the_message_of_a_sparql_constraint_is_kept() -> None:
    """A message that is stated with the query reaches the result."""
    validator = compile_shapes({"s.ttl": PREFIXES + SPARQL})

    found = [r for r in validator(triples("ex:a a ex:Number ; ex:n 5 ; ex:name 'a' .")) if r.messages]

    assert "trop grand" in " ".join(found[0].messages.values())


def test_records_do_not_see_each_other_in_the_fallback() -> None:
    """A bad record leaves no trace in the next one's validation."""
    validator = compile_shapes({"s.ttl": PREFIXES + SPARQL})
    good = triples("ex:b a ex:Number ; ex:n 1 ; ex:name 'b' .")

    validator(triples("ex:a a ex:Number ; ex:n 5 . ex:b ex:n 9 ."))

    assert validator(good) == []


def test_a_shape_that_refers_to_an_unclaimed_one_falls_back_too() -> None:
    """What rests on an unclaimed shape is not claimed, however deep."""
    shapes = """
    ex:Top a sh:NodeShape ; sh:targetNode ex:a ; sh:node ex:Middle .
    ex:Middle a sh:NodeShape ; sh:property [ sh:path ex:p ; sh:node ex:Bottom ] .
    ex:Bottom a sh:NodeShape ; sh:future 3 ; sh:nodeKind sh:IRI .
    """
    validator = compile_shapes({"s.ttl": PREFIXES + shapes})

    results = validator(triples("ex:a ex:p 'texte' ."))

    assert "sh" in validator.fallback_shapes["<http://ex.example/Top>"]
    assert components(results) == ["NodeConstraintComponent"]


def test_recursive_shapes_fall_back() -> None:
    """A shape that refers to itself is left to pySHACL."""
    shapes = "ex:Person a sh:NodeShape ; sh:targetClass ex:P ; sh:property [ sh:path ex:knows ; sh:node ex:Person ] ."
    validator = compile_shapes({"s.ttl": PREFIXES + shapes})

    results = validator(triples("ex:a a ex:P ; ex:knows ex:b . ex:b a ex:P ."))

    assert "refers to itself" in validator.fallback_shapes["<http://ex.example/Person>"]
    assert results == []


def test_constraint_components_of_ones_own_send_everything_to_pyshacl() -> None:
    """A custom component may give a meaning to any property, so nothing is claimed beside it."""
    shapes = """
    ex:Max a sh:ConstraintComponent ; sh:parameter [ sh:path ex:max ] ;
      sh:validator [ a sh:SPARQLAskValidator ; sh:ask "ASK { FILTER ($value <= $max) }" ] .
    ex:S a sh:NodeShape ; sh:targetSubjectsOf ex:n ; sh:property [ sh:path ex:n ; ex:max 3 ] .
    """
    validator = compile_shapes({"s.ttl": PREFIXES + shapes})

    assert [r.component for r in validator(triples("ex:a ex:n 5 ."))] == ["<http://ex.example/Max>"]
    assert validator(triples("ex:a ex:n 2 .")) == []
    assert validator.claimed_shapes == ()


def test_a_sparql_target_is_evaluated() -> None:
    """Targets that are queries are found by pySHACL."""
    shapes = """
    ex:S a sh:NodeShape ; sh:target [ a sh:SPARQLTarget ;
        sh:select "SELECT ?this WHERE { ?this <http://ex.example/n> ?n }" ] ;
      sh:property [ sh:path ex:n ; sh:maxInclusive 3 ] .
    """
    validator = compile_shapes({"s.ttl": PREFIXES + shapes})

    results = validator(triples("ex:a ex:n 5 . ex:b ex:n 1 ."))

    assert [r.focus for r in results] == ["<http://ex.example/a>"]


def test_javascript_is_refused_rather_than_passed_over() -> None:
    """pySHACL would ignore sh:js in silence; here it is an error of the shapes."""
    shapes = "ex:S a sh:NodeShape ; sh:targetNode ex:a ; sh:js [ ] ."

    with pytest.raises(ConfigError, match="no engine here evaluates"):
        compile_shapes({"s.ttl": PREFIXES + shapes})


def test_the_background_is_seen_but_not_judged_by_the_fallback() -> None:
    """Background nodes lend their triples to pySHACL, and are not focus nodes there either."""
    shapes = """
    ex:C a sh:NodeShape ; sh:targetClass ex:Concept ; sh:future 1 ; sh:property [ sh:path ex:label ; sh:minCount 1 ] .
    """
    background = triples("ex:c a ex:Concept . ex:Sub rdfs:subClassOf ex:Concept .")
    validator = compile_shapes({"s.ttl": PREFIXES + shapes}, background)

    assert validator(triples("ex:x ex:y ex:c .")) == []
    assert [r.focus for r in validator(triples("ex:x a ex:Sub ."))] == ["<http://ex.example/x>"]


MIXED = """
ex:A a sh:NodeShape ; sh:targetClass ex:A ; sh:closed true ; sh:ignoredProperties ( rdf:type ) ;
  sh:property ex:p, ex:q, ex:inverse, ex:deep, ex:qualified ;
  sh:xone ( [ sh:property [ sh:path ex:p ; sh:minCount 1 ] ] [ sh:property [ sh:path ex:q ; sh:minCount 1 ] ] ) .
ex:p sh:path ex:p ; sh:maxCount 2 ; sh:disjoint ex:q ; sh:lessThan ex:q ;
  sh:message "p"@fr, "pe"@en ; sh:severity sh:Info .
ex:q sh:path ex:q ; sh:equals ex:r ; sh:minExclusive 2 ; sh:severity ex:Grave .
ex:inverse sh:path [ sh:inversePath ex:p ] ; sh:maxCount 1 ; sh:class ex:A .
ex:deep sh:path ( [ sh:zeroOrMorePath ex:p ] [ sh:alternativePath ( ex:q [ sh:inversePath ex:r ] ) ] ) ;
  sh:nodeKind sh:IRI ; sh:not [ sh:hasValue ex:b ] .
ex:qualified sh:path ex:p ; sh:qualifiedValueShape [ sh:class ex:B ] ; sh:qualifiedMinCount 1 ; sh:qualifiedMaxCount 1 ;
  sh:qualifiedValueShapesDisjoint true .
ex:B a sh:NodeShape, rdfs:Class ; sh:or ( [ sh:minLength 20 ] [ sh:pattern "b$" ; sh:flags "i" ] ) ;
  sh:property [ sh:path [ sh:oneOrMorePath ex:p ] ; sh:minCount 1 ; sh:languageIn ( "fr" ) ; sh:uniqueLang true ] .
ex:O a sh:NodeShape ; sh:targetObjectsOf ex:r ;
  sh:and ( [ sh:nodeKind sh:IRIOrLiteral ] [ sh:in ( ex:a 1 2 "x"@fr ) ] ) .
ex:S a sh:PropertyShape ; sh:targetSubjectsOf ex:q ; sh:path [ sh:zeroOrOnePath ex:q ] ;
  sh:maxLength 18 ; sh:deactivated false .
ex:N a sh:NodeShape ; sh:targetNode ex:a, 5 ;
  sh:property [ sh:path ex:p ; sh:minCount 1 ; sh:property [ sh:path ex:p ; sh:datatype xsd:integer ] ] .
"""
NODES = [f"<http://ex.example/{name}>" for name in ("a", "b", "c", "A", "B")]
INTEGER = "^^<http://www.w3.org/2001/XMLSchema#integer>"
nodes = st.sampled_from(NODES)
values = st.sampled_from([*NODES, '"x"@fr', '"y"@fr', '"x"', f'"1"{INTEGER}', f'"2"{INTEGER}', f'"10"{INTEGER}'])
properties = st.sampled_from([f"<http://ex.example/{name}>" for name in ("p", "q", "r", "s")])
types = st.tuples(
    nodes,
    st.sampled_from(
        [
            "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>",
            "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>",
            "<http://www.w3.org/2000/01/rdf-schema#subClassOf>",
        ]
    ),
    st.sampled_from(NODES[3:]),
)
graphs = st.lists(st.one_of(types, st.tuples(nodes, properties, values)), max_size=12)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(record=graphs)
def test_random_graphs_have_the_results_of_pyshacl(record: list[Triple]) -> None:
    """Every kind of constraint, path and target gives pySHACL's results on random small graphs."""
    validator = compile_shapes({"s.ttl": PREFIXES + MIXED})

    assert not validator.fallback_shapes
    assert rows(validator(record)) == Judge({"http://s.example/": PREFIXES + MIXED})(record)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(record=graphs, background=graphs)
def test_background_makes_no_difference_to_who_evaluates(record: list[Triple], background: list[Triple]) -> None:
    """Compiled or not, results are the same with any background, and again when asked a second time."""
    shapes = {"s.ttl": PREFIXES + MIXED}
    ours, theirs = compile_shapes(shapes, background), reference_shapes(shapes, background)

    expected = theirs(record)

    assert ours(record) == expected
    assert ours(record) == expected


@pytest.mark.parametrize(("one", "other", "found"), [("2012", "2013", 0), ("2013", "2012", 1), ("2012", "2012", 0)])
@pytest.mark.parametrize("make", [compile_shapes, reference_shapes])
def test_years_compare_alike_in_both_engines(
    make: Callable[[Mapping[str, str]], Validator], one: str, other: str, found: int
) -> None:
    """rdflib has no value for a year, and pySHACL would fall over sh:lessThanOrEquals; here it gets an answer."""
    shapes = "ex:S a sh:NodeShape ; sh:targetClass ex:T ; sh:property [ sh:path ex:a ; sh:lessThanOrEquals ex:b ] ."
    record = triples(f"ex:x a ex:T ; ex:a '{one}'^^xsd:gYear ; ex:b '{other}'^^xsd:gYear .")

    assert len(make({"s.ttl": PREFIXES + shapes})(record)) == found


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ('"2026"^^xsd:gYear', True),
        ('"2026-11"^^xsd:gYearMonth', True),
        ('"2026-11-21"^^xsd:date', True),
        ('"20266"^^xsd:gYear', False),
        ('"douze"^^xsd:gYear', False),
        ('"2026-13"^^xsd:gYearMonth', False),
        ('"2026-02-30"^^xsd:date', False),
    ],
)
@pytest.mark.parametrize("make", [compile_shapes, reference_shapes])
def test_years_and_months_have_their_form_in_both_engines(
    make: Callable[..., Validator], value: str, right: bool
) -> None:
    """The datatype of a year says nothing about its digits to either engine: the shapes do."""
    vocabulary = load()
    record = triples(f"@prefix schema: <http://schema.org/> . ex:x a ex:T ; schema:startDate {value} .")
    wanted = "<https://w3id.org/carrefour/shapes/project#startDate>"
    target = f"{wanted} <http://www.w3.org/ns/shacl#targetClass> <http://ex.example/T> ."

    results = make({**vocabulary.shapes(), "target.ttl": target}, vocabulary.background())(record)

    assert (wanted not in {result.shape for result in results}) is right
