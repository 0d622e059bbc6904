"""Random years of feeds, faults and people against a small model: the invariants of the harvesting design, section 0.

I1: a run writes only graphs of its own source. I2: what is online was in the last whole good list, or is in its time
of grace, or is held back; what goes was absent for its whole time of grace, and what was absent for that goes. I4:
same bytes and mapping, same plan. I5: a preview writes nothing; the same feed again changes and announces nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from years import Instance, Row, row, rules

from federation.ledger.records import PRESENT, RecordStatus
from federation.model import Reason, Rule, RunKind, RunReport, RunState
from federation.pipeline import assess
from federation.pipeline.validate import Validator, compile_shapes
from federation.vocabulary import Vocabulary

KEYS = 24
STEPS = 8


@pytest.fixture(scope="module")
def validator(vocabulary: Vocabulary) -> Validator:
    """Its shapes, compiled once."""
    return compile_shapes(vocabulary.shapes(), vocabulary.background())


@pytest.fixture(autouse=True)
def shapes_are_compiled_once(validator: Validator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand the same validator to every run: compiling the shapes again took a third of the time."""
    monkeypatch.setattr(assess, "compile_shapes", lambda *_: validator)


class Partner:
    """A partner whose feed goes its way: records come, change and go, some are bad; now and then all goes wrong."""

    def __init__(self, chance: random.Random, name: str) -> None:
        self.chance, self.name = chance, name
        self.texts = {str(number): 0 for number in range(KEYS)}
        self.fault = ""

    def moves(self) -> None:
        """Let a day pass at the partner's."""
        chance = self.chance
        for number in chance.sample(range(KEYS + 6), 3):
            self.texts[str(number)] = self.texts.get(str(number), 0) + 1
        for key in chance.sample(sorted(self.texts), min(len(self.texts), chance.choice((0, 1, 2)))):
            del self.texts[key]
        self.fault = chance.choice(("", "", "", "", "", "empty", "short", "other", "ids", "nameless", "broken"))

    def rows(self) -> list[Row]:
        """What the feed says today."""
        pages = f"https://{self.name}.example"
        items = [row(key, f"Texte {text}", url=f"{pages}/{key}") for key, text in sorted(self.texts.items())]
        self.chance.shuffle(items)
        if self.fault == "empty":
            return []
        if self.fault == "short":
            return items[:3]
        if self.fault == "other":
            return [{**each, "description": "Tout autre chose"} for each in items]
        if self.fault == "ids":
            return [{**each, "id": f"n{each['id']}"} for each in items]
        if self.fault == "nameless":
            return [{**each, "name": ""} if number % 2 else each for number, each in enumerate(items)]
        return items


class Model:
    """What has to be true of a source, told from its feeds and the accounts of its runs alone.

    ``absent``: the times of the whole lists that did not have a record, since it was last listed; and beside them the
    same since each time that somebody undid or replayed a run, either of which may begin the count anew. The one that
    begins last need not be the shortest: clocks are set back.
    """

    def __init__(self) -> None:
        self.absent: dict[str, list[list[datetime]]] = {}

    def saw(self, feed: list[Row], report: RunReport) -> None:
        """Take note of a run over a feed that could be read."""
        if report.state is RunState.FAILED:
            return
        listed = {str(each["id"]) for each in feed}
        self.absent.update((key, [[]]) for key in listed)
        if says_something_by_silence(report):
            for key in self.absent.keys() - listed:
                for times in self.absent[key]:
                    times.append(report.started)

    def somebody_meddled(self) -> None:
        """A run was undone or replayed."""
        for counts in self.absent.values():
            counts.append([])

    def may_go(self, key: str) -> bool:
        """Whether a record may be withdrawn for absence, however its absence was counted."""
        return any(map(long_enough, self.absent[key]))

    def must_go(self, key: str) -> bool:
        """Whether a record that nothing holds is to be withdrawn for absence, however its absence was counted."""
        return all(map(long_enough, self.absent[key]))


def says_something_by_silence(report: RunReport) -> bool:
    """Whether what a run did not list is absent: not if it failed, or was withheld whole."""
    whole = report.state in {RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED, RunState.HELD}
    return whole and not {Rule.EMPTY, Rule.RE_IDENTIFIED} & rules(report)


def long_enough(times: Sequence[datetime]) -> bool:
    """Whether a record that was absent at these times is to go: three times, twelve hours apart, over seven days."""
    if not times:
        return False
    counted = [times[0]]
    for time in times[1:]:
        if abs(time - counted[-1]) >= timedelta(hours=12):
            counted.append(time)
    return len(counted) >= 3 and times[-1] - times[0] >= timedelta(days=7)


@contextlib.contextmanager
def only_its_own(here: Instance, source: str) -> Iterator[None]:
    """I1: assert that nothing of another source, or of nobody's, changes."""
    partner = {"s": "p", "t": "q"}[source]
    before = {name: content for name, content in here.graphs().items() if f"/records/{partner}/" not in name}
    yield
    after = {name: content for name, content in here.graphs().items() if f"/records/{partner}/" not in name}
    assert after == before


def visit(here: Instance, model: Model, feed: list[Row], source: str) -> RunReport:
    """Harvest, and assert I2 of every record, and of every one that went."""
    before = here.states(source)
    report = here.run(name=source)
    model.saw(feed, report)
    after, listed, tells = here.states(source), {str(each["id"]) for each in feed}, says_something_by_silence(report)
    for key, state in after.items():
        if state.state in PRESENT and key not in listed and tells:
            assert state.state == RecordStatus.MISSING, (key, state)
            assert state.misses <= len(model.absent[key][0])
            if Rule.SHRINK not in rules(report):
                assert not model.must_go(key), f"{key} is gone for long, and nothing holds it"
        known = before.get(key)
        if state.state == RecordStatus.WITHDRAWN and (known is None or known.state != RecordStatus.WITHDRAWN):
            assert tells
            assert Rule.SHRINK not in rules(report)
            assert state.reason == Reason.ABSENT.value
            assert key not in listed
            assert model.may_go(key), f"{key} went before its time"
        if known is not None and known.state == RecordStatus.WITHDRAWN == state.state:
            assert state == known, "what is gone is as it was"
    return report


def same_plan_and_nothing_written(here: Instance, source: str) -> RunReport:
    """I4 and I5: two previews of the same bytes are one, and leave every file and the change log as they were."""
    before, told = here.everything(), here.told()
    first, second = here.preview(source).report, here.preview(source).report
    assert (first.state, first.counts, first.holds) == (second.state, second.counts, second.holds)
    assert (here.everything(), here.told()) == (before, told)
    return first


def again_is_nothing(here: Instance, model: Model, feed: list[Row], source: str, report: RunReport) -> None:
    """I5: the same feed once more, minutes later: nothing is changed and nobody hears of anything."""
    before, told = here.dump(), here.told()
    here.clock.turn(timedelta(minutes=5, seconds=7))  # so that no time is just whole hours from another
    again = visit(here, model, feed, source)
    assert (here.dump(), here.told()) == (before, told)
    if report.state is not RunState.FAILED:
        assert rules(again) - {Rule.REJECT} <= rules(report), "what was not held is not held now"


def day(here: Instance, partner: Partner, model: Model, source: str) -> None:
    """One day of one source: a visit, what people do about it, and all that must hold after that."""
    chance = partner.chance
    partner.moves()
    feed = partner.rows()
    here.clock.turn(timedelta(hours=chance.choice((3, 24, 24, 24, 60, -20))))
    here.feed(feed, source)
    if partner.fault == "broken":
        here.feed_text('[{"id": "1", "na', source)
    planned = same_plan_and_nothing_written(here, source) if partner.fault != "broken" else None
    with only_its_own(here, source):
        report = visit(here, model, feed, source)
        if planned is not None and report.state is not RunState.UNCHANGED:
            assert (planned.state, planned.counts, planned.holds) == (report.state, report.counts, report.holds)
        if partner.fault == "broken":
            assert report.state is RunState.FAILED
        again_is_nothing(here, model, feed, source, report)
        if report.holds and chance.random() < 0.3:
            here.approve(report, **{hold.rule.value: hold.figure for hold in report.holds})
            agreed = visit(here, model, feed, source)
            assert agreed.state is not RunState.HELD or agreed.holds != report.holds
        if chance.random() < 0.15:
            people(here, source, chance, report)
            model.somebody_meddled()
    if chance.random() < 0.2:
        here.close()
        here.open()


def people(here: Instance, source: str, chance: random.Random, report: RunReport) -> None:
    """Somebody undoes the last run, or replays it."""
    if chance.random() < 0.5 and report.input_sha256:
        told, states = here.told(), here.states(source)
        replayed = here.run(name=source, kind=RunKind.REPLAY, of=report.run)
        assert here.told() == told or report.state is not RunState.SUCCEEDED
        assert replayed.counts.missing == 0
        for key, state in here.states(source).items():
            assert state.state not in {RecordStatus.MISSING, RecordStatus.WITHDRAWN} or state == states[key]
        return
    here.run(name=source, kind=RunKind.UNDO, of=report.run)
    assert here.ledger.approvals.ceilings(source, here.clock()) == {}
    here.ledger.sources.set_state(source, "live")


@pytest.mark.parametrize("seed", range(2))
def test_random_years_keep_the_invariants(tmp_path: Path, vocabulary: Vocabulary, seed: int) -> None:
    """Two sources, feeds that go wrong in turn, restarts, approvals, undone and replayed runs."""
    years(tmp_path, vocabulary, seed, STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 123))
def test_many_random_years_keep_the_invariants(tmp_path: Path, vocabulary: Vocabulary, seed: int) -> None:
    """The long form of the test above."""
    years(tmp_path, vocabulary, seed, STEPS * 5)


def years(folder: Path, vocabulary: Vocabulary, seed: int, days: int) -> None:
    """So many days of both sources, by a seed."""
    chance = random.Random(seed)
    here = Instance(folder / "here", vocabulary)
    partners = {name: (Partner(chance, name), Model()) for name in ("s", "t")}
    for _, (name, (partner, model)) in itertools.product(range(days), partners.items()):
        day(here, partner, model, name)
    here.check()
    here.close()
