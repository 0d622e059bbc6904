"""Group commit: rows share transactions, and nobody is answered before, nor never."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from federation.activitypub.commits import GroupCommit
from federation.errors import EngineUnavailable
from federation.ledger.ap_inbox import Received

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def row(number: int) -> Received:
    """A row of that number."""
    return Received(f"https://x.example/{number}", "a", "h", "Create", None, b"", (), {}, "public", "", str(number))


class Kept:
    """Transactions, which a test may hold up or break."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Semaphore(0)
        self.fault: Exception | None = None

    def __call__(self, rows: Sequence[Received], now: datetime) -> list[bool]:
        self.entered.release()
        assert self.go.wait(10)
        if self.fault is not None:
            raise self.fault
        known = {one for group in self.groups for one in group}
        self.groups.append([one.activity for one in rows])
        return [one.activity not in known for one in rows]


def put_all(commits: GroupCommit, numbers: Sequence[int]) -> tuple[list[threading.Thread], dict[int, object]]:
    """Put rows, each from a thread of its own; what they are told is noted."""
    told: dict[int, object] = {}

    def one(number: int) -> None:
        with commits.coming():
            try:
                told[number] = commits.put(row(number))
            except EngineUnavailable as error:
                told[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    return threads, told


def test_a_row_alone_is_kept_and_answered() -> None:
    """Whether it is new."""
    kept = Kept()
    commits = GroupCommit(kept, lambda: NOW)
    assert [commits.put(row(1)), commits.put(row(1))] == [True, False]
    commits.close()


def test_what_comes_during_a_transaction_shares_the_next() -> None:
    """Nobody is answered before it ends."""
    kept = Kept()
    kept.go.clear()
    commits = GroupCommit(kept, lambda: NOW, gather=5.0)
    first, told = put_all(commits, [0])
    assert kept.entered.acquire(timeout=10)
    others, told_others = put_all(commits, range(1, 9))
    while len(commits._waiting) < 8:
        others[0].join(0.01)
    assert told == told_others == {}
    kept.go.set()
    for thread in first + others:
        thread.join(10)
    assert told == {0: True}
    assert told_others == dict.fromkeys(range(1, 9), True)
    assert [len(group) for group in kept.groups] == [1, 8]
    commits.close()


@pytest.mark.parametrize("fault", [EngineUnavailable("full", "plein")])
def test_a_failed_transaction_is_told_to_all_of_its_group_and_to_no_other(fault: Exception) -> None:
    """The next one is tried anew."""
    kept = Kept()
    kept.fault = fault
    commits = GroupCommit(kept, lambda: NOW)
    threads, told = put_all(commits, range(4))
    for thread in threads:
        thread.join(10)
    assert set(told.values()) == {fault}
    kept.fault = None
    assert commits.put(row(9)) is True
    commits.close()


def test_a_defect_lets_nobody_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised, those who wait are refused, and the next row finds a working thread."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    kept = Kept()
    kept.fault = ZeroDivisionError()
    commits = GroupCommit(kept, lambda: NOW)
    with pytest.raises(EngineUnavailable):
        commits.put(row(1))
    kept.fault = None
    while (thread := commits._thread) is not None:
        thread.join(10)
    assert commits.put(row(2)) is True
    commits.close()


def test_closing_writes_what_waits_and_takes_no_more() -> None:
    """Who comes later is refused."""
    kept = Kept()
    commits = GroupCommit(kept, lambda: NOW)
    threads, told = put_all(commits, range(3))
    for thread in threads:
        thread.join(10)
    commits.close()
    assert len(told) == 3
    with pytest.raises(EngineUnavailable):
        commits.put(row(9))
