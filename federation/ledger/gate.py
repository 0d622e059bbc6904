"""Logging in and out: the one way from name and password to a session. Must never say which of the two was wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from federation.ledger.accounts import Accounts
from federation.ledger.attempts import Attempts
from federation.ledger.sessions import Session, Sessions


@dataclass(frozen=True, slots=True)
class Login:
    """What a try to log in gives: a session with its token; or a time to wait; or neither, if it was wrong."""

    session: Session | None = None
    token: str = ""
    wait: timedelta | None = None


class Gate:
    """Accounts, sessions and attempts, with a clock."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, attempts: Attempts, clock: Callable[[], datetime]
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._attempts = attempts
        self._clock = clock

    def login(self, name: str, password: str, address: str) -> Login:
        """Try to log in from a client's address. Unknown names wait and take as long as known ones."""
        name = name.strip().lower()
        wait = self._attempts.begin(name, address, self._clock())
        if wait is not None:
            return Login(wait=wait)
        account = self._accounts.check(name, password)
        if account is None:
            return Login()
        self._attempts.succeed(name, address)
        token, session = self._sessions.open(account, self._clock())
        return Login(session, token)

    def session(self, token: str) -> Session | None:
        """The session of a token, if it still holds."""
        return self._sessions.get(token, self._clock())

    def forgive(self, name: str) -> None:
        """Forget failed tries of a name: the operator has given it another password."""
        self._attempts.forgive(name)

    def logout(self, token: str) -> None:
        """End a session."""
        self._sessions.close(token)
