"""Sorts rows before they are mapped: left out on purpose, repeated, without a name, or several places of one record.

Must account for every row, and never join rows by anything but their id. Source: harvesting design, sections 4 and 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NoReturn
from urllib.parse import urlsplit

from federation.errors import PartnerError
from federation.model import Finding, Outcome, RawRecord, Reason
from federation.pipeline.cleaning import Problem, is_missing
from federation.pipeline.cleaning.text import as_string
from federation.pipeline.mapping.effort import Effort, TooCostlyError
from federation.pipeline.mapping.identity import canonical, normal_id, record_key
from federation.pipeline.mapping.messages import finding, left_out
from federation.pipeline.mapping.paths import (
    Getter,
    Row,
    compile_path,
    compile_paths,
    compile_template,
    is_template,
    scalar,
)
from federation.pipeline.mapping.provenance import Own
from federation.pipeline.mapping.values import leaves, plain
from federation.pipeline.sources import Source
from federation.vocabulary import fold

NO_ID = frozenset(map(fold, ("TODO", "TBD", "XXX", "?", "à définir", "à compléter", "à remplir", "en cours")))
"""Words that stand where an id is to come; folded."""

NamedRow = Callable[[Row, str | None], str | None]
"""Reads an id or an address from a row; the second argument fills ``{id}``."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one record, in feed order. ``identifier`` is the partner's id in normal form, ``key`` its safe form.

    ``copies`` counts further rows that say exactly the same. ``row_hash`` (hex) is of all that the rows say. ``notes``
    are what there is to tell of its name.
    """

    key: str
    identifier: str
    rows: tuple[RawRecord, ...]
    copies: int = 0
    row_hash: str = ""
    notes: tuple[Finding, ...] = ()

    @property
    def where(self) -> str:
        """The partner's address of the first row."""
        return self.rows[0].where

    @property
    def size(self) -> int:
        """How many rows of the feed this record accounts for."""
        return len(self.rows) + self.copies


class Sorter:
    """Decides which rows are records of this source, and which belong together."""

    def __init__(self, source: Source, base_url: str, effort: Effort) -> None:
        records = source.records
        self._source, self._effort = source, effort
        self._own = Own(base_url)
        self._types = frozenset(name.removeprefix("schema:") for name in records.types)
        self._only = _conditions(source.only, effort)
        self._excluded = _conditions(source.excluded, effort)
        self._origins = {fold(word) for word, slug in source.origins.items() if slug != source.partner.slug}
        self._origin = compile_paths(records.origin, effort) if records.origin else None
        self._ids = [namer(path, False, effort) for path in records.id if path != "@page"]
        self._pages = [namer(path, True, effort) for path in records.page]
        # An address that is the same for all names nothing; rows are joined by a real id only.
        naming = [path for path in records.page if not is_template(path) or "{" in path]
        self._naming = [] if records.id and records.repeat else [namer(path, True, effort) for path in naming]
        self._id_field = records.id[0] if records.id else (records.page[0] if records.page else None)

    def sort(self, rows: Iterable[RawRecord]) -> Iterator[Group | Outcome]:
        """Give each record's rows as a group, and every other row as an outcome.

        Raises PartnerError for an id that never varies.
        """
        named = self._named(rows)
        return self._joined(named) if self._source.records.repeat else self._single(named)

    def page(self, row: Row, identifier: str) -> str | None:
        """Read the address of the page as given; the first path that is not empty."""
        return next((value for read in self._pages if (value := read(row, identifier)) is not None), None)

    def excluded(self, row: Row) -> str | None:
        """Say why a row is left out on purpose; None if it is not. Raises TooCostlyError."""
        if self._types and not self._types & {str(name).removeprefix("schema:") for name in leaves(row.get("@type"))}:
            return "type"
        for title, read, allowed in self._only:
            if not allowed & self._folded(read(row), title):
                return f"only: {title}"
        for title, read, refused in self._excluded:
            if refused & self._folded(read(row), title):
                return f"except: {title}"
        if self._origin is not None and self._origins & self._folded(self._origin(row), "origin"):
            return "origin"
        return None

    def _folded(self, raw: Any, field: str) -> frozenset[str]:
        found = leaves(raw)
        self._effort.spend(len(found), field)
        return frozenset(fold(_said(plain(leaf))) for leaf in found) if found else frozenset({""})

    def identify(self, row: Row) -> str | None:
        """Read the id of a row in normal form: their id, else the address of the page; None for a word in its place."""
        given = self._given(row)
        if given is not None:
            return None if fold(given) in NO_ID else normal_id(given)
        page = next((value for read in self._naming if (value := read(row, None)) is not None), None)
        return None if page is None or is_missing(page) else normal_id(page)

    def _given(self, row: Row) -> str | None:
        """The first id of a row that is not empty, as given."""
        values = (read(row, None) for read in self._ids)
        return next((value for value in values if value is not None and not is_missing(value)), None)

    def _notes(self, row: Row) -> tuple[Finding, ...]:
        """Tell, once for all rows, that they do without an id."""
        if not self._ids or self._given(row) is not None:
            return ()
        return (finding(Problem("id-from-page", ""), "", self._id_field, "identifier", None),)

    def _unnamed(self, raw: RawRecord) -> Outcome:
        """Refuse a row without an id and a page, or with a word where an id is to come."""
        given = self._given(raw.row)
        problem = Problem("id-missing", "") if given is None else Problem("id-placeholder", given)
        said = finding(problem, raw.where, self._id_field, "identifier", None)
        return Outcome(raw.where, None, None, (said,))

    def _named(self, rows: Iterable[RawRecord]) -> Iterator[tuple[str, RawRecord] | Outcome]:
        for raw in rows:
            self._effort.renew()
            try:
                why = None if raw.deleted else self._set_aside(raw.row)
                identifier = None if why else self.identify(raw.row)
                if identifier is not None and self._own.names(identifier) and not raw.deleted:
                    why = "own"
            except TooCostlyError as error:
                said = finding(Problem("record-too-costly", error.field), raw.where, error.field, None, None)
                yield Outcome(raw.where, None, None, (said,))
                continue
            if why is not None:
                yield Outcome(raw.where, None, None, left_out(why), excluded=why)
            elif identifier is None:
                yield self._unnamed(raw)
            elif raw.deleted:
                key = record_key(identifier)
                yield Outcome(raw.where, None, None, (), excluded="deleted", key=key, closing=Reason.EXPLICIT)
            else:
                yield identifier, raw

    def _set_aside(self, row: Row) -> str | None:
        pattern = self._source.records.match
        why = self.excluded(row)
        if why is None and pattern is not None and not self._matches(row, pattern):
            return "match"
        return "own" if why is None and self._own.made(row) else why

    def _matches(self, row: Row, pattern: str) -> bool:
        page = self.page(row, self.identify(row) or "")
        try:
            return page is not None and fnmatchcase(urlsplit(page).path, pattern)
        except ValueError:
            return False

    def _single(self, named: Iterable[tuple[str, RawRecord] | Outcome]) -> Iterator[Group | Outcome]:
        """One row, one record. The first row waits until a second id proves that ids vary."""
        seen: dict[str, tuple[str, str]] = {}
        waiting: list[Group | Outcome] = []
        clashes = 0
        for item in named:
            if isinstance(item, Outcome):
                waiting.append(item)
            else:
                identifier, raw = item
                mark = _mark(canonical(raw.row))
                if identifier in seen:
                    clashes += seen[identifier][0] != mark
                    waiting.append(self._again(identifier, raw, mark, seen[identifier]))
                else:
                    seen[identifier] = (mark, raw.where)
                    waiting.append(Group(record_key(identifier), identifier, (raw,), 0, mark, self._notes(raw.row)))
            if len(seen) > 1:
                yield from waiting
                waiting.clear()
        if len(seen) == 1 and clashes:
            self._refuse_constant(next(iter(seen)))
        yield from waiting

    def _again(self, identifier: str, raw: RawRecord, mark: str, first: tuple[str, str]) -> Outcome:
        key = record_key(identifier)
        if mark == first[0]:
            said = finding(Problem("row-repeated", identifier, first[1]), raw.where, self._id_field, "identifier", None)
            return Outcome(raw.where, None, None, (said,), excluded="repeated", key=key)
        said = finding(Problem("id-duplicate", identifier, first[1]), raw.where, self._id_field, "identifier", None)
        return Outcome(raw.where, None, None, (said,))

    def _joined(self, named: Iterable[tuple[str, RawRecord] | Outcome]) -> Iterator[Group | Outcome]:
        """All rows of an id are one record; identical rows count once."""
        groups: dict[str, dict[bytes, RawRecord]] = {}
        sizes: dict[str, int] = {}
        for item in named:
            if isinstance(item, Outcome):
                yield item
                continue
            identifier, raw = item
            sizes[identifier] = sizes.get(identifier, 0) + 1
            groups.setdefault(identifier, {}).setdefault(canonical(raw.row), raw)
        if len(groups) == 1 and self._names_differ(groups):
            self._refuse_constant(next(iter(groups)))
        for identifier, rows in groups.items():
            copies = sizes[identifier] - len(rows)
            mark = _mark(b"\n".join(sorted(rows)))
            yield Group(record_key(identifier), identifier, tuple(rows.values()), copies, mark)

    def _names_differ(self, groups: dict[str, dict[bytes, RawRecord]]) -> bool:
        paths = self._source.fields.get("name")
        if not paths:
            return False
        read = compile_paths(paths, self._effort)
        return len({self._name(read, raw.row) for rows in groups.values() for raw in rows.values()}) > 1

    def _name(self, read: Getter, row: Row) -> bytes:
        self._effort.renew()
        try:
            return canonical(read(row))
        except TooCostlyError:  # it is told when the row is mapped
            return b""

    def _refuse_constant(self, identifier: str) -> NoReturn:
        raise PartnerError(
            f"All rows have the same id ({identifier!r}), read from {self._id_field!r}, but differ in content: "
            "an id that never varies names nothing. Choose another column as `id` in [records].",
            f"Toutes les lignes ont le même identifiant ({identifier!r}), lu dans {self._id_field!r}, alors que leur "
            "contenu diffère : un identifiant qui ne varie jamais ne nomme rien. Choisissez une autre colonne comme "
            "`id` dans [records].",
        )


def _mark(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def namer(path: str, escape: bool, effort: Effort) -> NamedRow:
    """Read an id or an address by template, column or path."""
    if is_template(path):
        return compile_template(path, escape, effort)
    getter = compile_path(path, effort)

    def read(row: Row, _identity: str | None) -> str | None:
        value = as_string(scalar(getter(row)))
        return None if value is None or is_missing(value) else value

    return read


def _conditions(
    table: Any,
    effort: Effort,
) -> tuple[tuple[str, Callable[[Row], Any], frozenset[str]], ...]:
    return tuple(
        (title, compile_path(title, effort), frozenset(fold(_said(value)) for value in values))
        for title, values in table.items()
    )


def _said(value: Any) -> str:
    return as_string(value) or ""
