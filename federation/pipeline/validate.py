"""Validate one record against the SHACL shapes, and say what it means for the record: its tier, findings, report.

Pure: the shapes are compiled once, nothing is read or written. It must never accept silently what SHACL refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from federation.model import Term, Triple
from federation.pipeline.shacl.compiler import Compiler
from federation.pipeline.shacl.components import UnclaimedError
from federation.pipeline.shacl.data import Background, Data, split_lines
from federation.pipeline.shacl.graph import ShapesGraph, parse_turtle
from federation.pipeline.shacl.report import tier, to_findings, to_report
from federation.pipeline.shacl.results import Result
from federation.pipeline.shacl.targets import SPARQL_TARGET, Targets, shape_nodes, targets_of

if TYPE_CHECKING:
    from federation.pipeline.shacl.reference import Reference

Runner = Callable[[Data, Term, list[Result]], None]


class Validator:
    """Compiled shapes, ready for one record after the other. Made by :func:`compile_shapes`."""

    def __init__(
        self, graph: ShapesGraph, background: Background, runners: Mapping[Term, Runner], refused: Mapping[Term, str]
    ) -> None:
        """Take the shapes that have targets: those compiled, and those refused with the reason."""
        self._graph = graph
        self._background = background
        self._nodes = (*runners, *refused)
        self._runners = tuple(runners.values())
        self._refused = tuple(refused)
        self._targets = Targets([targets_of(graph, node) for node in self._nodes])
        self._background_nodes = frozenset(background.properties)
        self._reference: Reference | None = None
        self.fallback_shapes: Mapping[Term, str] = {graph.name(node): why for node, why in refused.items()}

    @property
    def claimed_shapes(self) -> tuple[Term, ...]:
        """Names of the shapes with targets that run compiled."""
        return tuple(self._graph.name(node) for node in self._nodes[: len(self._runners)])

    def __call__(self, record: Iterable[Triple] | str) -> list[Result]:
        """Validate one record: triples, or canonical N-Triples lines. Results come in a fixed order.

        Raises ConfigError if the fallback engine cannot evaluate one of its shapes.
        """
        data = Data(split_lines(record) if isinstance(record, str) else record, self._background)
        results: list[Result] = []
        others: list[tuple[Term, Term]] = []
        for number, focus in self._targets.find(data, self._background_nodes):
            if number < len(self._runners):
                self._runners[number](data, focus, results)
            else:
                others.append((self._nodes[number], focus))
        if self._refused:
            results.extend(self._ask_reference(data, others))
        if len(results) > 1:
            results.sort(key=_order)
        return results

    def _ask_reference(self, data: Data, focus: Sequence[tuple[Term, Term]]) -> list[Result]:
        if self._reference is None:
            from federation.pipeline.shacl.reference import Reference  # noqa: PLC0415 - pySHACL only if needed

            self._reference = Reference(self._graph, self._background, self._refused)
        return self._reference.validate(data, focus)


def _order(result: Result) -> tuple[str, ...]:
    return result.order


def _with_targets(graph: ShapesGraph) -> list[Term]:
    return [n for n in shape_nodes(graph) if targets_of(graph, n) or graph.values(n, SPARQL_TARGET)]


def _beside(background: Iterable[Triple] | str) -> Background:
    return Background(parse_turtle("background", background) if isinstance(background, str) else background)


def compile_shapes(shapes: Mapping[str, str], background: Iterable[Triple] | str = ()) -> Validator:
    """Compile SHACL shapes (Turtle by file name) into a validator of single records.

    ``background`` are triples, or Turtle, seen beside every record (thesauri, class hierarchy) and never focus nodes
    themselves. Raises ConfigError for a syntax error or an ill-formed shape (SHACL, sections 2 to 4).
    """
    graph = ShapesGraph(shapes)
    beside = _beside(background)
    compiler = Compiler(graph, beside)
    runners: dict[Term, Runner] = {}
    refused: dict[Term, str] = {}
    for node in _with_targets(graph):
        try:
            runners[node] = compiler.shape(node).run
        except UnclaimedError as reason:
            refused[node] = str(reason)
    return Validator(graph, beside, runners, refused)


def reference_shapes(shapes: Mapping[str, str], background: Iterable[Triple] | str = ()) -> Validator:
    """Make a validator that leaves every shape to pySHACL: the peer in benchmarks and tests."""
    graph = ShapesGraph(shapes)
    refused = dict.fromkeys(_with_targets(graph), "left to the reference engine")
    return Validator(graph, _beside(background), {}, refused)


__all__ = [
    "Result",
    "Validator",
    "compile_shapes",
    "parse_turtle",
    "reference_shapes",
    "tier",
    "to_findings",
    "to_report",
]
