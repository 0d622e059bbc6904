"""One thing, read from the store: a project, a record, a partner, a source, a run; as triples and as a page needs it.

Everything starts from an IRI, never from a scan. Must never write, nor count over the whole store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from federation.catalogue.formats import Content
from federation.catalogue.values import (
    CRF,
    DCTERMS,
    FOAF,
    PAIR,
    PROV,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    VOID,
    by_subject,
    decode,
    first_text,
    one_iri,
    one_literal,
)
from federation.catalogue.words import Words
from federation.engines import GraphReader
from federation.model import Term, Triple, partner_of

_NAMES = (SCHEMA + "name", FOAF + "name", DCTERMS + "title", RDFS + "label", SKOS + "prefLabel")
_SUMMARIES = (DCTERMS + "abstract", SCHEMA + "description")
_TITLES = 500  # read at once
_IRI_UNSAFE = set('<>"{}|^`\\ \n\r\t')
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)

Node = Mapping[str, list[Term]]
Nodes = dict[str, dict[str, list[Term]]]


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record as a credit: who publishes it, where its original page is, under which licence, since when.

    ``via``: the host of the other Carrefour that it came from; None for a record of ours.
    """

    iri: str
    partner: str
    partner_name: str
    page: str | None = None
    licence: str | None = None
    first_seen: str = ""
    modified: str = ""
    tier: str = ""
    source: str | None = None
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A project in a list."""

    iri: str
    pid: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    themes: tuple[str, ...]
    status: str | None
    places: tuple[str, ...]
    records: tuple[RecordLine, ...]


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A contributor. ``description`` may be empty."""

    slug: str
    iri: str
    name: str
    url: str | None = None
    description: Mapping[str, str] = field(default_factory=dict)


class Catalogue:
    """Reads things from the store. Made for one request: it keeps the names it has looked up."""

    def __init__(self, reader: GraphReader, words: Words, base: str) -> None:
        self._reader = reader
        self.words = words
        self.base = base
        self._names: dict[str, str] = {}
        self.seq = reader.seq
        """The change that all that is read here is complete to, at least: a newer state may come between two reads."""

    # -- triples ------------------------------------------------------------------------------------------------

    def thing(self, iri: str) -> Content | None:
        """What the default graph says of an IRI and its fragment nodes; None if nothing."""
        if not safe_iri(iri):
            return None
        triples = self._reader.describe([iri]).get(iri, ())
        return Content(iri, tuple(triples)) if triples else None

    def record(self, iri: str) -> Content | None:
        """The graph of a record, with what the default graph says beside it; None if there is no such graph."""
        if not safe_iri(iri):
            return None
        triples = tuple(self._reader.graph(iri))
        if not triples:
            return None
        return Content(iri, triples, iri, tuple(self._reader.describe([iri]).get(iri, ())))

    def records_of(self, project: Content) -> list[str]:
        """IRIs of the records that a merged project comes from."""
        own = by_subject(project.triples).get(project.root, {})
        return sorted(term[1:-1] for term in own.get(PROV + "wasDerivedFrom", ()) if term.startswith("<"))

    def project_of(self, record: str) -> str | None:
        """The merged project that a record is part of."""
        if not safe_iri(record):
            return None
        rows = self._reader.select(f"SELECT ?p WHERE {{ ?p <{PROV}wasDerivedFrom> <{record}> }} ORDER BY ?p LIMIT 1")
        return rows[0]["p"][1:-1] if rows else None

    def last_run_of(self, source: str) -> Content | None:
        """The latest run of a source that changed something: its type, end and source; None if there is none."""
        if not safe_iri(source):
            return None
        rows = self._reader.select(
            f"SELECT ?r ?t WHERE {{ ?r <{PROV}used> <{source}> ; <{PROV}endedAtTime> ?t }} ORDER BY DESC(?t) ?r LIMIT 1"
        )
        if not rows:
            return None
        run, ended = rows[0]["r"], rows[0]["t"]
        types = (run, f"<{RDF}type>", f"<{PROV}Activity>")
        return Content(run[1:-1], (types, (run, f"<{PROV}used>", f"<{source}>"), (run, f"<{PROV}endedAtTime>", ended)))

    def graphs(self, records: Iterable[str]) -> dict[str, tuple[Triple, ...]]:
        """The graphs of some records."""
        return {iri: tuple(self._reader.graph(iri)) for iri in records if safe_iri(iri)}

    # -- credits ------------------------------------------------------------------------------------------------

    def lines(self, records: Sequence[str]) -> dict[str, RecordLine]:
        """The credits of some records: two reads, whatever their number."""
        known = [iri for iri in records if safe_iri(iri)]
        if not known:
            return {}
        listed = " ".join(f"<{iri}>" for iri in known)
        rows = self._reader.select(f"SELECT ?r ?p ?o WHERE {{ VALUES ?r {{ {listed} }} GRAPH ?r {{ ?r ?p ?o }} }}")
        said: Nodes = {}
        for row in rows:
            said.setdefault(row["r"][1:-1], {}).setdefault(row["p"][1:-1], []).append(row["o"])
        beside = self._reader.describe(known)
        self.learn_names({partner_of(iri, self.base) for iri in known})
        return {iri: self._line(iri, said.get(iri, {}), by_subject(beside.get(iri, ())).get(iri, {})) for iri in known}

    def _line(self, iri: str, node: Node, ours: Node) -> RecordLine:
        """``node``: what the partner says of its record; ``ours``: what we say of it, in the default graph."""
        slug = partner_of(iri, self.base)
        tiers = [term[1:-1].rpartition("/")[2] for term in ours.get(DCTERMS + "conformsTo", ())]
        return RecordLine(
            iri=iri,
            partner=slug,
            partner_name=self.partner_name(slug),
            page=web_address(one_iri(node, DCTERMS + "source")),
            licence=one_iri(node, DCTERMS + "license"),
            first_seen=one_literal(ours, CRF + "firstSeen") or "",
            modified=one_literal(node, DCTERMS + "modified") or "",
            tier=next((tier for tier in ("full", "basic", "essential") if tier in tiers), ""),
            source=one_iri(node, VOID + "inDataset"),
            via=None if iri.startswith(f"{self.base}/") else urlsplit(iri).netloc,
        )

    # -- partners -----------------------------------------------------------------------------------------------

    def actor(self, slug: str) -> str:
        """IRI of a partner."""
        return f"{self.base}/actors/{slug}"

    def learn_names(self, slugs: Iterable[str]) -> None:
        """Look up the names of partners in one read."""
        wanted = {self.actor(slug): slug for slug in slugs if slug not in self._names and safe_iri(slug)}
        if wanted:
            found = self._reader.describe(wanted)
            for iri, slug in wanted.items():
                self._names[slug] = _name(by_subject(found.get(iri, ())).get(iri, {}), slug)

    def partner_name(self, slug: str) -> str:
        """Name of a partner; its slug if the store has none."""
        self.learn_names([slug])
        return self._names.get(slug, slug)

    def partner(self, slug: str) -> PartnerView | None:
        """A partner as the store knows it."""
        content = self.thing(self.actor(slug))
        if content is None:
            return None
        node = by_subject(content.triples).get(content.root, {})
        return PartnerView(
            slug,
            content.root,
            _name(node, slug),
            web_address(one_iri(node, SCHEMA + "url", FOAF + "homepage", FOAF + "page")),
            first_text(node, SCHEMA + "description", DCTERMS + "description"),
        )

    # -- lists --------------------------------------------------------------------------------------------------

    def cards(self, projects: Sequence[str]) -> list[Card]:
        """The projects of one page, in that order; one that has just gone is left out."""
        found = self._reader.describe([iri for iri in projects if safe_iri(iri)])
        nodes = {iri: by_subject(triples) for iri, triples in found.items() if triples}
        records = {
            iri: sorted(term[1:-1] for term in one.get(iri, {}).get(PROV + "wasDerivedFrom", ()))
            for iri, one in nodes.items()
        }
        lines = self.lines([one for many in records.values() for one in many])
        return [self._card(iri, nodes[iri], records[iri], lines) for iri in projects if iri in nodes]

    def _card(self, iri: str, nodes: Nodes, records: Sequence[str], lines: Mapping[str, RecordLine]) -> Card:
        own = nodes.get(iri, {})
        return Card(
            iri=iri,
            pid=iri.rpartition("/")[2],
            title=first_text(own, *_NAMES),
            summary=first_text(own, *_SUMMARIES),
            themes=tuple(term[1:-1] for term in own.get(DCTERMS + "subject", ())),
            status=one_iri(own, PAIR + "hasStatus"),
            places=tuple(dict.fromkeys(filter(None, (place_of(nodes, term[1:-1]) for term in locations(own))))),
            records=tuple(lines[one] for one in records if one in lines),
        )


def titles(reader: GraphReader, records: Iterable[str]) -> dict[str, dict[str, str]]:
    """What published records call their projects, by language; those that have no name are absent."""
    found: dict[str, dict[str, str]] = {}
    wanted = [f"<{record}#project>" for record in records if safe_iri(record)]
    for start in range(0, len(wanted), _TITLES):
        names = " ".join(wanted[start : start + _TITLES])
        query = f"SELECT ?p ?name WHERE {{ VALUES ?p {{ {names} }} GRAPH ?g {{ ?p <{SCHEMA}name> ?name }} }}"
        for row in reader.select(query):
            value = decode(row["name"])
            found.setdefault(row["p"][1:].removesuffix("#project>"), {})[value.language or ""] = value.text
    return found


def locations(node: Node) -> list[Term]:
    """The places of a project."""
    return [term for term in node.get(SCHEMA + "location", ()) if term.startswith("<")]


def place_of(nodes: Nodes, iri: str) -> str:
    """A place in a few words: its commune, else its name."""
    place = nodes.get(iri, {})
    address = nodes.get(one_iri(place, SCHEMA + "address") or "", {})
    locality = one_literal(address, SCHEMA + "addressLocality") or one_literal(place, SCHEMA + "addressLocality")
    return locality or next(iter(first_text(place, SCHEMA + "name").values()), "")


def safe_iri(iri: str) -> bool:
    """Whether an IRI can stand between ``<`` and ``>`` in a query; engines refuse a bad percent-encoding, too."""
    return bool(iri) and not _IRI_UNSAFE.intersection(iri) and iri.isprintable() and not _BAD_PERCENT.search(iri)


def web_address(iri: str | None) -> str | None:
    """The address if a browser may follow it (http, https), else None: partners' data may hold ``javascript:``."""
    return iri if iri is not None and iri.lower().startswith(("http://", "https://")) else None


def _name(node: Node, fallback: str) -> str:
    names = first_text(node, *_NAMES)
    return names.get("fr") or next(iter(names.values()), fallback)
