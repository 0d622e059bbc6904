"""Walks of lists in JSON pages: their end, totals, failures, loops; over HTTP, from a lying server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lying_server import LyingServer, http
from visiting import Visits, body, names, rules

from federation.pipeline.fetch import Fault, FetchFailed, FetchRefused
from federation.pipeline.sources import Limits, parse_source
from federation.vocabulary import load

DOWN = http(b"", status="500 Internal Server Error")
NEXT = {"next": "links.next", "total": "meta.total"}


def records(first: int, last: int) -> list[dict[str, Any]]:
    """Records with ids from ``first`` to ``last``."""
    return [{"id": number} for number in range(first, last + 1)]


def chain(server: LyingServer, pages: int, size: int = 2, total: int | None = None) -> None:
    """A list of pages that name the next one."""
    for number in range(1, pages + 1):
        following = f"/feed?p={number + 1}" if number < pages else None
        path = "/feed" if number == 1 else f"/feed?p={number}"
        server.answers[path] = body(
            {
                "data": records((number - 1) * size + 1, number * size),
                "links": {"next": following},
                "meta": {"total": pages * size if total is None else total},
            }
        )


def numbered(server: LyingServer, key: str, *pages: Any, step: int = 1, first: int = 1) -> None:
    """A list whose pages are asked for by number or offset."""
    for number, page in enumerate(pages):
        server.answers[f"/feed?{key}={first + number * step}"] = page if isinstance(page, bytes) else body(page)


def test_next_addresses_are_followed_to_the_end(visits: Visits) -> None:
    """Seven pages, one body each, and the announced total is the number read."""
    chain(visits.server, 7)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert [page["data"][0]["id"] for page in names(delivery)] == [1, 3, 5, 7, 9, 11, 13]
    assert (delivery.whole, delivery.total, rules(delivery)) == (True, 14, [])


@pytest.mark.fault(3)
def test_a_page_that_fails_leaves_what_was_read(visits: Visits) -> None:
    """500 on page 4 of 7: three pages are delivered, the list is not whole, the page is named."""
    chain(visits.server, 7)
    visits.server.answers["/feed?p=4"] = DOWN

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (len(delivery.pages), delivery.whole) == (3, False)
    assert rules(delivery) == ["fetch:http-status"]
    assert delivery.findings[0].message["fr"].startswith("Page 4 : ")
    assert delivery.findings[0].where == visits.server.url("/feed?…")
    assert visits.server.paths.count("/feed?p=4") == 3


@pytest.mark.fault(1)
def test_a_page_that_fails_once_does_no_harm(visits: Visits) -> None:
    """It is asked for again, and the list is whole."""
    chain(visits.server, 7)
    good = visits.server.answers["/feed?p=4"]
    assert isinstance(good, bytes)
    visits.server.answers["/feed?p=4"] = [DOWN, good]

    assert visits.go(visits.source(paging=NEXT, records={"at": "data"})).whole


@pytest.mark.fault(1)
def test_a_first_page_that_fails_is_a_failure(visits: Visits) -> None:
    """There is nothing to deliver."""
    visits.server.answers["/feed"] = DOWN

    with pytest.raises(FetchFailed):
        visits.go(visits.source(paging=NEXT))


@pytest.mark.fault(4)
def test_a_cut_page_is_not_the_end_of_the_list(visits: Visits) -> None:
    """A body that breaks off on page 2 makes the list less than whole."""
    chain(visits.server, 3)
    visits.server.answers["/feed?p=2"] = http(b'{"data": [', length=99)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, False, ["fetch:cut"])


@pytest.mark.fault(6)
def test_a_page_for_people_in_the_middle_is_not_the_end(visits: Visits) -> None:
    """A maintenance page with status 200 on page 3 says nothing of how the list goes on."""
    chain(visits.server, 4)
    visits.server.answers["/feed?p=3"] = http(b"<html>maintenance</html>", "Content-Type: text/html")

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (delivery.whole, rules(delivery)) == (False, ["paging-unreadable"])


@pytest.mark.fault(12)
@pytest.mark.parametrize("target", ["/feed", "/feed?p=2", "?p=2"])
def test_a_next_page_that_was_read_already_stops(visits: Visits, target: str) -> None:
    """Next = self, or an earlier page."""
    visits.server.answers["/feed"] = body({"data": records(1, 2), "links": {"next": "/feed?p=2"}})
    visits.server.answers["/feed?p=2"] = body({"data": records(3, 4), "links": {"next": target}})

    delivery = visits.go(visits.source(paging={"next": "links.next"}, records={"at": "data"}))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (2, False, ["paging-loop"])


@pytest.mark.fault(12)
def test_a_page_that_repeats_its_content_stops(visits: Visits) -> None:
    """Another address, the same bytes: a server that ignores the parameter."""
    visits.server.answers["/feed"] = body(records(1, 2))

    delivery = visits.go(visits.source(paging={"page": "page"}))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, False, ["paging-loop"])


@pytest.mark.fault(12)
def test_endless_paging_stops_at_the_cap(visits: Visits) -> None:
    """[limits] pages."""
    chain(visits.server, 30)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}, limits=Limits(pages=5)))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (5, False, ["fetch:visit-limit"])
    assert len(visits.server.paths) == 5


@pytest.mark.fault(12)
def test_all_pages_together_have_a_cap(visits: Visits) -> None:
    """Five bodies' worth of bytes, whatever their number."""
    chain(visits.server, 30)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}, limits=Limits(bytes=100)))

    assert sum(len(page.body) for page in delivery.pages) < 700
    assert (delivery.whole, rules(delivery)) == (False, ["fetch:visit-limit"])


@pytest.mark.fault(12)
def test_a_visit_of_many_pages_has_an_end(server: LyingServer) -> None:
    """Its total time, with all pauses."""
    visits = Visits(server, unpaced=lambda host: False)
    visits.settings = type(visits.settings)(fetch_private=True, fetch_visit_seconds=4.5)
    chain(server, 30)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (4, False, ["fetch:visit-limit"])


@pytest.mark.fault(12)
def test_a_total_that_changes_is_read_once_more(visits: Visits) -> None:
    """A record was added in mid-walk; the second reading is steady, so it is whole."""
    chain(visits.server, 2)
    late = visits.server.answers["/feed?p=2"]
    assert isinstance(late, bytes)
    changed = body({"data": records(3, 5), "links": {}, "meta": {"total": 5}})
    visits.server.answers["/feed?p=2"] = [changed, late]

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (2, True, 4)
    assert visits.server.paths == ["/feed", "/feed?p=2"] * 2


@pytest.mark.fault(12)
def test_a_total_that_goes_on_changing_is_not_whole(visits: Visits) -> None:
    """After one more reading the list counts as incomplete."""
    chain(visits.server, 2)
    visits.server.answers["/feed?p=2"] = body({"data": records(3, 5), "links": {}, "meta": {"total": 5}})

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (delivery.whole, rules(delivery)) == (False, ["total-moves"])
    assert len(visits.server.paths) == 4


def test_a_total_that_is_not_reached_is_not_whole(visits: Visits) -> None:
    """Announced totals must equal the number read."""
    chain(visits.server, 2, total=9)

    delivery = visits.go(visits.source(paging=NEXT, records={"at": "data"}))

    assert (delivery.whole, rules(delivery)) == (False, ["total-differs"])


def test_records_that_cannot_be_counted_are_not_compared(visits: Visits) -> None:
    """Where nobody said where the list lies, the announced total proves nothing."""
    chain(visits.server, 2)

    assert visits.go(visits.source(paging=NEXT)).whole


def test_a_next_page_elsewhere_is_not_asked_for(visits: Visits) -> None:
    """Another site is not this source, and would get what is meant for it."""
    visits.server.answers["/feed"] = body({"links": {"next": "https://other.example/feed?p=2"}})

    delivery = visits.go(visits.source(paging={"next": "links.next"}))

    assert (delivery.whole, rules(delivery)) == (False, ["paging-elsewhere"])


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("@odata.nextLink", {"@odata.nextLink": "/feed?p=2"}),
        ("_links.next-page.href", {"_links": {"next-page": {"href": "/feed?p=2"}}}),
        ("links[?rel=='next'].href | [0]", {"links": [{"rel": "next", "href": "/feed?p=2"}]}),
    ],
)
def test_a_next_address_is_found_by_key_or_path(visits: Visits, path: str, document: dict[str, Any]) -> None:
    """As paths elsewhere in source files."""
    visits.server.answers |= {"/feed": body(document), "/feed?p=2": body({})}

    assert len(visits.go(visits.source(paging={"next": path})).pages) == 2


@pytest.mark.parametrize("given", [7, {"href": "/x"}, ["/x"]])
def test_a_next_address_that_is_none_is_told(visits: Visits, given: Any) -> None:
    """The path of [paging] leads to something else."""
    visits.server.answers["/feed"] = body({"links": {"next": given}})

    delivery = visits.go(visits.source(paging={"next": "links.next"}))

    assert (delivery.whole, rules(delivery)) == (False, ["paging-path"])


def test_secrets_are_sent_again_and_kept_nowhere(visits: Visits) -> None:
    """A server that repeats the key in its next address: it is asked for with it, and delivered without."""
    visits.server.answers["/feed"] = body({"data": records(1, 1), "next": "/feed?key=s3cret&p=2"})

    delivery = visits.go(
        visits.source(paging={"next": "next"}, records={"at": "data"}, params={"key": "env:KEY"}),
        environ={"KEY": "s3cret"},
    )

    assert visits.server.paths == ["/feed?key=s3cret", "/feed?p=2&key=s3cret"]
    assert "s3cret" not in repr((delivery.manifest(), delivery.validators, delivery.findings))


def test_a_link_header_is_followed(visits: Visits) -> None:
    """Among other links, and for any format; the header also announces the total."""
    visits.server.answers["/feed"] = body(
        records(1, 2), 'Link: </first>; rel="first", </feed?p=2>; title="a, b"; rel="last next"', "X-Total-Count: 3"
    )
    visits.server.answers["/feed?p=2"] = body(records(3, 3), "Link: </feed?p=1>; rel=prev", "X-Total-Count: 3")

    delivery = visits.go(visits.source(paging={"link": True, "total_header": "X-Total-Count"}))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (2, True, 3)


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        ([records(1, 2), records(3, 4), []], 2),
        ([records(1, 2), records(3, 3)], 2),
        ([records(1, 2), records(3, 4), http(b"", status="404 Not Found")], 2),
        ([records(1, 2), records(3, 4), http(b"", status="400 Bad Request")], 2),
        ([[]], 1),
        ([{"at": None}], 1),
    ],
    ids=["empty page", "shorter page", "404", "400", "nothing", "no list"],
)
def test_numbered_pages_end(visits: Visits, pages: list[Any], count: int) -> None:
    """At an empty page, a shorter one, or where the server says that there is none."""
    numbered(visits.server, "page", *pages)

    delivery = visits.go(visits.source(paging={"page": "page"}))

    assert len(delivery.pages) == count
    assert delivery.whole is (pages != [{"at": None}])


def test_numbered_pages_may_begin_at_zero(visits: Visits) -> None:
    """And stop at the announced total, without asking past it."""
    numbered(visits.server, "p", *[{"d": records(n * 2 + 1, n * 2 + 2), "n": "4"} for n in range(2)], first=0)

    delivery = visits.go(visits.source(paging={"page": "p", "first": 0, "total": "n"}, records={"at": "d"}))

    assert (delivery.whole, delivery.total) == (True, 4)
    assert visits.server.paths == ["/feed?p=0", "/feed?p=1"]


def test_offsets_count_what_was_read(visits: Visits) -> None:
    """Not what was asked for: a server may give fewer than its parameter says."""
    numbered(visits.server, "offset", records(1, 3), records(4, 6), records(7, 7), step=3, first=0)

    delivery = visits.go(visits.source(paging={"offset": "offset"}))

    assert (len(delivery.pages), delivery.whole) == (3, True)
    assert visits.server.paths == ["/feed?offset=0", "/feed?offset=3", "/feed?offset=6"]


@pytest.mark.fault(3)
def test_a_server_error_is_never_the_end_of_numbered_pages(visits: Visits) -> None:
    """500 is not 404."""
    numbered(visits.server, "page", records(1, 2), records(3, 4), DOWN)

    assert not visits.go(visits.source(paging={"page": "page"})).whole


@pytest.mark.fault(8)
def test_pages_that_have_not_changed_are_not_sent_again(visits: Visits) -> None:
    """304 for every page is an unchanged list; one page that changed, and the others are read again."""
    same = http(b"", status="304 Not Modified", length=None)
    one, two = body(records(1, 2), 'ETag: "1"'), body(records(3, 3), 'ETag: "2"')
    visits.server.answers |= {"/feed?page=1": [one, same, same, one], "/feed?page=2": [two, same, two]}
    source = visits.source(paging={"page": "page"})

    first, second, third = (visits.go(source) for _ in range(3))

    assert (first.unchanged, second.unchanged, third.unchanged) == (False, True, False)
    assert (second.pages, second.whole, len(third.pages), third.whole) == ((), True, 2, True)
    assert len(visits.server.paths) == 2 + 2 + (2 + 1)  # what answered the condition is not asked for twice


@pytest.mark.fault(8)
def test_a_list_that_ended_by_a_status_is_read_again(visits: Visits) -> None:
    """Where 404 ended it, pages that have not changed do not prove that no page was added."""
    numbered(visits.server, "page", body(records(1, 2), 'ETag: "1"'))
    source = visits.source(paging={"page": "page"})

    visits.go(source)
    visits.go(source)

    assert not any("If-None-Match" in head for head in visits.server.requests)


@pytest.mark.fault(8)
def test_an_unchanged_list_is_read_in_full_weekly(visits: Visits) -> None:
    """An ETag that never changes does not hide news for ever."""
    same = http(b"", status="304 Not Modified", length=None)
    good = body({"data": records(1, 2)}, 'ETag: "1"')
    visits.server.answers["/feed"] = [good, *[same] * 6, good]
    source = visits.source(paging={"next": "next"}, records={"at": "data"})

    told = []
    for _ in range(8):
        told.append(visits.go(source).unchanged)
        visits.wait(days=1)

    assert told == [False, *[True] * 6, False]


@pytest.mark.fault(10)
@pytest.mark.parametrize("url", ["http://[bad/", "http://x.example:port/", "http:///feed", "http://x.example:99999/"])
def test_an_address_that_is_none_is_refused(visits: Visits, url: str) -> None:
    """Told, not crashed on; also where a redirect names it."""
    visits.server.answers["/feed"] = http(b"", f"Location: {url}", status="302 Found")

    for source in (replace(visits.source(), url=url), visits.source()):
        with pytest.raises(FetchRefused) as caught:
            visits.go(source)
        assert caught.value.fault is Fault.REDIRECT


@pytest.mark.fault(3)
def test_news_that_came_in_part_are_asked_for_again(visits: Visits) -> None:
    """An incremental visit that fails on its second page does not move its date."""
    visits.server.answers["/feed"] = [posts(1, 1, 1, 1), posts(1, 100, 150, 2), DOWN, DOWN, DOWN, posts(1, 1, 1, 1)]
    source = visits.source(profile="wordpress")

    visits.go(source)
    visits.wait(days=1)
    part = visits.go(source)
    visits.wait(days=1)
    visits.go(source)

    since = [path for path in visits.server.paths if "modified_after" in path]
    assert (part.whole, part.conditional, rules(part)) == (False, True, ["fetch:http-status"])
    assert all("modified_after=2026-11-20T" in path for path in since)
    assert len(since) == 1 + 3 + 1


def posts(first: int, last: int, total: int, pages: int) -> bytes:
    """A page of a WordPress list."""
    return body(records(first, last), f"X-WP-Total: {total}", f"X-WP-TotalPages: {pages}")


def wordpress(server: LyingServer, pages: int, total: int | None = None) -> None:
    """A WordPress list of full pages but the last, which has one post."""
    total = (pages - 1) * 100 + 1 if total is None else total
    for number in range(1, pages + 1):
        last = number * 100 if number < pages else (pages - 1) * 100 + 1
        path = f"/feed?per_page=100&orderby=id&order=asc&_embed=1&page={number}"
        server.answers[path] = posts((number - 1) * 100 + 1, last, total, pages)


def test_wordpress_is_read_to_its_last_page(visits: Visits) -> None:
    """Never past X-WP-TotalPages; the total is the number read."""
    wordpress(visits.server, 3)

    delivery = visits.go(visits.source(profile="wordpress"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (3, True, 201)
    assert len(visits.server.paths) == 3


@pytest.mark.fault(3)
def test_wordpress_that_fails_on_page_four_is_incomplete(visits: Visits) -> None:
    """The pages read are delivered."""
    wordpress(visits.server, 7)
    visits.server.answers["/feed?per_page=100&orderby=id&order=asc&_embed=1&page=4"] = DOWN

    delivery = visits.go(visits.source(profile="wordpress"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (3, False, 601)
    assert "Page 4" in delivery.findings[0].message["en"]


def test_wordpress_with_another_total_is_incomplete(visits: Visits) -> None:
    """X-WP-Total must equal the number read."""
    wordpress(visits.server, 2, total=150)

    assert rules(visits.go(visits.source(profile="wordpress"))) == ["total-differs"]


def test_wordpress_without_totals_ends_at_a_shorter_page(visits: Visits) -> None:
    """Where a proxy takes the headers away."""
    visits.server.answers["/feed"] = body(records(1, 7))

    delivery = visits.go(visits.source(profile="wordpress"))

    assert (len(delivery.pages), delivery.whole, delivery.total) == (1, True, None)


@pytest.mark.fault(8)
def test_wordpress_is_asked_for_news_and_swept_weekly(visits: Visits) -> None:
    """Posts modified since a day before the last visit; deletions show in the full sweep of the week."""
    visits.server.answers["/feed"] = [posts(1, 1, 1, 1), body([], "X-WP-Total: 0", "X-WP-TotalPages: 0")]
    source = visits.source(profile="wordpress", params={"per_page": "100", "_embed": "1"})

    first = visits.go(source)
    visits.wait(days=1)
    second = visits.go(source)
    visits.wait(days=6)
    third = visits.go(source)

    assert (first.whole, first.conditional) == (True, False)
    assert (second.whole, second.conditional, second.unchanged, second.pages) == (True, True, False, ())
    assert (third.whole, third.conditional) == (True, False)
    assert "modified_after=2026-11-20T02%3A00%3A00Z" in visits.server.paths[1]
    assert ["modified_after" in path for path in visits.server.paths] == [False, True, False]
    assert visits.server.paths[0].count("per_page") == 1


@pytest.mark.fault(8)
def test_incremental_visits_do_not_push_the_sweep_away(visits: Visits) -> None:
    """Each night brings news; the seventh brings everything, all the same."""
    visits.server.answers["/feed"] = posts(1, 1, 1, 1)
    source = visits.source(profile="wordpress")

    everything = []
    for _ in range(9):
        everything.append(not visits.go(source).conditional)
        visits.wait(days=1)

    assert everything == [True, *[False] * 6, True, False]


def test_the_profile_of_wordpress_asks_for_the_same(visits: Visits) -> None:
    """What the profile writes into [request] and what the walk asks for go together, each once."""
    head = f'[source]\nurl = "{visits.server.url()}"\nprofile = "wordpress"\n[request]\ncategories = 12\n'
    visits.server.answers["/feed"] = [posts(1, 100, 101, 2), posts(101, 101, 101, 2)]

    delivery = visits.go(parse_source(head, "essai.toml", load()))

    assert (len(delivery.pages), delivery.whole) == (2, True)
    for number, path in enumerate(visits.server.paths, 1):
        asked = parse_qs(urlsplit(path).query)
        assert asked == {
            "per_page": ["100"],
            "orderby": ["id"],
            "order": ["asc"],
            "_embed": ["1"],
            "categories": ["12"],
            "page": [str(number)],
        }


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No"])
def test_a_closed_wordpress_proposes_feed_and_sitemap(visits: Visits, status: str) -> None:
    """What else the site has."""
    visits.server.answers["/feed"] = http(b"", status=status)

    with pytest.raises(FetchRefused) as caught:
        visits.go(visits.source(profile="wordpress"))

    assert visits.server.url("/feed/") in caught.value.text["fr"]
    assert visits.server.url("/wp-sitemap.xml") in caught.value.text["en"]
    assert caught.value.status == int(status[:3])


@pytest.mark.fault(11)
def test_a_wordpress_that_is_gone_is_gone(visits: Visits) -> None:
    """410 keeps its word."""
    visits.server.answers["/feed"] = http(b"", status="410 Gone")

    with pytest.raises(FetchRefused) as caught:
        visits.go(visits.source(profile="wordpress"))

    assert caught.value.fault is Fault.GONE


@pytest.mark.fault(6)
def test_a_wordpress_page_that_is_no_list_is_for_the_reader(visits: Visits) -> None:
    """A login page is delivered, not whole."""
    visits.server.answers["/feed"] = http(b"<html>login</html>")

    delivery = visits.go(visits.source(profile="wordpress"))

    assert (len(delivery.pages), delivery.whole, rules(delivery)) == (1, False, ["paging-unreadable"])


@pytest.mark.fault(14)
@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": NaN}', b"\xef\xbb\xbf[]", b'"\\ud800"', b"\xff"])
def test_odd_json_does_not_break_a_walk(visits: Visits, text: bytes) -> None:
    """Too deep, NaN, a BOM, lone surrogates: delivered for the reader to judge."""
    visits.server.answers["/feed"] = http(text)

    assert [page.body for page in visits.go(visits.source(paging=NEXT)).pages] == [text]
