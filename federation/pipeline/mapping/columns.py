"""Watches whether the columns that a source file names are in the feed at all: a typing error must not pass in silence.

A profile's own entries are not watched: a preset names more than any one feed has.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.mapping.effort import Effort, TooCostlyError
from federation.pipeline.mapping.paths import Getter, compile_path
from federation.pipeline.sources import Source
from federation.vocabulary import fold

_HOLE = re.compile(r"\{([^{}:]+)\}")
_WORD = re.compile(r"\w+")
_LEARNT = 200  # rows whose keys are remembered, to say which columns there are
_SHOWN = 30  # columns named in a message


@dataclass(frozen=True, slots=True)
class _Named:
    """A column that the source file names: for which of our words, in which line, and whether rows hang on it."""

    column: str
    term: str
    line: int | None
    decides: bool
    read: Getter


class Columns:
    """The columns of one source file that no row has had so far."""

    def __init__(self, source: Source) -> None:
        self._effort = Effort()
        self._unmet = list(_named(source, self._effort))
        self._watched = len(self._unmet)
        self._known: dict[str, None] = {}
        self._rows = 0

    def over(self, rows: Iterable[RawRecord]) -> Iterator[RawRecord]:
        """Give the rows on, and learn from each."""
        for raw in rows:
            if self._rows < _LEARNT:
                self._known.update(dict.fromkeys(raw.row))
            self._rows += 1
            if self._unmet:
                self._unmet = [named for named in self._unmet if self._lacks(named, raw)]
            yield raw

    def _lacks(self, named: _Named, raw: RawRecord) -> bool:
        self._effort.renew()
        try:
            return named.read(raw.row) is None
        except TooCostlyError:  # there is something, and the mapping will tell
            return False

    def findings(self, where: str) -> list[Finding]:
        """What to tell the partner once all rows have been seen; nothing if there was none."""
        if not self._rows:
            return []
        if len(self._unmet) == self._watched > 1:
            return [self._none_met(where)]
        return [self._finding(named, where, first=number == 0) for number, named in enumerate(self._unmet)]

    def _none_met(self, where: str) -> Finding:
        """Say once that the file has none of the columns: another table, or titles in another row."""
        named = ", ".join(dict.fromkeys(f"« {each.column} »" for each in self._unmet))
        decides = any(each.decides for each in self._unmet)
        return Finding(
            rule="column-missing",
            severity=Severity.VIOLATION if decides else Severity.WARNING,
            where=where,
            message={
                "fr": f"Aucune des colonnes nommées par le fichier de la source n'existe ({named}). Est-ce le bon "
                "fichier ? Dans un tableau, la ligne des titres (`header`) et la feuille (`sheet`) se disent dans "
                f"[records]. {self._columns('fr')}",
                "en": f"None of the columns that the source file names is there ({named}). Is it the right file? Of a "
                "table, the row of the titles (`header`) and the sheet (`sheet`) are said in [records]. "
                + self._columns("en"),
            },
        )

    def _columns(self, lang: str) -> str:
        known = ", ".join(f"« {name} »" for name in list(self._known)[:_SHOWN])
        return f"Colonnes du fichier : {known}." if lang == "fr" else f"Columns of the file: {known}."

    def _finding(self, named: _Named, where: str, first: bool) -> Finding:
        """Say that one column is not there; the ``first`` also says which there are."""
        nearest = _nearest(named.column, self._known)
        french = f" (ligne {named.line} du fichier de la source)" if named.line else ""
        english = f" (line {named.line} of the source file)" if named.line else ""
        return Finding(
            rule="column-missing",
            severity=Severity.VIOLATION if named.decides else Severity.WARNING,
            where=where,
            field=named.column,
            term=named.term,
            suggestion=nearest,
            message={
                "fr": f"Aucune ligne n'a de colonne « {named.column} », nommée pour `{named.term}`{french}."
                + (f" Vouliez-vous « {nearest} » ?" if nearest else "")
                + (f" {self._columns('fr')}" if first else ""),
                "en": f"No row has a column “{named.column}”, named for `{named.term}`{english}."
                + (f" Did you mean “{nearest}”?" if nearest else "")
                + (f" {self._columns('en')}" if first else ""),
            },
        )


def _nearest(column: str, known: Iterable[str]) -> str | None:
    """The known column that is most like one that is not there: by its letters, else by the words it holds."""
    folded = {fold(name): name for name in known}
    wanted = fold(column)
    near = difflib.get_close_matches(wanted, folded, n=1)
    if near:
        return folded[near[0]]
    words = set(_WORD.findall(wanted))
    holding = [
        name for name in folded if words and (words <= (own := set(_WORD.findall(name))) or (own and own < words))
    ]
    best = max(holding, key=lambda name: difflib.SequenceMatcher(None, wanted, name).ratio(), default=None)
    return folded[best] if best is not None else None


def _named(source: Source, effort: Effort) -> Iterator[_Named]:
    tables: list[tuple[str, Mapping[str, tuple[str, ...]], bool]] = [
        ("fields", {term: paths for term, paths in source.fields.items() if _at_top(term, source)}, False),
        ("records", {"id": source.records.id, "page": source.records.page}, True),
        ("only", {title: (title,) for title in source.only}, True),
        ("except", {title: (title,) for title in source.excluded}, True),
    ]
    for table, entries, decides in tables:
        for term, paths in entries.items():
            line = source.lines.get(f"{table}.{term}")
            if line is None:  # from the profile
                continue
            columns = [column for path in paths for column in _columns(path)]
            if len(paths) > 1:  # the first that is not empty: enough if one is there
                readers = [compile_path(column, effort) for column in columns]
                yield _Named(" / ".join(columns), term, line, decides, _first(readers))
                continue
            for column in columns:
                yield _Named(column, term, line, decides, compile_path(column, effort))


def _at_top(term: str, source: Source) -> bool:
    """Whether the path of a term starts at the row, not at an object that another entry leads to."""
    parts = term.split(".")
    return not any(".".join([*parts[:end], "at"]) in source.fields for end in range(1, len(parts)))


def _columns(path: str) -> list[str]:
    """The columns that a path or a template needs. ``@page`` and ``{id}`` are words of ours."""
    if path.startswith("@"):
        return []
    holes = _HOLE.findall(path)
    return [hole for hole in holes if hole != "id"] if holes or "://" in path else [path]


def _first(readers: list[Getter]) -> Getter:
    return lambda row: next((value for read in readers if (value := read(row)) is not None), None)
