"""JSON: right text whatever the header says, and a broken document says where it breaks."""

from __future__ import annotations

import pytest
from reading_help import reading, rules

from federation.errors import ConfigError, PartnerError
from federation.pipeline.readers import UnreadableFeed


def test_an_array_gives_its_objects_with_their_numbers() -> None:
    """Each object of an array is a row that knows its place."""
    rows, rejected, result = reading(b'[{"nom": "A"}, {"nom": "B"}]', "json")

    assert [(row.where, row.row) for row in rows] == [("élément 1", {"nom": "A"}), ("élément 2", {"nom": "B"})]
    assert (rejected, result.findings, result.whole) == ([], [], True)


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    "body",
    [
        '[{"nom": "Écologie 🌱"}]'.encode(),
        b"\xef\xbb\xbf" + '[{"nom": "Écologie 🌱"}]'.encode(),
        '[{"nom": "Écologie 🌱"}]'.encode("utf-16"),
        b"\xfe\xff" + '[{"nom": "Écologie 🌱"}]'.encode("utf-16-be"),
        '[{"nom": "Écologie 🌱"}]'.encode("utf-16-le"),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "no mark"],
)
def test_text_is_right_whatever_the_header_says(body: bytes) -> None:
    """UTF-8, with or without mark, and UTF-16 are read right under a lying header."""
    rows, _, result = reading(body, "json", declared_charset="iso-8859-1")

    assert rows[0].row == {"nom": "Écologie 🌱"}
    assert result.findings == []


@pytest.mark.fault(9)
def test_windows_1252_is_read_and_reported() -> None:
    """A document that is no UTF-8 keeps its accents, and a finding names the line."""
    rows, _, result = reading('[{"a": 1},\n{"nom": "Écologie – œuvre"}]'.encode("cp1252"), "json")

    assert rows[1].row == {"nom": "Écologie – œuvre"}
    assert rules(result) == ["charset-guessed"]
    assert "ligne 2" in result.findings[0].message["fr"]


@pytest.mark.fault(9)
def test_double_encoding_and_lost_letters_are_findings() -> None:
    """« Ã© » and U+FFFD are reported, not repaired."""
    rows, _, result = reading('[{"a": "Ã©cologie", "b": "\ufffdcole"}]'.encode(), "json")

    assert rows[0].row == {"a": "Ã©cologie", "b": "\ufffdcole"}
    assert rules(result) == ["double-encoding", "replacement-character"]


@pytest.mark.fault(14)
@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1" * 5000])
def test_a_number_that_is_none_counts_as_missing(number: bytes) -> None:
    """NaN, infinities and 1e400 become null with a finding; the rest of the record is kept."""
    rows, _, result = reading(b'[{"nom": "A", "x": ' + number + b"}]", "json")

    assert rows[0].row == {"nom": "A", "x": None}
    assert rules(result) == ["number-not-finite"]


@pytest.mark.fault(14)
def test_duplicate_keys_are_named() -> None:
    """A key given twice is a finding that names it; the last value is read."""
    rows, _, result = reading(b'[{"nom": "A", "x": 1, "nom": "B"}, {"nom": "C"}]', "json")

    assert rows[0].row == {"nom": "B", "x": 1}
    assert [(finding.rule, finding.field) for finding in result.findings] == [("duplicate-key", "nom")]


def test_colons_inside_texts_are_no_duplicate_keys() -> None:
    """Texts full of colons, escaped ones too, cause no finding."""
    _, _, result = reading(b'[{"url": "https:\\/\\/x:1", "heure": "10\\u003a30"}]', "json")

    assert result.findings == []


def test_lone_surrogates_are_replaced_and_reported() -> None:
    """Half a character does not crash anything downstream."""
    rows, _, result = reading(b'[{"nom": "a\\ud83d", "ok": "\\ud83c\\udf31"}]', "json")

    assert rows[0].row == {"nom": "a\ufffd", "ok": "🌱"}
    assert rules(result) == ["lone-surrogate"]


def test_raw_line_breaks_in_texts_are_accepted() -> None:
    """A line break that was not escaped does not sink the feed."""
    rows, _, result = reading(b'[{"nom": "a\nb"}]', "json")

    assert rows[0].row == {"nom": "a\nb"}
    assert rules(result) == ["control-character"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'[{"nom": "A"},\n {"nom": "B"', "line 2, column 13"),
        (b'[{"nom": "A"},\n {"nom": "B', "line 2, column 12"),
        (b'[{"nom": tru', "line 1, column 13"),
        (b'[{"nom": "A"},', "line 1, column 15"),
    ],
)
def test_a_cut_document_says_where_it_stops(body: bytes, place: str) -> None:
    """Truncated JSON is refused as a whole, with line and column, in both languages."""
    with pytest.raises(PartnerError, match="was cut") as caught:
        reading(body, "json")

    assert place in str(caught.value)
    assert isinstance(caught.value, UnreadableFeed)
    assert caught.value.rule == "cut"
    assert "coupé" in caught.value.text["fr"]


def test_a_syntax_error_says_line_and_column() -> None:
    """A missing comma is named by its place and its surroundings."""
    with pytest.raises(UnreadableFeed, match=r"line 2, column 10.*near “nom") as caught:
        reading(b'[\n {"a": 1 nom: 2}]', "json")

    assert caught.value.rule == "not-json"


@pytest.mark.fault(14)
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_deep_nesting_is_refused(opening: bytes, depth: int) -> None:
    """Thousands of levels give a plain sentence, no RecursionError and no crash."""
    closing = b"]" if opening == b"[" else b"}"

    with pytest.raises(UnreadableFeed, match="nests more than 250 levels"):
        reading(opening * depth + b"1" + closing * depth, "json")


@pytest.mark.fault(14)
def test_a_deep_record_is_rejected_alone() -> None:
    """A record of 300 levels is left out; its neighbours are read."""
    rows, rejected, _ = reading(b'[{"a": 1}, {"b": ' + b"[" * 300 + b"]" * 300 + b"}]", "json")

    assert [row.row for row in rows] == [{"a": 1}]
    assert [(finding.rule, finding.where) for finding in rejected] == [("record-too-deep", "élément 2")]


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><html><body>Maintenance</body></html>", b"\n <html lang='fr'>", b"<!-- x --><html>"]
)
def test_a_web_page_is_named_as_such(body: bytes) -> None:
    """A maintenance or login page is refused as a web page."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(body, "json")

    assert caught.value.rule == "web-page"
    assert "une page web" in caught.value.text["fr"]


def test_at_finds_the_list() -> None:
    """A key, a dotted path and JMESPath lead to the records."""
    body = b'{"data": {"items": [{"n": 1}]}, "total": 1, "a-b": [{"n": 2}]}'

    assert [row.row for row in reading(body, "json", at="data.items")[0]] == [{"n": 1}]
    assert [row.row for row in reading(body, "json", at="a-b")[0]] == [{"n": 2}]
    assert [row.row for row in reading(body, "json", at="data.items[?n==`1`]")[0]] == [{"n": 1}]


def test_at_reads_an_object_keyed_by_id() -> None:
    """YesWiki's object of objects is read by its values."""
    rows, _, _ = reading(b'{"x1": {"n": 1}, "x2": {"n": 2}}', "json", at="values(@)")

    assert [row.row["n"] for row in rows] == [1, 2]


@pytest.mark.parametrize("at", ["donnees", "data.donnees", "data[].x.y | [0]"])
def test_a_path_that_leads_nowhere_names_the_keys(at: str) -> None:
    """A missing `at` says which keys exist."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(b'{"data": {"elements": []}, "meta": {}}', "json", at=at)

    assert caught.value.rule == "at-missing"
    assert "elements" in str(caught.value) or "data, meta" in str(caught.value)


def test_a_path_that_is_none_is_the_operators_fault() -> None:
    """A malformed or endless path is a ConfigError."""
    with pytest.raises(ConfigError, match="JMESPath"):
        reading(b"{}", "json", at="a[")
    with pytest.raises(ConfigError, match="200"):
        reading(b"{}", "json", at="a" * 100 + "-" + "b" * 200)


@pytest.mark.parametrize(
    ("body", "at"), [(b"[]", None), (b'{"data": null}', "data"), (b'{"data": []}', "data"), (b"null", None)]
)
def test_an_empty_list_is_no_failure(body: bytes, at: str | None) -> None:
    """No records is a list of none: the run decides what that means."""
    rows, rejected, _ = reading(body, "json", at=at)

    assert (rows, rejected) == ([], [])


def test_an_empty_body_is_reported_and_refused_if_unproved() -> None:
    """Zero proved bytes are an empty list with a finding; unproved ones are a cut."""
    _, _, result = reading(b" \n", "json")

    assert rules(result) == ["empty-body"]
    with pytest.raises(UnreadableFeed):
        reading(b"", "json", length_proved=False)


def test_items_that_are_no_objects_are_rejected_one_by_one() -> None:
    """Texts and numbers among the records are rejected rows."""
    rows, rejected, _ = reading(b'[{"a": 1}, "x", 3, null]', "json")

    assert len(rows) == 1
    assert [finding.where for finding in rejected] == ["élément 2", "élément 3", "élément 4"]


def test_limits_on_records_and_their_size() -> None:
    """A record too large is rejected; too many records refuse the feed."""
    rows, rejected, _ = reading(b'[{"a": "' + b"x" * 200 + b'"}, {"a": 1}]', "json", max_record_bytes=100)

    assert len(rows) == 1
    assert rejected[0].rule == "record-too-large"
    with pytest.raises(UnreadableFeed, match="more than 2 records"):
        reading(b"[{},{},{}]", "json", max_records=2)


def test_an_object_alone_is_one_record_with_a_hint() -> None:
    """An object is one record; if it holds lists of objects, a finding proposes `at`."""
    rows, _, result = reading(b'{"status": "ok", "data": [{"n": 1}]}', "json")

    assert len(rows) == 1
    assert rules(result) == ["at-unset"]
    assert "data (1)" in result.findings[0].message["fr"]
