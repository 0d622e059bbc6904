"""Accounts, sessions, tries to log in, the gate before them, and the log of what operators asked for."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.ledger import Ledger, open_ledger
from federation.ledger.accounts import Accounts, Cost, Role
from federation.ledger.attempts import BY_ADDRESS, BY_NAME
from federation.ledger.audit import Act, AuditLine
from federation.ledger.database import Database
from federation.ledger.gate import Gate
from federation.ledger.sessions import ABSOLUTE, IDLE

NOW = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)
GOOD = "cheval agrafe batterie"
HOME = "192.0.2.7"


class Moving:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with the account ``ana``."""
    opened = open_ledger("", tmp_path)
    opened.accounts.add("ana", GOOD, Role.OPERATOR, NOW)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Moving:
    """The clock of the gate."""
    return Moving()


@pytest.fixture
def gate(ledger: Ledger, clock: Moving) -> Gate:
    """The gate of the ledger."""
    return Gate(ledger.accounts, ledger.sessions, ledger.attempts, clock)


def stored(folder: Path, query: str) -> list[tuple[str, ...]]:
    """What the file of the ledger really holds."""
    connection = sqlite3.connect(folder / "ledger.sqlite")
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


# -- accounts -------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_an_argon2id_hash_only(ledger: Ledger, tmp_path: Path) -> None:
    """The row holds the PHC string with a salt of its own; two equal passwords give two hashes."""
    ledger.accounts.add("bob", GOOD, Role.ADMIN, NOW)

    hashes = [row[0] for row in stored(tmp_path, "select password from account")]

    assert len(set(hashes)) == 2
    assert all(one.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for one in hashes)


@pytest.mark.parametrize("name", ["", "Ana", "é", "a b", "-a", "a" * 64, "a\n", "../x", "<b>"])
def test_a_name_is_plain(ledger: Ledger, name: str) -> None:
    """Lower-case letters, digits and a few signs: a name is shown, typed and put into command lines."""
    with pytest.raises(ConfigError, match="cannot be called"):
        ledger.accounts.add(name, GOOD, Role.OPERATOR, NOW)


@pytest.mark.parametrize("password", ["", "a" * 11, "a" * 513, "operatricedunuit", " OPERATRICEdunuit "])
def test_a_weak_password_is_refused(ledger: Ledger, password: str) -> None:
    """Too short, too long, or the name itself, when an account is made and when its password changes."""
    with pytest.raises(ConfigError):
        ledger.accounts.add("operatricedunuit", password, Role.OPERATOR, NOW)
    ledger.accounts.add("operatricedunuit", GOOD, Role.OPERATOR, NOW)
    with pytest.raises(ConfigError):
        ledger.accounts.set_password("operatricedunuit", password)


def test_a_name_is_taken_once(ledger: Ledger) -> None:
    """Adding it again changes nothing."""
    with pytest.raises(ConfigError, match="already"):
        ledger.accounts.add("ana", "another password", Role.ADMIN, NOW)

    assert ledger.accounts.check("ana", GOOD) is not None


def test_a_password_opens_its_own_account_only(ledger: Ledger) -> None:
    """Right, wrong, empty, too long, with a zero byte, for nobody."""
    assert ledger.accounts.check("ana", GOOD) is not None
    for name, password in [("ana", "no"), ("ana", ""), ("ana", "x" * 100_000), ("ana", GOOD + "\0"), ("zed", GOOD)]:
        assert ledger.accounts.check(name, password) is None


def test_accents_may_be_composed_either_way(ledger: Ledger) -> None:
    """A keyboard that writes é as two characters opens the same account."""
    ledger.accounts.set_password("ana", "été à la ferme")

    assert ledger.accounts.check("ana", "e\u0301te\u0301 a\u0300 la ferme") is not None


def test_unknown_wrong_and_disabled_cost_the_same_work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them verifies exactly one hash of the same parameters: answers take the same time."""
    ledger.accounts.add("bob", GOOD, Role.OPERATOR, NOW)
    ledger.accounts.disable("bob", NOW)
    ledger.accounts.check("nobody", "first")  # makes the decoy
    verified: list[str] = []
    real = Accounts._matches

    def counting(self: Accounts, hashed: str, password: str) -> bool:
        verified.append(hashed.rsplit("$", 2)[0])
        return real(self, hashed, password)

    monkeypatch.setattr(Accounts, "_matches", counting)
    made: list[str] = []
    monkeypatch.setattr(Accounts, "_hash", lambda self, password: made.append(password))
    for name, password in [("nobody", GOOD), ("ana", "wrong"), ("bob", GOOD), ("bob", "wrong")]:
        assert ledger.accounts.check(name, password) is None

    assert verified == ["$argon2id$v=19$m=19456,t=2,p=1"] * 4
    assert made == []


def test_a_hash_of_other_parameters_is_made_again_at_login(tmp_path: Path) -> None:
    """Raising the cost reaches every account that logs in; the password stays."""
    open_ledger("", tmp_path).close()
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    Accounts(database, os.urandom, Cost(1, 8, 1)).add("ana", GOOD, Role.OPERATOR, NOW)
    stronger = Accounts(database, os.urandom, Cost(2, 16, 1))

    assert stronger.check("ana", "wrong password") is None
    before = stored(tmp_path, "select password from account")
    assert stronger.check("ana", GOOD) is not None
    after = stored(tmp_path, "select password from account")

    assert "m=8,t=1" in before[0][0]
    assert "m=16,t=2" in after[0][0]
    assert stronger.check("ana", GOOD) is not None
    database.close()


def test_a_broken_hash_opens_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """A row that somebody has damaged is a wrong password, not a crash."""
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute("update account set password = 'nonsense'")
    connection.commit()
    connection.close()

    assert ledger.accounts.check("ana", GOOD) is None


@pytest.mark.parametrize("name", ["zed", ""])
def test_what_is_asked_of_an_unknown_account_is_told(ledger: Ledger, name: str) -> None:
    """Nothing is made by a slip of the pen."""
    for ask in (
        lambda: ledger.accounts.set_password(name, GOOD),
        lambda: ledger.accounts.disable(name, NOW),
        lambda: ledger.accounts.enable(name),
    ):
        with pytest.raises(ConfigError, match="no account"):
            ask()


# -- sessions -------------------------------------------------------------------------------------------------------


def test_only_the_hash_of_a_token_is_kept(ledger: Ledger, gate: Gate, tmp_path: Path) -> None:
    """Neither the token nor the password stands in any byte of the ledger's files."""
    token = gate.login("ana", GOOD, HOME).token
    rows = stored(tmp_path, "select hash from session")
    ledger.close()

    assert rows == [(hashlib.sha256(token.encode()).hexdigest(),)]
    assert len(token) == 43
    for path in tmp_path.rglob("ledger.sqlite*"):
        assert token.encode() not in path.read_bytes()
        assert GOOD.encode() not in path.read_bytes()


def test_a_session_ends_after_two_idle_hours(gate: Gate, clock: Moving) -> None:
    """Using it puts the end off; not using it ends it."""
    token = gate.login("ana", GOOD, HOME).token
    for _ in range(3):
        clock.at += IDLE - timedelta(minutes=2)
        assert gate.session(token) is not None

    clock.at += IDLE
    assert gate.session(token) is None


def test_a_session_ends_after_twelve_hours_however_busy(gate: Gate, clock: Moving) -> None:
    """Its absolute limit is not put off."""
    token = gate.login("ana", GOOD, HOME).token
    while clock.at < NOW + ABSOLUTE - timedelta(hours=1):
        clock.at += timedelta(hours=1)
        assert gate.session(token) is not None

    clock.at = NOW + ABSOLUTE
    assert gate.session(token) is None


def test_logging_out_ends_that_session_only(gate: Gate) -> None:
    """Another browser stays logged in."""
    first, second = gate.login("ana", GOOD, HOME).token, gate.login("ana", GOOD, HOME).token

    gate.logout(first)

    assert gate.session(first) is None
    assert gate.session(second) is not None


def test_a_new_password_and_disabling_end_all_sessions(ledger: Ledger, gate: Gate) -> None:
    """And nobody else's."""
    ledger.accounts.add("bob", GOOD, Role.ADMIN, NOW)
    other = gate.login("bob", GOOD, HOME).token
    first = gate.login("ana", GOOD, HOME).token
    ledger.accounts.set_password("ana", "une autre phrase")
    second = gate.login("ana", "une autre phrase", HOME).token
    ledger.accounts.disable("ana", NOW)

    assert gate.session(first) is None
    assert gate.session(second) is None
    assert gate.session(other) is not None
    assert gate.login("ana", "une autre phrase", HOME).session is None


def test_an_enabled_account_needs_to_log_in_again(ledger: Ledger, gate: Gate) -> None:
    """Enabling brings no session back."""
    token = gate.login("ana", GOOD, HOME).token
    ledger.accounts.disable("ana", NOW)
    ledger.accounts.enable("ana")

    assert gate.session(token) is None
    assert gate.login("ana", GOOD, HOME).session is not None


def test_sessions_that_have_ended_are_forgotten(gate: Gate, clock: Moving, tmp_path: Path) -> None:
    """The table does not grow for ever."""
    for _ in range(3):
        gate.login("ana", GOOD, HOME)
    clock.at += ABSOLUTE
    gate.login("ana", GOOD, HOME)

    assert stored(tmp_path, "select count(*) from session") == [(1,)]


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\udcff", "é\0"])
def test_a_made_up_token_opens_nothing(gate: Gate, token: str) -> None:
    """Whatever bytes a cookie holds."""
    assert gate.session(token) is None
    gate.logout(token)


# -- tries ----------------------------------------------------------------------------------------------------------


def test_tries_on_a_name_wait_longer_and_longer(gate: Gate, clock: Moving) -> None:
    """Five at once, then one second, two, four … fifteen minutes, from any address; the right password waits too."""
    waits = []
    for number in range(BY_NAME.free + 14):
        tried = gate.login("ana", "wrong password", f"198.51.100.{number}")
        while tried.wait is not None:
            waits.append(tried.wait.total_seconds())
            clock.at += tried.wait
            tried = gate.login("ana", "wrong password", f"198.51.100.{number}")

    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == waits[-2] == 900
    assert gate.login("ana", GOOD, HOME).wait is not None


def test_an_unknown_name_waits_as_a_known_one(gate: Gate) -> None:
    """The waits tell nothing of which names exist."""
    known = [gate.login("ana", "wrong password", HOME).wait for _ in range(7)]
    unknown = [gate.login("zed", "wrong password", "198.51.100.9").wait for _ in range(7)]

    assert known == unknown
    assert known[-1] is not None


def test_tries_from_an_address_wait_whatever_the_name(gate: Gate) -> None:
    """Guessing one password on many names is held back as well; another network is not."""
    for number in range(BY_ADDRESS.free):
        assert gate.login(f"name{number}", "wrong password", "2001:db8::1").wait is None

    assert gate.login("ana", GOOD, "2001:db8::2").wait is not None  # the same subscriber
    assert gate.login("ana", GOOD, "2001:db8:0:1::1").session is not None


def test_a_right_password_forgives_its_name_and_costs_its_address_nothing(gate: Gate, clock: Moving) -> None:
    """People who log in often are never held back; an own account does not wipe out guesses at others."""
    for _ in range(BY_ADDRESS.free + 5):
        assert gate.login("ana", GOOD, HOME).session is not None
    for number in range(BY_ADDRESS.free - 1):
        gate.login(f"name{number}", "wrong password", HOME)
        assert gate.login("ana", GOOD, HOME).session is not None
    gate.login("name", "wrong password", HOME)

    assert gate.login("ana", GOOD, HOME).wait is not None


def test_tries_are_forgotten_after_a_day(gate: Gate, clock: Moving, tmp_path: Path) -> None:
    """And their rows are removed."""
    for number in range(9):
        gate.login("ana", "wrong password", HOME)
        clock.at += timedelta(minutes=number)
    clock.at += timedelta(hours=24)

    assert gate.login("zed", "wrong password", "203.0.113.1").wait is None
    assert stored(tmp_path, "select count(*) from throttle") == [(2,)]


def test_many_tries_at_the_same_moment_are_counted(gate: Gate) -> None:
    """Sixteen at once: not more than the free ones reach the password."""
    answers: list[timedelta | None] = []
    threads = [
        threading.Thread(target=lambda: answers.append(gate.login("ana", "wrong password", HOME).wait))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(wait is None for wait in answers) == BY_NAME.free


def test_no_name_and_no_address_is_kept_of_a_try(gate: Gate, tmp_path: Path) -> None:
    """People sometimes type their password into the box of the name."""
    gate.login("my secret password", "x", HOME)

    keys = " ".join(row[0] for row in stored(tmp_path, "select key from throttle"))
    assert "secret" not in keys
    assert HOME not in keys


def test_a_new_password_forgives_the_tries(ledger: Ledger, gate: Gate) -> None:
    """The operator can let somebody in at once."""
    for _ in range(BY_NAME.free + 1):
        gate.login("ana", "wrong password", "203.0.113.1")
    assert gate.login("ana", GOOD, HOME).wait is not None

    gate.forgive("ana")

    assert gate.login(" Ana ", GOOD, HOME).session is not None


# -- log ------------------------------------------------------------------------------------------------------------


def test_the_log_keeps_who_asked_for_what(ledger: Ledger) -> None:
    """Newest first, of one source if asked, with a limit."""
    lines = [
        AuditLine(NOW + timedelta(seconds=number), "ana", act, source, None, "raison")
        for number, (act, source) in enumerate([(Act.PAUSE, "a"), (Act.RESUME, "a"), (Act.HARVEST, "b")])
    ]
    for line in lines:
        ledger.audit.add(line)

    assert ledger.audit.lines(10) == lines[::-1]
    assert ledger.audit.lines(1) == [lines[2]]
    assert ledger.audit.lines(10, "a") == [lines[1], lines[0]]
