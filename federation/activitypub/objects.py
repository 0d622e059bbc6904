"""One record as an ActivityPub Page, and the Tombstone that takes its place (design, section 3).

Pure: a record's public graph in, a plain dict out. Must never see more than that graph, nor give out unsafe HTML.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import nh3

from federation.activitypub.actors import AS2, Document
from federation.activitypub.audience import of_record
from federation.activitypub.names import Names
from federation.activitypub.times import moment
from federation.catalogue.records import Node, Nodes, place_of, web_address
from federation.catalogue.values import (
    CRF,
    DCTERMS,
    FOAF,
    RDF,
    SCHEMA,
    bare,
    by_subject,
    first_text,
    one_iri,
    one_literal,
)
from federation.catalogue.words import Words
from federation.model import Reason, Triple, partner_of, to_lines

PAGE = "Page"
CONTEXT_PATH = "/ns/carrefour/v1"
CONTEXT_FILE = "vocab/activitypub/carrefour-v1.jsonld"
TERMS: Mapping[str, Any] = {"Hashtag": "as:Hashtag", "rdfType": {"@id": f"{RDF}type", "@type": "@id"}}
TYPES = (SCHEMA + "Project", CRF + "Project")

_TITLE = 300  # characters; Mastodon, Lemmy (200 and more is cut there) show titles on a line
_SUMMARY = 500
_CONTENT = 20_000  # with the rest well under the 256 KiB that careful servers take
_TAGS = frozenset({"p", "br"})
_HASHTAGS = 12
_LATITUDE, _LONGITUDE = 90, 180
_WORDS = re.compile(r"[^\W_]+")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_CONTROL = {"Cc", "Cf", "Cs"}
_KEPT = {"\n", "\u200d", "\u200c"}  # joiners of scripts and emoji

Prove = Callable[[Document], Document]
"""Returns a document that has its ``@context`` with our proof in it: see proofs.create."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What we know of a record beside its graph: its project, when we first saw it, when it last changed."""

    pid: str
    published: datetime
    updated: datetime


def context(names: Names) -> list[Any]:
    """The ``@context`` of objects and of activities that embed one. AS2 first; no term of AS2 is redefined."""
    return [AS2, "https://w3id.org/security/data-integrity/v1", names.origin + CONTEXT_PATH, dict(TERMS)]


def record_data(triples: Iterable[Triple]) -> bytes:
    """The public record as ``recordData`` gives it: sorted N-Triples lines, nothing else."""
    return to_lines(triples).encode()


def record_digest(data: bytes) -> str:
    """``sha-256:`` and the plain SHA-256 of these bytes in lower-case hexadecimal."""
    return f"sha-256:{hashlib.sha256(data).hexdigest()}"


def project_object(names: Names, record: str, triples: Iterable[Triple], facts: Facts, words: Words) -> Document:
    """A record as a Page, to be embedded in an activity: without ``@context`` and proof.

    ``triples`` are the named graph of the record. Raises ValueError for a record that is not of this instance.
    """
    object_id = names.object(record)
    if object_id is None:
        raise ValueError(record)
    graph = tuple(triples)
    nodes = by_subject(graph)
    own = nodes.get(record, {})
    project = nodes.get(one_iri(own, FOAF + "primaryTopic") or f"{record}#project", {})
    partner = names.partner(partner_of(record, names.origin))
    titles = {tag: _line(text, _TITLE) for tag, text in first_text(project, SCHEMA + "name").items()}
    language = "fr" if "fr" in titles or not titles else min(titles)
    title = titles.get(language, "")
    page = names.page(facts.pid)
    made: dict[str, Any] = {
        "id": object_id,
        "type": PAGE,
        "rdfType": list(TYPES),
        "attributedTo": partner,
        "audience": names.commons,
        "context": names.context(facts.pid),
        **of_record(names.commons, partner).members(),
        "name": title,
        "nameMap": dict(sorted(titles.items())),
        "summary": _summary(project, language),
        "content": _content(project, language),
        "mediaType": "text/html",
        "url": page,
        "published": moment(facts.published),
        "updated": moment(facts.updated),
        "image": _image(project, nodes, title),
        "attachment": [{"type": "Link", "href": page, "mediaType": "text/html"}],
        "location": _location(project, nodes),
        "tag": _hashtags(names, project, words, language),
        "license": web_address(one_iri(own, DCTERMS + "license")),
        "sourceRecord": web_address(one_iri(own, DCTERMS + "source")),
        "recordData": f"{record}.nt",
        "recordDigest": record_digest(record_data(graph)),
    }
    return {key: value for key, value in made.items() if value not in (None, "", [], {})}


def tombstone(object_id: str, deleted: datetime, reason: Reason | None) -> Document:
    """What is left of an object, to be embedded in an activity."""
    made = {"id": object_id, "type": "Tombstone", "formerType": PAGE, "deleted": moment(deleted)}
    return made if reason is None else {**made, "reason": reason.value}


def served(names: Names, embedded: Document, prove: Prove | None) -> Document:
    """An object or a tombstone alone: with its own ``@context`` and, if somebody can make one, its own proof."""
    alone = {"@context": context(names), **embedded}
    return alone if prove is None else prove(alone)


# -- texts ----------------------------------------------------------------------------------------------------------


def _summary(project: Node, language: str) -> str:
    """The short text, which must stand alone: some servers show title, summary and link only."""
    text = _said(project, language, DCTERMS + "abstract") or _said(project, language, SCHEMA + "description")
    return _safe(escape(_line(text, _SUMMARY), quote=False))


def _content(project: Node, language: str) -> str:
    """The description in paragraphs of HTML; the short text where there is none."""
    text = _said(project, language, SCHEMA + "description") or _said(project, language, DCTERMS + "abstract")
    paragraphs = [_plain(part) for part in _PARAGRAPHS.split(_cut(text, _CONTENT))]
    written = "".join(f"<p>{escape(part, quote=False)}</p>".replace("\n", "<br>") for part in paragraphs if part)
    return _safe(written)


def _said(node: Node, language: str, name: str) -> str:
    """A text in a language, else in any."""
    texts = first_text(node, name)
    return texts.get(language) or next((texts[tag] for tag in sorted(texts)), "")


def _safe(html: str) -> str:
    """The last guard: only the few tags that we write ourselves can leave, whatever came in."""
    return nh3.clean(html, tags=set(_TAGS), attributes={}, strip_comments=True)


def _plain(text: str) -> str:
    """Text without control characters, and without marks that turn the direction of what follows."""
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _CONTROL).strip()


def _line(text: str, most: int) -> str:
    return _cut(" ".join(_plain(text).split()), most)


def _cut(text: str, most: int) -> str:
    """At most so many characters, cut between two words."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:.") + "…"


# -- what goes with it ------------------------------------------------------------------------------------------


def _image(project: Node, nodes: Nodes, title: str) -> Document | None:
    """The first picture, with a text for those who cannot see it, and its credit."""
    for term in sorted(project.get(SCHEMA + "image", ())):
        node = nodes.get(bare(term), {}) if term.startswith("<") else {}
        address = web_address(one_iri(node, SCHEMA + "contentUrl"))
        if address is not None:
            named = next(iter(first_text(node, SCHEMA + "name").values()), title)
            credit = one_literal(node, SCHEMA + "creditText")
            return {"type": "Image", "url": address, "name": _line(" – ".join(filter(None, (named, credit))), _SUMMARY)}
    return None


def _location(project: Node, nodes: Nodes) -> Document | None:
    """The first place that says something; all of them are in the record's data."""
    for term in sorted(project.get(SCHEMA + "location", ())):
        if term.startswith("<"):
            place = _place(bare(term), nodes)
            if len(place) > 1:
                return place
    return None


def _place(iri: str, nodes: Nodes) -> dict[str, Any]:
    place: dict[str, Any] = {"type": "Place"}
    if name := _line(place_of(nodes, iri), _TITLE):
        place["name"] = name
    node = nodes.get(iri, {})
    latitude = _degrees(one_literal(node, SCHEMA + "latitude"), _LATITUDE)
    longitude = _degrees(one_literal(node, SCHEMA + "longitude"), _LONGITUDE)
    if latitude is not None and longitude is not None:
        place |= {"latitude": latitude, "longitude": longitude}
    return place


def _degrees(text: str | None, most: int) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) <= most else None


def _hashtags(names: Names, project: Node, words: Words, language: str) -> list[Document]:
    """The themes of ours as hashtags, linked to their pages here."""
    tags: dict[str, Document] = {}
    for term in sorted(project.get(DCTERMS + "subject", ())):
        concept = words.concepts.get(bare(term))
        if concept is None:
            continue
        found = _WORDS.findall(concept.labels.get(language) or concept.labels.get("fr", ""))
        name = "".join(word[:1].upper() + word[1:] for word in found) if len(found) > 1 else "".join(found).lower()
        if name:
            tags[name] = {"type": "Hashtag", "name": f"#{name}", "href": f"{names.origin}/theme/{concept.code}"}
    return list(tags.values())[:_HASHTAGS]
