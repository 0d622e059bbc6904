"""What operators do about other servers: see them, follow, bind, let in, hold back, block; and the queue of decisions.

Any process may call it: it writes rows, the thread that may write the graph follows (intake.py, hiding.py). Must never
write a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from federation.activitypub.directory import Directory
from federation.activitypub.follows import Relations
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.pieces import APPROVED
from federation.activitypub.reconcile import ask
from federation.activitypub.refusal import Refused
from federation.activitypub.subjects import (
    Peer,
    Waiting,
    host_of,
    mode_of,
    reference_of,
    subject_of,
    unknown,
    waiting_of,
)
from federation.errors import ConfigError, PeerError
from federation.ledger import Ledger
from federation.ledger.ap_follows import Direction, FollowRow, FollowState
from federation.ledger.ap_hosts import HostRow
from federation.ledger.ap_inbox import InboxRow, InboxState, Outcome
from federation.ledger.ap_peers import ActorRow, BindingRow, BlockRow
from federation.ledger.audit import Act, AuditLine
from federation.ledger.times import to_text

PUSHED = "activitypub"
"""The format of sources that take in what is pushed."""
QUEUE = 200
"""Decisions shown at once."""
_ASKED = frozenset({"moderation", "reply", "flag"})
"""Outcomes of the inbox that wait for a person; the other quarantined activities are faults."""
_LIVE = (FollowState.PENDING, FollowState.REQUESTED, FollowState.ACCEPTED)
_MOST = 10_000


class Peers:
    """What operators do. Each action and its line in the audit are one transaction; ``by`` is who asked for it.

    ``format_of``: what the file of a source says that it reads. Raises ConfigError if that cannot be used.
    """

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        relations: Relations,
        directory: Directory,
        clock: Callable[[], datetime],
        format_of: Callable[[str], str] = lambda _source: PUSHED,
    ) -> None:
        self._ledger, self._names, self._relations = ledger, names, relations
        self._directory, self._clock, self._format_of = directory, clock, format_of

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
        names |= {host_of(one) for one in (*(row.actor for row in bindings), *(row.actor for row in syncs))}
        names |= {host_of(block.subject) for block in blocks}
        hosts = self._ledger.ap_hosts.many(sorted(names))
        waiting = self._ledger.ap_deliveries.waiting_by_host(_MOST)
        return [
            Peer(
                row,
                tuple(one for one in follows if one.host == name and one.direction == Direction.IN),
                tuple(one for one in follows if one.host == name and one.direction == Direction.OUT),
                tuple(one for one in bindings if host_of(one.actor) == name),
                tuple(one for one in syncs if host_of(one.actor) == name),
                tuple(one for one in blocks if host_of(one.subject) == name),
                waiting.get(name, 0),
            )
            for name, row in sorted(hosts.items())
        ]

    def show(self, subject: str) -> Peer:
        """One host, by its name or by an actor on it. Raises ConfigError if nothing is known of it."""
        host = host_of(subject)
        found = next((peer for peer in self.all() if peer.host.host == host), None)
        if found is None:
            raise unknown(subject)
        return found

    def queue(self) -> list[Waiting]:
        """What waits for a decision: follows, records of strangers, replies, reports; the oldest first."""
        follows = self._ledger.ap_follows.listed(Direction.IN, [FollowState.PENDING], QUEUE)
        found = [Waiting(f"f{row.id}", "follow", row.follower, row.followed, row.made) for row in follows]
        rows = self._ledger.ap_inbox.listed(InboxState.QUARANTINED, QUEUE)
        found += [waiting_of(row) for row in rows if row.outcome in _ASKED]
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
            self._note(by, Act.FOLLOW, actor.id, tx)
        return row

    def unfollow(self, named: str, by: str) -> FollowRow:
        """Follow an actor no more. Raises ConfigError if it is not followed, PeerError if a name leads nowhere."""
        id_ = named if named.startswith(("http://", "https://")) else self._find(named).id
        known = self._ledger.ap_follows.get(Direction.OUT, self._names.instance, id_)
        if known is None:
            raise unknown(named)
        with self._ledger.write() as tx:
            self._relations.take_back(known, tx)
            self._note(by, Act.UNFOLLOW, id_, tx)
        return self._ledger.ap_follows.get(Direction.OUT, self._names.instance, id_) or known

    # -- partners who push

    def bind(self, actor: str, partner: str, source: str, by: str) -> BindingRow:
        """Let an actor speak for a partner of ours, into one of its sources. Raises ConfigError, PeerError."""
        if self._ledger.sources.partner(partner) is None:
            raise ConfigError(
                f"There is no partner {partner}: harvest its source once, or see `carrefour status`.",
                f"Il n'y a pas de contributeur {partner} : moissonnez sa source une fois, ou voyez `carrefour status`.",
            )
        into = self._ledger.sources.get(source)
        if into is None or into.partner != partner:
            raise ConfigError(
                f"{partner} has no source {source}: name one of its own by --source, in the format `activitypub`, and "
                "harvest it once.",
                f"{partner} n'a pas de source {source} : nommez une des siennes par --source, au format `activitypub`, "
                "et moissonnez-la une fois.",
            )
        if (reads := self._format_of(source)) != PUSHED:
            raise ConfigError(
                f"The source {source} reads {reads}: what is pushed needs one in the format `{PUSHED}`. Write one for "
                f"{partner} (docs/federate.md), harvest it once, and name it by --source.",
                f"La source {source} lit du {reads} : ce qui est poussé demande une source au format `{PUSHED}`. "
                f"Écrivez-en une pour {partner} (docs/federate.md), moissonnez-la une fois, et nommez-la par --source.",
            )
        found = self._find(actor)
        if found.host == origin_of(self._names.origin).authority:
            raise ConfigError("An actor of this instance cannot push to it.", "Un acteur d'ici ne peut pas y pousser.")
        row = BindingRow(found.id, partner, source, by, to_text(self._clock()))
        with self._ledger.write() as tx:
            self._ledger.ap_bindings.add(row, tx)
            self._note(by, Act.BIND, f"{found.id} = {partner}", tx, source)
        return row

    def unbind(self, actor: str, by: str) -> None:
        """Let an actor speak for nobody. Raises ConfigError if it was not bound."""
        with self._ledger.write() as tx:
            if not self._ledger.ap_bindings.remove(actor, tx):
                raise unknown(actor)
            self._note(by, Act.UNBIND, actor, tx)

    # -- modes and blocks

    def set_modes(self, subject: str, follow: str | None, records: str | None, by: str) -> HostRow:
        """Say what a host may do: ``allow``, ``ask``, ``deny``, ``default``; None leaves it. Raises ConfigError."""
        host = host_of(subject)
        now = self._ledger.ap_hosts.get(host)
        follows, lets = mode_of(follow, now.follow_mode), mode_of(records, now.record_mode)
        with self._ledger.write() as tx:
            self._ledger.ap_hosts.set_modes(host, follows, lets, tx)
            self._note(by, Act.MODE, f"{host}: follow={follows or 'default'}, records={lets or 'default'}", tx)
        return self._ledger.ap_hosts.get(host)

    def block(self, subject: str, by: str, reason: str = "") -> int:
        """Block a host or an actor: return how many followers that removed. Its graphs are hidden by the worker.

        Nothing of it is taken any more, not even through others; its followers get a Reject; nothing is sent to it.
        """
        kind, name = subject_of(subject)
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
            self._note(by, Act.BLOCK, f"{name} ({reason[:500]})" if reason else name, tx)
        return len(gone)

    def unblock(self, subject: str, by: str) -> None:
        """Lift a block: the worker shows again what it hid; followers have to follow anew. Raises ConfigError."""
        kind, name = subject_of(subject)
        with self._ledger.write() as tx:
            if not self._ledger.ap_blocks.lift(name, tx):
                raise unknown(subject)
            self._ledger.ap_objects.show(tx, **{"host" if kind == "host" else "owner": name})
            self._note(by, Act.UNBLOCK, name, tx)

    def _stop_post(self, actor: str, now: datetime, tx: Connection) -> None:
        known = self._ledger.ap_actors.get(actor, tx)
        if known is not None:
            self._ledger.ap_deliveries.drop_inbox(known.inbox, "blocked", now, tx)

    # -- decisions

    def approve(self, reference: str, by: str) -> str:
        """Let in what waits; give what became of it: ``accepted``, ``replayed``, ``seen``. Raises ConfigError.

        A record enters only if its actor is bound to a partner by then.
        """
        kind, number = reference_of(reference)
        if kind == "f":
            row = self._pending(number, reference)
            with self._ledger.write() as tx:
                self._relations.approve(row, tx)
                self._note(by, Act.LET_IN, f"{reference}: {row.follower} → {row.followed}", tx)
            return "accepted"
        return self._let_in(self._asked(number, reference), reference, by)

    def reject(self, reference: str, by: str) -> None:
        """Turn down what waits; a follower is told. Raises ConfigError."""
        kind, number = reference_of(reference)
        if kind == "f":
            row = self._pending(number, reference)
            with self._ledger.write() as tx:
                self._relations.dismiss([row], tx)
                self._note(by, Act.TURN_DOWN, f"{reference}: {row.follower} → {row.followed}", tx)
        else:
            row_ = self._asked(number, reference)
            with self._ledger.write() as tx:
                self._ledger.ap_inbox.settle([Outcome(row_.id, InboxState.DROPPED, "turned-down")], tx)
                self._note(by, Act.TURN_DOWN, f"{reference}: {row_.activity}", tx)

    def replay(self, references: Sequence[str], by: str) -> int:
        """Let quarantined activities be worked on once more, all that were put aside for a fault if none is named.

        Returns how many. Raises ConfigError for a reference that names none.
        """
        numbers = [self._kept(reference) for reference in references] or [row.id for row in self.quarantined()]
        with self._ledger.write() as tx:
            count = self._ledger.ap_inbox.replay(numbers, self._clock(), tx)
            self._note(by, Act.REPLAY_ACTIVITIES, ", ".join(references) or str(count), tx)
        return count

    def sync(self, subject: str | None, by: str, confirmed: bool = False) -> list[str]:
        """Ask the worker to compare now with a peer, named by its host or an actor on it; else with all sync peers.

        Returns whom it will ask. ``confirmed``: a person agrees to what the guard would withhold of the whole. Raises
        ConfigError: there is nobody to keep in step with.
        """
        actors = self._in_step(subject)
        blocked = {block.subject for block in self._ledger.ap_blocks.all()}
        actors = [one for one in actors if not {one, host_of(one)} & blocked]
        if not actors:
            raise ConfigError(
                "There is nobody to keep in step with: follow a Carrefour first (`carrefour peers follow`), and lift "
                "its block if it is blocked.",
                "Il n'y a personne avec qui rester à jour : suivez d'abord un Carrefour (`carrefour peers follow`), et "
                "levez son blocage s'il est bloqué.",
            )
        now = self._clock()
        with self._ledger.write() as tx:
            asked = [one for one in actors if ask(self._ledger, one, now, confirmed, tx)]
            self._note(by, Act.SYNC, ", ".join(asked), tx)
        return asked

    def _in_step(self, subject: str | None) -> list[str]:
        """Whom a comparison is asked of: sync peers; of a host or an actor also those whose outboxes are walked."""
        syncs = [row.actor for row in self._ledger.ap_syncs.all()]
        if subject is None:
            return syncs
        kind, name = subject_of(subject)
        others = [row.followed for row in self._follows() if row.direction == Direction.OUT]
        others += [row.actor for row in self._ledger.ap_bindings.all()]
        known = list(dict.fromkeys([*syncs, *others]))
        if name in known:
            return [name]
        here = host_of(name) if kind == "actor" else name
        return [one for one in known if host_of(one) == here]

    def _let_in(self, row: InboxRow, reference: str, by: str) -> str:
        if row.outcome in {"reply", "flag"}:
            with self._ledger.write() as tx:
                self._ledger.ap_inbox.settle([Outcome(row.id, InboxState.DONE, "seen")], tx)
                self._note(by, Act.LET_IN, f"{reference}: {row.activity}", tx)
            return "seen"
        if self._ledger.ap_bindings.get(row.actor) is None:
            raise ConfigError(
                f"{row.actor} is bound to no partner: `carrefour peers bind` says for whom it speaks.",
                f"{row.actor} n'est lié à aucun contributeur : `carrefour peers bind` dit pour qui il parle.",
            )
        with self._ledger.write() as tx:
            self._ledger.cursors.set_fact(f"{APPROVED}{row.id}", by or "?", tx)
            self._ledger.ap_inbox.replay([row.id], self._clock(), tx)
            self._note(by, Act.LET_IN, f"{reference}: {row.activity}", tx)
        return "replayed"

    def _pending(self, number: int, reference: str) -> FollowRow:
        found = self._ledger.ap_follows.listed(Direction.IN, [FollowState.PENDING], 1, number - 1)
        if not found or found[0].id != number:
            raise unknown(reference)
        return found[0]

    def _asked(self, number: int, reference: str) -> InboxRow:
        row = self._ledger.ap_inbox.get(number)
        if row is None or row.state != InboxState.QUARANTINED or row.outcome not in _ASKED:
            raise unknown(reference)
        return row

    def _kept(self, reference: str) -> int:
        kind, number = reference_of(reference)
        row = self._ledger.ap_inbox.get(number) if kind == "a" else None
        if row is None or row.raw is None:
            raise unknown(reference)
        return row.id

    # -- what several need

    def _note(self, by: str, act: Act, about: str, tx: Connection, source: str = "") -> None:
        """Write the line of an action, in its transaction."""
        self._ledger.audit.add(AuditLine(self._clock(), by, act, source, None, about), tx)

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
