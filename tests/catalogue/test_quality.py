"""The quality of a source: every part counted, the score scaled to what is measured, what helps most, patterns."""

from __future__ import annotations

from datetime import UTC, datetime

import pyoxigraph as ox
import pytest
from rdflib import Graph

from federation.catalogue.quality import (
    CRITERIA,
    DQV,
    Quality,
    assess_quality,
    most_useful,
    parts,
    patterns,
    quality_triples,
    together,
)
from federation.engines.oxigraph_reads import Reads, View
from federation.model import to_lines
from federation.vocabulary import load

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BASE = "https://commons.example/records/a/"
PREFIXES = """
@prefix crf: <https://w3id.org/carrefour/vocab#> . @prefix schema: <http://schema.org/> .
@prefix dcterms: <http://purl.org/dc/terms/> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix igeo: <http://rdf.insee.fr/def/geo#> .
"""
FULL = """
<{r}> foaf:primaryTopic <{r}#project> ; dcterms:modified "2026-01-05"^^xsd:date ; dcterms:license <https://l.example/> .
<{r}#project> schema:name "Titre {n}"@fr ; schema:description "{text}"@fr ; crf:holder <{r}#h> ;
  schema:startDate "2012"^^xsd:gYear ; schema:image <{r}#i> ; schema:location <{r}#l> ; dcterms:subject <x:AGR> .
<{r}#l> {place} .
"""
BARE = '<{r}> foaf:primaryTopic <{r}#project> . <{r}#project> schema:name "Titre {n}"@fr .'
MEASURED = [one.key for one in CRITERIA if one.to_do]


SOURCE = "https://commons.example/sources/a"


class Memory(Reads):
    """The reads of the engine, over a store in memory."""

    def __init__(self, store: ox.Store) -> None:
        self._of = View(store, 0)

    def _view(self) -> View:
        return self._of


def assessed(*templates: str, own_licence: bool = True, **more: str) -> Quality:
    """The quality of records written from these templates, each in its graph of a store; another source has one too."""
    store = ox.Store()
    for number, template in enumerate([*templates, FULL]):
        text = f"<{{r}}> <http://rdfs.org/ns/void#inDataset> <{SOURCE if number < len(templates) else SOURCE + '2'}> ."
        text += template
        values = {"r": f"{BASE}{number}", "n": str(number), "text": "é" * 200, "place": "schema:latitude 46.1", **more}
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        store.load(PREFIXES + text, ox.RdfFormat.TURTLE, to_graph=ox.NamedNode(values["r"]))
    return assess_quality(Memory(store), SOURCE, NOW, own_licence)


def test_a_complete_record_scores_a_hundred_and_a_bare_one_nothing() -> None:
    """Links are not measured yet, so the other parts are scaled to 100."""
    full, bare = assessed(FULL), assessed(BARE)

    assert (full.records, full.score, set(full.lacking.values())) == (1, 100, {0})
    assert (bare.records, bare.score, set(bare.lacking.values())) == (1, 0, {1})
    assert [part.key for part in parts(full) if part.points is None] == ["links"]
    assert sum(one.weight for one in CRITERIA) == 100


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("{text}", "é" * 199, "description"),
        ("crf:holder", "schema:member", "holder"),
        ("schema:startDate", "schema:endDate", "date"),
        ("schema:image", "schema:logo", "image"),
        ("{place}", 'schema:name "Ici"@fr', "place"),
        ("dcterms:subject", "schema:keywords", "themes"),
        ("2026-01-05", "2024-11-01", "freshness"),
        ("dcterms:modified", "dcterms:issued", "freshness"),
    ],
)
def test_each_part_costs_its_weight(old: str, new: str, key: str) -> None:
    """What one record lacks is counted under its part, and lowers the score by that part only."""
    quality = assessed(FULL.replace(old, new))
    weight = next(one.weight for one in CRITERIA if one.key == key)

    assert {name for name, number in quality.lacking.items() if number} == {key}
    assert quality.score == round(100 * (90 - weight) / 90)


def test_a_commune_is_a_place_and_a_licence_for_all_is_not_ones_own() -> None:
    """An INSEE code puts a record on the map; the source's licence does not count as the record's."""
    assert assessed(FULL, place='igeo:codeINSEE "63113"').score == 100
    assert assessed(FULL, own_licence=False).lacking["licence"] == 1


def test_the_most_useful_is_what_raises_the_score_most() -> None:
    """Of all that is lacking, the part with the greatest gain is named, with the number of records."""
    away = FULL.replace("{place}", 'schema:name "Ici"@fr').replace("schema:image", "schema:logo")
    best = most_useful(assessed(FULL, away))

    assert best is not None
    assert (best.key, best.lacking, best.gain) == ("place", 1, 11)
    assert best.to_do == {"fr": "placer 1 fiche sur la carte", "en": "put 1 record on the map"}
    assert most_useful(assessed(FULL)) is None


def test_patterns_show_a_wrong_column() -> None:
    """One title everywhere, and descriptions that repeat the title; not for a few records, nor for different ones."""
    same = '<{r}> foaf:primaryTopic <{r}#project> . <{r}#project> schema:name "Projet" ; schema:description "PROJET" .'

    quality = assessed(same, same, same, FULL)

    assert (quality.same_title, quality.title_as_description) == (3, 3)
    assert [text["en"][:6] for text in patterns(quality)] == ["3 of 4", "The de"]
    assert patterns(assessed(FULL, FULL, FULL)) == ()
    assert assessed(same, same).same_title == 0


def test_quality_survives_the_ledger() -> None:
    """Plain values out and in again give the same quality, also for no record at all."""
    for quality in (assessed(FULL, BARE), assessed()):
        assert Quality.of(quality.values()) == quality
    assert (assessed().score, together([assessed()])) == (0, None)
    assert together([assessed(FULL), assessed(BARE, BARE, BARE)]) == 25


def test_quality_is_said_as_dqv() -> None:
    """The score and the share of each measured part, by metrics that the ontology explains."""
    graph = Graph().parse(
        data=to_lines(quality_triples("https://c.example/sources/s", "https://c.example/runs/r", assessed(FULL, BARE))),
        format="nt",
    )
    rows = graph.query(
        f"SELECT ?m ?v WHERE {{ ?n <{DQV}isMeasurementOf> ?m ; <{DQV}value> ?v ; <{DQV}computedOn> ?s }}"
    )
    values = {str(row[0]): float(str(row[1])) for row in rows}  # type: ignore[index]

    assert len(values) == 1 + len(MEASURED)
    assert set(values) <= set(load().terms)
    assert values["https://w3id.org/carrefour/vocab#metricQuality"] == 50
    assert set(values.values()) == {50.0, 0.5}
