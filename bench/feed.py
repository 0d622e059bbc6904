"""A synthetic partner feed of realistic size: JSON-LD in Carrefour's own context, French texts of 600 characters.

Deterministic: record ``i`` is always the same, so runs compare. About 30 quads per record graph once mapped.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTEXT = "https://w3id.org/carrefour/context/v1.jsonld"
SITE = "http://127.0.0.1:8000"
RECORDS = f"{SITE}/records/reseau/"
THEMES = [
    "AGR",
    "AME",
    "BIO",
    "CIT",
    "CLI",
    "COH",
    "CUL",
    "DEC",
    "DRO",
    "EAU",
    "ECO",
    "EDU",
    "EMP",
    "ENE",
    "FOR",
    "HAB",
    "INS",
    "LOI",
    "MOB",
    "NUM",
    "SAN",
    "SER",
    "SPO",
    "TOU",
    "URB",
]
STATUSES = ["idea", "build", "pilot", "running", "spreading", "ended"]
AUDIENCES = ["ALL", "HAN", "JEU", "SEN", "ENF", "FAM", "DEM", "PRE", "RUR"]
TOWNS = [
    ("63100", "Clermont-Ferrand", "63113"),
    ("59100", "Roubaix", "59512"),
    ("72000", "Le Mans", "72181"),
    ("51100", "Reims", "51454"),
    ("33000", "Bordeaux", "33063"),
    ("35550", "Pipriac", "35219"),
    ("63300", "Thiers", "63430"),
    ("14460", "Colombelles", "14167"),
]
NOUNS = [
    "jardin",
    "garage",
    "épicerie",
    "atelier",
    "café",
    "crèche",
    "ressourcerie",
    "ferme",
    "cantine",
    "fabrique",
    "maison",
    "bibliothèque",
]
ADJECTIVES = [
    "solidaire",
    "partagé",
    "coopératif",
    "mobile",
    "numérique",
    "citoyen",
    "rural",
    "intergénérationnel",
    "éphémère",
    "ouvert",
]
SENTENCES = [
    "Une équipe d'habitants s'est réunie pour répondre à un besoin que personne ne couvrait sur le territoire.",
    "Le projet associe la commune, deux associations et une entreprise d'insertion du bassin de vie.",
    "Les personnes accueillies participent aux décisions et tiennent elles-mêmes les permanences du samedi.",
    "L'activité s'équilibre grâce aux adhésions, à la vente d'objets réparés et à une subvention dégressive.",
    "Chaque mois, un bilan est partagé avec les voisins ; il a conduit à déplacer l'accueil près du marché.",
    "La démarche a déjà été reprise par trois communes voisines, qui ont adapté les horaires à leurs écoles.",
    "Les premiers résultats sont là : douze emplois créés, quatre cents foyers concernés, moins de déchets.",
    "Reste une difficulté, trouver un local pérenne : le bail précaire actuel s'achève à l'été prochain.",
]


def record(i: int) -> dict[str, Any]:
    """Project ``i`` as a partner would publish it."""
    rng = random.Random(i)
    postcode, town, insee = TOWNS[i % len(TOWNS)]
    text = ""
    while len(text) < 590:
        text += rng.choice(SENTENCES) + " "
    name = f"{rng.choice(NOUNS).capitalize()} {rng.choice(ADJECTIVES)} de {town} n° {i}"
    return {
        "id": f"https://reseau.example/projets/{i}",
        "type": "Project",
        "identifier": str(i),
        "page": f"https://reseau.example/projets/{i}",
        "name": {"fr": name},
        "description": {"fr": text.strip()},
        "theme": rng.sample(THEMES, rng.randint(1, 3)),
        "status": rng.choice(STATUSES),
        "audience": rng.sample(AUDIENCES, rng.randint(0, 2)),
        "startYear": str(rng.randint(1995, 2025)),
        "keywords": [f"mot {rng.randint(1, 400)}"],
        "location": [
            {
                "type": "Place",
                "codeINSEE": insee,
                "address": {"postalCode": postcode, "addressLocality": town, "addressCountry": "FR"},
            }
        ],
        "holder": [{"type": "Organization", "name": f"Association {name}"}],
        "modified": f"2026-{rng.randint(1, 10):02d}-{rng.randint(1, 28):02d}",
    }


def records(count: int, changed: frozenset[int] = frozenset()) -> Iterator[dict[str, Any]]:
    """The first ``count`` projects; those in ``changed`` have another status text."""
    for i in range(count):
        item = record(i)
        if i in changed:
            item["name"] = {"fr": item["name"]["fr"] + " (suite)"}
        yield item


def write_feed(path: Path, count: int, changed: frozenset[int] = frozenset()) -> None:
    """Write the feed as one JSON-LD document."""
    graph = list(records(count, changed))
    path.write_text(json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False), "utf-8")


def write_source(path: Path, feed: Path, name: str = "reseau") -> None:
    """Write the source file that harvests the feed."""
    path.write_text(
        f"""[source]
id = "{name}"
partner = "{name}"
name = "Réseau de mesure"
url = "{feed}"
format = "json-ld"
profile = "carrefour"
licence = "https://creativecommons.org/licenses/by/4.0/"
lang = "fr"
[limits]
bytes = 2000000000
records = 2000000
""",
        "utf-8",
    )
