"""A kept activity as it is worked on, and what the ledger knows as a round of work begins.

Reads only: it must never decide, nor believe of an activity that came with a proof more than the proof covers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from federation.activitypub import proofs
from federation.activitypub.authority import Document, same_origin
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Refused
from federation.activitypub.strictjson import parse_activity
from federation.ledger import Ledger
from federation.ledger.ap_hosts import HostRow
from federation.ledger.ap_inbox import InboxRow
from federation.ledger.ap_objects import ObjectRow
from federation.ledger.ap_peers import ActorRow, BindingRow, SyncRow
from federation.ledger.times import from_text
from federation.pipeline.pushed import Received

APPROVED = "ap-approved:"
"""Before the number of an activity in the inbox: the fact that a person let it in."""
METHODS: Mapping[str, str] = MappingProxyType({"http": "http-signature"})
"""How an activity was proved, as it is told of the record that it made."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A kept activity, read. ``about``: what it is about; of two about one thing the first is worked on first."""

    row: InboxRow
    document: Document
    received: Received
    about: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who is blocked, bound and in step with us, as a round of work begins; and what is known of what it is about.

    ``asked`` names the objects that the ledger was asked for: what else is needed is asked for by itself.
    """

    blocked: frozenset[str]
    bindings: Mapping[str, BindingRow]
    syncs: Mapping[str, SyncRow]
    asked: frozenset[str]
    objects: Mapping[str, ObjectRow]
    actors: Mapping[str, ActorRow]
    hosts: Mapping[str, HostRow]
    approved: frozenset[str]

    @classmethod
    def of(cls, ledger: Ledger, pieces: Sequence[Piece]) -> Snapshot:
        """What the ledger says now, asked once for all that is to be decided on."""
        names, speakers = {one.about for one in pieces}, {one.row.actor for one in pieces}
        return cls(
            frozenset(block.subject for block in ledger.ap_blocks.all()),
            {row.actor: row for row in ledger.ap_bindings.all()},
            {row.actor: row for row in ledger.ap_syncs.all()},
            frozenset(names),
            ledger.ap_objects.many(names),
            ledger.ap_actors.many(speakers),
            ledger.ap_hosts.many({one.row.host for one in pieces}),
            frozenset(ledger.cursors.facts(f"{APPROVED}{one.row.id}" for one in pieces)),
        )

    def blocks(self, actor: str) -> bool:
        """Whether an actor, or its host, is blocked."""
        return actor in self.blocked or origin_of(actor).authority in self.blocked

    def peer_of(self, actor: str) -> SyncRow | None:
        """The sync peer on whose server an actor lives."""
        return next((row for row in self.syncs.values() if same_origin(row.origin, actor)), None)

    def approves(self, piece: Piece) -> bool:
        """Whether a person let an activity in."""
        return f"{APPROVED}{piece.row.id}" in self.approved


def piece_of(row: InboxRow) -> Piece:
    """Read a kept activity; of one that came with a proof only what the proof covers. Raises Refused."""
    if row.raw is None:
        raise Refused("intake:purged")
    document: Document = parse_activity(row.raw)
    at = from_text(row.received)
    method, key = str(row.verdict.get("method", "http")), str(row.verdict.get("key", ""))
    if method == "proof":
        proof = proofs.parse(document, now=at)
        if proof is None:
            raise Refused("intake:proof")
        document = proof.document
    if document.get("id") != row.activity or document.get("actor") != row.actor:
        raise Refused("intake:row")
    source = str(origin_of(row.actor))
    received = Received(source, METHODS.get(method, method), at, key, row.activity, row.sha256)
    return Piece(row, document, received, _about(document))


def named(thing: Any) -> str | None:
    """The id of a thing that is named or embedded; None if it has none."""
    name = thing.get("id") if isinstance(thing, Mapping) else thing
    return name if isinstance(name, str) and name else None


def _about(document: Document) -> str:
    """What stands in line behind each other: what an activity is about at its core; for relations, who speaks."""
    if document["type"] == "Like":
        return str(document["id"])
    if document["type"] not in {"Create", "Update", "Delete", "Announce"}:
        return f"actor {document['actor']}"
    thing: Any = document
    while isinstance(thing, Mapping) and "object" in thing:
        thing = thing["object"]
    return named(thing) or f"actor {document['actor']}"
