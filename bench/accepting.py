"""What servers take in over HTTP, per second: ours, one process and two of it, and Fedify by the same requests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from bench.measure import Rate, say
from bench.others import HOSTS, Client, Keys, Speaker, documents, encoded, shown, speaker
from bench.served import Instance, end, first_line, free_port, processor
from federation.activitypub.signatures import Dialect

ROOT = Path(__file__).resolve().parents[1]


# -- accept -------------------------------------------------------------------------------------------------------


def signed(speakers: Sequence[Speaker], count: int, first: int, origin: str, dialect: Dialect) -> list[bytes]:
    """Requests to the shared inbox of ``origin``, of each speaker in turn."""
    commons = f"{origin}/actors/commons"
    found = []
    for number in range(first, first + count):
        by = speakers[number % len(speakers)]
        found.append(by.request(encoded(by.create(number, commons)), origin, "/inbox", dialect))
    return found


def posted(
    speakers: Sequence[Speaker], count: int, origin: str, at: Mapping[str, int], dialect: Dialect, first: int
) -> Rate:
    """Post signed Creates to the server ``origin``, after one of each speaker that lets it know their keys.

    ``at``: where its processes are, and their ids. Each has a client of its own for its share; all send at once.
    """
    for place in at:
        Client(place, signed(speakers, len(speakers), first, origin, dialect)).send()
        first += len(speakers)
    requests = signed(speakers, count, first, origin, dialect)
    clients = [Client(place, requests[number :: len(at)]) for number, place in enumerate(at)]
    before = sum(map(processor, at.values()))
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.send(), clients))
    spent = sum(map(processor, at.values())) - before
    if {status for each in answers for status in each.statuses} != {202}:
        raise RuntimeError(f"not all were accepted: {[each.statuses for each in answers]}")
    return Rate(count / max(each.seconds for each in answers), count / spent)


def accept(count: int, keys: Keys, folder: Path) -> tuple[dict[Dialect, Rate], Rate]:
    """What ``carrefour serve`` accepts, and two processes of it; all is in their ledger afterwards."""
    here, port = Instance(folder / "accept", {}), free_port()
    speakers = [speaker(f"http://{host}:{port}", keys) for host in HOSTS]
    found = {}
    with documents(HOSTS, port, shown(speakers)), here.running("serve") as pid:
        at = {here.origin: pid}
        for turn, dialect in enumerate(Dialect):
            found[dialect] = posted(speakers, count, here.origin, at, dialect, turn * 1_000_000)
            say(f"accept, {dialect}: {found[dialect].clock:.0f}/s, {found[dialect].processor:.0f} per processor second")
        beside = free_port()
        with here.running("serve", "--port", str(beside)) as other:
            at[f"http://127.0.0.1:{beside}"] = other
            both = posted(speakers, count, here.origin, at, Dialect.CAVAGE, 9_000_000)
            say(f"accept, two processes: {both.clock:.0f}/s, {both.processor:.0f} per processor second")
    with closing(here.ledger()) as ledger:
        kept = sum(ledger.ap_inbox.counts().values())
        if kept != (len(Dialect) + 1) * count + (len(Dialect) + 2) * len(speakers):
            raise RuntimeError(f"accepted, but only {kept} are kept")
    return found, both


# -- Fedify -------------------------------------------------------------------------------------------------------


@contextmanager
def _running_fedify(folder: Path) -> Iterator[tuple[str, int]]:
    """Fedify's address and process id. Raises NoPeer of the tests' installer."""
    sys.path.insert(0, str(ROOT / "tests" / "peers"))
    from fedify_peer import install  # type: ignore[import-not-found]  # noqa: PLC0415 - the tests' way to have it

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    installed = install(Path(os.environ.get("CARREFOUR_PEERS") or home / "carrefour-peers"))
    folder.mkdir()
    shutil.copyfile(Path(__file__).parent / "fedify.mjs", folder / "fedify.mjs")
    (folder / "node_modules").symlink_to(installed.packages)
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [installed.node, folder / "fedify.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield json.loads(first_line(process, folder / "errors"))["origin"], process.pid
    finally:
        end(process)


def fedify(count: int, keys: Keys, folder: Path) -> dict[Dialect, Rate]:
    """What Fedify takes in of the same requests; empty if it cannot be had."""
    port = free_port()
    speakers = [speaker(f"http://{host}:{port}", keys) for host in HOSTS]
    found = {}
    try:
        with documents(HOSTS, port, shown(speakers)), _running_fedify(folder / "fedify") as (origin, pid):
            for turn, dialect in enumerate(Dialect):
                found[dialect] = posted(speakers, count, origin, {origin: pid}, dialect, turn * 1_000_000)
                say(f"Fedify, {dialect}: {found[dialect].clock:.0f}/s")
    except Exception as error:
        if type(error).__name__ != "NoPeer":
            raise
        say(f"no Fedify here: {error}")
    return found
