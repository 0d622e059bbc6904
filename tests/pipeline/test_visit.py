"""Visits to one address: pace, robots.txt, patience, conditions, and what a failure says; on a clock of our own."""

from __future__ import annotations

import gzip
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from lying_server import LyingServer, chunked, http
from visiting import START, Clock, Visits, body, rules, visitor_of

from federation.pipeline.fetch import Fault, FetchFailed, FetchRefused, FetchRequest
from federation.pipeline.fetch.pace import Pacer, is_loopback
from federation.pipeline.fetch.patience import Budget, retry_seconds
from federation.pipeline.readers import ReadOptions, UnreadableFeed, read
from federation.pipeline.sources import FORMATS, Limits
from federation.settings import Settings

GOOD = body([{"id": 1}], 'ETag: "a1"', "Last-Modified: Sat, 21 Nov 2026 01:00:00 GMT")


def down(status: str = "503 Unavailable", *headers: str) -> bytes:
    """A server in trouble."""
    return http(b"", *headers, status=status)


@pytest.mark.fault(1)
def test_a_passing_fault_is_tried_again(visits: Visits) -> None:
    """One 500 and one 503 are forgotten after 2 and 8 seconds."""
    visits.server.answers["/feed"] = [down("500 Oops"), down(), GOOD]

    delivery = visits.go(visits.source())

    assert (len(delivery.pages), delivery.whole, delivery.unchanged) == (1, True, False)
    assert visits.clock.slept == [2.0, 8.0]


@pytest.mark.fault(1)
def test_a_lasting_fault_fails_after_three_tries(visits: Visits) -> None:
    """Then the visit fails, with the status."""
    visits.server.answers["/feed"] = down()

    with pytest.raises(FetchFailed) as caught:
        visits.go(visits.source())

    assert (caught.value.status, len(visits.server.paths)) == (503, 3)


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    "answer",
    [
        http(b"[1, 2", length=60),
        http(chunked(b"[1]")[:-5], "Transfer-Encoding: chunked", length=None),
        http(gzip.compress(b"[1]")[:-1], "Content-Encoding: gzip", length=None),
    ],
    ids=["length", "chunked", "gzip"],
)
def test_a_cut_body_is_asked_for_again(visits: Visits, answer: bytes) -> None:
    """A cut body is never delivered; a whole one of the next try is."""
    visits.server.answers["/feed"] = [answer, GOOD]
    visits.server.answers["/always"] = answer

    assert visits.go(visits.source()).pages[0].body == b'[{"id": 1}]'
    with pytest.raises(FetchFailed) as caught:
        visits.go(visits.source("/always"))
    assert caught.value.fault is Fault.CUT


@pytest.mark.fault(4)
def test_a_close_delimited_body_is_not_proved(visits: Visits) -> None:
    """Nothing proves its end, so the delivery says that the syntax must."""
    visits.server.answers["/feed"] = http(b"[]", length=None)

    assert not visits.go(visits.source()).pages[0].length_proved


@pytest.mark.fault(5)
def test_a_bomb_and_a_drip_are_stopped(visits: Visits) -> None:
    """At the cap at once, at the deadline after three tries."""
    visits.server.answers["/bomb"] = http(gzip.compress(b"\x00" * 30_000_000, 1), "Content-Encoding: gzip")
    dripping = []

    def drip(client: object, stop: threading.Event) -> None:
        dripping.append(stop.wait(0.3))

    visits.server.answers["/drip"] = drip

    with pytest.raises(FetchRefused) as bomb:
        visits.go(visits.source("/bomb"))
    with pytest.raises(FetchFailed) as slow:
        visits.go(visits.source("/drip", limits=Limits(seconds=0.05)))

    assert (bomb.value.fault, slow.value.fault) == (Fault.TOO_LARGE, Fault.TIMEOUT)
    assert visits.server.paths.count("/bomb") == 1
    assert visits.clock.slept == [2.0, 8.0]


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "418 No"])
def test_a_refusal_is_not_tried_again(visits: Visits, status: str) -> None:
    """4xx: somebody must change something first."""
    visits.server.answers["/feed"] = down(status)

    with pytest.raises(FetchRefused):
        visits.go(visits.source())

    assert len(visits.server.paths) == 1
    assert visits.clock.slept == []


@pytest.mark.fault(11)
def test_an_address_that_is_gone_says_so(visits: Visits) -> None:
    """410 has a word of its own, for the source to be paused; a name that is gone is tried again and told."""
    visits.server.answers["/feed"] = down("410 Gone")

    with pytest.raises(FetchRefused) as caught:
        visits.go(visits.source())
    with pytest.raises(FetchFailed) as unknown:
        visits.go(replace(visits.source(), url="http://does-not-exist.invalid/feed"))

    assert caught.value.fault is Fault.GONE
    assert (unknown.value.fault, "DNS" in unknown.value.text["fr"]) == (Fault.UNREACHABLE, True)


@pytest.mark.fault(11)
def test_a_certificate_that_is_not_trusted_is_not_tried_again(visits: Visits) -> None:
    """TLS where there is none fails in plain words, at once."""

    def refuse() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(FetchFailed) as caught:
            visits.go(replace(visits.source(), url=f"https://localhost:{listener.getsockname()[1]}/feed"))
        thread.join(5)

    assert caught.value.fault is Fault.TLS
    assert visits.clock.slept == []


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("said", "waited"),
    [
        ("30", 30.0),
        ("0", 2.0),
        (format_datetime(START + timedelta(seconds=120), usegmt=True), 120.0),
        (format_datetime(START - timedelta(days=1), usegmt=True), 2.0),
        ("soon", 2.0),
        ("-5", 2.0),
        ("", 2.0),
    ],
)
def test_retry_after_is_obeyed(visits: Visits, said: str, waited: float) -> None:
    """Seconds and dates are waited for; garbage is ignored."""
    visits.server.answers["/feed"] = [down("429 Slow down", f"Retry-After: {said}"), GOOD]

    visits.go(visits.source())

    assert visits.clock.slept == [waited]


@pytest.mark.fault(2)
@pytest.mark.parametrize("said", ["86400", "601", format_datetime(START + timedelta(days=1), usegmt=True)])
def test_a_long_retry_after_puts_the_run_off(visits: Visits, said: str) -> None:
    """More than ten minutes is not waited for: the failure carries it."""
    visits.server.answers["/feed"] = down("503 Later", f"Retry-After: {said}")

    with pytest.raises(FetchFailed) as caught:
        visits.go(visits.source())

    assert visits.clock.slept == []
    assert (retry_seconds(caught.value.retry_after, START) or 0) > 600


@pytest.mark.fault(2)
def test_waits_of_one_visit_add_up(visits: Visits) -> None:
    """Two waits of 400 seconds are more than ten minutes."""
    visits.server.answers["/feed"] = down("503 Later", "Retry-After: 400")

    with pytest.raises(FetchFailed):
        visits.go(visits.source())

    assert visits.clock.slept == [400.0]


@pytest.mark.fault(2)
@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("9" * 13, None), ("Sat, 99 Nov", None), (" 7 ", 7.0)])
def test_a_retry_after_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    """Anything else means nothing."""
    assert retry_seconds(text, START) == seconds


@pytest.mark.fault(8)
def test_an_unchanged_feed_is_not_sent_again(visits: Visits) -> None:
    """What the last visit learnt is asked by; 304 is a delivery without pages that keeps what is known."""
    visits.server.answers["/feed"] = [GOOD, http(b"", status="304 Not Modified", length=None)]

    first, second = visits.go(visits.source()), visits.go(visits.source())
    visits.go(visits.source())

    assert (first.unchanged, first.conditional, first.whole) == (False, False, True)
    assert (second.unchanged, second.pages, second.whole) == (True, (), True)
    assert all('If-None-Match: "a1"' in head for head in visits.server.requests[-2:])
    assert "If-Modified-Since: Sat, 21 Nov 2026 01:00:00 GMT" in visits.server.requests[-1]


@pytest.mark.fault(8)
def test_a_304_that_nobody_asked_for_is_a_failure(visits: Visits) -> None:
    """Without anything known there is nothing that could be unchanged."""
    visits.server.answers["/feed"] = http(b"", status="304 Not Modified", length=None)

    for headers in ({}, {"If-None-Match": '"mine"'}):
        with pytest.raises(FetchRefused):
            visits.go(visits.source(headers=headers))


@pytest.mark.fault(8)
def test_a_full_fetch_asks_without_condition(visits: Visits) -> None:
    """When asked for, and once a week by itself, so that an ETag that never changes does not hide news."""
    same = http(b"", status="304 Not Modified", length=None)
    visits.server.answers["/feed"] = [GOOD, GOOD, *[same] * 6, GOOD, same]
    source = visits.source()

    visits.go(source)
    visits.go(source, full=True)
    for _ in range(6):
        visits.wait(days=1)
        visits.go(source)
    visits.wait(days=1)
    visits.go(source)
    visits.wait(days=1)
    visits.go(source)

    asked = ["If-None-Match" in head for head in visits.server.requests if "robots.txt" not in head]
    assert asked == [False, False, *[True] * 6, False, True]


@pytest.mark.fault(11)
def test_a_permanent_redirect_proposes_the_new_address(visits: Visits) -> None:
    """301 and 308 are told, without parameters, which may be secrets."""
    visits.server.answers["/feed"] = http(b"", "Location: /new?key=s3cret&lang=fr", status="308 Moved")
    visits.server.answers["/new"] = GOOD

    delivery = visits.go(visits.source(params={"key": "env:KEY"}), environ={"KEY": "s3cret"})

    assert rules(delivery) == ["moved"]
    assert delivery.findings[0].suggestion == visits.server.url("/new?lang=fr")
    assert "s3cret" not in str(delivery.findings)


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("target", "fault"),
    [("/feed", Fault.REDIRECT), ("ftp://x.example/", Fault.REDIRECT), ("http://169.254.169.254/", Fault.PRIVATE)],
)
def test_redirects_to_nowhere_are_refused(server: LyingServer, target: str, fault: Fault) -> None:
    """Loops, other schemes, and addresses of this machine's network, on every hop; no second try."""
    clock = Clock()
    settings = Settings(fetch_private=fault is not Fault.PRIVATE, fetch_seconds=5.0)
    server.answers["/feed"] = http(b"", f"Location: {target}", status="302 Found")
    url = server.url() if fault is not Fault.PRIVATE else target

    with pytest.raises(FetchRefused) as caught:
        visitor_of(clock, settings).get(
            FetchRequest(url, allow_private=settings.fetch_private), Budget(clock.monotonic, 60, 9, 9)
        )

    assert caught.value.fault is fault
    assert clock.slept == []


@pytest.mark.fault(13)
@pytest.mark.parametrize("path", ["/closed/feed", "/feed.json"])
def test_what_robots_txt_forbids_is_not_asked_for(visits: Visits, path: str) -> None:
    """Told as the site's wish; robots.txt itself is asked once a day."""
    visits.server.answers["/robots.txt"] = http(b"User-agent: *\nDisallow: /closed\nDisallow: /*.json$\n")
    visits.server.answers["/open"] = GOOD

    for _ in range(2):
        with pytest.raises(FetchRefused) as caught:
            visits.go(visits.source(path))
    visits.go(visits.source("/open"))

    assert caught.value.fault is Fault.ROBOTS
    assert visits.server.paths == ["/open"]
    assert len(visits.server.requests) == 2


@pytest.mark.fault(13)
def test_robots_txt_is_asked_for_again_after_a_day(visits: Visits) -> None:
    """And if it cannot be had then, the old one still counts."""
    visits.server.answers["/robots.txt"] = [http(b"User-agent: *\nDisallow: /closed\n"), down()]
    visits.server.answers["/feed"] = GOOD

    visits.go(visits.source())
    visits.wait(days=1, seconds=1)
    visits.go(visits.source())
    with pytest.raises(FetchRefused):
        visits.go(visits.source("/closed"))

    assert [head.split(" ")[1] for head in visits.server.requests].count("/robots.txt") > 1


@pytest.mark.fault(13)
def test_a_robots_txt_out_of_order_is_waited_for(visits: Visits) -> None:
    """5xx forbids everything for now; nothing else is asked for."""
    visits.server.answers["/robots.txt"] = down("500 Oops")

    with pytest.raises(FetchFailed) as caught:
        visits.go(visits.source())

    assert (caught.value.fault, caught.value.status) == (Fault.ROBOTS, 500)
    assert visits.server.paths == []


@pytest.mark.fault(13)
@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "410 Gone"])
def test_no_robots_txt_forbids_nothing(visits: Visits, status: str) -> None:
    """4xx means that there are no rules (RFC 9309, section 2.3.1.3)."""
    visits.server.answers["/robots.txt"] = down(status)
    visits.server.answers["/feed"] = GOOD

    assert visits.go(visits.source()).whole


@pytest.mark.fault(13)
def test_a_redirect_asks_the_rules_of_where_it_leads(visits: Visits) -> None:
    """A hop to a forbidden place is not made."""
    visits.server.answers["/robots.txt"] = http(b"User-agent: Carrefour\nDisallow: /closed\n")
    visits.server.answers["/feed"] = http(b"", "Location: /closed", status="302 Found")

    with pytest.raises(FetchRefused) as caught:
        visits.go(visits.source())

    assert caught.value.fault is Fault.ROBOTS
    assert visits.server.paths == ["/feed"]


def test_secrets_are_not_sent_to_robots_txt(visits: Visits) -> None:
    """Headers and parameters of the source are for the feed alone."""
    visits.server.answers["/feed"] = GOOD

    visits.go(visits.source(headers={"X-Key": "env:KEY"}, params={"k": "1"}), environ={"KEY": "s3cret"})

    assert "s3cret" not in visits.server.requests[0]
    assert visits.server.requests[0].startswith("GET /robots.txt HTTP")
    assert "X-Key: s3cret" in visits.server.requests[1]


@pytest.mark.fault(45)
def test_a_host_has_a_pause_between_requests(server: LyingServer) -> None:
    """A second after the end of one request, the next may begin; this machine itself is not paced."""
    server.answers["/feed"] = GOOD
    visits, local = Visits(server, unpaced=lambda host: False), Visits(server)

    for one in (visits, local):
        one.go(one.source())
        one.go(one.source())

    assert visits.clock.slept == [1.0, 1.0]  # robots.txt, feed, feed
    assert local.clock.slept == []


@pytest.mark.fault(45)
def test_a_slow_host_has_a_longer_pause() -> None:
    """As long as it took to answer, up to ten seconds."""
    clock = Clock()
    pacer = Pacer(1.0, clock.monotonic, clock.sleep)

    for took in (0.2, 4.0, 90.0, 0.0):
        with pacer.turn("https://x.example/feed"):
            clock.passed += took
    with pacer.turn("https://other.example/feed"):
        pass

    assert clock.slept == pytest.approx([1.0, 4.0, 10.0])


@pytest.mark.fault(45)
def test_many_threads_take_turns_at_a_host() -> None:
    """Never two at once at one host, each a pause after the other; other hosts do not wait."""
    clock, guard = Clock(), threading.Lock()
    pacer = Pacer(1.0, clock.monotonic, clock.sleep)
    at_once: list[int] = []
    inside: list[str] = []

    def ask(host: str) -> None:
        with pacer.turn(f"https://{host}/feed"):
            with guard:
                inside.append(host)
                at_once.append(inside.count(host))
            with guard:
                inside.remove(host)

    threads = [threading.Thread(target=ask, args=(f"h{number % 5}.example",)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert at_once == [1] * 100
    assert len(clock.slept) >= 19


@pytest.mark.fault(45)
def test_hosts_that_nobody_asks_are_forgotten() -> None:
    """Memory does not grow with the number of hosts ever seen."""
    clock = Clock()
    pacer = Pacer(1.0, clock.monotonic, clock.sleep)

    for number in range(3000):
        clock.passed += 1
        with pacer.turn(f"https://h{number}.example/"):
            pass

    assert len(pacer._hosts) <= 1024


@pytest.mark.parametrize(
    ("host", "own"),
    [("localhost", True), ("a.localhost", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("x", False)],
)
def test_this_machine_is_known_by_name_and_address(host: str, own: bool) -> None:
    """Only itself goes unpaced, not its network."""
    assert is_loopback(host) is own


def test_a_visit_has_an_end(visits: Visits) -> None:
    """Its total time stops it, and no wait goes beyond."""
    visits.settings = replace(visits.settings, fetch_visit_seconds=9.0)
    visits.server.answers["/feed"] = down()

    with pytest.raises(FetchFailed):
        visits.go(visits.source())

    assert visits.clock.slept == [2.0]


@pytest.mark.fault(6)
@pytest.mark.parametrize("format_", sorted(set(FORMATS) - {"html"}))
def test_a_page_for_people_is_not_data(visits: Visits, format_: str) -> None:
    """A maintenance, captcha or login page with status 200 is refused by every reader of data."""
    page = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Revenez bient\xc3\xb4t</body></html>"
    visits.server.answers["/feed"] = http(page, "Content-Type: text/html; charset=utf-8")

    fetched = visits.go(visits.source(format=format_)).pages[0]

    with pytest.raises(UnreadableFeed):
        list(read(fetched.body, ReadOptions(format=format_)))


def test_a_file_is_delivered_as_one_body(visits: Visits, tmp_path: object) -> None:
    """Whatever its format, without pace and without robots.txt."""
    path = f"{tmp_path}/feed.json"
    with open(path, "wb") as stream:
        stream.write(b"[]")

    delivery = visits.go(replace(visits.source(format="html"), url=path))

    assert ([page.body for page in delivery.pages], delivery.whole) == ([b"[]"], True)
