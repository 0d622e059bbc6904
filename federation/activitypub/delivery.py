"""Delivers what our actors say: lanes in order, hosts in parallel, and what fails again later. At least once.

Must never let one host wait for another, nor hold anything in memory alone: the ledger says what is to be done, so that
a start after any end goes on from there (design, section 4).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from federation.activitypub.crew import Crew
from federation.activitypub.fanout import FanOut
from federation.activitypub.knock import Knock, Outcome
from federation.activitypub.names import Names
from federation.activitypub.retries import Verdict
from federation.activitypub.settling import Attempt, Settling
from federation.activitypub.signatures import Dialect
from federation.errors import CarrefourError, EngineUnavailable
from federation.ledger import Ledger
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.ap_deliveries import Delivery, Lane
from federation.ledger.ap_hosts import HostRow
from federation.ledger.times import to_text

HOLDER = "delivery"
"""Under which leases are held. One process of an instance delivers, so what it left is the next one's at once."""

_GRACE = 0.6  # seconds for what is in flight when it is to stop


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once. ``quick``: lanes in hand; ``slow``: those more that have lasted longer than ``slow_after``.

    ``poll``: seconds between two looks when nothing is told; ``gather``: seconds in which results come together.
    """

    quick: int = 32
    slow: int = 128
    slow_after: timedelta = timedelta(seconds=2)
    per_lane: int = 8
    lease: timedelta = timedelta(minutes=5)
    poll: float = 1.0
    gather: float = 0.01
    after_fault: float = 5.0
    tidy_every: timedelta = timedelta(hours=1)


class Deliverer:
    """One per instance. ``start`` and ``stop`` it, or let it ``work_off`` what is due in the calling thread."""

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        knock: Knock,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        pace: Pace | None = None,
        returned: Callable[[str], None] = lambda _host: None,
        feeds: Sequence[Callable[[], bool]] = (),
        holder: str = HOLDER,
    ) -> None:
        """``chance``: from 0 to 1, spreads the retries; ``returned`` is told of a host that answers again.

        ``feeds`` make what is to be delivered (outbound.py, profiles.py), in a thread of their own; each says whether
        there was any.
        """
        self._ledger, self._names, self._knock, self._clock = ledger, names, knock, clock
        self._pace, self._feeds = pace or Pace(), tuple(feeds)
        self._holder = holder
        self._fan_out = FanOut(ledger, names, clock, holder)
        self._settling = Settling(ledger, clock, chance, holder, returned)
        self._crew = Crew(self._pace.quick + self._pace.slow)
        self._results: queue.SimpleQueue[Attempt | int | None] = queue.SimpleQueue()
        """What came of attempts; the number of a lane that was put back untouched; None to look at once."""
        self._unwritten: list[Attempt] = []
        self._in_hand: dict[int, datetime] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tidied: datetime | None = None

    # -- from outside

    def start(self) -> None:
        """Deliver in the background from now on, and take over what was left in hand."""
        self._stop = threading.Event()
        runs = {"delivery": self._run, "outbound": self._feed} if self._feeds else {"delivery": self._run}
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), name=name, daemon=True) for name, run in runs.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 0.9) -> None:
        """End within ``seconds``; what is in flight then keeps its lease and is sent again at the next start."""
        self._stop.set()
        self.wake()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._threads = []

    def wake(self) -> None:
        """Look at once: there is something new."""
        self._results.put(None)

    def take_over(self) -> None:
        """Make what a former start left in hand due at once."""
        self._fan_out.take_over()
        self._ledger.ap_deliveries.release(self._holder, self._clock())

    def work_off(self) -> None:
        """Do in this thread all that is due now (tests, the command line). Raises EngineUnavailable."""
        self._tidy()
        for feed in self._feeds:
            while feed():
                continue
        while True:
            expanded = self._fan_out.expand()
            lanes = self._claim(self._pace.quick)
            for lane, bodies, host in lanes:
                self._carry(lane, bodies, host)
            self._write(0.0)
            if not expanded and not lanes:
                return

    # -- the thread that makes what is to be delivered

    def _feed(self, stop: threading.Event) -> None:
        while not stop.is_set():
            for feed in self._feeds:
                self._again(partial(self._fed, feed, stop), stop)
            stop.wait(self._pace.poll)

    def _fed(self, feed: Callable[[], bool], stop: threading.Event) -> None:
        while not stop.is_set() and feed():
            self.wake()

    # -- the thread that gives out and writes down

    def _run(self, stop: threading.Event) -> None:
        self._again(self.take_over, stop)
        while not stop.is_set():
            self._again(lambda: self._turn(stop), stop)
        self._crew.dismiss()
        end = time.monotonic() + _GRACE
        while self._in_hand and time.monotonic() < end:
            self._again(lambda: self._write(_GRACE / 10), stop)

    def _again(self, work: Callable[[], None], stop: threading.Event) -> None:
        """Do a piece of work; after a fault of the ledger (disk full, server lost) the next one comes a little later.

        What was not written is kept and written then.
        """
        try:
            work()
        except EngineUnavailable:
            stop.wait(self._pace.after_fault)

    def _turn(self, stop: threading.Event) -> None:
        self._tidy()
        expanded = self._fan_out.expand()
        given = self._claim(self._room()) if self._room() > 0 else []
        now = self._clock()
        for lane, bodies, host in given:
            self._in_hand[lane.lane] = now
            self._give(lane, bodies, host, stop)
        self._write(0.0 if expanded else self._pace.gather if self._in_hand else self._pace.poll)

    def _give(self, lane: Lane, bodies: Mapping[str, ActivityRow], host: HostRow, stop: threading.Event) -> None:
        self._crew.hand(lambda: self._carry(lane, bodies, host, stop), len(self._in_hand))

    def _room(self) -> int:
        """How many lanes more may be given out: a host that takes its time is in nobody's way."""
        before = self._clock() - self._pace.slow_after
        slow = sum(since < before for since in self._in_hand.values())
        quick = len(self._in_hand) - slow
        return min(self._pace.quick - quick, self._pace.quick + self._pace.slow - len(self._in_hand))

    def _claim(self, lanes: int) -> list[tuple[Lane, Mapping[str, ActivityRow], HostRow]]:
        now = self._clock()
        pace, deliveries = self._pace, self._ledger.ap_deliveries
        claimed = deliveries.claim(self._holder, now, now + pace.lease, lanes, pace.per_lane)
        if not claimed:
            return []
        bodies = self._ledger.ap_activities.many({one.activity for lane in claimed for one in lane.deliveries})
        hosts = self._ledger.ap_hosts.many({lane.host for lane in claimed})
        return [(lane, bodies, hosts[lane.host]) for lane in claimed]

    def _write(self, seconds: float) -> None:
        """Write down what has come back, waiting for the first of it for so long."""
        self._unwritten += self._came(seconds)
        if self._unwritten:
            self._settling.write(self._unwritten)
            for one in self._unwritten:
                if one.ends:
                    self._in_hand.pop(one.lane.lane, None)
            self._unwritten = []

    def _came(self, seconds: float) -> Iterable[Attempt]:
        came: list[Attempt] = []
        try:
            told = self._results.get(timeout=seconds) if seconds else self._results.get_nowait()
            while True:
                if isinstance(told, Attempt):
                    came.append(told)
                elif told is not None:
                    self._in_hand.pop(told, None)
                told = self._results.get_nowait()
        except queue.Empty:
            return came

    def _tidy(self) -> None:
        now = self._clock()
        if self._tidied is None or now - self._tidied >= self._pace.tidy_every:
            self._tidied = now
            self._settling.tidy()

    # -- the threads that send

    def _carry(
        self,
        lane: Lane,
        bodies: Mapping[str, ActivityRow],
        host: HostRow,
        stop: threading.Event | None = None,
    ) -> None:
        """Send what was claimed of a lane, one after the other, until one has to wait."""
        known = self._known(host)
        for one in lane.deliveries:
            if stop is not None and stop.is_set():
                self._results.put(lane.lane)
                return
            attempt = self._send(lane, one, bodies.get(one.activity), known, one is lane.deliveries[-1])
            known = attempt.outcome.learnt or known if attempt.outcome is not None else known
            self._results.put(attempt)
            if attempt.ends:
                return

    def _send(
        self, lane: Lane, one: Delivery, activity: ActivityRow | None, known: Dialect | None, last: bool
    ) -> Attempt:
        if activity is None or not activity.document:
            return Attempt(lane, one, None, last)
        try:
            outcome = self._knock.deliver(lane.actor, one.inbox, activity.document, known)
        except CarrefourError:  # our keys cannot be read: nothing that the host is to blame for
            outcome = Outcome(Verdict.BUSY, rule="our-keys")
        bare = activity.kind == "Announce" and self._names.ulid(activity.object or "") is None
        return Attempt(lane, one, outcome, last, bare)

    def _known(self, host: HostRow) -> Dialect | None:
        valid = host.dialect is not None and (host.dialect_until or "") > to_text(self._clock())
        return Dialect(host.dialect) if valid and host.dialect is not None else None
