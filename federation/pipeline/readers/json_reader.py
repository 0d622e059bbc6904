"""Rows of a JSON document: the objects of a list, found by a key or path. Must never guess a path in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from federation.errors import ConfigError
from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.json_parser import DEPTH, parse
from federation.pipeline.readers.reading import (
    Reading,
    ReadOptions,
    UnreadableFeed,
    rejected,
    remark,
    too_large,
    too_many,
)

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_PATH_LENGTH = 200
_NAMES_SHOWN = 15


def read_json(body: bytes, options: ReadOptions) -> Reading:
    """Read a JSON array of objects, or the one that ``options.at`` leads to. An object alone is one row.

    Raises UnreadableFeed if the document or the path cannot be read, ConfigError if the path is no path.
    """
    parsed = parse(body, options)
    document = parsed.document
    if options.at is not None and document is not None:
        document = select(document, options.at)
    elif isinstance(document, dict):
        parsed.findings += _lists_inside(document)
    if document is None:
        return Reading("json", iter(()), parsed.findings)
    return Reading("json", rows(as_list(document), options), parsed.findings)


def as_list(document: Any) -> list[Any]:
    """Take a lone object for a list of one. Raises UnreadableFeed for a bare number, text or boolean."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        return [document]
    shown = orjson.dumps(document).decode()[:50]
    raise UnreadableFeed(
        "not-a-list",
        f"On attendait une liste d'objets, on a trouvé : {shown}. Vérifiez `at` ou l'adresse.",
        f"A list of objects was expected, found: {shown}. Check `at` or the address.",
    )


def rows(items: list[Any], options: ReadOptions) -> Iterator[RawRecord | Finding]:
    """Yield each object with its number; others, too large or too deep, as rejected rows. Raises UnreadableFeed."""
    if len(items) > options.max_records:
        raise too_many(options.max_records)
    for number, item in enumerate(items, 1):
        where = f"élément {number}"
        problem = row_problem(item, where, options.max_record_bytes)
        yield RawRecord(where, item) if problem is None else problem


def row_problem(item: Any, where: str, limit: int) -> Finding | None:
    """Say why an item cannot be a row: no object, larger than ``limit`` bytes, or nested deeper than DEPTH."""
    if not isinstance(item, dict):
        return rejected(
            "row-not-object",
            where,
            "Cet élément de la liste n'est pas un objet : il est écarté.",
            "This item of the list is not an object: it is left out.",
            value=str(item)[:200],
        )
    try:
        size = len(orjson.dumps(item))
    except TypeError:
        return rejected(
            "record-too-deep",
            where,
            f"Cette fiche emboîte plus de {DEPTH} niveaux : elle est écartée.",
            f"This record nests more than {DEPTH} levels: it is left out.",
        )
    return too_large(where, size, limit) if size > limit else None


def select(document: Any, at: str) -> Any:
    """Follow ``at``: a key as it is, a dotted path, else JMESPath (at most 200 characters). None for a null.

    Raises UnreadableFeed naming the keys that exist if the path leads nowhere, ConfigError if it is not a path.
    """
    if isinstance(document, dict) and at in document:
        return document[at]
    if _DOTTED.match(at):
        return _walk(document, at)
    if len(at) > _PATH_LENGTH:
        raise ConfigError(
            f"The path `at` is longer than {_PATH_LENGTH} characters: {at[:60]}…",
            f"Le chemin `at` a plus de {_PATH_LENGTH} caractères : {at[:60]}…",
        )
    try:
        found = jmespath.search(at, document)
    except JMESPathError as error:
        raise ConfigError(
            f"The path `at = {at!r}` is not a key nor JMESPath: {error}",
            f"Le chemin `at = {at!r}` n'est ni une clé ni du JMESPath : {error}",
        ) from error
    if found is None:
        raise _nowhere(at, at, document)
    return found


def _walk(document: Any, at: str) -> Any:
    value = document
    for step in at.split("."):
        if not isinstance(value, dict) or step not in value:
            raise _nowhere(at, step, value)
        value = value[step]
    return value


def _nowhere(at: str, step: str, value: Any) -> UnreadableFeed:
    if isinstance(value, dict):
        names = ", ".join(list(value)[:_NAMES_SHOWN]) or "-"
        fr, en = f"Clés présentes à cet endroit : {names}.", f"Keys found there: {names}."
    elif isinstance(value, list):
        fr, en = "À cet endroit se trouve une liste.", "A list is found there."
    else:
        fr, en = "À cet endroit se trouve une valeur simple.", "A plain value is found there."
    return UnreadableFeed(
        "at-missing",
        f'Le chemin `at = "{at}"` ne mène nulle part (« {step} » introuvable). {fr} Si l\'export a changé, corrigez '
        "`at`.",
        f'The path `at = "{at}"` leads nowhere (“{step}” not found). {en} If the export changed, correct `at`.',
    )


def _lists_inside(document: dict[str, Any]) -> list[Finding]:
    lists = [
        (key, len(value))
        for key, value in document.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    if not lists:
        return []
    names = ", ".join(f"{key} ({count})" for key, count in lists[:_NAMES_SHOWN])
    return [
        remark(
            "at-unset",
            Severity.WARNING,
            f"Le document est un objet, lu comme une seule fiche. Si les fiches sont dans une de ses listes, indiquez "
            f"`at` : {names}.",
            "The document is an object, read as one record. If the records are in one of its lists, state `at`: "
            f"{names}.",
        )
    ]
