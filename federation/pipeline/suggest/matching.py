"""Which of a feed's columns may be which of our terms: compared by title, by our own labels, and by their values.

Must never be sure: whoever reads the suggestion decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from federation.pipeline.suggest.columns import Column, Shape
from federation.pipeline.suggest.synonyms import IDS, NO, PAGES, PUBLISHED, TERMS, YES
from federation.vocabulary import Vocabulary, fold

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SURE, _LIKELY = 1.0, 0.6
_SEPARATORS = (";", "|", " / ", ",")
_OTHER_THINGS = frozenset({"id", "type", "types", "nombre", "nb", "source", "departement", "dep", "region"})
"""Words that make a longer title mean something else: ``structure_id`` is no structure."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What a suggestion is made of: our term to a column, the id and the page, a condition, the rest.

    ``repeated``: without an id, the column that would be it but for a value that comes again, that value, how often.
    """

    fields: Mapping[str, Column]
    id: Column | None
    page: Column | None
    published: tuple[Column, tuple[str, ...]] | None
    unknown: tuple[Column, ...]
    repeated: tuple[Column, str, int] | None = None


def match(columns: list[Column], rows: int, vocabulary: Vocabulary) -> Matches:
    """Compare the columns of ``rows`` rows with our terms."""
    fields = _assigned(columns, _titles(vocabulary))
    _turned(fields)
    _by_values(columns, fields)
    page = _page(columns, rows)
    if page is not None and fields.get("url") is page:
        fields = {term: column for term, column in fields.items() if term != "url"}
    identity = _identity(columns, rows)
    published = _published(columns)
    taken = {id(column) for column in (*fields.values(), identity, page, published[0] if published else None)}
    unknown = tuple(column for column in columns if id(column) not in taken)
    repeated = _repeated(columns, rows) if identity is None else None
    return Matches(fields, identity, page, published, unknown, repeated)


def plain(title: str) -> str:
    """Fold a title to what is compared: words of small letters without accents, split at capitals and underscores."""
    return " ".join(_WORD.findall(fold(_CAMEL.sub(" ", title))))


def _titles(vocabulary: Vocabulary) -> dict[str, list[str]]:
    """Term → titles: its synonyms, its own key, and its labels if no other term has the same."""
    shared: dict[str, int] = {}
    for key, field in vocabulary.fields.items():
        if key in TERMS:
            for label in {plain(text) for text in field.labels.values()}:
                shared[label] = shared.get(label, 0) + 1
    titles = {}
    for term, (_, written) in TERMS.items():
        own = vocabulary.fields.get(term)
        labels = {plain(text) for text in own.labels.values()} if own else set()
        titles[term] = [*written.split("|"), plain(term), *(label for label in labels if shared[label] == 1)]
    return titles


def _score(column: Column, titles: Iterable[str]) -> float:
    """How well a title fits: the same words, else the beginning of a longer question, else its end, or words in it."""
    whole = plain(column.path)
    given = plain(column.title)
    best = 0.0
    for title in titles:
        if given == title or whole == title:
            return _SURE
        words = title.split()
        if _OTHER_THINGS & set(given.split()) - set(words):
            continue
        if len(title) > 3 and given.startswith(f"{title} "):
            best = max(best, 0.8 - 0.002 * len(given) + 0.02 * len(words))
        elif len(title) > 3 and whole.endswith(f" {title}") and (len(words) > 1 or len(whole.split()) < 3):
            best = max(best, 0.7 - 0.002 * len(whole) + 0.02 * len(words))
        elif len(words) > 1 and f" {title} " in f" {given} ":
            best = max(best, 0.6 + 0.02 * len(words))
    return best


def _assigned(columns: list[Column], titles: Mapping[str, list[str]]) -> dict[str, Column]:
    """Give each term at most one column and each column at most one term, best scores first, then fuller columns."""
    offers = []
    for position, column in enumerate(columns):
        shape = column.shape
        for term, (shapes, _) in TERMS.items():
            if column.values and shape in shapes and (score := _score(column, titles[term])) >= _LIKELY:
                offers.append((-score, -column.filled, position, term))
    fields: dict[str, Column] = {}
    used: set[int] = set()
    for _, _, position, term in sorted(offers):
        if term not in fields and position not in used:
            fields[term] = columns[position]
            used.add(position)
    return {term: fields[term] for term in TERMS if term in fields}


def _turned(fields: dict[str, Column]) -> None:
    """Exchange latitude and longitude where all values say so: mainland France lies nowhere near the Indian Ocean.

    Some maps call the first of two coordinates X, whichever it is.
    """
    first, second = fields.get("location.latitude"), fields.get("location.longitude")
    if first is not None and second is not None and _within(first, -6, 10) and _within(second, 41, 52):
        fields["location.latitude"], fields["location.longitude"] = second, first


def _within(column: Column, low: float, high: float) -> bool:
    try:
        return all(low <= float(value.replace(",", ".")) <= high for value in column.values)
    except ValueError:
        return False


def _by_values(columns: list[Column], fields: dict[str, Column]) -> None:
    """Fill what titles did not tell but values do: an e-mail address, a name."""
    used = {id(column) for column in fields.values()}
    free = [column for column in columns if id(column) not in used and column.values]
    if "contact.email" not in fields:
        email = next((column for column in free if column.shape is Shape.EMAIL), None)
        if email is not None:
            fields["contact.email"] = email
    if "name" not in fields:
        texts = [column for column in free if column.shape is Shape.TEXT and len(set(column.values)) > 1]
        best = max(texts, key=lambda column: (len(set(column.values)), column.filled), default=None)
        if best is not None:
            fields["name"] = best


def _identity(columns: list[Column], rows: int) -> Column | None:
    """The column that names each row: filled everywhere, never the same, with a title that says so."""
    full = [column for column in columns if column.filled == rows and column.unique and not column.many]
    for wanted in IDS:
        for column in full:
            if plain(column.title) == wanted or plain(column.path) == wanted:
                return column
    for column in full:
        words = plain(column.title).split()
        if column.shape is not Shape.URL and ("id" in words or "identifiant" in words or "siret" in words):
            return column
    return None


def _repeated(columns: list[Column], rows: int) -> tuple[Column, str, int] | None:
    """The column whose title says that it names rows, and its commonest value; not if most values come again."""
    full = [column for column in columns if column.filled == rows and not column.many]
    for wanted in IDS:
        for column in full:
            if plain(column.title) == wanted and len(set(column.values)) * 2 >= len(column.values):
                value, count = Counter(column.values).most_common(1)[0]
                if count > 1:
                    return column, value, count
    return None


def _page(columns: list[Column], rows: int) -> Column | None:
    """The column with the address of each record's own page: nearly always filled, and never the same."""
    addresses = [column for column in columns if column.shape is Shape.URL and not column.many]
    good = [c for c in addresses if c.filled >= rows * 0.95 and len(set(c.values)) >= len(c.values) * 0.95]
    for wanted in PAGES:
        for column in good:
            if plain(column.title) == wanted or plain(column.path) == wanted:
                return column
    return good[0] if len(good) == 1 else None


def _published(columns: list[Column]) -> tuple[Column, tuple[str, ...]] | None:
    for column in columns:
        if plain(column.title) not in PUBLISHED:
            continue
        values = {fold(value): value for value in column.values}
        if values and values.keys() <= YES | NO and values.keys() & YES:
            return column, tuple(sorted(value for folded, value in values.items() if folded in YES))
    return None


def separator_of(column: Column) -> str | None:
    """The separator by which a cell holds several words, if at least a tenth of the cells do."""
    if column.many or not column.values:
        return None
    best: tuple[int, str | None] = (0, None)
    for separator in _SEPARATORS:
        holding = sum(separator in value for value in column.values)
        if holding * 10 < len(column.values) or holding <= best[0]:
            continue
        pieces = [piece.strip() for value in column.values for piece in value.split(separator)]
        if len(set(pieces)) < len(pieces) * 0.7 and sum(map(len, pieces)) / len(pieces) < 60:
            best = (holding, separator)
    return best[1]
