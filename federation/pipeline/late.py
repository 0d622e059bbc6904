"""Leaves out of a push that is read again what was deleted, hidden or erased since: it must not come back by a replay.

What was held never was in the graph, so that no record tells of its end; the ledger of objects does. Must never write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from federation.ledger import Ledger
from federation.ledger.bodies import ACTIVITIES
from federation.pipeline.fetch import Delivery


def without_gone(delivery: Delivery, ledger: Ledger) -> Delivery:
    """The same delivery without what is to stay away. Raises EngineUnavailable."""
    (page,) = delivery.pages
    document = orjson.loads(page.body)
    activities = page.content_type == ACTIVITIES
    rows = "orderedItems" if activities else "records"
    brings = _object if activities else _record
    named = [brings(row) for row in document[rows]]
    wanted = [name for name in named if name is not None]
    away = ledger.ap_objects.away(wanted) if activities else ledger.ap_objects.away_records(wanted)
    if not away:
        return delivery
    kept = [row for row, name in zip(document[rows], named, strict=True) if name not in away]
    return replace(delivery, pages=(replace(page, body=orjson.dumps({**document, rows: kept})),))


def _object(item: Mapping[str, Any]) -> str | None:
    """The id of the object that an activity brings; None of a Delete."""
    return None if item["type"] == "Delete" else str(item["object"]["id"])


def _record(row: Mapping[str, Any]) -> str | None:
    """The record that a row of a peer brings; None of a withdrawal."""
    return None if row.get("deleted") else str(row["record"])
