"""The scripted week: two real instances over loopback HTTP whose clocks are half an hour apart, and a third that dies.

Everything that a week brings comes between them: harvests, edits, withdrawals, an outage, new keys. At its end both
hold the same public graphs, and of each delivery it is known what became of it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from ap_account import Account, Follower, check_applied_once
from ap_peer_server import PeerServer, answer
from ap_site import PUBLIC, Sender
from ap_week import LICENCE, Carrefour, Clock, Partner, canonical, signed_post, until

from federation.activitypub.actors import AS2
from federation.activitypub.names import COMMONS, INSTANCE

pytestmark = pytest.mark.slow

_log = logging.getLogger(__name__)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SKEW = timedelta(minutes=30)
TWICE = range(220, 300)
"""What is edited twice while B is away."""


class Week:
    """The two, their partners, and the third that follows A and is then never heard of again."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.feeds = Clock(folder), PeerServer()
        self.a, self.b = Carrefour(folder / "a", self.clock), Carrefour(folder / "b", self.clock, SKEW)
        self.p = Partner(self.a, self.feeds, "p", range(700))
        self.q = Partner(self.a, self.feeds, "q", range(700, 1400))
        self.s = Partner(self.b, self.feeds, "s", range(5000, 5060))
        self.third = Sender(PeerServer(), "third")
        self.pushing = Sender(PeerServer(), "asso")
        self.firsts: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
        """Of A and of B: from which activity to which a source was new."""
        self._asso()

    def _asso(self) -> None:
        """The source of the partner who pushes; there is nothing in its outbox."""
        outbox = f"{self.pushing.id}/outbox"
        self.pushing.serve(outbox=outbox, name="Asso", type="Organization")
        empty = {"@context": AS2, "id": outbox, "type": "OrderedCollection", "totalItems": 0, "orderedItems": []}
        self.pushing.server.answers[f"/users/{self.pushing.name}/outbox"] = answer(json.dumps(empty).encode())
        (self.a.folder / "sources" / "asso.toml").write_text(
            f'[source]\nid = "asso"\npartner = "asso"\nname = "Asso"\nurl = "{outbox}"\nprofile = "activitypub"\n'
            f'schedule = "manual"\nlicence = "{LICENCE}"\n',
            "utf-8",
        )

    def close(self) -> None:
        """End all of it."""
        for site in (self.a, self.b):
            site.kill()
        self.feeds.close()
        self.pushing.server.close()

    def harvest(self, *partners: Partner, code: int = 0) -> None:
        """What partners have now is harvested, as their operator asks."""
        for partner in partners:
            partner.publish()
        partners[0].at.run("harvest", *(partner.name for partner in partners), code=code)

    @property
    def in_step(self) -> bool:
        """Whether each holds what the other has, and nothing is on its way between them."""
        a, b = self.a, self.b
        same = a.own == b.held(a) and b.own == a.held(b)
        told = a.has_said_all and b.has_said_all and not a.waiting_for(b.host) and not b.waiting_for(a.host)
        return same and told and a.has_heard_all and b.has_heard_all

    def settles(self) -> None:
        """Wait until they are in step; what was put off for a minute has its minute."""
        until(lambda: self.in_step, "both in step", lambda: self.clock.passes(timedelta(minutes=1)))

    # -- the days

    def begins(self) -> None:
        """The third follows and goes; 1,400 records are there before B follows, 600 come after."""
        a, b, third = self.a, self.b, self.third
        a.serve()
        b.serve()
        inbox = f"/users/{third.name}/inbox"
        third.server.answers[inbox] = answer(b"", status="202 Accepted")
        follow = third.activity(type="Follow", object=a.commons, to=[a.commons])
        assert signed_post(a, third, follow, self.clock.now()) == 202
        until(lambda: inbox in third.server.targets, "the Accept for the third")
        third.server.close()
        start = a.latest
        self.harvest(self.p, self.q)
        self.harvest(self.s)
        until(lambda: a.has_said_all and b.has_said_all, "all is told")
        self.firsts[0].append((start, a.latest))
        self.firsts[1].append(("", b.latest))
        b.run("peers", "follow", a.commons)
        a.run("peers", "follow", b.commons)
        self.settles()
        start = a.latest
        self.r = Partner(a, self.feeds, "r", range(1400, 2000))
        self.harvest(self.r)
        self.settles()
        self.firsts[0].append((start, a.latest))
        assert len(a.own) == 2000

    def monday(self) -> None:
        """Three hundred edits; thirty projects are closed, forty are in their feed no more."""
        self.clock.passes(DAY)
        self.p.drop(range(40))
        self.p.edit(range(100, 250), "Repris lundi")
        self.q.edit(range(700, 800), "Repris lundi")
        self.q.open(range(1000, 1030), "private")
        self.r.edit(range(1400, 1450), "Repris lundi")
        self.s.edit(range(5000, 5010), "Repris lundi")
        self.harvest(self.p, self.q, self.r)
        self.harvest(self.s)
        self.settles()

    def tuesday(self) -> None:
        """B dies while it is told; A goes on: edits, twice of some, new projects, closed ones, some that return."""
        a, b = self.a, self.b
        self.clock.passes(DAY)
        self.p.edit(range(200, 320), "Repris mardi")
        heard = b.value("SELECT count(*) FROM ap_inbox")
        self.harvest(self.p)
        until(lambda: b.value("SELECT count(*) FROM ap_inbox") > heard, "B is told something")
        b.kill()
        self.q.open(range(1000, 1010), "opendata")
        self.q.open(range(1030, 1060), "private")
        self.r.add(range(2000, 2030))
        self.harvest(self.q, self.r)
        until(lambda: a.has_said_all, "all is told")
        self.clock.passes(12 * HOUR)
        self.p.edit(TWICE, "Repris mardi soir")
        self.harvest(self.p)
        until(lambda: a.has_said_all, "all is told")
        assert a.waiting_for(b.host) > 0
        assert a.own != b.held(a)

    def wednesday(self) -> None:
        """B is there again."""
        self.clock.passes(12 * HOUR)
        self.b.serve()
        self.clock.passes(HOUR)
        self.settles()

    def thursday(self) -> None:
        """A changes the keys of its instance, its commons and a partner; then there are edits."""
        a = self.a
        self.clock.passes(DAY)
        for name in (INSTANCE, COMMONS, "p"):
            a.run("peers", "rotate", name)
        until(self._rotated, "the new keys")
        self.p.edit(range(300, 400), "Repris jeudi")
        self.q.edit(range(800, 850), "Repris jeudi")
        self.s.edit(range(5020, 5030), "Repris jeudi")
        self.harvest(self.p, self.q)
        self.harvest(self.s)
        self.settles()

    def _rotated(self) -> bool:
        """The old keys sign for an hour while somebody cannot be told."""
        self.clock.passes(timedelta(minutes=10))
        keys = self.a.rows("SELECT used_from IS NOT NULL, retired IS NOT NULL FROM ap_key")
        return all(used for used, _ in keys) and sum(retired for _, retired in keys) == 6

    def friday(self) -> None:
        """A partner of A's pushes what it has to A, from a server of its own."""
        a, pushing = self.a, self.pushing
        self.clock.passes(DAY)
        a.run("harvest", "asso")
        a.run("peers", "bind", pushing.id, "asso")
        pages = [self._page(number) for number in range(3)]
        for page in pages:
            self._pushes("Create", page)
        until(lambda: len(a.rows("SELECT 1 FROM ap_digest WHERE partner = 'asso'")) == 3, "what was pushed")
        self.settles()
        self._pushes("Update", {**pages[0], "name": "Un autre nom", "updated": self._now()})
        self.settles()

    def _pushes(self, kind: str, page: Mapping[str, object]) -> None:
        """The partner says something of a page to the commons."""
        said = self.pushing.activity(type=kind, object=page, to=[PUBLIC], cc=[self.a.commons])
        assert signed_post(self.a, self.pushing, said, self.clock.now()) == 202

    def _page(self, number: int) -> dict[str, object]:
        id_ = f"{self.pushing.server.origin}/pages/{number}"
        text = f"<p>Le projet {number} d'une association.</p>"
        return {
            "id": id_, "type": "Page", "attributedTo": self.pushing.id, "name": f"Projet poussé {number}", "url": id_,
            "content": text, "published": self._now(), "updated": self._now(), "to": [PUBLIC],
        }  # fmt: skip

    def _now(self) -> str:
        return self.clock.now().isoformat()

    def ends(self) -> None:
        """Days pass: what is absent for seven days goes, and who is silent for seven days is given up."""
        for days in (1, 2, 1):
            self.clock.passes(days * DAY)
            self.s.edit(range(5030, 5035), f"Repris {self.clock.now():%d/%m}")
            self.harvest(self.p, self.q, self.r)
            self.harvest(self.s)
            self.settles()
        until(lambda: not self.a.waiting_for(self.third_host), "the third is given up")

    @property
    def third_host(self) -> str:
        """The third, as deliveries name it."""
        return f"127.0.0.1:{self.third.server.port}"

    def accounts(self) -> tuple[Account, Account]:
        """What A has sent, and B."""
        a, b = self.a, self.b
        third = Follower(self.third.id, f"{self.third.id}/inbox", sync=False)
        firsts, others = self.firsts
        of_a = Account(a, [third, _peer(b)], firsts, f"{b.commons}/inbox")
        return of_a, Account(b, [_peer(a)], others, f"{a.commons}/inbox")


def _peer(site: Carrefour) -> Follower:
    return Follower(f"{site.origin}/actor", f"{site.origin}/inbox", sync=True)


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    """A week to come."""
    made = Week(tmp_path)
    yield made
    made.close()


def test_after_the_week_both_hold_the_same_and_every_delivery_is_accounted_for(week: Week) -> None:
    """2,000 records, edits, withdrawals, an outage, new keys, clocks half an hour apart, a follower who is no more."""
    began = time.monotonic()
    for day in (week.begins, week.monday, week.tuesday, week.wednesday, week.thursday, week.friday, week.ends):
        day()
        _log.info("%s: over after %.0f s", day.__name__, time.monotonic() - began)
    a, b = week.a, week.b

    graphs, there = a.graphs(), b.graphs()
    assert canonical(graphs) == canonical(there)
    assert len(graphs) == len(a.own) + len(b.own) == 2000 + 30 - 40 - 50 + 3 + 60

    of_a, of_b = week.accounts()
    of_a.check(b)
    of_b.check(a)
    assert set(of_a.totals()) == {b.host, week.third_host}
    assert set(of_a.totals()[b.host]) == {"sent", "dropped collapsed"}
    third = of_a.totals()[week.third_host]
    assert third.pop("sent") == 1  # the Accept
    assert set(third) == {"dropped collapsed", "dropped full", "dropped dormant"}
    assert of_b.totals() == {a.host: {"sent": len(of_b.due)}}
    assert check_applied_once(b, a) <= len(TWICE)
    assert check_applied_once(a, b) == 0
    _log.info("%d records; deliveries of A %s, of B %s", len(graphs), dict(of_a.totals()), dict(of_b.totals()))
