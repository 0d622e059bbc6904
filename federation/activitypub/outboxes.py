"""Walks the outboxes of partners and peers that offer no change feed, and puts what we do not know yet into our inbox.

For threads beside the writer. Absence proves nothing here. Must never ask more than twice a second, nor decide what a
statement is worth: an activity counts as fetched from the origin of its own id.
Source: design of ActivityPub, section 6 (Backfill, reconciliation).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from federation.activitypub.audience import is_public
from federation.activitypub.authority import same_origin
from federation.activitypub.exchange import RemoteFault, Sign
from federation.activitypub.fetching import Documents
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Refused
from federation.activitypub.remote import RemoteDocument
from federation.ledger import Ledger
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import Received
from federation.ledger.times import from_text, to_text

MAX_PAGES = 1_000
MAX_NEW = 20_000
"""Activities that one walk brings at most: the newest ones."""

REST = 0.5
"""Seconds from one request to the next."""

AGAIN = timedelta(days=7)
KINDS = frozenset({"Create", "Update", "Delete", "Announce"})
_FOLLOWS = 10_000
_ID = 2_048
_SECONDS = 15.0


class Outboxes:
    """``pause`` waits some seconds; ``stop`` says whether to leave a walk, which then begins anew next time."""

    def __init__(
        self,
        ledger: Ledger,
        remote: Documents,
        clock: Callable[[], datetime],
        pause: Callable[[float], object],
        sign: Sign | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger, self._remote, self._clock = ledger, remote, clock
        self._pause, self._sign, self._stop = pause, sign, stop

    def due(self, now: datetime) -> list[str]:
        """The actors whose outboxes are to be walked: bound, or followed and not in step; by their ids."""
        follows = self._ledger.ap_follows.listed(Direction.OUT, [FollowState.ACCEPTED], _FOLLOWS)
        actors = {row.followed for row in follows} | {row.actor for row in self._ledger.ap_bindings.all()}
        actors -= {row.actor for row in self._ledger.ap_syncs.all()}
        return sorted(actor for actor in actors if self._is_due(actor, now))

    def walk(self, actor: str) -> int:
        """Walk one outbox from the newest to the last known; return how many activities were new.

        What fails is tried again after a week, or when asked for. Raises EngineUnavailable.
        """
        place = read_place(self._ledger, actor)
        newest = str(place.get("newest") or "")
        count = 0
        try:
            found = self._unknown(actor, newest)
            for given in reversed(found):
                if self._stop():
                    return count
                count += self._keep(actor, given)
            newest = _id(found[0]) if found else newest
        except Refused:
            pass  # what was kept is kept; the rest is found next time, for the newest is not noted
        note_place(self._ledger, actor, {"newest": newest, "walked": to_text(self._clock())})
        return count

    def _is_due(self, actor: str, now: datetime) -> bool:
        walked = read_place(self._ledger, actor).get("walked")
        return not walked or now - from_text(str(walked)) >= AGAIN

    def _unknown(self, actor: str, newest: str) -> list[str | Mapping[str, Any]]:
        """What the outbox has, newest first, up to what is known. Raises RemoteFault, Busy, Refused."""
        known = self._ledger.ap_actors.get(actor)
        outbox = None if known is None else known.document.get("outbox")
        if not isinstance(outbox, str) or not same_origin(outbox, actor):
            raise RemoteFault("outbox:none")
        found: list[str | Mapping[str, Any]] = []
        for items in self._pages(outbox):
            fresh = [one for one in items if _id(one) and same_origin(_id(one), actor)]
            seen = self._ledger.ap_inbox.known(_id(one) for one in fresh)
            for one in fresh:
                if _id(one) == newest or _id(one) in seen or len(found) >= MAX_NEW:
                    return found
                found.append(one)
        return found

    def _pages(self, outbox: str) -> Iterator[Sequence[Any]]:
        document: Mapping[str, Any] = self._fetched(outbox).document
        following = document.get("first", document)
        visited = {outbox}
        for _ in range(MAX_PAGES):
            if isinstance(following, str):
                if following in visited or not same_origin(following, outbox) or self._stop():
                    return
                visited.add(following)
                following = self._fetched(following).document
            if not isinstance(following, Mapping):
                return
            items = following.get("orderedItems", following.get("items", ()))
            yield items if isinstance(items, list) else [items]
            following = following.get("next")

    def _keep(self, actor: str, given: str | Mapping[str, Any]) -> int:
        """Keep an activity as its origin serves it under its own id; 0 if it is none that matters, or known."""
        try:
            got = self._fetched(_id(given))
        except RemoteFault as fault:
            if fault.passing:
                raise
            return 0  # it is gone, or it cannot be read: that is not to stop the others
        document = got.document
        if document.get("id") != _id(given) or document.get("actor") != actor or document.get("type") not in KINDS:
            return 0
        about = document.get("object")
        named = about.get("id") if isinstance(about, Mapping) else about
        sha256 = hashlib.sha256(got.body).hexdigest()
        row = Received(
            activity=_id(given),
            actor=actor,
            host=origin_of(actor).authority,
            kind=str(document["type"]),
            object=named if isinstance(named, str) and len(named) <= _ID else None,
            raw=got.body,
            headers=(),
            verdict={"method": "fetch", "key": ""},
            audience="public" if is_public(document) else "limited",
            sha256=sha256,
            seen=sha256,
        )
        return sum(self._ledger.ap_inbox.keep([row], self._clock()))

    def _fetched(self, url: str) -> RemoteDocument:
        self._pause(REST)
        return self._remote.fetch_document(url, sign=self._sign, seconds=_SECONDS)


def read_place(ledger: Ledger, actor: str) -> Mapping[str, Any]:
    """How far we are with an outbox: ``newest``, the id up to which it is known, and when it was ``walked``."""
    found: Mapping[str, Any] = json.loads(ledger.cursors.fact(_place(actor)) or "{}")
    return found


def note_place(ledger: Ledger, actor: str, place: Mapping[str, Any], tx: Connection | None = None) -> None:
    """Note how far we are with an outbox; without ``walked`` it is walked soon."""
    ledger.cursors.set_fact(_place(actor), json.dumps(dict(place)), tx)


def _place(actor: str) -> str:
    return f"outbox/{hashlib.sha256(actor.encode()).hexdigest()[:48]}"  # a key of 64 characters at most


def _id(given: object) -> str:
    named = given.get("id") if isinstance(given, Mapping) else given
    return named if isinstance(named, str) and len(named) <= _ID else ""
