"""Compiles the fields that are nodes of their own (places, organisations, images): read, clean, name by content, write.

Inner nodes are named ``{record}#{term}-{hash}``, so the same content gives the same IRI. Must never make a blank node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.model import Openness, typed
from federation.pipeline.cleaning import Problem, clean_point, clean_postcode, is_missing
from federation.pipeline.cleaning.text import as_string
from federation.pipeline.mapping.effort import VALUES, Effort, first_values
from federation.pipeline.mapping.identity import canonical, node_hash
from federation.pipeline.mapping.paths import Getter, Row
from federation.pipeline.mapping.scalars import XSD, Lines, words_of
from federation.pipeline.mapping.sheet import Sheet
from federation.pipeline.mapping.values import leaves, plain
from federation.vocabulary import Field

GEO = "http://www.opengis.net/ont/geosparql#"
RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"

_REFERENCE = re.compile(r"(?:https?://|urn:|_:)\S+", re.IGNORECASE)
"""What refers to a node, and is nobody's name."""

Item = list[Any]
"""What was read for one node: one raw value per child, in the order of the children."""


@dataclass(frozen=True, slots=True)
class ScalarPlan:
    """One field that is a value. ``constant`` values come from [always]."""

    key: str
    field: Field
    getter: Getter | None
    lines: Lines
    level: Openness
    constant: tuple[Any, ...] = ()

    @property
    def many(self) -> bool:
        """Say whether the field takes several values."""
        return self.field.many

    def read(self, row: Row) -> Any:
        """Read the raw value of a row."""
        return None if self.getter is None else self.getter(row)

    def written(self, raw: Any, sheet: Sheet) -> list[str]:
        """Clean and write a raw value, and say what there is to say of it."""
        lines = self.lines(raw, sheet)
        sheet.effort.spend(len(lines), self.key)
        if sheet.problems:
            sheet.report(self.key)
        return lines


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """One field that is a node. ``items`` finds its objects in a row; without it, the row itself is read.

    ``word`` is the child that takes a plain string found where an object was expected (a holder's name); ``placed``: it
    has a latitude that may be published; ``needs``: properties without which the node is left out, or its alternatives.
    """

    key: str
    field: Field
    effort: Effort
    items: Getter | None
    children: tuple[ScalarPlan | ObjectPlan, ...]
    types: tuple[str, ...]
    level: Openness
    word: int | None = None
    address: int | None = None
    split: Mapping[str, tuple[str, ...]] | None = None
    area: str | tuple[float, ...] | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    placed: bool = False

    @property
    def many(self) -> bool:
        """Say whether the field takes several nodes."""
        return self.field.many

    @property
    def _cuts(self) -> Mapping[str, tuple[str, ...]]:
        return self.split or {}

    def read(self, row: Row) -> list[Item]:
        """Read every object of a row, as plain JSON values. Raises TooCostlyError."""
        if self.items is None:
            whole = [child.read(row) for child in self.children]
            return self._zipped(whole) if self.many else [whole]
        return [item for leaf in leaves(self.items(row)) if (item := self._item(leaf)) is not None]

    def _item(self, leaf: Any) -> Item | None:
        self.effort.spend(1 + len(self.children), self.key)
        if isinstance(leaf, Mapping) and "@value" not in leaf:
            read = [child.read(leaf) for child in self.children]
            if any(not _empty(value) for value in read):
                return read
            leaf = leaf.get("@id")
        if self.word is None or is_missing(leaf):
            return None
        item: Item = [[] if isinstance(child, ObjectPlan) else None for child in self.children]
        item[self.word] = leaf
        return item

    def _zipped(self, item: Item) -> list[Item]:
        """Turn parallel lists (three names, three sites) into as many objects."""
        columns: dict[int, list[Any]] = {}
        for index, (child, raw) in enumerate(zip(self.children, item, strict=True)):
            if isinstance(child, ScalarPlan) and not child.many and (isinstance(raw, list) or child.key in self._cuts):
                columns[index] = _pieces(raw, self._cuts.get(child.key, ()))
        size = max((len(column) for column in columns.values()), default=1)
        if size <= 1:
            return [item]
        self.effort.spend(size * len(item), self.key)
        return [
            [_nth(columns[index], place) if index in columns else raw for index, raw in enumerate(item)]
            for place in range(size)
        ]

    def write(self, items: Sequence[Item], sheet: Sheet) -> list[str]:
        """Write the nodes of one record; give their IRIs without repeats. Raises TooCostlyError."""
        found: dict[str, None] = {}
        items = first_values(items, sheet.problems)
        if sheet.problems:
            sheet.report(self.key)
        for item in items:
            node = self._node(item, sheet)
            if node is None or node in found:
                continue
            if found and not self.many:
                sheet.problems.append(Problem("several-values", self._spoken(item)))
                sheet.report(self.key)
            else:
                found[node] = None
        return list(found)

    def _node(self, item: Item, sheet: Sheet) -> str | None:
        sheet.effort.spend(len(self.children), self.key)
        if (missing := self._dangling(item)) is not None:
            sheet.problems.append(Problem("reference-dangling", missing))
            sheet.report(self.key)
            return None
        lines: list[str] = []
        constants: list[str] = []
        point = self._point(item, sheet) if self.placed else []
        for child, raw in zip(self.children, item, strict=True):
            if child.level is not Openness.OPENDATA:
                keep_apart(child, raw, sheet, self._cuts)
            elif point and child.field.name in _GIVEN_BY_POINT:
                continue
            elif isinstance(child, ObjectPlan):
                lines += reference(child, child.write(raw, sheet)) if raw else []
            elif self.placed and child.field.name in _POINT:
                continue
            elif not _empty(raw):
                lines += child.written(raw, sheet)
            elif child.constant:
                constants += child.written(list(child.constant), sheet)
        lines += point
        return self._named([*lines, *constants], item, sheet) if lines else None

    def _dangling(self, item: Item) -> str | None:
        """The reference, if that is all there is of a node that should have a name: the feed does not describe it."""
        if self.word is None or self.children[self.word].field.name != "name":
            return None
        word = item[self.word]
        if not isinstance(word, str) or _REFERENCE.fullmatch(word.strip()) is None:
            return None
        return word if all(_empty(raw) for index, raw in enumerate(item) if index != self.word) else None

    def _named(self, lines: list[str], item: Item, sheet: Sheet) -> str | None:
        """Write the node, unless it lacks something that its shape asks for."""
        if any(not any(line.startswith(f"<{name}> ") for name in names for line in lines) for names in self.needs):
            sheet.problems.append(Problem("node-incomplete", self._spoken(item)))
            sheet.report(self.key)
            return None
        return named(self.field.name, [*lines, *self.types], sheet)

    def _point(self, item: Item, sheet: Sheet) -> list[str]:
        """Latitude and longitude stand or fall together; they also give the geometry."""
        given = {child.field.name: raw for child, raw in zip(self.children, item, strict=True)}
        latitude, longitude = (plain(_first(given.get(name))) for name in _POINT)
        found = clean_point(latitude, longitude, self._postcode(item), self.area, sheet.problems)
        if sheet.problems:
            sheet.report(f"{self.key}.latitude")
        if found is None:
            return []
        wkt = typed(f"POINT({found.longitude} {found.latitude})", GEO + "wktLiteral")
        geometry = named("geometry", [f"<{GEO}asWKT> {wkt}", f"{RDF_TYPE} <{GEO}Geometry>"], sheet)
        decimal = f"^^<{XSD}decimal>"
        return [
            f'<http://schema.org/latitude> "{found.latitude}"{decimal}',
            f'<http://schema.org/longitude> "{found.longitude}"{decimal}',
            f"<{GEO}hasGeometry> <{geometry}>",
        ]

    def _postcode(self, item: Item) -> str | None:
        if self.address is None or not item[self.address]:
            return None
        plan, inner = self.children[self.address], item[self.address][0]
        if not isinstance(plan, ObjectPlan):
            return None
        for child, raw in zip(plan.children, inner, strict=True):
            if isinstance(child, ScalarPlan) and child.field.name == "postalCode":
                return clean_postcode(plain(_first(raw)), [])
        return None

    def _spoken(self, item: Item) -> str:
        words = [as_string(plain(_first(raw))) for raw in item]
        return ", ".join(word for word in words if word and not is_missing(word))


_POINT = ("latitude", "longitude")
_GIVEN_BY_POINT = frozenset({*_POINT, "geometry"})


def reference(plan: ObjectPlan, nodes: Iterable[str]) -> list[str]:
    """Point from the owner to its nodes."""
    return [f"<{plan.field.property}> <{node}>" for node in nodes]


def named(term: str, lines: list[str], sheet: Sheet) -> str:
    """Write a node under the IRI that its content gives; return the IRI."""
    lines = list(dict.fromkeys(lines))
    node = f"{sheet.nodes}{term}-{node_hash([f'{line} .' + chr(10) for line in lines])}"
    sheet.lines += [f"<{node}> {line} .\n" for line in lines]
    return node


def keep_apart(plan: ScalarPlan | ObjectPlan, raw: Any, sheet: Sheet, split: Mapping[str, tuple[str, ...]]) -> None:
    """Put a field that is not open data aside, as plain words with its level. Raises TooCostlyError."""
    values = _plain_words(plan, raw, split, sheet)
    if sheet.problems:
        sheet.report(plan.key)
    if values:
        kept = sheet.restricted.setdefault(plan.key, {"level": plan.level.value, "values": []})
        sheet.effort.spend(len(values) + len(kept["values"]), plan.key)
        different = {canonical(value): value for value in (*kept["values"], *values)}
        kept["values"] = list(different.values())[:VALUES]


def _plain_words(
    plan: ScalarPlan | ObjectPlan, raw: Any, split: Mapping[str, tuple[str, ...]], sheet: Sheet
) -> list[Any]:
    """Give what a value says as plain words: a list of texts, or of objects by our terms."""
    if isinstance(plan, ScalarPlan):
        words = [] if _empty(raw) else words_of(raw, split, plan.key, sheet.problems)
        sheet.effort.spend(len(words), plan.key)
        if sheet.problems:
            sheet.report(plan.key)
        return words
    found = []
    for item in first_values(raw or (), sheet.problems):
        sheet.effort.spend(len(item), plan.key)
        said = {
            child.field.name: words
            for child, value in zip(plan.children, item, strict=True)
            if (words := _plain_words(child, value, split, sheet))
        }
        if said:
            found.append(said)
    return found


def _empty(raw: Any) -> bool:
    if isinstance(raw, list):
        return all(_empty(item) for item in raw)
    return is_missing(raw)


def _first(raw: Any) -> Any:
    found = leaves(raw)
    return found[0] if found else None


def _pieces(raw: Any, separators: tuple[str, ...]) -> list[Any]:
    pieces = leaves(raw)
    if any(isinstance(piece, Mapping) and "@language" in piece for piece in pieces):
        return [raw]  # one text in several languages
    for mark in separators:
        pieces = [part for piece in pieces for part in (piece.split(mark) if isinstance(piece, str) else [piece])]
    return pieces


def _nth(column: list[Any], place: int) -> Any:
    if len(column) == 1:
        return column[0]
    return column[place] if place < len(column) else None
