"""A list in pages, JSON or a feed, as the ``[paging]`` table of its source file says. Must never go on for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import FetchFailed, FetchRefused
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import dig, entries, items, next_link, number, parsed_json
from federation.pipeline.fetch.walks.tally import Tally, unchanged
from federation.pipeline.fetch.walks.trip import Trip, with_query
from federation.pipeline.sources import Paging

_PAST_THE_END = frozenset({400, 404, 416})


def walk(trip: Trip, paging: Paging) -> Delivery:
    """Read all pages; once more from the start if the announced total changes on the way."""
    return unchanged(trip) or steady(trip, lambda: _read(trip, paging)).delivery()


def steady(trip: Trip, read: Callable[[], Tally]) -> Tally:
    """Read a list, and once more if its total changed on the way; then judge the total."""
    tally = read()
    if tally.moved_under_us:
        try:
            tally = read()
        except (FetchFailed, FetchRefused) as error:
            tally.doubt(said.page_failed(1, trip.source.url, error))
    tally.judge_total()
    return tally


def _read(trip: Trip, paging: Paging) -> Tally:
    tally = Tally(trip)
    numbered = paging.page is not None or paging.offset is not None
    address: str | None = _first(trip, paging)
    before = 0
    while address is not None:
        page = tally.read(address, ends=_PAST_THE_END if numbered else ())
        if page is None:
            break
        document, listed = _looked_into(tally, page)
        if tally.pages and listed == []:
            break
        count = len(listed or ())
        tally.countable = tally.countable and listed is not None
        tally.keep(page, count, _total(page, document, paging))
        if not _goes_on(tally, page, document, listed, paging):
            break
        if numbered and (count == 0 or count < before or tally.counted == tally.total):
            break
        before = max(before, count)
        address = _next(tally, page, document, paging)
    return tally


def _looked_into(tally: Tally, page: Fetched) -> tuple[Any, list[Any] | None]:
    """The parsed page and the records on it; None for what cannot be told."""
    if tally.trip.source.format == "feed":
        root = tally.xml(page)
        return root, entries(root)
    document = parsed_json(page.body)
    return document, items(document, tally.trip.source.records.at)


def _first(trip: Trip, paging: Paging) -> str:
    if paging.page is not None:
        return with_query(trip.source.url, **{paging.page: str(paging.first)})
    if paging.offset is not None:
        return with_query(trip.source.url, **{paging.offset: "0"})
    return trip.source.url


def _goes_on(tally: Tally, page: Fetched, document: Any, listed: list[Any] | None, paging: Paging) -> bool:
    """Say whether the page can be followed at all; if not, note why. A Link header needs no body."""
    if paging.link:
        return True
    if document is None:
        tally.doubt(said.unreadable(page.final_url))
        return False
    if listed is None and (paging.page or paging.offset):
        tally.doubt(said.nowhere(tally.trip.source.records.at or "@"))
        return False
    return True


def _total(page: Fetched, document: Any, paging: Paging) -> int | None:
    if paging.total_header is not None:
        return number(page.headers.get(paging.total_header.lower()))
    return number(dig(document, paging.total)) if paging.total is not None else None


def _next(tally: Tally, page: Fetched, document: Any, paging: Paging) -> str | None:
    url = tally.trip.source.url
    if paging.page is not None:
        return with_query(url, **{paging.page: str(paging.first + len(tally.pages))})
    if paging.offset is not None:
        return with_query(url, **{paging.offset: str(tally.counted)})
    target = next_link(page) if paging.link else dig(document, paging.next or "")
    if target in (None, "", False):
        return None
    if not isinstance(target, str):
        tally.doubt(said.nowhere(paging.next or ""))
        return None
    address = tally.trip.following(page, target)
    if address is None:
        tally.doubt(said.elsewhere(target))
    return address
