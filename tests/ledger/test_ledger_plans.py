"""The questions that the worker and the pages ask of the table ``run`` all the time never read the whole of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from federation.ledger import Ledger, open_ledger
from federation.ledger.operations import Operations
from federation.ledger.runs import Order
from federation.model import RunState

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with closing(open_ledger("", tmp_path)) as opened:
        yield opened


def test_no_question_that_is_asked_often_reads_every_run(ledger: Ledger) -> None:
    """Queue, lists by source, state and partner, one run with its orders: each is answered from an index."""
    operations = Operations(ledger, lambda: NOW, lambda _source: None)
    run = ledger.runs.start("s", "p", NOW, 1)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if re.search(r"\bFROM run\b", statement):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        ledger.runs.queued()
        ledger.runs.last("s")
        ledger.runs.last("s", [RunState.HELD])
        (cut,) = ledger.runs.abandon_open(NOW)
        operations.taken_up(cut)
        operations.queue()
        operations.run(run)
        operations.runs("s", RunState.HELD)
        operations.runs(state=RunState.FAILED)
        operations.runs()
        ledger.passages.of_partner("p", 20)
        ledger.passages.of_partner("p", 20, "s")
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert len(asked) > 12
    with ledger.read() as tx:
        for statement, parameters in asked:
            plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            steps = [step for step in plan if re.match(r"SCAN run\b", step)]
            assert all("INDEX" in step for step in steps), (statement, plan)


def test_the_order_of_runs_needs_no_sorting(ledger: Ledger) -> None:
    """The queue is looked at each second: it comes from its index in order."""
    with ledger.read() as tx:
        plan = tx.execute(text("EXPLAIN QUERY PLAN SELECT * FROM run WHERE state = 'queued' ORDER BY id")).all()

    assert [row[3] for row in plan] == ["SEARCH run USING INDEX ix_run_state_id (state=?)"]


def test_an_interrupted_run_names_the_one_that_followed(ledger: Ledger) -> None:
    """Once a later run of its source has begun, and not by an order that still waits."""
    operations = Operations(ledger, lambda: NOW, lambda _source: None)
    ledger.runs.start("s", "p", NOW, 1)
    (cut,) = ledger.runs.abandon_open(NOW)
    ledger.runs.queue("s", "p", NOW + timedelta(minutes=1), Order())
    ledger.runs.start("other", "p", NOW + timedelta(minutes=1), 1)

    assert operations.taken_up(cut) is None
    later = ledger.runs.start("s", "p", NOW + timedelta(minutes=2), 1)
    assert operations.taken_up(cut) == later
