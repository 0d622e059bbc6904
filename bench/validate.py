"""How fast records are validated: compiled shapes against pySHACL, same records, same run, same faults found.

Run: ``python -m bench.validate [RECORDS] [RECORDS_FOR_PYSHACL]``. Rates are per core (processor time), of one process.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

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


def main(count: int = 10_000, count_for_peer: int = 300) -> int:
    """Print the rates and compare the results; the exit code is 1 if the two differ anywhere."""
    vocabulary = load()
    # The thesauri's own shapes aim at no record; pySHACL is spared asking them.
    shapes = {name: text for name, text in vocabulary.shapes().items() if name != "concept.ttl"}
    background = list(parse_turtle("background", vocabulary.background()))
    lines = records(count)
    size = sum(text.count("\n") for text in lines) / count

    started = time.perf_counter()
    ours = compile_shapes(shapes, background)
    ready = time.perf_counter() - started
    ours(lines[0])
    rate, wall, found = measure(ours, lines)
    tiers = Counter("refused" if (t := tier(results)) is None else t.value for results in found)
    print(f"records            {count} of {size:.0f} triples, {len(background)} triples of background")
    print(f"compile            {ready * 1000:.0f} ms, {len(ours.fallback_shapes)} shapes left to pySHACL")
    print(f"compiled shapes    {rate:.0f} records/s per core ({wall:.0f} by the clock), tiers {dict(tiers)}")

    peer = reference_shapes(shapes, background)
    peer(lines[0])
    sample = min(count, count_for_peer)
    peer_rate, peer_wall, peer_found = measure(peer, lines[:sample])
    print(f"pySHACL            {peer_rate:.0f} records/s per core ({peer_wall:.0f} by the clock), {sample} records")
    print(f"ratio              {rate / peer_rate:.0f}")

    differing = sum(mine != theirs for mine, theirs in zip(found, peer_found, strict=False))
    results = sum(map(len, peer_found))
    print(f"results compared   {results} on {sample} records, {differing} records differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
