"""How fast the parts of a harvest, a search or a query are, and whether hostile input costs more than its fair share.

`python -m bench.parts [--results FILE]`: about a minute. Each speed has a bar, which is for an idle machine; the exit
code is 1 if one is missed. Tests hold no limits of this kind, for they must pass on a busy machine too.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import pyoxigraph as ox

from bench.feed import CONTEXT, record, write_source
from bench.measure import RESULTS, clock, record_result, table
from federation.catalogue.search import document
from federation.catalogue.sparql import MOST_CHARACTERS
from federation.catalogue.sparql_lexer import tokens
from federation.catalogue.words import Words
from federation.engines import Document, QueryLimits, SearchRequest
from federation.engines.query_pool import QueryPool
from federation.engines.search_tantivy import TantivySearch
from federation.ledger import open_ledger
from federation.ledger.records import RecordState
from federation.model import RawRecord, Tier
from federation.pipeline.cleaning import clean_text
from federation.pipeline.cleaning.text import LONGEST
from federation.pipeline.mapping import RunStamp, compile_mapping
from federation.pipeline.merge.project import RecordView, merged_project, modified_of
from federation.pipeline.readers import ReadOptions, read
from federation.pipeline.sources import load_source
from federation.pipeline.validate import compile_shapes, parse_turtle
from federation.vocabulary import Vocabulary, load

ROOT = Path(__file__).resolve().parents[1]
BASE = "http://127.0.0.1:8000"
RUN = RunStamp(f"{BASE}/runs/01J9Z0000000000000000000", "2026-10-01T08:00:00Z")
MANY = 40_000  # records: a large source
BATCH = 1000

LEXER = ("a.", "<a", "'''", '"', "<\\u0000", ":\\-.", "a:b.", "((((", "#", "?", "1e", "_:a.")
MARKUP = ("<a", "<p ", "<!--", "&lt;a", "<script ", "< ", "<\t", "a>")


@dataclass(frozen=True)
class Speed:
    """Seconds that something takes, and its bar on an idle machine."""

    what: str
    seconds: float
    bar: float

    def row(self) -> list[str]:
        """A row of the table."""
        return [self.what, _told(self.seconds), _told(self.bar), "yes" if self.seconds <= self.bar else "**no**"]


def best(work: Callable[[], object], turns: int = 5, repeats: int = 1) -> float:
    """Seconds of one call: the best of some turns, each the mean of ``repeats`` calls."""
    took = []
    for _ in range(turns):
        with clock() as spent:
            for _ in range(repeats):
                work()
        took.append(spent.seconds / repeats)
    return min(took)


def vocabulary_parts(vocabulary: Vocabulary) -> Iterator[Speed]:
    """What every command and every worker process pays at its start."""
    background = list(parse_turtle("background.ttl", vocabulary.background()))
    yield Speed("read the vocabulary", best(lambda: load(ROOT), 3), 0.4)
    yield Speed("compile shapes and thesauri", best(lambda: compile_shapes(vocabulary.shapes(), background), 3), 0.5)


def record_parts(vocabulary: Vocabulary, folder: Path) -> Iterator[Speed]:
    """The stages of one record of the feed."""
    write_source(folder / "reseau.toml", folder / "feed.jsonld")
    mapper = compile_mapping(load_source(folder / "reseau.toml", vocabulary), vocabulary, BASE)
    validator = compile_shapes(vocabulary.shapes(), vocabulary.background())
    row = _row(vocabulary)
    mapped = mapper(row, RUN).record
    if mapped is None:
        raise SystemExit(f"the record of the benchmark is not mapped: {mapper(row, RUN).findings}")
    yield Speed("map one record", best(lambda: mapper(row, RUN), repeats=200), 600e-6)
    yield Speed("validate one record", best(lambda: validator(mapped.content), repeats=200), 200e-6)
    project = f"{BASE}/id/projet/a"
    view = RecordView(mapped.iri, mapped.content, Tier.BASIC, modified_of(mapped.iri, mapped.content), False)
    single = {one.property for one in vocabulary.fields.values() if not one.many and "." not in one.key}
    merged, words = merged_project(project, [view], single), Words.of(vocabulary)
    yield Speed(
        "merge one record into its project", best(lambda: merged_project(project, [view], single), 20, 20), 60e-6
    )
    yield Speed("make one search document", best(lambda: document(project, merged, words), repeats=200), 60e-6)


def _row(vocabulary: Vocabulary) -> RawRecord:
    body = orjson.dumps({"@context": CONTEXT, "@graph": [record(1)]})
    options = ReadOptions("json-ld", contexts=vocabulary.contexts, base_url=f"{BASE}/sources/reseau")
    for row in read(body, options):
        if isinstance(row, RawRecord):
            return row
    raise SystemExit("the record of the benchmark cannot be read")


def json_part() -> Iterator[Speed]:
    """A large JSON feed, all its checks included."""
    fields = {f"champ {i}": "Une phrase française d'une longueur ordinaire, avec des accents." for i in range(18)}
    body = orjson.dumps([{"id": i, **fields} for i in range(MANY)])
    options = ReadOptions("json", max_records=MANY)
    yield Speed(f"read {MANY} rows of JSON, {len(body) / 1e6:.0f} MB", best(lambda: list(read(body, options)), 2), 2.5)


def ledger_part(folder: Path) -> Iterator[Speed]:
    """What a run reads first: what is known of every record of its source."""
    ledger = open_ledger("", folder)
    digest, raw_hash = "d" * 64, "r" * 64
    ledger.records.put(
        [
            RecordState(
                f"{BASE}/records/reseau/{key}", "reseau", str(key), "reseau", digest, raw_hash, "m1", "full", "live",
                RUN.time, "01J9Z0000000000000000000", None, f"p{key}",
            )
            for key in range(MANY)
        ]
    )  # fmt: skip
    yield Speed(f"know the states of {MANY} records", best(lambda: ledger.records.states("reseau"), 3), 0.5)
    ledger.close()


def search_parts(folder: Path) -> Iterator[Speed]:
    """The index by batches as a harvest writes it, then a deep page of the daily order with its counts."""
    draw = random.Random(1)
    words = ["".join(draw.choices("aeiourstlnméèc", k=draw.randint(3, 9))) for _ in range(30_000)]
    documents = [
        Document(
            id=f"{BASE}/id/projet/{n:06x}",
            title=" ".join(draw.choices(words, k=6)),
            text=" ".join(draw.choices(words, k=95)),
            keywords=tuple(draw.choices(words, k=4)),
            themes=tuple(draw.sample(["AGR", "MOB", "HAB", "EMP"], 2)),
            partners=(f"p{draw.randint(1, 20)}",),
        )
        for n in range(MANY)
    ]
    index = TantivySearch(folder)
    with clock() as spent:
        for at in range(0, MANY, BATCH):
            index.update(documents[at : at + BATCH], [], at + BATCH)
    yield Speed(f"index one project of {MANY}, by batches of {BATCH}", spent.seconds / MANY, 1 / 8000)
    deep = SearchRequest(facets=("theme", "partner"), seed="2026-01-01", offset=MANY // 2)
    yield Speed(f"page of the daily order at {MANY // 2}, with counts", best(lambda: index.search(deep)), 0.05)
    index.close()


def query_part(folder: Path) -> Iterator[Speed]:
    """The way of a small public query to its process and back."""
    store = ox.Store(str(folder / "store"))
    subject, predicate = ox.NamedNode(f"{BASE}/s"), ox.NamedNode(f"{BASE}/p")
    store.bulk_extend(ox.Quad(subject, predicate, ox.Literal(n)) for n in range(1500))
    store.flush()
    store.backup(str(folder / "checkpoint"))
    limits = QueryLimits(seconds=2, rows=1000, bytes=400_000, memory=300 * 2**20)
    accept = {"bindings": "text/csv", "boolean": "text/csv", "graph": "application/n-triples"}
    pool = QueryPool(lambda: (folder / "checkpoint", 1), size=2, limits=limits, base=f"{BASE}/")
    pool.warm()
    yield Speed(
        "small query, to its process and back", best(lambda: pool.answer("ASK { <s> ?p ?o }", accept), 5, 100), 2e-3
    )
    pool.close()


def hostile() -> list[list[str]]:
    """Input made to be slow, at half the length that is taken and at all of it: twice the time is linear, four not."""
    rows = []
    cases: Sequence[tuple[str, Sequence[str], int, Callable[[str], object]]] = (
        ("query", LEXER, MOST_CHARACTERS, tokens),
        ("text", MARKUP, LONGEST, lambda text: clean_text(text, [])),
    )
    for name, pieces, length, work in cases:
        for piece in pieces:
            whole = piece * (length // len(piece))
            half = whole[: len(whole) // 2]
            short, long = best(partial(work, half), 3), best(partial(work, whole), 3)
            rows.append([name, f"`{piece!a}`".replace("|", "\\|"), _told(short), _told(long), f"{long / short:.1f}×"])
    return rows


def _told(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def bench(results: Path) -> bool:
    """Measure all; say whether every bar is held."""
    vocabulary = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("record", "ledger", "search", "query"):
            (folder / part).mkdir()
        speeds = [
            *vocabulary_parts(vocabulary),
            *record_parts(vocabulary, folder / "record"),
            *json_part(),
            *ledger_part(folder / "ledger"),
            *search_parts(folder / "search"),
            *query_part(folder / "query"),
        ]
    record_result("Parts", table(["what", "takes", "bar", "held"], [speed.row() for speed in speeds]), results)
    text = table(["what", "repeats", "half of what is taken", "all", "ratio"], hostile())
    record_result("Hostile input", "Twice the input should take about twice the time.\n\n" + text, results)
    return all(speed.seconds <= speed.bar for speed in speeds)


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that takes the results")
    return 0 if bench(parser.parse_args().results) else 1


if __name__ == "__main__":
    sys.exit(main())
