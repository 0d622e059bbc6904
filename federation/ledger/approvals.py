"""What people have decided: up to which figure a rule of the guard may be passed, and whose records stay gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from federation.ledger.database import Database
from federation.ledger.schema import approval, forgotten
from federation.ledger.times import from_text, to_text
from federation.model import Rule

_ABSENCES = (Rule.SHRINK, Rule.EMPTY)  # what lets records go that are absent


class Approvals:
    """The table ``approval``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self,
        source: str,
        run: str,
        ceilings: Mapping[Rule, int],
        by: str,
        now: datetime,
        until: datetime,
        tx: Connection | None = None,
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
            with self._database.write(tx) as tx:
                tx.execute(insert(approval), rows)

    def ceilings(self, source: str, now: datetime) -> dict[Rule, int]:
        """What is allowed to a source at present, by rule."""
        query = select(approval.c.rule, func.max(approval.c.ceiling)).where(
            approval.c.source == source, approval.c.until > to_text(now)
        )
        with self._database.read() as tx:
            rows = tx.execute(query.group_by(approval.c.rule)).all()
        return {Rule(rule): ceiling for rule, ceiling in rows}

    def lapse(self, source: str, now: datetime) -> None:
        """End what is allowed to a source: a person has undone what came of it."""
        ended = to_text(now)
        with self._database.write() as tx:
            in_force = (approval.c.source == source, approval.c.until > ended)
            tx.execute(update(approval).where(*in_force).values(until=ended))

    def fewer(self, source: str) -> tuple[datetime, datetime] | None:
        """From when until when it was last approved that a source has fewer records; None if it never was.

        To agree to changes, to refused or to new records says nothing of how many there should be.
        """
        losses = (*_ABSENCES, Rule.EXPLICIT)
        return self._last(source, losses)

    def losses_counted_from(self, source: str, now: datetime) -> datetime | None:
        """From when on losses of a source weigh on it: while a loss is approved they count against that ceiling, once
        the approval has ended what fell under it is settled. None if no loss was ever approved."""
        last = self._last(source, _ABSENCES)
        if last is None:
            return None
        given, until = last
        return until if until <= now else given

    def _last(self, source: str, rules: Iterable[Rule]) -> tuple[datetime, datetime] | None:
        """From when until when one of ``rules`` was last approved."""
        approved = (approval.c.source == source, approval.c.rule.in_([rule.value for rule in rules]))
        query = select(approval.c.given, approval.c.until).where(*approved)
        with self._database.read() as tx:
            last = tx.execute(query.order_by(approval.c.given.desc(), approval.c.id.desc()).limit(1)).one_or_none()
        return None if last is None else (from_text(last.given), from_text(last.until))


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
