"""Read the SKOS thesauri, licences and tag crosswalks, and find concepts by the words that people use."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from federation.errors import ConfigError, did_you_mean
from federation.model import Text
from federation.vocabulary.graph import Graph
from federation.vocabulary.neighbours import LIKENESS, Neighbours
from federation.vocabulary.terms import BASE, SKOS, Concept, Licence, Scheme, fold

OPEN_LICENCES = BASE + "licence/open/"
_SEPARATORS = re.compile(r"[\s\-_./,;:()]+")
_LICENCE_TAIL = re.compile(r"(/(deed(\.[a-z_]+)?|legalcode(\.[a-z_]+)?|index\.html?))?/*$")
THEME = BASE + "theme/"


class Thesauri:
    """All concepts, by IRI and by folded word within a scheme.

    ``usage`` is folded tag → theme code as most contributors used it: it feeds suggestions, never answers.
    """

    def __init__(self, graph: Graph, usage: Mapping[str, str]) -> None:
        narrower: dict[str, list[str]] = {}
        nodes = list(graph.instances(SKOS + "Concept"))
        for iri in nodes:
            for parent in graph.nodes(iri, SKOS + "broader"):
                narrower.setdefault(parent, []).append(iri)
        self.concepts: dict[str, Concept] = {iri: _concept(graph, iri, tuple(narrower.get(iri, ()))) for iri in nodes}
        members: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            members.setdefault(concept.scheme, []).append(concept.iri)
        self.schemes: dict[str, Scheme] = {
            iri: Scheme(
                iri,
                graph.text(iri, SKOS + "prefLabel"),
                tuple(members.get(iri, ())),
                tuple(c for c in members.get(iri, ()) if not self.concepts[c].broader),
            )
            for iri in graph.instances(SKOS + "ConceptScheme")
        }
        self._short = {iri.rstrip("/").rpartition("/")[2]: iri for iri in self.schemes}
        self._words = {scheme: self._index(members.get(scheme, ())) for scheme in self.schemes}
        self._hints = {scheme: {w: found[0] for w, found in words.items()} for scheme, words in self._words.items()}
        tags = {tag: THEME + code for tag, code in usage.items()}
        self._hints[THEME] = tags | self._hints.get(THEME, {})
        self._near = {scheme: Neighbours(hints) for scheme, hints in self._hints.items()}

    def _index(self, iris: Iterable[str]) -> dict[str, tuple[str, ...]]:
        words: dict[str, list[str]] = {}
        for iri in iris:
            concept = self.concepts[iri]
            said = (concept.code, *concept.labels.values(), *concept.alt, *concept.hidden)
            for word in dict.fromkeys(fold(text) for text in said):
                words.setdefault(word, []).append(iri)
        return {word: self._narrowest(found) for word, found in words.items()}

    def _narrowest(self, iris: Sequence[str]) -> tuple[str, ...]:
        # "Habitat" names a theme and the domain above it: the theme says all.
        return tuple(iri for iri in iris if not any(iri in self.concepts[other].broader for other in iris))

    def scheme(self, name: str) -> str:
        """The IRI of a scheme given by IRI or by its last part (``theme``). Raises ConfigError with the nearest."""
        if name in self.schemes:
            return name
        if name in self._short:
            return self._short[name]
        hint = nearest_hint(name, self._short)
        raise ConfigError(
            f"There is no thesaurus `{name}`.{hint['en']}", f"Il n'y a pas de thésaurus `{name}`.{hint['fr']}"
        )

    def find(self, scheme: str, word: str) -> tuple[Concept, ...]:
        """Concepts whose code, label or synonym is this word, or whose IRI it is."""
        iri = self.scheme(scheme)
        exact = self.concepts.get(word)
        if exact is not None and exact.scheme == iri:
            return (exact,)
        return tuple(self.concepts[found] for found in self._words[iri].get(fold(word), ()))

    def nearest(self, scheme: str, word: str) -> Concept | None:
        """The concept to suggest to a person for an unknown word; None if nothing is close."""
        iri = self.scheme(scheme)
        best = self._near[iri].nearest(fold(word))
        return self.concepts[self._hints[iri][best]] if best is not None else None


def _concept(graph: Graph, iri: str, narrower: tuple[str, ...]) -> Concept:
    scheme = graph.node(iri, SKOS + "inScheme")
    code = graph.literal(iri, SKOS + "notation")
    if scheme is None or code is None:
        raise ConfigError(
            f"{graph.file(iri)}: the concept <{iri}> needs a skos:inScheme and a skos:notation.",
            f"{graph.file(iri)} : il faut au concept <{iri}> un skos:inScheme et un skos:notation.",
        )
    definition: Text | None = graph.text(iri, SKOS + "definition") or None
    return Concept(
        iri=iri,
        scheme=scheme,
        code=code,
        labels=graph.text(iri, SKOS + "prefLabel"),
        alt=graph.literals(iri, SKOS + "altLabel"),
        hidden=graph.literals(iri, SKOS + "hiddenLabel"),
        definition=definition,
        broader=graph.nodes(iri, SKOS + "broader"),
        narrower=narrower,
        close=graph.nodes(iri, SKOS + "closeMatch") + graph.nodes(iri, SKOS + "exactMatch"),
        related=graph.nodes(iri, SKOS + "relatedMatch"),
    )


class Licences:
    """Licences by the names and addresses that people give them."""

    def __init__(self, graph: Graph) -> None:
        self.all: dict[str, Licence] = {}
        self._names: dict[str, str] = {}
        for iri in graph.instances("http://purl.org/dc/terms/LicenseDocument"):
            code = graph.literal(iri, SKOS + "notation") or iri
            labels = graph.text(iri, SKOS + "prefLabel")
            is_open = OPEN_LICENCES in graph.nodes(iri, SKOS + "inScheme")
            self.all[iri] = Licence(iri, code, labels, is_open)
            names = (iri, code, *labels.values(), *graph.literals(iri, SKOS + "hiddenLabel"))
            for name in (*names, *graph.nodes(iri, SKOS + "exactMatch")):
                self._names[_licence_key(name)] = iri

    def find(self, text: str) -> str | None:
        """Canonical IRI of a licence given by name, code or address; None if it is not known."""
        return self._names.get(_licence_key(text))


def _licence_key(text: str) -> str:
    plain = fold(text)
    if plain.startswith(("http://", "https://", "www.")):
        address = plain.partition("://")[2] or plain
        return _LICENCE_TAIL.sub("", address.removeprefix("www."))
    return _SEPARATORS.sub(" ", plain).strip()


def read_crosswalks(data: bytes, name: str) -> dict[str, tuple[str, dict[str, tuple[str, ...]]]]:
    """Folded source → (source as written, folded tag → codes). Raises ConfigError naming file and line."""
    rows = csv.reader(io.StringIO(data.decode("utf-8")))
    sources: dict[str, tuple[str, dict[str, list[str]]]] = {}
    for number, row in enumerate(rows, 1):
        if len(row) != 3:
            raise ConfigError(
                f"{name}: line {number}: expected source, tag and code, found {len(row)} cells.",
                f"{name}, ligne {number} : il faut une source, un mot et un code ; cette ligne a {len(row)} cellules.",
            )
        if number > 1:
            source, tag, code = row
            codes = sources.setdefault(fold(source), (source, {}))[1].setdefault(fold(tag), [])
            if code not in codes:
                codes.append(code)
    return {
        key: (source, {tag: tuple(codes) for tag, codes in tags.items()}) for key, (source, tags) in sources.items()
    }


def tag_usage(crosswalks: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]]) -> dict[str, str]:
    """Folded tag → the one code that most contributors gave it. Ties go to the first code in order."""
    votes: dict[str, Counter[str]] = {}
    for _, tags in crosswalks.values():
        for tag, codes in tags.items():
            votes.setdefault(tag, Counter()).update(codes)
    return {tag: min(count, key=lambda code: (-count[code], code)) for tag, count in votes.items()}


def nearest_hint(word: str, known: Iterable[str] | Mapping[str, object]) -> Text:
    """`` Did you mean `x`?`` for the nearest known word, or nothing, in French and English."""
    return did_you_mean(next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=LIKENESS)), None))
