"""An instance with an inbox, really served on the loopback, and actors of other servers that talk to it.

Run as a program it serves until it is killed: ``python ap_site.py FOLDER`` says its address on the first line.
"""

from __future__ import annotations

import functools
import http.client
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ap_peer_server import AS2, PeerServer, answer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from sample_commons import make_platform
from waitress import wasyncore

from federation.activitypub import proofs, signatures
from federation.activitypub.buckets import Rate
from federation.activitypub.inbox import Inbox, Limits
from federation.activitypub.keycache import KeyCache
from federation.activitypub.keyring import Keyring, known_actors, load_secret
from federation.activitypub.keys import encode_multikey, public_pem
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.proofs import ProofKey
from federation.activitypub.remote import Remote
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.cli.instance import listen
from federation.ledger import open_ledger
from federation.web import create_app

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AMPLE = Limits(Rate(100_000.0, 100_000.0), Rate(100_000.0, 100_000.0))


@functools.cache
def rsa_key(number: int = 0, bits: int = 2048) -> RSAPrivateKey:
    """One of a few RSA keys; making them takes a while."""
    return generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ed25519_key(number: int = 0) -> Ed25519PrivateKey:
    """One of a few Ed25519 keys."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


class Clock:
    """Real time, moved by a test."""

    def __init__(self) -> None:
        self.moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def seconds(self) -> float:
        return time.monotonic() + self.moved.total_seconds()


class Site:
    """A served instance over a ledger in ``folder``. ``asked``: requests that its key cache made."""

    def __init__(self, folder: Path, limits: Limits = AMPLE) -> None:
        self.clock = Clock()
        self._app: Any = None
        self._server = listen(lambda *call: self._app(*call), "127.0.0.1", 0, proxied=False)
        self.port = self._server.effective_port
        self.origin = f"http://127.0.0.1:{self.port}"
        self.names = Names(self.origin)
        self.ledger = open_ledger("", folder)
        self.platform: Any = make_platform(filled=False)
        self.platform.settings = replace(self.platform.settings, base_url=self.origin, fetch_private=True)
        secret = load_secret("", folder, bytes)
        exists = known_actors(self.names, self.platform.memory.partner)
        self.keyring = Keyring(self.ledger.ap_keys, self.names, secret, exists, self.clock.now, bytes)
        self.platform.keys = self.keyring
        own = origin_of(self.origin)
        self.remote = Remote(own, "Carrefour test", self.clock.seconds, allow_private=True)
        self.limits = limits
        self.restart()
        self._app = create_app(self.platform)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """Forget all that is only in memory."""
        ledger = self.ledger
        self.keys = KeyCache(ledger.ap_remote_keys, self.remote, self.clock.now)
        self.inbox = Inbox(
            self.origin,
            self.keys,
            ledger.ap_inbox,
            ledger.ap_blocks.all,
            self.clock.now,
            self.clock.seconds,
            self.limits,
            lambda actor: ledger.ap_actors.get(actor) is not None,
        )
        self.platform.inbox = self.inbox

    def close(self) -> None:
        """Stop serving."""
        self.inbox.close()
        self.remote.close()
        self._server.task_dispatcher.shutdown(timeout=1)
        # in the thread that waits for these sockets, which then has none left
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(10)
        self.ledger.close()

    @property
    def kept(self) -> list[str]:
        """The activities that are durable, by id."""
        return sorted(row.activity for row in self.ledger.ap_inbox.claim("t", self.clock.now(), self.clock.now(), 9999))

    def post(self, message: Message, **more: str) -> Told:
        """Send a message as it is, with more headers."""
        return send(self.port, message, **more)

    def raw(self, request: bytes) -> Told:
        """Send bytes on a connection of their own, and read one answer."""
        return send_raw(self.port, request)


@dataclass(frozen=True)
class Told:
    """An answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(port: int, message: Message, **more: str) -> Told:
    """Send a message as it is to a port of the loopback, with more headers."""
    headers = [*message.headers, *((name.replace("_", "-"), value) for name, value in more.items())]
    lines = [f"{message.method} {message.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        lines.append(f"Content-Length: {len(message.body)}")
    return send_raw(port, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + message.body)


def send_raw(port: int, request: bytes) -> Told:
    """Send bytes on a connection of their own, and read one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Told(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())


@dataclass
class Sender:
    """An actor of another server, which serves its document."""

    server: PeerServer
    name: str = "ada"
    rsa: RSAPrivateKey = field(default_factory=rsa_key)
    ed25519: Ed25519PrivateKey = field(default_factory=ed25519_key)
    said: int = 0

    def __post_init__(self) -> None:
        self.serve()

    @property
    def id(self) -> str:
        return f"{self.server.origin}/users/{self.name}"

    @property
    def key_id(self) -> str:
        return f"{self.id}#main-key"

    def document(self, **more: Any) -> dict[str, Any]:
        """The actor as its server shows it."""
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": self.id,
            "type": "Person",
            "inbox": f"{self.id}/inbox",
            "publicKey": {"id": self.key_id, "owner": self.id, "publicKeyPem": public_pem(self.rsa.public_key())},
            "assertionMethod": [
                {
                    "id": f"{self.id}#ed25519-key",
                    "type": "Multikey",
                    "controller": self.id,
                    "publicKeyMultibase": encode_multikey(self.ed25519.public_key()),
                }
            ],
            **more,
        }

    def serve(self, **more: Any) -> None:
        """Show the document from now on."""
        self.server.answers[f"/users/{self.name}"] = answer(json.dumps(self.document(**more)).encode())

    def activity(self, **more: Any) -> dict[str, Any]:
        """A new activity: the Create of a note, unless told otherwise."""
        self.said += 1
        note = f"{self.server.origin}/notes/{self.name}-{self.said}"
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{self.server.origin}/activities/{self.name}-{self.said}",
            "type": "Create",
            "actor": self.id,
            "to": [PUBLIC],
            "object": {"id": note, "type": "Note", "attributedTo": self.id, "content": "x"},
            **more,
        }

    def message(
        self,
        site: Site,
        activity: dict[str, Any] | bytes | None = None,
        *,
        dialect: Dialect = Dialect.CAVAGE,
        target: str = "/inbox",
        key_id: str | None = None,
        now: datetime | None = None,
        kind: str = AS2,
    ) -> Message:
        """A signed POST of an activity, or of bytes as they are."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity or self.activity()).encode()
        plain = Message("POST", target, (("Content-Type", kind),), body)
        key = SigningKey(key_id or self.key_id, self.rsa)
        return signatures.sign(plain, origin=site.origin, key=key, now=now or site.clock.now(), dialect=dialect)

    def proved(self, site: Site, activity: dict[str, Any] | None = None) -> dict[str, Any]:
        """An activity with a proof."""
        key = ProofKey(f"{self.id}#ed25519-key", self.ed25519)
        return proofs.create(activity or self.activity(), key=key, created=site.clock.now())


def unsigned(site: Site, activity: dict[str, Any] | bytes, target: str = "/inbox", kind: str = AS2) -> Message:
    """A POST without a signature."""
    body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
    return Message("POST", target, (("Host", site.origin.partition("://")[2]), ("Content-Type", kind)), body)


def changed(message: Message, name: str, value: str | None) -> Message:
    """The same with another value of a header, or without it."""
    headers = [(each, old) for each, old in message.headers if each.lower() != name.lower()]
    return replace(message, headers=(*headers, *([] if value is None else [(name, value)])))


def header(message: Message, name: str) -> str:
    """The value of a header."""
    return next(value for each, value in message.headers if each.lower() == name.lower())


def serve_until_killed(arguments: Iterable[str]) -> None:
    """The program."""
    (folder,) = arguments
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it tells of every request that waits
    site = Site(Path(folder))
    sys.stdout.write(f"{site.origin}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    serve_until_killed(sys.argv[1:])
