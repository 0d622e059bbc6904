"""Which of our words a source file may use, and what to say of the others. Must never accept a word by likeness."""

from __future__ import annotations

import difflib

from federation.model import Openness, Text
from federation.pipeline.sources.faults import say
from federation.vocabulary import Kind, Vocabulary, fold

SYSTEM = frozenset({"page", "publisher", "attributedTo", "dataset", "identifier", "topic", "generated", "run"})
"""Fields of the record node that we write ourselves."""


class Terms:
    """The terms that may stand on the left in [fields] and the tables beside it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known = {
            key: field for key, field in vocabulary.fields.items() if not (field.owner == "record" and key in SYSTEM)
        }
        self._names: dict[str, str] = {}
        for key, field in sorted(self._known.items(), key=lambda item: item[0].count(".")):
            for label in field.labels.values():
                self._names.setdefault(fold(label), key)  # the shallowest field has the better claim to a name

    def refusal(self, term: str, table: str, with_at: bool = False) -> Text | None:
        """Say why ``term`` cannot stand in ``[table]``; None if it can. ``with_at``: ``location.at`` may, too."""
        if term in self._known:
            return None
        if with_at and term.endswith(".at"):
            field = self._known.get(term[:-3])
            if field is not None and field.kind is Kind.OBJECT:
                return None
        if term in SYSTEM:
            return say("not-mapped", term=term)
        return say("field", self._nearest(term), term=term, table=table)

    def word_refusal(self, term: str, word: str) -> Text | None:
        """Say why ``word`` cannot stand on the right of a crosswalk of ``term``; None if it can."""
        if term == "access":
            return None if word in {level.value for level in Openness} else say("openness", word=word)
        field = self._known[term]
        if field.kind is not Kind.CONCEPT or field.scheme is None or self._vocabulary.find_concepts(field.scheme, word):
            return None
        near = self._vocabulary.nearest_concept(field.scheme, word)
        said = say("word", word=word, term=term)
        if near is None:
            return said
        label = {language: near.labels.get(language) or near.labels.get("fr", near.code) for language in said}
        return {
            "fr": f"{said['fr']} Vouliez-vous « {near.code} » ({label['fr']}) ?",
            "en": f'{said["en"]} Did you mean "{near.code}" ({label["en"]})?',
        }

    def _nearest(self, term: str) -> str | None:
        if (named := self._names.get(fold(term))) is not None:
            return named
        found = difflib.get_close_matches(term, list(self._known), n=1, cutoff=0.5)
        if not found and "." in term:
            found = difflib.get_close_matches(term.rsplit(".", 1)[1], list(self._known), n=1, cutoff=0.6)
        return found[0] if found else None
