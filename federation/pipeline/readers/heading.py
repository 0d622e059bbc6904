"""Tells the row of a table that holds its titles where a source file does not say which. Pure.

Must never guess where it is not plain: then the first row holds the titles.
"""

from __future__ import annotations

from collections.abc import Sequence

from federation.model import Finding, Severity
from federation.pipeline.readers.reading import remark

LOOKED_AT = 12
"""Filled rows from the top that are looked at; titles stand among the first ten, with a row below them."""

_ABOVE = 2
"""Cells that a line of title, or a note under it, has filled."""

_MANY = 3
"""Titles of a table that has a line above them, and how many times more than that line has cells."""


def title_row(filled: Sequence[int]) -> int | None:
    """Say which of the first rows holds the titles, from 0, given how many cells each has filled.

    None unless it is plain: one or two cells above, many in that row and something below it.
    """
    if not filled or filled[0] > _ABOVE:
        return None
    many = max(_MANY, _MANY * filled[0])
    for place, cells in enumerate(filled[: LOOKED_AT - 2]):
        if cells >= many:
            return place if any(below > _ABOVE for below in filled[place + 1 :]) else None
        if cells > _ABOVE:
            return None
    return None


def guessed_header(line: int, above: str) -> Finding:
    """Say which row was taken for that of the titles, and what stands above it; ``value`` is its number."""
    shown = above[:80]
    return remark(
        "header-guessed",
        Severity.INFO,
        f"La ligne {line} est lue comme celle des titres des colonnes, car au-dessus il n'y a qu'un intitulé "
        f"(« {shown} »). Si c'en est une autre, donnez son numéro par `header`, dans [records].",
        f"Row {line} is read as that of the column titles, as there is only a heading above it (“{shown}”). If it is "
        "another one, give its number by `header`, in [records].",
        value=str(line),
    )
