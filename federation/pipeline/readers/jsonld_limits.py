"""What JSON-LD may ask of us before any processor looks at it. Must never recurse: depth is what it measures."""

from __future__ import annotations

from typing import Any

import orjson

from federation.pipeline.readers.jsonld_fast import DEPTH
from federation.pipeline.readers.reading import UnreadableFeed

_CONTEXT_TERMS = 2_000
_CONTEXT_BYTES = 256 * 1024
"""Limits of an inline context; the largest published one of a network, ActivityStreams, has 180 terms."""

JSON_DEPTH = 2 * DEPTH + 6
"""Levels of objects and lists: between two nodes lies at most one list that counts."""


def check_size(contexts: tuple[Any, ...]) -> None:
    """Refuse inline contexts that are too large, before any processor sees them. Raises UnreadableFeed."""
    inline = [context for context in contexts if not isinstance(context, str)]
    if json_depth(inline) > DEPTH or len(orjson.dumps(inline)) > _CONTEXT_BYTES or _terms(inline) > _CONTEXT_TERMS:
        raise UnreadableFeed(
            "context-too-large",
            f"Le `@context` du document dépasse {_CONTEXT_TERMS} termes, {_CONTEXT_BYTES // 1024} Kio ou {DEPTH} "
            "niveaux : "
            "il est refusé. Réduisez-le aux termes employés.",
            f"The document's `@context` exceeds {_CONTEXT_TERMS} terms, {_CONTEXT_BYTES // 1024} KiB or {DEPTH} "
            "levels: "
            "it is refused. Reduce it to the terms in use.",
        )


def _terms(contexts: Any) -> int:
    count, stack = 0, [contexts]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            count += len(value)
            stack += value.values()
        elif isinstance(value, list):
            stack += value
    return count


def json_depth(document: Any) -> int:
    """Count levels of objects and lists without recursion; stops counting one past what is allowed."""
    depth, level = 0, [document]
    while level and depth <= JSON_DEPTH:
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        depth += 1
    return depth
