"""A small read-only view of Turtle files for our own vocabulary. Not for partners' data: it trusts its input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from federation.errors import ConfigError
from federation.model import Text
from federation.vocabulary.terms import RDF

Node = str
"""An IRI, or ``_:`` and the label of a blank node."""

Value = NamedNode | Literal


def parse_turtle(data: bytes, name: str) -> list[tuple[Node, str, Node | Literal]]:
    """Read Turtle. Raises ConfigError with file, line and column, and what to do."""
    try:
        return [_plain(quad.triple, name) for quad in parse(input=data, format=RdfFormat.TURTLE)]
    except SyntaxError as error:
        line = error.lineno or 1
        column = error.offset or 1
        raise ConfigError(
            f"{name}: line {line}, column {column}: this is not valid Turtle ({error.msg}). "
            "Correct this line, or put back the file that came with this version.",
            f"{name}, ligne {line}, colonne {column} : ce n'est pas du Turtle valide ({error.msg}). "
            "Corrigez cette ligne, ou remettez le fichier livré avec cette version.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{name}: the file is not UTF-8. Save it as UTF-8.",
            f"{name} : le fichier n'est pas en UTF-8. Enregistrez-le en UTF-8.",
        ) from error


def _plain(triple: Triple, file: str) -> tuple[Node, str, Node | Literal]:
    # Blank node labels start again in each file, so the file is part of the name.
    def node(term: object) -> Node:
        return term.value if isinstance(term, NamedNode) else f"_:{PurePath(file).name}:{getattr(term, 'value', term)}"

    value = triple.object
    return node(triple.subject), triple.predicate.value, value if isinstance(value, Literal) else node(value)


class Graph:
    """Triples by subject and predicate, in the order of the files."""

    def __init__(self) -> None:
        self._by_subject: dict[Node, dict[str, list[Node | Literal]]] = {}
        self._files: dict[Node, str] = {}

    def add(self, data: bytes, name: str) -> None:
        """Add one Turtle file. Raises ConfigError."""
        for subject, predicate, value in parse_turtle(data, name):
            self._by_subject.setdefault(subject, {}).setdefault(predicate, []).append(value)
            self._files.setdefault(subject, name)

    def values(self, subject: Node, predicate: str) -> list[Node | Literal]:
        """All objects, in file order."""
        return self._by_subject.get(subject, {}).get(predicate, [])

    def nodes(self, subject: Node, predicate: str) -> tuple[Node, ...]:
        """The objects that are IRIs or blank nodes."""
        return tuple(value for value in self.values(subject, predicate) if isinstance(value, str))

    def node(self, subject: Node, predicate: str) -> Node | None:
        """The first object that is an IRI or a blank node."""
        return next(iter(self.nodes(subject, predicate)), None)

    def literals(self, subject: Node, predicate: str) -> tuple[str, ...]:
        """The lexical forms of the objects that are literals."""
        return tuple(value.value for value in self.values(subject, predicate) if isinstance(value, Literal))

    def literal(self, subject: Node, predicate: str) -> str | None:
        """The lexical form of the first object that is a literal."""
        return next(iter(self.literals(subject, predicate)), None)

    def text(self, subject: Node, predicate: str) -> Text:
        """The objects by language tag."""
        found = {v.language: v.value for v in self.values(subject, predicate) if isinstance(v, Literal) and v.language}
        return {language: found[language] for language in sorted(found, key=lambda tag: (tag != "fr", tag))}

    def list_(self, head: Node) -> list[Node | Literal]:
        """The members of an RDF list."""
        members: list[Node | Literal] = []
        while head != RDF + "nil":
            members += self.values(head, RDF + "first")[:1]
            following = self.node(head, RDF + "rest")
            if following is None:
                break
            head = following
        return members

    def instances(self, class_iri: str) -> Iterator[Node]:
        """Subjects of this type, in file order."""
        for subject, predicates in self._by_subject.items():
            if class_iri in predicates.get(RDF + "type", ()):
                yield subject

    def has(self, subject: Node) -> bool:
        """Whether anything is said of this node."""
        return subject in self._by_subject

    def file(self, subject: Node) -> str:
        """Name of the file that first speaks of this node."""
        return self._files[subject]
