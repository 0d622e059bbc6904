"""The commands on other servers, on a throw-away instance whose other servers are played."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from federation.activitypub.directory import Directory
from federation.activitypub.exchange import RemoteBody, RemoteFault
from federation.activitypub.follows import Relations
from federation.activitypub.names import Names
from federation.activitypub.peers import Peers
from federation.activitypub.remote import RemoteDocument
from federation.activitypub.sending import Sender
from federation.cli import USAGE, group
from federation.errors import CarrefourError
from federation.ledger import open_ledger
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import InboxState, Outcome, Received
from federation.ledger.ap_peers import SyncRow
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_text
from federation.platform import Platform

BASE = "https://commons.example"
FAN = "https://f.example/u"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class World:
    """One actor elsewhere, and nothing else."""

    def fetch_document(self, url: str, **_how: object) -> RemoteDocument:
        """Its document."""
        if url != FAN:
            raise RemoteFault("remote:status", remote_status=404)
        return RemoteDocument(FAN, FAN, {"id": FAN, "type": "Person", "inbox": f"{FAN}/inbox"}, b"")

    def fetch_bytes(self, url: str, **_how: object) -> RemoteBody:
        """Nothing."""
        raise RemoteFault("remote:status", remote_status=404)


def peers_of(platform: Platform) -> Peers:
    """What the platform furnishes, over a played world."""
    ledger, names = platform._ledger, Names(BASE)
    relations = Relations(ledger, names, Sender(ledger, names, lambda: NOW, os.urandom), lambda: NOW)
    return Peers(ledger, names, relations, Directory(ledger, World(), lambda: NOW), lambda: NOW)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance with a partner, a follower that waits, and a record of a stranger."""
    monkeypatch.setattr(Platform, "peers", property(peers_of), raising=False)
    (tmp_path / "carrefour.toml").write_text(f'base_url = "{BASE}"\n')
    (tmp_path / "sources").mkdir()
    ledger = open_ledger("", tmp_path / "data" / "ledger")
    ledger.sources.declare(PartnerRow("p", "Réseau P", None), SourceRow("p", "p", "Flux"))
    target = Target(f"{FAN}/inbox", "f.example")
    ledger.ap_follows.put(Direction.IN, FAN, f"{BASE}/actors/commons", f"{FAN}/1", FollowState.PENDING, target, NOW)
    row = Received(
        f"{FAN}/2", FAN, "f.example", "Create", "https://f.example/\x1b[2J", b"{}", (), {}, "public", "0", "0"
    )
    ledger.ap_inbox.keep([row], NOW)
    (kept,) = ledger.ap_inbox.claim("x", NOW, NOW)
    ledger.ap_inbox.settle([Outcome(kept.id, InboxState.QUARANTINED, "moderation")])
    ledger.close()
    return tmp_path


def carrefour(instance: Path, *arguments: str, lang: str = "en") -> Result:
    """Run one command."""
    return CliRunner().invoke(group, ["--instance", str(instance), "--lang", lang, *arguments], standalone_mode=False)


def failed(instance: Path, *arguments: str) -> bool:
    """Whether a command ends with an exit code of failure."""
    return bool(carrefour(instance, *arguments).return_value)


def read(instance: Path, *arguments: str) -> list[dict[str, Any]]:
    """What a command prints for machines."""
    return [json.loads(line) for line in carrefour(instance, *arguments, "--json").output.splitlines()]


def test_servers_are_listed_and_shown(instance: Path) -> None:
    """A line for people in both languages, an object for machines."""
    assert "followers 1" in carrefour(instance, "peers", "list").output
    assert "abonnés 1" in carrefour(instance, "peers", "list", lang="fr").output
    (peer,) = read(instance, "peers", "list")
    assert (peer["host"], peer["follow"], peer["blocked"]) == ("f.example", "default", False)
    assert FAN in carrefour(instance, "peers", "show", "f.example").output
    assert carrefour(instance, "peers", "show", "none.example").return_value == USAGE


def test_an_actor_is_followed_and_no_more(instance: Path) -> None:
    """The state is told; a name that leads nowhere is a failure."""
    assert "requested" in carrefour(instance, "peers", "follow", FAN).output
    assert "annulé" in carrefour(instance, "peers", "unfollow", FAN, lang="fr").output
    assert failed(instance, "peers", "follow", "@nobody@f.example")


def test_a_partner_is_bound_and_unbound(instance: Path) -> None:
    """To its source of the same name, if none is given."""
    assert "= p (p)" in carrefour(instance, "peers", "bind", FAN, "p").output
    assert read(instance, "peers", "show", FAN)[0]["bindings"] == [{"actor": FAN, "partner": "p", "source": "p"}]
    assert failed(instance, "peers", "bind", FAN, "none")
    assert failed(instance, "peers", "bind", FAN, "p", "--source", "none")
    assert not failed(instance, "peers", "unbind", FAN)
    assert failed(instance, "peers", "unbind", FAN)


def test_a_server_is_held_back_and_blocked(instance: Path) -> None:
    """Modes and blocks are shown; a block can be lifted once."""
    assert (
        "follow=deny  records=default" in carrefour(instance, "peers", "mode", "f.example", "--follow", "deny").output
    )
    assert "followers removed: 1" in carrefour(instance, "peers", "block", "f.example", "--reason", "spam").output
    assert read(instance, "peers", "show", "f.example")[0]["blocked"] is True
    assert not failed(instance, "peers", "unblock", "f.example")
    assert failed(instance, "peers", "unblock", "f.example")


def test_the_queue_is_decided_on(instance: Path) -> None:
    """What a stranger wrote cannot command the terminal; each is decided on once."""
    said = carrefour(instance, "peers", "queue")
    assert "\x1b" not in said.output
    waiting = {one["kind"]: one["reference"] for one in read(instance, "peers", "queue")}
    assert not failed(instance, "peers", "approve", waiting["follow"])
    assert failed(instance, "peers", "approve", waiting["follow"])
    assert failed(instance, "peers", "approve", waiting["moderation"]), "its actor is not bound"
    assert not failed(instance, "peers", "reject", waiting["moderation"])
    assert "Nothing to decide" in carrefour(instance, "peers", "queue").stderr
    assert "again: 0" in carrefour(instance, "peers", "replay").stderr
    assert failed(instance, "peers", "replay", "a99")


def test_a_peer_is_asked_to_be_compared_now(instance: Path) -> None:
    """One by its host, all without a name; who does it, and when, is said. With nobody in step it is a failure."""
    assert failed(instance, "peers", "sync")
    ledger = open_ledger("", instance / "data" / "ledger")
    group_ = "https://b.example/actors/commons"
    compared = SyncRow(group_, "https://b.example", 9, {"p": ["0", "1", ["change", 12, 6]]}, None, to_text(NOW))
    ledger.ap_syncs.put(compared)
    said = carrefour(instance, "peers", "sync", "b.example")
    assert said.output.startswith(group_)
    assert "nobody is at work here" in said.stderr
    assert carrefour(instance, "peers", "sync", lang="fr").output.startswith(group_)
    assert failed(instance, "peers", "sync", "none.example")
    asked = ledger.ap_syncs.get(group_)
    assert asked is not None
    assert asked.asked == to_text(NOW)
    shown = carrefour(instance, "peers", "show", "b.example").output
    assert "compared: 2026-11-21T00:00; asked for" in shown
    assert f"withheld: change=12 (limit 6); carrefour peers sync --confirmed {group_}" in shown
    carrefour(instance, "peers", "block", "b.example")
    assert failed(instance, "peers", "sync", "b.example")
    ledger.close()


def test_every_action_leaves_a_line_with_who_did_it(instance: Path) -> None:
    """In the audit, beside what was done to sources."""
    waiting = {one["kind"]: one["reference"] for one in read(instance, "peers", "queue")}
    for words in (
        ("follow", FAN),
        ("unfollow", FAN),
        ("bind", FAN, "p"),
        ("unbind", FAN),
        ("mode", "f.example", "--follow", "ask"),
        ("approve", waiting["follow"]),
        ("reject", waiting["moderation"]),
        ("replay",),
        ("block", FAN, "--reason", "spam"),
        ("unblock", FAN),
    ):
        assert not failed(instance, "peers", *words, "--by", "ana"), words
    failed(instance, "peers", "unblock", FAN, "--by", "ana")

    ledger = open_ledger("", instance / "data" / "ledger")
    lines = ledger.audit.lines(100)
    ledger.close()
    assert {line.by for line in lines} == {"ana"}
    assert [line.act.value for line in sorted(lines, key=lambda line: line.at)].count("unblock") == 1
    assert {line.act.value: line.detail for line in lines} == {
        "follow": FAN,
        "unfollow": FAN,
        "bind": f"{FAN} = p",
        "unbind": FAN,
        "mode": "f.example: follow=ask, records=default",
        "let-in": f"{waiting['follow']}: {FAN} → {BASE}/actors/commons",
        "turn-down": f"{waiting['moderation']}: {FAN}/2",
        "replay-activities": "0",
        "block": f"{FAN} (spam)",
        "unblock": FAN,
    }
    assert {line.source for line in lines if line.act.value == "bind"} == {"p"}


def test_keys_are_changed_by_name_or_all(instance: Path) -> None:
    """New ones wait beside the old; asked again they are the same; an unknown name changes nothing."""
    ledger = open_ledger("", instance / "data" / "ledger")

    def waiting(actor: str) -> list[str]:
        return [row.public for row in ledger.ap_keys.of(actor) if row.used_from is None]

    commons = f"{BASE}/actors/commons"
    said = carrefour(instance, "peers", "rotate", "commons", "--by", "ana")
    assert said.output.startswith(f"{commons}\n")
    assert "announces them" in said.stderr
    before = waiting(commons)
    assert len(before) == 2
    assert failed(instance, "peers", "rotate", "commons", "nobody")
    assert carrefour(instance, "peers", "rotate").exit_code
    assert carrefour(instance, "peers", "rotate", "--all", "commons").exit_code
    assert [line.detail for line in ledger.audit.lines(10)] == [commons]

    assert carrefour(instance, "peers", "rotate", "--all").output.split()[:2] == [f"{BASE}/actor", commons]
    assert waiting(commons) == before
    ledger.close()


def test_failures_have_their_exit_codes(instance: Path) -> None:
    """What is unknown is wrong usage; it is told in the language of the call."""
    found = carrefour(instance, "peers", "unblock", "none.example", lang="fr")
    assert found.return_value == USAGE
    assert "On ne connaît pas" in found.stderr
    assert not isinstance(found.exception, CarrefourError)
