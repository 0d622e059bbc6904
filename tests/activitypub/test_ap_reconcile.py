"""Two Carrefours over HTTP: the one that follows ends with the public records of the other, whatever happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ap_step import Peeked, Site, row, rows

from federation.activitypub.reconcile import WEEK, ask, ask_host
from federation.ledger import Ledger
from federation.ledger.ap_objects import ObjectState
from federation.ledger.ap_peers import BlockRow
from federation.model import RunReport, RunState, peer_slug
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pushed import PushedRecord
from federation.web import create_app
from federation.writer import Writer


@pytest.fixture
def a(tmp_path: Path) -> Iterator[Site]:
    """A Carrefour with twelve records of partner ``p`` and three of partner ``q``."""
    site = Site(tmp_path / "a")
    site.harvest("p", rows(12))
    site.harvest("q", rows(3, "Un jardin.", start=100))
    yield site
    site.down()


@pytest.fixture
def b(tmp_path: Path, a: Site) -> Iterator[Site]:
    """An empty one that follows it."""
    site = Site(tmp_path / "b")
    site.follow(a)
    yield site
    site.down()


def in_step(a: Site, b: Site) -> bool:
    """Whether the public records of the one are the same in the other, to the byte."""
    return a.own() == b.graphs(a.base) and len(a.own()) > 0


@pytest.mark.slow
def test_the_dump_brings_all_public_records(a: Site, b: Site) -> None:
    """After one catch-up every record graph is equal, with its origin in the name of its partner."""
    b.catch_up()

    assert in_step(a, b)
    assert b.sync(a).cursor is None
    assert b.sync(a).compared is not None
    known = b.ledger.sources.partner(peer_slug(f"{a.base}/actors/p"))
    assert known is not None
    assert known.name == f"p (127.0.0.1:{a.port})"
    assert b.ledger.ap_digests.state()[1] == []  # none of them is its own


@pytest.mark.slow
def test_what_came_from_a_peer_is_shown_with_its_origin(a: Site, b: Site) -> None:
    """In lists, on the page of the project and on that of the contributor, in both languages."""
    b.catch_up()
    slug, host = peer_slug(f"{a.base}/actors/p"), f"127.0.0.1:{a.port}"
    client = create_app(b.platform).test_client()
    found = client.get(f"/projets?contributeur={slug}").text
    pid = found.partition("/projet/")[2].partition('"')[0]

    assert f"p ({host})" in found
    for start in ("", "/en"):
        assert f"via {host}</a>" in client.get(f"{start}/projet/{pid}").text
        assert "via 127.0.0.1</p>" in client.get(f"{start}/contributeur/{slug}").text
    mine = create_app(a.platform).test_client().get("/contributeur/p")
    assert (mine.status_code, "via 127" in mine.text) == (200, False)


def test_edits_deletes_revivals_and_a_new_partner_come_by_the_feed(a: Site, b: Site) -> None:
    """What changes after the dump is read from its number on, once."""
    b.catch_up()
    a.harvest("p", [row("0", "Un autre texte."), *rows(10, start=2)])
    a.harvest("new", rows(4, "Une recyclerie.", start=500))
    b.again(a)
    assert in_step(a, b)

    a.harvest("p", [row("0", "Encore un autre."), row("1", "De retour."), *rows(10, start=2)])
    b.again(a)

    assert in_step(a, b)
    assert f"{a.base}/records/p/1" in b.graphs(a.base)
    gone = b.ledger.ap_objects.get(f"{a.base}/objects/p/1")
    assert gone is not None
    assert gone.state == ObjectState.LIVE


@pytest.mark.slow
def test_a_carrefour_that_was_down_catches_up(a: Site, b: Site) -> None:
    """It asks everybody when it is up again, without being told to."""
    b.catch_up()
    b.down()
    a.harvest("p", [row("0", "Pendant la panne."), *rows(12, start=2)])
    b.up()
    b.catch_up()

    assert in_step(a, b)


@pytest.mark.slow
def test_a_peer_that_is_down_is_asked_again_later(a: Site, b: Site) -> None:
    """A failed walk pauses that peer, longer each time, and ends nothing."""
    port = a.port
    a.down()
    b.catch_up()
    assert b.graphs(a.base) == {}
    a.up()
    assert a.port == port
    b.catch_up()
    assert b.graphs(a.base) == {}  # not yet: nobody asks it for a minute
    b.late += b.reconciler._pauses[f"{a.base}/actors/commons"].length
    b.catch_up()

    assert in_step(a, b)


@pytest.mark.slow
def test_who_is_left_during_a_walk_stays_left(a: Site, b: Site) -> None:
    """A walk that was under way when its peer was unfollowed or blocked does not bring the peer back."""
    actor = f"{a.base}/actors/commons"
    with b.platform.writing() as writer:
        leaving = Leaving(writer, b.ledger, actor)
        while b.reconciler.step(leaving) or b.reconciler.wait(30):
            pass

    assert leaving.left == -2  # one push was under way, and none came after
    assert b.ledger.ap_syncs.get(actor) is None


class Leaving(Peeked):
    """A writer during whose first push a person unfollows the peer."""

    def __init__(self, writer: Writer, ledger: Ledger, actor: str) -> None:
        super().__init__(writer, -1)
        self._ledger, self._actor = ledger, actor

    def push_records(self, partner: PeerPartner, records: Iterable[PushedRecord]) -> RunReport:
        """Push, and be left."""
        report = super().push_records(partner, records)
        self._ledger.ap_syncs.remove(self._actor)
        return report


@pytest.mark.slow
def test_what_was_missed_is_found_by_the_comparison(a: Site, b: Site) -> None:
    """A record that was lost here, and one that is not there any more, are set right without any entry of the feed."""
    b.catch_up()
    seq = b.sync(a).seq
    a.harvest("p", [row("0", "Manqué."), *rows(11, start=2)])  # 1 is gone, 12 is new
    b.ledger.ap_syncs.put(b.sync(a)._replace(seq=a.changes.seq()))  # as if all of it had been read
    assert b.sync(a).seq > seq
    b.again(a)

    assert in_step(a, b)
    asked = [status for path, status in a.asked if path == "/records/p/1.nt"]
    assert asked == [410, 410]


@pytest.mark.slow
def test_a_dump_cut_short_goes_on_where_it_was(a: Site, b: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken in is not asked for again; nothing is lost, and nothing taken twice."""
    monkeypatch.setattr("federation.activitypub.catchup.BATCH", 4)
    monkeypatch.setattr("federation.activitypub.changes.DUMP_PART", 4)
    with pytest.raises(KeyboardInterrupt):
        b.catch_up(pushes=2)
    assert len(b.graphs(a.base)) == 8
    b.down()
    b.up()
    a.asked.clear()
    b.catch_up()

    assert in_step(a, b)
    assert "/changes/dump/p" not in [path for path, _ in a.asked]
    runs = b.ledger.passages.of_partner(peer_slug(f"{a.base}/actors/p"), 100)
    assert sum(run.counts.new for run in runs) == 12


@pytest.mark.slow
def test_a_dump_is_not_growth_by_accident(a: Site, b: Site) -> None:
    """A few records that were pushed before do not let the guard hold the rest, of whatever number."""
    a.harvest("big", rows(3, "Un fournil.", start=1000))
    b.catch_up()
    b.ledger.ap_syncs.put(b.sync(a)._replace(seq=0, compared=None, digests={}))  # as if they had come by push
    a.harvest("big", rows(100, "Un fournil.", start=1000))
    a.harvest("big", rows(390, "Un fournil.", start=1000))
    b.again(a)

    assert in_step(a, b)


@pytest.mark.slow
def test_many_deletes_wait_for_a_person(a: Site, b: Site) -> None:
    """The guard judges all withdrawals of a partner together."""
    a.harvest("many", rows(40, "Une épicerie.", start=1000))
    b.catch_up()
    a.retire("many")
    b.again(a)

    slug = peer_slug(f"{a.base}/actors/many")
    last = b.ledger.runs.last(slug)
    assert last is not None
    assert last.state is RunState.HELD
    assert b.ledger.records.present(slug) == 40


@pytest.mark.parametrize("act", ["retire", pytest.param("rewrite", marks=pytest.mark.slow)])
def test_a_burst_is_judged_over_all_pages_of_a_reading(
    a: Site, b: Site, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Twelve changes on pages of five are one accident, not three small ones: the graph is as before."""
    monkeypatch.setattr("federation.activitypub.changes.PAGE", 5)
    monkeypatch.setattr("federation.activitypub.catchup.PAGE", 5)
    b.catch_up()
    before = b.graphs(a.base)
    if act == "retire":
        a.retire("p")
    else:
        a.harvest("p", [*rows(6, "Réécrit."), *rows(6, start=6)])
        a.harvest("p", rows(12, "Réécrit."))
    b.again(a)

    last = b.ledger.runs.last(peer_slug(f"{a.base}/actors/p"))
    assert last is not None
    assert [(hold.rule.value, hold.figure) for hold in last.holds] == [
        ("explicit" if act == "retire" else "change", 12)
    ]
    assert b.graphs(a.base) == before


@pytest.mark.slow
def test_a_change_of_most_of_a_partner_waits_for_a_person_even_in_parts(
    a: Site, b: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much to be taken as one is judged before it is cut; a person's word lets it through."""
    monkeypatch.setattr("federation.activitypub.catchup.BATCH", 4)
    b.catch_up()
    a.harvest("p", [*rows(6, "Réécrit."), *rows(6, start=6)])
    a.harvest("p", rows(12, "Réécrit."))
    before = b.graphs(a.base)
    b.ledger.ap_syncs.put(b.sync(a)._replace(seq=a.changes.seq()))
    b.again(a)
    assert b.graphs(a.base) == before
    assert b.sync(a).digests["p"][2] == ["change", 12, 6]

    assert ask(b.ledger, f"{a.base}/actors/commons", b.clock(), confirmed=True)
    b.catch_up()
    assert in_step(a, b)
    assert b.sync(a).digests["p"][2:] == []


@pytest.mark.slow
def test_two_that_follow_each_other_pass_nothing_on(a: Site, b: Site, tmp_path: Path) -> None:
    """What came from a peer is nobody's own: not in a feed, a digest or a dump, whoever follows whom."""
    b.harvest("r", rows(5, "Un atelier.", start=700))
    c = Site(tmp_path / "c")
    c.harvest("s", rows(2, "Une ressourcerie.", start=900))
    a.follow(b)
    a.follow(c)
    for _ in range(2):
        a.catch_up()
        b.catch_up()
        b.again(a)
        a.again(b)

    assert in_step(a, b)
    assert in_step(b, a)
    assert in_step(c, a)
    assert b.graphs(c.base) == {}
    for site, count in ((a, 15), (b, 5)):
        told = site.changes.page(1) or {}
        assert {one["record"].partition("/records/")[0] for one in told["orderedItems"]} == {site.base}
        assert sum(one["count"] for one in site.changes.digest()["partners"]) == count
        assert len(list(site.changes.dump())) >= 1
        assert all(other.base.encode() not in b"".join(site.changes.dump()) for other in (a, b, c) if other is not site)
    c.down()


@pytest.mark.slow
def test_a_blocked_peer_is_not_asked(a: Site, b: Site) -> None:
    """Neither its host nor its commons."""
    b.ledger.ap_blocks.add(BlockRow(f"127.0.0.1:{a.port}", "host", "op", "2026-11-21T00:00:00.000000Z"))
    b.catch_up()

    assert a.asked == []


@pytest.mark.slow
def test_an_erased_object_does_not_come_back(a: Site, b: Site) -> None:
    """What a person had erased here never yields to a dump."""
    b.catch_up()
    id_ = f"{a.base}/objects/p/3"
    known = b.ledger.ap_objects.get(id_)
    assert known is not None
    b.ledger.ap_objects.erase(known, b.clock())
    a.harvest("p", [row("3", "Réécrit."), *rows(3), *rows(8, start=4)])
    before = b.graphs(a.base)[f"{a.base}/records/p/3"]
    b.again(a)

    assert b.graphs(a.base)[f"{a.base}/records/p/3"] == before


@pytest.mark.slow
def test_a_peer_is_asked_for_by_its_name_or_its_host(a: Site, b: Site) -> None:
    """For commands, and for a breaker that has closed; one that is not followed is not asked."""
    b.catch_up()

    assert ask(b.ledger, f"{a.base}/actors/commons", b.clock())
    assert b.sync(a).asked is not None
    assert not ask(b.ledger, "https://other.example/actors/commons", b.clock())
    assert ask_host(b.ledger, f"127.0.0.1:{a.port}", b.clock()) == 1
    b.catch_up()
    assert b.sync(a).asked is None


@pytest.mark.slow
def test_a_week_later_they_are_compared_again(a: Site, b: Site) -> None:
    """Without anybody asking."""
    b.catch_up()
    a.asked.clear()
    b.catch_up()
    assert a.asked == []
    a.harvest("p", [row("0", "Une semaine après."), *rows(11, start=1)])
    b.late += WEEK + timedelta(minutes=1)
    b.catch_up()

    assert in_step(a, b)
