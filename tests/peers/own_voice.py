"""Our own pieces without our server: actors, keys, signatures, objects behind a few lines of HTTP, for a real peer."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from federation.activitypub import keys
from federation.activitypub.actors import Profile, PublicKeys, commons_actor, partner_actor
from federation.activitypub.names import Names
from federation.activitypub.objects import CONTEXT_FILE, CONTEXT_PATH
from federation.activitypub.proofs import ProofKey, create
from federation.activitypub.signatures import Dialect, Message, SigningKey, sign

ROOT = Path(__file__).parents[2]
AS2 = "application/activity+json"
SECONDS = 30


def now() -> datetime:
    """The time: a peer has its own clock."""
    return datetime.now(UTC)


class OwnVoice:
    """Serves the actors ``avise`` and ``commons``, keeps what is posted to it, and speaks to others."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.names = Names(f"http://127.0.0.1:{self._server.server_port}")
        self.rsa, self.ed25519 = keys.generate_rsa(), keys.generate_ed25519()
        public = PublicKeys(keys.public_pem(self.rsa.public_key()), keys.encode_multikey(self.ed25519.public_key()))
        self.avise, self.commons = self.names.partner("avise"), self.names.commons
        profile = Profile("Avise", "L'agence d'ingénierie.", self.names.origin + "/")
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.add(partner_actor(self.names, "avise", profile, public))
        self.add(commons_actor(self.names, profile, public))
        self.context = (ROOT / CONTEXT_FILE).read_bytes()
        self.asked: list[str] = []
        self._posted: list[Message] = []
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SECONDS)

    def add(self, document: Mapping[str, Any]) -> None:
        """Serve a document at its id."""
        self.documents[document["id"].removeprefix(self.names.origin)] = document

    # ---- speaking

    def prove(self, document: Mapping[str, Any], actor: str | None = None) -> dict[str, Any]:
        """A document with the proof of an actor of ours."""
        key = ProofKey(f"{actor or self.avise}#ed25519-key", self.ed25519)
        return create(document, key=key, created=now())

    def signed(self, inbox: str, body: bytes, dialect: Dialect, actor: str | None = None) -> Message:
        """A POST to an inbox as an actor of ours signs it."""
        origin = inbox[: inbox.index("/", len("http://"))]
        message = Message("POST", inbox[len(origin) :], (("Content-Type", AS2),), body)
        key = SigningKey(f"{actor or self.avise}#main-key", self.rsa)
        return sign(message, origin=origin, key=key, now=now(), dialect=dialect)

    def post(self, inbox: str, body: bytes, dialect: Dialect | None, actor: str | None = None) -> int:
        """Hand an activity to an inbox, without HTTP signature if there is no dialect; the status it answers."""
        if dialect is None:
            return send(inbox, Message("POST", "/", (("Content-Type", AS2),), body))
        return send(inbox, self.signed(inbox, body, dialect, actor))

    # ---- hearing

    def next_post(self) -> Message:
        """The next request to one of our inboxes, in order."""
        with self._came:
            assert self._came.wait_for(lambda: self._posted, SECONDS), "nothing was posted"
            return self._posted.pop(0)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        voice = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                voice.asked.append(self.path)
                if self.path == CONTEXT_PATH:
                    self._answer(200, voice.context, "application/ld+json")
                    return
                found = voice.documents.get(self.path)
                status = 404 if found is None else 410 if found["type"] == "Tombstone" else 200
                self._answer(status, json.dumps(found).encode(), AS2)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with voice._came:
                    voice._posted.append(Message("POST", self.path, tuple(self.headers.items()), body))
                    voice._came.notify_all()
                self._answer(202, b"", "text/plain")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def send(inbox: str, message: Message) -> int:
    """Send a request just as it is; the status of the answer."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(inbox, data=message.body, headers=dict(message.headers), timeout=SECONDS)
    return answer.status_code


def with_header(message: Message, name: str, old: str, new: str) -> Message:
    """The request with one header changed."""
    assert any(each == name and old in value for each, value in message.headers), (name, message.headers)
    changed = tuple((each, value.replace(old, new) if each == name else value) for each, value in message.headers)
    return replace(message, headers=changed)


def document(address: str) -> dict[str, Any]:
    """The AS2 document at an address."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(address, headers={"Accept": AS2}, timeout=SECONDS)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
