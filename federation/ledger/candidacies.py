"""Requests of networks to join, and what became of them. Must never reach public pages: they hold contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Row, insert, select, update

from federation.ledger.database import Database
from federation.ledger.schema import candidacy
from federation.ledger.times import from_text, to_text


class CandidacyState(Enum):
    """What has become of a request to join."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Candidacy:
    """One request to join. ``contact`` is an e-mail address; ``url`` the site of the network.

    ``detail``: ``feed`` (address), ``licence`` (IRI), ``charter`` (its version), ``lang``, ``toml`` (the proposed
    source file), each only if it is known.
    """

    id: str
    name: str
    url: str
    contact: str
    detail: Mapping[str, Any]
    state: CandidacyState
    made: datetime
    decided: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None


class Candidacies:
    """The table ``candidacy``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: Candidacy) -> None:
        """Keep a request."""
        row = {
            "id": request.id,
            "name": request.name,
            "url": request.url,
            "contact": request.contact,
            "detail": dict(request.detail),
            "state": request.state.value,
            "made": to_text(request.made),
        }
        with self._database.write() as tx:
            tx.execute(insert(candidacy), row)

    def all(self, state: CandidacyState | None = None) -> list[Candidacy]:
        """Every request, or those in one state, the oldest first."""
        query = select(candidacy).order_by(candidacy.c.made, candidacy.c.id)
        if state is not None:
            query = query.where(candidacy.c.state == state.value)
        with self._database.read() as tx:
            return [_candidacy(row) for row in tx.execute(query)]

    def find(self, identity: str) -> Candidacy | None:
        """One request by its id."""
        with self._database.read() as tx:
            row = tx.execute(select(candidacy).where(candidacy.c.id == identity)).first()
        return None if row is None else _candidacy(row)

    def describe(self, identity: str, detail: Mapping[str, Any]) -> None:
        """Replace what is known of a request that is open."""
        change = update(candidacy).where(candidacy.c.id == identity, candidacy.c.state == CandidacyState.OPEN.value)
        with self._database.write() as tx:
            tx.execute(change.values(detail=dict(detail)))

    def decide(self, identity: str, state: CandidacyState, by: str, reason: str | None, now: datetime) -> bool:
        """Note what a person decided; False if the request is not open (any more)."""
        change = update(candidacy).where(candidacy.c.id == identity, candidacy.c.state == CandidacyState.OPEN.value)
        values = {"state": state.value, "decided": to_text(now), "decided_by": by, "reason": reason}
        with self._database.write() as tx:
            return tx.execute(change.values(**values)).rowcount == 1


def _candidacy(row: Row[Any]) -> Candidacy:
    return Candidacy(
        id=row.id,
        name=row.name,
        url=row.url,
        contact=row.contact,
        detail=row.detail,
        state=CandidacyState(row.state),
        made=from_text(row.made),
        decided=None if row.decided is None else from_text(row.decided),
        decided_by=row.decided_by,
        reason=row.reason,
    )
