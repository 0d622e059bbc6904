"""What the default graph says beside projects: records' tiers, partners, sources, and runs that changed something.

Pure: plain values in, canonical N-Triples lines out.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime

from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_seconds
from federation.model import RunReport, Term, Tier, Triple, literal, text_literal, to_lines
from federation.pipeline.merge.project import DCTERMS, PROV, RDF_TYPE

SHAPES = "https://w3id.org/carrefour/shapes/"
SCHEMA = "http://schema.org/"
CRF = "https://w3id.org/carrefour/vocab#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_IRI = re.compile(r'https?://[^\x00-\x20<>"{}|^`\\]+')
_TIERS = {
    Tier.ESSENTIAL: (Tier.ESSENTIAL,),
    Tier.BASIC: (Tier.ESSENTIAL, Tier.BASIC),
    Tier.FULL: (Tier.ESSENTIAL, Tier.BASIC, Tier.FULL),
}


def record_lines(record: str, tier: Tier, first_seen: str, digest: str) -> str:
    """Our words on a record: the shapes it conforms to (cumulative), when we first saw it (ledger time), its digest.

    Nothing here changes unless the record does: what every harvest would change stays in the ledger.
    """
    seen = f'<{record}> <{CRF}firstSeen> "{first_seen[:19]}Z"^^<{_XSD}dateTime> .\n'
    stamp = f'<{record}> <{CRF}recordDigest> "{digest}" .\n'
    shapes = (f"<{record}> <{DCTERMS}conformsTo> <{SHAPES}{each.value}> .\n" for each in _TIERS[tier])
    return "".join(sorted((seen, stamp, *shapes)))


def partner_iri(base_url: str, slug: str) -> str:
    """IRI of a partner."""
    return f"{base_url}/actors/{slug}"


def source_iri(base_url: str, slug: str) -> str:
    """IRI of a source."""
    return f"{base_url}/sources/{slug}"


def run_iri(base_url: str, run: str) -> str:
    """IRI of a run, by its ULID."""
    return f"{base_url}/runs/{run}"


def partner_lines(iri: str, partner: PartnerRow) -> str:
    """A partner as schema:Organization and foaf:Agent, with its name and address."""
    node = f"<{iri}>"
    triples = [
        *_types(node, f"{SCHEMA}Organization", "http://xmlns.com/foaf/0.1/Agent"),
        (node, f"<{SCHEMA}name>", literal(partner.name)),
    ]
    if partner.url and _IRI.fullmatch(partner.url):
        triples.append((node, f"<{SCHEMA}url>", f"<{partner.url}>"))
    return to_lines(triples)


def source_lines(base_url: str, source: SourceRow) -> str:
    """A source as dcat:Dataset and void:Dataset. Its feed address stays in the ledger: it may hold what is private."""
    node = f"<{source_iri(base_url, source.id)}>"
    triples = [
        *_types(node, "http://www.w3.org/ns/dcat#Dataset", "http://rdfs.org/ns/void#Dataset"),
        (node, f"<{DCTERMS}title>", text_literal(source.name, source.lang)),
        (node, f"<{DCTERMS}publisher>", f"<{partner_iri(base_url, source.partner)}>"),
    ]
    if source.licence and _IRI.fullmatch(source.licence):
        triples.append((node, f"<{DCTERMS}license>", f"<{source.licence}>"))
    return to_lines(triples)


def run_lines(base_url: str, report: RunReport) -> str:
    """A run as prov:Activity: its times, its source, its input and mapping as entities it used, how it ended.

    The counts are one literal: a node for each would be most of what an unbounded query shows (decision 15).
    """
    iri = run_iri(base_url, report.run)
    node = f"<{iri}>"
    used = f"<{PROV}used>"
    triples = [
        *_types(node, f"{PROV}Activity"),
        (node, f"<{PROV}startedAtTime>", _time(report.started)),
        (node, used, f"<{source_iri(base_url, report.source)}>"),
        (node, f"<{CRF}runState>", literal(report.state.value)),
        (node, f"<{CRF}counts>", literal(" ".join(f"{key}={n}" for key, n in asdict(report.counts).items() if n))),
    ]
    if report.ended is not None:
        triples.append((node, f"<{PROV}endedAtTime>", _time(report.ended)))
    if report.input_sha256:
        entity = f"<{iri}#input>"
        triples += [(node, used, entity), (entity, f"<{SCHEMA}sha256>", literal(report.input_sha256))]
        triples += _types(entity, f"{PROV}Entity")
    if report.mapping_version:
        entity = f"<{iri}#mapping>"
        triples += [(node, used, entity), (entity, f"<{SCHEMA}version>", literal(report.mapping_version))]
        triples += _types(entity, f"{PROV}Entity", f"{PROV}Plan")
    return to_lines(triples)


def _types(node: Term, *classes: str) -> list[Triple]:
    return [(node, RDF_TYPE, f"<{each}>") for each in classes]


def _time(at: datetime) -> Term:
    return f'"{to_seconds(at)}"^^<{_XSD}dateTime>'
