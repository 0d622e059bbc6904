"""Cuts a JSON-LD document into its nodes without parsing them: each stays bytes until it is read.

So a large feed is held once, as it came. Must never change what a node says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from federation.pipeline.readers.jsonld_fast import FastReader
from federation.pipeline.readers.jsonld_process import Answer

Contexts = tuple[Any, ...]

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPACE = b" \t\r\n"

UNPARSEABLE = (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError)
"""What cutting and reading pieces raise on a document that is not plain JSON."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One node to read: its number in the feed, from 1, and the contexts it stands under.

    ``piece`` is the node as given, a ``Raw`` or a value. ``outer``: None if it is a document of its own, else the
    contexts of the document in whose graph it stands. ``whole``: it has graphs that could not be taken apart.
    """

    number: int
    piece: Any
    contexts: Contexts
    outer: Contexts | None = None
    whole: bool = False

    def given(self) -> Any:
        """The node as given, with its ``@context``."""
        return value_of(self.piece)

    def document(self) -> Any:
        """A document that says the same of this node alone."""
        if self.outer is None:
            return self.given()
        return {"@context": list(self.outer), "@graph": [self.given()]}


class Cutter:
    """Cuts documents apart. ``colons`` counts those of what is in no unit: keys and contexts around graphs."""

    def __init__(self, reader_of: Callable[[Contexts], FastReader | Answer]) -> None:
        self._reader_of = reader_of
        self.units: list[Unit] = []
        self.colons = 0

    def split(self, document: Any) -> None:
        """Cut a document, a ``Raw`` or a value, into its nodes, if its graph is just a list of them."""
        entries = entries_of(document)
        if entries is None:
            self._add(document, ())
            return
        contexts = contexts_of(entries)
        reader = self._reader_of(contexts)
        if not isinstance(reader, FastReader):
            self._add(document, contexts)
            return
        graphs = [key for key in entries if key != "@context" and reader.is_graph(key)]
        node = {key: value_of(entries[key]) for key in entries if key != "@context" and key not in graphs}
        if len(graphs) != 1 or reader.has_scoped_type(node):
            self._add(document, contexts, whole=bool(graphs))
            return
        self.colons += 1
        if node:
            self._add({**node, "@context": list(contexts)}, contexts)
        else:
            self.colons += orjson.dumps({"@context": list(contexts)}).count(b":") if contexts else 0
        members = items_of(entries[graphs[0]])
        for member in [entries[graphs[0]]] if members is None else members:
            own = _own_contexts(member)
            self.units.append(Unit(len(self.units) + 1, member, (*contexts, *own), contexts))

    def _add(self, piece: Any, contexts: Contexts, whole: bool = False) -> None:
        self.units.append(Unit(len(self.units) + 1, piece, contexts, None, whole))


def documents_of(piece: Any) -> Sequence[Any]:
    """The documents of a feed: the items of its list, or itself."""
    items = items_of(piece)
    return [piece] if items is None else items


def items_of(piece: Any) -> Sequence[Any] | None:
    """The items of a list; None if it is no list."""
    if isinstance(piece, msgspec.Raw):
        return _LIST.decode(piece) if _first(piece) == b"[" else None
    return piece if isinstance(piece, list) else None


def entries_of(piece: Any) -> Mapping[str, Any] | None:
    """The entries of an object; None if it is no object."""
    if isinstance(piece, msgspec.Raw):
        return _OBJECT.decode(piece) if _first(piece) == b"{" else None
    return piece if isinstance(piece, dict) else None


def value_of(piece: Any) -> Any:
    """The value that a piece stands for. Raises orjson.JSONDecodeError."""
    return orjson.loads(memoryview(piece)) if isinstance(piece, msgspec.Raw) else piece


def contexts_of(entries: Mapping[str, Any]) -> Contexts:
    """The contexts that an object brings, in order."""
    if "@context" not in entries:
        return ()
    context = value_of(entries["@context"])
    return tuple(context) if isinstance(context, list) else (context,)


def all_contexts(documents: Sequence[Any]) -> Iterator[Contexts]:
    """The contexts of each document that is an object."""
    for document in documents:
        entries = entries_of(document)
        if entries is not None:
            yield contexts_of(entries)


def _own_contexts(member: Any) -> Contexts:
    if isinstance(member, msgspec.Raw):
        text = bytes(member)
        if b"@context" not in text and b"\\u" not in text:
            return ()
    entries = entries_of(member)
    return () if entries is None else contexts_of(entries)


def _first(piece: msgspec.Raw) -> bytes:
    view = memoryview(piece)
    return next((bytes(view[i : i + 1]) for i in range(len(view)) if view[i] not in _SPACE), b"")
