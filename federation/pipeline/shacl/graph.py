"""The shapes graph: read from Turtle, looked up by node, with a lasting name for every shape that has no IRI.

Knows RDF lists and syntax errors; knows nothing of what shapes mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pyoxigraph import RdfFormat, parse

from federation.errors import ConfigError
from federation.model import Term, Triple
from federation.pipeline.shacl.data import Properties, index
from federation.pipeline.shacl.terms import FIRST, NIL, REST

_NOTHING: Properties = {}


def parse_turtle(name: str, turtle: str) -> Iterator[Triple]:
    """Read Turtle as triples of canonical terms. Raises ConfigError with the line and column of a syntax error.

    ``name`` is the file name, or the absolute IRI that relative IRIs start from.
    """
    base = name if "://" in name else "urn:carrefour:shapes"
    try:
        for quad in parse(input=turtle.encode(), format=RdfFormat.TURTLE, base_iri=base):
            yield str(quad.subject), str(quad.predicate), str(quad.object)
    except SyntaxError as error:
        en = f"line {error.lineno}, column {error.offset}" if error.lineno else "unknown line"
        fr = f"ligne {error.lineno}, colonne {error.offset}" if error.lineno else "ligne inconnue"
        raise ConfigError(
            f"The file {name} is not valid Turtle ({en}): {error.msg}",
            f"Le fichier {name} n'est pas du Turtle valide ({fr}) : {error.msg}",
        ) from error


class ShapesGraph:
    """All shapes files together, as one RDF graph."""

    def __init__(self, shapes: Mapping[str, str]) -> None:
        """Read Turtle texts by file name (or by absolute IRI, then the base of relative IRIs). Raises ConfigError."""
        self.triples = list(dict.fromkeys(t for name in shapes for t in parse_turtle(name, shapes[name])))
        self._properties = index(self.triples)
        self._names: dict[Term, Term] = {}

    def properties(self, node: Term) -> Properties:
        """Predicates and objects of a node."""
        return self._properties.get(node, _NOTHING)

    def values(self, node: Term, predicate: Term) -> Sequence[Term]:
        """Objects of the triples with this subject and predicate."""
        return self.properties(node).get(predicate, ())

    def pairs(self, predicate: Term) -> Iterator[tuple[Term, Term]]:
        """Subjects and objects of all triples with this predicate."""
        for node, properties in self._properties.items():
            for value in properties.get(predicate, ()):
                yield node, value

    def items(self, head: Term) -> list[Term]:
        """Members of an RDF list. Raises ConfigError if it is not one."""
        members: list[Term] = []
        seen: set[Term] = set()
        while head != NIL:
            first, rest = self.values(head, FIRST), self.values(head, REST)
            if len(first) != 1 or len(rest) != 1 or head in seen:
                name = self.name(head)
                raise ConfigError(
                    f"The shapes hold an RDF list that is broken: {name}",
                    f"Les formes contiennent une liste RDF brisée : {name}",
                )
            seen.add(head)
            members.append(first[0])
            head = rest[0]
        return members

    def name(self, node: Term) -> Term:
        """Return a name that lasts: the IRI, or for a blank node one made from what the graph says of it."""
        if node[0] != "_":
            return node
        if node not in self._names:
            text = self._describe(node, ())
            self._names[node] = f"<urn:carrefour:shape:{hashlib.sha256(text.encode()).hexdigest()[:16]}>"
        return self._names[node]

    def _describe(self, node: Term, above: tuple[Term, ...]) -> str:
        """Write down a node with the blank nodes below it; equal content gives equal text."""
        if node[0] != "_":
            return node
        if node in above:
            return f"[up {len(above) - above.index(node)}]"
        below = (*above, node)
        lines = sorted(
            f"{predicate} {self._describe(value, below)}"
            for predicate, values in self.properties(node).items()
            for value in values
        )
        return f"[{'; '.join(lines)}]"
