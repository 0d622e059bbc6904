"""Partitions of records into projects, and the IRI each answers under: pure functions of links and decisions."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from federation.ledger.identities import Minted

_FIRST_LENGTH = 12  # characters of a pid: 60 bits, a collision in a million records is one chance in 2 million


class Member(NamedTuple):
    """A record as far as clustering cares. ``live`` is False once it was withdrawn."""

    record: str
    partner: str
    source: str
    live: bool


class Link(NamedTuple):
    """Two records (``a`` < ``b``) accepted as one project without a person. A higher ``score`` is tried first."""

    a: str
    b: str
    score: float = 1.0


class Decision(NamedTuple):
    """A person's word on two records: binds every later run. ``made`` is an ISO time."""

    a: str
    b: str
    same: bool
    made: str


def partition(
    members: Mapping[str, Member], links: Iterable[Link], decisions: Sequence[Decision] = ()
) -> list[tuple[str, ...]]:
    """Split ``members`` into projects; each is sorted, and so is the list (linking.md section 4).

    ``different`` always holds; then ``same``, newest first; then links, strongest first, ties by IRI. A link is set
    aside if it would join records held apart or two live records of one source. A withdrawn record joins one project
    at most and joins no two others: it only keeps its old IRI with them.
    """
    forest = _Forest(members, [decision for decision in decisions if not decision.same])
    for decision in sorted(decisions, key=lambda each: (each.made, each.a, each.b), reverse=True):
        if decision.same and decision.a in members and decision.b in members:
            forest.join(decision.a, decision.b, human=True)
    ordered = sorted(set(links), key=lambda link: (-link.score, link.a, link.b))
    for link in ordered:
        if members[link.a].live and members[link.b].live:
            forest.join(link.a, link.b)
    for link in ordered:
        if members[link.a].live != members[link.b].live:
            forest.lay_beside(*((link.a, link.b) if members[link.b].live else (link.b, link.a)))
    return forest.parts()


class _Forest:
    """Union-find that knows what each part may not be joined with."""

    def __init__(self, members: Mapping[str, Member], apart: Iterable[Decision]) -> None:
        self._members = members
        self._part = {record: [record] for record in members}
        self._apart: dict[str, set[str]] = defaultdict(set)
        for decision in apart:
            self._apart[decision.a].add(decision.b)
            self._apart[decision.b].add(decision.a)

    def join(self, a: str, b: str, human: bool = False) -> None:
        """Join the parts of two live records unless something forbids it; a person's word may join one source's."""
        left, right = self._part[a], self._part[b]
        if left is right or self._held_apart(left, right):
            return
        if human or self._live_sources(left).isdisjoint(self._live_sources(right)):
            self._merge(left, right)

    def lay_beside(self, withdrawn: str, live: str) -> None:
        """Put a withdrawn record that stands alone to the part of a live one."""
        left, right = self._part[withdrawn], self._part[live]
        if len(left) == 1 and not self._held_apart(left, right):
            self._merge(left, right)

    def _merge(self, left: list[str], right: list[str]) -> None:
        small, large = sorted((left, right), key=len)
        large.extend(small)
        for record in small:
            self._part[record] = large

    def parts(self) -> list[tuple[str, ...]]:
        """The parts, each sorted, in order."""
        return sorted({tuple(sorted(part)) for part in self._part.values()})

    def _held_apart(self, left: list[str], right: list[str]) -> bool:
        return any(not self._apart[record].isdisjoint(right) for record in left if record in self._apart)

    def _live_sources(self, part: list[str]) -> set[str]:
        return {self._members[record].source for record in part if self._members[record].live}


def answering(records: Iterable[str], minted: Mapping[str, Minted]) -> str:
    """The pid that a project of these records answers under: the oldest one, ties by home record (home-record rule)."""
    oldest = min((minted[record] for record in records), key=lambda each: (each.minted, each.home))
    return oldest.pid


def mint(record: str, now: str, taken_by_other: Callable[[str], bool]) -> Minted:
    """The identity of the project whose home is ``record``: the same record always gets the same pid.

    Twelve characters of the lower-case base32 of its SHA-256, four more as often as the shorter one is taken.
    """
    letters = base64.b32encode(hashlib.sha256(record.encode()).digest()).decode().lower()
    length = _FIRST_LENGTH
    while taken_by_other(letters[:length]):
        length += 4
    return Minted(record, letters[:length], now)
