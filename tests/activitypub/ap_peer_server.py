"""A peer for tests on the loopback: says what a test tells it to, keeps connections, counts them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

AS2 = "application/activity+json"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Callable[[Asked, socket.socket, threading.Event], None]


class PeerServer:
    """Answers by path, each connection in a thread of its own. Of a list each answer serves once, the last for ever."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self.stop = threading.Event()
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.target for asked in self.asked]

    def close(self) -> None:
        """Stop listening, and let every connection go."""
        self.stop.set()
        with socket.socket() as waker:
            waker.connect(("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            if self.stop.is_set():
                client.close()
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        try:
            talking = self._tls.wrap_socket(client, server_side=True) if self._tls else client
            with talking:
                talking.settimeout(10)
                while (asked := _request(talking)) is not None:
                    self.asked.append(asked)
                    answer = self._next(asked.target)
                    if not isinstance(answer, bytes):
                        answer(asked, talking, self.stop)
                        return
                    talking.sendall(answer)
                    if b"connection: close" in answer.split(b"\r\n\r\n")[0].lower():
                        return
        except OSError:
            return  # the client has had enough

    def _next(self, target: str) -> Answer:
        given = self.answers.get(target) or answer(b"", status="404 Not Found")
        if isinstance(given, list):
            return given.pop(0) if len(given) > 1 else given[0]
        return given


def _request(client: socket.socket) -> Asked | None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(65536)
        if not piece:
            return None
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        piece = client.recv(65536)
        if not piece:
            return None  # it ended amid its request
        body += piece
    method, target, _ = first.split(" ", 2)
    return Asked(method, target, headers, body)


def answer(body: bytes, *headers: str, status: str = "200 OK", kind: str | None = AS2) -> bytes:
    """A whole response of a media type."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def document(id_: str, **more: Any) -> bytes:
    """An AS2 document that names itself ``id_``, as a response."""
    return answer(json.dumps({"id": id_, "type": "Note", **more}).encode())


def redirect(to: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return answer(b"", f"Location: {to}", status=status, kind=None)
