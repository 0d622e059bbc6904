"""Compiles, for one field of one source, the function that turns a raw value into predicate-object lines.

The kind of the field decides how; the mapping has no say. Must never raise on a partner's value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from federation.model import iri, literal, text_literal, typed
from federation.pipeline.cleaning import (
    Problem,
    clean_boolean,
    clean_code,
    clean_commune,
    clean_country,
    clean_currency,
    clean_date,
    clean_email,
    clean_iri,
    clean_line,
    clean_number,
    clean_organisation,
    clean_postcode,
    clean_text,
)
from federation.pipeline.cleaning.dates import is_written_out
from federation.pipeline.cleaning.text import as_string
from federation.pipeline.mapping.concepts import ConceptFinder, implied
from federation.pipeline.mapping.effort import WRITTEN_DATE, first_values
from federation.pipeline.mapping.sheet import Sheet
from federation.pipeline.mapping.values import leaves, plain, texts
from federation.pipeline.sources import Source
from federation.vocabulary import Field, Kind, Vocabulary, fold

XSD = "http://www.w3.org/2001/XMLSchema#"
Lines = Callable[[Any, Sheet], list[str]]
"""Turns a raw value into ``predicate object`` pairs (N-Triples terms, one space between)."""

_DATED = re.compile(r"(?:start|end)(?:Date|Month|Year)$")
_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
)  # RFC 5646, section 2.1: the store refuses a batch for one tag that is not well-formed
_ORGANISATION = {"siren": "0002:", "siret": "0009:", "rna": "RNA:"}


def compile_scalar(field: Field, source: Source, vocabulary: Vocabulary, base_url: str) -> Lines:
    """Compile the reading of one field that is not an object."""
    split = _splitter(source.split.get(field.key, ()))
    if field.kind is Kind.CONCEPT and field.scheme:
        return _concepts(field, source, vocabulary, split)
    words = _replacer(source, field.key)
    if field.kind is Kind.TEXT:
        return _texts(field, source.repair_encoding, split, words)
    return _values(field, _cleaner(field, source, base_url), split, words)


Split = Callable[[Any], list[Any]]
Words = Callable[[Any], list[Any]] | None


def _splitter(separators: tuple[str, ...]) -> Split:
    """Cut the strings among the leaves at any of the separators."""
    if not separators:
        return leaves
    cut = re.compile("|".join(re.escape(mark) for mark in sorted(separators, key=len, reverse=True))).split

    def split(raw: Any) -> list[Any]:
        return [part for leaf in leaves(raw) for part in (cut(leaf) if isinstance(leaf, str) else [leaf])]

    return split


def _replacer(source: Source, term: str) -> Words:
    """Put our words in the place of theirs, for fields that are not concepts."""
    crosswalk = source.crosswalks.get(term)
    if crosswalk is None:
        return None
    table = {fold(word): list(ours) for word, ours in crosswalk.words.items()}
    return lambda leaf: table.get(fold(as_string(plain(leaf)) or ""), [leaf])


def _texts(field: Field, repair: bool, split: Split, words: Words) -> Lines:
    start, many, longest = f"<{field.property}> ", field.many, _longest(field)
    clean = clean_text if field.name in _LONG or not field.max_length or field.max_length > 300 else clean_line

    def lines(raw: Any, sheet: Sheet) -> list[str]:
        if type(raw) is str and split is leaves and words is None:
            given = [(sheet.lang, raw)]
        else:
            given = texts(split(raw), sheet.lang)
            if words is not None:
                given = [(tag, word) for tag, leaf in given for word in words(leaf)]
        found: list[str] = []
        seen: dict[str, str] = {}
        for tag, leaf in first_values(given, sheet.problems):
            text = clean(leaf, sheet.problems, repair)
            if text is None:
                continue
            tag = tag.lower() if _TAG.fullmatch(tag.lower()) else sheet.lang
            if longest is not None and len(text) > longest:
                sheet.problems.append(Problem("too-long", text, str(longest)))
            elif not many and seen.setdefault(tag, text) != text:
                sheet.problems.append(Problem("several-values", text))
            else:
                found.append(start + text_literal(text, tag))
        return found

    return lines


_LONG = frozenset(
    {
        "description",
        "abstract",
        "socialNeed",
        "novelty",
        "lesson",
        "successCondition",
        "obstacle",
        "replicationCondition",
    }
)
"""Texts that may have paragraphs even if their shape sets no length."""


def _longest(field: Field) -> int | None:
    """A required text that is too long is for the shape to refuse; an optional one is left out here."""
    required = field.severity is not None and field.severity.value == "violation"
    return None if required else field.max_length


Clean = Callable[[Any, list[Problem]], str | None]
"""Gives the finished object term of one leaf."""


def _values(field: Field, clean: Clean, split: Split, words: Words) -> Lines:
    start, many = f"<{field.property}> ", field.many
    dates = field.kind in {Kind.DATE, Kind.DATETIME}

    def lines(raw: Any, sheet: Sheet) -> list[str]:
        given = split(raw) if split is not leaves or isinstance(raw, list | dict) else [raw]
        if words is not None:
            given = [word for leaf in given for word in words(leaf)]
        found: dict[str, None] = {}
        for leaf in first_values(given, sheet.problems):
            value = plain(leaf)
            if dates and is_written_out(value):
                sheet.effort.spend(WRITTEN_DATE, field.key)
            term = clean(value, sheet.problems)
            if term is None or start + term in found:
                continue
            if found and not many:
                sheet.problems.append(Problem("several-values", str(value)))
            else:
                found[start + term] = None
        return list(found)

    return lines


def _concepts(field: Field, source: Source, vocabulary: Vocabulary, split: Split) -> Lines:
    finder = ConceptFinder(field.scheme or "", source.crosswalks.get(field.key), vocabulary)
    start, most = f"<{field.property}> ", field.max_count
    fields = vocabulary.fields
    keyword = f"<{fields['keywords'].property}> " if field.key in _KEPT and "keywords" in fields else None
    also = {key: f"<{fields[key].property}> " for key in ("audience", "method") if key in fields}

    def extra(concept: str) -> str | None:
        other = implied(concept) if field.key == "theme" else None
        return also[other[0]] + other[1] if other and other[0] in also else None

    def lines(raw: Any, sheet: Sheet) -> list[str]:
        if raw is None or raw == "":
            return []
        found: dict[str, None] = {}
        beside: list[str] = []
        for leaf in first_values(split(raw), sheet.problems):
            concepts, unknown = finder(leaf, sheet.problems, sheet.effort)
            for concept in concepts:
                found[concept] = None
            if unknown is not None and keyword is not None:
                word = clean_line(unknown, [])
                beside.append(keyword + literal(word)) if word else None
            elif unknown is not None:
                sheet.problems[-1] = sheet.problems[-1]._replace(rule="unknown-word-dropped", kept=False)
        kept = list(found)
        if most is not None and len(kept) > most:
            for concept in kept[most:]:
                sheet.problems.append(Problem("several-values", concept))
            kept = kept[:most]
        beside += [line for concept in kept if (line := extra(concept)) is not None]
        return [start + iri(concept) for concept in kept] + beside

    return lines


_KEPT = frozenset({"theme", "audience", "method"})
"""Fields whose unknown words are worth keeping as keywords."""


def _cleaner(field: Field, source: Source, base_url: str) -> Clean:
    """Choose the cleaning of a kind."""
    kind = field.kind
    if kind in {Kind.DATE, Kind.DATETIME}:
        return _date(field, source.lang)
    if kind in {Kind.NUMBER, Kind.INTEGER}:
        return _number(field)
    if kind is Kind.IRI and field.pattern and "/id/territoire/" in field.pattern:
        return _territory(field, base_url)
    if kind is Kind.IRI:
        return lambda leaf, problems: None if (found := clean_iri(leaf, problems)) is None else iri(found)
    if kind is Kind.BOOLEAN:
        return _boolean
    if kind is Kind.CODE or field.name in _CLEANERS:
        return _code(field)
    longest, repair = _longest(field), source.repair_encoding
    datatype = None if field.datatype in {None, XSD + "string"} else field.datatype

    def string(leaf: Any, problems: list[Problem]) -> str | None:
        text = clean_line(leaf, problems, repair)
        if text is not None and longest is not None and len(text) > longest:
            problems.append(Problem("too-long", text, str(longest)))
            return None
        if text is None:
            return None
        return literal(text) if datatype is None else typed(text, datatype)

    return string


def _date(field: Field, language: str) -> Clean:
    any_precision = _DATED.match(field.name) is not None

    def clean(leaf: Any, problems: list[Problem]) -> str | None:
        moment = clean_date(leaf, language, problems)
        if moment is None:
            return None
        if any_precision:
            moment = moment.day()
        elif moment.precision in {"year", "month"}:
            problems.append(Problem("date-vague", str(leaf)))
            return None
        return typed(moment.lexical, moment.datatype)

    return clean


def _number(field: Field) -> Clean:
    whole = field.kind is Kind.INTEGER
    datatype = XSD + ("integer" if whole else "decimal")
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum

    def clean(leaf: Any, problems: list[Problem]) -> str | None:
        number = clean_number(leaf, problems, whole)
        if number is None:
            return None
        value = float(number)
        if not low <= value <= high:
            problems.append(Problem("number-unreadable", str(leaf)))
            return None
        return typed(number, datatype)

    return clean


def _territory(field: Field, base_url: str) -> Clean:
    """A territory is named by its kind and code (``dep-63``), or by its IRI on any instance."""
    pattern = re.compile(field.pattern or "")

    def clean(leaf: Any, problems: list[Problem]) -> str | None:
        text = clean_line(leaf, problems)
        if text is None:
            return None
        kind, _, code = text.partition("-")
        if _CODE.match(code) and kind in {"com", "epci", "dep", "reg", "pays"}:
            text = f"{base_url}/id/territoire/{kind}-{code.upper()}"
        if not pattern.search(text) or clean_iri(text, []) != text:
            problems.append(Problem("territory-unreadable", text))
            return None
        return iri(text)

    return clean


_CODE = re.compile(r"[0-9A-Za-z]{2,9}$", re.ASCII)


def _boolean(leaf: Any, problems: list[Problem]) -> str | None:
    value = clean_boolean(leaf, problems)
    return None if value is None else typed("true" if value else "false", XSD + "boolean")


_CLEANERS = {
    "postalCode": clean_postcode,
    "codeINSEE": clean_commune,
    "addressCountry": clean_country,
    "currency": clean_currency,
    "email": clean_email,
}


def _code(field: Field) -> Clean:
    if field.name in _CLEANERS:
        return _literal_of(_CLEANERS[field.name])
    if field.prefix in _ORGANISATION.values() or field.name in {"iso6523Code", "registration"}:
        return _organisation(field)
    pattern = re.compile(field.pattern) if field.pattern else None

    def clean(leaf: Any, problems: list[Problem]) -> str | None:
        text = clean_code(leaf, problems)
        if text is None:
            return None
        text = field.prefix + text.removeprefix(field.prefix)
        if pattern is not None and not pattern.search(text):
            problems.append(Problem("code-unreadable", text))
            return None
        return literal(text)

    return clean


def _literal_of(cleaner: Callable[[Any, list[Problem]], str | None]) -> Clean:
    return lambda leaf, problems: None if (code := cleaner(leaf, problems)) is None else literal(code)


def _organisation(field: Field) -> Clean:
    """SIREN and SIRET share one property, RNA has another; a number of the other kind is reported, not forced."""

    def clean(leaf: Any, problems: list[Problem]) -> str | None:
        found = clean_organisation(leaf, problems)
        if found is None:
            return None
        scheme, digits = found
        fits = {"0002:": {"siren", "siret"}, "0009:": {"siren", "siret"}, "RNA:": {"rna"}}.get(
            field.prefix, {"rna"} if field.name == "registration" else {"siren", "siret"}
        )
        if scheme not in fits:
            problems.append(Problem("organisation-unreadable", str(leaf)))
            return None
        return literal(_ORGANISATION[scheme] + digits)

    return clean


def words_of(raw: Any, split: Mapping[str, tuple[str, ...]], term: str, problems: list[Problem]) -> list[str]:
    """Give the plain words of a value that stays out of the public graph, cleaned as lines of text.

    Addresses of e-mail are checked, for nobody sees them who could tell.
    """
    given = first_values(_splitter(split.get(term, ()))(raw), problems)
    if term.rpartition(".")[2] == "email":
        found = [clean_email(plain(leaf), problems) for leaf in given]
    else:
        found = [clean_line(plain(leaf), []) for leaf in given]
    return list(dict.fromkeys(word for word in found if word is not None))
