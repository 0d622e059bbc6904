"""Validating one record: results, tier, findings, report, and clear words about wrong shapes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pyoxigraph import RdfFormat, parse

from federation.errors import ConfigError
from federation.model import Severity, Tier, Triple, to_lines
from federation.pipeline.shacl.paths import parse_path
from federation.pipeline.validate import Result, compile_shapes, parse_turtle, tier, to_findings, to_report
from federation.vocabulary import load

PREFIXES = """
@prefix ex: <http://ex.example/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
SH = "http://www.w3.org/ns/shacl#"
SHAPES = """
ex:Project a sh:NodeShape ; sh:targetClass ex:Project ; sh:property ex:name, ex:theme, ex:one-url .
ex:one-url sh:path ex:url ; sh:maxCount 1 .
ex:name a sh:PropertyShape ; sh:path ex:name ; sh:minCount 1 ; sh:minLength 3 ;
  sh:message "Donnez un nom."@fr, "Give a name."@en .
ex:theme a sh:PropertyShape ; sh:path ex:theme ; sh:severity sh:Warning ;
  sh:node [ sh:property [ sh:path skos:inScheme ; sh:hasValue ex:themes ] ] .
"""


def triples(turtle: str) -> list[Triple]:
    """Read a record."""
    return list(parse_turtle("record.ttl", PREFIXES + turtle))


def result(severity: str = "Violation", **changes: object) -> Result:
    """A result to start from."""
    fields = {
        "focus": "<http://ex.example/r#project>",
        "path": "<http://ex.example/name>",
        "value": None,
        "shape": "<http://ex.example/shapes#name>",
        "component": f"<{SH}MinCountConstraintComponent>",
        "severity": f"<{SH}{severity}>",
        "messages": {"fr": "Donnez un nom.", "en": "Give a name."},
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def test_lines_and_triples_give_the_same_results() -> None:
    """A record may come as canonical lines or as triples; repeats do not count."""
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES})
    record = triples("ex:a a ex:Project ; ex:name 'ab' ; ex:url ex:u, ex:v .")

    results = validator(record)

    assert validator(to_lines(record)) == results == validator([*record, *record])
    assert [r.component.rsplit("#")[-1] for r in results] == [
        "MinLengthConstraintComponent>",
        "MaxCountConstraintComponent>",
    ]


def test_a_text_may_hold_any_line_separator_of_unicode() -> None:
    """Only a newline ends a line: U+2028, U+0085 and the like are part of the text."""
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES})

    results = validator('<http://ex.example/a> <http://ex.example/name> "a\u2028\u0085\x0bb" .\n')

    assert results == []


def test_a_concept_is_looked_up_in_the_background() -> None:
    """The scheme of a theme is read beside the record; background nodes are not focus nodes."""
    background = triples("ex:AGR skos:inScheme ex:themes . ex:Other a ex:Project .")
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES}, background)

    results = validator(triples("ex:a a ex:Project ; ex:name 'Nom' ; ex:theme ex:AGR, ex:ZZZ ."))

    assert [(r.focus, r.value) for r in results] == [("<http://ex.example/a>", "<http://ex.example/ZZZ>")]


def test_the_background_may_be_turtle() -> None:
    """The vocabulary hands its thesauri over as Turtle; that is the same as their triples."""
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES}, PREFIXES + "ex:AGR skos:inScheme ex:themes .")

    assert validator(triples("ex:a a ex:Project ; ex:name 'Nom' ; ex:theme ex:AGR .")) == []


def test_a_record_cannot_change_what_is_remembered_of_the_background() -> None:
    """A record that speaks of a concept is judged with what it says, and the next record without it."""
    background = triples("ex:AGR skos:inScheme ex:other . ex:BIO skos:inScheme ex:themes .")
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES}, background)
    plain = triples("ex:a a ex:Project ; ex:name 'Nom' ; ex:theme ex:AGR, ex:BIO .")

    before = validator(plain)
    claiming = validator([*plain, *triples("ex:AGR skos:inScheme ex:themes .")])
    after = validator(plain)

    assert [r.value for r in before] == ["<http://ex.example/AGR>"]
    assert claiming == []
    assert after == before


def test_subclasses_of_the_background_count_for_targets_and_classes() -> None:
    """rdfs:subClassOf is followed in the background as in the record."""
    validator = compile_shapes({"s.ttl": PREFIXES + SHAPES}, triples("ex:Garage rdfs:subClassOf ex:Project ."))

    assert [r.focus for r in validator(triples("ex:a a ex:Garage ."))] == ["<http://ex.example/a>"]
    assert [r.focus for r in validator(triples("ex:b a ex:Shop . ex:Shop rdfs:subClassOf ex:Garage ."))] == [
        "<http://ex.example/b>"
    ]


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ([], Tier.FULL),
        (["Info"], Tier.BASIC),
        (["Info", "Warning"], Tier.ESSENTIAL),
        (["Warning", "Violation"], None),
        (["Grave"], None),
    ],
)
def test_the_tier_is_that_of_the_gravest_result(severities: list[str], expected: Tier | None) -> None:
    """Violation refuses, Warning leaves Essential, Info leaves Basic; an unknown severity passes nothing."""
    assert tier([result(s) for s in severities]) is expected


def test_findings_are_sorted_and_in_both_languages() -> None:
    """The gravest come first, each in French and English, with our key and the rule to group by."""
    found = to_findings(
        [result("Info", path="<http://ex.example/image>", messages={}), result()],
        {"http://ex.example/name": "name", "<http://ex.example/image>": "image"},
    )

    assert [f.rule for f in found] == ["shape:name:minCount", "shape:image:minCount"]
    assert [f.severity for f in found] == [Severity.VIOLATION, Severity.INFO]
    assert found[0].message == {"fr": "Donnez un nom.", "en": "Give a name."}
    assert "image" in found[1].message["fr"]
    assert "missing" in found[1].message["en"]


def test_a_finding_about_a_part_names_the_part() -> None:
    """The name of a holder is not the name of the project."""
    found = to_findings([result(focus="<http://ex.example/r#holder-0a1b2c3d>")], {"http://ex.example/name": "name"})

    assert (found[0].term, found[0].rule) == ("holder.name", "shape:holder.name:minCount")


def test_a_finding_shows_the_value_as_people_write_it() -> None:
    """Values lose their quotes and escapes, and are cut at 200 characters."""
    text, link = to_findings([result(value='"l\'\\"été\\""@fr'), result(value=f"<http://{'x' * 300}>")])

    assert {text.value, link.value} == {'l\'"été"', "http://" + "x" * 193}


def test_a_finding_without_our_key_is_named_after_its_shape() -> None:
    """The shape's own name, or the property's if the shape has none."""
    named, unnamed = to_findings([result(), result(shape="<urn:carrefour:shape:0123456789abcdef>")])

    assert {named.rule, unnamed.rule} == {"shape:name:minCount"}
    assert named.term is None


def test_the_report_is_standard_and_has_no_blank_node() -> None:
    """A sh:ValidationReport with every field of every result, IRIs only, the same for the same results."""
    path = "(^<http://ex.example/p>)/(<http://ex.example/a>|<http://ex.example/b>)"
    results = [result(), result(), result(path=path, value='"x"@fr')]

    report = to_report(results, "http://ex.example/r#report")

    quads = list(parse(input=report.encode(), format=RdfFormat.N_TRIPLES))
    predicates = [str(quad.predicate) for quad in quads]
    assert "_:" not in report
    assert predicates.count(f"<{SH}result>") == 3
    assert predicates.count(f"<{SH}resultMessage>") == 6
    assert predicates.count(f"<{SH}inversePath>") == 1
    assert f'<{SH}conforms> "false"' in report
    assert to_report(results, "http://ex.example/r#report") == report


def test_the_report_of_a_good_record_conforms() -> None:
    """No result: conforms, under a name made from the content."""
    kind, conforms = to_report([]).splitlines()

    assert conforms.startswith("<urn:carrefour:report:")
    assert f'<{SH}conforms> "true"' in conforms
    assert kind.endswith(f"<{SH}ValidationReport> .")


@pytest.mark.parametrize(
    "text",
    ["<a>", "^<a>", "<a>/<b>", "(<a>/<b>)*", "^(<a>|<b>)", "(^<a>)/(<b>+)/(<c>?)", "((<a>|<b>)/<c>)|<d>"],
)
def test_path_text_reads_back(text: str) -> None:
    """What we write of a path we can read."""
    assert str(parse_path(text)) == text


@pytest.mark.parametrize("text", ["(<a>", "<a> <b>", "((<a>|<b>)/<c>)|<d>)"])
def test_foreign_path_text_is_refused(text: str) -> None:
    """The reader of path text takes nothing else."""
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ("ex:S a sh:NodeShape ; sh:targetNode ex:a", "s.ttl.*line"),
        ("ex:S sh:targetNode ex:a ; sh:property [ sh:class ex:C ] .", "no sh:path"),
        (
            "ex:S sh:targetNode ex:a ; sh:property [ sh:path ex:p ; sh:minCount 1, 2 ] .",
            "without an IRI, path <http://ex.example/p>",
        ),
        ("ex:S a sh:PropertyShape ; sh:targetNode ex:a .", "has no sh:path"),
        ("ex:S sh:targetNode ex:a ; sh:path ex:p ; sh:pattern '[' .", "not a regular expression"),
        ("ex:S sh:targetNode ex:a ; sh:path ex:p ; sh:minCount 'un' .", "not a natural number"),
        ("ex:S sh:targetNode ex:a ; sh:path ex:p ; sh:minCount 1, 2 .", "several values"),
        ("ex:S sh:targetNode ex:a ; sh:nodeKind sh:Iri .", "unknown sh:nodeKind"),
        ("ex:S sh:targetNode ex:a ; sh:minCount 1 .", "node shape"),
        ("ex:S sh:targetNode ex:a ; sh:path ( ex:p ) .", "two members"),
        ("ex:S sh:targetNode ex:a ; sh:path [ ] .", "no property path"),
        ("ex:S sh:targetNode ex:a ; sh:in [ rdf:first ex:a ] .", "RDF list"),
        ("ex:S sh:targetNode ex:a ; sh:ignoredProperties ( ex:p ) .", "without sh:closed"),
        ("ex:S sh:targetNode ex:a ; sh:node 'texte' .", "literal"),
        ("ex:S sh:targetNode ex:a ; sh:minInclusive ex:b .", "not a literal"),
        ("ex:S sh:targetNode ex:a ; sh:path ex:p ; sh:qualifiedValueShape [ sh:class ex:C ] .", "qualifiedMinCount"),
    ],
)
def test_wrong_shapes_are_refused_in_clear_words(shapes: str, words: str) -> None:
    """An ill-formed shapes file stops the start, and the message says where and what."""
    with pytest.raises(ConfigError, match=f"(?s){words}") as refused:
        compile_shapes({"s.ttl": PREFIXES + shapes})

    assert refused.value.text["fr"] != refused.value.text["en"]


def test_an_inverted_sequence_is_walked_from_its_end() -> None:
    """The inverse of a/b is the inverse of b, then that of a (SPARQL 1.1, section 9.3; pySHACL takes them in order)."""
    shapes = "ex:S sh:targetNode ex:end ; sh:path [ sh:inversePath ( ex:a ex:b ) ] ; sh:minCount 1 ."
    validator = compile_shapes({"s.ttl": PREFIXES + shapes})

    assert validator(triples("ex:start ex:a ex:middle . ex:middle ex:b ex:end .")) == []


def test_results_of_anonymous_shapes_have_a_lasting_name() -> None:
    """A shape without an IRI has the same name each time the file is read."""
    shapes = "ex:S sh:targetNode ex:a ; sh:property [ sh:path ex:url ; sh:maxCount 1 ] ."
    record = triples("ex:a ex:url ex:u, ex:v .")

    first, second = (compile_shapes({"s.ttl": PREFIXES + shapes})(record) for _ in range(2))

    assert first == second
    assert first[0].shape.startswith("<urn:carrefour:shape:")


def test_all_shapes_of_the_project_are_compiled() -> None:
    """None is left to the slow engine, which a worker process would have to load."""
    vocabulary = load()

    validator = compile_shapes(vocabulary.shapes(), vocabulary.background())

    assert validator.claimed_shapes
    assert not validator.fallback_shapes


def test_pyshacl_is_not_loaded_for_common_records() -> None:
    """A process that validates a common record never imports the slow engine."""
    code = (
        "import sys; from federation.pipeline.validate import compile_shapes\n"
        "shapes = '@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:s> sh:targetNode <urn:a> ; sh:path <urn:p> ;"
        " sh:minInclusive 1 ; sh:datatype <http://www.w3.org/2001/XMLSchema#integer> .'\n"
        "found = compile_shapes({'s.ttl': shapes})([('<urn:a>', '<urn:p>',"
        " '\"0\"^^<http://www.w3.org/2001/XMLSchema#integer>')])\n"
        "print(len(found), 'pyshacl' in sys.modules, 'federation.pipeline.shacl.oracle' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["1", "False", "False"]
