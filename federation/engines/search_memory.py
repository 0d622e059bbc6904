"""SearchIndex in plain Python: the oracle of the test suites, and enough for a few thousand projects.

Reads every document for every question on purpose; must stay simple enough to be believed at sight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from federation.engines import Document, SearchPage, SearchRequest
from federation.engines.search_order import draw, fair_order
from federation.engines.search_text import FACETS, Analysis, Clause


@dataclass(frozen=True, slots=True)
class _Value:
    """One analysed text: its weight, its exact words by position, its stems."""

    weight: float
    words: Mapping[int, str]
    exact: frozenset[str]
    stems: frozenset[str]


class MemorySearch:
    """Documents in a dict; each search is a loop over all of them."""

    def __init__(self) -> None:
        self._analysis = Analysis()
        self._documents: dict[str, Document] = {}
        self._texts: dict[str, tuple[_Value, ...]] = {}
        self._seq = 0

    @property
    def seq(self) -> int:
        """The change up to which the index is complete."""
        return self._seq

    def update(self, documents: Iterable[Document], removed: Iterable[str], seq: int) -> None:
        """Replace documents by id, then drop the removed ones."""
        for document in documents:
            self._documents[document.id] = document
            self._texts[document.id] = tuple(self._values(document))
        for gone in removed:
            self._documents.pop(gone, None)
            self._texts.pop(gone, None)
        self._seq = seq

    def replace(self, documents: Iterable[Document], seq: int) -> None:
        """Hold these documents and no others."""
        self.clear()
        self.update(documents, (), seq)

    def clear(self) -> None:
        """Forget everything."""
        self._documents.clear()
        self._texts.clear()
        self._seq = 0

    def close(self) -> None:
        """Nothing to release."""

    def search(self, request: SearchRequest) -> SearchPage:
        """Find, order, cut one page, count facets. Unknown facet names count nothing."""
        clauses = self._analysis.parse(request.text)
        matching = [one for one in self._documents.values() if self._matches(one, clauses)]
        found = [one for one in matching if _passes(one, request.filters)]
        if any(not clause.excluded for clause in clauses):
            found.sort(key=lambda one: (-self._score(one, clauses), draw(request.seed, one.id), one.id))
            ids = [one.id for one in found]
        else:
            ids = fair_order(request.seed, [(one.id, one.partners) for one in found])
        page = ids[request.offset : request.offset + request.limit]
        facets = {name: _count(matching, name, request.filters) for name in request.facets}
        return SearchPage(tuple(page), len(found), facets)

    def _values(self, document: Document) -> Iterable[_Value]:
        weighted: tuple[tuple[float, Sequence[str]], ...] = (
            (3.0, (document.title,)),
            (2.0, document.keywords),
            (1.5, (*document.holders, *document.places)),
            (1.0, (document.text,)),
        )
        for weight, texts in weighted:
            for text in texts:
                words = dict(self._analysis.words(text))
                yield _Value(weight, words, frozenset(words.values()), frozenset(self._analysis.stems(text)))

    def _matches(self, document: Document, clauses: Sequence[Clause]) -> bool:
        texts = self._texts[document.id]
        return all(any(_says(value, clause) for value in texts) is not clause.excluded for clause in clauses)

    def _score(self, document: Document, clauses: Sequence[Clause]) -> float:
        score = 0.0
        for value in self._texts[document.id]:
            for clause in clauses:
                if not clause.excluded and _says(value, clause):
                    exact = all(word in value.exact for _, word in clause.exact)
                    score += value.weight * (1.5 if exact else 1.0)
        return score


def _says(value: _Value, clause: Clause) -> bool:
    if clause.phrase:
        return any(
            all(value.words.get(start + position) == word for position, word in clause.exact) for start in value.words
        )
    return clause.exact[0][1] in value.exact or clause.stems[0] in value.stems


def _passes(document: Document, filters: Mapping[str, Sequence[str]]) -> bool:
    return all(
        not values or name not in FACETS or not set(values).isdisjoint(getattr(document, FACETS[name]))
        for name, values in filters.items()
    )


def _count(documents: Iterable[Document], name: str, filters: Mapping[str, Sequence[str]]) -> dict[str, int]:
    if name not in FACETS:
        return {}
    others = {other: values for other, values in filters.items() if other != name}
    counts: Counter[str] = Counter()
    for document in documents:
        if _passes(document, others):
            counts.update(set(getattr(document, FACETS[name])))
    return dict(counts)
