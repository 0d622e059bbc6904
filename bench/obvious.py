"""The obvious stack, as a peer: pyld reads JSON-LD, pySHACL validates, oxrdflib stores, one record at a time.

It does less than Carrefour: no cleaning, no provenance, no merged project, no ledger, no change log, no search index.
Contexts are served from memory, shapes and thesauri are parsed once: the fairest setting that is still the obvious one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyshacl
from pyld import jsonld
from rdflib import Dataset, Graph, URIRef

from federation.vocabulary import load

RECORD = "http://127.0.0.1:8000/records/reseau/"


@dataclass(frozen=True)
class Obvious:
    """Rates of the obvious stack in records per second, and the seconds of each step."""

    records: int
    seconds: float
    read: float
    validate: float
    store: float

    @property
    def rate(self) -> float:
        """Records per second, all steps."""
        return self.records / self.seconds


def run(items: Iterable[dict[str, Any]], folder: Path) -> Obvious:
    """Take the items, one by one, from JSON-LD to a named graph in an on-disk Oxigraph store."""
    vocabulary = load()
    contexts = {
        url: {"contextUrl": None, "documentUrl": url, "document": doc} for url, doc in vocabulary.contexts.items()
    }
    jsonld.set_document_loader(lambda url, _options: contexts[url])
    shapes = Graph()
    for name, text in vocabulary.shapes().items():
        if name != "concept.ttl":
            shapes.parse(data=text, format="turtle")
    dataset = Dataset(store="Oxigraph")
    dataset.open(str(folder / "obvious"), create=True)
    read = validate = store = 0.0
    count = 0
    started = time.perf_counter()
    for item in items:
        t0 = time.perf_counter()
        document = {"@context": "https://w3id.org/carrefour/context/v1.jsonld", **item}
        quads = jsonld.to_rdf(json.loads(json.dumps(document)), {"format": "application/n-quads"})
        graph = Graph()
        graph.parse(data=quads, format="nt")
        t1 = time.perf_counter()
        pyshacl.validate(graph, shacl_graph=shapes, inference="none", advanced=False)
        t2 = time.perf_counter()
        target = dataset.graph(URIRef(RECORD + item["identifier"]))
        for triple in graph:
            target.add(triple)
        t3 = time.perf_counter()
        read, validate, store, count = read + t1 - t0, validate + t2 - t1, store + t3 - t2, count + 1
    seconds = time.perf_counter() - started
    dataset.close()
    return Obvious(count, seconds, read, validate, store)
