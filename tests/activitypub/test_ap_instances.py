"""Two whole Carrefours with their workers: one follows the other, by activities and by what they read of each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ap_step import Row, Site, row, rows

from federation.ledger.ap_follows import Direction, FollowState
from federation.pipeline.worker import Watcher

pytestmark = pytest.mark.slow


class Whole(Site):
    """A Carrefour whose worker runs."""

    def start(self) -> None:
        """Let the worker run."""
        self._stop = threading.Event()
        watcher = Watcher(lambda _report: None, lambda _text: None)
        self._worker = threading.Thread(target=self.platform.work, args=(self._stop, watcher), daemon=True)
        self._worker.start()

    def stop(self) -> None:
        """Let the worker end, and close."""
        self._stop.set()
        self._worker.join()
        self.down()

    def gives(self, source: str, items: list[Row]) -> None:
        """Have the worker harvest what a partner gives from now on."""
        self.write(source, items)
        self.platform.operations.queue_harvest(source, "op")

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true."""
        for _ in range(600):
            if true():
                return
            self._stop.wait(0.1)
        raise AssertionError("it did not come about")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Whole, Whole]]:
    """A has records, B follows A, and A follows B; both work."""
    a, b = Whole(tmp_path / "a"), Whole(tmp_path / "b")
    a.harvest("p", rows(20))
    b.harvest("r", rows(5, "Un atelier.", start=700))
    a.start()
    b.start()
    b.platform.peers.follow(f"{a.base}/actors/commons", "op")
    a.platform.peers.follow(f"{b.base}/actors/commons", "op")
    yield a, b
    a.stop()
    b.stop()


def in_step(a: Site, b: Site) -> bool:
    """Whether the public records of each are the same in the other, to the byte."""
    return a.own() == b.graphs(a.base) and b.own() == a.graphs(b.base)


def follows(site: Site) -> bool:
    """Whether its Follow has been accepted."""
    return bool(site.ledger.ap_follows.listed(Direction.OUT, [FollowState.ACCEPTED]))


def test_two_carrefours_follow_each_other_and_stay_in_step(pair: tuple[Whole, Whole]) -> None:
    """Follow and Accept by signed activities, the dump, then edits and deletes by push; nothing comes back."""
    a, b = pair
    b.until(lambda: follows(a) and follows(b))
    b.until(lambda: in_step(a, b))

    a.gives("p", [row("0", "Un autre texte."), *rows(19, start=1), row("new")])
    a.until(lambda: len(a.own()) == 21)
    b.until(lambda: in_step(a, b))

    assert len(a.own()) == 21
    assert len(b.own()) == 5


def test_one_that_was_down_ends_in_step(pair: tuple[Whole, Whole]) -> None:
    """What was harvested meanwhile is asked for when it is up again, whatever was delivered to nobody."""
    a, b = pair
    b.until(lambda: in_step(a, b))
    b.stop()
    a.gives("p", [row("0", "Pendant la panne."), *rows(23, start=1)])
    a.until(lambda: len(a.own()) == 24 and any("Pendant" in text for text in a.own().values()))
    b.up()
    b.start()

    b.until(lambda: in_step(a, b))
    assert (len(a.own()), len(b.own())) == (24, 5)
