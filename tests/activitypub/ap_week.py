"""Carrefours of the scripted week: each the real command in processes of its own, under a clock that the week moves.

What is asked of them is asked over HTTP, or read in their ledgers, which nobody writes to from here.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ap_peer_server import PeerServer, answer
from ap_site import Sender

from federation.activitypub import signatures
from federation.activitypub.signatures import Dialect, Message, SigningKey

Row = dict[str, Any]
_LOOK, _OFTEN = 0.2, 100  # seconds between two looks; looks between two turns of what is done meanwhile
SECONDS = 240  # after which what does not come about is a failure; nothing takes more than some of them
PROGRAM = Path(__file__).with_name("ap_shifted.py")
SETTINGS = (
    "workers = 1\nquery_workers = 1\nfetch_private = true\nquery_rows = 1000000\nquery_bytes = 1000000000\n"
    "query_seconds = 120.0\n"
)
LICENCE = "https://creativecommons.org/licenses/by/4.0/"

_WAITING = """\
SELECT count(*) FROM ap_delivery JOIN ap_lane ON ap_lane.id = ap_delivery.lane WHERE state = 'waiting' AND host = ?"""


class Clock:
    """The time of everybody, moved by the week."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock"
        self._moved = timedelta()
        self.passes(timedelta())

    def passes(self, time_: timedelta) -> None:
        """Let so much time pass at once."""
        self._moved += time_
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=d", self._moved.total_seconds()))

    def now(self) -> datetime:
        """What time it is for whoever is neither ahead nor behind."""
        return datetime.now(UTC) + self._moved


def until(true: Callable[[], bool], what: str, now_and_then: Callable[[], None] = lambda: None) -> None:
    """Wait until something has come about."""
    began, pause, looks = time.monotonic(), threading.Event(), 0
    while not true():
        assert time.monotonic() - began < SECONDS, f"in vain waited for: {what}"
        pause.wait(_LOOK)
        looks += 1
        if looks % _OFTEN == 0:
            now_and_then()


class Carrefour:
    """One instance; ``skew`` is how far its clock is ahead."""

    def __init__(self, folder: Path, clock: Clock, skew: timedelta = timedelta()) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.folder, self.skew, self._clock = folder, skew, clock
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"http://{self.host}"
        self.commons = f"{self.origin}/actors/commons"
        (folder / "sources").mkdir(parents=True)
        (folder / "carrefour.toml").write_text(f'base_url = "{self.origin}"\nport = {self.port}\n{SETTINGS}', "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    # -- processes

    def _line(self, *arguments: str) -> list[str]:
        skew = str(self.skew.total_seconds())
        command = [sys.executable, str(PROGRAM), str(self._clock.file), skew]
        return [*command, "--instance", str(self.folder), "--lang", "en", *arguments]

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end."""
        done = subprocess.run(self._line(*arguments), capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def serve(self) -> None:
        """Serve, and work."""
        with (self.folder / "said.txt").open("ab") as said:
            self._process = subprocess.Popen(self._line("serve"), stdout=said, stderr=said)
        until(self._answers, f"an answer of {self.origin}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it as a lost machine does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def said(self) -> str:
        """What it has written to its terminal."""
        return (self.folder / "said.txt").read_text("utf-8")

    # -- its ledger

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read in the ledger."""
        ledger = f"file:{self.folder}/data/ledger/ledger.sqlite?mode=ro"
        with closing(sqlite3.connect(ledger, uri=True, timeout=30)) as read:
            return read.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """One value of the ledger; None if there is none."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    @property
    def latest(self) -> str:
        """The last activity so far (ULID)."""
        return str(self.value("SELECT max(id) FROM ap_activity") or "")

    @property
    def own(self) -> dict[str, str]:
        """The digests of its own public records, as its peers are told."""
        return dict(self.rows("SELECT record, digest FROM ap_digest"))

    def held(self, other: Carrefour) -> dict[str, str]:
        """The digests of the records of another that it has."""
        query = "SELECT record, raw_hash FROM record_state WHERE record LIKE ? AND state IN ('live', 'held', 'missing')"
        return dict(self.rows(query, f"{other.origin}/records/%"))

    @property
    def has_said_all(self) -> bool:
        """Whether all changes are told and tallied, and all jobs expanded."""
        last = self.value("SELECT max(seq) FROM change") or 0
        told = dict(self.rows("SELECT consumer, seq FROM cursor"))
        waiting = self.value("SELECT count(*) FROM ap_job WHERE next_try IS NOT NULL")
        return (told.get("activitypub", 0), told.get("record-digests", 0), waiting) == (last, last, 0)

    def waiting_for(self, host: str) -> int:
        """How many deliveries wait for a host."""
        return int(self.value(_WAITING, host))

    @property
    def has_heard_all(self) -> bool:
        """Whether all that has come in is worked on, and nobody is to be asked for more."""
        unread = self.value("SELECT count(*) FROM ap_inbox WHERE next_try IS NOT NULL")
        behind = self.value(
            "SELECT count(*) FROM ap_sync WHERE asked IS NOT NULL OR compared IS NULL OR cursor IS NOT NULL"
        )
        return (unread, behind) == (0, 0)

    # -- over HTTP

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with closing(connection):
            connection.request(method, target, body, {name.replace("_", "-"): each for name, each in headers.items()})
            response = connection.getresponse()
            return response.status, response.read()

    def graphs(self) -> dict[str, str]:
        """The public record graphs by name, each as the SHA-256 of its sorted N-Triples: by SPARQL, as anybody may."""
        query = urlencode({"query": "SELECT ?g ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } }"})
        status, body = self.ask("GET", f"/sparql?{query}", Accept="application/sparql-results+json")
        assert status == 200, body[:500]
        found: dict[str, list[str]] = {}
        for row in json.loads(body)["results"]["bindings"]:
            line = " ".join(_term(row[name]) for name in "spo") + " ."
            found.setdefault(row["g"]["value"], []).append(line)
        return {name: hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() for name, lines in found.items()}


def _term(term: Mapping[str, str]) -> str:
    """A term in one writing, so that equal terms are equal texts. There are no blank nodes."""
    if term["type"] == "uri":
        return f"<{term['value']}>"
    assert term["type"] == "literal", term
    kind = f"@{term['xml:lang'].lower()}" if "xml:lang" in term else f"^^<{term.get('datatype', '')}>"
    return json.dumps(term["value"]) + kind


def canonical(graphs: Mapping[str, str]) -> str:
    """One hash of all graphs."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(graphs.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class Partner:
    """A partner of an instance whose feed is asked for over HTTP: its rows by key, and those that are left out."""

    def __init__(self, at: Carrefour, feeds: PeerServer, name: str, keys: Iterable[int]) -> None:
        self.at, self.name, self._feeds = at, name, feeds
        self.rows: dict[int, Row] = {key: self._row(key) for key in keys}
        (at.folder / "sources" / f"{name}.toml").write_text(
            f'[source]\nid = "{name}"\npartner = "{name}"\nname = "Réseau {name}"\nurl = "{feeds.origin}/{name}.json"\n'
            f'format = "json"\nschedule = "manual"\nlicence = "{LICENCE}"\n[records]\nid = "id"\npage = "url"\n'
            '[fields]\nname = "name"\ndescription = "description"\naccess = "access"\n',
            "utf-8",
        )
        self.publish()

    def _row(self, key: int) -> Row:
        number = hashlib.sha256(str(key).encode()).hexdigest()[:12]
        return {
            "id": str(key),
            "url": f"https://{self.name}.example/projets/{key}",
            "name": f"Projet {number} de Besançon",
            "description": f"« {number} » : un atelier où l'on répare, à l'été {key}, ce qui serait jeté.",
            "access": "opendata",
        }

    def add(self, keys: Iterable[int]) -> None:
        """Have new projects."""
        self.rows |= {key: self._row(key) for key in keys}

    def edit(self, keys: Iterable[int], text: str) -> None:
        """Tell of projects in another way."""
        for key in keys:
            self.rows[key] = {**self.rows[key], "description": f"{text} ({key})."}

    def drop(self, keys: Iterable[int]) -> None:
        """Have projects no more, without a word."""
        for key in keys:
            del self.rows[key]

    def open(self, keys: Iterable[int], access: str) -> None:
        """Say how open projects are: what is less than open data is withdrawn at once."""
        for key in keys:
            self.rows[key] = {**self.rows[key], "access": access}

    def publish(self) -> None:
        """Give what there is now to whoever asks."""
        body = json.dumps(list(self.rows.values())).encode()
        self._feeds.answers[f"/{self.name}.json"] = answer(body, kind="application/json")


def signed_post(to: Carrefour, sender: Sender, activity: Mapping[str, Any], now: datetime) -> int:
    """Deliver what another server's actor says; give the status of the answer."""
    body = json.dumps(activity).encode()
    plain = Message("POST", "/inbox", (("Content-Type", "application/activity+json"),), body)
    key = SigningKey(sender.key_id, sender.rsa)
    message = signatures.sign(plain, origin=to.origin, key=key, now=now, dialect=Dialect.CAVAGE)
    return to.ask("POST", "/inbox", body, **dict(message.headers))[0]
