"""A server for tests that says exactly what it is told to, however wrong. Must never listen beyond the loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Answer = bytes | Callable[[socket.socket, threading.Event], None]
"""Bytes of a whole response, or a function that writes on the connection until the event says stop."""


class LyingServer:
    """Answers each request with the very bytes a test gives for its path, on a raw socket, then hangs up.

    A path may be given with its query. Of a list of answers each serves once, the last for ever. No answer: 404.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.requests: list[str] = []
        self.stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self, path: str = "/feed") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.stop.set()
        with socket.socket() as waker:
            waker.connect(("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self.stop.is_set():
            client, _ = self._socket.accept()
            with client:
                self._answer(client)

    @property
    def paths(self) -> list[str]:
        """Paths and queries that were asked for, in order, without robots.txt."""
        asked = [head.split(" ", 2)[1] for head in self.requests]
        return [path for path in asked if path != "/robots.txt"]

    def _next(self, path: str) -> Answer:
        given = self.answers.get(path) or self.answers.get(path.split("?")[0]) or http(b"", status="404 Not Found")
        if isinstance(given, list):
            return given.pop(0) if len(given) > 1 else given[0]
        return given

    def _answer(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        self.requests.append(head.decode("latin-1"))
        answer = self._next(head.split(b" ", 2)[1].decode())
        try:
            if isinstance(answer, bytes):
                client.sendall(answer)
            else:
                answer(client, self.stop)
        except OSError:
            return  # the client has had enough


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = -1) -> bytes:
    """A response; ``length`` None leaves it out, -1 tells the truth."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == -1 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 1000) -> bytes:
    """A body in chunks, with the last one."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
