"""What the guard holds and waits for a person: what is agreed to must be enough for all that waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_inbox import InboxState, Outcome, Received, held_in
from federation.ledger.holding import Holding
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Counts, Hold, Part, Rule, RunReport, RunState

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
SOURCE = "repair"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of one source."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


def test_what_is_agreed_to_is_enough_for_all_held_pushes(ledger: Ledger) -> None:
    """A figure counts the deletes that went through before its run: the small last push may have come after more."""
    ledger.sources.declare(PartnerRow(SOURCE, "Repair"), SourceRow(SOURCE, SOURCE, "Repair"))
    first = held_push(ledger, NOW, count=24, before=58)
    second = held_push(ledger, LATER, count=2, before=60)

    held = Holding(ledger).of(SOURCE)

    assert held is not None
    assert held.runs == [first, second]
    assert [(hold.rule, hold.figure) for hold in held.report.holds] == [(Rule.EXPLICIT, 60 + 24 + 2)]


def held_push(ledger: Ledger, at: datetime, count: int, before: int) -> str:
    """A push of Deletes that the guard holds, since as many as ``before`` have gone through on this day."""
    known = ledger.ap_inbox.counts().get(InboxState.HELD.value, 0)
    name = ledger.runs.start(SOURCE, SOURCE, at, 1)
    hold = Hold(Rule.EXPLICIT, before + count, 60, frozenset({Part.DELETES}))
    ledger.runs.finish(RunReport(name, SOURCE, SOURCE, RunState.HELD, at, at, Counts(read=count), holds=(hold,)))
    ledger.ap_inbox.keep([delete(known + number) for number in range(count)], at)
    claimed = ledger.ap_inbox.claim("here", at, at, count)
    ledger.ap_inbox.settle([Outcome(row.id, InboxState.HELD, held_in(name)) for row in claimed])
    return name


def delete(number: int) -> Received:
    """A Delete of another server."""
    id_ = f"https://b.example/a/{number}"
    object_ = f"https://b.example/o/{number}"
    return Received(id_, "https://b.example/u", "b.example", "Delete", object_, b"{}", (), {}, "public", "0" * 64, id_)
