"""Ingest: 40,000 records from a JSON-LD feed to a queryable, searchable commons, against peers and a limit.

`python -m bench.ingest [--records N] [--peer N] [--batch N] [--linear] [--results FILE]`, in one run on one machine:
ours  read → map → validate → merge (store, ledger, journal) → index, by the same code as `carrefour harvest`;
(a)   the obvious stack (bench/obvious.py), which does less, on the first records of the same feed: record by record
      in its simple setting, record by record with all that we have, and so again by batches;
(b)   the limit: pyoxigraph parsing and bulk-loading, on disk, the very quads that ours has written.
The exit code is 1 if the complete peers and ours do not accept the same records for the same reasons.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyoxigraph as ox

from bench.feed import RECORDS, records, write_feed, write_source
from bench.measure import RESULTS, Fault, Peak, Spent, Taken, clock, record_result, table
from federation.model import RunReport, RunState, to_lines
from federation.pipeline.validate import compile_shapes
from federation.platform import Platform, open_platform
from federation.settings import Settings, load_settings

PEER_SECONDS = 70  # at most for each setting of the peer, and the batch under way: all three stay below four minutes
BATCHES = 2  # that the peer by batches gets
HEAD = ["what", "records", "seconds", "records/s", "per processor second", "ratio"]


@dataclass(frozen=True)
class Ingest:
    """One harvest: its time, peak bytes, and the account."""

    spent: Spent
    peak: int
    report: RunReport


@dataclass(frozen=True)
class Setting:
    """One setting of the peer: its name in the table, records at once, with all that we have or not, and its sample."""

    name: str
    size: int
    complete: bool
    records: int


def instance(folder: Path, count: int) -> Settings:
    """Lay out an instance with one source of ``count`` records."""
    (folder / "sources").mkdir(parents=True)
    write_feed(folder / "feed.jsonld", count)
    write_source(folder / "sources" / "reseau.toml", folder / "feed.jsonld")
    (folder / "carrefour.toml").write_text('base_url = "http://127.0.0.1:8000"\n', "utf-8")
    return load_settings(folder, {})


def harvest(platform: Platform) -> Ingest:
    """Harvest the one source, and make sure that it did what is measured."""
    with Peak() as peak, clock() as spent, platform.writing() as writer:
        report = writer.harvest(platform.source("reseau"), lambda *_: None)
    if report.state not in {RunState.SUCCEEDED, RunState.UNCHANGED}:
        raise SystemExit(f"the harvest ended as {report.state}: {report.message} {report.findings[:3]}")
    return Ingest(spent, peak.bytes, report)


def harvests(platform: Platform, feed: Path, count: int) -> tuple[Ingest, Ingest, Ingest]:
    """Harvest all, then again the same bytes, then the same records in other bytes."""
    first = harvest(platform)
    again = harvest(platform)
    if again.report.state is not RunState.UNCHANGED:
        raise SystemExit("a second harvest of the same bytes was not recognised")
    feed.write_text(feed.read_text("utf-8").replace('"@graph"', ' "@graph"', 1), "utf-8")
    spaced = harvest(platform)
    if spaced.report.counts.unchanged != count:
        raise SystemExit(f"a harvest of the same records in other bytes was not recognised: {spaced.report.counts}")
    return first, again, spaced


def bulk_load(quads: Path, folder: Path) -> Spent:
    """Time of pyoxigraph to parse and bulk-load the file into a fresh store, flushed."""
    with clock() as spent:
        store = ox.Store(str(folder))
        store.bulk_load(path=str(quads), format=ox.RdfFormat.N_QUADS)
        store.flush()
    return spent


def our_faults(platform: Platform, keys: Sequence[str]) -> dict[str, tuple[Fault, ...]]:
    """What our validator finds in the records that were accepted, by identifier; the others are missing."""
    vocabulary = platform.vocabulary
    validator = compile_shapes(vocabulary.shapes(), vocabulary.background())
    found = {}
    for key in keys:
        if content := to_lines(platform.reader.graph(RECORDS + key)):
            found[key] = tuple(
                sorted(
                    (r.severity[1:-1], "" if r.shape.startswith("<urn:") else r.shape[1:-1], r.component[1:-1])
                    for r in validator(content)
                )
            )
    return found


def compare(setting: Setting, taken: Taken, ours: dict[str, tuple[Fault, ...]]) -> tuple[bool, str]:
    """Say whether the peer accepts the same records as ours, and finds the same faults in them."""
    mine = {key: ours[key] for key in taken.faults if key in ours}
    theirs = taken.accepted
    differing = sum(mine[key] != taken.faults[key] for key in mine)
    results = sum(map(len, taken.faults.values()))
    same = mine.keys() == theirs
    text = f"{setting.name}: accepts {len(theirs)} of {taken.records}, ours {len(mine)}: "
    text += "the same set" if same else f"**NOT the same set**, {len(mine.keys() ^ theirs)} differ"
    text += f"; {results} results, "
    text += f"**{differing} records have others with ours**" if differing else "the same with ours, record by record"
    return same and not differing, text + "."


def peers(settings: Sequence[Setting], folder: Path) -> list[Taken]:
    """Run the peer in each setting, in a store of its own, after one record that is not counted."""
    from bench.obvious import Peer  # noqa: PLC0415 - our worker processes import this module, and need no peer

    done = []
    for number, setting in enumerate(settings):
        peer = Peer(folder / f"peer{number}")
        peer.run(records(1), 1, setting.complete, PEER_SECONDS)
        done.append(peer.run(records(setting.records), setting.size, setting.complete, PEER_SECONDS))
        peer.close()
    return done


def bench(count: int, peer: int, batch: int, results: Path) -> bool:
    """Measure ours, the peers and the limit in one run; say whether the complete peers agree with ours."""
    sample = min(count, peer)
    settings = (
        Setting("(a) obvious stack, per record", 1, False, sample),
        Setting("(a) complete, per record", 1, True, sample),
        Setting(f"(a) complete, batches of {min(batch, count)}", batch, True, min(count, BATCHES * batch)),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        platform = open_platform(instance(folder / "one", count))
        first, again, spaced = harvests(platform, folder / "one" / "feed.jsonld", count)
        ours = our_faults(platform, [str(i) for i in range(max(s.records for s in settings))])
        workers = platform.settings.workers or os.cpu_count() or 1
        quads = folder / "all.nq"
        with quads.open("wb") as file:
            file.writelines(platform.reader.dump())
        with quads.open("rb") as file:
            written = sum(1 for _ in file)
        platform.close()
        limit = min((bulk_load(quads, folder / f"limit{turn}") for turn in range(2)), key=lambda spent: spent.seconds)
        taken = peers(settings, folder)
    rate = count / first.spent.seconds
    rows = [_row("ours: read → map → validate → merge → index", count, first.spent, "1")]
    for setting, peer_taken in zip(settings, taken, strict=True):
        slower = f"{rate * peer_taken.spent.seconds / peer_taken.records:.1f}× slower"
        rows.append(_row(setting.name, peer_taken.records, peer_taken.spent, slower))
    rows += [
        _row("(b) bulk load of the same quads", count, limit, f"ours takes {first.spent.seconds / limit.seconds:.2f}×"),
        ["harvest again, same bytes", count, f"{again.spent.seconds:.2f}", "", "", ""],
        ["harvest again, same records in other bytes", count, f"{spaced.spent.seconds:.2f}", "", "", ""],
    ]
    compared = [compare(s, t, ours) for s, t in zip(settings, taken, strict=True) if s.complete]
    text = table(HEAD, rows) + _notes(workers, settings, taken)
    text += "".join(f"\n- {line}" for _, line in compared) + "\n"
    text += (
        f"\n{written} quads in all, {written / count:.1f} per record (record graph, merged project, metadata). "
        f"Peak memory of ours, all processes: {first.peak / 2**20:.0f} MiB.\n"
    )
    record_result(f"Ingest of {count} records", text, results)
    return all(same for same, _ in compared)


def _row(what: str, count: int, spent: Spent, ratio: str) -> list[object]:
    per_second, per_processor = count / spent.seconds, count / spent.processor
    return [what, count, f"{spent.seconds:.1f}", f"{per_second:.0f}", f"{per_processor:.0f}", ratio]


def _notes(workers: int, settings: Sequence[Setting], taken: Sequence[Taken]) -> str:
    """What must be known to compare fairly: processes, what each peer has and lacks, where its time goes."""
    steps = "; ".join(
        f"{s.name.removeprefix('(a) ')} {t.read / t.spent.seconds:.0%}, {t.validate / t.spent.seconds:.0%}, "
        f"{t.store / t.spent.seconds:.0%}"
        for s, t in zip(settings, taken, strict=True)
    )
    return (
        f"\nOurs maps and validates in {workers} worker processes beside the main one, which plans and writes, on the "
        f"{os.cpu_count()} cores of this machine; each peer is one process on one core. The ratio is by the "
        "clock; records per second of processor time (of all processes together) compare without that. The first peer "
        "validates without the thesauri and without the record's own node, so it also "
        "reports faults that are none and stores all; the complete ones have both, as ours has. No "
        "peer cleans, merges, keeps a ledger or indexes.\n"
        f"\nOf the peers' time, reading (pyld, parsing), pySHACL, oxrdflib: {steps}.\n"
        "\nThe feed has no record to refuse, so the faults compared are advice (bench/validate.py plants others):\n"
    )


def linear(results: Path) -> None:
    """Show how cost grows from 10,000 to 200,000 records."""
    rows = []
    for count in (10_000, 50_000, 100_000, 200_000):
        with tempfile.TemporaryDirectory() as name:
            platform = open_platform(replace(instance(Path(name) / "one", count), fetch_bytes=4 * 2**30))
            done = harvest(platform)
            platform.close()
            shutil.rmtree(Path(name) / "one")
        milliseconds = 1000 * done.spent.seconds / count
        rows.append([count, f"{done.spent.seconds:.1f}", f"{milliseconds:.3f}", f"{done.peak / 2**20:.0f}"])
    record_result("Ingest: growth", table(["records", "seconds", "ms per record", "peak MiB"], rows), results)


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--peer", type=int, default=300, help="records that the peers get that work one by one")
    parser.add_argument("--batch", type=int, default=500, help=f"size of the {BATCHES} batches of the other peer")
    parser.add_argument("--linear", action="store_true", help="show the growth from 10,000 to 200,000 instead")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that takes the results")
    chosen = parser.parse_args()
    if chosen.linear:
        linear(chosen.results)
        return 0
    return 0 if bench(chosen.records, chosen.peer, chosen.batch, chosen.results) else 1


if __name__ == "__main__":
    sys.exit(main())
