"""What people have decided: up to which figure a rule of the guard may be passed, and whose records stay gone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from federation.ledger.database import Database
from federation.ledger.schema import approval, forgotten
from federation.ledger.times import from_text, to_text
from federation.model import Rule


class Approvals:
    """The table ``approval``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self, source: str, run: str, ceilings: Mapping[Rule, int], by: str, now: datetime, until: datetime
    ) -> None:
        """Allow the rules of the guard up to these figures for a source, until a time; ``run`` is the held one."""
        rows = [
            {
                "source": source,
                "run": run,
                "rule": rule.value,
                "ceiling": ceiling,
                "given": to_text(now),
                "until": to_text(until),
                "by": by,
            }
            for rule, ceiling in ceilings.items()
        ]
        if rows:
            with self._database.write() as tx:
                tx.execute(insert(approval), rows)

    def ceilings(self, source: str, now: datetime) -> dict[Rule, int]:
        """What is allowed to a source at present, by rule."""
        query = select(approval.c.rule, func.max(approval.c.ceiling)).where(
            approval.c.source == source, approval.c.until > to_text(now)
        )
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(approval.c.rule)).all()
        return {Rule(rule): ceiling for rule, ceiling in rows}

    def last(self, source: str) -> datetime | None:
        """When a person last approved anything of a source."""
        with self._database.read() as tx:
            given = tx.scalar(select(func.max(approval.c.given)).where(approval.c.source == source))
        return None if given is None else from_text(given)

    def losses_counted_from(self, source: str, now: datetime) -> datetime | None:
        """From when on losses of a source weigh on it: while a loss is approved they count against that ceiling, once
        the approval has ended what fell under it is settled. None if no loss was ever approved."""
        losses = approval.c.rule.in_([Rule.SHRINK.value, Rule.EMPTY.value])
        query = select(approval.c.given, approval.c.until).where(approval.c.source == source, losses)
        with self._database.read() as tx:
            last = tx.execute(query.order_by(approval.c.given.desc(), approval.c.id.desc()).limit(1)).one_or_none()
        if last is None:
            return None
        return from_text(last.until if last.until <= to_text(now) else last.given)


class Forgotten:
    """The table ``forgotten``: hashes of (partner, key) of records that a person asked to have removed for good."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, partner: str, key: str, now: datetime, tx: Connection | None = None) -> None:
        """Note that a record must never come back. Nothing else of it is kept."""
        with self._database.write(tx) as tx:
            tx.execute(self._database.upsert(forgotten), {"hash": hashed(partner, key), "at": to_text(now)})

    def all(self) -> frozenset[str]:
        """Every hash; see :func:`hashed`."""
        with self._database.read() as tx:
            return frozenset(tx.scalars(select(forgotten.c.hash)))


def hashed(partner: str, key: str) -> str:
    """The hash under which a record is forgotten: SHA-256 (hex) of partner and key."""
    return hashlib.sha256(f"{partner}\n{key}".encode()).hexdigest()
