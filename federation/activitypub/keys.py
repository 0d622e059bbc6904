"""Keys of actors: RSA-2048 for HTTP, Ed25519 for proofs; as PEM, as Multikey (FEP-521a), and sealed for the ledger.

It must never write a private key in the clear, nor hand out a public key that is too weak to prove anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.activitypub.refusal import Unauthorised
from federation.errors import ConfigError

PublicKey = rsa.RSAPublicKey | Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | Ed25519PrivateKey

RSA_BITS: Final = 2048
RSA_MAX_BITS: Final = 8192
"""Beyond this a key only costs us time: verifying grows with the square of its size."""
RSA_MAX_EXPONENT: Final = 2**32
MAX_PEM: Final = 16_384
"""Characters. A PEM of 8192 bits has about 1,500."""
MAX_MULTIBASE: Final = 2_048
SECRET_BYTES: Final = 32

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {letter: value for value, letter in enumerate(_BASE58)}
_ED25519_CODE: Final = bytes.fromhex("ed01")
_RSA_CODE: Final = bytes.fromhex("8524")
_FIELD: Final = 2**255 - 19
_ORDER_EIGHT: Final = tuple(
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)
_SMALL_ORDER: Final = frozenset({0, 1, _FIELD - 1, *_ORDER_EIGHT})
"""The y of the points whose order divides the cofactor (RFC 8032 section 5.1): they verify what nobody signed."""
_SEAL_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


def generate_rsa() -> rsa.RSAPrivateKey:
    """Make an RSA key of 2048 bits with exponent 65537; its randomness is OpenSSL's own, which cannot be passed in."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def generate_ed25519() -> Ed25519PrivateKey:
    """Make an Ed25519 key; its randomness is OpenSSL's own, as for RSA."""
    return Ed25519PrivateKey.generate()


def check_rsa(key: rsa.RSAPublicKey) -> rsa.RSAPublicKey:
    """Return ``key`` if it proves something at a bounded cost, else raise Unauthorised ``key-size``."""
    if not RSA_BITS <= key.key_size <= RSA_MAX_BITS or key.public_numbers().e >= RSA_MAX_EXPONENT:
        raise Unauthorised("key-size")
    return key


def public_pem(key: PublicKey) -> str:
    """Write a public key as PEM, SubjectPublicKeyInfo (RFC 7468 section 13), the only form every server reads."""
    written = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return written.decode("ascii")


def read_public_pem(text: str) -> rsa.RSAPublicKey:
    """Read the ``publicKeyPem`` of an actor: RSA of 2048 bits or more, as SPKI or PKCS#1.

    Raises Unauthorised ``key-form``, ``key-type`` or ``key-size``.
    """
    if len(text) > MAX_PEM or not text.isascii():
        raise Unauthorised("key-form")
    try:
        key = serialization.load_pem_public_key(text.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unauthorised("key-form") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unauthorised("key-type")
    return check_rsa(key)


def base58_encode(data: bytes) -> str:
    """Write bytes in base58, Bitcoin's alphabet (draft-msporny-base58-03 section 3)."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def base58_decode(text: str) -> bytes:
    """Read base58, Bitcoin's alphabet; one text for one row of bytes, and back. Raises ValueError."""
    if len(text) > MAX_MULTIBASE:
        raise ValueError("too long for base58")
    number = 0
    for letter in text:
        if letter not in _DIGITS:
            raise ValueError("not base58")
        number = number * 58 + _DIGITS[letter]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode_multikey(key: PublicKey) -> str:
    """Write a public key as ``publicKeyMultibase``: base58btc of the multicodec and the key (FEP-521a)."""
    if isinstance(key, Ed25519PublicKey):
        return "z" + base58_encode(_ED25519_CODE + key.public_bytes_raw())
    written = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return "z" + base58_encode(_RSA_CODE + written)


def decode_multikey(text: str) -> PublicKey:
    """Read a ``publicKeyMultibase`` (FEP-521a): Ed25519, or RSA of 2048 bits or more.

    Raises Unauthorised ``key-form``, ``key-type`` (another codec) or ``key-size`` (too weak or too costly).
    """
    try:
        data = base58_decode(text[1:])
    except ValueError as error:
        raise Unauthorised("key-form") from error
    if text[:1] != "z":
        raise Unauthorised("key-form")
    codec, key = data[:2], data[2:]
    if codec == _ED25519_CODE:
        return _ed25519(key)
    if codec == _RSA_CODE:
        return _rsa_der(key)
    raise Unauthorised("key-type")


def _ed25519(key: bytes) -> Ed25519PublicKey:
    try:
        read = Ed25519PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise Unauthorised("key-form") from error
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if y >= _FIELD:
        raise Unauthorised("key-form")
    if y in _SMALL_ORDER:
        raise Unauthorised("key-size")
    return read


def _rsa_der(data: bytes) -> rsa.RSAPublicKey:
    """Only PKCS#1 is an rsa-pub multikey: what reads back differently (SPKI, trailing bytes) is refused."""
    try:
        key = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unauthorised("key-form") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unauthorised("key-type")
    if key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1) != data:
        raise Unauthorised("key-form")
    return check_rsa(key)


def seal(key: PrivateKey, secret: bytes, key_id: str, random: Callable[[int], bytes]) -> bytes:
    """Encrypt a private key for storage: version, nonce, then AES-256-GCM of its PKCS#8.

    ``secret`` is the instance's (32 random bytes or more), ``random`` gives that many random bytes.
    AES-GCM rather than PKCS#8 with a passphrase: it is authenticated, the key id goes in so that a row moved to
    another actor does not open, and a random secret needs no slow derivation at every start.
    """
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = random(_NONCE_BYTES)
    return _SEAL_VERSION + nonce + _cipher(secret).encrypt(nonce, plain, key_id.encode())


def unseal(sealed: bytes, secret: bytes, key_id: str) -> PrivateKey:
    """Decrypt what ``seal`` wrote for the same ``key_id``; raises ConfigError if the secret is another one."""
    start = len(_SEAL_VERSION)
    nonce, encrypted = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
    try:
        if sealed[:start] != _SEAL_VERSION or len(nonce) != _NONCE_BYTES:
            raise InvalidTag
        plain = _cipher(secret).decrypt(nonce, encrypted, key_id.encode())
    except InvalidTag as error:
        raise ConfigError(
            f"The private key {key_id} does not open: the secret is not the one that sealed it.",
            f"La clé privée {key_id} ne s'ouvre pas : le secret n'est pas celui qui l'a scellée.",
        ) from error
    key = serialization.load_der_private_key(plain, password=None)
    if not isinstance(key, PrivateKey):
        raise TypeError("seal() takes RSA and Ed25519 keys only")
    return key


def _cipher(secret: bytes) -> AESGCM:
    if len(secret) < SECRET_BYTES:
        raise ConfigError(
            f"The secret that seals private keys needs {SECRET_BYTES} random bytes or more.",
            f"Le secret qui scelle les clés privées doit avoir au moins {SECRET_BYTES} octets tirés au hasard.",
        )
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"carrefour private keys v1")
    return AESGCM(derived.derive(secret))
