"""Rows of one sheet of an XLSX workbook, values only: dates as ISO text, whole numbers as integers, codes with their
zeros. Must never compute a formula or follow a link."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from lxml import etree

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.csv_reader import titles
from federation.pipeline.readers.heading import LOOKED_AT, guessed_header, title_row
from federation.pipeline.readers.reading import (
    Reading,
    ReadOptions,
    UnreadableFeed,
    empty_body,
    remark,
    too_large,
    too_many,
)
from federation.pipeline.readers.text import kind_of, not_what_was_promised
from federation.pipeline.readers.workbook import CellFormat, Workbook, clear, local_name, rich_text

_COLUMNS = 2_000
"""Columns that are read; the format allows 16 384, a formatted empty row may claim them all."""

_NAMED_SHEETS = 5
_SHEETS = 20
"""Sheets among which a table is looked for if the first has none."""

_NARROW, _TABLE = 3, 4
"""Cells that no row of a notice has filled, and that the titles of a table beside it have."""

_PLAIN = CellFormat()


def read_xlsx(body: bytes, options: ReadOptions) -> Reading:
    """Read the sheet named ``options.sheet``, or the first one; if only others hold a table, the first of those.

    The first filled row from ``options.header`` on holds the titles; without it, the row that plainly does.
    A cell is text, int, float, bool or None; a date is ``2021-03-04`` or ``2021-03-04T10:30:00``.
    Raises UnreadableFeed.
    """
    if not body:
        return Reading("xlsx", iter(()), [empty_body(options.length_proved)])
    kind = kind_of(body)
    if kind != "zip":
        raise (
            not_what_was_promised(kind, "XLSX")
            if kind
            else UnreadableFeed(
                "not-a-workbook",
                "Ce n'est pas un classeur XLSX, malgré son nom. Si c'est un tableau CSV, donnez-lui un nom en .csv (et "
                '`format = "csv"`) ; sinon, enregistrez-le depuis le tableur au format .xlsx.',
                "This is not an XLSX workbook, whatever its name says. If it is a CSV table, give it a name in .csv "
                '(and `format = "csv"`); else save it as .xlsx from the spreadsheet.',
            )
        )
    workbook = Workbook(body)
    if not workbook.sheets:
        raise UnreadableFeed("no-sheet", "Le classeur n'a aucune feuille.", "The workbook has no sheet.")
    name = _guessed_sheet(workbook) if options.sheet is None else _named_sheet(workbook, options.sheet)
    part = workbook.sheets[name]
    filled = _filled_rows(workbook, part)
    findings = _other_sheets(workbook, name) if options.sheet is None else []
    headed = _header(filled, options.header, findings)
    if headed is None:
        raise _no_header(workbook, part)
    header, below = headed
    return Reading("xlsx", _rows(below, header, options), findings)


def _named_sheet(workbook: Workbook, wanted: str) -> str:
    by_name = {name.strip().casefold(): name for name in workbook.sheets}
    name = by_name.get(wanted.strip().casefold())
    if name is None:
        names = ", ".join(f"« {name} »" for name in workbook.sheets)
        raise UnreadableFeed(
            "no-sheet",
            f"Le classeur n'a pas de feuille « {wanted} ». Feuilles : {names}. Corrigez `sheet`.",
            f"The workbook has no sheet “{wanted}”. Sheets: {', '.join(workbook.sheets)}. Correct `sheet`.",
        )
    return name


def _guessed_sheet(workbook: Workbook) -> str:
    """The first sheet, unless it plainly holds no table (a notice, say) and another one does."""
    first, *others = workbook.sheets
    if not others or max(_widths(workbook, first), default=0) >= _NARROW:
        return first
    for name in others[:_SHEETS]:
        widths = _widths(workbook, name)
        if len(widths) > 1 and widths[title_row(widths) or 0] >= _TABLE:
            return name
    return first


def _widths(workbook: Workbook, name: str) -> list[int]:
    """How many cells the first filled rows of a sheet have filled."""
    return [len(cells) for _, cells in islice(_filled_rows(workbook, workbook.sheets[name]), LOOKED_AT)]


def _other_sheets(workbook: Workbook, read: str) -> list[Finding]:
    """Say which sheet is read where nobody has named one and there are several; ``value`` is its name."""
    others = [name for name in workbook.sheets if name != read]
    if not others:
        return []
    named = [name[:80] for name in others[:_NAMED_SHEETS]] + ["…"] * (len(others) > _NAMED_SHEETS)
    first = read == next(iter(workbook.sheets))
    which = ("la première", "the first") if first else ("la première qui ait un tableau", "the first with a table")
    return [
        remark(
            "sheet-guessed",
            Severity.INFO,
            f"Le classeur a {len(workbook.sheets)} feuilles : {which[0]}, « {read[:80]} », est lue. Si vos fiches "
            f"sont dans une autre ({', '.join(named)}), nommez-la par `sheet`.",
            f"The workbook has {len(workbook.sheets)} sheets: {which[1]}, “{read[:80]}”, is read. If your records are "
            f"in another one ({', '.join(named)}), name it by `sheet`.",
            value=read,
        )
    ]


def _header(
    filled: Iterator[tuple[int, dict[int, Any]]], row: int | None, findings: list[Finding]
) -> tuple[dict[int, str], Iterator[tuple[int, dict[int, Any]]]] | None:
    """The titles by column, and the rows below them; None if the sheet has no such row."""
    if row is None:
        top = list(islice(filled, LOOKED_AT))
        place = title_row([len(cells) for _, cells in top])
        row = top[place][0] if place is not None else 1
        filled = chain(top, filled)
        if place is not None:
            findings.append(guessed_header(row, " ".join(str(value) for value in top[0][1].values())))
    for line, cells in filled:
        if line >= row:
            width = max(cells) + 1
            names = titles([str(cells.get(column, "")) for column in range(width)], findings)
            return dict(enumerate(names)), filled
    return None


def _no_header(workbook: Workbook, part: str) -> UnreadableFeed:
    """Name the sheet that has no row of titles, and the others, one of which may be meant."""
    name = next(name for name, own in workbook.sheets.items() if own == part)
    others = [other[:80] for other in workbook.sheets if other != name]
    named = ", ".join(others[:_NAMED_SHEETS]) + (", …" if len(others) > _NAMED_SHEETS else "")
    return UnreadableFeed(
        "no-header",
        f"La feuille « {name[:80]} » est vide, ou n'a pas de ligne de titres."
        + (
            f" Si vos fiches sont dans une autre ({named}), mettez-la en premier, ou nommez-la par `sheet`."
            * bool(others)
        ),
        f"The sheet “{name[:80]}” is empty, or has no header row."
        + (f" If your records are in another one ({named}), put it first, or name it by `sheet`." * bool(others)),
    )


def _rows(
    filled: Iterator[tuple[int, dict[int, Any]]], header: dict[int, str], options: ReadOptions
) -> Iterator[RawRecord | Finding]:
    for count, (line, cells) in enumerate(filled, 1):
        if count > options.max_records:
            raise too_many(options.max_records)
        where = f"ligne {line}"
        row = {name: cells.get(column) for column, name in header.items()}
        for column in cells.keys() - header.keys():
            row[f"colonne {column + 1}"] = cells[column]
        size = sum(len(value) if isinstance(value, str) else 8 for value in row.values())
        yield (
            too_large(where, size, options.max_record_bytes)
            if size > options.max_record_bytes
            else RawRecord(where, row)
        )


def _filled_rows(workbook: Workbook, part: str) -> Iterator[tuple[int, dict[int, Any]]]:
    """Yield (row number, values by column from 0) of rows that hold something."""
    line = 0
    for name, element in workbook.part(part):
        if name == "row":
            given = element.get("r", "")
            line = int(given) if given.isascii() and given.isdigit() else line + 1
            cells = _cells(workbook, element)
            clear(element)
            if cells:
                yield line, cells


def _cells(workbook: Workbook, row: etree._Element) -> dict[int, Any]:
    cells: dict[int, Any] = {}
    column = -1
    for cell in row:
        if local_name(cell) != "c":
            continue
        column = _column(cell.get("r", ""), column + 1)
        if column >= _COLUMNS:
            break
        value = _value(workbook, cell)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            cells[column] = value
    return cells


def _column(reference: str, default: int) -> int:
    """Give the column of ``AB12``, from 0."""
    column = 0
    for letter in reference.upper():
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
        if column > _COLUMNS:
            break
    return column - 1 if column else default


def _value(workbook: Workbook, cell: etree._Element) -> Any:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return rich_text(cell)
    raw = next((child.text for child in cell if local_name(child) == "v"), None)
    if raw is None:
        return None
    if kind == "s":
        index = int(raw) if raw.strip().isdigit() else -1
        return workbook.texts[index] if 0 <= index < len(workbook.texts) else None
    if kind == "b":
        return raw.strip() == "1"
    if kind in ("str", "e", "d"):
        return raw
    style = cell.get("s", "0")
    known = workbook.formats
    index = int(style) if style.isascii() and style.isdigit() else 0
    return _number(raw, known[index] if index < len(known) else _PLAIN, workbook.epoch_1904)


def _number(raw: str, form: CellFormat, epoch_1904: bool) -> Any:
    try:
        value = float(raw)
    except ValueError:
        return raw
    if not math.isfinite(value):
        return raw
    if form.date and (moment := _moment(value, epoch_1904)) is not None:
        return moment
    if value.is_integer():
        return str(int(value)).zfill(form.digits) if form.digits and value >= 0 else int(value)
    return value


def _moment(serial: float, epoch_1904: bool) -> str | None:
    """Turn a date serial into ISO text; the time alone if it has no day (section 18.17.4).

    Excel believes that 1900 was a leap year, so its first 60 days are one off.
    """
    if not 0 <= serial < 2_958_466:  # 9999-12-31
        return None
    if serial < 1 and not epoch_1904:
        return (datetime(2000, 1, 1) + timedelta(seconds=round(serial * 86400))).time().isoformat()
    epoch = datetime(1904, 1, 1) if epoch_1904 else datetime(1899, 12, 30 if serial >= 60 else 31)
    try:
        moment = epoch + timedelta(days=int(serial), seconds=round(serial % 1 * 86400))
    except OverflowError:
        return None
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.date().isoformat() if midnight else moment.isoformat()
