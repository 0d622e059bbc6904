"""pySHACL asked directly, in its plainest way, as an independent judge of our results. Used by tests only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pyshacl
import rdflib
from rdflib import RDF, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import SH

from federation.model import Triple
from federation.pipeline.validate import Result

Row = tuple[str, ...]
"""Focus node, path, value, source shape if it has an IRI, component, severity; messages."""

_UNARY = {SH.inversePath: "^", SH.zeroOrMorePath: "*", SH.oneOrMorePath: "+", SH.zeroOrOnePath: "?"}


@contextmanager
def _as_written() -> Iterator[None]:
    """Let rdflib keep lexical forms as they are written; pySHACL sets this back whenever it reads shapes."""
    before = rdflib.NORMALIZE_LITERALS
    rdflib.NORMALIZE_LITERALS = False
    try:
        yield
    finally:
        rdflib.NORMALIZE_LITERALS = before


def node_text(node: object) -> str:
    """A node as canonical N-Triples."""
    if node is None:
        return ""
    if isinstance(node, Literal):
        text = str(node)
        for raw, escaped in (
            ("\\", "\\\\"),
            ('"', '\\"'),
            ("\n", "\\n"),
            ("\r", "\\r"),
            ("\t", "\\t"),
            ("\x01", "\\u0001"),
        ):
            text = text.replace(raw, escaped)
        if node.language:
            return f'"{text}"@{node.language}'
        return (
            f'"{text}"^^<{node.datatype}>' if node.datatype and not node.datatype.endswith("#string") else f'"{text}"'
        )
    return f"_:{node}" if isinstance(node, BNode) else f"<{node}>"


def path_text(graph: Graph, node: object) -> str:
    """A property path as SPARQL text, every part that is not a property in brackets."""
    if node is None:
        return ""
    if isinstance(node, URIRef):
        return node_text(node)

    def part(inner: object) -> str:
        text = path_text(graph, inner)
        return text if isinstance(inner, URIRef) else f"({text})"

    if graph.value(node, RDF.first) is not None:
        return "/".join(part(item) for item in Collection(graph, node))
    either = graph.value(node, SH.alternativePath)
    if either is not None:
        return "|".join(part(item) for item in Collection(graph, either))
    for predicate, sign in _UNARY.items():
        inner = graph.value(node, predicate)
        if inner is not None:
            return sign + part(inner) if sign == "^" else part(inner) + sign
    raise AssertionError(f"no path at {node}")


class Judge:
    """Some shapes and a background, ready to judge records."""

    def __init__(self, shapes: Mapping[str, str], background: Iterable[Triple] = ()) -> None:
        self._shapes = Graph()
        with _as_written():
            for name, text in shapes.items():
                self._shapes.parse(data=text, format="turtle", publicID=name)
        self._data = Graph()
        beside = list(background)
        self._beside = {subject for subject, _, _ in beside}
        self._add(beside)

    def _add(self, triples: Iterable[Triple]) -> list[tuple[object, ...]]:
        parsed = Graph()
        with _as_written():
            parsed.parse(data="".join(f"{s} {p} {o} .\n" for s, p, o in triples), format="nt", bnode_context={})
        fresh = [triple for triple in parsed if triple not in self._data]
        for triple in fresh:
            self._data.add(triple)
        return fresh

    def __call__(self, triples: Iterable[Triple]) -> Counter[Row]:
        """Count the results for one record; results about nodes of the background alone are left out."""
        triples = list(triples)
        own = {subject for subject, _, _ in triples}
        objects = {obj for _, _, obj in triples}
        added = self._add(triples)
        try:
            _, report, _ = pyshacl.validate(self._data, shacl_graph=self._shapes, inplace=True)
        finally:
            for triple in added:
                self._data.remove(triple)
        rows = Counter(self._rows(report))
        return Counter({row: n for row, n in rows.items() if row[0] in own | objects or row[0] not in self._beside})

    def _rows(self, report: Graph) -> Iterator[Row]:
        for result in report.objects(None, SH.result):
            shape = report.value(result, SH.sourceShape)
            stated = sorted(node_text(m) for m in self._shapes.objects(shape, SH.message))
            yield (
                node_text(report.value(result, SH.focusNode)),
                path_text(report, report.value(result, SH.resultPath)),
                node_text(report.value(result, SH.value)),
                node_text(shape) if isinstance(shape, URIRef) else "",
                node_text(report.value(result, SH.sourceConstraintComponent)),
                node_text(report.value(result, SH.resultSeverity)),
                "\n".join(stated),
            )


def rows(results: Iterable[Result]) -> Counter[Row]:
    """Our own results in the judge's form."""
    return Counter(
        (
            r.focus,
            r.path or "",
            r.value or "",
            "" if r.shape.startswith("<urn:carrefour:shape:") else r.shape,
            r.component,
            r.severity,
            "\n".join(sorted(node_text(Literal(text, lang=tag or None)) for tag, text in r.messages.items())),
        )
        for r in results
    )
