"""From a job to its deliveries: one per shared inbox, else inbox, of those whom an activity is for.

Must never send anything, nor give one inbox two deliveries of one activity (design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from federation.activitypub.names import Names
from federation.activitypub.sending import Audience, Sync
from federation.ledger import Ledger
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_jobs import JobRow

AT_ONCE = 1_000
"""Deliveries made in one transaction: whoever else writes waits no longer than for these."""
_LEASE = timedelta(minutes=5)
_JOBS = 20


class FanOut:
    """Expands jobs, oldest first."""

    def __init__(self, ledger: Ledger, names: Names, clock: Callable[[], datetime], holder: str) -> None:
        self._ledger = ledger
        self._names = names
        self._clock = clock
        self._holder = holder

    def take_over(self) -> None:
        """Let the jobs be done again that were cut short."""
        self._ledger.ap_jobs.release(self._holder, self._clock())

    def expand(self) -> bool:
        """Expand the jobs that wait; say whether there was any."""
        now = self._clock()
        jobs = self._ledger.ap_jobs.claim(self._holder, now, now + _LEASE, _JOBS)
        for job in jobs:
            self._expand(job)
        return bool(jobs)

    def _expand(self, job: JobRow) -> None:
        deliveries, audience = self._ledger.ap_deliveries, Audience.of(job.targets)
        for targets in self._targets(audience):
            deliveries.fan_out(job.activity, targets, self._clock(), last=False)
        deliveries.fan_out(job.activity, list(audience.inboxes), self._clock(), last=True)

    def _targets(self, audience: Audience) -> Iterator[list[Target]]:
        reached: frozenset[str] | None = None
        for actor in audience.followers:
            after = ""
            while page := self._ledger.ap_follows.targets(actor, after, AT_ONCE):
                after = page[-1].inbox
                syncing = frozenset[str]()
                if audience.sync is not Sync.ALSO:
                    syncing = self._ledger.ap_hosts.syncing({target.host for target in page})
                if audience.sync is Sync.NOT and syncing:
                    reached = self._in_step() if reached is None else reached
                    syncing &= reached
                wanted = audience.sync is Sync.ONLY
                yield [target for target in page if audience.sync is Sync.ALSO or (target.host in syncing) is wanted]

    def _in_step(self) -> frozenset[str]:
        """The hosts that declare the sync profile and follow the Group: they get all from there."""
        found: set[str] = set()
        after = ""
        while page := self._ledger.ap_follows.targets(self._names.commons, after, AT_ONCE):
            after = page[-1].inbox
            found |= self._ledger.ap_hosts.syncing({target.host for target in page})
        return frozenset(found)
