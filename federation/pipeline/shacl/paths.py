"""Property paths (SHACL section 2.3.1): read from shapes, written as SPARQL text, run, put in reports.

A path never touches the store: it walks the small index of one validation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from federation.errors import ConfigError
from federation.model import Term, Triple
from federation.pipeline.shacl.data import Data
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.terms import FIRST, NIL, REST, sh

Walk = Callable[[Data, Term], Sequence[Term]]
"""Gives the value nodes of a focus node, without repeats."""

_MAX_DEPTH = 10  # as pySHACL: deeper paths are a mistake or an attack

_REPEATS = (("*", sh("zeroOrMorePath")), ("+", sh("oneOrMorePath")), ("?", sh("zeroOrOnePath")))


@dataclass(frozen=True, slots=True)
class Path:
    """One node of a path: ``kind`` is ``iri``, ``^``, ``/``, ``|``, ``*``, ``+`` or ``?``."""

    kind: str
    iri: Term = ""
    parts: tuple[Path, ...] = ()

    def __str__(self) -> str:
        if self.kind == "iri":
            return self.iri
        inner = [str(part) if part.kind == "iri" else f"({part})" for part in self.parts]
        if self.kind == "^":
            return f"^{inner[0]}"
        return self.kind.join(inner) if self.kind in "/|" else inner[0] + self.kind

    @property
    def forward(self) -> bool:
        """Tell whether the path follows no property backwards."""
        return self.kind != "^" and all(part.forward for part in self.parts)


def read_path(graph: ShapesGraph, node: Term, depth: int = 0) -> Path:
    """Read the path at a node of the shapes graph. Raises ConfigError if it is ill-formed."""
    if node[0] == "<":
        return Path("iri", node)
    if node[0] == '"' or depth >= _MAX_DEPTH:
        raise ConfigError(
            f"A sh:path in the shapes is not a property path, or is nested too deeply: {node}",
            f"Un sh:path des formes n'est pas un chemin de propriété, ou est trop imbriqué : {node}",
        )
    if graph.values(node, FIRST):
        return Path("/", parts=_read_list(graph, node, depth))
    inverse = graph.values(node, sh("inversePath"))
    if inverse:
        return Path("^", parts=(read_path(graph, inverse[0], depth + 1),))
    alternative = graph.values(node, sh("alternativePath"))
    if alternative:
        return Path("|", parts=_read_list(graph, alternative[0], depth))
    for kind, predicate in _REPEATS:
        repeated = graph.values(node, predicate)
        if repeated:
            return Path(kind, parts=(read_path(graph, repeated[0], depth + 1),))
    raise ConfigError(
        "A sh:path in the shapes is a blank node that describes no property path.",
        "Un sh:path des formes est un nœud anonyme qui ne décrit aucun chemin de propriété.",
    )


def _read_list(graph: ShapesGraph, node: Term, depth: int) -> tuple[Path, ...]:
    parts = tuple(read_path(graph, item, depth + 1) for item in graph.items(node))
    if len(parts) < 2:
        raise ConfigError(
            "A sequence or an alternative in a sh:path needs two members or more.",
            "Dans un sh:path, une suite ou une alternative a deux membres ou plus.",
        )
    return parts


def compile_path(path: Path, *, backwards: bool = False) -> Walk:
    """Turn a path into a function; ``backwards`` walks it from object to subject."""
    if path.kind == "iri":
        predicate = path.iri
        if backwards:
            return lambda data, node: data.subjects(node, predicate)
        return lambda data, node: data.properties[node].get(predicate, ())
    if path.kind == "^":
        return compile_path(path.parts[0], backwards=not backwards)
    walks = [compile_path(part, backwards=backwards) for part in path.parts]
    if path.kind == "/":
        return _sequence(walks[::-1] if backwards else walks)
    if path.kind == "|":
        return lambda data, node: list(dict.fromkeys(v for walk in walks for v in walk(data, node)))
    return _repeat(walks[0], path.kind)


def _sequence(walks: Sequence[Walk]) -> Walk:
    def walk(data: Data, node: Term) -> Sequence[Term]:
        nodes: Sequence[Term] = (node,)
        for step in walks:
            nodes = list(dict.fromkeys(v for n in nodes for v in step(data, n)))
        return nodes

    return walk


def _repeat(step: Walk, kind: str) -> Walk:
    def walk(data: Data, node: Term) -> Sequence[Term]:
        seen: dict[Term, None] = {} if kind == "+" else {node: None}
        if kind == "?":
            return list(seen | dict.fromkeys(step(data, node)))
        todo = list(step(data, node))
        while todo:
            current = todo.pop()
            if current not in seen:
                seen[current] = None
                todo.extend(step(data, current))
        return list(seen)

    return walk


_TOKEN = re.compile(r"<[^>]*>|[\^/|*+?()]")


def parse_path(text: str) -> Path:
    """Read back what ``str(path)`` wrote. Not a parser for foreign SPARQL. Raises ValueError for anything else."""
    tokens = _TOKEN.findall(text)
    path, rest = _parse_list(tokens)
    if rest:
        raise ValueError(f"not a property path of ours: {text}")
    return path


def _parse_list(tokens: list[str]) -> tuple[Path, list[str]]:
    part, tokens = _parse_part(tokens)
    if not tokens or tokens[0] not in "/|":
        return part, tokens
    kind, parts = tokens[0], [part]
    while tokens and tokens[0] == kind:
        part, tokens = _parse_part(tokens[1:])
        parts.append(part)
    return Path(kind, parts=tuple(parts)), tokens


def _parse_part(tokens: list[str]) -> tuple[Path, list[str]]:
    if not tokens:
        raise ValueError("a property path ends too early")
    head, rest = tokens[0], tokens[1:]
    if head == "^":
        part, rest = _parse_part(rest)
        return Path("^", parts=(part,)), rest
    if head == "(":
        part, rest = _parse_list(rest)
        if rest[:1] != [")"]:
            raise ValueError("a bracket of the property path is not closed")
        rest = rest[1:]
    else:
        part = Path("iri", head)
    if rest and rest[0] in "*+?":
        return Path(rest[0], parts=(part,)), rest[1:]
    return part, rest


def path_triples(path: Path, base: str) -> tuple[Term, list[Triple]]:
    """Write a path as RDF: the node that stands for it, and the triples about that node.

    Nodes that would be blank get IRIs made from ``base`` and the path's own text, so equal paths share them.
    """
    triples: list[Triple] = []
    node = _write(path, base, triples)
    return node, triples


def _name(base: str, text: str) -> Term:
    return f"<{base}-{hashlib.sha256(text.encode()).hexdigest()[:8]}>"


def _write(path: Path, base: str, triples: list[Triple]) -> Term:
    if path.kind == "iri":
        return path.iri
    members = [_write(part, base, triples) for part in path.parts]
    node = _name(base, str(path))
    if path.kind == "/":
        triples.extend(_list(node, members))
    elif path.kind == "|":
        head = _name(base, f"list {path}")
        triples.append((node, sh("alternativePath"), head))
        triples.extend(_list(head, members))
    else:
        predicate = sh("inversePath") if path.kind == "^" else dict(_REPEATS)[path.kind]
        triples.append((node, predicate, members[0]))
    return node


def _list(head: Term, members: Sequence[Term]) -> Iterator[Triple]:
    cells = [head] + [_name(head[1:-1], str(i)) for i in range(1, len(members))]
    for i, member in enumerate(members):
        yield cells[i], FIRST, member
        yield cells[i], REST, cells[i + 1] if i + 1 < len(cells) else NIL
