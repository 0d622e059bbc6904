"""Deliveries of our activities, in order: a lane is (host, sending actor), with one delivery in flight at a time.

Must never send anything: whoever does claims lanes, and settles what became of each delivery. At least once.
Source: design of ActivityPub, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from federation.ledger.ap_lanes import IS_WAITING, Delivery, DeliveryState, choose, collapse, heads, shut
from federation.ledger.ap_schema import ap_activity, ap_delivery, ap_job, ap_lane
from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.times import to_text

_WAITING, _DROPPED = DeliveryState.WAITING.value, DeliveryState.DROPPED.value

__all__ = ["Deliveries", "Delivery", "DeliveryRow", "DeliveryState", "Lane", "Settled", "Target"]


class Target(NamedTuple):
    """An inbox to send to, and its host."""

    inbox: str
    host: str


class Lane(NamedTuple):
    """A claimed lane, and what is to be sent in it, one after the other."""

    lane: int
    host: str
    actor: str
    deliveries: tuple[Delivery, ...]


class Settled(NamedTuple):
    """What became of an attempt. ``waiting`` means: again at ``next_try``; ``status``: HTTP, None without an answer.

    ``counts``: whether it is one of the tries that a delivery has.
    """

    lane: int
    delivery: int
    state: DeliveryState
    status: int | None = None
    reason: str | None = None
    next_try: datetime | None = None
    counts: bool = True


class DeliveryRow(NamedTuple):
    """A delivery as operators see it (ledger times)."""

    id: int
    activity: str
    inbox: str
    host: str
    actor: str
    object: str | None
    state: str
    tries: int
    next_try: str | None
    status: int | None
    reason: str | None
    made: str
    settled: str | None


class Deliveries:
    """The tables ``ap_delivery`` and ``ap_lane``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    # -- from jobs to deliveries

    def fan_out(
        self, activity: str, targets: Sequence[Target], now: datetime, last: bool = True, tx: Connection | None = None
    ) -> None:
        """Make one delivery per inbox of the job of ``activity``; ``last``: the job is done.

        At most 10,000 targets; may be called in parts, and again: an inbox that has its delivery gets no second one.
        To hosts that are blocked, dormant or silent with a full queue the delivery is dropped at once, so that it is
        accounted for; a blocked one still gets farewells (ap_lanes.FAREWELLS).
        Raises LookupError: no such job.
        """
        at = to_text(now)
        with self._database.write(tx) as tx:
            job = tx.execute(select(ap_job).where(ap_job.c.activity == activity)).one_or_none()
            if job is None:
                raise LookupError(activity)
            lanes = self._lanes(job.actor, {target.host for target in targets}, tx)
            kind = tx.scalar(select(ap_activity.c.kind).where(ap_activity.c.id == activity)) or ""
            closed = shut(lanes, kind, tx)
            rows = [
                {
                    "activity": activity,
                    "inbox": target.inbox,
                    "lane": lanes[target.host],
                    "object": job.object,
                    "collapses": job.collapses,
                    "state": _DROPPED if target.host in closed else _WAITING,
                    "tries": 0,
                    "reason": closed.get(target.host),
                    "made": at,
                    "settled": at if target.host in closed else None,
                }
                for target in targets
            ]
            if rows:
                tx.execute(self._insert(ap_delivery).on_conflict_do_nothing(), rows)
            woken = [lane for host, lane in lanes.items() if host not in closed]
            if job.collapses and job.object is not None:
                collapse(ap_delivery.c.object == job.object, at, tx)
            tx.execute(update(ap_lane).where(ap_lane.c.id.in_(woken), ap_lane.c.ready.is_(None)).values(ready=at))
            if last:
                tx.execute(update(ap_job).where(ap_job.c.activity == activity).values(next_try=None, holder=None))

    def _lanes(self, actor: str, hosts: set[str], tx: Connection) -> dict[str, int]:
        found: dict[str, int] = {}
        for again in (False, True):
            missing = sorted(hosts - found.keys())
            if again and missing:
                rows = [{"host": host, "actor": actor} for host in missing]
                tx.execute(self._insert(ap_lane).on_conflict_do_nothing(), rows)
            for part in in_parts(missing):
                query = select(ap_lane.c.host, ap_lane.c.id).where(ap_lane.c.actor == actor, ap_lane.c.host.in_(part))
                found.update((row[0], row[1]) for row in tx.execute(query))
        return found

    # -- sending

    def claim(self, holder: str, now: datetime, until: datetime, lanes: int = 64, per_lane: int = 1) -> list[Lane]:
        """Take lanes that are ready, longest ready first; nobody else gets them until ``until``, or until they settle.

        At most 4 lanes of a host are out at a time, one of a host whose circuit breaker is trying again, none of one
        that is open, dormant or blocked. A lane that has nothing to send (any more) is not given.
        """
        at = to_text(now)
        with self._database.write() as tx:
            if self._database.dialect == "postgresql":
                tx.execute(text("LOCK TABLE ap_lane IN SHARE ROW EXCLUSIVE MODE"))  # so that the limit per host holds
            chosen = choose(at, lanes, tx)
            if not chosen:
                return []
            firsts = heads(list(chosen), per_lane, tx)
            leases = [{"b_lane": lane, "b_to": firsts[lane][-1].id} for lane in chosen if lane in firsts]
            if leases:
                values = {"lease_until": to_text(until), "holder": holder, "claimed_to": bindparam("b_to")}
                tx.execute(update(ap_lane).where(ap_lane.c.id == bindparam("b_lane")).values(values), leases)
            empty = [lane for lane in chosen if lane not in firsts]
            if empty:
                tx.execute(update(ap_lane).where(ap_lane.c.id.in_(empty)).values(_freed(None)))
        return [Lane(lane, *chosen[lane], tuple(firsts[lane])) for lane in chosen if lane in firsts]

    def settle(self, holder: str, results: Sequence[Settled], now: datetime, tx: Connection | None = None) -> None:
        """Write what became of attempts, in one transaction, and free the lanes whose last claimed delivery is settled.

        A delivery that is to be tried again keeps its place: its lane is ready at ``next_try``. If a later one makes
        it needless, it is dropped. Settling again what has been settled changes nothing.
        """
        if not results:
            return
        at = to_text(now)
        with self._database.write(tx) as tx:
            tx.execute(_SETTLE, [_values(one, at) for one in results])
            held = select(ap_lane.c.id, ap_lane.c.claimed_to).where(
                ap_lane.c.id.in_([one.lane for one in results]), ap_lane.c.holder == holder
            )
            claimed = {row[0]: row[1] or 0 for row in tx.execute(held)}
            ends = {
                one.lane: to_text(one.next_try) if one.next_try and one.state is DeliveryState.WAITING else at
                for one in results
                if one.lane in claimed and (one.state is DeliveryState.WAITING or one.delivery >= claimed[one.lane])
            }
            if ends:
                tx.execute(_FREE, [{"b_lane": lane, "b_at": ready} for lane, ready in ends.items()])
            again = [one.delivery for one in results if one.state is DeliveryState.WAITING]
            if again:
                objects = select(ap_delivery.c.object).where(ap_delivery.c.id.in_(again))
                lanes = ap_delivery.c.lane.in_({one.lane for one in results})
                collapse(and_(lanes, ap_delivery.c.object.in_(objects)), at, tx, ap_delivery.c.id.in_(again))

    def release(self, holder: str, now: datetime) -> None:
        """Give back every lane that ``holder`` has claimed and not settled: it stops."""
        with self._database.write() as tx:
            tx.execute(update(ap_lane).where(ap_lane.c.holder == holder).values(_freed(to_text(now))))

    def hasten(self, host: str, now: datetime) -> None:
        """Let the lanes of a host that wait for a later try go at once: it answers again."""
        at = to_text(now)
        with self._database.write() as tx:
            tx.execute(update(ap_lane).where(ap_lane.c.host == host, ap_lane.c.ready > at).values(ready=at))

    # -- giving up

    def drop_host(self, host: str, reason: str, now: datetime, tx: Connection | None = None) -> int:
        """Drop all that waits for a host (blocked, dormant); return how many deliveries."""
        lanes = select(ap_lane.c.id).where(ap_lane.c.host == host)
        return self._drop([ap_delivery.c.lane.in_(lanes)], reason, now, tx)

    def drop_inbox(self, inbox: str, reason: str, now: datetime, tx: Connection | None = None) -> int:
        """Drop all that waits for one inbox (gone, its last follower removed); return how many deliveries."""
        return self._drop([ap_delivery.c.inbox == inbox], reason, now, tx)

    def drop_objects(self, objects: Iterable[str], reason: str, now: datetime, tx: Connection | None = None) -> int:
        """Drop all that waits about some objects (erasure); return how many deliveries."""
        return sum(self._drop([ap_delivery.c.object.in_(part)], reason, now, tx) for part in in_parts(objects))

    def _drop(self, where: list[ColumnElement[bool]], reason: str, now: datetime, tx: Connection | None) -> int:
        values = {"state": _DROPPED, "reason": reason, "settled": to_text(now), "next_try": None}
        with self._database.write(tx) as tx:
            return tx.execute(
                update(ap_delivery).where(*where, ap_delivery.c.state == IS_WAITING).values(values)
            ).rowcount

    def prune(self, before: datetime, limit: int = 5_000) -> int:
        """Delete deliveries that came to an end before then, at most ``limit``; return how many."""
        old = select(ap_delivery.c.id).where(ap_delivery.c.state != IS_WAITING, ap_delivery.c.settled < to_text(before))
        with self._database.write() as tx:
            return tx.execute(delete(ap_delivery).where(ap_delivery.c.id.in_(old.limit(limit)))).rowcount

    # -- looking

    def counts(self, activity: str | None = None) -> dict[str, int]:
        """Number of deliveries by state, of one activity if given: their sum is the number of deliveries made."""
        query = select(ap_delivery.c.state, func.count()).group_by(ap_delivery.c.state)
        if activity is not None:
            query = query.where(ap_delivery.c.activity == activity)
        with self._database.read() as tx:
            return {row[0]: row[1] for row in tx.execute(query)}

    def waiting_by_host(self, limit: int = 100) -> dict[str, int]:
        """Number of deliveries that wait, by host, the longest queues first."""
        many = func.count().label("many")
        query = (
            select(ap_lane.c.host, many)
            .join(ap_delivery, and_(ap_delivery.c.lane == ap_lane.c.id, ap_delivery.c.state == IS_WAITING))
            .group_by(ap_lane.c.host)
            .order_by(many.desc(), ap_lane.c.host)
            .limit(limit)
        )
        with self._database.read() as tx:
            return {row[0]: row[1] for row in tx.execute(query)}

    def next_ready(self) -> str | None:
        """When the next lane is ready that nobody holds (ledger time), breakers aside; None if nothing waits."""
        query = select(func.min(ap_lane.c.ready)).where(ap_lane.c.ready.is_not(None), ap_lane.c.lease_until.is_(None))
        with self._database.read() as tx:
            found: str | None = tx.scalar(query)
        return found

    def listed(self, state: DeliveryState, limit: int = 50, before: int | None = None) -> list[DeliveryRow]:
        """Deliveries in a state, newest first; ``before``: the number of the last one shown, for the next page."""
        columns = [(ap_lane if name in {"host", "actor"} else ap_delivery).c[name] for name in DeliveryRow._fields]
        query = select(*columns).join(ap_lane, ap_lane.c.id == ap_delivery.c.lane)
        query = query.where(ap_delivery.c.state == state.value)
        if before is not None:
            query = query.where(ap_delivery.c.id < before)
        with self._database.read() as tx:
            return [DeliveryRow._make(row) for row in tx.execute(query.order_by(ap_delivery.c.id.desc()).limit(limit))]


# -- statements


def _waits() -> ColumnElement[bool]:
    return exists().where(ap_delivery.c.lane == ap_lane.c.id, ap_delivery.c.state == IS_WAITING)


def _freed(ready: Any) -> dict[str, Any]:
    """Values of a lane that nobody holds: ready at a time if anything waits in it."""
    at = case((_waits(), ready), else_=None) if ready is not None else None
    return {"ready": at, "lease_until": None, "holder": None, "claimed_to": None}


_FREE = update(ap_lane).where(ap_lane.c.id == bindparam("b_lane")).values(_freed(bindparam("b_at")))
_SETTLE = (
    update(ap_delivery)
    .where(ap_delivery.c.id == bindparam("b_id"), ap_delivery.c.state == IS_WAITING)
    .values(
        state=bindparam("b_state"),
        tries=ap_delivery.c.tries + bindparam("b_tried"),
        status=bindparam("b_status"),
        reason=bindparam("b_reason"),
        next_try=bindparam("b_next"),
        settled=bindparam("b_settled"),
    )
)


def _values(one: Settled, at: str) -> dict[str, object]:
    waits = one.state is DeliveryState.WAITING
    return {
        "b_id": one.delivery,
        "b_state": one.state.value,
        "b_tried": int(one.counts and one.state is not DeliveryState.DROPPED),
        "b_status": one.status,
        "b_reason": one.reason,
        "b_next": to_text(one.next_try) if one.next_try and waits else None,
        "b_settled": None if waits else at,
    }
