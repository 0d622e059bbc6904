"""Looks once a month whether what partners pushed is still at its origin, and lets go of what was not there twice.

Of sync peers the comparison tells that. Must never ask more than twice a second, nor take an outage, or an answer that
says neither, for an end. Source: design of ActivityPub, section 6 (Backfill, reconciliation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from federation.activitypub.exchange import RemoteFault, Sign
from federation.activitypub.fetching import Documents
from federation.activitypub.origins import origin_of
from federation.activitypub.outboxes import REST
from federation.activitypub.peerfeed import is_gone
from federation.activitypub.refusal import Refused
from federation.errors import ConfigError, PeerError
from federation.ledger import Ledger
from federation.ledger.ap_objects import ObjectRow
from federation.ledger.records import PRESENT
from federation.ledger.times import to_text
from federation.model import RunReport, RunState
from federation.pipeline.peering import PeerPartner, noted
from federation.pipeline.pushed import PushedActivity, PushedRecord, Received
from federation.pipeline.sources import Source

MONTH = timedelta(days=30)
"""From one look at a stored id to the next."""

DAY = timedelta(days=1)
"""From a look that found nothing, or that failed, to the next."""

AT_ONCE = 20
"""Ids of one turn: ten seconds."""

_HELD_FOR = timedelta(days=7)  # what the guard holds is looked for once more after it, and judged anew
_SECONDS = 15.0
_AGAIN = frozenset({RunState.ABANDONED, RunState.FAILED, RunState.INCOMPLETE})


class Writing(Protocol):
    """The writing side of an open instance (writer.Writer), as far as it is needed here."""

    def source(self, name: str) -> Source:
        """One source by its id. Raises ConfigError."""

    def push(self, source: Source, activities: Sequence[PushedActivity]) -> RunReport:
        """Take verified activities of one bound partner into the graph."""

    def push_records(self, partner: PeerPartner, records: Sequence[PushedRecord]) -> RunReport:
        """Take records of one partner of another Carrefour into the graph."""


class Rechecks:
    """``pause`` waits some seconds; ``stop`` says whether to leave a look: what was not asked stays due."""

    def __init__(
        self,
        ledger: Ledger,
        remote: Documents,
        clock: Callable[[], datetime],
        pause: Callable[[float], object],
        sign: Sign | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger, self._remote, self._clock = ledger, remote, clock
        self._pause, self._sign, self._stop = pause, sign, stop

    def due(self, now: datetime, may_ask: Callable[[str], bool]) -> list[ObjectRow]:
        """Some objects to look for. Those of whom nobody may ask at present are put off for a day."""
        synced = {origin_of(row.origin).authority for row in self._ledger.ap_syncs.all()}
        rows = self._ledger.ap_objects.to_check(now - MONTH, AT_ONCE, synced)
        silent = {owner for owner in {row.owner for row in rows} if not may_ask(owner)}
        put_off = [row.id for row in rows if row.owner in silent]
        if put_off:
            self._ledger.ap_objects.postpone(put_off, now - MONTH + DAY)
        return [row for row in rows if row.owner not in silent]

    def look(self, rows: Sequence[ObjectRow]) -> frozenset[str]:
        """Look for objects, and note what was found; the sources that they are of. Raises EngineUnavailable.

        A host that does not answer is not asked for the others.
        """
        seen: list[str] = []
        gone: list[str] = []
        failed: list[str] = []
        silent: set[str] = set()
        for row in rows:
            there = None if row.host in silent else self._is_there(row.id)
            if self._stop():
                break
            if there is None:
                silent.add(row.host)
            (failed if there is None else seen if there else gone).append(row.id)
        now = self._clock()
        tomorrow = now - MONTH + DAY
        with self._ledger.write() as tx:
            self._ledger.ap_objects.checked(seen, now, tx)
            self._ledger.ap_objects.missed(gone, tomorrow, tx)
            self._ledger.ap_objects.postpone(failed, tomorrow, tx)
        return frozenset(row.source for row in rows if row.source is not None)

    def withdraw(self, source: str, writer: Writing) -> bool:
        """Withdraw what a source has lost, all at once when all of it has been looked for; say whether there was any.

        So the guard sees how much it is. Only for the thread that may write. Raises EngineUnavailable, DataFolderBusy.
        """
        now = self._clock()
        lost = self._ledger.ap_objects.lost(source)
        if not lost or not self._ledger.ap_objects.is_checked(source, now - MONTH):
            return False
        try:
            report = self._push(source, lost, writer, now)
        except (ConfigError, PeerError):  # a person paused it, or its file is gone
            report = None
        if report is not None and report.state in _AGAIN:
            return True
        states = self._ledger.records.get(row.record for row in lost if row.record is not None)
        online = {name for name, state in states.items() if state.state in PRESENT}
        left = [row.id for row in lost if row.record in online]
        with self._ledger.write() as tx:
            self._ledger.ap_objects.bury([row.id for row in lost if row.record not in online], now, tx)
            self._ledger.ap_objects.checked(left, now - MONTH + _HELD_FOR, tx)
        return True

    def _is_there(self, id_: str) -> bool | None:
        """Whether the origin of an object serves it; None if it does not say."""
        self._pause(REST)
        try:
            got = self._remote.fetch_document(id_, sign=self._sign, seconds=_SECONDS)
        except RemoteFault as fault:
            return False if is_gone(fault) else None
        except Refused:
            return None
        if got.id != id_:
            return None
        return got.document.get("type") != "Tombstone"

    def _push(self, source: str, lost: Sequence[ObjectRow], writer: Writing, now: datetime) -> RunReport:
        at = to_text(now)
        how = {row.id: Received(row.host, "fetch", now) for row in lost}
        partner = noted(source, self._ledger)
        if partner is not None:
            gone = [PushedRecord(row.record, row.owner, at, how[row.id]) for row in lost if row.record is not None]
            return writer.push_records(partner, gone)
        deletes = [
            PushedActivity({"type": "Delete", "actor": row.owner, "published": at}, row.id, how[row.id]) for row in lost
        ]
        return writer.push(writer.source(source), deletes)
