"""HTTP signatures in both dialects: ``parse`` once, ``verify`` with the key found for it, ``sign`` what we send.

The dialect follows from the request alone and is never changed within it; nothing here fetches a key.
"""

from __future__ import annotations

from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from federation.activitypub.keys import PublicKey, check_rsa
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures import cavage, rfc9421
from federation.activitypub.signatures.message import Dialect, Message, Parsed, SigningKey, fields_of

__all__ = ["Dialect", "Message", "Parsed", "SigningKey", "parse", "sign", "verify"]


def parse(message: Message, *, origin: str, now: datetime) -> Parsed:
    """Read the one signature of a request to ``origin`` (scheme, host and port as configured) and apply the policy.

    Raises Unauthorised, ``unsigned`` if there is none; any other rule means that there is one and it is bad.
    """
    fields = fields_of(message)
    if "signature-input" in fields:
        return rfc9421.parse(message, fields, origin=origin, now=now)
    if "signature" in fields:
        return cavage.parse(message, fields, origin=origin, now=now)
    raise Unauthorised("unsigned")


def verify(parsed: Parsed, public_key: PublicKey) -> None:
    """Verify with RSA PKCS#1 v1.5 and SHA-256, whatever the request calls it.

    Raises Unauthorised: ``key-type``, ``key-size``, or ``signature`` if it was not made by this key over this request.
    """
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise Unauthorised("key-type")
    try:
        check_rsa(public_key).verify(parsed.signature, parsed.base, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise Unauthorised("signature") from error


def sign(message: Message, *, origin: str, key: SigningKey, now: datetime, dialect: Dialect) -> Message:
    """Sign a request to ``origin`` and return it with the headers to send, Host among them.

    Raises ValueError if it carries one of those headers already, or a body without Content-Type.
    """
    ours = {"host", "date", "digest", "content-digest", "signature", "signature-input"}
    if any(name.lower() in ours for name, _ in message.headers):
        raise ValueError("the signer writes Host, Date, digests and signatures itself")
    speak = cavage.sign if dialect is Dialect.CAVAGE else rfc9421.sign
    return speak(message, origin=origin, key=key, now=now)
