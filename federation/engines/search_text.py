"""How French text is cut into words, and how a search box is read: shared by every SearchIndex implementation.

Must never look at an index: the same text gives the same words everywhere, or two replicas would disagree.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import tantivy

from federation.vocabulary.composing import composed

MAX_QUERY = 400  # characters; a search box holds a question, not a document
MAX_WORDS = 32  # each word opens one posting list per field
MAX_WORD = 60  # bytes; longer ones are noise (encoded data), and Tantivy drops them too

FACETS = {
    "theme": "themes",
    "domain": "themes",  # a domain is a broader theme: same codes, its own filter
    "public": "publics",
    "method": "methods",
    "status": "status",
    "partner": "partners",
    "territory": "territories",
}
"""Facet names of a request, and the attribute of Document that holds their codes."""

ELIDED = ("l", "d", "j", "c", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu")
"""What is left before an apostrophe (l'école, qu'elle): never indexed, so it never has to match."""

_EMPTY = (
    "a au aux avec ce ces cet cette dans de des du elle elles en est et eux il ils je la le les leur leurs lui ma mais "
    "me mes moi mon ne nos notre nous on ou par pas pour qui que sa se ses son sont sur ta te tes toi ton tu un une "
    "vos votre vous y"
)
EMPTY_WORDS = frozenset(_EMPTY.split())
"""Words too frequent to be required (folded). They stay in the index, so that phrases keep them."""

_PLURAL = re.compile(r"(?<=[a-z0-9][a-z0-9][aeiou])s$|(?<=[a-z0-9][a-z0-9]u)x$")
"""The end of a stem that Snowball takes for a part of the word: the s of "vélos" (after a, i, o, u), the x of "lieux".
A stem is no word: "bois" loses its s, too, wherever it stands."""

_IRREGULAR = {"traval": "travail"}
"""What Snowball makes of a plural in -aux whose singular is not in -al."""

_LABEL, _LABELS = 40, 10_000  # characters of a text that is kept with its stems, and how many of them

_ITEM = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|«(?P<quoted>[^»]*)»?|(?P<word>[^\s"«»]+))')


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that a document must, or must not, contain.

    ``exact`` are (position, word) pairs folded to plain letters; ``stems`` the same words stemmed. A ``phrase`` asks
    for the exact words at those relative positions; otherwise there is one word.
    """

    exact: tuple[tuple[int, str], ...]
    stems: tuple[str, ...]
    phrase: bool
    excluded: bool


def _builder() -> tantivy.TextAnalyzerBuilder:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(MAX_WORD))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.custom_stopword(list(ELIDED)))
    )


def exact_analyzer() -> tantivy.TextAnalyzer:
    """Lower case, no elided article, no accent, no ligature: "L'École" becomes "ecole"."""
    return _builder().filter(tantivy.Filter.ascii_fold()).build()


def stem_analyzer() -> tantivy.TextAnalyzer:
    """The same after French stemming (Snowball), which needs the accents: "écoles" becomes "ecol".

    Only :meth:`Analysis.stems` gives what is indexed: it takes off the plurals that Snowball leaves.
    """
    return _builder().filter(tantivy.Filter.stemmer("french")).filter(tantivy.Filter.ascii_fold()).build()


def stemmed_analyzer() -> tantivy.TextAnalyzer:
    """For a field that is given stems, one space between: no more is to be done."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


class Analysis:
    """The two analysers, built once per index."""

    def __init__(self) -> None:
        self.exact = exact_analyzer()
        self.stem = stem_analyzer()
        self._label = functools.lru_cache(_LABELS)(self.stems)

    def words(self, text: str) -> tuple[tuple[int, str], ...]:
        """Exact words with their positions."""
        return tuple((token.position, token.text) for token in self.exact.pre_tokenize(composed(text)).tokens)

    def stems(self, text: str) -> tuple[str, ...]:
        """Stemmed words in order; as many as :meth:`words`. "vélo" and "vélos", "lieu" and "lieux" have one stem."""
        return tuple([_singular(stem) for stem in self.stem.analyze(composed(text))])

    def stemmed(self, text: str) -> str:
        """The same as one text. What is short is a label (a theme, a commune) that comes again and again."""
        return " ".join(self._label(text) if len(text) <= _LABEL else self.stems(text))

    def parse(self, query: str) -> tuple[Clause, ...]:
        """Read a search box: words (all required), ``"phrases"`` or ``« phrases »``, ``-word``.

        Words that carry no meaning ("de", "la") are not required, unless there is nothing else. Never raises: what
        cannot be read as one of these is read as words.
        """
        clauses: list[Clause] = []
        for item in _ITEM.finditer(composed(query[:MAX_QUERY])):
            excluded = item["minus"] is not None
            phrase = item["phrase"] if item["phrase"] is not None else item["quoted"]
            clauses.extend(self._clauses(phrase if phrase is not None else item["word"], phrase is not None, excluded))
        wanted = [clause for clause in clauses if not clause.excluded]
        if any(not _empty(clause) for clause in wanted):
            clauses = [clause for clause in clauses if clause.excluded or not _empty(clause)]
        return tuple(dict.fromkeys(clauses))[:MAX_WORDS]

    def _clauses(self, text: str, phrase: bool, excluded: bool) -> list[Clause]:
        words, stems = self.words(text), self.stems(text)
        if not words:
            return []
        if phrase or (excluded and len(words) > 1):
            first = words[0][0]
            shifted = tuple((position - first, word) for position, word in words)
            return [Clause(shifted, stems, True, excluded)]
        return [Clause(((0, word),), (stem,), False, excluded) for (_, word), stem in zip(words, stems, strict=True)]


def _singular(stem: str) -> str:
    if stem[-1] in "sx":
        return _PLURAL.sub("", stem)
    return _IRREGULAR.get(stem, stem)


def _empty(clause: Clause) -> bool:
    return not clause.phrase and clause.exact[0][1] in EMPTY_WORDS
