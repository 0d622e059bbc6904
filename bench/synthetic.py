"""Synthetic records after mapping: the triples of one record graph, about 30 of them, from the facts of bench/feed.py.

Deterministic: record ``i`` is always the same, so runs and engines compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from bench.feed import record
from federation.model import Term, Triple

B = "http://127.0.0.1:8000"
CRF = "https://w3id.org/carrefour/vocab#"
DCT = "http://purl.org/dc/terms/"
PAIR = "http://virtual-assembly.org/ontologies/pair#"
PROV = "http://www.w3.org/ns/prov#"
SCHEMA = "http://schema.org/"
W3ID = "https://w3id.org/carrefour"
XSD = "http://www.w3.org/2001/XMLSchema#"
LATITUDE, LONGITUDE = "45.78", "3.08"  # partners of the feed give none; these stand in, so that they can be spoilt
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


def _text(value: str, tag: str = "fr") -> Term:
    return f'"{value}"@{tag}'


def _typed(value: object, kind: str) -> Term:
    return f'"{value}"^^<{XSD}{kind}>'


def _fragment(iri: str, kind: str) -> Term:
    return f"<{iri}#{kind}-{hashlib.sha256(iri.encode()).hexdigest()[:8]}>"


def record_triples(i: int) -> list[Triple]:
    """Triples of the graph of record ``i``: the record, its project, one place with its address, one holder."""
    facts = record(i)
    iri = f"{B}/records/reseau/{i}"
    project, place = f"<{iri}#project>", _fragment(iri, "location")
    address, holder = _fragment(iri, "address"), _fragment(iri, "holder")
    return [
        *_record(i, f"<{iri}>", project, facts["page"], facts["modified"]),
        (project, TYPE, f"<{CRF}Project>"),
        (project, TYPE, f"<{SCHEMA}Project>"),
        (project, TYPE, f"<{PAIR}Project>"),
        (project, f"<{SCHEMA}name>", _text(facts["name"]["fr"])),
        (project, f"<{SCHEMA}description>", _text(facts["description"]["fr"])),
        *((project, f"<{DCT}subject>", f"<{W3ID}/theme/{code}>") for code in facts["theme"]),
        *((project, f"<{DCT}audience>", f"<{W3ID}/public/{code}>") for code in facts["audience"]),
        *((project, f"<{SCHEMA}keywords>", f'"{word}"') for word in facts["keywords"]),
        (project, f"<{PAIR}hasStatus>", f"<{W3ID}/status/{facts['status']}>"),
        (project, f"<{SCHEMA}startDate>", _typed(facts["startYear"], "gYear")),
        (project, f"<{SCHEMA}url>", f"<{facts['page']}>"),
        (project, f"<{SCHEMA}location>", place),
        (project, f"<{CRF}holder>", holder),
        *_place(place, address, facts["location"][0]),
        (holder, TYPE, f"<{SCHEMA}Organization>"),
        (holder, f"<{SCHEMA}name>", _text(facts["holder"][0]["name"])),
    ]


def _record(i: int, record_iri: Term, project: Term, page: str, modified: str) -> Iterator[Triple]:
    partner = f"<{B}/actors/reseau>"
    yield record_iri, TYPE, "<http://www.w3.org/ns/dcat#CatalogRecord>"
    yield record_iri, TYPE, f"<{PROV}Entity>"
    yield record_iri, f"<{DCT}license>", "<https://creativecommons.org/licenses/by/4.0/>"
    yield record_iri, f"<{DCT}source>", f"<{page}>"
    yield record_iri, f"<{DCT}publisher>", partner
    yield record_iri, f"<{PROV}wasAttributedTo>", partner
    yield record_iri, "<http://rdfs.org/ns/void#inDataset>", f"<{B}/sources/reseau>"
    yield record_iri, f"<{DCT}identifier>", f'"{i}"'
    yield record_iri, "<http://xmlns.com/foaf/0.1/primaryTopic>", project
    yield record_iri, f"<{DCT}language>", "<http://publications.europa.eu/resource/authority/language/FRA>"
    yield record_iri, f"<{DCT}accessRights>", f"<{CRF}opendata>"
    yield record_iri, f"<{PROV}generatedAtTime>", _typed("2026-10-01T08:00:00Z", "dateTime")
    yield record_iri, f"<{PROV}wasGeneratedBy>", f"<{B}/runs/01J9Z0000000000000000000>"
    yield record_iri, f"<{DCT}modified>", _typed(modified, "date")


def _place(place: Term, address: Term, facts: dict[str, object]) -> Iterator[Triple]:
    postal = facts["address"]
    assert isinstance(postal, dict)  # noqa: S101 - the generator's own value
    yield place, TYPE, f"<{SCHEMA}Place>"
    yield place, f"<{SCHEMA}name>", _text(str(postal["addressLocality"]))
    yield place, "<http://rdf.insee.fr/def/geo#codeINSEE>", f'"{facts["codeINSEE"]}"'
    yield place, f"<{SCHEMA}latitude>", _typed(LATITUDE, "decimal")
    yield place, f"<{SCHEMA}longitude>", _typed(LONGITUDE, "decimal")
    yield place, f"<{SCHEMA}address>", address
    yield address, TYPE, f"<{SCHEMA}PostalAddress>"
    yield address, f"<{SCHEMA}postalCode>", f'"{postal["postalCode"]}"'
    yield address, f"<{SCHEMA}addressLocality>", f'"{postal["addressLocality"]}"'
    yield address, f"<{SCHEMA}addressCountry>", f'"{postal["addressCountry"]}"'
