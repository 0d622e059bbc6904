"""Rows of an RSS (0.9x, 1.0, 2.0) or Atom feed, with the names that feedparser gives: ``id``, ``link``, ``title``…

Must never clean a text, which is the mapping's work, and never give an address to feedparser, which would fetch it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from time import struct_time
from typing import Any

import feedparser
from lxml import etree

from federation.model import Finding, RawRecord
from federation.pipeline.readers.json_reader import row_problem
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, empty_body, too_many
from federation.pipeline.readers.text import broken_characters
from federation.pipeline.readers.xml_safe import name_of, parse_xml

_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_LEFT_OUT = ("_parsed", "_detail")
"""Ends of feedparser's own keys: its reading of dates, and a second copy of each text with its media type."""

_KEPT = frozenset({"author_detail", "publisher_detail"})
_DEPTH = 20


def read_feed(body: bytes, options: ReadOptions) -> Reading:
    """Read the entries of a feed: ``id``, ``link``, ``title``, ``summary``, ``content[0].value``, ``tags[].term``…

    Dates stay as they are written (``published``, ``updated``). An ``at:deleted-entry`` (RFC 6721) is a withdrawal.
    Raises UnreadableFeed: a web page, not a feed, cut or not well-formed, entities (faults 6 and 14).
    """
    if not body.strip():
        # no generator of feeds answers with nothing: an empty feed still has its frame
        empty_body(proved=False)
    root = parse_xml(body, options, "RSS")
    parsed = _parsed(body, options)
    findings = broken_characters(etree.tostring(root, encoding="unicode"))
    entries = [_plain(entry, 0) for entry in parsed.entries]
    deleted = list(root.iter(f"{{{_TOMBSTONES}}}deleted-entry"))
    if len(entries) + len(deleted) > options.max_records:
        raise too_many(options.max_records)
    if not entries and not deleted and _seems_to_hold(root):
        raise _unread()
    return Reading("feed", _rows(entries, deleted, options), findings)


def _parsed(body: bytes, options: ReadOptions) -> Any:
    """Let feedparser read bytes. Raises UnreadableFeed for what it calls ill-formed, or does not know as a feed."""
    parsed = feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-location": options.base_url, "content-type": "application/xml"},
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    problem = parsed.get("bozo_exception")
    if parsed.bozo and not isinstance(problem, feedparser.CharacterEncodingOverride):
        raise UnreadableFeed(
            "feed-broken",
            f"Le flux est mal formé ({problem}). Rien n'en a été repris, pas même les articles entiers : corrigez "
            "l'export.",
            f"The feed is not well-formed ({problem}). Nothing was taken from it, not even whole entries: correct the "
            "export.",
        )
    if not parsed.version:
        raise UnreadableFeed(
            "not-a-feed",
            "Ce document XML n'est ni du RSS ni de l'Atom. Vérifiez l'adresse : celle d'un flux finit souvent par "
            "/feed ou /rss.",
            "This XML document is neither RSS nor Atom. Check the address: that of a feed often ends with /feed or "
            "/rss.",
        )
    return parsed


def _rows(
    entries: list[dict[str, Any]], deleted: list[etree._Element], options: ReadOptions
) -> Iterator[RawRecord | Finding]:
    for number, row in enumerate(entries, 1):
        where = str(row.get("link") or row.get("id") or f"élément {number}")[:200]
        problem = row_problem(row, where, options.max_record_bytes)
        yield RawRecord(where, row) if problem is None else problem
    for element in deleted:
        name = str(element.get("ref") or "")
        if name:
            yield RawRecord(name[:200], {"id": name, "deleted": str(element.get("when") or "")}, deleted=True)


def _plain(value: Any, depth: int) -> Any:
    """Turn feedparser's dicts and tuples into plain ones."""
    if depth > _DEPTH:
        return None
    if isinstance(value, Mapping):
        return {
            str(key): _plain(dict.__getitem__(value, key) if isinstance(value, dict) else value[key], depth + 1)
            for key in value
            if (key in _KEPT or not key.endswith(_LEFT_OUT)) and not isinstance(value[key], struct_time)
        }
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _seems_to_hold(root: etree._Element) -> bool:
    return any(name_of(element)[1] in ("item", "entry") for element in root.iter())


def _unread() -> UnreadableFeed:
    return UnreadableFeed(
        "feed-unread",
        "Le flux contient des articles, mais à un endroit où ni RSS ni Atom ne les mettent : aucun n'a pu être lu.",
        "The feed holds entries, but in a place where neither RSS nor Atom puts them: none could be read.",
    )
