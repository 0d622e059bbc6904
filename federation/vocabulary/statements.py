"""The vocabulary as statements for the public graph: ontology, thesauri and licences, as canonical N-Triples.

A blank node of a file would become another one at every start, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyoxigraph import BlankNode, RdfFormat, parse

from federation.errors import ConfigError


def statements_by_subject(files: Mapping[str, bytes], names: Iterable[str]) -> dict[str, str]:
    """Canonical N-Triples lines of the named Turtle files, by subject IRI. Raises ConfigError at a blank node."""
    found: dict[str, set[str]] = {}
    for name in names:
        for quad in parse(input=files[name], format=RdfFormat.TURTLE):
            if isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode):
                raise ConfigError(
                    f"{name}: blank nodes are not for the public graph. Give the node an IRI.",
                    f"{name} : pas de nœud anonyme dans le graphe public. Donnez une IRI à ce nœud.",
                )
            subject = str(quad.subject)
            found.setdefault(subject[1:-1], set()).add(f"{subject} {quad.predicate} {quad.object} .\n")
    return {subject: "".join(sorted(lines)) for subject, lines in found.items()}
