"""The parts of an XLSX workbook (ECMA-376, part 1, SpreadsheetML) that hold values: sheets, texts, number formats.

Must never expand more than its cap, resolve an entity, or compute a formula.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from federation.pipeline.readers.reading import UnreadableFeed

EXPANDED_BYTES = 300 * 1024 * 1024
"""Uncompressed size of all parts of a workbook; a sheet of 10 000 rows and 60 columns has about 30 MB."""

_RATIO = 400
"""Compression of a single part; real sheets reach 20 to 60, a bomb 1000."""

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_DATE_FORMATS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
"""Built-in number formats that show dates or times (section 18.8.30, with the East Asian ones)."""

_QUOTED = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|_.|\*.', re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[dyhs]|mm", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}\Z")


@dataclass(frozen=True, slots=True)
class CellFormat:
    """What a number in a cell means: a date, or a code of so many digits (format ``00000``)."""

    date: bool = False
    digits: int = 0


class Workbook:
    """An open workbook: its sheets by name, its shared texts, its cell formats, its calendar."""

    def __init__(self, body: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(body))
        except zipfile.BadZipFile as error:
            raise damaged("archive zip incomplète", "incomplete zip archive") from error
        self._check_size()
        self.sheets: dict[str, str] = {}
        self.epoch_1904 = False
        self._read_index()
        self.texts = self._shared_texts()
        self.formats = self._formats()

    def _check_size(self) -> None:
        parts = self._zip.infolist()
        if any(part.flag_bits & 1 for part in parts):
            raise UnreadableFeed(
                "encrypted",
                "Le classeur est chiffré. Enregistrez-le sans mot de passe.",
                "The workbook is encrypted. Save it without a password.",
            )
        total = sum(part.file_size for part in parts)
        bomb = any(part.file_size > 10_000_000 and part.file_size > _RATIO * part.compress_size for part in parts)
        if total > EXPANDED_BYTES or bomb:
            raise UnreadableFeed(
                "workbook-too-large",
                f"Le classeur décompressé pèserait {total // 1_000_000} Mo : il est refusé. Enregistrez seulement les "
                "cellules remplies, ou exportez en CSV.",
                f"The workbook would expand to {total // 1_000_000} MB: it is refused. Save the filled cells only, or "
                "export as CSV.",
            )

    def part(self, name: str) -> Iterator[tuple[str, etree._Element]]:
        """Yield (local name, element) at the end of each element of a part; the caller clears what it has used."""
        try:
            self._refuse_doctype(name)
            with self._zip.open(name) as stream:
                for _event, element in etree.iterparse(
                    stream, events=("end",), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False
                ):
                    yield local_name(element), element
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, etree.XMLSyntaxError, NotImplementedError) as error:
            raise damaged(f"{name} ne se lit pas", f"{name} cannot be read") from error

    def _refuse_doctype(self, name: str) -> None:
        with self._zip.open(name) as stream:
            if b"<!DOCTYPE" in stream.read(1024):
                raise damaged(f"{name} a un DOCTYPE", f"{name} has a DOCTYPE")

    def _read_index(self) -> None:
        names = set(self._zip.namelist())
        if "xl/workbook.xml" not in names:
            raise UnreadableFeed(
                "not-a-workbook",
                "C'est une archive zip, mais pas un classeur XLSX (xl/workbook.xml manque).",
                "This is a zip archive, but no XLSX workbook (xl/workbook.xml is missing).",
            )
        targets: dict[str | None, str] = {}
        for name, element in self.part("xl/_rels/workbook.xml.rels"):
            if name == "Relationship":
                targets[element.get("Id")] = posixpath.normpath(posixpath.join("/xl", element.get("Target", "")))[1:]
        for name, element in self.part("xl/workbook.xml"):
            if name == "sheet":
                target = targets.get(_relation(element))
                if target in names:
                    self.sheets[element.get("name", "")] = str(target)
            elif name == "workbookPr":
                self.epoch_1904 = element.get("date1904") in ("1", "true")
        self._names = names

    def _shared_texts(self) -> list[str]:
        if "xl/sharedStrings.xml" not in self._names:
            return []
        texts = []
        for name, element in self.part("xl/sharedStrings.xml"):
            if name == "si":
                texts.append(rich_text(element))
                clear(element)
        return texts

    def _formats(self) -> list[CellFormat]:
        if "xl/styles.xml" not in self._names:
            return []
        codes: dict[int, str] = {}
        formats: list[CellFormat] = []
        for name, element in self.part("xl/styles.xml"):
            if name == "numFmt":
                codes[_number(element.get("numFmtId"))] = element.get("formatCode", "")
            elif name == "cellXfs":
                formats = [_format(_number(xf.get("numFmtId")), codes) for xf in element if local_name(xf) == "xf"]
        return formats


def _relation(element: etree._Element) -> str | None:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), None)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _format(number: int, codes: dict[int, str]) -> CellFormat:
    if number in _DATE_FORMATS:
        return CellFormat(date=True)
    code = codes.get(number, "").split(";")[0]
    bare = _QUOTED.sub("", code)
    if _ZEROS.match(bare) and bare == code:
        return CellFormat(digits=len(bare))
    return CellFormat(date=_DATE_LETTERS.search(bare) is not None and "general" not in bare.lower())


def local_name(element: etree._Element) -> str:
    """Give the tag without its namespace; comments and instructions have none."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def rich_text(element: etree._Element) -> str:
    """Join the runs of a text; phonetic guides (``rPh``) are not part of it."""
    return "".join(
        part.text or ""
        for part in element.iter(_MAIN + "t", _STRICT + "t")
        if (parent := part.getparent()) is None or local_name(parent) != "rPh"
    )


def clear(element: etree._Element) -> None:
    """Free an element and its elder siblings, so that memory stays flat."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def damaged(french: str, english: str) -> UnreadableFeed:
    """The workbook is broken or was cut, and where."""
    return UnreadableFeed(
        "workbook-damaged",
        f"Le classeur est abîmé ou coupé ({french}). Enregistrez-le de nouveau en .xlsx.",
        f"The workbook is damaged or was cut ({english}). Save it again as .xlsx.",
    )
