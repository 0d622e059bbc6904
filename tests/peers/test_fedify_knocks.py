"""Double-knock in earnest: a real peer or a Carrefour that reads one dialect of signatures only, and what is learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from carrefour_site import CarrefourSite
from fedify_peer import Dialect, FedifyPeer, Read
from front_door import FrontDoor

from federation.ledger.times import to_text

pytestmark = pytest.mark.slow

OTHER: dict[Read, Read] = {"cavage": "rfc9421", "rfc9421": "cavage"}
SPEC: dict[Read, Dialect] = {"cavage": "draft-cavage-http-signatures-12", "rfc9421": "rfc9421"}


@pytest.fixture(scope="module")
def door() -> Iterator[FrontDoor]:
    """What stands in front of our instance."""
    made = FrontDoor()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, door: FrontDoor) -> Iterator[CarrefourSite]:
    """A Carrefour that has harvested once, and serves behind the door."""
    made = CarrefourSite(tmp_path_factory.mktemp("carrefour"), door)
    made.run("harvest")
    made.serve()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def open_door(door: FrontDoor) -> None:
    """Each test finds the door open."""
    door.refuses = None


# -- ours before a peer that reads one ------------------------------------------------------------------------------


def refused(peer: FedifyPeer, after: int) -> list[Read]:
    """The dialects that the peer has refused since an entry of its log."""
    return [entry["dialect"] for entry in peer.log(after) if entry["kind"] == "refused"]


def learns(site: CarrefourSite, peer: FedifyPeer, dialect: Read) -> None:
    """See that our side remembers, for weeks, which dialect the peer's host reads."""

    def known() -> bool:
        with site.ledger() as ledger:
            host = ledger.ap_hosts.get(urlsplit(peer.origin).netloc)
        return host.dialect == dialect and (host.dialect_until or "") > to_text(datetime.now(UTC))

    site.until(known, f"that {peer.origin} reads {dialect}")


def asks(peer: FedifyPeer, site: CarrefourSite, dialect: Read) -> None:
    """Have the peer follow (once more); see that our Accept comes to it in a dialect, and that Fedify verifies it."""
    logged = len(peer.log())
    assert peer.follow("alice", site.partner)["failure"] is None
    entry = peer.heard("Accept", logged, actor=site.partner)
    assert (entry["dialect"], entry["http"]) == (dialect, "verified")


def brings(site: CarrefourSite, peer: FedifyPeer, key: str, dialect: Read) -> None:
    """Harvest a new record; see that its Create comes to the peer in a dialect, and that Fedify verifies it."""
    site.write(**{f"n{key}": (f"Le jardin {key}", "opendata")})
    site.run("harvest", "jardins")
    entry = peer.heard("Create", object=site.object(key))
    assert (entry["dialect"], entry["http"], entry["proof"]) == (dialect, "verified", "verified")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_peer_that_reads_rfc9421_only_is_reached_by_the_second_knock(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite, status: int
) -> None:
    """The first delivery knocks in cavage, then in RFC 9421, which Fedify verifies; the next ones knock once."""
    peer = start_peer()
    peer.refuse("cavage", status=status)
    asks(peer, site, "rfc9421")
    assert refused(peer, 0) == ["cavage"]
    learns(site, peer, "rfc9421")
    logged = len(peer.log())
    asks(peer, site, "rfc9421")
    assert refused(peer, logged) == []
    peer.unfollow("alice", site.partner)


def test_a_peer_that_signs_by_rfc9421_is_answered_so(start_peer: Callable[[], FedifyPeer], site: CarrefourSite) -> None:
    """What a host has been heard to sign in, and was verified, it reads: the first knock is the right one."""
    peer = start_peer()
    peer.refuse("cavage")
    assert peer.follow("alice", site.partner, "http", "rfc9421")["failure"] is None
    entry = peer.heard("Accept", actor=site.partner)
    assert (entry["dialect"], entry["http"], refused(peer, 0)) == ("rfc9421", "verified", [])
    learns(site, peer, "rfc9421")
    peer.unfollow("alice", site.partner)


def test_a_peer_that_changes_its_mind_is_learnt_anew(start_peer: Callable[[], FedifyPeer], site: CarrefourSite) -> None:
    """A remembered dialect that is refused one day is given up for the other."""
    peer = start_peer()
    asks(peer, site, "cavage")
    learns(site, peer, "cavage")
    for reads in ("rfc9421", "cavage"):
        peer.refuse(OTHER[reads])
        logged = len(peer.log())
        asks(peer, site, reads)
        learns(site, peer, reads)
        asks(peer, site, reads)
        assert refused(peer, logged) == [OTHER[reads]]
    peer.unfollow("alice", site.partner)


def test_a_peer_that_reads_neither_is_knocked_twice_and_left(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite
) -> None:
    """No third knock, no second attempt: the delivery is put aside, and what comes after it is delivered."""
    peer = start_peer()
    asks(peer, site, "cavage")
    learns(site, peer, "cavage")
    logged = len(peer.log())
    peer.refuse("cavage", "rfc9421", status=403)
    site.write(n601=("Le jardin 601", "opendata"))
    site.run("harvest", "jardins")
    peer.wait_for(lambda _: len(refused(peer, logged)) == 2)
    peer.refuse()
    brings(site, peer, "602", "cavage")
    assert refused(peer, logged) == ["cavage", "rfc9421"]
    assert not [entry for entry in peer.log() if (entry.get("heard") or {}).get("object") == site.object("601")]
    peer.unfollow("alice", site.partner)


# -- the peer before ours -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["rfc9421", "cavage"])
def test_a_peer_comes_to_us_by_its_second_knock(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite, door: FrontDoor, first: Read
) -> None:
    """Where its first dialect is refused Fedify comes in the other; that is taken, answered, and remembered."""
    peer, second = start_peer(), OTHER[first]
    door.refuses = first
    sent = peer.follow("alice", site.partner, "http", SPEC[first])
    assert sent["failure"] is None
    assert [(knock["dialect"], knock["status"]) for knock in sent["knocks"]] == [(first, 401), (second, 202)]
    assert peer.heard("Accept", actor=site.partner)["http"] == "verified"
    with site.ledger() as ledger:
        row = ledger.ap_inbox.by_activity(sent["id"])
    assert row is not None
    assert (row.kind, row.verdict["method"], row.verdict["dialect"]) == ("Follow", "http", second)
    again = peer.follow("alice", site.commons, "http", SPEC[first])
    assert [(knock["dialect"], knock["status"]) for knock in again["knocks"]] == [(second, 202)]


def test_a_peer_whose_signature_was_spoilt_signs_anew_and_is_taken(
    start_peer: Callable[[], FedifyPeer], site: CarrefourSite, door: FrontDoor
) -> None:
    """Our 401 invites by Accept-Signature; Fedify tries what it says, and in the end cavage, which is taken.

    Fedify 2.3.6 names ``content-digest`` twice when it was asked for it, which RFC 9421 (section 2) forbids: refused.
    """
    peer = start_peer()
    assert [knock["status"] for knock in peer.follow("alice", site.partner, "http")["knocks"]] == [202]
    came = len(door.posts)
    door.garble(1)
    sent = peer.follow("alice", site.commons, "http")
    assert sent["failure"] is None
    assert [(one.dialect, one.status) for one in door.posts[came:]] == [
        ("rfc9421", 401),
        ("rfc9421", 401),
        ("cavage", 202),
    ]
    invited = door.posts[came + 1].signed
    assert invited.startswith('sig1=("@method" "@target-uri" "content-digest"')
    assert invited.count('"content-digest"') == 2
    assert peer.heard("Accept", actor=site.commons)["http"] == "verified"
