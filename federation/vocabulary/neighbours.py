"""Finds the known word that is nearest to one that nobody knows. What depends on the known words is worked out once.

It must never take time that a stranger chooses: the comparisons made for one word are counted.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable

LIKENESS = 0.6
"""Ratio (difflib) below which a suggestion is more often wrong than useful."""

COMPARED = 32
"""Known words, the most promising ones, that are compared letter by letter with an unknown one."""

_WORD = re.compile(r"\w+")
_WORD_LENGTH = 4  # shorter words are mostly articles and prepositions


class Neighbours:
    """Known words, folded, with what finding the nearest of them needs. Nothing in it changes."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(dict.fromkeys(known))
        by_stem: dict[str, list[str]] = {}
        for word in self._known:
            for stem in _stems(word):
                by_stem.setdefault(stem, []).append(word)
        self._by_stem = {stem: tuple(words) for stem, words in by_stem.items()}
        bits: dict[tuple[str, int], int] = {}
        for word in self._known:
            for letter in _letters(word):
                bits.setdefault(letter, 1 << len(bits))
        self._bits = bits
        self._letters = tuple((self._mask(word), len(word), word) for word in self._known)

    def nearest(self, word: str) -> str | None:
        """The known word that shares most of its words (singular or plural), else one spelled alike; None if none.

        ``word`` is folded, as the known ones are.
        """
        shared: Counter[str] = Counter()
        for stem in _stems(word):
            shared.update(self._by_stem.get(stem, ()))
        best = max(((count, -len(other), other) for other, count in shared.items()), default=None)
        return best[2] if best is not None else self._alike(word)

    def _alike(self, word: str) -> str | None:
        """The known word with the highest ratio.

        What two words have in common is at most the letters that both have: that is one operation on whole numbers,
        and tells which words are worth a comparison, and when no other can be better.
        """
        mask, length = self._mask(word), len(word)
        reach = sorted(
            (
                (bound, other)
                for letters, size, other in self._letters
                if (bound := 2 * (mask & letters).bit_count() / (length + size or 1)) >= LIKENESS
            ),
            reverse=True,
        )
        matcher = difflib.SequenceMatcher(b=word)  # the one that stays the same comes second: it is analysed once
        best: tuple[float, str] = (LIKENESS, "")
        for bound, other in reach[:COMPARED]:
            if bound < best[0]:
                break
            matcher.set_seq1(other)
            best = max(best, (matcher.ratio(), other))
        return best[1] or None

    def _mask(self, word: str) -> int:
        """The letters of a word, each with its number if it comes several times, as bits."""
        return sum(self._bits.get(letter, 0) for letter in _letters(word))


def _letters(word: str) -> list[tuple[str, int]]:
    return [(letter, number) for letter, count in Counter(word).items() for number in range(count)]


def _stems(text: str) -> set[str]:
    return {word.rstrip("sx") for word in _WORD.findall(text) if len(word) >= _WORD_LENGTH}
