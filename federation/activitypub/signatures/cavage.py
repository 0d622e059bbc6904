"""draft-cavage-http-signatures-12, the dialect that all of the Fediverse speaks.

It must never accept a signature that leaves out the target, the host, the time or the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures.message import (
    MAX_COVERED,
    Dialect,
    Fields,
    Message,
    Parsed,
    SigningKey,
    body_digest,
    checked_key_id,
    encode_base64,
    field_value,
    in_window,
    is_our_host,
    needs_digest,
    not_expired,
    signature_field,
    strict_base64,
)

_PARAMETER: Final = re.compile(r'[ \t]*([A-Za-z]{1,32})=(?:"([^"\\]*)"|([0-9]{1,15}))[ \t]*(?:,|$)')
_KNOWN: Final = frozenset({"keyId", "signature", "algorithm", "created", "expires", "headers"})
_ALGORITHMS: Final = frozenset({"rsa-sha256", "hs2019"})
"""Whatever the name, we verify RSA PKCS#1 v1.5 with SHA-256; any other name promises something else."""
_SECONDS: Final = re.compile(r"[0-9]{1,15}")
_DIGEST: Final = re.compile(r"(?i:sha-256)=([A-Za-z0-9+/]{43}=)")
_HTTP_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(message: Message, fields: Fields, *, origin: str, now: datetime) -> Parsed:
    """Read a signature and hold it against the coverage policy; raises Unauthorised. Pure: nothing is verified yet."""
    parameters = _parameters(signature_field(fields, "signature"))
    algorithm = parameters.get("algorithm")
    if algorithm is not None and algorithm not in _ALGORITHMS:
        raise Unauthorised("algorithm")
    covered = _covered(parameters)
    if algorithm != "hs2019" and {"(created)", "(expires)"} & set(covered):
        raise Unauthorised("algorithm")
    _check_coverage(message, fields, covered, origin)
    times: dict[str, int] = {name: _seconds(parameters[name]) for name in ("created", "expires") if name in parameters}
    created = _created(fields, covered, times, now)
    key_id = checked_key_id(parameters.get("keyId"))
    signature = strict_base64(parameters.get("signature", ""), "signature-form")
    base = signing_string(covered, message, fields, {f"({name})": str(value) for name, value in times.items()})
    if "digest" in covered:
        _check_digest(message, fields)
    return Parsed(Dialect.CAVAGE, key_id, created, covered, base.encode("ascii"), signature)


def signing_string(covered: tuple[str, ...], message: Message, fields: Fields, times: Mapping[str, str]) -> str:
    """The text that is signed (section 2.3); ``times`` gives ``(created)`` and ``(expires)``."""
    lines = []
    for name in covered:
        if name == "(request-target)":
            value = f"{message.method.lower()} {message.target}"
        elif name in ("(created)", "(expires)"):
            if name not in times:
                raise Unauthorised("covered-missing")
            value = times[name]
        else:
            value = field_value(fields, name)
        lines.append(f"{name}: {value}")
    return "\n".join(lines)


def sign(message: Message, *, origin: str, key: SigningKey, now: datetime) -> Message:
    """Sign a request to ``origin``: ``(request-target) host date``, with a body also ``digest content-type``.

    Returns the message with Host, Date, Digest and Signature; raises ValueError if a body has no Content-Type.
    """
    host = origin.partition("://")[2]
    added = [("Host", host), ("Date", format_datetime(now.astimezone(UTC), usegmt=True))]
    covered: tuple[str, ...] = ("(request-target)", "host", "date")
    if needs_digest(message):
        if not any(name.lower() == "content-type" for name, _ in message.headers):
            raise ValueError("a signed body needs a Content-Type")
        added.append(("Digest", f"SHA-256={encode_base64(body_digest(message.body))}"))
        covered = (*covered, "digest", "content-type")
    headers = (*message.headers, *added)
    fields = {name.lower(): (value,) for name, value in headers}
    signature = key.sign(signing_string(covered, message, fields, {}).encode("ascii"))
    stated = (
        f'keyId="{key.key_id}",algorithm="rsa-sha256",headers="{" ".join(covered)}",'
        f'signature="{encode_base64(signature)}"'
    )
    return Message(message.method, message.target, (*headers, ("Signature", stated)), message.body)


def _parameters(value: str) -> dict[str, str]:
    """The parameters of the header (section 2.1), each once.

    The draft ignores unknown ones; here they refuse the whole, so that no misspelt one silently counts as absent.
    """
    found: dict[str, str] = {}
    place = 0
    while place < len(value):
        match = _PARAMETER.match(value, place)
        if match is None or match[1] not in _KNOWN or match[1] in found:
            raise Unauthorised("signature-form")
        found[match[1]] = match[2] if match[3] is None else match[3]
        place = match.end()
    if value.endswith(","):
        raise Unauthorised("signature-form")
    return found


def _covered(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The names covered, as written: lower case, one space between, none twice."""
    covered = tuple(parameters.get("headers", "(created)").split(" "))
    if len(covered) > MAX_COVERED or len(set(covered)) != len(covered):
        raise Unauthorised("coverage")
    return covered


def _check_coverage(message: Message, fields: Fields, covered: tuple[str, ...], origin: str) -> None:
    """Section 5 of the design: target, host, time; of a body its digest too."""
    required = {"(request-target)", "host"}
    if needs_digest(message):
        required.add("digest")
    if not required <= set(covered) or not {"date", "(created)"} & set(covered):
        raise Unauthorised("coverage")
    if not is_our_host(field_value(fields, "host"), origin):
        raise Unauthorised("host")


def _check_digest(message: Message, fields: Fields) -> None:
    """Hold the digest against the raw body; last, as it is the only check whose cost the sender chooses."""
    match = _DIGEST.fullmatch(field_value(fields, "digest"))
    if match is None:
        raise Unauthorised("digest-form")
    if strict_base64(match[1], "digest-form") != body_digest(message.body):
        raise Unauthorised("digest")


def _created(fields: Fields, covered: tuple[str, ...], times: Mapping[str, int], now: datetime) -> datetime:
    """When it was signed, by what is covered; every time that is stated must hold."""
    if "expires" in times:
        not_expired(times["expires"], now)
    stated = [in_window(times["created"], now)] if "created" in times else []
    if "date" in covered:
        stated.append(in_window(_http_date(field_value(fields, "date")).timestamp(), now))
    if not stated:
        raise Unauthorised("covered-missing")
    return stated[0] if "(created)" in covered else stated[-1]


def _seconds(text: str) -> int:
    if _SECONDS.fullmatch(text) is None:
        raise Unauthorised("signature-form")
    return int(text)


def _http_date(text: str) -> datetime:
    """An IMF-fixdate (RFC 9110 section 5.6.7), the only form that is sent today."""
    match = _HTTP_DATE.fullmatch(text)
    try:
        if match is None:
            raise Unauthorised("date-form")
        day, month, year, hour, minute, second = match.groups()
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError as error:
        raise Unauthorised("date-form") from error
