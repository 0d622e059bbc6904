"""Our keys: made once, sealed, signing for their actor only, changed without a gap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.activitypub import proofs, signatures
from federation.activitypub.keyring import FILE_NAME, Keyring, known_actors, load_secret
from federation.activitypub.keys import decode_multikey, read_public_pem
from federation.activitypub.names import Names
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures import Dialect, Message
from federation.errors import ConfigError, EngineUnavailable
from federation.ledger import Ledger, open_ledger

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = Names("https://commons.example")
AVISE = NAMES.partner("avise")
SECRET = bytes(range(32))


class Time:
    """A clock that a test moves."""

    at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def time() -> Time:
    """The clock."""
    return Time()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


def ring_over(ledger: Ledger, time: Time, secret: bytes = SECRET) -> Keyring:
    """A keyring, as another process would open it."""
    exists = known_actors(NAMES, lambda slug: slug if slug == "avise" else None)
    return Keyring(ledger.ap_keys, NAMES, secret, exists, time.now, bytes)


@pytest.fixture
def ring(ledger: Ledger, time: Time) -> Keyring:
    """The keyring of an instance with one partner."""
    return ring_over(ledger, time)


@pytest.mark.parametrize("actor", [NAMES.instance, NAMES.commons, AVISE])
def test_keys_are_made_when_first_needed_and_stay(ring: Keyring, ledger: Ledger, time: Time, actor: str) -> None:
    """One RSA, one Ed25519; another process finds the same."""
    shown = ring.public(actor)
    assert shown is not None
    assert read_public_pem(shown.rsa_pem).key_size == 2048
    assert ring.public(actor) == ring_over(ledger, time).public(actor) == shown
    assert [(key.kind, key.key_id) for key in ledger.ap_keys.of(actor)] == [
        ("rsa", f"{actor}#main-key"),
        ("ed25519", f"{actor}#ed25519-key"),
    ]


@pytest.mark.parametrize("actor", [NAMES.partner("nobody"), NAMES.partner("a/b"), "https://other.example/actor", ""])
def test_nobody_else_gets_keys(ring: Keyring, ledger: Ledger, actor: str) -> None:
    """Asking for an actor that is not ours makes nothing."""
    assert ring.public(actor) is None
    with pytest.raises(LookupError):
        ring.signing_key(actor)
    with pytest.raises(LookupError):
        ring.proof_key(actor)
    with pytest.raises(LookupError):
        ring.rotate(actor)
    assert ledger.ap_keys.actors() == []


def test_threads_that_need_a_key_at_once_get_the_same(ring: Keyring, ledger: Ledger) -> None:
    """The first that is kept counts."""
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(ring.public(AVISE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(got)) == 1
    assert len(ledger.ap_keys.of(AVISE)) == 2


def test_private_keys_are_sealed_with_the_secret(ring: Keyring, ledger: Ledger, time: Time) -> None:
    """Nothing of them is in the clear; with another secret they do not open."""
    ring.public(AVISE)
    assert all(b"\x30\x82" not in key.private[:8] for key in ledger.ap_keys.of(AVISE))
    with pytest.raises(ConfigError):
        ring_over(ledger, time, bytes(32)).public(AVISE)


def test_a_proof_verifies_with_the_key_that_is_shown(ring: Keyring) -> None:
    """And names it."""
    made = ring.prove(AVISE, {"id": "https://commons.example/x", "type": "Note"}, NOW)
    proof = proofs.parse(made, now=NOW)
    shown = ring.public(AVISE)
    assert proof is not None
    assert shown is not None
    assert proof.verification_method == f"{AVISE}#ed25519-key"
    proofs.verify(proof, decode_multikey(shown.ed25519_multibase))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_requests_are_signed_by_the_key_that_is_shown(ring: Keyring, dialect: Dialect) -> None:
    """Deliveries and fetches; the signer of fetches writes Host itself, anew for each host."""
    shown = ring.public(AVISE)
    assert shown is not None
    key = read_public_pem(shown.rsa_pem)
    to = "https://peer.example:8443"
    sent = ring.sign(AVISE, Message("POST", "/inbox", (("Content-Type", "a/b"),), b"x"), to, dialect)
    signatures.verify(signatures.parse(sent, origin=to, now=NOW), key)
    headers = ring.signer(AVISE, dialect)("GET", f"{to}/users/x", {"Host": "wrong", "Accept": "a/b"})
    assert headers["Host"] == "peer.example:8443"
    asked = Message("GET", "/users/x", tuple(headers.items()))
    parsed = signatures.parse(asked, origin=to, now=NOW)
    assert parsed.key_id == f"{AVISE}#main-key"
    signatures.verify(parsed, key)
    assert "/actor#main-key" in " ".join(ring.signer()("GET", f"{to}/x", {}).values())


def test_rotation_shows_new_keys_while_the_old_ones_sign(ring: Keyring, ledger: Ledger, time: Time) -> None:
    """Then the switch: the new ones sign, in every process within seconds; the old ones are retired."""
    elsewhere = ring_over(ledger, time)
    old, before = ring.public(AVISE), elsewhere.public(AVISE)
    new = ring.rotate(AVISE)
    assert old == before != new
    assert ring.rotate(AVISE) == ring_over(ledger, time).rotate(AVISE) == new
    assert ring.rotating(AVISE)
    assert ring.public(AVISE) == old
    said = ring.prove(AVISE, {"id": "https://commons.example/u", "type": "Update"}, NOW)
    proof = proofs.parse(said, now=NOW)
    assert old is not None
    assert proof is not None
    proofs.verify(proof, decode_multikey(old.ed25519_multibase))
    with ledger.write() as tx:
        ring.switch(AVISE, tx)
    ring.forget(AVISE)
    assert ring.public(AVISE) == new
    assert not ring.rotating(AVISE)
    time.at += timedelta(seconds=3)
    assert elsewhere.public(AVISE) == new
    assert ring_over(ledger, time).proof_key(AVISE).private.public_key() == decode_multikey(new.ed25519_multibase)
    assert [key.retired is None for key in ledger.ap_keys.of(AVISE)] == [False, False, True, True]
    again = proofs.parse(ring.prove(AVISE, {"id": "x"}, NOW), now=NOW)
    assert again is not None
    with pytest.raises(Unauthorised):
        proofs.verify(again, decode_multikey(old.ed25519_multibase))


def test_there_is_no_switch_without_a_rotation(ring: Keyring, ledger: Ledger) -> None:
    """Nothing is retired."""
    ring.public(AVISE)
    with ledger.write() as tx, pytest.raises(LookupError):
        ring.switch(AVISE, tx)
    assert all(key.retired is None for key in ledger.ap_keys.of(AVISE))


def test_the_secret_is_made_at_first_use_for_this_user_alone(tmp_path: Path) -> None:
    """Mode 600; found again; nothing else is left in the folder."""
    made = load_secret("", tmp_path, lambda size: bytes([7]) * size)
    assert len(made) >= 32
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert load_secret("", tmp_path, bytes) == made
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_processes_that_make_the_secret_at_once_have_the_same(tmp_path: Path) -> None:
    """The first that is whole counts."""
    got: list[bytes] = []
    numbers = iter(range(1, 100))

    def random(size: int) -> bytes:
        return bytes([next(numbers)]) * size

    threads = [threading.Thread(target=lambda: got.append(load_secret("", tmp_path, random))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(got)) == 1


def test_a_configured_secret_comes_first_and_must_be_long(tmp_path: Path) -> None:
    """No file is made beside it."""
    assert load_secret("x" * 32, tmp_path, bytes) == b"x" * 32
    with pytest.raises(ConfigError):
        load_secret("x" * 31, tmp_path, bytes)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_is_cut_or_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A new one in its place would leave our keys sealed for ever."""
    (tmp_path / FILE_NAME).write_text("short")
    with pytest.raises(ConfigError):
        load_secret("", tmp_path, bytes)
    with pytest.raises(EngineUnavailable):
        load_secret("", tmp_path / "nowhere", bytes)
