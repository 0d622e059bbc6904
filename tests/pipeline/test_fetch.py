"""Fetching: whole or not at all, from public addresses only, in bounded time and size; against a server that lies."""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lying_server import LyingServer, chunked, http

from federation.errors import ConfigError, PartnerError, PeerError
from federation.pipeline.fetch import Fault, Fetched, FetchFailed, FetchRefused, FetchRequest, fetch, next_hop, shown
from federation.pipeline.fetch.inflate import inflate
from federation.pipeline.fetch.transport import Line, is_public

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - asked for, not bound to
CSV = "n°;nom\n1;Épicerie\n".encode() * 400
SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaxDpt4Uo3kPuZwsm
CZs/wBWnoEdM7K6nshL4RmCJ7v2hRANCAAS8hMA3IA8Rav3g8hwG9wcEtWqubiJe
v6dbki0tvl8N0MR6af3ALPKAXVdubB41ApbbYEXsoIr5Sx8DFyOQroBW
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUY0CcugC686nXQ2W/tvtiIuKNEG8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA1MTQxN1oYDzIxMjYxMDI4
MDUxNDE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS8hMA3IA8Rav3g8hwG9wcEtWqubiJev6dbki0tvl8N0MR6af3ALPKA
XVdubB41ApbbYEXsoIr5Sx8DFyOQroBWo28wbTAdBgNVHQ4EFgQUqpBrZi8QnCQc
LQlKZGHTc1bYK20wHwYDVR0jBBgwFoAUqpBrZi8QnCQcLQlKZGHTc1bYK20wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAMUntbwv3xesnSUVtoJ2VbWmqUsnuRY5+9TBuElpcUtiAiB0
98dnKXwEMTJGt2+QTe7Rq3MgT7lUTJe+HJwU7O5GKA==
-----END CERTIFICATE-----
"""
"""Made for these tests: localhost, its own issuer, valid for a hundred years."""


def get(server: LyingServer, path: str = "/feed", **options: Any) -> Fetched:
    """Fetch from the loopback, with short limits."""
    return fetch(FetchRequest(server.url(path), allow_private=True, **{"max_seconds": 5.0, **options}))


@contextmanager
def failure(fault: Fault) -> Iterator[pytest.ExceptionInfo[PeerError | PartnerError]]:
    """Expect a failure of one kind, told in both languages."""
    with pytest.raises((PeerError, PartnerError)) as caught:
        yield caught
    error = caught.value
    assert isinstance(error, FetchFailed | FetchRefused)
    assert error.fault is fault
    assert error.rule == f"fetch:{fault.value}"
    assert error.text["en"] == str(error)
    assert error.text["fr"] != error.text["en"]


def test_a_whole_body_comes_with_what_is_known_of_it(server: LyingServer) -> None:
    """Bytes, hash, type, charset, validators, final address."""
    server.answers["/feed"] = http(
        CSV, 'Content-Type: text/csv; charset="utf-8"', 'ETag: "a1"', "Last-Modified: Sat, 21 Nov 2026 01:00:00 GMT"
    )

    fetched = get(server)

    assert fetched.body == CSV
    assert fetched.sha256 == hashlib.sha256(CSV).hexdigest()
    assert (fetched.status, fetched.charset, fetched.etag) == (200, "utf-8", '"a1"')
    assert fetched.last_modified == "Sat, 21 Nov 2026 01:00:00 GMT"
    assert (fetched.final_url, fetched.length_proved, fetched.moved_to) == (server.url(), True, None)


def test_the_request_says_who_asks(server: LyingServer) -> None:
    """User agent, parameters and headers of the source; no credential of this machine, no other encoding."""
    server.answers["/feed"] = http(b"x")

    get(
        server,
        "/feed?a=1",
        user_agent="Carrefour (+https://x.example/robot)",
        params={"b": "é"},
        headers={"X-Key": "s"},
    )

    head = server.requests[0]
    assert head.startswith("GET /feed?a=1&b=%C3%A9 HTTP/1.1")
    assert "User-Agent: Carrefour (+https://x.example/robot)" in head
    assert "X-Key: s" in head
    assert "Accept-Encoding: gzip, deflate" in head
    assert "Authorization" not in head


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw-deflate", "members"])
def test_compressed_bodies_are_inflated_and_proved(server: LyingServer, coding: str) -> None:
    """Gzip (several members too), zlib and bare deflate; their end mark proves the body, even close-delimited."""
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(CSV),
        "x-gzip": gzip.compress(CSV),
        "deflate": zlib.compress(CSV),
        "raw-deflate": raw.compress(CSV) + raw.flush(),
        "members": gzip.compress(CSV[:1000]) + gzip.compress(CSV[1000:]),
    }[coding]
    name = {"raw-deflate": "deflate", "members": "gzip"}.get(coding, coding)
    server.answers["/feed"] = http(packed, f"Content-Encoding: {name}", length=None)

    fetched = get(server)

    assert fetched.body == CSV
    assert fetched.length_proved


def test_a_chunked_body_is_whole_at_its_last_chunk(server: LyingServer) -> None:
    """Chunks prove their end."""
    server.answers["/feed"] = http(chunked(CSV), "Transfer-Encoding: chunked", length=None)

    fetched = get(server)

    assert (fetched.body, fetched.length_proved) == (CSV, True)


def test_a_body_that_ends_by_hanging_up_is_not_proved(server: LyingServer) -> None:
    """Without length the reader must demand proof of the syntax."""
    server.answers["/feed"] = http(CSV, length=None)

    assert not get(server).length_proved


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    "answer",
    [
        http(CSV[:-50], length=len(CSV)),
        http(chunked(CSV)[:-5], "Transfer-Encoding: chunked", length=None),
        http(chunked(CSV)[:-600], "Transfer-Encoding: chunked", length=None),
        http(gzip.compress(CSV)[:-1], "Content-Encoding: gzip", length=None),
        http(gzip.compress(CSV)[:-30], "Content-Encoding: gzip"),
        http(zlib.compress(CSV)[:-5], "Content-Encoding: deflate"),
    ],
    ids=["length", "last chunk", "chunk", "gzip end", "gzip whole length", "deflate"],
)
def test_a_cut_body_is_never_whole(server: LyingServer, answer: bytes) -> None:
    """By length, chunk or compression: a cut is told, and no byte is handed out."""
    server.answers["/feed"] = answer

    with failure(Fault.CUT) as caught:
        get(server)

    assert isinstance(caught.value, PeerError)


@pytest.mark.fault(4)
def test_damaged_compression_is_told(server: LyingServer) -> None:
    """Gzip that is none, or with a wrong checksum."""
    packed = bytearray(gzip.compress(CSV))
    packed[-6] ^= 0xFF
    server.answers["/feed"] = http(bytes(packed), "Content-Encoding: gzip")
    server.answers["/plain"] = http(CSV, "Content-Encoding: gzip")
    server.answers["/br"] = http(CSV, "Content-Encoding: br")

    for path in ("/feed", "/plain", "/br"):
        with failure(Fault.ENCODING):
            get(server, path)


@pytest.mark.fault(5)
def test_a_bomb_is_stopped_at_the_cap(server: LyingServer) -> None:
    """200 MB of zeros in 200 kB are stopped one piece after the limit."""
    server.answers["/feed"] = http(gzip.compress(b"\x00" * 200_000_000, 1), "Content-Encoding: gzip")

    with failure(Fault.TOO_LARGE) as caught:
        get(server, max_bytes=1_000_000)

    assert isinstance(caught.value, PartnerError)


def test_inflating_never_holds_more_than_a_piece() -> None:
    """Pieces of a bomb come one by one."""
    packed = gzip.compress(b"\x00" * 10_000_000)

    pieces = list(inflate(iter([packed]), "gzip", 10_000_000, "x"))

    assert max(map(len, pieces)) <= 64 * 1024
    assert sum(map(len, pieces)) == 10_000_000


def test_a_large_body_is_stopped_at_the_cap(server: LyingServer) -> None:
    """Plain bytes too; exactly the limit is allowed."""
    server.answers["/feed"] = http(CSV)

    with failure(Fault.TOO_LARGE):
        get(server, max_bytes=len(CSV) - 1)
    assert get(server, max_bytes=len(CSV)).body == CSV


@pytest.mark.fault(5)
@pytest.mark.parametrize("where", ["body", "headers", "chunk size", "nothing"])
def test_a_slow_drip_meets_the_deadline(server: LyingServer, where: str) -> None:
    """One byte at a time, wherever it drips, ends at the total limit: no read timeout would."""
    start = {
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
        "chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "nothing": b"",
    }[where]

    def drip(client: socket.socket, stop: threading.Event) -> None:
        client.sendall(start)
        while not stop.wait(0.02):
            if where != "nothing":
                client.sendall(b"0")

    server.answers["/feed"] = drip

    with failure(Fault.TIMEOUT) as caught:
        get(server, max_seconds=0.4)

    assert "0.4 seconds" in str(caught.value)


def test_the_deadline_follows_the_given_clock(server: LyingServer) -> None:
    """Time is what the clock says."""
    server.answers["/feed"] = http(CSV)
    ticks = iter([0.0, 1.0, 2.0])

    with failure(Fault.TIMEOUT):
        fetch(FetchRequest(server.url(), allow_private=True, max_seconds=60), clock=lambda: next(ticks, 100.0))


def test_redirects_are_followed_by_hand(server: LyingServer) -> None:
    """Relative targets; permanent ones propose the new address; headers stay at their host."""
    server.answers["/a"] = http(b"", "Location: /b", status="301 Moved")
    server.answers["/b"] = http(b"", "Location: feed", status="308 Moved")
    server.answers["/feed"] = http(b"x")
    server.answers["/t"] = http(b"", "Location: /feed", status="302 Found")

    moved = get(server, "/a", headers={"X-Key": "s"}, params={"q": "1"})

    assert (moved.final_url, moved.moved_to) == (server.url("/feed"), server.url("/feed"))
    assert "X-Key: s" in server.requests[-1]
    assert server.requests[-1].startswith("GET /feed HTTP")
    assert get(server, "/t").moved_to is None


def test_secrets_do_not_follow_to_another_host(server: LyingServer) -> None:
    """Another port is another origin: the source's headers stay behind."""
    other = LyingServer()
    try:
        other.answers["/feed"] = http(b"x")
        server.answers["/a"] = http(b"", f"Location: {other.url()}", status="302 Found")

        get(server, "/a", headers={"X-Key": "s"})

        assert "X-Key" not in other.requests[0]
        assert "Accept:" in other.requests[0]
    finally:
        other.close()


@pytest.mark.fault(10)
def test_a_redirect_loop_ends(server: LyingServer) -> None:
    """Six hops are one too many."""
    server.answers["/feed"] = http(b"", "Location: /feed", status="302 Found")

    with failure(Fault.REDIRECT):
        get(server)

    assert len(server.requests) == 6


@pytest.mark.fault(10)
@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x.example/", "gopher://x.example/", "javascript:1"])
def test_redirects_out_of_the_web_are_refused(server: LyingServer, target: str) -> None:
    """A server cannot make us read a file."""
    server.answers["/feed"] = http(b"", f"Location: {target}", status="302 Found")

    with failure(Fault.REDIRECT):
        get(server)


@pytest.mark.fault(10)
def test_https_never_becomes_http() -> None:
    """A downgrade is refused; the other way is fine."""
    with failure(Fault.REDIRECT):
        next_hop("https://x.example/a", "http://x.example/a")

    assert next_hop("http://x.example/a", "https://x.example/b") == "https://x.example/b"
    assert next_hop("https://x.example/a/b", "../c?d") == "https://x.example/c?d"


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]", "10.0.0.1", NO_ADDRESS, "2130706433"],
)
def test_private_addresses_are_refused_before_connecting(server: LyingServer, host: str) -> None:
    """Loopback, link-local, private and mapped addresses, however they are written."""
    with failure(Fault.PRIVATE):
        fetch(FetchRequest(f"http://{host}:{server.port}/feed", max_seconds=5))

    assert server.requests == []


@pytest.mark.fault(10)
def test_redirects_to_private_addresses_are_refused(server: LyingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is made on every hop: here the first host alone counts as public."""
    monkeypatch.setattr("federation.pipeline.fetch.transport.is_public", lambda address: str(address) == "127.0.0.1")
    server.answers["/feed"] = http(b"", "Location: http://169.254.169.254/latest/meta-data/", status="302 Found")

    with failure(Fault.PRIVATE) as caught:
        fetch(FetchRequest(server.url(), max_seconds=5))

    assert "169.254.169.254" in str(caught.value)


@pytest.mark.fault(10)
def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the name is asked once, and the address that was checked is the one that is connected."""
    asked: list[str] = []
    connected: list[Any] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "203.0.113.7" if len(asked) > 1 else "93.184.216.34"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(self: socket.socket, address: Any) -> None:
        connected.append(address)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr("federation.pipeline.fetch.transport.socket.getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)

    with failure(Fault.UNREACHABLE):
        fetch(FetchRequest("http://rebind.example/feed", max_seconds=5))

    assert asked == ["rebind.example"]
    assert connected == [("93.184.216.34", 80)]


@pytest.mark.abuse(39)
@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        (NO_ADDRESS, False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("192.88.99.1", False),
        ("192.0.0.1", False),
        ("198.18.0.1", False),
        ("240.0.0.1", False),
        ("239.255.255.250", False),
        ("fec0::1", False),
        ("ff0e::1", False),
        ("3fff::1", False),
        ("2001:db8::1", False),
        ("64:ff9b:1::5db8:d822", False),
        ("::ffff:0:7f00:1", False),
        ("2002:5db8:d822::", True),
        ("2606:2800:220:1:0:5efe:a00:1", False),
        ("2606:2800:220:1:200:5efe:5db8:d822", True),
        ("fd00::5efe:5db8:d822", False),
        ("2002:7f00:1::5efe:5db8:d822", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    """Also when an IPv4 address hides inside an IPv6 one."""
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        ("404 Not Found", FetchRefused, "no longer, exist"),
        ("401 Unauthorized", FetchRefused, "credentials"),
        ("403 Forbidden", FetchRefused, "denies access"),
        ("304 Not Modified", FetchRefused, "304"),
        ("300 Multiple Choices", FetchRefused, "300"),
        ("206 Partial Content", FetchRefused, "206"),
        ("500 Internal Server Error", FetchFailed, "error 500"),
        ("503 Unavailable", FetchFailed, "error 503"),
        ("429 Too Many Requests", FetchFailed, "error 429"),
    ],
)
def test_statuses_are_told_in_plain_words(server: LyingServer, status: str, kind: type, said: str) -> None:
    """What the partner must mend, and what will be tried again with its Retry-After."""
    server.answers["/feed"] = http(b"<html>", "Retry-After: 30", status=status)

    with failure(Fault.STATUS) as caught:
        get(server)

    error = caught.value
    assert isinstance(error, kind)
    assert said in str(error)
    assert isinstance(error, FetchFailed | FetchRefused)
    assert error.status == int(status[:3])
    assert error.retry_after == ("30" if kind is FetchFailed else None)


@pytest.mark.fault(11)
def test_an_address_that_is_gone_has_its_own_word(server: LyingServer) -> None:
    """410 is told apart, as its source is to be paused."""
    server.answers["/feed"] = http(b"<html>", status="410 Gone")

    with failure(Fault.GONE) as caught:
        get(server)

    assert "gone for good" in str(caught.value)


def test_not_modified_is_an_answer_if_it_was_asked_for(server: LyingServer) -> None:
    """A conditional request may come back with 304 and no body."""
    server.answers["/feed"] = http(b"", status="304 Not Modified", length=None)

    fetched = get(server, headers={"If-None-Match": '"a1"'})

    assert (fetched.status, fetched.body) == (304, b"")


@pytest.mark.fault(11)
def test_unreachable_hosts_are_told(server: LyingServer) -> None:
    """A closed port, an unknown name, nonsense instead of HTTP, and no TLS where TLS was asked for."""
    server.answers["/feed"] = b"SSH-2.0-OpenSSH_9.2\r\n"
    with socket.create_server(("127.0.0.1", 0)) as idle:
        closed = idle.getsockname()[1]

    with failure(Fault.UNREACHABLE):
        fetch(FetchRequest(f"http://127.0.0.1:{closed}/", allow_private=True, max_seconds=5))
    with failure(Fault.UNREACHABLE) as unknown:
        fetch(FetchRequest("http://does-not-exist.invalid/", max_seconds=5))
    with failure(Fault.UNREACHABLE):
        get(server)
    assert "DNS" in str(unknown.value)


@pytest.mark.fault(11)
def test_a_certificate_nobody_trusts_is_refused(tmp_path: Path) -> None:
    """Certificates are always verified: a self-signed one, for the right name, fails; so does a server without TLS."""
    (tmp_path / "own.pem").write_text(SELF_SIGNED)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")

    for tls in (context, None):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=_greet, args=(listener, tls))
            thread.start()
            with failure(Fault.TLS):
                fetch(
                    FetchRequest(f"https://localhost:{listener.getsockname()[1]}/", allow_private=True, max_seconds=5)
                )
            thread.join(5)


def _greet(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    client, _ = listener.accept()
    with client:
        try:
            if tls is None:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            else:
                with tls.wrap_socket(client, server_side=True) as safe:
                    safe.recv(4096)
        except OSError:
            return  # the client hung up on the certificate, as it should


def test_proxies_and_netrc_of_this_machine_are_ignored(
    server: LyingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment does not decide where a request goes or what it carries."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answers["/feed"] = http(b"x")

    assert get(server).body == b"x"
    assert "Authorization" not in server.requests[0]


def test_messages_show_no_secret() -> None:
    """User names, passwords and queries are left out of what people read."""
    assert shown("https://me:secret@x.example:8443/feed?key=s#f") == "https://x.example:8443/feed?…"


def test_files_are_read_by_path_and_by_file_address(tmp_path: Path) -> None:
    """A plain path and a file: IRI give the bytes, with a proved length."""
    path = tmp_path / "mes données.csv"
    path.write_bytes(CSV)

    for url in (str(path), path.as_uri()):
        fetched = fetch(FetchRequest(url))
        assert (fetched.body, fetched.status, fetched.length_proved) == (CSV, 200, True)
        assert fetched.final_url == path.as_uri()


def test_files_that_cannot_be_read_are_the_operators_fault(tmp_path: Path) -> None:
    """Missing, a folder, a pipe, too large, another scheme."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)

    for url in (str(tmp_path / "none.csv"), str(tmp_path), str(tmp_path / "pipe"), "ftp://x.example/feed"):
        with pytest.raises(ConfigError):
            fetch(FetchRequest(url))
    with failure(Fault.TOO_LARGE):
        fetch(FetchRequest(str(tmp_path / "large"), max_bytes=10))


def test_no_thread_is_left_behind(server: LyingServer) -> None:
    """The watchdog of a fetch ends with it."""
    server.answers["/feed"] = http(CSV)
    before = threading.active_count()

    for _ in range(5):
        get(server, max_seconds=600)

    # a cancelled timer needs a moment to leave; its thread ends without waiting for the deadline
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(2)
    assert threading.active_count() <= before


def test_a_line_that_expired_refuses_new_connections(server: LyingServer) -> None:
    """A connection made after the deadline is cut at once."""
    line = Line(0.01, True, lambda: 0.0)
    line._watchdog.join(2)

    connection = line.dial("127.0.0.1", server.port)

    assert connection.recv(1) == b""
    assert line.expired
    connection.close()
    line.close()


def test_a_line_that_is_renewed_counts_anew_and_one_at_rest_not_at_all(server: LyingServer) -> None:
    """A kept connection survives the deadline of the request before, and meets that of its own."""
    line = Line(0.05, True, time.monotonic)
    connection = line.dial("127.0.0.1", server.port)
    first = line._watchdog

    line.renew(0.4)
    first.join(2)
    assert not line.expired
    line.rest()
    line._watchdog.join(2)
    line.renew(60)
    assert not line.expired
    connection.sendall(b"still open")
    line.renew(0.01)
    line._watchdog.join(2)

    assert line.expired
    assert connection.recv(1) == b""
    connection.close()
    line.close()


@pytest.mark.abuse(42)
def test_a_name_server_that_never_answers_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving counts as the rest does."""
    answered = threading.Event()

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        answered.wait(10)
        return []

    monkeypatch.setattr("federation.pipeline.fetch.transport.socket.getaddrinfo", resolve)

    with failure(Fault.TIMEOUT):
        fetch(FetchRequest("http://slow-names.example/feed", max_seconds=0.1))
    answered.set()
