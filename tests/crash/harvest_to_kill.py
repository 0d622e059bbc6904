"""A process whose children harvest made-up records until they end or are killed.

It reads lines ``FOLDER VERSION`` and forks a child for each, so that only the first one pays for the imports. It tells
``opened PID`` when the child has opened the folder, and ``ended STATUS`` when it is over.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from made_up import BASE, SINGLE_VALUED, Clock, make_record

from federation.engines.store_oxigraph import open_store
from federation.ledger import Ledger, open_ledger
from federation.ledger.records import PRESENT
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Action, Outcome, Reason, Record, RunReport, RunState, Tier
from federation.pipeline.merge import Item, Merger, removal
from federation.pipeline.plan import Planner, Step

SOURCES = ("a", "b")
KEYS = tuple(str(number) for number in range(80))
BATCH = 25


def wanted(source: str, version: int) -> Mapping[str, Record]:
    """The whole feed of a source in one of its versions: texts, links to the other source and absences all vary."""
    records = {}
    for key in KEYS:
        number = int(key)
        if (number + version) % 13 == 0:
            continue
        page = f"https://pages.example/{key}"
        linking = source == "b" and (number + version) % 3 == 0
        records[key] = make_record(
            source,
            key,
            version if number % 4 else 0,
            page=page if source == "a" else None,
            claims=(page,) if linking else (),
            run=f"V{version}",
            words=30,
        )
    return records


def tier_of(key: str, version: int) -> Tier:
    """The tier of a record in one version."""
    return list(Tier)[(int(key) // 4 + version) % 3]


def harvest(merger: Merger, ledger: Ledger, source: str, version: int, clock: Clock) -> None:
    """One run of one source, in batches, with withdrawals at the end."""
    partner = PartnerRow(source, f"Partenaire {source}", f"https://{source}.example")
    merger.declare(partner, SourceRow(source, source, f"Source {source}"), "fr")
    run = ledger.runs.start(source, source, clock(), os.getpid())
    states = ledger.records.states(source)
    planner = Planner(states, f"m{version}")
    records = wanted(source, version)
    outcomes = (Outcome(key, record, tier_of(key, version), (), key=key) for key, record in records.items())
    items = _items(planner, outcomes)
    while batch := list(islice(items, BATCH)):
        merger.apply(run, f"m{version}", batch)
    gone = [
        removal(state, Reason.ABSENT) for key, state in states.items() if key not in records and state.state in PRESENT
    ]
    merger.apply(run, f"m{version}", gone)
    counts = planner.counts(whole=True)
    merger.finish(RunReport(run, source, source, RunState.SUCCEEDED, clock(), clock(), counts), whole=True)


def _items(planner: Planner, outcomes: Iterator[Outcome]) -> Iterator[Item]:
    for planned in planner.plan(outcomes):
        record, tier = planned.outcome.record, planned.outcome.tier
        if record is None or tier is None or not (planned.step is not Step.UNCHANGED or planned.retiered):
            continue
        yield Item(Action.CREATE if planned.step is Step.NEW else Action.UPDATE, record, tier)


def main(folder: Path, version: int) -> None:
    """Open, recover, harvest both sources, close."""
    clock = Clock(timedelta(seconds=1.1))  # every batch is published: kills fall into publications too
    store = open_store(folder / "store")
    ledger = open_ledger("", folder)
    merger = Merger(store, ledger, BASE, clock, SINGLE_VALUED)
    _say(f"opened {os.getpid()}")
    merger.recover()
    for source in SOURCES:
        harvest(merger, ledger, source, version, clock)
    merger.close()
    store.close()
    ledger.close()


def serve() -> None:
    """Run one child after the other."""
    for line in sys.stdin:
        folder, version = line.split()
        child = os.fork()
        if child == 0:
            main(Path(folder), int(version))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    serve()
