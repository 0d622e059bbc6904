"""Keeps in step with the Carrefours that we follow: an errand of the worker, whose fetches go on beside it.

Must never wait for the network in the writing thread, nor take in anything but by ``Writer.push_records``.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from federation.activitypub.catchup import CatchUp, Haul
from federation.activitypub.exchange import Sign
from federation.activitypub.fetching import Fetcher
from federation.activitypub.origins import origin_of
from federation.activitypub.outboxes import Outboxes, note_place, read_place
from federation.activitypub.peerfeed import PeerFeed
from federation.activitypub.rechecks import Rechecks, Writing
from federation.activitypub.refusal import Refused
from federation.errors import ConfigError, PeerError
from federation.ledger import Ledger
from federation.ledger.ap_follows import Direction, FollowState
from federation.ledger.ap_objects import ObjectRow, ObjectState
from federation.ledger.ap_peers import SyncRow
from federation.ledger.records import PRESENT
from federation.ledger.times import to_text
from federation.model import RunState
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pushed import PushedRecord

WEEK = timedelta(days=7)
"""From one comparison with a peer to the next, if nothing asks for one sooner."""

LOOK = timedelta(seconds=10)
"""From one look for peers to the next."""

PEERS_AT_ONCE = 4
_FOLLOWS = 10_000
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
_AGAIN = frozenset({RunState.ABANDONED, RunState.FAILED, RunState.INCOMPLETE})
_LIVE = frozenset(state.value for state in PRESENT)


@dataclass(slots=True)
class _Walk:
    """A peer that is being caught up with: its hauls, and the one that is being fetched."""

    hauls: Iterator[Haul]
    asked: str | None
    coming: Future[Haul | None]


@dataclass(frozen=True, slots=True)
class _Pause:
    """A peer that failed: how long nobody asks it."""

    until: datetime
    length: timedelta


def ask(ledger: Ledger, actor: str, now: datetime, confirmed: bool = False, tx: Connection | None = None) -> bool:
    """Ask the worker to catch up soon with an actor: a peer that we follow, by the id of its commons, or a partner.

    False if there is nothing to catch up with: not followed, not bound.

    For its breaker that has closed, a gap in its numbers, ``carrefour peers sync``. ``confirmed``: a person agrees to
    what the guard would withhold of the whole (the guard of each run still stands).
    """
    if ledger.ap_syncs.get(actor) is None:
        follows = ledger.ap_follows.listed(Direction.OUT, [FollowState.ACCEPTED], _FOLLOWS)
        if ledger.ap_bindings.get(actor) is None and all(row.followed != actor for row in follows):
            return False
        note_place(ledger, actor, {**read_place(ledger, actor), "walked": None}, tx)
        return True
    if confirmed:
        ledger.cursors.set_fact(_confirmed(actor), "1", tx)
    ledger.ap_syncs.ask(actor, now, tx)
    return True


def ask_host(ledger: Ledger, host: str, now: datetime) -> int:
    """The same for every peer on a host (``host`` or ``host:port``); return how many there are."""
    actors = [one.actor for one in ledger.ap_syncs.all() if origin_of(one.origin).authority == host]
    return sum(ask(ledger, actor, now) for actor in actors)


def _confirmed(actor: str) -> str:
    return f"sync-yes/{hashlib.sha256(actor.encode()).hexdigest()[:48]}"  # a key of 64 characters at most


class Reconciler:
    """One per worker. :meth:`step` only in the thread that may write. ``sign`` signs our GETs, as the instance."""

    def __init__(
        self,
        ledger: Ledger,
        remote: Fetcher,
        clock: Callable[[], datetime],
        sign: Sign | None = None,
    ) -> None:
        self._ledger, self._remote, self._clock, self._sign = ledger, remote, clock, sign
        self._stop = threading.Event()
        self._outboxes = Outboxes(ledger, remote, clock, self._stop.wait, sign, self._stop.is_set)
        self._walked: dict[str, Future[int]] = {}
        self._rechecks = Rechecks(ledger, remote, clock, self._stop.wait, sign, self._stop.is_set)
        self._checking: Future[frozenset[str]] | None = None
        self._pool = ThreadPoolExecutor(PEERS_AT_ONCE, "sync")
        self._walks: dict[str, _Walk] = {}
        self._pauses: dict[str, _Pause] = {}
        self._looked: datetime | None = None

    def step(self, writer: Writing) -> bool:
        """Take in what one peer has given, if any has, and say whether. Raises EngineUnavailable, DataFolderBusy."""
        now = self._clock()
        if self._looked is None or abs(now - self._looked) >= LOOK:
            self._look(now)
        for actor in [actor for actor, walked in self._walked.items() if walked.done()]:
            self._walked.pop(actor).result()  # a ledger that is away is everybody's concern
        if self._checking is not None and self._checking.done():
            checked, self._checking = self._checking, None
            if sum(self._rechecks.withdraw(source, writer) for source in sorted(checked.result())):
                return True
        for actor, walk in list(self._walks.items()):
            if walk.coming.done():
                del self._walks[actor]  # it comes back as the last: the others' turn
                self._go_on(actor, walk, writer)
                return True
        return False

    def wait(self, seconds: float) -> bool:
        """Wait until a peer has given something; False if none is being caught up with. For commands and tests."""
        coming: list[Future[Any]] = [*(walk.coming for walk in self._walks.values()), *self._walked.values()]
        coming += [] if self._checking is None else [self._checking]
        wait(coming, seconds, FIRST_COMPLETED)
        return bool(coming)

    def close(self) -> None:
        """End: what is being fetched is thrown away, and fetched again next time."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    # -- whom to ask

    def _look(self, now: datetime) -> None:
        if self._looked is None:  # we were down: whatever was said meanwhile may have been lost
            for one in self._ledger.ap_syncs.all():
                self._ledger.ap_syncs.ask(one.actor, now)
        self._looked = now
        for row in self._ledger.ap_syncs.due(now - WEEK):
            if row.actor not in self._walks and self._may_ask(row.actor, now):
                self._begin(row)
        if self._checking is not None:
            return  # both ask the same hosts, and neither more than twice a second
        for actor in self._outboxes.due(now):
            if actor not in self._walked and self._may_ask(actor, now):
                self._walked[actor] = self._pool.submit(self._outboxes.walk, actor)
        due = [] if self._walked else self._rechecks.due(now, lambda owner: self._may_ask(owner, now))
        if due:
            self._checking = self._pool.submit(self._rechecks.look, due)

    def _may_ask(self, actor: str, now: datetime) -> bool:
        """Nobody asks a peer that has just failed, whose breaker is open, or that is blocked."""
        pause = self._pauses.get(actor)
        if pause is not None and now < pause.until:
            return False
        host = origin_of(actor).authority
        until = self._ledger.ap_hosts.get(host).breaker.open_until
        if until is not None and until > to_text(now):
            return False
        return self._ledger.ap_blocks.find([actor, host, origin_of(actor).host]) is None

    def _begin(self, row: SyncRow) -> None:
        feed = PeerFeed(self._remote, row.origin, self._sign, self._stop.is_set)
        confirmed = bool(self._ledger.cursors.fact(_confirmed(row.actor)))
        hauls = CatchUp(feed, self._ledger, row, self._clock, confirmed).hauls()
        self._walks[row.actor] = _Walk(hauls, row.asked, self._pool.submit(next, hauls, None))

    # -- what came

    def _go_on(self, actor: str, walk: _Walk, writer: Writing) -> None:
        """Take in what a walk has brought and let it bring more, unless it has ended, or we do not follow any more."""
        try:
            haul = walk.coming.result()
        except Refused:
            self._pause(actor)
            return
        stored = self._ledger.ap_syncs.get(actor)
        if haul is None or stored is None:
            return
        if haul.records and haul.partner is not None and not self._take(haul.partner, haul, writer):
            self._pause(actor)
            return
        asked = stored.asked
        if haul.done:
            self._pauses.pop(actor, None)
            self._ledger.cursors.set_fact(_confirmed(actor), "")
            asked = None if stored.asked == walk.asked and not haul.again else to_text(self._clock())
        compared = to_text(self._clock()) if haul.done else stored.compared
        self._ledger.ap_syncs.advance(haul.sync._replace(asked=asked, compared=compared))
        self._walks[actor] = replace(walk, coming=self._pool.submit(next, walk.hauls, None))

    def _take(self, partner: PeerPartner, haul: Haul, writer: Writing) -> bool:
        """Push records of a partner; False if that is to be tried again later. What a pause withholds is left out."""
        kept = self._ledger.ap_objects.many(haul.objects.values())
        erased = {id_ for id_, row in kept.items() if row.state == ObjectState.ERASED}
        records = [one for one in haul.records if haul.objects.get(one.record) not in erased]
        if not records:
            return True
        try:
            report = writer.push_records(partner, records)
        except (ConfigError, PeerError):
            return True  # its source is idle here: a person paused or retired it
        if report.state in _AGAIN:
            return False
        self._note(partner, records, haul)
        return True

    def _note(self, partner: PeerPartner, records: Sequence[PushedRecord], haul: Haul) -> None:
        """Keep of each object what the inbox asks of it: whose it is, since when, and whether it is gone."""
        now = self._clock()
        states = self._ledger.records.get([one.record for one in records])
        named = self._ledger.ap_digests.objects(one.record for one in records)
        rows, gone = [], []
        for one in records:
            id_ = named.get(one.record) or haul.objects.get(one.record) or _object_of(one.record)
            state = states.get(one.record)
            live = state is not None and state.state in _LIVE
            if live and one.data is not None and state is not None and f"sha-256:{state.raw_hash}" == one.digest:
                if id_.startswith(f"{partner.origin}/objects/"):
                    rows.append(_row(id_, one, partner, now))
            elif not live and one.data is None:
                gone.append(id_)
        with self._ledger.write() as tx:
            self._ledger.ap_objects.put(rows, tx)
            self._ledger.ap_objects.bury(gone, now, tx)

    def _pause(self, actor: str) -> None:
        before = self._pauses.get(actor)
        length = _FIRST_PAUSE if before is None else min(before.length * 2, _LONGEST_PAUSE)
        self._pauses[actor] = _Pause(self._clock() + length, length)


def _object_of(record: str) -> str:
    return record.replace("/records/", "/objects/", 1)


def _row(id_: str, one: PushedRecord, partner: PeerPartner, now: datetime) -> ObjectRow:
    return ObjectRow(
        id=id_,
        record=one.record,
        owner=one.owner,
        host=origin_of(one.owner).authority,
        source=partner.slug,
        updated=one.updated,
        digest=one.digest,
        state=ObjectState.LIVE,
        audience="public",
        provenance=one.received.words(),
        checked=to_text(now),
    )
