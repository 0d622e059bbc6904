"""Whole harvests over HTTP while engines or people interfere: two at once, a stop, a lock, a wish to be forgotten."""

from __future__ import annotations

import gzip
import re
import sqlite3
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from years import Instance, iri, row, rows

import federation.pipeline
from federation.errors import DataFolderBusy, EngineUnavailable
from federation.ledger.records import RecordStatus
from federation.model import RunKind, RunState
from federation.pipeline.merge import AppliedBatch

SECRET = "Zoubida de la rue sans nom"
FEW = 3


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three records in a batch, so that a run of a few records has several."""
    monkeypatch.setattr(federation.pipeline, "BATCH", FEW)
    monkeypatch.setattr(sys.modules["federation.pipeline.apply"], "BATCH", FEW)


def between_batches(here: Instance, batch: int, act: Any) -> None:
    """Have something happen after so many batches of a run."""
    seen: list[AppliedBatch] = []

    def follow(applied: AppliedBatch) -> None:
        seen.append(applied)
        if len(seen) == batch:
            act()

    here.shop = replace(here.shop, follow=follow)


@pytest.mark.fault(34)
def test_a_ledger_that_is_held_for_a_moment_delays_a_run_and_no_more(here: Instance, small_batches: None) -> None:
    """Another process has its lock in mid-run: the run waits, readers read on, and the end is as ever."""
    ledger = here.settings.data_dir / "ledger" / "ledger.sqlite"
    let_go = threading.Event()
    holders: list[threading.Thread] = []

    def hold() -> None:
        with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held.set()
            let_go.wait(0.5)
            other.execute("ROLLBACK")

    held = threading.Event()

    def begin() -> None:
        holders.append(threading.Thread(target=hold))
        holders[0].start()
        assert held.wait(10)
        assert here.store.reader().ask("ASK { GRAPH ?g { ?s ?p ?o } }")

    here.run(rows(2))
    between_batches(here, 1, begin)
    report = here.night(rows(12))
    holders[0].join(10)
    assert (report.state, report.counts.new) == (RunState.SUCCEEDED, 10)


@pytest.mark.fault(34)
def test_a_ledger_that_stays_locked_stops_the_run_and_the_journal_resumes_it(
    here: Instance, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has it is waited for a while, then told; the next start carries on, and no cursor has moved."""
    monkeypatch.setattr("federation.ledger.database._WAIT", 0.2)
    here.run(rows(6))
    here.close()
    here.open()
    ledger = here.settings.data_dir / "ledger" / "ledger.sqlite"
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        between_batches(here, 2, lambda: other.execute("BEGIN IMMEDIATE"))
        with pytest.raises(EngineUnavailable, match="held by another process"):
            here.night(rows(12, "Autre texte", start=3))
        other.execute("ROLLBACK")
    assert here.ledger.cursors.fact("settled/s") == ""
    here.close()
    here.open()
    here.check()
    last = here.ledger.runs.last("s")
    assert last is not None
    assert last.state is RunState.ABANDONED
    report = here.night(rows(12, "Autre texte", start=3))
    assert report.state is not RunState.UNCHANGED
    assert here.online() == {str(number) for number in range(15)}
    again = here.night()
    assert (again.counts.new, again.counts.changed, again.counts.unchanged) == (0, 0, 12)


@pytest.mark.fault(36)
def test_of_two_runs_of_one_source_one_runs(here: Instance, small_batches: None) -> None:
    """The second is refused in mid-run of the first, names who is at it, and leaves no trace; the first goes on."""
    refused: list[BaseException] = []

    def second() -> None:
        with pytest.raises(DataFolderBusy) as caught:
            federation.pipeline.harvest(here.source(), here.shop, lambda *_: None)
        refused.append(caught.value)

    between_batches(here, 2, second)
    report = here.run(rows(12))

    assert len(refused) == 1
    assert (report.state, report.counts.new) == (RunState.SUCCEEDED, 12)
    assert [run.run for run in here.ledger.runs.recent()] == [report.run]
    assert here.night().state is RunState.UNCHANGED


@pytest.mark.fault(36)
def test_who_wakes_late_writes_nothing(here: Instance) -> None:
    """A run of before a restart finds everything closed: not a byte, not a row is written by it."""
    here.run(rows(5))
    asleep = here.shop
    here.close()
    here.open()
    here.night(rows(5, "Du nouveau"))
    before, told, runs = here.dump(), here.told(), here.ledger.runs.recent()
    here.feed(rows(5, "De l'ancien"))
    with pytest.raises(EngineUnavailable, match="closed"):
        federation.pipeline.harvest(here.source(), asleep, lambda *_: None)
    assert (here.dump(), here.told(), here.ledger.runs.recent()) == (before, told, runs)


@pytest.mark.fault(37)
def test_told_to_stop_a_run_stops_between_two_records_and_is_taken_up(here: Instance, small_batches: None) -> None:
    """What it applied stays, whole; nothing counts as missing; the next start brings the rest."""
    here.run(rows(6))
    stop = threading.Event()
    between_batches(here, 2, stop.set)
    here.shop = replace(here.shop, stop=stop.is_set)
    feed = rows(12, start=1)

    cut = here.night(feed)

    assert cut.state is RunState.ABANDONED
    assert here.online() == {str(number) for number in range(12)}
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}
    here.check()
    here.close()
    here.open()
    rest = here.night(feed)
    assert (rest.state, rest.counts.new, rest.counts.unchanged, rest.counts.missing) == (RunState.SUCCEEDED, 1, 11, 1)
    assert len(here.online()) == 13


@pytest.mark.fault(37)
def test_a_first_harvest_cut_short_goes_on_as_a_first_harvest(here: Instance, small_batches: None) -> None:
    """What it had brought is no measure of growth: the rest, forty times as much, waits for nobody."""
    stop = threading.Event()
    between_batches(here, 1, stop.set)
    here.shop = replace(here.shop, stop=stop.is_set)
    feed = rows(120)

    cut = here.night(feed)

    assert cut.state is RunState.ABANDONED
    assert len(here.online()) == FEW
    here.close()
    here.open()
    rest = here.night(feed)
    assert (rest.state, rest.counts.new, rest.counts.unchanged) == (RunState.SUCCEEDED, 120 - FEW, FEW)


def holding(folder: Path, words: Sequence[str]) -> dict[str, list[str]]:
    """The files that hold any of these words, plain or compressed."""
    found: dict[str, list[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            texts = [text, *_inflated(text)]
            if held := [word for word in words if any(word.encode() in each for each in texts)]:
                found[str(path.relative_to(folder))] = held
    return found


def _inflated(text: bytes) -> Iterator[bytes]:
    if text[:2] == b"\x1f\x8b":
        yield gzip.decompress(text)
    for start in re.finditer(b"\x78[\x01\x5e\x9c\xda]", text):
        try:
            yield zlib.decompressobj().decompress(text[start.start() : start.start() + 1_000_000])
        except zlib.error:
            continue


@pytest.mark.fault(42)
def test_what_a_person_wants_gone_is_in_no_file(here: Instance) -> None:
    """Store, checkpoints, ledger, journal, kept feeds: every version of the record, refused ones too, is in none.

    And it stays so when the feed brings the record again, which is then counted, and the feed not kept.
    """
    first = here.run([row("0", f"{SECRET} un"), *rows(9, start=1)])
    here.night([row("0", f"{SECRET} deux"), *rows(9, start=1)])
    here.night([{**row("0", f"{SECRET} trois"), "name": ""}, *rows(9, start=1)])
    assert holding(here.settings.data_dir, [SECRET]), "there is something to be removed"

    assert here.forget("0")

    assert holding(here.settings.data_dir, [SECRET]) == {}
    back = here.night([row("0", f"{SECRET} encore"), *rows(10, start=1)])
    assert (back.counts.excluded, back.counts.new) == (1, 1)
    assert here.run(kind=RunKind.REPLAY, of=first.run).state is RunState.FAILED
    here.undo(back)
    assert iri("0") not in here.graphs()
    here.close()
    here.open()
    assert holding(here.settings.data_dir, [SECRET]) == {}
    assert here.online() == {str(number) for number in range(1, 10)}
