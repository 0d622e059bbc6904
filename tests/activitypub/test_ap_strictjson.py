"""Strict JSON: what is taken, what is refused, and that nothing deep or endless reaches a parser."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from federation.activitypub.refusal import Refused
from federation.activitypub.strictjson import (
    MAX_BYTES,
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_JSONLD_BYTES,
    MAX_KEY,
    MAX_NUMBER,
    MAX_QUOTES,
    MAX_STRING,
    depth_of,
    parse,
    parse_activity,
    parse_document,
)

GOOD = {"id": "https://a.example/1", "type": "Create", "actor": "https://a.example/alice"}

_TEXTS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
_KEYS = _TEXTS.filter(lambda key: not key.startswith("@"))
_SCALARS = (
    some.none()
    | some.booleans()
    | some.integers(-MAX_NUMBER, MAX_NUMBER)
    | some.floats(-1e12, 1e12, allow_nan=False)
    | _TEXTS
)
_TREES = some.recursive(
    _SCALARS, lambda inner: some.lists(inner, max_size=5) | some.dictionaries(_KEYS, inner), max_leaves=30
)
_NASTY = some.text(some.sampled_from('[]{}":,\\ ue0a1@\n'), max_size=60)


def refused(body: bytes) -> str:
    """The rule by which a body is refused."""
    with pytest.raises(Refused) as caught:
        parse(body)
    return caught.value.rule


def depth(tree: Any) -> int:
    """How deep a tree nests."""
    if isinstance(tree, dict | list):
        return 1 + max(map(depth, tree.values() if isinstance(tree, dict) else tree), default=0)
    return 0


@given(_TREES, some.booleans(), some.sampled_from([None, 2]))
def test_good_json_means_what_it_means_elsewhere(tree: Any, ascii_only: bool, indent: int | None) -> None:
    """Whatever json writes within the limits is read back the same, and its depth is counted right."""
    body = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()

    assert depth_of(body) == depth(tree)
    if depth(tree) <= MAX_DEPTH:
        assert parse(body) == json.loads(body)


@given(_NASTY)
def test_nothing_is_taken_that_json_does_not_take(text: str) -> None:
    """On brackets, quotes and escapes in any order: refused, or read as json reads it, without double keys."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    try:
        taken = parse(text.encode())
    except Refused:
        return
    assert taken == json.loads(text, object_pairs_hook=once)


@given(some.binary(max_size=60))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    """Never another exception."""
    with suppress(Refused):
        parse(body)


@pytest.mark.abuse(33)
@given(some.dictionaries(_KEYS, _SCALARS, min_size=1, max_size=6), some.data())
def test_a_double_key_is_refused_wherever_it_is(members: dict[str, Any], data: Any) -> None:
    """Also written with an escape, with the same value, and inside arrays and objects."""
    key = data.draw(some.sampled_from(sorted(members)))
    written = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items()]
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else json.dumps(c)[1:-1] for c in key)
    written.insert(data.draw(some.integers(0, len(written))), f'"{escaped}": {json.dumps(members[key])}')

    assert refused(("{" + ",".join(written) + "}").encode()) == "json:duplicate-key"
    assert refused(('[1, {"x": [{' + ",".join(written) + "}]}]").encode()) == "json:duplicate-key"


@pytest.mark.abuse(33)
def test_two_actors_are_none() -> None:
    """The attack itself: parsers disagree on which of them counts."""
    body = json.dumps(GOOD)[:-1] + ', "actor": "https://a.example/bob"}'

    with pytest.raises(Refused, match="json:duplicate-key"):
        parse_activity(body.encode())


@pytest.mark.abuse(31)
@pytest.mark.parametrize("levels", [33, 100, 2000, 19_999])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"@context":', "}]")])
def test_deep_nesting_is_refused_before_any_parser(
    levels: int, opening: str, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects, arrays and contexts, closed or not."""

    def never(body: bytes) -> Any:
        raise AssertionError("reached the parser")

    monkeypatch.setattr("federation.activitypub.strictjson.orjson.loads", never)

    assert refused((opening * levels + "1" + closing * levels).encode()) in ("json:depth", "json:size")
    assert refused((opening * levels).encode()) in ("json:depth", "json:size")


@pytest.mark.abuse(31)
def test_depth_32_is_taken_and_brackets_in_texts_do_not_count() -> None:
    """The limit itself is allowed; escaped quotes do not end a text."""
    tree: Any = "]]" + "[" * 100 + '"' + "{" * 100 + "\\"
    for _ in range(MAX_DEPTH):
        tree = [tree]

    assert parse(json.dumps(tree).encode()) == tree
    assert refused(json.dumps([tree]).encode()) == "json:depth"


@pytest.mark.abuse(34)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"\xef\xbb\xbf{}", "json:bom"),
        ("{}".encode("utf-16"), "json:bom"),
        ("{}".encode("utf-16-le"), "json:encoding"),
        ("{}".encode("utf-16-be"), "json:encoding"),
        ("{}".encode("utf-32"), "json:bom"),
        ('"é"'.encode("latin-1"), "json:syntax"),
        (b'"\xed\xa0\x80"', "json:syntax"),
        (b'"\xc0\xaf"', "json:syntax"),
        (rb'"\ud800"', "json:syntax"),
        (rb'{"\udc00\ud800": 1}', "json:syntax"),
        (b"NaN", "json:syntax"),
        (b"[Infinity]", "json:syntax"),
        (b"[-Infinity]", "json:syntax"),
        (b"[1e400]", "json:syntax|json:number"),
        (b"[9007199254740992]", "json:number"),
        (b"[-9007199254740992]", "json:number"),
        (b"[1e16]", "json:number"),
        (b"1" * 33, "json:number"),
        (b"[" + b"9" * 100_000 + b"]", "json:number"),
        (b"[0." + b"1" * 100_000 + b"]", "json:number"),
        (b"[01]", "json:syntax"),
        (b"[1,]", "json:syntax"),
        (b"{'a': 1}", "json:syntax"),
        (b'{"a": 1} {"a": 1}', "json:syntax"),
        (b"// x\n{}", "json:syntax"),
        (b"", "json:syntax"),
        (b'"\n"', "json:syntax"),
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes, rule: str) -> None:
    """Other encodings, marks, lone surrogates, numbers that are none or too large, friendly extensions."""
    assert refused(body) in rule.split("|")


@pytest.mark.abuse(38)
@pytest.mark.parametrize(
    ("tree", "rule"),
    [
        ({"name": "a\0b"}, "json:nul"),
        ({"a\0b": 1}, "json:key"),
        ({"x" * (MAX_KEY + 1): 1}, "json:key"),
        (["x" * (MAX_STRING + 1)], "json:string"),
        ([[]] * MAX_CONTAINERS, "json:size"),
        (['"' * MAX_QUOTES], "json:size"),
        ([""] * MAX_QUOTES, "json:size"),
    ],
)
def test_texts_keys_and_trees_are_bounded(tree: Any, rule: str) -> None:
    """NUL, long names and texts, and too many arrays."""
    assert refused(json.dumps(tree).encode()) == rule


@pytest.mark.abuse(38)
def test_an_escaped_backslash_before_u0000_is_a_text() -> None:
    """Only a real NUL is refused."""
    assert parse(rb'["\\u0000"]') == ["\\u0000"]


@pytest.mark.abuse(35)
def test_a_body_over_the_limit_is_not_looked_at() -> None:
    """413, at one byte more than allowed."""
    body = b'"' + b" " * 100_000 + b'"'
    with pytest.raises(Refused) as caught:
        parse(body, len(body) - 1)

    assert caught.value.status == 413
    assert parse(body, len(body)) == " " * 100_000
    assert (MAX_BYTES, MAX_JSONLD_BYTES) == (1024 * 1024, 256 * 1024)


@pytest.mark.abuse(26)
@pytest.mark.parametrize(
    "node",
    [
        {"@graph": []},
        {"@included": [{"id": "https://evil.example/1"}]},
        {"@reverse": {"attributedTo": "https://evil.example/1"}},
        {"@nest": {"attributedTo": "https://evil.example/1"}},
        {"@index": "x"},
        {"@set": []},
        {"@list": []},
        {"@type": "Note"},
        {"@id": "https://evil.example/1"},
        {"@type": "@id", "@value": {"@graph": []}},
        {"@value": "x", "name": "y"},
        {"@value": "x", "@index": "y"},
        {"@language": "fr"},
        {"@unknown": 1},
        {"@": 1},
    ],
)
@pytest.mark.parametrize("where", ["top", "object", "list"])
def test_json_ld_keywords_are_refused_outside_contexts(node: dict[str, Any], where: str) -> None:
    """Beside other members, wherever they stand, and however the key is escaped."""
    beside = {"type": "Note", **node}
    tree = {"top": GOOD | node, "object": GOOD | {"object": beside}, "list": GOOD | {"tag": [[beside]]}}[where]
    body = json.dumps(tree)

    assert refused(body.encode()) == "json:keyword"
    assert refused(body.replace('"@', '"\\u0040').encode()) == "json:keyword"


@pytest.mark.abuse(26)
@pytest.mark.parametrize("node", [{"@id": 1}, {"@id": {"@id": "x"}}, {"@id": None}, {"@value": ["x"]}])
def test_a_reference_is_one_text_and_a_value_no_tree(node: dict[str, Any]) -> None:
    """Neither may carry anything inside."""
    assert refused(json.dumps(GOOD | {"object": node}).encode()) == "json:keyword"


def test_contexts_values_and_references_may_use_keywords() -> None:
    """A context is judged later; a language-tagged text and a reference are plain."""
    tree = GOOD | {
        "@context": ["https://www.w3.org/ns/activitystreams", {"x": {"@id": "https://x.example/", "@type": "@id"}}],
        "license": {"@id": "https://x.example/"},
        "name": [{"@value": "x", "@language": "fr"}, {"@value": 1, "@type": "https://x.example/"}],
        "object": {"@context": {"@vocab": "https://x.example/"}, "id": "https://a.example/2"},
    }

    assert parse_activity(json.dumps(tree).encode()) == tree


@pytest.mark.abuse(19)
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"id": None}, "json:id"),
        ({"id": ""}, "json:id"),
        ({"id": ["x"]}, "json:id"),
        ({"type": None}, "json:type"),
        ({"type": ["Create"]}, "json:type"),
        ({"type": {}}, "json:type"),
        ({"actor": None}, "json:actor"),
        ({"actor": ["https://a.example/alice"]}, "json:actor"),
        ({"actor": {"id": "https://a.example/alice"}}, "json:actor"),
    ],
)
def test_an_activity_has_one_id_type_and_actor(change: dict[str, Any], rule: str) -> None:
    """Each one text."""
    with pytest.raises(Refused, match=rule):
        parse_activity(json.dumps(GOOD | change).encode())


def test_a_document_may_have_several_types_but_must_be_an_object() -> None:
    """An actor of two vocabularies is one; a list of documents is none."""
    assert parse_document(b'{"id": "x", "type": ["Person", "x:Y"]}')["type"] == ["Person", "x:Y"]
    for body, rule in ((b"[]", "json:top"), (b'{"id": "x", "type": []}', "json:type"), (b'"x"', "json:top")):
        with pytest.raises(Refused, match=rule):
            parse_document(body)


@pytest.mark.needs_shared
def test_the_corpora_are_taken_or_refused_with_a_rule(shared: Path) -> None:
    """Every JSON document of the corpora: no other exception; what is taken equals what json reads."""
    files = sorted((shared / "activitypub").rglob("*.json"))
    taken = 0
    for path in files:
        body = path.read_bytes()
        try:
            tree = parse(body)
        except Refused:
            continue
        taken += 1
        assert tree == json.loads(body), path

    assert files
    assert taken > len(files) // 2
