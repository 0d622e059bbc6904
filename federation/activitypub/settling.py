"""What becomes of attempts to deliver: written down together, with what was learnt of each host.

Must never send anything. Failure state has an end: dormant after 7 days, no followers after 30 (design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from federation.activitypub.knock import Outcome
from federation.activitypub.retries import Verdict, next_try
from federation.ledger import Ledger
from federation.ledger.ap_deliveries import Delivery, DeliveryState, Lane, Settled
from federation.ledger.ap_hosts import Breaker
from federation.ledger.times import from_text, to_text

REMEMBERED = timedelta(days=30)
"""For which a dialect is remembered."""
FOLLOWERS_GO_AFTER = timedelta(days=30)
KEPT = timedelta(days=14)
"""For which it is known what became of a delivery."""
_PARTS = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. ``outcome``: None if there was nothing to send any more; ``last``: of what was claimed of its lane.

    ``bare``: an Announce of an object by its id, which some servers refuse.
    """

    lane: Lane
    delivery: Delivery
    outcome: Outcome | None
    last: bool
    bare: bool = False

    @property
    def waits(self) -> bool:
        """Whether it may be tried again, and the lane waits for that."""
        return self.outcome is not None and self.outcome.verdict in (Verdict.FAILED, Verdict.BUSY)

    @property
    def ends(self) -> bool:
        """Whether its lane is done with for this time."""
        return self.last or self.waits


class Settling:
    """Writes down attempts. For one thread."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        holder: str,
        returned: Callable[[str], None],
    ) -> None:
        self._ledger, self._clock, self._chance = ledger, clock, chance
        self._holder, self._returned = holder, returned

    def write(self, attempts: Sequence[Attempt]) -> None:
        """Write down attempts in one transaction. Raises EngineUnavailable: then nothing is written."""
        now = self._clock()
        failed = [one.lane.host for one in attempts if _verdict(one) is Verdict.FAILED]
        answered = {one.lane.host for one in attempts if one.outcome is not None and _is_alive(one.outcome)}
        gone = {one.delivery.inbox for one in attempts if _verdict(one) is Verdict.GONE}
        again = {one.lane.host for one in attempts if one.waits}
        blocked = {block.subject for block in self._ledger.ap_blocks.all()} & again if again else set()
        with self._ledger.write() as tx:
            woken = self._ledger.ap_hosts.succeeded(answered, tx)
            breakers = self._ledger.ap_hosts.failed(failed, now, tx) if failed else {}
            settled = [self._settled(one, breakers.get(one.lane.host), now) for one in attempts]
            self._ledger.ap_deliveries.settle(self._holder, settled, now, tx)
            for host in blocked:  # what it still gets it gets once
                self._ledger.ap_deliveries.drop_host(host, "blocked", now, tx)
            for inbox in gone:
                self._ledger.ap_follows.remove_inbox(inbox, now, tx)
                self._ledger.ap_deliveries.drop_inbox(inbox, "gone", now, tx)
            for host, breaker in breakers.items():
                if breaker.dormant_since is not None:
                    self._ledger.ap_deliveries.drop_host(host, "dormant", now, tx)
        self._learn(attempts, now)
        for host in woken:
            self._ledger.ap_deliveries.hasten(host, now)
            self._returned(host)

    def _learn(self, attempts: Sequence[Attempt], now: datetime) -> None:
        learnt = {one.lane.host: one.outcome.learnt for one in attempts if one.outcome and one.outcome.learnt}
        for host, dialect in learnt.items():
            self._ledger.ap_hosts.speaks(host, dialect.value, now + REMEMBERED)

    def _settled(self, one: Attempt, breaker: Breaker | None, now: datetime) -> Settled:
        outcome, lane, id_ = one.outcome, one.lane.lane, one.delivery.id
        if outcome is None:
            return Settled(lane, id_, DeliveryState.DROPPED, reason="erased")
        if outcome.verdict is Verdict.TAKEN:
            return Settled(lane, id_, DeliveryState.SENT, outcome.status)
        if one.waits:
            return self._again(one, outcome, breaker, now)
        if one.bare and outcome.status == HTTPStatus.BAD_REQUEST:
            return Settled(lane, id_, DeliveryState.DROPPED, outcome.status, "bare-announce")
        return Settled(lane, id_, DeliveryState.DEAD, outcome.status, outcome.rule)

    def _again(self, one: Attempt, outcome: Outcome, breaker: Breaker | None, now: datetime) -> Settled:
        """When it is tried again. Attempts at a host that is known not to answer at all do not count: they are probes.

        An answer, whatever it says, may be about this very delivery: it counts, so that the lane goes on some day.
        """
        lane, id_ = one.lane.lane, one.delivery.id
        if outcome.status is None and breaker is not None and (breaker.open_until or "") > to_text(now):
            probe = from_text(breaker.open_until or "")
            return Settled(lane, id_, DeliveryState.WAITING, None, outcome.rule, probe, counts=False)
        again = next_try(one.delivery.tries + 1, now, self._chance(), outcome.after)
        if again is None:
            return Settled(lane, id_, DeliveryState.DEAD, outcome.status, outcome.rule)
        return Settled(lane, id_, DeliveryState.WAITING, outcome.status, outcome.rule, again)

    def tidy(self) -> None:
        """Forget what is settled for long, and the followers on hosts that have been silent for a month."""
        now = self._clock()
        for _ in range(_PARTS):
            if not self._ledger.ap_deliveries.prune(now - KEPT):
                break
        for _ in range(_PARTS):
            if not self._ledger.ap_jobs.prune(now - KEPT):
                break
        silent = self._ledger.ap_hosts.failing_since(now - FOLLOWERS_GO_AFTER)
        for host, row in self._ledger.ap_hosts.many(silent).items():
            if row.breaker.dormant_since is not None:
                self._ledger.ap_follows.remove_host(host, now)


def _verdict(one: Attempt) -> Verdict | None:
    return None if one.outcome is None else one.outcome.verdict


def _is_alive(outcome: Outcome) -> bool:
    """Whether a host has answered like one that works, whatever it thinks of us."""
    return outcome.status is not None and outcome.verdict is not Verdict.FAILED
