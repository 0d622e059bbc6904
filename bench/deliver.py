"""Deliveries: how many signed ones go out per second, and how long a Create takes to all hosts when many are dead.

A part of `python -m bench.federation`, over loopback: the hosts are addresses of 127.0.0.0/8, served by one other
process. Of the dead hosts one half refuses connections, the other takes them and never answers.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bench.measure import clock, table
from federation.activitypub import signatures
from federation.activitypub.authority import origin_of
from federation.activitypub.delivery import Deliverer
from federation.activitypub.knock import Knock
from federation.activitypub.names import Names
from federation.activitypub.remote import Remote
from federation.activitypub.sending import Audience, Letter, Sender
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.times import to_text

NAMES = Names("https://bench.example")
BODY = 5_000  # bytes of an activity, as a usual record makes it
TARGET = 60.0  # seconds
FOLLOWERS, HOSTS, DEAD = 10_000, 500, 100
GIVE_UP = 180.0
_ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


# -- the other servers --------------------------------------------------------------------------------------------


class Sink(asyncio.Protocol):
    """Takes every request, counts the inboxes that have had one, and answers 202; or takes it and never answers."""

    def __init__(self, seen: set[tuple[str, str]], counter: Synchronized[int], answers: bool) -> None:
        self._seen, self._counter, self._answers = seen, counter, answers
        self._data = b""
        self._host = ""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        if isinstance(transport, asyncio.Transport):
            self._transport, self._host = transport, transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        while self._answers and self._transport is not None:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            if not found or len(rest) < length:
                return
            self._data = rest[length:]
            self._seen.add((self._host, head.split(b" ", 2)[1].decode()))
            with self._counter:
                self._counter.value = len(self._seen)
            self._transport.write(_ANSWER)


async def _serve(live: Sequence[str], hanging: Sequence[str], port: int, counter: Synchronized[int]) -> None:
    loop, seen = asyncio.get_running_loop(), set[tuple[str, str]]()
    for hosts, answers in ((live, True), (hanging, False)):
        for host in hosts:
            await loop.create_server(lambda answers=answers: Sink(seen, counter, answers), host, port, backlog=64)  # type: ignore[misc]


def sink(live: Sequence[str], hanging: Sequence[str], port: int, counter: Synchronized[int], ready: Event) -> None:
    """Serve until the process is ended."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_serve(live, hanging, port, counter))
    ready.set()
    loop.run_forever()


@contextmanager
def servers(live: Sequence[str], hanging: Sequence[str]) -> Iterator[tuple[int, Synchronized[int]]]:
    """Serve the hosts from another process; their port, and how many inboxes have had something."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    counter, ready = context.Value("i", 0), context.Event()
    process = context.Process(target=sink, args=(live, hanging, port, counter, ready), daemon=True)
    process.start()
    ready.wait(60)
    yield port, counter
    process.terminate()
    process.join()


# -- our side -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keys:
    """Signs for every actor with one key."""

    key: RSAPrivateKey

    def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
        """Sign like the keyring."""
        key = SigningKey(f"{actor}#main-key", self.key)
        return signatures.sign(message, origin=origin, key=key, now=datetime.now(UTC), dialect=dialect)


def _now() -> datetime:
    return datetime.now(UTC)


def deliverer(ledger: Ledger, key: RSAPrivateKey) -> Deliverer:
    """What an instance delivers with."""
    remote = Remote(origin_of("http://127.0.0.1:1"), "bench", time.monotonic, allow_private=True)
    return Deliverer(ledger, NAMES, Knock(Keys(key), remote, _now), _now, random.random)


def follow(ledger: Ledger, hosts: Sequence[str], port: int, inboxes: int) -> None:
    """Let each host have followers at so many inboxes."""
    with ledger.write() as tx:
        for host, number in itertools.product(hosts, range(inboxes)):
            target = Target(f"http://{host}:{port}/{number}/inbox", f"{host}:{port}")
            follower = f"http://{host}:{port}/{number}"
            ledger.ap_follows.put(
                Direction.IN, follower, NAMES.commons, follower, FollowState.ACCEPTED, target, _now(), tx
            )


def say(ledger: Ledger, number: int) -> None:
    """Queue activities for all followers, each of an object of its own."""
    sender = Sender(ledger, NAMES, _now, os.urandom)
    letters = []
    for each in range(number):
        saying = sender.saying(NAMES.commons)
        body = os.urandom(BODY // 2).hex().encode()
        made = NewActivity(saying.ulid, NAMES.commons, "Create", f"o{each}", None, to_text(saying.at), body)
        letters.append(Letter(made, Audience((NAMES.commons,)), f"o{each}"))
    sender.keep(letters)


def settled(ledger: Ledger) -> int:
    """Deliveries that are done."""
    return ledger.ap_deliveries.counts().get("sent", 0)


def rate(deliveries: int, key: RSAPrivateKey, folder: Path) -> tuple[float, float]:
    """Deliveries per second to 64 live hosts, and processor seconds of this process for each of a thousand."""
    hosts = [f"127.2.0.{number + 1}" for number in range(64)]
    with servers(hosts, ()) as (port, _), closing(open_ledger("", folder)) as ledger:
        follow(ledger, hosts, port, 1)
        say(ledger, deliveries // len(hosts))
        total = deliveries // len(hosts) * len(hosts)
        out = deliverer(ledger, key)
        with clock() as spent:
            out.start()
            end = time.monotonic() + GIVE_UP
            while settled(ledger) < total and time.monotonic() < end:
                time.sleep(0.1)
        out.stop()
        return settled(ledger) / spent.seconds, spent.processor / total * 1000


def reach(hosts: int, dead: int, inboxes: int, key: RSAPrivateKey, folder: Path) -> tuple[int, int, float]:
    """Seconds until every live inbox has a Create: how many there are, how many got it, and when the last did."""
    names = [f"127.3.{number // 250}.{number % 250 + 1}" for number in range(hosts)]
    random.Random(4).shuffle(names)
    hanging, live = names[: dead // 2], names[dead:]
    with servers(live, hanging) as (port, counter), closing(open_ledger("", folder)) as ledger:
        follow(ledger, names, port, inboxes)
        say(ledger, 1)
        out = deliverer(ledger, key)
        began = time.perf_counter()
        out.start()
        while counter.value < len(live) * inboxes and time.perf_counter() - began < GIVE_UP:
            time.sleep(0.05)
        lasted, got = time.perf_counter() - began, counter.value
        out.stop()
    return len(live) * inboxes, got, lasted


@dataclass(frozen=True)
class Reach:
    """How a Create reached the followers: live inboxes, those that got it, seconds until the last did."""

    what: str
    live: int
    got: int
    seconds: float

    @property
    def held(self) -> bool:
        """Whether every live inbox got it in time."""
        return self.got == self.live and self.seconds <= TARGET


def reaches(key: RSAPrivateKey, folder: Path) -> list[Reach]:
    """A Create to all followers: those of each host at one shared inbox, then each at an inbox of its own."""
    ways = (("a shared inbox each", 1), ("an inbox for each follower", FOLLOWERS // HOSTS))
    return [Reach(what, *reach(HOSTS, DEAD, inboxes, key, folder / f"reach{inboxes}")) for what, inboxes in ways]


def told(reached: Sequence[Reach]) -> str:
    """The table of that."""
    head = [f"{FOLLOWERS} followers on {HOSTS} hosts, {DEAD} dead", "live inboxes", "reached", "last (s)", "target"]
    rows = [
        [one.what, one.live, one.got, f"{one.seconds:.1f}", f"{TARGET:.0f} s: {'yes' if one.held else '**no**'}"]
        for one in reached
    ]
    return table(head, rows) + "\nOf the dead hosts half refuse connections, half take them and never answer."
