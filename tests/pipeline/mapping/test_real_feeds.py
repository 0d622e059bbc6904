"""Real feeds, mapped by configuration alone: every row accounted for, accents right, no exception."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from made_rows import BASE, RUN

from federation.model import Finding, Outcome, RawRecord
from federation.pipeline.mapping import compile_mapping
from federation.pipeline.readers import ReadOptions, read
from federation.pipeline.sources import Source, load_source
from federation.vocabulary import Vocabulary

FOLDER = Path(__file__).resolve().parents[2] / "real_feeds"
BROKEN = re.compile("Ã[\x80-\xbf©¨ªà´®§¹»¯«]|\ufffd|&(?:amp|nbsp|eacute);|<(?:p|br|i|a)[ />]")

# rows read, records, rows left out on purpose, rows refused, rows that are further places of a record
EXPECTED = {
    "aidants-connect": (3407, 3374, 0, 0, 33),
    "cis-members": (160, 53, 8, 9, 90),
    "data-inclusion": (3811, 3243, 568, 0, 0),
    "fablabs": (211, 207, 1, 3, 0),
    "france-services": (2683, 2683, 0, 0, 0),
    "gironde": (347, 347, 0, 0, 0),
    "hinaura-yeswiki": (1171, 1167, 0, 0, 4),
    "initiatives-covid": (909, 493, 360, 56, 0),
    "la-france-s-engage": (303, 150, 0, 0, 153),
    "laureats-2018": (150, 147, 0, 3, 0),
    "paca": (1245, 1241, 0, 4, 0),
    "transiscope-niort": (100, 100, 0, 0, 0),
}

pytestmark = pytest.mark.needs_shared


def rows_of(source: Source, shared: Path) -> list[RawRecord | Finding]:
    """Read the feed where it lies on this machine."""
    feed = Path(*Path(source.url).parts[-2:])
    records = source.records
    options = ReadOptions(format=source.format, at=records.at, sheet=records.sheet, separator=records.separator)
    return list(read((shared / "feeds" / feed).read_bytes(), options))


def outcomes_of(name: str, shared: Path, vocabulary: Vocabulary) -> tuple[int, list[Outcome]]:
    """Map a feed; give the number of its rows, and what became of them."""
    source = load_source(FOLDER / f"{name}.toml", vocabulary)
    made = compile_mapping(source, vocabulary, BASE)
    rows = [item for item in rows_of(source, shared) if isinstance(item, RawRecord)]
    return len(rows), [item if isinstance(item, Outcome) else made.map(item, RUN) for item in made.group(rows)]


def text_of(outcomes: list[Outcome]) -> str:
    """All that the records say."""
    return "".join(outcome.record.content for outcome in outcomes if outcome.record)


def test_every_source_file_here_is_expected() -> None:
    """A new real feed brings its figures."""
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_of_a_real_feed_is_accounted_for(name: str, shared: Path, vocabulary: Vocabulary) -> None:
    """Records, left out, refused, further places: the sum is the input, and each has a reason."""
    read_, outcomes = outcomes_of(name, shared, vocabulary)

    records = [outcome for outcome in outcomes if outcome.record is not None]
    left_out = [outcome for outcome in outcomes if outcome.excluded is not None]
    refused = [outcome for outcome in outcomes if outcome.record is None and outcome.excluded is None]
    further = sum(outcome.rows - 1 for outcome in [*records, *refused])
    reasons = Counter(finding.rule for outcome in outcomes for finding in outcome.findings)
    print(f"\n{name}: {read_} = {len(records)} + {len(left_out)} + {len(refused)} + {further}", reasons.most_common(5))  # noqa: T201 - the table of the acceptance
    assert (read_, len(records), len(left_out), len(refused), further) == EXPECTED[name]
    assert len(records) + len(left_out) + len(refused) + further == read_
    assert all(outcome.findings for outcome in refused)
    assert len({outcome.record.iri for outcome in records if outcome.record}) == len(records)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"france-services"}))
def test_accents_and_markup_come_out_right(name: str, shared: Path, vocabulary: Vocabulary) -> None:
    """No broken accent, entity or tag is left in what would be published; ids alone stay as they were given."""
    _, outcomes = outcomes_of(name, shared, vocabulary)

    said = [line for line in text_of(outcomes).split("\n") if "<http://purl.org/dc/terms/identifier>" not in line]
    assert not BROKEN.findall("\n".join(said))


def test_names_of_real_projects_are_read_letter_by_letter(shared: Path, vocabulary: Vocabulary) -> None:
    """Apostrophes, accents and capitals as the partner wrote them."""
    _, outcomes = outcomes_of("la-france-s-engage", shared, vocabulary)
    text = text_of(outcomes)

    for name in ("Cultiver la solidarité à grande échelle", "Échanger et Coopérer", "Réseau CoSI"):
        assert f'"{name}"@fr' in text


def test_words_broken_at_the_source_are_reported_not_changed(shared: Path, vocabulary: Vocabulary) -> None:
    """Four names of the national list are encoded twice; the partner is told, with the mended form."""
    _, outcomes = outcomes_of("france-services", shared, vocabulary)

    said = [f for outcome in outcomes for f in outcome.findings if f.rule == "text-double-encoded"]
    assert {finding.suggestion for finding in said} == {"Fresnes-Léguillon", "Trie-Château"}


def test_twenty_five_places_of_one_project(shared: Path, vocabulary: Vocabulary) -> None:
    """303 rows of the 2019 export are 150 projects."""
    _, outcomes = outcomes_of("la-france-s-engage", shared, vocabulary)

    biggest = max(outcomes, key=lambda outcome: outcome.rows)
    assert biggest.record is not None
    assert biggest.rows == 25
    assert biggest.record.content.count("<http://schema.org/location>") == 25


@pytest.mark.fault(28)
def test_rows_that_must_not_be_published_are_not(shared: Path, vocabulary: Vocabulary) -> None:
    """NON, an empty cell and a dash are not OUI."""
    _, outcomes = outcomes_of("initiatives-covid", shared, vocabulary)

    assert Counter(outcome.excluded for outcome in outcomes)["only: a_publier"] == 360


@pytest.mark.fault(29)
def test_what_is_read_at_its_producer_is_skipped(shared: Path, vocabulary: Vocabulary) -> None:
    """568 records of the aggregate come from Hinaura."""
    _, outcomes = outcomes_of("data-inclusion", shared, vocabulary)

    assert Counter(outcome.excluded for outcome in outcomes) == {None: 3243, "origin": 568}


@pytest.mark.parametrize("name", EXPECTED)
def test_contacts_never_reach_the_public_graph(name: str, shared: Path, vocabulary: Vocabulary) -> None:
    """Mail and telephone columns are for the collective; what is published links to no contact."""
    _, outcomes = outcomes_of(name, shared, vocabulary)

    text = text_of(outcomes)
    assert "schema.org/contactPoint" not in text
    assert "schema.org/email" not in text


def test_the_same_feed_gives_the_same_records(shared: Path, vocabulary: Vocabulary) -> None:
    """Same bytes and same mapping version, same plan."""
    first, second = (outcomes_of("transiscope-niort", shared, vocabulary)[1] for _ in range(2))

    assert first == second
