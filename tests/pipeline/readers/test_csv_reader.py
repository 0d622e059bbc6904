"""CSV: encoding and separator found, the partner's lines and columns kept, shifted rows rejected."""

from __future__ import annotations

import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_counted_in_the_header(separator: str) -> None:
    """The four usual separators are found, decimal commas notwithstanding."""
    body = f'nom{separator}lat{separator}lon\n"Jardin"{separator}"46,1"{separator}"0,4"\n'.encode()

    rows, _, _ = reading(body, "csv")

    assert rows[0].row == {"nom": "Jardin", "lat": "46,1", "lon": "0,4"}


def test_a_separator_inside_a_quoted_title_does_not_count() -> None:
    """Titles with commas in quotes do not fool the count."""
    rows, _, _ = reading(b'"a, b, c, d";"e"\n1;2\n', "csv")

    assert rows[0].row == {"a, b, c, d": "1", "e": "2"}


def test_the_excel_hint_is_obeyed() -> None:
    """« sep=; » on the first line is a hint, not a header, and lines keep their numbers."""
    rows, _, _ = reading(b"sep=;\r\na;b\r\n1;2\r\n", "csv")

    assert (rows[0].where, rows[0].row) == ("ligne 3", {"a": "1", "b": "2"})


def test_the_stated_separator_wins() -> None:
    """`separator` in the source file is used as it is."""
    rows, _, _ = reading(b"a;b#c\n1;2#3\n", "csv", separator="#")

    assert rows[0].row == {"a;b": "1;2", "c": "3"}


def test_titles_are_trimmed_and_folded() -> None:
    """Spaces, line breaks and emoji in titles: folded, kept."""
    body = 'Nom du  projet ,"Quel est\nvotre besoin ?",🌱 thème\u00a0,\nA,B,C,D\n'.encode()

    rows, _, _ = reading(body, "csv")

    assert list(rows[0].row) == ["Nom du projet", "Quel est votre besoin ?", "🌱 thème", "colonne 4"]
    assert rows[0].where == "ligne 3"


def test_repeated_titles_are_numbered_and_reported() -> None:
    """A title given twice is suffixed, with a finding."""
    rows, _, result = reading(b"nom,nom,ville,nom\n1,2,3,4\n", "csv")

    assert rows[0].row == {"nom": "1", "nom (2)": "2", "ville": "3", "nom (3)": "4"}
    assert rules(result) == ["duplicate-column", "duplicate-column"]


def test_cells_keep_line_breaks_and_emoji() -> None:
    """A quoted cell may hold line breaks; later rows still know their physical line."""
    rows, _, _ = reading('nom,texte\nA,"un\ndeux\r\n🌱"\nB,x\n'.encode(), "csv")

    assert rows[0].row["texte"] == "un\ndeux\r\n🌱"
    assert [row.where for row in rows] == ["ligne 2", "ligne 5"]


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("nom\nÉté\n".encode(), []),
        (b"\xef\xbb\xbfnom\n\xc3\x89t\xc3\xa9\n", []),
        ("nom\nÉté\n".encode("utf-16"), []),
        ("nom\nÉté\n".encode("cp1252"), ["charset-guessed"]),
    ],
)
def test_encodings(encoded: bytes, expected: list[str]) -> None:
    """BOM, strict UTF-8, then Windows-1252 with a finding; a lying header changes nothing."""
    rows, _, result = reading(encoded, "csv", declared_charset="utf-8")

    assert rows[0].row == {"nom": "Été"}
    assert [rule for rule in rules(result) if rule != "single-column"] == expected


@pytest.mark.fault(9)
def test_the_declared_charset_is_asked_after_utf8() -> None:
    """ISO-8859-15 is believed when the body is no UTF-8; iso-8859-1 means Windows-1252."""
    assert reading("n,m\n5 €,x\n".encode("iso8859-15"), "csv", declared_charset="iso-8859-15")[0][0].row["n"] == "5 €"
    assert reading("n,m\n5 €,x\n".encode("cp1252"), "csv", declared_charset="iso-8859-1")[0][0].row["n"] == "5 €"


def test_the_stated_encoding_is_strict() -> None:
    """`encoding` of the source file is used, or refused with the byte; unknown names too."""
    assert reading("n,m\né,x\n".encode("mac-roman"), "csv", encoding="mac-roman")[0][0].row["n"] == "é"
    with pytest.raises(UnreadableFeed, match=r"byte 5 \(line 2\)"):
        reading("n,m\né,x\n".encode("cp1252"), "csv", encoding="utf-8")
    with pytest.raises(UnreadableFeed, match="not a known encoding"):
        reading(b"n\n1\n", "csv", encoding="unicode_escape")


@pytest.mark.fault(9)
def test_double_encoding_is_a_finding() -> None:
    """« Ã© » is reported with its first line."""
    _, _, result = reading("nom,x\nA,1\nÃ‰cole,2\n".encode(), "csv")

    assert rules(result) == ["double-encoding"]
    assert "ligne 3" in result.findings[0].message["fr"]


@pytest.mark.fault(25)
def test_shifted_rows_are_rejected_with_line_and_count() -> None:
    """A row with too many or too few cells is a rejected row; the others are read."""
    rows, rejected, _ = reading(b"a;b;c\n1;2;3\n1;2;;3\n1;2\n4;5;6\n", "csv")

    assert [row.where for row in rows] == ["ligne 2", "ligne 5"]
    assert [(finding.rule, finding.where) for finding in rejected] == [
        ("cell-count", "ligne 3"),
        ("cell-count", "ligne 4"),
    ]
    assert rejected[0].message["fr"].startswith("4 cellules au lieu de 3")
    assert rejected[1].message["en"].startswith("2 cells instead of 3")


@pytest.mark.fault(25)
def test_a_stray_quote_rejects_its_row() -> None:
    """A quote in the wrong place rejects that row alone."""
    rows, rejected, _ = reading(b'a,b\n"le "coin"",2\n3,4\n', "csv")

    assert [row.row for row in rows] == [{"a": "3", "b": "4"}]
    assert [(finding.rule, finding.where) for finding in rejected] == [("quote", "ligne 2")]


def test_a_quote_never_closed_refuses_the_file() -> None:
    """The line where the quote was opened is named."""
    with pytest.raises(UnreadableFeed, match="begins on line 3"):
        reading(b'a,b\n1,2\n3,"4\n5,6\n', "csv")


def test_a_cell_longer_than_pythons_default_is_read() -> None:
    """The csv module's limit of 131 kB does not apply; ours does."""
    rows, rejected, _ = reading(b"a,b\n" + b"x" * 300_000 + b",1\n" + b"y" * 1_048_500 + b"y" * 100 + b",2\n", "csv")

    assert len(rows[0].row["a"]) == 300_000
    assert rejected[0].rule == "record-too-large"


def test_an_unproved_body_must_end_with_a_newline() -> None:
    """Without announced length a missing final newline is a cut; with it, it is nothing."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(b"a,b\n1,2", "csv", length_proved=False)

    assert caught.value.rule == "cut"
    assert len(reading(b"a,b\n1,2", "csv")[0]) == 1
    assert len(reading(b"a,b\n1,2\r\n", "csv", length_proved=False)[0]) == 1


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"PK\x03\x04 etc", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        (b"<!doctype html><p>Bonjour", "web page"),
        (b'[{"a": 1}]', "JSON"),
        (b'{"a": 1}', "JSON"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"<?xml version='1.0'?><rss/>", "XML"),
    ],
)
def test_something_else_than_csv_is_named(body: bytes, name: str) -> None:
    """Spreadsheets, pages, JSON and archives are told apart."""
    with pytest.raises(UnreadableFeed, match=name):
        reading(body, "csv")


def test_blank_rows_do_not_count_but_are_told() -> None:
    """Rows of empty cells, and empty lines, are no records; the former are a finding."""
    rows, rejected, result = reading(b"a,b\n\n,\n1,2\n , \n\n", "csv")

    assert (len(rows), rejected) == (1, [])
    assert rules(result) == ["blank-rows"]
    assert "lignes 3, 5" in result.findings[0].message["fr"]


def test_the_header_may_stand_lower() -> None:
    """`header` = 2 skips a line of title, and the separator is counted in the header itself."""
    rows, _, _ = reading(b"Liste, des, projets, 2021\n\na;b\n1;2\n", "csv", header=2)

    assert (rows[0].where, rows[0].row) == ("ligne 4", {"a": "1", "b": "2"})


def test_the_header_is_counted_as_lines_are_numbered() -> None:
    """`header` = 3 is line 3, whether or not line 2 is empty, and whatever its cells."""
    for above in (b"Liste des projets\n\n", b"Liste des projets;\n;\n", b"Liste\nMise a jour en mai\n"):
        rows, _, _ = reading(above + b"a;b\n1;2\n3;4\n", "csv", header=3)

        assert [(row.where, row.row) for row in rows] == [
            ("ligne 4", {"a": "1", "b": "2"}),
            ("ligne 5", {"a": "3", "b": "4"}),
        ]


@pytest.mark.parametrize(
    ("above", "line"),
    [
        (b"Liste des projets\n\n", 3),
        (b"Liste des projets;;;\n;;;\n", 3),
        (b"sep=;\nListe;mai 2024\n", 3),
    ],
)
def test_a_line_of_title_is_told_from_titles(above: bytes, line: int) -> None:
    """Where `header` is not said: the row with many cells is taken if it is plain, and a finding names `header`."""
    columns = b"id;nom;ville;page;theme;date\n" if b";mai" in above else b"id;nom;ville;page\n"
    row = b"1;Jardin;Paris;https://a.example/1" + (b";eau;2024" if b";mai" in above else b"") + b"\n"

    rows, _, result = reading(above + columns + row * 2, "csv")

    assert [one.where for one in rows] == [f"ligne {line + 1}", f"ligne {line + 2}"]
    assert rows[0].row["nom"] == "Jardin"
    said = next(finding for finding in result.findings if finding.rule == "header-guessed")
    assert (said.value, "`header`" in said.message["fr"]) == (str(line), True)


@pytest.mark.parametrize(
    "body",
    [
        b"id;description\n1;un, deux, trois, quatre\n2;un, deux, trois, quatre\n",
        b"nom\nun, deux, trois, quatre\nun, deux, trois\n",
        b"a;b\n1;2\n",
        b"a\n",
    ],
)
def test_narrow_tables_keep_their_first_row_as_titles(body: bytes) -> None:
    """Two columns, or one, with commas in their texts have no line of title."""
    rows, _, result = reading(body, "csv")

    assert "header-guessed" not in rules(result)
    assert all(row.where == f"ligne {number}" for number, row in enumerate(rows, 2))


def test_rows_come_lazily() -> None:
    """A limit met on the third row still gives the first two."""
    _, _, result = reading(b"a,b\n", "csv")
    assert rules(result) == []

    with pytest.raises(UnreadableFeed, match="more than 2 records"):
        reading(b"a,b\n1,2\n3,4\n5,6\n", "csv", max_records=2)


def test_a_file_without_a_second_column_warns() -> None:
    """One column only is suspicious."""
    _, _, result = reading(b"a:b\n1:2\n", "csv")

    assert rules(result) == ["single-column"]


def test_an_empty_file_is_an_empty_list() -> None:
    """No byte: no rows and a finding; unproved: refused."""
    assert rules(reading(b"", "csv")[2]) == ["empty-body"]
    with pytest.raises(UnreadableFeed):
        reading(b"", "csv", length_proved=False)
