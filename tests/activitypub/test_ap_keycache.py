"""Keys of others: how long they are believed, when they are asked for again, what failures may not do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ap_site import ed25519_key, rsa_key

from federation.activitypub.authority import Purpose
from federation.activitypub.exchange import Busy, RemoteFault
from federation.activitypub.keycache import KeyCache
from federation.activitypub.keys import PublicKey, encode_multikey, public_pem
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.remote import RemoteDocument
from federation.ledger import Ledger, open_ledger

HOST = "https://peer.example"
ADA = f"{HOST}/users/ada"
KEY = f"{ADA}#main-key"
PROOF_KEY = f"{ADA}#ed25519-key"


def actor(number: int = 0, owner: str = ADA) -> dict[str, Any]:
    """An actor document with that pair of keys."""
    pem, multibase = public_pem(rsa_key(number).public_key()), encode_multikey(ed25519_key(number).public_key())
    listed = {"id": f"{owner}#ed25519-key", "controller": owner, "publicKeyMultibase": multibase}
    key = {"id": f"{owner}#main-key", "owner": owner, "publicKeyPem": pem}
    return {"id": owner, "type": "Person", "publicKey": key, "assertionMethod": [listed]}


class Web:
    """Other servers: documents, or what goes wrong, by address."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {ADA: actor()}
        self.asked: list[str] = []
        self.before: Callable[[], None] = lambda: None

    def fetch_document(self, url: str, **_how: Any) -> RemoteDocument:
        self.asked.append(url)
        self.before()
        found = self.answers.get(url, RemoteFault("remote:status", remote_status=404))
        if isinstance(found, Exception):
            raise found
        return RemoteDocument(found["id"], url, found, b"")


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def passes(self, **much: int) -> None:
        self.at += timedelta(**much)


class World:
    """A cache over a ledger, the servers that it asks, the clock."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.web, self.time = ledger, Web(), Time()
        self.cache = self.opened()

    def opened(self) -> KeyCache:
        """A cache with nothing in memory, as in another process."""
        return KeyCache(self.ledger.ap_remote_keys, self.web, self.time.now)

    def check(self, number: int = 0, owner: str = ADA, cache: KeyCache | None = None) -> None:
        """Verify something that the RSA key of that number signed."""
        wanted = rsa_key(number).public_key()

        def verify(key: PublicKey) -> None:
            if key != wanted:
                raise Unauthorised("signature")

        (cache or self.cache).check(KEY, owner, Purpose.HTTP, verify)

    def fails(self, number: int = 1, owner: str = ADA, cache: KeyCache | None = None) -> None:
        """It does not verify."""
        with pytest.raises(Unauthorised):
            self.check(number, owner, cache)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A cache that knows nothing yet."""
    ledger = open_ledger("", tmp_path)
    yield World(ledger)
    ledger.close()


def test_a_key_is_believed_for_a_day_in_memory_and_in_the_ledger(world: World) -> None:
    """Then it is asked for again."""
    world.check()
    world.time.passes(hours=23)
    world.check()
    world.check(cache=world.opened())
    assert world.web.asked == [ADA]
    world.time.passes(hours=2)
    world.check()
    assert world.web.asked == [ADA] * 2


@pytest.mark.abuse(9)
def test_a_failed_verification_asks_once_in_ten_minutes(world: World) -> None:
    """Over all processes, whatever comes."""
    world.check()
    other = world.opened()
    for _ in range(5):
        world.fails()
        world.fails(cache=other)
    assert len(world.web.asked) == 2
    world.time.passes(minutes=11)
    world.fails()
    assert len(world.web.asked) == 3
    world.check()


@pytest.mark.abuse(9)
def test_a_rotated_key_counts_at_once_also_in_other_processes(world: World) -> None:
    """Another process finds it in the ledger, though it may not ask again itself."""
    other = world.opened()
    world.check()
    world.check(cache=other)
    world.web.answers[ADA] = actor(1)
    world.check(1)
    world.check(1, cache=other)
    assert len(world.web.asked) == 2
    world.fails(0)


@pytest.mark.abuse(9)
@pytest.mark.parametrize("fault", [RemoteFault("remote:timeout", passing=True), RemoteFault("remote:status")])
def test_a_forced_fetch_that_fails_leaves_the_good_key(world: World, fault: Exception) -> None:
    """In memory and in the ledger."""
    world.check()
    world.web.answers[ADA] = fault
    world.fails()
    world.check()
    world.check(cache=world.opened())


@pytest.mark.abuse(9)
def test_what_cannot_be_had_is_not_asked_for_again_for_an_hour(world: World) -> None:
    """Also after a restart."""
    world.web.answers[ADA] = RemoteFault("remote:status", remote_status=410)
    for _ in range(3):
        world.fails(0)
    world.fails(0, cache=world.opened())
    assert world.web.asked == [ADA]
    world.web.answers[ADA] = actor()
    world.time.passes(minutes=61)
    world.check()


@pytest.mark.abuse(9)
def test_a_fault_that_passes_counts_for_a_minute_and_is_no_refusal(world: World) -> None:
    """503: the sender comes again."""
    world.web.answers[ADA] = RemoteFault("remote:timeout", passing=True)
    for cache in (world.cache, world.cache, world.opened()):
        with pytest.raises(Busy):
            world.check(cache=cache)
    assert world.web.asked == [ADA]
    world.web.answers[ADA] = actor()
    world.time.passes(seconds=61)
    world.check()


@pytest.mark.abuse(9)
def test_failures_of_other_owners_and_uses_are_apart(world: World) -> None:
    """Whoever names the key as somebody else's, or for proofs, locks nobody out."""
    world.fails(0, owner=f"{HOST}/users/eve")
    with pytest.raises(Unauthorised):
        world.cache.key(KEY, ADA, Purpose.PROOF)
    world.check()
    assert world.cache.key(PROOF_KEY, ADA, Purpose.PROOF) == ed25519_key().public_key()
    with pytest.raises(Unauthorised):
        world.cache.key(PROOF_KEY, ADA, Purpose.HTTP)


@pytest.mark.abuse(8)
@pytest.mark.parametrize(
    "owner", ["https://other.example/users/ada", f"{HOST}:8443/users/ada", "http://peer.example/x"]
)
def test_a_key_of_another_origin_is_not_even_asked_for(world: World, owner: str) -> None:
    """Key and owner live on one origin."""
    world.fails(0, owner=owner)
    assert world.web.asked == []


def own_document(**change: Any) -> dict[str, Any]:
    """A key that is a document of its own."""
    pem = public_pem(rsa_key().public_key())
    return {"id": f"{HOST}/keys/1", "type": "Key", "owner": ADA, "publicKeyPem": pem, **change}


def test_a_key_document_needs_its_owner_to_name_it(world: World) -> None:
    """By id alone, or embedded with the same material."""
    key_id = f"{HOST}/keys/1"
    world.web.answers |= {key_id: own_document(), ADA: {**actor(), "publicKey": key_id}}
    assert world.cache.key(key_id, ADA, Purpose.HTTP) == rsa_key().public_key()
    assert world.web.asked == [key_id, ADA]


@pytest.mark.abuse(8)
@pytest.mark.parametrize(
    ("document", "listed"),
    [
        (own_document(), f"{HOST}/keys/2"),
        (own_document(), own_document(publicKeyPem=public_pem(rsa_key(1).public_key()))),
        (own_document(owner=f"{HOST}/users/eve"), f"{HOST}/keys/1"),
        (own_document(owner=None), f"{HOST}/keys/1"),
        (own_document(id=f"{HOST}/keys/2"), f"{HOST}/keys/1"),
        (own_document(publicKeyPem=None), f"{HOST}/keys/1"),
    ],
)
def test_a_key_document_that_its_owner_does_not_name_proves_nothing(
    world: World, document: dict[str, Any], listed: Any
) -> None:
    """The listing is reciprocal."""
    world.web.answers |= {f"{HOST}/keys/1": document, ADA: {**actor(), "publicKey": listed}}
    with pytest.raises(Unauthorised):
        world.cache.key(f"{HOST}/keys/1", ADA, Purpose.HTTP)


def test_what_an_actor_says_of_its_keys_may_be_forgotten(world: World) -> None:
    """After its Update, or when it is gone: the next request asks."""
    world.check()
    world.web.answers[ADA] = actor(1)
    world.cache.forget(ADA)
    world.check(1)
    assert len(world.web.asked) == 2


def test_what_another_process_forgets_is_asked_for_again_when_it_fails(world: World) -> None:
    """Though its forced fetch is spent; then the limit holds again."""
    other = world.opened()
    world.check()
    world.check(cache=other)
    world.fails(cache=other)
    world.web.answers[ADA] = actor(1)
    world.cache.forget(ADA)
    world.check(1, cache=other)
    assert len(world.web.asked) == 3
    for _ in range(3):
        world.fails(0, cache=other)
    assert len(world.web.asked) == 4


def test_one_key_is_fetched_once_however_many_need_it(world: World) -> None:
    """Those who come meanwhile wait for it; the fifth of a host is told to come later."""
    entered, go = threading.Event(), threading.Event()

    def slowly() -> None:
        entered.set()
        go.wait(10)

    world.web.before = slowly
    got: list[str] = []

    def one() -> None:
        try:
            world.check()
            got.append("taken")
        except Busy:
            got.append("busy")

    first = threading.Thread(target=one)
    first.start()
    assert entered.wait(10)
    threads = [threading.Thread(target=one) for _ in range(7)]
    for thread in threads:
        thread.start()
    while got.count("busy") < 4:
        threads[0].join(0.01)
    go.set()
    for thread in (first, *threads):
        thread.join()
    assert sorted(got) == ["busy"] * 4 + ["taken"] * 4
    assert world.web.asked == [ADA]


def test_of_many_that_fail_over_a_changed_key_one_fetches_and_none_is_refused(world: World) -> None:
    """Whoever comes while it is being fetched waits for it: a delivery that is refused is not sent again."""
    world.check()
    world.web.answers[ADA] = actor(1)
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(30)

    world.web.before = hold
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(world.check, 1)
        begun.wait(30)
        others = [pool.submit(world.check, 1) for _ in range(2)]
        wait(others, 0.2)
        go_on.set()
        for one in (first, *others):
            one.result(30)
    assert world.web.asked == [ADA] * 2
