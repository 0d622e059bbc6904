"""Accounts of those who look after the instance: names, roles, hashed passwords. Must never keep or show a password.

Hashes are argon2id (RFC 9106) in the PHC string format, which carries its parameters and its salt.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from federation.errors import ConfigError
from federation.ledger.database import Database
from federation.ledger.schema import account, session
from federation.ledger.times import from_text, to_text

SHORTEST, LONGEST = 12, 512  # characters of a password; the longest bounds what is hashed
AT_ONCE = 2  # passwords hashed at the same time: each takes `Cost.memory` and a processor
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SALT = 16  # bytes (RFC 9106, section 3.1)


class Role(Enum):
    """What an account may do: operators look after sources and runs; administrators read the log of actions, too."""

    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in; with ``disabled`` no longer."""

    name: str
    role: Role
    made: datetime
    disabled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters of argon2id: passes, KiB of memory, lanes. The defaults are those that OWASP recommends."""

    passes: int = 2
    memory: int = 19 * 1024
    lanes: int = 1


class Accounts:
    """The table ``account``. Changing a password or disabling an account ends all its sessions."""

    def __init__(self, database: Database, randomness: Callable[[int], bytes], cost: Cost = Cost()) -> None:
        self._database = database
        self._randomness = randomness
        self._hasher = PasswordHasher(cost.passes, cost.memory, cost.lanes)
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def add(self, name: str, password: str, role: Role, now: datetime) -> Account:
        """Make an account. Raises ConfigError: the name is taken or has another form, or the password is weak."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"An account cannot be called {name!r}: lower-case letters without accents, digits, `.`, `_` and `-`, "
                "at most 63.",
                f"Un compte ne peut pas s'appeler {name!r} : des minuscules sans accent, des chiffres, « . », « _ » et "
                "« - », 63 au plus.",
            )
        _refuse_weak(name, password)
        values = {"name": name, "password": self._hash(password), "role": role.value, "made": to_text(now)}
        try:
            with self._database.write() as tx:
                tx.execute(insert(account), values)
        except IntegrityError as error:
            raise ConfigError(
                f"There is an account {name} already. For a new password: `carrefour account password {name}`.",
                f"Il y a déjà un compte {name}. Pour un nouveau mot de passe : `carrefour account password {name}`.",
            ) from error
        return Account(name, role, now)

    def all(self) -> list[Account]:
        """Every account, by name."""
        with self._database.read() as tx:
            return [account_of(row) for row in tx.execute(select(account).order_by(account.c.name))]

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password and end its sessions.

        Raises ConfigError: there is no such account, or the password is weak.
        """
        self._known(name)
        _refuse_weak(name, password)
        hashed = self._hash(password)
        with self._database.write() as tx:
            tx.execute(update(account).where(account.c.name == name).values(password=hashed))
            _end_sessions(name, tx)

    def disable(self, name: str, now: datetime) -> None:
        """Let nobody log in to an account any more, and end its sessions. Raises ConfigError: no such account."""
        self._known(name)
        with self._database.write() as tx:
            first = (account.c.name == name, account.c.disabled.is_(None))
            tx.execute(update(account).where(*first).values(disabled=to_text(now)))
            _end_sessions(name, tx)

    def enable(self, name: str) -> None:
        """Let people log in to an account again. Raises ConfigError: no such account."""
        self._known(name)
        with self._database.write() as tx:
            tx.execute(update(account).where(account.c.name == name).values(disabled=None))

    def check(self, name: str, password: str) -> Account | None:
        """The account, if the password is its own and it is not disabled.

        An unknown name costs the same work as a wrong password, and so does a disabled account: the time that an
        answer takes does not tell which names exist. A hash made with other parameters is made again.
        """
        decoy = self._decoy  # made before the name is looked up, so that its making tells nothing either
        with self._database.read() as tx:
            row = tx.execute(select(account).where(account.c.name == name)).one_or_none()
        right = self._matches(decoy if row is None else row.password, password)
        if row is None or not right or row.disabled is not None:
            return None
        if self._hasher.check_needs_rehash(row.password):
            same = (account.c.name == name, account.c.password == row.password)
            hashed = self._hash(password)
            with self._database.write() as tx:
                tx.execute(update(account).where(*same).values(password=hashed))
        return account_of(row)

    @cached_property
    def _decoy(self) -> str:
        """A hash that no password has, to verify against when there is none."""
        return self._hash(self._randomness(32).hex())

    def _known(self, name: str) -> None:
        with self._database.read() as tx:
            found = tx.scalar(select(account.c.name).where(account.c.name == name))
        if found is None:
            raise ConfigError(
                f"There is no account {name}. See `carrefour account list`.",
                f"Il n'y a pas de compte {name}. Voyez `carrefour account list`.",
            )

    def _hash(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(_composed(password), salt=self._randomness(_SALT))

    def _matches(self, hashed: str, password: str) -> bool:
        with self._turns:
            try:
                return self._hasher.verify(hashed, _composed(password[: LONGEST + 1]))
            except (VerificationError, InvalidHashError):
                return False


def account_of(row: Row[Any]) -> Account:
    """The account that a row of the table holds."""
    disabled = None if row.disabled is None else from_text(row.disabled)
    return Account(row.name, Role(row.role), from_text(row.made), disabled)


def _composed(password: str) -> bytes:
    """One password, however a keyboard composes its accents (NFC, as NIST SP 800-63B, section 5.1.1.2, advises)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _refuse_weak(name: str, password: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"A password has {SHORTEST} to {LONGEST} characters. Several words make a good one.",
            f"Un mot de passe a de {SHORTEST} à {LONGEST} caractères. Plusieurs mots en font un bon.",
        )
    if password.strip().casefold() == name.casefold():
        raise ConfigError(
            "The password is the name of the account. Choose another one.",
            "Le mot de passe est le nom du compte. Choisissez-en un autre.",
        )


def _end_sessions(name: str, tx: Connection) -> None:
    tx.execute(delete(session).where(session.c.account == name))
