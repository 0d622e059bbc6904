"""The inbox: what was answered with 202 is there, once, and is worked on until its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_inbox import InboxState, Outcome, Received

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


def received(number: int, object_: str | None = "https://b.example/o") -> Received:
    """An activity of another server."""
    id_ = f"https://b.example/a/{number}"
    headers = (("Host", "ici.example"), ("Signature", "…"))
    verdict = {"dialect": "cavage"}
    return Received(
        id_,
        "https://b.example/u",
        "b.example",
        "Create",
        object_,
        b"{}",
        headers,
        verdict,
        "public",
        "0" * 64,
        f"{number}",
    )


def test_a_known_activity_is_kept_once(ledger: Ledger) -> None:
    """Also when it comes twice in one batch; the rest of the batch is kept."""
    first = ledger.ap_inbox.keep([received(1), received(2), received(1)], NOW)
    second = ledger.ap_inbox.keep([received(2), received(3)], LATER)

    assert (first, second) == ([True, True, False], [False, True])
    assert ledger.ap_inbox.counts() == {"accepted": 3}
    assert ledger.ap_inbox.keep([], NOW) == []
    assert ledger.ap_inbox.seen("3")
    assert not ledger.ap_inbox.seen("4")
    assert ledger.ap_inbox.known([received(3).activity, received(4).activity]) == {received(3).activity}


def test_what_was_kept_survives(tmp_path: Path) -> None:
    """Bytes, headers in order and verdict are read back by another process."""
    ledger = open_ledger("", tmp_path)
    ledger.ap_inbox.keep([received(1)], NOW)
    ledger.close()
    again = open_ledger("", tmp_path)

    row = again.ap_inbox.by_activity(received(1).activity)

    again.close()
    assert row is not None
    assert (row.raw, row.headers, row.verdict) == (
        b"{}",
        [["Host", "ici.example"], ["Signature", "…"]],
        {"dialect": "cavage"},
    )


def test_claims_are_in_order_and_nobody_shares_them(ledger: Ledger) -> None:
    """What a dead worker held is anybody's after its lease, with one more try."""
    ledger.ap_inbox.keep([received(number) for number in range(5)], NOW)

    first = ledger.ap_inbox.claim("w", NOW, LATER, 3)
    second = ledger.ap_inbox.claim("v", NOW, LATER, 3)
    ledger.ap_inbox.settle([Outcome(row.id, InboxState.DONE) for row in second])
    third = ledger.ap_inbox.claim("v", LATER, LATER + timedelta(minutes=1))

    assert [row.id for row in first] == [row.id for row in third]
    assert [row.id for row in second] == [4, 5]
    assert {row.tries for row in third} == {2}
    assert ledger.ap_inbox.claim("u", LATER, LATER) == []


def test_outcomes_end_or_come_back(ledger: Ledger) -> None:
    """Retry waits for its time; quarantine can be replayed; whoever comes late sees that it has ended."""
    ledger.ap_inbox.keep([received(1), received(2)], NOW)
    one, two = ledger.ap_inbox.claim("w", NOW, LATER)
    ledger.ap_inbox.settle(
        [Outcome(one.id, InboxState.RETRY, "fetch", LATER), Outcome(two.id, InboxState.QUARANTINED, "deep")]
    )
    with ledger.write() as tx:
        ended = [ledger.ap_inbox.ended(row.id, tx) for row in (one, two)]
    quarantined = ledger.ap_inbox.listed(InboxState.QUARANTINED)
    early = ledger.ap_inbox.claim("w", NOW, LATER)
    oldest = ledger.ap_inbox.oldest_due()
    replayed = ledger.ap_inbox.replay([one.id, two.id], NOW)

    assert ended == [False, True]
    assert [(row.id, row.outcome) for row in quarantined] == [(two.id, "deep")]
    assert early == []
    assert oldest == "2026-11-21T12:01:00.000000Z"
    assert replayed == 1
    assert [row.id for row in ledger.ap_inbox.claim("w", NOW, LATER)] == [two.id]


def test_erasure_leaves_an_id_and_nothing_it_said(ledger: Ledger) -> None:
    """Bytes, headers, verdict and object are gone, what waits is dropped, the id stays known."""
    ledger.ap_inbox.keep([received(1), received(2, None)], NOW)

    assert ledger.ap_inbox.purge_object(["https://b.example/o"]) == 1

    row = ledger.ap_inbox.get(1)
    assert row is not None
    assert (row.raw, row.headers, row.object, row.verdict, row.state) == (None, None, None, {}, "dropped")
    assert ledger.ap_inbox.keep([received(1)], NOW) == [False]
    assert len(ledger.ap_inbox.claim("w", NOW, LATER)) == 1


def test_pruning_spares_what_waits_and_the_bytes_in_quarantine(ledger: Ledger) -> None:
    """Done ones lose their bytes first, their row later."""
    ledger.ap_inbox.keep([received(number) for number in range(3)], NOW)
    done, held = ledger.ap_inbox.claim("w", NOW, LATER, 2)
    ledger.ap_inbox.settle([Outcome(done.id, InboxState.DONE), Outcome(held.id, InboxState.QUARANTINED, "deep")])

    touched = [ledger.ap_inbox.prune(LATER, NOW) for _ in range(2)]
    kept = [row.raw for row in map(ledger.ap_inbox.get, (1, 2, 3)) if row is not None]
    ledger.ap_inbox.prune(LATER, LATER)

    assert touched == [1, 0]
    assert kept == [None, b"{}", b"{}"]
    assert ledger.ap_inbox.counts() == {"accepted": 1}
