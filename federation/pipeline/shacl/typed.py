"""Typed literals: is the lexical form one of the datatype, and how do two values compare?

The common well-formed cases are decided here; every other case is put to rdflib as pySHACL would put it, so that the
two engines cannot disagree. This module must never guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from federation.model import Term
from federation.pipeline.shacl.terms import LANG_STRING, RDF, RDFS, STRING, XSD, Test, iri

# 300 digits is far over any real number and far under Python's own limit for reading integers.
_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_NATURAL = re.compile(r"[0-9]{1,300}")
_POSITIVE = re.compile(r"[1-9][0-9]{0,299}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?")
_DOUBLE = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_BOOLEAN = re.compile(r"true|false|1|0")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_datetime(text: str) -> bool:
    if not _DATETIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _matcher(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


_CLEAN: Mapping[Term, Callable[[str], bool]] = {
    iri(XSD + name): check
    for name, check in (
        ("integer", _matcher(_INTEGER)),
        ("nonNegativeInteger", _matcher(_NATURAL)),
        ("positiveInteger", _matcher(_POSITIVE)),
        ("decimal", _matcher(_DECIMAL)),
        ("double", _matcher(_DOUBLE)),
        ("float", _matcher(_DOUBLE)),
        ("boolean", _matcher(_BOOLEAN)),
        ("date", _is_date),
        ("dateTime", _is_datetime),
    )
}

_TRUTH = iri(XSD + "boolean")  # four lexical forms, all known: nothing to ask

# Datatypes outside the list of SPARQL 1.1 (section 17.1) whose lexical form the standard does not ask us to check.
_UNCHECKED = frozenset(
    iri(XSD + name)
    for name in (
        *("anyURI", "language", "token", "normalizedString", "Name", "NCName", "NMTOKEN"),
        *("gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay"),
    )
)


def needs_reference(datatype: Term) -> bool:
    """Tell whether ``sh:datatype`` with this value has a meaning that only the reference engine gives it."""
    return datatype in (iri(RDFS + "Literal"), iri(RDFS + "Datatype"))


def datatype_test(datatype: Term) -> Test:
    """Build the test of ``sh:datatype`` (SHACL section 4.1.2): same datatype and not ill-typed."""
    if datatype == STRING:
        return lambda v: v[-1] == '"'
    if datatype == LANG_STRING:
        return lambda v: v[0] == '"' and v[-1] not in '">'
    ending = '"^^' + datatype
    if datatype in _UNCHECKED or not datatype.startswith((f"<{XSD}", f"<{RDF}")):
        return lambda v: v[0] == '"' and v.endswith(ending)
    end = -len(ending)
    clean = _CLEAN.get(datatype)

    def test(v: Term) -> bool:
        if v[0] != '"' or not v.endswith(ending):
            return False
        return (clean is not None and clean(v[1:end])) or (datatype != _TRUTH and _ask_well_typed(v, datatype))

    return test


def _ask_well_typed(value: Term, datatype: Term) -> bool:
    from federation.pipeline.shacl import oracle  # noqa: PLC0415 - rdflib is loaded only for an odd literal

    return oracle.well_typed(value, datatype)


class _Value(NamedTuple):
    """A value with the family within which Python compares it as SPARQL does."""

    family: str
    value: Any


_INTEGERS = frozenset(iri(XSD + name) for name in ("integer", "nonNegativeInteger", "positiveInteger"))


def _value_of(term: Term) -> _Value | None:
    """Read the value of a literal of a common datatype in its common form; None for every other term."""
    if term[0] != '"' or term[-1] != ">":
        return None
    close = term.rindex('"')
    kind, text = term[close + 3 :], term[1:close]
    clean = _CLEAN.get(kind)
    if clean is None or not clean(text):
        return None
    if kind in _INTEGERS:
        return _Value("number", int(text))
    return _read(kind[len(XSD) + 1 : -1], text)


def _read(name: str, text: str) -> _Value | None:
    if name == "decimal":
        return _Value("number", Decimal(text))
    if name in ("double", "float"):
        return _Value("number", float(text))
    if name == "date":
        return _Value("date", date.fromisoformat(text))
    if name == "dateTime":
        moment = datetime.fromisoformat(text)
        return _Value("local" if moment.tzinfo is None else "instant", moment)
    return None


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def bound_test(bound: Term, accept: Callable[[int], bool]) -> Test:
    """Build the test of a value range (SHACL section 4.3): ``accept`` gets -1, 0 or 1 for value against bound."""
    known = _value_of(bound)

    def test(v: Term) -> bool:
        if v[0] != '"':
            return False
        if known is not None:
            mine = _value_of(v)
            if mine is not None and mine.family == known.family:
                return accept(_sign(mine.value, known.value))
        order = _ask_order(v, bound)
        return order is not None and accept(order)

    return test


def _ask_order(value: Term, bound: Term) -> int | None:
    from federation.pipeline.shacl import oracle  # noqa: PLC0415 - rdflib is loaded only for an odd literal

    return oracle.order(value, bound)


def less_than(left: Term, right: Term, or_equal: Callable[[int], bool]) -> bool:
    """Compare two values of a record as ``sh:lessThan`` does (SHACL section 4.5); False if they cannot be compared."""
    if left[0] == "_" or right[0] == "_":
        return False
    one, other = _value_of(left), _value_of(right)
    if one is not None and other is not None and one.family == other.family:
        return or_equal(_sign(one.value, other.value))
    from federation.pipeline.shacl import oracle  # noqa: PLC0415 - rdflib is loaded only for an odd literal

    return oracle.less_than(left, right, or_equal(0))
