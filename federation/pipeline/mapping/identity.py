"""Names for records: the key rule and the IRIs built on it. Must never use a row number, a name or chance.

Source: harvesting design, section 6; vocabulary design, section 1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import orjson

from federation.vocabulary.composing import composed

_PLAIN = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_EXTENSIONS = (
    ".jsonld",
    ".json",
    ".ttl",
    ".nt",
    ".nq",
    ".trig",
    ".rdf",
    ".xml",
    ".geojson",
    ".html",
    ".htm",
    ".csv",
    ".txt",
)
_IRI = re.compile(r"https?://([^/?#]*)(.*)$", re.IGNORECASE | re.DOTALL)


def normal_id(text: str) -> str:
    """Bring a partner's id to one form: trimmed, NFC, case kept; an IRI without scheme, final slash and host case."""
    text = composed(text.strip())
    if match := _IRI.match(text):
        return match[1].lower() + match[2].rstrip("/")
    return text


def record_key(identifier: str) -> str:
    """Give the last part of the record's IRI for a normal id: the id if it is safe there, else ``h-`` and a hash."""
    if (
        _PLAIN.fullmatch(identifier)
        and not identifier.startswith("h-")
        and identifier.strip(".")
        and not identifier.lower().endswith(_EXTENSIONS)
    ):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).digest()
    return "h-" + base64.b32encode(digest).decode("ascii").lower()[:26]


def node_hash(lines: list[str]) -> str:
    """Eight hexadecimal characters that stand for the content of an inner node (its predicate-object lines, sorted)."""
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8")).hexdigest()[:8]


def canonical(value: Any) -> bytes:
    """Canonical JSON of a plain value: the same value gives the same bytes, whatever the order of its keys."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # lone surrogates, integers of more than 64 bits, values of a foreign type
        text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
        return text.encode("utf-8")
