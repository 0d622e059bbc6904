"""From a job to its deliveries: one per shared inbox, else inbox, of those whom an activity is for.

Must never send anything, nor give one inbox two deliveries of one activity (design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from federation.activitypub.names import Names
from federation.activitypub.sending import Audience, Sync
from federation.ledger import Ledger
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_jobs import JobRow

AT_ONCE = 1_000
"""Deliveries made in one transaction: whoever else writes waits no longer than for these."""
_LEASE = timedelta(minutes=5)
_JOBS = 100
"""Jobs in hand at once, which share transactions: one for each would cost more than most jobs do."""

_Part = tuple[JobRow, list[Target], bool]
"""Some of the deliveries of a job, and whether they are its last."""


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
        audiences = _Round(self._ledger, self._names)
        waiting: list[_Part] = []
        room = AT_ONCE
        for part in (part for job in jobs for part in audiences.parts(job)):
            if len(part[1]) > room:
                self._write(waiting)
                waiting, room = [], AT_ONCE
            waiting.append(part)
            room -= len(part[1])
        self._write(waiting)
        return bool(jobs)

    def _write(self, parts: Sequence[_Part]) -> None:
        """Make the deliveries, in one transaction; jobs that are for nobody end together."""
        if not parts:
            return
        now = self._clock()
        idle = [job.activity for job, targets, last in parts if last and not targets and not job.collapses]
        with self._ledger.write() as tx:
            for job, targets, last in parts:
                if targets or (last and job.collapses):
                    self._ledger.ap_deliveries.fan_out(job.activity, targets, now, last, tx)
            self._ledger.ap_jobs.end(idle, tx)


class _Round:
    """Whom the jobs of one round are for. Followers are read once for all jobs, where they fit in one page."""

    def __init__(self, ledger: Ledger, names: Names) -> None:
        self._ledger, self._names = ledger, names
        self._pages: dict[str, list[Target]] = {}
        self._declared: dict[frozenset[str], frozenset[str]] = {}
        self._reached: frozenset[str] | None = None

    def parts(self, job: JobRow) -> Iterator[_Part]:
        """The deliveries of a job, :data:`AT_ONCE` at most in each part but the last."""
        audience = Audience.of(job.targets)
        for targets in self._targets(audience):
            if targets:
                yield job, targets, False
        yield job, list(audience.inboxes), True

    def _targets(self, audience: Audience) -> Iterator[list[Target]]:
        for actor in audience.followers:
            for page in self._followers(actor):
                syncing = frozenset[str]()
                if audience.sync is not Sync.ALSO:
                    syncing = self._syncing(page)
                if audience.sync is Sync.NOT and syncing:
                    self._reached = self._in_step() if self._reached is None else self._reached
                    syncing &= self._reached
                wanted = audience.sync is Sync.ONLY
                yield [target for target in page if audience.sync is Sync.ALSO or (target.host in syncing) is wanted]

    def _followers(self, actor: str) -> Iterator[list[Target]]:
        """Where the followers of an actor get their post, by pages."""
        first = self._pages.get(actor)
        if first is None:
            first = self._ledger.ap_follows.targets(actor, "", AT_ONCE)
            self._pages[actor] = first
        page = first
        while page:
            yield page
            page = self._ledger.ap_follows.targets(actor, page[-1].inbox, AT_ONCE) if len(page) == AT_ONCE else []

    def _in_step(self) -> frozenset[str]:
        """The hosts that declare the sync profile and follow the Group: they get all from there."""
        found: set[str] = set()
        for page in self._followers(self._names.commons):
            found |= self._syncing(page)
        return frozenset(found)

    def _syncing(self, page: list[Target]) -> frozenset[str]:
        """Those hosts of a page that declare the sync profile."""
        hosts = frozenset(target.host for target in page)
        if hosts not in self._declared:
            self._declared[hosts] = self._ledger.ap_hosts.syncing(hosts)
        return self._declared[hosts]
