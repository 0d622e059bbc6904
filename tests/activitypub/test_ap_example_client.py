"""The programs of docs/federate.md run as they stand there, against ``carrefour serve``: each joins and pushes."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from carrefour_site import CarrefourSite

from federation.ledger import open_ledger
from federation.ledger.ap_inbox import InboxRow, InboxState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "federate.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60  # after which a client that hangs is ended, and what does not happen is a failure; all takes a few


def blocks(language: str) -> list[str]:
    """The programs of the page in one language, in order."""
    return [code for named, code in BLOCK.findall(PAGE.read_text("utf-8")) if named == language]


CLIENT, RFC_9421, PROOFS = blocks("python")
(SOURCE,) = blocks("toml")
COMMANDS = re.findall(r"^\$ (carrefour (?:harvest|peers bind) [^#\n]+)", PAGE.read_text("utf-8"), re.MULTILINE)
"""What the operator types."""
UNSIGNED = 'def signed(url, body): return {"content-type": AS2}\n'
"""With a proof no signature is needed."""

WAYS = {
    "cavage": ("", {"method": "http", "dialect": "cavage"}),
    "rfc9421": (RFC_9421, {"method": "http", "dialect": "rfc9421"}),
    "proof": (PROOFS + UNSIGNED, {"method": "proof"}),
}
"""What is put into the client before it begins, and what the inbox notes of what it says then."""


def program(more: str) -> str:
    """The client with other functions, waiting for a line from us before it follows, updates, and deletes."""
    start = CLIENT.index("threading.Thread(")
    made = CLIENT[:start] + more + CLIENT[start:]
    for kind in ("Follow", "Update", "Delete"):
        made = made.replace(f'send("{kind}"', f'input()\nsend("{kind}"')
    return made


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    last = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < last
        time.sleep(0.05)


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Where each client listens."""
    return {way: free_port() for way in WAYS}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, int]) -> Iterator[CarrefourSite]:
    """A Carrefour whose operator has written the source file of the page for each client."""
    made = CarrefourSite(tmp_path_factory.mktemp("carrefour"))
    for way, port in ports.items():
        written = SOURCE.replace("https://partner.example", f"http://127.0.0.1:{port}").replace('"repair"', f'"{way}"')
        (made.folder / "sources" / f"{way}.toml").write_text(written, "utf-8")
    made.serve()
    yield made
    made.stop()


@dataclass
class Client:
    """A running client, and what it has printed so far."""

    origin: str
    process: subprocess.Popen[str]
    errors: Path
    lines: list[str]

    def says(self, line: str) -> None:
        """Read on until it has printed a line."""
        assert self.process.stdout is not None
        while line not in self.lines:
            read = self.process.stdout.readline()
            assert read, self.errors.read_text("utf-8")
            self.lines.append(read.strip())

    def serves(self) -> bool:
        """Whether it answers yet."""
        assert self.process.poll() is None, self.errors.read_text("utf-8")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.origin.rpartition(":")[2]))) == 0

    def go_on(self) -> None:
        """Let it say the next thing."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def start(site: CarrefourSite, ports: dict[str, int], tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    """Starts a client that speaks in one of the ways."""
    running: list[Client] = []

    def begin(way: str) -> Client:
        origin = f"http://127.0.0.1:{ports[way]}"
        (tmp_path / "partner.py").write_text(program(WAYS[way][0]), "utf-8")
        with (tmp_path / "errors.txt").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "partner.py", origin, site.commons, str(ports[way])],
                cwd=tmp_path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        running.append(Client(origin, process, tmp_path / "errors.txt", []))
        watchdog.start()
        return running[0]

    watchdog = threading.Timer(3 * SECONDS, lambda: [each.process.kill() for each in running])
    yield begin
    watchdog.cancel()
    for client in running:
        client.process.kill()
        client.process.communicate()


def taken(site: CarrefourSite, client: Client) -> list[InboxRow]:
    """What the inbox has taken from a client and worked on, oldest first."""
    with closing(open_ledger("", site.folder / "data" / "ledger")) as ledger:
        rows = ledger.ap_inbox.listed(InboxState.DONE)
    return sorted((row for row in rows if row.actor == f"{client.origin}/actor"), key=lambda row: row.id)


def test_the_client_is_small_and_needs_two_packages() -> None:
    """At most 60 lines; requests and cryptography beside the standard library."""
    nodes = list(ast.walk(ast.parse(CLIENT)))
    imported = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module).split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}

    assert len(CLIENT.splitlines()) <= 60
    assert imported - sys.stdlib_module_names == {"requests", "cryptography"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["cavage", pytest.param("rfc9421", marks=pytest.mark.slow), pytest.param("proof", marks=pytest.mark.slow)]
)
def test_a_client_joins_publishes_changes_and_withdraws_a_record(
    site: CarrefourSite, start: Callable[[str], Client], tmp_path: Path, way: str
) -> None:
    """Its Follow is accepted, its record is found by visitors, passed on to followers, changed, and gone at the end."""

    def shown() -> str:
        return requests.get(f"{site.origin}/projets", params={"q": "réparations"}, timeout=10).text

    client = start(way)
    until(client.serves)
    for line in COMMANDS:
        site.run(*line.replace("https://partner.example", client.origin).replace(" repair", f" {way}").split()[1:])

    client.go_on()
    client.says("Follow 202")
    client.says("Create 202")
    client.says("received Accept")
    client.says("received Announce")
    until(lambda: "Café des réparations" in shown())
    assert "réparations de Vichy" not in shown()

    client.go_on()
    client.says("Update 202")
    until(lambda: "Café des réparations de Vichy" in shown())

    client.go_on()
    client.says("Delete 202")
    until(lambda: "Café des réparations" not in shown())

    until(lambda: len(taken(site, client)) == 4)
    rows = taken(site, client)
    assert [(row.kind, row.outcome) for row in rows] == [
        ("Follow", "follow-accepted"),
        ("Create", "taken"),
        ("Update", "taken"),
        ("Delete", "taken"),
    ]
    assert all(WAYS[way][1].items() <= row.verdict.items() for row in rows)
    outbox = requests.get(f"{client.origin}/outbox", timeout=10).json()["orderedItems"]
    assert [each["type"] for each in outbox] == ["Delete", "Update", "Create"]
    assert [requests.get(each["id"], timeout=10).json()["id"] for each in outbox] == [each["id"] for each in outbox]
    gone = requests.get(f"{client.origin}/pages/12", timeout=10)
    assert (gone.status_code, gone.json()["type"]) == (410, "Tombstone")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
