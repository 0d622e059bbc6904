"""ActivityPub in one run on one machine: what is accepted, what comes into the graph, what goes out, per second.

`python -m bench.federation [--requests N] [--records N] [--deliveries N] [--fedify N] [--results FILE]`, over loopback.
Each figure stands beside what the machine could do at most (one core: RSA-2048, Ed25519; the disk: fsync) and beside
what Fedify takes in here. The exit code is 1 if a target is missed. Fedify is had from its registry, as for the tests;
without it its rows are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from bench import deliver
from bench.accepting import accept, fedify
from bench.ingesting import ingest_peer, ingest_pushed
from bench.measure import RESULTS, Rate, record_result, say, table
from bench.others import HOSTS, Keys, encoded, speaker
from federation.activitypub.contexts import Bundle, bundled
from federation.activitypub.expansion import Limits, expand
from federation.activitypub.keys import generate_ed25519, generate_rsa
from federation.activitypub.signatures import Dialect
from federation.vocabulary import load

_SYNCS = 500
ACCEPT, INGEST, DELIVER = 1000.0, 300.0, 500.0


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
