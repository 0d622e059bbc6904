"""Parses untrusted XML for the readers that need it. Must never resolve an entity, load a DTD or reach the network.

A document that declares entities is refused before it is parsed: no feed needs them, and every bomb does
(harvesting design, section 3, and fault 14 of section 11).
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from federation.pipeline import safe_xml
from federation.pipeline.readers.reading import ReadOptions, UnreadableFeed
from federation.pipeline.readers.text import kind_of, known_codec, not_what_was_promised

_PROLOG = 64 * 1024
"""Bytes in which a document type stands, if there is one; entities declared further on are found after parsing."""

_LOCATION = re.compile(r",? line \d+, column \d+.*$")

_BARE_SIGNS = ("xmlParseEntityRef", "EntityRef", "Entity '", "xmlParseCharRef")
"""How the parser begins to say that an ampersand begins no reference that it knows."""


def parse_xml(body: bytes, options: ReadOptions, expected: str) -> etree._Element:
    """Parse a body as XML 1.0; at most 256 levels deep, texts of at most 10 MB. ``expected`` names the format.

    Raises UnreadableFeed: something else than XML, cut, not well-formed (with line and column), entities.
    """
    kind = kind_of(body)
    if kind is not None and kind != "xml":
        raise not_what_was_promised(kind, expected)
    if b"<" not in body[:2048].replace(b"\x00", b""):
        raise not_xml(expected)
    if safe_xml.declares_entities(body[:_PROLOG]):
        raise _entities()
    parser = safe_xml.parser(known_codec(options.encoding) if options.encoding else None)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise _broken(error, expected) from error
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise not_xml(expected) from error
    doctype: Any = root.getroottree().docinfo.internalDTD
    if doctype is not None and next(iter(doctype.iterentities()), None) is not None:
        raise _entities()
    return root


def name_of(element: Any) -> tuple[str, str]:
    """Give (namespace, local name) of an element; two empty texts for what is none."""
    tag = element.tag
    if not isinstance(tag, str):
        return "", ""
    space, closed, local = tag.rpartition("}")
    return (space[1:], local) if closed else ("", tag)


def text_of(element: Any) -> str:
    """The text of an element and all inside it, with spaces at both ends removed."""
    return "".join(element.itertext()).strip()


def not_xml(expected: str) -> UnreadableFeed:
    """The body is no XML at all."""
    return UnreadableFeed(
        "not-xml",
        f"La réponse n'est pas un fichier {expected} : ce n'est pas du XML. Ouvrez l'adresse dans un navigateur, puis "
        "corrigez `url` ou `format`.",
        f"The answer is not {expected}: it is no XML. Open the address in a browser, then correct `url` or `format`.",
    )


def _broken(error: etree.XMLSyntaxError, expected: str) -> UnreadableFeed:
    line, column = error.position
    reason = _LOCATION.sub("", str(error.msg or "")) or "?"
    if reason.startswith(_BARE_SIGNS):
        return UnreadableFeed(
            "xml-broken",
            f"Le fichier {expected} est mal formé, ligne {line}, colonne {column} : un « & » y est écrit tel quel, ou "
            "un nom comme « &nbsp; » que XML ne connaît pas. Écrivez &amp; pour « & » et &#160; pour une espace "
            "insécable. Rien n'en a été repris, pas même les fiches entières : corrigez l'export.",
            f"The {expected} document is not well-formed, line {line}, column {column}: an & stands there as it is, "
            "or a name such as &nbsp; that XML does not know. Write &amp; for & and &#160; for a no-break space. "
            "Nothing was taken from it, not even whole records: correct the export.",
        )
    return UnreadableFeed(
        "xml-broken",
        f"Le fichier {expected} est coupé ou mal formé, ligne {line}, colonne {column} ({reason}). Rien n'en a été "
        "repris, pas même les fiches entières : corrigez l'export.",
        f"The {expected} document is cut or not well-formed, line {line}, column {column} ({reason}). Nothing was "
        "taken from it, not even whole records: correct the export.",
    )


def _entities() -> UnreadableFeed:
    return UnreadableFeed(
        "xml-entities",
        "Le document XML déclare des entités (<!ENTITY …>) : c'est refusé, car elles peuvent faire lire d'autres "
        "fichiers ou remplir la mémoire. Exportez sans DOCTYPE.",
        "The XML document declares entities (<!ENTITY …>): this is refused, as they can read other files or fill the "
        "memory. Export without a DOCTYPE.",
    )
