"""The three tiers of completeness as documents: what ``dcterms:conformsTo`` of a record points to.

Pure: fixed descriptions in, triples out. What a tier asks for is decided by the severities in shapes/, never here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from federation.catalogue.formats import Content
from federation.catalogue.values import BASE, DCTERMS, RDF, RDFS
from federation.model import Text, Tier, Triple

_SHAPES = BASE + "shapes/"


@dataclass(frozen=True, slots=True)
class TierText:
    """A tier for people: its name, and what a record of it has."""

    label: Text
    comment: Text
    before: Tier | None


TIERS = {
    Tier.ESSENTIAL: TierText(
        {"fr": "Fiche essentielle", "en": "Essential record"},
        {
            "fr": "La fiche respecte toutes les règles obligatoires des formes : elle entre dans le commun.",
            "en": "The record meets every mandatory rule of the shapes (sh:Violation): it enters the commons.",
        },
        None,
    ),
    Tier.BASIC: TierText(
        {"fr": "Fiche de base", "en": "Basic record"},
        {
            "fr": "La fiche est essentielle, et remplit aussi tout ce qui est attendu d'une fiche "
            "(aucun avertissement : sh:Warning).",
            "en": "The record is essential, and also fills in all that is expected of a record "
            "(no warning: sh:Warning).",
        },
        Tier.ESSENTIAL,
    ),
    Tier.FULL: TierText(
        {"fr": "Fiche complète", "en": "Full record"},
        {
            "fr": "La fiche est de base, et remplit aussi tout ce qui est conseillé (aucune remarque : sh:Info).",
            "en": "The record is basic, and also fills in all that is recommended (no remark: sh:Info).",
        },
        Tier.BASIC,
    ),
}


def tier_content(tier: Tier) -> Content:
    """The document of one tier: a dcterms:Standard, which names the tier that it builds on and its shapes."""
    known = TIERS[tier]
    node = f"<{_SHAPES}{tier.value}>"
    triples: list[Triple] = [(node, f"<{RDF}type>", f"<{DCTERMS}Standard>")]
    triples += [(node, f"<{RDFS}label>", _literal(text, tag)) for tag, text in known.label.items()]
    triples += [(node, f"<{RDFS}comment>", _literal(text, tag)) for tag, text in known.comment.items()]
    triples += [(node, f"<{RDFS}seeAlso>", f"<{_SHAPES}{name}>") for name in ("project", "record")]
    if known.before is not None:
        triples.append((node, f"<{DCTERMS}requires>", f"<{_SHAPES}{known.before.value}>"))
    return Content(node[1:-1], tuple(triples))


def _literal(text: str, tag: str) -> str:
    return f"{json.dumps(text, ensure_ascii=False)}@{tag}"
