"""Failures at the terminal are told in the language of the call, and the exit code does not depend on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from federation.cli import main


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run the command in a folder without an instance and give what it says on standard error."""
    monkeypatch.setattr(sys, "argv", ["carrefour", "--instance", str(folder), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lang", "fr"), "carrefour: Il n'y a pas d'instance dans"),
        (("--lang", "en"), "carrefour: There is no instance in"),
    ],
)
def test_a_failure_is_told_in_the_language_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    expected: str,
) -> None:
    """French and English, by the option."""
    assert told(tmp_path, monkeypatch, capsys, *options, "status").startswith(expected)


@pytest.mark.parametrize(
    ("locale", "expected"), [("en_GB.UTF-8", "There is"), ("de_DE.UTF-8", "Il n'y a"), ("C", "Il")]
)
def test_a_failure_is_told_in_french_unless_the_locale_is_english(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    locale: str,
    expected: str,
) -> None:
    """Without an option the locale decides, French first."""
    monkeypatch.setenv("LC_ALL", locale)

    assert expected in told(tmp_path, monkeypatch, capsys, "status")


@pytest.mark.parametrize(
    ("lang", "expected"), [("fr", "Il n'y a aucun fichier de source"), ("en", "There is no source")]
)
def test_that_no_source_is_there_is_told_in_the_language_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lang: str, expected: str
) -> None:
    """The first thing that a new instance meets."""
    (tmp_path / "carrefour.toml").write_text("", "utf-8")
    (tmp_path / "sources").mkdir()

    assert expected in told(tmp_path, monkeypatch, capsys, "--lang", lang, "harvest")
