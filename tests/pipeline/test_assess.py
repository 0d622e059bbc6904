"""Assessing rows: what the store could not read is refused before it reaches the journal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.model import Outcome, RawRecord, Severity, Tier
from federation.pipeline.assess import Assessor, assess
from federation.pipeline.cleaning import clean_text
from federation.pipeline.mapping import Mapper, RunStamp
from federation.pipeline.sources import Source, parse_source
from federation.vocabulary import load

STAMP = RunStamp("https://c.example/runs/1", "2026-11-21T00:00:00Z")
SOURCE = """
[source]
id = "s"
partner = "s"
name = "S"
url = "s.csv"
format = "csv"
licence = "https://creativecommons.org/licenses/by/4.0/"
[records]
id = "id"
page = "https://s.example/{id}"
[fields]
name = "nom"
"""


def rows(count: int) -> list[RawRecord]:
    """Rows as a reader gives them."""
    return [RawRecord(f"ligne {n}", {"id": str(n), "nom": f"Projet {n}"}) for n in range(count)]


def test_a_record_that_the_store_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last guard: a slip of the mapping costs one record, not every start after it."""
    source = parse_source(SOURCE, "s.toml", load())
    judge = Assessor(source, load(), "https://c.example")
    whole = Mapper.map

    def slip(self: Mapper, *given: object) -> Outcome:
        outcome = whole(self, *given)  # type: ignore[arg-type]
        assert outcome.record is not None
        bad = outcome.record.content.replace("@fr ", "@fr-1 ", 1)
        return replace(outcome, record=replace(outcome.record, content=bad))

    monkeypatch.setattr(Mapper, "map", slip)

    outcome = judge(next(iter(judge.mapper.group(rows(1)))), STAMP)  # type: ignore[arg-type]

    assert outcome.record is None
    assert [(found.rule, found.severity) for found in outcome.findings] == [("record-unwritable", Severity.VIOLATION)]


@pytest.mark.parametrize("count", [20, 1300], ids=["here", "in worker processes"])
def test_rows_come_back_once_and_in_order(count: int) -> None:
    """A small feed is assessed here, a large one in worker processes: with the same result."""
    source = parse_source(SOURCE, "s.toml", load())

    outcomes = list(assess(rows(count), source, "https://c.example", STAMP, {}, 2))

    assert [outcome.key for outcome in outcomes] == [str(n) for n in range(count)]
    assert {outcome.tier for outcome in outcomes} == {Tier.ESSENTIAL}


@pytest.mark.parametrize(
    ("words", "column"),
    [({"crf:holder": "porteur"}, "porteur"), ({"crf:holder": "holder"}, "holder"), (None, "crf:holder")],
)
def test_findings_name_the_key_of_the_feed(words: dict[str, str] | None, column: str) -> None:
    """What a JSON-LD feed calls a key in its own context stands in the findings, not the name that we read it by."""
    text = (
        SOURCE.replace("s.csv", "s.json").replace('"csv"', '"json"')
        + 'holder = "crf:holder"\nstartDate = "crf:holder"\n'
    )
    judge = Assessor(parse_source(text, "s.toml", load()), load(), "https://c.example")
    row = RawRecord("1", {"id": "1", "nom": "Projet", "crf:holder": "hier"}, words=words)

    outcome = judge(next(iter(judge.mapper.group([row]))), STAMP)  # type: ignore[arg-type]

    assert column in {found.field for found in outcome.findings if found.term == "startDate"}
    assert "crf:holder" not in {found.field for found in outcome.findings} - {column}


def test_known_rows_are_not_mapped_again() -> None:
    """A row with the raw hash of its live record comes back without a record or a finding."""
    source = parse_source(SOURCE, "s.toml", load())
    first = list(assess(rows(3), source, "https://c.example", STAMP, {}, 1))
    known = {str(outcome.key): ("", str(outcome.raw_hash)) for outcome in first}

    again = list(assess(rows(3), source, "https://c.example", STAMP, known, 1))

    assert [(outcome.record, outcome.findings) for outcome in again] == [(None, ())] * 3
    assert [outcome.raw_hash for outcome in again] == [outcome.raw_hash for outcome in first]


def test_a_row_that_has_not_changed_at_all_is_not_even_read() -> None:
    """A row with the hash of the whole row it had comes back as it was, whatever the raw hash would be."""
    source = parse_source(SOURCE, "s.toml", load())
    known = {str(first.key): (first.record.row_hash, "r") for first in _first(source) if first.record is not None}

    again = list(assess(rows(3), source, "https://c.example", STAMP, known, 1))

    assert [(outcome.record, outcome.raw_hash, outcome.row_hash) for outcome in again] == [
        (None, "r", row_hash) for row_hash, _ in known.values()
    ]


def _first(source: Source) -> list[Outcome]:
    return list(assess(rows(3), source, "https://c.example", STAMP, {}, 1))


def test_an_endless_text_is_left_out_with_a_finding() -> None:
    """Cleaning markup takes more than linear time, so a text has a longest length."""
    problems: list[object] = []

    assert clean_text("a" * 100_001, problems) is None  # type: ignore[arg-type]
    assert [problem.rule for problem in problems] == ["text-too-long"]  # type: ignore[attr-defined]


def told(row: dict[str, str], more: str) -> list[tuple[str, str]]:
    """(rule, French message) of each finding about one row of a source with more fields."""
    judge = Assessor(parse_source(SOURCE + more, "s.toml", load()), load(), "https://c.example")
    (group,) = judge.mapper.group([RawRecord("ligne 2", {"id": "1", **row})])
    return [(found.rule, found.message["fr"]) for found in judge(group, STAMP).findings]  # type: ignore[arg-type]


def test_an_empty_required_column_is_called_empty() -> None:
    """A name that is missing is told so first; one that is too short is told the rule alone."""
    assert dict(told({"nom": ""}, ""))["shape:name:minCount"].startswith("vide. Sans nom, la fiche n'entre pas.")
    assert dict(told({"nom": "ab"}, ""))["shape:name:minLength"].startswith("Sans nom")


@pytest.mark.parametrize(
    ("entry", "value", "rule", "hint"),
    [
        ("startDate", "31/02/2016", "date-unreadable", "shape:startDate:minCount"),
        ("url", "pas une adresse", "iri-unreadable", "shape:url:minCount"),
        ("image.contentUrl", "pas une adresse", "iri-unreadable", "shape:image:minCount"),
    ],
)
def test_a_value_that_cannot_be_read_is_not_asked_for_as_if_missing(
    entry: str, value: str, rule: str, hint: str
) -> None:
    """The fault is told alone; where nothing is given, the hint is."""
    rules = [name for name, _ in told({"nom": "Projet", "x": value}, f'{entry} = "x"\n')]
    assert rule in rules
    assert hint not in rules
    assert hint in [name for name, _ in told({"nom": "Projet", "x": ""}, f'{entry} = "x"\n')]
