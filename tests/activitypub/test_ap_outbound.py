"""What is said of the change log: the table of activities, once each, by whom, to whom; and of changed actors."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from federation.activitypub import objects, proofs, signatures
from federation.activitypub.actors import Document
from federation.activitypub.delivery import Deliverer
from federation.activitypub.desk import Desk
from federation.activitypub.keyring import Keyring, known_actors
from federation.activitypub.keys import decode_multikey, read_public_pem
from federation.activitypub.knock import Knock
from federation.activitypub.memory import memory_of
from federation.activitypub.names import Names
from federation.activitypub.objects import record_digest
from federation.activitypub.outbound import CONSUMER, Outbound
from federation.activitypub.profiles import Profiles
from federation.activitypub.relay import Heard, Relay
from federation.activitypub.sending import Sender, Ulids
from federation.activitypub.signatures import Dialect, Message
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.changes import NewChange, erased_name
from federation.ledger.runs import Order
from federation.model import Action, Reason, RunKind
from federation.platform import Platform, open_platform
from federation.settings import CONFIG_NAME, load_settings
from tests.activitypub.test_ap_delivery import Clock, Hosts, silent

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE = "https://ici.example"
NAMES = Names(BASE)
PARTNER = NAMES.partner("p")
RECORD = f"{BASE}/records/p/1"
OBJECT = f"{BASE}/objects/p/1"


def page(digest: str, record: str = RECORD) -> Document:
    """A record as its Page is embedded, cut short."""
    return {
        "id": NAMES.object(record),
        "type": "Page",
        "attributedTo": PARTNER,
        "name": digest,
        "recordDigest": record_digest(digest.encode()),
    }


@dataclass
class FakeObjects:
    """What is public now."""

    now: dict[str, Document] = field(default_factory=dict)

    def embedded(self, record: str) -> Document | None:
        """What an activity embeds."""
        return self.now.get(record)


class World:
    """An instance with a change log, a public state and followers."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock, self.objects = ledger, Clock(), FakeObjects()
        self.seen: int | None = None
        self.keyring = Keyring(
            ledger.ap_keys,
            NAMES,
            b"s" * 40,
            known_actors(NAMES, lambda slug: slug == "p" or None),
            self.clock,
            os.urandom,
        )
        self.sender = Sender(ledger, NAMES, self.clock, os.urandom)
        self.relay = Relay(NAMES, self.sender)
        self.outbound = Outbound(ledger, NAMES, self.objects, self._visible, self.keyring, self.sender, self.relay)

    def _visible(self) -> int:
        return self.ledger.changes.last_seq() if self.seen is None else self.seen

    def change(self, document: Document | None, action: Action = Action.UPDATE, record: str = RECORD) -> None:
        """Let a record change: its public state, and the log."""
        if document is not None:
            self.objects.now[record] = document
        with self.ledger.write() as tx:
            change = NewChange(action, record, "d", f"{BASE}/id/projet/1")
            self.ledger.changes.append([change], self.clock(), tx)

    def withdraw(self, reason: Reason | None = None) -> None:
        """Let the record be withdrawn."""
        self.change(objects.tombstone(OBJECT, self.clock(), reason), Action.DELETE)

    def work(self) -> None:
        """Follow the log to its end."""
        while self.outbound.work():
            continue

    def said(self, actor: str | None = None) -> list[str]:
        """Kinds of all that was said, in order; of an Announce what it announces."""
        rows = self.rows()
        return [
            f"Announce {self.what(row)}" if row.kind == "Announce" else row.kind
            for row in rows
            if actor in (None, row.actor)
        ]

    def rows(self) -> list[ActivityRow]:
        """Everything that was said, in order."""
        ids: list[str] = []
        for actor in (PARTNER, NAMES.commons):
            for number in range(1, 5):
                ids += self.ledger.ap_activities.page(actor, number)
        return [row for _, row in sorted(self.ledger.ap_activities.many(ids).items())]

    def what(self, row: ActivityRow) -> str:
        """What an Announce is of."""
        about = json.loads(row.document)["object"]
        return "object" if isinstance(about, str) else str(about["type"])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def world(ledger: Ledger) -> World:
    """An instance."""
    return World(ledger)


# -- the table --------------------------------------------------------------------------------------------------


def test_each_change_becomes_the_activities_of_the_table(world: World) -> None:
    """Create, Update and Delete by the partner, each announced by the commons, the Create by its object's id, too."""
    world.change(page("1"), Action.CREATE)
    world.work()
    world.change(page("2"))
    world.work()
    world.withdraw(Reason.EXPLICIT)
    world.work()

    assert world.said(PARTNER) == ["Create", "Update", "Delete"]
    assert world.said(NAMES.commons) == ["Announce Create", "Announce object", "Announce Update", "Announce Delete"]


def test_an_announce_embeds_the_very_bytes_and_their_proof_holds(world: World) -> None:
    """Whoever gets the Announce can verify the partner's proof in it."""
    world.change(page("1"), Action.CREATE)
    world.work()
    own, whole, _ = world.rows()
    keys = world.keyring.public(PARTNER)
    proof = proofs.parse(json.loads(own.document), now=world.clock())

    assert own.document in whole.document
    assert keys is not None
    assert proof is not None
    assert proof.verification_method == f"{PARTNER}#ed25519-key"
    assert proofs.verify(proof, decode_multikey(keys.ed25519_multibase))["object"]["id"] == OBJECT


def test_a_merge_or_a_change_that_nobody_can_see_says_nothing(world: World) -> None:
    """The same public digest is no news, however often the log tells of the record."""
    world.change(page("1"), Action.CREATE)
    world.work()
    before = world.said()
    world.change({**page("1"), "context": "another"})
    world.change(None, Action.DELETE, f"{BASE}/records/p/unknown")
    world.work()

    assert world.said() == before


def test_several_changes_at_once_are_told_as_what_is_now(world: World) -> None:
    """A record that came and went in between is not mentioned; one that went and came back is news."""
    world.change(page("1"), Action.CREATE)
    world.withdraw()
    world.work()
    nothing = world.said()
    world.change(page("1"), Action.CREATE)
    world.work()
    world.withdraw()
    world.work()
    world.change(page("1"), Action.CREATE)
    world.work()

    assert nothing == []
    assert world.said(PARTNER) == ["Create", "Delete", "Create"]


def test_only_what_readers_see_is_told(world: World) -> None:
    """A change that is not published yet waits."""
    world.seen = 0
    world.change(page("1"), Action.CREATE)
    early = world.outbound.work()
    world.seen = 1
    world.work()

    assert early is False
    assert world.said(PARTNER) == ["Create"]


def test_what_others_own_is_not_told(world: World) -> None:
    """Neither a record of another instance, nor one that its partner pushed."""
    foreign = "https://autre.example/records/p/1"
    world.change(page("1"), Action.CREATE, foreign)
    world.work()

    assert world.said() == []
    assert world.ledger.cursors.get(CONSUMER) == 1


def test_a_cut_before_the_end_says_it_all_again_and_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Activities, jobs and cursor are one transaction; a replay of the log makes no second activity."""
    world.change(page("1"), Action.CREATE)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(world.ledger.cursors, "set", cut)
        with pytest.raises(KeyboardInterrupt):
            world.outbound.work()
    nothing = (world.said(), world.ledger.ap_jobs.counts())
    world.work()
    world.ledger.cursors.set(CONSUMER, 0)
    world.work()

    assert nothing == ([], {"waiting": 0, "done": 0})
    assert world.said() == ["Create", "Announce Create", "Announce object"]
    assert world.ledger.ap_jobs.counts() == {"waiting": 3, "done": 0}


def test_an_erasure_leaves_nothing_of_what_was_said_but_its_delete(world: World) -> None:
    """The log knows the record by an opaque name; its activities lose their bytes, and the Delete names the object."""
    world.change(page("1"), Action.CREATE)
    world.work()
    gone = objects.tombstone(OBJECT, world.clock(), Reason.PERSON)
    world.objects.now[RECORD] = gone
    world.change(None, Action.DELETE, erased_name(RECORD))
    world.work()
    kept = {row.kind: row.document for row in world.rows()}

    assert [row.kind for row in world.rows() if row.document] == ["Announce", "Delete", "Announce"]
    assert json.loads(kept["Delete"])["object"]["id"] == OBJECT
    assert all(b'"name":"1"' not in row.document for row in world.rows())


def test_what_a_bound_partner_pushed_is_announced_by_its_own_bytes(world: World) -> None:
    """As received, whatever their order; a Create by its id, too."""
    raw = b'{ "type":"Create" , "id":"https://autre.example/1"}'
    world.relay.pass_on([Heard("Create", "https://autre.example/1", "https://autre.example/o", raw)])
    whole, bare = world.rows()

    assert raw in whole.document
    assert json.loads(bare.document)["object"] == "https://autre.example/o"


def test_ulids_grow_within_a_millisecond_and_when_the_clock_goes_back() -> None:
    """Their order is the order of what was said."""
    ulids = Ulids(os.urandom)
    made = [ulids.new(NOW - timedelta(seconds=number // 50)) for number in range(200)]

    assert made == sorted(set(made))


# -- to whom ------------------------------------------------------------------------------------------------------


def follow(world: World, host: str, actor: str) -> None:
    """Let somebody on a host follow an actor of ours."""
    follower = f"https://{host}/u"
    target = Target(f"https://{host}/inbox", host)
    world.ledger.ap_follows.put(Direction.IN, follower, actor, f"{follower}#f", FollowState.ACCEPTED, target, NOW)


def delivered(world: World, hosts: Hosts | None = None) -> dict[str, list[str]]:
    """Deliver all that is due; what came to each host, by kind."""
    hosts = hosts or Hosts()
    knock = Knock(world.keyring, hosts, world.clock)
    Deliverer(world.ledger, NAMES, knock, world.clock, lambda: 0.5).work_off()
    came: dict[str, list[str]] = {}
    for host, _, body, _ in hosts.came:
        made = json.loads(body)
        about = made["object"] if isinstance(made["object"], str) else made["object"]["type"]
        came.setdefault(host, []).append(f"{made['type']} {'object' if about == OBJECT else about}")
    return {host: sorted(kinds) for host, kinds in came.items()}


def test_each_kind_goes_to_its_own(world: World) -> None:
    """Partner's followers get it directly; the Group's get Announces, Update and Delete; sync peers only Announces."""
    for host, actor in (("partner.example", PARTNER), ("group.example", NAMES.commons), ("sync.example", PARTNER)):
        follow(world, host, actor)
    world.ledger.ap_follows.put(
        Direction.IN, "https://sync.example/u", NAMES.commons, "f", FollowState.ACCEPTED,
        Target("https://sync.example/inbox", "sync.example"), NOW,
    )  # fmt: skip
    world.ledger.ap_hosts.declares_sync("sync.example", True)
    world.change(page("1"), Action.CREATE)
    world.work()
    created = delivered(world)
    world.change(page("2"))
    world.work()
    updated = delivered(world)

    assert created == {
        "partner.example": ["Create Page"],
        "group.example": ["Announce Create", "Announce object"],
        "sync.example": ["Announce Create"],
    }
    assert updated == {
        "partner.example": ["Update Page"],
        "group.example": ["Announce Update", "Update Page"],
        "sync.example": ["Announce Update"],
    }


# -- actors -------------------------------------------------------------------------------------------------------


@dataclass
class FakeActors:
    """Documents of two actors."""

    world: World
    name: str = "P"

    def actor_document(self, username: str, keys: Any = None) -> Document | None:
        """A document, cut short."""
        actor = NAMES.actor(username)
        shown = keys or self.world.keyring.public(actor)
        assert shown is not None
        return {
            "@context": ["https://www.w3.org/ns/activitystreams"],
            "id": actor,
            "type": "Organization",
            "name": self.name,
            "publicKey": {"publicKeyPem": shown.rsa_pem},
        }


def profiles(world: World) -> tuple[Profiles, FakeActors]:
    """What watches our actors."""
    actors = FakeActors(world)
    made = Profiles(world.ledger, NAMES, actors, world.keyring, world.sender, world.clock)
    return made, actors


def test_a_changed_profile_is_told_once(world: World) -> None:
    """The first sight of an actor is no news."""
    watcher, actors = profiles(world)
    first = watcher.work()
    world.clock.turn(timedelta(minutes=2))
    actors.name = "Q"
    news = watcher.work()
    world.clock.turn(timedelta(minutes=2))

    assert (first, news, watcher.work()) == (False, True, False)
    assert world.said(NAMES.commons) == ["Update"]


def test_new_keys_are_told_by_the_old_ones_and_sign_once_that_has_arrived(world: World) -> None:
    """The Update shows the new key, is proved and signed by the old one; then the new one signs."""
    watcher, _ = profiles(world)
    follow(world, "a.example", NAMES.commons)
    old = world.keyring.public(NAMES.commons)
    watcher.rotate("commons")
    hosts = Hosts()
    delivered(world, hosts)
    (update,) = [json.loads(body) for _, _, body, _ in hosts.came]
    watcher.work()
    new = world.keyring.public(NAMES.commons)
    proof = proofs.parse(update, now=world.clock())

    assert old is not None
    assert new is not None
    assert new != old
    assert proof is not None
    assert update["object"]["publicKey"]["publicKeyPem"] == new.rsa_pem
    proofs.verify(proof, decode_multikey(old.ed25519_multibase))
    assert _signs(world, NAMES.commons, new.rsa_pem)


def test_a_rotation_waits_an_hour_at_most_and_survives_a_crash(world: World) -> None:
    """A host that is away does not keep the old key in use; one cut short before its Update begins again."""
    follow(world, "dead.example", NAMES.commons)
    old = world.keyring.public(NAMES.commons)
    world.keyring.rotate(NAMES.commons)  # and then the process ends
    watcher, _ = profiles(world)
    watcher.work()
    hosts = Hosts({"dead.example": silent})
    delivered(world, hosts)
    world.clock.turn(timedelta(minutes=30))
    watcher.work()
    halfway = world.keyring.public(NAMES.commons)
    world.clock.turn(timedelta(minutes=31))
    watcher.work()

    assert len(hosts.came) == 1
    assert halfway == old
    assert world.keyring.public(NAMES.commons) != old


def _signs(world: World, actor: str, pem: str) -> bool:
    """Whether what an actor signs now verifies with a key."""
    message = Message("POST", "/inbox", (("Content-Type", "application/activity+json"),), b"{}")
    signed = world.keyring.sign(actor, message, "https://a.example", Dialect.CAVAGE)
    parsed = signatures.parse(signed, origin="https://a.example", now=world.clock())
    signatures.verify(parsed, read_public_pem(pem))
    return True


# -- a harvested instance ---------------------------------------------------------------------------------------


def _quiet(stage: str, done: int, total: int | None) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """An instance with a source of the demonstration that is not harvested yet."""
    folder = tmp_path_factory.mktemp("outbound")
    for name in ("sources", "feeds"):
        shutil.copytree(ROOT / "demo" / name, folder / name)
    shutil.copyfile(ROOT / "demo" / CONFIG_NAME, folder / CONFIG_NAME)
    opened = open_platform(replace(load_settings(folder, {}), workers=1))
    yield opened
    opened.close()


def followed_platform(platform: Platform) -> tuple[Outbound, Ledger, Names]:
    """Its outbound side."""
    ledger = platform._ledger
    names = Names(platform.settings.base_url)
    keyring = Keyring(
        ledger.ap_keys,
        names,
        b"s" * 40,
        known_actors(names, ledger.sources.partner),
        lambda: datetime.now(UTC),
        os.urandom,
    )
    desk = Desk(platform.settings, memory_of(ledger), lambda: platform.reader, platform.words, keyring)
    sender = Sender(ledger, names, lambda: datetime.now(UTC), os.urandom)
    return (
        Outbound(ledger, names, desk, lambda: platform.reader.seq, keyring, sender, Relay(names, sender)),
        ledger,
        names,
    )


def test_a_source_is_told_from_its_first_harvest_to_its_end(platform: Platform) -> None:
    """The first harvest stands in the outboxes and goes to sync peers only; an edit goes out; so does the end."""
    outbound, ledger, names = followed_platform(platform)
    source = platform.source("carnet-du-carrefour")
    partner = names.partner("carnet-du-carrefour")
    path = platform.settings.sources_dir.parent / "feeds" / "carnet-du-carrefour.jsonld"
    with platform.writing() as writer:
        writer.harvest(source, _quiet)
    _work(outbound)
    first = _kinds(ledger, partner)
    sync_only = _audiences(ledger)
    path.write_text(path.read_text("utf-8").replace("Un moteur de recherche commun", "Le moteur commun"), "utf-8")
    with platform.writing() as writer:
        writer.harvest(source, _quiet)
    _work(outbound)
    edited = _kinds(ledger, partner)[len(first) :]
    last = ledger.runs.last(source.id)
    assert last is not None
    with platform.writing() as writer:
        writer.carry_out(Order(RunKind.RETIRE, last.run), _quiet)
    _work(outbound)
    ended = _kinds(ledger, partner)[len(first) + len(edited) :]

    assert set(first) == {"Create"}
    assert sync_only == {"only"}
    assert edited == ["Update"]
    assert ended == ["Delete"] * len(first)
    assert ledger.ap_activities.total(names.commons) == len(first) * 2 + 1


def _work(outbound: Outbound) -> None:
    while outbound.work():
        continue


def _kinds(ledger: Ledger, actor: str) -> Sequence[str]:
    ids = [one for number in range(1, 5) for one in ledger.ap_activities.page(actor, number)]
    rows = ledger.ap_activities.many(ids)
    return [rows[one].kind for one in ids]


def _audiences(ledger: Ledger) -> set[str]:
    now = datetime.now(UTC) + timedelta(minutes=1)
    return {job.targets["sync"] for job in ledger.ap_jobs.claim("test", now, now, 100)}
