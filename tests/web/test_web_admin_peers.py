"""The pages on which operators decide on other servers, over a real instance whose other servers are played."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import html5lib
import pytest
from flask.testing import FlaskClient
from operators_desk import PASSWORD, log_in, secret

from federation.activitypub.directory import Directory
from federation.activitypub.exchange import RemoteBody, RemoteFault
from federation.activitypub.follows import Relations
from federation.activitypub.names import Names
from federation.activitypub.peers import Peers
from federation.activitypub.remote import RemoteDocument
from federation.activitypub.sending import Sender
from federation.ledger.accounts import Role
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import InboxState, Outcome, Received
from federation.ledger.sources import PartnerRow, SourceRow
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.web import create_app

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FAN = "https://f.example/u"
EVIL = "<script>alert(1)</script>"


class World:
    """One actor elsewhere, and nothing else."""

    def fetch_document(self, url: str, **_how: object) -> RemoteDocument:
        """Its document."""
        if url != FAN:
            raise RemoteFault("remote:status", remote_status=404)
        return RemoteDocument(FAN, FAN, {"id": FAN, "type": "Person", "inbox": f"{FAN}/inbox", "name": EVIL}, b"")

    def fetch_bytes(self, url: str, **_how: object) -> RemoteBody:
        """Nothing."""
        raise RemoteFault("remote:status", remote_status=404)


def peers_of(platform: Platform) -> Peers:
    """What the platform furnishes, over a played world."""
    ledger, names = platform._ledger, Names(platform.settings.base_url)
    relations = Relations(ledger, names, Sender(ledger, names, lambda: NOW, os.urandom), lambda: NOW)
    return Peers(ledger, names, relations, Directory(ledger, World(), lambda: NOW), lambda: NOW)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """An instance with an operator, a follower that waits, a stranger's record and one in quarantine."""
    monkeypatch.setattr(Platform, "peers", property(peers_of), raising=False)
    (tmp_path / "sources").mkdir()
    settings = Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources")
    with closing(open_platform(settings)) as opened:
        with opened.writing():
            pass
        opened.accounts.add("ana", PASSWORD, Role.OPERATOR, NOW)
        ledger = opened._ledger
        ledger.sources.declare(PartnerRow("p", "Réseau P", None), SourceRow("p", "p", "Flux"))
        commons = f"{settings.base_url}/actors/commons"
        target = Target(f"{FAN}/inbox", "f.example")
        ledger.ap_follows.put(Direction.IN, FAN, commons, f"{FAN}/1", FollowState.PENDING, target, NOW)
        for number, rule in (("2", "moderation"), ("3", "quads:none")):
            raw = f'{{"name": "{EVIL}"}}'.encode()
            about = f"https://f.example/{EVIL}"
            row = Received(f"{FAN}/{number}", FAN, "f.example", "Create", about, raw, (), {}, "public", number, number)
            ledger.ap_inbox.keep([row], NOW)
            (kept,) = ledger.ap_inbox.claim("x", NOW, NOW)
            ledger.ap_inbox.settle([Outcome(kept.id, InboxState.QUARANTINED, rule)])
        yield opened


@pytest.fixture
def ana(platform: Platform) -> FlaskClient:
    """An operator who has logged in."""
    client = create_app(platform).test_client()
    log_in(client)
    return client


def post(ana: FlaskClient, path: str, **fields: str) -> int:
    """Send a form of the page; give the status."""
    csrf = secret(ana, "/admin/peers")
    return ana.post(f"/admin/peers/{path}", data={"csrf": csrf, **fields}).status_code


@pytest.mark.abuse(37)
def test_what_strangers_wrote_is_text_only(ana: FlaskClient) -> None:
    """In both languages, in strict HTML: on the list and on the page of a server."""
    for prefix in ("", "/en"):
        for path in ("/admin/peers", "/admin/peers/f.example"):
            answer = ana.get(f"{prefix}{path}")
            assert answer.status_code == 200
            html5lib.HTMLParser(strict=True).parse(answer.text)
            assert EVIL not in answer.text
    assert "&lt;script&gt;" in ana.get("/admin/peers").text
    assert ana.get("/admin/peers/none.example").status_code == 404


def test_nobody_comes_in_without_session_or_secret(platform: Platform, ana: FlaskClient) -> None:
    """Strangers are sent to the login page; a form without its secret does nothing."""
    stranger = create_app(platform).test_client()
    assert stranger.get("/admin/peers").status_code == 303
    for path in ("follow", "unfollow", "bind", "unbind", "mode", "block", "unblock", "approve", "reject", "replay"):
        assert stranger.post(f"/admin/peers/{path}", data={}).status_code in {303, 403}
        assert ana.post(f"/admin/peers/{path}", data={"csrf": "x", "confirm": "yes"}).status_code == 403


def test_the_queue_is_decided_on(ana: FlaskClient, platform: Platform) -> None:
    """A follow is accepted; a record of somebody unbound is not; what is turned down is gone."""
    (follow, record) = sorted(peers_of(platform).queue(), key=lambda one: one.kind)
    assert post(ana, "approve", reference=follow.reference) == 303
    assert post(ana, "approve", reference=follow.reference) == 409
    assert post(ana, "approve", reference=record.reference) == 409
    assert post(ana, "reject", reference=record.reference) == 303
    assert not peers_of(platform).queue()
    assert "C'est refusé." in ana.get("/admin/peers?done=turned-down").text.replace("&#39;", "'")


def test_a_server_is_followed_bound_and_set(ana: FlaskClient, platform: Platform) -> None:
    """Each by its form; what cannot be done is told, and nothing is."""
    assert post(ana, "follow", actor=FAN) == 303
    assert post(ana, "follow", actor="@nobody@f.example") == 409
    assert post(ana, "bind", actor=FAN, partner="p") == 303
    assert post(ana, "bind", actor=FAN, partner="none") == 409
    assert post(ana, "mode", host="f.example", follow="ask", records="deny") == 303
    peer = peers_of(platform).show("f.example")
    assert (peer.host.follow_mode, peer.host.record_mode) == ("ask", "deny")
    assert peer.bindings[0].source == "p"
    assert peer.following[0].state == "requested"
    page = ana.get("/admin/peers/f.example").text
    assert "Réseau" not in page
    html5lib.HTMLParser(strict=True).parse(page)
    assert post(ana, "unfollow", actor=FAN) == 303
    assert post(ana, "unbind", actor=FAN) == 303
    assert not peers_of(platform).show("f.example").bindings


def test_a_block_needs_its_tick_and_comes_off(ana: FlaskClient, platform: Platform) -> None:
    """Without the tick nothing is blocked."""
    assert post(ana, "block", subject="f.example") == 409
    assert post(ana, "block", subject="f.example", confirm="yes", reason=EVIL) == 303
    assert peers_of(platform).show("f.example").blocked
    page = ana.get("/admin/peers/f.example").text
    html5lib.HTMLParser(strict=True).parse(page)
    assert EVIL not in page
    assert post(ana, "unblock", subject="f.example") == 303
    assert not any(peer.blocked for peer in peers_of(platform).all())


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("record-refused", "compte rendu de la source"),
        ("source-idle", "d'un autre format"),
        ("remote:timeout", "reprenez plus tard"),
        ("quads:none", "ne se lit pas"),
    ],
)
def test_why_something_was_put_aside_is_said_in_words(
    platform: Platform, ana: FlaskClient, rule: str, said: str
) -> None:
    """Beside the name of the rule, in the reader's language; of another rule nothing is made up."""
    ledger = platform._ledger
    (row,) = peers_of(platform).quarantined()
    ledger.ap_inbox.settle([Outcome(row.id, InboxState.QUARANTINED, rule)])
    assert said in html.unescape(ana.get("/admin/peers").text)
    assert said not in html.unescape(ana.get("/en/admin/peers").text)

    ledger.ap_inbox.settle([Outcome(row.id, InboxState.QUARANTINED, "undo-early")])
    assert said not in html.unescape(ana.get("/admin/peers").text)


def test_quarantine_is_replayed(ana: FlaskClient, platform: Platform) -> None:
    """What was put aside for a fault is due again; what waits for a person is not."""
    assert post(ana, "replay") == 303
    assert not peers_of(platform).quarantined()
    assert len(peers_of(platform).queue()) == 2
