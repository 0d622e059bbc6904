"""Results of trials of a feed, kept for some days under the hash of a secret. Must never hold the secret itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from federation.ledger.database import Database
from federation.ledger.schema import trial
from federation.ledger.times import to_text

MOST = 2000
"""Results kept at the same time: beyond it the oldest go, so that nobody can fill the disk with trials."""


class Trials:
    """The table ``trial``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, token: str, result: Mapping[str, Any], now: datetime, until: datetime) -> None:
        """Keep a result until a time, for whoever knows ``token``. What has expired is forgotten."""
        row = {"id": hashed(token), "made": to_text(now), "until": to_text(until), "result": dict(result)}
        with self._database.write() as tx:
            self.prune(now, tx)
            tx.execute(insert(trial), row)
            beyond = select(trial.c.id).order_by(trial.c.made.desc()).offset(MOST)
            tx.execute(delete(trial).where(trial.c.id.in_(beyond)))

    def prune(self, now: datetime, tx: Connection | None = None) -> int:
        """Forget the results that have expired; return how many."""
        with self._database.write(tx) as tx:
            return tx.execute(delete(trial).where(trial.c.until <= to_text(now))).rowcount

    def find(self, token: str, now: datetime) -> Mapping[str, Any] | None:
        """The result that was kept for ``token``; None if there is none, or not any more."""
        query = select(trial.c.result).where(trial.c.id == hashed(token), trial.c.until > to_text(now))
        with self._database.read() as tx:
            found: Mapping[str, Any] | None = tx.scalar(query)
        return found


def hashed(token: str) -> str:
    """The id under which the result of a trial is kept: SHA-256 (hex) of its secret."""
    return hashlib.sha256(token.encode()).hexdigest()
