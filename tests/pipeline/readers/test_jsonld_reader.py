"""JSON-LD: the same row whatever context the partner wrote, pinned contexts only, bounded cost."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from reading_help import reading, rules

from federation.model import Finding
from federation.pipeline.readers import ReadOptions, UnreadableFeed, read
from federation.pipeline.readers.jsonld_process import FullProcessor
from federation.vocabulary import load

CONTEXTS = load().contexts
OURS = "https://w3id.org/carrefour/vocab#"


def rows_of(document: Any, **options: Any) -> list[dict[str, Any]]:
    """Rows of a document under the pinned contexts of the vocabulary."""
    rows, rejected, _ = reading(orjson.dumps(document), "json-ld", contexts=CONTEXTS, **options)
    assert not rejected
    return [dict(row.row) for row in rows]


def test_schema_org_terms_are_bare_whatever_the_spelling() -> None:
    """http and https schema.org, with or without prefix, give the same row."""
    written = [
        {"@context": "https://schema.org", "@type": "Project", "@id": "https://x.example/1", "name": "Jardin"},
        {"@context": "http://schema.org/", "@type": "Project", "@id": "https://x.example/1", "name": "Jardin"},
        {
            "@context": {"s": "https://schema.org/"},
            "@type": "s:Project",
            "@id": "https://x.example/1",
            "s:name": "Jardin",
        },
        {
            "@type": "http://schema.org/Project",
            "@id": "https://x.example/1",
            "https://schema.org/name": [{"@value": "Jardin"}],
        },
    ]

    for document in written:
        assert rows_of(document) == [{"@type": "Project", "@id": "https://x.example/1", "name": "Jardin"}]


def test_foreign_terms_get_prefixes_or_whole_iris() -> None:
    """Known vocabularies are prefixed, PAIR in both spellings; unknown ones are whole IRIs."""
    context = {
        "titre": "http://virtual-assembly.org/ontologies/pair/label",
        "theme": "http://purl.org/dc/terms/subject",
        "x": "https://x.example/ns#x",
    }

    (row,) = rows_of({"@context": context, "titre": "A", "theme": "B", "x": 1})

    assert row == {"pair:label": "A", "dcterms:subject": "B", "https://x.example/ns#x": 1}


def test_languages_are_kept_and_datatypes_fall() -> None:
    """A text with a language is an object, other literals are plain values."""
    context = {"@vocab": "http://schema.org/", "@language": "fr", "d": {"@id": "startDate", "@type": "Date"}}

    (row,) = rows_of(
        {"@context": context, "name": "Jardin", "d": "2021", "url": {"@value": "x", "@type": "URL"}, "n": 3}
    )

    assert row == {"name": {"@value": "Jardin", "@language": "fr"}, "startDate": "2021", "url": "x", "n": 3}


def test_references_are_iris_and_described_nodes_stand_in_place() -> None:
    """A flat graph reads like a nested one: location.address.postalCode."""
    document = {
        "@context": "https://schema.org",
        "@graph": [
            {"@id": "#p", "@type": "Project", "location": {"@id": "#l"}, "sameAs": "https://elsewhere.example/1"},
            {"@id": "#l", "@type": "Place", "address": {"@id": "#a"}},
            {"@id": "#a", "@type": "PostalAddress", "postalCode": "63000"},
        ],
    }

    (row,) = rows_of(document, types=("schema:Project",))

    assert row["location"]["address"]["postalCode"] == "63000"
    assert row["sameAs"] == "https://elsewhere.example/1"


def test_what_is_no_reference_stands_as_it_was_written() -> None:
    """A text where an address belongs is quoted to its partner, so it must not be made one of our addresses."""
    context = ["https://schema.org", {"url": {"@id": "http://schema.org/url", "@type": "@id"}}]

    (row,) = rows_of({"@context": context, "@id": "https://x.example/1", "name": "A", "url": "pas une url"})
    (other,) = rows_of(
        {"@context": context, "@id": "https://x.example/1", "name": "A", "url": "page/2"},
        base_url="https://x.example/export",
    )

    assert (row["url"], other["url"]) == ("pas une url", "https://x.example/page/2")


def test_circular_references_end() -> None:
    """Two nodes that refer to each other do not embed each other for ever, and stay writable."""
    document = {
        "@context": "https://schema.org",
        "@graph": [
            {"@id": "#a", "name": "A", "knows": {"@id": "#b"}},
            {"@id": "#b", "name": "B", "knows": {"@id": "#a"}},
        ],
    }

    first, second = rows_of(document)

    assert first["knows"]["name"] == "B"
    assert first["knows"]["knows"].endswith("#a")
    assert json.dumps(second)


def test_a_mesh_of_references_does_not_explode() -> None:
    """A hundred nodes that all refer to each other stay small, with a finding."""
    nodes = [{"@id": f"#{i}", "name": str(i), "knows": [{"@id": f"#{j}"} for j in range(100)]} for i in range(100)]

    rows, _, result = reading(
        orjson.dumps({"@context": "https://schema.org", "@graph": nodes}), "json-ld", contexts=CONTEXTS
    )

    assert len(rows) == 100
    assert sum(len(orjson.dumps(dict(row.row))) for row in rows) < 20_000_000
    assert rules(result) == ["references-clipped"]


def test_nodes_are_named_by_their_iri_or_their_place() -> None:
    """`where` is the partner's IRI, else the number in the feed; a blank node has no name."""
    document = [
        {"@id": "https://x.example/1", "http://schema.org/name": "A"},
        {"@id": "_:b", "http://schema.org/name": "B"},
    ]

    rows, _, _ = reading(orjson.dumps(document), "json-ld")

    assert [row.where for row in rows] == ["https://x.example/1", "élément 2"]


def test_types_choose_and_the_rest_is_told() -> None:
    """Other types are no records; a finding counts them. IRIs, prefixes and bare names all choose."""
    document = {
        "@context": "https://schema.org",
        "@graph": [{"@type": "Project", "name": "A"}, {"@type": "Place", "name": "B"}],
    }

    for wanted in ("schema:Project", "Project", "http://schema.org/Project", "https://schema.org/Project"):
        rows, _, result = reading(orjson.dumps(document), "json-ld", contexts=CONTEXTS, types=(wanted,))

        assert [row.row["name"] for row in rows] == ["A"]
        assert rules(result) == ["type-left-out"]
        assert "Place (1)" in result.findings[0].message["fr"]


def test_at_reaches_members_of_a_collection() -> None:
    """`at` names the key of a container whose members are the records."""
    document = {
        "@context": {"ldp": "http://www.w3.org/ns/ldp#", "@vocab": "http://schema.org/"},
        "@id": "https://x.example/",
        "ldp:contains": [{"@id": "https://x.example/1", "name": "A"}, {"@id": "https://x.example/2", "name": "B"}],
    }

    rows = rows_of(document, at="ldp:contains")

    assert [row["name"] for row in rows] == ["A", "B"]


def test_what_the_fast_path_declines_is_read_all_the_same() -> None:
    """@reverse, @nest, nested contexts, index maps, named graphs and @included go to the full processor."""
    context = {
        "@vocab": "http://schema.org/",
        "parentOf": {"@reverse": "http://schema.org/parent"},
        "labels": "@nest",
        "by": {"@id": "member", "@container": "@index"},
    }
    documents: list[dict[str, Any]] = [
        {"@context": context, "name": "A", "parentOf": {"name": "B"}},
        {"@context": context, "labels": {"name": "A"}},
        {
            "@context": context,
            "name": "A",
            "location": {"@context": {"ville": "http://schema.org/address"}, "ville": "Lyon"},
        },
        {"@context": context, "name": "A", "by": {"x": {"name": "M"}}},
        {"@context": context, "@id": "https://g.example/", "@graph": [{"name": "A"}]},
        {"@context": context, "name": "A", "@included": [{"name": "Z"}]},
    ]

    found = [rows_of(document) for document in documents]

    assert found[0] == [{"name": "A", "@reverse": {"parent": {"name": "B"}}}]
    assert found[1] == [{"name": "A"}]
    assert found[2] == [{"name": "A", "location": {"address": "Lyon"}}]
    assert found[3] == [{"name": "A", "member": {"name": "M"}}]
    assert found[4] == [{"name": "A"}]
    assert found[5] == [{"name": "A"}, {"name": "Z"}]


def test_our_own_context_is_read() -> None:
    """Context v1: codes become concept IRIs, language maps become tagged texts."""
    document = {
        "@context": "https://w3id.org/carrefour/context/v1.jsonld",
        "graph": [{"id": "https://x.example/1", "type": "Project", "name": {"fr": "Jardin"}, "theme": ["AGR"]}],
    }

    (row,) = rows_of(document)

    assert row == {
        "@id": "https://x.example/1",
        "@type": "crf:Project",
        "name": {"@value": "Jardin", "@language": "fr"},
        "dcterms:subject": "https://w3id.org/carrefour/theme/AGR",
    }


def test_rows_bring_the_words_of_their_document() -> None:
    """Keys that the reader has renamed are known by what the document calls them, or would by its context."""
    document = {
        "@context": {"@vocab": "http://schema.org/", "porteur": f"{OURS}holder", "methode": f"{OURS}method"},
        "@id": "https://x.example/1",
        "name": "Jardin",
        "porteur": {"name": "Association"},
        f"{OURS}lesson": "Patience",
    }

    ((raw,), _, _) = reading(orjson.dumps(document), "json-ld")

    assert raw.words == {"crf:holder": "porteur", "crf:lesson": f"{OURS}lesson", "crf:method": "methode"}


@pytest.mark.fault(15)
def test_a_context_that_is_not_pinned_is_named_and_never_fetched() -> None:
    """The message names the address and what operator and partner can do."""
    with pytest.raises(
        UnreadableFeed, match=r"https://partner\.example/context\.jsonld\), of which we have no copy"
    ) as caught:
        reading(b'{"@context": "https://partner.example/context.jsonld", "name": "A"}', "json-ld", contexts=CONTEXTS)

    assert caught.value.rule == "context-not-pinned"
    assert "vocab/contexts/" in caught.value.text["fr"]
    assert "Recopiez son contenu dans votre document" in caught.value.text["fr"]


@pytest.mark.fault(15)
def test_an_unpinned_context_inside_one_node_rejects_that_node() -> None:
    """The neighbours are read."""
    document = {
        "@context": "https://schema.org",
        "@graph": [{"name": "A"}, {"name": "B", "location": {"@context": "https://evil.example/c", "name": "L"}}],
    }

    rows, rejected, _ = reading(orjson.dumps(document), "json-ld", contexts=CONTEXTS)

    assert [row.row["name"] for row in rows] == ["A"]
    assert [(finding.rule, finding.where) for finding in rejected] == [("context-not-pinned", "élément 2")]


def test_an_invalid_node_is_rejected_alone() -> None:
    """A node that breaks the rules of JSON-LD is a finding, in its place."""
    document = {"@context": "https://schema.org", "@graph": [{"@id": 3, "name": "A"}, {"name": "B"}]}

    items = list(read(orjson.dumps(document), ReadOptions("json-ld", contexts=CONTEXTS)))

    assert isinstance(items[0], Finding)
    assert items[0].rule == "json-ld-invalid"
    assert not isinstance(items[1], Finding)


def test_an_invalid_context_is_explained() -> None:
    """A context that cannot be processed refuses the document."""
    with pytest.raises(UnreadableFeed, match="Invalid JSON-LD"):
        reading(b'{"@context": {"a": {"@id": 3}}, "a": 1}', "json-ld")


def test_a_document_without_meaning_is_refused() -> None:
    """Keys that no context explains: say so instead of reading nothing."""
    with pytest.raises(UnreadableFeed, match="nom, ville"):
        reading(b'[{"nom": "A", "ville": "B"}]', "json-ld")


def test_keys_without_meaning_are_reported() -> None:
    """A key outside the context is left out and named once, whichever path read the node."""
    document = {
        "@context": {"name": "http://schema.org/name"},
        "@graph": [{"name": "A", "nmae": "x"}, {"name": "B", "http://schema.org/about": {"@list": []}, "tlie": 1}],
    }

    _, _, result = reading(orjson.dumps(document), "json-ld")

    assert [finding.field for finding in result.findings] == ["nmae", "tlie"]


def test_depth_is_limited_before_any_processor() -> None:
    """A node of 40 levels is rejected, on either path; 5,000 levels refuse the document."""

    def nested(levels: int, inner: Any) -> Any:
        for _ in range(levels):
            inner = {"isPartOf": inner, "name": "x"}
        return inner

    document = {
        "@context": "https://schema.org",
        "@graph": [nested(40, {"name": "a"}), nested(80, {"@index": "slow"}), nested(20, {"name": "b"})],
    }

    rows, rejected, _ = reading(orjson.dumps(document), "json-ld", contexts=CONTEXTS)

    assert len(rows) == 1
    assert [finding.rule for finding in rejected] == ["record-too-deep", "record-too-deep"]
    with pytest.raises(UnreadableFeed, match="nests more than"):
        reading(b'{"a":' * 5000 + b"1" + b"}" * 5000, "json-ld")


@pytest.mark.parametrize(
    "context",
    [
        {f"t{i}": f"https://x.example/{i}" for i in range(3000)},
        {"a": {"@id": "https://x.example/a", "@context": {"b": "https://x.example/" + "b" * 300_000}}},
    ],
)
def test_large_inline_contexts_are_refused(context: dict[str, Any]) -> None:
    """Too many terms or bytes: refused before processing."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(orjson.dumps({"@context": context, "t1": 1}), "json-ld")

    assert caught.value.rule == "context-too-large"


@pytest.mark.parametrize(("limit", "value"), [("_MEMORY", 8 * 1024 * 1024), ("_SECONDS", 1)])
def test_a_document_that_costs_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    """A child that runs out of memory or time is a plain refusal, not a crash."""
    monkeypatch.setattr(f"federation.pipeline.readers.jsonld_process.{limit}", value)
    nodes = [{"https://x.example/p": [{"@id": f"https://x.example/{i}-{j}"} for j in range(50)]} for i in range(3200)]

    with pytest.raises(UnreadableFeed) as caught:
        FullProcessor("https://x.example/", {}).expand([{"@graph": nodes}], set())

    assert caught.value.rule == "json-ld-too-costly"


def test_many_documents_share_one_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand documents with the same context ask the child once."""
    asked: list[int] = []
    compile_once = FullProcessor.compile

    def counted(self: FullProcessor, contexts: Any) -> Any:
        asked.append(len(contexts))
        return compile_once(self, contexts)

    monkeypatch.setattr(FullProcessor, "compile", counted)
    documents = [{"@context": "https://schema.org", "@type": "Project", "name": str(i)} for i in range(2000)]

    assert len(rows_of(documents)) == 2000
    assert sum(asked) == 1


def test_truncated_and_empty() -> None:
    """A cut document says so; an empty graph is an empty list."""
    with pytest.raises(UnreadableFeed, match="was cut"):
        reading(b'{"@context": "https://schema.org", "@graph": [{"name": "A"', "json-ld", contexts=CONTEXTS)

    assert rows_of({"@context": "https://schema.org", "@graph": []}) == []


def test_a_node_may_bring_its_own_context_however_it_is_written() -> None:
    """A context of one node counts for that node alone, even with its key written in escapes."""
    body = (
        '{"@context": "https://schema.org", "@graph": ['
        '{"@context": {"titre": "http://schema.org/name"}, "titre": "A"},'
        '{"\\u0040context": {"titre": "http://schema.org/name"}, "titre": "B"},'
        '{"name": "C", "titre": "vocab"}]}'
    )

    rows, _, _ = reading(body.encode(), "json-ld", contexts=CONTEXTS)

    assert [row.row for row in rows] == [{"name": "A"}, {"name": "B"}, {"name": "C", "titre": "vocab"}]


def test_a_document_in_need_of_repair_is_read_the_same() -> None:
    """NaN and half characters are repaired; nodes, their contexts and references are as in a plain document."""
    body = (
        '{"@context": "https://schema.org", "@graph": ['
        '{"@id": "#a", "name": "A", "price": NaN, "knows": {"@id": "#b"}},'
        '{"@context": {"titre": "http://schema.org/name"}, "@id": "#b", "titre": "B\\ud800"}]}'
    )

    rows, _, result = reading(body.encode(), "json-ld", contexts=CONTEXTS)

    assert rows[0].row["knows"]["name"] == "B\ufffd"
    assert rules(result) == ["lone-surrogate", "number-not-finite"]


def test_repeated_keys_are_named_wherever_they_stand() -> None:
    """A key given twice, in a node or around the graph, is told once; the last value counts."""
    body = b'{"@context": "https://schema.org", "price": 1, "price": 2, "@graph": [{"name": "A", "name": "B"}]}'

    rows, _, result = reading(body, "json-ld", contexts=CONTEXTS)

    assert [row.row for row in rows] == [{"price": 2}, {"name": "B"}]
    assert sorted(str(finding.field) for finding in result.findings) == ["name", "price"]


def test_too_many_records_are_refused_before_the_first_is_given() -> None:
    """Nodes of other types do not count."""
    nodes = [{"@type": "Project", "name": str(i)} for i in range(5)] + [{"@type": "Place", "name": "x"}] * 9
    body = orjson.dumps({"@context": "https://schema.org", "@graph": nodes})

    rows, _, _ = reading(body, "json-ld", contexts=CONTEXTS, types=("Project",), max_records=5)

    assert len(rows) == 5
    with pytest.raises(UnreadableFeed):
        read(body, ReadOptions("json-ld", contexts=CONTEXTS, types=("Project",), max_records=4))
