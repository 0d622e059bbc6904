"""Helpers of the tests of the mapping: rows in, what a record says out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from federation.model import Outcome, RawRecord
from federation.pipeline.mapping import Mapper, RunStamp

BASE = "https://commons.example"
RUN = RunStamp(f"{BASE}/runs/01", "2026-11-21T02:00:00Z")

HEAD = """[source]
id = "s"
partner = "p"
url = "a.csv"
format = "json"
licence = "https://creativecommons.org/licenses/by/4.0/"
"""
RECORDS = """[records]
id = "id"
page = "https://p.example/{id}"
"""

MakeMapper = Callable[..., Mapper]


def raws(rows: Iterable[dict[str, Any]]) -> list[RawRecord]:
    """Rows with addresses, as a reader gives them."""
    return [RawRecord(f"ligne {number}", row) for number, row in enumerate(rows, 2)]


def mapped(made: Mapper, *rows: dict[str, Any]) -> list[Outcome]:
    """Group and map rows."""
    return [item if isinstance(item, Outcome) else made.map(item, RUN) for item in made.group(raws(rows))]


def one(made: Mapper, row: dict[str, Any]) -> Outcome:
    """Map one row."""
    return made(RawRecord("ligne 2", row), RUN)


def said_of(outcome: Outcome, node: str = "#project") -> dict[str, set[str]]:
    """What the record says of one of its nodes: local names of properties to object terms. ``node`` ends its IRI."""
    assert outcome.record is not None, outcome.findings
    found: dict[str, set[str]] = {}
    for line in outcome.record.content.split("\n"):
        if line:
            subject, predicate, value = line[:-2].split(" ", 2)
            if subject[1:-1].endswith(node):
                found.setdefault(predicate.strip("<>").replace("#", "/").rpartition("/")[2], set()).add(value)
    return found


def nodes(outcome: Outcome, term: str) -> list[str]:
    """The inner nodes of a term, as they end."""
    assert outcome.record is not None, outcome.findings
    start = f"{outcome.record.iri}#{term}-"
    subjects = {line.split(" ", 1)[0][1:-1] for line in outcome.record.content.split("\n") if line}
    return sorted(subject[len(outcome.record.iri) :] for subject in subjects if subject.startswith(start))


def rules(outcome: Outcome) -> list[str]:
    """The rules that fired."""
    return [finding.rule for finding in outcome.findings]
