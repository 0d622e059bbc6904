"""What operators look at and ask for: sources, runs, holds; harvest, approve, undo, replay, pause, resume.

It only notes orders: whoever writes carries them out. Must never touch a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from federation.errors import CarrefourError
from federation.ledger import Ledger
from federation.ledger.audit import Act, AuditLine
from federation.ledger.holding import Held, Holding, parts
from federation.ledger.records import PRESENT, RecordState
from federation.ledger.runs import ENDED, Order
from federation.ledger.schema import approval, record_state, run
from federation.ledger.sources import SourceRow
from federation.ledger.times import from_text, to_text
from federation.model import Part, Rule, RunKind, RunReport, RunState

APPROVED_FOR = timedelta(days=3)
UNDOABLE_FOR = timedelta(days=90)  # as long as bytes and revisions are kept: design of harvesting, sections 2 and 7
_GOING = frozenset({Part.WITHDRAWALS, Part.DELETES})
_IDLE = frozenset({"paused", "retired"})  # states of sources that are not harvested
_STARTED = tuple(state for state in RunState if state is not RunState.QUEUED)


class Refused(CarrefourError):
    """An operator must act otherwise: what was asked for cannot be done, or not any more."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as operators see it.

    ``schedule``: None if its source file cannot be read; ``live``: its records online; ``last``: its latest run;
    ``waiting``: the runs ordered.
    """

    row: SourceRow
    partner: str
    schedule: str | None
    live: int
    last: RunReport | None
    waiting: Sequence[str]


@dataclass(frozen=True, slots=True)
class Approval:
    """Up to which figure somebody let a rule pass."""

    rule: Rule
    ceiling: int
    by: str
    given: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RunSheet:
    """A run with who asked for it, what was approved of it, and the later orders that concern it."""

    report: RunReport
    by: str | None
    approvals: Sequence[Approval]
    orders: Sequence[RunReport]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A held run whose withdrawals wait for a person: how many records, and the first of them.

    ``records`` are missing from the feed, ``total`` in all; of ``deletes``, ``asked`` in all, the feed says itself that
    they are to go.
    """

    report: RunReport
    total: int = 0
    records: Sequence[RecordState] = ()
    asked: int = 0
    deletes: Sequence[RecordState] = ()


class Operations:
    """The ledger as operators use it. ``schedule`` gives the schedule of a source by id, as its source file says."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], schedule: Callable[[str], str | None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._schedule = schedule
        self._holding = Holding(ledger)

    # -- looking

    def sources(self) -> list[SourceState]:
        """Every source, by id."""
        return self._states(self._ledger.sources.all())

    def source(self, name: str) -> SourceState | None:
        """One source; None if there is none."""
        row = self._ledger.sources.get(name)
        return None if row is None else self._states([row])[0]

    def source_ids(self) -> list[str]:
        """The ids of all sources, in order."""
        return [row.id for row in self._ledger.sources.all()]

    def idle(self) -> frozenset[str]:
        """The ids of the sources that are not harvested: paused or retired."""
        return frozenset(row.id for row in self._ledger.sources.all() if row.state in _IDLE)

    def runs(
        self, source: str | None = None, state: RunState | None = None, page: int = 1, size: int = 50
    ) -> tuple[list[RunReport], int]:
        """One page of runs, newest first, and how many there are; of a source, in a state, if they are named."""
        wanted = [run.c.source == source] if source else []
        wanted += [run.c.state == state.value] if state else []
        query = select(run.c.id).where(*wanted).order_by(run.c.id.desc()).limit(size).offset((page - 1) * size)
        with self._ledger.read() as tx:
            total = tx.scalar(select(func.count()).select_from(run).where(*wanted)) or 0
            names = list(tx.scalars(query))
        return self._reports(names), total

    def run(self, name: str) -> RunSheet | None:
        """One run; None if there is none. If it is to be approved, its holds are those of all that waits with it."""
        report = self._ledger.runs.get(name)
        if report is None:
            return None
        held = self._holding.of(report.source) if report.state is RunState.HELD else None
        if held is not None and held.report.run == name:
            report = held.report
        given = select(approval).where(approval.c.run == name).order_by(approval.c.id)
        with self._ledger.read() as tx:
            options: Mapping[str, Any] = tx.scalar(select(run.c.options).where(run.c.id == name)) or {}
            rows = tx.execute(given).all()
            orders = list(tx.scalars(select(run.c.id).where(run.c.of == name).order_by(run.c.id)))
        approvals = [
            Approval(Rule(row.rule), row.ceiling, row.by, from_text(row.given), from_text(row.until)) for row in rows
        ]
        return RunSheet(report, options.get("by"), approvals, self._reports(orders))

    def taken_up(self, report: RunReport) -> str | None:
        """The run that has followed an interrupted one of the same source; None if none has, or it ended itself."""
        if report.state is not RunState.ABANDONED:
            return None
        later = (run.c.source == report.source, run.c.started > to_text(report.started), run.c.id != report.run)
        begun = run.c.state != RunState.QUEUED.value
        with self._ledger.read() as tx:
            found: str | None = tx.scalar(select(run.c.id).where(*later, begun).order_by(run.c.started).limit(1))
        return found

    def progress(self, name: str) -> Mapping[str, Any]:
        """How far a running run is (``stage``, ``done``, ``total``); empty if nothing is known."""
        return self._ledger.runs.progress(name)

    def queue(self) -> list[RunReport]:
        """Runs under way or waiting for whoever writes, oldest first."""
        states = [RunState.RUNNING.value, RunState.QUEUED.value]
        with self._ledger.read() as tx:
            names = list(tx.scalars(select(run.c.id).where(run.c.state.in_(states)).order_by(run.c.id)))
        return self._reports(names)

    def held(self) -> list[RunReport]:
        """The runs that the guard holds and nobody has approved yet, oldest first: one for each source.

        Of a feed that is visited its latest ended one; of what is pushed the latest that still waits, whose holds are
        those of all that wait.
        """
        now = self._clock()
        found = (held.report for held in self._holding.all() if not self._holding.is_approved(held.report, now))
        return sorted(found, key=lambda report: report.run)

    def withheld(self, limit: int = 200) -> list[Withheld]:
        """The held runs that would withdraw records, with the records that are missing from their feeds."""
        waiting = (self.withheld_of(report, limit) for report in self.held())
        return [each for each in waiting if _GOING & parts(each.report)]

    def withheld_of(self, report: RunReport, limit: int = 200) -> Withheld:
        """The records whose withdrawal a held run withholds, at most ``limit`` of each kind."""
        held = self._holding.of(report.source)
        runs = held.runs if held is not None and held.report.run == report.run else [report.run]
        missing = self._holding.missing(report.source, limit) if Part.WITHDRAWALS in parts(report) else (0, [])
        asked = self._holding.asked_to_go(runs, limit) if Part.DELETES in parts(report) else (0, [])
        return Withheld(report, *missing, *asked)

    def record(self, iri: str) -> RecordState | None:
        """What is known of a record; None if it was never seen, or has been forgotten."""
        found = self._ledger.records.get([iri]).get(iri)
        return found if found is not None and found.digest else None  # an erased one leaves a tombstone

    def audit(self, limit: int = 200) -> list[AuditLine]:
        """What operators asked for, newest first."""
        return self._ledger.audit.lines(limit)

    # -- asking

    def queue_harvest(self, source: str, by: str) -> str:
        """Ask for a harvest of a source; the run that will do it. Raises LookupError (no such source), Refused."""
        self._live(source)
        name = self._order(source, Order(RunKind.HARVEST, None, {"by": by}))
        self._note(by, Act.HARVEST, source, name)
        return name

    def approve(self, name: str, ceilings: Mapping[Rule, int], confirm_absent: bool, by: str) -> str:
        """Let a held run pass up to these figures for three days, and ask for the harvest that then applies.

        What was pushed is nowhere to be visited: all of it that waits is read again from its bytes, in its order, and
        its activities are worked on once more, so that whoever follows the commons hears of them.
        ``confirm_absent``: the partner has confirmed that what is missing is gone; it is withdrawn at once.
        Raises LookupError (no such run), Refused (it is not held, a rule did not fire, a figure is negative).
        """
        held, now = self._approvable(name, ceilings), self._clock()
        report = held.report
        figures = ", ".join(f"{rule.value}={ceiling}" for rule, ceiling in ceilings.items())
        said = figures + (", absent" if confirm_absent else "")
        with self._ledger.write() as tx:
            self._ledger.approvals.give(report.source, name, ceilings, by, now, now + APPROVED_FOR, tx)
            ordered = [
                self._order(push.source, Order(RunKind.REPLAY, push.run, _options(by, confirm_absent, name)), tx, place)
                for place, push in enumerate(held.pushes)
                if self._holding.is_pushed(push)
            ]
            if not held.pushes or held.pushes[-1].run != name or not ordered:
                order = Order(RunKind.HARVEST, None, _options(by, confirm_absent, name))
                ordered.append(self._order(report.source, order, tx, len(ordered)))
            self._ledger.ap_inbox.release(held.runs, now, tx)
            if held.pushes:  # what a peer withheld of itself meanwhile is compared
                for sync in self._ledger.ap_syncs.all():
                    self._ledger.ap_syncs.ask(sync.actor, now, tx)
            self._note(by, Act.APPROVE, report.source, name, said, tx)
        return ordered[-1]

    def approvable(self, name: str, ceilings: Mapping[Rule, int]) -> RunReport:
        """The run, if ``approve`` would take it with these figures. Raises as that does."""
        return self._approvable(name, ceilings).report

    def _approvable(self, name: str, ceilings: Mapping[Rule, int]) -> Held:
        held = self._holding.of(self._report(name).source)
        if held is None or held.report.run != name:
            raise Refused(
                "This run is not held, or a later one has taken its place: there is nothing to approve.",
                "Cette moisson n'est pas retenue, ou une autre l'a remplacée : il n'y a rien à approuver.",
            )
        fired = {hold.rule for hold in held.report.holds}
        if not ceilings or not set(ceilings) <= fired or min(ceilings.values()) < 0:
            raise Refused(
                "A figure of zero or more is needed for each rule that held the run, and for no other.",
                "Il faut un nombre, zéro ou plus, pour chaque règle qui a retenu la moisson, et pour elle seule.",
            )
        self._live(held.report.source)
        return held

    def undo(self, name: str, by: str) -> str:
        """Ask that the graph be put back as it was before a run. Raises LookupError, Refused."""
        report = self._report(name)
        old = report.ended is None or report.ended < self._clock() - UNDOABLE_FOR
        if old or report.state not in ENDED or report.kind is RunKind.UNDO:
            raise Refused(
                "This run cannot be undone: only what ended in the last 90 days can, and not an undoing itself.",
                "Cette moisson ne peut pas être annulée : seules celles des 90 derniers jours le peuvent, et non une "
                "annulation.",
            )
        if (undone := self._undone(name)) is not None:
            raise Refused(
                f"This run is undone already ({undone}), and a run is undone once: there is nothing to do.",
                f"Cette moisson est déjà annulée ({undone}), et ne l'est qu'une fois : il n'y a rien à faire.",
            )
        return self._again(report, RunKind.UNDO, Act.UNDO, by)

    def replay(self, name: str, by: str) -> str:
        """Ask that the stored bytes of a run be mapped again. Raises LookupError, Refused."""
        report = self._report(name)
        if report.state not in ENDED or report.input_sha256 is None:
            raise Refused(
                "This run has kept no bytes that could be read again.",
                "Cette moisson n'a gardé aucun contenu qui puisse être relu.",
            )
        return self._again(report, RunKind.REPLAY, Act.REPLAY, by)

    def pause(self, source: str, reason: str, by: str) -> None:
        """Stop harvesting a source; its records stay. Raises LookupError, Refused (idle already, or no reason)."""
        row = self._source(source)
        if row.state in _IDLE or not reason.strip():
            raise Refused(
                "The source is paused or retired already, or no reason was given.",
                "La source est déjà en pause ou retirée, ou aucune raison n'a été donnée.",
            )
        self._ledger.sources.set_state(source, "paused", reason.strip())
        self._note(by, Act.PAUSE, source, None, reason.strip())

    def resume(self, source: str, by: str) -> None:
        """Harvest a paused or retired source again. Raises LookupError, Refused (it is in service)."""
        row = self._source(source)
        if row.state not in _IDLE:
            raise Refused(
                "The source is neither paused nor retired.", "La source n'est ni en pause, ni retirée du service."
            )
        self._ledger.sources.set_state(source, "live")
        self._note(by, Act.RESUME, source, None)

    def retire(self, source: str, by: str) -> str:
        """Ask that all records of a source be withdrawn, for it leaves. Raises LookupError, Refused (it has left)."""
        if self._source(source).state == "retired":
            raise Refused("The source is retired already.", "La source est déjà retirée.")
        held = self._holding.of(source)
        with self._ledger.write() as tx:
            name = self._order(source, Order(RunKind.RETIRE, None, {"by": by}), tx)
            self._ledger.ap_inbox.drop_held(held.runs if held else (), tx)
            self._note(by, Act.RETIRE, source, name, "", tx)
        return name

    def note_forgotten(self, source: str, by: str) -> None:
        """Note that a record of a source was removed for good; which one is what nobody may keep."""
        self._note(by, Act.FORGET, source, None)

    # -- inside

    def _states(self, rows: Sequence[SourceRow]) -> list[SourceState]:
        present = record_state.c.state.in_([state.value for state in PRESENT])
        ours = record_state.c.source.in_([row.id for row in rows])
        query = select(record_state.c.source, func.count()).where(ours, present).group_by(record_state.c.source)
        with self._ledger.read() as tx:
            live: dict[str, int] = {row[0]: row[1] for row in tx.execute(query)}
        names = {partner.slug: partner.name for partner in self._ledger.sources.partners()}
        waiting: dict[str, list[str]] = {}
        for queued in self._ledger.runs.queued():
            waiting.setdefault(queued.source, []).append(queued.run)
        return [
            SourceState(
                row,
                names.get(row.partner, row.partner),
                self._schedule(row.id),
                live.get(row.id, 0),
                self._ledger.runs.last(row.id, _STARTED),
                waiting.get(row.id, ()),
            )
            for row in rows
        ]

    def _reports(self, names: Sequence[str]) -> list[RunReport]:
        found = (self._ledger.runs.get(name) for name in names)
        return [report for report in found if report is not None]

    def _report(self, name: str) -> RunReport:
        report = self._ledger.runs.get(name)
        if report is None:
            raise LookupError(name)
        return report

    def _source(self, source: str) -> SourceRow:
        row = self._ledger.sources.get(source)
        if row is None:
            raise LookupError(source)
        return row

    def _live(self, source: str) -> None:
        if self._source(source).state in _IDLE:
            raise Refused(
                "The source is paused or retired: resume it first.",
                "La source est en pause ou retirée : reprenez-la d'abord.",
            )

    def _again(self, report: RunReport, kind: RunKind, act: Act, by: str) -> str:
        with self._ledger.write() as tx:
            name = self._order(report.source, Order(kind, report.run, {"by": by}), tx)
            if kind is RunKind.UNDO:
                self._ledger.ap_inbox.drop_held([report.run], tx)
            self._note(by, act, report.source, report.run, "", tx)
        return name

    def _undone(self, name: str) -> str | None:
        """The run that has undone a run; None if there is none."""
        done = (run.c.of == name, run.c.kind == RunKind.UNDO.value, run.c.state == RunState.SUCCEEDED.value)
        with self._ledger.read() as tx:
            found: str | None = tx.scalar(select(run.c.id).where(*done).limit(1))
        return found

    def _order(self, source: str, order: Order, tx: Connection | None = None, place: int = 0) -> str:
        """Queue an order, unless the same one is waiting already. ``place``: among those that are queued together."""
        for queued in self._ledger.runs.queued():
            same = (queued.order.kind, queued.order.of) == (order.kind, order.of)
            if queued.source == source and same and set(order.options) <= set(queued.order.options):
                return queued.run
        at = self._clock() + timedelta(milliseconds=place)  # runs are named, and done, in the order of time
        return self._ledger.runs.queue(source, self._source(source).partner, at, order, tx)

    def _note(
        self, by: str, act: Act, source: str, about: str | None, detail: str = "", tx: Connection | None = None
    ) -> None:
        self._ledger.audit.add(AuditLine(self._clock(), by, act, source, about, detail), tx)


def _options(by: str, confirm_absent: bool, held: str) -> dict[str, Any]:
    """``approves`` names the held run; ``confirm_absent`` is there only if it is true."""
    return {"by": by, "approves": held} | ({"confirm_absent": True} if confirm_absent else {})
