"""What every reader takes and gives. Must never know a format: each reader of this package brings its own.

Rows stream out one by one; a row that cannot be read is a ``Finding`` in its place, so that every row is accounted for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.errors import PartnerError
from federation.model import Finding, RawRecord, Severity, Text

PREFIXES: Mapping[str, str] = {
    "crf": "https://w3id.org/carrefour/vocab#",
    "pair": "http://virtual-assembly.org/ontologies/pair#",
    "dcterms": "http://purl.org/dc/terms/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "as": "https://www.w3.org/ns/activitystreams#",
    "prov": "http://www.w3.org/ns/prov#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "igeo": "http://rdf.insee.fr/def/geo#",
    "rov": "http://www.w3.org/ns/regorg#",
    "cids": "https://ontology.commonapproach.org/cids#",
    "ldp": "http://www.w3.org/ns/ldp#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
}
"""Prefixes of JSON-LD rows when the caller gives none; schema.org has none: its terms are bare keys."""


class UnreadableFeed(PartnerError):
    """The feed cannot be read as a whole. ``rule`` groups such failures; ``text`` is the sentence in both languages."""

    def __init__(self, rule: str, fr: str, en: str) -> None:
        super().__init__(en)
        self.rule = rule
        self.text: Text = {"fr": fr, "en": en}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read one feed.

    ``at``: key, dotted path or JMESPath of the rows. ``header``: the row of a table that holds the titles, as findings
    number rows; where it is empty, the next one that is not; None: as the table shows.
    ``types``: JSON-LD types to keep (``schema:Project``, an IRI); empty keeps all. ``contexts``: pinned JSON-LD
    contexts by address; nothing else is ever loaded. ``base_url`` resolves relative IRIs. ``length_proved`` False: the
    transfer did not prove that the body is whole, so the syntax must. ``declared_charset`` is the server's claim.
    ``select``: XPath 1.0 by name, for pages. ``host`` is the one that answered (``host`` or ``host:port``), and a body
    may speak for no other; None for a file, which is taken at its word.
    """

    format: str
    at: str | None = None
    sheet: str | None = None
    separator: str | None = None
    encoding: str | None = None
    header: int | None = None
    types: tuple[str, ...] = ()
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=lambda: PREFIXES)
    base_url: str = "https://document.invalid/"
    max_records: int = 10_000
    max_record_bytes: int = 1024 * 1024
    length_proved: bool = True
    declared_charset: str | None = None
    select: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None


@dataclass(slots=True)
class Reading:
    """The rows of one feed, read once, in order; iterating may raise UnreadableFeed.

    A yielded ``Finding`` stands for one rejected row. ``findings`` are about the file as a whole and complete once the
    rows have been read. ``whole``: nothing says that rows are missing (a reader of a paged list may say False).
    """

    format: str
    items: Iterator[RawRecord | Finding]
    findings: list[Finding] = field(default_factory=list)
    whole: bool = True

    def __iter__(self) -> Iterator[RawRecord | Finding]:
        return self.items


def rejected(rule: str, where: str, fr: str, en: str, value: str | None = None) -> Finding:
    """Say that one row cannot be read; it counts as a rejected row."""
    return Finding(rule, Severity.VIOLATION, {"fr": fr, "en": en}, where=where, value=clip(value))


def remark(
    rule: str, severity: Severity, fr: str, en: str, value: str | None = None, field: str | None = None
) -> Finding:
    """Say something of the file as a whole."""
    return Finding(rule, severity, {"fr": fr, "en": en}, field=field, value=clip(value))


def clip(value: str | None) -> str | None:
    """Clip a value to what a finding may carry: 200 characters."""
    return value if value is None or len(value) <= 200 else value[:199] + "…"


def too_many(limit: int) -> UnreadableFeed:
    """The feed has more rows than its source file allows."""
    return UnreadableFeed(
        "too-many-records",
        f"Le fichier compte plus de {limit} lignes. Relevez [limits] records dans le fichier de la source si c'est "
        "voulu.",
        f"The feed has more than {limit} records. Raise [limits] records in the source file if that is expected.",
    )


def too_large(where: str, size: int, limit: int) -> Finding:
    """Reject a row that is larger than allowed."""
    return rejected(
        "record-too-large",
        where,
        f"Cette fiche pèse {size} octets, pour un maximum de {limit}. Elle est écartée : allégez-la.",
        f"This record has {size} bytes, the limit is {limit}. It is left out: make it smaller.",
    )


def empty_body(proved: bool) -> Finding:
    """Remark on an empty answer. Raises UnreadableFeed if it is not even proved that the empty body is whole."""
    fr = "La réponse est vide : il n'y a rien à lire. Vérifiez l'export."
    en = "The answer is empty: there is nothing to read. Check the export."
    if not proved:
        raise UnreadableFeed("empty-body", fr, en)
    return remark("empty-body", Severity.WARNING, fr, en)
