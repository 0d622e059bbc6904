"""Whole harvests over HTTP from a server that misbehaves: what it says is right, told or refused; nothing is lost."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import requests.adapters
from certificates import AUTHORITY, certificate
from lying_server import LyingServer, chunked, http
from misbehaving import answer, data, describe, down, harmless, told
from years import Instance, is_held, row, rows

from federation.ledger.records import RecordStatus
from federation.model import Rule, RunKind, RunState
from federation.pipeline import Asked, harvest, visit_source
from federation.pipeline.fetch import FetchFailed
from federation.pipeline.notices import NoticeKind
from federation.pipeline.postbox import tell
from federation.pipeline.schedule import asked_back

PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><p>Merci de revenir.</p></body></html>"
PAGED = '[paging]\npage = "page"\n'


@pytest.fixture
def here(here: Instance) -> Instance:
    """The instance with ten records from the server."""
    here.run(rows(10))
    return here


@pytest.mark.fault(1)
def test_a_server_that_is_down_for_a_moment_is_harvested_all_the_same(here: Instance) -> None:
    """One 500 and one 503 are tried again within the run."""
    answer(here, down("500 Oops"), down(), data(rows(11)))
    report = here.night()
    assert (report.state, report.counts.new) == (RunState.SUCCEEDED, 1)


@pytest.mark.fault(1)
def test_a_server_that_stays_down_fails_removes_nothing_and_is_told_once(here: Instance) -> None:
    """Ten nights of 503: all records stay, and one letter is written, after the second night."""
    before = here.dump()
    answer(here, down())
    letters = []
    for _ in range(6):
        report = here.night()
        harmless(here, before, report)
        letters.append(tell(report, {"jeanne@p.example": "problems"}, here.ledger, here.clock()))
    assert letters == [None, NoticeKind.FAILING, None, None, None, None]


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("asked", "waited"),
    [("30", 30), ("Sun, 01 Mar 2026 02:05:00 GMT", 298), ("Sun, 01 Mar 2020 02:00:00 GMT", 2), ("bientôt", 2)],
)
def test_a_server_that_asks_for_a_pause_gets_it(here: Instance, asked: str, waited: int) -> None:
    """Seconds, a date, one that has passed, garbage: the run waits as long as asked, else as usual, and goes on."""
    answer(here, down("503 Busy", f"Retry-After: {asked}"), data(rows(11)))
    before = here.clock.now
    assert here.run().counts.new == 1
    assert abs((here.clock.now - before).total_seconds() - waited) < 3


@pytest.mark.fault(2)
def test_a_server_that_asks_for_a_day_is_asked_a_day_later(here: Instance) -> None:
    """More than ten minutes is no pause within a run: it fails at once and names the moment of the next one."""
    before = here.dump()
    answer(here, down("503 Busy", "Retry-After: 86400"))
    began = here.clock.now
    with pytest.raises(FetchFailed) as caught:
        visit_source(here.source(), here.shop)
    assert here.clock.now - began < timedelta(seconds=5)
    assert asked_back(caught.value.retry_after, began) == began + timedelta(days=1)
    harmless(here, before, here.run())


@pytest.mark.fault(3)
def test_a_list_that_fails_on_page_four_updates_and_removes_nothing(here: Instance, server: LyingServer) -> None:
    """500 on page 4 of 7: what the pages before it say comes in, what they do not name is not missing."""
    here.map(extra=PAGED)
    pages = {f"/s.json?page={number}": data(rows(10, start=10 * number - 10)) for number in range(1, 8)}
    server.answers = {**pages, "/s.json?page=8": data([])}
    assert here.night().counts.accepted == 70
    server.answers |= {
        "/s.json?page=4": down("500 Oops"),
        "/s.json?page=1": data([row("0", "Autre texte"), *rows(9, start=1)]),
    }

    report = here.night()

    assert (report.state, report.counts.changed, report.counts.missing) == (RunState.INCOMPLETE, 1, 0)
    assert len(here.online()) == 70
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}
    server.answers |= pages
    assert here.night().counts.accepted == 70


WHOLE = json.dumps(rows(10)).encode()
TABLE = b"id;name;url\n" + b"".join(b"%d;Projet %d;https://p.example/%d\n" % (n, n, n) for n in range(2000))


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    "cut",
    [
        http(WHOLE[:300], length=len(WHOLE)),
        http(chunked(WHOLE)[:400], "Transfer-Encoding: chunked", length=None),
        http(WHOLE[:300], length=None),
        http(gzip.compress(WHOLE)[:-20], "Content-Encoding: gzip", length=None),
        http(gzip.compress(WHOLE)[:-20], "Content-Encoding: gzip"),
    ],
    ids=["length", "chunked", "close-delimited", "gzip, close-delimited", "gzip"],
)
def test_a_body_that_is_cut_is_no_list(here: Instance, cut: bytes) -> None:
    """However its end is announced, and if it is not announced at all."""
    before = here.dump()
    answer(here, cut)
    harmless(here, before, here.night())


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    "cut",
    [http(TABLE[:20_000], length=None), http(gzip.compress(TABLE)[:4000], "Content-Encoding: gzip", length=None)],
    ids=["close-delimited", "gzip"],
)
def test_a_table_that_is_cut_is_no_list(here: Instance, cut: bytes) -> None:
    """Half of a table reads well: that its last line has no end tells."""
    describe(here, "csv")
    answer(here, http(TABLE[:200].rpartition(b"\n")[0] + b"\n"))
    here.night()
    before = here.dump()
    answer(here, cut)
    assert here.night().state in {RunState.FAILED, RunState.INCOMPLETE}
    assert here.dump() == before


@pytest.mark.fault(5)
def test_a_bomb_is_stopped_at_the_cap(here: Instance, server: LyingServer) -> None:
    """Thirty megabytes in thirty kilobytes: refused at once, and not asked for again that night."""
    before = here.dump()
    here.map(extra="[limits]\nbytes = 1000000\n")
    answer(here, http(gzip.compress(b" " * 30_000_000, 1), "Content-Encoding: gzip"))
    asked = len(server.paths)
    report = here.night()
    harmless(here, before, report)
    assert told(report) == {"fetch:too-large"}
    assert len(server.paths) == asked + 1


@pytest.mark.fault(5)
def test_a_drip_is_stopped_at_the_deadline(here: Instance) -> None:
    """A byte now and then keeps the connection alive, not the run."""
    before = here.dump()
    here.map(extra="[limits]\nseconds = 0.2\n")

    def drip(client: socket.socket, stop: threading.Event) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not stop.wait(0.02):
            client.sendall(b" ")

    answer(here, drip)
    report = here.night()
    harmless(here, before, report)
    assert told(report) == {"fetch:timeout"}


@pytest.mark.fault(6)
@pytest.mark.parametrize("title", [b"Maintenance", b"Captcha", b"Connexion"])
@pytest.mark.parametrize("kind", ["json", "csv", "json-ld", "feed", "geojson"])
def test_a_page_for_people_in_the_place_of_a_feed_fails(here: Instance, kind: str, title: bytes) -> None:
    """200 and a web page, whatever the format and the content type: a failure in plain words."""
    before = here.dump()
    describe(here, kind)
    for content_type in ("text/html", "application/json"):
        answer(here, http(PAGE % title, f"Content-Type: {content_type}"))
        harmless(here, before, here.night())


def tagged(server: LyingServer, items: list[object]) -> Callable[[socket.socket, threading.Event], None]:
    """A server whose ETag never changes, whatever its feed says."""

    def say(client: socket.socket, _stop: threading.Event) -> None:
        known = "if-none-match" in server.requests[-1].lower()
        client.sendall(http(b"", status="304 Not Modified") if known else data(items, 'ETag: "1"'))

    return say


@pytest.mark.fault(8)
def test_an_etag_that_never_changes_hides_news_for_a_week_at_most(here: Instance, server: LyingServer) -> None:
    """Asked with a condition the server says 304 for ever; the full fetch of the week brings the news."""
    answer(here, tagged(server, [*rows(10)]))
    here.night()
    answer(here, tagged(server, [*rows(12)]))
    states = [here.night() for _ in range(8)]
    assert [report.state for report in states[:5]] == [RunState.UNCHANGED] * 5
    assert sum(report.counts.new for report in states) == 2
    assert len(here.online()) == 12


@pytest.mark.fault(8)
def test_a_304_for_which_nothing_is_known_is_followed_by_a_full_fetch(here: Instance, server: LyingServer) -> None:
    """What it compares with has been undone, mapped otherwise or forgotten meanwhile: everything is asked for."""
    answer(here, tagged(server, [*rows(11)]))
    brought_up = here.night()
    here.clock.turn(timedelta(days=1))
    not_modified = visit_source(here.source(), here.shop)
    assert not_modified.unchanged
    here.run(kind=RunKind.UNDO, of=brought_up.run)
    assert len(here.online()) == 10

    report = harvest(here.source(), here.shop, lambda *_: None, Asked(brought=not_modified))

    assert (report.state, report.counts.new) == (RunState.SUCCEEDED, 1)
    assert "if-none-match" not in server.requests[-1].lower()
    here.map(description="name")
    here.night()
    assert "if-none-match" not in server.requests[-1].lower(), "another mapping reads everything"


@pytest.mark.fault(8)
def test_a_304_that_nobody_asked_for_removes_nothing(here: Instance) -> None:
    """It brings no list, so it says nothing of any record."""
    before = here.dump()
    answer(here, http(b"", status="304 Not Modified"))
    harmless(here, before, here.night())


ACCENTS = "Forêt d’Écault – œuvre à 5 €"


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("kind", "body", "header", "rule"),
    [
        ("json", "utf-8", "application/json; charset=iso-8859-1", None),
        ("json", "utf-8", "text/html; charset=windows-1252", None),
        ("json", "utf-8-sig", "application/json", None),
        ("json", "utf-16", "application/json; charset=utf-8", None),
        ("json", "cp1252", "application/json; charset=utf-8", "charset-guessed"),
        ("csv", "utf-8", "text/csv; charset=iso-8859-1", None),
        ("csv", "utf-8-sig", "application/octet-stream", None),
        ("csv", "cp1252", "text/csv; charset=utf-8", None),
        ("csv", "cp1252", "text/plain", None),
    ],
)
def test_a_charset_that_lies_changes_no_letter(
    here: Instance, kind: str, body: str, header: str, rule: str | None
) -> None:
    """The right text is in the graph whatever the header says, with or without a byte order mark."""
    describe(here, kind, 'description = "description"\n')
    items = [{**row(str(number)), "name": f"{ACCENTS} {number}"} for number in range(10)]
    if kind == "json":
        text = json.dumps(items, ensure_ascii=False)
    else:
        lines = (f"{each['id']};{each['name']};{each['url']};{each['description']}" for each in items)
        text = "\r\n".join(("id;name;url;description", *lines, ""))
    answer(here, http(text.encode(body), f"Content-Type: {header}"))

    report = here.night()

    assert report.counts.accepted == 10
    assert rule is None or rule in told(report), told(report)
    here.approve(report, change=10)
    here.run()
    assert all(ACCENTS in content for content in here.graphs().values())


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("name", "rule"), [("Trie-Ch\xc3\xa2teau", "text-double-encoded"), ("Caf\ufffd du coin", "text-damaged")]
)
def test_letters_broken_at_the_source_are_told(here: Instance, name: str, rule: str) -> None:
    """UTF-8 encoded twice, letters lost already: a finding that names the column, and the text as it was given."""
    answer(here, data([{**row("0"), "name": name}, *rows(9, start=1)]))
    report = here.night()
    assert report.counts.changed == 1
    assert rule in told(report)
    assert name in here.graphs()["https://commons.example/records/p/0"]


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("/s.json", "fetch:redirect"),
        ("ftp://p.example/s.json", "fetch:redirect"),
        ("file:///etc/passwd", "fetch:redirect"),
        ("http://[", "fetch:redirect"),
    ],
)
def test_a_redirect_that_leads_nowhere_fails(here: Instance, server: LyingServer, target: str, rule: str) -> None:
    """A loop, another scheme, a file, an address that is none: a few requests, then a failure in plain words."""
    before = here.dump()
    answer(here, http(b"", f"Location: {target}", status="302 Found"))
    asked = len(server.paths)
    report = here.night()
    harmless(here, before, report)
    assert told(report) == {rule}
    assert len(server.paths) - asked <= 6


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "[::ffff:a9fe:a9fe]", "0", "2130706433"],
)
def test_an_address_of_this_network_is_never_asked(here: Instance, server: LyingServer, host: str) -> None:
    """Without the setting for intranets nothing of this machine is reached, however its address is written."""
    before = here.dump()
    path = here.settings.sources_dir / "s.toml"
    path.write_text(path.read_text("utf-8").replace("127.0.0.1", host), "utf-8")
    here.forbid_private()
    asked = len(server.requests)
    report = here.night()
    harmless(here, before, report)
    assert told(report) == {"fetch:private-address"}
    assert len(server.requests) == asked


@pytest.mark.fault(11)
@pytest.mark.parametrize(("which", "state"), [("good", RunState.UNCHANGED), ("expired", None), ("wrong-host", None)])
def test_a_certificate_that_is_not_valid_fails(
    here: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str, state: RunState | None
) -> None:
    """Expired, or another host's: nothing is taken from that server; the same server with a good one is harvested."""
    before = here.dump()
    (tmp_path / "authority.pem").write_text(AUTHORITY, "ascii")
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(which, tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_tls, args=(listener, context), daemon=True)
        thread.start()
        describe(here, "json", 'description = "description"\n')
        path = here.settings.sources_dir / "s.toml"
        address = f"https://localhost:{listener.getsockname()[1]}/s.json"
        path.write_text(path.read_text("utf-8").replace(here.address("s"), address), "utf-8")
        report = here.night()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    if state is None:
        harmless(here, before, report)
        assert told(report) == {"fetch:tls"}
    else:
        assert report.counts.unchanged == 10
        assert here.dump() == before


def _serve_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # the listener is closed when the test is over
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError), context.wrap_socket(client, server_side=True) as safe:
                safe.recv(4096)
                safe.sendall(data(rows(10)))


@pytest.mark.fault(11)
def test_an_address_that_is_gone_pauses_its_source(here: Instance) -> None:
    """410: in plain words, the source is paused with the reason, its records stay, and its owner is told once."""
    before = here.dump()
    answer(here, http(b"", status="410 Gone"))
    report = here.night()
    harmless(here, before, report)
    source = here.ledger.sources.get("s")
    assert source is not None
    assert (source.state, "410" in (source.note or "")) == ("paused", True)
    gone = "fetch:gone" in told(report)
    assert tell(report, {"jeanne@p.example": "problems"}, here.ledger, here.clock(), gone) is NoticeKind.GONE


@pytest.mark.fault(11)
def test_a_name_that_is_gone_or_parked_keeps_all_records(here: Instance, server: LyingServer) -> None:
    """No such host, then a page of a seller of names: failures in plain words, and the owner is told."""
    before = here.dump()
    path = here.settings.sources_dir / "s.toml"
    lines = path.read_text("utf-8")
    path.write_text(lines.replace(here.address("s"), "http://parti.invalid/s.json"), "utf-8")
    first = here.night()
    harmless(here, before, first)
    assert "DNS" in str(first.message)
    path.write_text(lines, "utf-8")
    answer(here, http(PAGE % b"Ce domaine est en vente", "Content-Type: text/html"))
    second = here.night()
    harmless(here, before, second)
    letters = [tell(each, {"jeanne@p.example": "problems"}, here.ledger, here.clock()) for each in (first, second)]
    assert letters[-1] is NoticeKind.FAILING


@pytest.mark.fault(11)
def test_a_feed_that_is_lost_for_weeks_pauses_its_source(here: Instance) -> None:
    """Six failures pause nothing, nor do seven in a week's time; then the owner is told, and all records stay."""
    before = here.dump()
    answer(here, http(PAGE % b"Ce domaine est en vente", "Content-Type: text/html"))
    for _ in range(7):
        harmless(here, before, here.night())
    assert paused(here) == (False, None)

    report = here.night()

    harmless(here, before, report)
    assert "source-paused" in told(report)
    assert paused(here) == (True, "carrefour source resume s")
    assert tell(report, {"jeanne@p.example": "problems"}, here.ledger, here.clock(), gone=True) is NoticeKind.GONE


@pytest.mark.fault(11)
@pytest.mark.parametrize("between", [down(), data(rows(10))], ids=["down", "well"])
def test_a_row_of_failures_that_was_broken_begins_anew(here: Instance, between: bytes) -> None:
    """One good answer, or a failure of another kind, and the feed is not lost."""
    parked = http(PAGE % b"Ce domaine est en vente", "Content-Type: text/html")
    for given in (*[parked] * 5, between, *[parked] * 5):
        answer(here, given)
        here.night()
    assert paused(here) == (False, None)


def paused(here: Instance) -> tuple[bool, str | None]:
    """Whether the source is paused, and the end of what is noted of it."""
    source = here.ledger.sources.get("s")
    assert source is not None
    return source.state == "paused", source.note and source.note.rpartition(" : ")[2]


@pytest.mark.fault(12)
@pytest.mark.parametrize("case", ["next is itself", "a page again", "without end", "another total each time"])
def test_a_list_without_an_end_is_not_whole(here: Instance, server: LyingServer, case: str) -> None:
    """What was read counts, nothing is missing, and the number of requests is bounded."""
    total = "total" in case
    here.map(
        at="data", extra='[paging]\nnext = "next"\n' + ('total = "total"\n' if total else "") + "[limits]\npages = 5\n"
    )
    first = {"data": rows(3), "next": "/s.json?p=2", "total": 99}
    pages: dict[str, list[object]] = {
        "next is itself": [{"data": rows(3), "next": "/s.json"}],
        "a page again": [first, {"data": rows(3, start=3), "next": "/s.json"}],
        "without end": [first, *({"data": rows(3, start=3 * n), "next": f"/s.json?p={n + 2}"} for n in range(1, 30))],
        "another total each time": [first, {"data": rows(3, start=3), "next": None, "total": 7}],
    }
    server.answers["/s.json"] = data(pages[case][0])
    server.answers |= {f"/s.json?p={number}": data(page) for number, page in enumerate(pages[case][1:], 2)}
    asked = len(server.paths)

    report = here.night()

    assert (report.state, report.counts.missing) == (RunState.INCOMPLETE, 0)
    assert {state.state for state in here.states().values()} == {RecordStatus.LIVE}
    assert len(server.paths) - asked <= 5
    assert report.counts.accepted >= 3


@pytest.mark.fault(13)
@pytest.mark.parametrize("rule", ["Disallow: /", "Disallow: /*.json", "Disallow: /s.json$", "Disallow: /s"])
def test_what_robots_txt_forbids_is_not_harvested(here: Instance, server: LyingServer, rule: str) -> None:
    """Told as the site's wish; the feed is not asked for, and its records stay."""
    before = here.dump()
    server.answers["/robots.txt"] = http(f"User-agent: *\n{rule}\n".encode(), "Content-Type: text/plain")
    here.close()
    here.open()  # another process knows nothing yet of that robots.txt
    asked = len(server.paths)
    report = here.night()
    harmless(here, before, report)
    assert told(report) == {"fetch:robots"}
    assert len(server.paths) == asked


@pytest.mark.fault(13)
def test_a_robots_txt_that_cannot_be_had_puts_the_harvest_off(here: Instance, server: LyingServer) -> None:
    """5xx forbids everything for now; 404 forbids nothing."""
    before = here.dump()
    server.answers["/robots.txt"] = down("500 Oops")
    here.close()
    here.open()
    asked = len(server.paths)
    harmless(here, before, here.night())
    assert len(server.paths) == asked
    server.answers["/robots.txt"] = http(b"", status="404 Not Found")
    assert here.night().counts.accepted == 10


@pytest.mark.fault(16)
def test_a_tenth_of_the_list_is_held(here: Instance) -> None:
    """Also where the server itself says that this is all."""
    before = here.dump()
    answer(here, data(rows(1), "X-Total-Count: 1"))
    is_held(here.night(), Rule.SHRINK)
    assert here.dump() == before
