"""Finds the concepts that a partner's word stands for: its own crosswalk, its site's dictionary, our labels and codes.

Must never guess: what is not found stays a word, with the nearest concept as a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from federation.model import iri
from federation.pipeline.cleaning import Problem, is_missing
from federation.pipeline.cleaning.text import as_string
from federation.pipeline.mapping.effort import Effort
from federation.pipeline.mapping.values import plain
from federation.pipeline.sources import Crosswalk
from federation.vocabulary import Vocabulary, fold

_LONG = 100
"""Characters of a word. Longer ones are sentences: they are not remembered, and have no nearest concept."""

AUDIENCES = frozenset({"HAN", "JEU", "SEN"})
METHODS = frozenset({"COO", "EVA", "GOU", "MEC", "MED", "PAR", "REC"})
"""Theme codes that also say for whom, and how (vocabulary design, section 5)."""


class ConceptFinder:
    """Finds concepts of one scheme for one source. Answers are remembered (at most 4,096 words of each kind)."""

    def __init__(self, scheme: str, crosswalk: Crosswalk | None, vocabulary: Vocabulary) -> None:
        self._scheme, self._vocabulary = scheme, vocabulary
        self._words = {fold(word): ours for word, ours in crosswalk.words.items()} if crosswalk else {}
        self._site: Mapping[str, Any] = (
            vocabulary.crosswalk(crosswalk.site) if crosswalk is not None and crosswalk.site else {}
        )
        self._known = lru_cache(maxsize=4096)(self._find)
        self._nearest = lru_cache(maxsize=4096)(self._near)

    def __call__(self, leaf: Any, problems: list[Problem], effort: Effort) -> tuple[tuple[str, ...], str | None]:
        """Give the concepts of a leaf, and the word itself if it is unknown (to be kept as a keyword).

        The nearest concept is looked for while ``effort`` has hints left: it takes up to two milliseconds.
        """
        word = as_string(plain(leaf))
        if word is None or is_missing(word):
            return (), None
        word = " ".join(word.split())
        short = len(word) <= _LONG
        found = self._known(word) if short else self._find(word)
        if found is not None:
            return found, None
        near = self._nearest(word) if short and effort.hints > 0 else None
        effort.hints -= 1
        problems.append(Problem("unknown-word", word, near, kept=True))
        return (), word

    def _find(self, word: str) -> tuple[str, ...] | None:
        """IRIs of the concepts that a word stands for; None for a word that nobody has heard of."""
        folded = fold(word)
        if folded in self._words:
            ours = self._words[folded]
            return tuple(dict.fromkeys(iri_ for code in ours for iri_ in self._ours(code)))
        if folded in self._site:
            return tuple(self._in_scheme(self._site[folded]))
        return self._ours(word) or None

    def _near(self, word: str) -> str | None:
        near = self._vocabulary.nearest_concept(self._scheme, word)
        return f"{near.labels.get('fr', near.code)} ({near.code})" if near else None

    def _ours(self, word: str) -> tuple[str, ...]:
        found = self._vocabulary.find_concepts(self._scheme, word)
        if not found and word.startswith(("http://", "https://")):
            last = word.rstrip("/#").replace("#", "/").rpartition("/")[2]
            same = word.replace("https://", "http://", 1).rstrip("/")
            found = tuple(
                concept
                for concept in self._vocabulary.find_concepts(self._scheme, last)
                if concept.iri.replace("https://", "http://", 1) == same
            )
        return tuple(concept.iri for concept in found)

    def _in_scheme(self, items: Any) -> list[str]:
        """Facts of a site's dictionary are codes or IRIs of themes; keep those of our scheme."""
        found: list[str] = []
        for item in (items,) if isinstance(items, str) else items:
            found += self._ours(getattr(item, "iri", item))
        return found


def implied(concept: str) -> tuple[str, str] | None:
    """Say which other field a theme also sets, and its concept: (``audience`` | ``method``, term)."""
    base, _, code = concept.rpartition("/")
    if code in AUDIENCES:
        return "audience", iri(f"{base.removesuffix('/theme')}/public/{code}")
    if code in METHODS:
        return "method", iri(f"{base.removesuffix('/theme')}/method/{code}")
    return None
