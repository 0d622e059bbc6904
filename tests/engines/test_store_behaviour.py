"""What every TripleStore does, whoever implements it: add an implementation to ``STORES``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from federation.engines import GraphReader, GraphWrite, TripleStore
from federation.engines.store_oxigraph import open_reader, open_store
from federation.model import to_lines

Opened = tuple[TripleStore, GraphReader]
STORES: dict[str, Callable[[Path], Opened]] = {
    "oxigraph": lambda folder: (open_store(folder), open_reader(folder)),
}
ONE, TWO = "https://commons.example/records/a/1", "https://commons.example/records/a/2"
PROJECT = "https://commons.example/id/projet/x"
NASTY = (
    "'''", '"', "\\", "\n", "\r", "{}", "\\u0022", "tab\there", "\x07bell", "\u0085 \u2028", "} ; DROP ALL #",
    "> . #", " . # ", "é😀", "a .\n<x> <y> <z> .", ".#",
)  # fmt: skip


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An empty store and a public reader of it."""
    store, reader = STORES[request.param](tmp_path / "store")
    yield store, reader
    store.close()


def triple(subject: str, value: str, predicate: str = "http://schema.org/name") -> str:
    """One canonical N-Triples line with a French text."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'<{subject}> <{predicate}> "{escaped}"@fr .\n'


def link(subject: str, target: str, predicate: str = "http://schema.org/location") -> str:
    """One canonical N-Triples line between two IRIs."""
    return f"<{subject}> <{predicate}> <{target}> .\n"


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("value", NASTY)
def test_any_text_comes_back_as_it_was(opened: Opened, fresh: bool, value: str) -> None:
    """Literals with quotes, backslashes, braces, comments and controls round-trip by both ways of writing."""
    store, _ = opened
    content = triple(f"{ONE}#project", value)

    store.write([GraphWrite(ONE, content, fresh=fresh), GraphWrite(None, content, fresh=fresh)])

    assert to_lines(store.reader().graph(ONE)) == content
    assert to_lines(store.reader().graph(None)) == content


def test_no_state_but_the_newest_is_kept_when_asked(opened: Opened) -> None:
    """A reader of an earlier one loses it after its time; whoever reads next finds the newest."""
    store, reader = opened
    store.write([GraphWrite(ONE, triple(ONE, "avant"))])
    store.publish(1)
    assert reader.seq == 1
    store.write([GraphWrite(ONE, triple(ONE, "après"))])
    store.publish(2)

    store.drop_earlier(0.0)

    assert (reader.seq, to_lines(reader.graph(ONE))) == (2, triple(ONE, "après"))


def test_a_named_graph_is_replaced_whole(opened: Opened) -> None:
    """Nothing of the old content stays, and no other graph is touched."""
    store, _ = opened
    store.write([GraphWrite(ONE, triple(ONE, "vieux") + triple(ONE, "commun")), GraphWrite(TWO, triple(TWO, "autre"))])

    store.write([GraphWrite(ONE, triple(ONE, "neuf") + triple(ONE, "commun"))])

    assert to_lines(store.reader().graph(ONE)) == triple(ONE, "commun") + triple(ONE, "neuf")
    assert to_lines(store.reader().graph(TWO)) == triple(TWO, "autre")


def test_empty_content_drops_the_graph(opened: Opened) -> None:
    """A dropped graph is not listed any more; dropping it again is harmless."""
    store, _ = opened
    store.write([GraphWrite(ONE, triple(ONE, "x"))])

    store.write([GraphWrite(ONE, "")])
    store.write([GraphWrite(ONE, "")])

    assert store.reader().select("SELECT ?g WHERE { GRAPH ?g { ?s ?p ?o } }") == []


def test_the_default_graph_is_not_the_union(opened: Opened) -> None:
    """A record's triples are not seen by plain patterns."""
    store, _ = opened

    store.write([GraphWrite(ONE, triple(ONE, "x"), fresh=True)])

    assert not store.reader().ask("ASK { ?s ?p ?o }")
    assert store.reader().ask(f"ASK {{ GRAPH <{ONE}> {{ ?s ?p ?o }} }}")


def test_removed_lines_go_before_content_comes(opened: Opened) -> None:
    """A line that is both removed and written stays; lines not named stay."""
    store, _ = opened
    store.write([GraphWrite(None, triple(PROJECT, "a") + triple(PROJECT, "b") + triple(TWO, "c"))])

    store.write([GraphWrite(None, triple(PROJECT, "b"), remove=triple(PROJECT, "a") + triple(PROJECT, "b"))])

    assert to_lines(store.reader().graph(None)) == triple(PROJECT, "b") + triple(TWO, "c")


def test_writes_of_one_batch_apply_in_their_order(opened: Opened) -> None:
    """A later write of the batch wins over an earlier one, in named graphs and in the default graph."""
    store, _ = opened
    a, b = triple(ONE, "a"), triple(ONE, "b")

    store.write([GraphWrite(ONE, a), GraphWrite(None, a), GraphWrite(ONE, b), GraphWrite(None, "", remove=a)])
    store.write([GraphWrite(None, "", remove=b), GraphWrite(None, b)])

    assert to_lines(store.reader().graph(ONE)) == b
    assert to_lines(store.reader().graph(None)) == b


def test_repeating_a_batch_is_harmless(opened: Opened) -> None:
    """The same writes twice leave what they left once."""
    store, _ = opened
    store.write([GraphWrite(None, triple(PROJECT, "a"))])
    batch = [GraphWrite(ONE, triple(ONE, "x")), GraphWrite(None, triple(PROJECT, "b"), remove=triple(PROJECT, "a"))]

    store.write(batch)
    once = sorted(b"".join(store.reader().dump()).splitlines())
    store.write(batch)

    assert sorted(b"".join(store.reader().dump()).splitlines()) == once


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    "content",
    ["nonsense\n", "<a> <b> <c> <d> .\n", f'<{ONE}> <{ONE}> "open .\n', f"<{ONE}> <{ONE}> <{TWO}> <{TWO}> . # .\n"],
)
def test_what_is_not_a_triple_never_gets_in(opened: Opened, fresh: bool, content: str) -> None:
    """A line that is no triple, or that names a graph of its own, is refused as a whole."""
    store, _ = opened

    with pytest.raises(ValueError, match="canonical"):
        store.write([GraphWrite(ONE, content, fresh=fresh)])

    assert b"".join(store.reader().dump()) == b""


def test_readers_see_published_states_only(opened: Opened) -> None:
    """Public readers see a batch when it is published, whole, with the change it is complete to."""
    store, reader = opened

    store.write([GraphWrite(ONE, triple(ONE, "x"))])
    before = (reader.seq, to_lines(reader.graph(ONE)))
    store.publish(7)

    assert before == (0, "")
    assert (reader.seq, to_lines(reader.graph(ONE))) == (7, triple(ONE, "x"))
    assert store.reader().seq == 7


def test_an_answer_stays_one_state_while_others_are_published(opened: Opened) -> None:
    """An iteration that began before many publications ends on the state it began with."""
    store, reader = opened
    store.write([GraphWrite(None, "".join(triple(f"{PROJECT}{n}", "ancien") for n in range(50)))])
    store.publish(1)

    answer = iter(reader.graph(None))
    first = next(answer)
    for n in range(6):
        store.write([GraphWrite(None, triple(f"{PROJECT}/nouveau{n}", "neuf"))])
        store.publish(2 + n)

    assert len({first, *answer}) == 50
    assert len(list(reader.graph(None))) == 56


def test_describe_follows_fragment_nodes_both_ways(opened: Opened) -> None:
    """Inner nodes at any depth and job offers that point to the project belong to its description; others do not."""
    store, reader = opened
    job, hiring = f"{PROJECT}#job-1", "http://schema.org/hiringOrganization"
    own = (
        triple(PROJECT, "Projet") + link(PROJECT, f"{PROJECT}#location-1") + triple(f"{PROJECT}#location-1", "Lieu")
        + link(f"{PROJECT}#location-1", f"{PROJECT}#geometry-1") + triple(f"{PROJECT}#geometry-1", "Point")
        + link(job, PROJECT, hiring) + triple(job, "Poste")
    )  # fmt: skip
    foreign = triple(f"{PROJECT}2", "Autre") + link(f"{PROJECT}2", PROJECT) + link(f"{TWO}#job-1", PROJECT, hiring)
    store.write([GraphWrite(None, own + foreign, fresh=True)])
    store.publish(1)

    described = reader.describe([PROJECT, ONE])

    assert to_lines(described[PROJECT]) == "".join(sorted(own.splitlines(keepends=True)))
    assert described[ONE] == ()


def test_select_gives_terms_and_leaves_unbound_variables_out(opened: Opened) -> None:
    """A row holds N-Triples terms by variable name."""
    store, reader = opened
    store.write([GraphWrite(None, triple(PROJECT, "é\t"))])
    store.publish(1)

    rows = reader.select("SELECT ?s ?name ?none WHERE { ?s ?p ?name OPTIONAL { ?s <http://x.example/> ?none } }")

    assert rows == [{"s": f"<{PROJECT}>", "name": '"é\t"@fr'}]


def test_dump_is_the_whole_store(opened: Opened) -> None:
    """The dump holds the default graph and every named graph as N-Quads; a reader may stop early."""
    store, reader = opened
    store.write([GraphWrite(ONE, triple(ONE, "x")), GraphWrite(None, triple(PROJECT, "y"))])
    store.publish(1)

    whole = b"".join(reader.dump()).decode()
    stopped = reader.dump()
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]

    assert sorted(whole.splitlines()) == sorted([triple(ONE, "x")[:-2] + f"<{ONE}> .", triple(PROJECT, "y").strip()])


def test_a_rebuilt_store_replaces_the_old_one_at_once(opened: Opened) -> None:
    """What was filled aside is published when the block ends, and the store goes on with it."""
    store, reader = opened
    store.write([GraphWrite(None, triple(PROJECT, "faux"))])
    store.publish(3)

    with store.rebuild() as aside:
        aside.write([GraphWrite(None, triple(PROJECT, "juste"), fresh=True)])
        aside.publish(4)
        during = to_lines(reader.graph(None))
    store.write([GraphWrite(ONE, triple(ONE, "x"))])

    assert during == triple(PROJECT, "faux")
    assert (to_lines(reader.graph(None)), reader.seq) == (triple(PROJECT, "juste"), 4)
    assert to_lines(store.reader().graph(ONE)) == triple(ONE, "x")


def test_a_failed_rebuild_changes_nothing(opened: Opened) -> None:
    """When filling fails the store is as it was, and still writable."""
    store, reader = opened
    store.write([GraphWrite(None, triple(PROJECT, "bon"))])
    store.publish(3)

    with pytest.raises(ValueError, match="canonical"), store.rebuild() as aside:
        aside.write([GraphWrite(None, "no triple")])

    store.write([GraphWrite(ONE, triple(ONE, "x"))])
    assert (to_lines(reader.graph(None)), reader.seq) == (triple(PROJECT, "bon"), 3)
