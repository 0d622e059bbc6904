"""Kill -9 while the inbox is worked on: nothing that was accepted is lost, nothing is applied twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from ap_intake_desk import ACTOR, BASE, COMMONS, IntakeDesk

from federation.ledger.ap_inbox import InboxState
from federation.vocabulary import load

SCRIPT = Path(__file__).with_name("ap_intake_to_kill.py")
FAN = "https://f.example/u"
RECORDS = 12


@pytest.mark.slow
def test_intake_survives_kill_at_any_instant(tmp_path: Path) -> None:
    """Each activity ends once, each record is online, each announcement and each like counts once."""
    chance, folder = random.Random(4), tmp_path / "here"
    desk = IntakeDesk(folder, load())
    desk.bind()
    for number in range(RECORDS):
        desk.keep(desk.activity("Create", desk.page(str(number)), cc=[COMMONS]))
        desk.keep(desk.activity("Like", f"{BASE}/objects/p/1", FAN))
    desk.close()
    day, killed = 0, 0
    for day in range(1, 40):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), str(day)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.3 + day / 30))  # the instant is what is tested; a slow machine gets on too
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
    process.wait()
    assert killed > 0

    desk = IntakeDesk(folder, load(), day + 1)
    desk.actor(ACTOR)
    desk.work()
    assert [row.outcome for row in desk.ledger.ap_inbox.listed(InboxState.QUARANTINED)] == []
    assert set(desk.ledger.ap_inbox.counts()) == {"done"}
    assert len(desk.online()) == RECORDS
    passed_on = [said["object"] for said in desk.sent()]
    whole = Counter(thing["id"] for thing in passed_on if isinstance(thing, dict))
    bare = Counter(thing for thing in passed_on if isinstance(thing, str))
    for announced in (whole, bare):
        assert len(announced) == RECORDS
        assert set(announced.values()) == {1}
    told = Counter(change.record for change in desk.ledger.changes.since(0))
    assert set(told.values()) == {1}
    desk.close()
