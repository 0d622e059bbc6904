"""What partners push goes the one way in: the later word wins, deletes meet the guard, and it can be replayed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from pushing import HOST, Pushing, contents
from years import Instance

from federation.errors import ConfigError, EngineUnavailable
from federation.ledger.operations import Operations
from federation.ledger.runs import Order
from federation.model import Part, Rule, RunKind, RunState
from federation.pipeline.fetch import Delivery, Fetched
from federation.pipeline.pushed import PushedActivity, delivery_of
from federation.pipeline.timely import RECEIVED, UPDATED
from federation.vocabulary import Vocabulary


@pytest.fixture
def desk(tmp_path: Path, vocabulary: Vocabulary) -> Iterator[Pushing]:
    """An instance to which a partner pushes, that must be in order when the test is over."""
    here = Instance(tmp_path / "here", vocabulary)
    yield Pushing(here)
    here.check()
    here.close()


def visit(*activities: PushedActivity) -> Delivery:
    """What a visit of the partner's outbox would bring."""
    items = [{**activity.document, "object": activity.object} for activity in activities]
    body = orjson.dumps({"type": "OrderedCollection", "orderedItems": items})
    return Delivery((Fetched(body, hashlib.sha256(body).hexdigest(), f"{HOST}/outbox", 200, "application/json"),))


def text_of(desk: Pushing) -> str:
    """All that the record graphs say."""
    return "".join(desk.here.graphs().values())


def test_a_pushed_record_is_online(desk: Pushing) -> None:
    """A Create makes a record, with how it came kept beside it."""
    report = desk.push(desk.made("1", desk.at(-5)))

    assert report.state is RunState.SUCCEEDED
    assert report.counts.new == 1
    assert len(desk.online()) == 1
    (state,) = desk.here.states().values()
    kept = desk.here.ledger.records.restricted(state.record)
    assert kept[RECEIVED]["method"] == "http-signature"
    assert kept[RECEIVED]["activity"] == f"{HOST}/activities/1"
    assert UPDATED in kept


def test_an_update_changes_only_its_record(desk: Pushing) -> None:
    """Silence on other records says nothing."""
    desk.push(desk.made("1", desk.at(-9)), desk.made("2", desk.at(-9)))
    report = desk.push(desk.made("1", desk.at(-5), "Un autre texte", "Update"))

    assert (report.counts.changed, report.counts.missing, report.counts.withdrawn) == (1, 0, 0)
    assert len(desk.online()) == 2
    assert "Un autre texte" in text_of(desk)


def test_the_same_activity_again_writes_nothing(desk: Pushing) -> None:
    """No change is announced, and no graph is written."""
    activity = desk.made("1", desk.at(-5))
    desk.push(activity)
    before, told = desk.here.dump(), desk.here.told()
    report = desk.push(activity)

    assert report.counts.unchanged == 1
    assert (desk.here.dump(), desk.here.told()) == (before, told)


def test_an_older_update_is_left_out_and_told(desk: Pushing) -> None:
    """What comes late does not undo what came since."""
    old = desk.made("1", desk.at(-60), "Ancien", "Update")
    desk.push(desk.made("1", desk.at(-5), "Nouveau"))
    report = desk.push(old)

    assert [finding.rule for finding in report.findings] == ["older-than-known"]
    assert report.counts.excluded == 1
    assert "Ancien" not in text_of(desk)


def test_an_unchanged_later_word_shuts_out_what_lies_between(desk: Pushing) -> None:
    """A record that its owner has confirmed since is not taken back to an earlier version."""
    desk.push(desk.made("1", desk.at(-60), "Le bon", updatedAgain="x"))
    desk.push(desk.made("1", desk.at(-5), "Le bon", "Update"))
    desk.push(desk.made("1", desk.at(-30), "Entre-temps", "Update"))

    assert "Entre-temps" not in text_of(desk)


def test_of_one_push_the_latest_word_on_an_object_counts(desk: Pushing) -> None:
    """Whatever the order in which they came."""
    desk.push(desk.made("1", desk.at(-5), "Nouveau"), desk.made("1", desk.at(-60), "Ancien"))

    assert "Nouveau" in text_of(desk)
    assert "Ancien" not in text_of(desk)


def test_a_time_from_the_future_does_not_shut_out_later_words(desk: Pushing) -> None:
    """A wrong clock at the partner counts as now."""
    desk.push(desk.made("1", "2099-01-01T00:00:00Z", "Premier"))
    desk.here.clock.turn(timedelta(minutes=5))
    desk.push(desk.made("1", desk.at(0), "Second", "Update"))

    assert "Second" in text_of(desk)


def test_a_delete_withdraws_its_record(desk: Pushing) -> None:
    """And the same again changes nothing."""
    desk.push(desk.made("1", desk.at(-9)), desk.made("2", desk.at(-9)))
    gone = desk.gone("1", desk.at(-5))
    assert desk.push(gone).counts.withdrawn == 1
    told = desk.here.told()
    assert desk.push(gone).counts.withdrawn == 0

    assert len(desk.online()) == 1
    assert desk.here.told() == told


def test_a_late_delete_does_not_remove_what_was_said_since(desk: Pushing) -> None:
    """A Delete older than what we have is left out."""
    desk.push(desk.made("1", desk.at(-5)))
    desk.push(desk.gone("1", desk.at(-60)))

    assert len(desk.online()) == 1


def test_only_a_later_create_revives(desk: Pushing) -> None:
    """A Create of before the Delete, or of its very time, stays out; a later one brings the record back."""
    deleted = desk.at(-30)
    desk.push(desk.made("1", desk.at(-60)))
    desk.push(desk.gone("1", deleted))
    desk.push(desk.made("1", desk.at(-45)))
    assert not desk.online()
    desk.push(desk.made("1", deleted))
    assert not desk.online()
    desk.push(desk.made("1", desk.at(-10), "De retour"))

    assert len(desk.online()) == 1
    assert "De retour" in text_of(desk)


def test_a_delete_and_a_later_create_that_come_late_together_revive(desk: Pushing) -> None:
    """The owner's times decide, not when we came to hear of it."""
    desk.push(desk.made("1", desk.at(-300)))
    desk.here.clock.turn(timedelta(hours=9))
    desk.push(desk.gone("1", desk.at(-200)))
    desk.push(desk.made("1", desk.at(-100)))

    assert len(desk.online()) == 1


def test_a_burst_of_deletes_waits_for_a_person(desk: Pushing) -> None:
    """It is held as a whole; approved and replayed, it is carried out."""
    desk.push(*(desk.made(str(n), desk.at(-60)) for n in range(20)))
    held = desk.push(*(desk.gone(str(n), desk.at(-5)) for n in range(12)))
    assert held.state is RunState.HELD
    assert {hold.rule for hold in held.holds} == {Rule.EXPLICIT}
    assert {part for hold in held.holds for part in hold.parts} == {Part.DELETES}
    assert len(desk.online()) == 20

    operations = Operations(desk.here.ledger, desk.shop.clock, lambda _: None)
    order = operations.approve(held.run, {Rule.EXPLICIT: 12}, False, "odile")
    (queued,) = desk.here.ledger.runs.queued()
    assert (queued.run, queued.order.kind, queued.order.of) == (order, RunKind.REPLAY, held.run)
    replayed = desk.writer.carry_out(queued.order, lambda *_: None, order)
    assert replayed.counts.withdrawn == 12
    assert len(desk.online()) == 8


def test_a_burst_in_small_pieces_waits_too(desk: Pushing) -> None:
    """Deletes of one day are judged together, in however many pushes they come."""
    desk.push(*(desk.made(str(n), desk.at(-60)) for n in range(20)))
    states = [desk.push(desk.gone(str(n), desk.at(-5))).state for n in range(12)]

    assert states[:5] == [RunState.SUCCEEDED] * 5
    assert states[5:] == [RunState.HELD] * 7
    assert len(desk.online()) == 15


def test_a_push_is_replayed_from_its_bytes(desk: Pushing) -> None:
    """The same bytes give the same records; nothing is written."""
    report = desk.push(desk.made("1", desk.at(-5)))
    before = desk.here.dump()
    again = desk.writer.carry_out(Order(RunKind.REPLAY, report.run), lambda *_: None)

    assert again.counts.unchanged == 1
    assert again.input_sha256 == report.input_sha256
    assert desk.here.dump() == before


def test_a_push_is_undone(desk: Pushing) -> None:
    """What it changed is as it was, its time too: the same push is new again once the source is back in service."""
    desk.push(desk.made("1", desk.at(-60), "Avant"))
    change = desk.made("1", desk.at(-5), "Après", "Update")
    report = desk.push(change)
    desk.here.undo(report)
    assert "Avant" in text_of(desk)
    with pytest.raises(ConfigError):
        desk.push(change)
    desk.here.ledger.sources.set_state("s", "live")

    assert desk.push(change).counts.changed == 1


def test_a_record_of_another_host_than_its_actor_is_refused(desk: Pushing) -> None:
    """The reader's own check stays, whoever has verified the object before."""
    report = desk.push(desk.made("1", desk.at(-5), id="https://else.example/1"))

    assert [finding.rule for finding in report.findings] == ["object-host"]
    assert not desk.online()


def test_a_record_without_a_name_is_told(desk: Pushing) -> None:
    """Validation is that of a harvest: a finding says why, and nothing is online."""
    report = desk.push(desk.made("1", desk.at(-5), name=""))

    assert report.state is RunState.WITH_REJECTS
    assert any(finding.severity.value == "violation" for finding in report.findings)
    assert not desk.online()


def test_a_push_leaves_the_visits_of_its_feed_alone(desk: Pushing) -> None:
    """What the next conditional visit repeats, and what it may believe, is what the last visit noted."""
    ledger = desk.here.ledger
    ledger.cursors.set_in_store("s", "01VISIT")
    desk.push(desk.made("1", desk.at(-9)))
    ledger.sources.note_fetch("s", {"u": {"etag": "x"}}, "2026-01-01T00:00:00.000000Z")
    ledger.sources.schedule("s", "2026-03-02T02:00:00.000000Z", 2)
    before = ledger.sources.get("s")
    desk.push(desk.made("2", desk.at(-5)))
    after = ledger.sources.get("s")

    assert before is not None
    assert after is not None
    assert ledger.cursors.in_store("s") == "01VISIT"
    assert (after.validators, after.full_at) == (before.validators, before.full_at)
    assert (after.due, after.failures) == (before.due, before.failures)


def test_a_feed_cannot_say_how_it_came(desk: Pushing) -> None:
    """Words of ours in a partner's object are replaced by ours."""
    desk.push(desk.made("1", desk.at(-5), **{RECEIVED: {"method": "trust me", "said": "2099-01-01"}}))
    (state,) = desk.here.states().values()

    assert desk.here.ledger.records.restricted(state.record)[RECEIVED]["method"] == "http-signature"


def test_a_source_may_be_both_pulled_and_pushed(desk: Pushing) -> None:
    """The later word wins, whichever way it comes; a visit that lists what is older is left out where it is."""
    old, new = desk.made("1", desk.at(-60), "Ancien"), desk.made("1", desk.at(-30), "Nouveau", "Update")
    latest = desk.made("1", desk.at(-5), "Dernier", "Update")
    desk.push(new)
    desk.writer.harvest(desk.source, lambda *_: None, visit(old, desk.made("2", desk.at(-60))))
    assert "Nouveau" in text_of(desk)
    assert len(desk.online()) == 2
    desk.writer.harvest(desk.source, lambda *_: None, visit(latest))
    desk.push(new)

    assert "Dernier" in text_of(desk)


def test_a_push_that_a_crash_cut_short_is_taken_once(desk: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal finishes what was in the store; the same push again finds it there."""

    def full(*_: object) -> None:
        raise EngineUnavailable("No space left on device.")

    activities = [desk.made(str(n), desk.at(-5)) for n in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(desk.here.ledger.changes, "append", full)
        with pytest.raises(EngineUnavailable):
            desk.push(*activities)
    desk.here.close()
    desk.here.open()
    desk.open()
    told = desk.here.told()
    desk.here.check()

    assert desk.push(*activities).counts.unchanged == 3
    assert desk.here.told() == told == 3


def test_people_are_told_of_pushes_now_and_then(desk: Pushing) -> None:
    """Not each second: when how they go changes, or ten minutes after the last time."""
    for n in range(4):
        desk.push(desk.made(str(n), desk.at(-5)))
    assert len(desk.ended) == 1
    desk.here.clock.turn(timedelta(minutes=11))
    desk.push(desk.made("9", desk.at(-5)))

    assert len(desk.ended) == 2


def test_only_a_source_of_activities_is_pushed_to(desk: Pushing) -> None:
    """Another format has no way to read them."""
    with pytest.raises(ConfigError):
        desk.writer.push(desk.here.source("t"), [desk.made("1", desk.at(-5))])


def test_a_push_is_one_body_that_says_what_it_is(desk: Pushing) -> None:
    """So that no list of pages needs to be kept beside it."""
    delivery = delivery_of([desk.made("1", desk.at(-5))])

    assert delivery.plain
    assert delivery.conditional
    assert delivery.sha256 == delivery.pages[0].sha256


@pytest.mark.parametrize(
    ("licence", "taken"),
    [
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", False),
        ({"id": "https://creativecommons.org/licenses/by-nc-nd/4.0/"}, False),
        ("https://creativecommons.org/licenses/by-sa/4.0/", True),
    ],
)
def test_an_object_goes_by_the_licence_that_it_names(desk: Pushing, licence: object, taken: bool) -> None:
    """Never by the source's in its place: what is not open does not go out as open."""
    desk.push(desk.made("1", desk.at(-5), license=licence))

    assert bool(desk.online()) == taken
    if taken:
        assert "licenses/by-sa/4.0" in "".join(contents(desk.here).values())
