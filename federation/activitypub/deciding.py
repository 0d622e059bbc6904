"""Decides what becomes of a kept activity (intake, step 9): an end, an effect in the ledger, a statement for a graph.

Reads, fetches and expands; it must never write but through the effects it gives back, and holds nothing for proved that
the activity's own actor may not say (authority.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from federation.activitypub.activities import FollowRef
from federation.activitypub.audience import is_public
from federation.activitypub.authority import (
    UNPROVED,
    Document,
    Known,
    actor_of,
    ends_itself,
    id_of,
    is_actor,
    may_state,
    same_origin,
)
from federation.activitypub.directory import Directory
from federation.activitypub.follows import Mode, Relations, follow_mode, record_mode
from federation.activitypub.graphs import Ready
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.pieces import METHODS, Piece, Snapshot, named
from federation.activitypub.refusal import Forbidden, Refused
from federation.activitypub.resolve import ABOUT_OBJECTS, BRINGING, Resolver, Statement, record_of
from federation.ledger import Ledger
from federation.ledger.ap_inbox import WAITING, InboxState
from federation.ledger.ap_objects import ObjectRow
from federation.ledger.ap_peers import ActorRow, SyncRow
from federation.ledger.times import to_text

_SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is to be done, or not now."""

    state: InboxState
    rule: str
    next_try: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """An effect in the ledger. It gives the rule that it went by. ``touches``: what no two effects may share that are

    in one transaction, for the second would not see the first.
    """

    effect: Callable[[Connection], str]
    touches: str = ""


class Decider:
    """Safe for threads."""

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        relations: Relations,
        directory: Directory,
        resolver: Resolver,
        spoke: Callable[[str, str], None] = lambda _host, _dialect: None,
    ) -> None:
        """``spoke`` is told of hosts that have signed what they sent us, and in which dialect."""
        self._ledger, self._names, self._relations = ledger, names, relations
        self._directory, self._resolver, self._spoke = directory, resolver, spoke
        self._ways: Mapping[str, Callable[[Piece, Snapshot], End | Act | Ready]] = {
            "Follow": self._follow,
            "Undo": self._undo,
            "Accept": self._answer,
            "Reject": self._answer,
            "Flag": self._flag,
            "Like": self._count,
            "Announce": self._announce,
            "Create": self._object,
            "Update": self._object,
            "Delete": self._delete,
        }

    def decide(self, piece: Piece, snapshot: Snapshot) -> End | Act | Ready:
        """Decide on one piece. Raises Refused, RemoteFault, Busy, EngineUnavailable."""
        if snapshot.blocks(actor_of(piece.document)):
            return _drop("blocked")
        if piece.received.method == UNPROVED and not ends_itself(piece.document):
            return _drop("unproved")
        if piece.received.method == METHODS["http"]:
            self._spoke(piece.row.host, str(piece.row.verdict.get("dialect")))
        way = self._ways.get(str(piece.document["type"]))
        return _drop("unsupported") if way is None else way(piece, snapshot)

    def resend(self) -> int:
        """Ask once more whom nobody has answered; return how many."""
        return self._relations.resend()

    # -- relations: plain JSON

    def _follow(self, piece: Piece, _snapshot: Snapshot) -> End | Act:
        followed = piece.document.get("object")
        followed = followed.get("id") if isinstance(followed, Mapping) else followed
        if not isinstance(followed, str) or not self._relations.is_ours(followed):
            return _drop("follow-unknown")
        actor = actor_of(piece.document)
        follower = self._directory.actor(actor)
        mode = follow_mode(self._ledger.ap_hosts.get(follower.host))
        asked = FollowRef(piece.row.activity, actor, followed)
        return Act(lambda tx: self._relations.followed(asked, follower, mode, tx))

    def _undo(self, piece: Piece, _snapshot: Snapshot) -> End | Act:
        document = piece.document
        may_state(document)
        thing = document["object"]
        undone = thing if isinstance(thing, str) else str(thing.get("id", ""))
        before = self._ledger.ap_inbox.by_activity(undone)
        if before is not None and before.actor == document["actor"] and before.kind in {"Like", "Announce"}:
            about, kind = before.object, before.kind
            counted = before.outcome == "counted" and about is not None
            if before.state in WAITING:
                return End(InboxState.RETRY, "undo-early", self._directory.now() + _SOON)
            if not counted:
                return _drop("undo-unknown")
            return Act(lambda tx: self._tally(kind, str(about), -1, tx), tally_key(kind, str(about)))
        return Act(lambda tx: self._relations.undone(document, tx))

    def _answer(self, piece: Piece, _snapshot: Snapshot) -> Act:
        return Act(lambda tx: self._relations.answered(piece.document, tx))

    def _flag(self, _piece: Piece, _snapshot: Snapshot) -> End:
        return End(InboxState.QUARANTINED, "flag")

    def _count(self, piece: Piece, _snapshot: Snapshot) -> End | Act:
        about = named(piece.document.get("object"))
        if about is None or not self._is_ours(about):
            return _drop("not-ours")
        kind = str(piece.document["type"])
        return Act(lambda tx: self._tally(kind, about, 1, tx), tally_key(kind, about))

    def _tally(self, kind: str, about: str, by: int, tx: Connection) -> str:
        """Count what is said of a thing of ours; the counts have nothing to do with its graph."""
        key = tally_key(kind, about)
        self._ledger.cursors.set_fact(key, str(max(0, int(self._ledger.cursors.fact(key) or "0") + by)), tx)
        return "counted" if by > 0 else "undo-done"

    def _is_ours(self, named: str) -> bool:
        return self._names.record(named) is not None or self._names.ulid(named) is not None

    # -- what is passed on

    def _announce(self, piece: Piece, snapshot: Snapshot) -> End | Act | Ready:
        thing, announcer = piece.document.get("object"), actor_of(piece.document)
        about = named(thing)
        if about is None:
            raise Refused("object:one")
        if self._is_ours(about):
            return self._count(piece, snapshot)
        if not isinstance(thing, Mapping) or thing.get("type") not in ABOUT_OBJECTS or "actor" not in thing:
            return _drop("announce-foreign")  # nothing of a foreign object is believed but from its own origin
        speaker = actor_of(thing)
        if snapshot.blocks(speaker):
            return _drop("blocked-inner")
        peer = snapshot.syncs.get(announcer)
        if peer is not None and not same_origin(peer.origin, speaker):
            # pushed to the peer by a partner of its own: the peer's change feed names the record
            return Act(lambda tx: self._ask_peer(peer, tx))
        if peer is None and speaker not in snapshot.bindings:
            return _drop("announce-foreign")
        received = replace(piece.received, announcer=announcer)
        document, received = self._resolver.inner(thing, received)
        inner = replace(piece, document=document, received=received)
        return self._delete(inner, snapshot) if document["type"] == "Delete" else self._object(inner, snapshot)

    def _ask_peer(self, peer: SyncRow, tx: Connection) -> str:
        now = self._ledger.ap_syncs.get(peer.actor, tx)
        if now is not None:
            self._ledger.ap_syncs.put(now._replace(asked=to_text(self._directory.now())), tx)
        return "peer-asked"

    # -- objects

    def _object(self, piece: Piece, snapshot: Snapshot) -> End | Act | Ready:
        document, actor = piece.document, actor_of(piece.document)
        if document["type"] not in BRINGING:
            return _drop("inner-type")
        if is_actor(document.get("object")) or named(document.get("object")) == actor:
            return self._profile(document)
        if not is_public(document):
            return _drop("audience:private")
        binding, peer = snapshot.bindings.get(actor), snapshot.peer_of(actor)
        if binding is None and peer is None:
            return self._of_stranger(piece)
        if (end := self._held_back(piece, actor, snapshot)) is not None:
            return end
        if snapshot.approves(piece) and self._directory.is_gone(id_of(document["object"])):
            return _drop("object-gone")  # withdrawn while it waited, when its Delete was about nothing that we had
        known = self._known(id_of(document["object"]), snapshot)
        whole = binding is None
        said = self._resolver.statement(
            document, Known(known.owner if known and known.owner else None), piece.received, whole
        )
        if not said.confirmed and (piece.row.outcome or "").startswith("confirm:"):
            said = self._resolver.confirm(said)
        return Ready(
            piece.row, said, binding, self._directory.actor(actor) if whole else self._reachable(actor, snapshot)
        )

    def _known(self, name: str, snapshot: Snapshot) -> ObjectRow | None:
        return snapshot.objects.get(name) if name in snapshot.asked else self._ledger.ap_objects.get(name)

    def _reachable(self, actor: str, snapshot: Snapshot) -> ActorRow | None:
        """Where a partner can be told what became of its record; that it cannot be fetched now keeps nothing out."""
        known = snapshot.actors.get(actor) or self._ledger.ap_actors.get(actor)
        if known is not None:
            return known
        try:
            return self._directory.actor(actor)
        except Refused:
            return None

    def _held_back(self, piece: Piece, actor: str, snapshot: Snapshot) -> End | None:
        """What the mode of the host says of records that would otherwise enter; None: they may."""
        name = origin_of(actor).authority
        host = snapshot.hosts[name] if name in snapshot.hosts else self._ledger.ap_hosts.get(name)
        mode = record_mode(host, bound=True)
        if mode is Mode.DENY:
            return _drop("records-denied")
        if mode is Mode.ASK and not snapshot.approves(piece):
            return End(InboxState.QUARANTINED, "moderation")
        return None

    def _of_stranger(self, piece: Piece) -> End:
        """Of whoever is nobody's partner nothing enters a graph: a person may look at it, bind the actor and replay."""
        thing = piece.document.get("object")
        may_state(piece.document)
        mode = record_mode(self._ledger.ap_hosts.get(origin_of(piece.row.actor).authority), bound=False)
        if mode is Mode.DENY:
            return _drop("records-denied")
        about = named(thing.get("inReplyTo")) if isinstance(thing, Mapping) else None
        if about is not None:
            return End(InboxState.QUARANTINED, "reply") if self._is_ours(about) else _drop("not-ours")
        return End(InboxState.QUARANTINED, "moderation") if mode is Mode.ASK else _drop("unbound")

    def _profile(self, document: Document) -> End | Act:
        """An actor says that it has changed: only a fetch of its id says how (abuse 18, 23)."""
        actor = actor_of(document)
        if document["type"] != "Update":
            raise Forbidden("state:actor")
        may_state(document)
        before = self._ledger.ap_actors.get(actor)
        if before is None:
            return _drop("actor-unknown")
        after = self._directory.fetch(actor)
        return Act(lambda tx: self._moved(before, after, tx))

    def _moved(self, before: ActorRow, after: ActorRow, tx: Connection) -> str:
        self._relations.moved(before, after, tx)
        return "actor-updated"

    def _delete(self, piece: Piece, snapshot: Snapshot) -> End | Act | Ready:
        document, actor = piece.document, actor_of(piece.document)
        name = id_of(document.get("object"))
        if name == actor:
            return self._deleted_actor(document)
        known = self._known(name, snapshot)
        owner = known.owner if known is not None and known.owner else None
        speaker = self._ledger.ap_actors.get(actor)
        application = actor if speaker is not None and speaker.type == "Application" else None
        binding, peer = snapshot.bindings.get(owner or actor), snapshot.peer_of(owner or actor)
        if binding is None and peer is None:
            return _drop("delete-unknown")
        said = self._resolver.statement(document, Known(owner, application), piece.received)
        if binding is None:
            said = replace(said, record=known.record if known is not None and known.record else record_of(name))
        if (end := self._held_back(piece, said.actor, snapshot)) is not None and end.state is InboxState.DROPPED:
            return end
        return Ready(piece.row, said, binding, self._ledger.ap_actors.get(said.actor))

    def _deleted_actor(self, document: Document) -> End | Act:
        """An actor is gone if its origin says 410: its follows end, its graphs stay its partner's affair."""
        actor = actor_of(document)
        may_state(document)
        if self._ledger.ap_actors.get(actor) is None:
            return _drop("actor-unknown")
        if not self._directory.is_gone(actor):
            return _drop("actor-not-gone")
        return Act(lambda tx: self._gone(actor, tx))

    def _gone(self, actor: str, tx: Connection) -> str:
        now = self._directory.now()
        self._ledger.ap_actors.gone(actor, now, tx)
        self._ledger.ap_follows.remove_follower(actor, now, tx)
        return "actor-gone"


def tally_key(kind: str, about: str) -> str:
    """The name of the fact that holds how often something was said of a thing of ours (``Like``, ``Announce``)."""
    return f"ap-{kind.lower()}:{hashlib.sha256(about.encode()).hexdigest()[:40]}"


def _drop(rule: str) -> End:
    return End(InboxState.DROPPED, rule)


__all__ = ["Act", "Decider", "End", "Statement", "tally_key"]
