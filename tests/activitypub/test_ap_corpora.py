"""Real and deliberately wrong documents of others: each is read or refused, and nobody is spoken of but its subject."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld

from federation.activitypub.contexts import AS2_CONTEXT, CARREFOUR_CONTEXT, Bundle, bundled
from federation.activitypub.expand import Expander
from federation.activitypub.quads import own_statements
from federation.activitypub.refusal import Refused
from federation.vocabulary import load

pytestmark = pytest.mark.needs_shared

ORIGIN = "https://corpus.example"
NO_BASE = "https://base.invalid"  # the oracle insists on a base: what it makes of a relative address, we drop
NO_JSON = {"vocabulary-ex196-jsonld.json", "bad-character-set.json"}  # strictjson refuses them before


@pytest.fixture(scope="module")
def contexts() -> dict[str, Any]:
    """The bundled documents."""
    return bundled(load())


@pytest.fixture(scope="module")
def expander(contexts: dict[str, Any]) -> Iterator[Expander]:
    """One child with the real limits."""
    pool = Expander(contexts)
    yield pool
    pool.close()


def _read(paths: Iterator[Path]) -> dict[str, Any]:
    found = {path: path.name for path in sorted(paths) if path.name not in NO_JSON}
    return {str(path): json.loads(path.read_text("utf-8")) for path in found}


def _corpus(shared: Path, name: str) -> dict[str, Any]:
    base = shared / "activitypub"
    if name == "good":
        return _read((base / "w3c-as2" / "test").glob("*.json"))
    if name == "bad":
        return _read((base / "w3c-as2" / "test" / "fail").glob("*.json"))
    if name == "fixtures":
        return _read((base / "fedify-fixtures").rglob("*.json"))
    variants = _read((base / "funfedi-inputs").glob("*.json"))
    return {f"{path}#{n}": item for path, data in variants.items() for n, item in enumerate(data["examples"])}


def _with_id(document: Any) -> Any:
    """Give a variant an id, as its template would, where it has none."""
    if not isinstance(document, dict) or isinstance(document.get("id", document.get("@id")), str):
        return document
    return {**document, "id": f"{ORIGIN}/1"} if "id" not in document else document


def _subject(document: Any) -> str:
    given = document.get("id", document.get("@id")) if isinstance(document, dict) else None
    return given if isinstance(given, str) else f"{ORIGIN}/1"


def _is_own(term: str, subject: str) -> bool:
    return term == f"<{subject}>" or term.startswith((f"<{subject}#", f"<{subject}-"))


@pytest.mark.parametrize(
    ("name", "number", "least"), [("good", 212, 212), ("bad", 19, 13), ("variants", 322, 320), ("fixtures", 36, 30)]
)
def test_every_document_is_read_or_refused(
    shared: Path, expander: Expander, name: str, number: int, least: int
) -> None:
    """Nothing but a refusal is raised, no foreign subject and no blank node survives, and the most are read."""
    documents = _corpus(shared, name)
    assert len(documents) == number
    refused: dict[str, str] = {}
    for path, given in documents.items():
        document = _with_id(given)
        try:
            kept = own_statements(expander.quads(document), _subject(document))
        except Refused as refusal:
            refused[path] = refusal.rule
            continue
        assert all(_is_own(s, _subject(document)) for s, _, _ in kept), path
        assert not any(term.startswith("_:") for triple in kept for term in triple), path
        assert not any(p.startswith("<https://w3id.org/security#") for _, p, _ in kept), path
    assert number - len(refused) >= least, refused


def _as_we_read_it(document: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
    """The same document for the oracle, whole contexts by URL: AS2 first, without what our policy drops."""
    given = document.get("@context", [])
    entries: list[Any] = [AS2_CONTEXT]
    for entry in given if isinstance(given, list) else [given]:
        if isinstance(entry, dict):
            entries.append({key: value for key, value in entry.items() if key not in ("@language", "@version")})
        elif bundle.terms(entry) is not None:
            entries.append(entry)
    return {**_without_nulls(document), "@context": entries}


def _without_nulls(value: Any) -> Any:
    """The oracle refuses a null id, which ActivityPub allows."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}


def _oracle(document: dict[str, Any], contexts: dict[str, Any]) -> list[str]:
    def loader(url: str, _options: Any) -> dict[str, Any]:
        found = contexts.get(url, contexts[CARREFOUR_CONTEXT])
        return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": found}

    options = {"documentLoader": loader, "format": "application/n-quads", "base": f"{NO_BASE}/x/"}
    text: str = jsonld.to_rdf(document, options)
    return [line for line in text.split("\n") if line and NO_BASE not in line]


@pytest.mark.parametrize(("name", "least"), [("good", 205), ("variants", 310), ("fixtures", 25)])
def test_an_independent_processor_reads_the_same(
    shared: Path, contexts: dict[str, Any], expander: Expander, name: str, least: int
) -> None:
    """PyLD over the whole contexts and our reduced ones in the child come to the same statements."""
    bundle = Bundle(contexts)
    compared = 0
    for path, given in _corpus(shared, name).items():
        document = _with_id(given)
        if _has_nested_context(document):
            continue
        try:
            ours = own_statements(expander.quads(document), _subject(document))
        except Refused:
            continue
        theirs = own_statements(_oracle(_as_we_read_it(document, bundle), contexts), _subject(document))
        assert ours == theirs, path
        compared += 1
    assert compared >= least


def _has_nested_context(value: Any, top: bool = True) -> bool:
    if isinstance(value, list):
        return any(_has_nested_context(item, False) for item in value)
    if not isinstance(value, dict):
        return False
    return (not top and "@context" in value) or any(
        _has_nested_context(item, False) for key, item in value.items() if key != "@context"
    )
