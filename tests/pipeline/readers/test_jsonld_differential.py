"""The fast path of JSON-LD gives exactly the rows of the full processor, or declines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonld_paths import BASE, InProcess, Refused, fast_row, slow_rows

from federation.model import RawRecord
from federation.pipeline.readers import ReadOptions, UnreadableFeed, jsonld, read
from federation.pipeline.readers.jsonld_fast import Declined
from federation.vocabulary import load

EX = "https://ex.example/ns#"
TERMS = ["a", "b", "c", "d", "k", "ref", "word", "date", "texts", "many", "list", "code", "ex", "Alias", "gone", "nom"]
IRIS = [
    "https://x.example/1",
    "ex:one",
    "schema:Thing",
    "_:b0",
    "#frag",
    "../up",
    "relative",
    "",
    "a",
    "urn:x:1",
    "foo:bar",
    "a b",
    "?q=1",
    "//other.example/x",
    "https://schema.org/EventScheduled",
    "ligne\n",
    "http://x.example/a b",
    "mailto:x@y.z",
    ":x",
    "@odd",
]

definition = st.one_of(
    st.just(f"{EX}plain"),
    st.just("ex:curie"),
    st.just("https://schema.org/name"),
    st.just("http://schema.org/name"),
    st.none(),
    st.fixed_dictionaries(
        {
            "@id": st.sampled_from(
                [f"{EX}p1", f"{EX}p2", "ex:p3", "http://schema.org/about", "http://purl.org/dc/terms/x"]
            )
        },
        optional={
            "@type": st.sampled_from(["@id", "@vocab", "@none", "xsd:date", f"{EX}dt", "@json"]),
            "@container": st.sampled_from(
                ["@set", "@list", "@language", "@index", ["@set"], ["@language", "@set"], "@id", "@graph"]
            ),
        },
    ),
    st.fixed_dictionaries({"@id": st.just(f"{EX}t"), "@language": st.sampled_from(["fr", "EN", None])}),
    st.fixed_dictionaries(
        {
            "@id": st.just(f"{EX}theme"),
            "@type": st.sampled_from(["@vocab", "@id"]),
            "@context": st.sampled_from(
                [{"@vocab": "https://codes.example/"}, {"@vocab": "ex:"}, {"a": f"{EX}z"}, None]
            ),
        }
    ),
    st.fixed_dictionaries({"@reverse": st.just(f"{EX}back")}),
    st.sampled_from(["@id", "@type", "@value", "@language", "@graph", "@nest"]),
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(TERMS, definition),
        "ex": st.just(EX),
        "schema": st.just("http://schema.org/"),
        "xsd": st.just("http://www.w3.org/2001/XMLSchema#"),
        "@vocab": st.sampled_from(["http://schema.org/", "https://v.example/", "ex:", "", "#", None]),
        "@language": st.sampled_from(["fr", None]),
        "@base": st.sampled_from(["https://base.example/a/b", "sub/", None]),
        "@version": st.just(1.1),
    },
)
tame = st.fixed_dictionaries(
    {
        "ex": st.just(EX),
        "a": st.just(f"{EX}plain"),
        "b": st.sampled_from(["http://schema.org/name", {"@id": "ex:b", "@language": "fr"}]),
        "ref": st.sampled_from([{"@id": "ex:ref", "@type": "@id"}, {"@id": "ex:ref", "@type": "@vocab"}]),
        "word": st.just({"@id": "ex:w", "@type": "@vocab", "@context": {"@vocab": "https://codes.example/"}}),
        "texts": st.just({"@id": "ex:texts", "@container": "@language"}),
        "many": st.sampled_from([{"@id": "ex:many", "@container": "@set"}, {"@id": "ex:many", "@container": "@list"}]),
        "Alias": st.just("ex:Class"),
        "k": st.sampled_from(["@id", "@type", "ex:k"]),
    },
    optional={
        "@vocab": st.just("http://schema.org/"),
        "@language": st.just("fr"),
        "@base": st.just("https://b.example/"),
    },
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([1.5, 0.1, 2.0]),
    st.sampled_from(IRIS),
    st.just("été"),
)
literals = st.fixed_dictionaries(
    {"@value": scalars},
    optional={
        "@language": st.sampled_from(["fr", "FR-fr", None, 3]),
        "@type": st.sampled_from(["xsd:date", "a", f"{EX}dt", "@json", "rel"]),
        "@index": st.just("i"),
    },
)
keys = st.sampled_from(
    [*TERMS, "ex:q", "schema:name", "https://schema.org/name", "name", "unknown", f"{EX}p1", "@index", "_:x", "dc:y"]
)
language_maps = st.dictionaries(
    st.sampled_from(["fr", "EN", "@none", "a"]), st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=2
)


def nodes(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Node objects over values."""
    values = st.one_of(
        scalars, literals, language_maps, children, st.lists(st.one_of(scalars, literals, children), max_size=3)
    )
    named = st.fixed_dictionaries(
        {},
        optional={
            "@id": st.one_of(st.sampled_from(IRIS), st.none()),
            "@type": st.one_of(
                st.sampled_from([*IRIS, "Alias", "a"]), st.lists(st.sampled_from(["Alias", "ex:T"]), max_size=2)
            ),
        },
    )
    return st.builds(lambda head, body: {**head, **body}, named, st.dictionaries(keys, values, max_size=4))


documents = st.recursive(nodes(scalars), nodes, max_leaves=6)


def canonical(rows: list[Any]) -> Any:
    """Rows without regard to the order of keys."""
    return json.loads(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS))


def compare(context: dict[str, Any], node: dict[str, Any]) -> None:
    """Fail if the fast path does not decline, and gives another row than the full processor."""
    try:
        row = fast_row(node, context)
    except Declined:
        return

    expected = slow_rows({"@context": context, **node})

    assert canonical([] if row is None else [row]) == canonical(expected)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(context=st.one_of(tame, contexts), node=documents)
def test_fast_rows_equal_the_full_processors(context: dict[str, Any], node: dict[str, Any]) -> None:
    """For random contexts and nodes, the fast path gives the full processor's row, or declines."""
    compare(context, node)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(context=st.one_of(tame, contexts), node=documents)
def test_many_fast_rows_equal_the_full_processors(context: dict[str, Any], node: dict[str, Any]) -> None:
    """The same for many more."""
    compare(context, node)


def test_our_own_context_takes_the_fast_path() -> None:
    """A full record in context v1 is claimed by the fast path and read as the full processor reads it."""
    pinned = load().contexts
    feed = json.loads((Path(__file__).parents[3] / "demo/feeds/carnet-du-carrefour.jsonld").read_text("utf-8"))

    for node in feed["graph"]:
        row = fast_row(node, feed["@context"], dict(pinned))
        expected = slow_rows({"@context": feed["@context"], "@graph": [node]}, dict(pinned))

        assert canonical([row]) == canonical(expected)


@pytest.mark.needs_shared
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_w3c_expansion_suite_reads_alike_on_both_paths(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document of the W3C expansion suite gives the rows, or the refusal, of the full processor."""
    monkeypatch.setattr(jsonld, "FullProcessor", InProcess)
    folder = shared / "w3c" / "json-ld-api" / "tests"
    manifest = json.loads((folder / "expand-manifest.jsonld").read_text("utf-8"))
    compared = claimed = 0
    differing = []

    for test in manifest["sequence"]:
        if test.get("option", {}).get("specVersion") == "json-ld-1.0" or not test["input"].endswith(".jsonld"):
            continue
        body = (folder / test["input"]).read_bytes()
        base = manifest["baseIri"] + test["input"]
        compared += 1
        outcome = _both(body, base)
        claimed += outcome[2]
        if outcome[0] != outcome[1]:
            differing.append((test["@id"], *outcome[:2]))

    assert not differing
    assert compared > 300
    assert claimed > 60, "the fast path must be worth its code"


def _both(body: bytes, base: str) -> tuple[Any, Any, bool]:
    document = json.loads(body)
    try:
        slow: Any = canonical(slow_rows(document, base=base))
    except Refused:
        slow = []  # refused as a whole, or each node for itself
    try:
        items = list(read(body, ReadOptions("json-ld", base_url=base)))
        fast: Any = canonical([dict(item.row) for item in items if isinstance(item, RawRecord)])
    except UnreadableFeed:
        fast = []
    claimed = False
    if isinstance(document, dict):
        node = {key: value for key, value in document.items() if key != "@context"}
        try:
            claimed = fast_row(node, document.get("@context"), base=base) is not None
        except Declined:
            claimed = False
    return slow, fast, claimed


def test_the_base_is_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative identifiers are resolved against the address of the document."""
    monkeypatch.setattr(jsonld, "FullProcessor", InProcess)
    body = b'{"@context": {"name": "http://schema.org/name"}, "@id": "p/1", "name": "Jardin"}'

    (item,) = read(body, ReadOptions("json-ld", base_url=BASE))

    assert item.where == "https://partner.example/feed/p/1"
