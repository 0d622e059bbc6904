"""Tells a web page from an XML document by what it begins with, for all readers. Must never parse a body.

Maintenance pages, logins and errors of a server come as any piece of HTML, with or without what a page should have.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_REACH = 64 * 1024
"""Bytes in which the first element stands; comments before it (licences, build notes) can be long."""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ELEMENT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_DOCTYPE = re.compile(rb"<!doctype\s+([\w:.-]+)", re.IGNORECASE)
_ENDS = ((b"<?", b"?>"), (b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<!", b">"))
_OF_PAGES = frozenset(
    b"html head body meta title link script style noscript base div p span br hr h1 h2 h3 h4 h5 h6 table tbody tr td "
    b"ul ol li dl a b i em strong small font center img iframe form input button section article main header footer "
    b"nav aside pre code blockquote svg".split()
)
"""HTML elements that pieces of pages begin with; `feed`, `data` and the like are left to XML."""

_OF_XML = frozenset(b"rss feed RDF OAI-PMH urlset sitemapindex".split())


@dataclass(frozen=True, slots=True)
class _Opening:
    """What stands at the beginning: the first element's local name, and what was before it."""

    root: bytes
    declared: bool  # an XML declaration
    doctype: bytes  # in lower case
    begun: bool  # a comment, a processing instruction or a document type: no table and no JSON begins so


def markup_of(body: bytes) -> str | None:
    """Say whether a body is ``html`` or ``xml``; None if it begins like neither.

    Byte order marks, white space, comments and UTF-16 are seen through. In XML the root decides, not what texts say.
    """
    opening = _opening(body)
    root = opening.root.lower()
    if root == b"html" or (opening.doctype == b"html" and opening.root not in _OF_XML):
        return "html"
    if opening.declared or opening.doctype or opening.root in _OF_XML:
        return "xml"
    if root in _OF_PAGES or (opening.begun and not root):
        return "html"
    return "xml" if opening.begun else None


def root_of(body: bytes) -> str:
    """Local name of the first element; empty if there is none."""
    return _opening(body).root.decode("ascii")


def _opening(body: bytes) -> _Opening:
    head = body[:_REACH]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    head = head.replace(b"\x00", b"")  # UTF-16 as ASCII, which all that is looked for here is
    declared, doctype, begun = False, b"", False
    at = _after_space(head, 0)
    while (ends := next((end for start, end in _ENDS if head.startswith(start, at)), None)) is not None:
        begun = True
        declared = declared or head[at : at + 5].lower() == b"<?xml"
        if named := _DOCTYPE.match(head, at):
            doctype = named[1].lower()
            subset = head.find(b"[", at, max(head.find(b">", at), at))
            ends = b"]" if subset >= 0 else ends
        found = head.find(ends, at)
        at = len(head) if found < 0 else _after_space(head, found + len(ends))
        if head.startswith(b">", at):  # of a document type with declarations of its own
            at = _after_space(head, at + 1)
    first = _ELEMENT.match(head, at)
    return _Opening(first[1] if first else b"", declared, doctype, begun)


def _after_space(head: bytes, at: int) -> int:
    return len(head) - len(head[at:].lstrip()) if at < len(head) else len(head)
