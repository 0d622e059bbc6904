"""Sessions of people who have logged in. Only the hash of a token is kept: a copy of the ledger opens no session."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from federation.ledger.accounts import Account, account_of
from federation.ledger.database import Database
from federation.ledger.schema import account, session
from federation.ledger.times import from_text, to_text

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)
_NOTED = timedelta(minutes=1)  # a use is written down once a minute, not at each request
_BYTES = 32  # of a token: 256 bits
_LONGEST = 128  # characters of a token that are looked at


@dataclass(frozen=True, slots=True)
class Session:
    """Who has logged in, and the secret that each of their forms repeats."""

    account: Account
    csrf: str


class Sessions:
    """The table ``session``."""

    def __init__(self, database: Database, randomness: Callable[[int], bytes]) -> None:
        self._database = database
        self._randomness = randomness

    def open(self, who: Account, now: datetime) -> tuple[str, Session]:
        """Begin a session: its token (for the cookie, kept nowhere) and the session. Forgets those that have ended."""
        token, csrf = self._secret(), self._secret()
        values = {
            "hash": _hashed(token),
            "account": who.name,
            "csrf": csrf,
            "made": to_text(now),
            "seen": to_text(now),
            "until": to_text(now + ABSOLUTE),
        }
        with self._database.write() as tx:
            self.prune(now, tx)
            tx.execute(insert(session), values)
        return token, Session(who, csrf)

    def prune(self, now: datetime, tx: Connection | None = None) -> int:
        """Forget the sessions that have ended; return how many."""
        ended = or_(session.c.until <= to_text(now), session.c.seen <= to_text(now - IDLE))
        with self._database.write(tx) as tx:
            return tx.execute(delete(session).where(ended)).rowcount

    def get(self, token: str, now: datetime) -> Session | None:
        """The session of a token; None if it is unknown, two hours idle, twelve hours old, or its account disabled."""
        if not token or len(token) > _LONGEST:
            return None
        query = (
            select(session.c.csrf, session.c.seen, account)
            .join(account)
            .where(
                session.c.hash == _hashed(token),
                session.c.until > to_text(now),
                session.c.seen > to_text(now - IDLE),
                account.c.disabled.is_(None),
            )
        )
        with self._database.read() as tx:
            row = tx.execute(query).one_or_none()
        if row is None:
            return None
        if from_text(row.seen) <= now - _NOTED:
            with self._database.write() as tx:
                tx.execute(update(session).where(session.c.hash == _hashed(token)).values(seen=to_text(now)))
        return Session(account_of(row), row.csrf)

    def close(self, token: str) -> None:
        """End one session."""
        with self._database.write() as tx:
            tx.execute(delete(session).where(session.c.hash == _hashed(token[:_LONGEST])))

    def _secret(self) -> str:
        return urlsafe_b64encode(self._randomness(_BYTES)).rstrip(b"=").decode("ascii")


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
