"""The formats that linked data leaves in: media types, suffixes, and writing triples in each.

Pure: triples in, bytes out. Must never leave out a triple, nor depend on the order in which they come.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyoxigraph as ox

from federation.catalogue.jsonld import Compactor
from federation.model import Term, Triple, to_lines


@dataclass(frozen=True, slots=True)
class Format:
    """``suffix`` is what an address ends with; ``graphs`` says that it can name graphs."""

    suffix: str
    media_type: str
    label: str
    graphs: bool = False

    @property
    def content_type(self) -> str:
        """With the charset where the type has one."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type


JSONLD = Format("jsonld", "application/ld+json", "JSON-LD")
TURTLE = Format("ttl", "text/turtle", "Turtle")
NTRIPLES = Format("nt", "application/n-triples", "N-Triples")
RDFXML = Format("rdf", "application/rdf+xml", "RDF/XML")
NQUADS = Format("nq", "application/n-quads", "N-Quads", graphs=True)
TRIG = Format("trig", "application/trig", "TriG", graphs=True)
HTML = Format("html", "text/html", "HTML")

DATA = (JSONLD, TURTLE, NTRIPLES, RDFXML, TRIG)
RECORD_DATA = (*DATA, NQUADS)
"""Five formats for everything; a record also has N-Quads, as it is a named graph."""

ALL = {one.suffix: one for one in (*RECORD_DATA, HTML)}

_WRITERS = {
    "nt": ox.RdfFormat.N_TRIPLES,
    "rdf": ox.RdfFormat.RDF_XML,
    "nq": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
}


_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_TERM = re.compile(r"(?<![^^])<([^<>]*)>\Z")  # an IRI alone, or the datatype that ends a literal
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Content:
    """What is said of one thing. ``graph`` names the graph of ``triples`` (None: the default graph).

    ``beside`` are triples of the default graph that go with them in formats that can name graphs.
    """

    root: str
    triples: tuple[Triple, ...]
    graph: str | None = None
    beside: tuple[Triple, ...] = ()


def serialise(content: Content, wanted: Format, compactor: Compactor, prefixes: Mapping[str, str]) -> bytes:
    """Write ``content`` in one format; the same content gives the same bytes."""
    if wanted is JSONLD:
        tree = compactor.document(content.root, sorted(content.triples))
        return json.dumps(tree, ensure_ascii=False, indent=1).encode() + b"\n"
    if wanted is NTRIPLES:
        return to_lines(content.triples).encode()
    if wanted is TURTLE:
        return turtle(content.root, content.triples, prefixes)
    name = ox.NamedNode(content.graph) if content.graph and wanted.graphs else ox.DefaultGraph()
    quads = [ox.Quad(t.subject, t.predicate, t.object, name) for t in _parsed(content.triples)]
    if wanted.graphs:
        quads += [ox.Quad(t.subject, t.predicate, t.object, ox.DefaultGraph()) for t in _parsed(content.beside)]
    statements: list[Any] = quads if wanted.graphs else [quad.triple for quad in quads]
    used = _used(content, prefixes) if wanted is not NQUADS else {}
    return ox.serialize(statements, format=_WRITERS[wanted.suffix], prefixes=used) or b""


def _parsed(triples: Iterable[Triple]) -> list[ox.Triple]:
    lines = to_lines(triples).encode()
    return [quad.triple for quad in ox.parse(input=lines, format=ox.RdfFormat.N_TRIPLES)]


def _used(content: Content, prefixes: Mapping[str, str]) -> dict[str, str]:
    """Only the prefixes that the content needs."""
    text = to_lines((*content.triples, *content.beside))
    return {prefix: space for prefix, space in sorted(prefixes.items()) if f"<{space}" in text}


def turtle(root: str, triples: Iterable[Triple], prefixes: Mapping[str, str]) -> bytes:
    """Write Turtle for people: the thing itself first, ``a`` first in each, blank lines between, no idle prefix."""
    spaces = {space: prefix for prefix, space in sorted(prefixes.items(), reverse=True)}
    used: set[str] = set()

    def short(term: Term) -> str:
        return _TERM.sub(lambda found: _compact(found[1], spaces, used) or found[0], term)

    subjects: dict[Term, dict[Term, list[Term]]] = {}
    for subject, predicate, value in sorted(set(triples), key=lambda one: (one[0] != f"<{root}>", one)):
        subjects.setdefault(subject, {}).setdefault(predicate, []).append(value)
    blocks = []
    for subject, said in subjects.items():
        ordered = sorted(said, key=lambda one: (one != _TYPE, one))
        lines = [
            f"{'a' if one == _TYPE else short(one)} {', '.join(short(value) for value in said[one])}" for one in ordered
        ]
        blocks.append(f"{short(subject)} " + " ;\n  ".join(lines) + " .\n")
    head = "".join(f"@prefix {prefix}: <{prefixes[prefix]}> .\n" for prefix in sorted(used))
    return "\n".join(filter(None, (head, *blocks))).encode()


def _compact(iri: str, spaces: Mapping[str, str], used: set[str]) -> str | None:
    """A prefixed name where the rest is a plain local name (a subset of PN_LOCAL, Turtle 1.1, section 6.5)."""
    cut = max(iri.rfind("/"), iri.rfind("#")) + 1
    prefix = spaces.get(iri[:cut])
    if prefix is None or not _LOCAL.fullmatch(iri[cut:]):
        return None
    used.add(prefix)
    return f"{prefix}:{iri[cut:]}"
