"""The account of what an instance has sent: for each activity to whom it was to go, and what became of that.

To whom is worked out here from the activity and the followers alone, as the design says (section 4), and not asked of
the code that sends.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from ap_week import Carrefour


@dataclass(frozen=True)
class Follower:
    """Who follows the commons: at which inbox, whether it keeps in step, and since which activity (the Accept)."""

    actor: str
    inbox: str
    sync: bool
    since: str = ""


@dataclass
class Account:
    """What an instance has said. ``firsts``: from which activity to which (excluded, included) its sources were new.

    ``followed``: the inbox of the one commons that it follows.
    """

    site: Carrefour
    followers: Sequence[Follower]
    firsts: Sequence[tuple[str, str]]
    followed: str
    due: set[tuple[str, str]] = field(default_factory=set)
    """What is to be delivered: activity (ULID) and inbox."""

    def __post_init__(self) -> None:
        said = [
            (row[0], row[1], row[2], json.loads(row[3])["object"])
            for row in self.site.rows("SELECT id, actor, kind, document FROM ap_activity ORDER BY id")
        ]
        since = {thing["actor"]: id_ for id_, _, kind, thing in said if kind == "Accept"}
        self._asked = min(id_ for id_, _, kind, _ in said if kind == "Follow")
        self.followers = [Follower(one.actor, one.inbox, one.sync, since[one.actor]) for one in self.followers]
        for id_, actor, kind, thing in said:
            self.due |= {(id_, inbox) for inbox in self._inboxes(id_, actor, kind, thing)}

    def _inboxes(self, id_: str, actor: str, kind: str, thing: Any) -> set[str]:
        """To whom an activity is to go. Nobody follows a partner."""
        there = [one for one in self.followers if one.since < id_]
        first = any(start < id_ <= end for start, end in self.firsts)
        if kind == "Follow":
            return {self.followed}
        if kind == "Accept":
            return {one.inbox for one in self.followers if one.actor == thing["actor"]}
        if kind == "Announce" and isinstance(thing, Mapping):
            return {one.inbox for one in there if one.sync or not first}
        if kind == "Announce":  # of the object alone, for who reads no Announce of an activity
            return {one.inbox for one in there if not one.sync and not first}
        if thing["id"] == actor:  # its profile or its keys: those whom it follows hold them, too
            follows = {self.followed} if actor == f"{self.site.origin}/actor" and self._asked < id_ else set()
            return {one.inbox for one in there} | follows
        return set() if kind == "Create" else {one.inbox for one in there if not one.sync}

    def states(self) -> dict[tuple[str, str], str]:
        """What became of each delivery: its state, and why if it was dropped."""
        rows = self.site.rows("SELECT activity, inbox, state, reason FROM ap_delivery")
        found = {(row[0], row[1]): f"{row[2]} {row[3]}" if row[2] == "dropped" else str(row[2]) for row in rows}
        assert len(found) == len(rows)  # never two of one activity to one inbox
        return found

    def totals(self) -> dict[str, Counter[str]]:
        """How many deliveries are in which state, by host."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for (_, inbox), state in self.states().items():
            found[inbox.split("/")[2]][state] += 1
        return found

    def check(self, other: Carrefour) -> None:
        """Each delivery that had to be was made, no other; what ``other`` has taken is there, once, and worked on."""
        assert set(self.states()) == self.due
        home = f"{self.site.origin}/activities/"
        taken = {
            home + id_
            for (id_, inbox), state in self.states().items()
            if state == "sent" and inbox.startswith(other.origin)
        }
        meant = {home + id_ for id_, inbox in self.due if inbox.startswith(other.origin)}
        came = other.rows("SELECT activity, state FROM ap_inbox WHERE activity LIKE ?", f"{home}%")
        assert len(came) == len({row[0] for row in came})
        assert {row[1] for row in came} <= {"done", "dropped"}
        assert taken <= {row[0] for row in came} <= meant


Changes = dict[str, list[tuple[str, str]]]


def changes(site: Carrefour, of: Carrefour) -> Changes:
    """What the change log of an instance says of the records of one: by record, action and digest of each change."""
    query = "SELECT record, action, digest FROM change WHERE record LIKE ? ORDER BY record, seq"
    rows = site.rows(query, f"{of.origin}/records/%")
    return {record: [(row[1], row[2]) for row in each] for record, each in groupby(rows, key=lambda row: row[0])}


def check_applied_once(here: Carrefour, there: Carrefour) -> int:
    """All that has changed here of what is there has changed there, too, in that order; nothing twice, nothing else.

    Return how many changes there were superseded before they came here.
    """
    said, taken = changes(there, there), changes(here, there)
    assert set(said) == set(taken)
    for record, each in taken.items():
        assert all(one != other for one, other in pairwise(each)), (record, each)
        left = iter(said[record])
        assert all(one in left for one in each), (record, each, said[record])
        assert each[-1] == said[record][-1], (record, each, said[record])
    return sum(map(len, said.values())) - sum(map(len, taken.values()))
