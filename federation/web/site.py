"""What one web application holds: the platform and the tables derived from the vocabulary at start.

Request handlers reach it through :func:`site`. Must never keep anything of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

import pyoxigraph as ox
from flask import Flask, current_app, g

from federation.catalogue.formats import Content
from federation.catalogue.jsonld import Compactor
from federation.catalogue.records import Catalogue
from federation.catalogue.values import SKOS, by_subject, first_text
from federation.catalogue.words import Words
from federation.engines.search_text import Analysis
from federation.model import Triple
from federation.vocabulary import BASE
from federation.vocabulary.terms import OWL
from federation.web.contract import Platform

CONTEXT_URL = BASE + "context/v1.jsonld"
_KEY = "carrefour.site"


@dataclass
class Site:
    """The platform, and what is worked out once from its vocabulary."""

    platform: Platform

    @cached_property
    def words(self) -> Words:
        """Concepts, fields, licences as pages look them up."""
        return Words.of(self.platform.vocabulary)

    @cached_property
    def compactor(self) -> Compactor:
        """Writes JSON-LD with our context, named by its permanent address."""
        return Compactor(self.words.context, CONTEXT_URL)

    @cached_property
    def analysis(self) -> Analysis:
        """How a search box is read, as every index reads it."""
        return Analysis()

    @cached_property
    def versions(self) -> frozenset[str]:
        """IRIs of the ontology that its file stands for (owl:versionIRI)."""
        quads = ox.parse(input=self.platform.vocabulary.file("vocab/ontology.ttl"), format=ox.RdfFormat.TURTLE)
        return frozenset(str(quad.object)[1:-1] for quad in quads if quad.predicate.value == OWL + "versionIRI")

    @cached_property
    def thesauri(self) -> dict[str, tuple[Triple, ...]]:
        """Triples of every concept, licence and scheme, by IRI."""
        found: dict[str, list[Triple]] = {}
        for name in self.platform.vocabulary.file_names:
            if name.startswith("vocab/thesauri/") or name == "vocab/licences.ttl":
                for quad in ox.parse(input=self.platform.vocabulary.file(name), format=ox.RdfFormat.TURTLE):
                    triple = (str(quad.subject), str(quad.predicate), str(quad.object))
                    found.setdefault(str(quad.subject)[1:-1], []).append(triple)
        return {iri: tuple(triples) for iri, triples in found.items()}

    def concept_content(self, iri: str) -> Content | None:
        """What our thesauri say of a concept or a scheme."""
        triples = self.thesauri.get(iri)
        return Content(iri, triples) if triples else None

    def scheme_content(self, iri: str) -> Content | None:
        """A scheme with its top concepts, and all that we say of every concept in it; None if it is none."""
        known, own = self.words.schemes.get(iri), self.thesauri.get(iri)
        if known is None or own is None:
            return None
        top = [(f"<{iri}>", f"<{SKOS}hasTopConcept>", f"<{one}>") for one in known.top]
        members = [triple for one in known.concepts for triple in self.thesauri.get(one, ())]
        return Content(iri, (*own, *(one for one in top if one not in own), *members))

    def note(self, iri: str) -> dict[str, str]:
        """Scope note of a concept, by language; empty if it has none."""
        return first_text(by_subject(self.thesauri.get(iri, ())).get(iri, {}), SKOS + "scopeNote")

    @property
    def base(self) -> str:
        """The configured public address: every IRI is built on it, never on a Host header."""
        return self.platform.settings.base_url

    def now(self) -> datetime:
        """The clock (UTC)."""
        return datetime.now(UTC)


def install(app: Flask, site_: Site) -> None:
    """Attach the site to a Flask application."""
    app.extensions[_KEY] = site_


def site() -> Site:
    """The site of the current application."""
    return cast(Site, current_app.extensions[_KEY])


def catalogue() -> Catalogue:
    """The catalogue of the current request: one view of the store from its first read to its last."""
    if "catalogue" not in g:
        g.catalogue = Catalogue(site().platform.reader, site().words, site().base)
    return cast(Catalogue, g.catalogue)
