"""Accounts at the terminal: passwords come by standard input or twice by hand, never as an argument, never back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from federation.cli import group
from federation.cli.accounts import account_group
from federation.platform import Platform, open_platform
from federation.settings import CONFIG_NAME, load_settings

GOOD = "cheval agrafe batterie"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty instance."""
    (tmp_path / CONFIG_NAME).write_text('name = "Essai"\n', "utf-8")
    return tmp_path


@pytest.fixture
def platform(folder: Path) -> Iterator[Platform]:
    """What a server over the same folder sees."""
    opened = open_platform(load_settings(folder, {}))
    yield opened
    opened.close()


def account(folder: Path, *words: str, given: str = "", lang: str = "fr") -> Result:
    """Run `carrefour account …`; what it prints must never hold the password."""
    line = ["--instance", str(folder), "--lang", lang, "account", *words]
    result = CliRunner().invoke(group, line, input=given)
    assert GOOD not in result.output
    return result


def test_an_account_is_made_from_standard_input(folder: Path, platform: Platform) -> None:
    """One line, with or without its end; the role is operator unless said."""
    assert account(folder, "add", "ana", "--stdin", given=f"{GOOD}\n").exit_code == 0
    assert account(folder, "add", "bob", "--role", "admin", "--stdin", given=GOOD).exit_code == 0

    today = datetime.now(UTC).date()
    assert account(folder, "list").output == f"ana\toperator\t{today}\nbob\tadmin\t{today}\n"
    assert platform.accounts.check("ana", GOOD) is not None
    assert platform.accounts.check("bob", GOOD) is not None


def test_a_password_is_asked_for_twice(folder: Path, platform: Platform) -> None:
    """Two different answers are asked for again."""
    answers = f"{GOOD}\nanother phrase\n{GOOD}\n{GOOD}\n"

    assert account(folder, "add", "ana", given=answers).exit_code == 0
    assert platform.accounts.check("ana", GOOD) is not None


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("given", ["", "\n", "short\n", "operatricedunuit\n"])
def test_a_weak_password_is_refused(folder: Path, platform: Platform, given: str, lang: str) -> None:
    """Nothing is made; the reason is told in the language of the call."""
    result = account(folder, "add", "operatricedunuit", "--stdin", given=given, lang=lang)

    assert result.exit_code != 0
    assert ("mot de passe" if lang == "fr" else "password") in result.output
    assert platform.accounts.all() == []


def test_a_new_password_ends_sessions_and_waiting(folder: Path, platform: Platform) -> None:
    """The operator lets somebody in again who has tried too often."""
    account(folder, "add", "ana", "--stdin", given=GOOD)
    token = platform.gate.login("ana", GOOD, "192.0.2.1").token
    for _ in range(6):
        platform.gate.login("ana", "wrong password", "192.0.2.1")

    assert account(folder, "password", "ana", "--stdin", given="une autre phrase").exit_code == 0

    assert platform.gate.session(token) is None
    assert platform.gate.login("ana", "une autre phrase", "192.0.2.1").session is not None


def test_a_disabled_account_is_shut_until_it_is_enabled(folder: Path, platform: Platform) -> None:
    """At once, for a server that runs beside."""
    account(folder, "add", "ana", "--stdin", given=GOOD)
    token = platform.gate.login("ana", GOOD, "192.0.2.1").token

    assert account(folder, "disable", "ana").exit_code == 0
    assert platform.gate.session(token) is None
    assert platform.gate.login("ana", GOOD, "192.0.2.1").session is None
    assert "désactivé" in account(folder, "list").output
    assert "disabled" in account(folder, "list", lang="en").output

    assert account(folder, "enable", "ana").exit_code == 0
    assert platform.gate.login("ana", GOOD, "192.0.2.1").session is not None


@pytest.mark.parametrize("words", [("password", "zed", "--stdin"), ("disable", "zed"), ("enable", "zed")])
def test_an_unknown_account_is_told(folder: Path, words: tuple[str, ...]) -> None:
    """With what to do."""
    result = account(folder, *words, given=GOOD)

    assert result.exit_code == 2
    assert "Il n'y a pas de compte zed" in result.output


def test_no_command_takes_a_password_as_an_argument() -> None:
    """It would stand in the history of the shell and in the list of processes."""
    names = {option for command in account_group.commands.values() for one in command.params for option in one.opts}

    assert names == {"name", "--role", "--stdin"}
