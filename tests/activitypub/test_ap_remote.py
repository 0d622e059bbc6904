"""Guarded fetches of AS2 documents and deliveries to inboxes, against servers that lie."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ap_peer_server import AS2, Asked, PeerServer, answer, document, redirect
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from federation.activitypub.authority import origin_of
from federation.activitypub.refusal import Refused
from federation.activitypub.remote import Busy, FetchBudget, Remote, RemoteFault, Slots, is_as2

OWN = "https://own.example"


@pytest.fixture
def peer() -> Iterator[PeerServer]:
    """A server that says what it is told to."""
    running = PeerServer()
    yield running
    running.close()


@pytest.fixture
def other() -> Iterator[PeerServer]:
    """Another origin."""
    running = PeerServer()
    yield running
    running.close()


@pytest.fixture
def remote() -> Iterator[Remote]:
    """Ours, with the loopback allowed."""
    ours = Remote(origin_of(OWN), "Carrefour", time.monotonic, allow_private=True)
    yield ours
    ours.close()


def rule(remote: Remote, url: str, **more: object) -> str:
    """The rule by which a fetch fails."""
    with pytest.raises(Refused) as caught:
        remote.fetch_document(url, **more)  # type: ignore[arg-type]
    return caught.value.rule


# ---- Documents


def test_a_document_is_fetched_with_the_headers_of_as2(peer: PeerServer, remote: Remote) -> None:
    """Accept, agent and host are sent; the document comes back parsed, with its bytes."""
    url = f"{peer.origin}/n/1"
    peer.answers["/n/1"] = document(url, name="é")

    got = remote.fetch_document(url)

    assert (got.id, got.url, got.document["name"]) == (url, url, "é")
    assert json.loads(got.body) == got.document
    assert peer.asked[0].headers["accept"].startswith("application/activity+json, application/ld+json; profile=")
    assert peer.asked[0].headers["host"] == f"127.0.0.1:{peer.port}"
    assert peer.asked[0].headers["user-agent"] == "Carrefour"


def test_a_fragment_is_left_out_of_the_request(peer: PeerServer, remote: Remote) -> None:
    """A key id is asked for by its document, whose id has none."""
    peer.answers["/alice"] = document(f"{peer.origin}/alice")

    assert remote.fetch_document(f"{peer.origin}/alice#main-key").id == f"{peer.origin}/alice"
    assert peer.targets == ["/alice"]


@pytest.mark.abuse(16)
@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("application/activity+json", True),
        ("Application/Activity+JSON; charset=utf-8", True),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', True),
        ("application/ld+json;profile=https://www.w3.org/ns/activitystreams", True),
        (
            'application/ld+json; charset=utf-8; profile="https://x.example/ https://www.w3.org/ns/activitystreams"',
            True,
        ),
        ("application/ld+json", False),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams-evil"', False),
        ("application/json", False),
        ("text/plain", False),
        ("application/octet-stream", False),
        ("text/html", False),
        ("image/png; x=application/activity+json", False),
        ("application/activity+json-seq", False),
        ("", False),
    ],
)
def test_only_the_media_types_of_as2_are_documents(kind: str, taken: bool, peer: PeerServer, remote: Remote) -> None:
    """What somebody uploaded is served as something else."""
    url = f"{peer.origin}/n"
    peer.answers["/n"] = answer(json.dumps({"id": url, "type": "Note"}).encode(), kind=kind)

    assert is_as2(kind) is taken
    if taken:
        assert remote.fetch_document(url).id == url
    else:
        assert rule(remote, url) == "remote:content-type"


@pytest.mark.abuse(16)
@pytest.mark.parametrize("kinds", [(), (f"Content-Type: {AS2}", "Content-Type: text/plain")])
def test_no_media_type_or_two_are_none(kinds: tuple[str, ...], peer: PeerServer, remote: Remote) -> None:
    """Nothing is guessed."""
    url = f"{peer.origin}/n"
    peer.answers["/n"] = answer(json.dumps({"id": url, "type": "Note"}).encode(), *kinds, kind=None)

    assert rule(remote, url) == "remote:content-type"


@pytest.mark.abuse(15)
def test_a_document_with_another_id_is_asked_for_by_that_id_once(peer: PeerServer, remote: Remote) -> None:
    """A page address leads to the object; what then names a third id is refused."""
    o = peer.origin
    peer.answers |= {"/@alice": document(f"{o}/alice"), "/alice": document(f"{o}/alice", name="real")}
    peer.answers |= {"/1": document(f"{o}/2"), "/2": document(f"{o}/3"), "/3": document(f"{o}/3")}

    assert remote.fetch_document(f"{o}/@alice").document["name"] == "real"
    assert rule(remote, f"{o}/1") == "remote:id"
    assert peer.targets == ["/@alice", "/alice", "/1", "/2"]


@pytest.mark.abuse(15)
def test_a_document_of_another_origin_is_refused(peer: PeerServer, other: PeerServer, remote: Remote) -> None:
    """Whether the id names another origin, or the answer comes from one: that other origin is not even asked."""
    peer.answers["/1"] = document(f"{other.origin}/1")
    peer.answers["/2"] = redirect(f"{other.origin}/2")
    other.answers["/2"] = document(f"{peer.origin}/2")

    assert rule(remote, f"{peer.origin}/1") == "remote:id"
    assert other.asked == []
    assert rule(remote, f"{peer.origin}/2") == "remote:id"


def test_a_document_that_moved_is_that_of_its_new_origin(peer: PeerServer, other: PeerServer, remote: Remote) -> None:
    """It comes with the id it has there, which is not the one that was asked for."""
    peer.answers["/1"] = redirect(f"{other.origin}/1")
    other.answers["/1"] = document(f"{other.origin}/1")

    assert remote.fetch_document(f"{peer.origin}/1").id == f"{other.origin}/1"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"id": 1, "type": "Note"}', b'{"id": "urn:x", "type": "Note"}'])
def test_what_is_no_document_is_refused(body: bytes, peer: PeerServer, remote: Remote) -> None:
    """Strict JSON, with an id that is an address."""
    peer.answers["/n"] = answer(body)

    assert rule(remote, f"{peer.origin}/n").startswith(("json:", "url:"))


@pytest.mark.parametrize(
    ("status", "passing"),
    [("404 No", False), ("410 Gone", False), ("401 No", False), ("429 Slow", True), ("503 x", True)],
)
def test_a_status_is_told(status: str, passing: bool, peer: PeerServer, remote: Remote) -> None:
    """With whether it may pass, and what the server says to do about it."""
    peer.answers["/n"] = answer(b"", "Retry-After: 7", 'Accept-Signature: sig1=("@method")', status=status)

    with pytest.raises(RemoteFault) as caught:
        remote.fetch_document(f"{peer.origin}/n")

    fault = caught.value
    assert (fault.remote_status, fault.passing, fault.retry_after) == (int(status[:3]), passing, "7")
    assert fault.accept_signature == 'sig1=("@method")'


# ---- Redirects


@pytest.mark.abuse(40)
def test_every_hop_is_signed_anew_for_its_own_host(peer: PeerServer, other: PeerServer, remote: Remote) -> None:
    """The signature for one server is never sent to another."""
    signed: list[tuple[str, str]] = []

    def sign(method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        signed.append((url, headers["Host"]))
        return {**headers, "Signature": f"{method} {url}"}

    peer.answers["/1"] = redirect(f"{other.origin}/2")
    other.answers["/2"] = document(f"{other.origin}/2")

    remote.fetch_document(f"{peer.origin}/1", sign=sign)

    assert signed == [(f"{o.origin}{t}", f"127.0.0.1:{o.port}") for o, t in ((peer, "/1"), (other, "/2"))]
    assert peer.asked[0].headers["signature"] == f"GET {peer.origin}/1"
    assert other.asked[0].headers["signature"] == f"GET {other.origin}/2"


@pytest.mark.abuse(40)
@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/", "http://[::1]:1/", "http://127.0.0.2:1/"])
def test_a_redirect_to_a_private_address_is_refused(to: str, peer: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hop goes through the guard: here the first host alone counts as public, and http is allowed."""
    monkeypatch.setattr("federation.pipeline.fetch.transport.is_public", lambda address: str(address) == "127.0.0.1")
    monkeypatch.setattr(Remote, "_checked", lambda self, address: origin_of(address))
    ours = Remote(origin_of(OWN), "Carrefour", time.monotonic)
    peer.answers["/1"] = redirect(to)

    assert rule(ours, f"{peer.origin}/1") == "remote:private"


@pytest.mark.abuse(40)
def test_more_than_three_redirects_are_refused(peer: PeerServer, remote: Remote) -> None:
    """Three are followed, the fourth is not."""
    for number in range(9):
        peer.answers[f"/{number}"] = redirect(f"/{number + 1}")
    peer.answers["/9"] = document(f"{peer.origin}/9")

    assert remote.fetch_document(f"{peer.origin}/6").id == f"{peer.origin}/9"
    peer.asked.clear()
    assert rule(remote, f"{peer.origin}/1") == "remote:redirects"
    assert peer.targets == ["/1", "/2", "/3", "/4"]


@pytest.mark.abuse(41)
def test_a_redirect_loop_ends_at_once(peer: PeerServer, remote: Remote) -> None:
    """No address is asked twice in one chain, however it is spelt."""
    peer.answers["/1"] = redirect("/2")
    peer.answers["/2"] = redirect(f"HTTP://127.0.0.1:{peer.port}/1#again")

    assert rule(remote, f"{peer.origin}/1") == "remote:loop"
    assert peer.targets == ["/1", "/2"]


@pytest.mark.abuse(40)
@pytest.mark.parametrize(
    "to", ["ftp://x.example/", "javascript:1", "http://a@127.0.0.1/", "http://[::1", "//2130706433/", "file:///etc/x"]
)
def test_a_redirect_to_no_good_address_is_refused(to: str, peer: PeerServer, remote: Remote) -> None:
    """The same strict parse as everywhere."""
    peer.answers["/1"] = redirect(to)

    assert rule(remote, f"{peer.origin}/1").startswith(("url:", "remote:location"))


# ---- Reach


@pytest.mark.abuse(39)
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[2002:7f00:1::]/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://127.1/x",
        "https://0/x",
        "https://224.0.0.1/x",
        "http://93.184.216.34/x",
        "https://own.example/x",
        "https://OWN.example:443/x",
        "gopher://x.example/",
    ],
)
def test_private_addresses_http_and_ourselves_are_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting for intranets nothing is even connected."""

    def never(self: socket.socket, address: object) -> None:
        raise AssertionError(f"connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", never)
    ours = Remote(origin_of(OWN), "Carrefour", time.monotonic)

    with pytest.raises(Refused) as fetching:
        ours.fetch_document(url)
    with pytest.raises(Refused) as posting:
        ours.post(url, b"{}", {})

    assert fetching.value.rule == posting.value.rule
    assert fetching.value.rule in ("remote:private", "remote:https", "remote:own-origin", "url:host", "url:scheme")


@pytest.mark.abuse(39)
def test_a_name_is_resolved_once_and_its_checked_address_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second answer, a private one, is never asked for."""
    told: list[object] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        told.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34" if len(told) == 1 else "127.0.0.1", port))]

    def connect(self: socket.socket, address: object) -> None:
        told.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("federation.pipeline.fetch.transport.socket.getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)

    assert rule(Remote(origin_of(OWN), "Carrefour", time.monotonic), "https://rebind.example/1") == "remote:unreachable"
    assert told == ["rebind.example", ("93.184.216.34", 443)]


@pytest.mark.abuse(45)
def test_a_redirect_to_ourselves_is_refused(peer: PeerServer, other: PeerServer) -> None:
    """Nobody makes us ask ourselves."""
    ours = Remote(origin_of(other.origin), "Carrefour", time.monotonic, allow_private=True)
    peer.answers["/1"] = redirect(f"{other.origin}/actor")

    assert rule(ours, f"{peer.origin}/1") == "remote:own-origin"
    assert other.asked == []


# ---- Size and time


@pytest.mark.abuse(36)
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, gzip"])
def test_a_bomb_is_stopped_at_the_cap(coding: str, peer: PeerServer, remote: Remote) -> None:
    """Fifty decoded megabytes are not inflated; codings that were not asked for are not decoded."""
    bomb = gzip.compress(b" " * 50_000_000)
    peer.answers["/n"] = answer(bomb, f"Content-Encoding: {coding}")

    assert rule(remote, f"{peer.origin}/n") == ("remote:size" if coding == "gzip" else "remote:content-encoding")


@pytest.mark.abuse(36)
def test_a_compressed_document_is_read_and_a_cut_one_is_not(peer: PeerServer, remote: Remote) -> None:
    """gzip with its end mark."""
    url = f"{peer.origin}/n"
    body = gzip.compress(json.dumps({"id": url, "type": "Note"}).encode())
    peer.answers["/n"] = [answer(body, "Content-Encoding: gzip"), answer(body[:-5], "Content-Encoding: gzip")]

    assert remote.fetch_document(url).id == url
    assert rule(remote, url) == "remote:content-encoding"


@pytest.mark.abuse(35)
def test_a_body_over_the_cap_is_refused_and_a_cut_one_too(peer: PeerServer, remote: Remote) -> None:
    """Whatever length it announces."""
    cut = answer(b"{}").replace(b"Content-Length: 2", b"Content-Length: 99\r\nConnection: close")
    peer.answers |= {"/large": document(f"{peer.origin}/large", name="x" * 3000), "/cut": cut}

    assert rule(remote, f"{peer.origin}/large", limit=2000) == "remote:size"
    assert rule(remote, f"{peer.origin}/cut") == "remote:unreachable"


@pytest.mark.abuse(42)
@pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\n\r\n"])
def test_a_slow_drip_is_cut_at_the_deadline(drip: bytes, peer: PeerServer, remote: Remote) -> None:
    """A byte now and then meets every read timeout; the deadline is of the whole."""

    def slowly(asked: Asked, client: socket.socket, stop: threading.Event) -> None:
        client.sendall(drip)
        while not stop.wait(0.02):
            client.sendall(b" ")

    peer.answers["/n"] = slowly
    began = time.monotonic()

    assert rule(remote, f"{peer.origin}/n", seconds=0.3) == "remote:timeout"
    assert time.monotonic() - began < 5


# ---- Budgets


@pytest.mark.abuse(43)
def test_an_activity_causes_so_many_requests_and_no_more(peer: PeerServer, remote: Remote) -> None:
    """Redirects and second requests count too."""
    o = peer.origin
    peer.answers |= {"/1": redirect("/2"), "/2": document(f"{o}/3"), "/3": document(f"{o}/3")}
    budget = FetchBudget(4)

    remote.fetch_document(f"{o}/1", budget=budget)
    assert budget.left == 1
    assert rule(remote, f"{o}/1", budget=budget) == "remote:budget"
    assert len(peer.asked) == 4
    assert FetchBudget().left == 100


@pytest.mark.abuse(41)
def test_one_host_takes_a_few_slots_and_leaves_the_rest() -> None:
    """Four at one host, sixteen in all; who finds none is told so at once, and a slot that is given back serves."""
    slots = Slots(total=5, per_host=2)
    with slots.hold("a", 0), slots.hold("a", 0):
        with pytest.raises(Busy) as caught, slots.hold("a", 0):
            pass
        assert caught.value.status == 503
        full = pytest.raises(Busy)
        with slots.hold("b", 0), slots.hold("b", 0), slots.hold("c", 0), full, slots.hold("d", 0):
            pass
        with slots.hold("b", 0), slots.hold("c", 0), slots.hold("d", 0):
            pass


@pytest.mark.abuse(41)
def test_fetches_take_slots_and_wait_if_told_to(peer: PeerServer) -> None:
    """With the only slot taken a fetch is refused; one that waits gets it."""
    slots = Slots(total=1)
    ours = Remote(origin_of(OWN), "Carrefour", time.monotonic, allow_private=True, slots=slots)
    url = f"{peer.origin}/n"
    peer.answers["/n"] = document(url)
    got: list[str] = []
    with slots.hold("elsewhere.example", 0):
        assert rule(ours, url) == "remote:busy"
        waiting = threading.Thread(target=lambda: got.append(ours.fetch_document(url, wait=10).id))
        waiting.start()
    waiting.join(10)

    assert got == [url]


def test_what_failed_lately_is_not_asked_again(peer: PeerServer) -> None:
    """The negative cache is told of failures by address, and asked before anything is sent."""
    failed: dict[str, str] = {}

    class Cache:
        def holds(self, url: str) -> bool:
            return url in failed

        def remember(self, url: str, fault: Refused) -> None:
            failed[url] = fault.rule

    ours = Remote(origin_of(OWN), "Carrefour", time.monotonic, allow_private=True, negative=Cache())
    url = f"{peer.origin}/n"

    assert rule(ours, url) == "remote:status"
    assert rule(ours, f"{url}#key") == "remote:failed-lately"
    assert (failed, len(peer.asked)) == ({url: "remote:status"}, 1)
    assert rule(ours, f"{peer.origin}/m", budget=FetchBudget(0)) == "remote:budget"
    assert len(failed) == 1


def test_bytes_of_another_kind_never_leave_their_origin(peer: PeerServer, other: PeerServer, remote: Remote) -> None:
    """N-Triples of a record are those of its own origin."""
    peer.answers["/1.nt"] = answer(b"<a> <b> <c> .\n", kind="application/n-triples")
    peer.answers["/2.nt"] = redirect(f"{other.origin}/1.nt")
    other.answers["/1.nt"] = peer.answers["/1.nt"]

    def triples(url: str) -> bytes:
        return remote.fetch_bytes(
            url, accept="application/n-triples", takes="application/n-triples".__eq__, limit=100
        ).body

    assert triples(f"{peer.origin}/1.nt") == b"<a> <b> <c> .\n"
    with pytest.raises(RemoteFault, match="remote:origin"):
        triples(f"{peer.origin}/2.nt")


# ---- Deliveries


def test_deliveries_use_one_connection_as_long_as_it_lives(peer: PeerServer, remote: Remote) -> None:
    """Ten posts, one connection; the bytes and headers arrive as signed, Host as in the address."""
    peer.answers["/inbox"] = answer(b"", status="202 Accepted", kind=None)

    for number in range(10):
        got = remote.post(f"{peer.origin}/inbox", b"{%d}" % number, {"Signature": "s", "Content-Type": AS2})
        assert got.status == 202

    assert peer.connections == 1
    assert [asked.body for asked in peer.asked] == [b"{%d}" % number for number in range(10)]
    assert peer.asked[9].headers["signature"] == "s"
    assert peer.asked[9].headers["host"] == f"127.0.0.1:{peer.port}"


def test_a_connection_that_died_idle_is_made_anew(peer: PeerServer, remote: Remote) -> None:
    """The server hangs up after each answer, announced or not: every delivery arrives, once answered."""

    def hang_up(asked: Asked, client: socket.socket, stop: threading.Event) -> None:
        if len(peer.asked) == 2:
            return  # a connection that was kept dies with the request on it
        client.sendall(answer(b"", status="202 Accepted", kind=None))

    kept = answer(b"", status="202 Accepted", kind=None)
    peer.answers["/inbox"] = [kept, hang_up, kept]

    assert [remote.post(f"{peer.origin}/inbox", b"{}", {}).status for _ in range(3)] == [202, 202, 202]
    assert len(peer.asked) == 4


def test_a_new_connection_that_dies_is_a_failure(peer: PeerServer, remote: Remote) -> None:
    """It may pass; nothing is tried twice by itself."""
    peer.answers["/inbox"] = lambda asked, client, stop: None

    with pytest.raises(RemoteFault) as caught:
        remote.post(f"{peer.origin}/inbox", b"{}", {})

    assert (caught.value.rule, caught.value.passing, len(peer.asked)) == ("remote:unreachable", True, 1)


@pytest.mark.abuse(40)
@pytest.mark.parametrize("status", ["301 x", "302 x", "307 x", "308 x"])
def test_a_redirected_delivery_is_not_followed(
    status: str, peer: PeerServer, other: PeerServer, remote: Remote
) -> None:
    """The signed body goes where it was addressed and nowhere else."""
    peer.answers["/inbox"] = redirect(f"{other.origin}/inbox", status)

    assert remote.post(f"{peer.origin}/inbox", b"{}", {}).status == int(status[:3])
    assert other.asked == []


def test_what_an_inbox_says_is_told_and_its_body_clipped(peer: PeerServer, remote: Remote) -> None:
    """Retry-After and Accept-Signature as given; 16 KiB of an endless answer, and the next delivery goes through."""
    peer.answers["/inbox"] = [
        answer(b"x" * 1_000_000, "Retry-After: 120", "Accept-Signature: sig1=()", status="429 Slow down"),
        answer(b"ok", status="202 Accepted"),
    ]

    first = remote.post(f"{peer.origin}/inbox", b"{}", {})
    second = remote.post(f"{peer.origin}/inbox", b"{}", {})

    assert (first.status, first.retry_after, first.accept_signature) == (429, "120", "sig1=()")
    assert len(first.body) == 16 * 1024
    assert (second.status, second.body) == (202, b"ok")


@pytest.mark.abuse(42)
def test_a_slow_inbox_is_left_at_the_deadline(peer: PeerServer, remote: Remote) -> None:
    """Also on a connection that was kept, whose deadline counts anew."""

    def silent(asked: Asked, client: socket.socket, stop: threading.Event) -> None:
        stop.wait(10)

    peer.answers["/inbox"] = [answer(b"", status="202 Accepted", kind=None), silent]
    remote.post(f"{peer.origin}/inbox", b"{}", {})

    with pytest.raises(RemoteFault, match="remote:timeout"):
        remote.post(f"{peer.origin}/inbox", b"{}", {}, seconds=0.2)
    assert len(peer.asked) == 2


@pytest.mark.abuse(45)
def test_nothing_is_delivered_to_ourselves(peer: PeerServer) -> None:
    """However our origin is spelt."""
    ours = Remote(origin_of(peer.origin), "Carrefour", time.monotonic, allow_private=True)

    for url in (f"{peer.origin}/inbox", f"HTTP://127.0.0.1:{peer.port}/inbox#x"):
        with pytest.raises(RemoteFault, match="remote:own-origin"):
            ours.post(url, b"{}", {})
    assert peer.asked == []


# ---- TLS


def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an authority we trust the document and the delivery go through; of another nothing does."""
    pem = _self_signed(tmp_path / "localhost.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    peer = PeerServer(context)
    peer.answers |= {"/n": document(f"{peer.origin}/n"), "/inbox": answer(b"", status="202 Accepted")}
    stranger = Remote(origin_of(OWN), "Carrefour", time.monotonic, allow_private=True)
    monkeypatch.setattr("federation.activitypub.remote.DEFAULT_CA_BUNDLE_PATH", str(pem))
    friend = Remote(origin_of(OWN), "Carrefour", time.monotonic, allow_private=True)
    try:
        assert rule(stranger, f"{peer.origin}/n") == "remote:tls"
        assert friend.fetch_document(f"{peer.origin}/n").id == f"{peer.origin}/n"
        assert [friend.post(f"{peer.origin}/inbox", b"{}", {}).status for _ in range(2)] == [202, 202]
        assert rule(friend, f"{peer.origin.replace('localhost', '127.0.0.1')}/n") == "remote:tls"
    finally:
        friend.close()
        peer.close()


def _self_signed(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path
