"""Made-up records for tests of merge, store and ledger: small, valid, and different on demand. No real data."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from federation.model import Record, to_lines

BASE = "https://commons.example"
LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
CRF = "https://w3id.org/carrefour/vocab#"
DCTERMS = "http://purl.org/dc/terms/"
SCHEMA = "http://schema.org/"
PROV = "http://www.w3.org/ns/prov#"
SINGLE_VALUED = frozenset({f"{SCHEMA}name", f"{SCHEMA}description", f"{SCHEMA}url", f"{CRF}budget"})
VOLATILE = (f"<{PROV}generatedAtTime>", f"<{PROV}wasGeneratedBy>")


class Clock:
    """A clock that a test sets: every reading is ``step`` later than the one before."""

    def __init__(self, step: timedelta = timedelta(milliseconds=10)) -> None:
        self.now = datetime(2026, 11, 21, 2, 0, 0, tzinfo=UTC)
        self.step = step

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


def record_iri(partner: str, key: str) -> str:
    """IRI of a made-up record."""
    return f"{BASE}/records/{partner}/{key}"


def digest_of(content: str) -> str:
    """The digest that model.Record defines: without the two triples that every run writes anew."""
    lines = [line for line in content.split("\n") if line and line.split(" ", 2)[1] not in VOLATILE]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def make_record(
    partner: str = "avise",
    key: str = "1",
    version: int = 0,
    source: str | None = None,
    page: str | None = None,
    claims: tuple[str, ...] = (),
    run: str = "01RUN",
    name: str | None = None,
    modified: str | None = None,
    words: int = 8,
    extra: tuple[tuple[str, str, str], ...] = (),
) -> Record:
    """A record of about 30 triples; ``version`` changes its description, ``words`` is that text's length."""
    iri = record_iri(partner, key)
    page = page or f"https://{partner}.example/projets/{key}"
    node, place, holder = f"<{iri}#project>", f"<{iri}#location-{_h(key)}>", f"<{iri}#holder-{_h(partner + key)}>"
    text = " ".join(f"é{_h(f'{key}/{version}/{each}')}" for each in range(words))
    triples = [
        (f"<{iri}>", "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>", "<http://www.w3.org/ns/dcat#CatalogRecord>"),
        (f"<{iri}>", f"<{DCTERMS}license>", f"<{LICENCE}>"),
        (f"<{iri}>", f"<{DCTERMS}source>", f"<{page}>"),
        (f"<{iri}>", f"<{DCTERMS}publisher>", f"<{BASE}/actors/{partner}>"),
        (f"<{iri}>", f"<{PROV}wasAttributedTo>", f"<{BASE}/actors/{partner}>"),
        (f"<{iri}>", f"<{DCTERMS}identifier>", f'"{key}"'),
        (f"<{iri}>", "<http://xmlns.com/foaf/0.1/primaryTopic>", node),
        (f"<{iri}>", f"<{PROV}wasGeneratedBy>", f"<{BASE}/runs/{run}>"),
        (node, f"<{SCHEMA}name>", f'"{name or f"Projet {key}"}"@fr'),
        (node, f"<{SCHEMA}description>", f'"{text} \\"entre guillemets\\" \\\\u0022 \\n"@fr'),
        (node, f"<{DCTERMS}subject>", f"<https://w3id.org/carrefour/theme/{('AGR', 'ENE', 'MOB')[len(key) % 3]}>"),
        (node, f"<{SCHEMA}location>", place),
        (place, f"<{SCHEMA}name>", f'"Lieu {key}"'),
        (place, f"<{SCHEMA}latitude>", '"45.7"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
        (node, f"<{CRF}holder>", holder),
        (holder, f"<{SCHEMA}name>", f'"Structure {key}"'),
        *((subject.format(iri=iri), predicate, value.format(iri=iri)) for subject, predicate, value in extra),
    ]
    if modified:
        stamp = f'"{modified}"^^<http://www.w3.org/2001/XMLSchema#date>'
        triples.append((f"<{iri}>", f"<{DCTERMS}modified>", stamp))
    content = to_lines(triples)
    return Record(
        iri=iri,
        partner=partner,
        source=source or partner,
        key=key,
        page=page,
        content=content,
        digest=digest_of(content),
        raw_hash=hashlib.sha256(f"{key}/{version}/{name}/{modified}".encode()).hexdigest(),
        claims=claims,
    )


def _h(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
