"""The change log: found by what it tells of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from federation.ledger import open_ledger
from federation.ledger.changes import NewChange
from federation.model import Action

NOW = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)


def test_the_latest_change_is_found_by_record_and_by_project_up_to_a_number(tmp_path: Path) -> None:
    """What readers of an older state may know of a thing; nothing of what never was."""
    ledger = open_ledger("", tmp_path)
    record, project = "https://commons.example/records/a/1", "https://commons.example/id/projet/p"
    news = [NewChange(Action.CREATE, record, "d1", project), NewChange(Action.DELETE, record, "", project)]
    for hours, new in enumerate(news):
        with ledger.write() as tx:
            ledger.changes.append([new], NOW + timedelta(hours=hours), tx)

    for iri in (record, project):
        newest, older = ledger.changes.latest(iri), ledger.changes.latest(iri, upto=1)
        assert newest is not None
        assert older is not None
        assert (newest.action, newest.time) == (Action.DELETE, NOW + timedelta(hours=1))
        assert (older.action, older.time) == (Action.CREATE, NOW)
    assert ledger.changes.latest(record, upto=0) is None
    assert ledger.changes.latest("https://commons.example/records/a/2") is None
    ledger.close()
