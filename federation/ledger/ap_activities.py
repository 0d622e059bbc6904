"""Our own activities, as they were serialised once, and the outbox of each actor: a numbering without gaps.

Must never change an activity, but to forget what it said of an object that is to be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text, update

from federation.ledger.ap_schema import ap_activity
from federation.ledger.database import Database
from federation.ledger.records import in_parts

PAGE = 50


class NewActivity(NamedTuple):
    """An activity to append. ``listed``: whether the outbox of its actor shows it; ``seq``: of the change log.

    ``made`` is a ledger time; ``document`` the bytes that go everywhere.
    """

    id: str
    actor: str
    kind: str
    object: str | None
    seq: int | None
    made: str
    document: bytes
    listed: bool = True


class ActivityRow(NamedTuple):
    """A kept activity. ``position``: its place in its actor's outbox, from 1; None if it is not shown there."""

    id: str
    actor: str
    kind: str
    object: str | None
    seq: int | None
    made: str
    document: bytes
    position: int | None


_COLUMNS = [ap_activity.c[name] for name in ActivityRow._fields]


class Activities:
    """The table ``ap_activity``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, activities: Sequence[NewActivity], tx: Connection | None = None) -> list[ActivityRow]:
        """Number the activities within their actors' outboxes, without gaps, and keep them, in one transaction."""
        if not activities:
            return []
        with self._database.write(tx) as tx:
            if self._database.dialect == "postgresql":
                tx.execute(text("LOCK TABLE ap_activity IN EXCLUSIVE MODE"))  # SQLite has one writer anyway
            last = {actor: self._last(actor, tx) for actor in {one.actor for one in activities if one.listed}}
            rows = []
            for one in activities:
                position = None
                if one.listed:
                    last[one.actor] += 1
                    position = last[one.actor]
                rows.append(ActivityRow(*one[:7], position))
            self._database.put_rows(tx, insert(ap_activity), rows)
        return rows

    def get(self, id_: str, tx: Connection | None = None) -> ActivityRow | None:
        """One activity by its ULID."""
        with self._database.read(tx) as tx:
            row = tx.execute(select(*_COLUMNS).where(ap_activity.c.id == id_)).one_or_none()
        return None if row is None else ActivityRow._make(row)

    def many(self, ids: Iterable[str]) -> dict[str, ActivityRow]:
        """Activities by their ULIDs; unknown ones are absent."""
        found: dict[str, ActivityRow] = {}
        with self._database.read() as tx:
            for part in in_parts(ids):
                for row in tx.execute(select(*_COLUMNS).where(ap_activity.c.id.in_(part))):
                    found[row[0]] = ActivityRow._make(row)
        return found

    def total(self, actor: str) -> int:
        """Number of activities in an actor's outbox."""
        with self._database.read() as tx:
            return self._last(actor, tx)

    def page(self, actor: str, number: int) -> list[str]:
        """The ULIDs on one page of an actor's outbox, oldest first; pages of :data:`PAGE`, numbered from 1, the oldest.

        A full page never changes. Empty if there is no such page.
        """
        first = (number - 1) * PAGE
        places = (ap_activity.c.position > first, ap_activity.c.position <= first + PAGE)
        query = select(ap_activity.c.id).where(ap_activity.c.actor == actor, *places).order_by(ap_activity.c.position)
        with self._database.read() as tx:
            return list(tx.scalars(query))

    def of_object(self, object_: str) -> list[ActivityRow]:
        """What was said of an object, oldest first."""
        return self._select(ap_activity.c.object == object_)

    def of_seq(self, seq: int) -> list[ActivityRow]:
        """What an entry of the change log was made into."""
        return self._select(ap_activity.c.seq == seq)

    def last_seq(self, tx: Connection | None = None) -> int:
        """The latest entry of the change log that was made into an activity; 0 if there is none."""
        with self._database.read(tx) as tx:
            return tx.scalar(select(func.max(ap_activity.c.seq))) or 0

    def forget(self, objects: Iterable[str], tx: Connection | None = None) -> int:
        """Drop the bytes of every activity about some objects (erasure); ids and places stay. Return how many.

        An empty document is answered as gone. What still waits to be delivered: see ``Deliveries.drop_objects``.
        """
        with self._database.write(tx) as tx:
            return sum(
                tx.execute(update(ap_activity).where(ap_activity.c.object.in_(part)).values(document=b"")).rowcount
                for part in in_parts(objects)
            )

    def blank(self, ids: Iterable[str], tx: Connection) -> None:
        """Drop the bytes of some activities; ids and places stay. What waits to be delivered of them is not sent."""
        for part in in_parts(ids):
            tx.execute(update(ap_activity).where(ap_activity.c.id.in_(part)).values(document=b""))

    def objects_of(self, actor: str) -> list[str]:
        """What an actor has created, in order of name."""
        created = (ap_activity.c.actor == actor, ap_activity.c.kind == "Create", ap_activity.c.object.is_not(None))
        query = select(ap_activity.c.object).where(*created).distinct().order_by(ap_activity.c.object)
        with self._database.read() as tx:
            return [name for name in tx.scalars(query) if name is not None]

    def counts(self) -> dict[str, int]:
        """Number of activities by kind."""
        with self._database.read() as tx:
            rows = tx.execute(select(ap_activity.c.kind, func.count()).group_by(ap_activity.c.kind)).all()
        return {row[0]: row[1] for row in rows}

    def _last(self, actor: str, tx: Connection) -> int:
        return tx.scalar(select(func.max(ap_activity.c.position)).where(ap_activity.c.actor == actor)) or 0

    def _select(self, *where: Any) -> list[ActivityRow]:
        with self._database.read() as tx:
            rows = tx.execute(select(*_COLUMNS).where(*where).order_by(ap_activity.c.id)).all()
        return [ActivityRow._make(row) for row in rows]
