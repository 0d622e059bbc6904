"""Makes a delivery of what was pushed to us, so that it goes the one way in like what a visit brings. Pure.

Whoever calls has verified who speaks, and of what: nothing here must be asked whether a sender may say what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from federation.ledger.bodies import ACTIVITIES, RECORDS
from federation.ledger.times import to_text
from federation.pipeline.fetch import Delivery, Fetched
from federation.pipeline.timely import RECEIVED, when

_AS2 = "https://www.w3.org/ns/activitystreams"


@dataclass(frozen=True, slots=True)
class Received:
    """How something came to us: kept in the ledger with the record it made.

    ``method``: ``http-signature``, ``proof`` or ``fetch``; ``key``: id of the key that verified it; ``sha256``: of the
    body as received (hex); ``at``: when we accepted it; ``announcer``: through whom, if not from its owner.
    """

    source: str
    method: str
    at: datetime
    key: str = ""
    activity: str = ""
    sha256: str = ""
    announcer: str = ""

    def words(self) -> dict[str, str]:
        """The same as plain words; what is not known is left out."""
        said = {
            "from": self.source,
            "method": self.method,
            "at": to_text(self.at),
            "key": self.key,
            "activity": self.activity,
            "sha256": self.sha256,
            "announcer": self.announcer,
        }
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class PushedActivity:
    """A verified Create, Update or Delete of a bound partner. ``object``: the object as resolved; its id for a Delete.

    ``document`` is the activity as received (strict JSON); of it count ``type``, ``actor``, ``updated``, ``published``.
    """

    document: Mapping[str, Any]
    object: Mapping[str, Any] | str
    received: Received

    @property
    def name(self) -> str:
        """The id of the object."""
        return self.object if isinstance(self.object, str) else str(self.object.get("id", ""))

    @property
    def said(self) -> str:
        """When its owner said it, as ledger time: what the object tells, else the activity, else when it came.

        Of an object that is named only (a Delete) the tombstone tells that stands in its place.
        """
        stands = self.document.get("object") if isinstance(self.object, str) else self.object
        given = stands if isinstance(stands, Mapping) else {}
        create = self.document.get("type") == "Create"
        told = [given.get("updated"), given.get("deleted"), given.get("published") if create else None]
        told += [self.document.get("updated"), self.document.get("published")]
        return next((at for value in told if (at := when(value)) is not None), to_text(self.received.at))


@dataclass(frozen=True, slots=True)
class PushedRecord:
    """A record of a sync peer. ``data``: its N-Triples, None if it is withdrawn; ``digest``: ``sha-256:`` and hex, as
    the peer announced it; ``updated``: when the owner last changed, or withdrew, it (ISO 8601).
    """

    record: str
    owner: str
    updated: str
    received: Received
    data: str | None = None
    digest: str = ""

    def row(self) -> Mapping[str, Any]:
        """The row that the reader ``carrefour`` reads."""
        row: dict[str, Any] = {"record": self.record, "owner": self.owner, "updated": self.updated}
        row |= {"deleted": True} if self.data is None else {"data": self.data, "digest": self.digest}
        return row | {RECEIVED: self.received.words()}


@dataclass(slots=True)
class _Latest:
    """Of several words on one thing, the latest; of the same time, what came later."""

    found: dict[str, tuple[str, int, Any]] = field(default_factory=dict)

    def put(self, name: str, said: str, item: Any) -> None:
        if name not in self.found or said >= self.found[name][0]:
            self.found[name] = (said, len(self.found), item)

    def items(self) -> Iterable[Any]:
        return (item for _, _, item in self.found.values())


def delivery_of(activities: Sequence[PushedActivity]) -> Delivery:
    """The body of verified activities of one source, in the order in which they came.

    Of each object the latest word counts. The source's reader must be ``activitypub``.
    """
    latest = _Latest()
    for activity in activities:
        latest.put(activity.name, activity.said, activity)
    items = [_item(activity) for activity in latest.items()]
    return _pushed({"@context": _AS2, "type": "OrderedCollection", "orderedItems": items}, ACTIVITIES)


def delivery_of_records(records: Sequence[PushedRecord]) -> Delivery:
    """The body of records of one partner of a sync peer, in the order in which they came; the latest word counts."""
    latest = _Latest()
    for record in records:
        latest.put(record.record, when(record.updated) or "", record)
    return _pushed({"records": [record.row() for record in latest.items()]}, RECORDS)


def _item(activity: PushedActivity) -> dict[str, Any]:
    document = activity.document
    deletes = document.get("type") == "Delete"
    given: dict[str, Any] = {"id": activity.name} if isinstance(activity.object, str) else dict(activity.object)
    if deletes or isinstance(activity.object, str):
        given["type"] = "Tombstone"
    given[RECEIVED] = {**activity.received.words(), "said": activity.said}
    return {"type": "Delete" if deletes else "Update", "actor": document.get("actor"), "object": given}


def _pushed(document: Mapping[str, Any], media_type: str) -> Delivery:
    body = orjson.dumps(document)
    page = Fetched(body, hashlib.sha256(body).hexdigest(), "", 200, media_type)
    return Delivery((page,), conditional=True, pushed=True)
