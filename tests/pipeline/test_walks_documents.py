"""Walks of sitemaps, OAI-PMH repositories and ActivityPub outboxes; over HTTP, from a lying server."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from lying_server import LyingServer, http
from visiting import Visits, rules

from federation.pipeline.fetch import FetchFailed, FetchRefused
from federation.pipeline.sources import Limits

DOWN = http(b"", status="500 Internal Server Error")
SAME = http(b"", status="304 Not Modified", length=None)


def urlset(server: LyingServer, *entries: tuple[str, str]) -> bytes:
    """A sitemap of (path, lastmod)."""
    lines = [f"<url><loc>{server.url(path)}</loc><lastmod>{at}</lastmod></url>" for path, at in entries]
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(lines)}</urlset>'.encode()


def index(server: LyingServer, *paths: str) -> bytes:
    """A sitemap of sitemaps."""
    lines = [f"<sitemap><loc>{server.url(path)}</loc></sitemap>" for path in paths]
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(lines)}</sitemapindex>'.encode()


def site(server: LyingServer, *entries: tuple[str, str]) -> None:
    """A site of pages, with a sitemap."""
    server.answers["/sitemap.xml"] = http(urlset(server, *entries))
    for path, _ in entries:
        server.answers[path] = http(f"<html>{path}</html>".encode(), f'ETag: "{path}"')


def bodies(delivery: Any) -> list[str]:
    """The pages as text."""
    return [page.body.decode() for page in delivery.pages]


def test_a_sitemap_gives_its_pages(visits: Visits) -> None:
    """One body each, in order; only those whose path matches."""
    site(visits.server, ("/projets/a", ""), ("/contact", ""), ("/projets/b", ""))

    delivery = visits.go(visits.source("/sitemap.xml", format="html", records={"match": "/projets/*"}))

    assert bodies(delivery) == ["<html>/projets/a</html>", "<html>/projets/b</html>"]
    assert (delivery.whole, delivery.conditional, rules(delivery)) == (True, False, [])


def test_an_index_and_gzip_are_followed(visits: Visits) -> None:
    """Sitemaps of sitemaps, compressed as files; one that leads back is read once."""
    site(visits.server, ("/a", ""), ("/b", ""))
    visits.server.answers["/one.xml.gz"] = http(gzip.compress(urlset(visits.server, ("/a", ""))))
    visits.server.answers["/two.xml"] = http(urlset(visits.server, ("/b", "")))
    visits.server.answers["/index.xml"] = http(index(visits.server, "/one.xml.gz", "/index.xml", "/two.xml"))

    delivery = visits.go(visits.source("/index.xml", format="html"))

    assert (len(delivery.pages), delivery.whole) == (2, True)


@pytest.mark.fault(3)
def test_a_page_that_is_not_read_is_not_missing(visits: Visits) -> None:
    """The others are delivered, and the list is not whole."""
    site(visits.server, ("/a", ""), ("/b", ""), ("/c", ""))
    visits.server.answers["/b"] = DOWN

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert bodies(delivery) == ["<html>/a</html>", "<html>/c</html>"]
    assert (delivery.whole, rules(delivery)) == (False, ["fetch:http-status"])
    assert visits.server.url("/b") in delivery.findings[0].where


@pytest.mark.fault(11)
def test_a_page_that_is_gone_for_good_leaves_the_list_whole(visits: Visits) -> None:
    """410 is an answer; the partner is told of the dead link."""
    site(visits.server, ("/a", ""), ("/b", ""))
    visits.server.answers["/b"] = http(b"", status="410 Gone")

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, True, ["dead-link"])


def test_dead_links_of_a_sitemap_are_asked_for_once(visits: Visits) -> None:
    """404 is an answer, too: the next visit is unchanged; a page that dies later is told."""
    site(visits.server, *[(f"/{n}", "2026-11-01") for n in range(10)])
    dead = http(b"", status="404 Not Found")
    visits.server.answers["/3"] = dead
    source = visits.source("/sitemap.xml", format="html")
    first, second = visits.go(source), visits.go(source)
    site(visits.server, *[(f"/{n}", "2026-11-01") for n in range(9)], ("/9", "2026-11-02"))
    visits.server.answers |= {"/3": dead, "/9": dead}
    third, fourth = visits.go(source), visits.go(source)

    assert (first.whole, len(first.pages), rules(first)) == (True, 9, ["dead-link"])
    assert (second.unchanged, fourth.unchanged) == (True, True)
    assert (third.unchanged, third.conditional, rules(third)) == (False, True, ["dead-link"])
    assert visits.server.paths.count("/3") == 1


def test_a_site_of_dead_links_is_out_of_order(visits: Visits) -> None:
    """More than a fifth of the pages are not there: the list is not whole, so nothing counts as absent."""
    site(visits.server, *[(f"/{n}", "") for n in range(10)])
    for number in range(3):
        visits.server.answers[f"/{number}"] = http(b"", status="404 Not Found")

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert (len(delivery.pages), delivery.whole) == (7, False)
    assert rules(delivery) == ["dead-link"] * 3 + ["dead-links"]


@pytest.mark.fault(1)
def test_a_site_that_fails_is_left_alone(visits: Visits) -> None:
    """After five pages in a row, and the visit fails if there is nothing to deliver."""
    site(visits.server, *[(f"/{n}", "") for n in range(20)])
    for number in range(20):
        visits.server.answers[f"/{number}"] = DOWN

    with pytest.raises(FetchFailed):
        visits.go(visits.source("/sitemap.xml", format="html"))

    assert len(visits.server.paths) == 1 + 5 * 3


@pytest.mark.fault(3)
def test_one_sitemap_of_several_may_fail(visits: Visits) -> None:
    """What the others name is read."""
    site(visits.server, ("/a", ""))
    visits.server.answers["/index.xml"] = http(index(visits.server, "/none.xml", "/broken.xml", "/sitemap.xml"))
    visits.server.answers["/broken.xml"] = http(b"<html>")

    delivery = visits.go(visits.source("/index.xml", format="html"))

    assert (bodies(delivery), delivery.whole) == (["<html>/a</html>"], False)
    assert rules(delivery) == ["fetch:http-status", "sitemap-broken"]


def test_nightly_visits_ask_for_what_changed(visits: Visits) -> None:
    """Pages with another ``lastmod``, new pages, and by condition those without; nothing counts as whole."""
    site(visits.server, ("/a", "2026-01-01"), ("/b", "2026-01-01"), ("/c", ""))
    source = visits.source("/sitemap.xml", format="html")
    visits.go(source)
    site(visits.server, ("/a", "2026-01-01"), ("/b", "2026-02-02"), ("/c", ""), ("/d", "2026-01-01"))
    visits.server.answers["/c"] = SAME
    visits.wait(days=1)
    visits.server.requests.clear()

    second = visits.go(source)

    assert visits.server.paths == ["/sitemap.xml", "/b", "/c", "/d"]
    assert 'If-None-Match: "/c"' in visits.server.requests[-2]
    assert bodies(second) == ["<html>/b</html>", "<html>/d</html>"]
    assert (second.whole, second.conditional, second.unchanged) == (True, True, False)
    visits.wait(days=1)
    third = visits.go(source)
    assert (third.pages, third.unchanged, third.conditional) == ((), True, True)


def test_a_page_that_left_the_sitemap_is_a_change(visits: Visits) -> None:
    """So the visit is not unchanged; where the others are not read, that it is gone shows after four weeks."""
    site(visits.server, ("/a", "1"), ("/b", "1"))
    source = visits.source("/sitemap.xml", format="html")
    visits.go(source)
    site(visits.server, ("/a", "1"))
    visits.wait(days=1)

    second = visits.go(source)
    visits.wait(days=27)
    third = visits.go(source)

    assert (second.pages, second.unchanged, second.conditional) == ((), False, True)
    assert (bodies(third), third.whole, third.conditional) == (["<html>/a</html>"], True, False)


def test_a_visit_to_which_every_page_came_tells_what_is_absent(visits: Visits) -> None:
    """A site without dates and conditions gives all its pages each time: no four weeks to wait for."""

    def plain(*paths: str) -> None:
        visits.server.answers["/sitemap.xml"] = http(urlset(visits.server, *[(path, "") for path in paths]))
        visits.server.answers |= {path: http(f"<html>{path}</html>".encode()) for path in paths}

    plain(*[f"/{n}" for n in range(6)])
    source = visits.source("/sitemap.xml", format="html")
    visits.go(source)
    plain(*[f"/{n}" for n in range(5)])
    visits.server.answers["/4"] = http(b"", status="404 Not Found")
    visits.wait(days=1)
    second = visits.go(source)
    visits.server.answers["/3"] = http(b"", status="403 Forbidden")
    visits.wait(days=1)
    third = visits.go(source)

    assert (len(second.pages), second.whole, second.conditional, second.unchanged) == (4, True, False, False)
    assert (len(third.pages), third.whole, third.conditional) == (3, False, True)


@pytest.mark.fault(12)
def test_a_long_sitemap_is_read_over_several_nights(visits: Visits) -> None:
    """[limits] pages each night, the unknown ones first of all; incomplete, and told."""
    site(visits.server, *[(f"/{n}", "1") for n in range(5)])
    source = visits.source("/sitemap.xml", format="html", limits=Limits(pages=3))

    first = visits.go(source)
    visits.validators = first.validators
    second = visits.go(source)

    assert (bodies(first), first.whole, rules(first)) == (
        [f"<html>/{n}</html>" for n in range(3)],
        False,
        ["sitemap-long"],
    )
    assert bodies(second) == ["<html>/3</html>", "<html>/4</html>"]


def test_pages_of_other_sites_are_left(visits: Visits) -> None:
    """Told once, with a count."""
    site(visits.server, ("/a", ""))
    inside = urlset(visits.server, ("/a", "")).decode()
    strange = "<url><loc>https://other.example/x</loc></url><url><loc>http://[bad/</loc></url></urlset>"
    visits.server.answers["/sitemap.xml"] = http(inside.replace("</urlset>", strange).encode())

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert (len(delivery.pages), rules(delivery)) == (1, ["sitemap-elsewhere"])


@pytest.mark.fault(13)
def test_pages_that_robots_txt_forbids_are_not_seen(visits: Visits) -> None:
    """Neither asked for nor missing."""
    site(visits.server, ("/a", ""), ("/closed/b", ""))
    visits.server.answers["/robots.txt"] = http(b"User-agent: *\nDisallow: /closed/\n")

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, False, ["fetch:robots"])
    assert "/closed/b" not in visits.server.paths


def test_an_address_that_is_no_sitemap_is_one_page(visits: Visits) -> None:
    """A page with schema.org in it may be a source by itself."""
    visits.server.answers["/page"] = http(b"<!DOCTYPE html><html><p>x</html>")

    delivery = visits.go(visits.source("/page", format="html"))

    assert (len(delivery.pages), delivery.whole) == (1, True)


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset><url><loc>&e;</loc></url></urlset>',
        b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "b">]><urlset/>'.encode("utf-16"),
        b"<a>" * 5000,
    ],
    ids=["external entity", "laughs", "utf-16", "deep"],
)
def test_hostile_xml_names_no_page(visits: Visits, hostile: bytes) -> None:
    """Entities are not resolved, and nothing is asked for; the body is for the reader to refuse."""
    visits.server.answers["/sitemap.xml"] = http(hostile)

    delivery = visits.go(visits.source("/sitemap.xml", format="html"))

    assert [page.body for page in delivery.pages] == [hostile]
    assert visits.server.paths == ["/sitemap.xml"]


@pytest.mark.fault(5)
def test_a_sitemap_bomb_is_stopped(visits: Visits) -> None:
    """Gzip inside the body is inflated to the cap only."""
    visits.server.answers["/sitemap.xml"] = http(gzip.compress(b"\x00" * 5_000_000))

    with pytest.raises(FetchRefused):
        visits.go(visits.source("/sitemap.xml", format="html", limits=Limits(bytes=100_000)))


def oai(*ids: int, token: str | None = None, size: int | None = None, error: str | None = None) -> bytes:
    """An OAI-PMH answer."""
    listed = "".join(f"<record><header><identifier>{n}</identifier></header></record>" for n in ids)
    total = "" if size is None else f' completeListSize="{size}"'
    mark = "" if token is None else f"<resumptionToken{total}>{token}</resumptionToken>"
    inside = f"<ListRecords>{listed}{mark}</ListRecords>" if error is None else f'<error code="{error}">no</error>'
    return http(f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{inside}</OAI-PMH>'.encode())


FIRST = "/oai?verb=ListRecords&metadataPrefix=oai_dc"
TOKEN = "/oai?verb=ListRecords&resumptionToken="


def test_a_repository_is_read_token_by_token(visits: Visits) -> None:
    """A token stands alone, escaped; the last one is empty; completeListSize is the number read."""
    visits.server.answers |= {
        FIRST: oai(1, 2, token="a/b c", size=5),
        f"{TOKEN}a%2Fb+c": oai(3, 4, token="t2", size=5),
        f"{TOKEN}t2": oai(5, token="", size=5),
    }

    delivery = visits.go(visits.source("/oai", format="oai-pmh"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (3, True, 5)


def test_prefix_and_set_are_parameters_of_the_source(visits: Visits) -> None:
    """They go with the first request only; other parameters with every one."""
    visits.server.answers["/oai"] = [oai(1, token="t"), oai(2)]
    params = {"verb": "ListRecords", "metadataPrefix": "marc", "set": "x", "key": "1"}

    visits.go(visits.source("/oai?verb=Identify", format="oai-pmh", params=params))

    assert visits.server.paths == [
        "/oai?verb=ListRecords&metadataPrefix=marc&set=x&key=1",
        "/oai?verb=ListRecords&resumptionToken=t&key=1",
    ]


def test_changes_are_asked_for_by_day_and_all_weekly(visits: Visits) -> None:
    """No record since then is an empty delivery that says nothing of absence."""
    visits.server.answers["/oai"] = [oai(1), oai(error="noRecordsMatch"), oai(2), oai(1)]
    source = visits.source("/oai", format="oai-pmh")

    visits.go(source)
    visits.wait(days=2)
    second = visits.go(source)
    third = visits.go(source)
    visits.wait(days=5)
    fourth = visits.go(source)

    assert visits.server.paths[1] == f"{FIRST}&from=2026-11-20"
    assert (second.pages, second.whole, second.conditional, rules(second)) == ((), True, True, [])
    assert (len(third.pages), third.whole, third.conditional) == (1, True, True)
    assert visits.server.paths[2] == f"{FIRST}&from=2026-11-22"
    assert (len(fourth.pages), fourth.whole) == (1, True)


@pytest.mark.fault(7)
def test_an_empty_repository_is_delivered_for_the_reader(visits: Visits) -> None:
    """``noRecordsMatch`` of a full visit is an empty list."""
    visits.server.answers["/oai"] = oai(error="noRecordsMatch")

    delivery = visits.go(visits.source("/oai", format="oai-pmh"))

    assert (len(delivery.pages), delivery.whole) == (1, True)


@pytest.mark.fault(12)
def test_an_expired_token_starts_the_list_again_once(visits: Visits) -> None:
    """The second time it is a list that is not whole."""
    bad = oai(error="badResumptionToken")
    visits.server.answers |= {FIRST: oai(1, token="t"), f"{TOKEN}t": [bad, oai(2)]}
    source = visits.source("/oai", format="oai-pmh")

    mended = visits.go(source)
    visits.server.answers[f"{TOKEN}t"] = bad
    broken = visits.go(source, full=True)

    assert (len(mended.pages), mended.whole, rules(mended)) == (2, True, [])
    assert (len(broken.pages), broken.whole, rules(broken)) == (1, False, ["oai-token"])


@pytest.mark.parametrize("code", ["badArgument", "cannotDisseminateFormat", "noSetHierarchy", "badVerb"])
def test_an_error_of_the_protocol_is_told(visits: Visits, code: str) -> None:
    """By its code, as it comes first; later it leaves the list incomplete."""
    visits.server.answers["/oai"] = oai(error=code)

    with pytest.raises(FetchRefused) as caught:
        visits.go(visits.source("/oai", format="oai-pmh"))
    visits.server.answers["/oai"] = [oai(1, token="t"), oai(error=code)]
    later = visits.go(visits.source("/oai", format="oai-pmh"))

    assert code in caught.value.text["fr"]
    assert (len(later.pages), later.whole) == (1, False)


@pytest.mark.fault(3)
def test_a_repository_that_fails_on_page_four_is_incomplete(visits: Visits) -> None:
    """Three pages are delivered."""
    visits.server.answers |= {FIRST: oai(0, token="1", size=7)}
    visits.server.answers |= {f"{TOKEN}{n}": oai(n, token=str(n + 1)) for n in range(1, 7)}
    visits.server.answers[f"{TOKEN}3"] = DOWN

    delivery = visits.go(visits.source("/oai", format="oai-pmh"))

    assert (len(delivery.pages), delivery.whole) == (3, False)
    assert "Page 4" in delivery.findings[0].message["fr"]


@pytest.mark.fault(12)
def test_a_token_that_repeats_stops(visits: Visits) -> None:
    """Next = self."""
    visits.server.answers |= {FIRST: oai(1, token="t"), f"{TOKEN}t": oai(2, token="t")}

    delivery = visits.go(visits.source("/oai", format="oai-pmh"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (2, False, ["paging-loop"])


@pytest.mark.fault(6)
def test_a_page_for_people_is_for_the_reader_to_refuse(visits: Visits) -> None:
    """A login page where a repository was."""
    visits.server.answers["/oai"] = http(b"<html><p>login</html>")

    delivery = visits.go(visits.source("/oai", format="oai-pmh"))

    assert (len(delivery.pages), delivery.whole) == (1, False)


def outbox(server: LyingServer, path: str, document: dict[str, Any]) -> None:
    """A document of an actor."""
    server.answers[path] = http(json.dumps(document).encode(), "Content-Type: application/activity+json")


def activities(*numbers: int) -> list[dict[str, Any]]:
    """Activities to list."""
    return [{"id": f"https://x.example/{n}", "type": "Create"} for n in numbers]


def test_an_outbox_is_walked_from_the_actor(visits: Visits) -> None:
    """Actor, outbox, first page, next pages; asked for as activities; totalItems is the number read."""
    outbox(visits.server, "/@jo", {"type": "Person", "outbox": visits.server.url("/out")})
    outbox(
        visits.server, "/out", {"type": "OrderedCollection", "totalItems": 3, "first": visits.server.url("/out?page=1")}
    )
    outbox(visits.server, "/out?page=1", {"orderedItems": activities(1, 2), "next": "/out?page=2"})
    outbox(visits.server, "/out?page=2", {"orderedItems": activities(3)})

    delivery = visits.go(visits.source("/@jo", format="activitypub"))

    assert [len(json.loads(page.body)["orderedItems"]) for page in delivery.pages] == [2, 1]
    assert (delivery.whole, delivery.total) == (True, 3)
    assert "Accept: application/activity+json" in visits.server.requests[-1]


def test_a_first_page_may_stand_inside_the_collection(visits: Visits) -> None:
    """Then the collection itself is the first body."""
    first = {"type": "OrderedCollectionPage", "orderedItems": activities(1), "next": "/out?page=2"}
    outbox(visits.server, "/out", {"totalItems": 2, "first": first})
    outbox(visits.server, "/out?page=2", {"orderedItems": activities(2)})

    delivery = visits.go(visits.source("/out", format="activitypub"))

    assert (len(delivery.pages), delivery.whole) == (2, True)


@pytest.mark.parametrize("items", [activities(1, 2), []])
def test_a_small_outbox_is_one_body(visits: Visits, items: list[Any]) -> None:
    """All items in the collection, or none at all."""
    outbox(visits.server, "/out", {"type": "OrderedCollection", "totalItems": len(items), "orderedItems": items})

    delivery = visits.go(visits.source("/out", format="activitypub"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (1, True, len(items))


def test_an_outbox_that_hides_items_is_not_whole(visits: Visits) -> None:
    """It may be empty though posts exist: totalItems says so."""
    outbox(visits.server, "/out", {"totalItems": 9, "orderedItems": []})

    assert rules(visits.go(visits.source("/out", format="activitypub"))) == ["total-differs"]


@pytest.mark.fault(3)
def test_an_outbox_that_fails_on_page_four_is_incomplete(visits: Visits) -> None:
    """What was read is delivered, the end of the list is not assumed."""
    outbox(visits.server, "/out", {"totalItems": 7, "first": "/out?page=1"})
    for number in range(1, 8):
        outbox(visits.server, f"/out?page={number}", {"items": activities(number), "next": f"/out?page={number + 1}"})
    visits.server.answers["/out?page=4"] = DOWN

    delivery = visits.go(visits.source("/out", format="activitypub"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (3, False, 7)


@pytest.mark.abuse(43)
@pytest.mark.fault(12)
@pytest.mark.parametrize("next_", ["/out?page=1", "/out?page=2"])
def test_an_outbox_that_goes_in_circles_stops(visits: Visits, next_: str) -> None:
    """Next = self, or an earlier page."""
    outbox(visits.server, "/out", {"first": "/out?page=1"})
    outbox(visits.server, "/out?page=1", {"items": activities(1), "next": "/out?page=2"})
    outbox(visits.server, "/out?page=2", {"items": activities(2), "next": next_})

    delivery = visits.go(visits.source("/out", format="activitypub"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (2, False, ["paging-loop"])


def test_an_outbox_of_another_host_is_not_asked_for(visits: Visits) -> None:
    """An actor that names a stranger's outbox: told, and its own document delivered."""
    outbox(visits.server, "/@jo", {"type": "Person", "outbox": "https://other.example/out"})

    delivery = visits.go(visits.source("/@jo", format="activitypub"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, False, ["paging-elsewhere"])


def rss(*names: str, next_: str = "") -> bytes:
    """A page of a feed, with a link to the next one or without."""
    link = f'<atom:link rel="next" href="{next_}"/>' if next_ else ""
    items = "".join(f"<item><guid>{name}</guid><title>{name}</title></item>" for name in names)
    space = 'xmlns:atom="http://www.w3.org/2005/Atom"'
    return f'<rss version="2.0" {space}><channel><title>F</title>{link}{items}</channel></rss>'.encode()


def test_the_older_pages_of_a_feed_are_read(visits: Visits) -> None:
    """RFC 5005: rel=next in the feed; 304 for all pages is an unchanged feed, and nothing is asked for twice."""
    pages = {"/feed": rss("a", next_="?p=2"), "/feed?p=2": rss("b", next_="?p=3"), "/feed?p=3": rss("c")}
    visits.server.answers |= {path: [http(page, f'ETag: "{path}"'), SAME] for path, page in pages.items()}
    source = visits.source(format="feed")

    first, second = visits.go(source), visits.go(source)

    assert ([page.body for page in first.pages], first.whole) == (list(pages.values()), True)
    assert (second.unchanged, second.pages) == (True, ())
    assert visits.server.paths == [*pages, *pages]


@pytest.mark.parametrize("next_", ["/feed", "https://elsewhere.example/feed?p=2", "/feed?p=4"])
def test_a_feed_whose_next_page_leads_astray_is_not_whole(visits: Visits, next_: str) -> None:
    """In circles, to another site, to nowhere: what came is delivered, and the reason told."""
    visits.server.answers["/feed"] = http(rss("a", next_=next_))

    delivery = visits.go(visits.source(format="feed"))

    assert (len(delivery.pages), delivery.whole, len(delivery.findings)) == (1, False, 1)


def test_a_feed_may_be_asked_for_page_by_page(visits: Visits) -> None:
    """As WordPress numbers its pages (``?paged=2``): the list ends where there is none."""
    visits.server.answers |= {f"/feed?paged={n}": http(rss(f"a{n}", f"b{n}")) for n in range(1, 4)}

    delivery = visits.go(visits.source(format="feed", paging={"page": "paged"}))

    assert (len(delivery.pages), delivery.whole) == (3, True)
    assert visits.server.paths[-1] == "/feed?paged=4"
