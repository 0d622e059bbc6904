"""From what an activity names to what its owner states (intake, steps 10 to 13): embedded, proved or fetched.

Must never take a statement on anybody's word but its owner's, nor write anything. Design, section 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Protocol

from federation.activitypub import proofs
from federation.activitypub.audience import addressees, any_public
from federation.activitypub.authority import (
    Document,
    Known,
    Purpose,
    Standing,
    actor_of,
    id_of,
    is_actor,
    may_state,
    owner_of,
    same_origin,
)
from federation.activitypub.exchange import FetchBudget, RemoteFault, Sign
from federation.activitypub.fetching import Fetcher
from federation.activitypub.keys import PublicKey
from federation.activitypub.quads import own_statements
from federation.activitypub.refusal import Forbidden, Refused
from federation.pipeline.pushed import Received

BRINGING = frozenset({"Create", "Update"})
ABOUT_OBJECTS = BRINGING | {"Delete"}
N_TRIPLES = "application/n-triples"
MAX_RECORD = 1024 * 1024
"""Bytes of the full data of one record."""

_FETCHES = 12  # requests that one activity may cause here
_SECONDS = 10.0
_TURNS: Mapping[int, None] = MappingProxyType(dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_CAPS: Mapping[str, int] = MappingProxyType({"name": 1_000, "summary": 20_000, "content": 131_072})
"""Characters of the fields of an object (abuse 38)."""


class Keys(Protocol):
    """keycache.KeyCache, as far as it is needed here."""

    def check(self, key_id: str, owner: str, purpose: Purpose, verify: Callable[[PublicKey], None]) -> None:
        """Verify with the key of that id if it is ``owner``'s. Raises Unauthorised, Busy."""


class Expanding(Protocol):
    """expand.Expander."""

    def quads(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """Expand a document to N-Quads lines. Raises Refused, EngineUnavailable."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the owner of an object says of it. ``thing``: the object, None for a Delete; ``digest``: of what it says.

    ``confirmed``: its origin served it just now. ``data``: the record's N-Triples, from a sync peer; ``record``: its
    IRI.
    """

    kind: str
    actor: str
    name: str
    document: Document
    thing: Document | None
    received: Received
    digest: str = ""
    confirmed: bool = False
    record: str = ""
    data: str | None = None


class Resolver:
    """Safe for threads."""

    def __init__(
        self,
        remote: Fetcher,
        keys: Keys,
        expander: Expanding,
        clock: Callable[[], datetime],
        sign: Sign | None = None,
    ) -> None:
        self._remote, self._keys, self._expander = remote, keys, expander
        self._clock, self._sign = clock, sign

    def inner(self, embedded: Document, received: Received) -> tuple[Document, Received]:
        """The activity within an Announce, as its own author said it: by its proof, else from its origin.

        Raises Refused, Unauthorised, RemoteFault, Busy (abuse 20).
        """
        actor = actor_of(embedded)
        proof = proofs.parse(embedded, now=self._clock())
        if proof is not None:
            proved: list[Document] = []
            self._keys.check(
                proof.verification_method, actor, Purpose.PROOF, lambda key: proved.append(proofs.verify(proof, key))
            )
            document = proved[-1]
            how = replace(received, method="proof", key=proof.verification_method)
        else:
            document = self._fetched(id_of(embedded), FetchBudget(_FETCHES))
            how = replace(received, method="fetch", key="")
        if id_of(document) != id_of(embedded) or actor_of(document) != actor:
            raise Forbidden("announce:inner")
        return document, replace(how, activity=id_of(document), source=str(actor))

    def statement(self, document: Document, known: Known, received: Received, whole: bool = False) -> Statement:
        """What an activity states of its object, resolved. ``whole``: with the full data of its record (sync peers).

        Raises Refused, Forbidden (not the owner's to say; not public), RemoteFault, Busy, EngineUnavailable.
        """
        kind, actor = str(document["type"]), actor_of(document)
        standing = may_state(document, known)
        budget = FetchBudget(_FETCHES)
        if kind == "Delete":
            return self._deletion(document, standing, known, received, budget)
        thing, confirmed = document["object"], False
        if standing is not Standing.EMBEDDED:
            thing, confirmed = self._fetched(id_of(thing), budget), True
            received = replace(received, method="fetch")
        if not isinstance(thing, Mapping) or is_actor(thing) or owner_of(thing) != actor:
            raise Forbidden("state:owner")
        check_public(document, thing)
        check_lengths(thing)
        thing = straight(thing)
        said = Statement(kind, actor, id_of(thing), document, thing, received, confirmed=confirmed)
        return self._with_record(said, budget) if whole else self._expanded(said)

    def confirm(self, said: Statement) -> Statement:
        """The same, as the origin of its object serves it now. Raises as :meth:`statement` does."""
        thing = self._fetched(said.name, FetchBudget(_FETCHES))
        if is_actor(thing) or owner_of(thing) != said.actor:
            raise Forbidden("state:owner")
        check_public(said.document, thing)
        check_lengths(thing)
        received = replace(said.received, method="fetch")
        again = replace(said, thing=straight(thing), received=received, confirmed=True)
        return self._with_record(again, FetchBudget(_FETCHES)) if said.data is not None else self._expanded(again)

    # -- each way

    def _deletion(
        self, document: Document, standing: Standing, known: Known, received: Received, budget: FetchBudget
    ) -> Statement:
        actor, name = actor_of(document), id_of(document["object"])
        said = Statement("Delete", actor, name, document, None, received)
        if known.owner == actor:
            return said
        if known.owner is not None and standing is not Standing.EMBEDDED:
            raise Forbidden("state:owner")
        # whose it is we do not know, or the Application of its origin speaks: the origin must say that it is gone
        there = self._there(name, budget)
        if there is not None and (known.owner is not None or owner_of(there) != actor):
            raise Forbidden("state:owner")
        return replace(said, actor=known.owner or actor, confirmed=True)

    def _there(self, name: str, budget: FetchBudget) -> Document | None:
        """What the origin of an object serves; None if it says that it is gone, or knows nothing of it."""
        try:
            thing = self._fetched(name, budget)
        except RemoteFault as fault:
            if not fault.passing and fault.remote_status in {HTTPStatus.GONE, HTTPStatus.NOT_FOUND}:
                return None
            raise
        return None if thing.get("type") == "Tombstone" else thing

    def _fetched(self, name: str, budget: FetchBudget) -> Document:
        """The document that the origin of an id serves under just this id (abuse 13, 15). Raises RemoteFault, Busy."""
        got = self._remote.fetch_document(name, sign=self._sign, budget=budget, seconds=_SECONDS)
        if got.id != name:
            raise Forbidden("remote:id")
        return got.document

    def _expanded(self, said: Statement) -> Statement:
        """Expand the object in a child process, and keep of it what is its own to say (steps 11 to 13)."""
        thing = {key: value for key, value in (said.thing or {}).items() if key not in {"proof", "signature"}}
        context = thing.get("@context", said.document.get("@context"))
        if context is None:
            raise Refused("context:none")
        lines = self._expander.quads({**thing, "@context": context})
        triples = own_statements(lines, said.name)
        if not triples:
            raise Refused("quads:none")
        text = "".join(f"{s} {p} {o} .\n" for s, p, o in triples)
        return replace(said, digest=f"sha-256:{hashlib.sha256(text.encode()).hexdigest()}")

    def _with_record(self, said: Statement, budget: FetchBudget) -> Statement:
        """Fetch the data of a record and compare them with their digest; steps 11 and 12 are not needed then.

        If the data are newer than the activity, the object is asked for once more: it names the digest of today.
        """
        thing = said.thing or {}
        for attempt in (1, 2):
            link, digest = thing.get("recordData"), thing.get("recordDigest")
            if not isinstance(link, str) or not isinstance(digest, str) or not same_origin(link, said.name):
                raise Refused("record:link")
            got = self._remote.fetch_bytes(
                link, accept=N_TRIPLES, takes=_is_n_triples, limit=MAX_RECORD, sign=self._sign, budget=budget,
                seconds=_SECONDS,
            )  # fmt: skip
            if f"sha-256:{hashlib.sha256(got.body).hexdigest()}" == digest:
                return replace(said, thing=thing, digest=digest, record=record_of(said.name), data=_text(got.body))
            if attempt == 1:
                thing = self._fetched(said.name, budget)
                if owner_of(thing) != said.actor:
                    raise Forbidden("state:owner")
                said = replace(said, confirmed=True, received=replace(said.received, method="fetch"))
        raise RemoteFault("record:digest", passing=True)


def record_of(object_id: str) -> str:
    """The record IRI that an object of a Carrefour is a view of: the same path under ``/records/``. Raises Refused."""
    origin, found, rid = object_id.partition("/objects/")
    if not found or not rid:
        raise Refused("record:object")
    return f"{origin}/records/{rid}"


def check_public(activity: Document, thing: Document) -> None:
    """Raise Forbidden unless everybody is addressed: by the activity, and by the object if it says for whom it is.

    Design, section 6 (Openness); abuse 50.
    """
    own = list(addressees(thing))
    if not any_public(addressees(activity)) or (own and not any_public(own)):
        raise Forbidden("audience:private")


def check_lengths(thing: Document) -> None:
    """Raise Refused if a field is longer than any honest one (abuse 38)."""
    for name, most in _CAPS.items():
        by_language = thing.get(f"{name}Map")
        values = [thing.get(name), *(by_language.values() if isinstance(by_language, Mapping) else ())]
        if any(isinstance(value, str) and len(value) > most for value in values):
            raise Refused("field:length")


def straight(thing: Document) -> dict[str, Any]:
    """The same without the marks that turn the direction of writing: they show one text and are another (abuse 38)."""
    return {key: _straight(value) for key, value in thing.items()}


def _straight(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.translate(_TURNS)
    if isinstance(value, Mapping):
        return straight(value)
    return [_straight(one) for one in value] if isinstance(value, list) else value


def _is_n_triples(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == N_TRIPLES


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused("record:encoding") from None
