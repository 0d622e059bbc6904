"""Expands JSON-LD of strangers in child processes that are reused, limited, and replaced when they die.

It must never expand in this process, nor let one document end or slow another for longer than its limits.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

import orjson

from federation.activitypub.expansion import Limits
from federation.activitypub.refusal import Refused
from federation.engines.query_worker import ASK, DONE, FRAME, READY, receive
from federation.errors import EngineUnavailable

_START_SECONDS: Final = 20.0  # a loaded machine starts a child in well under this
_WALL_FACTOR: Final = 5  # wall time per second of processor time, before a child is given up
_WAIT_SECONDS: Final = 30.0  # for a free child
_TRIES: Final = 2  # a child may have died while it was idle


class _Gone(Exception):
    """The child is no longer there; ``by`` is the signal that ended it, 0 if none."""

    def __init__(self, by: int) -> None:
        super().__init__(by)
        self.by = by


class _Child:
    """One child process and the socket to it. Used by one thread at a time."""

    def __init__(self, greeting: bytes) -> None:
        ours, theirs = socket.socketpair()
        self._channel = ours
        with theirs:
            try:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, "-P", "-m", "federation.activitypub.expansion", str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={
                        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                        "RUST_BACKTRACE": "0",
                        "MALLOC_ARENA_MAX": "2",
                    },
                    cwd="/",
                )
            except OSError:
                ours.close()
                raise
        try:
            kind, said = self.ask(greeting, _START_SECONDS)
        except (_Gone, TimeoutError):
            self.end()
            raise
        self.network_denied = kind == READY and bool(orjson.loads(said)["network_denied"])

    def ask(self, payload: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Send one frame and take the answer. Raises TimeoutError, _Gone."""
        deadline = time.monotonic() + seconds
        try:
            self._channel.settimeout(seconds)
            self._channel.sendall(FRAME.pack(ASK, len(payload)) + payload)
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            answer = receive(self._channel)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _Gone(self._exit_signal()) from error
        if answer is None:
            raise _Gone(self._exit_signal())
        return answer

    def end(self) -> None:
        """Kill it if it still runs, and let go of everything."""
        self.process.kill()
        self._channel.close()
        self.process.wait()

    def _exit_signal(self) -> int:
        try:
            return max(0, -self.process.wait(timeout=2))
        except subprocess.TimeoutExpired:
            return 0


class Expander:
    """``size`` child processes, started when first needed. Safe for use by several threads.

    ``contexts`` are the documents of contexts.bundled(). The children have no network, no handle of ours, and per
    document the processor time and memory of ``limits``.
    """

    def __init__(self, contexts: Mapping[str, Any], size: int = 1, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._greeting = orjson.dumps({"contexts": dict(contexts), "limits": asdict(self._limits)})
        self._size = size
        self._places: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._places.put(None)

    def quads(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """Expand a document to N-Quads lines (canonical terms, each line ending in `` .``), in document order.

        Raises Refused for what is not taken: ``context:…``, ``json:keyword``, ``json:depth``, ``json:syntax``,
        ``jsonld:syntax``, ``jsonld:blank-nodes``, ``jsonld:statements``; 413 ``jsonld:size``; over the limits of the
        process ``expansion:time``, ``expansion:memory``; ``expansion:failed``; 503 ``expansion:busy``.
        Raises EngineUnavailable if children do not start or are killed by somebody else, twice.
        Design, section 5, steps 11 and 12.
        """
        try:
            body = orjson.dumps(document)
        except orjson.JSONEncodeError as error:  # too deep, a lone surrogate, a number beyond 64 bits
            raise Refused("json:syntax") from error
        if len(body) > self._limits.document_bytes:
            raise Refused("jsonld:size", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        kind, said = self._answer(body)
        if kind != DONE:
            raise Refused(said.decode("ascii", "replace"))
        return tuple(said.decode().split("\n")) if said else ()

    def network_denied(self) -> bool:
        """Whether the operating system keeps a child from the network. Raises as :meth:`quads` does."""
        child = self._take()
        self._places.put(child)
        return child.network_denied

    def close(self) -> None:
        """End all children; waits for those at work. Nothing may be asked afterwards."""
        for _ in range(self._size):
            child = self._places.get()
            if child is not None:
                child.end()

    def _answer(self, body: bytes) -> tuple[bytes, bytes]:
        for _ in range(_TRIES):
            child = self._take()
            kept: _Child | None = None
            try:
                answer = child.ask(body, self._limits.cpu_seconds * _WALL_FACTOR)
                kept = child
                return answer
            except TimeoutError:
                raise Refused("expansion:time") from None
            except _Gone as gone:
                if gone.by in (signal.SIGPROF, signal.SIGXCPU):
                    raise Refused("expansion:time") from None
                if gone.by in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):  # no memory; no stack
                    raise Refused("expansion:memory") from None
                if gone.by == 0:  # it ended itself over this document: another child would do the same
                    raise Refused("expansion:failed") from None
            finally:
                if kept is None:
                    child.end()
                self._places.put(kept)
        raise _unavailable()

    def _take(self) -> _Child:
        try:
            child = self._places.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            raise Refused("expansion:busy", HTTPStatus.SERVICE_UNAVAILABLE) from None
        if child is not None:
            return child
        try:
            return _Child(self._greeting)
        except (OSError, _Gone) as error:  # TimeoutError is an OSError
            self._places.put(None)
            raise _unavailable() from error


def _unavailable() -> EngineUnavailable:
    return EngineUnavailable(
        "The processes that read JSON-LD do not start or keep dying.",
        "Les processus qui lisent le JSON-LD ne démarrent pas ou s'arrêtent l'un après l'autre.",
    )
