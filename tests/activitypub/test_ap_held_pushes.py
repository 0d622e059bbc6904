"""What partners push and the guard holds waits: approved, all of it is taken in, in its order, and announced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ap_intake_desk import ACTOR, COMMONS, HOST, IntakeDesk

from federation.ledger.operations import Operations, Refused
from federation.model import Rule, RunKind, RunReport
from federation.pipeline.pruning import prune
from federation.vocabulary import load


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IntakeDesk]:
    """An instance whose bound partner has twelve records online since the day before yesterday."""
    monkeypatch.setattr("federation.activitypub.intake._WAIT", 20.0)  # what comes together is one run
    made = IntakeDesk(tmp_path / "here", load())
    made.bind()
    made.actor(ACTOR)
    push(made, "Create", range(12), -9)
    made.turn(hours=49)
    made.sent()
    yield made
    made.here.check()
    made.close()


def push(desk: IntakeDesk, kind: str, numbers: range, minutes: float, **more: str) -> list[str]:
    """Give some activities at once, said to the commons; their ids."""
    things = [page(desk, kind, str(number), minutes, **more) for number in numbers]
    ids = [desk.keep(desk.activity(kind, thing, cc=[COMMONS])) for thing in things]
    desk.work()
    return ids


def page(desk: IntakeDesk, kind: str, key: str, minutes: float, **more: str) -> dict[str, object]:
    """What an activity is about."""
    if kind == "Delete":
        return {"id": f"{HOST}/pages/{key}", "type": "Tombstone", "deleted": desk.at(minutes)}
    return desk.page(key, minutes, **more)


def operations(desk: IntakeDesk) -> Operations:
    """What operators do."""
    return Operations(desk.ledger, desk.clock, lambda _source: None)


def approve(desk: IntakeDesk, held: RunReport) -> None:
    """Agree to all that is shown as held."""
    operations(desk).approve(held.run, {hold.rule: hold.figure for hold in held.holds}, False, "odile")


def carry_out(desk: IntakeDesk) -> list[str]:
    """Carry out what is ordered, as a worker does; the runs that it repeats."""
    queued = desk.ledger.runs.queued()
    for one in queued:
        desk.pushing.writer.carry_out(one.order, lambda *_: None, one.run)
    return [str(one.order.of) for one in queued if one.order.kind is RunKind.REPLAY]


def states(desk: IntakeDesk, ids: list[str]) -> set[str]:
    """What became of some activities."""
    return {desk.row(id_).state for id_ in ids}


def inners(desk: IntakeDesk) -> list[str]:
    """The ids of the activities that the commons has announced whole."""
    said = [one["object"] for one in desk.sent() if one["type"] == "Announce"]
    return [one["id"] for one in said if isinstance(one, dict)]


@pytest.mark.parametrize("first", ["worker", pytest.param("intake", marks=pytest.mark.slow)])
def test_all_held_pushes_are_approved_together_and_announced(desk: IntakeDesk, first: str) -> None:
    """Two bursts of Deletes, and news that goes well after them; whichever part of the worker comes first."""
    gone = push(desk, "Delete", range(6), -8) + push(desk, "Delete", range(6, 12), -7)
    fine = push(desk, "Create", range(20, 22), -6)
    assert (states(desk, gone), states(desk, fine)) == ({"held"}, {"done"})
    assert (len(desk.online()), inners(desk)) == (14, fine)

    (held,) = operations(desk).held()
    assert [(hold.rule, hold.figure) for hold in held.holds] == [(Rule.EXPLICIT, 12)]
    assert operations(desk).withheld_of(held).asked == 12
    approve(desk, held)
    assert operations(desk).held() == []
    with pytest.raises(Refused):
        approve(desk, held)
    for act in (carry_out, IntakeDesk.work) if first == "worker" else (IntakeDesk.work, carry_out):
        call: Callable[[IntakeDesk], object] = act
        call(desk)

    assert len(desk.online()) == 2
    assert inners(desk) == gone
    assert states(desk, gone) == {"done"}
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/3")
    assert known is not None
    assert known.state == "tombstone"


def test_of_held_changes_the_latest_word_counts(desk: IntakeDesk) -> None:
    """Held Updates of most records, and a later one of one of them that came meanwhile: that one stays."""
    early = push(desk, "Update", range(7), -9, content="<p>Tôt</p>")
    push(desk, "Update", range(1), -3, content="<p>Tard</p>")
    later = push(desk, "Update", range(5, 12), -5, content="<p>Plus tard</p>")
    assert states(desk, [*early, *later]) == {"held"}
    assert "Tôt" not in desk.text()
    (held,) = operations(desk).held()
    approve(desk, held)
    assert len(carry_out(desk)) == 2
    desk.work()

    text = desk.text()
    assert [text.count(f'"{word}"') for word in ("Tôt", "Tard", "Plus tard")] == [4, 1, 7]
    assert [desk.row(id_).outcome for id_ in early] == ["older", *["taken"] * 4, "older", "older"]
    assert states(desk, later) == {"done"}
    assert operations(desk).held() == []


@pytest.mark.slow
def test_what_is_undone_waits_no_more(desk: IntakeDesk) -> None:
    """Who wants none of it undoes its run; what else waits stays."""
    first, second = push(desk, "Delete", range(6), -8), push(desk, "Delete", range(6, 12), -7)
    (held,) = operations(desk).held()
    operations(desk).undo(held.run, "odile")

    assert (states(desk, second), states(desk, first)) == ({"dropped"}, {"held"})
    assert desk.row(second[0]).outcome == "turned-down"


@pytest.mark.slow
def test_what_was_held_and_deleted_meanwhile_does_not_come(desk: IntakeDesk) -> None:
    """Too many new records at once are held, for months if need be; the one that its owner withdrew stays away."""
    made = push(desk, "Create", range(100, 201), -9)
    assert states(desk, made) == {"held"}
    push(desk, "Delete", range(100, 101), -5)
    desk.turn(days=100)
    prune(desk.ledger, desk.clock())
    (held,) = operations(desk).held()
    assert {hold.rule for hold in held.holds} == {Rule.GROWTH}
    approve(desk, held)
    assert carry_out(desk) == [held.run]
    desk.work()

    assert len(desk.online()) == 12 + 100
    assert desk.row(made[0]).state in {"dropped", "retry"}
    assert set(inners(desk)) >= set(made[1:])


@pytest.mark.slow
def test_a_crash_between_approval_and_intake_loses_nothing(desk: IntakeDesk) -> None:
    """The order and the activities are durable together: whoever comes next carries them out, once."""
    gone = push(desk, "Delete", range(7), -8)
    approve(desk, operations(desk).held()[0])
    carry_out(desk)
    desk.sent()
    claimed = desk.ledger.ap_inbox.claim("dead", desk.clock(), desk.clock(), 100)
    assert len(claimed) == 7
    desk.intake = desk.made_anew()
    desk.turn(minutes=5)
    desk.work()

    assert (len(desk.online()), inners(desk)) == (5, gone)
