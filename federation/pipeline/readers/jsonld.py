"""Rows of a JSON-LD document: its nodes in one reading form, whatever context the partner wrote them with.

Each node takes the fast path, or the full processor in a child process if it uses more of JSON-LD. Must never load a
context that is not pinned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from federation.model import Finding, RawRecord
from federation.pipeline.collector import collector_paused
from federation.pipeline.readers.json_parser import as_json_text, parse_text, repeated_keys
from federation.pipeline.readers.json_reader import row_problem, select
from federation.pipeline.readers.jsonld_fast import EMPTY, CompiledContext, Declined, FastReader, TooDeep
from federation.pipeline.readers.jsonld_limits import JSON_DEPTH, check_size, json_depth
from federation.pipeline.readers.jsonld_messages import (
    SHOWN,
    context_problem,
    key_unknown,
    left_out,
    no_meaning,
    references_clipped,
    refused,
    too_deep,
)
from federation.pipeline.readers.jsonld_process import Answer, FullProcessor
from federation.pipeline.readers.jsonld_rows import Names, References, Row, RowBuilder, Shelf
from federation.pipeline.readers.jsonld_units import (
    UNPARSEABLE,
    Contexts,
    Cutter,
    Unit,
    all_contexts,
    documents_of,
)
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, too_many

_CONTEXTS = 50
"""Different contexts in one document that are compiled; nodes under further ones go to the full processor."""


def read_jsonld(body: bytes, options: ReadOptions) -> Reading:
    """Read the nodes at the top of a document and of its graphs as rows (see jsonld_rows for their form).

    ``options.types`` keeps only nodes of these types; ``options.at`` takes the nodes that a key of a top node leads to.
    Raises UnreadableFeed: not JSON, a context that is not pinned or not valid, nothing that has a meaning, too costly.
    """
    text = as_json_text(body, options, "JSON-LD")
    if not text.data:
        return Reading("json-ld", iter(()), text.findings)
    with collector_paused():
        try:
            work = _Work(options, text.findings)
            rows = work.rows(msgspec.Raw(text.data))
            text.findings += repeated_keys(text.data, work.colons)
        except UNPARSEABLE:
            work = _Work(options, text.findings)
            rows = work.rows(parse_text(text, "JSON-LD"))
    return Reading("json-ld", rows, text.findings)


class _Work:
    """The reading of one document. ``colons`` counts those that it would have if it were written again."""

    def __init__(self, options: ReadOptions, findings: list[Finding]) -> None:
        self._options = options
        self._names = Names(options.prefixes)
        self._references = References()
        self._shelf = Shelf(self._references)
        self._builder = RowBuilder(self._names, self._references)
        self._processor = FullProcessor(options.base_url, options.contexts)
        self._readers: dict[bytes, FastReader | Answer] = {}
        self._wanted = {self._names.of_type(name) for name in options.types}
        self._dropped: set[str] = set()
        self._findings = findings
        self._kept = 0  # rows of wanted types
        self.colons = 0

    def rows(self, feed: Any) -> Iterator[RawRecord | Finding]:
        """Give the rows and rejected rows in the order of the document, which is read before the first is given."""
        units = self._units(feed)
        slots: list[Finding | tuple[int, ...]] = []
        slow: list[int] = []
        for position, unit in enumerate(units):
            outcome = self._fast(unit)
            if outcome is None:
                slow.append(position)
            slots.append(outcome or ())
        self._slow(units, slow, slots)
        self._refuse_if_meaningless(units, slots)
        self._shelf.seal(place for slot in slots if isinstance(slot, tuple) for place in slot)
        self._close_readers()
        numbers = [unit.number for unit in units]
        self._refuse_if_too_many(slots)
        return self._given(numbers, slots)

    def _units(self, feed: Any) -> list[Unit]:
        documents = documents_of(feed)
        self._compile(all_contexts(documents))
        self._refuse_if_no_context_works()
        cutter = Cutter(lambda contexts: self._readers.get(_key(contexts), {}))
        for document in documents:
            cutter.split(document)
        self.colons += cutter.colons
        self._compile(unit.contexts for unit in cutter.units)
        return cutter.units

    def _refuse_if_no_context_works(self) -> None:
        errors = [answer for answer in self._readers.values() if not isinstance(answer, FastReader)]
        if errors and len(errors) == len(self._readers):
            raise UnreadableFeed(*context_problem(errors[0]))

    def _compile(self, contexts: Iterator[Contexts]) -> None:
        """Compile contexts that are new, once each, in one call of the child."""
        new: dict[bytes, Contexts] = {}
        for each in contexts:
            key = _key(each)
            if key not in self._readers and key not in new:
                if not each:
                    self._readers[key] = self._reader(EMPTY)
                elif len(self._readers) + len(new) < _CONTEXTS:
                    check_size(each)
                    new[key] = each
        answers = self._processor.compile([list(each) for each in new.values()])
        for key, answer in zip(new, answers, strict=True):
            self._readers[key] = self._reader(CompiledContext(**answer["ok"])) if "ok" in answer else answer

    def _reader(self, context: CompiledContext) -> FastReader:
        return FastReader(context, self._options.base_url, self._names, self._references)

    def _fast(self, unit: Unit) -> tuple[int, ...] | Finding | None:
        """Read one node on the fast path; None if it must take the other one."""
        given = unit.given()
        problem = self._problem(unit, given)
        if problem is not None:
            return problem
        reader = self._readers.get(_key(unit.contexts))
        if reader is None or unit.whole:
            return None if json_depth(unit.document()) <= JSON_DEPTH else too_deep(_where(unit.number, given))
        if not isinstance(reader, FastReader):
            return refused(_where(unit.number, given), reader)
        node = {key: value for key, value in given.items() if key != "@context"} if "@context" in given else given
        try:
            row = reader.row(node)
        except Declined:
            self._references.drain()
            return None if json_depth(unit.document()) <= JSON_DEPTH else too_deep(_where(unit.number, given))
        except TooDeep:
            return too_deep(_where(unit.number, given))
        return () if row is None else (self._put(row),)

    def _put(self, row: Row) -> int:
        self._kept += not self._wanted or not self._wanted.isdisjoint(_as_list(row.get("@type")))
        return self._shelf.put(row)

    def _problem(self, unit: Unit, given: Any) -> Finding | None:
        """Say why a node cannot be a row, and count its colons on the way."""
        try:
            written = orjson.dumps(given)
        except TypeError:  # too deep to be written: it is refused below
            written = b""
        self.colons += written.count(b":")
        if unit.whole or (written and isinstance(given, dict) and len(written) <= self._options.max_record_bytes):
            return None
        return row_problem(given, _where(unit.number, given), self._options.max_record_bytes)

    def _slow(self, units: list[Unit], slow: list[int], slots: list[Finding | tuple[int, ...]]) -> None:
        answers = self._processor.expand((units[position].document() for position in slow), self._dropped)
        for position, answer in zip(slow, answers, strict=True):
            if "ok" in answer:
                slots[position] = tuple(self._put(row) for row in self._builder.rows(answer["ok"]))
            else:
                slots[position] = refused(_where(units[position].number, units[position].given()), answer)

    def _refuse_if_meaningless(self, units: list[Unit], slots: list[Finding | tuple[int, ...]]) -> None:
        if not any(slots):
            shown = [unit.given() for unit in units[:SHOWN]]
            keys = [key for given in shown if isinstance(given, dict) for key in given if key[:1] != "@"]
            if keys:
                raise no_meaning(keys)

    def _refuse_if_too_many(self, slots: list[Finding | tuple[int, ...]]) -> None:
        """Refuse a feed with too many records before its first is given, where that can be known."""
        count = self._kept + sum(isinstance(slot, Finding) for slot in slots)
        if self._options.at is None and count > self._options.max_records:
            raise too_many(self._options.max_records)

    def _given(self, numbers: list[int], slots: list[Finding | tuple[int, ...]]) -> Iterator[RawRecord | Finding]:
        others: Counter[str] = Counter()
        count = 0
        for item in self._found(numbers, slots, others):
            count += 1
            if count > self._options.max_records:
                raise too_many(self._options.max_records)
            yield item
        if self._shelf.clipped:
            self._findings.append(references_clipped())
        if others:
            self._findings.append(left_out(others, bool(count), self._options.types))

    def _found(
        self, numbers: list[int], slots: list[Finding | tuple[int, ...]], others: Counter[str]
    ) -> Iterator[RawRecord | Finding]:
        words = self._names.words or None
        for number, slot in zip(numbers, slots, strict=True):
            if isinstance(slot, Finding):
                yield slot
                continue
            for place in slot:
                for row in self._reached(self._shelf.take(place)):
                    types = _as_list(row.get("@type"))
                    if self._wanted and self._wanted.isdisjoint(types):
                        others[str(types[0]) if types else "-"] += 1
                    else:
                        yield RawRecord(_name(row) or f"élément {number}", row, words=words)

    def _reached(self, row: Row) -> list[Row]:
        if self._options.at is None:
            return [row]
        try:
            found = select(row, self._options.at)
        except UnreadableFeed:
            return []
        return [each for each in _as_list(found) if isinstance(each, dict)]

    def _close_readers(self) -> None:
        for reader in self._readers.values():
            if isinstance(reader, FastReader):
                self._dropped |= reader.dropped
                reader.name_the_rest()
        self._findings += [key_unknown(name) for name in sorted(self._dropped)[:SHOWN]]


def _key(contexts: Contexts) -> bytes:
    # almost every node is under the very same list, most often one address
    if len(contexts) == 1 and isinstance(contexts[0], str):
        return contexts[0].encode()
    return orjson.dumps(contexts) if contexts else b""


def _where(number: int, given: Any) -> str:
    if isinstance(given, Mapping):
        for key in ("@id", "id"):
            if isinstance(given.get(key), str) and given[key]:
                return str(given[key])[:200]
    return f"élément {number}"


def _name(row: Row) -> str | None:
    iri = row.get("@id")
    return iri if isinstance(iri, str) and not iri.startswith("_:") else None


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
