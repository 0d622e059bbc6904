"""Takes JSON and JSON-LD values apart into single leaves, whatever their nesting. Must never change a leaf."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LANGUAGE = re.compile(r"(?:@none|[a-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)$")
_DEPTH = 8
"""Levels of lists in lists that are still read; deeper ones are refused by the readers anyway."""


def leaves(raw: Any, depth: int = 0) -> list[Any]:
    """Flatten lists, ``@list`` and ``@set``; scalars and other objects stay as they are. None gives no leaf."""
    if raw is None:
        return []
    if isinstance(raw, str):
        return [raw]
    if isinstance(raw, list | tuple):
        if depth > _DEPTH:
            return []
        return [leaf for item in raw for leaf in leaves(item, depth + 1)]
    if isinstance(raw, Mapping):
        for key in ("@list", "@set"):
            if key in raw:
                return leaves(raw[key], depth + 1)
    return [raw]


def texts(raw: Any, language: str) -> list[tuple[str, Any]]:
    """Give (language, text) pairs of a scalar, of ``{"@value", "@language"}``, a language map, or lists of these."""
    found: list[tuple[str, Any]] = []
    for leaf in leaves(raw):
        if not isinstance(leaf, Mapping):
            found.append((language, leaf))
        elif "@value" in leaf:
            found.append((str(leaf.get("@language") or language), leaf["@value"]))
        elif leaf and all(isinstance(key, str) and _LANGUAGE.match(key) for key in leaf):
            for tag, value in leaf.items():
                found += [(language if tag == "@none" else tag, item) for item in leaves(value)]
        elif (label := label_of(leaf)) is not None:
            found += texts(label, language)
    return found


def plain(leaf: Any) -> Any:
    """Reduce a JSON-LD leaf to a scalar: ``@value``, else ``@id``, else its label; None if it has none of them."""
    if not isinstance(leaf, Mapping):
        return leaf
    value = leaf.get("@value", leaf.get("@id"))
    if value is None:
        label = label_of(leaf)
        value = texts(label, "")[0][1] if label is not None and texts(label, "") else None
    return None if isinstance(value, list | Mapping) else value


def label_of(leaf: Mapping[str, Any]) -> Any:
    """Give the name of an object that stands where a word was expected."""
    for key in ("name", "skos:prefLabel", "prefLabel", "rdfs:label", "label", "title"):
        if leaf.get(key) is not None and not isinstance(leaf[key], int | float | bool):
            return leaf[key]
    return None
