"""The project's own shapes: compiled whole, and in agreement with pySHACL on good, bad and random records."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyshacl_judge import Judge, rows
from sample_records import SPOILING, good_record

from federation.model import Term, Tier, Triple
from federation.pipeline.validate import Validator, compile_shapes, parse_turtle, tier
from federation.vocabulary import load

pytestmark = pytest.mark.filterwarnings("ignore:Parsing weird boolean")

TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
SCHEMA = "http://schema.org/"
PROJECT = "<https://commun.example/records/avise/123#project>"
IN_SCHEME = "<http://www.w3.org/2004/02/skos/core#inScheme>"

GOOD = good_record()


@pytest.fixture(scope="module")
def shapes() -> Mapping[str, str]:
    """Shapes of records (the thesauri have their own tests, and would be judged anew with every record)."""
    return {name: text for name, text in load().shapes().items() if name != "concept.ttl"}


@pytest.fixture(scope="module")
def background() -> list[Triple]:
    """What the vocabulary lays beside a record, cut to what the shapes can read: pySHACL is slow."""
    triples = parse_turtle("background.ttl", load().background())
    return [t for t in triples if t[1] in (TYPE, IN_SCHEME)]


@pytest.fixture(scope="module")
def validator(shapes: Mapping[str, str], background: list[Triple]) -> Validator:
    """Ours."""
    return compile_shapes(shapes, background)


@pytest.fixture(scope="module")
def judge(shapes: Mapping[str, str], background: list[Triple]) -> Judge:
    """pySHACL's."""
    return Judge(shapes, background)


def without(predicate: str, subject: Term | None = None) -> list[Triple]:
    """The good record without a property."""
    return [t for t in GOOD if not (t[1] == f"<{predicate}>" and subject in (None, t[0]))]


def test_all_own_shapes_are_compiled() -> None:
    """No shape of the project falls back to pySHACL."""
    validator = compile_shapes(load().shapes())

    assert not validator.fallback_shapes
    assert len(validator.claimed_shapes) >= 20


def test_a_good_record_is_full(validator: Validator) -> None:
    """A record with every expected field, all right, has no result at all."""
    results = validator(GOOD)

    assert results == []
    assert tier(results) is Tier.FULL


BAD: Mapping[str, list[Triple]] = {
    "no name": without(f"{SCHEMA}name", PROJECT),
    "no licence": without("http://purl.org/dc/terms/license"),
    "unknown theme": [
        *without("http://purl.org/dc/terms/subject"),
        (PROJECT, "<http://purl.org/dc/terms/subject>", "<https://w3id.org/carrefour/theme/ZZZ>"),
    ],
    "two French names": [*GOOD, (PROJECT, f"<{SCHEMA}name>", '"Autre nom"@FR')],
    "short name": [*without(f"{SCHEMA}name", PROJECT), (PROJECT, f"<{SCHEMA}name>", '"ab"@fr')],
    "text without language": [*GOOD, (PROJECT, f"<{SCHEMA}award>", '"Prix"')],
    "latitude out of range": [*GOOD, ("<urn:x>", TYPE, f"<{SCHEMA}Place>"), ("<urn:x>", f"<{SCHEMA}latitude>", '"91"')],
    "no description": without(f"{SCHEMA}description"),
    "no place": [t for t in without(f"{SCHEMA}location") if t[1] != f"<{SCHEMA}areaServed>"],
    "a holder that is not described": [t for t in GOOD if not t[0].endswith("#holder-0a0b0c0d>")],
    "the record speaks of a concept": [*GOOD, ("<https://w3id.org/carrefour/theme/ZZZ>", IN_SCHEME, "<urn:x>")],
    "the record gives a concept its scheme": [
        *GOOD,
        ("<https://w3id.org/carrefour/theme/ZZZ>", IN_SCHEME, "<https://w3id.org/carrefour/theme/>"),
        (PROJECT, "<http://purl.org/dc/terms/subject>", "<https://w3id.org/carrefour/theme/ZZZ>"),
    ],
    "a class of its own": [
        *GOOD,
        ("<urn:c>", "<http://www.w3.org/2000/01/rdf-schema#subClassOf>", f"<{SCHEMA}Organization>"),
        ("<urn:o>", TYPE, "<urn:c>"),
    ],
    "nothing": [],
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_has_the_results_of_pyshacl(name: str, validator: Validator, judge: Judge) -> None:
    """Each hand-made fault gives the same results as pySHACL, twice in a row."""
    expected = judge(BAD[name])

    assert rows(validator(BAD[name])) == expected
    assert rows(validator(BAD[name])) == expected


@pytest.mark.parametrize(
    ("name", "reached"), [("no name", None), ("no description", Tier.FULL), ("no place", Tier.ESSENTIAL)]
)
def test_the_tier_follows_from_the_gravest_result(name: str, reached: Tier | None, validator: Validator) -> None:
    """A Violation refuses, a Warning leaves Essential; an abstract stands in for a description."""
    results = validator(BAD[name])

    assert tier(results) is reached


subjects = st.sampled_from(sorted({s for s, _, _ in GOOD}))
predicates = st.sampled_from(sorted({p for _, p, _ in GOOD}))
objects = st.sampled_from([*SPOILING, *sorted({o for _, _, o in GOOD})])
spoilt = st.tuples(
    st.sets(st.integers(0, len(GOOD) - 1), max_size=6),
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), objects), max_size=6),
    st.lists(st.tuples(subjects, predicates, objects), max_size=6),
)


def spoil(recipe: tuple[set[int], list[tuple[int, Term]], list[Triple]]) -> list[Triple]:
    """Drop some triples of the good record, point others elsewhere, and add some."""
    dropped, retargeted, added = recipe
    triples = list(GOOD)
    for i, obj in retargeted:
        triples[i] = (triples[i][0], triples[i][1], obj)
    return list(dict.fromkeys([*(t for i, t in enumerate(triples) if i not in dropped), *added]))


quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@quick
@given(recipe=spoilt)
def test_random_records_have_the_results_of_pyshacl(
    recipe: tuple[set[int], list[tuple[int, Term]], list[Triple]], validator: Validator, judge: Judge
) -> None:
    """Whatever is dropped, changed or added, results are those of pySHACL, one for one."""
    record = spoil(recipe)

    assert rows(validator(record)) == judge(record)


@pytest.mark.slow
@settings(quick, max_examples=3000)
@given(recipe=spoilt)
def test_many_random_records_have_the_results_of_pyshacl(
    recipe: tuple[set[int], list[tuple[int, Term]], list[Triple]], validator: Validator, judge: Judge
) -> None:
    """The same over thousands of records."""
    record = spoil(recipe)

    assert rows(validator(record)) == judge(record)
