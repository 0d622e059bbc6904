"""The other servers of a benchmark: actors with their documents, what they sign, and a client that costs little.

All are addresses of 127.0.0.0/8: documents are served by one process, requests are sent by another, over connections
that are kept. Everything is signed beforehand.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bench.feed import record
from federation.activitypub import signatures
from federation.activitypub.keys import encode_multikey, public_pem
from federation.activitypub.signatures import Dialect, Message, SigningKey

AS2 = "application/activity+json"
STREAMS = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{STREAMS}#Public"
SECURITY = ("https://w3id.org/security/v1", "https://w3id.org/security/multikey/v1")
CONNECTIONS = 32
HOSTS = [f"127.5.0.{number + 1}" for number in range(16)]
"""Of the actors that post: so many that no limit for one host bites."""
SOURCES = 16
"""Addresses that the client has, so that no limit for one client bites."""

Body = tuple[str, bytes]
"""Media type and bytes of what is served."""


# -- who speaks, and what they say --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speaker:
    """An actor of another server, with the keys that all of them share."""

    origin: str
    path: str
    kind: str
    rsa: RSAPrivateKey
    ed25519: Ed25519PrivateKey

    @property
    def id(self) -> str:
        """Its id."""
        return f"{self.origin}{self.path}"

    @property
    def document(self) -> dict[str, Any]:
        """What its server shows of it."""
        rsa = {"id": f"{self.id}#main-key", "owner": self.id, "publicKeyPem": public_pem(self.rsa.public_key())}
        multikey = {
            "id": f"{self.id}#ed25519-key", "type": "Multikey", "controller": self.id,
            "publicKeyMultibase": encode_multikey(self.ed25519.public_key()),
        }  # fmt: skip
        return {
            "@context": [STREAMS, *SECURITY], "id": self.id, "type": self.kind, "name": "Réseau de mesure",
            "preferredUsername": "bench", "inbox": f"{self.id}/inbox", "outbox": f"{self.id}/outbox",
            "publicKey": rsa, "assertionMethod": [multikey],
        }  # fmt: skip

    def create(self, number: int, commons: str) -> dict[str, Any]:
        """The Create of a page of realistic size, said to everybody and to a commons."""
        told, at = record(number), _moment(number)
        page = {
            "id": f"{self.origin}/pages/{number}", "type": "Page", "attributedTo": self.id,
            "url": f"{self.origin}/pages/{number}.html", "name": told["name"]["fr"],
            "content": f"<p>{told['description']['fr']}</p>", "summary": told["description"]["fr"][:120],
            "tag": [{"type": "Hashtag", "name": f"#{word.replace(' ', '')}"} for word in told["keywords"]],
            "published": at, "updated": at, "to": [PUBLIC], "cc": [commons],
        }  # fmt: skip
        return self.said("Create", number, page, commons)

    def said(self, kind: str, number: int, thing: Any, commons: str) -> dict[str, Any]:
        """An activity of its own."""
        return {
            "@context": STREAMS, "id": f"{self.origin}/activities/{kind.lower()}-{number}", "type": kind,
            "actor": self.id, "published": _moment(number), "to": [PUBLIC], "cc": [commons], "object": thing,
        }  # fmt: skip

    def request(self, body: bytes, origin: str, target: str, dialect: Dialect) -> bytes:
        """A signed POST as it goes over the wire."""
        message = Message("POST", target, (("Content-Type", AS2),), body)
        key = SigningKey(f"{self.id}#main-key", self.rsa)
        signed = signatures.sign(message, origin=origin, key=key, now=datetime.now(UTC), dialect=dialect)
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.headers)]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Keys:
    """What everybody signs with: making keys is not measured."""

    rsa: RSAPrivateKey
    ed25519: Ed25519PrivateKey


def speaker(origin: str, keys: Keys, path: str = "/actor", kind: str = "Organization") -> Speaker:
    """An actor of another server."""
    return Speaker(origin, path, kind, keys.rsa, keys.ed25519)


def shown(speakers: Sequence[Speaker]) -> dict[str, Body]:
    """The documents of actors, by their ids."""
    return {each.id: (AS2, encoded(each.document)) for each in speakers}


def _moment(number: int) -> str:
    """When a thing was said: one second after the one before it, days ago."""
    at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    return (at + timedelta(seconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encoded(document: Mapping[str, Any]) -> bytes:
    """JSON as other servers write it."""
    return json.dumps(document, ensure_ascii=False).encode()


# -- what they serve ----------------------------------------------------------------------------------------------


class _Documents(asyncio.Protocol):
    """Answers GETs from a table by Host and path."""

    def __init__(self, table: Mapping[str, Body]) -> None:
        self._table, self._data = table, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        while self._transport is not None and b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            first, *fields = head.decode("latin-1").split("\r\n")
            host = next((line[5:].strip() for line in fields if line.lower().startswith("host:")), "")
            found = self._table.get(f"http://{host}{first.split(' ')[1]}")
            kind, body = found or ("text/plain", b"")
            status = "404 Not Found" if found is None else "200 OK"
            told = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(told.encode() + body)


async def _serve(hosts: Sequence[str], port: int, table: Mapping[str, Body]) -> None:
    loop = asyncio.get_running_loop()
    for host in hosts:
        await loop.create_server(lambda: _Documents(table), host, port, backlog=256)


def _document_server(hosts: Sequence[str], port: int, table: Mapping[str, Body], ready: Event) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_serve(hosts, port, table))
    ready.set()
    loop.run_forever()


@contextmanager
def documents(hosts: Sequence[str], port: int, table: Mapping[str, Body]) -> Iterator[None]:
    """Serve a table (bodies by address) from another process while the block runs."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_document_server, args=(hosts, port, table, ready), daemon=True)
    process.start()
    if not ready.wait(60):
        raise RuntimeError("the other servers do not start")
    try:
        yield
    finally:
        process.terminate()
        process.join()


# -- the client ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """Seconds from the first request to the last answer, and how often each status came."""

    seconds: float
    statuses: Mapping[int, int]


async def _talk(
    source: str, host: str, port: int, waiting: Iterator[bytes], counted: Counter[int], start: asyncio.Event
) -> None:
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
    await start.wait()
    for request in waiting:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        counted[int(head[9:12])] += 1
        if b"transfer-encoding: chunked" in head:
            while await reader.readuntil(b"\r\n") != b"0\r\n":
                pass
            await reader.readexactly(2)
        else:
            length = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()


async def _send_all(host: str, port: int, requests: Sequence[bytes]) -> Answers:
    waiting, counted, start = iter(requests), Counter[int](), asyncio.Event()
    sources = itertools.cycle(f"127.6.0.{number + 1}" for number in range(SOURCES))
    talks = [
        asyncio.ensure_future(_talk(source, host, port, waiting, counted, start))
        for source, _ in zip(sources, range(CONNECTIONS), strict=False)
    ]
    await asyncio.sleep(0.3)  # until all are connected
    began = time.perf_counter()
    start.set()
    await asyncio.gather(*talks)
    return Answers(time.perf_counter() - began, dict(counted))


def _client(host: str, port: int, channel: Connection) -> None:
    requests = channel.recv()
    channel.send(None)
    channel.recv()
    channel.send(asyncio.run(_send_all(host, port, requests)))


class Client:
    """A process that holds requests, and sends them once told to: each connection one after the other."""

    def __init__(self, origin: str, requests: Sequence[bytes]) -> None:
        host, _, port = origin.removeprefix("http://").partition(":")
        context = multiprocessing.get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=_client, args=(host, int(port), theirs), daemon=True)
        self._process.start()
        mixed = list(requests)
        random.Random(4).shuffle(mixed)
        self._channel.send(mixed)
        self._channel.recv()

    def send(self) -> Answers:
        """Send all, and end."""
        self._channel.send(None)
        answers: Answers = self._channel.recv()
        self._process.join()
        return answers
