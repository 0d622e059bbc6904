"""A field is whole: what a file of vocab/ or shapes/ says of it, the others that must know it say too."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdflib import Graph
from rdflib.namespace import RDF, SH

from federation.pipeline.sources import parse_source
from federation.pipeline.sources.terms import SYSTEM
from federation.vocabulary import Vocabulary, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of the checkout."""
    return load()


def test_every_property_shape_is_listed() -> None:
    """A property shape that no shape refers to is read by nobody."""
    graph = Graph()
    for path in sorted((ROOT / "shapes").glob("*.ttl")):
        graph.parse(path)

    listed = set(graph.objects(None, SH.property))

    assert [str(shape) for shape in graph.subjects(RDF.type, SH.PropertyShape) if shape not in listed] == []


def test_a_feed_in_our_own_words_may_fill_every_field(vocabulary: Vocabulary) -> None:
    """The profile ``carrefour`` maps every top-level property that a partner may state."""
    text = '[source]\nurl = "feed.jsonld"\nprofile = "carrefour"\nlicence = "CC0"\n'
    mapped = set(parse_source(text, "own.toml", vocabulary).fields)
    properties = {vocabulary.fields[key].property for key in mapped}

    missing = {
        key
        for key, field in vocabulary.fields.items()
        if "." not in key and field.property not in properties and not (field.owner == "record" and key in SYSTEM)
    }

    assert missing == set()
