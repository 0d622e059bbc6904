"""What was kept is worked on: who may say what, what enters a graph, what waits for a person, nothing twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from ap_intake_desk import ACTOR, AS2, BASE, COMMONS, HOST, PEER, IntakeDesk, Peer

from federation.activitypub.deciding import tally_key
from federation.activitypub.exchange import RemoteFault
from federation.ledger.ap_peers import BlockRow
from federation.ledger.times import to_text
from federation.vocabulary import Vocabulary

pytestmark = pytest.mark.slow  # whole instances and hosts: minutes on a small machine


@pytest.fixture
def desk(tmp_path: Path, words: Vocabulary) -> Iterator[IntakeDesk]:
    """An instance whose partner is bound, and whose actor can be fetched."""
    made = IntakeDesk(tmp_path / "here", words)
    made.bind()
    made.actor(ACTOR)
    yield made
    made.close()


def test_a_bound_partners_create_is_online(desk: IntakeDesk) -> None:
    """Its record has a graph; the ledger knows whose the object is and how it came."""
    row = desk.give(desk.activity("Create", desk.page("1")))

    assert (row.state, row.outcome) == ("done", "taken")
    assert len(desk.online()) == 1
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/1")
    assert known is not None
    assert (known.owner, known.state, known.source) == (ACTOR, "live", "s")
    assert known.record in desk.here.graphs()
    assert known.provenance["method"] == "http-signature"
    assert known.provenance["key"] == f"{ACTOR}#main-key"


def test_an_update_and_a_delete_follow(desk: IntakeDesk) -> None:
    """The later word replaces the graph; a Delete takes it away and leaves a tombstone."""
    desk.give(desk.activity("Create", desk.page("1", -9)))
    desk.give(desk.activity("Create", desk.page("2", -9)))
    desk.give(desk.activity("Update", desk.page("1", -5, content="<p>Un autre texte</p>")))
    assert "Un autre texte" in desk.text()

    row = desk.give(desk.activity("Delete", {"id": f"{HOST}/pages/2", "type": "Tombstone", "deleted": desk.at(-1)}))

    assert row.state == "done"
    known = desk.ledger.ap_objects.get(f"{HOST}/pages/2")
    assert known is not None
    assert known.state == "tombstone"
    assert len(desk.online()) == 1


def test_an_older_update_changes_nothing(desk: IntakeDesk) -> None:
    """It is dropped by its rule."""
    desk.give(desk.activity("Create", desk.page("1", -5)))
    row = desk.give(desk.activity("Update", desk.page("1", -9, content="<p>Ancien</p>")))

    assert (row.state, row.outcome) == ("dropped", "older")
    assert "Ancien" not in desk.text()


def test_a_tombstone_yields_only_to_a_later_create_that_is_there(desk: IntakeDesk) -> None:
    """A replayed Create does not bring it back; a later one does, if its origin serves the object."""
    first = desk.activity("Create", desk.page("1", -9))
    desk.give(first)
    desk.give(desk.activity("Delete", {"id": f"{HOST}/pages/1", "type": "Tombstone", "deleted": desk.at(-8)}))

    assert desk.give({**first, "id": f"{HOST}/activities/again"}).state == "dropped"
    assert desk.give(desk.activity("Update", desk.page("1", -2))).outcome in {"tombstone", "remote:status"}
    assert not desk.online()
    desk.turn(hours=1)
    later = desk.page("1", -1)
    assert desk.give(desk.activity("Create", later)).state == "dropped"
    desk.world.documents[later["id"]] = {"@context": AS2, **later}
    assert desk.give(desk.activity("Create", later)).outcome == "taken"
    assert len(desk.online()) == 1


def test_a_tombstone_yields_by_its_own_time_and_not_by_when_it_came(desk: IntakeDesk) -> None:
    """A record that its owner put back a minute after it deleted it is back, though we heard of both only later."""
    deleted, later = desk.at(-8), desk.at(-7)
    desk.give(desk.activity("Create", desk.page("1", -9)))
    desk.give(desk.activity("Delete", {"id": f"{HOST}/pages/1", "type": "Tombstone", "deleted": deleted}))
    assert not desk.online()

    for updated in (deleted, later):
        again = desk.page("1", updated=updated)
        desk.world.documents[again["id"]] = {"@context": AS2, **again}
        desk.give(desk.activity("Create", again))
        assert len(desk.online()) == (updated == later)


def test_what_a_partner_says_to_the_group_is_announced_as_it_came(desk: IntakeDesk) -> None:
    """The very bytes, once, and its id for microblogs; what is not said to the Group is not."""
    document = desk.activity("Create", desk.page("1"), cc=[COMMONS])
    desk.give(document)
    desk.give(desk.activity("Create", desk.page("2")))

    whole, bare = desk.sent()
    assert (whole["type"], whole["actor"], whole["object"]) == ("Announce", COMMONS, document)
    assert (bare["type"], bare["actor"], bare["object"]) == ("Announce", COMMONS, document["object"]["id"])


def test_a_refused_record_is_told_to_its_sender(desk: IntakeDesk) -> None:
    """It gets a Reject with the address of the account; the activity is quarantined."""
    row = desk.give(desk.activity("Create", desk.page("1", name="", url="")))

    assert (row.state, row.outcome) == ("quarantined", "record-refused")
    (reject,) = desk.sent()
    assert (reject["type"], reject["object"], reject["to"]) == ("Reject", row.activity, [ACTOR])
    run = desk.ledger.runs.last("s")
    assert run is not None
    assert reject["url"] == f"{BASE}/runs/{run.run}"


def test_a_crash_between_graph_and_ledger_applies_nothing_twice(desk: IntakeDesk) -> None:
    """The activity is worked on again when its lease ends: same graph, no second log row, one announcement."""
    id_ = desk.keep(desk.activity("Create", desk.page("1"), cc=[COMMONS]))
    settle, desk.ledger.ap_inbox.unended = desk.ledger.ap_inbox.unended, _raise  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        desk.work()
    desk.ledger.ap_inbox.unended = settle  # type: ignore[method-assign]
    graphs, told = desk.here.graphs(), desk.here.told()
    assert len(graphs) == 1

    desk.intake = desk.made_anew()
    desk.turn(minutes=3)
    desk.work()

    assert desk.row(id_).outcome == "taken"
    assert (desk.here.graphs(), desk.here.told()) == (graphs, told)
    assert [type(said["object"]) for said in desk.sent()] == [dict, str]


def _raise(ids: Collection[int], _tx: object) -> frozenset[int]:
    if ids:
        raise KeyboardInterrupt
    return frozenset()


def test_whoever_lost_the_lease_settles_nothing(desk: IntakeDesk) -> None:
    """An activity that another worker has ended stays as it ended."""
    follower = desk.actor("https://f.example/u")
    id_ = desk.keep(desk.activity("Follow", COMMONS, follower))
    desk.intake._claim()
    other = desk.made_anew()
    desk.turn(minutes=3)
    while other.take(desk.pushing.writer):
        pass
    desk.work()

    assert desk.row(id_).outcome == "follow-accepted"
    assert len([said for said in desk.sent() if said["type"] == "Accept"]) == 1
    other.close()


def test_a_strangers_record_waits_for_a_person(desk: IntakeDesk) -> None:
    """Nothing of it is in the graph; bound and replayed it is."""
    owner = desk.actor("https://stranger.example/u")
    row = desk.give(desk.activity("Create", desk.page("1", owner=owner), owner))
    assert (row.state, row.outcome) == ("quarantined", "moderation")
    assert not desk.here.graphs()

    desk.bind(owner, "s")
    desk.ledger.ap_inbox.replay([row.id], desk.clock())
    desk.work()
    assert desk.row(row.activity).outcome == "taken"


@pytest.mark.parametrize(("mode", "rule"), [("deny", "records-denied"), ("allow", "unbound"), ("ask", "moderation")])
def test_the_mode_of_a_host_decides_on_records(desk: IntakeDesk, mode: str, rule: str) -> None:
    """Deny drops, ask waits; allow lets in only those who are somebody's partner."""
    owner = desk.actor("https://stranger.example/u")
    desk.ledger.ap_hosts.set_modes("stranger.example", None, mode)
    assert desk.give(desk.activity("Create", desk.page("1", owner=owner), owner)).outcome == rule
    assert not desk.here.graphs()


def test_likes_and_announces_are_counted_and_enter_no_graph(desk: IntakeDesk) -> None:
    """An Undo takes one back."""
    fan, ours = desk.actor("https://f.example/u"), f"{BASE}/objects/p/1"
    like = desk.activity("Like", ours, fan)
    desk.give(like)
    desk.give(desk.activity("Announce", ours, fan))
    key = tally_key("Like", ours)
    assert desk.ledger.cursors.fact(key) == "1"
    desk.give(desk.activity("Undo", like["id"], fan))
    assert desk.ledger.cursors.fact(key) == "0"
    assert desk.give(desk.activity("Like", "https://other.example/1", fan)).outcome == "not-ours"
    assert not desk.here.graphs()


def test_what_fails_for_a_moment_is_tried_three_times_more(desk: IntakeDesk) -> None:
    """Then it is for a person, with its bytes."""
    desk.world.documents[f"{HOST}/pages/1"] = RemoteFault("remote:timeout", passing=True)
    id_ = desk.keep(desk.activity("Create", f"{HOST}/pages/1"))
    for _ in range(3):
        desk.work()
        assert desk.row(id_).state == "retry"
        desk.turn(hours=1)
    desk.work()
    row = desk.row(id_)
    assert (row.state, row.outcome, row.tries) == ("quarantined", "remote:timeout", 4)
    assert row.raw is not None


def test_a_sync_peers_record_is_taken_as_it_is(desk: IntakeDesk) -> None:
    """By its data and their digest; a Delete withdraws it; another digest is tried again."""
    peer = Peer(desk)
    assert desk.give(peer.announce("Create", "1", -9)).outcome == "taken"
    record = f"{PEER}/records/p/1"
    assert record in desk.here.graphs()

    bad = peer.announce("Update", "1", -5)
    desk.world.bodies[f"{record}.nt"] = ("application/n-triples", b"<urn:a> <urn:b> <urn:c> .\n")
    assert desk.give(bad).state == "retry"

    gone = peer.inner("Delete", {"id": f"{PEER}/objects/p/1", "type": "Tombstone", "deleted": desk.at(-1)})
    assert desk.give(peer.passed_on(gone)).outcome == "taken"
    assert record not in desk.here.graphs()
    assert not desk.sent(), "what came through another Group is not announced"


def test_a_block_hides_graphs_and_its_end_brings_them_back(desk: IntakeDesk) -> None:
    """Reversibly: the same graphs are there again."""
    desk.give(desk.activity("Create", desk.page("1")))
    before = desk.here.graphs()
    desk.ledger.ap_blocks.add(BlockRow("partner.example", "host", "ana", to_text(desk.clock())))
    desk.work()
    assert not desk.here.graphs()
    assert desk.give(desk.activity("Create", desk.page("2"))).outcome == "blocked"

    desk.ledger.ap_blocks.lift("partner.example")
    desk.work()
    assert desk.here.graphs() == before
    assert desk.give(desk.activity("Create", desk.page("3"))).outcome == "taken"


def test_a_burst_of_deletes_meets_the_guard(desk: IntakeDesk) -> None:
    """Most of a partner's records are not gone at a stroke: a person is asked."""
    for number in range(40):
        desk.keep(desk.activity("Create", desk.page(str(number), -9)))
    desk.work()
    assert len(desk.online()) == 40
    for number in range(40):
        desk.keep(
            desk.activity("Delete", {"id": f"{HOST}/pages/{number}", "type": "Tombstone", "deleted": desk.at(-1)})
        )
    desk.work()
    assert len(desk.online()) > 20


def test_whose_a_record_is_is_known_before_the_log_tells_of_it(
    desk: IntakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody who follows the log takes a partner's record for ours."""
    push, seen = desk.pushing.writer.push, []

    def look(*given: object) -> object:
        report = push(*given)  # type: ignore[arg-type]
        seen.extend(desk.ledger.ap_objects.by_record(change.record) for change in desk.ledger.changes.since(0))
        return report

    monkeypatch.setattr(desk.pushing.writer, "push", look)
    desk.give(desk.activity("Create", desk.page("1")))
    assert [row.owner for row in seen if row is not None] == [ACTOR]
