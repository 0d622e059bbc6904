"""ActivityPub in one run on one machine: what is accepted, what comes into the graph, what goes out, per second.

`python -m bench.federation [--requests N] [--records N] [--deliveries N] [--fedify N] [--results FILE]`, over loopback.
Each figure stands beside what the machine could do at most (one core: RSA-2048, Ed25519; the disk: fsync) and beside
what Fedify takes in here. The exit code is 1 if a target is missed. Fedify is had from its registry, as for the tests;
without it its rows are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bench import deliver
from bench.feed import write_feed, write_source
from bench.measure import RESULTS, record_result, table
from bench.others import AS2, PUBLIC, Body, Client, Speaker, documents, encoded
from bench.served import Instance, end, first_line, free_port, processor, rests
from federation.activitypub import proofs
from federation.activitypub.contexts import Bundle, bundled
from federation.activitypub.expansion import Limits, expand
from federation.activitypub.keys import generate_ed25519, generate_rsa
from federation.activitypub.proofs import ProofKey
from federation.activitypub.signatures import Dialect
from federation.ledger import Ledger
from federation.ledger.ap_inbox import WAITING, Received
from federation.ledger.ap_peers import BindingRow, SyncRow
from federation.ledger.times import to_text
from federation.model import to_lines
from federation.platform import open_platform
from federation.vocabulary import load

ROOT = Path(__file__).resolve().parents[1]
HOSTS = [f"127.5.0.{number + 1}" for number in range(16)]
"""Of the actors that post: so many that no limit for one host bites."""
_SYNCS = 500
ACCEPT, INGEST, DELIVER = 1000.0, 300.0, 500.0
LONGEST = 240.0
PARTNER = "reseau"
SOURCE = """[source]
id = "reseau"
partner = "reseau"
name = "Réseau de mesure"
url = "{origin}/outbox"
profile = "activitypub"
licence = "https://creativecommons.org/licenses/by/4.0/"
schedule = "manual"
"""


@dataclass(frozen=True)
class Keys:
    """What everybody signs with: making keys is not measured."""

    rsa: RSAPrivateKey
    ed25519: Ed25519PrivateKey


@dataclass(frozen=True)
class Rate:
    """So many per second by the clock, and per processor second of the processes measured."""

    clock: float
    processor: float


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"[{time.perf_counter() - _BEGAN:6.1f} s] {text}", flush=True)


_BEGAN = time.perf_counter()


# -- what the machine can do --------------------------------------------------------------------------------------


def repeated(act: Callable[[], object], seconds: float = 1.0) -> float:
    """How often something can be done one after the other, per second of this process on a processor."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(10):
            act()
        done += 10
    return done / spent


def limits(keys: Keys, folder: Path) -> dict[str, float]:
    """Per second, on one core: RSA-2048 and Ed25519 both ways, a JSON-LD expansion; and fsyncs of the disk."""
    data, public, ed_public = b"x" * 300, keys.rsa.public_key(), keys.ed25519.public_key()
    signature = keys.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
    ed_signature = keys.ed25519.sign(data)
    thing = speaker("http://127.0.0.1:1", keys).create(1, "http://127.0.0.1:2/actors/commons")
    body = encoded({**thing["object"], "@context": thing["@context"]})
    bundle = Bundle(bundled(load()))
    with (folder / "fsync").open("wb") as file:
        began = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        syncs = _SYNCS / (time.perf_counter() - began)
    return {
        "RSA-2048 verify": repeated(lambda: public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())),
        "RSA-2048 sign": repeated(lambda: keys.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())),
        "Ed25519 verify": repeated(lambda: ed_public.verify(ed_signature, data)),
        "Ed25519 sign": repeated(lambda: keys.ed25519.sign(data)),
        "JSON-LD expansion of a page": repeated(lambda: expand(body, bundle, Limits())),
        "fsync": syncs,
    }


def speaker(origin: str, keys: Keys, path: str = "/actor", kind: str = "Organization") -> Speaker:
    """An actor of another server."""
    return Speaker(origin, path, kind, keys.rsa, keys.ed25519)


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
    with documents(HOSTS, port, _shown(speakers)), here.running("serve") as pid:
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


def _shown(speakers: Sequence[Speaker]) -> dict[str, Body]:
    return {each.id: (AS2, encoded(each.document)) for each in speakers}


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
        with documents(HOSTS, port, _shown(speakers)), _running_fedify(folder / "fedify") as (origin, pid):
            for turn, dialect in enumerate(Dialect):
                found[dialect] = posted(speakers, count, origin, {origin: pid}, dialect, turn * 1_000_000)
                say(f"Fedify, {dialect}: {found[dialect].clock:.0f}/s")
    except Exception as error:
        if type(error).__name__ != "NoPeer":
            raise
        say(f"no Fedify here: {error}")
    return found


# -- ingest -------------------------------------------------------------------------------------------------------


def kept(documents_: Sequence[Mapping[str, Any]]) -> list[Received]:
    """Activities as the inbox keeps them once it has proved them."""
    rows = []
    for document in documents_:
        body, actor, thing = encoded(document), str(document["actor"]), document["object"]
        verdict = {"method": "http", "dialect": "cavage", "key": f"{actor}#main-key", "target": "/inbox"}
        sha256 = hashlib.sha256(body).hexdigest()
        rows.append(
            Received(
                str(document["id"]), actor, actor.split("/")[2], str(document["type"]), thing["id"], body, (), verdict,
                "public", sha256, sha256,
            )
        )  # fmt: skip
    return rows


def taken_in(here: Instance, rows: Sequence[Received], ledger: Ledger, origin: str) -> Rate:
    """Have ``carrefour worker`` take in what the inbox keeps, until readers see it all in the graph.

    ``origin``: on which the records are named.
    """
    with here.running("worker") as pid:
        rests(pid)
        before, began = processor(pid), time.perf_counter()
        ledger.ap_inbox.keep(rows, datetime.now(UTC))
        while _waiting(ledger) and time.perf_counter() - began < LONGEST:
            time.sleep(0.1)
        seconds, spent = time.perf_counter() - began, processor(pid) - before
    counts = ledger.ap_inbox.counts()
    with closing(open_platform(here.settings)) as platform:
        ours = f'FILTER(STRSTARTS(STR(?g), "{origin}/records/"))'
        query = f"SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ ?s ?p ?o }} {ours} }}"
        seen = sum(1 for _ in platform.reader.select(query))
    if counts != {"done": len(rows)} or seen != len(rows):
        raise RuntimeError(f"not all came into the graph: {counts}, {seen} graphs")
    return Rate(len(rows) / seconds, len(rows) / spent)


def _waiting(ledger: Ledger) -> int:
    counts = ledger.ap_inbox.counts()
    return sum(counts.get(state.value, 0) for state in WAITING)


def ingest_pushed(count: int, keys: Keys, folder: Path) -> Rate:
    """Creates of a bound partner: AS2, expanded, through mapping and validation."""
    port = free_port()
    by = speaker(f"http://{HOSTS[0]}:{port}", keys)
    here = Instance(folder / "pushed", {PARTNER: SOURCE.format(origin=by.origin)})
    with (
        documents(HOSTS[:1], port, _shown([by])),
        closing(here.ledger()) as ledger,
    ):
        ledger.ap_bindings.add(BindingRow(by.id, PARTNER, PARTNER, "bench", to_text(datetime.now(UTC))))
        rate = taken_in(
            here, kept([by.create(number, here.names.commons) for number in range(count)]), ledger, here.origin
        )
    say(f"ingest, pushed: {rate.clock:.0f}/s, {rate.processor:.0f} per processor second")
    return rate


def harvested(count: int, folder: Path) -> dict[str, str]:
    """The records of an instance that has harvested a feed, as N-Triples by IRI."""
    there = Instance(folder / "there", {})
    write_feed(folder / "feed.jsonld", count)
    write_source(there.folder / "sources" / f"{PARTNER}.toml", folder / "feed.jsonld", PARTNER)
    there.run("harvest")
    found = {}
    with closing(open_platform(there.settings)) as platform:
        for number in range(count):
            record = f"{there.origin}/records/{PARTNER}/{number}"
            lines = to_lines(platform.reader.graph(record)).replace(there.origin, "ORIGIN").splitlines()
            found[f"ORIGIN/records/{PARTNER}/{number}"] = "".join(sorted(f"{line}\n" for line in lines if line))
    return found


def ingest_peer(count: int, keys: Keys, folder: Path) -> Rate:
    """Announces of another Carrefour, each with a Create by its partner's proof, and the data of the record."""
    port = free_port()
    origin = f"http://{HOSTS[0]}:{port}"
    group, owner = speaker(origin, keys, "/actors/commons", "Group"), speaker(origin, keys, f"/actors/{PARTNER}")
    table = _shown([group, owner])
    here = Instance(folder / "peer", {})
    key = ProofKey(f"{owner.id}#ed25519-key", keys.ed25519)
    said = []
    for number, (name, text) in enumerate(harvested(count, folder).items()):
        record, body = name.replace("ORIGIN", origin), text.replace("ORIGIN", origin).encode()
        table[f"{record}.nt"] = ("application/n-triples", body)
        create = owner.create(number, here.names.commons)
        create["id"] = f"{origin}/activities/{number}"
        create["object"] |= {
            "id": record.replace("/records/", "/objects/"), "recordData": f"{record}.nt",
            "recordDigest": f"sha-256:{hashlib.sha256(body).hexdigest()}", "to": [PUBLIC],
        }  # fmt: skip
        inner = proofs.create(create, key=key, created=datetime.now(UTC))
        said.append(group.said("Announce", number, inner, here.names.commons))
    with documents(HOSTS[:1], port, table), closing(here.ledger()) as ledger:
        ledger.ap_syncs.put(SyncRow(group.id, origin, compared=to_text(datetime.now(UTC))))
        rate = taken_in(here, kept(said), ledger, origin)
    say(f"ingest, peer: {rate.clock:.0f}/s, {rate.processor:.0f} per processor second")
    return rate


# -- all of it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table; ``limit`` names what bounds it."""

    what: str
    rate: Rate
    target: float | None
    limit: str
    by_core: bool = False

    @property
    def held(self) -> bool:
        """Whether the target is reached."""
        return self.target is None or (self.rate.processor if self.by_core else self.rate.clock) >= self.target

    def cells(self, possible: Mapping[str, float], fedify_rate: float | None) -> list[str]:
        """As the table has it."""
        target = "" if self.target is None else f"{self.target:.0f}/s" + (" per core" if self.by_core else "")
        reached = "" if self.target is None else "yes" if self.held else "**no**"
        most = possible[self.limit]
        against = "" if fedify_rate is None else f"{self.rate.clock / fedify_rate:.1f}×"
        return [
            self.what, f"{self.rate.clock:.0f}", f"{self.rate.processor:.0f}", target, reached,
            f"{self.limit}: {self.rate.processor / most:.0%}", against,
        ]  # fmt: skip


HEAD = ["what", "per second", "per processor second", "target", "reached", "of the limit, per core", "Fedify"]


def bench(requests: int, records: int, deliveries: int, others: int, results: Path) -> bool:
    """Measure all in one run; say whether every target is reached."""
    keys, load = Keys(generate_rsa(), generate_ed25519()), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        possible = limits(keys, folder)
        say("; ".join(f"{what} {rate:.0f}/s" for what, rate in possible.items()))
        accepted, both = accept(requests, keys, folder)
        theirs = fedify(others, keys, folder)
        pushed, peer = ingest_pushed(records, keys, folder), ingest_peer(records, keys, folder)
        sent, processor_ms = deliver.rate(deliveries, keys.rsa, folder / "rate")
        say(f"deliveries: {sent:.0f}/s")
        reached = deliver.reaches(keys.rsa, folder)
        say("; ".join(f"{one.what}: {one.seconds:.1f} s" for one in reached))
    rows = [
        Row("accept, draft-cavage", accepted[Dialect.CAVAGE], ACCEPT, "RSA-2048 verify"),
        Row("accept, RFC 9421", accepted[Dialect.RFC9421], ACCEPT, "RSA-2048 verify"),
        Row("accept, draft-cavage, two processes", both, None, "RSA-2048 verify"),
        Row("ingest to graph, pushed by a partner", pushed, INGEST, "JSON-LD expansion of a page", by_core=True),
        Row("ingest to graph, from another Carrefour", peer, INGEST, "Ed25519 verify", by_core=True),
        Row("signed deliveries", Rate(sent, 1000 / processor_ms), DELIVER, "RSA-2048 sign"),
    ]
    inbound = [theirs.get(Dialect.CAVAGE), theirs.get(Dialect.RFC9421), None, None, None, None]
    lines = [row.cells(possible, beside.clock if beside else None) for row, beside in zip(rows, inbound, strict=True)]
    lines += [
        Row(f"Fedify 2.3.6, {dialect}", rate, None, "RSA-2048 verify").cells(possible, None)
        for dialect, rate in theirs.items()
    ]
    text = table(HEAD, lines) + "\n" + _notes(requests, records, deliveries, others)
    text += "\n" + table(["the machine, one core", "per second"], [[k, f"{v:.0f}"] for k, v in possible.items()])
    text += "\n" + deliver.told(reached) + f" Load of the machine before: {load:.1f}."
    record_result("Federation by ActivityPub", text, results)
    return all(row.held for row in rows) and all(one.held for one in reached)


def _notes(requests: int, records: int, deliveries: int, others: int) -> str:
    """What must be known to read the table."""
    return (
        f"Accept: {requests} Creates of {len(_example())} bytes in each dialect, of 16 actors, signed beforehand, over "
        "32 connections that are kept, from another process; `carrefour serve`, one process; each 202 is durable "
        "(SQLite, group commit); two processes: on one data folder, as docs/deployment.md says, each with a client and "
        "32 connections. Fedify: the same requests "
        f"({others}), one process of Node, its store in memory, a listener that does nothing: its 202 is not durable. "
        f"Ingest: {records} accepted activities until all are in the published graph, by `carrefour worker`, all its "
        "processes together; from another Carrefour: proof verified, N-Triples fetched and held against their digest. "
        f"Deliveries: {deliveries} of {deliver.BODY} bytes to 64 hosts, settled in the ledger. Client and other "
        "servers share the machine's cores.\n"
    )


def _example() -> bytes:
    keys = Keys(generate_rsa(), generate_ed25519())
    return encoded(speaker(f"http://{HOSTS[0]}:40000", keys).create(1000, "http://127.0.0.1:8000/actors/commons"))


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=8_000, help="accepted in each dialect")
    parser.add_argument("--records", type=int, default=2_500, help="taken in, in each form")
    parser.add_argument("--deliveries", type=int, default=6_400)
    parser.add_argument("--fedify", type=int, default=2_000, help="requests to Fedify in each dialect")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that takes the results")
    chosen = parser.parse_args()
    fine = bench(chosen.requests, chosen.records, chosen.deliveries, chosen.fedify, chosen.results)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
