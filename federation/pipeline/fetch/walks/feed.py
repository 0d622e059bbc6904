"""A feed in RSS or Atom, with the older pages that it links. Must never take the end of a feed for the end of all.

RFC 5005, section 3 (paged feeds): ``<link rel="next">`` in the feed itself, in the namespace of Atom.
"""

from __future__ import annotations

from lxml import etree

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import children, entries
from federation.pipeline.fetch.walks.tally import Tally, unchanged
from federation.pipeline.fetch.walks.trip import Trip


def walk(trip: Trip) -> Delivery:
    """Read a feed and the pages that follow it, unless the server says that none has changed.

    Raises what Tally.read raises, for the first page.
    """
    same = unchanged(trip)
    if same is not None:
        return same
    tally = Tally(trip)
    address: str | None = trip.source.url
    while address is not None:
        page = tally.read(address)
        if page is None:
            break
        root = tally.xml(page)
        tally.keep(page, len(entries(root) or ()))
        target = None if root is None else next_page(root)
        address = None if target is None else trip.following(page, target)
        if target is not None and address is None:
            tally.doubt(said.elsewhere(target))
    return tally.delivery()


def next_page(root: etree._Element) -> str | None:
    """Where a feed says that it goes on (RFC 5005, section 3), as it is written; None if it does not."""
    for holder in (root, *children(root, "channel")):
        for link in children(holder, "link"):
            if "next" in str(link.get("rel") or "").lower().split() and link.get("href"):
                return str(link.get("href"))
    return None
