"""The SPARQL 1.1 Service Description of our endpoint: what it speaks, writes, holds and allows.

It must never run a query: describing the service costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyoxigraph as ox

from federation.catalogue.sparql import describe_limits
from federation.engines import QueryLimits
from federation.model import Triple, to_lines

_SD = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS = "http://www.w3.org/ns/formats/"
_RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_COMMENT = "<http://www.w3.org/2000/01/rdf-schema#comment>"
_RESULT_FORMATS = (
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "N-Quads",
    "TriG",
    "JSON-LD",
    "RDF_XML",
)
_WRITERS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
}
_PREFIXES = {
    "sd": _SD,
    "formats": _FORMATS,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}


def triples(endpoint: str, limits: QueryLimits) -> Iterator[Triple]:
    """Describe the service at the IRI ``endpoint`` (SPARQL 1.1 Service Description, section 3)."""
    service = f"<{endpoint}>"
    yield service, _RDF_TYPE, f"<{_SD}Service>"
    yield service, f"<{_SD}endpoint>", service
    yield service, f"<{_SD}supportedLanguage>", f"<{_SD}SPARQL11Query>"
    for name in _RESULT_FORMATS:
        yield service, f"<{_SD}resultFormat>", f"<{_FORMATS}{name}>"
    for language, text in describe_limits(limits).items():
        yield service, _COMMENT, f"{json.dumps(text, ensure_ascii=False)}@{language}"
    dataset, default = f"<{endpoint}#dataset>", f"<{endpoint}#default-graph>"
    yield service, f"<{_SD}defaultDataset>", dataset
    yield dataset, _RDF_TYPE, f"<{_SD}Dataset>"
    yield dataset, f"<{_SD}defaultGraph>", default
    yield default, _RDF_TYPE, f"<{_SD}Graph>"
    yield default, _COMMENT, '"Projets réunis, organisations, territoires, sources. GRAPH ?g montre les fiches."@fr'
    yield default, _COMMENT, '"Merged projects, organisations, territories, sources. GRAPH ?g shows the records."@en'


def write(endpoint: str, limits: QueryLimits, media_type: str) -> bytes:
    """Write the description in one of the RDF media types of ``catalogue.sparql.OFFERS['graph']``."""
    lines = to_lines(triples(endpoint, limits)).encode()
    parsed = [quad.triple for quad in ox.parse(input=lines, format=ox.RdfFormat.N_TRIPLES)]
    return ox.serialize(parsed, format=_WRITERS[media_type], prefixes=_PREFIXES) or b""
