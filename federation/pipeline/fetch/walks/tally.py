"""The running account of a walk: pages that came, what makes their list less than whole. Must never raise once
something was read: what came is worth having."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from lxml import etree

from federation.model import Finding
from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import FetchFailed, FetchRefused, shown
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import parsed_xml
from federation.pipeline.fetch.walks.trip import WEEK, Trip, conditions, learnt


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
    learnt: dict[str, dict[str, str]] = field(default_factory=dict)
    ended_by_status: bool = False
    countable: bool = True
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
            page = self.trip.brought.pop(address, None) or self.trip.get(address, accept=accept, params=params)
        except (FetchFailed, FetchRefused) as error:
            if not self.pages:
                raise
            if error.status in ends:
                self.ended_by_status = True
                return None
            self.doubt(said.page_failed(self.asked, address, error))
            return None
        if page.sha256 in self._bodies:
            self.doubt(said.loops(address))
            return None
        self._bodies.add(page.sha256)
        self.learnt[address] = learnt(page)
        return page

    def xml(self, page: Fetched) -> etree._Element | None:
        """Parse a page that was read; None, with the reason noted, if it is no XML or unpacks badly.

        Raises FetchFailed, FetchRefused if nothing was kept yet.
        """
        try:
            return parsed_xml(page.body, self.trip.max_bytes, shown(page.final_url))
        except (FetchFailed, FetchRefused) as error:
            if not self.pages:
                raise
            self.doubt(said.page_failed(self.asked, page.final_url, error))
            return None

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
        elif self.whole and self.countable and self.total is not None and self.total != self.counted:
            self.doubt(said.total_differs(self.total, self.counted))

    def delivery(self, full: bool = True) -> Delivery:
        """Close the account. Not ``full``: only what is new was asked for, so absence means nothing."""
        trip = self.trip
        first = self.pages[0].moved_to if self.pages else None
        findings = [said.moved(trip.source.url, trip.without_params(first))] if first else []
        return Delivery(
            tuple(self.pages),
            whole=self.whole,
            conditional=not full,
            validators=self._validators(full),
            total=self.total,
            findings=(*findings, *self.findings),
        )

    def _validators(self, full: bool) -> dict[str, dict[str, str]]:
        """The dates of this visit, and, if every page of a whole list has one, the conditions to ask for them by."""
        url = self.trip.source.url
        provable = full and self.whole and all(self.learnt.values()) and not self.ended_by_status
        found = {address: dict(known) for address, known in self.learnt.items()} if provable else {}
        found[url] = {**found.get(url, {}), **self.trip.dates(full, self.whole)}
        return found


def unchanged(trip: Trip, accept: str | None = None) -> Delivery | None:
    """Ask for every page of the last visit by condition; None as soon as one of them is not what it was.

    Once a week nothing is asked by condition: a server may say 304 for ever.
    """
    pages = [address for address, known in trip.known.items() if conditions(known)]
    if not pages or trip.due_full(WEEK):
        return None
    for address in pages:
        try:
            answer = trip.get(address, accept=accept, conditional=True)
        except (FetchFailed, FetchRefused):
            return None  # the walk meets it again, and tells
        if answer.status != 304:
            trip.brought[address] = answer  # the walk need not ask again
            return None
    validators = {address: dict(known) for address, known in trip.known.items()}
    validators[trip.source.url] = {**validators.get(trip.source.url, {}), **trip.dates(full=False)}
    return Delivery((), unchanged=True, conditional=True, validators=validators)
