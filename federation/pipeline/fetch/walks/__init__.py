"""Turns one source into a Delivery: picks the walk by format and profile. Must never read what a record says."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import invalid_address
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.fetch.walks import feed, oai, outbox, paging, single, sitemap, wordpress
from federation.pipeline.fetch.walks.trip import Trip
from federation.pipeline.sources import Source
from federation.settings import Settings

_BY_FORMAT = {"feed": feed.walk, "oai-pmh": oai.walk, "activitypub": outbox.walk, "html": sitemap.walk}


def visit(
    source: Source,
    settings: Settings,
    environ: Mapping[str, str],
    validators: Mapping[str, Mapping[str, str]] | None,
    full: bool,
    visitor: Visitor,
) -> Delivery:
    """Bring home what a source has, or what is new since the visit that left ``validators``, as its pages.

    ``full`` asks for everything, whatever is known; so do the first visit, and one a week (sitemaps: four weeks).
    Secrets of the request come from ``environ``. Raises FetchFailed, FetchRefused, ConfigError, only if nothing at all
    was read; what fails later stands in the findings, and the delivery is not whole. Validators may be kept after any
    visit whose pages were taken: an incomplete one does not move the dates in them.
    """
    if source.is_remote and not _is_address(source.url):
        raise invalid_address(source.url)
    trip = Trip(source, settings, environ, validators or {}, full, visitor)
    if not source.is_remote:
        return single.walk(trip)
    if source.paging is not None:
        return paging.walk(trip, source.paging)
    if source.profile == "wordpress":
        return wordpress.walk(trip)
    return _BY_FORMAT.get(source.format, single.walk)(trip)


def _is_address(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        return False
