"""How complete and how alive the records of a source are: a score of 0 to 100, its parts, and what helps most next.

Harvesting design, section 10. Counted by the store. Must never change what is found or in which order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from federation.catalogue.values import (
    CRF,
    DCTERMS,
    FOAF,
    IGEO,
    PROV,
    RDF,
    SCHEMA,
    VOID,
    XSD,
    decode,
)
from federation.engines import GraphReader
from federation.model import Text, Triple, iri, typed

LONG = 200  # characters that a description should have
FRESH = timedelta(days=2 * 365)  # a record changed since then is fresh
SAME_TITLES = 0.5  # share of records with one and the same title from which that is a pattern
FEW = 3  # records: fewer show no pattern
DQV = "http://www.w3.org/ns/dqv#"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One part of the score: ``weight`` points of 100.

    ``to_do`` says in French and English what to do, with ``{n}`` records; None: not measured yet, and the other parts
    are scaled to 100.
    """

    key: str
    weight: int
    label: Text
    to_do: tuple[str, str] | None


CRITERIA = (
    Criterion(
        "description",
        15,
        {"fr": f"Description d'au moins {LONG} caractères", "en": f"Description of at least {LONG} characters"},
        ("décrire {n} fiches plus longuement", "describe {n} records at greater length"),
    ),
    Criterion(
        "holder",
        10,
        {"fr": "Structure qui porte le projet", "en": "Organisation that carries the project"},
        ("nommer qui porte le projet dans {n} fiches", "name who carries the project in {n} records"),
    ),
    Criterion(
        "date",
        8,
        {"fr": "Date de début", "en": "Start date"},
        ("dater le début dans {n} fiches", "give a start date to {n} records"),
    ),
    Criterion("image", 7, {"fr": "Image", "en": "Image"}, ("illustrer {n} fiches", "give a picture to {n} records")),
    Criterion(
        "place",
        20,
        {"fr": "Lieu que l'on peut placer sur la carte", "en": "Place that can be put on the map"},
        ("placer {n} fiches sur la carte", "put {n} records on the map"),
    ),
    Criterion(
        "themes",
        15,
        {"fr": "Thème reconnu", "en": "Recognised theme"},
        ("donner un thème reconnu à {n} fiches", "give a recognised theme to {n} records"),
    ),
    Criterion("links", 10, {"fr": "Liens vivants (pas encore mesuré)", "en": "Live links (not measured yet)"}, None),
    Criterion(
        "freshness",
        10,
        {"fr": "Mise à jour depuis moins de deux ans", "en": "Updated less than two years ago"},
        ("relire {n} fiches, sans mise à jour depuis deux ans", "review {n} records, not updated for two years"),
    ),
    Criterion(
        "licence",
        5,
        {"fr": "Licence dite par la fiche elle-même", "en": "Licence stated by the record itself"},
        ("écrire la licence dans {n} fiches", "state the licence in {n} records"),
    ),
)
_MEASURED = sum(one.weight for one in CRITERIA if one.to_do is not None)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a source's records lack.

    ``lacking``: records without each part, by key of the measured criteria. ``same_title``: records that share the most
    frequent title, if that is a pattern; ``title_as_description``: those whose description repeats the title.
    """

    records: int
    lacking: Mapping[str, int]
    same_title: int = 0
    title_as_description: int = 0

    @property
    def score(self) -> int:
        """The mean over the records, 0 to 100; 0 without records."""
        if not self.records:
            return 0
        points = sum(one.weight * (self.records - self.lacking[one.key]) for one in CRITERIA if one.to_do)
        return math.floor(100 * points / (_MEASURED * self.records) + 0.5)

    def gain(self, key: str) -> int:
        """By how many points the score would rise if no record lacked a part."""
        weight = next(one.weight for one in CRITERIA if one.key == key)
        return (
            math.floor(100 * weight * self.lacking.get(key, 0) / (_MEASURED * self.records) + 0.5)
            if self.records
            else 0
        )

    def values(self) -> dict[str, Any]:
        """Plain values for the ledger."""
        return {
            "records": self.records,
            "lacking": dict(self.lacking),
            "same_title": self.same_title,
            "title_as_description": self.title_as_description,
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Quality:
        """Read back what :meth:`values` gave."""
        lacking = values["lacking"]
        return cls(
            int(values["records"]),
            {one.key: int(lacking.get(one.key, 0)) for one in CRITERIA if one.to_do},
            int(values["same_title"]),
            int(values["title_as_description"]),
        )


def assess_quality(reader: GraphReader, source: str, now: datetime, own_licence: bool) -> Quality:
    """Work out the quality of the records of a source, by its IRI, where they are: the store counts them.

    ``own_licence``: the feed says a licence for each record, rather than the source file one for all of them.
    """
    had = _counts(reader, source, {**_HAS, "freshness": _FRESH.format(since=(now - FRESH).date().isoformat())})
    if not own_licence:
        had["licence"] = 0
    total = had["record"]
    most = _same_title(reader, source) if total >= FEW else 0
    return Quality(
        total,
        {one.key: total - had[one.key] for one in CRITERIA if one.to_do},
        most if most >= SAME_TITLES * total else 0,
        had["repeated"],
    )


_SHOUTED = "?project schema:name ?title ; schema:description ?text FILTER(LCASE(STR(?title)) = LCASE(STR(?text)))"
_HAS: Mapping[str, str] = {
    "description": f"EXISTS {{ ?project schema:description ?text FILTER(STRLEN(?text) >= {LONG}) }}",
    "holder": "EXISTS { ?project crf:holder ?holder }",
    "date": "EXISTS { ?project schema:startDate ?date }",
    "image": "EXISTS { ?project schema:image ?image }",
    "place": "EXISTS { ?project schema:location ?place . ?place schema:latitude ?where } "
    "|| EXISTS { ?project schema:location ?place . ?place igeo:codeINSEE ?where }",
    "themes": "EXISTS { ?project dcterms:subject ?theme }",
    "licence": "EXISTS { ?record dcterms:license ?licence }",
    "repeated": "IF(?has_description, EXISTS { ?project schema:name ?same ; schema:description ?same }, "
    f"EXISTS {{ {_SHOUTED} }})",
}
"""What a record has of each part (SPARQL 1.1, section 17), within its graph; the parts are asked for in this order.

They compare terms rather than texts where they can: to read a text takes the store as long as ten patterns.
"""
_FRESH = 'EXISTS {{ ?record dcterms:modified ?date FILTER(SUBSTR(STR(?date), 1, 10) >= "{since}") }}'
_PREFIXES = "".join(
    f"PREFIX {name}: <{namespace}> "
    for name, namespace in {
        "crf": CRF,
        "dcterms": DCTERMS,
        "foaf": FOAF,
        "igeo": IGEO,
        "schema": SCHEMA,
        "void": VOID,
    }.items()
)


def _of(source: str, pattern: str) -> str:
    return f"GRAPH ?record {{ ?record void:inDataset <{source}> ; foaf:primaryTopic ?project . {pattern} }}"


def _counts(reader: GraphReader, source: str, parts: Mapping[str, str]) -> dict[str, int]:
    """How many records of the source have each part, by its key; under ``record`` how many there are."""
    sums = " ".join(f"(SUM(IF(?has_{key}, 1, 0)) AS ?{key})" for key in parts)
    found = " ".join(f"BIND({expression} AS ?has_{key})" for key, expression in parts.items())
    query = f"{_PREFIXES}SELECT (COUNT(*) AS ?record) {sums} {{ {_of(source, found)} }}"
    (row,) = reader.select(query)
    return {key: int(decode(number).text) for key, number in row.items()}


def _same_title(reader: GraphReader, source: str) -> int:
    """How many records share the most frequent title."""
    titled = _of(source, "?project schema:name ?title")
    query = f"SELECT (COUNT(DISTINCT ?record) AS ?n) {{ {titled} }} GROUP BY ?title ORDER BY DESC(?n) LIMIT 1"
    return next((int(decode(row["n"]).text) for row in reader.select(_PREFIXES + query)), 0)


# -- in words -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QualityPart:
    """One part of a score as it is shown. ``points`` reached of ``weight``; both None where it is not measured."""

    key: str
    label: Text
    weight: int
    points: float | None
    lacking: int
    to_do: Text | None
    gain: int


def parts(quality: Quality) -> tuple[QualityPart, ...]:
    """Every part of a score, in the order of the criteria."""
    return tuple(_part(quality, one) for one in CRITERIA)


def _part(quality: Quality, one: Criterion) -> QualityPart:
    if one.to_do is None:
        return QualityPart(one.key, one.label, one.weight, None, 0, None, 0)
    lacking = quality.lacking[one.key]
    reached = one.weight * (quality.records - lacking) / quality.records if quality.records else 0.0
    to_do = _to_do(one.to_do, lacking) if lacking else None
    return QualityPart(one.key, one.label, one.weight, round(reached, 1), lacking, to_do, quality.gain(one.key))


def _to_do(said: tuple[str, str], number: int) -> Text:
    french, english = (text.format(n=number) for text in said)
    if number == 1:
        french, english = french.replace("1 fiches", "1 fiche"), english.replace("1 records", "1 record")
    return {"fr": french, "en": english}


def most_useful(quality: Quality) -> QualityPart | None:
    """The part whose repair raises the score most; None if nothing is lacking."""
    found = [one for one in parts(quality) if one.lacking]
    return max(found, key=lambda one: (one.gain, one.weight), default=None)


def patterns(quality: Quality) -> tuple[Text, ...]:
    """What only the whole set shows: one title everywhere, descriptions that repeat the title."""
    said: list[Text] = []
    if quality.same_title:
        number, total = quality.same_title, quality.records
        said.append(
            {
                "fr": f"{number} fiches sur {total} portent le même titre : est-ce la bonne colonne ?",
                "en": f"{number} of {total} records have the same title: is it the right column?",
            }
        )
    if quality.title_as_description:
        number = quality.title_as_description
        said.append(
            {
                "fr": f"La description répète le titre ({number} sur {quality.records}).",
                "en": f"The description repeats the title ({number} of {quality.records}).",
            }
        )
    return tuple(said)


NOT_MEASURED: Text = {
    "fr": "Les liens ne sont pas encore vérifiés : les autres parts sont ramenées à 100.",
    "en": "Links are not checked yet: the other parts are scaled to 100.",
}


def together(qualities: Iterable[Quality]) -> int | None:
    """The score of several sources: each counts by its records. None if there is no record."""
    known = [one for one in qualities if one.records]
    total = sum(one.records for one in known)
    return math.floor(sum(one.score * one.records for one in known) / total + 0.5) if total else None


# -- as linked data -------------------------------------------------------------------------------------------------


def quality_triples(source: str, run: str, quality: Quality) -> list[Triple]:
    """The score of a source, and the share of records that have each part (DQV). ``source``, ``run``: IRIs."""
    triples = _measure(source, run, "quality", typed(str(quality.score), f"{XSD}integer"))
    if quality.records:
        for one in CRITERIA:
            if one.to_do is not None:
                share = 1 - quality.lacking[one.key] / quality.records
                triples += _measure(source, run, f"quality-{one.key}", typed(f"{share:.3f}", f"{XSD}decimal"))
    return triples


def _measure(source: str, run: str, name: str, value: str) -> list[Triple]:
    node = iri(f"{source}#{name}")
    metric = "".join(part[:1].upper() + part[1:] for part in name.split("-"))
    return [
        (iri(source), f"<{DQV}hasQualityMeasurement>", node),
        (node, f"<{RDF}type>", f"<{DQV}QualityMeasurement>"),
        (node, f"<{DQV}computedOn>", iri(source)),
        (node, f"<{DQV}isMeasurementOf>", f"<{CRF}metric{metric}>"),
        (node, f"<{DQV}value>", value),
        (node, f"<{PROV}wasGeneratedBy>", iri(run)),
    ]
