"""Letters wait in the ledger until they have left; runs in short; how a source stands; quality, one row a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.ledger import Ledger, open_ledger
from federation.ledger.findings import AT_ONCE
from federation.ledger.qualities import QualityRow
from federation.ledger.standing import Standing, turns, worst
from federation.model import Counts, Finding, RunKind, RunReport, RunState, Severity

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    made = open_ledger("", tmp_path)
    yield made
    made.close()


def add_run(ledger: Ledger, source: str, state: RunState, at: datetime, counts: Counts = Counts()) -> str:  # noqa: B008
    """A run of a source of partner ``p`` that has ended."""
    run = ledger.runs.start(source, "p", at, 1)
    if state is not RunState.RUNNING:
        ledger.runs.finish(RunReport(run, source, "p", state, at, at, counts, live=7))
    return run


def test_a_letter_is_due_claimed_once_and_gone(ledger: Ledger) -> None:
    """Not before its time; two who send cannot both claim it; once sent it is never due again."""
    ledger.notices.add("s", "r", "held", {"a@x.example": NOW + HOUR}, {"rules": ["shrink"]}, NOW)
    assert ledger.notices.due(NOW) == []

    (letter,) = ledger.notices.due(NOW + HOUR)
    claims = [ledger.notices.claim(letter.id, NOW + HOUR, NOW + 2 * HOUR) for _ in range(2)]
    ledger.notices.sent(letter.id, NOW + HOUR)

    assert claims == [True, False]
    assert ledger.notices.due(NOW + 9 * HOUR) == ledger.notices.waiting() == []
    last = ledger.notices.last("s")
    assert last is not None
    assert (last.kind, last.tries, last.sent, last.detail) == ("held", 1, NOW + HOUR, {"rules": ["shrink"]})


def test_a_letter_whose_sender_died_is_tried_again_later(ledger: Ledger) -> None:
    """A claim without an end: due again at the time that the claim named."""
    ledger.notices.add("s", "r", "held", {"a@x.example": NOW}, {}, NOW)
    (letter,) = ledger.notices.due(NOW)
    ledger.notices.claim(letter.id, NOW, NOW + HOUR)

    assert ledger.notices.due(NOW) == []
    assert [one.tries for one in ledger.notices.due(NOW + HOUR)] == [1]


def test_what_is_only_remembered_never_leaves(ledger: Ledger) -> None:
    """A notice that nobody wants is the last told, but never waits; a letter given up neither."""
    ledger.notices.add("s", "r", "rejects", {"": None}, {}, NOW)
    ledger.notices.add("s", "r", "digest", {"a@x.example": NOW}, {}, NOW)
    ledger.notices.give_up(ledger.notices.due(NOW)[0].id)

    last = ledger.notices.last("s", ["rejects"])
    assert ledger.notices.waiting() == []
    assert last is not None
    assert last.kind == "rejects"
    assert ledger.notices.last("other") is None


def test_a_letter_taken_back_leaves_no_trace_but_a_sent_one_stays(ledger: Ledger) -> None:
    """Only what has not left can be withdrawn."""
    ledger.notices.add("s", "r", "held", {"a@x.example": NOW, "b@x.example": NOW}, {}, NOW)
    first, second = ledger.notices.due(NOW)
    ledger.notices.sent(first.id, NOW)

    ledger.notices.withdraw([first.id, second.id])

    last = ledger.notices.last("s")
    assert last is not None
    assert last.id == first.id


def test_runs_in_short_are_newest_first(ledger: Ledger) -> None:
    """By partner or by one source, without those that still wait."""
    for hours, source in enumerate(("a", "b", "a")):
        add_run(ledger, source, RunState.SUCCEEDED, NOW + hours * HOUR, Counts(read=hours, accepted=hours))

    lines = ledger.passages.of_partner("p", 10)

    assert [(one.source, one.counts.read, one.live) for one in lines] == [("a", 2, 7), ("b", 1, 7), ("a", 0, 7)]
    assert [one.source for one in ledger.passages.of_partner("p", 1, "b")] == ["b"]
    assert ledger.passages.of_partner("q", 10) == []


def test_only_a_change_of_standing_is_news(ledger: Ledger) -> None:
    """Same standing again is no turn; an abandoned run says nothing; an unchanged feed with rejects still has them."""
    rejects = Counts(read=2, accepted=1, rejected=1)
    for hours, (state, counts) in enumerate(
        [
            (RunState.SUCCEEDED, Counts()),
            (RunState.UNCHANGED, Counts()),
            (RunState.WITH_REJECTS, rejects),
            (RunState.ABANDONED, Counts()),
            (RunState.UNCHANGED, rejects),
            (RunState.HELD, Counts()),
            (RunState.FAILED, Counts()),
            (RunState.INCOMPLETE, Counts()),
            (RunState.RUNNING, Counts()),
        ]
    ):
        add_run(ledger, "a", state, NOW + hours * HOUR, counts)
    lines = ledger.passages.of_partner("p", 99)

    assert [(one.now, one.before) for one in turns(lines)] == [
        (Standing.FAILING, Standing.HELD),
        (Standing.HELD, Standing.REJECTS),
        (Standing.REJECTS, Standing.ONLINE),
        (Standing.ONLINE, None),
    ]
    add_run(ledger, "b", RunState.SUCCEEDED, NOW + 99 * HOUR)
    assert worst(ledger.passages.of_partner("p", 99)) is Standing.FAILING
    assert worst([]) is None


def test_an_undo_changes_no_standing(ledger: Ledger) -> None:
    """What an operator does with a source is no news of its feed."""
    run = ledger.runs.start("a", "p", NOW, 1, kind=RunKind.UNDO)
    ledger.runs.finish(RunReport(run, "a", "p", RunState.FAILED, NOW, NOW, Counts(), kind=RunKind.UNDO))

    assert turns(ledger.passages.of_partner("p", 9)) == []


def test_quality_is_one_row_a_source(ledger: Ledger) -> None:
    """The last one wins; unknown sources are absent."""
    ledger.qualities.put(QualityRow("s", "r1", 50, {"records": 1}))
    ledger.qualities.put(QualityRow("s", "r2", 71, {"records": 2}))

    assert ledger.qualities.of(["s", "t"]) == {"s": QualityRow("s", "r2", 71, {"records": 2})}


def test_findings_are_read_in_parts_and_forgotten_by_record(ledger: Ledger) -> None:
    """All of a run, in order, however many; a person's request removes what was said of a record."""
    text = {"fr": "x", "en": "x"}
    many = [Finding(f"r{n % 2}", Severity.INFO, text, where=str(n), record=f"i{n % 3}") for n in range(AT_ONCE + 5)]
    ledger.findings.add("run", many)
    ledger.findings.add("other", many[:3])

    assert list(ledger.findings.each("run")) == many
    assert sorted(ledger.findings.records("run")) == ["i0", "i1", "i2"]
    assert sorted(ledger.findings.records("other", ["r1"])) == ["i1"]
    with ledger.write() as tx:
        ledger.findings.forget("i0", tx)
    assert sorted(ledger.findings.records("run")) == ["i1", "i2"]
