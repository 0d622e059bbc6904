"""A whole Carrefour as its operator has it: the real command in processes of its own, on a folder, seen over HTTP."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from front_door import FrontDoor

from federation.ledger import Ledger, open_ledger
from federation.settings import load_settings

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = (sys.executable, "-c", "from federation.cli import main; main()")
SECONDS: Final = 240
PARTNER: Final = "jardins"

SOURCE: Final = """\
[source]
id = "jardins"
partner = "jardins"
name = "Réseau des jardins"
url = "../feeds/jardins.csv"
format = "csv"
licence = "https://creativecommons.org/licenses/by-sa/4.0/"

[records]
id = "n°"
page = "https://jardins.example/projets/{id}"

[fields]
name = "Titre"
description = "Texte"
theme = "Thème"
access = "Accès"

[crosswalk.theme]
"Jardinage" = "AGR"
"""


class CarrefourSite:
    """One instance with one partner, ``jardins``, whose feed is a file; perhaps with a ``door`` in front of it."""

    def __init__(self, folder: Path, door: FrontDoor | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder, self.origin = folder, f"http://127.0.0.1:{port}"
        if door is not None:
            door.leads_to(port)
            self.origin = door.origin
        self.partner, self.commons = f"{self.origin}/actors/{PARTNER}", f"{self.origin}/actors/commons"
        self.rows = {str(number): (f"Le jardin {number}", "opendata") for number in range(1, 13)}
        self._process: subprocess.Popen[str] | None = None
        self.run("init")
        config = folder / "carrefour.toml"
        kept = [line for line in config.read_text("utf-8").splitlines() if not line.startswith("base_url")]
        ours = [f'base_url = "{self.origin}"', f"port = {port}", "fetch_private = true"]
        small = ["workers = 1", "query_workers = 1"]
        config.write_text("\n".join([*ours, *small, *kept, ""]), "utf-8")
        (folder / "feeds").mkdir()
        (folder / "sources" / "jardins.toml").write_text(SOURCE, "utf-8")
        self.write()

    # ---- its partner

    def write(self, **changed: tuple[str, str] | None) -> None:
        """Publish the feed with other rows: ``n1=(title, access)``, or None for a row that is gone."""
        for name, row in changed.items():
            key = name.removeprefix("n")
            if row is None:
                del self.rows[key]
            else:
                self.rows[key] = row
        lines = [
            f"{key};{title};Un jardin que tout le quartier cultive, été comme hiver.;Jardinage;{access}"
            for key, (title, access) in self.rows.items()
        ]
        feed = "\n".join(["n°;Titre;Texte;Thème;Accès", *lines, ""])
        (self.folder / "feeds" / "jardins.csv").write_text(feed, "utf-8")

    def object(self, key: str) -> str:
        """The id of the object of a row."""
        return f"{self.origin}/objects/{PARTNER}/{key}"

    def record(self, key: str) -> str:
        """The IRI of the record of a row."""
        return f"{self.origin}/records/{PARTNER}/{key}"

    # ---- its operator

    def run(self, *arguments: str) -> str:
        """Run ``carrefour`` and give what it prints; fails with all it said."""
        done = subprocess.run(
            [*COMMAND, "--instance", self.folder, "--lang", "en", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self) -> None:
        """Start ``carrefour serve``, and wait until it answers."""
        with (self.folder / "serve.err").open("a") as errors:
            self._process = subprocess.Popen(
                [*COMMAND, "--instance", self.folder, "--lang", "en", "serve"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        assert ready, self.errors()
        assert self._process.stdout.readline(), self.errors()

    def stop(self) -> None:
        """End it as an operator does; by its process id."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Its ledger, beside the server's own look at it."""
        settings = load_settings(self.folder)
        kept = open_ledger(settings.ledger_url, settings.data_dir / "ledger")
        try:
            yield kept
        finally:
            kept.close()

    # ---- anybody

    def get(self, address: str) -> tuple[int, Any]:
        """Status and AS2 document of an address."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(address, headers={"Accept": "application/activity+json"}, timeout=SECONDS)
        return answer.status_code, answer.json()

    def ask(self, pattern: str) -> bool:
        """Whether the public graph has a pattern (of SPARQL, with ``schema:``)."""
        query = f"PREFIX schema: <http://schema.org/> ASK {{ {pattern} }}"
        with requests.Session() as session:
            session.trust_env = False
            accept = {"Accept": "application/sparql-results+json"}
            answer = session.get(f"{self.origin}/sparql", params={"query": query}, headers=accept, timeout=SECONDS)
        return bool(answer.json()["boolean"])

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Look again and again; fails, with the server's log, when it takes too long."""
        end, pause = time.monotonic() + SECONDS, threading.Event()
        while not true():
            assert time.monotonic() < end, f"in vain waited for: {what}\n{self.errors()}"
            pause.wait(0.1)

    def errors(self) -> str:
        """What the server wrote to its log, the end of it."""
        return (self.folder / "serve.err").read_text("utf-8")[-6000:]
