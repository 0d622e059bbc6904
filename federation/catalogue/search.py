"""The search of projects: what the index is told of each one, and the query that the whole address holds.

``document`` is called for every record of a harvest: pure, and a few tens of microseconds. ``SearchQuery`` is the one
reading of a search address; every page and export must use it, so that the same filters give the same projects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from federation.catalogue.values import CRF, DCTERMS, IGEO, PAIR, PROV, RDF, SCHEMA, unescape
from federation.catalogue.words import Words
from federation.engines import Document, SearchRequest
from federation.model import partner_of

PAGE_SIZES = (20, 50, 100)
MAX_TEXT = 400  # characters of a search box
MAX_VALUES = 50  # values of one filter
MAX_CODE = 100  # characters of one value
MAX_PAGE = 100_000

_TITLE = f"<{SCHEMA}name>"
_OTHER_TITLE = f"<{SCHEMA}alternateName>"  # names that other records say: they count a little less than its own
_CONCEPTS = {
    f"<{DCTERMS}subject>": "themes",
    f"<{DCTERMS}audience>": "publics",
    f"<{CRF}method>": "methods",
    f"<{PAIR}hasStatus>": "status",
}
_TERRITORY = {f"<{SCHEMA}containedInPlace>", f"<{SCHEMA}areaServed>"}
_PLACE = {f"<{SCHEMA}addressLocality>", f"<{SCHEMA}postalCode>"}
_HOLDER = f"<{CRF}holder>"
_DERIVED = f"<{PROV}wasDerivedFrom>"
_KEYWORDS = f"<{SCHEMA}keywords>"
_LATITUDE, _LONGITUDE = f"<{SCHEMA}latitude>", f"<{SCHEMA}longitude>"
_MODIFIED = f"<{DCTERMS}modified>"
_COMMUNE = f"<{IGEO}codeINSEE>"
_LOCATION = f"<{SCHEMA}location>"
_SKIPPED = {f"<{RDF}type>", f"<{DCTERMS}license>", f"<{SCHEMA}url>", f"<{SCHEMA}sameAs>", f"<{SCHEMA}image>"}


class _Gathering:
    """What one pass over the lines collects."""

    __slots__ = (
        "codes",
        "holders",
        "keywords",
        "locations",
        "modified",
        "names",
        "places",
        "points",
        "records",
        "territories",
        "texts",
    )

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, None]] = {name: {} for name in _CONCEPTS.values()}
        self.keywords: dict[str, None] = {}
        self.names: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.holders: list[str] = []
        self.locations: list[str] = []
        self.places: dict[str, None] = {}
        self.records: list[str] = []
        self.territories: dict[str, None] = {}
        self.points: dict[str, dict[str, float]] = {}
        self.modified = ""


def document(project: str, lines: str, words: Words) -> Document:
    """Tell the index about one merged project. ``lines``: its canonical N-Triples, fragment nodes included."""
    gathered = _Gathering()
    for line in lines.split("\n")[:-1]:  # not splitlines(): a literal may hold other line separators of Unicode
        subject, predicate, rest = line.split(" ", 2)
        if predicate not in _SKIPPED:
            _gather(gathered, subject, predicate, rest[:-2], words)
    subject, base = f"<{project}>", project.partition("/id/projet/")[0]
    points = ((one["longitude"], one["latitude"]) for one in gathered.points.values() if len(one) == 2)
    return Document(
        id=project,
        title="\n".join(gathered.names.get(subject, ())),
        text="\n".join(gathered.texts),
        keywords=tuple(gathered.keywords),
        holders=tuple(name for node in gathered.holders for name in gathered.names.get(node, ())),
        places=(*gathered.places, *(name for node in gathered.locations for name in gathered.names.get(node, ()))),
        themes=tuple(gathered.codes["themes"]),
        publics=tuple(gathered.codes["publics"]),
        methods=tuple(gathered.codes["methods"]),
        status=tuple(gathered.codes["status"]),
        partners=tuple(dict.fromkeys(partner_of(record, base) for record in gathered.records)),
        territories=tuple(gathered.territories),
        points=tuple(sorted(set(points))),
        modified=gathered.modified,
    )


def _gather(gathered: _Gathering, subject: str, predicate: str, term: str, words: Words) -> None:
    if term.startswith("<"):
        _gather_iri(gathered, predicate, term, words)
    elif predicate == _TITLE:
        gathered.names.setdefault(subject, []).append(_text(term))
    elif predicate in {_KEYWORDS, _OTHER_TITLE}:
        gathered.keywords[_text(term)] = None
    elif predicate in _PLACE:
        gathered.places[_text(term)] = None
    elif predicate in {_LATITUDE, _LONGITUDE}:
        _gather_point(gathered, subject, predicate, _text(term))
    elif predicate == _COMMUNE:
        gathered.territories[f"com-{_text(term)}"] = None
    elif predicate == _MODIFIED:
        gathered.modified = max(gathered.modified, _text(term))
    elif term.rfind('"@') > 0:
        gathered.texts.append(_text(term))


def _gather_iri(gathered: _Gathering, predicate: str, term: str, words: Words) -> None:
    if predicate in _CONCEPTS:
        codes, labels = words.reach.get(term, ((), ()))
        gathered.codes[_CONCEPTS[predicate]].update(dict.fromkeys(codes))
        gathered.keywords.update(dict.fromkeys(labels))
    elif predicate == _HOLDER:
        gathered.holders.append(term)
    elif predicate == _LOCATION:
        gathered.locations.append(term)
    elif predicate == _DERIVED:
        gathered.records.append(term[1:-1])
    elif predicate in _TERRITORY:
        gathered.territories[term[1:-1].rpartition("/")[2]] = None


def _gather_point(gathered: _Gathering, subject: str, predicate: str, number: str) -> None:
    axis = "latitude" if predicate == _LATITUDE else "longitude"
    try:
        gathered.points.setdefault(subject, {})[axis] = float(number)
    except ValueError:
        return  # a wrong number is the validator's business; the project stays findable


def _text(term: str) -> str:
    return unescape(term[1 : term.rindex('"')])


# -- the query ------------------------------------------------------------------------------------------------------

FILTERS = {"domaine": "domain", "theme": "theme", "contributeur": "partner"}
"""Address keys (language-neutral) and the facets of the index they filter."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search of projects, as the address says it. ``seed``: the date of the daily order, empty for today's."""

    text: str = ""
    domains: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    page: int = 1
    size: int = PAGE_SIZES[0]
    seed: str = ""

    @classmethod
    def parse(cls, arguments: Iterable[tuple[str, str]]) -> SearchQuery:
        """Read address arguments. Unknown keys are ignored, wrong numbers fall back, unknown values are kept."""
        values: dict[str, list[str]] = {}
        for key, value in arguments:
            cleaned = " ".join(value.replace("\x00", " ").split())
            if cleaned and len(values.setdefault(key, [])) < MAX_VALUES:
                values[key].append(cleaned)

        def many(key: str) -> tuple[str, ...]:
            return tuple(sorted({one[:MAX_CODE] for one in values.get(key, ())}))

        size = _number(values.get("par"), PAGE_SIZES[0])
        return cls(
            text=(values.get("q") or [""])[0][:MAX_TEXT].strip(),
            domains=many("domaine"),
            themes=many("theme"),
            partners=many("contributeur"),
            page=min(max(_number(values.get("page"), 1), 1), MAX_PAGE),
            size=size if size in PAGE_SIZES else PAGE_SIZES[0],
            seed=_seed(values.get("graine")),
        )

    def arguments(self) -> list[tuple[str, str]]:
        """Canonical arguments: sorted keys, no defaults, no empties."""
        pairs = [("contributeur", one) for one in self.partners]
        pairs += [("domaine", one) for one in self.domains]
        pairs += [("graine", self.seed)] if self.seed else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        pairs += [("par", str(self.size))] if self.size != PAGE_SIZES[0] else []
        pairs += [("q", self.text)] if self.text else []
        pairs += [("theme", one) for one in self.themes]
        return pairs

    def encoded(self) -> str:
        """The canonical query string, without question mark; empty for the search of everything."""
        return urlencode(self.arguments())

    def request(self, facets: Sequence[str] = ()) -> SearchRequest:
        """What the index is asked."""
        filters = {"domain": self.domains, "theme": self.themes, "partner": self.partners}
        return SearchRequest(
            text=self.text,
            filters={name: values for name, values in filters.items() if values},
            facets=facets,
            offset=(self.page - 1) * self.size,
            limit=self.size,
            seed=self.seed,
        )

    def at(self, page: int, seed: str = "") -> SearchQuery:
        """Another page of the same search, in the same order."""
        return replace(self, page=page, seed=seed or self.seed)

    def without(self, key: str, value: str) -> SearchQuery:
        """The same search with one filter taken away, from its first page; ``q`` takes the text away."""
        if key == "q":
            return replace(self, text="", page=1)
        name = {"domaine": "domains", "theme": "themes", "contributeur": "partners"}[key]
        kept = tuple(one for one in getattr(self, name) if one != value)
        changes: dict[str, tuple[str, ...]] = {name: kept}
        return replace(replace(self, page=1), **changes)  # type: ignore[arg-type]

    def filters(self) -> list[tuple[str, str]]:
        """(key, value) of every active filter, the text apart."""
        return [(key, value) for key, value in self.arguments() if key in FILTERS]

    @property
    def narrowed(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.text or self.domains or self.themes or self.partners)

    def sentence(self, language: str, total: int, name: Callable[[str, str], str]) -> str:
        """Say the search and its result. ``name(key, value)`` gives the label of a filter's value."""
        say = _SAID["en" if language == "en" else "fr"]
        parts = [say.total(total)]
        if self.text:
            parts.append(say.text.format(self.text))
        for key, template in say.filters.items():
            labels = [name(key, value) for one, value in self.filters() if one == key]
            if labels:
                parts.append(template.format(_either(labels, say.either)))
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class _Saying:
    none: str
    one: str
    more: str
    thousands: str
    text: str
    filters: Mapping[str, str]
    either: str

    def total(self, number: int) -> str:
        if number == 0:
            return self.none
        return self.one if number == 1 else self.more.format(f"{number:,}".replace(",", self.thousands))


_SAID = {
    "fr": _Saying(
        "Aucun projet",
        "1 projet",
        "{} projets",
        "\u202f",
        "avec «\u00a0{}\u00a0»",
        {"domaine": "dans le domaine {}", "theme": "sur le thème {}", "contributeur": "chez {}"},
        "ou",
    ),
    "en": _Saying(
        "No project",
        "1 project",
        "{} projects",
        ",",
        "with “{}”",
        {"domaine": "in the field {}", "theme": "on the theme {}", "contributeur": "from {}"},
        "or",
    ),
}


def _either(labels: Sequence[str], word: str) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} {word} {labels[-1]}"


def _number(values: Sequence[str] | None, default: int) -> int:
    text = values[0] if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def _seed(values: Sequence[str] | None) -> str:
    """A seed is a date; anything else is today's."""
    text = values[0] if values else ""
    shaped = len(text) == 10 and text.isascii() and text[4] == text[7] == "-" and text.replace("-", "").isdigit()
    return text if shaped else ""
