"""Rows of a CSV or TSV file: finds encoding and separator, keeps the partner's line numbers.

Must never shift a cell: a row with too many or too few cells, or a stray quote, is rejected, not repaired.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.heading import LOOKED_AT, guessed_header, title_row
from federation.pipeline.readers.reading import (
    Reading,
    ReadOptions,
    UnreadableFeed,
    empty_body,
    rejected,
    remark,
    too_large,
    too_many,
)
from federation.pipeline.readers.text import decode, kind_of, not_what_was_promised

_SEPARATORS = (",", ";", "\t", "|")
_EXCEL_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_HEADER_REACH = 200_000
"""Characters in which the header must end; titles of questions are long, a whole file is not a header."""


def read_csv(body: bytes, options: ReadOptions) -> Reading:
    """Read a table with a header; keys are the titles with spaces and line breaks folded, values are texts.

    Raises UnreadableFeed: not text, something else than CSV, no header, a quote never closed, cut.
    """
    if not body.strip():
        return Reading("csv", iter(()), [empty_body(options.length_proved)])
    kind = kind_of(body)
    if kind is not None:
        raise not_what_was_promised(kind, "CSV")
    decoded = decode(body, options)
    text, findings = decoded.text, list(decoded.findings)
    if not options.length_proved and not text.endswith(("\n", "\r")):
        raise _cut(text)
    skipped, separator = 0, options.separator
    if hint := _EXCEL_HINT.match(text):
        skipped, separator = 1, separator or hint.group(1)
        text = text[hint.end() :]
    row = options.header
    if row is None:
        separator, row = _guessed(text, separator, skipped, findings)
    else:
        separator = separator or _separator(text, row - skipped)
    # the limit is the process's; readers always set it to their own, the default refuses a cell of 131 kB
    csv.field_size_limit(options.max_record_bytes + 1024)
    table = _Table(text, separator, skipped)
    header = titles(table.header(row), findings)
    return Reading("csv", _rows(table, header, options, findings), findings)


def titles(cells: list[str], findings: list[Finding]) -> list[str]:
    """Turn header cells into keys: spaces folded; ``colonne 5`` for an empty one; `` (2)`` after a repeated one."""
    header: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"colonne {number}"
        if name in header:
            copy = 2
            while f"{name} ({copy})" in header:
                copy += 1
            findings.append(
                remark(
                    "duplicate-column",
                    Severity.WARNING,
                    f"Plusieurs colonnes s'appellent « {name} » : celle de rang {number} est lue comme « {name} "
                    f"({copy}) ».",
                    f"Several columns are called “{name}”: number {number} is read as “{name} ({copy})”.",
                    field=name,
                )
            )
            name = f"{name} ({copy})"
        header.append(name)
    return header


class _Table:
    """Records of the file with the physical line each begins on."""

    def __init__(self, text: str, separator: str, skipped: int) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        self._skipped = skipped
        self.blank: list[int] = []

    def header(self, row: int) -> list[str]:
        """Give the cells of the first record from line ``row`` on that is not blank. Raises UnreadableFeed if none."""
        for line, cells in self:
            if line < row:
                continue
            if isinstance(cells, csv.Error):
                raise UnreadableFeed(
                    "header-unreadable",
                    f"La ligne des titres est illisible : {cells}.",
                    f"The header row cannot be read: {cells}.",
                )
            return list(cells)
        raise UnreadableFeed("no-header", "Le fichier n'a pas de ligne de titres.", "The file has no header row.")

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield (line, cells) or (line, csv.Error). Raises UnreadableFeed for a quote that is never closed."""
        while True:
            line = self._reader.line_num + 1 + self._skipped
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "unexpected end" in str(error):
                    raise _never_closed(line) from error
                yield line, error
                continue
            if any(cell.strip() for cell in cells):
                yield line, cells
            elif cells:
                self.blank.append(line)


def _rows(
    table: _Table, header: list[str], options: ReadOptions, findings: list[Finding]
) -> Iterator[RawRecord | Finding]:
    width, count = len(header), 0
    for line, cells in table:
        count += 1
        if count > options.max_records:
            raise too_many(options.max_records)
        where = f"ligne {line}"
        if isinstance(cells, csv.Error):
            yield _stray_quote(where, cells)
        elif len(cells) != width:
            yield _wrong_width(where, cells, width)
        elif (size := sum(map(len, cells))) > options.max_record_bytes:
            yield too_large(where, size, options.max_record_bytes)
        else:
            yield RawRecord(where, dict(zip(header, cells, strict=True)))
    if table.blank:
        findings.append(_blank(table.blank))
    if width == 1 and count:
        findings.append(
            remark(
                "single-column",
                Severity.WARNING,
                f"Une seule colonne trouvée, « {header[0][:80]} » : le séparateur est-il le bon ? Indiquez "
                "`separator`. Si les titres sont plus bas, indiquez leur ligne par `header`.",
                f"Only one column found, “{header[0][:80]}”: is the separator right? State `separator`. If the "
                "titles stand lower, state their row by `header`.",
            )
        )


def _separator(text: str, row: int) -> str:
    """Choose the separator that cuts the header into most columns (csv.Sniffer fails on decimal commas)."""

    def columns(separator: str) -> int:
        reader = csv.reader(io.StringIO(text[:_HEADER_REACH], newline=""), delimiter=separator)
        line = 1
        try:
            for cells in reader:
                if line >= row and any(cell.strip() for cell in cells):
                    return len(cells)
                line = reader.line_num + 1
        except csv.Error:
            return 0
        return 0

    return max(_SEPARATORS, key=columns)


def _guessed(text: str, given: str | None, skipped: int, findings: list[Finding]) -> tuple[str, int]:
    """Choose the separator, unless it is given, and the line from which on the titles are looked for.

    The first row holds them, unless a separator shows plainly that it is a line of title: below it stand titles, and
    then rows of as many cells. A finding says so.
    """
    first = given or _separator(text, 1)
    top = _top(text, first)
    if not top or (len(top[0][1]) > 1 and all(top[0][1]) and all(len(cells) == len(top[0][1]) for _, cells in top)):
        return first, 1
    if sum(map(bool, top[0][1])) > 2:
        return first, 1
    found: list[tuple[int, str, int, str]] = []
    for separator in (given,) if given else _SEPARATORS:
        rows = _top(text, separator)
        place = title_row([sum(map(bool, cells)) for _, cells in rows])
        if place is not None and all(len(cells) == len(rows[place][1]) for _, cells in rows[place:]):
            found.append((len(rows[place][1]), separator, rows[place][0] + skipped, _joined(rows[0][1])))
    if not found:
        return first, 1
    _, separator, line, above = max(found)
    findings.append(guessed_header(line, above))
    return separator, line


def _joined(cells: list[str]) -> str:
    return " ".join(filter(None, cells))


def _top(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """The first rows that are not blank, as (line, stripped cells); up to what cannot be read so."""
    reader = csv.reader(io.StringIO(text[:_HEADER_REACH], newline=""), delimiter=separator)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if len(rows) == LOOKED_AT:
                break
            if any(stripped := [cell.strip() for cell in cells]):
                rows.append((line, stripped))
            line = reader.line_num + 1
    except csv.Error:
        return rows
    return rows


def _blank(lines: list[int]) -> Finding:
    shown = ", ".join(map(str, lines[:20])) + (", …" if len(lines) > 20 else "")
    return remark(
        "blank-rows",
        Severity.INFO,
        f"{len(lines)} lignes n'ont que des cellules vides ; elles ne comptent pas (lignes {shown}).",
        f"{len(lines)} rows have only empty cells; they do not count (lines {shown}).",
    )


def _wrong_width(where: str, cells: list[str], width: int) -> Finding:
    fr, en = ("trop", "too many") if len(cells) > width else ("trop peu", "too few")
    hint_fr = " Un séparateur en trop dans une cellule non entourée de guillemets ?" if len(cells) > width else ""
    hint_en = " A separator inside a cell without quotes?" if len(cells) > width else ""
    return rejected(
        "cell-count",
        where,
        f"{len(cells)} cellules au lieu de {width} : {fr}. La ligne est écartée, car ses valeurs seraient "
        f"décalées.{hint_fr}",
        f"{len(cells)} cells instead of {width}: {en}. The row is left out: its values would be shifted.{hint_en}",
        value=" | ".join(cells),
    )


def _stray_quote(where: str, error: csv.Error) -> Finding:
    return rejected(
        "quote",
        where,
        "Guillemet mal placé : dans une cellule entourée de guillemets, un guillemet s'écrit deux fois. La ligne est "
        "écartée.",
        f"Misplaced quote ({error}): inside a quoted cell a quote is written twice. The row is left out.",
    )


def _never_closed(line: int) -> UnreadableFeed:
    return UnreadableFeed(
        "quote-never-closed",
        f"Un guillemet ouvert dans la ligne qui commence ligne {line} n'est jamais refermé : la suite du fichier est "
        "illisible, ou le fichier est coupé. Corrigez l'export.",
        f"A quote opened in the row that begins on line {line} is never closed: the rest of the file cannot be "
        "read, or "
        "the file was cut. Correct the export.",
    )


def _cut(text: str) -> UnreadableFeed:
    line = text.count("\n") + 1
    return UnreadableFeed(
        "cut",
        f"Le fichier semble coupé : il s'arrête ligne {line} sans saut de ligne final, et le serveur n'a pas "
        "annoncé sa "
        "longueur. Rien n'a été repris ; c'est souvent passager.",
        f"The body was probably cut: it stops on line {line} without a final newline, and the server did not announce "
        "its length. Nothing was taken from it; this often passes.",
    )
