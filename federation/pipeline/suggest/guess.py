"""What a feed is: its format, the profile that fits, where its list lies, and how the list goes on.

Reads the body and the headers of the answer only. Must never fetch what they point at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import orjson

from federation.pipeline.readers import detect
from federation.pipeline.readers.markup import markup_of
from federation.pipeline.suggest.columns import path_of

_CARREFOUR = b"w3id.org/carrefour/context/"
_REACH = 200_000
_LINK = re.compile(r"<([^>]*)>\s*;([^,<]*)")
_TAG = re.compile(rb"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z]+)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_API = "https://api.w.org/"
_FEEDS = ("application/rss+xml", "application/atom+xml")
_ACTIVITY = "application/activity+json"
_NEXT = re.compile(r"^(@odata\.nextlink|next|next_?page_?url|next_?url|next_?link|suivant)$", re.IGNORECASE)
_TOTAL = re.compile(
    r"^(total|total_?count|total_?items|nhits|count|nb_?total|total_?results|number_?matched)$", re.IGNORECASE
)
_OFFSETS = ("offset", "start", "skip", "from")
_PAGES = ("page", "p", "paged", "pagenumber", "page_number")
_TOTAL_HEADERS = ("x-total-count", "x-total", "x-wp-total")


@dataclass(frozen=True, slots=True)
class Guess:
    """``url``: the address to harvest, which may be another one than was given. ``paging``: entries of the table."""

    url: str
    format: str
    profile: str | None = None
    at: str | None = None
    paging: Mapping[str, str | bool | int] = field(default_factory=dict)
    total: int | None = None
    elsewhere: bool = False


def guess(body: bytes, url: str, content_type: str | None, headers: Mapping[str, str]) -> Guess | None:
    """Say what the answer is; None if no reader takes it and it points at nothing that one would take.

    A page that announces a WordPress interface or a feed gives a guess with their address, and ``elsewhere``.
    """
    given = {name.lower(): value for name, value in headers.items()}
    found = detect(body, content_type, url)
    document = _document(body) if found in ("json", "json-ld", "geojson") else None
    if found in (None, "html"):
        other = _elsewhere(body, url, given)
        if other is not None:
            return other
    if found is None:
        return Guess(url, "html") if markup_of(body) == "html" else None
    profile = _profile(found, body, url, document)
    at = None if profile in ("yeswiki", "gogocarto", "wordpress") else _list_in(document) if found == "json" else None
    if profile is not None and profile != "geojson" and found != "json":
        return Guess(url, found, profile, at)
    rows = _at(document, at)
    paging, total = _paging(document, len(rows), url, given) if profile != "wordpress" else ({}, None)
    return Guess(url, found, profile, at, paging, total)


def _document(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None


def _profile(found: str, body: bytes, url: str, document: Any) -> str | None:
    fixed = {"feed": "feed", "oai-pmh": "oai_dc", "activitypub": "activitypub", "html": "schema.org"}
    if found in fixed:
        return fixed[found]
    if found == "json-ld":
        return "carrefour" if _CARREFOUR in body[:_REACH] else "schema.org"
    if found != "json":
        return None
    return _json_profile(url, document)


def _json_profile(url: str, document: Any) -> str | None:
    first = _first(document)
    title = first.get("title")
    if isinstance(title, dict) and "rendered" in title and "link" in first:
        return "wordpress"
    if "id_fiche" in first or "bf_titre" in first:
        return "yeswiki"
    inner = _first(document.get("data")) if isinstance(document, dict) else {}
    if isinstance(inner.get("geo"), dict) and "latitude" in inner["geo"]:
        return "gogocarto"
    return "wordpress" if "/wp-json/wp/" in url and isinstance(document, list) else None


def _first(document: Any) -> dict[str, Any]:
    """The first object of a list, or of an object of objects; an empty one if there is none."""
    if isinstance(document, dict) and document and all(isinstance(value, dict) for value in document.values()):
        document = list(document.values())
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return document[0]
    return {}


def _list_in(document: Any) -> str | None:
    """The path of the longest list of objects inside a document, at most three levels deep."""
    if not isinstance(document, dict):
        return None
    best: tuple[int, tuple[str, ...]] = (0, ())
    for parts, value in _walk(document, ()):
        if isinstance(value, list) and value and isinstance(value[0], dict) and len(value) > best[0]:
            best = (len(value), parts)
    return path_of(best[1]) if best[0] else None


def _walk(value: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, inner in list(value.items())[:100]:
        if isinstance(key, str) and key:
            yield (*above, key), inner
            if isinstance(inner, dict) and len(above) < 2:
                yield from _walk(inner, (*above, key))


def _at(document: Any, at: str | None) -> list[Any]:
    if isinstance(document, list):
        return document
    if at is None or not isinstance(document, dict):
        return []
    for parts, value in _walk(document, ()):
        if isinstance(value, list) and path_of(parts) == at:
            return value
    return []


def _paging(
    document: Any, rows: int, url: str, headers: Mapping[str, str]
) -> tuple[dict[str, str | bool | int], int | None]:
    """Guess the entries of ``[paging]`` and the announced total: a next address, else a parameter that counts."""
    paging: dict[str, str | bool | int] = {}
    total: int | None = None
    plain = [(parts, value) for parts, value in _walk(document, ())] if isinstance(document, dict) else []
    for parts, value in plain:
        if total is None and _TOTAL.match(parts[-1]) and type(value) is int and value >= max(rows, 1):
            paging["total"], total = path_of(parts), value
    named = next((name for name in _TOTAL_HEADERS if headers.get(name, "").isdigit()), None)
    if total is None and named is not None:
        paging["total_header"], total = named, int(headers[named])
    way = _way(plain, rows, url, headers, total)
    return ({**way, **paging}, total) if way else ({}, total)


def _way(
    plain: list[tuple[tuple[str, ...], Any]], rows: int, url: str, headers: Mapping[str, str], total: int | None
) -> dict[str, str | bool | int]:
    if any(_relation(rel) == "next" for _, rel in _LINK.findall(headers.get("link", ""))):
        return {"link": True}
    for parts, value in plain:
        if _NEXT.match(parts[-1]) and (inner := _next_address(value)) is not None:
            return {"next": path_of((*parts, *inner))}
    if total is not None and total > rows:
        asked = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        known = {*asked, *(parts[-1].lower() for parts, _ in plain)}
        for name in _OFFSETS:
            if name in known:
                return {"offset": name}
        for name in _PAGES:
            if name in known:
                return {"page": name, "first": 0 if asked.get(name) == "0" else 1}
    return {}


def _next_address(value: Any) -> tuple[str, ...] | None:
    """Where, below a key called next, an address stands: at the key itself, or under ``href``; None if nowhere."""
    if isinstance(value, dict):
        return ("href",) if isinstance(value.get("href"), str) else None
    is_address = isinstance(value, str) and (not value or value.startswith(("http", "/", "?")))
    return () if value is None or is_address else None


def _relation(parameters: str) -> str:
    found = re.search(r"""rel\s*=\s*"?([^";]+)"?""", parameters)
    return found[1].strip().lower() if found else ""


def _elsewhere(body: bytes, url: str, headers: Mapping[str, str]) -> Guess | None:
    """What a page announces: its WordPress interface, a feed, an ActivityPub document."""
    links = [(_relation(rel), "", target) for target, rel in _LINK.findall(headers.get("link", ""))]
    links += list(_link_tags(body))
    structured = detect(body, None, "") == "html"
    for rel, _, target in links:
        if rel == _API and not structured:
            return Guess(urljoin(urljoin(url, target), "wp/v2/posts"), "json", "wordpress", elsewhere=True)
    if structured:
        return None
    for rel, kind, target in links:
        if "alternate" in rel and kind in _FEEDS and "comment" not in target:
            return Guess(urljoin(url, target), "feed", "feed", elsewhere=True)
    for rel, kind, target in links:
        if "alternate" in rel and kind == _ACTIVITY:
            return Guess(urljoin(url, target), "activitypub", "activitypub", elsewhere=True)
    return None


def _link_tags(body: bytes) -> Iterator[tuple[str, str, str]]:
    for tag in _TAG.findall(body[:_REACH]):
        given = {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(tag.decode("utf-8", "replace"))}
        yield given.get("rel", "").lower(), given.get("type", "").lower(), given.get("href", "")
