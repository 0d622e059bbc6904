"""Who may read our ActivityStreams documents in secure mode: whoever signs the request, and is not blocked.

It must never tell why a signature failed, nor fetch anything for a request without one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

from federation.activitypub import signatures
from federation.activitypub.authority import Purpose
from federation.activitypub.buckets import Buckets, Rate, client_name
from federation.activitypub.inbox import BUSY_SECONDS, MAX_HEADERS, Answer, TooMuch
from federation.activitypub.keycache import KeyCache
from federation.activitypub.keys import PublicKey
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Forbidden, Refused, Unauthorised
from federation.activitypub.signatures import Message
from federation.activitypub.signatures.message import is_our_host
from federation.errors import EngineUnavailable
from federation.ledger.ap_peers import Blocks

EACH: Final = Rate(50.0, 500.0)
"""Signed requests of one client address: each may make us fetch a key."""

_INVITATION: Final = (
    ("WWW-Authenticate", 'Signature headers="(request-target) host date"'),
    ("Accept-Signature", 'sig1=("@method" "@target-uri");created;keyid'),
)
_log = logging.getLogger(__name__)


class Readers:
    """One per process, safe for threads. ``origin``: the configured base address; ``clock``: seconds, monotonic."""

    def __init__(
        self,
        origin: str,
        keys: KeyCache,
        blocks: Blocks,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        each: Rate = EACH,
    ) -> None:
        self._origin = str(origin_of(origin))
        self._keys, self._blocks, self._now = keys, blocks, now
        self._clients = Buckets(each, clock)

    def refusal(self, message: Message, client: str) -> Answer | None:
        """What to answer in place of a document to a GET from the address ``client``; None if it may be read."""
        try:
            self._check(message, client)
        except TooMuch as refused:
            return _told(refused, ("Retry-After", str(refused.seconds)))
        except Unauthorised as refused:
            return _told(refused, *_INVITATION)
        except Refused as refused:
            later = refused.status == HTTPStatus.SERVICE_UNAVAILABLE
            return _told(refused, *((("Retry-After", str(BUSY_SECONDS)),) if later else ()))
        except EngineUnavailable as error:
            _log.warning("nobody can be proved: %s", error)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, (("Retry-After", str(BUSY_SECONDS)),))
        return None

    def _check(self, message: Message, client: str) -> None:
        """Raises Refused, EngineUnavailable."""
        if sum(len(name) + len(value) for name, value in message.headers) > MAX_HEADERS:
            raise Refused("http:headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        hosts = [value.strip(" \t") for name, value in message.headers if name.lower() == "host"]
        if len(hosts) != 1 or not is_our_host(hosts[0], self._origin):
            raise Refused("http:host", HTTPStatus.MISDIRECTED_REQUEST)
        parsed = signatures.parse(message, origin=self._origin, now=self._now())
        wait = self._clients.take(client_name(client))
        if wait is not None:
            raise TooMuch("rate:client", wait)
        reader = reader_of(parsed.key_id)
        if self._blocks.find([reader, origin_of(reader).authority]) is not None:
            raise Forbidden("block")

        def verify(key: PublicKey) -> None:
            signatures.verify(parsed, key)

        self._keys.check(parsed.key_id, reader, Purpose.HTTP, verify)


def reader_of(key_id: str) -> str:
    """The actor that a key id names: without its fragment, or its last step if it has none. Raises Refused.

    Whether the key is that actor's, its own document must say (keycache.py).
    """
    actor, fragment, _ = key_id.partition("#")
    named = actor if fragment else actor.rpartition("/")[0]
    try:
        origin_of(named)
    except Refused as error:
        raise Unauthorised("key-id") from error
    return named


def _told(refused: Refused, *headers: tuple[str, str]) -> Answer:
    _log.info("reading refused %d %s", refused.status, refused.rule)
    return Answer(refused.status, headers)
