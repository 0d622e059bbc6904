"""The two paths of JSON-LD side by side, in this process, for the tests that compare them."""

from __future__ import annotations

from typing import Any

from federation.pipeline.readers.jsonld_child import Processor
from federation.pipeline.readers.jsonld_fast import EMPTY, CompiledContext, Declined, FastReader, TooDeep
from federation.pipeline.readers.jsonld_rows import Names, References, Row, RowBuilder, Shelf
from federation.pipeline.readers.reading import PREFIXES

BASE = "https://partner.example/feed/list.jsonld"


class Refused(Exception):
    """The full processor finds an error in the document."""


def slow_rows(document: Any, pinned: dict[str, Any] | None = None, base: str = BASE) -> list[Row]:
    """Rows by the full processor alone. Raises Refused."""
    answer = Processor(base, pinned or {}).expand(document)
    if "error" in answer:
        raise Refused(answer["error"])
    references = References()
    shelf = Shelf(references)
    places = [shelf.put(row) for row in RowBuilder(Names(PREFIXES), references).rows(answer["ok"])]
    shelf.seal(places)
    return [shelf.take(place) for place in places]


def fast_row(node: dict[str, Any], context: Any, pinned: dict[str, Any] | None = None, base: str = BASE) -> Row | None:
    """The row by the fast path alone. Raises Declined, also for a context that does not compile."""
    compiled = EMPTY
    if context is not None:
        answer = Processor(base, pinned or {}).compile(context)
        if "error" in answer:
            raise Declined
        compiled = CompiledContext(**answer["ok"])
    try:
        return FastReader(compiled, base, Names(PREFIXES), References()).row(node)
    except TooDeep as error:
        raise Declined from error


class InProcess:
    """Stands in for the child process, so that thousands of documents can be compared."""

    def __init__(self, base: str, pinned: Any) -> None:
        self._processor = Processor(base, pinned)

    def compile(self, contexts: Any) -> list[Any]:
        return [self._processor.compile(context) for context in contexts]

    def expand(self, documents: Any, dropped: set[str]) -> list[Any]:
        answers = [self._processor.expand(document) for document in documents]
        dropped |= self._processor.dropped
        return answers
