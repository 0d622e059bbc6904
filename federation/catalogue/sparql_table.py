"""A SPARQL result as a table for people: cells with their text, language, datatype and a link where one is safe.

It must never make a link of an address that a browser would run (``javascript:``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.catalogue.records import web_address
from federation.catalogue.values import decode
from federation.engines import QueryAnswer


@dataclass(frozen=True, slots=True)
class Cell:
    """One term; an unbound variable has an empty text. ``link`` is an address that a browser may follow."""

    text: str = ""
    link: str | None = None
    language: str | None = None
    datatype: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A result in rows; ``truth`` is the answer of ASK, which has none."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    truth: bool | None = None


def table(answer: QueryAnswer) -> Table:
    """Read a result written as SPARQL JSON (bindings, boolean) or N-Triples (graph)."""
    if answer.kind == "graph":
        lines = answer.body.decode().split("\n")  # not splitlines(): a literal may hold U+2028 as it is
        triples = (line.removesuffix(" .").split(" ", 2) for line in lines if line)
        return Table(("s", "p", "o"), tuple(tuple(_term(term) for term in triple) for triple in triples))
    result = json.loads(answer.body)
    if answer.kind == "boolean":
        return Table(truth=bool(result["boolean"]))
    columns = tuple(result["head"]["vars"])
    rows = result["results"]["bindings"]
    return Table(columns, tuple(tuple(_binding(row.get(name)) for name in columns) for row in rows))


def _binding(value: Mapping[str, Any] | None) -> Cell:
    if value is None:
        return Cell()
    if value["type"] == "uri":
        return Cell(value["value"], web_address(value["value"]))
    if value["type"] in ("literal", "typed-literal"):
        return Cell(value["value"], None, value.get("xml:lang"), value.get("datatype"))
    text = value["value"]
    return Cell(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))


def _term(term: str) -> Cell:
    value = decode(term)
    if value.literal:
        return Cell(value.text, None, value.language, value.datatype)
    return Cell(value.text, web_address(value.text))
