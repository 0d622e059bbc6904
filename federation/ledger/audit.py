"""Who asked for what, and when: one line per action of an operator. Lines are added, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import orjson
from sqlalchemy import Connection, insert, select

from federation.ledger.database import Database
from federation.ledger.runs import ulid
from federation.ledger.schema import meta
from federation.ledger.times import from_text, to_text

_PREFIX = "audit:"  # of the keys in `meta`; a ULID follows, so that their order is that of time


class Act(Enum):
    """What an operator can ask for."""

    HARVEST = "harvest"
    APPROVE = "approve"
    UNDO = "undo"
    REPLAY = "replay"
    PAUSE = "pause"
    RESUME = "resume"
    RETIRE = "retire"
    FORGET = "forget"
    ACCEPT = "accept"  # a request to join
    DECLINE = "decline"
    FOLLOW = "follow"  # an actor elsewhere; so the others below
    UNFOLLOW = "unfollow"
    BIND = "bind"
    UNBIND = "unbind"
    MODE = "mode"
    BLOCK = "block"
    UNBLOCK = "unblock"
    LET_IN = "let-in"
    TURN_DOWN = "turn-down"
    REPLAY_ACTIVITIES = "replay-activities"
    SYNC = "sync"
    ROTATE = "rotate"  # the keys of an actor of ours


@dataclass(frozen=True, slots=True)
class AuditLine:
    """``by`` did ``act`` to a source, about a run if one is named; ``detail``: the reason or the figures given.

    ``source`` is empty for a request to join that was declined, and for what is no source's: ``detail`` names it.
    """

    at: datetime
    by: str
    act: Act
    source: str
    run: str | None = None
    detail: str = ""


class Audit:
    """The lines, kept in the table ``meta``."""

    def __init__(self, database: Database, randomness: Callable[[int], bytes]) -> None:
        self._database = database
        self._randomness = randomness

    def add(self, line: AuditLine, tx: Connection | None = None) -> None:
        """Write one line; with ``tx`` in the transaction of what it tells of."""
        value = {"at": to_text(line.at), "by": line.by, "act": line.act.value, "source": line.source}
        more = {"run": line.run, "detail": line.detail}
        key = _PREFIX + ulid(line.at, self._randomness(10))
        with self._database.write(tx) as tx:
            tx.execute(insert(meta), {"key": key, "value": orjson.dumps({**value, **more}).decode("utf-8")})

    def lines(self, limit: int, source: str | None = None) -> list[AuditLine]:
        """The latest lines, newest first; of one source if it is named."""
        query = select(meta.c.value).where(meta.c.key.startswith(_PREFIX, autoescape=True))
        with self._database.read() as tx:
            values = tx.scalars(query.order_by(meta.c.key.desc()))
            found = (_line(value) for value in values)
            kept = (line for line in found if source is None or line.source == source)
            return [line for line, _ in zip(kept, range(limit), strict=False)]


def _line(value: str) -> AuditLine:
    row = orjson.loads(value)
    at = from_text(row["at"])
    return AuditLine(at, row["by"], Act(row["act"]), row["source"], row.get("run"), row.get("detail", ""))
