"""Reads what another Carrefour offers to keep in step with it (see changes.py), and believes nothing of its form.

Must never give on a record, or a partner, that is not on the origin it was asked of. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from federation.activitypub.exchange import RemoteBody, RemoteFault, Sign
from federation.activitypub.fetching import Bodies
from federation.activitypub.objects import record_digest
from federation.activitypub.origins import same_origin
from federation.catalogue.records import web_address
from federation.errors import PeerError
from federation.pipeline.peering import PeerPartner
from federation.pipeline.timely import when

MAX_DOCUMENT = 32 * 1024 * 1024
MAX_RECORD = 1024 * 1024
"""Bytes of one document, and of the data of one record."""

N_TRIPLES = "application/n-triples"
_ACCEPT = "application/json, application/activity+json;q=0.9"
_JSON = frozenset({"application/json", "application/activity+json", "application/ld+json"})
_SECONDS = 60.0  # a document of many records
_RECORD_SECONDS = 15.0
_WAIT = 30.0  # for a free slot: nobody waits for us
_PARTNERS = 10_000
_LISTED = 10_000
_DIGEST = re.compile(r"sha-256:[0-9a-f]{64}", re.ASCII)
_XOR = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class Tally:
    """A partner there: who it is, how many records it has, their combined digest (64 hex digits)."""

    partner: PeerPartner
    count: int
    xor: str

    @property
    def name(self) -> str:
        """What stands for it in addresses there."""
        return self.partner.actor.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class State:
    """What a peer says of all its records: complete to ``seq``, which was at ``updated`` (ledger time)."""

    seq: int
    updated: str | None
    tallies: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A record that a peer tells of. ``digest`` None: it is withdrawn. ``data`` only in a dump."""

    record: str
    object: str
    owner: str
    updated: str
    digest: str | None
    seq: int = 0
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some of what is told. ``after``: the key from which it goes on, None at the end."""

    seq: int
    updated: str | None
    told: tuple[Told, ...]
    after: str | None


class PeerFeed:
    """One peer. Safe for threads. Every method raises RemoteFault, Busy, Refused."""

    def __init__(
        self, remote: Bodies, origin: str, sign: Sign | None = None, stop: Callable[[], bool] = lambda: False
    ) -> None:
        """``stop`` says whether nothing is to be asked any more."""
        self.origin = origin
        self._remote, self._sign, self._stop = remote, sign, stop
        self._base = f"{origin}/changes"

    def state(self) -> State:
        """The digest of everything, its partners in byte order of their names."""
        found = self._document(f"{self._base}/digest")
        seq, updated = _head(found)
        tallies = [self._tally(one) for one in _list(found, "partners", _PARTNERS)]
        return State(seq, updated, tuple(sorted(tallies, key=lambda one: one.name)))

    def changes(self, page: int) -> Part | None:
        """One page of the change feed, superseded entries left out; None if there is no such page."""
        try:
            found = self._document(f"{self._base}/page/{page}")
        except RemoteFault as fault:
            if fault.remote_status == HTTPStatus.NOT_FOUND:
                return None
            raise
        seq, updated = _head(found)
        told = [self._entry(one) for one in _list(found, "orderedItems", _LISTED)]
        return Part(seq, updated, tuple(one for one in told if one is not None), None)

    def manifest(self, tally: Tally, after: str) -> Part:
        """Some records of a partner, in byte order of their IRIs, without their data."""
        found = self._document(f"{self._base}/manifest/{tally.name}{'/' if after else ''}{after}")
        told = [
            self._told({**one, "object": one.get("id"), "owner": tally.partner.actor})
            for one in _list(found, "records", _LISTED)
        ]
        return self._part(found, told, after)

    def dump(self, tally: Tally, after: str) -> Part:
        """Some records of a partner, whole, each with the digest that it is announced with."""
        found = self._document(f"{self._base}/dump/{tally.name}{'/' if after else ''}{after}")
        told = [self._told(one, _text(one, "data", MAX_RECORD)) for one in _list(found, "records", _LISTED)]
        if any(one.owner != tally.partner.actor for one in told):
            raise malformed("owner")
        return self._part(found, told, after)

    def data(self, told: Told) -> str | None:
        """The data of a record; None if they are not, or not any more, what was told: a later change tells of it."""
        try:
            got = self._fetched(
                f"{told.record}.nt", N_TRIPLES, lambda kind: _media(kind) == N_TRIPLES, MAX_RECORD, _RECORD_SECONDS
            )
            return got.body.decode() if record_digest(got.body) == told.digest else None
        except UnicodeDecodeError:
            return None
        except RemoteFault as fault:
            if is_gone(fault) or fault.rule == "remote:size":
                return None
            raise

    def gone(self, record: str) -> bool:
        """Whether a record answers that it is not there (404, 410)."""
        try:
            self._fetched(f"{record}.nt", N_TRIPLES, lambda _kind: True, MAX_RECORD, _RECORD_SECONDS)
        except RemoteFault as fault:
            if is_gone(fault):
                return True
            if fault.rule == "remote:size":
                return False
            raise
        return False

    def _fetched(self, url: str, accept: str, takes: Callable[[str], bool], limit: int, seconds: float) -> RemoteBody:
        if self._stop():
            raise RemoteFault("sync:stopped", passing=True)
        return self._remote.fetch_bytes(
            url, accept=accept, takes=takes, limit=limit, sign=self._sign, seconds=seconds, wait=_WAIT
        )

    # -- forms

    def _document(self, url: str) -> dict[str, Any]:
        got = self._fetched(url, _ACCEPT, lambda kind: _media(kind) in _JSON, MAX_DOCUMENT, _SECONDS)
        try:
            found = orjson.loads(got.body)
        except orjson.JSONDecodeError:
            raise malformed("json") from None
        if not isinstance(found, dict):
            raise malformed("json")
        return found

    def _tally(self, given: Mapping[str, Any]) -> Tally:
        name, url = given.get("name"), given.get("url")
        actor = _text(given, "actor")
        plain = web_address(url) if isinstance(url, str) and len(url) <= 2_048 else None
        known = name.strip()[:200] if isinstance(name, str) and name.strip() else actor.rpartition("/")[2]
        partner = PeerPartner(actor, known, plain)
        try:
            if partner.origin != self.origin:
                raise malformed("actor")
        except PeerError:
            raise malformed("actor") from None
        xor = _text(given, "xor")
        if _XOR.fullmatch(xor) is None:
            raise malformed("xor")
        return Tally(partner, _number(given, "count"), xor)

    def _entry(self, given: Mapping[str, Any]) -> Told | None:
        deleted = given.get("type") == "Delete"
        if not deleted and given.get("digest") is None:
            return None
        row = {**given, "owner": given.get("actor")}
        if deleted:
            row.pop("digest", None)
        return self._told(row)

    def _told(self, given: Mapping[str, Any], data: str | None = None) -> Told:
        record, owner, updated = _text(given, "record"), _text(given, "owner"), _text(given, "updated")
        digest, named = given.get("digest"), given.get("object")
        home = owner.replace("/actors/", "/records/")
        key = record.removeprefix(f"{home}/")
        if not owner.startswith(f"{self.origin}/actors/") or key == record or _KEY.fullmatch(key) is None:
            raise malformed("record")
        said = when(updated)
        if said is None or (digest is not None and (not isinstance(digest, str) or not _DIGEST.fullmatch(digest))):
            raise malformed("digest")
        object_ = named if isinstance(named, str) and len(named) <= 2_048 else ""
        return Told(record, object_, owner, said, digest, _number({"seq": 0, **given}, "seq"), data)

    def _part(self, found: Mapping[str, Any], told: Sequence[Told], after: str) -> Part:
        """A part whose records come in order, and which goes on from a later one: a walk ends."""
        seq, updated = _head(found)
        keys = [one.record.rpartition("/")[2] for one in told]
        if any(later.encode() <= earlier.encode() for earlier, later in zip([after, *keys], keys, strict=False)):
            raise malformed("order")
        following = found.get("next")
        if following is None:
            return Part(seq, updated, tuple(told), None)
        key = following.rpartition("/")[2] if isinstance(following, str) else ""
        if _KEY.fullmatch(key) is None or key.encode() <= after.encode() or not same_origin(following, self.origin):
            raise malformed("next")
        return Part(seq, updated, tuple(told), key)


def is_gone(fault: RemoteFault) -> bool:
    """Whether the answer was that there is no such thing, or not any more."""
    return fault.remote_status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


def malformed(what: str) -> RemoteFault:
    """A peer answers something that is not of the form agreed on."""
    return RemoteFault(f"sync:{what}")


def _head(found: Mapping[str, Any]) -> tuple[int, str | None]:
    return _number(found, "seq"), when(found.get("updated"))


def _media(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def _text(given: Mapping[str, Any], name: str, most: int = 2_048) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value or len(value) > most:
        raise malformed(name)
    return value


def _number(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise malformed(name)
    return value


def _list(given: Mapping[str, Any], name: str, most: int) -> list[Mapping[str, Any]]:
    value = given.get(name)
    if not isinstance(value, list) or len(value) > most or not all(isinstance(one, dict) for one in value):
        raise malformed(name)
    return value
