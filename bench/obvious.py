"""The obvious stack, as a peer: pyld reads JSON-LD, pySHACL validates, oxrdflib stores, in one process.

It does less than Carrefour: no cleaning, no merged project, no ledger, no change log, no search index. Contexts are
served from memory, shapes and thesauri are parsed once, before the clock starts. It comes in three settings:

- *simple*: record by record, shapes only; what a first script does. Without the thesauri and the record's own node it
  also reports faults that are none.
- *complete*, by one: it also writes the node of the record (licence, origin, run, time), addresses of parts, types and
  languages that the shapes ask for, and validates beside the thesauri: its faults are those that we find.
- *complete*, by batch: the same with many records in one graph and one call, so that what pySHACL does once per call
  is shared among them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyshacl
from pyld import jsonld
from rdflib import RDF, XSD, BNode, Dataset, Graph, Literal, Namespace, Node, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, PROV, SH, VOID

from bench.feed import CONTEXT, RECORDS, SITE
from bench.measure import Fault, Taken, clock
from federation.vocabulary import load

CRF = Namespace("https://w3id.org/carrefour/vocab#")
PAIR = Namespace("http://virtual-assembly.org/ontologies/pair#")
SCHEMA = Namespace("http://schema.org/")
FRENCH = URIRef("http://publications.europa.eu/resource/authority/language/FRA")


class Peer:
    """The obvious stack, prepared: contexts in memory, shapes and thesauri parsed, an Oxigraph store on disk."""

    def __init__(self, folder: Path) -> None:
        vocabulary = load()
        contexts = {
            url: {"contextUrl": None, "documentUrl": url, "document": doc} for url, doc in vocabulary.contexts.items()
        }
        jsonld.set_document_loader(lambda url, _options: contexts[url])
        self._shapes = Graph()
        for name, text in vocabulary.shapes().items():
            if name != "concept.ttl":  # it aims at concepts, not at records; the peer is spared asking it
                self._shapes.parse(data=text, format="turtle")
        self._thesauri = Graph()
        self._thesauri.parse(data=vocabulary.background(), format="turtle")
        self._dataset = Dataset(store="Oxigraph")
        self._dataset.open(str(folder), create=True)

    def close(self) -> None:
        """Close the store."""
        self._dataset.close()

    def run(self, items: Iterable[Mapping[str, Any]], size: int, complete: bool, budget: float) -> Taken:
        """Take items from JSON-LD to named graphs, ``size`` at once, until none is left or ``budget`` seconds are over.

        The simple setting stores every record, as its faults mean little; the complete one those without a Violation.
        """
        taken = Taken()
        waiting = iter(items)
        started = time.perf_counter()
        with clock() as taken.spent:
            while (batch := list(islice(waiting, size))) and time.perf_counter() - started < budget:
                self._take(batch, complete, taken)
        return taken

    def _take(self, batch: list[Mapping[str, Any]], complete: bool, taken: Taken) -> None:
        t0 = time.perf_counter()
        document = {"@context": CONTEXT, "@graph": [_named(item) for item in batch] if complete else batch}
        graph = Graph()
        graph.parse(data=jsonld.to_rdf(document, {"format": "application/n-quads"}), format="nt")
        keys: dict[Node, str] = {URIRef(item["id"]): str(item["identifier"]) for item in batch}
        if complete:
            _complete(graph, keys)
        keys |= {URIRef(RECORDS + key): key for key in keys.values()}
        t1 = time.perf_counter()
        found = self._faults(graph, keys, complete)
        t2 = time.perf_counter()
        taken.faults |= {key: tuple(sorted(found[key])) for key in keys.values()}
        stored = taken.accepted if complete else frozenset(keys.values())
        graphs = {key: self._dataset.graph(URIRef(RECORDS + key)) for key in keys.values() if key in stored}
        owners = ((keys[_owner(graph, triple[0])], triple) for triple in graph)
        self._dataset.addN([(*triple, graphs[key]) for key, triple in owners if key in graphs])
        t3 = time.perf_counter()
        taken.read, taken.validate, taken.store = taken.read + t1 - t0, taken.validate + t2 - t1, taken.store + t3 - t2
        taken.records += len(batch)

    def _faults(self, graph: Graph, keys: Mapping[Node, str], complete: bool) -> dict[str, list[Fault]]:
        """Validate all at once; the faults by identifier.

        The thesauri stay in one graph, to which the records are added and from which they are taken out again: faster
        than ``ont_graph``, which copies them at each call.
        """
        added = [triple for triple in graph if triple not in self._thesauri] if complete else []
        data = self._thesauri if complete else graph
        for triple in added:
            data.add(triple)
        _, report, _ = pyshacl.validate(
            data, shacl_graph=self._shapes, inference="none", advanced=False, inplace=complete
        )
        for triple in added:
            data.remove(triple)
        if not isinstance(report, Graph):
            raise SystemExit(f"pySHACL gave no report: {report!r}")
        faults: dict[str, list[Fault]] = defaultdict(list)
        for result in report.objects(None, SH.result):
            faults[keys[_owner(graph, report.value(result, SH.focusNode))]].append(_fault(report, result))
        return faults


def _fault(report: Graph, result: Node) -> Fault:
    shape = report.value(result, SH.sourceShape)
    return (
        str(report.value(result, SH.resultSeverity)),
        str(shape) if isinstance(shape, URIRef) else "",
        str(report.value(result, SH.sourceConstraintComponent)),
    )


def _owner(graph: Graph, node: Node | None) -> URIRef:
    """The record or project that a node is part of."""
    while isinstance(node, BNode):
        node = next(graph.subjects(None, node))
    if not isinstance(node, URIRef):
        raise SystemExit(f"a validation result has no focus node that is a resource: {node!r}")
    return node.defrag()


def _named(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item with an address for each part: the shapes take no blank nodes."""
    project = item["id"]
    places = [
        {**place, "id": f"{project}#place-{n}", "address": {**place["address"], "id": f"{project}#address-{n}"}}
        for n, place in enumerate(item["location"])
    ]
    holders = [{**holder, "id": f"{project}#holder-{n}"} for n, holder in enumerate(item["holder"])]
    return {**item, "location": places, "holder": holders}


def _complete(graph: Graph, keys: Mapping[Node, str]) -> None:
    """Add what the shapes ask for and a partner's feed does not say: a record node each, types, languages."""
    for project, key in keys.items():
        record = URIRef(RECORDS + key)
        for predicate in (DCTERMS.identifier, DCTERMS.source, DCTERMS.modified):
            for value in list(graph.objects(project, predicate)):
                graph.remove((project, predicate, value))
                dated = Literal(str(value), datatype=XSD.date) if predicate == DCTERMS.modified else value
                graph.add((record, predicate, dated))
        for about, stated in _provenance(project):
            graph.add((record, about, stated))
        graph.add((project, RDF.type, SCHEMA.Project))
        graph.add((project, RDF.type, PAIR.Project))
    for holder in list(graph.subjects(RDF.type, SCHEMA.Organization)):
        for name in list(graph.objects(holder, SCHEMA.name)):
            graph.remove((holder, SCHEMA.name, name))
            graph.add((holder, SCHEMA.name, Literal(str(name), lang="fr")))
    for address in list(graph.objects(None, SCHEMA.address)):
        graph.add((address, RDF.type, SCHEMA.PostalAddress))


def _provenance(project: Node) -> Iterator[tuple[Node, Node]]:
    partner = URIRef(f"{SITE}/actors/reseau")
    yield RDF.type, DCAT.CatalogRecord
    yield RDF.type, PROV.Entity
    yield DCTERMS.license, URIRef("https://creativecommons.org/licenses/by/4.0/")
    yield DCTERMS.publisher, partner
    yield PROV.wasAttributedTo, partner
    yield VOID.inDataset, URIRef(f"{SITE}/sources/reseau")
    yield FOAF.primaryTopic, project
    yield DCTERMS.language, FRENCH
    yield DCTERMS.accessRights, CRF.opendata
    yield PROV.generatedAtTime, Literal("2026-10-01T08:00:00Z", datatype=XSD.dateTime)
    yield PROV.wasGeneratedBy, URIRef(f"{SITE}/runs/01J9Z0000000000000000000")
