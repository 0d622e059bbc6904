"""Targets: which nodes of a record each shape is asked about (SHACL section 2.1.3).

Focus nodes come from the record's own triples; the background lends only its class hierarchy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from federation.model import Term
from federation.pipeline.shacl.data import Data
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.terms import RDFS, SUBCLASS, TYPE, iri, sh

_CLASS = iri(RDFS + "Class")
_OWL_CLASS = "<http://www.w3.org/2002/07/owl#Class>"
_MEMO_LIMIT = 10_000  # combinations of types met; a handful in practice, bounded against hostile data

TARGETS = (sh("targetClass"), sh("targetNode"), sh("targetSubjectsOf"), sh("targetObjectsOf"))
SPARQL_TARGET = sh("target")


@dataclass(frozen=True, slots=True)
class Target:
    """One target declaration: ``kind`` is the SHACL property; an implicit class target is a sh:targetClass."""

    kind: Term
    value: Term


def shape_nodes(graph: ShapesGraph) -> list[Term]:
    """All nodes that pySHACL takes as shapes to be asked by themselves, if they have targets."""
    declared = [node for node, kind in graph.pairs(TYPE) if kind in (sh("NodeShape"), sh("PropertyShape"))]
    implied = [node for p in (*TARGETS, SPARQL_TARGET) for node, _ in graph.pairs(p)]
    return list(dict.fromkeys((*declared, *implied)))


def targets_of(graph: ShapesGraph, node: Term) -> list[Target]:
    """Read the targets of a shape, the implicit class target included."""
    found = [Target(kind, value) for kind in TARGETS for value in graph.values(node, kind)]
    if any(kind in class_types(graph) for kind in graph.values(node, TYPE)) and node[0] == "<":
        found.append(Target(sh("targetClass"), node))
    return found


def class_types(graph: ShapesGraph) -> frozenset[Term]:
    """Types that make a shape a class as well."""
    return frozenset((_CLASS, _OWL_CLASS, *(node for node, above in graph.pairs(SUBCLASS) if above == _CLASS)))


class Targets:
    """Finds, for one record, the pairs of shape number and focus node."""

    def __init__(self, declared: Sequence[Sequence[Target]]) -> None:
        """Take the targets of each shape, shapes being known by their number in the sequence."""
        self._by: dict[Term, dict[Term, list[int]]] = {kind: {} for kind in TARGETS}
        for number, targets in enumerate(declared):
            for target in targets:
                self._by[target.kind].setdefault(target.value, []).append(number)
        self._memo: dict[tuple[Term, ...], tuple[int, ...]] = {}

    def find(self, data: Data, background_nodes: frozenset[Term]) -> Iterator[tuple[int, Term]]:
        """Give each pair once. ``background_nodes`` are not focus nodes unless the record speaks of them."""
        found: dict[tuple[int, Term], None] = {}
        subjects_of, objects_of = self._by[TARGETS[2]], self._by[TARGETS[3]]
        for node, properties in data.own.items():
            types = properties.get(TYPE)
            if types:
                for number in self._of_types(data, tuple(types)):
                    found[number, node] = None
            for predicate in subjects_of.keys() & properties.keys() if subjects_of else ():
                found.update({(number, node): None for number in subjects_of[predicate]})
            for predicate in objects_of.keys() & properties.keys() if objects_of else ():
                found.update({(n, obj): None for obj in properties[predicate] for n in objects_of[predicate]})
        for node, numbers in self._by[TARGETS[1]].items():
            if node in data.own or node not in background_nodes:
                found.update({(number, node): None for number in numbers})
        return iter(found)

    def _of_types(self, data: Data, types: tuple[Term, ...]) -> Sequence[int]:
        """Numbers of the shapes that target one of these classes or a class above them."""
        known = None if data.own_classes else self._memo.get(types)
        if known is not None:
            return known
        by_class = self._by[TARGETS[0]]
        classes = dict.fromkeys(above for kind in types for above in data.superclasses(kind))
        numbers = tuple(dict.fromkeys(number for cls in classes for number in by_class.get(cls, ())))
        if not data.own_classes and len(self._memo) < _MEMO_LIMIT:
            self._memo[types] = numbers
        return numbers
