"""Which runs that the guard holds wait for a person, and what they withhold.

A visit of a feed replaces the one before; a push does not, so that all held pushes of a source wait together. It must
never write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from federation.ledger import Ledger
from federation.ledger.bodies import PUSHED
from federation.ledger.findings import DELETE_HELD
from federation.ledger.records import PRESENT, RecordState, RecordStatus
from federation.ledger.runs import ENDED
from federation.ledger.schema import approval, record_state
from federation.model import Hold, Part, Rule, RunReport, RunState


@dataclass(frozen=True, slots=True)
class Held:
    """What waits of one source. ``report``: the run to approve, its holds those of all that waits.

    ``pushes``: the runs of what was pushed and waits, oldest first.
    """

    report: RunReport
    pushes: tuple[RunReport, ...] = ()

    @property
    def runs(self) -> list[str]:
        """Every run that waits."""
        return list(dict.fromkeys([*(push.run for push in self.pushes), self.report.run]))


class Holding:
    """The ledger as whoever approves sees it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def all(self) -> list[Held]:
        """What waits, source by source, approved or not."""
        pushes = self._pushes()
        found = (self._held(row.id, pushes) for row in self._ledger.sources.all())
        return [held for held in found if held is not None]

    def of(self, source: str) -> Held | None:
        """What waits of one source."""
        return self._held(source, self._pushes())

    def is_pushed(self, report: RunReport) -> bool:
        """Whether a run read what was pushed, which can be read again from its kept bytes only."""
        kept = self._ledger.bodies.about(report.input_sha256 or "", report.source)
        return kept is not None and kept.content_type in PUSHED

    def is_approved(self, report: RunReport, now: datetime) -> bool:
        """Whether a person has agreed to all that holds a run."""
        query = select(func.count()).select_from(approval).where(approval.c.run == report.run)
        with self._ledger.read() as tx:
            given = tx.scalar(query) or 0
        ceilings = self._ledger.approvals.ceilings(report.source, now)
        return bool(given) and all(ceilings.get(hold.rule, -1) >= hold.figure for hold in report.holds)

    def missing(self, source: str, limit: int) -> tuple[int, list[RecordState]]:
        """How many records of a source are missing, and the first of them."""
        where = (record_state.c.source == source, record_state.c.state == RecordStatus.MISSING.value)
        columns = [record_state.c[name] for name in RecordState._fields]
        query = select(*columns).where(*where).order_by(record_state.c.missing_since, record_state.c.record)
        with self._ledger.read() as tx:
            total = tx.scalar(select(func.count()).select_from(record_state).where(*where)) or 0
            return total, [RecordState._make(row) for row in tx.execute(query.limit(limit))]

    def asked_to_go(self, runs: Iterable[str], limit: int) -> tuple[int, list[RecordState]]:
        """How many records are online that what some runs read asked to delete, and the first of them."""
        named = {record for run in runs for record in self._ledger.findings.records(run, [DELETE_HELD])}
        states = self._ledger.records.get(named).values()
        present = sorted((state for state in states if state.state in PRESENT), key=lambda state: state.record)
        return len(present), present[:limit]

    def _held(self, source: str, pushes: dict[str, list[tuple[RunReport, int]]]) -> Held | None:
        waiting = pushes.get(source, [])
        last = self._ledger.runs.last(source, ENDED)
        shown = [report for report, _ in waiting]
        if last is not None and last.state is RunState.HELD and last.run not in {report.run for report in shown}:
            counted = [*waiting, (last, 0)]
            pushed = (*shown, last) if self.is_pushed(last) else tuple(shown)
            return Held(replace(last, holds=_joined(counted)), pushed)
        if not shown:
            return None
        latest = last if last is not None and last.run == shown[-1].run else shown[-1]
        return Held(replace(latest, holds=_joined(waiting)), tuple(shown))

    def _pushes(self) -> dict[str, list[tuple[RunReport, int]]]:
        """The runs by which activities are held that still wait, oldest first, with how many each; by source."""
        found: dict[str, list[tuple[RunReport, int]]] = defaultdict(list)
        for run, count in sorted(self._ledger.ap_inbox.held().items()):
            report = self._ledger.runs.get(run)
            if report is not None:
                found[report.source].append((report, count))
        return found


def parts(report: RunReport) -> set[Part]:
    """What the holds of a run withhold."""
    return {part for hold in report.holds for part in hold.parts}


def _joined(waiting: Sequence[tuple[RunReport, int]]) -> tuple[Hold, ...]:
    """The holds of several runs as one, with what they may come to at most if all are taken in one after the other.

    A figure may count what came before its run (deletes of the last day): to the highest that any of them counts so
    the activities of all are added. That need not be the run with the highest figure: a small one may come after more.
    """
    found: dict[Rule, Hold] = {}
    before: dict[Rule, int] = defaultdict(int)
    sums: dict[Rule, int] = defaultdict(int)
    for report, count in waiting:
        for hold in report.holds:
            sums[hold.rule] += count
            before[hold.rule] = max(before[hold.rule], hold.figure - count)
            if hold.rule not in found or hold.figure > found[hold.rule].figure:
                found[hold.rule] = hold
    return tuple(replace(hold, figure=max(hold.figure, before[rule] + sums[rule])) for rule, hold in found.items())
