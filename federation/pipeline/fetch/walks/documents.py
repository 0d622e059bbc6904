"""Looks into a page only as far as it takes to find the next one. Must never resolve, fetch or trust anything in it."""

from __future__ import annotations

import json
import re
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from lxml import etree

from federation.pipeline import safe_xml
from federation.pipeline.fetch.inflate import inflate
from federation.pipeline.fetch.received import Fetched

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^\s=;,]+\s*=\s*(?:\"[^\"]*\"|[^\s\";,]*))*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?![^\s;,]))", re.IGNORECASE)
_NOWHERE = object()


def parsed_json(body: bytes) -> Any:
    """Parse a body as JSON; None if it is none, or too deep. What is odd in it is the reader's to judge."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def dig(document: Any, path: str) -> Any:
    """Follow a key as it is, keys with dots between them, else JMESPath. None where it leads nowhere or is no path."""
    if isinstance(document, dict) and path in document:
        return document[path]
    value = document
    for step in path.split("."):
        value = value.get(step, _NOWHERE) if isinstance(value, dict) else _NOWHERE
    if value is not _NOWHERE:
        return value
    try:
        return jmespath.search(path, document)
    except (JMESPathError, RecursionError):
        return None


def items(document: Any, at: str | None) -> list[Any] | None:
    """The records of a JSON page: at ``at``, else the document itself or its ``@graph`` or ``features``. None: no list.

    ``null`` is an empty list, as the readers see it.
    """
    if at is not None:
        found = dig(document, at)
        return [] if found is None and isinstance(document, dict) else found if isinstance(found, list) else None
    if isinstance(document, dict):
        document = document.get("@graph", document.get("features"))
    return document if isinstance(document, list) else None


def entries(root: etree._Element | None) -> list[etree._Element] | None:
    """The entries of a feed in RSS (0.9x, 1.0, 2.0) or Atom, whatever its namespaces. None: no feed."""
    if root is None or local(root) not in ("rss", "RDF", "feed"):
        return None
    holders = [root, *children(root, "channel")]
    return [entry for holder in holders for name in ("item", "entry") for entry in children(holder, name)]


def number(value: Any) -> int | None:
    """Read a total: a whole number, or text that spells one."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,15}\s*", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def next_link(page: Fetched) -> str | None:
    """The address of ``rel=next`` in the Link header (RFC 8288)."""
    for target, parameters in _LINK.findall(page.headers.get("link", "")[:8192]):
        if _NEXT.search(parameters):
            return str(target)
    return None


def parsed_xml(body: bytes, limit: int, where: str) -> etree._Element | None:
    """Parse a body, gzipped or not, as XML: no entity, no DTD, no network, bounded depth. None if it is none.

    Raises FetchFailed, FetchRefused for compressed bytes that are cut, damaged, or larger than ``limit``.
    """
    if body[:2] == b"\x1f\x8b":
        body = b"".join(inflate(iter([body]), "gzip", limit, where))
    if safe_xml.declares_entities(body):
        return None
    try:
        return etree.fromstring(body, safe_xml.parser())
    except (etree.XMLSyntaxError, ValueError):
        return None


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """The child elements with a local name, whatever their namespace."""
    return [child for child in element if isinstance(child.tag, str) and local(child) == name]


def local(element: etree._Element) -> str:
    """Name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: etree._Element, name: str) -> str | None:
    """The text of the first child with a local name, without spaces around it; None if there is none."""
    for child in children(element, name):
        return (child.text or "").strip() or None
    return None
