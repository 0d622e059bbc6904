"""Proposes a source file for a feed that nobody has described yet. Pure: a body and headers in, a TOML text out.

Must never harvest, and never be taken as it is: what it is not sure of stands in comments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from federation.errors import PartnerError
from federation.model import Finding, RawRecord
from federation.pipeline.mapping.effort import Effort, TooCostlyError
from federation.pipeline.mapping.paths import compile_paths
from federation.pipeline.mapping.values import leaves, plain
from federation.pipeline.readers import ReadOptions, UnreadableFeed, read
from federation.pipeline.sources import Source, parse_source
from federation.pipeline.suggest.columns import ROWS, Column, columns_of
from federation.pipeline.suggest.guess import Guess, guess
from federation.pipeline.suggest.matching import Matches, match, separator_of
from federation.pipeline.suggest.remarks import ambiguous, remarks, repeated_id
from federation.pipeline.suggest.text import note, quoted, value
from federation.vocabulary import Field, Kind, Vocabulary, fold

_WORDS = 6
"""Words of one crosswalk that are proposed."""

_WORD_LENGTH = 60
_UNKNOWN = 15
_PLACES: Mapping[str, str] = {"sheet-guessed": "sheet", "header-guessed": "header"}
"""What a reader says of the place of a table, and the key that fixes it."""

_EXAMPLE = 40


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A source file that loads: its ``text``, the same read (``source``), and how many rows it was made from.

    ``elsewhere``: the feed lies at another address than the one given, and its rows have not been seen. ``remarks``:
    what the partner should know of the guess.
    """

    text: str
    source: Source
    rows: int
    elsewhere: bool = False
    remarks: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a feed's server, or a file, gave."""

    body: bytes
    url: str
    content_type: str | None = None
    charset: str | None = None
    headers: Mapping[str, str] | None = None
    length_proved: bool = True


def suggest(answer: Answer, vocabulary: Vocabulary, lang: str = "fr") -> Suggestion:
    """Propose a source file for an answer; comments in ``lang`` (``fr`` or ``en``).

    Raises PartnerError if no reader takes the body, or it cannot be read.
    """
    found = guess(answer.body, answer.url, answer.content_type, answer.headers or {})
    if found is None:
        raise PartnerError(
            "The format of this answer is not recognised: neither a table, JSON, XML nor a page. Check the address.",
            "Le format de cette réponse n'est pas reconnu : ni table, ni JSON, ni XML, ni page. Vérifiez l'adresse.",
        )
    rows, place = ([], ()) if found.elsewhere else _rows(found, answer, vocabulary)
    columns, count = columns_of(rows)
    draft = _Draft(found, vocabulary, lang, columns, count, place)
    text = draft.text(None, rows)
    source = parse_source(text, f"{draft.id}.toml", vocabulary)
    text = draft.text(source, rows)
    source = parse_source(text, f"{draft.id}.toml", vocabulary)
    return Suggestion(text, source, count, found.elsewhere, draft.remarks())


def _rows(found: Guess, answer: Answer, vocabulary: Vocabulary) -> tuple[list[dict[str, Any]], tuple[Finding, ...]]:
    """The first rows, and in which sheet and below which row they were found, if that is a guess.

    A page or a JSON document without any gives none. Raises PartnerError.
    """
    profile = vocabulary.profile(found.profile) if found.profile else {}
    options = ReadOptions(
        format=found.format,
        at=found.at or profile.get("records", {}).get("at"),
        contexts=vocabulary.contexts,
        base_url=answer.url if answer.url.startswith(("http://", "https://")) else "https://document.invalid/",
        max_records=5_000_000,
        length_proved=answer.length_proved,
        declared_charset=answer.charset,
    )
    try:
        reading = read(answer.body, options)
        items = (item.row for item in reading if isinstance(item, RawRecord) and not item.deleted)
        rows = [dict(row) for row in islice(items, ROWS)]
        return rows, tuple(finding for finding in reading.findings if finding.rule in _PLACES)
    except UnreadableFeed:
        if found.format == "html":  # a sitemap: its pages have not been seen
            return [], ()
        raise


class _Draft:
    """One source file in the making."""

    def __init__(
        self,
        found: Guess,
        vocabulary: Vocabulary,
        lang: str,
        columns: list[Column],
        rows: int,
        place: tuple[Finding, ...],
    ) -> None:
        self._found, self._vocabulary, self._lang, self._place = found, vocabulary, lang, place
        self._rows = rows
        self._mapped = found.profile in (None, "yeswiki")
        empty = Matches({}, None, None, None, ())
        self._matches = match(columns, rows, vocabulary) if self._mapped and columns else empty
        self.id = _slug(found.url)

    def remarks(self) -> tuple[Finding, ...]:
        """What a table, or a list without a profile, lacks."""
        named = self._rows and self._mapped and self._found.profile is None and self._found.format != "html"
        return (*self._place, *(remarks(self._matches, self._site(), self._rows) if named else ()))

    def _site(self) -> str:
        """What stands for the page of each record where the feed gives none."""
        site = urlsplit(self._found.url)
        return f"{site.scheme}://{site.netloc}/" if site.netloc else "https://exemple.org/"

    def _say(self, fr: str, en: str) -> str:
        return note(fr if self._lang == "fr" else en)

    def text(self, source: Source | None, rows: list[dict[str, Any]]) -> str:
        """The whole file; with the ``source`` that a first version gave, also the words of its concepts."""
        parts: list[Iterable[str]] = [
            self._source(),
            self._paging(),
            self._records(),
            self._only(),
            self._fields(),
            self._split(),
        ]
        parts += [self._openness()]
        if source is not None:
            parts += list(self._crosswalks(source, rows))
            parts.append(self._rest(source))
        return "\n".join(line for part in parts for line in part) + "\n"

    def _source(self) -> Iterator[str]:
        found = self._found
        many = "s" * (self._rows != 1)
        said = (f"d'après {self._rows} fiche{many}", f"from {self._rows} record{many}")
        french, english = said if self._rows else ("sans lire de fiche", "without reading any record")
        yield self._say(
            f"Proposition faite {french} : relisez chaque ligne, puis « carrefour preview ».",
            f"Proposed {english}: read every line, then `carrefour preview`.",
        )
        if found.elsewhere:
            yield self._say(
                "La page donnée annonce cette adresse, qui n'a pas été lue : refaites « source suggest » avec elle.",
                "The page that was given announces this address, which was not read: run `source suggest` on it.",
            )
        yield "[source]"
        yield f"id = {quoted(self.id)}"
        yield f"url = {quoted(found.url)}"
        yield f"profile = {quoted(found.profile)}" if found.profile else f"format = {quoted(found.format)}"
        if found.format == "html" and found.profile:
            yield 'format = "html"'
        yield self._say(
            "À convenir avec le partenaire : sans licence ouverte, aucune fiche n'entre.",
            "To be agreed with the partner: without an open licence no record is accepted.",
        )
        yield '# licence = "Licence Ouverte 2.0"'
        yield '# contact = "..."'

    def _paging(self) -> Iterator[str]:
        found = self._found
        if found.paging:
            yield "[paging]"
            for name, given in found.paging.items():
                yield f"{name} = {value(given)}"
        elif found.total is not None and found.total > self._rows and self._rows < ROWS:
            yield self._say(
                f"{found.total} fiches annoncées, {self._rows} reçues : comment demander la suite ? Voir [paging].",
                f"{found.total} records announced, {self._rows} received: how to ask for more? See [paging].",
            )

    def _records(self) -> Iterator[str]:
        found = self._found
        if found.format == "html":
            yield from ("[records]", 'id = "@page"', 'page = "@page"')
            if found.profile is None:
                yield self._say(
                    "Une expression XPath par champ, car ces pages n'ont pas de schema.org.",
                    "One XPath expression per field, as these pages have no schema.org.",
                )
                yield from ("[select]", 'titre = "//h1"', "[fields]", 'name = "titre"')
            elif not self._rows:
                yield '# match = "/projets/*"'
            return
        if not self._mapped and found.profile != "gogocarto" and found.at is None:
            return
        yield "[records]"
        for said in self._place:
            yield self._say(said.message["fr"], said.message["en"])
            yield f"{_PLACES[said.rule]} = {said.value if said.rule == 'header-guessed' else quoted(said.value or '')}"
        if found.at is not None:
            yield f"at = {quoted(found.at)}"
        matches = self._matches
        if self._mapped and found.profile is None:
            yield from self._names()
        elif matches.page is not None:
            yield f"page = {quoted(matches.page.path)}"
        else:
            host = urlsplit(found.url)
            yield self._say("La page d'une fiche, à vérifier.", "The page of a record, to be checked.")
            inner = "?{id}" if found.profile == "yeswiki" else "annuaire#/fiche/-/{id}"
            address = f"{host.scheme or 'https'}://{host.netloc or 'exemple.org'}/{inner}"
            yield f"page = {quoted(address)}"

    def _names(self) -> Iterator[str]:
        matches = self._matches
        if matches.repeated is not None:
            column, said = matches.repeated[0].path, repeated_id(matches)
            yield self._say(f"Colonne « {column} » : {said['fr']}", f"Column “{column}”: {said['en']}")
        if matches.id is not None:
            yield f"id = {quoted(matches.id.path)}"
        elif matches.page is None:
            yield self._say(
                "Aucune colonne n'est un identifiant stable : demandez-en une. En attendant, des colonnes jointes.",
                "No column is a stable id: ask for one. Until then, columns joined.",
            )
            terms = ("name", "location.address.postalCode", "location.address.streetAddress")
            joined = [matches.fields[term] for term in terms if term in matches.fields]
            full = [column for column in joined if column.filled == self._rows] or joined[:1]
            fit = [column.path for column in full if not set(column.path) & set("{}:")]
            if _repeats(matches):
                yield self._say(
                    "Des lignes de même nom, à des lieux différents : si c'est un seul projet, enlevez le #.",
                    "Rows of one name at different places: if they are one project, remove the #.",
                )
                yield '# repeat = ["location"]'
            if fit:
                yield f"id = {quoted(' '.join('{' + path + '}' for path in fit)[:200])}"
        if matches.page is not None:
            yield f"page = {quoted(matches.page.path)}"
        else:
            yield self._say(
                "Aucune colonne n'est la page de chaque fiche : écrivez son adresse, avec {id} si possible.",
                "No column is the page of each record: write its address, with {id} if possible.",
            )
            yield f"page = {quoted(self._site())}"

    def _only(self) -> Iterator[str]:
        if self._matches.published is not None:
            column, values = self._matches.published
            yield "[only]"
            yield f"{quoted(column.path)} = {value(values[0] if len(values) == 1 else list(values))}"

    def _fields(self) -> Iterator[str]:
        own = self._matches.fields
        if self._found.format == "geojson":
            geometry = {
                "location.longitude": "geometry.coordinates[0]",
                "location.latitude": "geometry.coordinates[1]",
            }
        else:
            geometry = {}
        paths = {term: column.path for term, column in own.items()} | geometry
        if self._found.profile == "yeswiki":
            known = self._vocabulary.profile("yeswiki")["fields"]
            paths = {term: path for term, path in paths.items() if path not in str(known)}
        if not paths:
            return
        yield "[fields]"
        for term, path in paths.items():
            column = own.get(term)
            if column is not None and (unsure := ambiguous(term, column)) is not None:
                yield self._say(unsure["fr"], unsure["en"])
            shown = column.values[0][:_EXAMPLE] if column is not None and column.values else ""
            comment = f"  {note(shown)}" if shown and term not in ("contact.email", "contact.telephone") else ""
            yield f"{term} = {quoted(path)}{comment}"

    def _split(self) -> Iterator[str]:
        found = {
            term: separator
            for term in ("theme", "keywords", "audience")
            if term in self._matches.fields and (separator := separator_of(self._matches.fields[term]))
        }
        if found:
            yield "[split]"
            for term, separator in found.items():
                yield f"{term} = {quoted(separator)}"

    def _openness(self) -> Iterator[str]:
        if "contact.email" in self._matches.fields and self._found.profile is None:
            yield "[openness]"
            yield 'contact.email = "private"'

    def _crosswalks(self, source: Source, rows: list[dict[str, Any]]) -> Iterator[list[str]]:
        for term in ("theme", "audience", "status"):
            field = self._vocabulary.fields[term]
            counts = _words(source, term, rows)
            lines = list(self._words_of(field, counts))
            if lines:
                title = self._say(
                    "Mot du flux = notre mot. Vérifiez, puis enlevez le #.",
                    "Their word = ours. Check, then remove the #.",
                )
                yield [f"[crosswalk.{term}]", title, *lines]

    def _words_of(self, field: Field, counts: Counter[str]) -> Iterator[str]:
        """Comments with the commonest unknown words and the concepts nearest to them; none if nothing is near any."""
        if field.kind is not Kind.CONCEPT or field.scheme is None:
            return
        unknown = [
            (word, count, self._vocabulary.nearest_concept(field.scheme, word))
            for word, count in counts.most_common(50)
            if len(word) <= _WORD_LENGTH and not self._vocabulary.find_concepts(field.scheme, word)
        ]
        if not any(near for _, _, near in unknown):
            return
        for word, count, near in unknown[:_WORDS]:
            if near is None:
                yield note(f"{quoted(word)} = false  # ×{count}")
            else:
                label = near.labels.get(self._lang) or near.labels.get("fr", near.code)
                asked = f" : {label} ?" if self._lang == "fr" else f": {label}?"
                yield note(f"{quoted(word)} = {quoted(near.code)}  # ×{count}{asked}")

    def _rest(self, source: Source) -> Iterator[str]:
        read_already = {path for paths in (*source.fields.values(), source.records.id) for path in paths}
        left = [column.path for column in self._matches.unknown if column.values]
        unknown = [path for path in left if path not in read_already]
        if unknown:
            more = f" … (+{len(unknown) - _UNKNOWN})" if len(unknown) > _UNKNOWN else ""
            shown = " | ".join(path[:60] for path in unknown[:_UNKNOWN])
            yield self._say(f"Colonnes non reprises : {shown}{more}", f"Columns left out: {shown}{more}")


def _repeats(matches: Matches) -> bool:
    """Whether many rows share their name, in a feed that says where things are."""
    name = matches.fields.get("name")
    placed = any(term.startswith("location.") for term in matches.fields)
    return name is not None and placed and len(set(name.values)) < len(name.values) * 0.8


def _words(source: Source, term: str, rows: list[dict[str, Any]]) -> Counter[str]:
    """The words that the source's mapping would find for a term, with how often; one spelling for each."""
    paths = source.fields.get(term)
    if not paths:
        return Counter()
    effort = Effort()
    getter = compile_paths(paths, effort)
    separators = source.split.get(term, ())
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for row in rows:
        effort.renew()
        try:
            found = [str(word) for leaf in leaves(getter(row)) if (word := plain(leaf)) is not None]
        except TooCostlyError:
            continue
        for word in _pieces(found, separators):
            counts[spelled.setdefault(fold(word), word)] += 1
    return counts


def _pieces(words: list[str], separators: tuple[str, ...]) -> Iterator[str]:
    for word in words:
        pieces = re.split("|".join(map(re.escape, separators)), word) if separators else [word]
        for piece in pieces:
            if text := " ".join(piece.split()).strip("\"'"):
                yield text


def _slug(url: str) -> str:
    """An id for the source: the host without ``www.``, else the name of the file."""
    host = urlsplit(url).hostname if url.startswith(("http://", "https://")) else None
    name = host.removeprefix("www.").rsplit(".", 1)[0] if host and "." in host else host or PurePath(url).stem
    return re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:60].strip("-") or "source"


__all__ = ["Answer", "Suggestion", "suggest"]
