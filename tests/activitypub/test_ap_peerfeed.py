"""What a peer says of itself is believed in its form only when it keeps to it: a lying one ends its own walk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from federation.activitypub.exchange import RemoteBody, RemoteFault
from federation.activitypub.objects import record_digest
from federation.activitypub.peerfeed import PeerFeed, Tally, Told
from federation.pipeline.peering import PeerPartner

A = "https://a.example"
ACTOR = f"{A}/actors/p"
AT = "2026-11-21T15:00:00.000000Z"
SHA = "sha-256:" + "0" * 64
TALLY = Tally(PeerPartner(ACTOR, "P"), 2, "0" * 64)


class Server:
    """Answers by address: a document, bytes, or a fault."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def fetch_bytes(self, url: str, *, accept: str, takes: Callable[[str], bool], limit: int, **_: Any) -> RemoteBody:
        """Answer within the limit, in a media type that is taken."""
        answer = self.answers.get(url.removeprefix(A), RemoteFault("remote:status", remote_status=404))
        if isinstance(answer, RemoteFault):
            raise answer
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        if len(body) > limit:
            raise RemoteFault("remote:size")
        if not takes(accept.partition(",")[0]):
            raise RemoteFault("remote:content-type")
        return RemoteBody(url, body, accept)


def feed(path: str, answer: Any) -> PeerFeed:
    """A peer that answers so at one address."""
    return PeerFeed(Server({path: answer}), A)


def partner(**other: Any) -> dict[str, Any]:
    """A partner in a digest."""
    return {"actor": ACTOR, "name": "P", "count": 2, "xor": "0" * 64, **other}


def listed(key: str, **other: Any) -> dict[str, Any]:
    """A record in a manifest."""
    record = f"{A}/records/p/{key}"
    return {"record": record, "id": f"{A}/objects/p/{key}", "digest": SHA, "updated": AT, **other}


def entry(key: str, **other: Any) -> dict[str, Any]:
    """A change."""
    return {"type": "Update", "seq": 1, "actor": ACTOR, "object": f"{A}/objects/p/{key}", **listed(key), **other}


@pytest.mark.parametrize(
    "given",
    [
        partner(actor="https://b.example/actors/p"),
        partner(actor=f"{A}/actors/../p"),
        partner(actor=f"{A}/users/p"),
        partner(actor=7),
        partner(count=-1),
        partner(count=True),
        partner(count=2**63),
        partner(xor="zz"),
        "p",
    ],
)
def test_a_partner_that_is_not_of_its_origin_or_form_is_refused(given: Any) -> None:
    """Nobody speaks for a partner of another; numbers are numbers."""
    with pytest.raises(RemoteFault, match="sync:"):
        feed("/changes/digest", {"seq": 1, "updated": AT, "partners": [given]}).state()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"seq": "1"}', b'{"seq": 1}', b"[" * 100_000, b"\xff"])
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    """Whatever it is, it ends in one kind of fault."""
    with pytest.raises(RemoteFault, match="sync:"):
        feed("/changes/digest", body).state()


def test_partners_are_known_by_name_and_a_web_address_only() -> None:
    """A name that says nothing is replaced, an address that no browser follows is left out."""
    found = feed("/changes/digest", {"seq": 1, "partners": [partner(name=" ", url="javascript:alert(1)")]}).state()

    assert found.tallies[0].partner == PeerPartner(ACTOR, "p", None)
    assert (found.seq, found.updated) == (1, None)


@pytest.mark.parametrize(
    "records",
    [
        [listed("2"), listed("1")],
        [listed("1"), listed("1")],
        [listed("1", record="https://b.example/records/p/1")],
        [listed("1", record=f"{A}/records/q/1")],
        [listed("1", record=f"{A}/records/p/1/2")],
        [listed("1", digest="md5:0")],
        [listed("1", updated="yesterday")],
        [listed("1", updated=None)],
    ],
)
def test_a_manifest_lists_records_of_its_partner_in_order(records: list[dict[str, Any]]) -> None:
    """Another's record, another order, the same twice: refused as a whole."""
    with pytest.raises(RemoteFault, match="sync:"):
        feed("/changes/manifest/p", {"seq": 1, "updated": AT, "records": records}).manifest(TALLY, "")


@pytest.mark.parametrize("following", [f"{A}/manifest/p/1", f"{A}/manifest/p/0", "https://b.example/p/9", 7, f"{A}/%"])
def test_a_manifest_without_end_is_refused(following: Any) -> None:
    """The next part begins after this one, on the same server."""
    document = {"seq": 1, "updated": AT, "records": [listed("1")], "next": following}
    with pytest.raises(RemoteFault, match="sync:next"):
        feed("/changes/manifest/p/1", {**document, "records": []}).manifest(TALLY, "1")


def test_a_dump_holds_records_of_its_partner_only() -> None:
    """The owner is said in each."""
    other = {**listed("1", record=f"{A}/records/q/1"), "owner": f"{A}/actors/q", "data": "x"}
    with pytest.raises(RemoteFault, match="sync:owner"):
        feed("/changes/dump/p", {"seq": 1, "updated": AT, "records": [other]}).dump(TALLY, "")


def test_the_feed_leaves_out_what_a_later_change_tells() -> None:
    """An entry without digest is superseded; a Delete has none and counts; no page, no changes."""
    items = [entry("1"), {**entry("2", seq=2), "digest": None}, entry("3", type="Delete", seq=3)]
    found = feed("/changes/page/1", {"seq": 3, "updated": AT, "orderedItems": items}).changes(1)

    assert found is not None
    assert [(one.record[-1], one.digest) for one in found.told] == [("1", SHA), ("3", None)]
    assert feed("/changes/page/2", {}).changes(1) is None


def test_data_that_are_not_what_was_told_are_left() -> None:
    """Another digest, gone, too large, no text: a later change tells. A server that is down is a fault."""
    data = b'<https://a.example/records/p/1> <https://a.example/p> "x" .\n'
    told = Told(f"{A}/records/p/1", "", ACTOR, AT, record_digest(data))
    path = "/records/p/1.nt"

    assert feed(path, data).data(told) == data.decode()
    assert feed(path, data + b"\n").data(told) is None
    assert feed(path, RemoteFault("remote:status", remote_status=410)).data(told) is None
    assert feed(path, b"x" * 2_000_000).data(told) is None
    assert feed(path, b"\xff").data(Told(told.record, "", ACTOR, AT, record_digest(b"\xff"))) is None
    with pytest.raises(RemoteFault):
        feed(path, RemoteFault("remote:timeout", passing=True)).data(told)
    assert (feed(path, data).gone(told.record), feed("/", data).gone(told.record)) == (False, True)


def test_a_reader_that_is_told_to_stop_asks_nothing() -> None:
    """Its next question is a fault of its own."""
    with pytest.raises(RemoteFault, match="sync:stopped"):
        PeerFeed(Server({}), A, stop=lambda: True).state()
