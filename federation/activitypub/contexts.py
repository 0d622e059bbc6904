"""JSON-LD contexts of what others send: known ones come from our bundle, inline ones may only add plain terms.

It must never fetch a context, nor let one change what an ActivityStreams term or a keyword means. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.activitypub.refusal import Refused
from federation.vocabulary import Vocabulary

AS2_CONTEXT: Final = "https://www.w3.org/ns/activitystreams"
CARREFOUR_CONTEXT: Final = "/ns/carrefour/v1"  # after an origin; the document itself is the same everywhere
INLINE_TERMS: Final = 64

_FOLDER = "vocab/activitypub/"
_CARREFOUR = re.compile(r"https?://[^/?#]+/(?:[^?#]*/)?ns/carrefour/v[1-9][0-9]{0,3}")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f]*")
_IRI_LENGTH = 2048
_NAME_LENGTH = 256
_DEPTH = 64  # strictjson lets 32 through; this one keeps our own recursion safe
_ENTRIES = 32  # contexts named or given in one document, wherever they stand
_ALIASES = {"id": "@id", "type": "@type"}
_CONTAINERS = frozenset({"@list", "@set", "@language"})
_DELIMITERS = (":", "/", "?", "#", "[", "]", "@")  # what a prefix ends in (JSON-LD 1.1 API, section 4.2.2)
_BODY_KEYWORDS = frozenset({"@context", "@id", "@type", "@value", "@language"})  # step 3 of section 5


@dataclass(frozen=True, slots=True)
class Term:
    """What a name means: an absolute IRI, and how values are read (``@id``, ``@vocab`` or a datatype; a container)."""

    iri: str
    type: str | None = None
    container: str | None = None
    prefix: bool = False  # whether compact IRIs may be built on it

    def definition(self) -> str | dict[str, Any]:
        """Write it as a JSON-LD term definition."""
        delimited = self.iri.endswith(_DELIMITERS)
        if self.prefix or (self.type is None and self.container is None and not delimited):
            return self.iri
        parts: dict[str, Any] = {"@id": self.iri, "@type": self.type, "@container": self.container}
        parts |= {"@prefix": False} if delimited else {}  # some processors would take it for one
        return {key: value for key, value in parts.items() if value is not None}


Terms = Mapping[str, Term]


def bundled(vocabulary: Vocabulary) -> dict[str, Any]:
    """Read the bundled context documents by URL; ours has the key :data:`CARREFOUR_CONTEXT`.

    Raises ConfigError if the package is incomplete.
    """
    manifest = json.loads(vocabulary.file(f"{_FOLDER}manifest.json"))
    documents: dict[str, Any] = {}
    for entry in manifest["contexts"]:
        document = json.loads(vocabulary.file(_FOLDER + entry["file"]))
        documents |= dict.fromkeys(entry["urls"] or (CARREFOUR_CONTEXT,), document)
    return documents


class Bundle:
    """The contexts we know, as flat tables of terms.

    Contexts inside a term's definition are left out: in these documents they serve proofs, keys and services only,
    which are read from raw JSON and dropped from the graph. So is ``@vocab`` of AS2 (``_:``): a name that nobody
    defined says nothing.
    """

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self.as2: Terms = dict(_flat(documents[AS2_CONTEXT]["@context"], {}))
        self._tables = {url: self._table(document["@context"]) for url, document in documents.items()}

    def terms(self, url: str) -> Terms | None:
        """Give what a context adds to ActivityStreams, None if it is not known.

        ``…/ns/carrefour/v{n}`` of any origin means ours (design, section 5, step 11).
        """
        found = self._tables.get(url)
        if found is None and _CARREFOUR.fullmatch(url):
            return self._tables.get(CARREFOUR_CONTEXT)
        return found

    def _table(self, context: Any) -> Terms:
        table: dict[str, Term] = {}
        for part in context if isinstance(context, list) else [context]:
            if isinstance(part, str):
                table |= self._table(self._documents[part]["@context"])
            else:
                table |= _flat(part, {**self.as2, **table})
        return {name: term for name, term in table.items() if name not in self.as2}


def _flat(context: Mapping[str, Any], known: Terms) -> dict[str, Term]:
    """Flatten a document of the bundle, which is trusted: full IRIs, without keywords and nested contexts."""
    names: dict[str, str] = {name: term.iri for name, term in known.items()}
    plain = {name: value for name, value in context.items() if name not in _ALIASES and not name.startswith("@")}
    names |= {name: value if isinstance(value, str) else value["@id"] for name, value in plain.items()}

    def full(text: str) -> str:
        prefix, colon, rest = text.partition(":")
        return full(names[prefix] + rest) if colon and not rest.startswith("//") and prefix in names else text

    table = {}
    for name, value in plain.items():
        more = value if isinstance(value, dict) else {}
        container, kind = more.get("@container"), more.get("@type")
        iri = full(names[name])
        container = container if container != "@graph" else None
        table[name] = Term(iri, full(kind) if kind else None, container, _is_prefix(value, iri))
    return table


def localise(document: Mapping[str, Any], bundle: Bundle) -> dict[str, Any]:
    """Return the document with each ``@context`` replaced by the definitions of the terms that it uses.

    ActivityStreams is always there, first, also where the document does not name it (AS2 Core, section 2.1). The
    result needs no other document, and reads the same as the whole contexts do, at a tenth of the cost.
    Raises Refused: ``context:…`` for a context that does more than add terms, ``json:keyword``, ``json:depth``.
    """
    used, plain = _names(document)
    reader = _Reader(bundle, used)
    context, layers = reader.local(document.get("@context", []), (bundle.as2,))
    body = {key: value for key, value in document.items() if key != "@context"}
    if not plain:
        body = reader.rewritten(body, layers)
    return {"@context": {**_ALIASES, **reader.definitions(bundle.as2), **context}, **body}


def within(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Take a document out of the one that embeds it: the outer contexts apply first, then its own."""
    contexts = [*_entries(outer.get("@context", [])), *_entries(inner.get("@context", []))]
    return {"@context": contexts, **{key: value for key, value in inner.items() if key != "@context"}}


def _entries(context: Any) -> list[Any]:
    return context if isinstance(context, list) else [context]


class _Reader:
    """One document's contexts: how much it has used of what it may, and which names matter to it."""

    def __init__(self, bundle: Bundle, used: frozenset[str]) -> None:
        self._bundle = bundle
        self._used = used
        self._terms = 0
        self._contexts = 0

    def local(self, context: Any, layers: Sequence[Terms]) -> tuple[dict[str, Any], tuple[Terms, ...]]:
        """Read one ``@context``: the definitions it adds, and all tables in force below it."""
        added: list[Terms] = []
        for entry in _entries(context):
            self._contexts += 1
            if self._contexts > _ENTRIES:
                raise Refused("context:entries")
            if isinstance(entry, str):
                terms = self._bundle.terms(entry)
            elif isinstance(entry, dict):
                terms = self._inline(entry, (*layers, *added))
            else:  # null would undo ActivityStreams
                raise Refused("context:shape")
            if terms:
                added.append(terms)
        definitions: dict[str, Any] = {}
        for table in added:
            definitions |= self.definitions(table)
        return definitions, (*layers, *added)

    def definitions(self, table: Terms) -> dict[str, Any]:
        """Those terms of a table that the document uses."""
        return {name: table[name].definition() for name in self._used if name in table}

    def rewritten(self, value: Any, layers: Sequence[Terms]) -> Any:
        """Copy the body with the contexts in it read, without null members. Not deeper than :func:`_names` allows.

        A null member says nothing in JSON-LD, but for ``id``, where ActivityPub means an object without one.
        """
        if isinstance(value, list):
            return [self.rewritten(item, layers) for item in value]
        if not isinstance(value, dict):
            return value
        context: dict[str, Any] = {}
        if "@context" in value:
            context, layers = self.local(value["@context"], layers)
        said = ((key, item) for key, item in value.items() if key != "@context" and item is not None)
        body = {key: self.rewritten(item, layers) for key, item in said}
        return {"@context": context, **body} if context else body

    def _inline(self, context: Mapping[str, Any], layers: Sequence[Terms]) -> Terms:
        given = {name: value for name, value in context.items() if name not in ("@language", "@version")}
        self._terms += len(given)
        if self._terms > INLINE_TERMS:
            raise Refused("context:terms")
        names = _Names(given, layers, self._bundle.as2)
        return {name: term for name, value in given.items() if (term := names.term(name, value)) is not None}


class _Names:
    """The names of one inline context, and what they may be built on."""

    def __init__(self, given: Mapping[str, Any], layers: Sequence[Terms], as2: Terms) -> None:
        self._given = given
        self._layers = layers
        self._as2 = as2

    def term(self, name: str, value: Any) -> Term | None:
        """Read one definition; None if it only repeats what is known."""
        if name.startswith("@") or not 0 < len(name) <= _NAME_LENGTH:
            raise Refused("context:keyword")
        if name in _ALIASES:
            if value != _ALIASES[name] and value != {"@id": _ALIASES[name]}:
                raise Refused("context:redefined")
            return None
        parts = {"@id": value} if isinstance(value, str) else value
        if not isinstance(parts, dict) or not parts.keys() <= {"@id", "@type", "@container"}:
            raise Refused("context:definition")
        iri = self._full(parts.get("@id", name))
        if name in self._as2:
            if self._as2[name].iri != iri:
                raise Refused("context:redefined")
            return None
        if (":" in name or "/" in name) and self._full(name) != iri:
            raise Refused("context:redefined")
        kind, container = self._type(parts.get("@type")), _container(parts.get("@container"))
        return Term(iri, kind, container, _is_prefix(value, iri))

    def _type(self, kind: Any) -> str | None:
        return kind if kind is None or kind in ("@id", "@vocab") else self._full(kind)

    def _full(self, text: Any) -> str:
        """Expand a compact IRI. A prefix may rest on another one, as often as there are terms."""
        for _ in range(len(self._given) + 2):
            if not isinstance(text, str):
                raise Refused("context:iri")
            if text.startswith("@"):
                raise Refused("context:alias")
            prefix, colon, rest = text.partition(":")
            base = None if rest.startswith("//") or not colon else self._base(prefix)
            if base is None:
                if len(text) > _IRI_LENGTH or not _IRI.fullmatch(text):
                    raise Refused("context:iri")
                return text
            text = f"{base}{rest}"[: _IRI_LENGTH + 1]
        raise Refused("context:iri")

    def _base(self, prefix: str) -> str | None:
        if prefix in self._given and prefix not in self._as2:
            base = self._given[prefix]
            return base if _is_prefix(base, base) else None
        tables = (self._as2, *reversed(self._layers))
        found = next((table[prefix] for table in tables if prefix in table), None)
        return found.iri if found is not None and found.prefix else None


def _is_prefix(definition: Any, iri: str) -> bool:
    """Only a term that is written as a plain IRI, up to a delimiter, can begin others."""
    return isinstance(definition, str) and iri.endswith(_DELIMITERS)


def _container(container: Any) -> str | None:
    if isinstance(container, list) and len(container) == 1:
        container = container[0]
    if container is None:
        return None
    if not isinstance(container, str) or container not in _CONTAINERS:
        raise Refused("context:container")
    return container


def _names(document: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    """Every name that a term could stand behind: keys, whole values, prefixes of both. Also: does it stand as it is?

    It does not with contexts or null members in its body: then it has to be rewritten.
    """
    used: set[str] = set()
    plain = None not in document.values()
    level: list[Any] = [document]
    for _ in range(_DEPTH):
        deeper: list[Any] = []
        for text in _texts(level, deeper):
            used.add(text)
            if ":" in text:
                used.add(text.partition(":")[0])
        if not deeper:
            return frozenset(used), plain
        plain = plain and not any(isinstance(item, dict) and _is_to_rewrite(item) for item in deeper)
        level = deeper
    raise Refused("json:depth")


def _is_to_rewrite(node: Mapping[str, Any]) -> bool:
    return "@context" in node or None in node.values()


def _texts(level: list[Any], deeper: list[Any]) -> Iterator[str]:
    """Keys and texts of one level of a document; what lies below goes to ``deeper``. Raises Refused."""
    for holder in level:
        if isinstance(holder, dict):
            for key, value in holder.items():
                yield key
                if key.startswith("@") and key not in _BODY_KEYWORDS:
                    raise Refused("json:keyword")
                if isinstance(value, str):
                    yield value
                elif isinstance(value, (dict, list)) and key != "@context":
                    deeper.append(value)
        else:
            for value in holder:
                if isinstance(value, str):
                    yield value
                elif isinstance(value, (dict, list)):
                    deeper.append(value)
