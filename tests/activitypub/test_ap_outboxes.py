"""Outboxes of partners that offer no change feed: walked from the newest to the last known, and no further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from federation.activitypub.exchange import RemoteFault
from federation.activitypub.outboxes import AGAIN, MAX_PAGES, REST, Outboxes
from federation.activitypub.reconcile import ask
from federation.activitypub.remote import RemoteDocument
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_peers import ActorRow, BindingRow

pytestmark = pytest.mark.slow  # whole instances and hosts: minutes on a small machine

HOST = "https://partner.example"
ACTOR = f"{HOST}/actor"
NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
AT = "2026-11-21T15:00:00.000000Z"


class Web:
    """A server that gives chosen documents."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.failing: set[str] = set()

    def put(self, id_: str, **members: Any) -> str:
        """Serve a document under its id."""
        self.documents[id_] = {"@context": "https://www.w3.org/ns/activitystreams", "id": id_, **members}
        return id_

    def activity(self, number: int, **other: Any) -> str:
        """Serve an activity of the partner's."""
        said = {"type": "Create", "actor": ACTOR, "object": f"{HOST}/pages/{number}", **other}
        return self.put(f"{HOST}/activities/{number}", **said)

    def fetch_document(self, url: str, **_: Any) -> RemoteDocument:
        """Answer."""
        self.asked.append(url)
        if url in self.failing:
            raise RemoteFault("remote:timeout", passing=True)
        if url not in self.documents:
            raise RemoteFault("remote:status", remote_status=404)
        document = self.documents[url]
        return RemoteDocument(document["id"], url, document, json.dumps(document).encode())


class Walker:
    """A ledger with one bound partner, and the walk of its outbox."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.web, self.now, self.rested = ledger, Web(), NOW, 0.0
        ledger.ap_bindings.add(BindingRow(ACTOR, "p", "s", "op", AT))
        document = {"id": ACTOR, "outbox": f"{HOST}/outbox"}
        ledger.ap_actors.put(ActorRow(ACTOR, "partner.example", "Service", f"{HOST}/inbox", None, document, AT))
        self.outboxes = Outboxes(ledger, self.web, lambda: self.now, self.rest)

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.rested += seconds

    def outbox(self, *pages: list[Any]) -> None:
        """Serve the outbox, newest first."""
        self.web.put(f"{HOST}/outbox", type="OrderedCollection", first=f"{HOST}/outbox/0")
        for number, items in enumerate(pages):
            more = {"next": f"{HOST}/outbox/{number + 1}"} if number + 1 < len(pages) else {}
            self.web.put(f"{HOST}/outbox/{number}", type="OrderedCollectionPage", orderedItems=items, **more)

    def came(self) -> list[str]:
        """The ids of what came into the inbox, in order."""
        rows = self.ledger.ap_inbox.claim("t", self.now, self.now, 1000)
        return [row.activity.rpartition("/")[2] for row in rows]


@pytest.fixture
def walker(tmp_path: Path) -> Iterator[Walker]:
    """A walk of an outbox."""
    ledger = open_ledger("", tmp_path / "ledger")
    yield Walker(ledger)
    ledger.close()


def test_an_outbox_comes_oldest_first_and_then_only_what_is_new(walker: Walker) -> None:
    """The second walk stops at what is known; nobody is asked more than twice a second."""
    ids = [walker.web.activity(number) for number in range(7)]
    walker.outbox([ids[6], ids[5], walker.web.documents[ids[4]]], [ids[3], ids[2]], [ids[1], ids[0]])

    assert walker.outboxes.due(NOW) == [ACTOR]
    assert walker.outboxes.walk(ACTOR) == 7
    assert walker.came() == [str(number) for number in range(7)]
    assert walker.rested == REST * len(walker.web.asked)
    assert walker.outboxes.due(NOW) == []

    ids.append(walker.web.activity(7))
    walker.outbox([ids[7], ids[6], ids[5]], [ids[4], ids[3]])
    walker.now = NOW + AGAIN + timedelta(hours=1)
    walker.web.asked.clear()
    assert walker.outboxes.due(walker.now) == [ACTOR]
    assert walker.outboxes.walk(ACTOR) == 1
    assert f"{HOST}/outbox/1" not in walker.web.asked


def test_nothing_of_another_is_taken_from_an_outbox(walker: Walker) -> None:
    """Another actor, another origin, another kind, an id that is not served, no id at all."""
    other = walker.web.put("https://evil.example/1", type="Create", actor=ACTOR, object="https://evil.example/o")
    items = [
        other,
        walker.web.activity(1, actor=f"{HOST}/another"),
        walker.web.activity(2, type="Follow"),
        f"{HOST}/activities/404",
        {"type": "Create"},
        7,
        walker.web.activity(3),
    ]
    walker.outbox(items)

    assert walker.outboxes.walk(ACTOR) == 1
    assert walker.came() == ["3"]
    assert other not in walker.web.asked


@pytest.mark.abuse(43)
def test_an_outbox_without_end_is_left(walker: Walker) -> None:
    """A page that leads to itself, or to another server, is the last."""
    one = walker.web.activity(1)
    walker.outbox([one])
    walker.web.documents[f"{HOST}/outbox/0"]["next"] = f"{HOST}/outbox/0"
    assert walker.outboxes.walk(ACTOR) == 1

    walker.web.documents[f"{HOST}/outbox/0"] |= {"orderedItems": [], "next": "https://evil.example/2"}
    assert walker.outboxes.walk(ACTOR) == 0
    assert "https://evil.example/2" not in walker.web.asked


@pytest.mark.abuse(43)
def test_an_outbox_whose_next_page_is_always_another_is_left(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand pages, then no more; what they brought is taken."""
    served = walker.web.fetch_document

    def endless(url: str, **how: Any) -> RemoteDocument:
        page = url.removeprefix(f"{HOST}/outbox/")
        if page.isdecimal():
            following = f"{HOST}/outbox/{int(page) + 1}"
            walker.web.put(url, type="OrderedCollectionPage", orderedItems=[], next=following)
        return served(url, **how)

    walker.outbox([])
    monkeypatch.setattr(walker.web, "fetch_document", endless)

    assert walker.outboxes.walk(ACTOR) == 0
    assert len(walker.web.asked) == 1 + MAX_PAGES


def test_a_walk_that_is_cut_leaves_no_gap(walker: Walker) -> None:
    """What comes after the fault is found the next time."""
    ids = [walker.web.activity(number) for number in range(4)]
    walker.outbox(list(reversed(ids)))
    walker.web.failing.add(ids[2])
    assert walker.outboxes.walk(ACTOR) == 2
    walker.web.failing.clear()

    assert walker.outboxes.walk(ACTOR) == 2
    assert sorted(walker.came()) == ["0", "1", "2", "3"]


def test_a_partner_is_asked_for_by_name(walker: Walker) -> None:
    """Before its week is over; nobody else is."""
    walker.outbox([])
    walker.outboxes.walk(ACTOR)
    assert walker.outboxes.due(NOW) == []

    assert ask(walker.ledger, ACTOR, NOW)
    assert walker.outboxes.due(NOW) == [ACTOR]
    assert not ask(walker.ledger, f"{HOST}/stranger", NOW)
