"""The commands for requests to join, on a throw-away instance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from federation.cli import USAGE, group
from federation.ledger import open_ledger
from federation.ledger.candidacies import Candidacy, CandidacyState

REFERENCE = "01HZX5T9V0000000000000000A"
TOML = """\
[source]
url = "https://jardins.example/jardins.csv"
format = "csv"
[records]
id = "n"
page = "https://jardins.example/{id}"
[fields]
name = "Titre"
"""


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """An instance with one request that brings a source file."""
    (tmp_path / "carrefour.toml").write_text('base_url = "https://commons.example"\n')
    (tmp_path / "sources").mkdir()
    ledger = open_ledger("", tmp_path / "data" / "ledger")
    licence = "https://creativecommons.org/licenses/by/4.0/"
    ledger.candidacies.add(
        Candidacy(
            REFERENCE, "Réseau des jardins", "https://jardins.example/", "nous@jardins.example",
            {"licence": licence, "feed": "https://jardins.example/jardins.csv", "toml": TOML}, CandidacyState.OPEN,
            datetime(2026, 11, 21, tzinfo=UTC),
        )
    )  # fmt: skip
    ledger.close()
    return tmp_path


def carrefour(instance: Path, *arguments: str) -> Result:
    """Run one command."""
    return CliRunner().invoke(group, ["--instance", str(instance), "--lang", "en", *arguments], standalone_mode=False)


def test_requests_are_listed_and_shown(instance: Path) -> None:
    """A line for people, an object for machines, the proposed file when one is shown."""
    assert "Réseau des jardins" in carrefour(instance, "candidates").output
    assert json.loads(carrefour(instance, "candidates", "--json").output)["contact"] == "nous@jardins.example"
    assert 'name = "Titre"' in carrefour(instance, "candidate", "show", REFERENCE).output


def test_a_request_is_approved_once(instance: Path) -> None:
    """The file is written and named; the list is empty then, and --all still knows it."""
    said = carrefour(instance, "candidate", "approve", REFERENCE, "--by", "ana").output

    assert "carrefour preview reseau-des-jardins" in said
    assert (instance / "sources" / "reseau-des-jardins.toml").is_file()
    assert "Réseau des jardins" not in carrefour(instance, "candidates").output
    assert "approved" in carrefour(instance, "candidates", "--all").output
    assert "decided already" in _refusal(carrefour(instance, "candidate", "approve", REFERENCE, "--by", "ana"))


def test_a_request_is_refused_with_a_reason(instance: Path) -> None:
    """Without one it stays open."""
    assert "reason" in _refusal(carrefour(instance, "candidate", "refuse", REFERENCE, "--by", "ana"))

    carrefour(instance, "candidate", "refuse", REFERENCE, "--by", "ana", "--reason", "Not yet.")

    assert "Not yet." in carrefour(instance, "candidates", "--all").output
    assert list((instance / "sources").iterdir()) == []


def _refusal(result: Result) -> str:
    assert result.return_value == USAGE
    return f"{result.output}{result.stderr}"
