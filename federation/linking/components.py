"""Regroups records around a batch: reads from the ledger only the connected components that the batch touches.

It writes nothing; what it answers is a pure function of the ledger's rows and the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from federation.ledger import Ledger
from federation.ledger.identities import ClaimRow, Minted
from federation.ledger.records import PRESENT, RecordState
from federation.linking.clusters import Decision, Link, Member, answering, mint, partition
from federation.linking.exact import NAMED_AT_MOST, effective, exact_links


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record of the batch with the claims it makes from now on (exact.claims_of); or ``live`` no more.

    ``remembers``: once withdrawn it goes on naming what it named, so that its project's old IRI still leads somewhere.
    """

    record: str
    partner: str
    source: str
    claims: Mapping[str, bool]
    live: bool = True
    remembers: bool = True


@dataclass(frozen=True, slots=True)
class Cluster:
    """One project after the batch: its ``live`` records, the ``withdrawn`` ones that keep their old IRI with it."""

    pid: str
    live: tuple[str, ...]
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regrouping:
    """The projects touched by a batch, and what to note in the ledger with it.

    ``states`` are the known states before the batch, ``minted`` all identities concerned, of which ``fresh`` are new.
    """

    clusters: tuple[Cluster, ...]
    states: Mapping[str, RecordState]
    minted: Mapping[str, Minted]
    fresh: tuple[Minted, ...]
    claims: tuple[ClaimRow, ...]


def regroup(
    ledger: Ledger, arrivals: Sequence[Arrival], now: str, tx: Connection, decisions: Sequence[Decision] = ()
) -> Regrouping:
    """Find the projects of a batch of records and of all records that these concern. ``now``: ISO time of minting.

    Raises EngineUnavailable.
    """
    world = _World(ledger, arrivals, tx, decisions)
    world.reach()
    members = world.members()
    minted = ledger.identities.of_homes(members, tx)
    fresh = _mint_new(ledger, [each.record for each in arrivals if each.record not in minted], now, tx)
    minted.update((each.home, each) for each in fresh)
    clusters = []
    for records in partition(members, world.links(members), decisions):
        live = tuple(record for record in records if members[record].live)
        gone = tuple(record for record in records if not members[record].live)
        clusters.append(Cluster(answering(records, minted), live, gone))
    return Regrouping(tuple(clusters), world.states, minted, tuple(fresh), tuple(world.claimed))


class _World:
    """The records and claims around a batch, as they are before it and as they will be after it."""

    def __init__(
        self, ledger: Ledger, arrivals: Sequence[Arrival], tx: Connection, decisions: Sequence[Decision]
    ) -> None:
        self._ledger = ledger
        self._tx = tx
        self._decisions = decisions
        self._batch = {arrival.record: arrival for arrival in arrivals}
        self.states = ledger.records.get(self._batch, tx)
        self._past = ledger.identities.claims_of(self.states, tx) if self.states else []
        self.claimed = [
            ClaimRow(name, arrival.record, arrival.source, own, True)
            for arrival in arrivals
            if arrival.live
            for name, own in arrival.claims.items()
        ]
        # A withdrawn record goes on naming what it named: so its project keeps the IRI that came from it.
        leaving = {arrival.record for arrival in arrivals if not arrival.live and arrival.remembers}
        self.claimed += [row._replace(live=False) for row in self._past if row.record in leaving]
        self._before: dict[str, list[ClaimRow]] = {}
        self._after: dict[str, list[ClaimRow]] = {}
        self._reached = set(self._batch)
        self._pids_seen: set[str] = set()

    def reach(self) -> None:
        """Gather every record that the batch may move from one project to another."""
        touched = {row.hash for row in self.claimed} | {row.hash for row in self._past}
        self._load(touched)
        near = {
            row.record
            for name in touched
            for rows in (self._before.get(name), self._after.get(name))
            if rows and len(rows) > 1
            for row in effective(rows)
        }
        waiting = (near | self._fellows(self._batch) | self._decided(self._batch)) - self._reached
        while waiting:
            self._reached |= waiting
            self.states.update(self._ledger.records.get(waiting, self._tx))
            named = {row.hash for row in self._ledger.identities.claims_of(waiting, self._tx)}
            self._load(named)
            near = {row.record for name in named for row in effective(self._after.get(name, ()))}
            waiting = (near | self._fellows(waiting) | self._decided(waiting)) - self._reached

    def members(self) -> dict[str, Member]:
        """The records reached, as they will be after the batch."""
        members = {
            record: Member(record, state.partner, state.source, state.state in PRESENT)
            for record in self._reached
            if (state := self.states.get(record)) is not None
        }
        members.update(
            (each.record, Member(each.record, each.partner, each.source, each.live)) for each in self._batch.values()
        )
        return members

    def links(self, members: Mapping[str, Member]) -> list[Link]:
        """The links among the records reached, by the exact rule."""
        return [link for rows in self._after.values() if len(rows) > 1 for link in exact_links(rows, members)]

    def _load(self, names: Iterable[str]) -> None:
        """Read who names some IRIs, but for those named by so many that they are no identity before nor after."""
        new = [name for name in names if name not in self._after]
        counts = self._ledger.identities.named_by(new, self._tx)
        leaving = Counter(row.hash for row in self._past)
        readable = [name for name, count in counts.items() if count - leaving[name] <= NAMED_AT_MOST]
        for name in new:
            self._before[name] = []
            self._after[name] = []
        for row in self._ledger.identities.claims_on(readable, self._tx) if readable else ():
            self._before[row.hash].append(row)
            if row.record not in self._batch:
                self._after[row.hash].append(row)
        hot = counts.keys() - readable
        loaded = set(new)
        for row in self.claimed:
            if row.hash in loaded and row.hash not in hot:
                self._after[row.hash].append(row)

    def _fellows(self, records: Iterable[str]) -> set[str]:
        """The records that are of one project with some of ``records`` before the batch."""
        pids = {state.pid for record in records if (state := self.states.get(record)) is not None and state.pid}
        pids -= self._pids_seen
        self._pids_seen |= pids
        found = self._ledger.records.members(pids, self._tx) if pids else {}
        for record, state in found.items():
            self.states.setdefault(record, state)
        return set(found)

    def _decided(self, records: Iterable[str]) -> set[str]:
        """The records on which a person decided together with some of ``records``."""
        if not self._decisions:
            return set()
        among = set(records)
        pairs = ((each.a, each.b) for each in self._decisions if each.a in among or each.b in among)
        known = self._ledger.records.get({record for pair in pairs for record in pair}, self._tx)
        return set(known)


def _mint_new(ledger: Ledger, records: Sequence[str], now: str, tx: Connection) -> list[Minted]:
    """Mint the identities of records that have none. Deterministic: a replay mints the same."""
    fresh: list[Minted] = []
    taken: dict[str, str] = {}
    for record in sorted(records):
        identity = mint(record, now, taken.__contains__)
        taken[identity.pid] = record
        fresh.append(identity)
    clashing = {each.pid for each in ledger.identities.of_pids(taken, tx).values()}
    if clashing:
        taken.update(dict.fromkeys(clashing, ""))
        fresh = [
            mint(each.home, now, _taken_by_other(ledger, taken, tx)) if each.pid in clashing else each for each in fresh
        ]
    return fresh


def _taken_by_other(ledger: Ledger, taken: Mapping[str, str], tx: Connection) -> Callable[[str], bool]:
    return lambda pid: pid in taken or bool(ledger.identities.of_pids([pid], tx))
