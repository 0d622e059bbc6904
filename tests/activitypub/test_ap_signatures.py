"""HTTP signatures in both dialects: round trips, the library as oracle, the coverage policy and every trick refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import http_message_signatures as oracle
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.activitypub import keys
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures import Dialect, Message, Parsed, SigningKey, parse, sign, verify

ORIGIN = "https://b.example:8443"
KEY_ID = "https://a.example/actors/x#main-key"
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
KEY = SigningKey(KEY_ID, keys.generate_rsa())
PUBLIC = KEY.private.public_key()
POST = Message(
    "POST", "/inbox", (("Content-Type", "application/activity+json"), ("Accept", "*/*")), b'{"type":"Create"}'
)
GET = Message("GET", "/actors/y", (("Accept", "application/activity+json"),))
BOTH = pytest.mark.parametrize("dialect", list(Dialect))
HOUR = timedelta(hours=1)


def signed(dialect: Dialect, message: Message = POST, now: datetime = NOW) -> Message:
    """A message signed by us for ``ORIGIN``."""
    return sign(message, origin=ORIGIN, key=KEY, now=now, dialect=dialect)


def judge(message: Message, now: datetime = NOW, origin: str = ORIGIN) -> str:
    """The rule that refuses a message, or ``valid``."""
    try:
        verify(parse(message, origin=origin, now=now), PUBLIC)
    except Unauthorised as refused:
        return refused.rule
    return "valid"


def headers_with(message: Message, name: str, change: Callable[[str], str]) -> Message:
    """The message with one header changed."""
    assert any(each == name for each, _ in message.headers), name
    return replace(
        message, headers=tuple((each, change(value) if each == name else value) for each, value in message.headers)
    )


def without(message: Message, name: str) -> Message:
    """The message without one header."""
    return replace(message, headers=tuple(pair for pair in message.headers if pair[0] != name))


def header(message: Message, name: str) -> str:
    """The value of a header."""
    return dict(message.headers)[name]


def digest(body: bytes) -> str:
    """SHA-256 in base64."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def cavage(lines: list[tuple[str, str]], parameters: str = 'algorithm="rsa-sha256"', **how: object) -> Message:
    """A hand-made cavage POST, rightly signed over ``lines``."""
    text = "\n".join(f"{name}: {value}" for name, value in lines).encode()
    names = " ".join(name for name, _ in lines)
    key = how.get("key", KEY)
    assert isinstance(key, SigningKey)
    value = base64.b64encode(key.sign(text)).decode()
    body = how.get("body", POST.body)
    assert isinstance(body, bytes)
    stated = [(name.title(), value) for name, value in lines if not name.startswith("(")]
    extra = f",{parameters}" if parameters else ""
    fields = (*stated, ("Signature", f'keyId="{KEY_ID}"{extra},headers="{names}",signature="{value}"'))
    return Message(str(how.get("method", "POST")), "/inbox", fields, body)


USUAL = [
    ("(request-target)", "post /inbox"),
    ("host", "b.example:8443"),
    ("date", "Sat, 21 Nov 2026 15:00:00 GMT"),
    ("digest", f"SHA-256={digest(POST.body)}"),
]
STAMP = int(NOW.timestamp())


def rfc9421(
    lines: list[tuple[str, str]], parameters: str = f';created={STAMP};keyid="{KEY_ID}"', **how: object
) -> Message:
    """A hand-made RFC 9421 POST, rightly signed over ``lines``."""
    params = "(" + " ".join(f'"{name}"' for name, _ in lines) + ")" + parameters
    text = "\n".join([*(f'"{name}": {value}' for name, value in lines), f'"@signature-params": {params}'])
    stated = [(name.title(), value) for name, value in lines if not name.startswith("@")]
    value = base64.b64encode(KEY.sign(text.encode())).decode()
    fields = (*stated, ("Signature-Input", f"s={params}"), ("Signature", f"s=:{value}:"))
    body = how.get("body", POST.body)
    assert isinstance(body, bytes)
    return Message(str(how.get("method", "POST")), "/inbox", fields, body)


NEW_USUAL = [
    ("@method", "POST"),
    ("@target-uri", f"{ORIGIN}/inbox"),
    ("content-digest", f"sha-256=:{digest(POST.body)}:"),
]


# -- round trips ------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("message", [POST, GET, replace(GET, method="HEAD")], ids=lambda message: message.method)
def test_what_we_sign_is_accepted(dialect: Dialect, message: Message) -> None:
    """Both dialects, with and without a body: parsed with its key id, time and dialect, then verified."""
    parsed = parse(signed(dialect, message), origin=ORIGIN, now=NOW)
    verify(parsed, PUBLIC)

    assert (parsed.dialect, parsed.key_id, parsed.created) == (dialect, KEY_ID, NOW)


def test_cavage_says_what_the_fediverse_expects() -> None:
    """The covered headers, their order, the algorithm name and the port in Host are as the design fixes them."""
    post, get = signed(Dialect.CAVAGE), signed(Dialect.CAVAGE, GET)

    assert header(post, "Host") == "b.example:8443"
    assert header(post, "Date") == "Sat, 21 Nov 2026 15:00:00 GMT"
    assert header(post, "Digest") == f"SHA-256={digest(POST.body)}"
    start = f'keyId="{KEY_ID}",algorithm="rsa-sha256",headers="(request-target) host date'
    assert header(post, "Signature").startswith(start + ' digest content-type",signature="')
    assert header(get, "Signature").startswith(start + '",signature="')
    assert "Digest" not in dict(get.headers)


def test_rfc9421_says_what_the_design_fixes() -> None:
    """Label, components and parameters stand as they are in the design; a GET has no digest."""
    post, get = signed(Dialect.RFC9421), signed(Dialect.RFC9421, GET)
    end = f';created={STAMP};keyid="{KEY_ID}"'

    assert header(post, "Signature-Input") == f'sig1=("@method" "@target-uri" "content-digest"){end}'
    assert header(get, "Signature-Input") == f'sig1=("@method" "@target-uri"){end}'
    assert header(post, "Content-Digest") == f"sha-256=:{digest(POST.body)}:"
    assert "Content-Digest" not in dict(get.headers)


@BOTH
def test_a_request_is_signed_once(dialect: Dialect) -> None:
    """Signing a signed message, or a body that has no type in cavage, is a fault of the caller."""
    with pytest.raises(ValueError, match="signer writes"):
        signed(dialect, signed(dialect))
    with pytest.raises(ValueError, match="Content-Type"):
        signed(Dialect.CAVAGE, replace(POST, headers=()))


def test_a_private_key_is_not_shown() -> None:
    """The text of a signing key names it only."""
    assert repr(KEY) == f"SigningKey(key_id='{KEY_ID}')"


@BOTH
def test_another_key_does_not_verify(dialect: Dialect) -> None:
    """A good signature under another RSA key, or any key that is not RSA, is refused."""
    parsed = parse(signed(dialect), origin=ORIGIN, now=NOW)

    with pytest.raises(Unauthorised, match="signature"):
        verify(parsed, keys.generate_rsa().public_key())
    with pytest.raises(Unauthorised, match="key-type"):
        verify(parsed, keys.generate_ed25519().public_key())
    with pytest.raises(Unauthorised, match="key-type"):
        verify(parsed, ec.generate_private_key(ec.SECP256R1()).public_key())  # type: ignore[arg-type]


@BOTH
@pytest.mark.abuse(10)
def test_a_key_of_1024_bits_proves_nothing(dialect: Dialect) -> None:
    """A rightly signed request is refused when its key is too short."""
    weak = SigningKey(KEY_ID, rsa.generate_private_key(public_exponent=65537, key_size=1024))  # noqa: S505
    message = sign(POST, origin=ORIGIN, key=weak, now=NOW, dialect=dialect)

    with pytest.raises(Unauthorised, match="key-size"):
        verify(parse(message, origin=ORIGIN, now=NOW), weak.private.public_key())


def test_a_request_without_signature_says_so() -> None:
    """The rule tells apart none from a bad one, for the way of proofs."""
    assert judge(POST) == "unsigned"
    assert judge(without(signed(Dialect.RFC9421), "Signature-Input")) == "signature-form"
    assert judge(without(signed(Dialect.RFC9421), "Signature")) == "signature-form"


# -- the library as oracle --------------------------------------------------------------------------------------------


@dataclass
class Request:
    """What the library reads and writes."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


RESOLVER = oracle.MappingKeyResolver(public_keys={KEY_ID: PUBLIC}, private_keys={KEY_ID: KEY.private})
VERIFIER = oracle.HTTPMessageVerifier(signature_algorithm=oracle.algorithms.RSA_V1_5_SHA256, key_resolver=RESOLVER)
SIGNER = oracle.HTTPMessageSigner(signature_algorithm=oracle.algorithms.RSA_V1_5_SHA256, key_resolver=RESOLVER)
PIECES = st.sampled_from([*"abcXYZ019-._~/=&+:@!", "%20", "%2F", "%c3%a9"])
TARGETS = st.lists(PIECES, max_size=20).map(lambda pieces: "/" + "".join(pieces).lstrip("/"))


@settings(max_examples=25, deadline=None)
@given(TARGETS, st.binary(max_size=200))
def test_the_library_accepts_what_we_sign(target: str, body: bytes) -> None:
    """http-message-signatures verifies our RFC 9421 signature and its digest, for any path and body."""
    message = signed(Dialect.RFC9421, replace(POST, target=target, body=body), datetime.now(UTC))

    [result] = VERIFIER.verify(Request("POST", ORIGIN + target, dict(message.headers)), body=body)

    assert result.parameters["keyid"] == KEY_ID


COMPONENTS = ("@authority", "@scheme", "@path", "@query", "@request-target", "host", "date", "content-type", "accept")


@settings(max_examples=40, deadline=None)
@given(
    TARGETS,
    st.sampled_from(["", "?", "?a=1", "?a=%20b&c"]),
    st.permutations(COMPONENTS),
    st.integers(0, 9),
    st.booleans(),
)
def test_we_accept_what_the_library_signs(target: str, query: str, more: list[str], count: int, alg: bool) -> None:
    """Any further components in any order, with algorithm, nonce, tag and expiry: our base is the library's."""
    now = datetime.now(UTC)
    request = Request("POST", ORIGIN + target + query, {"Host": "b.example:8443", "Date": "x  y", "Accept": "a"})
    request.headers |= {"Content-Type": "application/activity+json", "Content-Digest": f"sha-256=:{digest(b'1')}:"}
    SIGNER.sign(
        request,
        key_id=KEY_ID,
        created=now,
        expires=now + HOUR,
        nonce='a"b\\c',
        tag="t",
        label="any",
        include_alg=alg,
        use_existing_digest=True,
        covered_component_ids=["@method", *more[:count], "@target-uri", "content-digest"],
    )
    message = Message("POST", target + query, tuple(request.headers.items()), b"1")

    verify(parse(message, origin=ORIGIN, now=now), PUBLIC)


# -- mutations --------------------------------------------------------------------------------------------------------


SIGNED = {dialect: signed(dialect) for dialect in Dialect}
COVERED = {
    Dialect.CAVAGE: ("Host", "Date", "Digest", "Content-Type", "Signature"),
    Dialect.RFC9421: ("Content-Digest", "Signature-Input", "Signature"),
}


def flip(text: str, data: st.DataObject) -> str:
    """The text with one bit of one letter flipped."""
    place = data.draw(st.integers(0, len(text) - 1))
    return text[:place] + chr(ord(text[place]) ^ 1 << data.draw(st.integers(0, 7))) + text[place + 1 :]


@BOTH
@pytest.mark.abuse(2)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bit_of_a_signed_request_can_be_flipped(dialect: Dialect, data: st.DataObject) -> None:
    """Any bit of method, target, body, covered header or signature: refused, or claimed by another key."""
    message = SIGNED[dialect]
    part = data.draw(st.sampled_from(["method", "target", "body", *COVERED[dialect]]))
    if part == "body":
        body = flip(message.body.decode("latin-1"), data).encode("latin-1")
        changed = replace(message, body=body)
    elif part == "method":
        changed = replace(message, method=flip(message.method, data))
    elif part == "target":
        changed = replace(message, target=flip(message.target, data))
    else:
        changed = headers_with(message, part, lambda value: flip(value, data))

    if judge(changed) == "valid":
        assert dialect is Dialect.CAVAGE, changed
        assert parse(changed, origin=ORIGIN, now=NOW).key_id != KEY_ID, changed


@BOTH
@pytest.mark.abuse(2)
def test_a_swapped_body_is_refused(dialect: Dialect) -> None:
    """The digest is taken of the raw bytes: one space more is another body, and so is none."""
    assert judge(replace(signed(dialect), body=POST.body + b" ")) == "digest"
    assert judge(replace(signed(dialect), body=b"")) == "digest"


@BOTH
@pytest.mark.abuse(2)
def test_a_body_given_to_a_signed_get_is_refused(dialect: Dialect) -> None:
    """A GET signed without digest cannot carry a body."""
    assert judge(replace(signed(dialect, GET), body=b"x")) == "coverage"


@BOTH
@pytest.mark.abuse(4)
def test_a_replay_to_another_server_or_path_is_refused(dialect: Dialect) -> None:
    """Another origin, port, scheme or path is not what was signed."""
    message = signed(dialect)

    for origin in ("https://c.example", "https://b.example", "http://b.example:8443"):
        if dialect is Dialect.RFC9421 or not origin.startswith("http:"):
            assert judge(message, origin=origin) in ("host", "signature")
    assert judge(replace(message, target="/actors/y/inbox")) == "signature"
    assert judge(replace(message, target="/inbox?")) == "signature"
    assert judge(replace(message, method="PUT")) == "signature"


# -- time -------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.abuse(5)
@pytest.mark.parametrize("hours", [2, 13, 24 * 400])
def test_a_stale_or_future_signature_is_refused(dialect: Dialect, hours: int) -> None:
    """Two hours, thirteen, or a year off, either way."""
    assert judge(signed(dialect), NOW + timedelta(hours=hours)) == "window"
    assert judge(signed(dialect), NOW - timedelta(hours=hours)) == "window"


@BOTH
@pytest.mark.abuse(5)
def test_a_clock_that_is_half_an_hour_off_is_accepted(dialect: Dialect) -> None:
    """The window is one hour, both ends included."""
    for off in (timedelta(minutes=30), HOUR):
        assert judge(signed(dialect), NOW + off) == judge(signed(dialect), NOW - off) == "valid"
        assert judge(signed(dialect), NOW + off + timedelta(seconds=1)) in ("valid", "window")
    assert judge(signed(dialect), NOW + HOUR + timedelta(seconds=1)) == "window"


@pytest.mark.abuse(5)
@pytest.mark.parametrize(
    "date",
    [
        "21 Nov 2026 15:00:00 GMT",
        "Sat, 21 Nov 2026 15:00:00 +0000",
        "Sat, 21 Nov 2026 15:00:00",
        "Saturday, 21-Nov-26 15:00:00 GMT",
        "Sat Nov 21 15:00:00 2026",
        "Sat, 32 Nov 2026 15:00:00 GMT",
        "Sat, 21 Nov 2026 15:00:60 GMT",
        "2026-11-21T15:00:00Z",
        "",
        "٢١",
    ],
)
def test_only_one_form_of_date_is_read(date: str) -> None:
    """Anything but an IMF-fixdate is refused, though it is signed."""
    lines = [(name, date if name == "date" else value) for name, value in USUAL]

    assert judge(cavage(lines)) in ("date-form", "folded-header")


@pytest.mark.abuse(3)
def test_past_expiry_is_refused_in_both_dialects() -> None:
    """`expires` is honoured, whether the signature covers it or not."""
    hs = f'algorithm="hs2019",created={STAMP}'
    covered = [*USUAL, ("(created)", str(STAMP)), ("(expires)", str(STAMP - 1))]
    kept = [*USUAL, ("(created)", str(STAMP)), ("(expires)", str(STAMP + 9))]

    assert judge(cavage(covered, f"{hs},expires={STAMP - 1}")) == "expired"
    assert judge(cavage(kept, f"{hs},expires={STAMP + 9}")) == "valid"
    assert judge(cavage(USUAL, f'algorithm="rsa-sha256",expires={STAMP - 1}')) == "expired"
    for seconds, rule in ((-1, "expired"), (9, "valid")):
        parameters = f';created={STAMP};expires={STAMP + seconds};keyid="{KEY_ID}"'
        assert judge(rfc9421(NEW_USUAL, parameters)) == rule


def test_created_replaces_date_with_hs2019_only() -> None:
    """(created) stands for the date under hs2019; under rsa-sha256 or no name it is refused."""
    lines = [line for line in USUAL if line[0] != "date"] + [("(created)", str(STAMP))]

    assert judge(cavage(lines, f'algorithm="hs2019",created={STAMP}')) == "valid"
    assert judge(cavage(lines, f'algorithm="rsa-sha256",created={STAMP}')) == "algorithm"
    assert judge(cavage(lines, f"created={STAMP}")) == "algorithm"
    assert judge(cavage(lines, 'algorithm="hs2019"')) == "covered-missing"
    assert judge(cavage(lines, f'algorithm="hs2019",created={STAMP - 7200}')) == "window"
    assert judge(cavage(lines, f'algorithm="hs2019",created={STAMP}.5')) == "signature-form"


def test_every_time_that_is_stated_must_hold() -> None:
    """A fresh (created) does not save an old covered date."""
    old = [(name, "Sat, 21 Nov 2026 12:00:00 GMT" if name == "date" else value) for name, value in USUAL]

    assert judge(cavage([*old, ("(created)", str(STAMP))], f'algorithm="hs2019",created={STAMP}')) == "window"


# -- coverage ---------------------------------------------------------------------------------------------------------


@pytest.mark.abuse(3)
@pytest.mark.parametrize("name", [name for name, _ in USUAL])
def test_cavage_must_cover_target_host_time_and_digest(name: str) -> None:
    """Leaving out any one of the four is refused though the signature is right."""
    assert judge(cavage(USUAL)) == "valid"
    assert judge(cavage([line for line in USUAL if line[0] != name])) == "coverage"


@pytest.mark.abuse(3)
@pytest.mark.parametrize("name", [name for name, _ in NEW_USUAL])
def test_rfc9421_must_cover_method_target_and_digest(name: str) -> None:
    """Leaving out any one of the three is refused though the signature is right."""
    assert judge(rfc9421(NEW_USUAL)) == "valid"
    assert judge(rfc9421([line for line in NEW_USUAL if line[0] != name])) == "coverage"


@pytest.mark.abuse(3, 10)
def test_a_signature_over_nothing_is_refused() -> None:
    """Empty coverage, a missing list and a list of one empty name prove nothing."""
    message = cavage(USUAL)
    [(_, value)] = [pair for pair in message.headers if pair[0] == "Signature"]
    names = value[value.index(",headers=") : value.index(",signature=")]

    assert judge(headers_with(message, "Signature", lambda value: value.replace(names, ',headers=""'))) == "coverage"
    assert judge(headers_with(message, "Signature", lambda value: value.replace(names, ""))) == "algorithm"
    assert judge(rfc9421([])) == "coverage"


@pytest.mark.abuse(3)
def test_rfc9421_needs_created_and_key_id() -> None:
    """Without the time or the key there is no signature to speak of."""
    assert judge(rfc9421(NEW_USUAL, f';keyid="{KEY_ID}"')) == "coverage"
    assert judge(rfc9421(NEW_USUAL, f";created={STAMP}")) == "key-id"
    assert judge(rfc9421(NEW_USUAL, f';created={STAMP};keyid=""')) == "key-id"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("SHA-256=", "digest-form"),
        (f"SHA-512={digest(POST.body)}", "digest-form"),
        (f"SHA-256={digest(POST.body)[:-1]}", "digest-form"),
        (f"SHA-256={digest(POST.body)},SHA-256={digest(b'')}", "repeated-header"),
        (f"SHA-256={digest(b'')}", "digest"),
        (f"sha-256={digest(POST.body)}", "valid"),
    ],
)
def test_the_cavage_digest_is_one_sha_256(value: str, rule: str) -> None:
    """Another algorithm, another length, a list: refused though signed; the name's case is free (RFC 3230)."""
    assert judge(cavage([*USUAL[:3], ("digest", value)])) == rule


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (f"sha-512=:{base64.b64encode(hashlib.sha512(POST.body).digest()).decode()}:", "digest-form"),
        (f"sha-256=:{digest(POST.body)}:, sha-256=:{digest(b'')}:", "repeated-header"),
        (f"SHA-256=:{digest(POST.body)}:", "digest-form"),
        (f"sha-256=:{digest(b'')}:", "digest"),
        ("", "digest-form"),
    ],
)
def test_the_content_digest_is_one_sha_256(value: str, rule: str) -> None:
    """Another algorithm, a list, another case: refused though signed."""
    assert judge(rfc9421([*NEW_USUAL[:2], ("content-digest", value)])) == rule


def test_the_default_port_may_stand_in_host() -> None:
    """Host with :443 names an https origin without port; nothing else does."""
    for host, rule in (
        ("b.example:443", "valid"),
        ("B.example", "valid"),
        ("b.example.", "host"),
        ("b.example:80", "host"),
    ):
        message = cavage([(name, host if name == "host" else value) for name, value in USUAL])
        assert judge(message, origin="https://b.example") == rule, host


# -- tricks -----------------------------------------------------------------------------------------------------------


@pytest.mark.abuse(10)
@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Digest", "Content-Digest", "Date", "Host"])
@pytest.mark.parametrize("same_case", [True, False])
@BOTH
def test_a_repeated_header_is_refused(name: str, same_case: bool, dialect: Dialect) -> None:
    """Two of a kind, in any case and even if equal, even if the signature does not cover them."""
    pair = (name if same_case else name.lower(), dict(signed(dialect).headers).get(name, "x"))
    message = signed(dialect)
    double = replace(message, headers=((name, pair[1]), *without(message, name).headers, pair))

    assert judge(double) == "repeated-header"


@pytest.mark.abuse(10)
@pytest.mark.parametrize("fold", ["\r\n ", "\n\t", "\r", "\x00", "\x7f", "é"])
@BOTH
def test_a_folded_header_is_refused(fold: str, dialect: Dialect) -> None:
    """Line folding, control characters and letters outside ASCII are refused in every header that matters."""
    message = signed(dialect)
    for name in ("Signature", "Host", *(["Date", "Digest"] if dialect is Dialect.CAVAGE else ["Content-Digest"])):
        folded = headers_with(message, name, lambda value: value[:4] + fold + value[4:])
        assert judge(folded) == "folded-header"


@pytest.mark.abuse(10)
def test_what_a_border_joins_with_a_comma_is_refused() -> None:
    """WSGI hands repeated headers over as one: each reads as malformed."""
    usual = {"Date": "Sat, 21 Nov 2026 15:00:00 GMT", "Host": "b.example:8443", "Digest": "x", "Content-Digest": "x"}
    for dialect in Dialect:
        message = signed(dialect)
        for name in (*usual, "Signature", "Signature-Input"):
            value = dict(message.headers).get(name, usual.get(name, "x"))
            joined = replace(message, headers=(*without(message, name).headers, (name, f"{value}, {value}")))
            assert judge(joined) == ("repeated-header" if name in usual else "signature-form"), (dialect, name)


@pytest.mark.abuse(10)
@pytest.mark.parametrize(
    "name",
    ["none", "NONE", "", "hmac-sha256", "rsa-sha1", "rsa-sha512", "RSA-SHA256", "ed25519", "ecdsa-sha256", "HS2019"],
)
def test_cavage_algorithm_tricks_are_refused(name: str) -> None:
    """Any name but rsa-sha256, hs2019 or none given at all promises something we do not do."""
    assert judge(cavage(USUAL, f'algorithm="{name}"')) == "algorithm"


@pytest.mark.parametrize("parameters", ["", 'algorithm="hs2019"', 'algorithm="rsa-sha256"'])
def test_whatever_the_name_it_is_rsa_sha256(parameters: str) -> None:
    """No name, the old and the new name are the same verification."""
    assert judge(cavage(USUAL, parameters)) == "valid"


@pytest.mark.abuse(10)
@pytest.mark.parametrize(
    "name", ["none", "", "hmac-sha256", "rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519", "RSA-V1_5-SHA256"]
)
def test_rfc9421_algorithm_tricks_are_refused(name: str) -> None:
    """Only rsa-v1_5-sha256, named or not."""
    usual = f';created={STAMP};keyid="{KEY_ID}";alg='

    assert judge(rfc9421(NEW_USUAL, f'{usual}"{name}"')) == "algorithm"
    assert judge(rfc9421(NEW_USUAL, f'{usual}"rsa-v1_5-sha256"')) == "valid"


@pytest.mark.abuse(10)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('keyId="', 'keyid="'),
        ('keyId="', 'keyId="https://evil.example/k",keyId="'),
        ('keyId="', 'KeyId="https://evil.example/k",keyId="'),
        ('headers="', 'Headers="'),
        ('headers="', 'headers="date",headers="'),
        ('headers="(', 'headers=" ('),
        ("(request-target) ", "(request-target)  "),
        (" host ", " Host "),
        (" host ", " host host "),
        ('"(request-target)', '"(REQUEST-TARGET)'),
        (" date", " (date)"),
        ('algorithm="', 'algorithm="none",algorithm="'),
        ('algorithm="rsa-sha256",', "algorithm=rsa-sha256,"),
        ('signature="', "signature='"),
        ('signature="', 'extra="1",signature="'),
        ('signature="', 'signature="\\"'),
        ('signature="', 'signature="A'),
        ('signature="', 'signature=" '),
        ('=="', '="'),
        ('keyId="', ',keyId="'),
        ('keyId="', 'Signature keyId="'),
        ('=="', '==",'),
        ('keyId="https', 'keyId=" https'),
    ],
)
def test_tricks_with_the_cavage_header_are_refused(old: str, new: str) -> None:
    """Case, repetition, spacing, quoting, unknown or misspelt parameters: nothing is guessed."""
    changed = headers_with(SIGNED[Dialect.CAVAGE], "Signature", lambda value: value.replace(old, new))

    assert changed != SIGNED[Dialect.CAVAGE]
    assert judge(changed) != "valid"


@pytest.mark.abuse(10)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sig1=", "sig2="),
        ("sig1=", "SIG1="),
        ("sig1=", 'sig0=("@method");created=1;keyid="x", sig1='),
        ('"@method"', '"@METHOD"'),
        ('"@method"', '"@method" "@method"'),
        ('"@method"', '"@method";req'),
        ('"@method"', "@method"),
        ('"@method" ', '"@method"'),
        ('"content-digest"', '"Content-Digest"'),
        ('"content-digest"', '"content-digest";sf'),
        ('"content-digest"', '"content-digest" "@status"'),
        ('"content-digest"', '"content-digest" "@query-param";name="a"'),
        ('"content-digest"', '"content-digest" "x-none"'),
        ('"content-digest"', '"content-digest" "@signature-params"'),
        (";created=", ";created=1;created="),
        (";created=", ";created=0.0;x="),
        (";created=", ';created="1";nonce='),
        (";keyid=", ";keyid=1;nonce="),
        (";keyid=", ";unknown;keyid="),
        (";keyid=", " ;keyid="),
        (";keyid=", ';alg="none";keyid='),
        (";keyid=", ";created=9999999999999999;keyid="),
        ("sig1=(", "sig1=(("),
        (");", ";"),
    ],
)
def test_tricks_with_signature_input_are_refused(old: str, new: str) -> None:
    """Labels, case, repetition, parameters of components, types, a second signature: nothing is guessed."""
    changed = headers_with(SIGNED[Dialect.RFC9421], "Signature-Input", lambda value: value.replace(old, new))

    assert changed != SIGNED[Dialect.RFC9421]
    assert judge(changed) != "valid"


def test_a_second_signature_is_refused_in_rfc9421() -> None:
    """One member in each header, under one label."""
    message = headers_with(SIGNED[Dialect.RFC9421], "Signature", lambda value: value + ", sig2=:AAAA:")

    assert judge(message) == "signature-form"


def test_white_space_that_the_grammar_allows_changes_nothing() -> None:
    """Spaces inside the list and after a semicolon are not signed (RFC 8941)."""
    message = headers_with(
        SIGNED[Dialect.RFC9421],
        "Signature-Input",
        lambda value: value.replace('" "', '"  "').replace("(", "( ").replace(")", " )").replace(";", "; "),
    )

    assert judge(message) == "valid"


@pytest.mark.abuse(10)
def test_the_dialect_is_never_changed_within_a_request() -> None:
    """A good cavage signature beside a bad Signature-Input is refused: no second try."""
    message = SIGNED[Dialect.CAVAGE]
    both = replace(message, headers=(*message.headers, ("Signature-Input", "sig1=()")))

    assert judge(both) == "signature-form"


@pytest.mark.abuse(10)
@pytest.mark.parametrize("scheme", ["Signature", "Bearer"])
def test_a_signature_in_authorization_is_not_one(scheme: str) -> None:
    """Only the Signature header is read."""
    message = replace(
        POST, headers=(*POST.headers, ("Authorization", f"{scheme} {header(SIGNED[Dialect.CAVAGE], 'Signature')}"))
    )

    assert judge(message) == "unsigned"


@pytest.mark.abuse(12)
@pytest.mark.parametrize("kind", ["RsaSignature2017", "Ed25519Signature2020", "JcsEd25519Signature2020"])
def test_a_linked_data_signature_in_the_body_does_not_sign_the_request(kind: str) -> None:
    """Such a request is unsigned."""
    body = f'{{"type":"Create","signature":{{"type":"{kind}","signatureValue":"AAAA"}}}}'.encode()

    assert judge(replace(POST, body=body)) == "unsigned"


@pytest.mark.parametrize("method", ["post", "Post", "", "GET POST", "POST\n", "É"])
@BOTH
def test_a_malformed_method_is_refused(method: str, dialect: Dialect) -> None:
    """Cavage lowers the method, so only one case of it is taken."""
    assert judge(replace(SIGNED[dialect], method=method)) == "request-line"


@pytest.mark.parametrize(
    "target", ["", "*", "inbox", "https://b.example:8443/inbox", "/in box", "/inbox\nhost: x", "/é", "/a#b"]
)
@BOTH
def test_a_malformed_target_is_refused(target: str, dialect: Dialect) -> None:
    """Only an absolute path of printable ASCII, without fragment."""
    assert judge(replace(SIGNED[dialect], target=target)) == "request-line"


@BOTH
def test_unbounded_signatures_are_not_parsed(dialect: Dialect) -> None:
    """A header beyond 8 KiB, a key id beyond 2 KiB and 33 components are refused."""
    name = "Signature" if dialect is Dialect.CAVAGE else "Signature-Input"
    long_list = [*USUAL, *((f"x-{n}", "1") for n in range(40))]
    long_input = [*NEW_USUAL, *((f"x-{n}", "1") for n in range(40))]

    assert judge(headers_with(SIGNED[dialect], name, lambda value: value + " " * 1 + "x" * 9000)) == "signature-form"
    assert judge(headers_with(SIGNED[dialect], name, lambda value: value.replace(KEY_ID, "k" * 2049))) == "key-id"
    assert judge(cavage(long_list) if dialect is Dialect.CAVAGE else rfc9421(long_input)) == "coverage"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.booleans())
def test_any_header_text_is_refused_without_a_crash(value: str, other: str, modern: bool) -> None:
    """Only Unauthorised leaves the parser."""
    fields = (("Signature", value), *((("Signature-Input", other),) if modern else ()))

    assert judge(replace(POST, headers=fields)) != "valid"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_pieces_of_signatures_in_any_order_are_refused(data: st.DataObject) -> None:
    """Pieces of the grammar put together at random never make a valid signature, nor a crash."""
    words = (
        'keyId=" headers=" signature=" " , (created) date host sig1= ( ) ; created=1 "@method" "@target-uri" keyid="k"'
    )
    more = "=:", "AAAA", ":", "\\", "1", '"@status"', ";bs", "é", 'algorithm="', " "
    pieces = st.sampled_from([*words.split(" "), *more])
    fields = [(name, "".join(data.draw(st.lists(pieces, max_size=14)))) for name in ("Signature", "Signature-Input")]

    assert judge(replace(POST, headers=tuple(fields[: data.draw(st.integers(1, 2))]))) != "valid"


def test_covered_headers_are_joined_as_the_rfc_says() -> None:
    """A repeated ordinary header counts with its values joined; white space around them does not count."""
    message = rfc9421([*NEW_USUAL, ("accept", "a, b")])
    apart = replace(
        without(message, "Accept"), headers=(("Accept", " a\t"), *without(message, "Accept").headers, ("ACCEPT", "b"))
    )

    assert judge(apart) == "valid"


def test_a_parsed_signature_says_what_it_covers() -> None:
    """The result names what was covered, for the log."""
    parsed: Parsed = parse(SIGNED[Dialect.RFC9421], origin=ORIGIN, now=NOW)

    assert parsed.covered == ("@method", "@target-uri", "content-digest")
    assert parsed.base.startswith(b'"@method": POST\n"@target-uri": https://b.example:8443/inbox\n')
