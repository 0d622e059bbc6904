"""The record node: who says it, where, under which licence, in which language. Source: vocabulary design, section 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from federation.model import Openness, iri, literal, typed
from federation.pipeline.cleaning import Problem, clean_line, is_missing
from federation.pipeline.mapping.effort import VALUES, TooCostlyError
from federation.pipeline.mapping.nodes import RDF_TYPE
from federation.pipeline.mapping.scalars import XSD
from federation.pipeline.mapping.sheet import Sheet
from federation.pipeline.mapping.values import leaves, plain
from federation.pipeline.sources import Source
from federation.vocabulary import CRF, Vocabulary, fold

DCTERMS = "http://purl.org/dc/terms/"
PROV = "http://www.w3.org/ns/prov#"


@dataclass(frozen=True, slots=True)
class Head:
    """What a record says of itself: a canonical licence, EU language IRIs, its level of openness if it states one."""

    licence: str | None
    languages: tuple[str, ...]
    access: Openness | None


class RecordTerms:
    """Writes the record node of every record of one source."""

    def __init__(self, source: Source, vocabulary: Vocabulary, base_url: str) -> None:
        self._source, self._vocabulary = source, vocabulary
        partner = iri(f"{base_url}/actors/{source.partner.slug}")
        types = ("http://www.w3.org/ns/dcat#CatalogRecord", f"{PROV}Entity")
        self._fixed = (
            *(f"{RDF_TYPE} {iri(name)}" for name in types),
            f"<{DCTERMS}publisher> {partner}",
            f"<{PROV}wasAttributedTo> {partner}",
            f"<http://rdfs.org/ns/void#inDataset> {iri(f'{base_url}/sources/{source.id}')}",
            f"<{DCTERMS}accessRights> {iri(CRF + Openness.OPENDATA.value)}",
        )
        self._project_types = tuple(f"{RDF_TYPE} {iri(name)}" for name in _project_types(vocabulary))
        self._words = {
            key: {fold(word): ours for word, ours in source.crosswalks[key].words.items()}
            if key in source.crosswalks
            else {}
            for key in ("license", "access", "language")
        }
        self._scheme = vocabulary.fields["language"].scheme or ""
        self.language = lru_cache(maxsize=256)(self._language)
        self._default = self.language(source.lang.split("-")[0])

    def head(self, raws: Mapping[str, Any], sheet: Sheet) -> Head:
        """Read licence, languages and openness of a record; report what refuses it. Raises TooCostlyError.

        A record that names one language writes its texts in it.
        """
        languages, tag = self._languages(raws.get("language"))
        if tag is not None:
            sheet.lang = tag
        licence = self._licence(raws.get("license"), sheet)
        if sheet.problems:
            sheet.report("license")
        access = self._access(raws.get("access"), sheet)
        if sheet.problems:
            sheet.report("access")
        return Head(licence, languages, access)

    def lines(self, record: str, identifier: str, page: str, head: Head) -> list[str]:
        """Write the lines of the record node and the types of its project, without the stamp of the run."""
        start, project = f"<{record}> ", f"<{record}#project> "
        pairs = [
            *self._fixed,
            f"<{DCTERMS}license> {iri(head.licence or '')}",
            f"<{DCTERMS}source> {iri(page)}",
            f"<{DCTERMS}identifier> {literal(identifier)}",
            f"<http://xmlns.com/foaf/0.1/primaryTopic> <{record}#project>",
            *(f"<{DCTERMS}language> {iri(language)}" for language in head.languages),
        ]
        return [f"{start}{pair} .\n" for pair in pairs] + [f"{project}{pair} .\n" for pair in self._project_types]

    def stamp(self, record: str, run: str, time: str) -> list[str]:
        """Write which run made the record and when: left out of its digest."""
        return [
            f"<{record}> <{PROV}generatedAtTime> {typed(time, XSD + 'dateTime')} .\n",
            f"<{record}> <{PROV}wasGeneratedBy> {iri(run)} .\n",
        ]

    def _crossed(self, key: str, raw: Any) -> list[str]:
        """Words of a field that decides about the record: none may be left out, so too many of them refuse it."""
        found: list[str] = []
        given = leaves(raw)
        if len(given) > VALUES:
            raise TooCostlyError(key)
        for leaf in given:
            word = clean_line(plain(leaf), [])
            if word is not None and not is_missing(word):
                found += self._words[key].get(fold(word), (word,))
        return found

    def _licence(self, raw: Any, sheet: Sheet) -> str | None:
        """The record's own licence, else the source's. Several: all must be known; the first open one is taken."""
        words = self._crossed("license", raw)
        found = []
        for word in words:
            licence = self._vocabulary.licence(word)
            if licence is None:
                sheet.problems.append(Problem("licence-unreadable", word))
                return None
            found.append(licence)
        licence = next((one for one in found if one in self._vocabulary.open_licences), None) or next(iter(found), None)
        licence = licence or self._source.licence
        if licence is None:
            sheet.problems.append(Problem("licence-missing", ""))
        elif licence not in self._vocabulary.open_licences:
            cell = next((word for word, one in zip(words, found, strict=True) if one == licence), licence)
            sheet.problems.append(Problem("licence-not-open", cell))
        return licence

    def _access(self, raw: Any, sheet: Sheet) -> Openness | None:
        strictest: Openness | None = None
        for word in self._crossed("access", raw):
            name = word.rpartition("#")[2].rpartition("/")[2].casefold()
            try:
                level = Openness(name)
            except ValueError:
                sheet.problems.append(Problem("access-unreadable", word))
                return None
            levels = list(Openness)
            if strictest is None or levels.index(level) > levels.index(strictest):
                strictest = level
        return strictest

    def _languages(self, raw: Any) -> tuple[tuple[str, ...], str | None]:
        found: dict[str, str] = {}
        for word in self._crossed("language", raw):
            for part in word.replace(",", "/").split("/") if not word.startswith("http") else [word]:
                known = self.language(part.strip().casefold())
                if known is not None:
                    found[known[0]] = known[1]
        if not found and self._default is not None:
            found[self._default[0]] = self._default[1]
        tags = list(found.values())
        return tuple(found), tags[0] if len(tags) == 1 and tags[0] else None

    def _language(self, word: str) -> tuple[str, str] | None:
        """EU language IRI and BCP 47 tag of a code, name or IRI."""
        last = word.rstrip("/").rpartition("/")[2] if word.startswith("http") else word
        found = self._vocabulary.find_concepts(self._scheme, last)
        if len(found) != 1:
            return None
        tag = next((name for name in (*found[0].alt, *found[0].hidden) if len(name) == 2 and name.islower()), "")
        return found[0].iri, tag


def _project_types(vocabulary: Vocabulary) -> tuple[str, ...]:
    known = vocabulary.classes.get(f"{CRF}Project")
    written = (f"{CRF}Project", "http://schema.org/Project", "http://virtual-assembly.org/ontologies/pair#Project")
    return tuple(dict.fromkeys((*written, *(known.types if known else ()))))
