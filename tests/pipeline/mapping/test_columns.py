"""Columns that the source file names and the feed lacks: told once, with the column that was probably meant."""

from __future__ import annotations

import pytest

from federation.model import RawRecord, Severity
from federation.pipeline.mapping import Columns
from federation.pipeline.sources import parse_source
from federation.vocabulary import load

HEAD = """
[source]
id = "s"
partner = "s"
name = "S"
url = "s.csv"
format = "csv"
licence = "https://creativecommons.org/licenses/by/4.0/"
[records]
id = "Id"
page = "https://s.example/{id}"
[fields]
name = "Titre"
"""


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("Résumé", "Résumé du projet"),
        ("resume du projt", "Résumé du projet"),
        ("Présentation de tout ce qui est fait", "Présentation"),
        ("Budget", None),
    ],
)
def test_the_column_that_was_meant_is_proposed(named: str, meant: str | None) -> None:
    """By letters, or by the words that it shares with a column of the feed; else nothing is proposed."""
    row = {"Id": "1", "Titre": "Un", "Résumé du projet": "x", "Présentation": "y"}
    columns = Columns(parse_source(f'{HEAD}abstract = "{named}"\n', "s.toml", load()))

    list(columns.over([RawRecord("ligne 2", row)]))
    (found,) = columns.findings("s")

    assert found.suggestion == meant
    assert (f"Vouliez-vous « {meant} » ?" in found.message["fr"]) is (meant is not None)


def test_columns_that_are_all_missing_are_told_once() -> None:
    """One finding with the columns of the file, which names `header` and `sheet`."""
    columns = Columns(parse_source(f'{HEAD}abstract = "Résumé"\n', "s.toml", load()))

    list(columns.over([RawRecord("ligne 2", {"Liste des projets": "1", "colonne 2": "Un"})]))
    (found,) = columns.findings("s")

    assert found.severity is Severity.VIOLATION
    assert "(« Titre », « Résumé », « Id »)" in found.message["fr"]
    assert "`header`" in found.message["fr"]
    assert "« Liste des projets »" in found.message["fr"]


def test_the_columns_of_the_file_are_listed_once() -> None:
    """Of several missing columns the first finding says which there are."""
    columns = Columns(parse_source(f'{HEAD}abstract = "Résumé"\nkeywords = "Mots"\n', "s.toml", load()))

    list(columns.over([RawRecord("ligne 2", {"Id": "1", "Titre": "Un"})]))

    found = columns.findings("s")
    assert [finding.field for finding in found] == ["Résumé", "Mots"]
    assert ["Colonnes du fichier" in finding.message["fr"] for finding in found] == [True, False]
