"""XLSX: values only, typed right, bombs and strangers refused."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed


def workbook(
    *rows: list[Any], formats: dict[str, str] | None = None, title: str = "Données", more: str | None = None
) -> bytes:
    """A real workbook with one sheet of rows, and an empty one named ``more`` before it."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cell, code in (formats or {}).items():
        sheet[cell].number_format = code
    if more:
        book.create_sheet(more, 0)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def repacked(body: bytes, **changed: bytes | None) -> bytes:
    """The workbook with parts replaced (by name, / written __) or, for None, removed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        replaced = {name.replace("__", "/").replace("_xml", ".xml"): content for name, content in changed.items()}
        for name in old.namelist():
            content = replaced.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return stream.getvalue()


def test_cells_have_the_type_a_reader_expects() -> None:
    """Whole numbers are integers, codes keep their zeros, dates are ISO text."""
    body = workbook(
        ["nom", "cp", "zéros", "lat", "jour", "moment", "heure", "vrai"],
        ["Été", 75001.0, 1234, 45.5, date(2021, 3, 4), datetime(2021, 3, 4, 10, 30), time(9, 15), True],
        formats={"C2": "00000"},
    )

    rows, _, _ = reading(body, "xlsx")

    assert rows[0].where == "ligne 2"
    assert rows[0].row == {
        "nom": "Été",
        "cp": 75001,
        "zéros": "01234",
        "lat": 45.5,
        "jour": "2021-03-04",
        "moment": "2021-03-04T10:30:00",
        "heure": "09:15:00",
        "vrai": True,
    }
    assert isinstance(rows[0].row["cp"], int)


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("[$-40C]d mmmm yyyy", 44259, "2021-03-04"),
        ("dd/mm/yyyy;@", 44259, "2021-03-04"),
        ('0.00" €"', 44259, 44259),
        ("#,##0 [$EUR]", 12, 12),
        ("0%", 0.5, 0.5),
        ("General", 44259, 44259),
        ("yyyy", 1.0, "1900-01-01"),
        ("yyyy-mm-dd", 61, "1900-03-01"),
        ("yyyy", -5, -5),
        ("yyyy", 99_999_999, 99_999_999),
    ],
)
def test_number_formats_tell_dates_from_numbers(code: str, value: float, expected: Any) -> None:
    """Only a format with day, month or year makes a date; impossible serials stay numbers."""
    rows, _, _ = reading(workbook(["x"], [value], formats={"A2": code}), "xlsx")

    assert rows[0].row == {"x": expected}


def test_the_first_or_the_named_sheet_is_read() -> None:
    """Without name the first sheet; a name is found whatever its case; a wrong one lists the sheets."""
    body = workbook(["a"], [1], title="Projets 2021", more="Notice")

    assert len(reading(body, "xlsx", sheet="projets 2021 ")[0]) == 1
    with pytest.raises(UnreadableFeed, match="no header"):
        reading(body, "xlsx")
    with pytest.raises(UnreadableFeed, match="Notice, Projets 2021"):
        reading(body, "xlsx", sheet="Feuil1")


def test_empty_rows_are_skipped_and_empty_cells_are_none() -> None:
    """Rows without a value are no records, and lines keep their numbers."""
    rows, _, _ = reading(workbook(["a", "b"], [1, None], [None, "  "], [], [None, 2]), "xlsx")

    assert [(row.where, row.row) for row in rows] == [
        ("ligne 2", {"a": 1, "b": None}),
        ("ligne 5", {"a": None, "b": 2}),
    ]


def test_titles_follow_the_rules_of_csv() -> None:
    """Spaces folded, repeated titles numbered, `header` may stand lower."""
    rows, _, result = reading(
        workbook(["Titre du fichier"], ["Nom  du\nprojet ", "Nom du projet"], [1, 2]), "xlsx", header=2
    )

    assert rows[0].row == {"Nom du projet": 1, "Nom du projet (2)": 2}
    assert rules(result) == ["duplicate-column"]


def test_the_header_is_counted_as_rows_are_numbered() -> None:
    """`header` = 3 is row 3 of the sheet, although row 2 is empty."""
    rows, _, _ = reading(workbook(["Liste"], [], ["a", "b"], [1, 2], [3, 4]), "xlsx", header=3)

    assert [(row.where, row.row) for row in rows] == [("ligne 4", {"a": 1, "b": 2}), ("ligne 5", {"a": 3, "b": 4})]


def test_formulas_are_read_as_their_stored_value_only() -> None:
    """A formula without stored value is empty, never computed."""
    rows, _, _ = reading(workbook(["a", "b"], ["=1+1", 3]), "xlsx")

    assert rows[0].row == {"a": None, "b": 3}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 100, "old Excel workbook"),
        (b"nom;ville\n", "not an XLSX"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04 garbage", "damaged"),
    ],
)
def test_something_else_than_a_workbook_is_named(body: bytes, said: str) -> None:
    """Old or encrypted workbooks, CSV, pages and broken archives say what they are."""
    with pytest.raises(UnreadableFeed, match=said):
        reading(body, "xlsx")


def test_another_archive_and_a_cut_one_are_refused() -> None:
    """A zip of something else, and a workbook cut in the middle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("notes.txt", "x")

    with pytest.raises(UnreadableFeed, match="no XLSX workbook"):
        reading(stream.getvalue(), "xlsx")
    with pytest.raises(UnreadableFeed, match="damaged"):
        reading(workbook(["a"], [1])[:-200], "xlsx")


@pytest.mark.fault(14)
def test_a_bomb_is_refused_unopened() -> None:
    """A sheet that would expand beyond the cap, or a thousandfold, is refused by its directory."""
    bomb = repacked(workbook(["a"], [1]), xl__worksheets__sheet1_xml=b"<worksheet>" + b" " * 40_000_000)

    with pytest.raises(UnreadableFeed, match="would expand"):
        reading(bomb, "xlsx")


@pytest.mark.fault(14)
def test_entities_are_never_resolved() -> None:
    """A document type in a part (XXE, billion laughs) is refused."""
    sheet = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet><sheetData/></worksheet>'

    with pytest.raises(UnreadableFeed, match="DOCTYPE"):
        reading(repacked(workbook(["a"], [1]), xl__worksheets__sheet1_xml=sheet), "xlsx")


def test_a_sheet_that_is_no_xml_is_damaged() -> None:
    """Broken XML inside a good archive gives a plain sentence."""
    with pytest.raises(UnreadableFeed, match="damaged") as refused:
        reading(repacked(workbook(["a"], [1]), xl__worksheets__sheet1_xml=b"<worksheet><sheetData><row>"), "xlsx")

    assert "(xl/worksheets/sheet1.xml ne se lit pas)" in refused.value.text["fr"]


def test_a_workbook_that_was_cut_is_told_in_french_too() -> None:
    """Nothing of the library's English stands in the French sentence."""
    with pytest.raises(UnreadableFeed) as refused:
        reading(workbook(["a"], [1])[:200], "xlsx")

    assert "(archive zip incomplète)" in refused.value.text["fr"]
    assert "(incomplete zip archive)" in refused.value.text["en"]


def test_rows_are_limited() -> None:
    """Too many rows refuse the feed."""
    with pytest.raises(UnreadableFeed, match="more than 2 records"):
        reading(workbook(["a"], [1], [2], [3]), "xlsx", max_records=2)


def test_of_several_sheets_the_one_that_is_read_is_named() -> None:
    """Where nobody has said which: its name and the others'. A sheet that is asked for needs no remark."""
    book = openpyxl.Workbook()
    for place, title in enumerate(("Lisez-moi", "Projets")):
        book.create_sheet(title, place).append(["nom"])
    del book["Sheet"]
    stream = io.BytesIO()
    book.save(stream)

    rows, _, guessed = reading(stream.getvalue(), "xlsx")
    _, _, named = reading(stream.getvalue(), "xlsx", sheet="Projets")

    assert rows == []
    (said,) = guessed.findings
    assert said.rule == "sheet-guessed"
    assert "« Lisez-moi », est lue" in said.message["fr"]
    assert "(Projets)" in said.message["fr"]
    assert rules(named) == []


def test_a_notice_before_the_table_is_not_read_in_its_stead() -> None:
    """The first sheet that holds a table is read, and named; a line of title above its titles is seen."""
    book = openpyxl.Workbook()
    notice, table = book.active, book.create_sheet("Projets")
    assert notice is not None
    notice.title = "Lisez-moi"
    notice.append(["Comment lire ce fichier"])
    notice.append(["id", "numéro de la fiche"])
    for row in (["Projets 2024"], [], ["id", "nom", "ville", "page"], [1, "Jardin", "Paris", "https://a.example/1"]):
        table.append(row)
    stream = io.BytesIO()
    book.save(stream)

    rows, _, result = reading(stream.getvalue(), "xlsx")

    assert [(row.where, row.row["nom"]) for row in rows] == [("ligne 4", "Jardin")]
    assert [(said.rule, said.value) for said in result.findings] == [
        ("sheet-guessed", "Projets"),
        ("header-guessed", "3"),
    ]
    assert "(Lisez-moi)" in result.findings[0].message["fr"]
