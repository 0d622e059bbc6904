"""Once a month what was pushed is looked for at its origin; what is not there twice is withdrawn, through the guard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ap_intake_desk import ACTOR, AS2, HOST, IntakeDesk

from federation.activitypub.outboxes import REST
from federation.activitypub.rechecks import AT_ONCE, DAY, MONTH, Rechecks
from federation.activitypub.reconcile import Reconciler
from federation.ledger.ap_peers import BlockRow, SyncRow
from federation.ledger.times import to_text
from federation.model import Rule, RunState
from federation.vocabulary import load


class Look:
    """An instance whose partner has pushed some records, all of them at their origin."""

    def __init__(self, folder: Path) -> None:
        self.desk = IntakeDesk(folder, load())
        self.desk.bind()
        self.desk.actor(ACTOR)
        self.pauses: list[float] = []
        self.rechecks = Rechecks(self.desk.ledger, self.desk.world, self.desk.clock, self.pauses.append)
        pages = [self.desk.page(str(number), -9) for number in range(6)]
        for page in pages:
            self.desk.keep(self.desk.activity("Create", page))
            self.desk.world.documents[page["id"]] = {"@context": AS2, **page}
        self.desk.work()
        self.desk.world.asked.clear()

    def after(self, time: timedelta) -> list[str]:
        """Let time pass, look for all that is due, and withdraw what is to be; the ids that were asked for."""
        self.desk.clock.turn(time)
        self.desk.world.asked.clear()
        while rows := self.rechecks.due(self.desk.clock(), lambda _owner: True):
            for source in self.rechecks.look(rows):
                self.rechecks.withdraw(source, self.desk.pushing.writer)
        return sorted(self.desk.world.asked)

    def lose(self, *numbers: int, status: int = 410) -> None:
        """Let the origin answer so for some objects."""
        for number in numbers:
            self.desk.world.documents[f"{HOST}/pages/{number}"] = self.desk.fault(status)

    def state(self, number: int) -> str:
        """How an object stands."""
        row = self.desk.ledger.ap_objects.get(f"{HOST}/pages/{number}")
        assert row is not None
        return str(row.state)


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    """An instance that looks for six objects."""
    made = Look(tmp_path / "here")
    yield made
    made.desk.here.check()
    made.desk.close()


def test_what_is_gone_twice_is_withdrawn(look: Look) -> None:
    """Not before a month, not after one look; once all is asked, twice a second; then a tombstone is left."""
    look.lose(0, status=404)
    look.lose(1)
    assert look.after(MONTH - DAY) == []
    assert len(look.after(DAY * 2)) == 6
    assert look.pauses == [REST] * 6
    assert len(look.desk.online()) == 6

    assert look.after(DAY * 2) == [f"{HOST}/pages/0", f"{HOST}/pages/1"]
    assert len(look.desk.online()) == 4
    assert [look.state(number) for number in range(3)] == ["tombstone", "tombstone", "live"]
    assert look.after(DAY * 2) == []


def test_what_is_there_again_and_what_nobody_can_tell_stays(look: Look) -> None:
    """One look without it is forgotten; an outage and another id prove nothing, and are asked a day later."""
    look.lose(0)
    look.lose(1, status=503)
    asked = look.after(MONTH + DAY)
    assert asked == [f"{HOST}/pages/0", f"{HOST}/pages/1"], "a host that fails is not asked for the rest"
    page = look.desk.page("0", -9)
    look.desk.world.documents[page["id"]] = {"@context": AS2, **page}
    look.desk.world.documents[f"{HOST}/pages/1"] = {"id": f"{HOST}/else", "type": "Page"}
    look.after(DAY * 2)
    look.lose(0)
    look.after(MONTH + DAY)

    assert len(look.desk.online()) == 6
    assert {look.state(number) for number in range(6)} == {"live"}


def test_a_loss_of_most_is_held_whole(look: Look) -> None:
    """However many turns it takes to find out: a person sees one run, and nothing is gone."""
    look.lose(*range(6))
    look.after(MONTH + DAY)
    look.after(DAY * 2)

    run = look.desk.ledger.runs.last("s")
    assert run is not None
    assert (run.state, [(hold.rule, hold.figure) for hold in run.holds]) == (RunState.HELD, [(Rule.EXPLICIT, 6)])
    assert len(look.desk.online()) == 6
    assert look.after(DAY) == []
    assert len(look.after(DAY * 7)) == 6


def test_only_those_are_asked_who_may_be(look: Look) -> None:
    """Not a sync peer, whose comparison tells; nobody who does not answer, for a day."""
    look.desk.clock.turn(MONTH + DAY)
    now = look.desk.clock()
    assert look.rechecks.due(now, lambda _owner: False) == []
    assert look.rechecks.due(now, lambda _owner: True) == []
    assert len(look.rechecks.due(now + DAY * 2, lambda _owner: True)) == 6 <= AT_ONCE
    look.desk.ledger.ap_syncs.put(SyncRow(f"{HOST}/actors/commons", HOST))
    assert look.rechecks.due(now + DAY * 2, lambda _owner: True) == []


@pytest.mark.slow
def test_the_reconciler_looks_beside_its_other_work(look: Look) -> None:
    """It asks nobody who is blocked, and withdraws in the thread that may write."""
    look.lose(0)
    desk = look.desk
    desk.ledger.ap_actors.put(desk.directory.actor(ACTOR)._replace(document={}))  # no outbox to walk
    for wait in (MONTH + DAY, DAY * 2):
        desk.clock.turn(wait)
        reconciler = Reconciler(desk.ledger, desk.world, desk.clock)
        for _ in range(3):
            while reconciler.step(desk.pushing.writer) or reconciler.wait(30):
                pass
            desk.turn(seconds=11)
        reconciler.close()
    assert (len(desk.online()), look.state(0)) == (5, "tombstone")

    desk.ledger.ap_blocks.add(BlockRow(HOST.removeprefix("https://"), "host", "op", to_text(desk.clock())))
    desk.turn(days=40)
    desk.world.asked.clear()
    reconciler = Reconciler(desk.ledger, desk.world, desk.clock)
    while reconciler.step(desk.pushing.writer) or reconciler.wait(30):
        pass
    reconciler.close()
    assert desk.world.asked == []
