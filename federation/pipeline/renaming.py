"""Sees that a partner has changed its ids: the same projects would come again under new names. Pure.

A new record matches a missing one of the same name that has its page or its place, too (harvesting design, section 7).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from federation.model import from_lines
from federation.vocabulary import fold

_NAME = "<http://schema.org/name>"
_PLACES = frozenset({"<http://schema.org/postalCode>", "<http://schema.org/addressLocality>"})


class Likeness(NamedTuple):
    """By what a record is known again: its project's names, its page, and its places; folded."""

    names: frozenset[str]
    marks: frozenset[str]


def likeness(record: str, page: str, content: str) -> Likeness:
    """Read from a record's graph (canonical N-Triples) what it is known by."""
    project = f"<{record}#project>"
    names: set[str] = set()
    marks = {_address(page)} if page else set()
    for subject, predicate, value in from_lines(content):
        if predicate == _NAME and subject == project:
            names.add(_text(value))
        elif predicate in _PLACES:
            marks.add(_text(value))
    return Likeness(frozenset(names), frozenset(marks))


def matches(new: Iterable[Likeness], missing: Iterable[Likeness]) -> int:
    """Count the new records that look like one that is missing."""
    known: dict[str, set[str]] = defaultdict(set)
    for each in missing:
        for name in each.names:
            known[name] |= each.marks
    return sum(any(each.marks & known.get(name, set()) for name in each.names) for each in new)


def _text(literal: str) -> str:
    return fold(literal.rsplit('"', 1)[0][1:])


def _address(page: str) -> str:
    return page.partition("://")[2].rstrip("/").lower()
