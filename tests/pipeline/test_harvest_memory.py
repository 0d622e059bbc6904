"""What runs, approvals, replays and undone runs leave for the next judgement: counts of absence, n, ceilings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from years import NIGHT, Instance, iri, is_held, row, rows, rules

from federation.ledger.records import RecordStatus
from federation.model import Action, Record, Rule, RunKind, RunState, Tier
from federation.pipeline import Asked, harvest
from federation.pipeline.merge import Item
from federation.vocabulary import Vocabulary


@pytest.fixture
def here(tmp_path: Path, vocabulary: Vocabulary) -> Iterator[Instance]:
    """An instance whose accounts all agree in the end."""
    instance = Instance(tmp_path, vocabulary)
    yield instance
    instance.check()
    instance.close()


class Killed(BaseException):
    """Stands for the end of the process."""


def cut(here: Instance) -> None:
    """Harvest ``s``; the process ends after the first batch, and the next start finishes what was cut."""

    def end(_batch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        harvest(here.source(), replace(here.shop, follow=end), lambda *_: None, Asked())
    here.close()
    here.open()


def test_a_replay_counts_no_absence(here: Instance) -> None:
    """Old bytes say nothing of what the partner lists tonight: nothing is missing, or gone, for not being there."""
    old = here.run(rows(9))
    for _ in range(8):
        here.night(rows(10))
    before = here.dump()
    replayed = here.run(kind=RunKind.REPLAY, of=old.run)
    assert (replayed.state, replayed.counts.missing, replayed.counts.withdrawn) == (RunState.SUCCEEDED, 0, 0)
    assert here.states()["9"].state == RecordStatus.LIVE
    here.night(rows(9))
    first = here.night()
    assert here.states()["9"].misses == 2
    for _ in range(8):
        here.clock.turn(NIGHT)
        here.run(kind=RunKind.REPLAY, of=first.run)
    assert (here.states()["9"].misses, here.states()["9"].state) == (2, RecordStatus.MISSING)
    assert here.dump() == before


def test_an_approval_of_changes_says_nothing_of_losses(here: Instance) -> None:
    """The highest count of the last 30 days stands until a person agrees to fewer records."""
    here.run(rows(100))
    for _ in range(9):
        here.night(rows(81))
    assert len(here.online()) == 81
    changed = here.night(rows(81, "Tout autre"))
    is_held(changed, Rule.CHANGE)
    here.approve(changed, change=81)
    assert here.run().state is RunState.SUCCEEDED
    lost = here.night(rows(79, "Tout autre"))
    assert {hold.rule: (hold.figure, hold.limit) for hold in lost.holds} == {Rule.SHRINK: (21, 20)}


def test_undoing_a_run_ends_what_was_approved(here: Instance) -> None:
    """What a person has put back is not let go again by the approval that let it go."""
    here.run(rows(20))
    wrong = here.night(rows(20, "Faux"))
    here.approve(wrong, change=20)
    agreed = here.run()
    assert agreed.counts.changed == 20
    assert agreed.state is RunState.SUCCEEDED
    before = here.dump()
    here.undo(agreed)
    here.ledger.sources.set_state("s", "live")
    is_held(here.run(), Rule.CHANGE)
    assert here.dump() != before


def test_undoing_growth_takes_its_count_back(here: Instance) -> None:
    """A run that brought a hundred records by mistake does not raise the limits after it was undone."""
    here.run(rows(10))
    flood = here.night(rows(100))
    assert len(here.online()) == 100
    here.undo(flood)
    here.ledger.sources.set_state("s", "live")
    held = here.night(rows(7))
    assert {hold.rule: (hold.figure, hold.limit) for hold in held.holds} == {Rule.SHRINK: (3, 2)}


def test_an_undone_return_begins_the_absence_anew(here: Instance) -> None:
    """A record that a run had found again, and that undoing it makes missing, is not gone the next night."""
    here.run(rows(10))
    for _ in range(7):
        here.night(rows(9))
    assert here.states()["9"].misses == 7
    back = here.night([*rows(9), row("9", "Revenu")])
    here.undo(back)
    here.ledger.sources.set_state("s", "live")
    here.night(rows(9))
    state = here.states()["9"]
    assert (state.state, state.misses) == (RecordStatus.MISSING, 1)


def test_an_undone_withdrawal_begins_the_absence_anew(here: Instance) -> None:
    """A record that a person has put back has its whole time of grace again."""
    here.run(rows(10))
    for _ in range(7):
        here.night(rows(9))
    gone = here.night(rows(9))
    assert gone.counts.withdrawn == 1
    here.undo(gone)
    here.ledger.sources.set_state("s", "live")
    for _ in range(7):
        here.night(rows(9))
        assert "9" in here.online()
    here.night(rows(9))
    assert "9" not in here.online()


def test_undoing_a_run_puts_tiers_back(here: Instance) -> None:
    """A run that changed but the tier of a record is undone like any other, and so is the undoing."""
    here.run(rows(3))
    states, graphs = here.states(), here.merger.graphs([iri("1")])
    known = states["1"]
    record = Record(
        known.record, known.partner, known.source, known.key, str(known.page), graphs[known.record], known.digest,
        known.raw_hash, row_hash=known.row_hash, claims=(str(known.page),),
    )  # fmt: skip
    here.merger.apply("earlier", "another mapping", [Item(Action.UPDATE, record, Tier.FULL)])
    here.merger.publish()
    before = here.dump()
    run = here.night(rows(3)[::-1])
    assert here.states()["1"].tier == Tier.ESSENTIAL.value
    after = here.dump()
    undone = here.undo(run)
    assert (undone.counts.changed, here.states()["1"].tier) == (1, Tier.FULL.value)
    assert here.dump() == before
    here.undo(undone)
    assert here.dump() == after
    here.check()


@pytest.mark.parametrize("known", [False, True])
def test_undoing_a_join_leaves_no_line(here: Instance, known: bool) -> None:
    """The address of a project that a run joined to another partner's leads there no more once the run is undone."""
    for source, partner in (("s", "p"), ("t", "q")):
        here.map(source, partner, sameAs="same")
    here.run([{**each, "url": f"https://q.example/{each['id']}"} for each in rows(3)], "t")
    here.run(rows(10 if known else 9))
    before = here.dump()
    joined = here.night([*rows(9), row("9", same="https://q.example/1")])
    after = here.dump()
    assert "isReplacedBy" in after
    undone = here.undo(joined)
    assert here.dump() == before
    here.check()
    here.undo(undone)
    assert here.dump() == after
    here.check()


def test_the_same_feed_again_is_judged_alike(here: Instance) -> None:
    """New records that come beside a loss do not make room for it: it waits for a person, that night and after."""
    here.run(rows(100))
    for _ in range(8):
        is_held(here.night(rows(79)), Rule.SHRINK)
    grown = here.night([*rows(79), *rows(20, start=200)])
    assert (rules(grown), grown.counts.new, grown.counts.withdrawn) == ({Rule.SHRINK}, 20, 0)
    before, told = here.dump(), here.told()
    again = here.run()
    assert (again.holds, again.counts.withdrawn) == (grown.holds, 0)
    assert (here.dump(), here.told()) == (before, told)
    here.approve(grown, shrink=21)
    assert here.run().counts.withdrawn == 21


def test_a_cut_run_holds_what_it_had_held(here: Instance) -> None:
    """Though what it brought before the cut is live by then."""
    here.run(rows(10))
    feed = [*rows(10, "Autre texte"), *rows(60, start=100)]
    here.clock.turn(NIGHT)
    here.feed(feed)
    cut(here)
    assert len(here.online()) == 70
    resumed = here.run()
    assert {hold.rule: (hold.figure, hold.limit) for hold in resumed.holds} == {Rule.CHANGE: (10, 5)}


def test_records_that_come_back_are_no_loss(here: Instance) -> None:
    """What went lately weighs on the limit until it is listed again, and no minute longer."""
    here.run(rows(100))
    for _ in range(9):
        here.night(rows(85))
    assert len(here.online()) == 85
    back = here.night([*rows(79), *rows(15, start=85)])
    assert (rules(back), back.counts.new, back.counts.missing) == (set(), 15, 6)
    assert rules(here.run()) == set()


def test_a_cut_run_counts_what_it_had_brought(here: Instance) -> None:
    """A run that brings records and withdraws others leaves the same limits, whether it was cut or not."""
    here.run(rows(50))
    for _ in range(7):
        here.night(rows(45))
    feed = [*rows(45), *rows(5, start=100)]
    here.clock.turn(NIGHT)
    here.feed(feed)
    cut(here)
    assert len(here.online()) == 55
    resumed = here.run()
    assert resumed.counts.withdrawn == 5
    assert len(here.online()) == 50
    lost = here.night([*rows(38), *rows(5, start=100)])
    assert {hold.rule: (hold.figure, hold.limit) for hold in lost.holds} == {Rule.SHRINK: (12, 11)}


def test_a_stopped_run_tells_what_it_has_withdrawn(here: Instance) -> None:
    """Its account is true though it did not come to its end."""
    here.run(rows(50))
    for _ in range(7):
        here.night(rows(45))
    here.clock.turn(NIGHT)
    cut(here)
    last = here.ledger.runs.last("s", [RunState.ABANDONED])
    assert last is not None
    assert (last.live, last.counts.withdrawn) == (45, 5)
