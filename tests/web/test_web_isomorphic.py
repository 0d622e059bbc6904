"""Every format of every kind of document says the same: read by a library that is not ours (RDFLib)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rdflib
from flask.testing import FlaskClient
from rdflib.compare import isomorphic
from sample_commons import BASE, RUN

from federation.vocabulary import Vocabulary, load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")

NAMES = {"jsonld": "json-ld", "ttl": "turtle", "rdf": "xml", "trig": "trig"}
DOCUMENTS = [
    "/projet/p1",
    "/projet/p2",
    "/projet/p3",
    "/projet/gone",
    "/records/avise/123",
    "/records/avise/gone",
    "/records/malin/x",
    "/actors/avise",
    "/sources/avise-fiches",
    f"/runs/{RUN}",
    "/theme/AGR",
    "/theme",
    "/licence/open",
    "/shapes/project",
    "/shapes/basic",
    "/vocab",
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout."""
    return load()


def triples(body: bytes, suffix: str, path: str, vocabulary: Vocabulary) -> rdflib.Graph:
    """The triples of a document: of the record's own graph, where the format names graphs."""
    if suffix == "trig":
        dataset = rdflib.Dataset()
        dataset.parse(data=body, format="trig", publicID=BASE)
        named = dataset.graph(rdflib.URIRef(BASE + path))
        return named if len(named) else dataset.default_graph
    graph = rdflib.Graph()
    if suffix == "jsonld":
        tree: Any = json.loads(body)
        if isinstance(tree, dict) and tree.get("@context") == "https://w3id.org/carrefour/context/v1.jsonld":
            tree["@context"] = dict(vocabulary.context)  # RDFLib would fetch it
        body = json.dumps(tree).encode()
    return graph.parse(data=body, format=NAMES.get(suffix, "nt"), publicID=BASE)


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("suffix", NAMES)
def test_every_format_says_the_same_triples(
    client: FlaskClient, vocabulary: Vocabulary, path: str, suffix: str
) -> None:
    """No datatype, language, type or node is lost in any of them; also of what was withdrawn."""
    plain, other = client.get(f"{path}.nt"), client.get(f"{path}.{suffix}")
    assert plain.status_code == other.status_code
    assert plain.status_code in {200, 410}

    expected = triples(plain.data, "nt", path, vocabulary)
    assert len(expected) > 1
    assert isomorphic(triples(other.data, suffix, path, vocabulary), expected)
