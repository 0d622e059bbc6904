"""The real peer by itself: two Fedify servers talk to each other, so that what it says of us can be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fedify_peer import FedifyPeer

pytestmark = pytest.mark.slow

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"


@pytest.fixture(scope="module")
def pair(start_peer: Callable[[], FedifyPeer]) -> tuple[FedifyPeer, FedifyPeer]:
    """Two servers."""
    return start_peer(), start_peer()


def saying(peer: FedifyPeer, kind: str, about: Any, name: str) -> dict[str, Any]:
    """An activity of ``asso``."""
    return {
        "@context": AS2,
        "id": f"{peer.origin}/activities/{name}",
        "type": kind,
        "actor": peer.actor("asso"),
        "to": [PUBLIC],
        "object": about,
    }


def page(peer: FedifyPeer, name: str) -> dict[str, Any]:
    """An object of ``asso``, as it is embedded."""
    return {
        "id": f"{peer.origin}/documents/{name}",
        "type": "Page",
        "attributedTo": peer.actor("asso"),
        "name": "Jardin",
        "content": "<p>Un jardin.</p>",
        "to": [PUBLIC],
    }


def test_two_peers_follow_and_leave_each_other(pair: tuple[FedifyPeer, FedifyPeer]) -> None:
    """Follow, Accept and Undo are heard as true on both sides."""
    one, two = pair
    sent = one.follow("alice", two.actor("asso"))
    assert sent["failure"] is None
    one.heard("Accept", actor=two.actor("asso"))
    assert two.relations("asso")["followers"] == [one.actor("alice")]
    assert one.relations("alice")["following"] == {two.actor("asso"): "accepted"}

    one.unfollow("alice", two.actor("asso"))
    two.heard("Undo", actor=one.actor("alice"))
    assert two.relations("asso")["followers"] == []


@pytest.mark.parametrize(
    ("sign", "dialect", "wanted"),
    [
        ("http", "rfc9421", {"dialect": "rfc9421", "http": "verified", "proof": "none"}),
        ("http", "draft-cavage-http-signatures-12", {"dialect": "cavage", "http": "verified", "proof": "none"}),
        ("proof", "rfc9421", {"dialect": None, "http": "noSignature", "proof": "verified"}),
        ("both", "rfc9421", {"dialect": "rfc9421", "http": "verified", "proof": "verified"}),
    ],
)
def test_a_peer_signs_as_it_is_told(
    pair: tuple[FedifyPeer, FedifyPeer], sign: Any, dialect: Any, wanted: dict[str, Any]
) -> None:
    """The log tells both kinds of signature and the proof apart, by Fedify's own verifiers."""
    one, two = pair
    name = f"{sign}-{dialect}"
    activity = saying(one, "Create", page(one, name), name)
    sent = one.send("asso", two.actor("alice"), activity, sign, dialect)
    assert sent["failure"] is None
    heard = two.heard("Create", object=f"{one.origin}/documents/{name}")
    assert {key: heard[key] for key in wanted} == wanted
    assert heard["heard"]["objectName"] == "Jardin"
    assert [knock["status"] for knock in sent["knocks"]] == [202]
