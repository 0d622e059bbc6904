"""What is to be told to whom, and whether it has been: the outbox of the mail, durable and in order.

Must never send anything: whoever does asks for what is due, claims it first, and notes the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from federation.ledger.database import Database
from federation.ledger.schema import notice
from federation.ledger.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One thing to tell one person. ``source`` and ``run`` are empty where it is about the whole instance.

    ``detail`` holds plain values for the letter. ``sent``: when it left; ``next_try``: when to try (again), None once
    it has left or has been given up.
    """

    id: int
    source: str
    run: str
    kind: str
    recipient: str
    detail: Mapping[str, Any]
    made: datetime
    sent: datetime | None = None
    tries: int = 0
    next_try: datetime | None = None


class Notices:
    """The table ``notice``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        source: str,
        run: str,
        kind: str,
        recipients: Mapping[str, datetime | None],
        detail: Mapping[str, Any],
        now: datetime,
        tx: Connection | None = None,
    ) -> None:
        """Queue a notice. ``recipients``: when each letter may leave; None for what is only remembered, never sent."""
        rows = [
            {
                "source": source,
                "run": run,
                "kind": kind,
                "recipient": recipient,
                "detail": dict(detail),
                "made": to_text(now),
                "next_try": None if at is None else to_text(at),
            }
            for recipient, at in recipients.items()
        ]
        if rows:
            with self._database.write(tx) as tx:
                tx.execute(insert(notice), rows)

    def last(self, source: str, kinds: Iterable[str] | None = None) -> NoticeRow | None:
        """The latest notice about a source, of one of ``kinds`` if given."""
        query = select(notice).where(notice.c.source == source)
        if kinds is not None:
            query = query.where(notice.c.kind.in_(list(kinds)))
        with self._database.read() as tx:
            row = tx.execute(query.order_by(notice.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else _notice(row)

    def waiting(self) -> list[NoticeRow]:
        """Every letter that has not left yet and has not been given up, oldest first."""
        return self._select(notice.c.next_try.is_not(None))

    def due(self, now: datetime, limit: int = 100) -> list[NoticeRow]:
        """The letters to send now, oldest first."""
        return self._select(notice.c.next_try <= to_text(now), limit=limit)

    def claim(self, id_: int, now: datetime, next_try: datetime | None) -> bool:
        """Count one attempt before it is made, and note when the next may follow; False if it is no longer due.

        Two processes cannot both claim one letter, and one that dies while sending tries again later, not at once.
        """
        due = (notice.c.id == id_, notice.c.sent.is_(None), notice.c.next_try <= to_text(now))
        values = {"tries": notice.c.tries + 1, "next_try": None if next_try is None else to_text(next_try)}
        with self._database.write() as tx:
            return tx.execute(update(notice).where(*due).values(values)).rowcount == 1

    def sent(self, id_: int, now: datetime) -> None:
        """Note that a letter has left."""
        with self._database.write() as tx:
            tx.execute(update(notice).where(notice.c.id == id_).values(sent=to_text(now), next_try=None))

    def give_up(self, id_: int) -> None:
        """Note that a letter will never leave: its address is refused for good."""
        with self._database.write() as tx:
            tx.execute(update(notice).where(notice.c.id == id_).values(next_try=None))

    def withdraw(self, ids: Iterable[int]) -> None:
        """Take letters back that have not left: the next run tells anew what still holds."""
        with self._database.write() as tx:
            tx.execute(delete(notice).where(notice.c.id.in_(list(ids)), notice.c.sent.is_(None)))

    def _select(self, *where: Any, limit: int | None = None) -> list[NoticeRow]:
        query = select(notice).where(*where).order_by(notice.c.id)
        with self._database.read() as tx:
            rows = tx.execute(query if limit is None else query.limit(limit)).all()
        return [_notice(row) for row in rows]


def _notice(row: Row[Any]) -> NoticeRow:
    return NoticeRow(
        id=row.id,
        source=row.source,
        run=row.run,
        kind=row.kind,
        recipient=row.recipient,
        detail=row.detail,
        made=from_text(row.made),
        sent=None if row.sent is None else from_text(row.sent),
        tries=row.tries,
        next_try=None if row.next_try is None else from_text(row.next_try),
    )
