"""A whole ``carrefour serve`` is killed at 100 random instants while others push to it and while it delivers.

What was answered with 202 is there at the end, once; what it says itself reaches every follower, in order, unchanged.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest
from ap_kill_site import (
    BOUND,
    PUSHED,
    Crowd,
    DoomedSite,
    Gardener,
    Pages,
    Sink,
    Talker,
    Traffic,
    received,
    until,
)
from ap_peer_server import PeerServer, answer
from ap_site import Sender
from carrefour_site import PARTNER

from federation.activitypub.deciding import tally_key
from federation.ledger import Ledger, open_ledger
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.ap_deliveries import DeliveryRow, DeliveryState
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_inbox import InboxRow, InboxState
from federation.model import Action, to_lines
from federation.platform import open_platform
from federation.settings import load_settings

pytestmark = pytest.mark.slow
_log = logging.getLogger(__name__)

KILLS = 100
TALKERS, PAGES = 3, 30
MANY = 10**6
ENDS = {
    "Create": "taken",
    "Update": "taken",
    "Delete": "taken",
    "Like": "counted",
    "Follow": "follow-accepted",
    "Undo": "undo-done",
}
ACTIONS = {"Create": Action.CREATE, "Update": Action.UPDATE, "Delete": Action.DELETE}


@dataclass(frozen=True)
class Spoken:
    """An activity of ours. ``inner``: the id of what it is about; ``about``: of what that is about, and so on."""

    id: str
    row: ActivityRow
    document: dict[str, Any]
    inner: str
    about: str


@dataclass
class Survived:
    """An instance after all its kills, at rest, and those who know what it has promised."""

    site: DoomedSite
    ledger: Ledger
    kills: Counter[str]
    pages: list[Pages]
    crowd: Crowd
    readers: list[Talker]
    sinks: list[Sink]

    @property
    def talkers(self) -> list[Talker]:
        """All who said something."""
        return [*self.pages, self.crowd, *self.readers]

    @property
    def servers(self) -> dict[str, PeerServer]:
        """Who gets post, by inbox."""
        return {sink.inbox: sink.server for sink in self.sinks} | {self.crowd.inbox: self.crowd.sender.server}

    @cached_property
    def spoken(self) -> list[Spoken]:
        """All that our actors have said, oldest first."""
        return [self._spoken(row) for row in self.ledger.ap_activities._select()]

    def _spoken(self, row: ActivityRow) -> Spoken:
        document = json.loads(row.document)
        inner = thing = document["object"]
        while isinstance(thing, dict) and "object" in thing:
            thing = thing["object"]
        return Spoken(self.activity(row.id), row, document, _id(inner), _id(thing))

    def activity(self, ulid: str) -> str:
        """The id of an activity of ours."""
        return f"{self.site.origin}/activities/{ulid}"

    def rows(self) -> dict[str, InboxRow]:
        """What is in the inbox, by id."""
        found = [row for state in InboxState for row in self.ledger.ap_inbox.listed(state, MANY)]
        return {row.activity: row for row in found}

    def deliveries(self, state: DeliveryState) -> list[DeliveryRow]:
        """All deliveries that ended so."""
        return self.ledger.ap_deliveries.listed(state, MANY)


class Reader(Talker):
    """A follower that says nothing but its Follows."""

    def step(self) -> None:
        """Nothing."""


def hammer(
    site: DoomedSite, traffic: Traffic, chance: random.Random, progress: Mapping[str, Callable[[], int]]
) -> Counter[str]:
    """Kill it so many times: as it starts; after so much ``progress`` of a kind, by chance; or when nobody talks."""
    kills: Counter[str] = Counter()
    while kills.total() < KILLS:
        when = chance.choice(["starting", *progress, "quiet"])
        (traffic.quiet.set if when == "quiet" else traffic.quiet.clear)()
        site.launch()
        if when != "starting":
            site.answers()
        if when in progress:
            goal, end = progress[when]() + chance.randrange(20), time.monotonic() + 5
            while progress[when]() < goal and time.monotonic() < end:
                traffic.ended.wait(0.01)
        traffic.ended.wait(chance.uniform(0.0, 0.3 if when in progress else 1.5))
        alone = chance.random() < 0.5
        site.kill(alone)
        kills[f"{when}, {'alone' if alone else 'all'}"] += 1
    traffic.quiet.clear()
    return kills


def is_at_rest(ledger: Ledger) -> bool:
    """Whether nothing waits any more: to be worked on, to be said, to be delivered."""
    waits = {InboxState.ACCEPTED.value, InboxState.RETRY.value} & set(ledger.ap_inbox.counts())
    said = ledger.cursors.get("activitypub") == ledger.changes.last_seq()
    return (
        said and not waits and not ledger.ap_jobs.counts()["waiting"] and "waiting" not in ledger.ap_deliveries.counts()
    )


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    """An instance that was killed 100 times."""
    site = DoomedSite(tmp_path_factory.mktemp("killed"))
    ledger = open_ledger("", site.folder / "data" / "ledger")
    partner, crowd, sinks = PeerServer(), PeerServer(), [Sink(), Sink(), Sink(slow=0.03)]
    try:
        yield _survived(site, ledger, partner, crowd, sinks)
    finally:
        site.end()
        ledger.close()
        for server in (partner, crowd, *(sink.server for sink in sinks)):
            server.close()


def _survived(
    site: DoomedSite, ledger: Ledger, partner: PeerServer, members: PeerServer, sinks: list[Sink]
) -> Survived:
    traffic, chance = Traffic(site, ledger), random.Random(4)
    (site.folder / "sources" / f"{BOUND}.toml").write_text(PUSHED % partner.origin, "utf-8")
    outbox = {"id": f"{partner.origin}/outbox", "type": "OrderedCollection", "orderedItems": []}
    partner.answers["/outbox"] = answer(json.dumps(outbox).encode())
    site.run("harvest")
    actors = [Sender(partner, f"p{number}") for number in range(TALKERS)]
    pages = [
        Pages(traffic, actor, number, 0.03, PAGES, site.object(str(number + 1))) for number, actor in enumerate(actors)
    ]
    for actor in actors:
        site.run("peers", "bind", actor.id, BOUND)
    site.launch()
    site.answers()
    readers: list[Talker] = [Reader(traffic, sink.sender, number, 0.1) for number, sink in enumerate(sinks)]
    for reader in readers:
        reader.say("Follow", site.commons, site.commons)
    readers[1].say("Follow", site.partner, site.partner)
    until(lambda: is_at_rest(ledger), 60, site.errors)

    crowd = Crowd(traffic, members, 9, 1.0)
    gardener = Gardener(traffic, 5)
    talkers: list[Any] = [*pages, crowd, gardener]
    site.kill(alone=False)
    for talker in talkers:
        talker.start()
    progress = {
        "accepting": lambda: sum(len(talker.said) for talker in pages),
        "taking in": lambda: ledger.ap_inbox.counts().get("done", 0),
        "delivering": lambda: sum(len(sink.server.asked) for sink in sinks),
    }
    kills = hammer(site, traffic, chance, progress)
    site.launch()
    site.answers()
    traffic.ended.set()
    for talker in talkers:
        talker.join(180)
        assert not talker.is_alive()
    gardener.change()
    site.run("harvest", PARTNER)
    until(
        lambda: is_at_rest(ledger),
        300,
        lambda: f"{ledger.ap_inbox.counts()} {ledger.ap_deliveries.counts()}\n{site.errors()}",
    )
    site.stop()
    return Survived(site, ledger, kills, pages, crowd, readers, sinks)


def test_it_was_killed_a_hundred_times_at_work(survived: Survived) -> None:
    """The kills are counted, and hit what they were to hit: requests under way and deliveries under way."""
    said = [each for talker in survived.talkers for each in talker.said]
    again = [said for talker in survived.talkers for said in talker.said if said.sendings > 1]
    came = {inbox: received(server) for inbox, server in survived.servers.items()}
    doubled = sum(len(each) - len(dict(each)) for each in came.values())
    _log.info(
        f"{survived.kills}; accepted {Counter(each.kind for each in said)}, sent more than once {len(again)},"
        f" cut off {sum(talker.broken for talker in survived.talkers)};"
        f" delivered {sum(map(len, came.values()))}, of these again {doubled};"
        f" inbox {survived.ledger.ap_inbox.counts()}, deliveries {survived.ledger.ap_deliveries.counts()},"
        f" ours {survived.ledger.ap_activities.counts()}"
    )

    assert survived.kills.total() == KILLS
    assert len(said) > 5 * KILLS
    assert again
    assert doubled
    assert not survived.site.left(), "what a killed server has started ends by itself"


def test_what_was_answered_with_202_is_worked_on_once(survived: Survived) -> None:
    """Every id that was answered for is in the inbox, done, and nothing else is; nobody was refused."""
    said = {each.id: each for talker in survived.talkers for each in talker.said}
    rows = survived.rows()

    assert [talker.refused for talker in survived.talkers if talker.refused] == []
    assert rows.keys() == said.keys()
    assert all(rows[each.id].raw == each.body for each in said.values())
    ended = Counter((row.kind, row.state, row.outcome) for row in rows.values())
    assert {kind: (state, outcome) for kind, state, outcome in ended} == {
        kind: ("done", outcome) for kind, outcome in ENDS.items()
    }, ended


def test_each_accepted_change_is_in_the_log_once_and_the_last_is_online(survived: Survived) -> None:
    """The log of each record is what was said of it, in order; readers see the last of it, in the graph."""
    platform = open_platform(load_settings(survived.site.folder, {}))
    with closing(platform):
        for talker in survived.pages:
            for page, name in talker.state.items():
                record = _record(survived, page)
                changes = survived.ledger.changes.of_record(record)
                assert [change.action for change in changes] == [ACTIONS[kind] for kind in talker.told[page]], page
                text = to_lines(platform.reader.graph(record))
                assert (f'"{name}"' in text) if name is not None else not text
        for key, (title, access) in survived.site.rows.items():
            text = to_lines(platform.reader.graph(survived.site.record(key)))
            assert (f'"{title}"' in text) if access == "opendata" else not text
        names = {row["g"][1:-1] for row in platform.reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")}
        seqs = [change.seq for change in survived.ledger.changes.since(0, MANY)]
        assert platform.reader.seq == platform.search.seq == survived.ledger.changes.last_seq()
    live = {_record(survived, page) for talker in survived.pages for page, name in talker.state.items() if name}
    assert {name for name in names if f"/{BOUND}/" in name} == live
    assert seqs == list(range(1, len(seqs) + 1))


def test_likes_count_once_each_follow_has_one_answer_and_the_right_ones_follow(survived: Survived) -> None:
    """The tallies, the Accepts and the followers are those of the activities that were answered for."""
    likes = Counter(each.object for talker in survived.pages for each in talker.said if each.kind == "Like")
    tallies = {about: int(survived.ledger.cursors.fact(tally_key("Like", about)) or "0") for about in likes}
    follows = [each.id for talker in survived.talkers for each in talker.said if each.kind == "Follow"]
    accepts = Counter(one.document["object"]["id"] for one in survived.spoken if one.row.kind == "Accept")
    staying = {actor for follow, actor in survived.crowd.follows.items() if follow not in survived.crowd.left}
    staying |= {reader.sender.id for reader in survived.readers}
    listed = survived.ledger.ap_follows.listed(Direction.IN, [FollowState.ACCEPTED], MANY)

    assert likes
    assert tallies == likes
    assert accepts == dict.fromkeys(follows, 1)
    assert {row.follower for row in listed if row.followed == survived.site.commons} == staying


def test_each_accepted_change_is_announced_once_by_the_bytes_that_came(survived: Survived) -> None:
    """What a bound partner said to the commons is in one Announce, as it was said."""
    said = {each.id: each.body for talker in survived.pages for each in talker.said if each.kind != "Like"}
    passed_on = [one for one in survived.spoken if one.row.kind == "Announce" and one.inner in said]

    assert Counter(one.inner for one in passed_on) == dict.fromkeys(said, 1)
    assert all(said[one.inner] in one.row.document for one in passed_on)


def test_each_change_of_our_own_is_said_once(survived: Survived) -> None:
    """Of an entry of the change log each kind of activity is made once; what is said of a record is new each time."""
    made = Counter((one.row.seq, one.row.actor, one.row.kind, one.inner) for one in survived.spoken if one.row.seq)
    told: dict[str, list[object]] = defaultdict(list)
    for one in survived.spoken:
        if one.row.actor == survived.site.partner and one.row.kind in ACTIONS:
            told[one.about].append(one.document["object"].get("recordDigest"))

    assert set(made.values()) == {1}
    assert told
    assert all(before != after for digests in told.values() for before, after in pairwise(digests))


def test_each_follower_receives_each_activity_in_order_by_the_same_bytes(survived: Survived) -> None:
    """At least once, so that the id tells a repeat; what is dropped is made needless by a later Update."""
    spoken = {one.id: one for one in survived.spoken}
    sent, dropped = survived.deliveries(DeliveryState.SENT), survived.deliveries(DeliveryState.DROPPED)
    assert survived.deliveries(DeliveryState.DEAD) == []
    assert {one.reason for one in dropped} <= {"collapsed"}
    for inbox, server in survived.servers.items():
        came = received(server)
        told = {survived.activity(one.activity) for one in sent if one.inbox == inbox}
        needless = {survived.activity(one.activity) for one in dropped if one.inbox == inbox}
        firsts = list(dict.fromkeys(id_ for id_, _ in came))
        assert all(body == spoken[id_].row.document for id_, body in came)
        assert told <= set(firsts) <= told | needless
        lanes: dict[tuple[str, str], list[str]] = defaultdict(list)
        for id_ in firsts:
            lanes[spoken[id_].row.actor, spoken[id_].about].append(id_)
        assert all(ids == sorted(ids) for ids in lanes.values())
        for id_ in needless:
            later = lanes[spoken[id_].row.actor, spoken[id_].about][-1]
            assert later > id_
            assert later in told


def test_every_follower_of_the_commons_is_told_everything(survived: Survived) -> None:
    """Each Announce has its delivery to each of them; who applies what came, each id once, has what is online."""
    made: dict[str, set[str]] = defaultdict(set)
    for state in DeliveryState:
        for one in survived.deliveries(state):
            made[survived.activity(one.activity)].add(one.inbox)
    readers = {reader.inbox for reader in survived.sinks}
    announced = [one for one in survived.spoken if one.row.kind == "Announce"]
    assert all(made[one.id] >= readers for one in announced if one.id in made)
    assert {one.about for one in announced} >= {page for talker in survived.pages for page in talker.state}

    gardens = {survived.site.object(key): row for key, row in survived.site.rows.items()}
    for sink in survived.sinks:
        known = _applied(received(sink.server))
        for talker in survived.pages:
            assert {page: known.get(page) for page in talker.state} == talker.state
        for garden, (title, access) in gardens.items():
            if garden in known:
                assert known[garden] == (title if access == "opendata" else None)
            else:
                assert "tour" not in title or access != "opendata"


def _applied(came: list[tuple[str, bytes]]) -> dict[str, str | None]:
    """What a follower of the commons knows who takes each activity once: the name of each object; None: it is gone."""
    known: dict[str, str | None] = {}
    seen: set[str] = set()
    for id_, body in came:
        inner = json.loads(body)["object"]
        if id_ not in seen and isinstance(inner, dict) and inner["type"] in ACTIONS:
            known[inner["object"]["id"]] = None if inner["type"] == "Delete" else inner["object"]["name"]
        seen.add(id_)
    return known


def _id(thing: Any) -> str:
    return str(thing["id"] if isinstance(thing, dict) else thing)


def _record(survived: Survived, page: str) -> str:
    """The record that a page has become."""
    row = survived.ledger.ap_objects.get(page)
    assert row is not None
    assert row.record is not None
    return row.record
