"""Rows of a JSON-LD document: its nodes in one reading form, whatever context the partner wrote them with.

Each node takes the fast path, or the full processor in a child process if it uses more of JSON-LD. Must never load a
context that is not pinned.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.json_parser import parse
from federation.pipeline.readers.json_reader import row_problem, select
from federation.pipeline.readers.jsonld_fast import DEPTH, EMPTY, CompiledContext, Declined, FastReader, TooDeep
from federation.pipeline.readers.jsonld_limits import JSON_DEPTH, check_size, json_depth
from federation.pipeline.readers.jsonld_process import Answer, FullProcessor
from federation.pipeline.readers.jsonld_rows import Names, References, Row, RowBuilder
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, rejected, remark, too_many

_CONTEXTS = 50
"""Different contexts in one document that are compiled; nodes under further ones go to the full processor."""

_SHOWN = 20
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Unit:
    """One node to read: its number in the feed and the contexts it stands under.

    ``outer``: None if ``given`` is a document of its own, else the contexts of the document in whose graph it stands.
    ``node`` is ``given`` without ``@context``. ``whole``: the node has graphs that could not be taken apart.
    """

    number: int
    node: dict[str, Any]
    contexts: tuple[Any, ...]
    given: dict[str, Any]
    outer: tuple[Any, ...] | None = None
    whole: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """A document that says the same of this node alone."""
        if self.outer is None:
            return self.given
        return {"@context": list(self.outer), "@graph": [self.given]}

    def spent(self) -> _Unit:
        """The unit without what was read: a large feed is not held twice."""
        return _Unit(self.number, {}, self.contexts, {}, self.outer, self.whole)


def _taken(items: list[_Item]) -> Iterator[_Item]:
    """Give the items in order, letting go of each: whoever comes later needs the memory."""
    items.reverse()
    while items:
        yield items.pop()


def read_jsonld(body: bytes, options: ReadOptions) -> Reading:
    """Read the nodes at the top of a document and of its graphs as rows (see jsonld_rows for their form).

    ``options.types`` keeps only nodes of these types; ``options.at`` takes the nodes that a key of a top node leads to.
    Raises UnreadableFeed: not JSON, a context that is not pinned or not valid, nothing that has a meaning, too costly.
    """
    parsed = parse(body, options, "JSON-LD")
    if parsed.document is None:
        return Reading("json-ld", iter(()), parsed.findings)
    work = _Work(options)
    with _collector_paused():
        items = work.rows(parsed.document)
    parsed.findings += work.findings
    return Reading("json-ld", items, parsed.findings)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the search for reference cycles: rows have none, and looking for them doubles the time of reading."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _Work:
    """The reading of one document."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._names = Names(options.prefixes)
        self._references = References()
        self._builder = RowBuilder(self._names, self._references)
        self._processor = FullProcessor(options.base_url, options.contexts)
        self._readers: dict[bytes, FastReader | Answer] = {}
        self._dropped: set[str] = set()
        self.findings: list[Finding] = []

    def rows(self, document: Any) -> Iterator[RawRecord | Finding]:
        """Give the rows and rejected rows in the order of the document."""
        units = self._units(document)
        slots: list[list[Row] | Finding] = [[] for _ in units]
        slow: list[int] = []
        for position, unit in enumerate(units):
            outcome = self._fast(unit)
            if outcome is None:
                slow.append(position)
                continue
            slots[position] = outcome
            if position >= _SHOWN:  # the first ones are shown if none of them means anything
                units[position] = unit.spent()
        self._slow(units, slow, slots)
        return _taken(self._finished(units, slots))

    def _units(self, document: Any) -> list[_Unit]:
        documents = document if isinstance(document, list) else [document]
        self._compile([_contexts(each) for each in documents if isinstance(each, dict)])
        self._refuse_if_no_context_works()
        units: list[_Unit] = []
        for each in documents:
            self._split(each, units)
        self._compile([unit.contexts for unit in units])
        return units

    def _refuse_if_no_context_works(self) -> None:
        errors = [answer for answer in self._readers.values() if not isinstance(answer, FastReader)]
        if errors and len(errors) == len(self._readers):
            raise UnreadableFeed(*_context_problem(errors[0]))

    def _split(self, document: Any, units: list[_Unit]) -> None:
        """Cut a document into its nodes, if its graph is just a list of them."""
        number = len(units) + 1
        if not isinstance(document, dict):
            units.append(_Unit(number, document, (), {}))
            return
        contexts = _contexts(document)
        node = {key: value for key, value in document.items() if key != "@context"}
        reader = self._readers[_key(contexts)]
        if not isinstance(reader, FastReader):
            units.append(_Unit(number, node, contexts, document))
            return
        graphs = [key for key in node if reader.is_graph(key)]
        if len(graphs) != 1 or reader.has_scoped_type(node):
            units.append(_Unit(number, node, contexts, document, whole=bool(graphs)))
            return
        members = node.pop(graphs[0])
        if node:
            units.append(_Unit(number, node, contexts, {**node, "@context": list(contexts)}))
        for member in _taken(members) if isinstance(members, list) else [members]:
            inner, plain = contexts, member
            if isinstance(member, dict) and "@context" in member:
                inner = (*contexts, *_contexts(member))
                plain = {key: value for key, value in member.items() if key != "@context"}
            units.append(_Unit(len(units) + 1, plain, inner, member, contexts))

    def _compile(self, contexts: list[tuple[Any, ...]]) -> None:
        """Compile contexts that are new, once each, in one call of the child."""
        new: dict[bytes, tuple[Any, ...]] = {}
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

    def _fast(self, unit: _Unit) -> list[Row] | Finding | None:
        """Read one node on the fast path; None if it must take the other one."""
        problem = row_problem(unit.node, _where(unit), self._options.max_record_bytes) if not unit.whole else None
        if problem is not None:
            return problem
        reader = self._readers.get(_key(unit.contexts))
        if reader is None or unit.whole:
            return None if json_depth(unit.document) <= JSON_DEPTH else _too_deep(unit)
        if not isinstance(reader, FastReader):
            return _rejected(unit, reader)
        try:
            row = reader.row(unit.node)
        except Declined:
            return None if json_depth(unit.document) <= JSON_DEPTH else _too_deep(unit)
        except TooDeep:
            return _too_deep(unit)
        return [] if row is None else [row]

    def _slow(self, units: list[_Unit], slow: list[int], slots: list[list[Row] | Finding]) -> None:
        answers = self._processor.expand([units[position].document for position in slow], self._dropped)
        for position, answer in zip(slow, answers, strict=True):
            if "ok" in answer:
                slots[position] = list(self._builder.rows(answer["ok"]))
            else:
                slots[position] = _rejected(units[position], answer)

    def _finished(self, units: list[_Unit], slots: list[list[Row] | Finding]) -> list[RawRecord | Finding]:
        rows = [row for slot in slots if isinstance(slot, list) for row in slot]
        if not rows and units and not any(isinstance(slot, Finding) for slot in slots):
            self._refuse_if_meaningless(units)
        self._report_dropped()
        embedded, clipped = self._references.embed(rows)
        if clipped:
            self.findings.append(_references_clipped())
        finished = iter(embedded)
        found: list[tuple[int, Row | Finding]] = []
        for unit, slot in zip(units, slots, strict=True):
            if isinstance(slot, Finding):
                found.append((unit.number, slot))
            else:
                found += [(unit.number, row) for _, row in zip(slot, finished, strict=False)]
        kept = self._chosen(found)
        if len(kept) > self._options.max_records:
            raise too_many(self._options.max_records)
        return kept

    def _chosen(self, found: list[tuple[int, Row | Finding]]) -> list[RawRecord | Finding]:
        wanted = {self._names.of_type(name) for name in self._options.types}
        kept: list[RawRecord | Finding] = []
        others: Counter[str] = Counter()
        for number, row in found:
            if isinstance(row, Finding):
                kept.append(row)
                continue
            for each in self._reached(row):
                types = _as_list(each.get("@type"))
                if wanted and wanted.isdisjoint(types):
                    others[str(types[0]) if types else "-"] += 1
                else:
                    kept.append(RawRecord(_name(each) or f"élément {number}", each))
        if others:
            self.findings.append(_left_out(others, bool(kept), self._options.types))
        return kept

    def _reached(self, row: Row) -> list[Row]:
        if self._options.at is None:
            return [row]
        try:
            found = select(row, self._options.at)
        except UnreadableFeed:
            return []
        return [each for each in _as_list(found) if isinstance(each, dict)]

    def _refuse_if_meaningless(self, units: list[_Unit]) -> None:
        keys = [key for unit in units[:_SHOWN] if isinstance(unit.node, dict) for key in unit.node if key[:1] != "@"]
        if not keys:
            return
        shown = ", ".join(dict.fromkeys(keys[:_SHOWN]))
        raise UnreadableFeed(
            "json-ld-no-meaning",
            f"Aucune clé de ce document n'a de sens dans son `@context` ({shown}). Ajoutez un `@context`, ou lisez-le "
            'comme du JSON ordinaire (`format = "json"`).',
            f"No key of this document has a meaning in its `@context` ({shown}). Add a `@context`, or read it as "
            'ordinary JSON (`format = "json"`).',
        )

    def _report_dropped(self) -> None:
        for reader in self._readers.values():
            if isinstance(reader, FastReader):
                self._dropped |= reader.dropped
        for name in sorted(self._dropped)[:_SHOWN]:
            self.findings.append(
                remark(
                    "json-ld-key-unknown",
                    Severity.INFO,
                    f"La clé « {name} » n'a pas de sens dans le contexte JSON-LD : elle est ignorée.",
                    f"The key “{name}” has no meaning in the JSON-LD context: it is ignored.",
                    field=name,
                )
            )


def _contexts(document: Mapping[str, Any]) -> tuple[Any, ...]:
    if "@context" not in document:
        return ()
    context = document["@context"]
    return tuple(context) if isinstance(context, list) else (context,)


def _key(contexts: tuple[Any, ...]) -> bytes:
    # almost every node is under the very same list, most often one address
    if len(contexts) == 1 and isinstance(contexts[0], str):
        return contexts[0].encode()
    return orjson.dumps(contexts) if contexts else b""


def _where(unit: _Unit) -> str:
    if isinstance(unit.node, dict):
        for key in ("@id", "id"):
            if isinstance(unit.node.get(key), str) and unit.node[key]:
                return str(unit.node[key])[:200]
    return f"élément {unit.number}"


def _name(row: Row) -> str | None:
    iri = row.get("@id")
    return iri if isinstance(iri, str) and not iri.startswith("_:") else None


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _too_deep(unit: _Unit) -> Finding:
    return rejected(
        "record-too-deep",
        _where(unit),
        f"Cette fiche emboîte plus de {DEPTH} niveaux d'objets : elle est écartée.",
        f"This record nests more than {DEPTH} levels of objects: it is left out.",
    )


def _rejected(unit: _Unit, answer: Answer) -> Finding:
    rule, fr, en = _context_problem(answer)
    return rejected(rule, _where(unit), fr, en)


def _context_problem(answer: Answer) -> tuple[str, str, str]:
    code, detail = answer["error"], answer["detail"]
    if code == "unpinned":
        return (
            "context-not-pinned",
            f"Le contexte JSON-LD « {detail} » n'est pas épinglé, et aucun contexte n'est téléchargé. L'opérateur "
            "peut en "
            "déposer une copie dans vocab/contexts/ et l'inscrire dans manifest.json ; le partenaire peut l'écrire "
            "dans "
            "le document.",
            f"The JSON-LD context {detail} is not pinned, and contexts are never fetched. The operator can put a copy "
            "into vocab/contexts/ and list it in manifest.json; the partner can write it into the document.",
        )
    return (
        "json-ld-invalid",
        f"JSON-LD invalide : {code} ({detail}).",
        f"Invalid JSON-LD: {code} ({detail}).",
    )


def _left_out(others: Counter[str], some_kept: bool, types: tuple[str, ...]) -> Finding:
    listed = ", ".join(f"{name} ({count})" for name, count in others.most_common(_SHOWN))
    wanted = ", ".join(types)
    return remark(
        "type-left-out",
        Severity.INFO if some_kept else Severity.WARNING,
        f"{others.total()} objets d'autres types que {wanted} ne sont pas des fiches : {listed}.",
        f"{others.total()} nodes of other types than {wanted} are no records: {listed}.",
    )


def _references_clipped() -> Finding:
    return remark(
        "references-clipped",
        Severity.INFO,
        "Les fiches renvoient les unes aux autres si souvent que certains renvois restent de simples adresses.",
        "Records refer to each other so often that some references stay plain addresses.",
    )
