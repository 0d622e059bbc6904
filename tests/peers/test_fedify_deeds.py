"""What a real peer does beside pushing records: it likes, shares, takes back, leaves; and we follow it by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from carrefour_site import CarrefourSite
from fedify_peer import Dialect, Entry, FedifyPeer, Sign

from federation.activitypub.deciding import tally_key
from federation.ledger.ap_inbox import InboxState

pytestmark = pytest.mark.slow

AS2: Final = "https://www.w3.org/ns/activitystreams"
PUBLIC: Final = f"{AS2}#Public"


@pytest.fixture(scope="module")
def peer(start_peer: Callable[[], FedifyPeer]) -> FedifyPeer:
    """A real peer."""
    return start_peer()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrefourSite]:
    """A Carrefour that has harvested once, and serves."""
    made = CarrefourSite(tmp_path_factory.mktemp("carrefour"))
    made.run("harvest")
    made.serve()
    yield made
    made.stop()


def saying(peer: FedifyPeer, kind: str, about: Any, name: str, actor: str = "alice") -> dict[str, Any]:
    """An activity for everybody."""
    id_ = f"{peer.origin}/activities/{name}"
    return {"@context": AS2, "id": id_, "type": kind, "actor": peer.actor(actor), "to": [PUBLIC], "object": about}


def done(site: CarrefourSite, sent: Entry) -> tuple[str, str | None]:
    """What became of an activity that was sent: state and outcome, once it has been worked on."""
    assert sent["failure"] is None
    assert [knock["status"] for knock in sent["knocks"]] == [202]
    found: list[tuple[str, str | None]] = []

    def worked_on() -> bool:
        with site.ledger() as ledger:
            row = ledger.ap_inbox.by_activity(sent["id"])
        assert row is not None, sent
        if row.state in (InboxState.ACCEPTED, InboxState.RETRY):
            return False
        found.append((row.state, row.outcome))
        return True

    site.until(worked_on, f"the end of {sent['id']}")
    return found[0]


def counted(site: CarrefourSite, kind: str, about: str) -> int:
    """How often something has been said of a thing of ours."""
    with site.ledger() as ledger:
        return int(ledger.cursors.fact(tally_key(kind, about)) or "0")


def followers(site: CarrefourSite, actor: str) -> int:
    """How many follow an actor of ours."""
    _, document = site.get(f"{actor}/followers")
    return int(document["totalItems"])


@pytest.mark.parametrize("kind", ["Like", "Announce"])
@pytest.mark.parametrize(
    ("sign", "dialect"),
    [("http", "rfc9421"), ("http", "draft-cavage-http-signatures-12"), ("proof", "rfc9421"), ("both", "rfc9421")],
)
def test_what_the_peer_likes_or_shares_is_counted_until_it_takes_it_back(
    peer: FedifyPeer, site: CarrefourSite, kind: str, sign: Sign, dialect: Dialect
) -> None:
    """A Like and an Announce of an object of ours count once; the Undo, by id or in full, takes the count back."""
    name, about = f"{kind}-{sign}-{dialect}".lower(), site.object("1")
    before = counted(site, kind, about)
    said = saying(peer, kind, about, name)
    assert done(site, peer.send("alice", site.partner, said, sign, dialect)) == (InboxState.DONE, "counted")
    assert counted(site, kind, about) == before + 1
    again = peer.send("alice", site.commons, said, sign, dialect)
    assert done(site, again) == (InboxState.DONE, "counted")
    assert counted(site, kind, about) == before + 1

    whole = {name: value for name, value in said.items() if name != "@context"}
    undo = saying(peer, "Undo", whole if sign == "both" else said["id"], f"undo-{name}")
    assert done(site, peer.send("alice", site.partner, undo, sign, dialect)) == (InboxState.DONE, "undo-done")
    assert counted(site, kind, about) == before
    assert not site.ask(f"?s ?p <{peer.actor('alice')}>")


def test_what_the_peer_says_of_others_things_is_dropped(peer: FedifyPeer, site: CarrefourSite) -> None:
    """A Like or Announce of an object that is not ours, and another's Undo, change nothing."""
    foreign = f"{peer.origin}/documents/elsewhere"
    for kind, rule in (("Like", "not-ours"), ("Announce", "announce-foreign")):
        sent = peer.send("alice", site.commons, saying(peer, kind, foreign, f"foreign-{kind.lower()}"))
        assert done(site, sent) == (InboxState.DROPPED, rule)
    mine = saying(peer, "Like", site.object("2"), "liked-by-alice")
    done(site, peer.send("alice", site.commons, mine))
    undo = saying(peer, "Undo", mine["id"], "undone-by-asso", "asso")
    assert done(site, peer.send("asso", site.commons, undo)) == (InboxState.DONE, "undo-unknown")
    assert counted(site, "Like", site.object("2")) == 1


@pytest.mark.parametrize(("sign", "known"), [("http", True), ("both", True), ("http", False)])
def test_an_actor_that_leaves_is_a_follower_no_more(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite, sign: Sign, known: bool
) -> None:
    """The Delete of an actor counts once its own address answers 410; before that it changes nothing.

    So it is where we do not know its key (any more), and nobody can prove the Delete.
    """
    peer = start_peer()
    bruno = peer.actor("bruno")
    for actor in (site.partner, site.commons):
        peer.follow("bruno", actor)
        peer.heard("Accept", actor=actor)
    early = saying(peer, "Delete", bruno, "too-early", "bruno")
    assert done(site, peer.send("bruno", site.commons, early, sign)) == (InboxState.DROPPED, "actor-not-gone")
    assert [followers(site, actor) for actor in (site.partner, site.commons)] == [1, 1]

    peer.tell("leave", actor="bruno")
    if not known:
        site.stop()
        site.serve()
    gone = saying(peer, "Delete", bruno, "left", "bruno")
    assert done(site, peer.send("bruno", site.commons, gone, sign)) == (InboxState.DONE, "actor-gone")
    assert [followers(site, actor) for actor in (site.partner, site.commons)] == [0, 0]


def test_we_follow_the_peer_by_its_name(peer: FedifyPeer, site: CarrefourSite) -> None:
    """``@asso@host`` leads to its actor by the WebFinger that Fedify serves, for both commands."""
    asso, host = peer.actor("asso"), urlsplit(peer.origin).netloc
    assert asso in site.run("peers", "follow", f"@asso@{host}")
    assert peer.heard("Follow", actor=f"{site.origin}/actor")["http"] == "verified"
    site.until(lambda: f"→ {asso}  accepted" in site.run("peers", "show", asso), "the Accept")
    site.run("peers", "unfollow", f"@asso@{host}")
    peer.heard("Undo", actor=f"{site.origin}/actor")
    assert peer.relations("asso")["followers"] == []
