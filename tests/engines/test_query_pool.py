"""Public queries run in worker processes: right, limited, killable, without network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.engines import PublicQueries, QueryAnswer, QueryLimits
from federation.engines.query_pool import QueryPool
from federation.engines.query_worker import RowCounter
from federation.errors import EngineUnavailable, QueryRejected

BINDINGS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
GRAPHS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/n-quads": ox.RdfFormat.N_QUADS,
    "application/trig": ox.RdfFormat.TRIG,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
}
ACCEPT = {"bindings": "text/csv", "boolean": "text/csv", "graph": "application/n-triples"}
LIMITS = QueryLimits(seconds=2, rows=1000, bytes=400_000, memory=300 * 1024 * 1024)
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . FILTER(?c != ?f) }"
GREEDY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f ?i"


def node(name: str) -> ox.NamedNode:
    return ox.NamedNode(f"http://example.org/{name}")


def build(folder: Path, size: int) -> Path:
    """A checkpoint with ``size`` triples in the default graph and one in each of three named graphs."""
    store = ox.Store(str(folder / "store"))
    store.bulk_extend(ox.Quad(node(f"s{n}"), node("p"), ox.Literal(f"né en {n}", language="fr")) for n in range(size))
    for name in ("g1", "g2", "g3"):
        store.add(ox.Quad(node("thing"), node("in"), ox.Literal(name), node(name)))
    store.flush()
    store.backup(str(folder / "checkpoint"))
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("queries"), 1500)


@pytest.fixture(scope="module")
def pool(checkpoint: Path) -> Iterator[QueryPool]:
    made = QueryPool(lambda: (checkpoint, 7), size=2, limits=LIMITS, base="http://example.org/")
    made.warm()
    yield made
    made.close()


def rejected(pool: PublicQueries, query: str, limits: QueryLimits | None = None, **accept: str) -> QueryRejected:
    with pytest.raises(QueryRejected) as caught:
        pool.answer(query, {**ACCEPT, **accept}, limits=limits)
    return caught.value


def workers_of(pool: QueryPool) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "federation.engines.query_worker" in child.cmdline()]


def wait_for_busy_worker() -> psutil.Process:
    """The worker that is computing, found by its processor time."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for child in psutil.Process().children():
            with_time = "federation.engines.query_worker" in " ".join(child.cmdline())
            if with_time and child.cpu_percent(interval=0.1) > 20:
                return child
    raise AssertionError("no worker is computing")


@pytest.mark.parametrize("media_type", BINDINGS)
def test_a_select_is_answered_in_every_result_format(pool: QueryPool, checkpoint: Path, media_type: str) -> None:
    """The bytes are those that the engine writes itself, with the state they were read from."""
    query = "SELECT ?o { <http://example.org/s5> ?p ?o }"
    expected = ox.Store.read_only(str(checkpoint)).query(query).serialize(format=BINDINGS[media_type])  # type: ignore[union-attr]

    answer = pool.answer(query, {**ACCEPT, "bindings": media_type})

    assert answer == QueryAnswer("bindings", media_type, expected, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("media_type", GRAPHS)
def test_a_construct_is_answered_in_every_graph_format(pool: QueryPool, media_type: str) -> None:
    """The graph reads back as the triples that were built."""
    query = "CONSTRUCT { ?s <http://example.org/q> ?o } { ?s <http://example.org/p> ?o . FILTER(?s = <s5>) }"

    answer = pool.answer(query, {**ACCEPT, "graph": media_type})

    read = list(ox.parse(input=answer.body, format=GRAPHS[media_type]))
    assert answer.kind == "graph"
    assert [quad.triple for quad in read] == [ox.Triple(node("s5"), node("q"), ox.Literal("né en 5", language="fr"))]


def test_ask_and_describe_are_answered(pool: QueryPool) -> None:
    """The two other forms have their kinds of result."""
    asked = pool.answer("ASK { <s5> ?p ?o }", {**ACCEPT, "boolean": "application/sparql-results+json"})
    described = pool.answer("DESCRIBE <s5>", ACCEPT)

    assert (asked.kind, asked.body) == ("boolean", b'{"head":{},"boolean":true}')
    assert described.body.decode() == '<http://example.org/s5> <http://example.org/p> "né en 5"@fr .\n'


def test_small_queries_share_the_workers_that_are_there(pool: QueryPool) -> None:
    """No process is started for a query: that is why the way to a worker and back can be the normal path."""
    pool.answer("ASK { <s5> ?p ?o }", ACCEPT)
    before = {process.pid for process in workers_of(pool)}

    for _ in range(20):
        pool.answer("ASK { <s5> ?p ?o }", ACCEPT)

    assert before
    assert {process.pid for process in workers_of(pool)} == before


def test_a_runaway_query_is_stopped_while_others_keep_answering(pool: QueryPool) -> None:
    """A cartesian product ends at its limit, and twenty small queries meanwhile take less than a second each."""
    times = []

    with ThreadPoolExecutor(1) as other:
        start = time.monotonic()
        runaway = other.submit(rejected, pool, RUNAWAY)
        for _ in range(20):
            asked = time.monotonic()
            pool.answer("ASK { <s5> ?p ?o }", ACCEPT)
            times.append(time.monotonic() - asked)
        error = runaway.result()
        took = time.monotonic() - start

    assert error.reason == "timeout"
    assert LIMITS.seconds <= took < LIMITS.seconds + 0.5
    assert max(times) < 1


def test_the_next_query_after_a_kill_finds_a_worker_at_once(checkpoint: Path) -> None:
    """One process more than asked for stands ready, so nobody waits for a new one."""
    pool = QueryPool(lambda: (checkpoint, 1), size=1, limits=LIMITS)
    pool.warm()
    limits = QueryLimits(seconds=0.2, rows=10, bytes=1000, memory=LIMITS.memory)
    try:
        rejected(pool, RUNAWAY, limits)

        start = time.monotonic()
        pool.answer("ASK {}", ACCEPT)

        assert time.monotonic() - start < 0.5
    finally:
        pool.close()


def test_a_greedy_query_dies_alone(pool: QueryPool) -> None:
    """Sorting a cartesian product meets the memory limit in its own process; the answer says so."""
    limits = QueryLimits(seconds=20, rows=1000, bytes=400_000, memory=100 * 1024 * 1024)

    error = rejected(pool, GREEDY, limits)

    assert error.reason == "memory"
    assert pool.answer("ASK { <s5> ?p ?o }", ACCEPT).body == b"true"


def test_a_query_that_crashes_the_parser_dies_alone(pool: QueryPool) -> None:
    """Brackets nested deeper than the engine's stack end a worker, not the service."""
    error = rejected(pool, f"ASK {{ FILTER({'(' * 20_000}1{')' * 20_000}) }}")

    assert error.reason == "memory"
    assert pool.answer("ASK {}", ACCEPT).body == b"true"


@pytest.mark.parametrize("silent", ["", "SILENT "])
@pytest.mark.parametrize("wrapped", ["{ %s }", "{ SELECT * { { SELECT * { %s } } } }"])
def test_no_query_reaches_the_network(pool: QueryPool, silent: str, wrapped: str) -> None:
    """Even without the check for SERVICE, a worker opens no connection: nothing arrives at a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/sparql"
        call = f"service {silent}<{address}> {{ ?s ?p ?o }}"

        outcome: object
        try:
            outcome = pool.answer(f"SELECT * {wrapped % call}", ACCEPT).body
        except QueryRejected as error:
            outcome = error.reason

        assert outcome == "forbidden" or (silent and b"s5" not in outcome)  # type: ignore[operator]
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert pool.network_denied


@pytest.mark.parametrize("media_type", BINDINGS)
def test_too_many_rows_are_refused_and_never_cut(pool: QueryPool, media_type: str) -> None:
    """The limit itself passes whole; one row more is refused, in every format."""
    whole = pool.answer("SELECT ?s { ?s ?p ?o } LIMIT 1000", {**ACCEPT, "bindings": media_type})
    error = rejected(pool, "SELECT ?s { ?s ?p ?o } LIMIT 1001", bindings=media_type)

    assert whole.body.count(b"http://example.org/s") == 1000
    assert error.reason == "too_large"


@pytest.mark.parametrize("media_type", GRAPHS)
def test_too_many_triples_are_refused_and_never_cut(pool: QueryPool, media_type: str) -> None:
    """The limit itself passes whole; one triple more is refused, in every format."""
    whole = pool.answer("CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1000", {**ACCEPT, "graph": media_type})
    error = rejected(pool, "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1001", graph=media_type)

    assert len(list(ox.parse(input=whole.body, format=GRAPHS[media_type]))) == 1000
    assert error.reason == "too_large"


def test_too_many_bytes_are_refused(pool: QueryPool) -> None:
    """Few rows can be large."""
    wide = "SELECT ?s ?a ?b ?c ?d ?e { ?s ?p ?o " + "".join(
        f"BIND(REPLACE(STR(?p), '/', '{'x' * 90}') AS ?{v}) " for v in "abcde"
    )

    error = rejected(pool, wide + "} LIMIT 900")

    assert error.reason == "too_large"
    assert "bytes" in str(error)


def test_an_endless_result_stops_at_the_limit_without_waiting_for_the_deadline(pool: QueryPool) -> None:
    """The worker stops evaluating as soon as there is one row too many, and lives on."""
    before = {process.pid for process in workers_of(pool)}

    start = time.monotonic()
    error = rejected(pool, "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }")

    assert error.reason == "too_large"
    assert time.monotonic() - start < 1
    assert {process.pid for process in workers_of(pool)} == before


def test_a_syntax_error_has_a_place_and_no_word_of_the_engine(pool: QueryPool) -> None:
    """Line and column come across; the parser's own expectations do not."""
    error = rejected(pool, "ASK {\n  ?s ?p\n}")

    assert (error.reason, error.line) == ("syntax", 3)
    assert str(error) == "The query is not valid SPARQL."


def test_plain_patterns_see_the_default_graph_only(pool: QueryPool) -> None:
    """The default graph is not the union of the named ones."""
    assert pool.answer("ASK { <thing> ?p ?o }", ACCEPT).body == b"false"
    assert pool.answer("ASK { GRAPH ?g { <thing> ?p ?o } }", ACCEPT).body == b"true"


def test_graphs_of_the_protocol_replace_those_of_the_query(pool: QueryPool) -> None:
    """FROM picks loaded graphs; a dataset given beside the query wins over it, whole."""
    named = "SELECT ?v FROM <g3> FROM NAMED <g3> { GRAPH ?g { ?s ?p ?v } } ORDER BY ?v"
    plain = "SELECT ?v FROM <g3> { ?s ?p ?v } ORDER BY ?v"
    g1, g2 = "http://example.org/g1", "http://example.org/g2"

    assert pool.answer(plain, ACCEPT).body == b"v\r\ng3\r\n"
    assert pool.answer(plain, ACCEPT, [g1, g2]).body == b"v\r\ng1\r\ng2\r\n"
    assert pool.answer(plain, ACCEPT, [], [g1]).body == b"v\r\n"
    assert pool.answer(named, ACCEPT, [g1], [g2]).body == b"v\r\ng2\r\n"
    assert pool.answer(named, ACCEPT, [g1]).body == b"v\r\n"
    assert pool.answer(plain, ACCEPT, ["http://example.org/not-loaded"]).body == b"v\r\n"


def test_many_threads_get_their_own_answers(pool: QueryPool) -> None:
    """Answers are not mixed up under concurrent use."""

    def ask(number: int) -> bool:
        body = pool.answer(f"SELECT ?o {{ <s{number}> ?p ?o }}", ACCEPT).body
        return body == f"o\r\nné en {number}\r\n".encode()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))


def test_a_worker_killed_while_idle_is_replaced_unnoticed(pool: QueryPool) -> None:
    """Nobody's query is lost when a process that does nothing dies."""
    pool.warm()
    for process in workers_of(pool):
        process.kill()

    assert pool.answer("ASK {}", ACCEPT).body == b"true"
    pool.warm()
    assert len(workers_of(pool)) == 3


def test_a_worker_killed_while_it_works_is_reported_once_and_replaced(pool: QueryPool) -> None:
    """Its query fails with EngineUnavailable; the next one is answered."""
    limits = QueryLimits(seconds=20, rows=1000, bytes=400_000, memory=LIMITS.memory)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(pool.answer, RUNAWAY, ACCEPT, (), (), limits)
        os.kill(wait_for_busy_worker().pid, signal.SIGKILL)

        with pytest.raises(EngineUnavailable):
            running.result(timeout=5)

    assert pool.answer("ASK {}", ACCEPT).body == b"true"


def test_a_newer_checkpoint_is_opened_when_there_is_one(tmp_path: Path) -> None:
    """The next query after a publication sees it, and says which state it has read."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    states: list[tuple[Path, int] | None] = [None]
    pool = QueryPool(lambda: states[0], size=1, limits=LIMITS)
    try:
        counts = [pool.answer("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", ACCEPT)]
        for seq, (name, size) in enumerate((("old", 3), ("new", 5)), start=1):
            states[0] = (build(tmp_path / name, size), seq)
            counts.append(pool.answer("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", ACCEPT))
    finally:
        pool.close()

    assert [(answer.seq, answer.body) for answer in counts] == [
        (0, b"n\r\n0\r\n"),
        (1, b"n\r\n3\r\n"),
        (2, b"n\r\n5\r\n"),
    ]


def test_a_checkpoint_removed_before_it_is_opened_is_asked_for_again(checkpoint: Path, tmp_path: Path) -> None:
    """The writer may remove an old checkpoint between its choice and its opening."""
    shutil.copytree(checkpoint, tmp_path / "kept")
    answers = iter([(tmp_path / "gone", 1), (tmp_path / "kept", 2)])
    pool = QueryPool(lambda: next(answers), size=1, limits=LIMITS, base="http://example.org/")
    try:
        assert pool.answer("ASK { <s1> ?p ?o }", ACCEPT).seq == 2
    finally:
        pool.close()


def test_a_checkpoint_that_is_nowhere_is_the_operators_concern(tmp_path: Path) -> None:
    """A store that cannot be opened is no fault of the query, and its path is not told."""
    pool = QueryPool(lambda: (tmp_path / "gone", 1), size=1, limits=LIMITS)
    try:
        with pytest.raises(EngineUnavailable) as caught:
            pool.answer("ASK {}", ACCEPT)
    finally:
        pool.close()

    assert str(tmp_path) not in str(caught.value)


def test_waiting_for_a_worker_has_an_end(checkpoint: Path) -> None:
    """When all workers are taken, a query is told so after a bounded wait."""
    pool = QueryPool(lambda: (checkpoint, 1), size=1, limits=LIMITS, wait_seconds=0.2)
    pool.warm()
    try:
        with ThreadPoolExecutor(2) as others:
            running = [others.submit(rejected, pool, RUNAWAY) for _ in range(2)]
            while pool.free:
                time.sleep(0.01)

            assert rejected(pool, "ASK {}").reason == "busy"
            assert [one.result().reason for one in running] == ["timeout", "timeout"]
    finally:
        pool.close()


def test_closing_leaves_no_process(checkpoint: Path) -> None:
    """Workers end with the pool, also one that is computing."""
    before = {process.pid for process in workers_of(None)}  # type: ignore[arg-type]
    pool = QueryPool(lambda: (checkpoint, 1), size=1, limits=LIMITS)
    pool.warm()
    ours = [process for process in workers_of(pool) if process.pid not in before]
    with ThreadPoolExecutor(1) as other:
        running = other.submit(pool.answer, RUNAWAY, ACCEPT)
        wait_for_busy_worker()

        pool.close()

        with pytest.raises(EngineUnavailable):
            running.result(timeout=5)
    assert len(ours) == 2
    assert not any(process.is_running() for process in ours)
    with pytest.raises(EngineUnavailable):
        pool.answer("ASK {}", ACCEPT)


ORPHANS = """
import os, signal, sys, threading, psutil
from pathlib import Path
from federation.engines import QueryLimits
from federation.engines.query_pool import QueryPool
pool = QueryPool(lambda: (Path(sys.argv[1]), 1), size=1, limits=QueryLimits(seconds=60))
pool.warm()
threading.Thread(target=pool.answer, args=(sys.argv[2], {"bindings": "text/csv"}), daemon=True).start()
workers = psutil.Process().children()
while all(worker.cpu_percent(interval=0.05) < 20 for worker in workers):
    pass
print(*(worker.pid for worker in workers), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_no_worker_outlives_a_killed_server(checkpoint: Path) -> None:
    """After kill -9 of the parent the kernel ends its workers, idle or computing."""
    command = [sys.executable, "-c", ORPHANS, str(checkpoint), RUNAWAY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    pids = [int(word) for word in done.stdout.split()]

    assert len(pids) == 2, done.stderr
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


TEXTS = st.text(st.sampled_from("ab\"\\\n\r\t,{}[]<>&'é\u2028:result"), max_size=12) | st.sampled_from(
    ["},{", '"},{"', "<result>", "\r\n", '\\"', "\\", "[{", "}", "},", '"\n"']
)
ROWS = st.lists(st.lists(st.none() | TEXTS, min_size=3, max_size=3), max_size=8)


@pytest.mark.parametrize("media_type", BINDINGS)
@settings(max_examples=150, deadline=None)
@given(rows=ROWS, columns=st.integers(0, 3), cuts=st.lists(st.integers(1, 40), max_size=60))
def test_rows_are_counted_right_whatever_the_text_and_however_it_is_cut(
    media_type: str, rows: list[list[str | None]], columns: int, cuts: list[int]
) -> None:
    """The count while bytes pass by equals the number of solutions, in every format."""

    def written(value: str | None) -> str:
        if value is None:
            return "UNDEF"
        escaped = re.sub(r'[\\"\n\r]', lambda found: {"\n": "\\n", "\r": "\\r"}.get(found[0], f"\\{found[0]}"), value)
        return f'"{escaped}"'

    values = " ".join(f"({' '.join(map(written, row))})" for row in rows)
    names = " ".join(["?a", "?b", "?c"][:columns]) or "?unbound"
    query = f"SELECT {names} {{ VALUES (?a ?b ?c) {{ {values} }} }}"
    body: bytes = ox.Store().query(query).serialize(format=BINDINGS[media_type])  # type: ignore[union-attr,assignment]
    counter = RowCounter(media_type)

    counted, at = counter.feed(b""), 0
    for cut in [*cuts, len(body)]:
        counted = counter.feed(body[at : at + cut])
        at += cut

    assert counted == len(rows)
