"""What stands in front of a server: passes each request on as it is, and may refuse a dialect or garble a signature."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fedify_peer import Read

SECONDS = 240
_OWN = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True, slots=True)
class Passed:
    """A POST that came: the dialect of its signature, its ``Signature-Input`` if any, and what was answered."""

    dialect: Read | None
    signed: str
    status: int


class FrontDoor:
    """A public address before a port of loopback. ``refuses``: the dialect to which a POST is answered 401."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.refuses: Read | None = None
        self.posts: list[Passed] = []
        self._garbles = 0
        self._port = 0
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def leads_to(self, port: int) -> None:
        """Pass on to this port from now on."""
        self._port = port

    def garble(self, times: int) -> None:
        """Change one letter of the next signatures that come by POST."""
        self._garbles = times

    def close(self) -> None:
        """Pass nothing on any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SECONDS)

    def _post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        dialect, signed = dialect_of(headers), {name.lower(): value for name, value in headers}
        if dialect is not None and dialect == self.refuses:
            self.posts.append(Passed(dialect, signed.get("signature-input", ""), 401))
            return 401, [], b""
        if self._garbles > 0:
            self._garbles -= 1
            headers = [(name, garbled(value) if name.lower() == "signature" else value) for name, value in headers]
        answer = self._ask("POST", path, headers, body)
        self.posts.append(Passed(dialect, signed.get("signature-input", ""), answer[0]))
        return answer

    def _ask(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request to the server behind, headers as they came."""
        behind = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        try:
            behind.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in {"connection", "keep-alive"}:
                    behind.putheader(name, value)
            behind.endheaders(body)
            said = behind.getresponse()
            kept = [(name, value) for name, value in said.getheaders() if name.lower() not in _OWN]
            return said.status, kept, said.read()
        finally:
            behind.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(*door._ask("GET", self.path, list(self.headers.items()), None))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(*door._post(self.path, list(self.headers.items()), body))

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def dialect_of(headers: list[tuple[str, str]]) -> Read | None:
    """In which dialect a request is signed, if it is."""
    names = {name.lower() for name, _ in headers}
    if "signature-input" in names:
        return "rfc9421"
    return "cavage" if "signature" in names else None


def garbled(signature: str) -> str:
    """The same signature field with one letter of the signature itself changed."""
    marker = "=:" if signature.startswith("sig1=:") else 'signature="'
    at = signature.index(marker) + len(marker) + 8
    return f"{signature[:at]}{'A' if signature[at] != 'A' else 'B'}{signature[at + 1 :]}"
