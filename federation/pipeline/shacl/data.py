"""The data graph of one validation: one record, seen together with the immutable background (thesauri, ontology).

Only the record's own triples give focus nodes. Nothing here is shared between records except the background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from federation.model import Term, Triple
from federation.pipeline.shacl.terms import SUBCLASS, TYPE

Properties = Mapping[Term, Sequence[Term]]

_NOTHING: Properties = {}
_NO_TERMS: Sequence[Term] = ()

_FEW = 32  # subjects; below it, looking through a record is faster than turning it round


def split_lines(lines: str) -> list[Triple]:
    """Split canonical N-Triples lines. Only newline ends a line: texts may hold other Unicode line separators."""
    triples = []
    for line in lines.split("\n"):
        if line:
            subject, predicate, rest = line.split(" ", 2)
            triples.append((subject, predicate, rest[:-2]))
    return triples


def index(triples: Iterable[Triple]) -> dict[Term, dict[Term, list[Term]]]:
    """Index triples by subject, then predicate; repeats are dropped."""
    found: dict[Term, dict[Term, list[Term]]] = {}
    for subject, predicate, obj in dict.fromkeys(triples):
        properties = found.get(subject)
        if properties is None:
            found[subject] = {predicate: [obj]}
        elif predicate in properties:
            properties[predicate].append(obj)
        else:
            properties[predicate] = [obj]
    return found


def _invert(properties: Mapping[Term, Properties]) -> dict[Term, dict[Term, list[Term]]]:
    return index((obj, p, s) for s, pairs in properties.items() for p, objects in pairs.items() for obj in objects)


def _merge(left: Properties, right: Properties) -> Properties:
    return {p: list(dict.fromkeys((*left.get(p, ()), *right.get(p, ())))) for p in (*left, *right)}


def _superclasses(start: Term, properties: Mapping[Term, Properties]) -> frozenset[Term]:
    """Follow rdfs:subClassOf upwards from ``start``, which is part of the answer."""
    seen: set[Term] = set()
    todo = [start]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(properties.get(current, _NOTHING).get(SUBCLASS, ()))
    return frozenset(seen)


class Background:
    """Triples that lie beside every record. Indexed once, never changed."""

    def __init__(self, triples: Iterable[Triple] = ()) -> None:
        self.properties = index(triples)
        self.inverse: Mapping[Term, Properties] | None = None
        self.nodes = frozenset(self.properties) | {
            obj for pairs in self.properties.values() for objects in pairs.values() for obj in objects if obj[0] != '"'
        }
        self.superclasses = {
            node: _superclasses(node, self.properties) for node, pairs in self.properties.items() if SUBCLASS in pairs
        }

    def inverted(self) -> Mapping[Term, Properties]:
        """The index by object, made at first use: few shapes follow a property backwards."""
        if self.inverse is None:
            self.inverse = _invert(self.properties)
        return self.inverse


class _Lookup(dict[Term, Properties]):
    """The record's subjects; whatever is not among them is looked up in the background."""

    __slots__ = ("background",)

    def __init__(self, own: Mapping[Term, Properties], background: Mapping[Term, Properties]) -> None:
        super().__init__(own)
        self.background = background

    def __missing__(self, node: Term) -> Properties:
        return self.background.get(node, _NOTHING)


class Data:
    """One record over the background.

    ``own`` holds the record's triples by subject and predicate, ``properties`` those and the background's.
    ``apart`` says that no triple of the record can change what the background says of its own nodes.
    """

    __slots__ = ("_background", "_inverse", "_types_above", "apart", "own", "properties")

    def __init__(self, triples: Iterable[Triple], background: Background) -> None:
        self._background = background
        self.own: Mapping[Term, Properties] = index(triples)
        shared = background.nodes.isdisjoint(self.own)
        lookup = _Lookup(self.own, background.properties)
        if not shared:
            for node in self.own:
                beside = background.properties.get(node)
                if beside is not None:
                    lookup[node] = _merge(self.own[node], beside)
        self.properties: Mapping[Term, Properties] = lookup
        self._types_above: dict[Term, frozenset[Term]] | None = None
        if any(SUBCLASS in pairs for pairs in self.own.values()):
            self._types_above = {}
            shared = False
        self.apart = shared
        self._inverse: Mapping[Term, Properties] | None = None

    @property
    def own_classes(self) -> bool:
        """Tell whether the record itself speaks of subclasses."""
        return self._types_above is not None

    def superclasses(self, cls: Term) -> Iterable[Term]:
        """All classes above ``cls``, and itself (rdfs:subClassOf in the record and the background)."""
        if self._types_above is None:
            return self._background.superclasses.get(cls) or (cls,)
        if cls not in self._types_above:
            everything = {node: self.properties[node] for node in (*self.own, *self._background.superclasses)}
            self._types_above[cls] = _superclasses(cls, everything)
        return self._types_above[cls]

    def is_instance(self, node: Term, cls: Term) -> bool:
        """Tell whether the node is a SHACL instance of the class."""
        types = self.properties[node].get(TYPE, ())
        return cls in types or any(cls in self.superclasses(kind) for kind in types)

    def subjects(self, node: Term, predicate: Term) -> Sequence[Term]:
        """Subjects of the triples with this predicate and object."""
        mine: Sequence[Term]
        if len(self.own) <= _FEW:
            mine = [s for s, pairs in self.own.items() if predicate in pairs and node in pairs[predicate]]
        else:
            if self._inverse is None:
                self._inverse = _invert(self.own)
            mine = self._inverse.get(node, _NOTHING).get(predicate, _NO_TERMS)
        beside = self._background.inverted().get(node, _NOTHING).get(predicate, _NO_TERMS)
        if mine and beside:
            return list(dict.fromkeys((*mine, *beside)))
        return mine or beside
