"""What comes into the published graph per second: what a bound partner pushed, what another Carrefour announced."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.feed import write_feed, write_source
from bench.measure import Rate, say
from bench.others import HOSTS, PUBLIC, Keys, documents, encoded, shown, speaker
from bench.served import Instance, free_port, processor, rests
from federation.activitypub import proofs
from federation.activitypub.proofs import ProofKey
from federation.ledger import Ledger
from federation.ledger.ap_inbox import WAITING, Received
from federation.ledger.ap_peers import BindingRow, SyncRow
from federation.ledger.times import to_text
from federation.model import to_lines
from federation.platform import open_platform

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
        documents(HOSTS[:1], port, shown([by])),
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
    table = shown([group, owner])
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
