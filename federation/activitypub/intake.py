"""Works on what the inbox has kept (design, section 5, steps 9 to 15), in the thread that may write the graph.

Must never act twice on one activity, wait for the network while records could be written, nor believe more than was
proved: each effect and the end of its activity are one transaction, or the effect is the same when it is repeated.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from federation.activitypub.deaths import Deaths
from federation.activitypub.deciding import Act, Decider, End
from federation.activitypub.exchange import MAX_PER_HOST, Busy, RemoteFault
from federation.activitypub.graphs import NO_OWNER, Graphs, Ready, Writing
from federation.activitypub.hiding import Hiding
from federation.activitypub.pieces import Piece, Snapshot, piece_of
from federation.activitypub.refusal import Refused
from federation.errors import EngineUnavailable
from federation.ledger import Ledger
from federation.ledger.ap_inbox import InboxRow, InboxState, Outcome

LEASE = timedelta(minutes=2)
BATCH = 400
"""Activities in hand at once."""
MAX_BYTES = 32 * 1024 * 1024
"""Bytes of those, as they came."""
TRIES = 4
"""Once, and three times more."""
_CLAIMED_AT_ONCE = 50
_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
_LOOK = timedelta(hours=1)
_WAIT = 0.05  # seconds for which answers of others are waited for while nothing else is to be done here
_FRESH = timedelta(milliseconds=500)  # how long what the ledger said is taken for what it says
_GATHER = timedelta(seconds=1)  # for which decisions come together while more are under way

Judged = End | Act | Ready | None
"""None: there was no room to fetch."""

QUARANTINE = ("context:", "jsonld:", "expansion:", "quads:", "field:", "record:", "json:")
"""Rules of steps 11 to 14: what they refuse keeps its bytes, for a mended reader may take it."""


@dataclass(slots=True)
class _InHand:
    """An activity that was claimed: what it says, and what was decided of it once it is."""

    piece: Piece
    judged: Future[Judged] | None = None


@dataclass(slots=True)
class _Settling:
    """What a round has come to, to be written."""

    outcomes: list[Outcome] = field(default_factory=list)
    acts: list[tuple[InboxRow, Act]] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)


class Intake:
    """One per process. :meth:`take` is an errand of the worker; ``holder`` names this process in the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        decider: Decider,
        graphs: Graphs,
        hiding: Hiding,
        clock: Callable[[], datetime],
        holder: str,
        threads: int = 8,
    ) -> None:
        self._ledger, self._decider, self._graphs, self._hiding = ledger, decider, graphs, hiding
        self._clock, self._holder = clock, holder
        self._pool = ThreadPoolExecutor(threads, "intake")
        self._hand: deque[_InHand] = deque()
        self._full: set[str] = set()
        """Hosts that speak of more than may be fetched at once."""
        self._looked: datetime | None = None
        self._since: datetime | None = None
        """When the first of what is decided on, and not yet written, was."""
        self._deaths = Deaths(ledger)
        self._snapshot: tuple[datetime, Snapshot] | None = None
        self._begun = False

    def take(self, writer: Writing) -> bool:
        """Do a piece of work; say whether there was any. Raises EngineUnavailable, DataFolderBusy.

        What it raises over is claimed again when the lease ends, or another process begins.
        """
        if not self._begun:
            self._deaths.begin(BATCH)
            self._begun = True
        hidden = self._hiding.follow(writer)
        self._resend()
        self._claim()
        if not self._hand:
            self._full.clear()
            return hidden
        self._judge()
        done = self._judged()
        if self._are_enough(done):
            try:
                self._settle(done, writer)
            finally:
                gone = {id(one) for one in done}
                self._hand = deque(one for one in self._hand if id(one) not in gone)
                self._since = self._snapshot = None
        return True

    def close(self) -> None:
        """Let go of everything: what is in hand waits again. Raises EngineUnavailable."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ledger.ap_inbox.let_go()
        self._hand.clear()

    def _resend(self) -> None:
        """Look every hour for Follows of ours that nobody answers."""
        now = self._clock()
        if self._looked is None or now - self._looked >= _LOOK:
            self._looked = now
            self._decider.resend()

    # -- claiming and deciding

    def _claim(self) -> None:
        now = self._clock()
        held = sum(len(one.piece.row.raw or b"") for one in self._hand)
        known = {one.piece.row.id for one in self._hand}
        most, at_once = (1, 1) if self._deaths.careful else (BATCH, _CLAIMED_AT_ONCE)
        while len(self._hand) < most and held < MAX_BYTES:
            rows = self._ledger.ap_inbox.claim(self._holder, now, now + LEASE, at_once)
            ends = []
            for row in rows:
                if row.id in known:  # its lease had ended, and has been renewed by this
                    continue
                if not self._deaths.may_try(row.id):
                    end = self._later(row, "intake:crash")
                    ends.append(Outcome(row.id, end.state, end.rule, end.next_try))
                    continue
                try:
                    piece = piece_of(row)
                except Refused as error:
                    ends.append(Outcome(row.id, InboxState.QUARANTINED, error.rule))
                    continue
                self._hand.append(_InHand(piece))
                self._snapshot = None
                held += len(row.raw or b"")
            self._ledger.ap_inbox.settle(ends)
            if len(rows) < at_once:
                return

    def _judge(self) -> None:
        """Begin to decide on what stands behind nothing else about its object, and has a host that may be asked."""
        chosen: list[_InHand] = []
        before: set[str] = set()
        flying = Counter(one.piece.row.host for one in self._hand if one.judged is not None and not one.judged.done())
        for one in self._hand:
            host = one.piece.row.host
            room = host not in self._full or flying[host] < MAX_PER_HOST
            if one.judged is None and room and one.piece.about not in before:
                chosen.append(one)
                flying[host] += 1
            before.add(one.piece.about)
        if chosen:
            snapshot = self._known_now()
            for one in chosen:
                one.judged = self._pool.submit(self._decided, one.piece, snapshot)

    def _known_now(self) -> Snapshot:
        """What the ledger says of all that waits to be decided on; asked anew once we have written, and every moment.

        Where few of those in hand may be decided on at once, asking for those few each time would cost the most.
        """
        now = self._clock()
        if self._snapshot is None or abs(now - self._snapshot[0]) >= _FRESH:
            waiting = [one.piece for one in self._hand if one.judged is None]
            self._snapshot = now, Snapshot.of(self._ledger, waiting)
        return self._snapshot[1]

    def _decided(self, piece: Piece, snapshot: Snapshot) -> Judged:
        """Decide, in a thread of its own; what is refused is an end too."""
        try:
            return self._decider.decide(piece, snapshot)
        except Busy:
            return None  # we are, nobody else: it is no try
        except RemoteFault as fault:
            return self._later(piece.row, fault.rule) if fault.passing else End(InboxState.DROPPED, fault.rule)
        except Refused as error:
            kept = error.rule.startswith(QUARANTINE)
            return End(InboxState.QUARANTINED if kept else InboxState.DROPPED, error.rule)
        except EngineUnavailable:
            return self._later(piece.row, "engine")

    def _judged(self) -> list[_InHand]:
        """What has been decided on; waits a moment if nothing has."""
        futures = [one.judged for one in self._hand if one.judged is not None]
        wait(futures, _WAIT, FIRST_COMPLETED)
        if len(futures) > 1:
            wait(futures, _WAIT)  # a batch costs one run: the more in it the better
        done = [one for one in self._hand if one.judged is not None and one.judged.done()]
        for one in done:
            if one.judged is not None and one.judged.result() is None:
                one.judged = None  # it stays in hand, and is decided on when there is room
                self._full.add(one.piece.row.host)
        return [one for one in done if one.judged is not None]

    def _are_enough(self, done: Sequence[_InHand]) -> bool:
        """Whether what has been decided on is to be written: all that could be, or as much as came in a moment."""
        if not done:
            return False
        now = self._clock()
        self._since = self._since or now
        return len(done) == len({one.piece.about for one in self._hand}) or abs(now - self._since) >= _GATHER

    # -- writing

    def _settle(self, done: Sequence[_InHand], writer: Writing) -> None:
        round_ = _Settling()
        for one in done:
            row = one.piece.row
            judged = one.judged.result() if one.judged is not None else End(InboxState.RETRY, "")
            if isinstance(judged, End):
                round_.outcomes.append(Outcome(row.id, judged.state, judged.rule, judged.next_try))
            elif isinstance(judged, Act):
                round_.acts.append((row, judged))
            elif judged is not None:
                round_.ready.append(judged)
        self._end(round_.outcomes)
        self._act(round_.acts)
        if round_.ready:
            self._end([self._failed(row, rule, again) for row, rule, again in self._graphs.take(round_.ready, writer)])

    def _end(self, outcomes: Sequence[Outcome]) -> None:
        with self._ledger.write() as tx:
            unended = self._ledger.ap_inbox.unended([one.id for one in outcomes], tx)
            self._ledger.ap_inbox.settle([one for one in outcomes if one.id in unended], tx)

    def _act(self, acts: Sequence[tuple[InboxRow, Act]]) -> None:
        """Let effects and the ends of their activities be one: all in one transaction that do not touch each other."""
        together: list[tuple[InboxRow, Act]] = []
        touched: set[str] = set()
        later: list[tuple[InboxRow, Act]] = []
        for row, act in acts:
            (later if act.touches in touched else together).append((row, act))
            touched |= {act.touches} - {""}
        try:
            with self._ledger.write() as tx:
                for row, act in together:
                    if not self._ledger.ap_inbox.ended(row.id, tx):
                        self._ledger.ap_inbox.settle([Outcome(row.id, InboxState.DONE, act.effect(tx))], tx)
        except Refused as error:
            if len(together) == 1:
                self._end([Outcome(together[0][0].id, InboxState.DROPPED, error.rule)])
            else:  # none of it is written: find out whose it was
                for one in together:
                    self._act([one])
        if later:
            self._act(later)

    def _failed(self, row: InboxRow, rule: str, again: bool) -> Outcome:
        if again:
            end = self._later(row, rule)
            return Outcome(row.id, end.state, end.rule, end.next_try)
        if rule in {"no-date", "tombstone", NO_OWNER} and not (row.outcome or "").startswith("confirm:"):
            return Outcome(row.id, InboxState.RETRY, f"confirm:{rule}", self._clock())
        kept = rule in {"source-idle", "peer-actor"}
        return Outcome(row.id, InboxState.QUARANTINED if kept else InboxState.DROPPED, rule)

    def _later(self, row: InboxRow, rule: str) -> End:
        """Try again after a while, three times; then it is for a person."""
        if row.tries >= TRIES:
            return End(InboxState.QUARANTINED, rule)
        return End(InboxState.RETRY, rule, self._clock() + _DELAYS[min(row.tries, len(_DELAYS)) - 1])
