"""A record that is not published, as a list of projects would show it. Must never read the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from federation.catalogue.records import locations, place_of, web_address
from federation.catalogue.values import DCTERMS, FOAF, PAIR, SCHEMA, by_subject, first_text, one_iri
from federation.model import from_lines


@dataclass(frozen=True, slots=True)
class PreviewCard:
    """A mapped record in a list: only what its public graph holds. ``page`` is the partner's."""

    iri: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    themes: tuple[str, ...]
    status: str | None
    places: tuple[str, ...]
    page: str | None
    licence: str | None
    tier: str


def preview_card(record: str, content: str, tier: str) -> PreviewCard:
    """Lay out the public graph of a record: its IRI, its canonical N-Triples lines, the tier that it reaches."""
    nodes = by_subject(from_lines(content))
    own = nodes.get(record, {})
    project = one_iri(own, FOAF + "primaryTopic") or ""
    topic = nodes.get(project, {})
    places = (place_of(nodes, term[1:-1]) for term in locations(topic))
    return PreviewCard(
        iri=record,
        title=first_text(topic, SCHEMA + "name"),
        summary=first_text(topic, DCTERMS + "abstract", SCHEMA + "description"),
        themes=tuple(term[1:-1] for term in topic.get(DCTERMS + "subject", ())),
        status=one_iri(topic, PAIR + "hasStatus"),
        places=tuple(dict.fromkeys(filter(None, places))),
        page=web_address(one_iri(own, DCTERMS + "source")),
        licence=one_iri(own, DCTERMS + "license"),
        tier=tier,
    )
