"""The way of one sync peer from where we are with it to being in step: dump, change feed, comparison, differences.

Fetches and compares, in a thread beside the writer; what it finds it hands out in hauls. Must never write.
Source: design of ActivityPub, section 6 (Backfill, reconciliation).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.activitypub.changes import PAGE, page_of
from federation.activitypub.peerfeed import PeerFeed, State, Tally, Told
from federation.ledger import Ledger
from federation.ledger.ap_digests import Xor
from federation.ledger.ap_peers import SyncRow
from federation.ledger.records import PRESENT
from federation.model import Hold, Rule
from federation.pipeline.guard import Figures, Thresholds, judge
from federation.pipeline.peering import PeerPartner, partners_of
from federation.pipeline.pushed import PushedRecord, Received

BATCH = 2_000
"""Records that are handed out together, at most; fewer if they are large."""

_BATCH_BYTES = 8 * 1024 * 1024
_AT_ONCE = 20_000  # differences of one partner that are kept in mind; what is over comes with the next comparison
_LIMITS = Thresholds()

_PRESENT = frozenset(state.value for state in PRESENT)


@dataclass(frozen=True, slots=True)
class Haul:
    """Records of one partner of a peer, and how far we are with the peer once they are taken in.

    ``objects``: the ids of their objects, by record. ``done``: we have been compared; ``again``: not all could be.
    """

    sync: SyncRow
    partner: PeerPartner | None = None
    records: tuple[PushedRecord, ...] = ()
    objects: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    again: bool = False


@dataclass(slots=True)
class _Differences:
    """What one partner has otherwise than we: ``wanted`` there, ``absent`` there; ``more``: not all were kept."""

    wanted: list[Told] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    new: int = 0
    changed: int = 0
    more: bool = False

    def want(self, told: Told, known: bool) -> None:
        self.changed, self.new = self.changed + known, self.new + (not known)
        if len(self.wanted) < _AT_ONCE:
            self.wanted.append(told)
        else:
            self.more = True


class CatchUp:
    """One walk; :meth:`hauls` is asked for the next one when the last is taken in. ``confirmed``: a person has agreed

    that what the guard would withhold of the whole is taken.
    """

    def __init__(
        self,
        feed: PeerFeed,
        ledger: Ledger,
        sync: SyncRow,
        clock: Callable[[], datetime],
        confirmed: bool = False,
    ) -> None:
        self._feed, self._ledger, self._sync = feed, ledger, sync
        self._clock, self._confirmed = clock, confirmed
        self._again = False

    def hauls(self) -> Iterator[Haul]:
        """All that is to be taken in, in order. Raises RemoteFault, Busy, Refused, EngineUnavailable."""
        if self._sync.cursor is not None or (self._sync.compared is None and self._sync.seq == 0):
            yield from self._dump()
        yield from self._changes()
        yield from self._comparison()

    # -- the dump

    def _dump(self) -> Iterator[Haul]:
        """Everything, partner by partner, part by part; the feed then begins where the first part was asked for."""
        state = self._feed.state()
        place = json.loads(self._sync.cursor or "{}")
        start, name, after = int(place.get("seq", state.seq)), str(place.get("name", "")), str(place.get("after", ""))
        for tally in state.tallies:
            if tally.name.encode() >= name.encode():
                yield from self._dumped(tally, start, after if tally.name == name else "")
        self._sync = self._sync._replace(seq=start, cursor=None)
        yield Haul(self._sync)

    def _dumped(self, tally: Tally, start: int, after: str) -> Iterator[Haul]:
        following: str | None = after
        batch: list[Told] = []
        size = 0
        while following is not None:
            part = self._feed.dump(tally, following)
            batch += part.told
            size += sum(len(one.data or "") for one in part.told)
            following = part.after
            if batch and (following is None or len(batch) >= BATCH or size >= _BATCH_BYTES):
                yield from self._in_steps(tally.partner, batch)
                if following is not None:
                    place = json.dumps({"seq": start, "name": tally.name, "after": following})
                    self._sync = self._sync._replace(cursor=place)
                    yield Haul(self._sync)
                batch, size = [], 0

    def _in_steps(self, partner: PeerPartner, told: Sequence[Told]) -> Iterator[Haul]:
        """Records of a partner that we do not know yet, in steps of which none is an accident to the guard.

        The first dump of a peer is a first harvest: it has nothing to lose, and an operator has just asked for it. But
        the guard judges each run, and a few records may have been pushed before: so no step is more than it lets
        through. Of a partner that we know, the whole is judged before it is cut (see :meth:`_reconciled`).
        """
        held = self._held(told)
        for known in (True, False):
            rest = [one for one in told if (one.record in held) is known]
            while rest:
                size = self._step(partner, known) or len(rest)
                yield self._haul(partner, rest[:size])
                rest = rest[size:]

    def _step(self, partner: PeerPartner, known: bool) -> int:
        """How many records the guard lets through at once, of those that we have or of new ones; 0: any number."""
        present = self._ledger.records.present(partner.slug)
        if known:
            return max(_LIMITS.changed_least, int(_LIMITS.changed * present))
        return max(_LIMITS.new_least, int(_LIMITS.new * present)) if present else 0

    # -- the change feed

    def _changes(self) -> Iterator[Haul]:
        """What has changed since the last number that we know, up to the newest page: read whole, then taken in.

        A burst may be spread over pages: the guard must see all of a partner's. What is too much for one run is left to
        the comparison that follows, which judges it whole.
        """
        latest: dict[str, Told] = {}
        seq = self._sync.seq
        while (part := self._feed.changes(page_of(seq + 1))) is not None and part.seq > seq:
            latest |= {one.record: one for one in part.told if one.seq > seq}
            seq = min(part.seq, page_of(seq + 1) * PAGE)
            if len(latest) > _AT_ONCE:
                latest, seq = {}, self._feed.state().seq
                break
        if part is not None and part.seq < self._sync.seq:
            seq = part.seq  # the log there is another one, or an older state of it
        if seq == self._sync.seq:
            return
        yield from self._changed(latest.values())
        self._sync = self._sync._replace(seq=seq)
        yield Haul(self._sync)

    def _changed(self, told: Iterable[Told]) -> Iterator[Haul]:
        by_owner: dict[str, list[Told]] = defaultdict(list)
        for one in told:
            by_owner[one.owner].append(one)
        if not by_owner:
            return
        partners = {tally.partner.actor: tally.partner for tally in self._feed.state().tallies}
        for owner, many in by_owner.items():
            partner = partners.get(owner) or PeerPartner(owner, self._name_of(owner))
            news = self._news(many)
            if self._is_known(partner):
                whole = self._whole(news) if len(news) <= BATCH else []
                yield from [self._haul(partner, whole)] if whole else []
            else:
                whole = [one for one in news if one.digest is None]
                yield from self._in_steps(partner, whole + list(self._with_data(one for one in news if one.digest)))

    def _whole(self, news: Sequence[Told]) -> list[Told]:
        """All that is new of a partner, with its data, to be judged at once; nothing if that is too large."""
        found = [one for one in news if one.digest is None]
        size = 0
        for one in self._with_data(one for one in news if one.digest is not None):
            found.append(one)
            size += len(one.data or "")
            if size >= 8 * _BATCH_BYTES:
                return []
        return found

    def _news(self, told: Sequence[Told]) -> list[Told]:
        """What of it is not so here yet."""
        held = self._held(told)
        return [one for one in told if held.get(one.record) != one.digest]

    def _held(self, told: Sequence[Told]) -> dict[str, str]:
        states = self._ledger.records.get([one.record for one in told])
        return {iri: f"sha-256:{state.raw_hash}" for iri, state in states.items() if state.state in _PRESENT}

    def _with_data(self, told: Iterable[Told]) -> Iterator[Told]:
        for one in told:
            data = self._feed.data(one)
            if data is not None:
                yield Told(one.record, one.object, one.owner, one.updated, one.digest, one.seq, data)

    def _name_of(self, owner: str) -> str:
        return next((one.name for one in self._partners() if one.actor == owner), owner.rpartition("/")[2])

    # -- the comparison

    def _comparison(self) -> Iterator[Haul]:
        """Count and digest of each partner there and here; where they differ, record by record."""
        state = self._feed.state()
        listed = {tally.partner.actor for tally in state.tallies}
        left = [Tally(one, 0, "0" * 64) for one in self._partners() if one.actor not in listed]
        digests: dict[str, Any] = {}
        for tally in (*state.tallies, *left):
            before = self._sync.digests.get(tally.name)
            known = list(before) if isinstance(before, list | tuple) else []
            ours = self._ours(tally.partner)
            agreed = self._confirmed or bool(self._ceilings(tally.partner))
            if ours != tally.xor and (agreed or known[:2] != [tally.xor, ours]):
                holds: list[Hold] = []
                yield from self._reconciled(tally, state, bool(known), holds)
                known = [tally.xor, self._ours(tally.partner), *(_held_words(holds))]
            digests[tally.name] = known if ours != tally.xor else [tally.xor, ours]
        self._sync = self._sync._replace(digests=digests)
        yield Haul(self._sync, done=True, again=self._again)

    def _ceilings(self, partner: PeerPartner) -> Mapping[Rule, int]:
        """What a person lets pass at present of what the guard withheld of a partner."""
        return self._ledger.approvals.ceilings(partner.slug, self._clock())

    def _ours(self, partner: PeerPartner) -> str:
        xor = Xor()
        for record, digest in self._ledger.ap_digests.held(partner.slug):
            xor.add(record, digest)
        return xor.hex

    def _partners(self) -> list[PeerPartner]:
        return list(partners_of(self._sync.origin, self._ledger))

    def _is_known(self, partner: PeerPartner) -> bool:
        """Whether we have once been compared with it."""
        return partner.actor.rpartition("/")[2] in self._sync.digests

    def _reconciled(self, tally: Tally, state: State, known: bool, holds: list[Hold]) -> Iterator[Haul]:
        """Take in what differs. What is more than the guard would let through at once is left, to ``holds``."""
        found = self._differences(tally)
        gone = [iri for iri in found.absent if self._feed.gone(iri)]
        present = self._ledger.records.present(tally.partner.slug)
        figures = Figures(present, max(tally.count, 1), tally.count, changed=found.changed, new=found.new)
        self._again = self._again or found.more
        if known and not self._confirmed and len(found.wanted) > BATCH:
            holds += judge(
                figures, _LIMITS, self._ceilings(tally.partner)
            )  # less goes as one, and the guard itself sees all of it
        if not holds:
            yield from self._fetched(tally.partner, found.wanted, known and len(found.wanted) <= BATCH)
        gone = [iri for iri in gone if self._feed.gone(iri)]  # asked for the second time
        if gone:  # all at once: the guard must see how many they are
            owner = tally.partner.actor
            at = state.updated or ""
            rest = [Told(iri, "", owner, at, None) for iri in gone]
            yield self._haul(tally.partner, rest)

    def _fetched(self, partner: PeerPartner, wanted: Sequence[Told], at_once: bool) -> Iterator[Haul]:
        batch: list[Told] = []
        size = 0
        for one in self._with_data(wanted):
            batch.append(one)
            size += len(one.data or "")
            if len(batch) >= BATCH or size >= _BATCH_BYTES * (8 if at_once else 1):
                yield from self._in_steps(partner, batch)
                batch, size = [], 0
        if at_once and batch:
            yield self._haul(partner, batch)
        elif batch:
            yield from self._in_steps(partner, batch)

    def _differences(self, tally: Tally) -> _Differences:
        """The manifest there beside what we hold, part by part."""
        found, after, home = _Differences(), "", tally.partner.actor.replace("/actors/", "/records/")
        following: str | None = after
        while following is not None:
            part = self._feed.manifest(tally, following)
            last = "" if part.after is None else f"{home}/{part.after}"
            first = f"{home}/{following}" if following else ""
            here = self._ledger.ap_digests.held_between(tally.partner.slug, first, last)
            for one in part.told:
                ours = here.pop(one.record, None)
                if f"sha-256:{ours}" != one.digest:
                    found.want(one, ours is not None)
            found.absent += here
            following = part.after
        return found

    # -- hauls

    def _haul(self, partner: PeerPartner, told: Sequence[Told]) -> Haul:
        now = self._clock()
        records = tuple(
            PushedRecord(
                one.record,
                one.owner,
                one.updated,
                Received(self._sync.origin, "fetch", now, sha256=(one.digest or "").removeprefix("sha-256:")),
                one.data,
                one.digest or "",
            )
            for one in told
        )
        return Haul(self._sync, partner, records, {one.record: one.object for one in told if one.object})


def _held_words(holds: Sequence[Hold]) -> list[Any]:
    return [[hold.rule.value, hold.figure, hold.limit] for hold in holds]
