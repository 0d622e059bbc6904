"""One worker process of the query pool, as its parent sees it: started, asked, given up.

It must never be used by two threads at once, nor be started by a thread that ends before the process shall.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Any, Final

from federation.engines.query_worker import ASK, CHUNK, FRAME, READY, receive

START_SECONDS: Final = 20.0  # a loaded machine starts a worker in well under this; more means that it cannot start


class Died(Exception):
    """The worker is gone, or has broken the protocol."""


class NeverBegun(Died):
    """The worker died before it read the request: another one can have it."""


class Worker:
    """One child process and the socket to it. Used by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "federation.engines.query_worker", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={
                    "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                    "RUST_BACKTRACE": "0",
                    "MALLOC_ARENA_MAX": "2",
                },
                cwd="/",
            )
        except OSError:
            ours.close()
            self._errors.close()
            raise
        finally:
            theirs.close()
        try:
            ready = self._receive(time.monotonic() + START_SECONDS)
        except (Died, TimeoutError) as error:
            said = self.last_words()
            self.discard()
            raise OSError(f"a query worker does not start: {said or type(error).__name__}") from error
        self.confinement: dict[str, Any] = json.loads(ready[1]) if ready[0] == READY else {}

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self.process.poll() is None

    def ask(self, request: Mapping[str, Any], deadline: float) -> tuple[bytes, bytes, dict[str, Any]]:
        """Send one request and collect its answer: body, kind of the last frame, its content.

        Raises TimeoutError at ``deadline`` (monotonic seconds), NeverBegun, Died.
        """
        payload = json.dumps(request).encode()
        try:
            self._channel.settimeout(_left(deadline))
            self._channel.sendall(FRAME.pack(ASK, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise NeverBegun from error
        body = bytearray()
        while True:
            kind, content = self._receive(deadline)
            if kind != CHUNK:
                return bytes(body), kind, json.loads(content)
            body += content

    def _receive(self, deadline: float) -> tuple[bytes, bytes]:
        try:
            self._channel.settimeout(_left(deadline))
            frame = receive(self._channel)
        except ConnectionResetError as error:  # a local socket closed with unread bytes: those of our request
            raise NeverBegun from error
        if frame is None:
            raise Died
        return frame

    def exit_signal(self) -> int:
        """Signal that ended the process that has just gone; 0 if it ended by itself."""
        try:
            return max(0, -self.process.wait(timeout=2))
        except subprocess.TimeoutExpired:
            return 0

    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 500))
        return self._errors.read().decode("utf-8", "replace").strip()

    def discard(self) -> None:
        """Kill it if it still runs, and let go of everything."""
        self.process.kill()
        self._channel.close()
        self.process.wait()
        self._errors.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
