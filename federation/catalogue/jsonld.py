"""JSON-LD of one thing, built directly from its triples: what framing and compaction with our context would give.

A test proves it equal to pyld on examples (vocabulary design, section 8), but for ``@type`` in values. Must never
fetch a context, nor lose a triple.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from federation.catalogue.values import RDF, XSD, Value, bare, decode
from federation.model import Triple

_ID, _VOCAB = "@id", "@vocab"
_GEN_DELIMS = (":", "/", "?", "#", "[", "]", "@")


@dataclass(frozen=True, slots=True)
class _Term:
    """One entry of the context. ``type`` is ``@id``, ``@vocab``, a datatype or None."""

    key: str
    property: str
    inverse: bool
    type: str | None
    language_map: bool
    as_set: bool
    vocab: str


_Nodes = dict[str, dict[str, list[Value]]]


class Compactor:
    """Writes things with one context. Holds nothing but the tables derived from it."""

    def __init__(self, context: Mapping[str, Any], address: str) -> None:
        self._address = address
        self._prefixes = {
            key: value
            for key, value in context.items()
            if isinstance(value, str)
            and not key.startswith("@")
            and value.startswith("http")
            and value.endswith(_GEN_DELIMS)
        }
        self._terms: dict[tuple[str, bool], list[_Term]] = {}
        self._names: dict[str, str] = {}
        for key, value in context.items():
            if not key.startswith("@") and key not in self._prefixes:
                self._add(key, {"@id": value} if isinstance(value, str) else value)

    def _add(self, key: str, entry: Mapping[str, Any]) -> None:
        name = str(entry.get("@reverse") or entry["@id"])
        if name.startswith("@"):
            return
        container = entry.get("@container", ())
        containers = {container} if isinstance(container, str) else set(container)
        type_ = entry.get("@type")
        term = _Term(
            key,
            self._full(name),
            "@reverse" in entry,
            type_ if type_ is None or type_.startswith("@") else self._full(type_),
            "@language" in containers,
            "@set" in containers,
            str(entry.get("@context", {}).get("@vocab", "")),
        )
        self._terms.setdefault((term.property, term.inverse), []).append(term)
        if set(entry) == {"@id"}:
            self._names[term.property] = key

    def _full(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        return self._prefixes[prefix] + local if colon and prefix in self._prefixes else name

    # -- documents ----------------------------------------------------------------------------------------------

    def document(self, root: str, triples: Iterable[Triple]) -> dict[str, Any]:
        """One tree from the root; other nodes lie where they are first used, the rest under ``@included``."""
        nodes: _Nodes = {}
        for subject, predicate, value in triples:
            nodes.setdefault(bare(subject), {}).setdefault(bare(predicate), []).append(decode(value))
        waiting = set(nodes) - {root}
        tree = self._node(root, nodes, waiting, root)
        rest = []
        for name in sorted(nodes):
            if name in waiting:
                waiting.discard(name)
                rest.append(self._node(name, nodes, waiting, root))
        if rest:
            tree["@included"] = rest
        return {"@context": self._address, **tree}

    def _node(self, name: str, nodes: _Nodes, waiting: set[str], root: str) -> dict[str, Any]:
        found: dict[str, Any] = {"id": self._iri(name)}
        content = nodes.get(name, {})
        if types := content.get(RDF + "type"):
            found["type"] = [self._named(value.text) for value in sorted(types, key=_own_first)]
        for predicate in sorted(content):
            if predicate != RDF + "type":
                for value in content[predicate]:
                    if not (value.text == root and name != root and (predicate, True) in self._terms):
                        self._put(found, predicate, value, nodes, waiting, root)
        if name == root:
            self._put_inverse(found, nodes, waiting, root)
        return found

    def _put_inverse(self, found: dict[str, Any], nodes: _Nodes, waiting: set[str], root: str) -> None:
        """Nodes that point to the root by a property that the context reads backwards (jobs, assessments)."""
        for (predicate, inverse), terms in sorted(self._terms.items()):
            if not inverse:
                continue
            for name in sorted(waiting):
                if name in waiting and any(value.text == root for value in nodes[name].get(predicate, ())):
                    waiting.discard(name)
                    _append(found, terms[0].key, self._node(name, nodes, waiting, root), True)

    def _put(
        self, found: dict[str, Any], predicate: str, value: Value, nodes: _Nodes, waiting: set[str], root: str
    ) -> None:
        term = self._term(predicate, value)
        if not value.literal and value.text in waiting:
            waiting.discard(value.text)
            inner = self._node(value.text, nodes, waiting, root)
            _append(found, term.key if term else self._named(predicate), inner, bool(term and term.as_set))
        elif term is None:
            _append(found, self._named(predicate), self._expanded(value), False)
        elif term.language_map:
            _append(found.setdefault(term.key, {}), value.language or "@none", value.text, term.as_set)
        else:
            _append(found, term.key, self._short(term, value), term.as_set)

    def _term(self, predicate: str, value: Value) -> _Term | None:
        for term in self._terms.get((predicate, False), ()):
            if term.language_map:
                fits = value.language is not None
            elif term.type in {_ID, _VOCAB}:
                fits = not value.literal
            else:
                fits = value.literal and (term.type or XSD + "string") == value.datatype and not value.language
            if fits:
                return term
        return None

    def _short(self, term: _Term, value: Value) -> str:
        if term.type == _VOCAB and term.vocab and value.text.startswith(term.vocab) and value.text != term.vocab:
            return value.text[len(term.vocab) :]
        return value.text if value.literal else self._iri(value.text)

    def _expanded(self, value: Value) -> Any:
        if not value.literal:
            return {"id": self._iri(value.text)}
        if value.language:
            return {"@language": value.language, "@value": value.text}
        if value.datatype == XSD + "string":
            return value.text
        # by its keyword: where "type" is an alias with a container, RDFLib loses the datatype
        return {"@type": self._iri(value.datatype or ""), "@value": value.text}

    def _named(self, iri: str) -> str:
        return self._names.get(iri) or self._iri(iri)

    def _iri(self, iri: str) -> str:
        """The shortest compact form (JSON-LD 1.1 API, IRI compaction), else the IRI."""
        options = [
            f"{prefix}:{iri[len(space) :]}"
            for prefix, space in self._prefixes.items()
            if iri.startswith(space) and iri != space
        ]
        return min(options, key=lambda option: (len(option), option), default=iri)


def _append(holder: dict[str, Any], key: str, value: Any, as_set: bool) -> None:
    if key not in holder:
        holder[key] = [value] if as_set else value
    elif isinstance(holder[key], list):
        holder[key].append(value)
    else:
        holder[key] = [holder[key], value]


def _own_first(value: Value) -> tuple[bool, str]:
    return (not value.text.startswith("https://w3id.org/carrefour/"), value.text)
