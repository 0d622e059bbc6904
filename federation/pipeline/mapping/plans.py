"""Compiles the [fields] of a source into plans: a tree of values and nodes, each with its reader and its openness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from federation.model import Openness, Severity
from federation.pipeline.mapping.effort import Effort
from federation.pipeline.mapping.nodes import RDF_TYPE, ObjectPlan, ScalarPlan
from federation.pipeline.mapping.paths import Getter, compile_paths
from federation.pipeline.mapping.scalars import compile_scalar
from federation.pipeline.sources import Source
from federation.vocabulary import Field, Kind, Vocabulary

LEVELS = tuple(Openness)

_WORDS = ("email", "contentUrl", "name", "value", "description", "url")
"""Children that may take a plain string, best first."""


def stricter(one: Openness, other: Openness) -> Openness:
    """The more closed of two levels."""
    return max(one, other, key=LEVELS.index)


class Planner:
    """Builds the plans of one source."""

    def __init__(self, source: Source, vocabulary: Vocabulary, base_url: str, effort: Effort) -> None:
        self._source, self._vocabulary, self._base_url = source, vocabulary, base_url
        self._effort = effort
        self._fields = vocabulary.fields

    def top(self) -> list[ScalarPlan | ObjectPlan]:
        """Plans of all mapped terms of the project and the record node, in the order of the vocabulary."""
        terms = {term.split(".", 1)[0] for term in (*self._source.fields, *self._source.always)}
        return [self._plan(term, Openness.OPENDATA) for term in sorted(terms, key=self._rank)]

    def _rank(self, term: str) -> tuple[int, str]:
        return (self._fields[term].order, term)

    def _plan(self, term: str, outer: Openness) -> ScalarPlan | ObjectPlan:
        field = self._fields[term]
        level = stricter(outer, self._level(term, field))
        if field.kind is Kind.OBJECT:
            return self._object(term, field, level)
        return self._scalar(term, field, level, self._getter(term))

    def _scalar(self, term: str, field: Field, level: Openness, getter: Getter | None) -> ScalarPlan:
        lines = compile_scalar(field, self._source, self._vocabulary, self._base_url)
        return ScalarPlan(term, field, getter, lines, level, self._source.always.get(term, ()))

    def _level(self, term: str, field: Field) -> Openness:
        """What the file says of the term or of what it lies in, else the vocabulary's default."""
        parts = term.split(".")
        for size in range(len(parts), 0, -1):
            said = self._source.levels.get(".".join(parts[:size]))
            if said is not None:
                return said
        return field.openness

    def _getter(self, term: str) -> Getter | None:
        paths = self._source.fields.get(term)
        return compile_paths(paths, self._effort) if paths else None

    def _object(self, term: str, field: Field, level: Openness) -> ObjectPlan:
        direct, at = self._getter(term), self._getter(f"{term}.at")
        mapped = sorted(self._mapped_under(term), key=self._rank)
        children = [self._plan(child, level) for child in mapped]
        if direct is not None or (at is not None and not mapped):
            children = self._own_words(term, level, children)
        return self._node(field, level, direct or at, children)

    def _node(
        self, field: Field, level: Openness, items: Getter | None, children: list[ScalarPlan | ObjectPlan]
    ) -> ObjectPlan:
        word = self._word_child(field.key, level, children) if items else None
        address = next((i for i, child in enumerate(children) if child.field.name == "address"), None)
        return ObjectPlan(
            key=field.key,
            field=field,
            effort=self._effort,
            items=items,
            children=tuple(children),
            types=self._types(field),
            level=level,
            word=word,
            address=address,
            split=self._source.split,
            area=self._source.area,
            needs=self._needs(field.key),
            placed=_placed(children),
        )

    def _mapped_under(self, term: str) -> set[str]:
        """Children of a term that the file maps or fixes."""
        start = f"{term}."
        names = (name for name in (*self._source.fields, *self._source.always) if name.startswith(start))
        found = {start + name[len(start) :].split(".", 1)[0] for name in names}
        return {name for name in found if name != f"{term}.at"}

    def _own_words(
        self, term: str, level: Openness, children: list[ScalarPlan | ObjectPlan], depth: int = 0
    ) -> list[ScalarPlan | ObjectPlan]:
        """An object that is mapped whole is read by our own words: a field's name, or its compact IRI."""
        taken = {child.key for child in children}
        start = f"{term}."
        for key, field in self._fields.items():
            if not key.startswith(start) or "." in key[len(start) :] or key in taken or self._points_back(field):
                continue
            inner = stricter(level, self._level(key, field))
            getter = compile_paths((field.name, compact(field.property, self._vocabulary)), self._effort)
            if field.kind is not Kind.OBJECT:
                children.append(self._scalar(key, field, inner, getter))
            elif depth < 2:
                children.append(self._node(field, inner, getter, self._own_words(key, inner, [], depth + 1)))
        return children

    def _points_back(self, field: Field) -> bool:
        """Say whether a child is what its owner is found by: the triple from an assessment to its project."""
        owner = self._fields.get(field.key.rpartition(".")[0])
        return owner is not None and owner.inverse and owner.property == field.property

    def _word_child(self, term: str, level: Openness, children: list[ScalarPlan | ObjectPlan]) -> int | None:
        """Find, or add, the child that a plain string fills."""
        for name in (*self._required(term), *_WORDS):
            field = self._fields.get(f"{term}.{name}")
            if field is None or field.kind is Kind.OBJECT:
                continue
            for index, child in enumerate(children):
                if child.field.name == name:
                    return index
            children.append(self._scalar(field.key, field, stricter(level, self._level(field.key, field)), None))
            return len(children) - 1
        return None

    def _required(self, term: str) -> tuple[str, ...]:
        """Names of the children that a node of this term cannot be without."""
        start = f"{term}."
        return tuple(
            field.name
            for key, field in self._fields.items()
            if key.startswith(start)
            and "." not in key[len(start) :]
            and field.severity is Severity.VIOLATION
            and not self._points_back(field)
        )

    def _needs(self, term: str) -> tuple[tuple[str, ...], ...]:
        """For each required child, the properties of which one must be there."""
        found = []
        for name in self._required(term):
            field = self._fields[f"{term}.{name}"]
            found.append((field.property, *(self._fields[other].property for other in field.either)))
        return tuple(found)

    def _types(self, field: Field) -> tuple[str, ...]:
        classes: dict[str, None] = {}
        for name in field.classes:
            known: Mapping[str, Any] = self._vocabulary.classes
            types = known[name].types if name in known else ()
            classes |= dict.fromkeys((name, *types))
        return tuple(f"{RDF_TYPE} <{name}>" for name in classes)


def _placed(children: Iterable[ScalarPlan | ObjectPlan]) -> bool:
    return any(child.field.name == "latitude" and child.level is Openness.OPENDATA for child in children)


def compact(name: str, vocabulary: Vocabulary) -> str:
    """Write an IRI as readers do in a row: schema.org terms bare, others ``prefix:name``."""
    for prefix, namespace in vocabulary.prefixes.items():
        if name.startswith(namespace):
            local = name[len(namespace) :]
            return local if prefix == "schema" else f"{prefix}:{local}"
    return name
