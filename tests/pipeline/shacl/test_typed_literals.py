"""Typed literals: our fast reading of common forms agrees with rdflib's reading of any form."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from federation.model import Term
from federation.pipeline.shacl import oracle
from federation.pipeline.shacl.terms import XSD, iri, literal
from federation.pipeline.shacl.typed import bound_test, datatype_test, less_than

pytestmark = pytest.mark.filterwarnings("ignore:Parsing weird boolean")

NAMES = (
    *("integer", "nonNegativeInteger", "positiveInteger", "decimal", "double", "float", "boolean", "date", "dateTime"),
    *("time", "duration", "byte", "int", "unsignedByte", "negativeInteger", "long", "string", "anyURI", "gYear"),
)
TYPES = [iri(XSD + name) for name in NAMES]

texts = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,4}(\.[0-9]{0,3})?([eE][+-]?[0-9])?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,7})?)?", fullmatch=True),
    st.from_regex(r"202[0-9]-0[1-9]-1[0-9](T0[0-9]:00:00)?(Z|[+-]0[0-9]:00)?", fullmatch=True),
    st.sampled_from(
        ["true", "false", "1", "0", "TRUE", "NaN", "INF", "-INF", "inf", "", " 1", "1 ", "1_0", "٣", ".5", "5."]
    ),
    st.sampled_from(["-2020-01-01", "0000-01-01", "2020-01-01T24:00:00", "20200101", "P1D", "12:30:00", "9" * 400]),
)
terms = st.builds(lambda text, kind: literal(text, datatype=kind), texts, st.sampled_from(TYPES))
comparable = st.one_of(terms, st.sampled_from(["<http://a.example/>", '"mot"@fr', '"mot"', '"mot"@en']))

few = settings(max_examples=400, deadline=None)


@few
@given(text=texts, kind=st.sampled_from(TYPES), wanted=st.sampled_from(TYPES))
@example(text="1", kind=iri(XSD + "boolean"), wanted=iri(XSD + "boolean"))
def test_a_literal_is_of_a_datatype_exactly_if_pyshacl_says_so(text: str, kind: Term, wanted: Term) -> None:
    """Same datatype and a lexical form that rdflib can read, nothing more and nothing less."""
    value = literal(text, datatype=kind)

    assert datatype_test(wanted)(value) == (kind == wanted and oracle.well_typed(value, wanted))


@few
@given(value=comparable, bound=terms)
def test_a_value_range_compares_as_pyshacl_does(value: Term, bound: Term) -> None:
    """Below, equal, above or not comparable: the same as pySHACL's own comparison."""
    order = oracle.order(value, bound) if value[0] == '"' else None

    assert bound_test(bound, lambda sign: sign >= 0)(value) == (order is not None and order >= 0)
    assert bound_test(bound, lambda sign: sign < 0)(value) == (order is not None and order < 0)


@few
@given(left=comparable, right=comparable)
def test_two_values_of_a_record_compare_as_pyshacl_does(left: Term, right: Term) -> None:
    """sh:lessThan and sh:lessThanOrEquals agree with pySHACL for every pair."""
    assert less_than(left, right, lambda sign: sign < 0) == oracle.less_than(left, right, False)
    assert less_than(left, right, lambda sign: sign <= 0) == oracle.less_than(left, right, True)


def test_a_later_year_is_not_less_or_equal() -> None:
    """rdflib has no value for a year, and pySHACL lets every pair of years pass sh:lessThanOrEquals; we do not."""
    earlier, later = (literal(text, datatype=iri(XSD + "gYear")) for text in ("2012", "2013"))

    assert less_than(earlier, later, lambda sign: sign <= 0)
    assert not less_than(later, earlier, lambda sign: sign <= 0)


def test_a_blank_node_is_less_than_nothing() -> None:
    """Blank nodes cannot be compared: the constraint fails, as the standard asks."""
    assert not less_than("_:a", '"1"', lambda sign: sign <= 0)


@pytest.mark.parametrize(
    ("value", "bound", "expected"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", True),
        ("2020-01-01T00:00:00", "2020-01-01T00:00:00Z", False),
        ("2019-12-31T23:59:59Z", "2020-01-01T00:00:00Z", False),
    ],
)
def test_instants_compare_across_time_zones(value: str, bound: str, expected: bool) -> None:
    """An instant is compared by what it means; one without a zone cannot be compared with one that has it."""
    kind = iri(XSD + "dateTime")

    assert bound_test(literal(bound, datatype=kind), lambda s: s >= 0)(literal(value, datatype=kind)) is expected


@pytest.mark.parametrize("text", ["NaN", "sNaN"])
def test_a_decimal_that_is_no_number_cannot_be_compared(text: str) -> None:
    """Python reads NaN as a decimal and refuses to compare it; a partner's value must not stop the validation."""
    value, one = literal(text, datatype=iri(XSD + "decimal")), literal("1", datatype=iri(XSD + "integer"))

    assert not bound_test(one, lambda sign: sign <= 0)(value)
    assert not less_than(value, one, lambda sign: sign <= 0)
    assert not less_than(one, value, lambda sign: sign <= 0)
