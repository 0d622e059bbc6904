"""Whom we know in other places: actors, blocks, which of them is which partner, and how far we are in step with whom.

Must never fetch anything, nor decide who may do what: it keeps what was fetched and decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from federation.ledger.ap_schema import ap_actor, ap_binding, ap_block, ap_sync
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import to_text


class ActorRow(NamedTuple):
    """An actor of another server, as its document was fetched; ``gone``: since when it answers 410 (ledger times)."""

    id: str
    host: str
    type: str
    inbox: str
    shared_inbox: str | None
    document: Mapping[str, Any]
    fetched: str
    gone: str | None = None


class BlockRow(NamedTuple):
    """A block. ``subject``: an actor's id or a host, as ``kind`` (``actor``, ``host``) says; ``at``: ledger time."""

    subject: str
    kind: str
    by: str
    at: str
    reason: str | None = None


class BindingRow(NamedTuple):
    """An actor that speaks for a partner of ours, and the source that what it pushes belongs to."""

    actor: str
    partner: str
    source: str
    by: str
    at: str


class SyncRow(NamedTuple):
    """How far we are with a sync peer. ``seq``: of its change log; ``cursor``: where a backfill goes on, None if done.

    ``digests``: what was last compared, plain values; ``compared``, ``asked``: ledger times.
    """

    actor: str
    origin: str
    seq: int = 0
    digests: Mapping[str, Any] = {}
    cursor: str | None = None
    compared: str | None = None
    asked: str | None = None


_ACTOR = [ap_actor.c[name] for name in ActorRow._fields]
_BLOCK = [ap_block.c[name] for name in BlockRow._fields]
_BINDING = [ap_binding.c[name] for name in BindingRow._fields]
_SYNC = [ap_sync.c[name] for name in SyncRow._fields]


class Actors:
    """The table ``ap_actor``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, actor: ActorRow, tx: Connection | None = None) -> None:
        """Keep an actor as it was just fetched, in place of what was known."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(ap_actor), actor._asdict())

    def get(self, id_: str, tx: Connection | None = None) -> ActorRow | None:
        """One actor by its id."""
        with self._database.read(tx) as tx:
            row = tx.execute(select(*_ACTOR).where(ap_actor.c.id == id_)).one_or_none()
        return None if row is None else ActorRow._make(row)

    def many(self, ids: Iterable[str]) -> dict[str, ActorRow]:
        """Actors by their ids; unknown ones are absent."""
        found: dict[str, ActorRow] = {}
        with self._database.read() as tx:
            for part in in_parts(ids):
                rows = tx.execute(select(*_ACTOR).where(ap_actor.c.id.in_(part)))
                found.update((row[0], ActorRow._make(row)) for row in rows)
        return found

    def gone(self, id_: str, now: datetime, tx: Connection | None = None) -> bool:
        """Note that an actor answers 410; False if it is not known."""
        with self._database.write(tx) as tx:
            return tx.execute(update(ap_actor).where(ap_actor.c.id == id_).values(gone=to_text(now))).rowcount == 1

    def of_host(self, host: str, limit: int = 500) -> list[ActorRow]:
        """The actors of a host, by id."""
        with self._database.read() as tx:
            rows = tx.execute(select(*_ACTOR).where(ap_actor.c.host == host).order_by(ap_actor.c.id).limit(limit)).all()
        return [ActorRow._make(row) for row in rows]

    def count(self) -> int:
        """Number of actors known."""
        with self._database.read() as tx:
            return tx.scalar(select(func.count()).select_from(ap_actor)) or 0


class Blocks:
    """The table ``ap_block``. What a block entails (followers, queues, graphs) is done in its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, block: BlockRow, tx: Connection | None = None) -> None:
        """Block a host or an actor; a second block of it replaces the first."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(ap_block), block._asdict())

    def lift(self, subject: str, tx: Connection | None = None) -> bool:
        """Lift a block; False if there is none."""
        with self._database.write(tx) as tx:
            return tx.execute(delete(ap_block).where(ap_block.c.subject == subject)).rowcount == 1

    def find(self, subjects: Iterable[str]) -> BlockRow | None:
        """A block of any of some hosts and actors (the sender, its host, the owner within)."""
        with self._database.read() as tx:
            for part in in_parts(subjects):
                row = tx.execute(select(*_BLOCK).where(ap_block.c.subject.in_(part)).limit(1)).one_or_none()
                if row is not None:
                    return BlockRow._make(row)
        return None

    def all(self) -> list[BlockRow]:
        """Every block, the latest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(*_BLOCK).order_by(ap_block.c.at.desc(), ap_block.c.subject)).all()
        return [BlockRow._make(row) for row in rows]


class Bindings:
    """The table ``ap_binding``: an actor speaks for one partner, a partner may have several."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, binding: BindingRow, tx: Connection | None = None) -> None:
        """Bind an actor to a partner and its source, in place of what it was bound to."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(ap_binding), binding._asdict())

    def remove(self, actor: str, tx: Connection | None = None) -> bool:
        """Unbind an actor; False if it was not bound."""
        with self._database.write(tx) as tx:
            return tx.execute(delete(ap_binding).where(ap_binding.c.actor == actor)).rowcount == 1

    def get(self, actor: str) -> BindingRow | None:
        """To which partner an actor is bound."""
        with self._database.read() as tx:
            row = tx.execute(select(*_BINDING).where(ap_binding.c.actor == actor)).one_or_none()
        return None if row is None else BindingRow._make(row)

    def all(self, partner: str | None = None) -> list[BindingRow]:
        """The bindings, of one partner if given."""
        query = select(*_BINDING).order_by(ap_binding.c.partner, ap_binding.c.actor)
        if partner is not None:
            query = query.where(ap_binding.c.partner == partner)
        with self._database.read() as tx:
            return [BindingRow._make(row) for row in tx.execute(query)]


class Syncs:
    """The table ``ap_sync``: one row per sync peer that we follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, actor: str, tx: Connection | None = None) -> SyncRow | None:
        """How far we are with a peer."""
        with self._database.read(tx) as tx:
            row = tx.execute(select(*_SYNC).where(ap_sync.c.actor == actor)).one_or_none()
        return None if row is None else SyncRow._make(row)

    def put(self, sync: SyncRow, tx: Connection | None = None) -> None:
        """Keep how far we are; with ``tx`` in the transaction that applies what was read."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(ap_sync), {**sync._asdict(), "digests": dict(sync.digests)})

    def advance(self, sync: SyncRow) -> None:
        """Keep how far we are with a peer that is followed still; who was left meanwhile is not brought back."""
        values = {**sync._asdict(), "digests": dict(sync.digests)}
        with self._database.write() as tx:
            tx.execute(update(ap_sync).where(ap_sync.c.actor == sync.actor).values(values))

    def ask(self, actor: str, now: datetime, tx: Connection | None = None) -> None:
        """Ask for a comparison with a peer soon (its breaker closed, a gap in its numbers)."""
        with self._database.write(tx) as tx:
            tx.execute(update(ap_sync).where(ap_sync.c.actor == actor).values(asked=to_text(now)))

    def due(self, compared_before: datetime) -> list[SyncRow]:
        """The peers to compare with: asked for, still in their backfill, or not compared since then."""
        old = (ap_sync.c.compared.is_(None)) | (ap_sync.c.compared < to_text(compared_before))
        wanted = old | ap_sync.c.asked.is_not(None) | ap_sync.c.cursor.is_not(None)
        with self._database.read() as tx:
            rows = tx.execute(select(*_SYNC).where(wanted).order_by(ap_sync.c.compared, ap_sync.c.actor)).all()
        return [SyncRow._make(row) for row in rows]

    def all(self) -> list[SyncRow]:
        """Every peer."""
        with self._database.read() as tx:
            return [SyncRow._make(row) for row in tx.execute(select(*_SYNC).order_by(ap_sync.c.actor))]

    def remove(self, actor: str, tx: Connection | None = None) -> None:
        """Forget a peer that is not followed any more."""
        with self._database.write(tx) as tx:
            tx.execute(delete(ap_sync).where(ap_sync.c.actor == actor))
