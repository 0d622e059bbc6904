"""RFC 9421, HTTP Message Signatures: the part that ActivityPub uses, read strictly.

The base is built here, not by the library: the grammar that the policy leaves is small, and a whole request is
verified three to four times as fast (16,000 a second against 4,900 where RSA alone does 48,000; 8,509 against 1,267 on
the machine of the design). The library is the oracle in the tests.
It must never accept a second signature, a component it does not know, or a target other than the one received.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures.message import (
    MAX_COVERED,
    Dialect,
    Fields,
    Message,
    Parsed,
    SigningKey,
    authority_of,
    body_digest,
    checked_key_id,
    encode_base64,
    field_value,
    in_window,
    needs_digest,
    not_expired,
    signature_field,
    strict_base64,
)

ALGORITHM: Final = "rsa-v1_5-sha256"
LABEL: Final = "sig1"

_LABEL: Final = r"([a-z*][a-z0-9_.*-]{0,63})"
_INPUT: Final = re.compile(_LABEL + r'=\( *((?:"[^"]*" *)*)\)((?:;.*)?)')
_COMPONENT: Final = re.compile(r'"(@?[a-z0-9!#$%&\'*+.^_`|~-]+)"(?: +|$)')
_PARAMETER: Final = re.compile(r'; *([a-z*][a-z0-9_.*-]*)=(?:(-?[0-9]{1,15})(?![0-9.])|("(?:[ !#-\[\]-~]|\\["\\])*"))')
_SIGNATURE: Final = re.compile(_LABEL + r"=:([A-Za-z0-9+/=]*):")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_TYPES: Final = {"created": int, "expires": int, "keyid": str, "alg": str, "nonce": str, "tag": str}


def parse(message: Message, fields: Fields, *, origin: str, now: datetime) -> Parsed:
    """Read a signature and hold it against the coverage policy; raises Unauthorised. Pure: nothing is verified yet."""
    label, covered, parameters = _input(signature_field(fields, "signature-input"))
    match = _SIGNATURE.fullmatch(signature_field(fields, "signature"))
    if match is None or match[1] != label:
        raise Unauthorised("signature-form")
    signature = strict_base64(match[2], "signature-form")
    if parameters.get("alg", ALGORITHM) != ALGORITHM:
        raise Unauthorised("algorithm")
    _check_coverage(message, covered)
    created, expires, key_id = parameters.get("created"), parameters.get("expires"), parameters.get("keyid")
    if not isinstance(created, int):
        raise Unauthorised("coverage")
    if isinstance(expires, int):
        not_expired(expires, now)
    claimed, signed_at = checked_key_id(key_id if isinstance(key_id, str) else None), in_window(created, now)
    base = signature_base(covered, parameters, message, fields, origin)
    if "content-digest" in covered:
        _check_digest(message, fields)
    return Parsed(Dialect.RFC9421, claimed, signed_at, covered, base.encode("ascii"), signature)


def signature_base(
    covered: tuple[str, ...], parameters: dict[str, int | str], message: Message, fields: Fields, origin: str
) -> str:
    """The text that is signed (section 2.5); derived components come from ``origin`` and the raw target only."""
    derived = {
        "@method": message.method,
        "@target-uri": origin + message.target,
        "@authority": authority_of(origin),
        "@scheme": origin.partition(":")[0].lower(),
        "@request-target": message.target,
        "@path": message.target.partition("?")[0],
        "@query": "?" + message.target.partition("?")[2],
    }
    lines = []
    for name in covered:
        if name.startswith("@") and name not in derived:
            raise Unauthorised("component")
        lines.append(f'"{name}": {derived[name] if name.startswith("@") else field_value(fields, name)}')
    lines.append(f'"@signature-params": {_signature_params(covered, parameters)}')
    return "\n".join(lines)


def sign(message: Message, *, origin: str, key: SigningKey, now: datetime) -> Message:
    """Sign a request to ``origin``: ``@method``, ``@target-uri``, and ``content-digest`` if it has a body.

    Returns the message with Host, Content-Digest, Signature-Input and Signature.
    """
    added = [("Host", origin.partition("://")[2])]
    covered: tuple[str, ...] = ("@method", "@target-uri")
    if needs_digest(message):
        added.append(("Content-Digest", f"sha-256=:{encode_base64(body_digest(message.body))}:"))
        covered = (*covered, "content-digest")
    headers = (*message.headers, *added)
    fields = {name.lower(): (value,) for name, value in headers}
    parameters: dict[str, int | str] = {"created": int(now.astimezone(UTC).timestamp()), "keyid": key.key_id}
    base = signature_base(covered, parameters, message, fields, origin)
    headers = (
        *headers,
        ("Signature-Input", f"{LABEL}={_signature_params(covered, parameters)}"),
        ("Signature", f"{LABEL}=:{encode_base64(key.sign(base.encode('ascii')))}:"),
    )
    return Message(message.method, message.target, headers, message.body)


def _input(value: str) -> tuple[str, tuple[str, ...], dict[str, int | str]]:
    """Label, components and parameters of a Signature-Input of one member (RFC 8941 section 4.2)."""
    match = _INPUT.fullmatch(value)
    if match is None:
        raise Unauthorised("signature-form")
    covered = _components(match[2])
    if len(covered) > MAX_COVERED or len(set(covered)) != len(covered):
        raise Unauthorised("coverage")
    return match[1], covered, _parameters(match[3])


def _components(text: str) -> tuple[str, ...]:
    """The names of an inner list, without its parentheses."""
    found: list[str] = []
    place = 0
    while place < len(text):
        match = _COMPONENT.match(text, place)
        if match is None:
            raise Unauthorised("component")
        found.append(match[1])
        place = match.end()
    return tuple(found)


def _parameters(text: str) -> dict[str, int | str]:
    """Parameters in their order (it is signed); only those of section 2.3, each once, each of its type."""
    found: dict[str, int | str] = {}
    place = 0
    while place < len(text):
        match = _PARAMETER.match(text, place)
        if match is None or match[1] not in _TYPES or match[1] in found:
            raise Unauthorised("signature-form")
        name = match[1]
        value = int(match[2]) if match[3] is None else re.sub(r"\\(.)", r"\1", match[3][1:-1])
        if type(value) is not _TYPES[name]:
            raise Unauthorised("signature-form")
        found[name] = value
        place = match.end()
    return found


def _signature_params(covered: tuple[str, ...], parameters: dict[str, int | str]) -> str:
    """The one way to write them (RFC 8941 section 4.1.1)."""
    inner = " ".join(f'"{name}"' for name in covered)
    return f"({inner})" + "".join(f";{name}={_bare(value)}" for name, value in parameters.items())


def _bare(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _check_coverage(message: Message, covered: tuple[str, ...]) -> None:
    """Section 5 of the design: method and whole target; of a body its digest too."""
    required = {"@method", "@target-uri"}
    if needs_digest(message):
        required.add("content-digest")
    if not required <= set(covered):
        raise Unauthorised("coverage")


def _check_digest(message: Message, fields: Fields) -> None:
    """Hold the digest against the raw body; last, as it is the only check whose cost the sender chooses."""
    match = _DIGEST.fullmatch(field_value(fields, "content-digest"))
    if match is None:
        raise Unauthorised("digest-form")
    if strict_base64(match[1], "digest-form") != body_digest(message.body):
        raise Unauthorised("digest")
