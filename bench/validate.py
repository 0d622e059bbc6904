"""How fast records are validated: compiled shapes against pySHACL, same records, same run, same faults found.

Run: ``python -m bench.validate [--records N] [--peer N] [--results FILE]``. Rates are per core (processor time), of one
process; pySHACL is asked record by record, beside the same thesauri. The exit code is 1 if the two differ anywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measure import RESULTS, clock, record_result, table
from bench.synthetic import CRF, DCT, PAIR, SCHEMA, TYPE, W3ID, record_triples
from federation.model import Triple, to_lines
from federation.pipeline.validate import Result, Validator, compile_shapes, parse_turtle, reference_shapes, tier
from federation.vocabulary import load

Fault = Callable[[list[Triple]], list[Triple]]

EVERY = 33  # one record in 33 is spoilt: 3 %, as partners' feeds are


def _drop(predicate: str) -> Fault:
    return lambda record: [t for t in record if t[1] != f"<{predicate}>"]


def _change(predicate: str, value: str) -> Fault:
    return lambda record: [(s, p, value if p == f"<{predicate}>" else o) for s, p, o in record]


FAULTS: Sequence[Fault] = (
    _drop(f"{SCHEMA}name"),
    _drop(f"{DCT}license"),
    _drop(f"{DCT}subject"),
    _change(f"{DCT}subject", f"<{W3ID}/theme/ZZZ>"),
    _change(f"{PAIR}hasStatus", '"en cours"@fr'),
    _change(f"{SCHEMA}url", "<www.exemple.fr>"),
    _change(f"{SCHEMA}latitude", '"145.78"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
    _change(f"{SCHEMA}description", '"Trop court."@fr'),
    lambda record: [t for t in record if t[1:] != (TYPE, f"<{SCHEMA}Organization>")],
    lambda record: [*record, (record[0][0], f"<{DCT}modified>", '"hier"')],
    _drop(f"{CRF}holder"),
)


def records(count: int) -> list[str]:
    """Records as canonical lines, some with a planted fault."""
    made = []
    for i in range(count):
        triples = record_triples(i)
        if i % EVERY == 0:
            triples = FAULTS[i // EVERY % len(FAULTS)](triples)
        made.append(to_lines(triples))
    return made


def measure(validator: Validator, lines: Sequence[str]) -> tuple[float, float, list[list[Result]]]:
    """Validate each record; give records per second of processor time and of wall time, and all results."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = [validator(record) for record in lines]
    return len(lines) / (time.process_time() - cpu), len(lines) / (time.perf_counter() - wall), found


def bench(count: int, sample: int, results: Path) -> bool:
    """Measure both, and say whether they find the same faults."""
    vocabulary = load()
    # The thesauri's own shapes aim at no record; pySHACL is spared asking them.
    shapes = {name: text for name, text in vocabulary.shapes().items() if name != "concept.ttl"}
    background = list(parse_turtle("background", vocabulary.background()))
    lines = records(count)
    size = sum(text.count("\n") for text in lines) / count
    with clock() as compiling:
        ours = compile_shapes(shapes, background)
    ours(lines[0])
    rate, wall, found = measure(ours, lines)
    peer = reference_shapes(shapes, background)
    peer(lines[0])
    peer_rate, peer_wall, peer_found = measure(peer, lines[:sample])
    mine = found[: len(peer_found)]
    differing = sum(our != their for our, their in zip(mine, peer_found, strict=True))
    refused = [sum(tier(each) is None for each in part) for part in (mine, peer_found)]
    text = table(
        ["what", "records", "records/s by the clock", "per processor second", "ratio"],
        [
            ["ours: compiled shapes", count, f"{wall:.0f}", f"{rate:.0f}", "1"],
            ["pySHACL", len(peer_found), f"{peer_wall:.0f}", f"{peer_rate:.0f}", f"{rate / peer_rate:.0f}× slower"],
        ],
    )
    text += (
        f"\nRecords of {size:.0f} triples, one in {EVERY} spoilt, beside {len(background)} triples of thesauri; one "
        "process each, record by record (bench.ingest also asks pySHACL by batches). Shapes compiled in "
        f"{compiling.seconds * 1000:.0f} ms, {len(ours.fallback_shapes)} left to pySHACL. On the {len(peer_found)} "
        f"records that both had: {sum(map(len, peer_found))} results, {differing} records differ; refused by ours "
        f"{refused[0]}, by pySHACL {refused[1]}.\n"
    )
    record_result("Validation", text, results)
    return not differing


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--peer", type=int, default=1000, help="records that pySHACL gets")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that takes the results")
    chosen = parser.parse_args()
    return 0 if bench(chosen.records, chosen.peer, chosen.results) else 1


if __name__ == "__main__":
    sys.exit(main())
