"""What may be sent next, and what need not be: the queries over lanes that ap_deliveries.py runs in its transactions.

Must never open a transaction of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from federation.ledger.ap_schema import ap_activity, ap_block, ap_delivery, ap_host, ap_lane
from federation.ledger.records import in_parts

PER_HOST = 4  # lanes of one host in flight
WAITING_PER_HOST = 1_000  # deliveries, for a host that does not answer: it is not to fill the store
FAREWELLS = ("Reject", "Undo")
"""Kinds of activities that still go to a blocked host, once: its followers are removed, and it is followed no more."""


class DeliveryState(StrEnum):
    """States of a delivery: each is in exactly one. ``dropped``: never to be sent (``reason`` says why)."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class Delivery(NamedTuple):
    """One delivery of an activity (ULID). ``tries``: attempts made so far; ``made``: ledger time."""

    id: int
    activity: str
    inbox: str
    object: str | None
    tries: int
    made: str


# said outright, for a database uses an index of only the waiting ones only if it reads that in the statement
IS_WAITING: ColumnElement[str] = literal_column("'waiting'")
_DROPPED = DeliveryState.DROPPED.value
_CLAIMED = [ap_delivery.c[name] for name in Delivery._fields]


def shut(hosts: Iterable[str], kind: str, tx: Connection) -> dict[str, str]:
    """Of some hosts those that do not get an activity of a kind, and why."""
    closed: dict[str, str] = {}
    for part in in_parts(hosts):
        dormant = select(ap_host.c.host).where(ap_host.c.host.in_(part), ap_host.c.dormant_since.is_not(None))
        closed.update((host, "dormant") for host in tx.scalars(dormant))
        blocked = select(ap_block.c.subject).where(ap_block.c.subject.in_(part))
        if kind not in FAREWELLS:
            closed.update((host, "blocked") for host in tx.scalars(blocked))
        silent = select(ap_host.c.host).where(ap_host.c.host.in_(part), ap_host.c.open_until.is_not(None))
        full = (
            select(ap_lane.c.host)
            .join(ap_delivery, and_(ap_delivery.c.lane == ap_lane.c.id, ap_delivery.c.state == IS_WAITING))
            .where(ap_lane.c.host.in_(silent))
            .group_by(ap_lane.c.host)
            .having(func.count() >= WAITING_PER_HOST)
        )
        closed.update((host, "full") for host in tx.scalars(full) if host not in closed)
    return closed


def collapse(among: ColumnElement[bool], at: str, tx: Connection, only: ColumnElement[bool] | None = None) -> None:
    """Drop what waits and is not in flight, if only more Updates of its object to its inbox follow.

    ``among`` must hold for all deliveries of an object in a lane, or for none; of them ``only`` may be dropped. What
    follows each is counted in one pass: a database that has no statistics yet takes a self-join row by row.
    """
    follow = func.min(case((ap_delivery.c.collapses, 1), else_=0)).over(
        partition_by=(ap_delivery.c.object, ap_delivery.c.lane, ap_delivery.c.inbox),
        order_by=ap_delivery.c.id.desc(),
        rows=(None, -1),
    )
    waiting = (
        select(ap_delivery.c.id, ap_delivery.c.lane, ap_delivery.c.collapses, follow.label("follow"))
        .where(among, ap_delivery.c.object.is_not(None), ap_delivery.c.state == IS_WAITING)
        .subquery()
    )
    needless = (
        select(waiting.c.id)
        .join(ap_lane, ap_lane.c.id == waiting.c.lane)
        .where(
            waiting.c.collapses == true(), waiting.c.follow == 1, waiting.c.id > func.coalesce(ap_lane.c.claimed_to, 0)
        )
    )
    values = {"state": _DROPPED, "reason": "collapsed", "settled": at, "next_try": None}
    dropped = update(ap_delivery).where(ap_delivery.c.id.in_(needless), ap_delivery.c.state == IS_WAITING)
    tx.execute((dropped if only is None else dropped.where(only)).values(values))


def choose(at: str, most: int, tx: Connection) -> dict[int, tuple[str, str]]:
    """The lanes to claim (id to host, actor), within the limits per host."""
    out = select(ap_lane.c.host, func.count()).where(ap_lane.c.lease_until > at).group_by(ap_lane.c.host)
    flying = Counter({row[0]: row[1] for row in tx.execute(out)})
    full = [host for host, number in flying.items() if number >= PER_HOST]
    place = func.row_number().over(partition_by=ap_lane.c.host, order_by=(ap_lane.c.ready, ap_lane.c.id)).label("place")
    probing = ap_host.c.open_until.is_not(None).label("probing")
    ready = (
        select(ap_lane.c.id, ap_lane.c.host, ap_lane.c.actor, ap_lane.c.ready, probing, place)
        .outerjoin(ap_host, ap_host.c.host == ap_lane.c.host)
        .where(
            ap_lane.c.ready <= at,
            or_(ap_lane.c.lease_until.is_(None), ap_lane.c.lease_until <= at),
            or_(ap_host.c.open_until.is_(None), ap_host.c.open_until <= at),
            ap_host.c.dormant_since.is_(None),
            or_(~_is_blocked(), _has_farewell()),
            ap_lane.c.host.not_in(full),
        )
        .subquery()
    )
    query = select(ready).where(ready.c.place <= PER_HOST).order_by(ready.c.ready, ready.c.id).limit(most * PER_HOST)
    chosen: dict[int, tuple[str, str]] = {}
    for row in tx.execute(query):
        if len(chosen) < most and flying[row.host] < (1 if row.probing else PER_HOST):
            flying[row.host] += 1
            chosen[row.id] = (row.host, row.actor)
    return chosen


def heads(lanes: list[int], per_lane: int, tx: Connection) -> dict[int, list[Delivery]]:
    """The first deliveries that wait in each lane."""
    other = ap_delivery.alias("other")
    first = (
        select(other.c.id)
        .where(other.c.lane == ap_lane.c.id, other.c.state == IS_WAITING, or_(~_is_blocked(), _is_farewell(other)))
        .order_by(other.c.id)
        .limit(per_lane)
        .correlate(ap_lane)
    )
    query = (
        select(ap_lane.c.id, *_CLAIMED)
        .select_from(ap_lane)
        .join(ap_delivery, and_(ap_delivery.c.lane == ap_lane.c.id, ap_delivery.c.id.in_(first)))
        .where(ap_lane.c.id.in_(lanes))
        .order_by(ap_delivery.c.id)
    )
    heads: dict[int, list[Delivery]] = {}
    for row in tx.execute(query):
        heads.setdefault(row[0], []).append(Delivery._make(row[1:]))
    return heads


def _is_blocked() -> ColumnElement[bool]:
    """Whether the host of a lane is blocked."""
    return ap_lane.c.host.in_(select(ap_block.c.subject).where(ap_block.c.kind == "host"))


def _is_farewell(delivery: FromClause) -> ColumnElement[bool]:
    """Whether a delivery is of what a blocked host still gets."""
    return exists().where(ap_activity.c.id == delivery.c.activity, ap_activity.c.kind.in_(FAREWELLS))


def _has_farewell() -> ColumnElement[bool]:
    """Whether such a delivery waits in a lane."""
    waits = (ap_delivery.c.lane == ap_lane.c.id, ap_delivery.c.state == IS_WAITING)
    return exists().where(*waits, ap_activity.c.id == ap_delivery.c.activity, ap_activity.c.kind.in_(FAREWELLS))
