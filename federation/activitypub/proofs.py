"""Proofs inside documents: eddsa-jcs-2022 (FEP-8b32, W3C vc-di-eddsa section 3.3), made and checked on raw JSON.

It must never read Linked Data Signatures, nor give back a word of a document that the proof does not cover.
Whether the key's owner may speak for the object is the caller's question (``Proof.verification_method``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.activitypub.keys import PublicKey, base58_decode, base58_encode
from federation.activitypub.refusal import Unauthorised

SUITE: Final = "eddsa-jcs-2022"
TYPE: Final = "DataIntegrityProof"
PURPOSE: Final = "assertionMethod"
MAX_PROOFS: Final = 8
MAX_METHOD: Final = 2_048

_SIGNATURE_BYTES: Final = 64
_MAX_VALUE: Final = 96
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProofKey:
    """One of our Ed25519 keys and the id under which others find it."""

    verification_method: str
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is well formed and not verified yet: who claims it, when, and which bytes prove it."""

    verification_method: str
    created: datetime | None
    document: Document
    hashes: tuple[bytes, ...]
    value: bytes


def create(document: Document, *, key: ProofKey, created: datetime) -> dict[str, Any]:
    """Return ``document`` with our proof; it must not have one. Raises ValueError if JCS cannot write it.

    The proof repeats the document's @context (vc-di-eddsa section 3.3.1), as older verifiers put it in themselves.
    """
    if "proof" in document or "signature" in document:
        raise ValueError("the document is signed already")
    options = {
        "type": TYPE,
        "cryptosuite": SUITE,
        "verificationMethod": key.verification_method,
        "proofPurpose": PURPOSE,
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if "@context" in document:
        options = {"@context": document["@context"], **options}
    signature = key.private.sign(_digest(options) + _digest(document))
    return {**document, "proof": {**options, "proofValue": "z" + base58_encode(signature)}}


def parse(document: Document, *, now: datetime, window: timedelta | None = None) -> Proof | None:
    """Read the eddsa-jcs-2022 proof of a document; None if it has none (other suites count as none).

    ``now`` judges ``expires``; with ``window`` the proof must have been created that close to ``now``.
    Raises Unauthorised: ``proof-form``, ``proof-several``, ``proof-chain``, ``proof-purpose``, ``proof-context``,
    ``proof-expired``, ``proof-window``.
    """
    proof = _ours(document.get("proof"))
    if proof is None:
        return None
    if "previousProof" in proof:
        raise Unauthorised("proof-chain")
    if proof.get("proofPurpose") != PURPOSE:
        raise Unauthorised("proof-purpose")
    method = proof.get("verificationMethod")
    if not isinstance(method, str) or not 0 < len(method) <= MAX_METHOD:
        raise Unauthorised("proof-form")
    created = _check_times(proof, now, window)
    unsecured = {name: value for name, value in document.items() if name not in ("proof", "signature")}
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    try:
        authenticated, hashes = _hashes(unsecured, options)
    except (ValueError, RecursionError) as error:
        raise Unauthorised("proof-form") from error
    return Proof(method, created, authenticated, hashes, _value(proof))


def verify(proof: Proof, public_key: PublicKey) -> dict[str, Any]:
    """Verify a proof and return the document as authenticated: no proof, no ``signature``, no context added afterwards.

    Raises Unauthorised: ``key-type``, or ``proof`` if this key did not sign this document with these options.
    """
    if not isinstance(public_key, Ed25519PublicKey):
        raise Unauthorised("key-type")
    if not any(_signed(public_key, proof.value, data) for data in proof.hashes):
        raise Unauthorised("proof")
    return dict(proof.document)


def _signed(public_key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        public_key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _ours(proofs: object) -> Mapping[str, Any] | None:
    """The one proof of our suite; several would need several owners, and no peer sends them: refused."""
    if proofs is None:
        return None
    listed: list[Any] = proofs if isinstance(proofs, list) else [proofs]
    if len(listed) > MAX_PROOFS or not all(isinstance(each, dict) for each in listed):
        raise Unauthorised("proof-form")
    ours = [each for each in listed if each.get("type") == TYPE and each.get("cryptosuite") == SUITE]
    if len(ours) > 1:
        raise Unauthorised("proof-several")
    return ours[0] if ours else None


def _check_times(proof: Mapping[str, Any], now: datetime, window: timedelta | None) -> datetime | None:
    """Return ``created``; every time that is stated must be one, and hold."""
    created = _instant(proof["created"]) if "created" in proof else None
    if "expires" in proof and _instant(proof["expires"]) < now:
        raise Unauthorised("proof-expired")
    if window is not None and (created is None or abs(created - now) > window):
        raise Unauthorised("proof-window")
    return created


def _instant(value: object) -> datetime:
    """An XML Schema dateTimeStamp (vc-data-integrity section 2.1)."""
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise Unauthorised("proof-form")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unauthorised("proof-form") from error


def _hashes(unsecured: dict[str, Any], options: dict[str, Any]) -> tuple[Document, tuple[bytes, ...]]:
    """What is authenticated, and the bytes that may have been signed (vc-di-eddsa sections 3.3.2 and 3.3.4).

    A proof with @context: the document's must begin with it, and only that part is authenticated.
    A proof without: signed as it stands, or with the document's @context in its options (the drafts until 2024, and
    Fedify). Both cover every option and the whole document.
    """
    if "@context" in options:
        if not _begins(_as_list(unsecured.get("@context")), _as_list(options["@context"])):
            raise Unauthorised("proof-context")
        authenticated = {**unsecured, "@context": options["@context"]}
        return authenticated, (_digest(options) + _digest(authenticated),)
    body = _digest(unsecured)
    candidates = [_digest(options) + body]
    if "@context" in unsecured:
        candidates.insert(0, _digest({**options, "@context": unsecured["@context"]}) + body)
    return unsecured, tuple(candidates)


def _as_list(context: object) -> list[Any]:
    if context is None:
        return []
    return context if isinstance(context, list) else [context]


def _begins(whole: list[Any], part: list[Any]) -> bool:
    """Compared as JCS writes them: to Python, true and 1 are equal."""
    return bool(part) and len(part) <= len(whole) and rfc8785.dumps(whole[: len(part)]) == rfc8785.dumps(part)


def _digest(value: Any) -> bytes:
    return hashlib.sha256(rfc8785.dumps(value)).digest()


def _value(proof: Mapping[str, Any]) -> bytes:
    """The 64 bytes of ``proofValue``, base58btc."""
    text = proof.get("proofValue")
    if not isinstance(text, str) or text[:1] != "z" or len(text) > _MAX_VALUE:
        raise Unauthorised("proof-form")
    try:
        data = base58_decode(text[1:])
    except ValueError as error:
        raise Unauthorised("proof-form") from error
    if len(data) != _SIGNATURE_BYTES:
        raise Unauthorised("proof-form")
    return data
