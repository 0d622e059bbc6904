"""Keeps graphs in step with blocks: what came from whom is blocked is withdrawn, and comes back when the block ends.

Runs in the thread that may write; a block itself is a row that any process writes. Must never undo another withdrawal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from federation.activitypub.graphs import Writing
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Refused
from federation.errors import ConfigError
from federation.ledger import Ledger
from federation.ledger.ap_peers import BlockRow
from federation.ledger.runs import Order
from federation.model import RunKind
from federation.pipeline.peering import begin_hiding, end_hiding, hiding, noted


def _quiet(_stage: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


class Hiding:
    """One per process. It looks at the ledger only when blocks or bindings have changed since it last did."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: object = None

    def follow(self, writer: Writing) -> bool:
        """Withdraw and bring back what is to be; say whether anything was. Raises EngineUnavailable, ConfigError."""
        blocks = self._ledger.ap_blocks.all()
        bindings = self._ledger.ap_bindings.all()
        now = (frozenset(block.subject for block in blocks), frozenset(bindings))
        if now == self._seen:
            return False
        speakers = self._speakers()
        blocked = {source for source, actors in speakers.items() if any(_is_blocked(one, blocks) for one in actors)}
        moved = False
        for source in speakers:
            hidden = hiding(source, self._ledger) is not None
            if source in blocked and not hidden:
                moved = self._hide(source, writer) or moved
            elif hidden and source not in blocked:
                self._show(source, writer)
                moved = True
        self._seen = now
        return moved

    def _speakers(self) -> Mapping[str, set[str]]:
        """Whose word made the records of each source that others push to."""
        found: dict[str, set[str]] = {}
        for binding in self._ledger.ap_bindings.all():
            found.setdefault(binding.source, set()).add(binding.actor)
        for row in self._ledger.sources.all():
            partner = noted(row.id, self._ledger)
            if partner is not None:
                found.setdefault(row.id, set()).add(partner.actor)
        return found

    def _hide(self, source: str, writer: Writing) -> bool:
        row, last = self._ledger.sources.get(source), self._ledger.runs.last(source)
        if row is None or last is None or row.state == "retired":
            return False
        try:
            writer.source(source)
        except ConfigError:  # its file is gone: whoever took it away retires it
            return False
        begin_hiding(source, self._ledger)
        writer.carry_out(Order(RunKind.RETIRE, last.run), _quiet)
        return True

    def _show(self, source: str, writer: Writing) -> None:
        for run in reversed(hiding(source, self._ledger) or []):
            writer.carry_out(Order(RunKind.UNDO, run), _quiet)
        end_hiding(source, self._ledger)


def _is_blocked(actor: str, blocks: Iterable[BlockRow]) -> bool:
    try:
        host = origin_of(actor).authority
    except Refused:
        return False
    return any(block.subject in {actor, host} for block in blocks)
