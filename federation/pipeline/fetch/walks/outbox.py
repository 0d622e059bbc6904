"""An ActivityPub outbox, from the actor or the collection itself, page by page. Must never follow what activities name.

Activity Streams 2.0, section 5 (collections and their pages); ActivityPub, section 5.1 (outbox).
"""

from __future__ import annotations

from typing import Any

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import number, parsed_json
from federation.pipeline.fetch.walks.tally import Tally, unchanged
from federation.pipeline.fetch.walks.trip import Trip

_ACCEPT = (
    'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams", '
    "application/json;q=0.5"
)


def walk(trip: Trip) -> Delivery:
    """Read all pages of an outbox. ``total`` is ``totalItems``, which must equal the number of activities read.

    Raises what Tally.read raises.
    """
    same = unchanged(trip, _ACCEPT)
    if same is not None:
        return same
    tally = Tally(trip)
    page = tally.read(trip.source.url, accept=_ACCEPT)
    document = None if page is None else parsed_json(page.body)
    if page is not None and isinstance(document, dict) and _address(document.get("outbox")):
        page, document = _step(tally, page, document.get("outbox"))
    while page is not None:
        target = _taken(tally, page, document)
        if target is None:
            break
        page, document = _step(tally, page, target)
    tally.judge_total()
    return tally.delivery()


def _step(tally: Tally, page: Fetched, target: Any) -> tuple[Fetched | None, Any]:
    """Go to the address that a page names: the next page with its document, or None."""
    address = tally.trip.following(page, _address(target) or "")
    if address is None:
        tally.doubt(said.elsewhere(_address(target) or ""))
        if not tally.pages:  # the reader says what this document is instead of a list
            tally.keep(page)
        return None, None
    following = tally.read(address, accept=_ACCEPT)
    return following, None if following is None else parsed_json(following.body)


def _taken(tally: Tally, page: Fetched, document: Any) -> Any:
    """Take what a collection or one of its pages holds; give where it goes on, or None."""
    if not isinstance(document, dict):
        tally.keep(page)
        tally.doubt(said.unreadable(page.final_url))
        return None
    total = number(document.get("totalItems"))
    inner = document.get("first")
    holder = inner if isinstance(inner, dict) and not _listed(document) and _listed(inner) else document
    listed = _listed(holder)
    following = holder.get("next") or (inner if holder is document and isinstance(inner, str) and not listed else None)
    if listed or following is None:
        tally.keep(page, len(listed), total)
    elif total is not None:
        tally.totals.append(total)
    return following


def _listed(document: dict[str, Any]) -> list[Any]:
    found = document.get("orderedItems", document.get("items"))
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def _address(value: Any) -> str | None:
    """The address of a link: itself, or the ``id`` or ``href`` of an object."""
    if isinstance(value, dict):
        value = value.get("id") or value.get("href")
    return value if isinstance(value, str) and value else None
