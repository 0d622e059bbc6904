"""Random years of feeds, faults and people against a small model: the invariants of the harvesting design, section 0.

I1: a run writes only graphs of its own source. I2: what is online was in the last whole good list, or is in its time
of grace, or is held back. I4: same bytes and mapping, same plan. I5: a preview writes nothing; the same feed again
changes and announces nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from years import Instance, Row, row

from federation.ledger.records import PRESENT, RecordStatus
from federation.model import Reason, RunKind, RunReport, RunState
from federation.vocabulary import Vocabulary, load

KEYS = 24
STEPS = 8


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary, read once."""
    return load()


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
    """What has to be true of a source, told from its feeds and the accounts of its runs alone."""

    def __init__(self) -> None:
        self.last_seen: dict[str, int] = {}
        self.run = 0

    def saw(self, feed: list[Row], report: RunReport) -> None:
        """Take note of a run over a feed that could be read."""
        self.run += 1
        if report.state is not RunState.FAILED:
            self.last_seen.update({str(each["id"]): self.run for each in feed})

    def absent(self, key: str) -> int:
        """For how many runs a record has been in no list."""
        return self.run - self.last_seen.get(key, 0)


@contextlib.contextmanager
def only_its_own(here: Instance, source: str) -> Iterator[None]:
    """I1: assert that nothing of another source, or of nobody's, changes."""
    partner = {"s": "p", "t": "q"}[source]
    before = {name: content for name, content in here.graphs().items() if f"/records/{partner}/" not in name}
    yield
    after = {name: content for name, content in here.graphs().items() if f"/records/{partner}/" not in name}
    assert after == before


def online_is_accounted_for(here: Instance, model: Model, feed: list[Row], source: str, report: RunReport) -> None:
    """I2: each record online is in the last list, or missing in grace, or held back, or waits for the guard."""
    listed = {str(each["id"]) for each in feed}
    for key, state in here.states(source).items():
        if state.state not in PRESENT:
            continue
        if key in listed or report.state in {RunState.FAILED, RunState.HELD, RunState.INCOMPLETE}:
            continue
        assert state.state == RecordStatus.MISSING, (key, state)
        assert state.misses <= model.absent(key)
    for key, state in here.states(source).items():
        if state.state == RecordStatus.WITHDRAWN and state.reason == Reason.ABSENT.value:
            assert model.absent(key) >= 2, "nothing goes for one bad night"
            assert state.missing_since is not None
            assert state.withdrawn_at is not None


def same_plan_and_nothing_written(here: Instance, source: str) -> RunReport:
    """I4 and I5: two previews of the same bytes are one, and leave every file and the change log as they were."""
    before, told = here.everything(), here.told()
    first, second = here.preview(source).report, here.preview(source).report
    assert (first.state, first.counts, first.holds) == (second.state, second.counts, second.holds)
    assert (here.everything(), here.told()) == (before, told)
    return first


def again_is_nothing(here: Instance, source: str) -> None:
    """I5: the same feed once more, minutes later: nothing is changed and nobody hears of anything."""
    before, told = here.dump(), here.told()
    here.clock.turn(timedelta(minutes=5))
    here.run(name=source)
    assert (here.dump(), here.told()) == (before, told)


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
        report = here.run(name=source)
        if planned is not None and report.state is not RunState.UNCHANGED:
            assert (planned.state, planned.counts, planned.holds) == (report.state, report.counts, report.holds)
        if partner.fault == "broken":
            assert report.state is RunState.FAILED
        model.saw(feed, report)
        online_is_accounted_for(here, model, feed, source, report)
        again_is_nothing(here, source)
        if report.holds and chance.random() < 0.3:
            here.approve(report, **{hold.rule.value: hold.figure for hold in report.holds})
            agreed = here.run(name=source)
            assert agreed.state is not RunState.HELD or agreed.holds != report.holds
        if chance.random() < 0.15:
            people(here, source, chance, report)
    if chance.random() < 0.2:
        here.close()
        here.open()


def people(here: Instance, source: str, chance: random.Random, report: RunReport) -> None:
    """Somebody undoes the last run, or replays it."""
    if chance.random() < 0.5 and report.input_sha256:
        told = here.told()
        here.run(name=source, kind=RunKind.REPLAY, of=report.run)
        assert here.told() == told or report.state is not RunState.SUCCEEDED
        return
    here.run(name=source, kind=RunKind.UNDO, of=report.run)
    here.ledger.sources.set_state(source, "live")


@pytest.mark.parametrize("seed", range(3))
def test_random_years_keep_the_invariants(tmp_path: Path, vocabulary: Vocabulary, seed: int) -> None:
    """Two sources, feeds that go wrong in turn, restarts, approvals, undone and replayed runs."""
    years(tmp_path, vocabulary, seed, STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_random_years_keep_the_invariants(tmp_path: Path, vocabulary: Vocabulary, seed: int) -> None:
    """The long form of the test above."""
    years(tmp_path, vocabulary, seed, STEPS * 7)


def years(folder: Path, vocabulary: Vocabulary, seed: int, days: int) -> None:
    """So many days of both sources, by a seed."""
    chance = random.Random(seed)
    here = Instance(folder / "here", vocabulary)
    partners = {name: (Partner(chance, name), Model()) for name in ("s", "t")}
    for _, (name, (partner, model)) in itertools.product(range(days), partners.items()):
        day(here, partner, model, name)
    here.check()
    here.close()
