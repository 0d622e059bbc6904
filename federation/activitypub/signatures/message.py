"""The nouns of HTTP signatures, both dialects: the request as received, what a signature claims, and common checks.

It must never repair a request: what could be read in two ways is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from federation.activitypub.refusal import Unauthorised

WINDOW: Final = timedelta(hours=1)
MAX_SIGNATURE_FIELD: Final = 8_192
MAX_KEY_ID: Final = 2_048
MAX_COVERED: Final = 32

SINGLE: Final = frozenset({"signature", "signature-input", "digest", "content-digest", "date", "host"})
"""Fields that come once at most: two of them let two readers believe different things."""

_COMMAS: Final = {"digest": 0, "content-digest": 0, "date": 1, "host": 0}
"""How many one value may have: a border that joins repeated fields (WSGI) leaves one more."""

_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_TARGET: Final = re.compile(r"/[!-\"$-~]*")
_VALUE: Final = re.compile(r"[\t -~]*")
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")

Fields = Mapping[str, tuple[str, ...]]


class Dialect(StrEnum):
    """How a request is signed."""

    CAVAGE = "cavage"
    RFC9421 = "rfc9421"


@dataclass(frozen=True, slots=True)
class Message:
    """A request at the HTTP border: ``target`` is the raw path and query; headers in order, repeated as received."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A signature that satisfies the policy and is not verified yet: who claims it, and which bytes prove it."""

    dialect: Dialect
    key_id: str
    created: datetime
    covered: tuple[str, ...]
    base: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One of our RSA keys and the id under which others find it."""

    key_id: str
    private: RSAPrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Sign with RSA PKCS#1 v1.5 and SHA-256, which both dialects ask for."""
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


def fields_of(message: Message) -> Fields:
    """The header values of a message by lower-case name; raises Unauthorised for what is repeated, folded or malformed.

    Fields that the border has joined count as repeated; joined signatures are for the parser of their dialect.
    """
    if _METHOD.fullmatch(message.method) is None or _TARGET.fullmatch(message.target) is None:
        raise Unauthorised("request-line")
    found: dict[str, tuple[str, ...]] = {}
    for name, value in message.headers:
        key = name.lower()
        if key in SINGLE:
            if key in found or value.count(",") > _COMMAS.get(key, MAX_SIGNATURE_FIELD):
                raise Unauthorised("repeated-header")
            if _VALUE.fullmatch(value) is None:
                raise Unauthorised("folded-header")
        found[key] = (*found.get(key, ()), value.strip(" \t"))
    return found


def field_value(fields: Fields, name: str) -> str:
    """The value of a covered field, repeated ones joined (RFC 9421 section 2.1); raises Unauthorised if it has none."""
    if name not in fields or _FIELD_NAME.fullmatch(name) is None:
        raise Unauthorised("covered-missing")
    value = ", ".join(fields[name])
    if _VALUE.fullmatch(value) is None:
        raise Unauthorised("folded-header")
    return value


def signature_field(fields: Fields, name: str) -> str:
    """The one value of Signature or Signature-Input, of bounded length."""
    if name not in fields:
        raise Unauthorised("signature-form")
    value = fields[name][0]
    if len(value) > MAX_SIGNATURE_FIELD:
        raise Unauthorised("signature-form")
    return value


def strict_base64(text: str, rule: str) -> bytes:
    """Decode base64 of which there is only one way to write it (padding, no spare bits), else Unauthorised(rule)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unauthorised(rule) from error
    if base64.b64encode(data).decode("ascii") != text:
        raise Unauthorised(rule)
    return data


def encode_base64(data: bytes) -> str:
    """Write bytes in base64, on one line."""
    return base64.b64encode(data).decode("ascii")


def body_digest(body: bytes) -> bytes:
    """SHA-256 of the raw body."""
    return hashlib.sha256(body).digest()


def checked_key_id(key_id: str | None) -> str:
    """A key id of bounded length, else Unauthorised ``key-id``; whether its IRI is good is for ``authority`` to say."""
    if not key_id or len(key_id) > MAX_KEY_ID or " " in key_id:
        raise Unauthorised("key-id")
    return key_id


def in_window(seconds: float, now: datetime) -> datetime:
    """The instant of ``seconds`` since 1970 if it is within an hour of ``now``, else Unauthorised ``window``."""
    if abs(seconds - now.timestamp()) > WINDOW.total_seconds():
        raise Unauthorised("window")
    return datetime.fromtimestamp(seconds, UTC)


def not_expired(expires: int, now: datetime) -> None:
    """Raise Unauthorised ``expired`` if ``expires`` (seconds since 1970) is past."""
    if expires < now.timestamp():
        raise Unauthorised("expired")


def needs_digest(message: Message) -> bool:
    """Whether the signature must cover the body: always, but for a GET or HEAD that has none."""
    return message.method not in ("GET", "HEAD") or message.body != b""


def authority_of(origin: str) -> str:
    """Host and port of a configured origin, in lower case, without a default port."""
    scheme, _, authority = origin.lower().partition("://")
    return authority.removesuffix({"https": ":443", "http": ":80"}[scheme])


def is_our_host(host: str, origin: str) -> bool:
    """Whether a Host header names ``origin``; its default port may be written."""
    authority = authority_of(origin)
    port = ":443" if origin.lower().startswith("https:") else ":80"
    return host.lower() in (authority, authority + port)
