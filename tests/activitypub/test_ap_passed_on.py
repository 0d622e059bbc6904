"""What the commons passes on of a bound partner's: records, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ap_intake_desk import ACTOR, COMMONS, HOST, PUBLIC, IntakeDesk

from federation.vocabulary import Vocabulary

FAN = "https://f.example/u"
HEARD = {"to": [PUBLIC], "cc": [COMMONS]}


@pytest.fixture
def desk(tmp_path: Path, words: Vocabulary) -> Iterator[IntakeDesk]:
    """An instance with a bound partner, whose commons has a follower."""
    made = IntakeDesk(tmp_path / "here", words)
    made.bind()
    made.actor(ACTOR)
    made.actor(FAN, "Person")
    made.give(made.activity("Follow", COMMONS, FAN))
    made.sent()
    yield made
    made.close()


def test_only_of_records_do_followers_hear(desk: IntakeDesk) -> None:
    """Not of a Note, which makes none, nor of a Delete of what was never here; of a record's Create and its end."""
    dead = {"type": "Tombstone", "deleted": desk.at(-1)}
    assert desk.give(desk.activity("Create", desk.page("1", type="Note"), **HEARD)).state == "done"
    assert desk.give(desk.activity("Delete", {"id": f"{HOST}/pages/2", **dead}, **HEARD)).state == "done"
    unheard = desk.sent()

    desk.give(desk.activity("Create", desk.page("3"), **HEARD))
    desk.give(desk.activity("Delete", {"id": f"{HOST}/pages/3", **dead}, **HEARD))

    assert unheard == []
    told = [said["object"] for said in desk.sent()]
    assert [one if isinstance(one, str) else one["type"] for one in told] == ["Create", f"{HOST}/pages/3", "Delete"]
