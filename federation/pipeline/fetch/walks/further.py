"""Says whether one page of a list, read alone, is the whole of it. Must never ask for another page."""

from __future__ import annotations

from dataclasses import dataclass

from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks.documents import children, dig, local, next_link, number, parsed_json, parsed_xml
from federation.pipeline.fetch.walks.feed import next_page
from federation.pipeline.sources import Source

_TOTALS = ("x-wp-total", "x-total-count", "x-total")
_PAGED = frozenset({"feed", "oai-pmh", "activitypub"})
_XML_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Further:
    """There is more than was read. ``records``, ``pages``: how many of each the server announces in all, if it does.

    ``followed``: a harvest of this source would read all of it.
    """

    records: int | None
    pages: int | None
    followed: bool


def further(source: Source, page: Fetched, read: int) -> Further | None:
    """What there is beyond a page of which so many rows were read; None if nothing says that there is more."""
    total = next((found for name in _TOTALS if (found := number(page.headers.get(name))) is not None), None)
    pages = number(page.headers.get("x-wp-totalpages"))
    if source.format in {"feed", "oai-pmh"}:
        goes_on, said = _xml(source.format, page)
    else:
        goes_on, said = _json(source, page, read)
    total = said if said is not None else total
    if not goes_on and next_link(page) is None and (total or 0) <= read and (pages or 0) <= 1:
        return None
    return Further(total, pages, source.paging is not None or source.profile == "wordpress" or source.format in _PAGED)


def _xml(format_: str, page: Fetched) -> tuple[bool, int | None]:
    root = parsed_xml(page.body, _XML_BYTES, page.final_url)
    if root is None:
        return False, None
    if format_ == "feed":
        return next_page(root) is not None, None
    tokens = [
        token
        for listed in children(root, "ListRecords")
        for token in children(listed, "resumptionToken")
        if local(root) == "OAI-PMH"
    ]
    sizes = (number(token.get("completeListSize")) for token in tokens)
    return any((token.text or "").strip() for token in tokens), next((one for one in sizes if one is not None), None)


def _json(source: Source, page: Fetched, read: int) -> tuple[bool, int | None]:
    paging = source.paging
    if paging is None and source.format != "activitypub":
        return False, None
    document = parsed_json(page.body)
    if paging is None:
        leads = isinstance(document, dict) and bool(document.get("next") or document.get("first"))
        return leads, number(dig(document, "totalItems"))
    named = number(page.headers.get(paging.total_header.lower())) if paging.total_header is not None else None
    total = number(dig(document, paging.total)) if paging.total is not None else named
    counts = paging.page is not None or paging.offset is not None
    asks = dig(document, paging.next) if paging.next is not None else counts and total is None and read > 0
    return bool(asks), total
