"""What a source's feeds may do to an instance in years: empty lists, leaks, new ids, clocks, undoing, people."""

from __future__ import annotations

import errno
import json
import os
import pickle
from datetime import timedelta

import pytest
from years import NIGHT, Instance, iri, is_held, row, rows, rules

from federation.errors import DataFolderBusy, EngineUnavailable
from federation.ledger.records import RecordStatus
from federation.model import Reason, Rule, RunKind, RunState


@pytest.mark.fault(7)
@pytest.mark.parametrize("body", ['{"data": []}', '{"data": null}', '{"data": {}}', "{}", '{"items": []}', "[]", ""])
def test_an_empty_list_removes_nothing(here: Instance, body: str) -> None:
    """200 and nothing in it is held or failed, nothing is marked missing, the next good night is as ever."""
    good = json.dumps({"data": rows(10)})
    here.map(at="data")
    here.feed_text(good)
    here.run()
    before = here.dump()

    here.feed_text(body)
    empty = here.night()

    assert empty.state in {RunState.HELD, RunState.FAILED}
    assert empty.counts.withdrawn == 0
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}
    assert here.dump() == before
    here.feed_text(good)
    assert here.night().counts.unchanged == 10


@pytest.mark.fault(7)
def test_an_empty_list_is_held_by_name(here: Instance) -> None:
    """An empty array falls on the rule `empty`."""
    here.run(rows(3))
    is_held(here.night([]), Rule.EMPTY)


@pytest.mark.fault(7)
def test_a_first_list_that_is_empty_fails(here: Instance) -> None:
    """There is nothing to hold, but nothing to rejoice at."""
    assert here.run([]).state is RunState.FAILED


@pytest.mark.fault(7)
def test_an_empty_list_that_a_person_confirms_empties_the_source(here: Instance) -> None:
    """Approved and confirmed, everything is withdrawn at once, and an empty list is no news after that."""
    here.run(rows(10))
    here.approve(here.night([]), empty=10, shrink=10)

    confirmed = here.run(confirmed=True)

    assert confirmed.state is RunState.SUCCEEDED
    assert confirmed.counts.withdrawn == 10
    assert not here.online()
    assert here.night().state is not RunState.HELD


@pytest.mark.fault(16)
def test_a_list_ten_times_shorter_withdraws_nothing(here: Instance) -> None:
    """A tenth of the list, for ten nights: held each night, and all records stay online."""
    here.run(rows(100))
    for _ in range(10):
        is_held(here.night(rows(10)), Rule.SHRINK)
    assert len(here.online()) == 100
    assert here.night(rows(100)).state is RunState.SUCCEEDED


@pytest.mark.fault(16)
def test_a_list_ten_times_longer_adds_nothing(here: Instance) -> None:
    """New records are withheld, changed ones come in all the same."""
    here.run(rows(40))
    grown = here.night([row("0", "Autre texte"), *rows(399, start=1)])
    is_held(grown, Rule.GROWTH)
    assert len(here.online()) == 40
    assert any("Autre texte" in content for content in here.graphs().values())


@pytest.mark.fault(16)
def test_a_slow_leak_is_seen(here: Instance) -> None:
    """15 % less every night is held from the second night on; no night alone would be."""
    left = 100
    here.run(rows(left))
    states = []
    for _ in range(14):
        left = left * 85 // 100
        states.append(here.night(rows(left)).state)
    assert states[0] is RunState.SUCCEEDED
    assert set(states[1:]) == {RunState.HELD}
    assert len(here.online()) == 100


@pytest.mark.fault(16)
def test_a_leak_that_waits_for_each_withdrawal_is_seen(here: Instance) -> None:
    """A few each ten days, so that those before are withdrawn already, are counted together."""
    here.run(rows(100))
    held = []
    for lost in (9, 18, 27):
        for _ in range(10):
            held.append(here.night(rows(100 - lost)).state is RunState.HELD)
    assert not any(held[:20])
    assert all(held[20:])
    assert len(here.online()) == 82


@pytest.mark.fault(17)
def test_new_ids_for_the_same_projects_are_held_whole(here: Instance) -> None:
    """Nothing is written and nothing is missing; the rule explains all the others."""
    here.run(rows(30))
    before = here.dump()
    renamed = here.night([{**each, "id": f"n{each['id']}"} for each in rows(30)])
    is_held(renamed, Rule.RE_IDENTIFIED)
    assert here.dump() == before
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}
    assert here.night(rows(30)).counts.unchanged == 30


@pytest.mark.fault(18, 19)
def test_a_live_record_keeps_its_last_good_version(here: Instance) -> None:
    """Without its id, without its name, and twice in the list: what was online stays as it was."""
    here.run(rows(10))
    before = here.dump()

    no_name = here.night([{**row("0"), "name": ""}, *rows(9, start=1)])
    assert (no_name.state, no_name.counts.held) == (RunState.WITH_REJECTS, 1)
    assert here.states()["0"].state == RecordStatus.HELD
    assert any(found.rule for found in no_name.findings)
    assert here.dump() == before

    no_id = here.night([{**row("0"), "id": "", "url": ""}, *rows(9, start=1)])
    assert (no_id.counts.rejected, no_id.counts.missing) == (1, 1)
    assert here.dump() == before

    twice = here.night([*rows(10), row("0", "Encore")])
    assert twice.counts.rejected == 1
    assert here.states()["0"].state == RecordStatus.LIVE
    assert here.dump() == before


@pytest.mark.fault(18)
def test_one_id_for_all_rows_keeps_what_is_online(here: Instance) -> None:
    """An id that never varies takes nothing away and adds nothing."""
    here.run(rows(20))
    here.night([{**each, "id": "7"} for each in rows(20)])
    assert here.online() == {str(number) for number in range(20)}


@pytest.mark.fault(19)
def test_a_whole_feed_refused_is_held_back(here: Instance) -> None:
    """All of a source's records invalid: the last good versions stay online, and the run says so."""
    here.run(rows(20))
    before = here.dump()
    refused = here.night([{**each, "name": ""} for each in rows(20)])
    is_held(refused, Rule.REJECT)
    assert refused.counts.held == 20
    assert here.dump() == before
    again = here.night()
    assert again.counts.held == 20
    assert here.dump() == before
    assert here.night(rows(20)).counts.unchanged == 20
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}


@pytest.mark.fault(20)
def test_a_wrong_mapping_is_held(here: Instance) -> None:
    """An edit that changes every record waits for a person; mended, nothing has happened."""
    here.run(rows(20))
    before = here.dump()
    here.map(name="url")
    is_held(here.night(), Rule.CHANGE)
    assert here.dump() == before
    here.map()
    mended = here.night()
    assert (mended.state, mended.counts.changed) == (RunState.SUCCEEDED, 0)


@pytest.mark.fault(26)
def test_several_places_of_a_record_are_one_record_in_any_order(here: Instance) -> None:
    """Rows of one id are joined; permuted rows change nothing; a conflicting field is a finding."""
    here.map(extra='location.postalCode = "cp"\n'.replace("postalCode", "address.postalCode"))
    path = here.settings.sources_dir / "s.toml"
    path.write_text(path.read_text("utf-8").replace("[records]\n", '[records]\nrepeat = ["location"]\n'), "utf-8")
    places = [row("1", cp=code) for code in ("63000", "69001", "75011")]
    first = here.run([*places, row("2", cp="63000")])
    assert (first.counts.new, first.counts.merged) == (2, 2)
    told = here.told()

    permuted = here.night([row("2", cp="63000"), *reversed(places)])
    assert (permuted.counts.changed, here.told()) == (0, told)

    others = [row("3", cp="63000"), row("3", "Autre", cp="69001"), row("3", cp="75011")]
    conflict = here.night([*others, *places, row("2", cp="63000")])
    assert (conflict.counts.changed, conflict.counts.new) == (0, 1)
    assert "repeat-conflict" in {found.rule for found in conflict.findings}
    assert "Autre" not in here.graphs()[iri("3")]


@pytest.mark.fault(27)
def test_order_keys_and_spaces_change_nothing(here: Instance) -> None:
    """The same values in other bytes, and a counter that nobody maps: nothing is written or announced."""
    here.run(rows(10))
    before, told = here.dump(), here.told()
    shuffled = [dict(sorted({**each, "views": number}.items())) for number, each in enumerate(reversed(rows(10)))]
    shuffled[0]["name"] = f"  {shuffled[0]['name']} "
    report = here.night(shuffled)
    assert (report.state, report.counts.unchanged, report.counts.changed) == (RunState.SUCCEEDED, 10, 0)
    assert (here.dump(), here.told()) == (before, told)


@pytest.mark.fault(28)
def test_a_row_marked_not_to_publish_is_left_out(here: Instance) -> None:
    """It is excluded and counted, and what others say of it is only a link."""
    here.map(extra='[except]\n"brouillon" = true\n')
    report = here.run([row("1", brouillon=False), row("2", brouillon=True)])
    assert (report.counts.accepted, report.counts.excluded) == (1, 1)
    assert here.online() == {"1"}


@pytest.mark.fault(35)
def test_a_full_disk_for_the_plan_changes_nothing(here: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be planned whole is not begun; after a restart the same feed comes in."""
    here.run(rows(10))
    before = here.dump()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pickle, "dump", full)
        with pytest.raises(EngineUnavailable, match="Nothing was changed"):
            here.night(rows(12, "Autre texte"))
    assert here.dump() == before
    here.close()
    here.open()
    assert here.dump() == before
    assert here.run(rows(12, "Un projet")).counts.new == 2


@pytest.mark.fault(36)
def test_two_runs_of_one_source_exclude_each_other(here: Instance) -> None:
    """The second one is told who is at it; another source may run; after the end both may."""
    here.run(rows(2))
    busy = here.ledger.runs.start("s", "p", here.clock(), 1234)
    with pytest.raises(DataFolderBusy, match="1234"):
        here.run()
    assert here.run(rows(2), "t").counts.new == 2
    assert here.ledger.runs.get(busy) is not None
    here.close()
    here.open()
    cut = here.ledger.runs.get(busy)
    assert cut is not None
    assert cut.state is RunState.ABANDONED, "who does not come back is reaped"
    assert here.night().counts.accepted == 2
    assert here.online() == {"0", "1"}


@pytest.mark.fault(38)
def test_a_clock_a_day_off_withdraws_nothing_early(here: Instance) -> None:
    """A clock a day ahead, then right, then a day behind, never makes seven days of three."""
    here.run(rows(10))
    for turn in (NIGHT, NIGHT, -2 * NIGHT, NIGHT, -NIGHT):
        here.clock.turn(turn)
        here.run(rows(9))
    assert len(here.online()) == 10
    for _ in range(9):
        here.night()
    assert len(here.online()) == 9


@pytest.mark.fault(38)
def test_a_clock_set_back_does_not_hide_a_change(here: Instance) -> None:
    """The run before is the one that ran before, whatever the clock said then."""
    here.clock.turn(NIGHT)
    here.run(rows(5))
    here.clock.turn(-NIGHT)
    assert here.run(rows(5, "Neuf")).counts.changed == 5
    here.clock.turn(NIGHT)
    assert here.run(rows(5)).counts.changed == 5


@pytest.mark.fault(38)
def test_three_runs_in_ten_minutes_are_one_absence(here: Instance) -> None:
    """Three orders of an impatient person count as one night."""
    here.run(rows(10))
    here.clock.turn(NIGHT)
    for _ in range(3):
        here.clock.turn(timedelta(minutes=3))
        here.run(rows(9))
    assert here.states()["9"].misses == 1


def test_an_absent_record_goes_after_three_nights_and_seven_days(here: Instance) -> None:
    """Section 8: it is online until the seventh day, also when the list says the same bytes each night."""
    here.run(rows(10))
    days = []
    for _ in range(8):
        here.night(rows(9))
        days.append(len(here.online()))
    assert days == [10] * 7 + [9]
    assert here.states()["9"].reason == Reason.ABSENT.value


def test_a_return_withheld_by_the_guard_is_a_return(here: Instance) -> None:
    """Section 8: three absences in a row, not three in all; a record that came back changed in a held run was here."""
    here.run(rows(10))
    for _ in range(6):
        here.night(rows(9))
    is_held(here.night(rows(10, "Tout autre")), Rule.CHANGE)
    assert here.states()["9"].misses == 0
    here.night(rows(9))
    here.night(rows(9))
    assert "9" in here.online()


@pytest.mark.fault(39)
@pytest.mark.parametrize("mixed", [False, True])
def test_a_preview_says_what_the_harvest_does_and_writes_nothing(here: Instance, mixed: bool) -> None:
    """Counts and holds are those of the harvest that follows; not a byte of the instance changes."""
    here.run(rows(20))
    feed = [*rows(12, "Autre"), {**row("12"), "name": ""}, *rows(3, start=13), *rows(2, start=90)]
    here.night(feed if mixed else rows(18))
    here.clock.turn(NIGHT)
    here.feed(rows(15) if mixed else [])
    before, told = here.everything(), here.told()

    planned = here.preview().report

    assert (here.everything(), here.told()) == (before, told)
    done = here.run()
    assert (planned.state, planned.counts, planned.holds) == (done.state, done.counts, done.holds)


@pytest.mark.fault(39)
def test_a_replay_and_a_second_run_change_nothing(here: Instance) -> None:
    """The same bytes with the same mapping give the same plan: nothing to do."""
    first = here.run(rows(20))
    before, told = here.dump(), here.told()
    again = here.run()
    assert again.state is RunState.UNCHANGED
    replayed = here.run(kind=RunKind.REPLAY, of=first.run)
    for report in (again, replayed):
        counts = report.counts
        assert (counts.new, counts.changed, counts.withdrawn, counts.unchanged) == (0, 0, 0, 20)
    assert (here.dump(), here.told()) == (before, told)


@pytest.mark.fault(39)
def test_a_replay_of_an_old_run_brings_its_feed_back(here: Instance) -> None:
    """Mapped again from stored bytes; the next visit brings the present feed, not the belief that it is."""
    first = here.run(rows(20))
    before = here.dump()
    here.night(rows(5, "Autre") + rows(15, start=5))
    now = here.dump()
    assert here.run(kind=RunKind.REPLAY, of=first.run).counts.changed == 5
    assert here.dump() == before
    here.night()
    assert here.dump() == now


@pytest.mark.fault(40)
def test_undoing_a_run_gives_what_was_before(here: Instance) -> None:
    """New records go, changed and withdrawn ones are as before; the source is paused; undoing is undone."""
    here.run(rows(10))
    for _ in range(7):
        here.night(rows(9))
    before, states = here.dump(), {key: state.state for key, state in here.states().items()}
    bad = here.night([*rows(4, "Faux"), *rows(5, start=4), *rows(2, start=50)])
    assert (bad.counts.changed, bad.counts.new, bad.counts.withdrawn) == (4, 2, 1)
    after = here.dump()

    undone = here.undo(bad)

    assert (undone.state, undone.counts.changed) == (RunState.SUCCEEDED, 7)
    assert here.dump() == before
    assert {key: here.states()[key].state for key in states} == states
    row_of = here.ledger.sources.get("s")
    assert row_of is not None
    assert row_of.state == "paused"
    here.undo(undone)
    assert here.dump() == after


@pytest.mark.fault(40)
def test_undoing_a_run_keeps_what_a_later_one_changed(here: Instance) -> None:
    """Those records are left and listed, the others go back."""
    here.run(rows(10))
    before = here.graphs()
    bad = here.night([*rows(4, "Faux"), *rows(6, start=4)])
    here.night([row("0", "Plus tard"), *rows(3, "Faux", start=1), *rows(6, start=4)])
    later = here.graphs()[iri("0")]

    undone = here.undo(bad)

    assert undone.counts.changed == 3
    assert [found.record for found in undone.findings if found.rule == "changed-later"] == [iri("0")]
    assert here.graphs() == {**before, iri("0"): later}


@pytest.mark.fault(38, 40)
def test_undoing_after_the_clock_was_set_back_keeps_later_changes(here: Instance) -> None:
    """Which run is later does not hang on the clock."""
    here.run(rows(10))
    here.clock.turn(2 * NIGHT)
    bad = here.run([*rows(4, "Faux"), *rows(6, start=4)])
    here.clock.turn(-NIGHT)
    here.run([row("0", "Plus tard"), *rows(3, "Faux", start=1), *rows(6, start=4)])
    later = here.graphs()[iri("0")]
    here.undo(bad)
    assert here.graphs()[iri("0")] == later


@pytest.mark.fault(40)
def test_after_undoing_the_same_feed_is_planned_again(here: Instance) -> None:
    """An undone run is no run that read the feed: taken up again, the source says what it says."""
    here.run(rows(10))
    bad = here.night([*rows(4, "Faux"), *rows(6, start=4)])
    here.undo(bad)
    here.ledger.sources.set_state("s", "live")
    assert here.night().counts.changed == 4


@pytest.mark.fault(41)
def test_a_withdrawn_record_that_returns_has_its_old_address(here: Instance) -> None:
    """Same record, same project, live, and its counters start again."""
    here.run(rows(10))
    before = here.dump()
    pid = here.states()["9"].pid
    for _ in range(8):
        here.night(rows(9))
    assert here.states()["9"].state == RecordStatus.WITHDRAWN
    back = here.night(rows(10))
    assert back.counts.new == 1
    assert here.dump() == before
    state = here.states()["9"]
    assert (state.pid, state.misses, state.withdrawn_at, state.state) == (pid, 0, None, RecordStatus.LIVE)


@pytest.mark.fault(42)
def test_a_forgotten_record_stays_gone(here: Instance) -> None:
    """No harvest, replay or undo brings it back, and nothing of its text is left in any file."""
    secret = "Texte que quelqu'un veut voir disparaître".replace("'", "")
    first = here.run([row("0", secret), *rows(9, start=1)])
    second = here.night([row("0", f"{secret} encore"), *rows(9, start=1)])
    assert here.forget("0")

    assert here.night([row("0", secret), *rows(10, start=1)]).counts.excluded == 1
    replayed = here.run(kind=RunKind.REPLAY, of=first.run)
    assert replayed.state in {RunState.FAILED, RunState.SUCCEEDED}
    here.undo(second)
    here.undo(first)
    assert "0" not in here.online()
    assert secret not in here.dump()
    assert not here.forget("0")


def test_after_an_erasure_a_row_that_nobody_can_tell_keeps_its_cause(here: Instance) -> None:
    """An id that comes twice is still said to do so; the id, which might be the person's, is not quoted."""
    here.run(rows(5))
    assert here.forget("0")

    twice = here.night([*rows(4, start=1), row("jeanne-doe", "Un"), row("jeanne-doe", "Deux")])

    (told,) = (finding for finding in twice.findings if finding.rule == "id-duplicate")
    assert "L'identifiant « … » est déjà celui d'une autre ligne" in told.message["fr"]
    assert "already belongs to another row" in told.message["en"]
    assert "effacée à la demande d'une personne" in told.message["fr"]
    assert "jeanne" not in repr(told)


def test_an_erased_record_leaves_its_project_in_order(here: Instance) -> None:
    """A project that two partners speak of goes on under its address; a rebuild gives the same."""
    here.map("t", "q", sameAs="sameAs")
    here.run([row("0", "Le premier"), *rows(5, start=1)])
    here.run([row("z", "Le second", sameAs="https://p.example/0")], "t")
    project = here.states("t")["z"].pid
    assert here.states()["0"].pid == project

    assert here.forget("0")

    (tombstone,) = (state for state in here.states().values() if state.state == RecordStatus.WITHDRAWN)
    assert (tombstone.page, tombstone.digest, tombstone.key[:2]) == (None, "", "h-")
    assert here.states("t")["z"].pid == project
    here.check()
    before = here.dump()
    here.merger.rebuild()
    assert here.dump() == before
    here.night([row("z", "Le second, plus tard", sameAs="https://p.example/0")], "t")
    assert here.states("t")["z"].pid == project
    here.check()


@pytest.mark.fault(44)
def test_an_approval_does_not_cover_a_worse_feed(here: Instance) -> None:
    """Agreed to lose 30, not 60; and after three days not even 30."""
    here.run(rows(100))
    lost = here.night(rows(70))
    is_held(lost, Rule.SHRINK)
    here.approve(lost, shrink=30)
    assert here.run().state is RunState.SUCCEEDED
    is_held(here.run(rows(40)), Rule.SHRINK)
    held = [rules(here.night(rows(70))) == {Rule.SHRINK} for _ in range(8)]
    assert held[-1]
    assert not any(held[1:3]), "while the approval lasts"
    assert len(here.online()) == 100


def test_an_approved_and_confirmed_loss_is_withdrawn_at_once(here: Instance) -> None:
    """Section 8: an absence confirmed by the partner needs no time of grace."""
    here.run(rows(100))
    here.approve(here.night(rows(70)), shrink=30)
    assert here.run(confirmed=True).counts.withdrawn == 30
    assert len(here.online()) == 70
    assert here.night(rows(60)).state is RunState.SUCCEEDED, "what was agreed to does not weigh on what follows"


def test_an_approved_loss_does_not_weigh_on_the_weeks_after(here: Instance) -> None:
    """Section 7: what was withdrawn with approval is no leak; while that lasts, it counts against its ceiling."""
    here.run(rows(100))
    for _ in range(9):
        lost = here.night(rows(70))
    here.approve(lost, shrink=30)
    assert here.run().counts.withdrawn == 30
    is_held(here.run(rows(69)), Rule.SHRINK)
    for _ in range(4):
        last = here.night(rows(60))
    assert last.state in {RunState.SUCCEEDED, RunState.UNCHANGED}


@pytest.mark.fault(47)
def test_a_retired_source_leaves_no_record_online(here: Instance) -> None:
    """All are withdrawn, held and missing ones too; another source keeps its own."""
    here.run(rows(10))
    here.run(rows(10), "t")
    here.night([{**row("0"), "name": ""}, *rows(8, start=1)])
    retired = here.run(kind=RunKind.RETIRE)
    assert retired.counts.withdrawn == 10
    assert not here.online()
    assert len(here.online("t")) == 10
    assert {state.reason for state in here.states().values()} == {Reason.RETIRED.value}
    assert set(here.graphs()) == {iri(key, "q") for key in here.online("t")}
