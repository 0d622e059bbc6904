"""Guesses the format of a bare file for preview and check. Must never overrule a source file, which says its format."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath
from typing import Any

import orjson

from federation.pipeline.readers.markup import root_of
from federation.pipeline.readers.reading import ReadOptions, UnreadableFeed
from federation.pipeline.readers.text import decode, kind_of

_BY_SUFFIX = {
    ".jsonld": "json-ld",
    ".geojson": "geojson",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
}
_BY_TYPE = {
    "application/ld+json": "json-ld",
    "application/activity+json": "activitypub",
    "application/geo+json": "geojson",
    "application/json": "json",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_FEATURES = ("FeatureCollection", "Feature")
_OF_JSON = frozenset({"json", "json-ld", "geojson", "activitypub"})
_ROOTS = {
    "rss": "feed",
    "feed": "feed",
    "RDF": "feed",
    "OAI-PMH": "oai-pmh",
    "urlset": "html",
    "sitemapindex": "html",
}
"""Root elements of XML; a sitemap is the way to pages."""

_STRUCTURED = re.compile(rb"application/ld\+json|\sitemscope[\s=>]", re.IGNORECASE)
_AS2 = b"www.w3.org/ns/activitystreams"


def detect(body: bytes, content_type: str | None, name: str) -> str | None:
    """Name the format of a body by its bytes, then its name, then its content type; None if no reader takes it.

    A page is taken only if it has schema.org (JSON-LD or microdata): else ``[select]`` is needed, and nothing tells so.
    """
    kind = kind_of(body)
    if kind == "zip":
        return "xlsx" if _is_workbook(body) else None
    if kind in ("ole", "gzip", "pdf"):
        return None
    if kind == "xml":
        return _ROOTS.get(root_of(body))
    if kind == "html":
        return "html" if _STRUCTURED.search(body) else None
    claimed = _BY_SUFFIX.get(PurePosixPath(name.split("?")[0].lower()).suffix) or _BY_TYPE.get(
        (content_type or "").split(";")[0].strip().lower()
    )
    if kind == "json" or claimed in _OF_JSON:
        return _json_flavour(body) or claimed or "json"
    return claimed or ("csv" if _is_table(body) else None)


def _is_workbook(body: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return True  # a damaged one: the reader says what is wrong with it


def _json_flavour(body: bytes) -> str | None:
    try:
        document: Any = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return _by_words(body[:2000])
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return "json"
    if "@context" in first or "@graph" in first or "@id" in first:
        is_activity = isinstance(document, dict) and "type" in first and _AS2 in orjson.dumps(first.get("@context"))
        return "activitypub" if is_activity else "json-ld"
    return "geojson" if first.get("type") in _FEATURES and ("features" in first or "geometry" in first) else "json"


def _by_words(head: bytes) -> str | None:
    """Judge a document that is cut or broken by the words it begins with."""
    if _AS2 in head:
        return "activitypub"
    if b'"@context"' in head or b'"@graph"' in head:
        return "json-ld"
    return "geojson" if b'"FeatureCollection"' in head else None


def _is_table(body: bytes) -> bool:
    try:
        head = decode(body[:4096].rsplit(b"\n", 1)[0], ReadOptions("csv")).text.split("\n", 1)[0]
    except UnreadableFeed:
        return False
    return any(head.count(separator) for separator in ",;\t|") and "\x00" not in head
