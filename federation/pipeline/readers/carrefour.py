"""Rows of records of another Carrefour: one per record, its N-Triples as they are, or that it is gone.

``{"records": [{"record", "owner", "updated", "data", "digest"}, {"record", "owner", "updated", "deleted": true}]}``.
Must never look into the N-Triples: whoever takes a record checks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from federation.model import Finding, RawRecord
from federation.pipeline.readers.json_parser import parse
from federation.pipeline.readers.json_reader import row_problem
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, rejected, too_many

_GIVEN = ("record", "owner", "updated")
_WHOLE = ("data", "digest")


def read_carrefour(body: bytes, options: ReadOptions) -> Reading:
    """Read the records that another Carrefour gives. Raises UnreadableFeed: it is no such list."""
    parsed = parse(body, options, "Carrefour")
    if parsed.document is None:
        return Reading("carrefour", iter(()), parsed.findings)
    listed = parsed.document.get("records") if isinstance(parsed.document, dict) else None
    if not isinstance(listed, list):
        raise UnreadableFeed(
            "not-carrefour",
            "Ce document JSON n'est pas une liste de fiches d'un Carrefour : il n'a pas de liste `records`.",
            "This JSON document is no list of records of a Carrefour: it has no list `records`.",
        )
    if len(listed) > options.max_records:
        raise too_many(options.max_records)
    return Reading("carrefour", _items(listed, options.max_record_bytes), parsed.findings)


def _items(listed: list[Any], limit: int) -> Iterator[RawRecord | Finding]:
    for number, given in enumerate(listed, 1):
        where = f"élément {number}"
        if not isinstance(given, dict):
            yield _malformed(where, "")
            continue
        deleted = given.get("deleted") is True
        lacking = [name for name in (*_GIVEN, *(() if deleted else _WHOLE)) if not isinstance(given.get(name), str)]
        if lacking:
            yield _malformed(where, ", ".join(lacking))
            continue
        where = given["record"][:200]
        problem = row_problem(given, where, limit)
        yield RawRecord(where, given, deleted) if problem is None else problem


def _malformed(where: str, names: str) -> Finding:
    return rejected(
        "record-malformed",
        where,
        f"Cette fiche n'a pas la forme attendue ({names}) : elle est écartée.",
        f"This record has not the form expected ({names}): it is left out.",
    )
