"""The plain values that vocab/ and shapes/ are read into: fields, concepts, classes, licences. No I/O here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

from federation.model import Openness, Severity, Text
from federation.vocabulary.composing import decomposed

BASE = "https://w3id.org/carrefour/"
CRF = BASE + "vocab#"
SH = "http://www.w3.org/ns/shacl#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
DCTERMS = "http://purl.org/dc/terms/"

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})
_SPACES = re.compile(r"\s+")


class Kind(Enum):
    """What a value is, and so how it is cleaned. Decided by the shape and the context term, never by code."""

    TEXT = "text"  # rdf:langString: plain text with its language
    STRING = "string"  # text without a language, as given
    DATE = "date"  # year, year-month or date: the precision given is kept
    DATETIME = "datetime"  # a date, with or without a time
    NUMBER = "number"  # xsd:decimal
    INTEGER = "integer"
    CODE = "code"  # text of a fixed pattern that must never become a number: postcode, INSEE, SIRET
    IRI = "iri"
    CONCEPT = "concept"  # a concept of the field's scheme
    OBJECT = "object"  # a node of its own, with fields of its own
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Field:
    """One word of ours that a mapping may fill: a context term whose property has a shape.

    ``key`` is dotted (``location.address.postalCode``), ``name`` its last part. ``inverse``: the triple points from
    the value to the owner. ``classes`` are the types to write on an OBJECT node. ``severity`` is that of a missing
    value (None: optional); ``either`` names the keys that may stand in for this one. ``prefix`` is put before the
    value (``0009:`` before a SIRET). ``minimum``/``maximum`` bound numbers; lengths are in characters, ``pattern`` is
    an XPath regular expression that also Python reads.
    """

    key: str
    name: str
    property: str
    kind: Kind
    labels: Text
    definition: Text
    owner: str
    inverse: bool = False
    scheme: str | None = None
    classes: tuple[str, ...] = ()
    many: bool = True
    openness: Openness = Openness.OPENDATA
    severity: Severity | None = None
    either: tuple[str, ...] = ()
    order: int = 0
    group: str | None = None
    datatype: str | None = None
    prefix: str = ""
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_count: int | None = None
    message: Text | None = None
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept of a thesaurus. ``alt`` are true synonyms, ``hidden`` old ids and misspellings, in any language."""

    iri: str
    scheme: str
    code: str
    labels: Text
    alt: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    definition: Text | None = None
    broader: tuple[str, ...] = ()
    narrower: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A concept scheme; ``concepts`` are the IRIs of all its concepts, ``top`` those without a broader one."""

    iri: str
    labels: Text
    concepts: tuple[str, ...]
    top: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class that we use. ``types`` are all the types that a node of it is given (no reasoner will add them)."""

    iri: str
    name: str
    labels: Text
    definition: Text
    parents: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    shape: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """A term of our own ontology, for its documentation. ``kind`` is class, property or individual."""

    iri: str
    kind: str
    labels: Text
    definition: Text
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence by its canonical IRI. Records under a licence that is not ``open`` stay out of the public store."""

    iri: str
    code: str
    labels: Text
    open: bool


@dataclass(frozen=True, slots=True)
class ExampleQuery:
    """A SPARQL SELECT query to learn from: its title, what it answers, and its text with prefixes written out."""

    iri: str
    labels: Text
    comment: Text
    text: str


def fold(text: str) -> str:
    """Reduce a word to what is compared: no case, accents, ligatures or curly apostrophes, single spaces."""
    plain = decomposed(text.casefold().translate(_LIGATURES))
    return _SPACES.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()
