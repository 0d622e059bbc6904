"""A child process that answers SPARQL queries of strangers, one at a time, from a read-only checkpoint.

It must never write, never reach the network, and never answer a part of a result as if it were the whole.
The parent (query_pool.py) talks to it over one socket; frames are a kind byte, a length and that many bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from federation.engines import sandbox
from federation.engines.checkpoints import hold

FRAME = struct.Struct(">cI")
READY, ASK, CHUNK, DONE, FAILED = b"R", b"A", b"C", b"D", b"F"

_CHUNK_BYTES = 256 * 1024
_LET_GO_SECONDS = 60.0  # opening a checkpoint again takes some 25 ms
_KEPT_SHARE = 4  # a worker that keeps more than a quarter of a query's memory afterwards is replaced
_BINDINGS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
_GRAPHS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/n-quads": ox.RdfFormat.N_QUADS,
    "application/trig": ox.RdfFormat.TRIG,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}
# Phrases of the engine that say more than "not SPARQL here", and what we call them.
_HINTS = (
    ("Prefix not found", "prefix"),
    ("IRI parsing failed", "iri"),
    ("that is unbound", "unbound"),
    ("already in scope", "bound"),
    ("custom function", "function"),
)
_POSITION = re.compile(r"error at (\d+):(\d+)")


class TooLarge(Exception):
    """The result has more rows or bytes than allowed; ``what`` is ``rows`` or ``bytes``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class RowCounter:
    """Counts the rows of a SPARQL result while its bytes pass by, in pieces cut anywhere.

    Rests on what each format guarantees: TSV (SPARQL 1.1 CSV and TSV, section 4) escapes line ends, so a line is a row;
    CSV keeps them inside quotes; XML escapes ``<``; in JSON, ``},{`` outside strings only stands between two rows.
    """

    def __init__(self, media_type: str) -> None:
        readers: dict[str, Callable[[bytes], int]] = {
            "application/sparql-results+json": self._json,
            "application/sparql-results+xml": self._xml,
            "text/csv": self._csv,
            "text/tab-separated-values": lambda piece: piece.count(b"\n"),
        }
        self._read = readers[media_type]
        self._rows = -1 if media_type.startswith("text/") else 0  # the header line of CSV and TSV is not a row
        self._tail = b""
        self._quoted = False

    def feed(self, piece: bytes) -> int:
        """Take the next piece and return the rows seen so far."""
        self._rows += self._read(piece)
        return self._rows

    def _csv(self, piece: bytes) -> int:
        return sum(part.count(b"\n") for part in self._unquoted(piece))

    def _xml(self, piece: bytes) -> int:
        text = self._tail + piece
        self._tail = text[-7:]  # one byte less than <result>
        return text.count(b"<result>")

    def _json(self, piece: bytes) -> int:
        text = self._tail + piece
        if b"\\" in text:
            text = _ESCAPE.sub(b"", text)
        outside = self._unquoted(text)
        cut = _HALF_ESCAPE.search(text) if self._quoted else _HALF_SEPARATOR.search(outside[-1])
        self._tail = cut[0] if cut else b""
        joined = b'"'.join(outside)
        return joined.count(b"},{") + joined.count(b"[{")

    def _unquoted(self, text: bytes) -> list[bytes]:
        """Parts of ``text`` outside double quotes, the state carried over from piece to piece."""
        parts = text.split(b'"')
        outside = parts[1::2] if self._quoted else parts[::2]
        self._quoted ^= len(parts) % 2 == 0
        return outside


_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_HALF_ESCAPE = re.compile(rb"\\\Z")
_HALF_SEPARATOR = re.compile(rb"(?:\[|\},?)\Z")


class Sink:
    """Where the engine writes its serialisation: sends it on in chunks, and stops it at the limits."""

    def __init__(self, send: socket.socket, rows: int, size: int, counter: RowCounter | None) -> None:
        self._send = send
        self._rows = rows
        self._left = size
        self._counter = counter
        self._held = bytearray()
        self._over: TooLarge | None = None

    def write(self, data: bytes) -> int:
        """Take serialised bytes. Raises TooLarge, again at each call after the first: nothing more is taken."""
        if self._over is not None:
            raise self._over
        self._left -= len(data)
        if self._left < 0:
            self._over = TooLarge("bytes")
        elif self._counter is not None and self._counter.feed(bytes(data)) > self._rows:
            self._over = TooLarge("rows")
        if self._over is not None:
            raise self._over
        self._held += data
        if len(self._held) >= _CHUNK_BYTES:
            self._send.sendall(FRAME.pack(CHUNK, len(self._held)) + self._held)
            self._held.clear()
        return len(data)

    def flush(self) -> None:
        """Nothing to do: chunks leave by size."""

    def rest(self) -> bytes:
        """What has not been sent yet, as a frame."""
        return FRAME.pack(CHUNK, len(self._held)) + bytes(self._held) if self._held else b""


class Checkpoint:
    """The checkpoint that is open: read-only, held so that the writer does not remove it."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._held: int | None = None
        self._store = ox.Store()

    def at(self, path: str | None) -> ox.Store:
        """Open the checkpoint at ``path`` if it is not open yet; None is an empty store. Raises OSError."""
        if path == self._path:
            return self._store
        if path is None:
            held, store = None, ox.Store()
        else:
            held = hold(Path(path))
            try:
                store = ox.Store.read_only(path)
            except OSError:
                os.close(held)
                raise
        if self._held is not None:
            os.close(self._held)
        self._path, self._held, self._store = path, held, store
        return store


def serve(channel: socket.socket) -> None:
    """Answer queries from ``channel`` until it is closed or this process has grown too much."""
    confined = sandbox.confine()
    checkpoint = Checkpoint()
    start = sandbox.memory_in_use().resident
    _send(channel, READY, {"network_denied": confined.network, "reason": confined.reason})
    while (asked := _next(channel, checkpoint)) is not None:
        request = json.loads(asked[1])
        try:
            rest, done = _answer(channel, checkpoint, request)
        except TooLarge as error:
            rest, done = b"", {"failed": "too_large", "what": error.what}
        except MemoryError:
            rest, done = b"", {"failed": "memory"}
        retired = sandbox.memory_in_use().resident - start > request["memory"] // _KEPT_SHARE
        done["retired"] = retired
        payload = json.dumps(done).encode()
        channel.sendall(rest + FRAME.pack(FAILED if "failed" in done else DONE, len(payload)) + payload)
        if retired:
            return


def _next(channel: socket.socket, checkpoint: Checkpoint) -> tuple[bytes, bytes] | None:
    """Wait for the next request; meanwhile let go of a checkpoint that nobody asks for, so that it can be removed."""
    if not select.select([channel], [], [], _LET_GO_SECONDS)[0]:
        checkpoint.at(None)
    return receive(channel)


def _answer(channel: socket.socket, checkpoint: Checkpoint, request: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    try:
        sandbox.lift()  # opening a checkpoint reserves some 500 MB of addresses: that is not the query's doing
        store = checkpoint.at(request["store"])
    except OSError:
        return b"", {"failed": "store"}
    sandbox.allow(request["memory"], 2 * request["seconds"] + 1)
    try:
        return _evaluate(channel, store, request)
    except SyntaxError as error:
        return b"", {"failed": "syntax", **_syntax(str(error))}
    except UnicodeEncodeError:
        return b"", {"failed": "syntax", "hint": "characters"}
    except ValueError:
        return b"", {"failed": "syntax", "hint": "iri"}
    except (RuntimeError, OSError) as error:
        # The engine reports SERVICE that cannot connect as I/O, like a broken store: the catalogue lets none through.
        if "service" in request["query"].lower():
            return b"", {"failed": "forbidden"}
        return b"", {"failed": "store"} if isinstance(error, OSError) else {"failed": "syntax", **_syntax(str(error))}


def _evaluate(channel: socket.socket, store: ox.Store, request: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    accept, rows, size = request["accept"], request["rows"], request["bytes"]
    default, named = request["default"], request["named"]
    given = default is not None or named is not None
    result = store.query(
        request["query"],
        base_iri=request["base"],
        default_graph=[ox.NamedNode(iri) for iri in default or ()] if given else None,
        named_graphs=[ox.NamedNode(iri) for iri in named or ()] if given else None,
    )
    if isinstance(result, ox.QueryTriples):
        kind, media_type = "graph", accept["graph"]
        sink = Sink(channel, rows, size, None)
        ox.serialize(_capped(result, rows), sink, _GRAPHS[media_type])  # type: ignore[arg-type]  # write() is enough
    elif isinstance(result, ox.QueryBoolean):
        kind, media_type = "boolean", accept["boolean"]
        sink = Sink(channel, rows, size, None)
        result.serialize(sink, _BINDINGS[media_type])  # type: ignore[arg-type]
    else:
        kind, media_type = "bindings", accept["bindings"]
        sink = Sink(channel, rows, size, RowCounter(media_type))
        result.serialize(sink, _BINDINGS[media_type])  # type: ignore[arg-type]
    return sink.rest(), {"kind": kind, "media_type": media_type}


def _capped(triples: Iterable[ox.Triple], rows: int) -> Iterator[ox.Triple]:
    """Pass triples on, and stop at the limit: Turtle, JSON-LD and RDF/XML cannot be counted by their bytes."""
    for number, triple in enumerate(triples):
        if number == rows:
            raise TooLarge("rows")
        yield triple


def _syntax(message: str) -> dict[str, Any]:
    """Position and kind of an error, without the engine's words."""
    found: dict[str, Any] = {}
    if position := _POSITION.match(message):
        found = {"line": int(position[1]), "column": int(position[2])}
    for phrase, hint in _HINTS:
        if phrase in message:
            return {**found, "hint": hint}
    return found


def receive(channel: socket.socket) -> tuple[bytes, bytes] | None:
    """Read one frame: its kind and payload. None at the end. Raises TimeoutError, OSError as the socket does."""
    header = _exactly(channel, FRAME.size)
    if header is None:
        return None
    kind, size = FRAME.unpack(header)
    payload = _exactly(channel, size)
    return None if payload is None else (kind, payload)


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = channel.recv(min(size - len(data), _CHUNK_BYTES))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _send(channel: socket.socket, kind: bytes, value: object) -> None:
    payload = json.dumps(value).encode()
    channel.sendall(FRAME.pack(kind, len(payload)) + payload)


def main(arguments: list[str]) -> None:
    """Serve the socket with the file descriptor ``arguments[0]`` for the process ``arguments[1]``."""
    sandbox.die_with_parent(int(arguments[1]))
    with socket.socket(fileno=int(arguments[0])) as channel, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
