"""The programs of docs/federate.md run as they stand there, against our inbox over HTTP."""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline"))

from pushing import Pushing
from years import Instance

from federation.activitypub import actors
from federation.activitypub.actors import Profile, PublicKeys
from federation.activitypub.audience import is_public
from federation.activitypub.authority import Standing, may_state
from federation.activitypub.inbox import Inbox
from federation.activitypub.keycache import KeyCache
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.remote import Remote
from federation.activitypub.signatures import Message
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_inbox import InboxRow, InboxState
from federation.pipeline.pushed import PushedActivity, Received
from federation.vocabulary import Vocabulary, load

PAGE = Path(__file__).resolve().parents[2] / "docs" / "federate.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AS2 = "application/activity+json"
SAID = ["Follow", "Create", "Update", "Delete"]
SECONDS = 60  # after which a client that says nothing is ended; it takes two


def blocks(language: str) -> list[str]:
    """The programs of the page in one language, in order."""
    return [code for named, code in BLOCK.findall(PAGE.read_text("utf-8")) if named == language]


CLIENT, RFC_9421, PROOFS = blocks("python")
START = CLIENT.index("threading.Thread(")
UNSIGNED = 'def signed(url, body): return {"content-type": AS2}\n'
"""With a proof no signature is needed."""


class Commons:
    """A commons that answers with its actor, and whose inbox is ours: what it takes is in the ledger."""

    def __init__(self, folder: Path) -> None:
        commons = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                commons.answer(self, 200, json.dumps(commons.actor).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Message("POST", self.path, tuple(self.headers.items()), body)
                commons.answer(self, commons.inbox.receive(message, self.client_address[0]).status, b"")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.names = Names(f"http://127.0.0.1:{self._server.server_port}")
        keys = PublicKeys("not used: nothing of it is verified here", "z6Mk")
        profile = Profile("Commun", "Un commun", self.names.origin)
        self.actor = actors.commons_actor(self.names, profile, keys)
        self.ledger: Ledger = open_ledger("", folder)
        origin = origin_of(self.names.origin)
        self.remote = Remote(origin, "carrefour-test", time.monotonic, allow_private=True)
        cache = KeyCache(self.ledger.ap_remote_keys, self.remote, now)
        self.inbox = Inbox(
            self.names.origin, cache, self.ledger.ap_inbox, self.ledger.ap_blocks.all, now, time.monotonic
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        """Send an answer."""
        handler.send_response(status)
        handler.send_header("Content-Type", AS2)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def taken(self) -> list[InboxRow]:
        """What was accepted, oldest first."""
        return sorted(self.ledger.ap_inbox.listed(InboxState.ACCEPTED), key=lambda row: row.id)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.inbox.close()
        self.remote.close()
        self.ledger.close()


@dataclass(frozen=True)
class Run:
    """A client that has said everything and goes on serving; ``lines``: what it has printed so far."""

    origin: str
    process: subprocess.Popen[str]
    lines: list[str]

    def next(self) -> str:
        """One line more."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def now() -> datetime:
    """Our clock."""
    return datetime.now(UTC)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout."""
    return load()


@pytest.fixture
def commons(tmp_path: Path) -> Iterator[Commons]:
    """A commons on the loopback."""
    made = Commons(tmp_path / "ledger")
    yield made
    made.close()


@pytest.fixture
def partner(commons: Commons, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    """The client of the page, with the lines of the parameter put before it begins, after its four words."""
    (tmp_path / "partner.py").write_text(CLIENT[:START] + getattr(request, "param", "") + CLIENT[START:], "utf-8")
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "partner.py", origin, commons.names.commons, str(port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "errors.txt").open("w"),
        text=True,
    )
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    run = Run(origin, process, [])
    run.lines.extend(run.next() for _ in SAID)
    assert run.lines == [f"{kind} 202" for kind in SAID], (tmp_path / "errors.txt").read_text()
    yield run
    watchdog.cancel()
    process.kill()
    process.wait()


def test_the_client_is_small_and_needs_two_packages() -> None:
    """At most 60 lines; requests and cryptography beside the standard library."""
    tree = ast.parse(CLIENT)
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert len(CLIENT.splitlines()) <= 60
    assert imported - sys.stdlib_module_names == {"requests", "cryptography"}


@pytest.mark.parametrize(
    ("partner", "verdict"),
    [
        ("", {"method": "http", "dialect": "cavage"}),
        (RFC_9421, {"method": "http", "dialect": "rfc9421"}),
        (PROOFS + UNSIGNED, {"method": "proof"}),
    ],
    indirect=["partner"],
    ids=["cavage", "rfc9421", "proof"],
)
def test_what_the_client_says_is_accepted(commons: Commons, partner: Run, verdict: Mapping[str, str]) -> None:
    """A Follow, a Create, an Update and a Delete are verified, and each may say what it says."""
    rows = commons.taken()

    assert [row.kind for row in rows] == SAID
    for row in rows:
        assert {name: row.verdict.get(name) for name in verdict} == verdict
        assert row.actor == f"{partner.origin}/actor"
    follow, *changes = [json.loads(row.raw or b"") for row in rows]
    assert follow["object"] == commons.names.commons
    assert all(is_public(each) for each in changes)
    assert [may_state(each) for each in changes] == [Standing.EMBEDDED, Standing.EMBEDDED, Standing.CONFIRM]


def test_its_key_stays_the_same_and_is_its_own(partner: Run, tmp_path: Path) -> None:
    """The key is kept in a file that nobody else reads."""
    assert partner.lines
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


def test_what_it_said_can_be_had_again(commons: Commons, partner: Run) -> None:
    """Activities answer at their ids, the withdrawn record is gone, and answers of the commons are taken."""
    for row in commons.taken():
        assert requests.get(row.activity, timeout=5).json()["type"] == row.kind
    gone = requests.get(f"{partner.origin}/pages/12", timeout=5)
    assert (gone.status_code, gone.json()["type"]) == (410, "Tombstone")

    told = requests.post(f"{partner.origin}/inbox", json={"type": "Accept"}, timeout=5)
    assert (told.status_code, partner.next()) == (202, "received Accept")


def test_what_it_says_becomes_a_record_changes_it_and_takes_it_away(
    commons: Commons, partner: Run, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """With the source file of the page, as an operator writes it: nothing else is needed."""
    (source,) = blocks("toml")
    here = Instance(tmp_path / "here", vocabulary)
    desk = Pushing(here)
    written = source.replace("https://partner.example", partner.origin).replace('"repair"', '"s"')
    (here.settings.sources_dir / "s.toml").write_text(written, "utf-8")
    names = []
    for row in commons.taken()[1:]:
        document = json.loads(row.raw or b"")
        thing = document["object"] if row.kind != "Delete" else document["object"]["id"]
        report = desk.push(PushedActivity(document, thing, Received(partner.origin, "http-signature", here.clock())))
        assert report.counts.rejected == 0, report.findings
        graphs = "".join(here.graphs().values())
        names.append((len(desk.online()), "réparations de Vichy" in graphs))
    here.check()
    here.close()

    assert names == [(1, False), (1, True), (0, False)]
