"""The way of an activity from the HTTP border to the durable queue: steps 1 to 8 of the design, section 5, in order.

It must never answer 202 before the bytes are durable, do dear work before cheap checks, nor tell why a proof failed.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeGuard

from federation.activitypub import proofs, signatures
from federation.activitypub.audience import is_public
from federation.activitypub.authority import UNPROVED, Purpose, check_sender, ends_itself, may_state
from federation.activitypub.buckets import Buckets, Rate, client_name
from federation.activitypub.commits import GroupCommit
from federation.activitypub.keycache import GONE, KeyCache
from federation.activitypub.keys import PublicKey
from federation.activitypub.origins import origin_of, same_origin
from federation.activitypub.refusal import Forbidden, Refused, Unauthorised
from federation.activitypub.remote import AS2, is_as2
from federation.activitypub.signatures import Message
from federation.activitypub.signatures.message import MAX_SIGNATURE_FIELD, is_our_host
from federation.activitypub.strictjson import MAX_BYTES, MAX_JSONLD_BYTES, parse_activity
from federation.errors import EngineUnavailable
from federation.ledger.ap_inbox import Received
from federation.ledger.ap_peers import BlockRow
from federation.ledger.times import to_text

MAX_HEADERS: Final = 32 * 1024
"""Characters of all names and values."""
MAX_SEEN: Final = 50_000
BLOCKS_FOR: Final = 5.0
"""Seconds for which the list of blocks is not read again; whoever works on what was accepted reads it anew."""
BUSY_SECONDS: Final = 60
BYTES_OF_TOKEN: Final = 32 * 1024

_CLAIMED: Final = re.compile(r'key[iI]d="(https?://[^"/?#]{1,300})')
_KIND: Final = 32  # characters, as the ledger keeps it
_EVIDENCE: Final = frozenset(
    {"signature", "signature-input", "digest", "content-digest", "date", "host", "content-type", "user-agent"}
)
_INVITATION: Final = (
    ("WWW-Authenticate", 'Signature headers="(request-target) host date digest content-type"'),
    ("Accept-Signature", 'sig1=("@method" "@target-uri" "content-digest");created;keyid'),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: a status, and headers of ours. The body follows from the status alone."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken: of a client address (nobody is proved yet), and of a proved host."""

    client: Rate
    host: Rate


USUAL: Final = Limits(Rate(500.0, 5_000.0), Rate(500.0, 5_000.0))


class Queue(Protocol):
    """The inbox of the ledger."""

    def keep(self, rows: Sequence[Received], now: datetime) -> list[bool]:
        """Keep activities in one durable transaction; for each, whether it is new."""

    def seen(self, hash_: str) -> bool:
        """Whether this very request has been kept before."""


class TooMuch(Refused):
    """A bucket is empty (429)."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, rule: str, seconds: float) -> None:
        super().__init__(rule)
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True, slots=True)
class _Claim:
    """Who says so, by which key, and how that is verified; nothing is proved yet."""

    activity: Mapping[str, Any]
    actor: str
    key_id: str
    purpose: Purpose
    created: datetime | None
    verify: Callable[[PublicKey], None]
    verdict: Mapping[str, Any]
    covered: tuple[str, ...] = ()


class Inbox:
    """One per process, safe for threads. ``origin``: the configured base address; ``clock``: seconds, monotonic.

    ``blocks`` lists all blocks (:class:`~federation.ledger.ap_peers.Blocks`); ``known`` says whether we have to do with
    an actor: of strangers that are gone nothing is kept.
    """

    def __init__(
        self,
        origin: str,
        keys: KeyCache,
        queue: Queue,
        blocks: Callable[[], list[BlockRow]],
        now: Callable[[], datetime],
        clock: Callable[[], float],
        limits: Limits = USUAL,
        known: Callable[[str], bool] = lambda _actor: False,
    ) -> None:
        self._origin = str(origin_of(origin))
        self._keys, self._queue, self._now, self._known = keys, queue, now, known
        self._blocks = _BlockList(blocks, clock)
        self._clients = Buckets(limits.client, clock)
        self._hosts = Buckets(limits.host, clock)
        self._commits = GroupCommit(queue.keep, now)
        self._seen = _Seen(now())

    def receive(self, message: Message, client: str) -> Answer:
        """Take one request from the address ``client``. 202: it is durable, or was known. Never raises for its content.

        The body of the answer must depend on the status only.
        """
        try:
            with self._commits.coming():
                self._take(message, client)
        except TooMuch as refused:
            return self._refusal(refused, ("Retry-After", str(refused.seconds)))
        except Unauthorised as refused:
            return self._refusal(refused, *_INVITATION)
        except Refused as refused:
            later = refused.status == HTTPStatus.SERVICE_UNAVAILABLE
            return self._refusal(refused, *((("Retry-After", str(BUSY_SECONDS)),) if later else ()))
        except EngineUnavailable as error:
            _log.warning("the inbox keeps nothing: %s", error)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, (("Retry-After", str(BUSY_SECONDS)),))
        return Answer(HTTPStatus.ACCEPTED)

    def close(self) -> None:
        """Write what waits, and take no more."""
        self._commits.close()

    # ---- the steps

    def _take(self, message: Message, client: str) -> None:
        """Steps 1 to 8. Returns once the activity is durable. Raises Refused, EngineUnavailable."""
        check_envelope(message, self._origin)
        self._check_rate(self._clients, client_name(client), message, "rate:client")
        self._check_claimed(message)
        seen = fingerprint(message)
        if self._seen.holds(seen):
            return
        activity = parse_activity(message.body)
        claim = self._claim(message, activity)
        host = origin_of(claim.actor).authority
        if self._blocks.holds(host, claim.actor):
            raise Forbidden("block")
        if self._is_repeat(seen, claim.created):
            return
        if (proved := self._proved(claim)) is None:
            return
        may_state(claim.activity)
        if proved is claim:  # what nobody proved is at nobody's expense but its client's
            self._check_rate(self._hosts, host, message, "rate:host")
        self._commits.put(_row(message, proved, host, seen))
        self._seen.add(seen, self._now())

    def _proved(self, claim: _Claim) -> _Claim | None:
        """A claim that its key proves. Raises Unauthorised, Busy.

        An actor that says its own end, whose server says that its key is gone, can prove nothing any more: the claim is
        given as unproved, for whoever works on it asks the server for the actor; None if nobody here knows the actor.
        """
        try:
            self._keys.check(claim.key_id, claim.actor, claim.purpose, claim.verify)
        except Unauthorised as refused:
            if not _is_farewell(refused, claim.activity):
                raise
            known = self._known(claim.actor)
            return replace(claim, verdict={**claim.verdict, "method": UNPROVED}) if known else None
        return claim

    def _check_rate(self, buckets: Buckets, name: str, message: Message, rule: str) -> None:
        """Take what a request costs: one token, and one for each so many bytes, as reading them is not free."""
        wait = buckets.take(name, 1.0 + len(message.body) // BYTES_OF_TOKEN)
        if wait is not None:
            raise TooMuch(rule, wait)

    def _check_claimed(self, message: Message) -> None:
        """Refuse a blocked host by what it claims, before its document is read. This reading never believes."""
        for name in ("signature", "signature-input"):
            for value in _values(message, name):
                for claimed in _CLAIMED.findall(value[:MAX_SIGNATURE_FIELD]):
                    if same_origin(claimed) and self._blocks.holds(origin_of(claimed).authority):
                        raise Forbidden("block")

    def _claim(self, message: Message, activity: Mapping[str, Any]) -> _Claim:
        """Read the one proof or signature that counts. A proof takes precedence; a bad one is not made up for."""
        now = self._now()
        if self._brings_proof(message, activity) and (proof := proofs.parse(activity, now=now)) is not None:
            return _claim_of_proof(proof, message.target)
        parsed = signatures.parse(message, origin=self._origin, now=now)
        actor = check_sender(activity, parsed.key_id)
        stated = {
            "method": "http",
            "dialect": parsed.dialect.value,
            "key": parsed.key_id,
            "created": to_text(parsed.created),
            "target": message.target,
        }

        def verify(key: PublicKey) -> None:
            signatures.verify(parsed, key)

        return _Claim(activity, actor, parsed.key_id, Purpose.HTTP, parsed.created, verify, stated, parsed.covered)

    def _brings_proof(self, message: Message, activity: Mapping[str, Any]) -> bool:
        """Whether to read a proof at all. What reading costs (JCS) is spent on those only who have a key of their own.

        Raises Unauthorised, Refused (413), Busy.
        """
        listed = activity.get("proof")
        ours = [each for each in (listed if isinstance(listed, list) else [listed]) if _is_ours(each)]
        if len(ours) == 1:
            method = ours[0].get("verificationMethod")
            if len(message.body) > MAX_JSONLD_BYTES:
                raise Refused("proof:size", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if not isinstance(method, str):
                raise Unauthorised("proof-form")
            actor = check_sender(activity, method)
            if self._blocks.holds(origin_of(actor).authority, actor):
                raise Forbidden("block")
            try:
                self._keys.key(method, actor, Purpose.PROOF)
            except Unauthorised as refused:
                if _is_farewell(refused, activity):
                    return False
                raise
        return "proof" in activity

    def _is_repeat(self, seen: str, created: datetime | None) -> bool:
        """Ask the ledger, where it may know of a repeat that memory does not: signed before memory reaches back."""
        if created is not None and created > self._seen.since:
            return False
        return self._queue.seen(seen)

    def _refusal(self, refused: Refused, *headers: tuple[str, str]) -> Answer:
        _log.info("refused %d %s", refused.status, refused.rule)
        return Answer(refused.status, headers)


def check_envelope(message: Message, origin: str) -> None:
    """Step 1: what is refused without looking into it. Raises Refused (405, 413, 415, 421, 431)."""
    if message.method != "POST":
        raise Refused("http:method", HTTPStatus.METHOD_NOT_ALLOWED)
    if sum(len(name) + len(value) for name, value in message.headers) > MAX_HEADERS:
        raise Refused("http:headers", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    hosts, kinds, codings = (_values(message, name) for name in ("host", "content-type", "content-encoding"))
    if not message.target.startswith("/") or len(hosts) != 1 or not is_our_host(hosts[0], origin):
        raise Refused("http:host", HTTPStatus.MISDIRECTED_REQUEST)
    if len(kinds) != 1 or not is_as2(kinds[0]) or any(coding.lower() != "identity" for coding in codings):
        raise Refused("http:content-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    plain = kinds[0].partition(";")[0].strip().lower() == AS2
    if len(message.body) > (MAX_BYTES if plain else MAX_JSONLD_BYTES):
        raise Refused("http:size", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def fingerprint(message: Message) -> str:
    """Name this very request: a hash of its signature fields and its body."""
    made = hashlib.sha256()
    for name in ("signature", "signature-input"):
        for value in _values(message, name):
            made.update(f"{name} {len(value)} {value}\n".encode())
    made.update(b"\n" + message.body)
    return made.hexdigest()


def _values(message: Message, name: str) -> list[str]:
    return [value.strip(" \t") for key, value in message.headers if key.lower() == name]


def _is_farewell(refused: Unauthorised, activity: Mapping[str, Any]) -> bool:
    """Whether an activity cannot be proved because its actor is gone, which is what it says."""
    return refused.rule == GONE and ends_itself(activity)


def _claim_of_proof(proof: proofs.Proof, target: str) -> _Claim:
    """What a proof claims; of the document only what it authenticates counts."""
    key_id = proof.verification_method

    def verify(key: PublicKey) -> None:
        proofs.verify(proof, key)

    stated = {"method": "proof", "key": key_id, "target": target}
    return _Claim(proof.document, check_sender(proof.document, key_id), key_id, Purpose.PROOF, None, verify, stated)


def _is_ours(proof: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a proof is of the suite that counts; :mod:`proofs` judges it."""
    return isinstance(proof, Mapping) and (proof.get("type"), proof.get("cryptosuite")) == (proofs.TYPE, proofs.SUITE)


def _row(message: Message, claim: _Claim, host: str, seen: str) -> Received:
    activity = claim.activity
    about = activity.get("object")
    named = about.get("id") if isinstance(about, Mapping) else about
    evidence = _EVIDENCE.union(claim.covered)
    return Received(
        activity=str(activity["id"]),
        actor=claim.actor,
        host=host,
        kind=str(activity["type"])[:_KIND],
        object=named if isinstance(named, str) else None,
        raw=message.body,
        headers=tuple((name, value) for name, value in message.headers if name.lower() in evidence),
        verdict=claim.verdict,
        audience="public" if is_public(activity) else "limited",
        sha256=hashlib.sha256(message.body).hexdigest(),
        seen=seen,
    )


class _Seen:
    """Requests that were kept lately, by their names. ``since``: from when on none is forgotten."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self._kept: OrderedDict[str, datetime] = OrderedDict()
        self._guard = threading.Lock()

    def holds(self, name: str) -> bool:
        with self._guard:
            return name in self._kept

    def add(self, name: str, now: datetime) -> None:
        with self._guard:
            self._kept[name] = now
            if len(self._kept) > MAX_SEEN:
                self.since = self._kept.popitem(last=False)[1]


class _BlockList:
    """Who is blocked, read anew every few seconds."""

    def __init__(self, read: Callable[[], list[BlockRow]], clock: Callable[[], float]) -> None:
        self._read, self._clock = read, clock
        self._held: tuple[float, frozenset[str]] | None = None

    def holds(self, *subjects: str) -> bool:
        now = self._clock()
        held = self._held
        if held is None or now - held[0] >= BLOCKS_FOR:
            held = (now, frozenset(row.subject for row in self._read()))
            self._held = held
        return not held[1].isdisjoint(subjects)
