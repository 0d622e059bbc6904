"""rdflib's view of single literals, as pySHACL asks for it. Loaded only when an odd literal turns up.

It must never be imported by the fast path at start: rdflib takes longer to load than all shapes take to compile.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from pyshacl.rdfutil.compare import compare_literal
from rdflib import BNode, Literal, URIRef
from rdflib.term import IdentifiedNode

from federation.model import Term
from federation.pipeline.shacl.terms import LANG_STRING, STRING, XSD, iri, language, lexical
from federation.pipeline.shacl.terms import datatype as datatype_of

# rdflib logs a traceback for each literal it cannot read; the finding about that literal says it already.
logging.getLogger("rdflib.term").setLevel(logging.ERROR)

_PYTHON_TYPES: dict[Term, type | tuple[type, ...]] = {
    STRING: (str, bytes),
    LANG_STRING: (str, bytes),
    iri(XSD + "integer"): int,
    iri(XSD + "float"): float,
    iri(XSD + "decimal"): Decimal,
    iri(XSD + "boolean"): bool,
    iri(XSD + "date"): date,
    iri(XSD + "time"): time,
    iri(XSD + "dateTime"): datetime,
}


class _Comparable(Literal):
    """A literal that says No where rdflib cannot tell whether it is at most another (a year), instead of TypeError.

    pySHACL asks so for ``sh:lessThanOrEquals``; values that cannot be compared do not conform (SHACL section 4.5).
    """

    __slots__ = ()

    def __le__(self, other: object) -> bool:
        return super().__le__(other) is True


def to_rdflib(term: Term) -> IdentifiedNode | Literal:
    """Turn a term into rdflib's object, lexical form untouched; blank node labels are kept."""
    if term[0] == "<":
        return URIRef(lexical(term))
    if term[0] == "_":
        return BNode(term[2:])
    return to_literal(term)


def to_literal(term: Term) -> Literal:
    """Turn a literal term into rdflib's object without normalising its lexical form."""
    tag = language(term)
    kind = datatype_of(term)
    if tag or kind is None or kind == STRING:
        return _Comparable(lexical(term), lang=tag, normalize=False)
    return _Comparable(lexical(term), datatype=URIRef(lexical(kind)), normalize=False)


def well_typed(value: Term, datatype: Term) -> bool:
    """Tell whether pySHACL finds the literal's lexical form in its datatype's lexical space."""
    read = to_literal(value)
    if read.ill_typed is True:
        return False
    expected = _PYTHON_TYPES.get(datatype)
    return expected is None or isinstance(read.value, expected)


def order(value: Term, bound: Term) -> int | None:
    """Compare as pySHACL does for value ranges: negative, 0, positive; None if the two cannot be compared."""
    mine, limit = to_literal(value), to_literal(bound)
    if isinstance(mine.value, str) != isinstance(limit.value, str):
        return None
    try:
        return int(compare_literal(mine, limit))  # type: ignore[no-untyped-call]
    except (TypeError, NotImplementedError, InvalidOperation):  # the last: a decimal that is no number
        return None


def less_than(left: Term, right: Term, equal_counts: bool) -> bool:
    """Compare as pySHACL does for ``sh:lessThan`` and ``sh:lessThanOrEquals``.

    One difference: a pair whose equality is unknown does not pass ``sh:lessThanOrEquals`` for that alone (SHACL
    section 4.5). In pySHACL it does, because rdflib's ``<=`` takes ``NotImplemented`` for true.
    """
    one, other = _operand(left), _operand(right)
    if isinstance(one, Literal) != isinstance(other, Literal):
        return False
    try:
        if bool(one < other):
            return True
        return equal_counts and bool(one.eq(other) if isinstance(one, Literal) else one == other)
    except (TypeError, InvalidOperation):  # SPARQL cannot compare them
        return False


def _operand(term: Term) -> str | Literal:
    """Strings and IRIs compare as plain strings, everything else as a literal."""
    if term[0] == "<":
        return lexical(term)
    read = to_literal(term)
    return str(read.value) if isinstance(read.value, str) else read
