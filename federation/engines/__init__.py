"""The seams: contracts that every engine fulfils. Plain values or SPARQL strings cross them, never vendor objects.

An implementation turns its vendor's exceptions into ours right where they occur. Only platform.py chooses one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from federation.model import Triple


@dataclass(frozen=True, slots=True)
class GraphWrite:
    """The whole new content of one graph scope.

    ``graph`` is the IRI of a named graph, or None for the default graph. ``content`` is canonical N-Triples lines.
    ``remove`` are N-Triples lines to take out of the default graph first; a named graph is replaced whole, and
    dropped if ``content`` is empty. ``fresh`` promises that nothing of it is in the store yet (nothing to remove).
    """

    graph: str | None
    content: str
    remove: str = ""
    fresh: bool = False


class TripleStore(Protocol):
    """Holds the public graph: named graphs of records, and the computed default graph.

    The default graph is not the union of the named ones. Writers and readers meet through :meth:`publish`.
    """

    def write(self, writes: Sequence[GraphWrite]) -> None:
        """Apply a batch durably. Repeating a batch is harmless (``fresh`` must then be False).

        Raises EngineUnavailable (disk full, read-only, lost server).
        """

    def reader(self) -> GraphReader:
        """Read what has been written, published or not (for the writing side)."""

    def publish(self, seq: int) -> None:
        """Make everything written so far visible to public readers as the state after change ``seq``."""

    def drop_earlier(self, seconds: float) -> None:
        """Keep no published state but the newest, once nobody reads the others, or after so many seconds."""

    def rebuild(self) -> AbstractContextManager[TripleStore]:
        """A store filled aside that replaces this one when the context ends without error."""

    def close(self) -> None:
        """Let go of the files; another process may write then."""


class GraphReader(Protocol):
    """Trusted reads by our own code. Queries here are ours and short; the public's go through PublicQueries."""

    def graph(self, iri: str | None) -> Iterator[Triple]:
        """All triples of a named graph; None is the default graph."""

    def describe(self, subjects: Iterable[str]) -> dict[str, tuple[Triple, ...]]:
        """Triples of the default graph about each subject and about its fragment nodes (``subject#...``)."""

    def select(self, query: str) -> list[dict[str, str]]:
        """Rows of a SELECT, terms in N-Triples form, unbound variables absent."""

    def ask(self, query: str) -> bool:
        """Answer a SPARQL ASK query."""

    def dump(self) -> Iterator[bytes]:
        """The whole store as N-Quads, in chunks."""

    @property
    def seq(self) -> int:
        """The change up to which this view is complete; 0 for an empty store."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one public query may use. ``seconds`` of wall time, result ``rows`` and ``bytes``, ``memory`` bytes."""

    seconds: float = 30.0
    rows: int = 10_000
    bytes: int = 20 * 1024 * 1024
    memory: int = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A result already serialised. ``kind``: ``bindings``, ``boolean`` or ``graph``; ``seq``: the state it tells."""

    kind: str
    media_type: str
    body: bytes
    seq: int


class PublicQueries(Protocol):
    """Answers SPARQL from anyone: read only, isolated, killable, without network."""

    def answer(
        self,
        query: str,
        accept: Mapping[str, str],
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        limits: QueryLimits | None = None,
    ) -> QueryAnswer:
        """Run one query. ``accept`` maps each kind (bindings, boolean, graph) to the media type to serialise in.

        Raises QueryRejected (syntax, forbidden, update, timeout, too_large, memory, busy), EngineUnavailable.
        """

    def close(self) -> None:
        """End the workers; queries that are running fail with EngineUnavailable."""


@dataclass(frozen=True, slots=True)
class Document:
    """What the search index knows of one merged project. Codes, slugs: exact. Texts: analysed as French or English.

    ``id`` is the project IRI; ``themes`` holds the notations with all broader ones; ``territories`` codes such as
    ``dep-63``; ``points`` are (longitude, latitude) in degrees; ``order`` is the fairness rank (see Search.page).
    """

    id: str
    title: str
    text: str
    keywords: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    publics: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    modified: str = ""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One page of a search. ``filters``: facet name (``theme``, ``partner``, ...) to values: OR inside, AND across.

    ``text``: all words required, ``"phrase"``, ``-word``. ``facets``: names to count, each without its own filter.
    Without text, results come in the fair daily shuffle of ``seed`` (ISO date).
    """

    text: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facets: Sequence[str] = ()
    offset: int = 0
    limit: int = 20
    seed: str = ""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Project IRIs of one page, the total, and counts per facet value."""

    ids: tuple[str, ...]
    total: int
    facets: Mapping[str, Mapping[str, int]]


class SearchIndex(Protocol):
    """A rebuildable replica of the merged projects, for finding them. One writer, many readers."""

    def update(self, documents: Iterable[Document], removed: Iterable[str], seq: int) -> None:
        """Replace documents by id, drop the removed ones, commit, and remember ``seq`` as the state reached."""

    def search(self, request: SearchRequest) -> SearchPage:
        """One page of what a request finds, with its facets."""

    def replace(self, documents: Iterable[Document], seq: int) -> None:
        """Hold these documents and no others, in one step for readers; no file keeps anything of earlier ones."""

    def clear(self) -> None:
        """Forget all documents, and the change that they were complete to."""

    @property
    def seq(self) -> int:
        """The change up to which the index is complete."""

    def close(self) -> None:
        """Let go of the files."""


__all__ = [
    "Document",
    "GraphReader",
    "GraphWrite",
    "PublicQueries",
    "QueryAnswer",
    "QueryLimits",
    "SearchIndex",
    "SearchPage",
    "SearchRequest",
    "TripleStore",
]
