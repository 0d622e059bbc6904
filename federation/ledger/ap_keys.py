"""Keys: our own, whose private part is kept encrypted, and those of other servers, with what is known not to work.

Must never see a private key in the clear: whoever signs encrypts and decrypts it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select, update

from federation.ledger.ap_schema import ap_key, ap_remote_key
from federation.ledger.database import Database
from federation.ledger.times import to_text


class OurKind(StrEnum):
    """RSA signs HTTP; Ed25519 signs proofs only."""

    RSA = "rsa"
    ED25519 = "ed25519"


class KeyUse(StrEnum):
    """What a key of others is used for: their caches are apart."""

    HTTP = "http"
    PROOF = "proof"


class OurKey(NamedTuple):
    """A key of one of our actors. ``used_from``: since when it signs, None: announced only; ``retired``: no longer.

    ``public``: as documents show it (PEM, Multikey); ``private``: encrypted. Times are ledger times.
    """

    number: int
    actor: str
    kind: str
    key_id: str
    public: str
    private: bytes
    made: str
    used_from: str | None
    retired: str | None


class RemoteKey(NamedTuple):
    """What is known of a key of others until ``expires``: its ``public`` part, or the ``reason`` why there is none.

    ``owner`` is empty where a failed fetch told none. ``forced``: the last fetch for a failed verification.
    """

    key_id: str
    owner: str
    kind: str
    public: str | None
    fetched: str | None
    expires: str
    reason: str | None = None
    forced: str | None = None


_COLUMNS = [ap_key.c[name] for name in OurKey._fields]
_REMOTE = [ap_remote_key.c[name] for name in RemoteKey._fields]


class Keys:
    """The table ``ap_key``. Each actor has at most one key of a kind in use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, actor: str, kind: OurKind, key_id: str, public: str, private: bytes, now: datetime, use: bool = True
    ) -> int:
        """Keep a new key and return its number; without ``use`` it is only announced (rotation).

        Raises IntegrityError if the actor has one of the kind in use (another process was first).
        """
        at = to_text(now)
        values = {"actor": actor, "kind": kind.value, "key_id": key_id, "public": public, "private": private}
        with self._database.write() as tx:
            added = tx.execute(insert(ap_key), {**values, "made": at, "used_from": at if use else None})
            (number,) = added.inserted_primary_key or (0,)
        return int(number)

    def switch(self, number: int, now: datetime, tx: Connection | None = None) -> None:
        """Let an announced key sign from now on, and retire the one of its actor and kind that did.

        Raises LookupError if there is no such key, or if it is in use or retired.
        """
        at = to_text(now)
        staged = (ap_key.c.number == number, ap_key.c.used_from.is_(None), ap_key.c.retired.is_(None))
        with self._database.write(tx) as tx:
            row = tx.execute(select(ap_key.c.actor, ap_key.c.kind).where(*staged)).one_or_none()
            if row is None:
                raise LookupError(number)
            old = (ap_key.c.actor == row.actor, ap_key.c.kind == row.kind, ap_key.c.retired.is_(None))
            tx.execute(update(ap_key).where(*old, ap_key.c.used_from.is_not(None)).values(retired=at))
            tx.execute(update(ap_key).where(ap_key.c.number == number).values(used_from=at))

    def current(self, actor: str, kind: OurKind) -> OurKey | None:
        """The key that signs for an actor; None if it has none yet."""
        used = (ap_key.c.used_from.is_not(None), ap_key.c.retired.is_(None))
        query = select(*_COLUMNS).where(ap_key.c.actor == actor, ap_key.c.kind == kind.value, *used)
        with self._database.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else OurKey._make(row)

    def of(self, actor: str) -> list[OurKey]:
        """All keys of an actor, announced, in use and retired, oldest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(*_COLUMNS).where(ap_key.c.actor == actor).order_by(ap_key.c.number)).all()
        return [OurKey._make(row) for row in rows]

    def actors(self) -> list[str]:
        """The actors that have a key."""
        with self._database.read() as tx:
            return list(tx.scalars(select(ap_key.c.actor).distinct().order_by(ap_key.c.actor)))

    def forget(self, before: datetime) -> int:
        """Delete keys that were retired before then: nothing they signed is under way. Return how many."""
        with self._database.write() as tx:
            return tx.execute(delete(ap_key).where(ap_key.c.retired < to_text(before))).rowcount


class RemoteKeys:
    """The table ``ap_remote_key``: a cache, by key id, owner and use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key_id: str, use: KeyUse, now: datetime) -> list[RemoteKey]:
        """What is known of a key id and still holds, negative entries too; usually one owner."""
        query = select(*_REMOTE).where(
            ap_remote_key.c.key_id == key_id, ap_remote_key.c.kind == use.value, ap_remote_key.c.expires > to_text(now)
        )
        with self._database.read() as tx:
            return [RemoteKey._make(row) for row in tx.execute(query.order_by(ap_remote_key.c.owner))]

    def put(self, key_id: str, owner: str, use: KeyUse, public: str, now: datetime, expires: datetime) -> None:
        """Note a fetched key; negative entries of its id go."""
        row = RemoteKey(key_id, owner, use.value, public, to_text(now), to_text(expires))
        with self._database.write() as tx:
            failed = (ap_remote_key.c.key_id == key_id, ap_remote_key.c.kind == use.value)
            tx.execute(delete(ap_remote_key).where(*failed, ap_remote_key.c.public.is_(None)))
            tx.execute(self._database.upsert(ap_remote_key, keep=("forced",)), row._asdict())

    def refuse(self, key_id: str, owner: str, use: KeyUse, reason: str, now: datetime, until: datetime) -> None:
        """Note that a key cannot be had, until then. A key that is known and holds stays: nobody locks it out so."""
        row = RemoteKey(key_id, owner, use.value, None, None, to_text(until), reason)
        known = (
            ap_remote_key.c.key_id == key_id,
            ap_remote_key.c.owner == owner,
            ap_remote_key.c.kind == use.value,
            ap_remote_key.c.public.is_not(None),
            ap_remote_key.c.expires > to_text(now),
        )
        with self._database.write() as tx:
            if not tx.scalar(select(ap_remote_key.c.key_id).where(*known)):
                tx.execute(self._database.upsert(ap_remote_key, keep=("forced",)), row._asdict())

    def may_force(self, key_id: str, owner: str, use: KeyUse, now: datetime, since: datetime) -> bool:
        """Whether a known key may be fetched again for a failed verification, and note it: once since ``since``."""
        this = (
            ap_remote_key.c.key_id == key_id,
            ap_remote_key.c.owner == owner,
            ap_remote_key.c.kind == use.value,
            or_(ap_remote_key.c.forced.is_(None), ap_remote_key.c.forced < to_text(since)),
        )
        with self._database.write() as tx:
            return tx.execute(update(ap_remote_key).where(*this).values(forced=to_text(now))).rowcount == 1

    def drop(self, owner: str) -> None:
        """Forget the keys of an actor: it is gone, or blocked."""
        with self._database.write() as tx:
            tx.execute(delete(ap_remote_key).where(ap_remote_key.c.owner == owner))

    def prune(self, before: datetime) -> int:
        """Delete what expired before then; return how many."""
        with self._database.write() as tx:
            return tx.execute(delete(ap_remote_key).where(ap_remote_key.c.expires < to_text(before))).rowcount
