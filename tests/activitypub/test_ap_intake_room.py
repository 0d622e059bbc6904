"""Many activities at once, and little room to fetch what they name: nothing is lost, and little is written often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from ap_intake_desk import IntakeDesk, Peer, World

from federation.activitypub.exchange import Slots
from federation.activitypub.intake import LEASE
from federation.activitypub.remote import RemoteBody
from federation.ledger.ap_inbox import InboxState
from federation.model import peer_slug
from federation.vocabulary import Vocabulary

pytestmark = pytest.mark.slow


class Narrow(World):
    """Other servers of which one fetch at a time may ask each."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(per_host=1)
        self.open = threading.Event()
        self.open.set()

    def fetch_bytes(self, url: str, **how: object) -> RemoteBody:
        """A body, once nobody else asks."""
        with self.slots.hold(url.split("/")[2], 0.0):
            self.open.wait(30)
            return super().fetch_bytes(url, **how)


@contextmanager
def narrow(folder: Path, words: Vocabulary) -> Iterator[tuple[IntakeDesk, Narrow]]:
    """An instance whose fetches have little room."""
    desk, world = IntakeDesk(folder, words), Narrow()
    desk.world.fetch_bytes = world.fetch_bytes  # type: ignore[method-assign]
    world.bodies = desk.world.bodies
    try:
        yield desk, world
    finally:
        world.open.set()
        desk.close()


def test_no_room_to_fetch_is_no_try_and_no_wait(tmp_path: Path, words: Vocabulary) -> None:
    """A burst of a peer's records of which each has to be fetched: all are taken without time passing, in few runs."""
    with narrow(tmp_path / "i", words) as (desk, _):
        peer = Peer(desk)
        ids = [desk.keep(peer.announce("Create", str(number), -5)) for number in range(30)]
        desk.work()
        rows = [desk.row(id_) for id_ in ids]
        runs = desk.ledger.passages.of_partner(peer_slug(peer.owner), 100)

    assert {(row.state, row.outcome, row.tries) for row in rows} == {(InboxState.DONE, "taken", 1)}
    assert len(runs) < 10


def test_what_is_in_hand_when_its_lease_ends_is_not_taken_twice(tmp_path: Path, words: Vocabulary) -> None:
    """A fetch outlasts the lease: the same activity is claimed again, and stands in hand once."""
    with narrow(tmp_path / "i", words) as (desk, world):
        world.open.clear()
        id_ = desk.keep(Peer(desk).announce("Create", "1", -5))
        desk.intake.take(desk.pushing.writer)
        desk.clock.turn(LEASE + timedelta(seconds=1))
        desk.intake.take(desk.pushing.writer)
        assert len(desk.intake._hand) == 1
        world.open.set()
        desk.work()
        assert (desk.row(id_).state, desk.row(id_).outcome) == (InboxState.DONE, "taken")
