"""The running account of a walk: pages that came, what makes their list less than whole. Must never raise once
something was read: what came is worth having."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from federation.model import Finding
from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import FetchFailed, FetchRefused
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.trip import Trip


@dataclass(slots=True)
class Tally:
    """Pages and doubts so far. ``totals``: numbers of records that pages announced; ``counted``: records seen."""

    trip: Trip
    pages: list[Fetched] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    whole: bool = True
    counted: int = 0
    totals: list[int] = field(default_factory=list)
    asked: int = 0
    _addresses: set[str] = field(default_factory=set)
    _bodies: set[str] = field(default_factory=set)

    def read(
        self,
        address: str,
        *,
        accept: str | None = None,
        params: Mapping[str, str] | None = None,
        ends: Container[int] = (),
    ) -> Fetched | None:
        """Fetch the next page of the list; None, with the reason noted, if the list stops here.

        An address or a body that came before stops it. ``ends``: statuses that say that there are no more pages.
        Raises FetchFailed, FetchRefused, ConfigError if nothing was read yet.
        """
        if address in self._addresses:
            self.doubt(said.loops(address))
            return None
        self._addresses.add(address)
        try:
            self.trip.budget.spend_page()
            self.asked += 1
            page = self.trip.get(address, accept=accept, params=params)
        except (FetchFailed, FetchRefused) as error:
            if not self.pages:
                raise
            if error.status in ends:
                return None
            self.doubt(said.page_failed(self.asked, address, error))
            return None
        if page.sha256 in self._bodies:
            self.doubt(said.loops(address))
            return None
        self._bodies.add(page.sha256)
        return page

    def keep(self, page: Fetched, count: int = 0, total: int | None = None) -> None:
        """Take a page with ``count`` records; ``total`` is what it says of the whole list."""
        self.pages.append(page)
        self.counted += count
        if total is not None:
            self.totals.append(total)

    def doubt(self, finding: Finding) -> None:
        """Note why the list may be longer than what was read."""
        self.whole = False
        self.findings.append(finding)

    @property
    def total(self) -> int | None:
        """The number of records announced last."""
        return self.totals[-1] if self.totals else None

    @property
    def moved_under_us(self) -> bool:
        """Whether the announced total changed from page to page: records may have slipped between two pages."""
        return len(set(self.totals)) > 1

    def judge_total(self) -> None:
        """Compare what was announced with what came."""
        if self.moved_under_us:
            self.doubt(said.total_moves(self.totals[0], self.totals[-1]))
        elif self.whole and self.total is not None and self.total != self.counted:
            self.doubt(said.total_differs(self.total, self.counted))

    def delivery(self, full: bool = True) -> Delivery:
        """Close the account. Not ``full``: only what is new was asked for, so absence means nothing."""
        trip = self.trip
        first = self.pages[0].moved_to if self.pages else None
        findings = [said.moved(trip.source.url, trip.without_params(first))] if first else []
        return Delivery(
            tuple(self.pages),
            whole=self.whole and full,
            conditional=not full,
            validators={trip.source.url: trip.dates(full)},
            total=self.total,
            findings=(*findings, *self.findings),
        )
