"""The row form of JSON-LD: what a mapping sees of a node, whatever context the partner wrote it with.

- keys: schema.org terms are bare (``name``), others ``prefix:name`` by the prefix table, the rest whole IRIs;
- ``@id`` and ``@type`` stay (types in the short form of keys); one value stands alone, several are a list;
- a text with a language is ``{"@value", "@language"}``; any other literal is its plain value, without datatype;
- a reference is the IRI as text; if the document describes that node at its top, the description stands there instead;
- lists and sets are lists; an empty node, an empty list, ``@index`` and ``@direction`` are left out.

Must never depend on the partner's own words for terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
    """Short names of IRIs, as keys and types of rows. Two different terms never get the same name."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        spaces = [(space, prefix) for prefix, space in prefixes.items() if space != _SCHEMA]
        self._spaces = sorted(spaces, key=lambda pair: len(pair[0]), reverse=True)
        self._prefixes = dict(prefixes)
        self._known: dict[str, str] = {}

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
    """Where rows point to other nodes, so that nodes described in the same document can be put in place."""

    def __init__(self) -> None:
        self._places: list[tuple[Row, str, int, str]] = []

    def note(self, owner: Row, key: str, position: int, iri: str) -> None:
        """Remember that ``owner[key]`` (its item ``position`` if a list, else -1) is a reference."""
        self._places.append((owner, key, position, iri))

    def embed(self, rows: list[Row]) -> tuple[list[Row], bool]:
        """Put top-level nodes where others refer to them, three levels deep and never inside themselves.

        Rows are not changed but copied where needed. The flag says that there were too many references: the rest stay
        plain IRIs.
        """
        targets: dict[str, Row] = {}
        for row in rows:
            if isinstance(row.get("@id"), str):
                targets.setdefault(row["@id"], row)
        hits: dict[tuple[int, str, int], Row] = {}
        for owner, key, position, iri in self._places:
            if iri in targets:
                hits[id(owner), key, position] = targets[iri]
        if not hits:
            return rows, False
        budget = [200_000 + 100 * len(rows)]
        clipped, embedded = False, []
        for row in rows:
            embedding = _Embedding(hits, budget)
            embedded.append(embedding.copy(row, (id(row),)))
            clipped |= embedding.clipped
        return embedded, clipped


class _Embedding:
    """Copies one row with the nodes it refers to; ``budget`` is shared, so that no document can explode."""

    def __init__(self, hits: Mapping[tuple[int, str, int], Row], budget: list[int]) -> None:
        self._hits = hits
        self._budget = budget
        self.clipped = False
        self._left = _EMBED_VALUES

    def copy(self, row: Row, inside: tuple[int, ...]) -> Row:
        """Copy a row or a part of it; ``inside`` are the top-level nodes it is already part of."""
        return {
            key: [self._item(row, key, i, item, inside) for i, item in enumerate(value)]
            if isinstance(value, list)
            else self._item(row, key, -1, value, inside)
            for key, value in row.items()
        }

    def _item(self, owner: Row, key: str, position: int, value: Any, inside: tuple[int, ...]) -> Any:
        target = self._hits.get((id(owner), key, position))
        if target is not None and id(target) not in inside and len(inside) <= _EMBED_DEPTH and self._allowed(target):
            return self.copy(target, (*inside, id(target)))
        return self.copy(value, inside) if isinstance(value, dict) else value

    def _allowed(self, target: Row) -> bool:
        weight = sum(len(value) if isinstance(value, list) else 1 for value in target.values())
        if weight > min(self._left, self._budget[0]):
            self.clipped = True
            return False
        self._left -= weight
        self._budget[0] -= weight
        return True


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
                    self._references.note(row, key, position if len(items) > 1 else -1, item.iri)
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


__all__ = ["Names", "References", "Row", "RowBuilder"]
