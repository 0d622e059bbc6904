"""Pages of a site, found by its sitemap, one body each. Must never take a page that was not read for one that is gone.

Sitemap protocol 0.9: urlset, sitemapindex, gzip, lastmod.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urldefrag, urljoin, urlsplit

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import Fault, FetchFailed, FetchRefused, shown
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import children, local, parsed_xml, text_of
from federation.pipeline.fetch.walks.tally import Tally
from federation.pipeline.fetch.walks.trip import MONTH, Trip, learnt, site

_SITEMAPS, _ADDRESSES, _DEPTH = 50, 50_000, 3
_ACCEPT = "application/xml, text/xml, text/html;q=0.9, */*;q=0.5"
_FAILURES = 5
"""Failures in a row after which the site is left alone."""

_ABSENT = frozenset({404, 410})
_DEAD = "dead"  # what is kept of a page that is not there, in place of validators
_DEAD_SHARE = 5
"""Where more than one page in so many is not there, the site is at fault, and its list is not whole."""


def walk(trip: Trip) -> Delivery:
    """Read the pages that are new or changed since the last visit; all of them every four weeks.

    Where each page came anyway, for its site knows neither dates nor conditions, the visit says what is absent, too.
    Raises what the first sitemap raises, and, if no page at all of a full visit can be had, what the last one did.
    """
    tally = Tally(trip)
    survey = _Survey(trip, tally)
    survey.run()
    if survey.page is not None:
        tally.keep(survey.page)
        return tally.delivery()
    full = trip.due_full(MONTH)
    kept: dict[str, dict[str, str]] = {}
    chosen = []
    for address, lastmod in survey.addresses.items():
        known = trip.known.get(address)
        if full or known is None or not lastmod or known.get("lastmod") != lastmod:
            chosen.append(address)
        else:
            kept[address] = dict(known)
    if len(chosen) > trip.source.limits.pages:
        tally.doubt(said.sitemap_long(trip.source.limits.pages))
    asked = chosen[: trip.source.limits.pages]
    error = _read(tally, asked, survey.addresses, kept, full)
    if full and error is not None and not tally.pages:
        raise error
    dead = _dead(kept)
    if len(dead) > max(1, len(survey.addresses) // _DEAD_SHARE):
        tally.doubt(said.many_dead_links(len(dead), len(survey.addresses)))
    full = full or _all_came(tally, asked, survey.addresses, kept)
    same = set(survey.addresses) == set(trip.known) - {trip.source.url} and dead == _dead(trip.known)
    return Delivery(
        tuple(tally.pages),
        whole=tally.whole,
        unchanged=not full and tally.whole and same and not tally.pages,
        conditional=not full,
        validators={**kept, trip.source.url: trip.dates(full)},
        findings=tuple(tally.findings),
    )


@dataclass(slots=True)
class _Survey:
    """What the sitemaps name: addresses with their ``lastmod`` (or an empty text), and addresses of other sites.

    ``page``: the first address is no sitemap, so it is taken for a page.
    """

    trip: Trip
    tally: Tally
    addresses: dict[str, str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    page: Fetched | None = None
    _queue: deque[tuple[str, int]] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Read the sitemaps: the first must be had, the others may fail."""
        self._queue.append((self.trip.source.url, 0))
        self._seen.add(self.trip.source.url)
        while self._queue and self.page is None:
            address, depth = self._queue.popleft()
            try:
                self._sitemap(address, depth)
            except (FetchFailed, FetchRefused) as error:
                if depth == 0:
                    raise
                self.tally.doubt(said.page_failed(len(self._seen), address, error))
                if error.fault is Fault.BUDGET:
                    return
        if len(self.addresses) >= _ADDRESSES:
            self.tally.doubt(said.sitemap_long(_ADDRESSES))
        if self.strangers:
            self.tally.findings.append(said.sitemap_elsewhere(len(self.strangers), self.strangers[0]))

    def _sitemap(self, address: str, depth: int) -> None:
        fetched = self.trip.get(address, accept=_ACCEPT)
        root = parsed_xml(fetched.body, self.trip.max_bytes, shown(address))
        kind = "" if root is None else local(root)
        if root is not None and kind == "urlset":
            for entry in children(root, "url"):
                self._name(fetched, text_of(entry, "loc"), text_of(entry, "lastmod"))
        elif root is not None and kind == "sitemapindex":
            for entry in children(root, "sitemap"):
                self._queue_up(self.trip.following(fetched, text_of(entry, "loc") or ""), depth + 1)
        elif depth == 0:
            self.page = fetched
        else:
            self.tally.doubt(said.sitemap_broken(address))

    def _queue_up(self, target: str | None, depth: int) -> None:
        if target is None or target in self._seen or depth > _DEPTH:
            return
        if len(self._seen) <= _SITEMAPS:
            self._queue.append((target, depth))
        elif len(self._seen) == _SITEMAPS + 1:
            self.tally.doubt(said.sitemap_long(_SITEMAPS))
        self._seen.add(target)

    def _name(self, sitemap: Fetched, loc: str | None, lastmod: str | None) -> None:
        """Note one address, if it is on the site and its path matches ``[records] match``."""
        if loc is None or len(self.addresses) >= _ADDRESSES:
            return
        try:
            address = urldefrag(urljoin(sitemap.final_url, loc)).url
            parts = urlsplit(address)
            ours = site(address) == site(sitemap.final_url) and parts.scheme in ("http", "https")
        except ValueError:
            self.strangers.append(loc)
            return
        pattern = self.trip.source.records.match
        if not ours:
            self.strangers.append(address)
        elif pattern is None or fnmatchcase(parts.path, pattern):
            self.addresses[address] = lastmod or ""


def _read(
    tally: Tally, chosen: list[str], lastmods: Mapping[str, str], kept: dict[str, dict[str, str]], full: bool
) -> FetchFailed | FetchRefused | None:
    """Fetch the chosen pages; one that fails is told and left, several in a row end the visit. Give the last failure.

    That a page is not there (404, 410) is an answer and no failure: the list is whole without it.
    ``kept`` takes what the next visit must know of each page.
    """
    trip, failures = tally.trip, 0
    last: FetchFailed | FetchRefused | None = None
    for number, address in enumerate(chosen, 1):
        try:
            trip.budget.spend_page()
            page = trip.get(address, accept="text/html, */*;q=0.5", conditional=not full, params={})
        except (FetchFailed, FetchRefused) as error:
            last = error
            if error.status in _ABSENT:
                tally.findings.append(said.dead_link(address, error.status))
                kept[address] = {_DEAD: str(error.status), "lastmod": lastmods[address]}
                failures = 0
                continue
            tally.doubt(said.page_failed(number, address, error))
            failures += 1
            if error.fault is Fault.BUDGET or failures == _FAILURES:
                break
            continue
        failures = 0
        known = trip.known.get(address, {}) if page.status == 304 else {}
        kept[address] = {**known, **learnt(page), "lastmod": lastmods[address]}
        if page.status != 304:
            tally.keep(page)
    return last


def _all_came(
    tally: Tally, asked: list[str], addresses: Mapping[str, str], kept: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether every page that the list names was asked for and came in full, or is not there; and some came."""
    return bool(tally.pages) and len(asked) == len(addresses) == len(tally.pages) + len(_dead(kept))


def _dead(known: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The pages that were not there."""
    return {address for address, about in known.items() if _DEAD in about}
