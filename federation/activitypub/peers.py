"""What operators do about other servers: see them, follow, bind, let in, hold back, block; and the queue of decisions.

Any process may call it: it writes rows, the thread that may write the graph follows (intake.py, hiding.py). Must never
write a graph.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from federation.activitypub.deciding import APPROVED
from federation.activitypub.directory import Directory
from federation.activitypub.follows import Mode, Relations
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Refused
from federation.errors import ConfigError, PeerError
from federation.ledger import Ledger
from federation.ledger.ap_follows import Direction, FollowRow, FollowState
from federation.ledger.ap_hosts import HostRow
from federation.ledger.ap_inbox import InboxRow, InboxState, Outcome
from federation.ledger.ap_peers import ActorRow, BindingRow, BlockRow, SyncRow
from federation.ledger.times import to_text

_log = logging.getLogger(__name__)

QUEUE = 200
"""Decisions shown at once."""
_ASKED = frozenset({"moderation", "reply", "flag"})
"""Outcomes of the inbox that wait for a person; the other quarantined activities are faults."""
_LIVE = (FollowState.PENDING, FollowState.REQUESTED, FollowState.ACCEPTED)
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Peer:
    """A host as operators see it. ``block``: of the host or of one of its actors; ``waiting``: deliveries."""

    host: HostRow
    followers: tuple[FollowRow, ...] = ()
    following: tuple[FollowRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()
    syncs: tuple[SyncRow, ...] = ()
    blocks: tuple[BlockRow, ...] = ()
    waiting: int = 0

    @property
    def blocked(self) -> bool:
        """Whether the whole host is blocked."""
        return any(block.subject == self.host.host for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something to decide on. ``reference``: ``f`` or ``a`` and a number; ``kind``: ``follow``, ``moderation``, …

    ``text`` is what a stranger wrote, as it came: it is to be shown as text only.
    """

    reference: str
    kind: str
    actor: str
    about: str
    since: str
    text: str = ""


class Peers:
    """What operators do. Each action is one transaction and one line in the log; ``by`` is who asked for it."""

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        relations: Relations,
        directory: Directory,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger, self._names, self._relations = ledger, names, relations
        self._directory, self._clock = directory, clock

    # -- looking

    def all(self) -> list[Peer]:
        """The hosts that anything is known of, by name."""
        follows = self._follows()
        bindings, blocks, syncs = (
            self._ledger.ap_bindings.all(),
            self._ledger.ap_blocks.all(),
            self._ledger.ap_syncs.all(),
        )
        names = {row.host for row in self._ledger.ap_hosts.listed(_MOST)}
        names |= {row.host for row in follows}
        names |= {_host_of(one) for one in (*(row.actor for row in bindings), *(row.actor for row in syncs))}
        names |= {_host_of(block.subject) for block in blocks}
        hosts = self._ledger.ap_hosts.many(sorted(names))
        waiting = self._ledger.ap_deliveries.waiting_by_host(_MOST)
        return [
            Peer(
                row,
                tuple(one for one in follows if one.host == name and one.direction == Direction.IN),
                tuple(one for one in follows if one.host == name and one.direction == Direction.OUT),
                tuple(one for one in bindings if _host_of(one.actor) == name),
                tuple(one for one in syncs if _host_of(one.actor) == name),
                tuple(one for one in blocks if _host_of(one.subject) == name),
                waiting.get(name, 0),
            )
            for name, row in sorted(hosts.items())
        ]

    def show(self, subject: str) -> Peer:
        """One host, by its name or by an actor on it. Raises ConfigError if nothing is known of it."""
        host = _host_of(subject)
        found = next((peer for peer in self.all() if peer.host.host == host), None)
        if found is None:
            raise _unknown(subject)
        return found

    def queue(self) -> list[Waiting]:
        """What waits for a decision: follows, records of strangers, replies, reports; the oldest first."""
        follows = self._ledger.ap_follows.listed(Direction.IN, [FollowState.PENDING], QUEUE)
        found = [Waiting(f"f{row.id}", "follow", row.follower, row.followed, row.made) for row in follows]
        rows = self._ledger.ap_inbox.listed(InboxState.QUARANTINED, QUEUE)
        found += [_waiting(row) for row in rows if row.outcome in _ASKED]
        return sorted(found, key=lambda one: one.since)

    def quarantined(self) -> list[InboxRow]:
        """What was put aside for a fault, the newest first: it can be replayed."""
        return [row for row in self._ledger.ap_inbox.listed(InboxState.QUARANTINED, QUEUE) if row.outcome not in _ASKED]

    # -- following

    def follow(self, named: str, by: str) -> FollowRow:
        """Follow an actor or a commons, by its address or ``@name@host``. Raises PeerError, ConfigError (blocked)."""
        actor = self._find(named)
        if self._ledger.ap_blocks.find([actor.id, actor.host]) is not None:
            raise ConfigError(
                f"{actor.id} is blocked: lift the block first.", f"{actor.id} est bloqué : levez d'abord le blocage."
            )
        known = self._ledger.ap_follows.get(Direction.OUT, self._names.instance, actor.id)
        if known is not None and known.state in {FollowState.REQUESTED, FollowState.ACCEPTED}:
            return known
        with self._ledger.write() as tx:
            row = self._relations.ask(actor, tx)
        _log.info("follow %s by %s", actor.id, by)
        return row

    def unfollow(self, named: str, by: str) -> FollowRow:
        """Follow an actor no more. Raises ConfigError if it is not followed, PeerError if a name leads nowhere."""
        id_ = named if named.startswith(("http://", "https://")) else self._find(named).id
        known = self._ledger.ap_follows.get(Direction.OUT, self._names.instance, id_)
        if known is None:
            raise _unknown(named)
        with self._ledger.write() as tx:
            self._relations.take_back(known, tx)
        _log.info("unfollow %s by %s", id_, by)
        return self._ledger.ap_follows.get(Direction.OUT, self._names.instance, id_) or known

    # -- partners who push

    def bind(self, actor: str, partner: str, source: str, by: str) -> BindingRow:
        """Let an actor speak for a partner of ours, into one of its sources. Raises ConfigError, PeerError."""
        if self._ledger.sources.partner(partner) is None:
            raise ConfigError(
                f"There is no partner {partner}: harvest its source once, or see `carrefour status`.",
                f"Il n'y a pas de contributeur {partner} : moissonnez sa source une fois, ou voyez `carrefour status`.",
            )
        found = self._find(actor)
        if found.host == origin_of(self._names.origin).authority:
            raise ConfigError("An actor of this instance cannot push to it.", "Un acteur d'ici ne peut pas y pousser.")
        row = BindingRow(found.id, partner, source, by, to_text(self._clock()))
        self._ledger.ap_bindings.add(row)
        _log.info("bind %s to %s by %s", found.id, partner, by)
        return row

    def unbind(self, actor: str, by: str) -> None:
        """Let an actor speak for nobody. Raises ConfigError if it was not bound."""
        if not self._ledger.ap_bindings.remove(actor):
            raise _unknown(actor)
        _log.info("unbind %s by %s", actor, by)

    # -- modes and blocks

    def set_modes(self, subject: str, follow: str | None, records: str | None, by: str) -> HostRow:
        """Say what a host may do: ``allow``, ``ask``, ``deny``, ``default``; None leaves it. Raises ConfigError."""
        host = _host_of(subject)
        now = self._ledger.ap_hosts.get(host)
        self._ledger.ap_hosts.set_modes(host, _mode(follow, now.follow_mode), _mode(records, now.record_mode))
        _log.info("modes of %s: follow %s, records %s by %s", host, follow, records, by)
        return self._ledger.ap_hosts.get(host)

    def block(self, subject: str, by: str, reason: str = "") -> int:
        """Block a host or an actor: return how many followers that removed. Its graphs are hidden by the worker.

        Nothing of it is taken any more, not even through others; its followers get a Reject; nothing is sent to it.
        """
        kind, name = _subject(subject)
        now = self._clock()
        followed = [
            row for row in self._follows() if row.direction == Direction.OUT and name in {row.host, row.followed}
        ]
        with self._ledger.write() as tx:
            if kind == "host":
                gone = self._ledger.ap_follows.remove_host(name, now, tx)
                self._ledger.ap_deliveries.drop_host(name, "blocked", now, tx)
                self._ledger.ap_objects.hide(tx, host=name)
            else:
                gone = self._ledger.ap_follows.remove_follower(name, now, tx)
                self._stop_post(name, now, tx)
                self._ledger.ap_objects.hide(tx, owner=name)
            self._relations.dismiss(gone, tx)
            for row in followed:
                self._relations.take_back(row, tx)
            self._ledger.ap_blocks.add(BlockRow(name, kind, by, to_text(now), reason[:500] or None), tx)
        _log.info("block %s by %s: %d followers", name, by, len(gone))
        return len(gone)

    def unblock(self, subject: str, by: str) -> None:
        """Lift a block: the worker shows again what it hid; followers have to follow anew. Raises ConfigError."""
        kind, name = _subject(subject)
        with self._ledger.write() as tx:
            if not self._ledger.ap_blocks.lift(name, tx):
                raise _unknown(subject)
            self._ledger.ap_objects.show(tx, **{"host" if kind == "host" else "owner": name})
        _log.info("unblock %s by %s", name, by)

    def _stop_post(self, actor: str, now: datetime, tx: Connection) -> None:
        known = self._ledger.ap_actors.get(actor, tx)
        if known is not None:
            self._ledger.ap_deliveries.drop_inbox(known.inbox, "blocked", now, tx)

    # -- decisions

    def approve(self, reference: str, by: str) -> str:
        """Let in what waits; give what became of it: ``accepted``, ``replayed``, ``seen``. Raises ConfigError.

        A record enters only if its actor is bound to a partner by then.
        """
        kind, number = _reference(reference)
        if kind == "f":
            row = self._pending(number, reference)
            with self._ledger.write() as tx:
                self._relations.approve(row, tx)
            done = "accepted"
        else:
            done = self._let_in(self._asked(number, reference), by)
        _log.info("approve %s by %s: %s", reference, by, done)
        return done

    def reject(self, reference: str, by: str) -> None:
        """Turn down what waits; a follower is told. Raises ConfigError."""
        kind, number = _reference(reference)
        if kind == "f":
            row = self._pending(number, reference)
            with self._ledger.write() as tx:
                self._relations.dismiss([row], tx)
        else:
            row_ = self._asked(number, reference)
            self._ledger.ap_inbox.settle([Outcome(row_.id, InboxState.DROPPED, "turned-down")])
        _log.info("reject %s by %s", reference, by)

    def replay(self, references: Sequence[str], by: str) -> int:
        """Let quarantined activities be worked on once more, all that were put aside for a fault if none is named.

        Returns how many. Raises ConfigError for a reference that names none.
        """
        numbers = [self._kept(reference) for reference in references] or [row.id for row in self.quarantined()]
        count = self._ledger.ap_inbox.replay(numbers, self._clock())
        _log.info("replay %d by %s", count, by)
        return count

    def _let_in(self, row: InboxRow, by: str) -> str:
        if row.outcome in {"reply", "flag"}:
            self._ledger.ap_inbox.settle([Outcome(row.id, InboxState.DONE, "seen")])
            return "seen"
        if self._ledger.ap_bindings.get(row.actor) is None:
            raise ConfigError(
                f"{row.actor} is bound to no partner: `carrefour peers bind` says for whom it speaks.",
                f"{row.actor} n'est lié à aucun contributeur : `carrefour peers bind` dit pour qui il parle.",
            )
        self._ledger.cursors.set_fact(f"{APPROVED}{row.id}", by or "?")
        self._ledger.ap_inbox.replay([row.id], self._clock())
        return "replayed"

    def _pending(self, number: int, reference: str) -> FollowRow:
        found = self._ledger.ap_follows.listed(Direction.IN, [FollowState.PENDING], 1, number - 1)
        if not found or found[0].id != number:
            raise _unknown(reference)
        return found[0]

    def _asked(self, number: int, reference: str) -> InboxRow:
        row = self._ledger.ap_inbox.get(number)
        if row is None or row.state != InboxState.QUARANTINED or row.outcome not in _ASKED:
            raise _unknown(reference)
        return row

    def _kept(self, reference: str) -> int:
        kind, number = _reference(reference)
        row = self._ledger.ap_inbox.get(number) if kind == "a" else None
        if row is None or row.raw is None:
            raise _unknown(reference)
        return row.id

    # -- what several need

    def _follows(self) -> list[FollowRow]:
        return [row for way in Direction for row in self._ledger.ap_follows.listed(way, _LIVE, _MOST)]

    def _find(self, named: str) -> ActorRow:
        try:
            return self._directory.find(named)
        except Refused as error:
            raise PeerError(
                f"{named[:200]!r} leads to no actor ({error.rule}): give its address or @name@host.",
                f"{named[:200]!r} ne mène à aucun acteur ({error.rule}) : donnez son adresse ou @nom@hôte.",
            ) from error


def _waiting(row: InboxRow) -> Waiting:
    kept = (row.raw or b"")[:4_000].decode("utf-8", "replace")
    return Waiting(f"a{row.id}", str(row.outcome), row.actor, row.object or row.activity, row.received, kept)


def _host_of(subject: str) -> str:
    """The host that an address, a name or a host stands for. Raises ConfigError."""
    return origin_of(_subject(subject)[1]).authority if _subject(subject)[0] == "actor" else _subject(subject)[1]


def _subject(subject: str) -> tuple[str, str]:
    """Whether a block is meant of an actor or of a host, and its name as the ledger writes it. Raises ConfigError."""
    plain = subject.strip()
    try:
        if plain.startswith(("http://", "https://")):
            origin = origin_of(plain)
            return ("host", origin.authority) if plain.rstrip("/") == str(origin) else ("actor", plain)
        return "host", origin_of(f"https://{plain.rpartition('@')[2]}/").authority
    except Refused as error:
        raise ConfigError(
            f"{plain[:200]!r} is neither a host nor the address of an actor.",
            f"{plain[:200]!r} n'est ni un hôte ni l'adresse d'un acteur.",
        ) from error


def _reference(reference: str) -> tuple[str, int]:
    kind, number = reference[:1], reference[1:]
    if kind not in {"a", "f"} or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise _unknown(reference)
    return kind, int(number)


def _mode(asked: str | None, now: str | None) -> str | None:
    if asked is None:
        return now
    if asked == "default":
        return None
    try:
        return Mode(asked).value
    except ValueError:
        raise ConfigError(
            f"{asked[:40]!r} is no mode: allow, ask, deny or default.",
            f"{asked[:40]!r} n'est pas un mode : allow, ask, deny ou default.",
        ) from None


def _unknown(subject: str) -> ConfigError:
    return ConfigError(f"Nothing is known of {subject[:200]!r}.", f"On ne connaît pas {subject[:200]!r}.")


def plain(peer: Peer) -> Mapping[str, Any]:
    """A peer in plain values, for machines."""
    return {
        "host": peer.host.host,
        "follow": peer.host.follow_mode or "default",
        "records": peer.host.record_mode or "default",
        "sync": peer.host.sync or bool(peer.syncs),
        "blocked": peer.blocked,
        "failures": peer.host.breaker.failures,
        "waiting": peer.waiting,
        "followers": [{"actor": row.follower, "follows": row.followed, "state": row.state} for row in peer.followers],
        "following": [{"actor": row.followed, "state": row.state} for row in peer.following],
        "bindings": [{"actor": row.actor, "partner": row.partner, "source": row.source} for row in peer.bindings],
        "blocks": [{"subject": row.subject, "by": row.by, "at": row.at, "reason": row.reason} for row in peer.blocks],
    }
