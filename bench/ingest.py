"""Ingest: 40,000 records from a JSON-LD feed to a queryable, searchable commons, against a peer and a limit.

`python -m bench.ingest [--records N] [--peer N] [--linear]` in one run on one machine:
ours  read → map → validate → merge (store, ledger, journal) → index, by the same code as `carrefour harvest`;
(a)   the obvious stack (bench/obvious.py), which does less, on the first records of the same feed;
(b)   the limit: pyoxigraph parsing and bulk-loading, on disk, the very quads that ours has written.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pyoxigraph as ox

from bench.feed import records, write_feed, write_source
from bench.measure import Peak, clock, record_result, table
from bench.obvious import run as run_obvious
from federation.model import RunReport, RunState
from federation.platform import Platform, open_platform
from federation.settings import Settings, load_settings


@dataclass(frozen=True)
class Ingest:
    """One harvest of a fresh instance: seconds, peak bytes, and the account."""

    seconds: float
    peak: int
    report: RunReport


def instance(folder: Path, count: int) -> Settings:
    """Lay out an instance with one source of ``count`` records."""
    (folder / "sources").mkdir(parents=True)
    write_feed(folder / "feed.jsonld", count)
    write_source(folder / "sources" / "reseau.toml", folder / "feed.jsonld")
    (folder / "carrefour.toml").write_text('base_url = "http://127.0.0.1:8000"\n', "utf-8")
    return load_settings(folder, {})


def harvest(platform: Platform) -> Ingest:
    """Harvest the one source, and make sure that it did what is measured."""
    with Peak() as peak, clock() as taken, platform.writing() as writer:
        report = writer.harvest(platform.source("reseau"), lambda *_: None)
    if report.state not in {RunState.SUCCEEDED, RunState.UNCHANGED}:
        raise SystemExit(f"the harvest ended as {report.state}: {report.message} {report.findings[:3]}")
    return Ingest(taken[0], peak.bytes, report)


def bulk_load(quads: Path, folder: Path) -> float:
    """Seconds that pyoxigraph takes to parse and bulk-load the file into a fresh store on disk, flushed."""
    with clock() as taken:
        store = ox.Store(str(folder))
        store.bulk_load(path=str(quads), format=ox.RdfFormat.N_QUADS)
        store.flush()
    return taken[0]


def bench(count: int, peer: int) -> None:
    """Measure ours, (a) and (b) in one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = instance(folder / "one", count)
        platform = open_platform(settings)
        first = harvest(platform)
        again = harvest(platform)
        if again.report.state is not RunState.UNCHANGED:
            raise SystemExit("a second harvest of the same bytes was not recognised")
        feed = folder / "one" / "feed.jsonld"
        feed.write_text(feed.read_text("utf-8").replace('"@graph"', ' "@graph"', 1), "utf-8")
        spaced = harvest(platform)
        if spaced.report.counts.unchanged != count:
            raise SystemExit(f"a harvest of the same records in other bytes was not recognised: {spaced.report.counts}")
        quads = folder / "all.nq"
        with quads.open("wb") as file:
            file.writelines(platform.reader.dump())
        written = sum(1 for _ in quads.open("rb"))
        platform.close()
        limit = min(bulk_load(quads, folder / f"limit{turn}") for turn in range(2))
        obvious = run_obvious(records(peer), folder)
    rate = count / first.seconds
    rows = [
        ["ours: read → map → validate → merge → index", count, f"{first.seconds:.1f}", f"{rate:.0f}", "1"],
        [
            "(a) obvious stack, per record",
            peer,
            f"{obvious.seconds:.1f}",
            f"{obvious.rate:.0f}",
            f"{rate / obvious.rate:.1f}× slower",
        ],
        [
            "(b) bulk load of the same quads",
            count,
            f"{limit:.1f}",
            f"{count / limit:.0f}",
            f"ours takes {first.seconds / limit:.2f}×",
        ],
        ["harvest again, same bytes", count, f"{again.seconds:.2f}", "", ""],
        ["harvest again, same records in other bytes", count, f"{spaced.seconds:.2f}", "", ""],
    ]
    text = table(["what", "records", "seconds", "records/s", "ratio"], rows)
    text += (
        f"\n{written} quads in all, {written / count:.1f} per record (record graph, merged project, metadata). "
        f"Peak memory of ours, all processes: {first.peak / 2**20:.0f} MiB. "
        f"Of (a), {obvious.read / obvious.seconds:.0%} of the time is pyld and parsing, "
        f"{obvious.validate / obvious.seconds:.0%} pySHACL, {obvious.store / obvious.seconds:.0%} oxrdflib.\n"
    )
    record_result(f"Ingest of {count} records", text)


def linear() -> None:
    """Show how cost grows from 10,000 to 200,000 records."""
    rows = []
    for count in (10_000, 50_000, 100_000, 200_000):
        with tempfile.TemporaryDirectory() as name:
            platform = open_platform(replace(instance(Path(name) / "one", count), fetch_bytes=4 * 2**30))
            done = harvest(platform)
            platform.close()
            shutil.rmtree(Path(name) / "one")
        milliseconds = 1000 * done.seconds / count
        rows.append([count, f"{done.seconds:.1f}", f"{milliseconds:.3f}", f"{done.peak / 2**20:.0f}"])
    record_result("Ingest: growth", table(["records", "seconds", "ms per record", "peak MiB"], rows))


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--peer", type=int, default=300, help="records that the obvious stack gets")
    parser.add_argument("--linear", action="store_true", help="show the growth from 10,000 to 200,000 instead")
    chosen = parser.parse_args()
    if chosen.linear:
        linear()
    else:
        bench(chosen.records, chosen.peer)


if __name__ == "__main__":
    main()
