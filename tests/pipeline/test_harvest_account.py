"""The account of a run says what is in the store, also when its feed breaks off."""

from __future__ import annotations

from pathlib import Path

from federation.ledger import open_ledger
from federation.model import RunState
from federation.platform import open_platform
from federation.settings import load_settings

SOURCE = """[source]
id = "s"
partner = "p"
url = "../feed.csv"
format = "csv"
licence = "https://creativecommons.org/licenses/by/4.0/"
[records]
id = "id"
page = "url"
[fields]
name = "name"
[limits]
records = 2500
"""


def test_a_feed_that_breaks_off_counts_what_was_written_and_no_more(tmp_path: Path) -> None:
    """Rows that were planned before the failure are written; the run is incomplete and starts when the ledger says."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "s.toml").write_text(SOURCE, "utf-8")
    rows = "".join(f"{number};Projet {number};https://p.example/{number}\n" for number in range(2600))
    (tmp_path / "feed.csv").write_text(f"id;name;url\n{rows}", "utf-8")
    platform = open_platform(load_settings(tmp_path, {"CARREFOUR_WORKERS": "1"}))

    with platform.writing() as writer:
        # the limit is met while rows are under way in worker processes: only those taken back are counted
        report = writer.harvest(platform.source("s"), lambda *_: None)
    platform.close()

    ledger = open_ledger("", platform.settings.data_dir / "ledger")
    last = ledger.runs.last("s")
    stored = len(ledger.records.states("s"))
    ledger.close()
    assert report.counts.accepted == report.counts.new == stored > 0
    assert report.state is RunState.INCOMPLETE
    assert last is not None
    assert (last.started, last.counts) == (report.started, report.counts)
