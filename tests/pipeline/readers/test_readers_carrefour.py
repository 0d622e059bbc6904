"""Records of another Carrefour: one row each, whatever else is in the list is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from federation.model import Finding, RawRecord
from federation.pipeline.readers import ReadOptions, UnreadableFeed, read

RECORD = "https://a.example/records/p/1"
ROW = {
    "record": RECORD,
    "owner": "https://a.example/actors/p",
    "updated": "2026-11-21T10:00:00Z",
    "data": "x",
    "digest": "sha-256:0",
}


def items(records: Any, **options: Any) -> list[RawRecord | Finding]:
    """What the reader makes of a list."""
    return list(read(orjson.dumps({"records": records}), ReadOptions("carrefour", **options)))


def test_a_record_is_a_row() -> None:
    """Its address is its IRI."""
    (found,) = items([ROW])

    assert found == RawRecord(RECORD, ROW)


def test_a_withdrawal_needs_no_data() -> None:
    """It names the record and its owner, and says when."""
    gone = {key: ROW[key] for key in ("record", "owner", "updated")} | {"deleted": True}
    (found,) = items([gone])

    assert isinstance(found, RawRecord)
    assert found.deleted


@pytest.mark.parametrize(
    "given",
    [
        1,
        None,
        [],
        {},
        "x",
        {**ROW, "data": None},
        {**ROW, "digest": 3},
        {**ROW, "record": ["a"]},
        {key: ROW[key] for key in ("record", "owner")} | {"deleted": True},
        {**ROW, "data": None, "deleted": "yes"},
    ],
)
def test_a_row_of_another_form_is_told(given: Any) -> None:
    """It counts as a rejected row; the others are read."""
    malformed, good = items([given, ROW])

    assert isinstance(malformed, Finding)
    assert malformed.rule == "record-malformed"
    assert isinstance(good, RawRecord)


def test_a_row_that_is_too_large_or_too_deep_is_told() -> None:
    """A record may cost so much, and no more."""
    text = orjson.dumps(ROW)[:-1] + b', "more": ' + b"[" * 300 + b"]" * 300 + b"}"
    found = [*items([{**ROW, "data": "x" * 5000}], max_record_bytes=4000)]
    found += read(b'{"records": [' + text + b"]}", ReadOptions("carrefour"))

    assert [item.rule for item in found if isinstance(item, Finding)] == ["record-too-large", "record-too-deep"]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"records": {}}', b"1", b'{"records": [', b"<html></html>"])
def test_what_is_no_such_list_cannot_be_read(body: bytes) -> None:
    """A cut list, a page, another document."""
    with pytest.raises(UnreadableFeed):
        list(read(body, ReadOptions("carrefour")))


def test_too_many_records_are_refused_as_a_whole() -> None:
    """The limit is that of every feed."""
    with pytest.raises(UnreadableFeed):
        items([ROW] * 3, max_records=2)
