"""Turns rows of one source into records of the shared vocabulary. Pure: no clock, no files, no network.

Compiled once per source; then one call per record. Must never raise on what a partner wrote.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.model import Finding, Openness, Outcome, RawRecord, Reason, Record
from federation.pipeline.cleaning import Problem, clean_iri, normal_address
from federation.pipeline.mapping.effort import Effort, TooCostlyError
from federation.pipeline.mapping.grouping import Group, Sorter
from federation.pipeline.mapping.identity import canonical
from federation.pipeline.mapping.messages import finding, left_out
from federation.pipeline.mapping.nodes import ObjectPlan, ScalarPlan, keep_apart, reference
from federation.pipeline.mapping.plans import Planner, stricter
from federation.pipeline.mapping.provenance import Own
from federation.pipeline.mapping.sheet import Sheet
from federation.pipeline.mapping.stamp import RunStamp
from federation.pipeline.mapping.terms import RecordTerms
from federation.pipeline.sources import Source
from federation.vocabulary import Vocabulary

SHEET_FIELDS = frozenset({"license", "language", "access"})
"""Mapped fields of the record node that decide about the record itself."""

_COMPARED = 50
"""Different values of one field, over the rows of one record, of which each is compared with each."""


@dataclass(slots=True)
class _Read:
    """What the mapping reads of a record: the page and the value of each field.

    ``conflicts``: term, place among the values, and all values given, of fields in which its rows differ.
    """

    values: list[Any]
    conflicts: list[tuple[str, int, list[str]]] = field(default_factory=list)


class Mapper:
    """The compiled mapping of one source.

    ``names`` gives, for each of our dotted terms, the partner's column or path, so that results of a later stage can
    be said in the partner's words: as the source file writes it, or as the feed of the last rows mapped does.
    """

    def __init__(self, source: Source, vocabulary: Vocabulary, base_url: str) -> None:
        self._source = source
        self._effort = Effort()
        self._sorter = Sorter(source, base_url, self._effort)
        plans = Planner(source, vocabulary, base_url, self._effort).top()
        self._plans = [plan for plan in plans if plan.key not in SHEET_FIELDS]
        self._heads = [plan for plan in plans if plan.key in SHEET_FIELDS]
        self._all = [*self._heads, *self._plans]
        self._repeat = frozenset(source.records.repeat)
        self._terms = RecordTerms(source, vocabulary, base_url)
        self._start = f"{base_url}/records/{source.partner.slug}/"
        self._own = Own(base_url)
        names = {term.removesuffix(".at"): paths[0] for term, paths in source.fields.items()}
        if source.records.page:
            names["page"] = source.records.page[0]
        if source.records.id or source.records.page:
            names["identifier"] = (source.records.id or source.records.page)[0]
        self._paths: Mapping[str, str] = names
        self._words: Mapping[str, str] | None = None
        self.names: Mapping[str, str] = names

    def __call__(self, raw: RawRecord, run: RunStamp) -> Outcome:
        """Map one row on its own."""
        item = next(iter(self._sorter.sort([raw])))
        return item if isinstance(item, Outcome) else self.map(item, run)

    def group(self, rows: Iterable[RawRecord]) -> Iterator[Group | Outcome]:
        """Sort the rows of a feed into records; rows that are none come as outcomes, so that each is accounted for.

        Raises PartnerError if all rows share one id.
        """
        return self._sorter.sort(rows)

    def raw_hash(self, group: Group) -> str:
        """SHA-256 (hex) of the values that the mapping reads in these rows, whatever the order of rows and keys.

        Empty if they cannot be read at a reasonable cost; mapping them tells why.
        """
        try:
            return _raw_hash(group, self._read(group))
        except TooCostlyError:
            return ""

    def map(self, group: Group, run: RunStamp) -> Outcome:
        """Map the rows of one record. The outcome has no tier yet.

        Without a record, its findings or ``excluded`` say why.
        """
        self._speak(group.rows[0].words)
        try:
            return self._mapped(group, run)
        except TooCostlyError as error:
            term = self._term_of(error.field)
            field = self._field_of(term) if term else error.field
            problem = Problem("record-too-costly", field or error.field)
            said = finding(problem, group.where, field, term, self._start + group.key)
            return Outcome(group.where, None, None, (said,), rows=group.size, key=group.key)

    def _mapped(self, group: Group, run: RunStamp) -> Outcome:
        read = self._read(group)
        self._effort.renew()
        raw_hash = _raw_hash(group, read)
        page, *values = read.values
        for plan, value in zip(self._all, values, strict=True):
            if value is not None:
                self._effort.weigh_markup(value, plan.key)
        record = self._start + group.key
        sheet = Sheet(record, group.where, self._source.lang, self.names, self._effort)
        conflicts = (self._conflict(group, term, read.values[place]) for term, place, _ in read.conflicts)
        sheet.findings += [*group.notes, *conflicts]
        heads = dict(zip((plan.key for plan in self._heads), values, strict=False))
        head = self._terms.head(heads, sheet)
        address = self._page(page, sheet)
        if self._own.names(address):
            return Outcome(group.where, None, None, left_out("own"), rows=group.size, excluded="own")
        openness = stricter(self._source.openness, head.access or Openness.OPENDATA)
        made: Record | None = None
        excluded = None
        if openness is not Openness.OPENDATA:
            excluded = f"openness: {openness.value}"
        elif not sheet.refused and address is not None:
            claims = self._project(values[len(self._heads) :], sheet, address)
            lines = sheet.lines + self._terms.lines(record, group.identifier, address, head)
            content, digest = _content(lines, self._terms.stamp(record, run.iri, run.time))
            made = Record(
                iri=record,
                partner=self._source.partner.slug,
                source=self._source.id,
                key=group.key,
                page=address,
                content=content,
                digest=digest,
                raw_hash=raw_hash,
                claims=(*claims, *_origin(group.identifier, claims)),
                restricted=sheet.restricted,
                row_hash=group.row_hash,
            )
        sheet.close()
        return Outcome(
            where=group.where,
            record=made,
            tier=None,
            findings=tuple(sheet.findings),
            rows=group.size,
            excluded=excluded,
            key=group.key,
            raw_hash=raw_hash,
            closing=None if made is not None else _closing(excluded, sheet.findings),
        )

    def _project(self, values: list[Any], sheet: Sheet, page: str) -> tuple[str, ...]:
        """Write the project node; give the addresses that the record names as its own identity."""
        subject = f"<{sheet.nodes}project> "
        claims = [page]
        for plan, raw in zip(self._plans, values, strict=True):
            if plan.level is not Openness.OPENDATA:
                keep_apart(plan, raw, sheet, self._source.split)
                continue
            if isinstance(plan, ObjectPlan):
                self._object(plan, raw, sheet, subject)
                continue
            lines = _scalar(plan, raw, sheet)
            if plan.field.owner == "record":
                sheet.lines += [f"<{sheet.iri}> {line} .\n" for line in lines]
            else:
                sheet.lines += [f"{subject}{line} .\n" for line in lines]
            if plan.key == "sameAs":
                claims += [line.rsplit(" ", 1)[1][1:-1] for line in lines]
        return tuple(dict.fromkeys(normal_address(claim) for claim in claims))

    def _object(self, plan: ObjectPlan, raw: Any, sheet: Sheet, subject: str) -> None:
        nodes = plan.write(raw or (), sheet)
        if plan.field.inverse:
            sheet.lines += [f"<{node}> <{plan.field.property}> {subject}.\n" for node in nodes]
        else:
            sheet.lines += [f"{subject}{line} .\n" for line in reference(plan, nodes)]

    def _page(self, raw: Any, sheet: Sheet) -> str | None:
        page = clean_iri(raw, sheet.problems)
        if page is None:
            sheet.problems.append(Problem("page-missing", str(raw or "")))
        if sheet.problems:
            sheet.report("page")
        return page

    def _read(self, group: Group) -> _Read:
        """Read the page and all fields, joined over the rows of the group."""
        rows = [self._values(raw, group.identifier) for raw in group.rows]
        if len(rows) == 1:
            return _Read(rows[0])
        read = _Read([])
        for plan, column in zip([None, *self._all], zip(*rows, strict=True), strict=True):
            if plan is not None and plan.key in self._repeat:
                read.values.append(_gathered(column))
                continue
            value, given = _most_frequent(column)
            if given:
                read.conflicts.append(("page" if plan is None else plan.key, len(read.values), given))
            read.values.append(value)
        return read

    def _conflict(self, group: Group, term: str, value: Any) -> Finding:
        problem = Problem("repeat-conflict", _spoken(value))
        return finding(problem, group.where, self._field_of(term), term, self._start + group.key)

    def _speak(self, words: Mapping[str, str] | None) -> None:
        """Call columns as the feed calls them, whose reader has renamed some."""
        if words is not self._words:
            self._words = words
            self.names = {term: _as_written(path, words or {}) for term, path in self._paths.items()}

    def _field_of(self, term: str) -> str | None:
        return self.names.get(term) or next(
            (path for key, path in self.names.items() if key.startswith(f"{term}.")), None
        )

    def _term_of(self, path: str) -> str | None:
        """The term that a path is read for; a term of ours is itself."""
        found = next((term for term, paths in self._source.fields.items() if path in paths), path)
        return found.removesuffix(".at") if self._field_of(found.removesuffix(".at")) else None

    def _values(self, raw: RawRecord, identifier: str) -> list[Any]:
        self._effort.renew()
        row = raw.row
        return [self._sorter.page(row, identifier), *(plan.read(row) for plan in self._all)]


def _as_written(path: str, words: Mapping[str, str]) -> str:
    """A path of ours in the words of the feed: whole, or step by step."""
    return words.get(path) or ".".join(words.get(step, step) for step in path.split("."))


def _scalar(plan: ScalarPlan, raw: Any, sheet: Sheet) -> list[str]:
    lines = plan.lines(raw, sheet) if raw is not None and raw != "" else []
    if plan.constant and (plan.many or not lines):
        more = plan.lines(list(plan.constant), sheet)
        lines = list(dict.fromkeys([*lines, *more]))
    if sheet.problems:
        sheet.report(plan.key)
    return lines


def _closing(excluded: str | None, findings: Iterable[Finding]) -> Reason | None:
    """Why no version of the record may be public: what a partner has closed, no earlier version outlives."""
    if excluded is not None:
        return Reason.PARTNER
    rules = {found.rule for found in findings}
    if "licence-not-open" in rules:
        return Reason.LICENCE
    return Reason.PARTNER if "access-unreadable" in rules else None


def _origin(identifier: str, claims: tuple[str, ...]) -> tuple[str, ...]:
    """A record whose id is an IRI claims it, too."""
    if "/" not in identifier or "." not in identifier.split("/", 1)[0]:
        return ()
    claim = identifier.removeprefix("www.")
    return () if claim in claims else (claim,)


def _gathered(column: tuple[Any, ...]) -> list[Any]:
    """All different values of a repeated term, in an order that does not depend on the rows."""
    values = [item for cell in column for item in (cell if isinstance(cell, list) else [cell])]
    found = {canonical(value): value for value in values}
    return [found[key] for key in sorted(found)]


def _most_frequent(column: tuple[Any, ...]) -> tuple[Any, list[str]]:
    """The most frequent value, ties by code point; if the rows differ, also all values given as canonical JSON.

    They are compared as they were given: what cleaning makes of them is not known yet, and two spellings of one value
    are for the partner to settle too. A row that says nothing, or a part of what another says, contradicts nobody.
    """
    counts = Counter(canonical(value) for value in column)
    if len(counts) == 1:
        return column[0], []
    given = {canonical(value): value for value in column}
    told = {key: value for key, value in given.items() if not _is_empty(value)}
    if 1 < len(told) <= _COMPARED:
        whole = {
            key: value
            for key, value in told.items()
            if not any(other != key and _covers(more, value) for other, more in told.items())
        }
        told = whole or told
    told = told or given
    best = min(told, key=lambda key: (-counts[key], key))
    return told[best], [key.decode() for key in sorted(told)] if len(told) > 1 else []


def _is_empty(value: Any) -> bool:
    """Whether a value says nothing at all, however deep its lists are."""
    if isinstance(value, list | tuple):
        return all(map(_is_empty, value))
    return value is None or (isinstance(value, str) and not value.strip())


def _covers(more: Any, value: Any) -> bool:
    """Whether one value says all that the other says."""
    if isinstance(more, list | tuple) and isinstance(value, list | tuple) and len(more) == len(value):
        return all(map(_covers, more, value))
    return bool(more == value) or _is_empty(value)


def _raw_hash(group: Group, read: _Read) -> str:
    """SHA-256 of what the mapping reads. Conflicts count: one that comes, changes or goes is to be told."""
    conflicts = [[[term, given] for term, _, given in read.conflicts]] if read.conflicts else []
    return hashlib.sha256(canonical([group.identifier, read.values, *conflicts])).hexdigest()


def _spoken(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")


def _content(lines: list[str], stamp: list[str]) -> tuple[str, str]:
    """Sorted content with the stamp of the run, and the digest of the content without it."""
    unique = set(lines)
    digest = hashlib.sha256("".join(sorted(unique)).encode("utf-8")).hexdigest()
    unique.update(stamp)
    return "".join(sorted(unique)), digest
