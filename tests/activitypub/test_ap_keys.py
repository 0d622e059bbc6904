"""Keys of actors: their forms outside, their seal inside, and what is too weak to count."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from federation.activitypub import keys
from federation.activitypub.refusal import Unauthorised
from federation.errors import ConfigError

SECRET = bytes(range(32))
KEY_ID = "https://a.example/actors/x#main-key"


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for the module."""
    return keys.generate_rsa()


def pkcs1(key: rsa.RSAPublicKey) -> bytes:
    """DER of PKCS#1."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def spki(key: keys.PublicKey) -> bytes:
    """DER of SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_an_rsa_key_has_2048_bits_and_the_usual_exponent(rsa_key: rsa.RSAPrivateKey) -> None:
    """What we generate is what every server accepts."""
    assert rsa_key.key_size == 2048
    assert rsa_key.public_key().public_numbers().e == 65537


def test_a_public_key_is_published_as_spki_and_reads_back(rsa_key: rsa.RSAPrivateKey) -> None:
    """The PEM begins as PeerTube wants it and gives the same key."""
    text = keys.public_pem(rsa_key.public_key())

    assert text.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert keys.read_public_pem(text) == rsa_key.public_key()


def test_a_pkcs1_pem_is_read_too(rsa_key: rsa.RSAPrivateKey) -> None:
    """Older servers publish BEGIN RSA PUBLIC KEY."""
    text = rsa_key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)

    assert keys.read_public_pem(text.decode()) == rsa_key.public_key()


@pytest.mark.abuse(10)
def test_rsa_below_2048_bits_is_refused_in_every_form() -> None:
    """A key of 1024 bits is refused as PEM and as Multikey."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - that is the test

    with pytest.raises(Unauthorised, match="key-size"):
        keys.read_public_pem(keys.public_pem(weak))
    with pytest.raises(Unauthorised, match="key-size"):
        keys.decode_multikey(keys.encode_multikey(weak))
    with pytest.raises(Unauthorised, match="key-size"):
        keys.check_rsa(weak)


def test_a_key_that_would_only_cost_time_is_refused() -> None:
    """A modulus of 9000 bits, or an exponent beyond 32 bits, is refused."""
    modulus = (1 << 9000) - 1
    huge = rsa.RSAPublicNumbers(65537, modulus).public_key()
    slow = rsa.RSAPublicNumbers((1 << 33) + 1, (1 << 2048) - 1).public_key()

    for key in (huge, slow):
        with pytest.raises(Unauthorised, match="key-size"):
            keys.check_rsa(key)


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "é" * 9]
)
def test_what_is_no_pem_is_refused(text: str) -> None:
    """Any other text is refused without an exception of the library."""
    with pytest.raises(Unauthorised, match="key-form"):
        keys.read_public_pem(text)


def test_a_pem_of_unbounded_length_is_not_parsed(rsa_key: rsa.RSAPrivateKey) -> None:
    """A PEM beyond the limit is refused."""
    with pytest.raises(Unauthorised, match="key-form"):
        keys.read_public_pem(keys.public_pem(rsa_key.public_key()) + "\n" * 20_000)


def test_a_private_key_is_not_taken_for_a_public_one(rsa_key: rsa.RSAPrivateKey) -> None:
    """A PEM of a private key is refused."""
    private = rsa_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(Unauthorised, match="key-form"):
        keys.read_public_pem(private.decode())


@pytest.mark.abuse(10)
def test_only_rsa_signs_http() -> None:
    """An elliptic or Ed25519 key in publicKeyPem is refused."""
    for key in (ec.generate_private_key(ec.SECP256R1()).public_key(), keys.generate_ed25519().public_key()):
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(Unauthorised, match="key-type"):
            keys.read_public_pem(pem.decode())


@given(st.binary(max_size=80))
def test_base58_gives_back_what_it_was_given(data: bytes) -> None:
    """Encoding then decoding is the identity, leading zeros included."""
    assert keys.base58_decode(keys.base58_encode(data)) == data


@given(st.text(alphabet="123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", max_size=60))
def test_base58_has_one_text_for_one_value(text: str) -> None:
    """Decoding then encoding is the identity: no second way to write a signature."""
    assert keys.base58_encode(keys.base58_decode(text)) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"\0\0", "11"), (b"Hello World!", "2NEpo7TZRRrLZSi2U"), (bytes.fromhex("0000287fb4cd"), "11233QC4")],
)
def test_base58_writes_the_examples_of_its_draft(data: bytes, text: str) -> None:
    """The examples of draft-msporny-base58-03 section 5 are written as there."""
    assert keys.base58_encode(data) == text
    assert keys.base58_decode(text) == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "a b", "é", "1" * 3000])
def test_what_is_not_base58_is_refused(text: str) -> None:
    """Letters outside the alphabet and unbounded texts are refused."""
    with pytest.raises(ValueError, match="base58"):
        keys.base58_decode(text)


def test_multikeys_of_both_kinds_read_back(rsa_key: rsa.RSAPrivateKey) -> None:
    """Ed25519 begins z6Mk, RSA z4MX, and both give the same key."""
    ed25519 = keys.generate_ed25519().public_key()

    assert keys.encode_multikey(ed25519).startswith("z6Mk")
    assert keys.encode_multikey(rsa_key.public_key()).startswith("z4MX")
    assert spki(keys.decode_multikey(keys.encode_multikey(ed25519))) == spki(ed25519)
    assert keys.decode_multikey(keys.encode_multikey(rsa_key.public_key())) == rsa_key.public_key()


def test_malformed_multikeys_are_refused(rsa_key: rsa.RSAPrivateKey) -> None:
    """Another base, another codec, a wrong length, SPKI for PKCS#1, trailing bytes: each is refused."""
    good = keys.encode_multikey(keys.generate_ed25519().public_key())
    public = rsa_key.public_key()
    rsa_code = bytes.fromhex("8524")
    cases = {
        "": "key-form",
        "z": "key-type",
        good[1:]: "key-form",
        "u" + good[1:]: "key-form",
        good + "0": "key-form",
        "z" + keys.base58_encode(bytes.fromhex("ed01") + bytes(31)): "key-form",
        "z" + keys.base58_encode(bytes.fromhex("8026") + bytes(32)): "key-type",
        "z" + keys.base58_encode(rsa_code + spki(public)): "key-form",
        "z" + keys.base58_encode(rsa_code + pkcs1(public) + b"\0"): "key-form",
        "z" + keys.base58_encode(rsa_code + spki(keys.generate_ed25519().public_key())): "key-type",
    }

    for text, rule in cases.items():
        with pytest.raises(Unauthorised) as refused:
            keys.decode_multikey(text)
        assert refused.value.rule == rule, text


@pytest.mark.abuse(10)
def test_an_ed25519_key_of_small_order_is_refused() -> None:
    """Under such a key anybody can make a signature that verifies; none of its writings is taken."""
    field = 2**255 - 19
    eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
    fourth = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
    points = [
        0,
        1,
        field - 1,
        field,
        field + 1,
        *(int.from_bytes(bytes.fromhex(text), "little") for text in (eighth, fourth)),
    ]
    identity = bytes([1]) + bytes(31)

    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"what nobody signed")
    for y in points:
        for sign in (0, 1 << 255):
            text = "z" + keys.base58_encode(bytes.fromhex("ed01") + (y | sign).to_bytes(32, "little"))
            with pytest.raises(Unauthorised, match=r"key-(size|form)"):
                keys.decode_multikey(text)


@pytest.mark.abuse(10)
@pytest.mark.parametrize(("exponent", "accepted"), [(1, False), (2, False), (3, True), (4, False)])
def test_an_rsa_key_that_signs_everything_is_refused(exponent: int, accepted: bool) -> None:
    """With exponent 1 a message is its own signature; even exponents are no keys; 3 is one."""
    content = b"\x02\x82\x01\x01" + ((1 << 2047) + 1).to_bytes(257, "big") + bytes([2, 1, exponent])
    der = b"\x30\x82" + len(content).to_bytes(2, "big") + content
    try:
        keys.decode_multikey("z" + keys.base58_encode(bytes.fromhex("8524") + der))
        read = True
    except Unauthorised:
        read = False

    assert read is accepted


def test_a_sealed_key_opens_with_its_secret_and_its_id(rsa_key: rsa.RSAPrivateKey) -> None:
    """Both kinds of private key come back from storage as they were."""
    ed25519 = keys.generate_ed25519()

    opened = keys.unseal(keys.seal(rsa_key, SECRET, KEY_ID, os.urandom), SECRET, KEY_ID)
    assert isinstance(opened, rsa.RSAPrivateKey)
    assert opened.private_numbers() == rsa_key.private_numbers()
    again = keys.unseal(keys.seal(ed25519, SECRET, KEY_ID, os.urandom), SECRET, KEY_ID)
    assert isinstance(again, Ed25519PrivateKey)
    assert again.private_bytes_raw() == ed25519.private_bytes_raw()


def test_a_seal_shows_nothing_of_the_key() -> None:
    """The private bytes do not stand in what is stored, and two seals of one key differ."""
    key = keys.generate_ed25519()

    first, second = (keys.seal(key, SECRET, KEY_ID, os.urandom) for _ in range(2))

    assert key.private_bytes_raw() not in first
    assert first != second


def test_a_seal_does_not_open_for_another_secret_key_id_or_bytes() -> None:
    """Another secret, a row moved to another actor, any changed or missing byte: refused in both languages."""
    sealed = keys.seal(keys.generate_ed25519(), SECRET, KEY_ID, os.urandom)
    wrong = [
        (sealed, SECRET[::-1], KEY_ID),
        (sealed, SECRET, KEY_ID + "2"),
        (b"", SECRET, KEY_ID),
        (sealed[:9], SECRET, KEY_ID),
    ]
    wrong += [(sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :], SECRET, KEY_ID) for n in range(len(sealed))]

    for bytes_, secret, key_id in wrong:
        with pytest.raises(ConfigError) as refused:
            keys.unseal(bytes_, secret, key_id)
        assert "clé privée" in refused.value.text["fr"]


def test_a_short_secret_is_refused() -> None:
    """Less than 32 bytes is not a secret to seal with."""
    with pytest.raises(ConfigError):
        keys.seal(keys.generate_ed25519(), b"password", KEY_ID, os.urandom)
