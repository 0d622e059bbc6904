"""Asks other servers for AS2 documents and hands them activities, through the address guard and within limits.

It must never follow a document to another origin than it claims, read more than its caps, or talk to ourselves.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from federation.activitypub.authority import Origin, address_of, id_of, origin_of, same_origin
from federation.activitypub.exchange import (
    MAX_FETCHES,
    Busy,
    FetchBudget,
    RemoteBody,
    RemoteFault,
    Sign,
    Slots,
    Visit,
    pieces,
    send,
)
from federation.activitypub.refusal import Refused
from federation.activitypub.strictjson import MAX_BYTES, parse_document
from federation.pipeline.fetch.transport import Line, pool

AS2 = "application/activity+json"
AS2_PROFILE = "https://www.w3.org/ns/activitystreams"
ACCEPT = f'{AS2}, application/ld+json; profile="{AS2_PROFILE}"'

FETCH_SECONDS = 10.0
CONNECT_SECONDS = 5.0
POST_SECONDS = 15.0
MAX_ANSWER = 16 * 1024
MAX_IDLE = 128
"""Connections that wait for the next delivery."""
IDLE_SECONDS = 20.0


class NegativeCache(Protocol):
    """Remembers what could not be had, for a time of its own."""

    def holds(self, url: str) -> bool:
        """Say whether this address failed lately."""

    def remember(self, url: str, fault: Refused) -> None:
        """Note that this address failed."""


@dataclass(frozen=True, slots=True)
class RemoteDocument:
    """An AS2 document that the origin of its own id serves. ``id`` need not be what was asked for: compare it."""

    id: str
    url: str
    document: dict[str, Any]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What an inbox answered; headers as given. ``body`` is its beginning."""

    status: int
    retry_after: str | None
    accept_signature: str | None
    body: bytes


def is_as2(content_type: str) -> bool:
    """Say whether a media type is exactly one of AS2: activity+json, or ld+json with the AS2 profile (abuse 16)."""
    name, *parameters = (part.strip() for part in content_type.split(";"))
    if name.lower() == AS2:
        return True
    if name.lower() != "application/ld+json":
        return False
    values = (value.strip().strip('"') for key, _, value in (p.partition("=") for p in parameters) if _is_profile(key))
    return any(AS2_PROFILE in value.split() for value in values)


def _is_profile(name: str) -> bool:
    return name.strip().lower() == "profile"


@dataclass(slots=True)
class _Kept:
    """A connection to one origin that is kept for more deliveries."""

    origin: Origin
    line: Line
    pool: urllib3.HTTPConnectionPool
    since: float = 0.0
    used: bool = False

    def close(self) -> None:
        self.line.close()
        self.pool.close()


class Remote:
    """One per process, shared by its threads. ``own`` is our origin; ``clock`` gives seconds, monotonic.

    ``allow_private`` permits http and private addresses (tests, intranets).
    """

    def __init__(
        self,
        own: Origin,
        user_agent: str,
        clock: Callable[[], float],
        *,
        allow_private: bool = False,
        slots: Slots | None = None,
        negative: NegativeCache | None = None,
    ) -> None:
        self._own, self._agent, self._clock, self._allow_private = own, user_agent, clock, allow_private
        self._slots = slots or Slots()
        self._negative = negative
        self._trust = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
        self._idle: dict[Origin, list[_Kept]] = {}
        self._guard = threading.Lock()

    def fetch_document(
        self,
        url: str,
        *,
        sign: Sign | None = None,
        budget: FetchBudget | None = None,
        seconds: float = FETCH_SECONDS,
        limit: int = MAX_BYTES,
        wait: float = 0.0,
    ) -> RemoteDocument:
        """Fetch an AS2 document from the origin its id names. ``seconds`` for all of it, ``limit`` in decoded bytes.

        A document that another address serves than its id names is asked for once more by its id, and must then be
        itself (FEP-fe34; abuse 15). Raises RemoteFault, Busy, Refused.
        """
        asked = address_of(url)
        with self._visit(seconds, sign, budget, wait, asked) as visit:
            for attempt in (1, 2):
                got = visit.get(asked, ACCEPT, is_as2, limit)
                document = parse_document(got.body, limit)
                named = address_of(id_of(document))
                if same_origin(named, got.url) and named in (asked, got.url):
                    return RemoteDocument(document["id"], got.url, document, got.body)
                if attempt == 2 or not same_origin(named, got.url):
                    break
                asked = named
            raise RemoteFault("remote:id")

    def fetch_bytes(
        self,
        url: str,
        *,
        accept: str,
        takes: Callable[[str], bool],
        limit: int,
        sign: Sign | None = None,
        budget: FetchBudget | None = None,
        seconds: float = FETCH_SECONDS,
        wait: float = 0.0,
    ) -> RemoteBody:
        """Fetch a body of another kind (N-Triples, JRD) under the same guard. ``takes`` judges the media type.

        It never leaves the origin it was asked of. Raises RemoteFault, Busy, Refused.
        """
        asked = address_of(url)
        with self._visit(seconds, sign, budget, wait, asked) as visit:
            got = visit.get(asked, accept, takes, limit)
            if not same_origin(asked, got.url):
                raise RemoteFault("remote:origin")
            return got

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = POST_SECONDS) -> Answer:
        """Deliver a body that is signed already, on a kept connection if there is one. Redirects are not followed.

        ``headers`` as signed (Host is set from the address). Any status is an answer. Raises RemoteFault, Refused.
        """
        address = address_of(url)
        origin = self._checked(address)
        sent = {"User-Agent": self._agent, **headers, "Host": origin.authority}
        kept = self._take(origin, seconds)
        try:
            try:
                answer = self._deliver(kept, address, body, sent)
            except RemoteFault as fault:
                # the server may have hung up while the connection lay idle: once more on a new one
                if not kept.used or fault.rule != "remote:unreachable":
                    raise
                kept.close()
                kept = self._connect(origin, kept.line.left)
                answer = self._deliver(kept, address, body, sent)
        except BaseException:
            kept.close()
            raise
        self._put_back(kept)
        return answer

    def close(self) -> None:
        """Hang up on everybody."""
        with self._guard:
            idle, self._idle = [kept for each in self._idle.values() for kept in each], {}
        for kept in idle:
            kept.close()

    # ---- what both ways share

    def _checked(self, address: str) -> Origin:
        origin = origin_of(address)
        if origin.scheme != "https" and not self._allow_private:
            raise RemoteFault("remote:https")
        if origin == self._own:
            raise RemoteFault("remote:own-origin")
        return origin

    @contextmanager
    def _visit(
        self, seconds: float, sign: Sign | None, budget: FetchBudget | None, wait: float, asked: str
    ) -> Iterator[Visit]:
        if self._negative is not None and self._negative.holds(asked):
            raise RemoteFault("remote:failed-lately")
        line = Line(seconds, self._allow_private, self._clock, CONNECT_SECONDS)
        try:
            yield Visit(self._checked, self._agent, self._slots, self._trust, line, sign, budget, wait)
        except Busy:
            raise
        except Refused as fault:
            if self._negative is not None and fault.rule != "remote:budget":
                self._negative.remember(asked, fault)
            raise
        finally:
            line.close()

    # ---- deliveries

    def _connect(self, origin: Origin, seconds: float) -> _Kept:
        line = Line(seconds, self._allow_private, self._clock, CONNECT_SECONDS)
        return _Kept(origin, line, pool(line, origin.scheme, origin.host, origin.port, self._trust))

    def _take(self, origin: Origin, seconds: float) -> _Kept:
        with self._guard:
            idle = self._idle.get(origin, [])
            kept = idle.pop() if idle else None
            if not idle:
                self._idle.pop(origin, None)
        if kept is None:
            return self._connect(origin, seconds)
        kept.line.renew(seconds)
        return kept

    def _put_back(self, kept: _Kept) -> None:
        kept.line.rest()
        now = self._clock()
        kept.since, kept.used = now, True
        with self._guard:
            old = [each for held in self._idle.values() for each in held if now - each.since > IDLE_SECONDS]
            for each in old:
                self._idle[each.origin].remove(each)
            if sum(map(len, self._idle.values())) < MAX_IDLE and not kept.line.expired:
                self._idle.setdefault(kept.origin, []).append(kept)
            else:
                old.append(kept)
            self._idle = {origin: held for origin, held in self._idle.items() if held}
        for each in old:
            each.close()

    def _deliver(self, kept: _Kept, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        target = address[len(str(kept.origin)) :]
        with closing(send(kept.pool, kept.line, "POST", target, headers, body)) as response:
            beginning = bytearray()
            for piece in pieces(response, kept.line):
                beginning += piece
                if len(beginning) >= MAX_ANSWER:
                    break
            return Answer(
                response.status,
                response.headers.get("Retry-After"),
                response.headers.get("Accept-Signature"),
                bytes(beginning[:MAX_ANSWER]),
            )


__all__ = [
    "ACCEPT",
    "AS2",
    "MAX_FETCHES",
    "Answer",
    "Busy",
    "FetchBudget",
    "NegativeCache",
    "Remote",
    "RemoteBody",
    "RemoteDocument",
    "RemoteFault",
    "Sign",
    "Slots",
    "is_as2",
]
