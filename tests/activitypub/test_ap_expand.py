"""Expansion in child processes: right answers, hard limits, no way out, and the next document is served."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from federation.activitypub.contexts import AS2_CONTEXT, bundled
from federation.activitypub.expand import Expander
from federation.activitypub.expansion import Limits
from federation.activitypub.quads import own_statements
from federation.activitypub.refusal import Refused
from federation.engines.query_worker import DONE
from federation.vocabulary import load

ID = "https://a.example/1"
AS = "https://www.w3.org/ns/activitystreams#"
GOOD = {"@context": AS2_CONTEXT, "id": ID, "type": "Note", "name": "n"}


@pytest.fixture(scope="module")
def contexts() -> dict[str, Any]:
    """The bundled documents."""
    return bundled(load())


@pytest.fixture(scope="module")
def expander(contexts: dict[str, Any]) -> Iterator[Expander]:
    """One child with the real limits."""
    pool = Expander(contexts)
    yield pool
    pool.close()


def _limited(contexts: dict[str, Any], **limits: Any) -> Expander:
    return Expander(contexts, limits=Limits(**limits))


def _pids(pool: Expander) -> list[int]:
    return [child.process.pid for child in pool._places.queue if child is not None]


def test_document_becomes_quads(expander: Expander) -> None:
    """Lines come in document order, in the canonical form of terms."""
    document = GOOD | {"nameMap": {"FR": 'un "mot"\n\tà part'}, "published": "2026-01-02T03:04:05Z", "unknown": "x"}
    assert expander.quads(document) == (
        f"<{ID}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{AS}Note> .",
        f'<{ID}> <{AS}name> "n" .',
        f'<{ID}> <{AS}name> "un \\"mot\\"\\n\tà part"@fr .',
        f'<{ID}> <{AS}published> "2026-01-02T03:04:05Z"^^<http://www.w3.org/2001/XMLSchema#dateTime> .',
    )
    assert expander.quads({"@context": AS2_CONTEXT}) == ()


def test_child_is_reused(expander: Expander) -> None:
    """One process serves many documents, the refused ones included."""
    expander.quads(GOOD)
    before = _pids(expander)
    for _ in range(20):
        with pytest.raises(Refused):
            expander.quads(GOOD | {"@graph": []})
        assert expander.quads(GOOD)
    assert _pids(expander) == before


def test_relative_addresses_say_nothing(expander: Expander) -> None:
    """There is no base: a relative id or link is dropped, not resolved against something of ours."""
    assert expander.quads(GOOD | {"id": "/etc"}) == ()
    assert len(expander.quads(GOOD | {"url": "../x", "tag": {"id": "y", "name": "z"}})) == 2


def test_null_says_nothing(expander: Expander) -> None:
    """ActivityPub writes null for an object without id, JSON-LD for a value that is not there."""
    document = GOOD | {"summary": None, "tag": {"id": None, "type": None, "name": "t", "nameMap": {"fr": None}}}
    assert len(own_statements(expander.quads(document), ID)) == 4
    assert own_statements(expander.quads(GOOD | {"id": None}), ID) == ()


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"id": ["https://a.example/1"]}, "jsonld:syntax"),
        ({"id": 7}, "jsonld:syntax"),
        ({"type": [1]}, "jsonld:syntax"),
        ({"tag": [{"name": str(n)} for n in range(65)]}, "jsonld:blank-nodes"),
        ({"tag": [{"id": f"_:n{n}", "name": "x"} for n in range(65)]}, "jsonld:blank-nodes"),
        ({"name": [str(n) for n in range(20_001)]}, "jsonld:statements"),
        ({"@graph": []}, "json:keyword"),
        ({"@context": {"foo": "@id"}}, "context:alias"),
        ({"name": 2**64}, "json:syntax"),
        ({"name": "\ud800"}, "json:syntax"),
        ({"content": 1_100_000 * "x"}, "jsonld:size"),
    ],
)
def test_what_is_not_taken_is_refused_by_name(expander: Expander, more: dict[str, Any], rule: str) -> None:
    """A refusal carries a rule of ours, never words of the document."""
    with pytest.raises(Refused) as caught:
        expander.quads(GOOD | more)
    assert caught.value.rule == rule


def test_answer_cannot_be_larger_than_the_document_deserves(expander: Expander) -> None:
    """A long IRI behind a short key, used often, is cut off while it grows."""
    document = GOOD | {"@context": {"foo": "http://x.example/" + 2000 * "a"}, "foo": list(range(15_000))}
    with pytest.raises(Refused, match="jsonld:statements"):
        expander.quads(document)


@pytest.mark.abuse(30)
def test_child_that_overruns_its_processor_time_is_killed(contexts: dict[str, Any]) -> None:
    """The kernel ends it; the sender is told; the next document gets a new child."""
    pool = _limited(contexts, cpu_seconds=0.02, document_bytes=10**9, statements=10**9, answer_bytes=10**9)
    try:
        pool.quads(GOOD)
        (before,) = _pids(pool)
        with pytest.raises(Refused, match="expansion:time"):
            pool.quads(GOOD | {"name": list(range(140_000))})
        assert len(pool.quads(GOOD)) == 2
        assert _pids(pool) != [before]
    finally:
        pool.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space is limited on Linux only")
def test_child_that_overruns_its_memory_is_refused(contexts: dict[str, Any]) -> None:
    """Allocation fails in the child only, and the next document is served."""
    generous = {"document_bytes": 1 << 30, "statements": 10**9, "answer_bytes": 1 << 40, "cpu_seconds": 60}
    pool = _limited(contexts, address_space=72 << 20, **generous)
    try:
        with pytest.raises(Refused, match="expansion:memory"):
            pool.quads(GOOD | {"name": list(range(300_000))})
        assert len(pool.quads(GOOD)) == 2
    finally:
        pool.close()


def test_killed_child_is_replaced(contexts: dict[str, Any]) -> None:
    """A child that something else ended while it was idle costs nobody a document."""
    pool = Expander(contexts)
    try:
        expected = pool.quads(GOOD)
        for _ in range(3):
            (pid,) = _pids(pool)
            os.kill(pid, signal.SIGKILL)
            assert pool.quads(GOOD) == expected
            assert _pids(pool) != [pid]
    finally:
        pool.close()


def test_threads_share_the_children(contexts: dict[str, Any]) -> None:
    """Several threads ask at once; each gets the answer to its own document."""
    pool = Expander(contexts, size=2)
    try:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda n: pool.quads(GOOD | {"name": str(n)})[1], range(200)))
        assert answers == [f'<{ID}> <{AS}name> "{n}" .' for n in range(200)]
        assert len(_pids(pool)) <= 2
    finally:
        pool.close()


def test_children_end_with_the_pool(contexts: dict[str, Any]) -> None:
    """Closing leaves no process behind."""
    pool = Expander(contexts)
    pool.quads(GOOD)
    (pid,) = _pids(pool)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_child_inherits_nothing(contexts: dict[str, Any], tmp_path: Any) -> None:
    """No handle of the store, the ledger or the server reaches the child, and no secret by the environment."""
    with open(tmp_path / "store", "wb") as held:
        os.set_inheritable(held.fileno(), True)
        os.environ["CARREFOUR_TEST_SECRET"] = "secret"
        pool = Expander(contexts)
        try:
            pool.quads(GOOD)
            (pid,) = _pids(pool)
            opened = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            with open(f"/proc/{pid}/environ", "rb") as environ:
                assert b"secret" not in environ.read()
        finally:
            del os.environ["CARREFOUR_TEST_SECRET"]
            pool.close()
    assert {name.partition(":")[0] for name in opened} == {"/dev/null", "socket"}


class _Counter(BaseHTTPRequestHandler):
    hits: list[str]

    def do_GET(self) -> None:
        """Count a visit."""
        self.hits.append(self.path)
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.mark.abuse(28)
def test_no_context_is_ever_fetched(expander: Expander) -> None:
    """A server that is named as context, id, type and link everywhere is never visited."""
    hits: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Counter", (_Counter,), {"hits": hits}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        for context in (url, [AS2_CONTEXT, f"{url}/a"], [f"{url}/ns/carrefour/v1", {"foo": f"{url}/foo"}]):
            document = GOOD | {"@context": context, "id": f"{url}/1", "foo": "x", "url": url}
            inner = {"@context": f"{url}/b", "id": f"{url}/2", "type": f"{url}/T"}
            assert expander.quads(document | {"object": inner})
        for inline in ({"@import": url}, {"foo": {"@id": url, "@context": url}}, {"@vocab": url}, {"@context": url}):
            with pytest.raises(Refused):
                expander.quads(GOOD | {"@context": [AS2_CONTEXT, inline], "foo": "x"})
        assert hits == []
        if sys.platform.startswith("linux"):
            assert expander.network_denied()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.abuse(25)
def test_term_mapped_to_keys_or_inbox_says_nothing(expander: Expander) -> None:
    """Whatever a name is called, its IRI decides: keys and endpoints never come out of a document."""
    sec = "https://w3id.org/security#"
    inline = {"foo": {"@id": "as:inbox", "@type": "@id"}, "s": sec, "bar": "s:publicKeyPem", "baz": f"{sec}owner"}
    document = {
        **GOOD,
        "@context": [AS2_CONTEXT, inline],
        "foo": "https://evil.example/",
        "bar": "PEM",
        "baz": "x",
        "s:publicKey": {"bar": "PEM"},
        f"{sec}publicKeyPem": "PEM",
        "inbox": "https://evil.example/",
        "ldp:inbox": "https://evil.example/",
        "tag": {"id": f"{ID}#main-key", "type": "s:Key", "bar": "PEM", "foo": "https://evil.example/"},
    }
    lines = expander.quads(document)
    assert sum("PEM" in line or "evil" in line for line in lines) >= 7
    kept = own_statements(lines, ID)
    assert sorted(o for _, _, o in kept) == ['"n"', f"<{ID}#main-key>", f"<{AS}Note>"]


@pytest.mark.abuse(27)
def test_nested_nodes_of_others_are_not_spoken_of(expander: Expander) -> None:
    """An embedded node with a foreign id is read, and none of its statements is kept; the link to it is."""
    foreign = {"id": "https://b.example/victim", "name": "evil", "tag": {"name": "evil too"}}
    lines = expander.quads(GOOD | {"object": foreign, "tag": [foreign, {"name": "mine", "object": foreign}]})
    assert sum("<https://b.example/victim> <" in line and "evil" in line for line in lines) >= 1
    kept = own_statements(lines, ID)
    assert len(kept) == 7
    assert not any("evil" in o for _, _, o in kept)
    assert all(s == f"<{ID}>" or s.startswith(f"<{ID}#b") for s, _, _ in kept)


@pytest.mark.abuse(30)
def test_nested_scoped_contexts_are_refused_unread(expander: Expander) -> None:
    """50 KiB of contexts within contexts, in definitions or in the body, cost no more than reading them."""
    scoped: dict[str, Any] = {"t0": "http://x.example/0"}
    for level in range(1, 40):
        wide = {f"t{level}x{n}": f"http://x.example/{n}" for n in range(30)}
        scoped = {f"t{level}": {"@id": f"http://x.example/{level}", "@context": scoped}, **wide}
    with pytest.raises(Refused, match=r"context:(definition|terms)"):
        expander.quads(GOOD | {"@context": [AS2_CONTEXT, scoped]})
    body: dict[str, Any] = {"name": "n"}
    for level in range(40):
        body = {"@context": {f"t{level}": f"http://x.example/{level}"}, "tag": body}
    with pytest.raises(Refused, match="context:entries"):
        expander.quads(GOOD | body)
    assert expander.quads(GOOD)


@pytest.mark.abuse(31)
@pytest.mark.parametrize("depth", [33, 63, 65, 200, 1000, 5000, 20_000])
def test_deep_nesting_harms_nobody(expander: Expander, depth: int) -> None:
    """Objects, arrays and contexts within each other, also if they reach the child: an answer or a refusal."""
    expander.quads(GOOD)
    before = _pids(expander)
    for opening, closing in (('{"tag":', "}"), ("[", "]"), ('{"@context":', "}"), ('{"tag":[', "]}")):
        for key in ("object", "@context"):
            body = f'{{"id":"{ID}","{key}":{depth * opening}"x"{depth * closing}}}'.encode()
            kind, said = expander._answer(body)
            assert kind == DONE or said in (b"json:syntax", b"json:depth") or said.startswith(b"context:")
    assert _pids(expander) == before
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    if depth > 64:
        with pytest.raises(Refused):
            expander.quads(GOOD | {"object": value})
    assert expander.quads(GOOD)


@pytest.mark.abuse(32)
def test_clique_of_eight_blank_nodes_passes_at_once(expander: Expander) -> None:
    """Every node points to every other; nothing is canonicalised, so nothing explodes."""
    nodes = [f"_:n{n}" for n in range(8)]
    tags = [{"id": node, "tag": [other for other in nodes if other != node]} for node in nodes]
    kept = own_statements(expander.quads(GOOD | {"tag": tags}), ID)
    assert len(kept) == 2 + 8 + 8 * 7
    assert len({s for s, _, _ in kept}) == 9
