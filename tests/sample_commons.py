"""A small commons written by hand, as the merge leaves it, and readers over it: for tests of pages and linked data.

Two partners describe project ``p1`` (and differ on it), ``p2`` has every kind of nested node, ``p3`` comes from a
partner who writes scripts into every field, ``old`` has become part of ``p1``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyoxigraph as ox
from sample_federation import SampleKeys, SampleMemory, make_desk

from federation.activitypub.desk import Desk
from federation.catalogue.disclosure import Disclosure
from federation.catalogue.search import document
from federation.catalogue.words import Words
from federation.engines import QueryAnswer, QueryLimits
from federation.engines.search_memory import MemorySearch
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.qualities import QualityRow
from federation.model import Counts, Finding, Openness, RunReport, RunState, Triple, to_lines
from federation.pipeline.joining import JoinRequest
from federation.pipeline.trial import TrialRequest
from federation.settings import Settings
from federation.vocabulary import Vocabulary, load

BASE = "http://127.0.0.1:8000"
RUN = "01HZX5T9V0000000000000000A"
SCRIPT = "<script>alert(1)</script>"

PREFIXES = """
@prefix crf: <https://w3id.org/carrefour/vocab#> .
@prefix theme: <https://w3id.org/carrefour/theme/> .
@prefix public: <https://w3id.org/carrefour/public/> .
@prefix status: <https://w3id.org/carrefour/status/> .
@prefix schema: <http://schema.org/> .
@prefix pair: <http://virtual-assembly.org/ontologies/pair#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix void: <http://rdfs.org/ns/void#> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix igeo: <http://rdf.insee.fr/def/geo#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix lang: <http://publications.europa.eu/resource/authority/language/> .
@prefix b: <http://127.0.0.1:8000/> .
"""

MERGED = """
<{B}/actors/avise> a schema:Organization, prov:Agent ; schema:name "Avise"@fr ; schema:url <https://www.avise.org/> .
<{B}/actors/fonda> a schema:Organization, prov:Agent ; schema:name "La Fonda"@fr ; schema:url <https://fonda.example/> .
<{B}/actors/malin> a schema:Organization ; schema:name "{S}"@fr ; schema:url <javascript:alert(1)> .
<{B}/sources/avise-fiches> a void:Dataset ; dcterms:title "Fiches de l'Avise"@fr ;
  dcterms:publisher <{B}/actors/avise> ;
  dcterms:license <https://creativecommons.org/licenses/by/4.0/> .
<{B}/runs/{R}> a prov:Activity ; prov:used <{B}/runs/{R}#input>, <{B}/sources/avise-fiches> ;
  crf:runState "with-rejects" ; crf:counts "read=3 accepted=2" ;
  prov:startedAtTime "2026-01-02T03:00:00Z"^^xsd:dateTime ; prov:endedAtTime "2026-01-02T03:00:09Z"^^xsd:dateTime .

<{B}/id/projet/p1> a crf:Project, schema:Project, pair:Project ;
  schema:name "Graine(s) de troc"@fr, "Seed swap"@en ;
  dcterms:abstract "Échanger des semences par la poste."@fr ;
  schema:description "Une plateforme pour échanger des graines.\\n\\nPartout en France."@fr ;
  dcterms:subject theme:AGR, theme:BIO ; pair:hasStatus status:running ; dcterms:audience public:ALL ;
  schema:startDate "2012"^^xsd:gYear ; schema:keywords "semences", "troc" ;
  schema:url <https://grainesdetroc.example/> ;
  schema:location <{B}/id/projet/p1#location-11111111> ;
  prov:wasDerivedFrom <{B}/records/avise/123>, <{B}/records/fonda/g-1> .
<{B}/id/projet/p1#location-11111111> a schema:Place ; schema:address <{B}/id/projet/p1#address-11111111> ;
  schema:latitude 46.16 ; schema:longitude -1.15 ; igeo:codeINSEE "17300" ;
  schema:containedInPlace <{B}/id/territoire/dep-17> .
<{B}/id/projet/p1#address-11111111> a schema:PostalAddress ; schema:postalCode "17000" ;
  schema:addressLocality "La Rochelle" ; schema:addressCountry "FR" .

<{B}/id/projet/p2> a crf:Project, schema:Project, pair:Project ;
  schema:name "Garage solidaire"@fr ; schema:description "Réparer sa voiture à petit prix, pour aller travailler."@fr ;
  dcterms:subject theme:MOB ; crf:obstacle "Trouver un local."@fr, "L'assurance."@fr ;
  crf:holder <{B}/id/projet/p2#holder-22222222> ; crf:budget <{B}/id/projet/p2#budget-22222222> ;
  schema:seeks <{B}/id/projet/p2#need-22222222> ;
  prov:wasDerivedFrom <{B}/records/avise/456> .
<{B}/id/projet/p2#holder-22222222> a schema:Organization ; schema:name "Association Roule"@fr ;
  schema:url <https://roule.example/> .
<{B}/id/projet/p2#budget-22222222> a schema:MonetaryAmount ; schema:value 12500 ; schema:currency "EUR" .
<{B}/id/projet/p2#need-22222222> a schema:Demand ; schema:name "Un mécanicien"@fr ;
  crf:needType <https://w3id.org/carrefour/need/expertise> .
<{B}/id/projet/p2#job-22222222> a schema:JobPosting ; schema:name "Chef d'atelier"@fr ;
  schema:hiringOrganization <{B}/id/projet/p2> .

<{B}/id/projet/p3> a crf:Project, schema:Project, pair:Project ;
  schema:name "{S}"@fr ; schema:description "</script>{S} & \\"guillemets\\""@fr ; schema:keywords "{S}" ;
  dcterms:subject theme:MOB ; schema:url <javascript:alert(1)> ; schema:sameAs <data:text/html,x> ;
  crf:holder <{B}/id/projet/p3#holder-33333333> ;
  prov:wasDerivedFrom <{B}/records/malin/x> .
<{B}/id/projet/p3#holder-33333333> a schema:Organization ; schema:name "{S}"@fr .
<{B}/id/projet/old> dcterms:isReplacedBy <{B}/id/projet/p1> .

<{B}/records/avise/123> crf:firstSeen "2025-11-03T00:00:00Z"^^xsd:dateTime ;
  dcterms:conformsTo <https://w3id.org/carrefour/shapes/essential>, <https://w3id.org/carrefour/shapes/basic> .
"""

RECORDS = {
    "avise/123": """
<{r}#project> a crf:Project, schema:Project, pair:Project ; schema:name "Graine(s) de troc"@fr, "Seed swap"@en ;
  dcterms:abstract "Échanger des semences par la poste."@fr ;
  schema:description "Une plateforme pour échanger des graines.\\n\\nPartout en France."@fr ;
  dcterms:subject theme:AGR ; pair:hasStatus status:running ; schema:startDate "2012"^^xsd:gYear ;
  schema:keywords "semences" ; schema:url <https://grainesdetroc.example/> ;
  schema:location <{r}#location-11111111> .
<{r}#location-11111111> a schema:Place ; schema:address <{r}#address-11111111> ;
  schema:latitude 46.16 ; schema:longitude -1.15 ; igeo:codeINSEE "17300" ;
  schema:containedInPlace <{B}/id/territoire/dep-17> .
<{r}#address-11111111> a schema:PostalAddress ; schema:postalCode "17000" ;
  schema:addressLocality "La Rochelle" ; schema:addressCountry "FR" .
""",
    "fonda/g-1": """
<{r}#project> a crf:Project, schema:Project, pair:Project ; schema:name "Graines de Troc"@fr ;
  schema:description "Un réseau d'échange de graines entre jardiniers."@fr ; dcterms:subject theme:AGR, theme:BIO ;
  dcterms:audience public:ALL ; schema:keywords "troc", "semences" .
""",
    "avise/456": """
<{r}#project> a crf:Project, schema:Project, pair:Project ; schema:name "Garage solidaire"@fr ;
  schema:description "Réparer sa voiture à petit prix, pour aller travailler."@fr ; dcterms:subject theme:MOB ;
  crf:obstacle "Trouver un local."@fr, "L'assurance."@fr ; crf:holder <{r}#holder-22222222> .
<{r}#holder-22222222> a schema:Organization ; schema:name "Association Roule"@fr ; schema:url <https://roule.example/> .
<{r}#job-22222222> a schema:JobPosting ; schema:name "Chef d'atelier"@fr ;
  schema:hiringOrganization <{r}#project> .
""",
    "malin/x": """
<{r}#project> a crf:Project, schema:Project, pair:Project ; schema:name "{S}"@fr ;
  schema:description "</script>{S} & \\"guillemets\\""@fr ; schema:keywords "{S}" ; dcterms:subject theme:MOB .
""",
}

RECORD_NODE = """
<{r}> a dcat:CatalogRecord, prov:Entity ; foaf:primaryTopic <{r}#project> ; dcterms:source <{page}> ;
  dcterms:publisher <{B}/actors/{partner}> ; void:inDataset <{B}/sources/{partner}-fiches> ;
  dcterms:identifier "{key}" ; dcterms:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcterms:language lang:FRA ; dcterms:accessRights crf:opendata ; prov:wasGeneratedBy <{B}/runs/{R}> ;
  dcterms:modified "2025-10-0{n}"^^xsd:date .
"""


def _filled(text: str, **more: str) -> str:
    for name, value in {"B": BASE, "R": RUN, "S": SCRIPT, **more}.items():
        text = text.replace("{" + name + "}", value)
    return text


def quads() -> list[ox.Quad]:
    """Everything, as the store holds it."""
    found = list(ox.parse(input=PREFIXES + _filled(MERGED), format=ox.RdfFormat.TURTLE))
    for number, (path, text) in enumerate(RECORDS.items(), 1):
        partner, key = path.split("/")
        iri = f"{BASE}/records/{path}"
        page = "javascript:alert(1)" if partner == "malin" else f"https://{partner}.example/fiche/{key}"
        body = _filled(text + RECORD_NODE, r=iri, partner=partner, key=key, page=page, n=str(number))
        graph = ox.NamedNode(iri)
        found += [
            ox.Quad(quad.subject, quad.predicate, quad.object, graph)
            for quad in ox.parse(input=PREFIXES + body, format=ox.RdfFormat.TURTLE)
        ]
    return found


class Reader:
    """GraphReader over a pyoxigraph memory store."""

    def __init__(self, content: Iterable[ox.Quad] = ()) -> None:
        self.store = ox.Store()
        self.store.extend(content)
        self.seq = 1

    def graph(self, iri: str | None) -> Iterator[Triple]:
        name = ox.DefaultGraph() if iri is None else ox.NamedNode(iri)
        for quad in self.store.quads_for_pattern(None, None, None, name):
            yield str(quad.subject), str(quad.predicate), str(quad.object)

    def describe(self, subjects: Iterable[str]) -> dict[str, tuple[Triple, ...]]:
        wanted = list(subjects)
        found: dict[str, list[Triple]] = {iri: [] for iri in wanted}
        for triple in self.graph(None):
            for iri in wanted:
                if triple[0] == f"<{iri}>" or triple[0].startswith(f"<{iri}#"):
                    found[iri].append(triple)
        return {iri: tuple(sorted(triples)) for iri, triples in found.items()}

    def select(self, query: str) -> list[dict[str, str]]:
        solutions: Any = self.store.query(query)
        names = [variable.value for variable in solutions.variables]
        return [{name: str(row[name]) for name in names if row[name] is not None} for row in solutions]

    def ask(self, query: str) -> bool:
        return bool(self.store.query(query))

    def dump(self) -> Iterator[bytes]:
        yield self.store.dump(format=ox.RdfFormat.N_QUADS)


class NoQueries:
    """PublicQueries that nobody asks."""

    def answer(
        self,
        query: str,
        accept: Mapping[str, str],
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        limits: QueryLimits | None = None,
    ) -> QueryAnswer:
        return QueryAnswer("boolean", accept.get("boolean", ""), b'{"head": {}, "boolean": true}', 1)

    def close(self) -> None: ...


@dataclass
class Source:
    """What pages need of a source."""

    id: str
    name: str
    licence: str | None = "https://creativecommons.org/licenses/by/4.0/"
    url: str | None = "https://www.avise.org/export.json"


def sample_run() -> RunReport:
    """The one run of the sample."""
    start = datetime(2026, 1, 2, 3, tzinfo=UTC)
    counts = Counts(read=3, accepted=2, rejected=1, new=2)
    return RunReport(RUN, "avise-fiches", "avise", RunState.WITH_REJECTS, start, start.replace(second=9), counts)


@dataclass
class Book:
    """RunBook of the sample."""

    gone: dict[str, datetime] = field(default_factory=dict)
    changes: dict[str, datetime] = field(default_factory=dict)

    def sources_of(self, partner: str) -> Sequence[Source]:
        return [Source("avise-fiches", "Fiches de l'Avise")] if partner == "avise" else []

    runs: dict[str, RunReport] = field(default_factory=lambda: {RUN: sample_run()})
    said: dict[str, list[Finding]] = field(default_factory=dict)
    scores: dict[str, QualityRow] = field(default_factory=dict)

    def last_run(self, source: str) -> RunReport | None:
        return self.runs[RUN] if source == "avise-fiches" else None

    def run(self, name: str) -> RunReport | None:
        return self.runs.get(name)

    def findings(self, run: str) -> Iterator[Finding]:
        return iter(self.said.get(run, ()))

    def findings_alike(self, run: str, *_how: object) -> Iterator[Finding]:
        return self.findings(run)

    def passages(self, partner: str, limit: int, source: str | None = None) -> Sequence[RunReport]:
        mine = [run for run in self.runs.values() if run.partner == partner and source in (None, run.source)]
        return sorted(mine, key=lambda run: run.started, reverse=True)[:limit]

    def qualities(self, sources: Sequence[str]) -> Mapping[str, QualityRow]:
        return {name: row for name, row in self.scores.items() if name in sources}

    def withdrawn(self, iri: str) -> datetime | None:
        return self.gone.get(iri)

    def changed(self, iri: str, seq: int) -> datetime | None:
        when = self.changes.get(iri)
        return when if seq else None


class ClosedDesk:
    """Nobody has tried a feed here or asked to join: for pages that only show their forms."""

    def run(self, asked: TrialRequest, client: str) -> str:
        raise AssertionError(asked)

    def result(self, token: str) -> None:
        return None

    def stamp(self) -> str:
        return "sample"

    def submit(self, asked: JoinRequest, client: str) -> str:
        raise AssertionError(asked)

    def uploaded(self, feed: str) -> bool:
        return False

    def all(self, state: CandidacyState | None = None) -> list[Candidacy]:
        return []


@dataclass
class Sample:
    """A hand-made platform."""

    settings: Settings
    vocabulary: Vocabulary
    reader: Reader
    search: MemorySearch
    queries: NoQueries
    ledger: Book
    levels: Mapping[str, Openness] = field(default_factory=dict)
    trials: ClosedDesk = field(default_factory=ClosedDesk)
    joining: ClosedDesk = field(default_factory=ClosedDesk)
    keys: SampleKeys = field(default_factory=SampleKeys)

    @functools.cached_property
    def memory(self) -> SampleMemory:
        """What ActivityPub finds in the ledger."""
        return SampleMemory(self.ledger.gone, self.ledger.changes)

    @functools.cached_property
    def federation(self) -> Desk:
        """The read side of ActivityPub."""
        return make_desk(self.settings, self.vocabulary, self.reader, self.memory, self.keys)

    def disclosure(self, run: RunReport) -> Disclosure:
        return Disclosure(self.vocabulary.fields, self.levels)


def make_platform(filled: bool = True) -> Sample:
    """The sample, indexed; or an empty commons."""
    vocabulary = load()
    reader = Reader(quads() if filled else ())
    search = MemorySearch()
    if filled:
        words = Words.of(vocabulary)
        projects = [f"{BASE}/id/projet/{pid}" for pid in ("p1", "p2", "p3")]
        described = reader.describe(projects)
        search.update([document(iri, to_lines(described[iri]), words) for iri in projects], [], 1)
    return Sample(Settings(base_url=BASE, name="Carrefour"), vocabulary, reader, search, NoQueries(), Book())
