"""What the reading side needs of the vocabulary, in the tables it looks things up in. Built once per start.

Must never read a file: federation.vocabulary is the only reader of vocab/ and shapes/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.catalogue.values import BASE
from federation.model import Text
from federation.vocabulary import Concept, Field, Licence, Scheme, Vocabulary

SCHEMES = ("theme", "public", "method", "status", "need", "spread", "marker")
"""Schemes whose pages we serve, by the segment of their IRI."""

DOMAINS = "theme"
"""The scheme whose broader concepts are the domains."""


@dataclass(frozen=True, slots=True)
class Words:
    """Concepts and schemes by IRI, fields of a project by property IRI, licences by IRI, context and prefixes.

    ``reach`` gives for each concept IRI its code with those of all broader ones, and all their labels in French and
    English, as the index wants them. ``nested`` are the fields of nodes inside a project, by property IRI. ``groups``
    are the sections of a page, with their labels, in order.
    """

    concepts: Mapping[str, Concept]
    schemes: Mapping[str, Scheme]
    fields: Mapping[str, Field]
    nested: Mapping[str, Field]
    groups: tuple[tuple[str, Text], ...]
    licences: Mapping[str, Licence]
    context: Mapping[str, Any]
    prefixes: Mapping[str, str]
    reach: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Words:
        """Index the vocabulary. The first field of a property names it; ``startYear`` stands for every start date."""
        outer: dict[str, Field] = {}
        nested: dict[str, Field] = {}
        for key, one in vocabulary.fields.items():
            if one.owner != "record":
                (nested if "." in key else outer).setdefault(one.property, one)
        concepts = vocabulary.concepts
        return cls(
            concepts=concepts,
            schemes=vocabulary.schemes,
            fields=outer,
            nested=nested,
            groups=vocabulary.groups,
            licences=vocabulary.licences,
            context=vocabulary.context,
            prefixes=vocabulary.prefixes,
            reach={f"<{iri}>": _reach(iri, concepts) for iri in concepts},
        )

    def concept(self, scheme: str, code: str) -> Concept | None:
        """The concept ``code`` of one of our schemes (``theme``, ``public``, …)."""
        return self.concepts.get(f"{BASE}{scheme}/{code}")

    def in_scheme(self, scheme: str) -> list[Concept]:
        """All concepts of a scheme."""
        found = self.schemes.get(f"{BASE}{scheme}/")
        return [self.concepts[iri] for iri in found.concepts if iri in self.concepts] if found else []

    def domains(self) -> list[Concept]:
        """The themes that have narrower ones: the eight domains."""
        return [one for one in self.in_scheme(DOMAINS) if one.narrower]

    def themes(self) -> list[Concept]:
        """The themes proper: those without narrower ones."""
        return [one for one in self.in_scheme(DOMAINS) if not one.narrower]


def _reach(iri: str, concepts: Mapping[str, Concept]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    codes: dict[str, None] = {}
    labels: dict[str, None] = {}
    waiting = [iri]
    seen: set[str] = set()
    while waiting:
        one = concepts.get(waiting.pop(0))
        if one is None or one.iri in seen:
            continue
        seen.add(one.iri)
        codes[one.code] = None
        labels.update(dict.fromkeys([*one.labels.values(), *(one.alt if one.iri == iri else ())]))
        waiting.extend(one.broader)
    return tuple(codes), tuple(labels)
