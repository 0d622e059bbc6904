"""The fast path of JSON-LD: one node straight to its row, by a rename table compiled once per context.

It covers plain terms, coercion to IRIs and datatypes, languages and language maps, sets and lists, aliases, nested
nodes and property-scoped contexts that only set ``@vocab``. Must never differ from the full processor: whatever else it
meets, it raises ``Declined``, and the node goes there (proved by a differential test).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from pyld.iri_resolver import resolve

from federation.pipeline.readers.jsonld_rows import Names, References, Row

DEPTH = 32
"""Levels of nodes in nodes; design of the data layer, section 2."""

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+-.]*|_):[^\s]*$")
"""What pyld takes for an absolute IRI, odd range and final line break included: both paths must agree."""


class Declined(Exception):
    """The node uses something that the fast path does not claim."""


class TooDeep(Exception):
    """The node nests more than DEPTH levels."""


class _Use(Enum):
    DROP = 0
    ID = 1
    TYPE = 2
    PROPERTY = 3
    DECLINE = 4


_PROPERTY = _Use.PROPERTY


class _Key(NamedTuple):
    """What to do with a key of a node."""

    use: _Use
    name: str = ""
    coercion: str | None = None
    language: str | None = None
    maps: bool = False
    scoped_vocab: str | None = None


@dataclass(frozen=True, slots=True)
class CompiledContext:
    """An active context as plain values (see jsonld_child.Processor.compile)."""

    plain: bool
    vocab: str | None
    has_base: bool
    base: str | None
    language: str | None
    terms: Mapping[str, Mapping[str, Any] | None]


EMPTY = CompiledContext(True, None, False, None, None, {})
"""The context of a document that has none."""


class FastReader:
    """Reads nodes that share one active context."""

    def __init__(self, context: CompiledContext, base: str, names: Names, references: References) -> None:
        self._context = context
        self._terms = context.terms
        self._names = names
        self._references = references
        self._keys: dict[str, _Key] = {}
        self._types: dict[str, str] = {}
        self.dropped: set[str] = set()
        self._base: str | None = base
        if context.has_base:
            self._base = None
            if context.base is not None:
                self._base = context.base if _ABSOLUTE.match(context.base) else self._resolved(context.base, base)

    def row(self, node: Mapping[str, Any]) -> Row | None:
        """Give the row of a top-level node, None if it says nothing. Raises Declined, TooDeep."""
        if not self._context.plain:
            raise Declined
        row = self._node(node, 1)
        return row if row.keys() - {"@id"} else None

    def name_the_rest(self) -> None:
        """Remember how the context writes keys that no node has had."""
        for key, term in self._terms.items():
            iri = term["iri"] if term is not None else None
            if isinstance(iri, str) and _ABSOLUTE.match(iri):
                self._names.of_key(iri, key)

    def is_graph(self, key: str) -> bool:
        """Say whether a key means ``@graph``."""
        return self._iri(key, vocab=True) == "@graph"

    def has_scoped_type(self, node: Mapping[str, Any]) -> bool:
        """Say whether a type of the node brings a context of its own."""
        for key, value in node.items():
            if self._iri(key, vocab=True) == "@type":
                for item in value if isinstance(value, list) else [value]:
                    term = self._terms.get(item) if isinstance(item, str) else None
                    if term is not None and term["scoped"]:
                        return True
        return False

    def _node(self, node: Mapping[str, Any], depth: int) -> Row:
        if depth > DEPTH:
            raise TooDeep
        row: Row = {}
        known = self._keys
        for key, value in node.items():
            how = known.get(key) or self._learn(key)
            use, name, coercion, language, _maps, _scoped = how
            if use is not _PROPERTY:
                self._keyword(row, how, key, value)
                continue
            if type(value) is str and coercion is None:
                converted: Any = value if language is None else {"@value": value, "@language": language}
            else:
                converted = self._values(how, value, depth)
                if converted is None:
                    continue
            if name in row:
                raise Declined  # two keys for one term: their values merge in an order the processor decides
            row[name] = converted
        return row

    def _keyword(self, row: Row, how: _Key, key: str, value: Any) -> None:
        if how.use is _Use.TYPE and "@type" not in row:
            if isinstance(value, list):
                types = [self._type(item) for item in value]
                if types:
                    row["@type"] = types if len(types) > 1 else types[0]
            else:
                row["@type"] = self._type(value)
        elif how.use is _Use.ID and "@id" not in row and isinstance(value, str):
            row["@id"] = self._reference(value)
        elif how.use is _Use.DROP:
            if key not in self._terms:
                self.dropped.add(key)
        else:
            raise Declined

    def _values(self, how: _Key, value: Any, depth: int) -> Any:
        """Convert the value of a property; None if nothing is left of it."""
        if isinstance(value, list):
            items = [item for item in [self._one(how, each, depth) for each in value] if item is not None]
            if len(items) > 1:
                return self._several(how, items)
            one = items[0] if items else None
        elif how.maps and isinstance(value, dict):
            items = _language_map(value, self._terms)
            return items if len(items) > 1 else items[0] if items else None
        else:
            one = self._one(how, value, depth)
        if type(one) is _Iri:
            one = str(one)
            self._references.note(how.name, one)
        return one

    def _several(self, how: _Key, items: list[Any]) -> list[Any]:
        for position, item in enumerate(items):
            if type(item) is _Iri:
                items[position] = iri = str(item)
                self._references.note(how.name, iri)
        return items

    def _one(self, how: _Key, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(how, value)
        if isinstance(value, dict):
            return self._object(how, value, depth)
        if isinstance(value, list):
            raise Declined
        return value  # a number, a boolean, or None

    def _text(self, how: _Key, value: str) -> Any:
        if how.coercion is None:
            return value if how.language is None else {"@value": value, "@language": how.language}
        if how.coercion == "@id":
            # no IRI reference holds a space (RFC 3986): cleaning quotes what was written, not what the base makes of it
            return value if " " in value and ":" not in value else _Iri(self._reference(value))
        if how.coercion == "@vocab":
            iri = self._iri(value, vocab=True, scoped=how.scoped_vocab, relative=True)
            if iri is None or iri.startswith("@"):
                raise Declined
            return _Iri(iri)
        return value  # a datatype: cleaning decides by our own term

    def _object(self, how: _Key, value: Mapping[str, Any], depth: int) -> Any:
        if how.scoped_vocab is not None and (len(value) != 1 or "@id" not in value):
            raise Declined
        if "@value" in value:
            return self._literal(value)
        row = self._node(value, depth + 1)
        if not row:
            return None
        return _Iri(row["@id"]) if row.keys() == {"@id"} else row

    def _literal(self, value: Mapping[str, Any]) -> Any:
        text, others = value["@value"], value.keys() - {"@value"}
        if isinstance(text, dict | list) or len(others) > 1:
            raise Declined
        if not others:
            return text
        if others == {"@language"} and isinstance(text, str) and isinstance(value["@language"], str):
            return {"@value": text, "@language": value["@language"].lower()}
        datatype = value.get("@type")
        if others == {"@type"} and isinstance(datatype, str) and not datatype.startswith("@"):
            iri = self._iri(datatype, vocab=True, relative=True)
            term = self._terms.get(datatype)
            if iri and not iri.startswith(("_:", "@")) and _ABSOLUTE.match(iri) and not (term and term["scoped"]):
                return text
        raise Declined

    def _type(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Declined
        name = self._types.get(value)  # types are few, so they are kept
        if name is None:
            term = self._terms.get(value)
            iri = self._iri(value, vocab=True, relative=True)
            if iri is None or iri.startswith("@") or (term is not None and term["scoped"]):
                raise Declined
            name = self._types[value] = self._names.short(iri)
        return name

    def _reference(self, value: str) -> str:
        if value.startswith(("https://", "http://")):
            return value  # what _iri would say, sooner
        iri = self._iri(value, relative=True)
        if iri is None or iri.startswith("@"):
            raise Declined
        return iri

    def _learn(self, key: str) -> _Key:
        how = self._keys[key] = self._meaning(key)
        return how

    def _meaning(self, key: str) -> _Key:
        iri = self._iri(key, vocab=True)
        if iri in ("@id", "@type"):
            return _Key(_Use.ID if iri == "@id" else _Use.TYPE)
        if iri is not None and iri.startswith("@"):
            return _Key(_Use.DECLINE)
        if iri is None or not _ABSOLUTE.match(iri):
            return _Key(_Use.DROP)
        term = self._terms.get(key)
        if term is None:
            return _Key(_Use.PROPERTY, self._names.of_key(iri, key), language=self._context.language)
        if term["odd"]:
            return _Key(_Use.DECLINE)
        coercion = None if term["type"] == "@none" else term["type"]
        return _Key(
            _Use.PROPERTY, self._names.of_key(iri, key), coercion, term["language"], term["maps"], term["scoped_vocab"]
        )

    def _iri(self, value: str, vocab: bool = False, scoped: str | None = None, relative: bool = False) -> str | None:
        """Expand a term, compact IRI or relative IRI (JSON-LD 1.1 API, section 5.2). None if it means nothing."""
        if value.startswith("@"):
            return value if not relative else None
        if vocab and value in self._terms:
            term = self._terms[value]
            return None if term is None else term["iri"]
        prefix, colon, suffix = value.partition(":")
        if colon and prefix:
            if prefix == "_" or suffix.startswith("//"):
                return value
            term = self._terms.get(prefix)
            if term is not None and term["prefix"]:
                return str(term["iri"]) + suffix
            if _ABSOLUTE.match(value):
                return value
        space = scoped if scoped is not None else self._context.vocab
        if vocab and space is not None:
            return space + value
        return self._resolved(value, self._base) if relative and self._base is not None else value

    @staticmethod
    def _resolved(value: str, base: str) -> str:
        try:
            return str(resolve(value, base))
        except ValueError as error:
            raise Declined from error


class _Iri(str):
    """An IRI on its way into a row; rows themselves hold plain texts."""

    __slots__ = ()


def _language_map(value: Mapping[str, Any], terms: Mapping[str, Any]) -> list[Any]:
    items: list[Any] = []
    for language in sorted(value):
        if language.startswith("@") or language in terms:
            raise Declined
        texts = value[language]
        for text in texts if isinstance(texts, list) else [texts]:
            if text is None:
                continue
            if not isinstance(text, str):
                raise Declined
            items.append({"@value": text, "@language": language.lower()})
    return items
