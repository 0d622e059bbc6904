"""Bytes of others in, one plain document out: the strict reading of JSON before anything is believed (intake, step 3).

It must never hand deep, double or unbounded input to a parser, nor repair what is wrong: it takes or refuses.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from federation.activitypub.refusal import Refused

MAX_BYTES = 1024 * 1024
MAX_JSONLD_BYTES = 256 * 1024
"""Bytes of a document that has to go through a JSON-LD processor."""
MAX_DEPTH = 32
MAX_CONTAINERS = 20_000
"""Objects and arrays in one document."""
MAX_QUOTES = 131_072
"""Quotation marks of any kind: more would make the scan of junk cost what a signature costs many times over."""
MAX_STRING = 128 * 1024
"""Characters of one text; fields have narrower limits of their own."""
MAX_KEY = 2048
MAX_NUMBER = 2**53 - 1
"""Beyond it a double, which JCS (RFC 8785) and other servers use, is not exact."""
MAX_NUMBER_LENGTH = 32

_BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
# possessive, and an open string runs to the end: one pass whatever comes
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9.eE+-]{%d}" % (MAX_NUMBER_LENGTH + 1))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_VALUE_OBJECT = frozenset({"@value", "@language", "@type", "@direction", "type"})
"""Members of a value object; ``type`` is the alias of AS2, which Fedify writes there."""


def parse_activity(body: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Read an activity: one string each as ``id``, ``type`` and ``actor``. Raises Refused (400, 413)."""
    activity = parse_document(body, limit)
    if not isinstance(activity["type"], str):
        raise Refused("json:type")
    if not _is_name(activity.get("actor")):
        raise Refused("json:actor")
    return activity


def parse_document(body: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Read any AS2 document: an object with ``id`` and ``type`` (one string, or several). Raises Refused (400, 413)."""
    document = parse(body, limit)
    if not isinstance(document, dict):
        raise Refused("json:top")
    if not _is_name(document.get("id")):
        raise Refused("json:id")
    kinds = document.get("type")
    if not _is_name(kinds) and not (isinstance(kinds, list) and kinds and all(_is_name(kind) for kind in kinds)):
        raise Refused("json:type")
    return document


def parse(body: bytes, limit: int = MAX_BYTES) -> Any:
    """Read JSON of any shape within all limits but those on members. Raises Refused (400; 413 if over ``limit`` bytes).

    Design of federation, section 5, step 3. Duplicate keys: every member has one colon outside strings, so that a
    parsed tree with fewer members than colons has lost some.
    """
    if len(body) > limit:
        raise Refused("json:size", 413)
    if body.startswith(_BOMS):
        raise Refused("json:bom")
    if body.count(b'"') > MAX_QUOTES:
        raise Refused("json:size")
    bare = _STRING.sub(b"", body)
    _check_structure(bare)
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("json:syntax") from None
    if _members(tree) != bare.count(b":"):
        raise Refused("json:duplicate-key")
    return tree


def depth_of(body: bytes) -> int:
    """Count how deep objects and arrays nest, on the bytes, without a parser. Brackets inside strings do not count."""
    return _depth(_STRING.sub(b"", body))


def _check_structure(bare: bytes) -> None:
    """Look at what is left without strings, before any parser does. Raises Refused."""
    if b"\0" in bare:
        raise Refused("json:encoding")  # UTF-16 or UTF-32 without a mark
    if bare.count(b"{") + bare.count(b"[") > MAX_CONTAINERS:
        raise Refused("json:size")
    if _depth(bare) > MAX_DEPTH:
        raise Refused("json:depth")
    if _LONG_NUMBER.search(bare) is not None:
        raise Refused("json:number")


def _depth(bare: bytes) -> int:
    depth = deepest = 0
    for bracket in bare.translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > deepest:
                deepest = depth
        else:
            depth -= 1
    return deepest


def _members(tree: Any) -> int:
    """Count the members of all objects, and check keys and values on the way. Raises Refused."""
    count = 0
    waiting: list[tuple[Any, bool]] = [(tree, False)]
    while waiting:
        node, in_context = waiting.pop()
        if isinstance(node, dict):
            count += len(node)
            if not in_context:
                _check_keywords(node)
            for key, value in node.items():
                _check_key(key)
                if isinstance(value, dict | list):
                    waiting.append((value, in_context or key == "@context"))
                else:
                    _check_scalar(value)
        elif isinstance(node, list):
            for value in node:
                if isinstance(value, dict | list):
                    waiting.append((value, in_context))
                else:
                    _check_scalar(value)
        else:
            _check_scalar(node)
    return count


def _check_keywords(node: dict[str, Any]) -> None:
    """Outside contexts only value objects and a bare ``{"@id": …}`` use JSON-LD keywords. Raises Refused."""
    keywords = {key for key in node if key[:1] == "@"}
    if not keywords or keywords == {"@context"}:
        return
    if "@value" in keywords and node.keys() <= _VALUE_OBJECT:
        if any(isinstance(value, dict | list) for value in node.values()):
            raise Refused("json:keyword")
    elif node.keys() != {"@id"} or not isinstance(node["@id"], str):
        raise Refused("json:keyword")


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY or "\0" in key:
        raise Refused("json:key")


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > MAX_STRING:
            raise Refused("json:string")
        if "\0" in value:
            raise Refused("json:nul")
    elif isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise Refused("json:number")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""
