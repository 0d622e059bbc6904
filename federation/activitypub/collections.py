"""Our collections: outbox and its pages, followers and following, the records of one project (design, section 2).

Pure. Must never list who follows whom, nor carry the content of anything: items are ids, so nothing withdrawn lingers.
"""

from __future__ import annotations

from collections.abc import Sequence

from federation.activitypub.actors import AS2, Document
from federation.activitypub.names import Names

PAGE_SIZE = 50
"""Activities on one page of an outbox. It never changes: full pages are immutable."""


def last_page(total: int) -> int:
    """The number of the newest page of an outbox; pages are numbered from the oldest, 1."""
    return max(-(-total // PAGE_SIZE), 1)


def outbox(actor: str, total: int) -> Document:
    """The outbox of an actor: ``first`` is the newest page, as readers want it, ``last`` the oldest."""
    collection = f"{actor}/outbox"
    return {
        "@context": AS2,
        "id": collection,
        "type": "OrderedCollection",
        "totalItems": total,
        "first": f"{collection}/{last_page(total)}",
        "last": f"{collection}/1",
    }


def outbox_page(actor: str, number: int, oldest_first: Sequence[str]) -> Document:
    """One page: the newest activity first (ActivityPub, section 5). ``next`` leads to older ones.

    There is no ``prev``: a full page would change on the day when the page after it begins.
    """
    collection = f"{actor}/outbox"
    made = {
        "@context": AS2,
        "id": f"{collection}/{number}",
        "type": "OrderedCollectionPage",
        "partOf": collection,
        "orderedItems": list(reversed(oldest_first)),
    }
    return made if number == 1 else {**made, "next": f"{collection}/{number - 1}"}


def followers(actor: str, total: int) -> Document:
    """How many follow an actor."""
    return _counted(f"{actor}/followers", total)


def following(actor: str, total: int) -> Document:
    """How many an actor follows."""
    return _counted(f"{actor}/following", total)


def _counted(collection: str, total: int) -> Document:
    return {"@context": AS2, "id": collection, "type": "OrderedCollection", "totalItems": total}


def project_context(names: Names, pid: str, items: Sequence[str]) -> Document:
    """The records of one project (FEP-7888). ``items``: the ids of their objects, ours and those of partners."""
    return {
        "@context": AS2,
        "id": names.context(pid),
        "type": "OrderedCollection",
        "attributedTo": names.commons,
        "url": names.page(pid),
        "totalItems": len(items),
        "orderedItems": list(items),
    }
