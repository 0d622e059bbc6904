"""The row form of JSON-LD: what a mapping sees of a node, whatever context the partner wrote it with.

- keys: schema.org terms are bare (``name``), others ``prefix:name`` by the prefix table, the rest whole IRIs;
- ``@id`` and ``@type`` stay (types in the short form of keys); one value stands alone, several are a list;
- a text with a language is ``{"@value", "@language"}``; any other literal is its plain value, without datatype;
- a reference is the IRI as text; if the document describes that node at its top, the description stands there instead;
- lists and sets are lists; an empty node, an empty list, ``@index`` and ``@direction`` are left out.

Must never depend on the partner's own words for terms.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

Row = dict[str, Any]

_SCHEMA = "http://schema.org/"
_SAME = (
    ("https://schema.org/", _SCHEMA),
    ("http://www.schema.org/", _SCHEMA),
    ("https://www.schema.org/", _SCHEMA),
    ("http://virtual-assembly.org/ontologies/pair/", "http://virtual-assembly.org/ontologies/pair#"),
    ("http://www.w3.org/ns/activitystreams#", "https://www.w3.org/ns/activitystreams#"),
)
"""Spellings of one namespace that feeds use (vocabulary design: accept https and ``/pair/``, emit one)."""

_EMBED_DEPTH = 3
_EMBED_VALUES = 2_000
"""Values that one row may gain by embedding; a project with twenty places and holders gains two hundred."""


class Names:
    """Short names of IRIs, as keys and types of rows. Two different terms never get the same name.

    ``words``: what the document itself calls a key whose short name is another, as far as the fast path has met it.
    """

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        spaces = [(space, prefix) for prefix, space in prefixes.items() if space != _SCHEMA]
        self._spaces = sorted(spaces, key=lambda pair: len(pair[0]), reverse=True)
        self._prefixes = dict(prefixes)
        self._known: dict[str, str] = {}
        self.words: dict[str, str] = {}

    def of_key(self, iri: str, written: str) -> str:
        """Shorten the IRI of a key, and remember how it is written if it is the first of its name."""
        name = self.short(iri)
        if name != written:
            self.words.setdefault(name, written)
        return name

    def short(self, iri: str) -> str:
        """Shorten an IRI."""
        name = self._known.get(iri)
        if name is None:
            name = self._known[iri] = self._shortened(iri)
        return name

    def of_type(self, written: str) -> str:
        """Give the short name of a type as a source file writes it: ``schema:Project``, ``Project``, or an IRI."""
        prefix, colon, local = written.partition(":")
        if colon and not local.startswith("//"):
            space = {"schema": _SCHEMA, **self._prefixes}.get(prefix)
            return self.short(space + local) if space else written
        return self.short(written)

    def _shortened(self, iri: str) -> str:
        for other, space in _SAME:
            if iri.startswith(other):
                iri = space + iri[len(other) :]
                break
        if iri.startswith(_SCHEMA):
            local = iri[len(_SCHEMA) :]
            return local if local and not set(local) & set(":/#@? ") else iri
        for space, prefix in self._spaces:
            if iri.startswith(space) and len(iri) > len(space) and not set(iri[len(space) :]) & set("/#"):
                return f"{prefix}:{iri[len(space) :]}"
        return iri


class References:
    """Where rows refer to other nodes: under which keys, and to which IRIs the row being read does."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._noted: list[str] = []

    def note(self, key: str, iri: str) -> None:
        """Remember that the row being read refers to ``iri`` under ``key``."""
        self.keys.add(key)
        self._noted.append(iri)

    def drain(self) -> list[str]:
        """The IRIs noted since the last call."""
        noted = self._noted
        self._noted = []
        return noted


class Shelf:
    """The rows of one document in compact form, until each is taken.

    A row that refers to another one by its IRI is taken with that row in place, three levels deep and never inside
    itself. ``clipped``: there were so many references that some stayed plain IRIs.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._packed: list[bytes] = []
        self._names = array("q")  # hash of each row's IRI: a tenth of the memory of the IRIs; 0 for none
        self._pointing: dict[int, array[int]] = {}
        self._targets: dict[int, int] = {}
        self._budget = 0
        self.clipped = False

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, row: Row) -> int:
        """Put a row away with what was noted while it was read. Returns its place."""
        place = len(self._packed)
        iri = row.get("@id")
        self._packed.append(orjson.dumps(row))
        self._names.append(hash(iri) if isinstance(iri, str) else 0)
        others = [hash(other) for other in self._references.drain() if other != iri]
        if others:
            self._pointing[place] = array("q", others)
        return place

    def seal(self, order: Iterable[int]) -> None:
        """Say that all rows are there, and in which order: of two rows with one IRI the first is referred to."""
        for place in order:
            if self._names[place]:
                self._targets.setdefault(self._names[place], place)
        targets = self._targets
        self._pointing = {
            place: others for place, others in self._pointing.items() if any(other in targets for other in others)
        }
        self._budget = 200_000 + 100 * len(self._packed)

    def take(self, place: int) -> Row:
        """Give a row, with the rows it refers to in place."""
        row = self._row(place)
        return _Embedding(self).copy(row, (place,)) if place in self._pointing else row

    def referred(self, key: str, value: str) -> tuple[int, Row] | None:
        """Find the row that a value under a key refers to."""
        place = self._targets.get(hash(value)) if key in self._references.keys else None
        if place is None:
            return None
        row = self._row(place)
        return (place, row) if row.get("@id") == value else None

    def spend(self, weight: int, left: int) -> bool:
        """Take from what the whole document may grow by, so that none can explode; False if it is spent."""
        if weight > min(left, self._budget):
            self.clipped = True
            return False
        self._budget -= weight
        return True

    def _row(self, place: int) -> Row:
        row: Row = orjson.loads(self._packed[place])
        return row


class _Embedding:
    """Copies one row with the rows it refers to."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._left = _EMBED_VALUES

    def copy(self, row: Row, inside: tuple[int, ...]) -> Row:
        """Copy a row or a part of it; ``inside`` are the places of the rows it is already part of."""
        return {
            key: [self._item(key, item, inside) for item in value]
            if isinstance(value, list)
            else self._item(key, value, inside)
            for key, value in row.items()
        }

    def _item(self, key: str, value: Any, inside: tuple[int, ...]) -> Any:
        if isinstance(value, dict):
            return self.copy(value, inside)
        if not isinstance(value, str) or len(inside) > _EMBED_DEPTH:
            return value
        found = self._shelf.referred(key, value)
        if found is None or found[0] in inside:
            return value
        place, target = found
        weight = sum(len(each) if isinstance(each, list) else 1 for each in target.values())
        if not self._shelf.spend(weight, self._left):
            return value
        self._left -= weight
        return self.copy(target, (*inside, place))


class RowBuilder:
    """Turns expanded JSON-LD into rows: the slow path, after a full processor."""

    def __init__(self, names: Names, references: References) -> None:
        self._names = names
        self._references = references

    def rows(self, expanded: Iterable[Any]) -> Iterator[Row]:
        """Yield the row of each node at the top, in a graph, or included; not of mere references and literals."""
        for node in expanded:
            if not isinstance(node, dict) or "@value" in node or "@list" in node:
                continue
            included: list[Any] = []
            row = self._node(node, included, top=True)
            if row.keys() - {"@id"}:
                yield row
            yield from self.rows(included)

    def _node(self, node: Mapping[str, Any], included: list[Any], top: bool = False) -> Row:
        values: dict[str, list[Any]] = {}
        for name, value in node.items():
            if name == "@id":
                values["@id"] = [value]
            elif name == "@type":
                values["@type"] = [self._names.short(item) for item in value]
            elif name == "@included" or (name == "@graph" and top):
                included += value
            elif name == "@reverse":
                values["@reverse"] = [self._node(value, included)]
            elif name == "@graph" or not name.startswith("@"):
                values.setdefault(self._names.short(name), []).extend(self._flat(value, included))
        return self._put(values)

    def _put(self, values: Mapping[str, list[Any]]) -> Row:
        row: Row = {}
        for key, items in values.items():
            items = [item for item in items if item is not None]
            for position, item in enumerate(items):
                if isinstance(item, _Reference):
                    items[position] = item.iri
                    self._references.note(key, item.iri)
            if items:
                row[key] = items if len(items) > 1 else items[0]
        return row

    def _flat(self, items: Iterable[Any], included: list[Any]) -> list[Any]:
        flat: list[Any] = []
        for item in items:
            if "@list" in item:
                flat += self._flat(item["@list"], included)
            elif "@set" in item:
                flat += self._flat(item["@set"], included)
            else:
                flat.append(self._value(item, included))
        return flat

    def _value(self, item: Mapping[str, Any], included: list[Any]) -> Any:
        if "@value" in item:
            value = item["@value"]
            if "@language" in item:
                return {"@value": value, "@language": item["@language"]}
            return value
        row = self._node(item, included)
        if row.keys() == {"@id"}:
            return _Reference(row["@id"])
        return row or None


class _Reference:
    """A node of which only the IRI is known."""

    __slots__ = ("iri",)

    def __init__(self, iri: str) -> None:
        self.iri = iri


__all__ = ["Names", "References", "Row", "RowBuilder", "Shelf"]
