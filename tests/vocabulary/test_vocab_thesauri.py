"""Concepts, licences and crosswalks, and how words find them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.vocabulary import BASE, Vocabulary, fold, load

ROOT = Path(__file__).resolve().parents[2]
THEME = BASE + "theme/"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Économie", "ECONOMIE"),
        ("L’emploi", "l'emploi"),
        ("Bonne\u00a0 santé ", "bonne sante"),
        ("Œuvre", "oeuvre"),
        ("E\u0301nergie", "énergie"),
    ],
)
def test_folding_forgets_what_people_vary(one: str, other: str) -> None:
    """Case, accents, spaces, apostrophes and ligatures make no difference."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("scheme", "word", "code"),
    [
        ("theme", "AGR", "AGR"),
        ("theme", "agriculture et alimentation", "AGR"),
        ("theme", "Agriculture", "AGR"),
        ("theme", "Food and nothing", None),
        ("theme", "Energie", "ENE"),
        ("theme", "Solidarité et lien social", "COH"),
        ("theme", "Habitat", "HAB"),
        (THEME, THEME + "EMP", "EMP"),
        ("public", "pubics_youth", "JEU"),
        ("method", "methods_philantropy", "MEC"),
        ("method", "philanthropy", "MEC"),
        ("status", "Expérimentation", "pilot"),
        ("sdg", "ODD 3", "3"),
        ("cis2019", "Accès à l’emploi", "EMP-ACE"),
        ("language", "fr", "FRA"),
    ],
)
def test_words_find_concepts(vocabulary: Vocabulary, scheme: str, word: str, code: str | None) -> None:
    """A code, label, synonym, old id or IRI finds its concept in any language; another word finds none."""
    assert [concept.code for concept in vocabulary.find_concepts(scheme, word)] == ([code] if code else [])


def test_unknown_scheme_names_the_nearest(vocabulary: Vocabulary) -> None:
    """A misspelt scheme is a configuration error that names the right one."""
    with pytest.raises(ConfigError, match="`theme`"):
        vocabulary.find_concepts("thème", "AGR")


@pytest.mark.parametrize(("word", "code"), [("Emplois", "EMP"), ("agricultur", "AGR"), ("Jardins partagés", "AGR")])
def test_nearest_concept_suggests(vocabulary: Vocabulary, word: str, code: str) -> None:
    """An unknown word gets a sensible suggestion, from labels or from what partners meant by it."""
    nearest = vocabulary.nearest_concept("theme", word)

    assert nearest is not None
    assert nearest.code == code


def test_nonsense_gets_no_suggestion(vocabulary: Vocabulary) -> None:
    """Nothing is suggested where nothing is close."""
    assert vocabulary.nearest_concept("theme", "xqzwv") is None


def test_schemes_hold_the_decided_codes(vocabulary: Vocabulary) -> None:
    """Each scheme has as many concepts as decided: 40 themes under 8 domains, 14 publics, and so on."""
    sizes = {iri.removeprefix(BASE): len(scheme.concepts) for iri, scheme in vocabulary.schemes.items()}

    assert sizes["theme/"] == 48
    assert (sizes["public/"], sizes["method/"], sizes["status/"]) == (14, 7, 7)
    assert (sizes["need/"], sizes["spread/"], sizes["marker/"]) == (13, 9, 15)
    assert (sizes["theme/cis2018/"], sizes["theme/cis2019/"], sizes["http://metadata.un.org/sdg"]) == (18, 43, 17)


def test_every_concept_is_named_and_coded_once(vocabulary: Vocabulary) -> None:
    """Every concept has French and English labels and a code that is unique in its scheme and ends its IRI."""
    for concept in vocabulary.concepts.values():
        assert {"fr", "en"} <= set(concept.labels), concept.iri
        assert concept.scheme in vocabulary.schemes, concept.iri
        if concept.scheme.startswith(BASE) and "/licence/" not in concept.scheme:
            assert concept.iri == concept.scheme + concept.code
    codes = Counter((concept.scheme, concept.code) for concept in vocabulary.concepts.values())
    assert not [key for key, count in codes.items() if count > 1]


def test_no_code_hides_behind_a_key_or_prefix(vocabulary: Vocabulary) -> None:
    """No code equals a context key or prefix: a term would win over @vocab and change the concept."""
    words = set(vocabulary.context) | set(vocabulary.prefixes)
    schemes = {field.scheme for field in vocabulary.fields.values() if field.scheme and field.name != "license"}

    assert not [c.iri for c in vocabulary.concepts.values() if c.scheme in schemes and c.code in words]


def test_links_between_schemes_lead_somewhere(vocabulary: Vocabulary) -> None:
    """Every link to one of our own concepts has its target, and the parent of a concept is in its scheme."""
    for concept in vocabulary.concepts.values():
        for target in (*concept.close, *concept.related):
            assert not target.startswith(BASE) or target in vocabulary.concepts, (concept.iri, target)
        for parent in concept.broader:
            assert vocabulary.concepts[parent].scheme == concept.scheme


@pytest.mark.parametrize(("code", "scheme"), [("HAN", "public"), ("COO", "method")])
def test_a_theme_that_is_also_an_audience_or_method_says_so(vocabulary: Vocabulary, code: str, scheme: str) -> None:
    """HAN, JEU, SEN lead to an audience and COO… to a method by a close match."""
    assert f"{BASE}{scheme}/{code}" in vocabulary.concepts[THEME + code].close


def test_same_tag_differs_by_source(vocabulary: Vocabulary) -> None:
    """A crosswalk is that of one contributor, found whatever its case and accents."""
    assert vocabulary.crosswalk("AVISE")[fold("Café associatif")] == ("COR",)
    assert vocabulary.crosswalk("reseau rural")
    assert len(vocabulary.crosswalk_sites) == 30
    assert sum(len(vocabulary.crosswalk(site)) for site in vocabulary.crosswalk_sites) == 814


def test_crosswalk_codes_are_themes(vocabulary: Vocabulary) -> None:
    """Every tag leads to themes that exist."""
    for site in vocabulary.crosswalk_sites:
        for codes in vocabulary.crosswalk(site).values():
            assert all(THEME + code in vocabulary.concepts for code in codes)


def test_unknown_site_names_the_nearest(vocabulary: Vocabulary) -> None:
    """A misspelt contributor is a configuration error that names the right one."""
    with pytest.raises(ConfigError, match="`Semeoz`"):
        vocabulary.crosswalk("Semeos")


@pytest.mark.parametrize(
    ("text", "iri"),
    [
        ("ODbL", "https://opendatacommons.org/licenses/odbl/1-0/"),
        ("odc-odbl", "https://opendatacommons.org/licenses/odbl/1-0/"),
        ("http://opendatacommons.org/licenses/odbl/1.0/", "https://opendatacommons.org/licenses/odbl/1-0/"),
        ("lov2", "https://spdx.org/licenses/etalab-2.0"),
        ("Licence Ouverte v2.0", "https://spdx.org/licenses/etalab-2.0"),
        ("licence ouverte / open licence version 2.0", "https://spdx.org/licenses/etalab-2.0"),
        ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
        ("cc_by_sa", "https://creativecommons.org/licenses/by-sa/4.0/"),
        (
            "http://www.creativecommons.org/licenses/by-sa/4.0/deed.fr",
            "https://creativecommons.org/licenses/by-sa/4.0/",
        ),
        ("https://creativecommons.org/licenses/by/4.0/legalcode.fr", "https://creativecommons.org/licenses/by/4.0/"),
        ("CC0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC BY-NC", "https://creativecommons.org/licenses/by-nc/4.0/"),
        ("All rights reserved", None),
    ],
)
def test_licence_aliases(vocabulary: Vocabulary, text: str, iri: str | None) -> None:
    """A licence is found by name, code or address in the forms that people write."""
    assert vocabulary.licence(text) == iri


def test_only_open_licences_are_open(vocabulary: Vocabulary) -> None:
    """No licence with a non-commercial or no-derivatives clause is in the open list."""
    assert len(vocabulary.open_licences) >= 7
    assert not [iri for iri in vocabulary.open_licences if "-nc" in iri or "-nd" in iri or "nc-" in iri]
    assert vocabulary.licence("CC BY-ND") not in vocabulary.open_licences


@pytest.mark.needs_shared
def test_thesauri_are_those_of_the_facts(shared: Path) -> None:
    """Building the thesauri again from the facts gives the committed files, byte for byte."""
    spec = importlib.util.spec_from_file_location("build_thesauri", ROOT / "vocab" / "build_thesauri.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    for name, text in module.build(shared / "taxonomy").items():
        assert (ROOT / "vocab" / name).read_text("utf-8") == text, name
