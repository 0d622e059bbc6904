"""Deliveries over weeks of a clock that we turn: order, retries, dialects, breakers; and over real HTTP."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation.activitypub import signatures
from federation.activitypub.authority import origin_of
from federation.activitypub.delivery import Deliverer, Pace
from federation.activitypub.exchange import RemoteFault
from federation.activitypub.keys import generate_rsa
from federation.activitypub.knock import Carrier, Knock
from federation.activitypub.names import Names
from federation.activitypub.remote import Answer, Remote
from federation.activitypub.retries import WAITS, next_try, retry_after
from federation.activitypub.sending import Audience, Letter, Sender, Sync
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.errors import EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import NewActivity
from federation.ledger.ap_deliveries import DeliveryState, Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_lanes import WAITING_PER_HOST
from federation.ledger.ap_peers import BlockRow
from federation.ledger.times import from_text, to_text
from tests.activitypub.ap_peer_server import PeerServer
from tests.activitypub.ap_peer_server import answer as http_answer

pytestmark = pytest.mark.slow  # whole instances and hosts: minutes on a small machine

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = Names("https://ici.example")
PARTNER = NAMES.partner("p")
Script = Callable[[str, Dialect], Answer]


@pytest.fixture(scope="session")
def rsa() -> RSAPrivateKey:
    """One RSA key for all tests."""
    return generate_rsa()


@dataclass
class Clock:
    """A clock that stands still until it is turned."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    def turn(self, step: timedelta) -> None:
        """Let time pass."""
        self.at += step


@dataclass
class Keys:
    """Signs for every actor with one key."""

    key: RSAPrivateKey
    clock: Callable[[], datetime]

    def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
        """Sign like the keyring."""
        key = SigningKey(f"{actor}#main-key", self.key)
        return signatures.sign(message, origin=origin, key=key, now=self.clock(), dialect=dialect)


def says(status: int, retry: str | None = None, accept_signature: str | None = None) -> Answer:
    """An answer of an inbox."""
    return Answer(status, retry, accept_signature, b"")


@dataclass
class Hosts:
    """Other servers: each answers as its script says; without one it takes everything."""

    scripts: dict[str, Script] = field(default_factory=dict)
    came: list[tuple[str, str, bytes, Dialect]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Take a delivery."""
        dialect = Dialect.RFC9421 if "Signature-Input" in headers else Dialect.CAVAGE
        host = origin_of(url).authority
        self.came.append((host, url, body, dialect))
        script = self.scripts.get(host)
        return says(202) if script is None else script(url, dialect)

    def bodies(self, host: str) -> list[str]:
        """What came to a host, in order."""
        return [body.decode() for at, _, body, _ in self.came if at == host]

    def dialects(self, host: str) -> list[Dialect]:
        """In which dialects it was spoken to."""
        return [dialect for at, _, _, dialect in self.came if at == host]


def silent(_url: str, _dialect: Dialect) -> Answer:
    """A host that is not there."""
    raise RemoteFault("remote:unreachable", passing=True)


@dataclass
class World:
    """An instance with its ledger, other servers, and a clock."""

    ledger: Ledger
    clock: Clock
    hosts: Hosts
    sender: Sender
    deliverer: Deliverer
    returned: list[str]

    def follow(self, host: str, inbox: str = "/inbox", actor: str = NAMES.commons, who: str = "a") -> None:
        """Let somebody on a host follow an actor of ours."""
        target = Target(f"https://{host}{inbox}", host)
        follower = f"https://{host}/u/{who}"
        self.ledger.ap_follows.put(
            Direction.IN, follower, actor, f"{follower}#f", FollowState.ACCEPTED, target, self.clock()
        )

    def say(
        self,
        text: str,
        object_: str = "o",
        kind: str = "Create",
        actor: str = NAMES.commons,
        audience: Audience | None = None,
    ) -> str:
        """Keep an activity for the followers of an actor; return its ULID."""
        say = self.sender.saying(actor)
        made = NewActivity(say.ulid, actor, kind, object_, None, to_text(say.at), text.encode())
        self.sender.keep([Letter(made, audience or Audience((actor,)), object_, kind == "Update")])
        return say.ulid

    def pass_time(self, span: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, delivering all that falls due; where nothing is ready, up to the time when something is."""
        end = self.clock.at + span
        while self.clock.at < end:
            ready = self.ledger.ap_deliveries.next_ready()
            due = end if ready is None else from_text(ready)
            self.clock.at = min(end, max(due, self.clock.at + step if due <= self.clock.at else due))
            self.deliverer.work_off()

    def counts(self) -> dict[str, int]:
        """Deliveries by state."""
        return self.ledger.ap_deliveries.counts()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def world(ledger: Ledger, rsa: RSAPrivateKey) -> World:
    """An instance that nobody follows yet."""
    return build(ledger, rsa, Clock(), Hosts())


def build(ledger: Ledger, rsa: RSAPrivateKey, clock: Clock, hosts: Hosts) -> World:
    """An instance over a ledger."""
    counter = iter(range(10**6))
    sender = Sender(ledger, NAMES, clock, lambda size: next(counter).to_bytes(size))
    knock = Knock(Keys(rsa, clock), hosts, clock)
    returned: list[str] = []
    deliverer = Deliverer(ledger, NAMES, knock, clock, lambda: 0.5, returned=returned.append)
    return World(ledger, clock, hosts, sender, deliverer, returned)


# -- retries, pure --------------------------------------------------------------------------------------------------


def test_retries_follow_the_table_with_a_spread_of_a_fifth() -> None:
    """Eight waits from a minute to two days; then no more."""
    assert [next_try(tries, NOW, 0.5) for tries in range(1, 9)] == [NOW + wait for wait in WAITS]
    assert next_try(1, NOW, 0.0) == NOW + timedelta(seconds=48)
    assert next_try(1, NOW, 1.0) == NOW + timedelta(seconds=72)
    assert next_try(9, NOW, 0.5) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("120", NOW + timedelta(minutes=2)),
        (" 120 ", NOW + timedelta(minutes=2)),
        ("9" * 400, NOW + timedelta(hours=48)),
        ("Sat, 21 Nov 2026 12:30:00 GMT", NOW + timedelta(minutes=30)),
        ("tomorrow", None),
        ("-5", None),
        ("\u0664", None),
        ("Sat, 99 Nov 2026 12:30:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, expected: datetime | None) -> None:
    """Seconds or a date; anything else says nothing, and nothing asks for more than two days."""
    assert retry_after(value, NOW) == expected


# -- fan-out --------------------------------------------------------------------------------------------------------


def test_one_delivery_goes_to_a_shared_inbox_and_one_to_each_other(world: World) -> None:
    """Followers that share an inbox share a delivery, of two actors of ours too."""
    for who in "abc":
        world.follow("a.example", "/shared", who=who)
    world.follow("a.example", "/shared", actor=PARTNER)
    world.follow("b.example", "/u/a/inbox")
    world.follow("b.example", "/u/b/inbox", who="b")
    world.say("x", audience=Audience((NAMES.commons, PARTNER)))
    world.deliverer.work_off()

    assert sorted(url for _, url, _, _ in world.hosts.came) == [
        "https://a.example/shared",
        "https://b.example/u/a/inbox",
        "https://b.example/u/b/inbox",
    ]
    assert world.counts() == {"sent": 3}


def test_hosts_of_the_sync_profile_are_left_out_or_alone(world: World) -> None:
    """They get from the Group what the others get directly; one that does not follow the Group gets that, too."""
    for host in ("sync.example", "plain.example"):
        world.follow(host)
        world.follow(host, actor=PARTNER)
    world.follow("stray.example", actor=PARTNER)
    for host in ("sync.example", "stray.example"):
        world.ledger.ap_hosts.declares_sync(host, True)
    world.say("all")
    world.say("not", audience=Audience((PARTNER,), Sync.NOT))
    world.say("only", audience=Audience((NAMES.commons,), Sync.ONLY))
    world.deliverer.work_off()

    got = {host: sorted(world.hosts.bodies(host)) for host in ("sync.example", "plain.example", "stray.example")}
    assert got == {"sync.example": ["all", "only"], "plain.example": ["all", "not"], "stray.example": ["not"]}


def test_a_fan_out_that_was_cut_short_ends_with_one_delivery_each(world: World) -> None:
    """The next start expands the job again, before what was said later, and no inbox gets it twice."""
    world.follow("a.example")
    world.follow("b.example")
    first = world.say("first")
    world.ledger.ap_jobs.claim("delivery", NOW, NOW + timedelta(minutes=5))
    world.ledger.ap_deliveries.fan_out(first, [Target("https://a.example/inbox", "a.example")], NOW, last=False)
    world.say("second")
    world.deliverer.take_over()
    world.deliverer.work_off()

    assert world.hosts.bodies("a.example") == ["first", "second"]
    assert world.hosts.bodies("b.example") == ["first", "second"]


# -- order ------------------------------------------------------------------------------------------------------


def test_a_lane_keeps_its_order_while_it_waits(world: World) -> None:
    """What comes later waits behind what failed; other hosts get theirs at once."""
    broken = [says(503), says(503)]
    world.hosts.scripts["slow.example"] = lambda _url, _dialect: broken.pop() if broken else says(202)
    for host in ("slow.example", "fine.example"):
        world.follow(host)
    for text in ("1", "2", "3"):
        world.say(text, object_=text)
    world.deliverer.work_off()
    at_once = world.hosts.bodies("fine.example")
    world.pass_time(timedelta(minutes=7))

    assert at_once == ["1", "2", "3"]
    assert world.hosts.bodies("slow.example") == ["1", "1", "1", "2", "3"]
    assert world.counts() == {"sent": 6}


def test_of_updates_that_wait_only_the_last_is_sent(world: World) -> None:
    """While a lane waits, Updates of one object in a row collapse; a Delete after them does not."""
    world.hosts.scripts["a.example"] = silent
    world.follow("a.example")
    world.say("create")
    world.deliverer.work_off()
    for number in range(5):
        world.say(f"update {number}", kind="Update")
        world.deliverer.work_off()
    world.say("delete", kind="Delete")
    world.deliverer.work_off()
    del world.hosts.scripts["a.example"]
    world.pass_time(timedelta(minutes=2))

    assert world.hosts.bodies("a.example") == ["create", "create", "update 4", "delete"]
    assert world.counts() == {"sent": 3, "dropped": 4}


# -- dialects -------------------------------------------------------------------------------------------------------


def reads(only: Dialect, status: int = 401, offers: str | None = None) -> Script:
    """A host that reads one dialect only."""
    return lambda _url, dialect: says(202, None, offers) if dialect is only else says(status)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_host_that_refuses_is_knocked_once_in_the_other_dialect(world: World, status: int) -> None:
    """And what it reads is remembered for 30 days: no second double knock."""
    world.hosts.scripts["new.example"] = reads(Dialect.RFC9421, status)
    world.follow("new.example")
    for text in ("1", "2"):
        world.say(text, object_=text)
        world.deliverer.work_off()
    sent = world.counts()
    world.clock.turn(timedelta(days=31))
    world.say("3", object_="3")
    world.deliverer.work_off()

    first, other = Dialect.CAVAGE, Dialect.RFC9421
    assert world.hosts.dialects("new.example") == [first, other, other, first, other]
    assert sent == {"sent": 2}


def test_a_host_that_refuses_both_dialects_gets_no_third_knock(world: World) -> None:
    """The delivery is a dead letter, and the lane goes on."""
    refuse = {"bad": 2}

    def script(_url: str, _dialect: Dialect) -> Answer:
        refuse["bad"] -= 1
        return says(403 if refuse["bad"] >= 0 else 202)

    world.hosts.scripts["a.example"] = script
    world.follow("a.example")
    for text in ("1", "2"):
        world.say(text, object_=text)
    world.deliverer.work_off()

    assert world.hosts.bodies("a.example") == ["1", "1", "2"]
    assert world.counts() == {"dead": 1, "sent": 1}


def test_a_host_that_asks_for_the_newer_dialect_gets_it_from_then_on(world: World) -> None:
    """``Accept-Signature`` on a delivery that was taken."""
    world.hosts.scripts["a.example"] = lambda _url, _dialect: says(202, None, 'sig1=("@method")')
    world.follow("a.example")
    for text in ("1", "2"):
        world.say(text, object_=text)
        world.deliverer.work_off()

    assert world.hosts.dialects("a.example") == [Dialect.CAVAGE, Dialect.RFC9421]


# -- failures -------------------------------------------------------------------------------------------------------


def test_a_delivery_that_always_fails_is_tried_nine_times(world: World) -> None:
    """Over the waits of the table; then it is a dead letter, and what waits behind it goes."""
    times: list[timedelta] = []

    def script(_url: str, _dialect: Dialect) -> Answer:
        if world.hosts.came[-1][2] != b"poison":
            return says(202)
        times.append(world.clock.at - NOW)
        return says(500)

    world.hosts.scripts["a.example"] = script
    world.follow("a.example")
    world.say("poison", object_="1")
    world.say("fine", object_="2")
    world.deliverer.work_off()
    world.pass_time(timedelta(hours=95), timedelta(minutes=1))

    assert len(times) == 9
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == list(WAITS)
    assert world.hosts.bodies("a.example")[-1] == "fine"
    assert world.counts() == {"dead": 1, "sent": 1}


def test_a_host_that_asks_for_time_gets_it_and_is_not_blamed(world: World) -> None:
    """429 with Retry-After: not before then, and the breaker counts no failure."""
    busy = [says(429, "3600")]
    world.hosts.scripts["a.example"] = lambda _url, _dialect: busy.pop() if busy else says(202)
    world.follow("a.example")
    world.say("1")
    world.deliverer.work_off()
    world.pass_time(timedelta(minutes=59))
    early = len(world.hosts.came)
    world.pass_time(timedelta(minutes=2))

    assert (early, len(world.hosts.came)) == (1, 2)
    assert world.ledger.ap_hosts.get("a.example").breaker.failures == 0


def test_an_inbox_that_is_gone_loses_its_followers_and_its_queue(world: World) -> None:
    """410: nothing more is sent there."""
    world.hosts.scripts["a.example"] = lambda _url, _dialect: says(410)
    world.follow("a.example")
    world.follow("b.example")
    for text in ("1", "2"):
        world.say(text, object_=text)
    world.deliverer.work_off()
    world.say("3", object_="3")
    world.deliverer.work_off()

    assert world.hosts.bodies("a.example")[0] == "1"
    assert "3" not in world.hosts.bodies("a.example")
    assert world.ledger.ap_follows.followers(NAMES.commons) == 1
    assert world.ledger.ap_deliveries.waiting_by_host() == {}


def test_a_blocked_host_is_told_once_and_never_again(world: World) -> None:
    """Its Reject goes out; where it is not taken at once it is dropped. Nothing else is sent."""
    world.hosts.scripts["b.example"] = silent
    for host in ("a.example", "b.example"):
        world.follow(host)
        world.ledger.ap_blocks.add(BlockRow(host, "host", "ana", to_text(world.clock())))
        audience = Audience(inboxes=(Target(f"https://{host}/inbox", host),))
        world.say("farewell", f"https://{host}/f", "Reject", audience=audience)
    world.say("news")
    world.deliverer.work_off()
    world.pass_time(timedelta(days=1))

    assert world.hosts.bodies("a.example") == ["farewell"]
    assert world.hosts.bodies("b.example") == ["farewell"]
    assert world.counts() == {"sent": 1, "dropped": 3}


@pytest.mark.parametrize("status", [301, 302, 404, 405, 413, 422])
def test_any_other_refusal_is_a_dead_letter_and_the_lane_goes_on(world: World, status: int) -> None:
    """It would be refused again; a redirect is not followed."""
    refused = [says(status)]
    world.hosts.scripts["a.example"] = lambda _url, _dialect: refused.pop() if refused else says(202)
    world.follow("a.example")
    for text in ("1", "2"):
        world.say(text, object_=text)
    world.deliverer.work_off()

    assert world.hosts.bodies("a.example") == ["1", "2"]
    assert [row.reason for row in world.ledger.ap_deliveries.listed(DeliveryState.DEAD)] == [f"status-{status}"]


def test_a_bare_announce_that_is_refused_is_no_dead_letter(world: World) -> None:
    """Lemmy answers 400 to the Announce of a Page: nobody is to look into that."""
    world.hosts.scripts["lemmy.example"] = lambda _url, _dialect: says(400)
    world.follow("lemmy.example")
    world.say("bare", object_=f"{NAMES.origin}/objects/p/1", kind="Announce")
    world.say("whole", object_=NAMES.activity("0" * 26), kind="Announce")
    world.deliverer.work_off()

    assert world.counts() == {"dropped": 1, "dead": 1}
    assert world.ledger.ap_deliveries.listed(DeliveryState.DROPPED)[0].reason == "bare-announce"


def test_an_erased_activity_is_not_sent(world: World) -> None:
    """Its bytes are gone, so the delivery is dropped."""
    world.follow("a.example")
    world.say("secret")
    world.ledger.ap_activities.forget(["o"])
    world.deliverer.work_off()

    assert world.hosts.came == []
    assert world.ledger.ap_deliveries.listed(DeliveryState.DROPPED)[0].reason == "erased"


def test_keys_that_cannot_be_read_blame_no_host(world: World, rsa: RSAPrivateKey) -> None:
    """The delivery waits, and the breaker counts no failure."""

    class Locked(Keys):
        def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
            raise EngineUnavailable("locked", "verrouillé")

    knock = Knock(Locked(rsa, world.clock), world.hosts, world.clock)
    deliverer = Deliverer(world.ledger, NAMES, knock, world.clock, lambda: 0.5)
    world.follow("a.example")
    world.say("1")
    deliverer.work_off()

    assert world.counts() == {"waiting": 1}
    assert world.ledger.ap_hosts.get("a.example").breaker.failures == 0


# -- the breaker ------------------------------------------------------------------------------------------------


def test_a_dead_host_is_probed_ever_less_and_gets_all_when_it_is_back(world: World) -> None:
    """Probes count no attempt; when it answers again, the whole queue goes in order, and whoever asks is told."""
    world.hosts.scripts["dead.example"] = silent
    world.follow("dead.example")
    for text in ("1", "2", "3"):
        world.say(text, object_=text)
    world.deliverer.work_off()
    world.pass_time(timedelta(days=5), timedelta(minutes=5))
    attempts = len(world.hosts.came)
    del world.hosts.scripts["dead.example"]
    world.pass_time(timedelta(hours=6, minutes=5), timedelta(minutes=5))

    assert attempts < 40
    assert world.hosts.bodies("dead.example")[attempts:] == ["1", "2", "3"]
    assert world.counts() == {"sent": 3}
    assert world.returned == ["dead.example"]


def test_a_host_that_is_silent_for_a_week_is_dormant_and_for_a_month_loses_its_followers(world: World) -> None:
    """Its queue is dropped, each delivery accounted for; nothing is queued for it any more."""
    world.hosts.scripts["dead.example"] = silent
    world.follow("dead.example")
    world.follow("fine.example")
    world.say("1")
    world.deliverer.work_off()
    world.pass_time(timedelta(days=7, hours=7), timedelta(hours=1))
    week = world.counts()
    world.say("2", object_="2")
    world.deliverer.work_off()
    later = world.counts()
    before = world.ledger.ap_follows.followers(NAMES.commons)
    world.pass_time(timedelta(days=24), timedelta(hours=12))

    assert week == {"sent": 1, "dropped": 1}
    assert later == {"sent": 2, "dropped": 2}
    assert (before, world.ledger.ap_follows.followers(NAMES.commons)) == (2, 1)
    assert world.counts() == {}, "what is settled for two weeks is forgotten"


@pytest.mark.slow
@pytest.mark.abuse(44)
def test_ten_thousand_dead_inboxes_do_not_fill_the_store(world: World) -> None:
    """A silent host has a queue of bounded length, and after a week none."""
    everybody = [Target(f"https://dead.example/{number}/inbox", "dead.example") for number in range(10_000)]
    world.hosts.scripts["dead.example"] = silent
    world.ledger.ap_hosts.failed(["dead.example"] * 5, NOW)
    for number in range(30):
        ulid = world.say(str(number), object_=str(number), audience=Audience(inboxes=tuple(everybody[:400])))
        world.deliverer.work_off()
        assert ulid
    many = world.counts()
    world.say("all", audience=Audience(inboxes=tuple(everybody)))
    world.deliverer.work_off()
    world.pass_time(timedelta(days=7, hours=7), timedelta(hours=1))

    assert many["waiting"] < WAITING_PER_HOST + 400
    assert sum(many.values()) == 30 * 400
    assert set(world.counts()) == {"dropped"}


# -- over real HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[PeerServer]:
    """Another server."""
    server = PeerServer()
    yield server
    server.close()


def loopback(ledger: Ledger, rsa: RSAPrivateKey, own: str = "http://127.0.0.1:1", private: bool = True) -> Deliverer:
    """A deliverer over real HTTP and a real clock."""

    def clock() -> datetime:
        return datetime.now(UTC)

    remote = Remote(origin_of(own), "test", time.monotonic, allow_private=private)
    return Deliverer(ledger, NAMES, Knock(Keys(rsa, clock), remote, clock), clock, lambda: 0.5, Pace(poll=0.05))


def waited(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something holds."""
    end, tick = time.monotonic() + seconds, threading.Event()
    while not condition() and time.monotonic() < end:
        tick.wait(0.02)
    return condition()


def test_what_is_delivered_is_signed_by_its_actor_over_the_same_bytes(
    ledger: Ledger, rsa: RSAPrivateKey, peer: PeerServer
) -> None:
    """The signature verifies at the other end with the key of the actor."""
    peer.answers["/inbox"] = http_answer(b"", status="202 Accepted", kind=None)
    world = build(ledger, rsa, Clock(datetime.now(UTC)), Hosts())
    world.say('{"é": 1}', audience=Audience(inboxes=(Target(f"{peer.origin}/inbox", "127.0.0.1"),)))
    loopback(ledger, rsa).work_off()
    (asked,) = peer.asked
    message = Message(asked.method, asked.target, tuple(asked.headers.items()), asked.body)
    parsed = signatures.parse(message, origin=peer.origin, now=datetime.now(UTC))
    signatures.verify(parsed, rsa.public_key())

    assert asked.body == '{"é": 1}'.encode()
    assert asked.headers["content-type"] == "application/activity+json"
    assert parsed.key_id == f"{NAMES.commons}#main-key"
    assert world.counts() == {"sent": 1}


@pytest.mark.abuse(45)
@pytest.mark.parametrize(
    "inbox",
    [
        "https://127.0.0.1/inbox",
        "https://localhost/inbox",
        "https://[::1]/inbox",
        "https://10.1.2.3/inbox",
        "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/inbox",
        "https://[64:ff9b::7f00:1]/inbox",
        "http://example.org/inbox",
        "https://ici.example/inbox",
        "https://ICI.example:443/actors/p/inbox",
        "https://user@ici.example/inbox",
        "https://2130706433/inbox",
        "ftp://example.org/inbox",
        "nonsense",
    ],
)
def test_nothing_is_delivered_to_ourselves_or_to_private_addresses(
    ledger: Ledger, rsa: RSAPrivateKey, inbox: str
) -> None:
    """A dead letter at once, without a retry."""
    world = build(ledger, rsa, Clock(datetime.now(UTC)), Hosts())
    world.say("x", audience=Audience(inboxes=(Target(inbox, "bad.example"),)))
    loopback(ledger, rsa, NAMES.origin, private=False).work_off()

    assert world.counts() == {"dead": 1}


def test_it_stops_within_a_second_and_the_next_start_sends_what_was_in_flight(
    ledger: Ledger, rsa: RSAPrivateKey, peer: PeerServer
) -> None:
    """A host that hangs keeps nobody from ending; what it was sent is sent once more."""
    with closing(socket.create_server(("127.0.0.1", 0))) as hanging:
        port = hanging.getsockname()[1]
        peer.answers["/inbox"] = http_answer(b"", status="202 Accepted", kind=None)
        world = build(ledger, rsa, Clock(datetime.now(UTC)), Hosts())
        targets = (Target(f"{peer.origin}/inbox", "fine"), Target(f"http://127.0.0.1:{port}/inbox", "hanging"))
        world.say("1", audience=Audience(inboxes=targets))
        deliverer = loopback(ledger, rsa)
        deliverer.start()
        taken = waited(lambda: world.counts() == {"sent": 1, "waiting": 1})
        began = time.monotonic()
        deliverer.stop()
        lasted = time.monotonic() - began
        held = ledger.ap_deliveries.claim("other", datetime.now(UTC), datetime.now(UTC) + timedelta(minutes=1))
    world.hosts.scripts.clear()
    again = build(ledger, rsa, Clock(datetime.now(UTC)), Hosts())
    again.deliverer.take_over()
    again.deliverer.work_off()

    assert taken
    assert lasted < 1
    assert held == []
    assert again.hosts.bodies(f"127.0.0.1:{port}") == ["1"]
    assert again.counts() == {"sent": 2}


def test_what_a_feed_makes_goes_out_at_once(ledger: Ledger, rsa: RSAPrivateKey) -> None:
    """Feeds run in a thread of their own, and after a fault of the ledger they go on."""
    world = build(ledger, rsa, Clock(datetime.now(UTC)), Hosts())
    world.follow("a.example")
    left = ["fault", "1", "2"]

    def feed() -> bool:
        if not left:
            return False
        text = left.pop(0)
        if text == "fault":
            raise EngineUnavailable("full", "plein")
        world.say(text, object_=text)
        return True

    def clock() -> datetime:
        return datetime.now(UTC)

    knock = Knock(Keys(rsa, clock), world.hosts, clock)
    pace = Pace(poll=0.05, after_fault=0.05)
    deliverer = Deliverer(ledger, NAMES, knock, clock, lambda: 0.5, pace, feeds=[feed])
    deliverer.start()
    done = waited(lambda: world.counts() == {"sent": 2})
    deliverer.stop()

    assert done
    assert world.hosts.bodies("a.example") == ["1", "2"]


def test_a_carrier_is_what_remote_is() -> None:
    """The type that deliveries go out by."""
    remote: Carrier = Remote(origin_of(NAMES.origin), "test", time.monotonic)

    assert callable(remote.post)
