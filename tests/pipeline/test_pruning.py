"""Forgetting what has been kept for long enough, on an instance that harvests: what may still be needed stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from years import Instance

from federation.ledger.ap_inbox import InboxState, Outcome, Received
from federation.ledger.runs import Order
from federation.model import RunKind, RunState
from federation.pipeline.fetch import Delivery, Fetched
from federation.pipeline.intake import keep
from federation.pipeline.pruning import prune
from federation.vocabulary import load

LONG = timedelta(days=120)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Instance]:
    """An instance with two sources."""
    made = Instance(tmp_path, load())
    yield made
    made.close()


def row(number: int, name: str = "Jardin") -> dict[str, object]:
    """One row of a feed."""
    return {"id": str(number), "name": f"{name} {number}", "url": f"https://p.example/{number}", "description": "x"}


def test_old_bytes_and_revisions_go_and_the_last_good_bytes_stay(here: Instance) -> None:
    """After 90 days a run can be neither replayed nor undone; what the source last said stays for ever."""
    first = here.run([row(1)])
    second = here.night([row(1, "Verger")])
    here.clock.turn(LONG)

    gone = prune(here.ledger, here.clock())

    assert (gone.bodies, gone.revisions) == (1, 2)
    assert here.ledger.bodies.about(str(first.input_sha256), "s") is None
    assert here.run(kind=RunKind.REPLAY, of=first.run).state is RunState.FAILED
    assert here.run(kind=RunKind.REPLAY, of=second.run).state is RunState.SUCCEEDED
    here.check()


def test_what_can_still_be_replayed_or_undone_stays_whole(here: Instance) -> None:
    """Within 90 days every run can be put back, whatever has been forgotten meanwhile."""
    here.run([row(1)])
    before = here.dump()
    here.clock.turn(timedelta(days=80))
    second = here.run([row(1, "Verger"), row(2)])
    here.clock.turn(timedelta(days=80))

    prune(here.ledger, here.clock())
    here.undo(second)

    assert here.dump() == before
    here.check()


def test_bytes_that_are_read_again_without_being_fetched_anew_stay(here: Instance) -> None:
    """A server may say for years that nothing has changed: its one body is old, and every run has read it."""
    first = here.run([row(1)])
    for _ in range(4):
        here.clock.turn(timedelta(days=40))
        assert here.run().state is RunState.UNCHANGED
    here.feed_text("no feed at all")
    assert here.night().state is RunState.FAILED

    prune(here.ledger, here.clock())

    assert here.ledger.bodies.read(str(first.input_sha256))
    assert here.run(kind=RunKind.REPLAY, of=first.run).state is RunState.SUCCEEDED


def test_the_pages_of_a_visit_stay_with_their_list(here: Instance) -> None:
    """A visit of several pages is kept as a list and its pages: all of them, or none."""
    source = here.source()
    pages = tuple(
        Fetched(body, sha, f"https://p.example/{sha[:1]}", 200, "application/json")
        for body, sha in ((b"[1]", _sha(b"[1]")), (b"[2]", _sha(b"[2]")))
    )
    visit = Delivery(pages)
    keep(visit, source, here.ledger, here.clock())
    here.run([row(1)])
    run = here.ledger.runs.start("s", "p", here.clock(), 1)
    here.ledger.runs.note(run, input_sha256=visit.sha256)
    here.clock.turn(LONG)

    prune(here.ledger, here.clock())

    assert all(here.ledger.bodies.about(sha, "s") for sha in (visit.sha256, *(page.sha256 for page in pages)))


def test_an_order_that_waits_keeps_what_it_needs(here: Instance) -> None:
    """Whoever asked in time for an old run to be undone or read again is not let down by the night's cleaning."""
    first = here.run([row(1)])
    here.night([row(1, "Verger")])
    here.ledger.runs.queue("s", "p", here.clock(), Order(RunKind.REPLAY, first.run))
    here.clock.turn(LONG)

    prune(here.ledger, here.clock())

    assert here.ledger.bodies.read(str(first.input_sha256))
    assert list(here.ledger.revisions.of_run(first.run))


def test_a_list_of_pages_that_cannot_be_read_costs_nothing(here: Instance) -> None:
    """What belongs to it is not known any more, so everything of that source stays."""
    source = here.source()
    visit = Delivery((Fetched(b"[1]", _sha(b"[1]"), "https://p.example/", 200, "application/json"),), whole=False)
    keep(visit, source, here.ledger, here.clock())
    here.run([row(1)])
    run = here.ledger.runs.start("s", "p", here.clock(), 1)
    here.ledger.runs.note(run, input_sha256=visit.sha256)
    (here.settings.data_dir / "ledger" / "bodies" / visit.sha256[:2] / f"{visit.sha256}.gz").write_bytes(b"damaged")
    here.clock.turn(LONG)

    assert prune(here.ledger, here.clock()).bodies == 0


def test_findings_of_long_ago_go_and_their_run_stays(here: Instance) -> None:
    """After 400 days a run keeps its counts, and says that it had findings; the last run of a source keeps them all."""
    first = here.run([row(1), {"name": "Sans identifiant"}])
    last = here.run([row(1), {"name": "Toujours sans"}])
    before = here.ledger.findings.of_run(last.run)
    told = sum(one.count for one in here.ledger.findings.of_run(first.run))
    here.clock.turn(timedelta(days=401))

    gone = prune(here.ledger, here.clock())

    (left,) = here.ledger.findings.of_run(first.run)
    kept = here.ledger.runs.get(first.run)
    assert gone.findings > 0
    assert (left.rule, str(told) in left.message["fr"]) == ("findings-forgotten", True)
    assert kept is not None
    assert kept.counts == first.counts
    assert here.ledger.findings.of_run(last.run) == before
    assert prune(here.ledger, here.clock()).findings == 0


def test_why_a_run_failed_is_told_for_ever(here: Instance) -> None:
    """The sentence that the list of runs shows stays in both languages."""
    here.run([row(1)])
    here.feed_text("no feed at all")
    failed = here.night()
    here.night([row(1)])
    (why,) = (one for one in here.ledger.findings.of_run(failed.run) if one.message["en"] == failed.message)
    here.clock.turn(timedelta(days=401))

    prune(here.ledger, here.clock())

    assert why in here.ledger.findings.of_run(failed.run)


def test_harvests_without_news_go_after_ninety_days(here: Instance) -> None:
    """But not the first and the last of a source, those that withdrew something, and those that something names."""
    here.run([row(1)])
    idle = [here.night() for _ in range(4)]
    assert {run.state for run in idle} == {RunState.UNCHANGED}
    asked = here.ledger.runs.queue("s", "p", here.clock(), Order(options={"by": "ana"}))
    here.run(queued=asked)
    replayed = here.run(kind=RunKind.REPLAY, of=idle[0].run)
    here.clock.turn(LONG)

    gone = prune(here.ledger, here.clock())

    left = {run.run for run in here.ledger.runs.recent()}
    assert gone.runs == 3
    assert left.isdisjoint(run.run for run in idle[1:])
    assert left >= {idle[0].run, asked, replayed.run}
    assert here.night().counts.unchanged == 1
    here.check()


def test_the_last_run_of_a_source_stays_though_it_brought_nothing(here: Instance) -> None:
    """A source that rests for a year is taken up where it was."""
    here.run([row(1)])
    last = [here.night() for _ in range(3)][-1]
    here.clock.turn(timedelta(days=500))

    assert prune(here.ledger, here.clock()).runs == 2
    assert here.ledger.runs.get(last.run) is not None
    assert here.ledger.cursors.in_store("s") == last.run
    here.check()


def _sha(body: bytes) -> str:
    return sha256(body).hexdigest()


def test_what_other_servers_sent_is_forgotten_in_two_steps(here: Instance) -> None:
    """First its bytes, once it has been dealt with; long after that, that there was such an activity."""
    now, id_ = here.clock(), "https://b.example/a/1"
    row = Received(id_, "https://b.example/u", "b.example", "Like", None, b"{}", (), {}, "public", "0" * 64, "s" * 64)
    here.ledger.ap_inbox.keep([row], now)
    (kept,) = here.ledger.ap_inbox.claim("t", now, now, 1)
    here.ledger.ap_inbox.settle([Outcome(kept.id, InboxState.DONE, "counted")])

    seen = []
    for days in (0, 100, 400):
        here.clock.turn(timedelta(days=days))
        prune(here.ledger, here.clock())
        found = here.ledger.ap_inbox.by_activity(id_)
        seen.append(found and found.raw)

    assert seen == [b"{}", None, None]
    assert here.ledger.ap_inbox.known([id_]) == set()
