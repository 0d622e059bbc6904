"""Follows the change log in the writing thread: keeps the digest of each public record of ours, and their tally.

Must never count what readers cannot see yet, nor a record of another Carrefour: nobody passes those on as its own.
"""

from __future__ import annotations

from federation.activitypub.objects import record_data, record_digest
from federation.engines import GraphReader
from federation.ledger import Ledger
from federation.ledger.ap_digests import DigestRow
from federation.ledger.times import to_text
from federation.model import Change

AT_ONCE = 500  # changes of one step: some tenths of a second


class Tallier:
    """An errand of the worker. ``reader`` gives the published state; ``origin`` is our base address."""

    def __init__(self, ledger: Ledger, reader: GraphReader, origin: str) -> None:
        self._ledger, self._reader = ledger, reader
        self._home = f"{origin}/records/"
        self._seq: int | None = None

    def step(self) -> bool:
        """Take in some more changes; False if there were none. Raises EngineUnavailable."""
        if self._seq is None:
            self._seq = self._ledger.ap_digests.seq()
        visible = self._reader.seq
        if visible <= self._seq:
            return False
        changes = [one for one in self._ledger.changes.since(self._seq, AT_ONCE) if one.seq <= visible]
        if not changes:
            return False
        latest = {one.record: one for one in changes if one.record.startswith(self._home)}
        rows = [row for one in latest.values() if (row := self._row(one)) is not None]
        gone = latest.keys() - {row.record for row in rows}
        with self._ledger.write() as tx:
            self._ledger.ap_digests.put(rows, gone, changes[-1].seq, tx)
        self._seq = changes[-1].seq
        return True

    def catch_up(self) -> None:
        """Take in all changes that readers can see."""
        while self.step():
            pass

    def _row(self, change: Change) -> DigestRow | None:
        """A record as readers see it now; None if they do not."""
        data = record_data(self._reader.graph(change.record))
        if not data:
            return None
        partner = change.record[len(self._home) :].partition("/")[0]
        digest = record_digest(data).removeprefix("sha-256:")
        return DigestRow(change.record, partner, digest, to_text(change.time), change.seq)
