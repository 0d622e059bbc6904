"""Reading N-Triples terms as plain values, and the property IRIs that pages and the index look for.

Must never write a term: what is stored is written by the pipeline only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from federation.model import Term, Triple
from federation.vocabulary.terms import BASE, CRF, DCTERMS, RDF, RDFS, SKOS, XSD

SCHEMA = "http://schema.org/"
PROV = "http://www.w3.org/ns/prov#"
FOAF = "http://xmlns.com/foaf/0.1/"
VOID = "http://rdfs.org/ns/void#"
DCAT = "http://www.w3.org/ns/dcat#"
IGEO = "http://rdf.insee.fr/def/geo#"
PAIR = "http://virtual-assembly.org/ontologies/pair#"
GEO = "http://www.opengis.net/ont/geosparql#"

_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SIMPLE = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z0-9-]+)|\^\^<([^>]*)>)?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """One RDF term, decoded. An IRI has neither language nor datatype and ``literal`` False."""

    text: str
    literal: bool = False
    language: str | None = None
    datatype: str | None = None


def unescape(text: str) -> str:
    """Undo the escapes of canonical N-Triples (RDF 1.1 N-Triples, section 4)."""
    return _ESCAPED.sub(_letter, text) if "\\" in text else text


def _letter(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _SIMPLE.get(found[3], found[3])


def decode(term: Term) -> Value:
    """Read one canonical N-Triples term."""
    if term.startswith("<"):
        return Value(unescape(term[1:-1]))
    found = _LITERAL.fullmatch(term)
    if found is None:
        return Value(term, literal=True)
    return Value(unescape(found[1]), True, found[2], found[3] or (None if found[2] else XSD + "string"))


def bare(term: Term) -> str:
    """The IRI inside ``<…>``."""
    return term[1:-1]


def by_subject(triples: Iterable[Triple]) -> dict[str, dict[str, list[Term]]]:
    """Objects by subject IRI and predicate IRI, in order."""
    nodes: dict[str, dict[str, list[Term]]] = {}
    for subject, predicate, value in triples:
        nodes.setdefault(subject[1:-1], {}).setdefault(predicate[1:-1], []).append(value)
    return nodes


def first_text(node: Mapping[str, list[Term]], *properties: str) -> dict[str, str]:
    """Texts by language of the first property that has any; a text without language counts as French."""
    for name in properties:
        found: dict[str, str] = {}
        for term in node.get(name, ()):
            value = decode(term)
            if value.literal:
                found.setdefault(value.language or "fr", value.text)
        if found:
            return found
    return {}


def one_iri(node: Mapping[str, list[Term]], *properties: str) -> str | None:
    """The first IRI among the properties."""
    for name in properties:
        for term in node.get(name, ()):
            if term.startswith("<"):
                return bare(term)
    return None


def one_literal(node: Mapping[str, list[Term]], *properties: str) -> str | None:
    """The first literal among the properties, as text."""
    for name in properties:
        for term in node.get(name, ()):
            if term.startswith('"'):
                return decode(term).text
    return None


__all__ = [
    "BASE",
    "CRF",
    "DCAT",
    "DCTERMS",
    "FOAF",
    "GEO",
    "IGEO",
    "PAIR",
    "PROV",
    "RDF",
    "RDFS",
    "SCHEMA",
    "SKOS",
    "VOID",
    "XSD",
    "Value",
    "bare",
    "by_subject",
    "decode",
    "first_text",
    "one_iri",
    "one_literal",
    "unescape",
]
