"""The columns of a feed as its first rows show them: their paths, how full they are, and what their values look like.

Must never know our words: matching.py compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from federation.pipeline.cleaning import is_missing

ROWS = 500
"""Rows that are looked at for shapes; ids are compared over these, too."""

_DEPTH = 3
_COLUMNS = 300
_KEPT = 2_000
_CLIP = 300
"""Characters of a value that are looked at: enough to tell running text, too few to make a pattern slow."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$", re.ASCII)

_EMAIL = re.compile(r"(?:mailto:)?[^@\s<>,;]+@[^@\s<>,;]+\.[A-Za-z]{2,}$")
_URL = re.compile(r"(?:https?://|www\.)\S+$", re.IGNORECASE)
_IMAGE = re.compile(r"\S+\.(?:jpe?g|png|gif|webp|svg)(?:\?\S*)?$", re.IGNORECASE)
_DATE = re.compile(
    r"(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[T ].*)?$"
    r"|\w{3}, \d{1,2} \w{3} \d{4} .*$|(?:19|20)\d\d(?:-\d\d)?$"
)
_POSTCODE = re.compile(r"(?:\d{4,5}|2[AB]\d{3})$", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d .()/-]{9,20}$")
_SIRET = re.compile(r"\d{14}$")
_NUMBER = re.compile(r"-?\d{1,9}(?:[.,]\d+)?$")


class Shape(Enum):
    """What most values of a column look like."""

    EMAIL = "email"
    URL = "url"
    IMAGE = "image"
    DATE = "date"
    POSTCODE = "postcode"
    SIRET = "siret"
    PHONE = "phone"
    NUMBER = "number"
    LONG = "long"  # running text
    TEXT = "text"


@dataclass(slots=True)
class Column:
    """One column: ``path`` as a source file writes it, ``title`` its last key, ``values`` the texts found in it."""

    path: str
    title: str
    many: bool = False
    filled: int = 0
    values: list[str] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        """The shape that at least two thirds of the values have."""
        return _shape(self.values)

    @property
    def unique(self) -> bool:
        """Whether no value comes twice, and there are at least two."""
        return len(self.values) > 1 and len(set(self.values)) == len(self.values)


def columns_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Column], int]:
    """Give the columns of the first rows in the order of the feed, and the number of rows looked at."""
    found: dict[str, Column] = {}
    count = 0
    for row in rows:
        if count == ROWS:
            break
        count += 1
        seen: set[str] = set()
        for path, title, many, value in _leaves(row, (), 0):
            column = found.get(path)
            if column is None:
                if len(found) >= _COLUMNS:
                    continue
                column = found[path] = Column(path, title, many)
            text = str(value)[:_CLIP].strip()
            if value is None or isinstance(value, bool) or is_missing(text):
                continue
            if len(column.values) < _KEPT:
                column.values.append(text)
            if path not in seen:
                column.filled += 1
                seen.add(path)
    return list(found.values()), count


def _leaves(value: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Iterable[tuple[str, str, bool, Any]]:
    """Yield (path, title, many, value) of each scalar; of lists, of each member."""
    for key, inner in value.items():
        if not isinstance(key, str) or not key or len(key) > 200:
            continue
        parts = (*above, key)
        if isinstance(inner, Mapping):
            if depth < _DEPTH:
                yield from _leaves(inner, parts, depth + 1)
        elif isinstance(inner, list):
            yield from _members(inner, parts, key)
        else:
            yield path_of(parts), key, False, inner


def _members(items: list[Any], parts: tuple[str, ...], key: str) -> Iterable[tuple[str, str, bool, Any]]:
    for item in items[:50]:
        if isinstance(item, Mapping):
            for name, inner in item.items():
                if isinstance(name, str) and name and not isinstance(inner, Mapping | list):
                    yield f"{path_of(parts, True)}[].{_quoted(name)}", f"{key} {name}", True, inner
        elif not isinstance(item, list):
            yield path_of(parts), key, True, item


def path_of(parts: tuple[str, ...], in_path: bool = False) -> str:
    """Write a path: a key alone as it is, else JMESPath with quotes where a key is not a plain word."""
    if len(parts) == 1 and not in_path:
        return parts[0]
    return ".".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    return part if _PLAIN.match(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shape(values: list[str]) -> Shape:
    if not values:
        return Shape.TEXT
    enough = len(values) * 2 / 3
    for shape, pattern in (
        (Shape.EMAIL, _EMAIL),
        (Shape.IMAGE, _IMAGE),
        (Shape.URL, _URL),
        (Shape.SIRET, _SIRET),
        (Shape.POSTCODE, _POSTCODE),
        (Shape.DATE, _DATE),
        (Shape.NUMBER, _NUMBER),
        (Shape.PHONE, _PHONE),
    ):
        if sum(pattern.match(value) is not None for value in values) >= enough:
            return shape
    return Shape.LONG if sum(map(len, values)) / len(values) > 80 else Shape.TEXT
