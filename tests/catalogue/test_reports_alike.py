"""The report of a run made from findings that are alike as one is the report made from every one of them."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.catalogue.disclosure import OPERATOR, Disclosure
from federation.catalogue.reports import UNKNOWN_WORD, Cause, make_report, report_of
from federation.ledger import Ledger, open_ledger
from federation.ledger.records import RecordState
from federation.ledger.runbook import RunBook
from federation.ledger.times import to_text
from federation.model import Counts, Finding, Openness, RunReport, RunState, Severity
from federation.vocabulary import load

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FIELDS = load().fields


def some_findings(chance: random.Random, many: int) -> list[Finding]:
    """Findings of few kinds and words, on rows and on the whole, some repeated, some of records."""
    found = []
    for number in range(many):
        rule = chance.choice(["unknown-word", "unknown-word-dropped", "date-unreadable", "shape:name:minCount", "x"])
        value = chance.choice([None, "31/02", "Divers", "Épicerie", f"v{number}"])
        found.append(
            Finding(
                rule=rule,
                severity=chance.choice(list(Severity)),
                message={"fr": f"Ça ne va pas : {value}", "en": f"Wrong: {value}"},
                where=f"ligne {number}",
                field=chance.choice([None, "Thème", "Date"]),
                term=chance.choice([None, "theme", "startDate", "contact.email"]),
                value=value,
                suggestion=chance.choice([None, "Agriculture (AGR)"]),
                record=chance.choice([None, f"http://r/{chance.randrange(9)}"]),
                count=chance.choice([1, 1, 1, 7]),
            )
        )
    return found


@pytest.mark.parametrize("seed", range(12))
def test_grouping_in_the_ledger_changes_no_report(tmp_path: Path, seed: int) -> None:
    """For operators and for the public, with closed records, closed fields, and a message."""
    chance = random.Random(seed)
    findings = some_findings(chance, chance.choice([0, 1, 40, 400]))
    message = findings[-1].message["en"] if findings and seed % 3 == 0 else None
    run = RunReport("R", "s", "p", RunState.WITH_REJECTS, NOW, NOW, Counts(read=9), message=message)
    closed = frozenset(f"http://r/{number}" for number in range(seed % 5))
    levels = {"theme": Openness.COMMONS} if seed % 4 == 1 else {}
    with contextlib.closing(open_ledger("", tmp_path)) as ledger:
        ledger.findings.add("other", some_findings(chance, 30))
        ledger.findings.add("R", findings)
        for disclosure in (OPERATOR, Disclosure(FIELDS, levels, closed=closed), Disclosure(FIELDS, None)):
            whole, short = make_report(run, findings, disclosure), report_of(run, ledger.findings.alike, disclosure)
            assert (short.words, short.more_words, short.total) == (whole.words, whole.more_words, whole.total)
            assert [_told(cause) for cause in short.causes] == [_told(cause) for cause in whole.causes]


def _told(cause: Cause) -> tuple[object, ...]:
    """The whole cause; of words that may not be shown, the rows named may be others."""
    known = (cause.rule, cause.severity, cause.field, cause.count)
    return known if cause.rule in UNKNOWN_WORD else (*known, cause.term, cause.message, cause.examples, cause.more)


def test_what_failed_is_told_though_many_findings_came_before_it(tmp_path: Path) -> None:
    """The sentence that ended a run is one of many of its kind: it is told in both languages all the same."""
    many = [
        Finding("fetch:status", Severity.VIOLATION, {"fr": f"page {n} perdue", "en": f"page {n} lost"}, where="s")
        for n in range(30)
    ]
    run = RunReport("R", "s", "p", RunState.INCOMPLETE, NOW, NOW, Counts(), message="page 22 lost")
    with contextlib.closing(open_ledger("", tmp_path)) as ledger:
        ledger.findings.add("R", many)
        report = report_of(run, ledger.findings.alike, Disclosure(FIELDS, {}))

    assert report.told == {"fr": "page 22 perdue", "en": "page 22 lost"}
    assert (report.total, report.causes[0].count, len(report.causes[0].examples)) == (30, 30, 5)


def test_a_record_is_closed_by_what_became_of_it(tmp_path: Path) -> None:
    """Refused for its licence, or withdrawn: closed; online, or merely refused: not, unless rows say who may read."""
    with contextlib.closing(open_ledger("", tmp_path)) as ledger:
        _remember(ledger, {"live": ("live", "p1"), "gone": ("withdrawn", "p2"), "never": ("rejected", None)})
        names = ("live", "gone", "never", "unseen", "unlicensed")
        ledger.findings.add("R", [Finding("x", Severity.INFO, {"en": "x"}, "1", record=name) for name in names])
        licence = Finding("licence-missing", Severity.VIOLATION, {"en": "x"}, "1", record="unlicensed")
        ledger.findings.add("R", [licence])
        book = RunBook(ledger)

        assert book.closed("R", consent=False) == {"gone", "unlicensed"}
        assert book.closed("R", consent=True) == {"gone", "unlicensed", "never", "unseen"}


def _remember(ledger: Ledger, states: dict[str, tuple[str, str | None]]) -> None:
    seen = to_text(NOW)
    ledger.records.put(
        [
            RecordState(name, "p", name, "s", "d", "r", "m", "basic", state, seen, "R", None, pid)
            for name, (state, pid) in states.items()
        ]
    )
