"""Contexts: the bundle is whole and additive; what others send inline may only add plain terms."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from federation.activitypub.contexts import AS2_CONTEXT, CARREFOUR_CONTEXT, Bundle, bundled, localise, within
from federation.activitypub.refusal import Refused
from federation.vocabulary import load

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "vocab" / "activitypub"
ORIGIN = "https://a.example"
AS = "https://www.w3.org/ns/activitystreams#"
SEC = "https://w3id.org/security#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

# Design, section 3: the project object as we publish it.
EXAMPLE: dict[str, Any] = {
    "@context": [
        AS2_CONTEXT,
        "https://w3id.org/security/data-integrity/v1",
        f"{ORIGIN}/ns/carrefour/v1",
        {"Hashtag": "as:Hashtag", "rdfType": {"@id": RDF_TYPE, "@type": "@id"}},
    ],
    "id": f"{ORIGIN}/objects/r1",
    "type": "Page",
    "rdfType": ["http://schema.org/Project", "crf:Project"],
    "attributedTo": f"{ORIGIN}/actors/habitat",
    "audience": f"{ORIGIN}/actors/commons",
    "context": f"{ORIGIN}/contexts/p1",
    "to": ["https://www.w3.org/ns/activitystreams#Public"],
    "cc": [f"{ORIGIN}/actors/commons", f"{ORIGIN}/actors/habitat/followers"],
    "name": "Un toit",
    "nameMap": {"fr": "Un toit"},
    "summary": "…",
    "content": "<p>…</p>",
    "mediaType": "text/html",
    "url": f"{ORIGIN}/projet/p1",
    "published": "2026-01-02T03:04:05Z",
    "updated": "2026-01-02T03:04:05Z",
    "image": {"type": "Image", "url": f"{ORIGIN}/i.png", "name": "alt"},
    "attachment": [{"type": "Link", "href": f"{ORIGIN}/projet/p1", "mediaType": "text/html"}],
    "location": {"type": "Place", "name": "Lyon", "latitude": 45.7, "longitude": 3.1},
    "tag": [{"type": "Hashtag", "name": "#habitat", "href": f"{ORIGIN}/tags/habitat"}],
    "license": "https://creativecommons.org/licenses/by/4.0/",
    "sourceRecord": "https://partner.example/1",
    "recordData": f"{ORIGIN}/records/r1.nt",
    "recordDigest": "sha-256:00",
}


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    """The bundled documents by URL."""
    return bundled(load())


@pytest.fixture(scope="module")
def bundle(documents: dict[str, Any]) -> Bundle:
    """The bundle as tables of terms."""
    return Bundle(documents)


def _note(*contexts: Any, **more: Any) -> dict[str, Any]:
    return {"@context": [AS2_CONTEXT, *contexts], "id": f"{ORIGIN}/1", "type": "Note", "name": "n", **more}


def _keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_keys, value), set())
    if not isinstance(value, dict):
        return set()
    inner = (_keys(item) for key, item in value.items() if key != "@context" and not key.endswith("Map"))
    return {key for key in value if key != "@context"}.union(*inner, set())


def test_vendored_contexts_are_those_noted() -> None:
    """Each file of others is noted with source and checksum, and none lies there unnoted."""
    noted: dict[str, str] = {}
    for package in tomllib.loads((ROOT / "VENDOR.toml").read_text("utf-8"))["package"]:
        assert {"name", "version", "licence", "registry", "integrity"} <= package.keys()
        assert (ROOT / package["notice"]).is_file()
        noted |= {entry["path"]: entry["sha256"] for entry in package["file"]}
    found = {path.relative_to(ROOT).as_posix(): path for path in FOLDER.glob("*.jsonld")}
    del found["vocab/activitypub/carrefour-v1.jsonld"]
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == noted


def test_manifest_names_every_context_once() -> None:
    """No file is forgotten, no URL means two documents."""
    entries = json.loads((FOLDER / "manifest.json").read_text("utf-8"))["contexts"]
    assert sorted(entry["file"] for entry in entries) == sorted(path.name for path in FOLDER.glob("*.jsonld"))
    urls = [url for entry in entries for url in entry["urls"]]
    assert len(urls) == len(set(urls))


@pytest.mark.needs_shared
def test_bundle_equals_what_others_collected(shared: Path) -> None:
    """The contexts agree with an independent collection, but for one that was amended since."""
    theirs = {path.stem: json.loads(path.read_text("utf-8")) for path in shared.glob("activitypub/fedify-contexts/*")}
    ours = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.jsonld")}
    both = ours.keys() & theirs.keys()
    assert len(both) == 13
    assert {name for name in both if ours[name] != theirs[name]} <= {"security-data-integrity-v1"}


def test_bundle_is_additive(documents: dict[str, Any], bundle: Bundle) -> None:
    """No bundled context gives another meaning to a term of ActivityStreams."""
    for url, document in documents.items():
        context = document["@context"]
        for part in context if isinstance(context, list) else [context]:
            for name in part.keys() & bundle.as2.keys() if isinstance(part, dict) else ():
                said = part[name] if isinstance(part[name], str) else part[name]["@id"]
                prefix, _, rest = said.partition(":")
                full = bundle.as2[prefix].iri + rest if prefix in bundle.as2 else said
                assert full == bundle.as2[name].iri, (url, name)


def test_our_context_is_static_and_defines_no_as2_term(documents: dict[str, Any], bundle: Bundle) -> None:
    """Version 1 never changes, and holds only plain terms beside ActivityStreams."""
    assert not documents[CARREFOUR_CONTEXT]["@context"].keys() & bundle.as2.keys()
    digest = hashlib.sha256((FOLDER / "carrefour-v1.jsonld").read_bytes()).hexdigest()
    assert digest == "fff91e0748b38b28d8abe41b19e1ee53c21ea2f723894ec0c835313296f03630"


def test_every_key_of_a_published_object_is_mapped(bundle: Bundle) -> None:
    """Receivers that read full JSON-LD find each key and type of our objects, Tombstones included."""
    tombstone = {"id": "", "type": "Tombstone", "formerType": "Page", "deleted": "", "reason": "withdrawn"}
    local = localise(EXAMPLE | {"object": tombstone}, bundle)["@context"]
    assert _keys(EXAMPLE) | _keys(tombstone) <= local.keys()
    assert {"Page", "Image", "Link", "Place", "Hashtag", "Tombstone", "crf"} <= local.keys()


@pytest.mark.parametrize(
    "url",
    [
        "https://b.example/ns/carrefour/v1",
        "http://127.0.0.1:8080/ns/carrefour/v2",
        "https://b.example/x/ns/carrefour/v9",
    ],
)
def test_our_context_is_known_whatever_the_origin(bundle: Bundle, url: str) -> None:
    """Every instance means the same document, and we never ask another for it."""
    assert bundle.terms(url) is bundle.terms(CARREFOUR_CONTEXT)


@pytest.mark.parametrize("url", ["https://b.example/ns/carrefour/v1?x", "https://b.example/ns/carrefour/", "/v1", ""])
def test_other_contexts_are_not_known(bundle: Bundle, url: str) -> None:
    """What merely looks like ours is dropped like any unknown URL."""
    assert bundle.terms(url) is None
    assert localise(_note(url), bundle)["@context"]["name"] == f"{AS}name"


@pytest.mark.parametrize(
    "context", [[], "https://unknown.example/c", [AS2_CONTEXT], "http://www.w3.org/ns/activitystreams#"]
)
def test_activitystreams_is_always_there(bundle: Bundle, context: Any) -> None:
    """A document that names no context, or another one only, is read as ActivityStreams."""
    local = localise({"@context": context, "name": "n"}, bundle)
    assert local["@context"] == {"id": "@id", "type": "@type", "name": f"{AS}name"}


def test_terms_in_use_by_other_servers_are_taken(bundle: Bundle) -> None:
    """Prefixes chained, terms compact or full, coercions and containers: all resolve to full IRIs."""
    inline = {
        "@version": 1.1,
        "@language": "und",
        "id": "@id",
        "as": AS,
        "ostatus": "http://ostatus.org#",
        "pt": "https://joinpeertube.org/ns#",
        "ptx": "pt:x/",
        "sensitive": "as:sensitive",
        "atomUri": "ostatus:atomUri",
        "support": {"@id": "pt:support", "@type": "sc:Text"},
        "views": {"@id": "ptx:views", "@type": "@id", "@container": ["@set"]},
        "steps": {"@id": "pt:steps", "@container": "@list"},
        "pt:deep": {"@type": "@id"},
        "sc": "http://schema.org/",
        "toot:blurhash": {"@id": "http://joinmastodon.org/ns#blurhash"},
    }
    used = dict.fromkeys(("sensitive", "atomUri", "support", "views", "steps", "pt:deep"), "x")
    local = localise(_note("http://joinmastodon.org/ns", inline, **used), bundle)["@context"]
    assert local["sensitive"] == f"{AS}sensitive"
    assert local["atomUri"] == "http://ostatus.org#atomUri"
    assert local["support"] == {"@id": "https://joinpeertube.org/ns#support", "@type": "http://schema.org/Text"}
    assert local["views"] == {"@id": "https://joinpeertube.org/ns#x/views", "@type": "@id", "@container": "@set"}
    assert local["steps"] == {"@id": "https://joinpeertube.org/ns#steps", "@container": "@list"}
    assert local["pt:deep"] == {"@id": "https://joinpeertube.org/ns#deep", "@type": "@id"}
    assert "sc" not in local
    assert "@language" not in local


def test_only_plain_terms_up_to_a_delimiter_are_prefixes(bundle: Bundle) -> None:
    """What begins like a compact IRI but rests on another kind of term stays the IRI that it is."""
    inline = {
        "a": "http://x.example/a",
        "b": {"@id": "http://x.example/b/"},
        "x": "a:1",
        "y": "b:1",
        "z": "sensitive:1",
    }
    local = localise(_note("https://purl.archive.org/miscellany", inline, x=1, y=1, z=1, b=1), bundle)["@context"]
    assert (local["x"], local["y"], local["z"]) == ("a:1", "b:1", "sensitive:1")
    assert local["b"] == {"@id": "http://x.example/b/", "@prefix": False}


@pytest.mark.abuse(29)
@pytest.mark.parametrize(
    "inline",
    [
        {"name": "http://evil.example/name"},
        {"inbox": "as:name"},
        {"attributedTo": {"@id": "as:actor", "@type": "@id"}},
        {"as": "http://evil.example/"},
        {"id": "http://evil.example/id"},
        {"id": "@type"},
        {"type": {"@id": "as:name"}},
        {"as:name": "http://evil.example/name"},
        {f"{AS}name": "http://evil.example/name"},
        {"Public": "https://evil.example/Public"},
    ],
)
def test_meaning_of_activitystreams_cannot_be_changed(bundle: Bundle, inline: dict[str, Any]) -> None:
    """A context that gives a known term or keyword alias another meaning is refused."""
    with pytest.raises(Refused, match=r"context:(redefined|alias)"):
        localise(_note(inline), bundle)


@pytest.mark.abuse(29)
def test_repeating_an_activitystreams_term_changes_nothing(bundle: Bundle) -> None:
    """The same IRI is let through, but how values are read stays as ActivityStreams has it."""
    local = localise(_note({"name": {"@id": "as:name", "@type": "@id"}, "to": "as:to"}, to="x"), bundle)["@context"]
    assert local["name"] == f"{AS}name"
    assert local["to"] == {"@id": f"{AS}to", "@type": "@id"}


@pytest.mark.abuse(26)
@pytest.mark.parametrize("word", ["@graph", "@included", "@reverse", "@nest", "@index", "@set", "@list", "@json", "@x"])
def test_no_new_name_for_a_keyword(bundle: Bundle, word: str) -> None:
    """A context may not alias a keyword, nor the body use one that says more than a value or an id."""
    for inline in ({"foo": word}, {"foo": {"@id": word}}, {word: "http://x.example/"}):
        with pytest.raises(Refused, match="context:"):
            localise(_note(inline), bundle)
    with pytest.raises(Refused, match="json:keyword"):
        localise(_note(tag=[{"type": "Hashtag", word: []}]), bundle)


@pytest.mark.abuse(28, 29, 30)
@pytest.mark.parametrize(
    "inline",
    [
        {"foo": {"@id": "http://x.example/", "@context": {"name": "http://evil.example/"}}},
        {"foo": {"@id": "http://x.example/", "@context": "http://evil.example/"}},
        {"@import": "http://evil.example/"},
        {"@propagate": False},
        {"@protected": True},
        {"@vocab": "http://evil.example/"},
        {"@base": "http://evil.example/"},
        {"foo": {"@reverse": "as:attributedTo"}},
        {"foo": {"@id": "http://x.example/", "@container": "@graph"}},
        {"foo": {"@id": "http://x.example/", "@container": "@index"}},
        {"foo": {"@id": "http://x.example/", "@container": ["@set", "@language"]}},
        {"foo": {"@id": "http://x.example/", "@type": "@json"}},
        {"foo": {"@id": "http://x.example/", "@language": "fr"}},
        {"foo": {"@id": "http://x.example/", "@prefix": True}},
        {"foo": None},
        {"foo": 3},
        {"foo": ["http://x.example/"]},
        {"foo": "name"},
        {"foo": "http://x.example/a b"},
        {"foo": "_:b"},
        {"foo": {"@type": "@id"}},
        {"foo": {"@id": None}},
        {"foo": "http://x.example/" + 3000 * "a"},
        {"": "http://x.example/"},
        {300 * "n": "http://x.example/"},
        {"a": "b:", "b": "a:"},
        {"a": "b:1", "b": 7},
        {"a": "a:"},
    ],
)
def test_inline_context_only_adds_plain_terms(bundle: Bundle, inline: dict[str, Any]) -> None:
    """Everything in a context that could fetch, nest, reverse, reset or grow is refused."""
    with pytest.raises(Refused, match="context:"):
        localise(_note(inline), bundle)


@pytest.mark.parametrize("context", [None, 3, True, [None], [[AS2_CONTEXT]], [3], 33 * [AS2_CONTEXT]])
def test_context_is_a_list_of_urls_and_objects(bundle: Bundle, context: Any) -> None:
    """Null would undo ActivityStreams; nested lists and numbers mean nothing; the number of entries is limited."""
    with pytest.raises(Refused, match="context:"):
        localise({"@context": context, "name": "n"}, bundle)


def test_terms_are_limited_over_the_whole_document(bundle: Bundle) -> None:
    """64 inline terms, wherever they are given."""
    terms = {f"t{n}": f"http://x.example/{n}" for n in range(64)}
    localise(_note(terms), bundle)
    with pytest.raises(Refused, match="context:terms"):
        localise(_note(terms, tag={"@context": {"u": "http://x.example/u"}}), bundle)


def test_context_further_down_is_read_there_only(bundle: Bundle) -> None:
    """An embedded object keeps the context it came with; its terms do not leak to its surroundings."""
    inner = {"@context": [AS2_CONTEXT, {"foo": "http://x.example/foo"}], "name": "i", "foo": "1"}
    local = localise(_note(foo="2", object=[inner]), bundle)
    assert "foo" not in local["@context"]
    assert local["object"][0] == {"@context": {"foo": "http://x.example/foo"}, "name": "i", "foo": "1"}
    with pytest.raises(Refused, match="context:redefined"):
        localise(_note(object={"@context": {"name": "http://evil.example/"}}), bundle)


def test_object_taken_out_of_an_activity_keeps_its_meaning(bundle: Bundle) -> None:
    """The contexts of the activity apply to the object it embeds, before the object's own."""
    activity = _note({"foo": "http://x.example/1", "bar": "http://x.example/bar"}, object={})
    taken = within(activity, {"@context": {"foo": "http://x.example/2"}, "foo": "f", "bar": "b"})
    local = localise(taken, bundle)["@context"]
    assert (local["foo"], local["bar"]) == ("http://x.example/2", "http://x.example/bar")


@pytest.mark.abuse(31)
def test_depth_of_a_document_is_limited(bundle: Bundle) -> None:
    """Nesting that nobody needs is refused before anything recurses."""
    for shell in (lambda inner: {"object": inner}, lambda inner: [inner]):
        value: Any = "x"
        for _ in range(900):
            value = shell(value)
        with pytest.raises(Refused, match="json:depth"):
            localise(_note(object=value), bundle)
