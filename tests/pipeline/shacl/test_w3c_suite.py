"""The W3C test suite of SHACL Core: what each test expects, what pySHACL says, what compiled shapes say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pyshacl_judge import Judge, rows

from federation.model import Triple
from federation.pipeline.shacl.data import index
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.paths import read_path
from federation.pipeline.shacl.terms import lexical, sh
from federation.pipeline.validate import Result, compile_shapes, parse_turtle, reference_shapes

pytestmark = [pytest.mark.needs_shared, pytest.mark.filterwarnings("ignore:Parsing weird boolean")]

MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
SHT = "http://www.w3.org/ns/shacl-test#"

PYSHACL_IS_WRONG = {
    "uniqueLang-002": 'sh:uniqueLang "1"^^xsd:boolean is not `true` and switches nothing on; pySHACL takes it for true',
}


@dataclass(frozen=True)
class Case:
    """One test: shapes, data, and the results it expects as far as it states them."""

    name: str
    shapes: dict[str, str]
    data: tuple[Triple, ...]
    expected: tuple[dict[str, str], ...]


def _text(uri: str) -> str:
    return Path(unquote(urlsplit(uri.strip("<>")).path)).read_text("utf-8")


def _cases(file: Path) -> Iterator[Case]:
    uri = file.as_uri()
    text = file.read_text("utf-8")
    manifest = ShapesGraph({uri: text})
    about = index(manifest.triples)
    for node, properties in about.items():
        if f"<{SHT}Validate>" not in properties.get("<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>", ()):
            continue
        (action,), (report,) = properties[f"<{MF}action>"], properties[f"<{MF}result>"]
        (data,), (shapes,) = about[action][f"<{SHT}dataGraph>"], about[action][f"<{SHT}shapesGraph>"]
        triples = manifest.triples if data == f"<{uri}>" else parse_turtle(data.strip("<>"), _text(data))
        yield Case(
            name=lexical(node).rsplit("/", 1)[-1],
            shapes={shapes.strip("<>"): _text(shapes)},
            data=tuple(triples),
            expected=tuple(_expected(manifest, result) for result in manifest.values(report, sh("result"))),
        )


def _expected(manifest: ShapesGraph, result: str) -> dict[str, str]:
    """The stated fields of a result; a shape without an IRI is not stated."""
    stated = {}
    fields = {
        "focus": "focusNode",
        "value": "value",
        "component": "sourceConstraintComponent",
        "severity": "resultSeverity",
        "shape": "sourceShape",
        "message": "resultMessage",
    }
    for field, predicate in fields.items():
        values = manifest.values(result, sh(predicate))
        if values and not (field == "shape" and values[0][0] == "_"):
            stated[field] = values[0]
    for path in manifest.values(result, sh("resultPath")):
        stated["path"] = str(read_path(manifest, path))
    return stated


def _agrees(result: Result, stated: dict[str, str]) -> bool:
    """Compare one result with one expected result, in the fields that it states; value and path must be absent too."""
    messages = {f'"{text}"@{tag}' if tag else f'"{text}"' for tag, text in result.messages.items()}
    if "message" in stated and stated["message"] not in messages:
        return False
    if (result.value is not None) != ("value" in stated) or (result.path is not None) != ("path" in stated):
        return False
    return all(getattr(result, field) == value for field, value in stated.items() if field != "message")


def _passes(case: Case, results: list[Result]) -> bool:
    """Match results and expected results one to one."""
    left = list(results)
    for stated in sorted(case.expected, key=len, reverse=True):
        match = next((r for r in left if _agrees(r, stated)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[Case]:
    """All tests of the suite's Core part."""
    core = shared / "w3c" / "data-shapes-test-suite" / "tests" / "core"
    return [case for file in sorted(core.rglob("*.ttl")) if "sht:Validate" in file.read_text() for case in _cases(file)]


def test_every_test_of_the_suite_gives_the_expected_report(cases: list[Case]) -> None:
    """All 98 tests pass: each expected result is found, and nothing else."""
    failed = [case.name for case in cases if not _passes(case, compile_shapes(case.shapes)(case.data))]

    assert len(cases) == 98
    assert failed == []


def test_no_test_of_the_suite_needs_the_fallback(cases: list[Case]) -> None:
    """The compiler claims every shape of the suite's 98 tests."""
    refused = {c.name: why for c in cases if (why := dict(compile_shapes(c.shapes).fallback_shapes))}

    assert refused == {}


def test_results_are_those_of_pyshacl(cases: list[Case]) -> None:
    """pySHACL gives the same results, term for term, except where it is named as wrong."""
    differing = {}
    for case in cases:
        ours = rows(compile_shapes(case.shapes)(case.data))
        theirs = rows(reference_shapes(case.shapes)(case.data))
        if ours != theirs:
            differing[case.name] = (ours - theirs, theirs - ours)

    assert set(differing) == set(PYSHACL_IS_WRONG), differing


@pytest.mark.slow
def test_pyshacl_fails_exactly_the_tests_that_are_named(cases: list[Case]) -> None:
    """The list of pySHACL's own errors is neither too long nor too short."""
    failed = {case.name for case in cases if not _passes(case, reference_shapes(case.shapes)(case.data))}

    assert failed == set(PYSHACL_IS_WRONG)


def test_targets_are_found_as_pyshacl_finds_them(cases: list[Case]) -> None:
    """pySHACL finds the same focus nodes by itself, without our own search for targets in between."""
    differing = []
    for case in cases:
        blank = any(term[0] == "_" for triple in case.data for term in triple)
        if blank or case.name in PYSHACL_IS_WRONG:
            continue  # blank node labels do not survive a second parse
        if rows(compile_shapes(case.shapes)(case.data)) != Judge(case.shapes)(case.data):
            differing.append(case.name)

    assert differing == []
