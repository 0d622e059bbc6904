"""SearchIndex on Tantivy: an index in a folder, one writer, readers in any process.

It is a replica: whatever is wrong with the folder, it can be emptied and filled again from the change log. Must never
be the only place where something is known.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur, Query

from federation.engines import Document, SearchPage, SearchRequest
from federation.engines.search_failures import busy, unusable
from federation.engines.search_order import counted_for, draw, interleave
from federation.engines.search_state import problem, read_state, stamp, write_state
from federation.engines.search_text import FACETS, Analysis, Clause, exact_analyzer, stemmed_analyzer
from federation.vocabulary.composing import composed

HEAP = 64_000_000  # bytes of the writer's buffer; below 15 MB per thread Tantivy refuses
MAX_BUCKETS = 50_000  # values of one facet; territories are the largest (35,000 communes)
SPARE_HITS = 64  # hits read beyond the page, so that equal scores can be ordered by the daily draw
CACHED_ORDERS = 32  # filtered orders kept; one of 40,000 projects takes 320 kB

_TEXTS = {"title": 3.0, "tags": 2.0, "context": 1.5, "body": 1.0}
_EXACT_BONUS = 0.5  # weight of the exact copy beside the stemmed one
_CODES = tuple(dict.fromkeys(FACETS.values()))

_log = logging.getLogger(__name__)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("mark", fast=True)
    for name in _CODES:
        builder.add_text_field(name, stored=name == "partners", fast=True, tokenizer_name="raw", index_option="basic")
    for name in _TEXTS:
        builder.add_text_field(f"{name}_stem", tokenizer_name="fr_stem", index_option="freq")
        builder.add_text_field(f"{name}_exact", tokenizer_name="fr_exact", index_option="position")
    return builder.build()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the default order needs of one document."""

    id: str
    partners: tuple[str, ...]


@dataclass(slots=True)
class _View:
    """One committed state, and what has been worked out from it."""

    stamp: tuple[int, int]
    seq: int
    searcher: tantivy.Searcher
    known: dict[int, _Known]
    orders: OrderedDict[tuple[Any, ...], list[str]]


class TantivySearch:
    """Search index in ``folder``, created if absent, rebuilt empty (seq 0) if it cannot be read.

    Raises EngineUnavailable for a folder that holds something else, or that cannot be written.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        # one thread of its own: more of them take turns with the store, and leave more pieces to merge
        self._folder = folder
        self._threads = threads
        self._analysis = Analysis()
        self._schema = _schema()
        self._lock = threading.RLock()
        self._writer: tantivy.IndexWriter | None = None
        self._view: _View | None = None
        self._index = self._opened()

    # -- opening ------------------------------------------------------------------------------------------------

    def _opened(self) -> tantivy.Index:
        trouble = problem(self._folder)
        if trouble is None:
            try:
                return self._proved(self._registered(tantivy.Index.open(str(self._folder))))
            except (ValueError, OSError) as error:
                trouble = str(error)
            except BaseException as error:  # noqa: BLE001 - a Rust panic is one; the rest is raised again
                trouble = _panic(error)
        if trouble:
            _log.warning("The search index in %s cannot be used (%s): it is rebuilt.", self._folder, trouble)
            _discard(self._folder)
        return self._created()

    def _created(self) -> tantivy.Index:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            index = self._registered(tantivy.Index(self._schema, path=str(self._folder), reuse=False))
            write_state(self._folder, 0)
        except (ValueError, OSError) as error:
            raise unusable(self._folder, "created", error) from error
        return index

    def _registered(self, index: tantivy.Index) -> tantivy.Index:
        index.register_tokenizer("fr_stem", stemmed_analyzer())
        index.register_tokenizer("fr_exact", exact_analyzer())
        index.config_reader("manual")
        return index

    @staticmethod
    def _proved(index: tantivy.Index) -> tantivy.Index:
        """Read from every segment once, so that a damaged file shows at start and not in a visitor's face."""
        index.reload()
        searcher = index.searcher()
        searcher.aggregate(Query.all_query(), {name: {"terms": {"field": name, "size": 10}} for name in _CODES})
        return index

    # -- writing ------------------------------------------------------------------------------------------------

    def update(self, documents: Iterable[Document], removed: Iterable[str], seq: int) -> None:
        """Replace documents by id, drop the removed ones, commit, remember ``seq``. Repeating it is harmless.

        Raises DataFolderBusy if another process is indexing, EngineUnavailable if the folder cannot be written.
        """
        with self._lock:
            writer = self._writing()
            try:
                for document in documents:
                    writer.delete_documents_by_term("id", document.id)
                    writer.add_document(self._native(document))
                for gone in removed:
                    writer.delete_documents_by_term("id", gone)
                writer.commit()
                write_state(self._folder, seq)
            except (ValueError, OSError) as error:
                self._writer = None
                raise unusable(self._folder, "written", error) from error

    def replace(self, documents: Iterable[Document], seq: int) -> None:
        """Hold these documents and no others, from one commit to the next; remove the files of those before.

        Raises DataFolderBusy, EngineUnavailable as update does; then the index is as it was.
        """
        with self._lock:
            writer, self._writer = self._writing(), None  # what fails half-way is never committed
            try:
                writer.delete_all_documents()
                for document in documents:
                    writer.add_document(self._native(document))
                writer.commit()
                write_state(self._folder, seq)
                self._view = None  # it keeps the files that it reads
                self._index.reload()
                writer.garbage_collect_files()
            except (ValueError, OSError) as error:
                raise unusable(self._folder, "written", error) from error
            self._writer = writer

    def clear(self) -> None:
        """Forget everything; the state reached is 0 again."""
        with self._lock:
            writer = self._writing()
            try:
                write_state(self._folder, 0)
                writer.delete_all_documents()
                writer.commit()
                write_state(self._folder, 0)
            except (ValueError, OSError) as error:
                raise unusable(self._folder, "written", error) from error

    def close(self) -> None:
        """Finish merges and give the writer's lock back."""
        with self._lock:
            writer, self._writer = self._writer, None
            self._view = None
            if writer is not None:
                writer.wait_merging_threads()

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            try:
                writer = self._index.writer(HEAP, self._threads)
                # a commit cut short left files under the names that the same commit, done again, will want
                writer.garbage_collect_files()
                self._writer = writer
            except ValueError as error:
                if "LockBusy" in str(error) or "lock" in str(error).lower():
                    raise busy(self._folder) from error
                raise unusable(self._folder, "written", error) from error
        return self._writer

    def _native(self, document: Document) -> tantivy.Document:
        codes = {name: list(dict.fromkeys(getattr(document, name))) for name in _CODES}
        texts = {
            "title": [composed(document.title)],
            "tags": [composed(text) for text in document.keywords],
            "context": [composed(text) for text in (*document.holders, *document.places)],
            "body": [composed(document.text)],
        }
        values: dict[str, Any] = {"id": document.id, "mark": _mark(document), **codes}
        for name, parts in texts.items():
            values[f"{name}_stem"] = [self._analysis.stemmed(part) for part in parts]
            values[f"{name}_exact"] = parts
        return tantivy.Document.from_dict(values, self._schema)

    # -- reading ------------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The change up to which the index is complete, whoever wrote it."""
        return read_state(self._folder)

    def search(self, request: SearchRequest) -> SearchPage:
        """Find, order, cut one page, count facets. Raises EngineUnavailable if the files cannot be read."""
        try:
            view = self._current()
            clauses = self._analysis.parse(request.text)
            ranked = any(not clause.excluded for clause in clauses)
            query = self._combined(clauses, request.filters)
            if ranked:
                ids, total = self._by_score(view, query, request)
            else:
                order = self._by_turn(view, query, request, clauses)
                ids, total = list(order[request.offset : request.offset + request.limit]), len(order)
            return SearchPage(tuple(ids), total, self._facets(view, clauses, request))
        except (ValueError, OSError) as error:
            raise unusable(self._folder, "read", error) from error

    def _current(self) -> _View:
        now = stamp(self._folder)
        view = self._view
        if view is not None and view.stamp == now:
            return view
        with self._lock:
            view = self._view
            if view is not None and view.stamp == now:
                return view
            self._index.reload()
            searcher = self._index.searcher()
            known = self._known(searcher, view.known if view is not None else {})
            self._view = _View(now, self.seq, searcher, known, OrderedDict())
            return self._view

    @staticmethod
    def _known(searcher: tantivy.Searcher, before: Mapping[int, _Known]) -> dict[int, _Known]:
        """Id and contributors by mark. A mark changes with them, so only new marks are read from the stored fields."""
        if searcher.num_docs == 0:
            return {}
        hits = [address for _, address in searcher.search(Query.all_query(), searcher.num_docs, count=False).hits]
        known: dict[int, _Known] = {}
        for mark, address in zip(searcher.fast_field_values("mark", hits), hits, strict=True):
            number = int(mark or 0)
            if (one := before.get(number)) is None:
                stored = searcher.doc(address)
                one = _Known(str(stored.get_first("id")), tuple(stored.get_all("partners")))
            known[number] = one
        return known

    def _by_turn(self, view: _View, query: Query, request: SearchRequest, clauses: Sequence[Clause]) -> Sequence[str]:
        """The whole result in the fair daily order, kept for the following pages."""
        wanted = tuple(sorted((name, tuple(sorted(values))) for name, values in request.filters.items() if values))
        name = (request.seed, wanted, tuple(clauses))
        with self._lock:
            if name in view.orders:
                view.orders.move_to_end(name)
                return view.orders[name]
        seed = request.seed
        queues: dict[str, list[tuple[int, str]]] = {}
        for mark in self._marks(view, query):
            one = view.known[mark]
            queues.setdefault(counted_for(seed, one.id, one.partners), []).append((draw(seed, one.id), one.id))
        order = interleave(seed, queues)
        with self._lock:
            view.orders[name] = order
            while len(view.orders) > CACHED_ORDERS:
                view.orders.popitem(last=False)
        return order

    @staticmethod
    def _marks(view: _View, query: Query) -> list[int]:
        found = view.searcher.search(query, max(view.searcher.num_docs, 1), count=False)
        values = view.searcher.fast_field_values("mark", [address for _, address in found.hits])
        return [int(value or 0) for value in values]

    @staticmethod
    def _by_score(view: _View, query: Query, request: SearchRequest) -> tuple[list[str], int]:
        """One page by relevance; equal scores by the daily draw, whatever page they fall on."""
        end = request.offset + request.limit
        depth = end + SPARE_HITS
        while True:
            found = view.searcher.search(query, max(depth, 1), count=True)
            hits = found.hits
            total = int(found.count or 0)  # type: ignore[attr-defined]  # missing in Tantivy's type stub
            if len(hits) <= end or len(hits) == total or hits[-1][0] < hits[end - 1][0]:
                break
            depth *= 4
        marks = view.searcher.fast_field_values("mark", [address for _, address in hits])
        named = [(-score, view.known[int(mark or 0)].id) for (score, _), mark in zip(hits, marks, strict=True)]
        named.sort(key=lambda one: (one[0], draw(request.seed, one[1]), one[1]))
        return [name for _, name in named[request.offset : end]], total

    def _facets(self, view: _View, clauses: Sequence[Clause], request: SearchRequest) -> dict[str, Mapping[str, int]]:
        """Count each facet without its own filter; facets under the same filters share one pass."""
        passes: dict[str | None, list[str]] = {}
        for name in request.facets:
            passes.setdefault(name if request.filters.get(name) else None, []).append(name)
        counts: dict[str, Mapping[str, int]] = {}
        for own, names in passes.items():
            filters = {other: values for other, values in request.filters.items() if other != own}
            asked = {name: {"terms": {"field": FACETS[name], "size": MAX_BUCKETS}} for name in names if name in FACETS}
            counts.update({name: {} for name in names})
            if asked and view.searcher.num_docs:
                answer = view.searcher.aggregate(self._combined(clauses, filters), asked)
                for name in asked:
                    counts[name] = {str(one["key"]): int(one["doc_count"]) for one in answer[name]["buckets"]}
        return counts

    def _combined(self, clauses: Sequence[Clause], filters: Mapping[str, Sequence[str]]) -> Query:
        parts: list[tuple[Occur, Query]] = [
            (Occur.MustNot if clause.excluded else Occur.Must, self._clause(clause)) for clause in clauses
        ]
        for name, values in filters.items():
            if values and name in FACETS:
                one_of = Query.term_set_query(self._schema, FACETS[name], list(values))
                parts.append((Occur.Must, Query.const_score_query(one_of, 0.0)))
        if not any(occur is Occur.Must for occur, _ in parts):
            parts.append((Occur.Must, Query.all_query()))
        return Query.boolean_query(parts)

    def _clause(self, clause: Clause) -> Query:
        options: list[tuple[Occur, Query]] = []
        for name, weight in _TEXTS.items():
            if clause.phrase and len(clause.exact) > 1:
                words: list[str | tuple[int, str]] = list(clause.exact)
                one = Query.phrase_query(self._schema, f"{name}_exact", words)
            else:
                one = Query.term_query(self._schema, f"{name}_exact", clause.exact[0][1])
            share = weight if clause.phrase else weight * _EXACT_BONUS
            options.append((Occur.Should, Query.boost_query(one, share)))
            if not clause.phrase:
                stemmed = Query.term_query(self._schema, f"{name}_stem", clause.stems[0])
                options.append((Occur.Should, Query.boost_query(stemmed, weight)))
        return Query.boolean_query(options)


def _mark(document: Document) -> int:
    return (
        draw("mark", "\n".join((document.id, *document.partners))) >> 2
    )  # Tantivy's Python door refuses numbers above 2^63


def _panic(error: BaseException) -> str:
    """The text of a Rust panic (a BaseException of pyo3); anything else goes on its way."""
    if type(error).__name__ != "PanicException":
        raise error
    return str(error)


def _discard(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise unusable(folder, "removed", error) from error
