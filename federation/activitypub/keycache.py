"""Keys of other actors: fetched once, believed for a day, asked for again when a signature fails (design, 5, step 5).

It must never take a key that its owner's own document does not list, nor let bad signatures push a good key out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from federation.activitypub.authority import (
    Document,
    ListedKey,
    Purpose,
    is_actor,
    key_of_own_document,
    listed_key,
    same_origin,
)
from federation.activitypub.exchange import Busy, FetchBudget, RemoteFault, Sign, Slots
from federation.activitypub.fetching import Documents
from federation.activitypub.keys import PublicKey, decode_multikey, read_public_pem
from federation.activitypub.origins import origin_of, without_fragment
from federation.activitypub.refusal import Refused, Unauthorised
from federation.activitypub.strictjson import MAX_JSONLD_BYTES
from federation.ledger.ap_keys import KeyUse, RemoteKey
from federation.ledger.times import from_text

BELIEVED: Final = timedelta(hours=24)
REFUSED: Final = timedelta(hours=1)
"""How long a key that cannot be had is not asked for again, for each use apart."""
PASSING: Final = timedelta(minutes=1)
"""The same where trying later may help (time-outs, 5xx): an hour would lock a good sender out for a moment's fault."""
FORCED: Final = timedelta(minutes=10)
FETCH_SECONDS: Final = 5.0
MAX_REQUESTS: Final = 10
"""Requests for one key, redirects among them."""
IN_MEMORY: Final = 4096

GONE: Final = "key:gone"
"""Rule: the owner's server says that the key is gone for good (410). It is as little proof as any other failure."""
_BUSY: Final = "key:passing"


class Shelf(Protocol):
    """The keys of others in the ledger."""

    def get(self, key_id: str, use: KeyUse, now: datetime) -> list[RemoteKey]:
        """What is known of a key id and still holds."""

    def put(self, key_id: str, owner: str, use: KeyUse, public: str, now: datetime, expires: datetime) -> None:
        """Note a fetched key."""

    def refuse(self, key_id: str, owner: str, use: KeyUse, reason: str, now: datetime, until: datetime) -> None:
        """Note that a key cannot be had; one that is known stays."""

    def may_force(self, key_id: str, owner: str, use: KeyUse, now: datetime, since: datetime) -> bool:
        """Whether a known key may be fetched again, and note it."""

    def drop(self, owner: str) -> None:
        """Forget the keys of an actor."""


class _Name(NamedTuple):
    """Which key: nobody's failure tells anything of another owner's key, nor of the other use."""

    key_id: str
    owner: str
    purpose: Purpose

    @property
    def use(self) -> KeyUse:
        return KeyUse(self.purpose.value)


@dataclass(frozen=True, slots=True)
class _Known:
    """A key, or why there is none, until then. ``material``: as documents show it."""

    until: datetime
    key: PublicKey | None
    material: str = ""
    reason: str = ""


class KeyCache:
    """One per process, safe for threads. ``sign``: as the instance, for servers that ask for signed requests."""

    def __init__(self, shelf: Shelf, remote: Documents, now: Callable[[], datetime], sign: Sign | None = None) -> None:
        self._shelf, self._remote, self._now, self._sign = shelf, remote, now, sign
        self._memory: OrderedDict[_Name, _Known] = OrderedDict()
        self._guard = threading.Lock()
        self._slots = Slots()
        self._fetching: dict[_Name, threading.Lock] = {}

    def check(self, key_id: str, owner: str, purpose: Purpose, verify: Callable[[PublicKey], None]) -> None:
        """Verify with the key of that id if it is ``owner``'s; if that fails, once more with the key fetched anew.

        Raises Unauthorised (no such key of that owner, or ``verify`` does), Busy (503: too much is under way, or the
        key's server does not answer now).
        """
        name = _Name(key_id, owner, purpose)
        known = self._find(name)
        try:
            verify(_usable(known))
        except Unauthorised:
            if known.key is None:
                raise
            newer = self._newer(name, known)
            if newer is None:
                raise
            verify(_usable(newer))

    def key(self, key_id: str, owner: str, purpose: Purpose) -> PublicKey:
        """Give the key of that id if it is ``owner``'s. Raises Unauthorised, Busy."""
        return _usable(self._find(_Name(key_id, owner, purpose)))

    def forget(self, owner: str) -> None:
        """Forget the keys of an actor: it says that they changed, it is gone, or it is blocked."""
        self._shelf.drop(owner)
        with self._guard:
            for name in [name for name in self._memory if name.owner == owner]:
                del self._memory[name]

    # ---- memory, then ledger, then the owner's server

    def _find(self, name: _Name) -> _Known:
        now = self._now()
        known = self._remembered(name, now) or self._kept(name, now)
        if known is not None:
            return known
        with self._turn(name):
            # whoever held the turn before may have brought it
            return self._remembered(name, self._now()) or self._fetch(name, None)

    def _newer(self, name: _Name, failed: _Known) -> _Known | None:
        """Another key than the one that failed: brought by another process, or fetched anew, once in ten minutes.

        Of many at once that fail over a key that has just changed one fetches, and the others wait for what it brings.
        """
        kept = self._kept(name, self._now())
        if kept is not None and kept.material != failed.material:
            return kept
        with self._turn(name):
            now = self._now()
            kept = self._kept(name, now)
            if kept is not None and kept.material != failed.material:
                return kept
            # one that the ledger has not is forgotten (by another process): that is no forced fetch
            if kept is not None and not self._shelf.may_force(name.key_id, name.owner, name.use, now, now - FORCED):
                return None
            fetched = self._fetch(name, failed)
        return fetched if fetched.material != failed.material else None

    def _remembered(self, name: _Name, now: datetime) -> _Known | None:
        with self._guard:
            known = self._memory.get(name)
            if known is None or known.until <= now:
                return None
            self._memory.move_to_end(name)
            return known

    def _remember(self, name: _Name, known: _Known) -> _Known:
        with self._guard:
            self._memory[name] = known
            self._memory.move_to_end(name)
            while len(self._memory) > IN_MEMORY:
                self._memory.popitem(last=False)
        return known

    def _kept(self, name: _Name, now: datetime) -> _Known | None:
        rows = [row for row in self._shelf.get(name.key_id, name.use, now) if row.owner == name.owner]
        if not rows:
            return None
        row = rows[0]
        until = from_text(row.expires)
        if row.public is None:
            return self._remember(name, _Known(until, None, reason=row.reason or "key:listing"))
        return self._remember(name, _Known(until, _read(name.purpose, row.public), row.public))

    @contextmanager
    def _turn(self, name: _Name) -> Iterator[None]:
        """Hold a slot of the host (503 if none is free), then one's turn at this very key: it is fetched once."""
        with self._slots.hold(origin_of(name.key_id).authority, 0.0):
            with self._guard:
                lock = self._fetching.setdefault(name, threading.Lock())
            with lock:
                try:
                    yield
                finally:
                    with self._guard:
                        self._fetching.pop(name, None)

    def _fetch(self, name: _Name, before: _Known | None) -> _Known:
        """Ask the owner's server. What fails is noted, unless a good key is known (``before``): that one stays."""
        now = self._now()
        try:
            material = self._listed(name).material
            key = _read(name.purpose, material)
        except Busy:
            raise
        except Refused as fault:
            if before is not None:
                return before
            passing = isinstance(fault, RemoteFault) and fault.passing
            gone = isinstance(fault, RemoteFault) and fault.remote_status == HTTPStatus.GONE
            reason = _BUSY if passing else GONE if gone else fault.rule
            until = now + (PASSING if passing else REFUSED)
            self._shelf.refuse(name.key_id, name.owner, name.use, reason, now, until)
            return self._remember(name, _Known(until, None, reason=reason))
        until = now + BELIEVED
        self._shelf.put(name.key_id, name.owner, name.use, material, now, until)
        return self._remember(name, _Known(until, key, material))

    def _listed(self, name: _Name) -> ListedKey:
        """Fetch the document that the key lies in; if that is no actor, its owner's too, which must name the key."""
        budget, started = FetchBudget(MAX_REQUESTS), self._now()
        if not same_origin(name.key_id, name.owner):
            raise Unauthorised("key:owner")
        document = self._ask(without_fragment(name.key_id), budget, started)
        if is_actor(document):
            found = listed_key(document, name.key_id, name.purpose)
        else:
            owner = document.get("owner" if name.purpose is Purpose.HTTP else "controller")
            if owner != name.owner:
                raise Unauthorised("key:owner")
            found = key_of_own_document(document, self._ask(name.owner, budget, started), name.key_id, name.purpose)
        if found.owner != name.owner:
            raise Unauthorised("key:owner")
        return found

    def _ask(self, url: str, budget: FetchBudget, started: datetime) -> Document:
        left = FETCH_SECONDS - (self._now() - started).total_seconds()
        if left <= 0:
            raise RemoteFault("remote:timeout", passing=True)
        got = self._remote.fetch_document(
            url, sign=self._sign, budget=budget, seconds=left, limit=MAX_JSONLD_BYTES, wait=0.0
        )
        return got.document


def _usable(known: _Known) -> PublicKey:
    if known.key is None:
        if known.reason == _BUSY:
            raise Busy(_BUSY)
        raise Unauthorised(known.reason)
    return known.key


def _read(purpose: Purpose, material: str) -> PublicKey:
    return read_public_pem(material) if purpose is Purpose.HTTP else decode_multikey(material)
