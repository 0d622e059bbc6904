"""Records of another Carrefour are taken as they are, by the one way in: checked, planned, guarded, and reversible."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from made_up import BASE
from pushing import OWNER, PEER, Pushing, contents
from years import NIGHT, Instance, row, rows

from federation.engines.store_oxigraph import open_reader
from federation.errors import ConfigError, PeerError
from federation.ledger.runs import Order
from federation.model import Rule, RunKind, RunState, to_lines
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pruning import prune
from federation.pipeline.timely import RECEIVED
from federation.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> dict[str, str]:
    """The records of a peer by key; ``v`` is a later version of ``0``."""
    there = Instance(tmp_path_factory.mktemp("there"), vocabulary)
    there.run(rows(20))
    found = contents(there)
    there.night([row("0", "Un autre texte"), *rows(19, start=1)])
    found["v"] = contents(there)["0"]
    there.close()
    return found


@pytest.fixture
def desk(tmp_path: Path, vocabulary: Vocabulary) -> Iterator[Pushing]:
    """An instance that a peer gives records to, that must be in order when the test is over."""
    here = Instance(tmp_path / "here", vocabulary)
    yield Pushing(here)
    here.check()
    here.close()


def of(desk: Pushing, key: str, theirs: dict[str, str]) -> str:
    """What readers see of a record of the peer: N-Triples, byte for byte."""
    return desk.graph(f"{PEER}/records/p/{key}")


def fill(desk: Pushing, theirs: dict[str, str], count: int = 20, minutes: float = -60) -> None:
    """Take so many records in."""
    records = [desk.peer_record(str(n), theirs[str(n)], desk.at(minutes)) for n in range(count)]
    assert desk.take(*records).counts.new == count


def rules(desk: Pushing, *records: object) -> list[str]:
    """What is said against records that are given."""
    report = desk.take(*records)  # type: ignore[arg-type]
    assert not desk.online(OWNER.slug)
    return [finding.rule for finding in report.findings if finding.severity.value == "violation"]


def test_a_record_of_a_peer_is_stored_as_it_is(desk: Pushing, theirs: dict[str, str]) -> None:
    """Its IRI and every byte of it are the peer's; how it came is kept beside it; its partner carries its origin."""
    fill(desk, theirs, 3)

    for key in "012":
        assert of(desk, key, theirs) == theirs[key]
    kept = desk.here.ledger.records.restricted(f"{PEER}/records/p/0")
    assert kept[RECEIVED]["sha256"] == "ab" * 32
    who = desk.here.ledger.sources.partner(OWNER.slug)
    assert who is not None
    assert who.name == "Réseau P (a.example)"
    for name in (OWNER.actor, f"{BASE}/actors/{OWNER.slug}"):
        told = to_lines(desk.here.store.reader().describe([name])[name])
        assert f'<{name}> <http://schema.org/name> "Réseau P (a.example)" .' in told


def test_a_record_of_a_peer_joins_the_project_of_one_of_ours(desk: Pushing, theirs: dict[str, str]) -> None:
    """Linking knows no difference: the page names the project."""
    desk.here.map("t", "q")
    desk.here.feed([row("7")], "t")
    desk.here.run(name="t")
    desk.take(desk.peer_record("7", theirs["7"], desk.at(-5)))
    ours = next(iter(desk.here.states("t").values()))
    peers = desk.here.states(OWNER.slug)["7"]

    assert ours.pid == peers.pid


def test_a_later_version_replaces_and_an_older_does_not(desk: Pushing, theirs: dict[str, str]) -> None:
    """By the owner's times."""
    fill(desk, theirs, 2)
    assert desk.take(desk.peer_record("0", theirs["v"], desk.at(-5))).counts.changed == 1
    assert of(desk, "0", theirs) == theirs["v"]
    report = desk.take(desk.peer_record("0", theirs["0"], desk.at(-30)))

    assert [finding.rule for finding in report.findings] == ["older-than-known"]
    assert of(desk, "0", theirs) == theirs["v"]


def test_another_stamp_alone_is_taken_over(desk: Pushing, theirs: dict[str, str]) -> None:
    """The graph stays equal to the peer's even where only the peer's run differs."""
    fill(desk, theirs, 1)
    stamped = theirs["0"].replace("/runs/", "/runs/Z")
    desk.take(desk.peer_record("0", stamped, desk.at(-5)))

    assert of(desk, "0", theirs) == stamped


def test_the_same_records_again_write_nothing(desk: Pushing, theirs: dict[str, str]) -> None:
    """No change is announced."""
    records = [desk.peer_record(str(n), theirs[str(n)], desk.at(-60)) for n in range(3)]
    desk.take(*records)
    before, told = desk.here.dump(), desk.here.told()

    assert desk.take(*records).counts.unchanged == 3
    assert (desk.here.dump(), desk.here.told()) == (before, told)


def test_a_withdrawn_record_goes_and_a_later_one_revives(desk: Pushing, theirs: dict[str, str]) -> None:
    """An older one does not."""
    fill(desk, theirs, 2)
    assert desk.take(desk.peer_gone("0", desk.at(-30))).counts.withdrawn == 1
    assert of(desk, "0", theirs) == ""
    desk.take(desk.peer_record("0", theirs["0"], desk.at(-45)))
    assert of(desk, "0", theirs) == ""
    desk.take(desk.peer_record("0", theirs["0"], desk.at(-5)))

    assert of(desk, "0", theirs) == theirs["0"]


def test_a_burst_of_withdrawals_is_held(desk: Pushing, theirs: dict[str, str]) -> None:
    """Until a person agrees."""
    fill(desk, theirs)
    held = desk.take(*(desk.peer_gone(str(n), desk.at(-5)) for n in range(12)))
    assert held.state is RunState.HELD
    assert {hold.rule for hold in held.holds} == {Rule.EXPLICIT}
    assert len(desk.online(OWNER.slug)) == 20
    desk.here.approve(held, explicit=12)
    desk.writer.carry_out(Order(RunKind.REPLAY, held.run), lambda *_: None)

    assert len(desk.online(OWNER.slug)) == 8


def test_a_statement_about_something_else_is_refused(desk: Pushing, theirs: dict[str, str]) -> None:
    """Every subject is the record or its fragment: another record, a longer name, the peer's actor are not."""
    for subject in (f"{PEER}/records/p/1", f"{PEER}/records/p/00", OWNER.actor, "https://commons.example/records/p/0"):
        line = f'<{subject}> <http://schema.org/name> "x" .\n'
        content = "".join(sorted([*theirs["0"].splitlines(keepends=True), line]))
        assert rules(desk, desk.peer_record("0", content, desk.at(-5))) == ["foreign-subject"]


def test_blank_nodes_are_refused(desk: Pushing, theirs: dict[str, str]) -> None:
    """As subject and as value."""
    for line in ('_:a <http://schema.org/name> "x" .\n', f"<{PEER}/records/p/0> <http://schema.org/about> _:a .\n"):
        content = "".join(sorted([*theirs["0"].splitlines(keepends=True), line]))
        assert rules(desk, desk.peer_record("0", content, desk.at(-5))) == ["blank-node"]


def test_an_address_that_would_run_in_a_page_is_refused(desk: Pushing, theirs: dict[str, str]) -> None:
    """Pages of ours show the addresses of records as links."""
    for address in ("javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x"):
        line = f"<{PEER}/records/p/0#project> <http://schema.org/url> <{address}> .\n"
        content = "".join(sorted([*theirs["0"].splitlines(keepends=True), line]))
        assert rules(desk, desk.peer_record("0", content, desk.at(-5))) == ["address-refused"]


def test_data_of_another_digest_are_refused(desk: Pushing, theirs: dict[str, str]) -> None:
    """The bytes must be those that the owner announced."""
    digest = f"sha-256:{hashlib.sha256(b'other').hexdigest()}"

    assert rules(desk, desk.peer_record("0", theirs["0"], desk.at(-5), digest=digest)) == ["digest-mismatch"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ("", "not-canonical"),
        ("<a> <b>", "data-unreadable"),
        ('<https://a.example/records/p/0>  <http://schema.org/name> "x" .\n', "not-canonical"),
        ('<https://a.example/records/p/0> <http://schema.org/name> "\\u0041" .\n', "not-canonical"),
        ('<https://a.example/records/p/0> <http://schema.org/name> "x" .', "not-canonical"),
        ('<https://a.example/records/p/0> <http://schema.org/name> "x" <https://a.example/g> .\n', "data-unreadable"),
        ('<https://a.example/records/p/0> <http://schema.org/name> "x" .\n' * 2, "not-canonical"),
        ('<https://a.example/records/p/0> <http://schema.org/name> "\ud800" .\n', "digest-mismatch"),
    ],
)
def test_what_is_not_canonical_is_refused(desk: Pushing, data: str, rule: str) -> None:
    """Equal graphs must have equal bytes, here as there."""
    digest = f"sha-256:{hashlib.sha256(data.encode('utf-8', 'replace')).hexdigest()}"
    if "\ud800" in data:
        with pytest.raises(TypeError):
            desk.take(desk.peer_record("0", "x", desk.at(-5), data=data))
        return

    assert rules(desk, desk.peer_record("0", data, desk.at(-5), digest=digest)) == [rule]


def test_a_record_that_our_shapes_refuse_is_told(desk: Pushing, theirs: dict[str, str]) -> None:
    """Without a name, it is not online, and a finding says why."""
    content = "".join(line for line in theirs["0"].splitlines(keepends=True) if "schema.org/name" not in line)
    found = rules(desk, desk.peer_record("0", content, desk.at(-5)))

    assert any("name" in rule for rule in found)


def test_a_record_of_another_owner_is_refused(desk: Pushing, theirs: dict[str, str]) -> None:
    """In the row, in the address, and in the data."""
    other = PeerPartner(f"{PEER}/actors/x", "X")
    given = desk.peer_record("0", theirs["0"], desk.at(-5))
    assert rules(desk, replace(given, owner=other.actor)) == ["record-owner"]
    assert rules(desk, replace(given, record=f"{PEER}/records/x/0")) == ["record-owner"]
    content = theirs["0"].replace("/records/p/", "/records/x/")
    content = "".join(sorted(content.splitlines(keepends=True)))
    report = desk.take(desk.peer_record("0", content, desk.at(-5), other), owner=other)

    assert [finding.rule for finding in report.findings] == ["record-owner"]


def test_two_peers_with_a_partner_of_one_name_stay_apart(desk: Pushing, theirs: dict[str, str]) -> None:
    """Names of two commons do not collide, nor with ours."""
    other = PeerPartner("https://b.example/actors/p", "Réseau P")
    mine = theirs["0"].replace(PEER, "https://b.example")
    desk.push(desk.made("1", desk.at(-5)))
    fill(desk, theirs, 1)
    desk.take(desk.peer_record("0", mine, desk.at(-5), other), owner=other)

    assert len({"p", OWNER.slug, other.slug}) == 3
    assert all(len(partner.slug) <= 51 for partner in (OWNER, other))
    assert (len(desk.online(OWNER.slug)), len(desk.online(other.slug)), len(desk.online())) == (1, 1, 1)
    assert desk.graph("https://b.example/records/p/0") == mine


def test_our_own_records_are_not_taken_back(desk: Pushing, theirs: dict[str, str]) -> None:
    """A loop ends here."""
    ours = PeerPartner("https://commons.example/actors/p", "P")
    content = theirs["0"].replace(PEER, "https://commons.example")
    report = desk.take(desk.peer_record("0", content, desk.at(-5), ours), owner=ours)

    assert report.counts.excluded == 1
    assert not desk.here.graphs()


def test_what_is_no_actor_of_a_partner_is_refused(desk: Pushing) -> None:
    """Its IRI is what names of ours are made of."""
    for actor in ("https://a.example/users/p", "https://a.example/actors/p/x", "https://a.example/actors/P", "x"):
        with pytest.raises(PeerError):
            desk.take(owner=PeerPartner(actor, "P"))


def test_records_of_a_peer_are_replayed_and_undone(desk: Pushing, theirs: dict[str, str]) -> None:
    """By the id of their source, which has no file."""
    fill(desk, theirs, 2)
    report = desk.take(desk.peer_record("0", theirs["v"], desk.at(-5)))
    again = desk.writer.carry_out(Order(RunKind.REPLAY, report.run), lambda *_: None)
    assert again.counts.unchanged == 1
    desk.writer.carry_out(Order(RunKind.UNDO, report.run), lambda *_: None)

    assert of(desk, "0", theirs) == theirs["0"]


def test_a_blocked_peer_is_hidden_and_comes_back_as_it_was(desk: Pushing, theirs: dict[str, str]) -> None:
    """Without asking anybody; records that it had withdrawn before stay so; while it is blocked nothing is taken."""
    fill(desk, theirs, 6)
    desk.take(desk.peer_gone("5", desk.at(-5)))
    desk.push(desk.made("1", desk.at(-5)))
    before = desk.here.dump()
    desk.writer.block(PEER)
    assert not desk.online(OWNER.slug)
    assert len(desk.online()) == 1
    with pytest.raises(ConfigError):
        desk.take(desk.peer_record("0", theirs["v"], desk.at(-1)))
    assert desk.writer.block(PEER) == []
    desk.here.check()
    desk.writer.unblock(PEER)

    assert desk.here.dump() == before
    assert desk.take(desk.peer_record("0", theirs["v"], desk.at(-1))).counts.changed == 1
    assert desk.writer.unblock(PEER) == []


def test_a_peer_comes_back_after_a_year(desk: Pushing, theirs: dict[str, str]) -> None:
    """What a block has hidden is kept as long as the block."""
    fill(desk, theirs, 3)
    desk.writer.block(PEER)
    desk.here.clock.turn(365 * NIGHT)
    prune(desk.here.ledger, desk.here.clock())
    desk.writer.unblock(PEER)

    assert of(desk, "2", theirs) == theirs["2"]


def test_a_block_that_was_cut_short_is_undone_as_a_whole(desk: Pushing, theirs: dict[str, str]) -> None:
    """Whichever run has hidden a record, it comes back."""
    fill(desk, theirs, 3)
    desk.writer.block(PEER)
    desk.here.ledger.sources.set_state(OWNER.slug, "live")  # as if the process had ended before it was noted
    desk.writer.block(PEER)
    desk.writer.unblock(PEER)

    assert len(desk.online(OWNER.slug)) == 3


def test_a_rebuild_keeps_the_records_of_peers(desk: Pushing, theirs: dict[str, str]) -> None:
    """The merged view is made of them like of any other."""
    fill(desk, theirs, 3)
    before = desk.here.dump()
    desk.writer.rebuild()

    assert desk.here.dump() == before
    assert open_reader(desk.here.settings.data_dir / "store").seq == desk.here.told()


def test_records_after_a_restart_are_what_they_were(desk: Pushing, theirs: dict[str, str]) -> None:
    """Closed and opened again, and a push later."""
    fill(desk, theirs, 3)
    desk.here.close()
    desk.here.open()
    desk.open()
    desk.here.clock.turn(timedelta(hours=1))
    desk.take(desk.peer_record("0", theirs["v"], desk.at(-5)))

    assert of(desk, "0", theirs) == theirs["v"]
    assert of(desk, "1", theirs) == theirs["1"]
