"""pySHACL behind the same face as the compiled shapes, for what the compiler does not claim and as the judge in tests.

Loaded only when it is needed. It must give results of the same form, term for term.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from decimal import InvalidOperation

import pyshacl
from rdflib import BNode, Graph, Literal, Node, URIRef
from rdflib.namespace import SH

from federation.errors import ConfigError
from federation.model import Term, Triple
from federation.pipeline.shacl.compiler import messages_of
from federation.pipeline.shacl.data import Background, Data, Properties
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.oracle import to_rdflib
from federation.pipeline.shacl.paths import read_path
from federation.pipeline.shacl.results import Result
from federation.pipeline.shacl.targets import SPARQL_TARGET, TARGETS, class_types
from federation.pipeline.shacl.terms import TYPE, iri, literal, sh

_RdfTriple = tuple[Node, Node, Node]


def _triples(properties: Mapping[Term, Properties]) -> Iterable[Triple]:
    for subject, pairs in properties.items():
        for predicate, objects in pairs.items():
            for obj in objects:
                yield subject, predicate, obj


def _failed(why: str) -> ConfigError:
    return ConfigError(f"pySHACL cannot evaluate the shapes: {why}", f"pySHACL ne peut pas évaluer les formes : {why}")


class Reference:
    """Some shapes of a shapes graph, evaluated by pySHACL. One record at a time, whatever the number of threads."""

    def __init__(self, graph: ShapesGraph, background: Background, shapes: Sequence[Term]) -> None:
        """Prepare the graphs. Only ``shapes`` are asked by themselves; the others stay for those that refer to them."""
        self._shapes_graph = graph
        self._nodes = tuple(shapes)
        self._lock = threading.Lock()
        self._kept: dict[Node, Term] = {}
        self._terms: dict[Node, Term] = {}
        self._advanced = any(graph.values(node, SPARQL_TARGET) for node in shapes)
        self._shapes = Graph()
        for triple in self._without_targets(graph):
            self._shapes.add(self._convert(triple))
        self._data = Graph()
        for triple in _triples(background.properties):
            self._data.add(self._convert(triple))
        self._kept, self._terms = self._terms, {}

    def _without_targets(self, graph: ShapesGraph) -> Iterable[Triple]:
        """Take out Core targets: the focus nodes are found once, for both engines, and handed over one by one."""
        classes = class_types(graph)
        asked = frozenset(self._nodes)
        implicit = {node for node, kind in graph.pairs(TYPE) if kind in (sh("NodeShape"), sh("PropertyShape"))}
        for subject, predicate, obj in graph.triples:
            if predicate in TARGETS or (predicate == SPARQL_TARGET and subject not in asked):
                continue
            if predicate == TYPE and obj in classes and subject in implicit:
                continue
            yield subject, predicate, obj

    def _convert(self, triple: Triple) -> _RdfTriple:
        subject, predicate, obj = (self._term(term) for term in triple)
        return subject, predicate, obj

    def _term(self, term: Term) -> Node:
        node = to_rdflib(term)
        self._terms[node] = term
        return node

    def validate(self, data: Data, focus: Iterable[tuple[Term, Term]]) -> list[Result]:
        """Validate the given pairs of shape and focus node, and the SPARQL targets.

        Raises ConfigError if pySHACL cannot evaluate a shape (ill-formed, or recursion without end).
        """
        with self._lock:
            asked = [self._convert((shape, sh("targetNode"), node)) for shape, node in focus]
            if not asked and not self._advanced:
                return []
            added = [t for t in map(self._convert, _triples(data.own)) if t not in self._data]
            try:
                for triple in asked:
                    self._shapes.add(triple)
                for triple in added:
                    self._data.add(triple)
                return list(self._run())
            finally:
                for triple in asked:
                    self._shapes.remove(triple)
                for triple in added:
                    self._data.remove(triple)
                self._terms = {}

    def _run(self) -> Iterable[Result]:
        try:
            _, report, text = pyshacl.validate(
                self._data, shacl_graph=self._shapes, inplace=not self._advanced, advanced=self._advanced
            )
        except pyshacl.errors.ReportableRuntimeError as error:
            raise _failed(error.message) from error
        except (TypeError, InvalidOperation) as error:  # rdflib cannot compare two values, and pySHACL does not mind
            raise _failed(str(error) or type(error).__name__) from error
        if not isinstance(report, Graph):
            raise _failed(str(text))
        for node in report.objects(None, SH.result):
            yield self._result(report, node)

    def _result(self, report: Graph, node: Node) -> Result:
        source = self._back(report.value(node, SH.sourceShape))
        path = report.value(node, SH.resultPath)
        value = report.value(node, SH.value)
        component = self._back(report.value(node, SH.sourceConstraintComponent))
        messages = messages_of(self._shapes_graph, source)
        if not messages and report.value(node, SH.sourceConstraint) is not None:
            found = sorted(m for m in report.objects(node, SH.resultMessage) if isinstance(m, Literal))
            messages = {(m.language or "").lower(): str(m) for m in found}
        return Result(
            focus=self._back(report.value(node, SH.focusNode)),
            path=None if path is None else str(read_path(self._shapes_graph, self._back(path))),
            value=None if value is None else self._back(value),
            shape=self._shapes_graph.name(source),
            component=component,
            severity=self._back(report.value(node, SH.resultSeverity)),
            messages=messages,
        )

    def _back(self, node: Node | None) -> Term:
        """Give the term that an rdflib object was made from, or write one for what a query made."""
        if node in self._terms:
            return self._terms[node]
        if node in self._kept:
            return self._kept[node]
        if isinstance(node, Literal):
            return literal(str(node), node.language, iri(str(node.datatype)) if node.datatype else None)
        if isinstance(node, BNode):
            return f"_:{node}"
        if isinstance(node, URIRef):
            return iri(str(node))
        raise ConfigError(
            "pySHACL gave a validation result that is not complete.",
            "pySHACL a donné un résultat de validation incomplet.",
        )
