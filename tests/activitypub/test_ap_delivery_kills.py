"""The process that delivers is killed at any instant: nothing is lost, nothing overtakes, little comes twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation.activitypub import signatures
from federation.activitypub.authority import origin_of
from federation.activitypub.delivery import Deliverer, Pace
from federation.activitypub.keys import generate_rsa
from federation.activitypub.knock import Knock
from federation.activitypub.names import Names
from federation.activitypub.remote import Remote
from federation.activitypub.sending import Audience, Letter, Sender
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.times import to_text
from tests.activitypub.ap_peer_server import PeerServer
from tests.activitypub.ap_peer_server import answer as http_answer

NAMES = Names("https://ici.example")
HOSTS, ACTIVITIES, KILLS = 8, 60, 8
PACE = Pace(quick=6, poll=0.05, per_lane=4)


def _now() -> datetime:
    return datetime.now(UTC)


class _Keys:
    """Signs for every actor with one key."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
        """Sign like the keyring."""
        key = SigningKey(f"{actor}#main-key", self._key)
        return signatures.sign(message, origin=origin, key=key, now=_now(), dialect=dialect)


def deliver(folder: Path, pem: bytes) -> None:
    """Deliver until the process is killed."""
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey)
    with closing(open_ledger("", folder)) as ledger:
        remote = Remote(origin_of("http://127.0.0.1:1"), "test", time.monotonic, allow_private=True)
        Deliverer(ledger, NAMES, Knock(_Keys(key), remote, _now), _now, random.random, PACE).start()
        threading.Event().wait()


def say(ledger: Ledger, port: int) -> None:
    """Queue activities for hosts that are paths of one server."""
    sender = Sender(ledger, NAMES, _now, os.urandom)
    targets = tuple(Target(f"http://127.0.0.1:{port}/{host}", f"host-{host}") for host in range(HOSTS))
    for number in range(ACTIVITIES):
        saying = sender.saying(NAMES.commons)
        body = f"{number:04}".encode()
        made = NewActivity(saying.ulid, NAMES.commons, "Create", f"o{number}", None, to_text(saying.at), body)
        sender.keep([Letter(made, Audience(inboxes=targets), f"o{number}")])


@pytest.mark.slow
def test_a_kill_loses_no_delivery_and_doubles_at_most_what_was_in_flight(tmp_path: Path) -> None:
    """Each host gets everything, in order; twice only what a killed process had claimed."""
    chance = random.Random(1)
    server = PeerServer()
    for host in range(HOSTS):
        server.answers[f"/{host}"] = http_answer(b"", status="202 Accepted", kind=None)
    pem = generate_rsa().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # what it imports takes longer than what it does
    kills = 0
    with closing(server), closing(open_ledger("", tmp_path)) as ledger:
        say(ledger, server.port)
        end = time.monotonic() + 240
        while ledger.ap_deliveries.counts() != {"sent": HOSTS * ACTIVITIES} and time.monotonic() < end:
            before = len(server.asked)
            process = context.Process(target=deliver, args=(tmp_path, pem), daemon=True)
            process.start()
            while len(server.asked) == before and process.is_alive() and time.monotonic() < end:
                process.join(0.01)  # it starts, and begins to send
            process.join(chance.random() * 0.5 if kills < KILLS else 10)
            process.kill()
            process.join()
            kills += 1
        counts = ledger.ap_deliveries.counts()
    came = [(asked.target, asked.body.decode()) for asked in server.asked]

    assert counts == {"sent": HOSTS * ACTIVITIES}
    assert kills > 2
    assert set(came) == {(f"/{host}", f"{number:04}") for host in range(HOSTS) for number in range(ACTIVITIES)}
    firsts = {f"/{host}": list(dict.fromkeys(body for at, body in came if at == f"/{host}")) for host in range(HOSTS)}
    assert all(order == sorted(order) for order in firsts.values())
    twice = sum(times - 1 for times in Counter(came).values())
    assert twice <= kills * PACE.quick * PACE.per_lane
