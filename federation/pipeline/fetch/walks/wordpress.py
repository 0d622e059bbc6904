"""The REST API of WordPress: pages of a hundred posts, with totals in headers. Must never ask past the last page."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import urljoin

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import FetchRefused
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import number, parsed_json
from federation.pipeline.fetch.walks.paging import steady
from federation.pipeline.fetch.walks.tally import Tally
from federation.pipeline.fetch.walks.trip import WEEK, Trip, not_data, with_query

_SIZE = 100
_CLOSED = frozenset({401, 403, 404})


def walk(trip: Trip) -> Delivery:
    """Read all posts, or those modified since the last visit; all of them once a week, as deletions show only there.

    Raises FetchRefused proposing feed and sitemap where the API is closed, and what Tally.read raises.
    """
    since = None if trip.due_full(WEEK) else trip.since
    asked = {"per_page": str(_SIZE), "orderby": "id", "order": "asc", "_embed": "1"}
    if since is not None:
        asked["modified_after"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # the parameters of the source come last in the request, and win
    address = with_query(trip.source.url, **{key: value for key, value in asked.items() if key not in trip.params})
    try:
        tally = steady(trip, lambda: _read(trip, address))
    except FetchRefused as error:
        if error.status in _CLOSED:
            raise _closed(trip, error) from error
        raise
    if since is not None and tally.counted == 0:
        tally.pages.clear()
    return tally.delivery(full=since is None)


def _read(trip: Trip, address: str) -> Tally:
    tally = Tally(trip)
    pages, size = 1, int(number(trip.params.get("per_page")) or _SIZE)
    while len(tally.pages) < pages:
        at = with_query(address, page=str(len(tally.pages) + 1))
        # without totals, the last page is known by what follows it: WordPress answers 400
        page = tally.read(at, ends={400})
        if page is None:
            break
        posts = parsed_json(page.body)
        tally.keep(page, len(posts) if isinstance(posts, list) else 0, number(page.headers.get("x-wp-total")))
        if not isinstance(posts, list):
            tally.doubt(said.unreadable(at))
            break
        announced = number(page.headers.get("x-wp-totalpages"))
        pages = announced if announced is not None else len(tally.pages) + (len(posts) >= size)
    return tally


def _closed(trip: Trip, error: FetchRefused) -> FetchRefused:
    feed, sitemap = urljoin(trip.source.url, "/feed/"), urljoin(trip.source.url, "/wp-sitemap.xml")
    return not_data(
        f"{error.text['fr']} Si l'API de WordPress est fermée, essayez le flux {feed} (format « feed ») ou le plan de "
        f"site {sitemap} (format « html »).",
        f"{error.text['en']} If the API of WordPress is closed, try the feed {feed} (format `feed`) or the sitemap "
        f"{sitemap} (format `html`).",
        error.status,
    )
