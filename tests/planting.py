"""Plants a secret in every column of every table of a ledger that can hold text, for tests that then look for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, create_engine, insert
from sqlalchemy.types import BigInteger

from federation.ledger.schema import metadata

SECRET = "s3cret-" + "ne-doit-jamais-sortir"
# Values that the code gives a meaning to: a planted row must be one that may really be there.
_MEANINGFUL = {"state": "retired", "severity": "info", "action": "delete"}

_QUALITY = {"records": 1, "lacking": {}, "same_title": 0, "title_as_description": 0}
_PLAIN: dict[str, object] = {"counts": {}, "kind": "harvest", "holds": None, "progress": None}


def plant(ledger_file: Path) -> list[str]:
    """Insert one row full of the secret into each table of an SQLite ledger; return the names of the tables."""
    engine = create_engine(f"sqlite:///{ledger_file}")
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table), {column.name: _value(column) for column in table.columns})
    engine.dispose()
    return [table.name for table in metadata.sorted_tables]


def _value(column: Column[Any]) -> object:
    kind = column.type
    if column.name in _MEANINGFUL and column.table.name not in {"source"}:
        return {"run": "failed", "journal": "done", "record_state": "rejected"}.get(
            column.table.name, _MEANINGFUL[column.name]
        )
    if column.name in {"started", "ended", "time", "fetched_at", "first_seen", "minted"}:
        return "2026-11-21T02:14:00.000000Z"
    if column.name in _PLAIN:
        return _PLAIN[column.name]
    if column.name in {"record", "project", "home", "page", "url", "licence"}:
        return f"https://{SECRET}.example/{SECRET}"
    if isinstance(kind, JSON):
        said = {"message": {"fr": SECRET, "en": SECRET}, "where": SECRET}
        return _QUALITY if column.table.name == "quality" else said
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | BigInteger):
        return 1
    return SECRET.encode() if isinstance(kind, LargeBinary) else SECRET
