"""Deletes that a feed asks for and the guard withholds: each record is named, so that whoever agrees sees to what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from years import Instance, iri, is_held

from federation.catalogue.records import titles
from federation.ledger.operations import Operations
from federation.model import Rule, RunState
from federation.vocabulary import load

LIVE = (
    "<record><header><identifier>{0}</identifier><datestamp>2026-03-01</datestamp></header><metadata>"
    '<d:dc xmlns:d="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:title>Jardin {0}</dc:title><dc:identifier>https://p.example/{0}</dc:identifier></d:dc></metadata></record>"
)
GONE = (
    '<record><header status="deleted"><identifier>{0}</identifier><datestamp>2026-03-02</datestamp></header></record>'
)
SOURCE = """[source]
id = "s"
partner = "p"
url = "../s.xml"
format = "oai-pmh"
licence = "https://creativecommons.org/licenses/by/4.0/"
[records]
id = "identifier"
page = "dc:identifier"
[fields]
name = "dc:title"
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Instance]:
    """An instance that has harvested ten records by OAI-PMH."""
    made = Instance(tmp_path, load())
    (made.settings.sources_dir / "s.toml").write_text(SOURCE, "utf-8")
    say(made, range(10), ())
    assert made.run().counts.new == 10
    yield made
    made.close()


def say(here: Instance, live: range, gone: range | tuple[int, ...]) -> None:
    """Write what the repository says from now on."""
    records = "".join([*(LIVE.format(n) for n in live), *(GONE.format(n) for n in gone)])
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<ListRecords>{records}</ListRecords></OAI-PMH>"
    )
    (here.folder / "s.xml").write_text(text, "utf-8")


def test_held_deletes_are_named_one_by_one(here: Instance) -> None:
    """Seven of ten: all stay online, and the operator sees which, by name, in the run's findings and in the list."""
    say(here, range(7, 10), range(7))
    plan = here.preview()
    run = here.night()
    operations = Operations(here.ledger, here.clock, lambda _source: None)

    is_held(run, Rule.EXPLICIT)
    told = [finding.record for finding in run.findings if finding.rule == "delete-held"]
    assert told == [iri(str(n)) for n in range(7)]
    assert [finding.record for finding in plan.report.findings if finding.rule == "delete-held"] == told
    waiting = operations.withheld_of(run, limit=5)
    assert (waiting.asked, [state.key for state in waiting.deletes]) == (7, ["0", "1", "2", "3", "4"])
    assert (waiting.total, waiting.records) == (0, [])
    assert [each.asked for each in operations.withheld()] == [7]
    names = titles(here.store.reader(), [state.record for state in waiting.deletes])
    assert names[iri("3")] == {"fr": "Jardin 3"}


def test_approved_deletes_are_held_no_more(here: Instance) -> None:
    """What a person has agreed to goes, and is named no more as waiting."""
    say(here, range(7, 10), range(7))
    here.approve(here.night(), explicit=7)

    run = here.night()

    assert run.state is RunState.SUCCEEDED
    assert here.online() == {"7", "8", "9"}
    assert not [finding for finding in run.findings if finding.rule == "delete-held"]


def test_few_deletes_are_obeyed_at_once(here: Instance) -> None:
    """Two of ten are no accident: nothing is held, so nothing is told."""
    say(here, range(2, 10), range(2))

    run = here.night()

    assert (run.state, run.counts.withdrawn) == (RunState.SUCCEEDED, 2)
    assert not [finding for finding in run.findings if finding.rule == "delete-held"]
