"""A child process that expands JSON-LD documents of strangers to N-Quads, one at a time, within limits.

It must never reach the network, hold a store, or answer a part of a document as if it were the whole.
The parent (expand.py) talks to it over one socket, in the frames of engines/query_worker.py.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

import orjson
import pyoxigraph as ox

from federation.activitypub.contexts import Bundle, localise
from federation.activitypub.refusal import Refused
from federation.activitypub.strictjson import MAX_JSONLD_BYTES
from federation.engines import sandbox
from federation.engines.query_worker import DONE, FAILED, FRAME, READY, receive
from federation.model import iri, literal, text_literal, typed

_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may use: seconds of processor time, bytes of address space, and the size of what it says."""

    document_bytes: int = 2 * MAX_JSONLD_BYTES  # written again, a document may be longer than it came
    cpu_seconds: float = 2.0
    address_space: int = 512 * 1024 * 1024
    blank_nodes: int = 64
    statements: int = 20_000
    answer_bytes: int = 4 * 1024 * 1024


def expand(body: bytes, bundle: Bundle, limits: Limits) -> list[str]:
    """Expand one JSON document to N-Quads lines, terms in canonical form, without a base IRI.

    Raises Refused: ``json:syntax``, ``jsonld:syntax``, ``jsonld:blank-nodes``, ``jsonld:statements``, and those of
    contexts.localise.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("json:syntax") from error
    if not isinstance(document, dict):
        raise Refused("json:syntax")
    local = orjson.dumps(localise(document, bundle))
    writer = _Writer(limits)
    try:
        for quad in ox.parse(local, ox.RdfFormat.JSON_LD):
            writer.add(quad)
    except (SyntaxError, ValueError) as error:  # not JSON-LD: a list as @id, two keys for one keyword
        raise Refused("jsonld:syntax") from error
    return writer.lines


class _Writer:
    """Collects lines, and stops at the limits."""

    def __init__(self, limits: Limits) -> None:
        self.lines: list[str] = []
        self._limits = limits
        self._blank: set[str] = set()
        self._bytes = 0

    def add(self, quad: ox.Quad) -> None:
        """Write one quad. Raises Refused over a limit."""
        parts = [self._term(quad.subject), self._term(quad.predicate), self._term(quad.object)]
        if not isinstance(quad.graph_name, ox.DefaultGraph):
            parts.append(self._term(quad.graph_name))
        line = f"{' '.join(parts)} ."
        self._bytes += len(line)
        if len(self.lines) >= self._limits.statements or self._bytes > self._limits.answer_bytes:
            raise Refused("jsonld:statements")
        self.lines.append(line)

    def _term(self, term: Any) -> str:
        if isinstance(term, ox.NamedNode):
            return iri(term.value)
        if isinstance(term, ox.Literal):
            if term.language is not None:
                return text_literal(term.value, term.language)
            kind = term.datatype.value
            return literal(term.value) if kind == _XSD_STRING else typed(term.value, kind)
        self._blank.add(term.value)
        if len(self._blank) > self._limits.blank_nodes:
            raise Refused("jsonld:blank-nodes")
        return f"_:{term.value}"


def serve(channel: socket.socket) -> None:
    """Take the bundle and the limits, then answer documents until the channel is closed."""
    first = receive(channel)
    if first is None:
        return
    given = orjson.loads(first[1])
    limits = Limits(**given["limits"])
    bundle = Bundle(given["contexts"])
    confined = sandbox.confine(files=64)
    if sys.platform.startswith("linux"):  # elsewhere the kernel does not know this limit, or does not keep it
        resource.setrlimit(resource.RLIMIT_AS, (limits.address_space, limits.address_space))
    _send(channel, READY, orjson.dumps({"network_denied": confined.network, "reason": confined.reason}))
    while (asked := receive(channel)) is not None:
        _send(channel, *_answer(asked[1], bundle, limits))


def _answer(body: bytes, bundle: Bundle, limits: Limits) -> tuple[bytes, bytes]:
    """Expand, or be ended by SIGPROF when the processor time is used up: nothing catches that signal."""
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
    try:
        return DONE, "\n".join(expand(body, bundle, limits)).encode()
    except Refused as refusal:
        return FAILED, refusal.rule.encode()
    except (MemoryError, RecursionError):
        return FAILED, b"expansion:memory"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _send(channel: socket.socket, kind: bytes, payload: bytes) -> None:
    channel.sendall(FRAME.pack(kind, len(payload)) + payload)


def main(arguments: list[str]) -> None:
    """Serve the socket with the file descriptor ``arguments[0]``. It ends when the parent does: the socket closes."""
    with socket.socket(fileno=int(arguments[0])) as channel, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
