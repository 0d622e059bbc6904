"""All findings of a run as a table for spreadsheets: one row each, streamed, none left out.

Pure: findings in, bytes out. Must never let a cell be run as a formula by the program that opens it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from federation.catalogue.reports import SEVERITIES
from federation.model import Finding, place_in

BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 500  # rows in one piece
_HEADS = {
    "fr": (
        "gravité",
        "règle",
        "ligne",
        "votre colonne",
        "champ",
        "valeur",
        "message",
        "suggestion",
        "occurrences",
        "fiche",
    ),
    "en": (
        "severity",
        "rule",
        "row",
        "your column",
        "field",
        "value",
        "message",
        "suggestion",
        "occurrences",
        "record",
    ),
}


def table(findings: Iterable[Finding], language: str, bom: bool = True, separator: str = ",") -> Iterator[bytes]:
    """Write findings as CSV (RFC 4180, UTF-8), in pieces. ``language``: ``fr`` or ``en``, of heads and messages."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator)
    if bom:
        buffer.write(BOM)
    writer.writerow(_HEADS[language])
    for number, finding in enumerate(findings, 1):
        writer.writerow([harmless(cell) for cell in _cells(finding, language)])
        if number % _AT_ONCE == 0:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


def _cells(finding: Finding, language: str) -> tuple[str, ...]:
    return (
        SEVERITIES[finding.severity][language],
        finding.rule,
        place_in(finding.where, language),
        finding.field or "",
        finding.term or "",
        finding.value or "",
        finding.message.get(language) or next(iter(finding.message.values()), ""),
        finding.suggestion or "",
        str(finding.count),
        finding.record or "",
    )


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe goes before what would begin a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
