"""The little that pages may know of the ledger: read only, one call for one question."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from federation.ledger import Ledger
from federation.ledger.passages import Passage
from federation.ledger.qualities import QualityRow
from federation.ledger.records import PRESENT
from federation.ledger.runs import ENDED
from federation.ledger.sources import SourceRow
from federation.model import Action, Finding, RunReport

LICENCE_RULES = ("licence-missing", "licence-unreadable", "licence-not-open", "access-unreadable")
"""Rules by which a record may not be public: nothing of it is shown."""


class RunBook:
    """The little that pages may know of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def sources_of(self, partner: str) -> Sequence[SourceRow]:
        """Declared sources of a partner, by slug."""
        return [source for source in self._ledger.sources.all() if source.partner == partner]

    def last_run(self, source: str) -> RunReport | None:
        """The latest finished run of a source, by id."""
        return self._ledger.runs.last(source, ENDED)

    def withdrawn(self, iri: str) -> datetime | None:
        """When a record or a project was withdrawn; None if it was not."""
        last = self._ledger.changes.latest(iri)
        return last.time if last is not None and last.action is Action.DELETE else None

    def changed(self, iri: str, seq: int) -> datetime | None:
        """When a record or a project last changed, as readers of the state after change ``seq`` see it."""
        last = self._ledger.changes.latest(iri, seq)
        return None if last is None else last.time

    def run(self, name: str) -> RunReport | None:
        """One run by its ULID, without its findings."""
        return self._ledger.runs.get(name)

    def findings(self, run: str) -> Iterator[Finding]:
        """Every finding of a run, values that are not public included: take them through a Disclosure."""
        return self._ledger.findings.each(run)

    def findings_alike(
        self,
        run: str,
        examples: int,
        words: Sequence[str],
        closed: Collection[str] = frozenset(),
        message: str | None = None,
    ) -> Iterator[Finding]:
        """What a report shows of the findings of a run: see Findings.alike. To be taken through a Disclosure."""
        return self._ledger.findings.alike(run, examples, words, closed, message)

    def passages(self, partner: str, limit: int, source: str | None = None) -> Sequence[Passage]:
        """The latest runs of a partner's sources, or of one of them, newest first."""
        return self._ledger.passages.of_partner(partner, limit, source)

    def qualities(self, sources: Sequence[str]) -> Mapping[str, QualityRow]:
        """The quality of some sources, by id; those that have none are absent."""
        return self._ledger.qualities.of(sources)

    def closed(self, run: str, consent: bool) -> frozenset[str]:
        """Records that a run speaks of and nobody may quote. ``consent``: the rows themselves say who may read them."""
        offline = self._ledger.findings.offline(run, [state.value for state in PRESENT])
        refused = offline if consent else self._ledger.findings.records(run, LICENCE_RULES)
        withdrawn = {record for record, once in offline.items() if once}
        return frozenset(withdrawn.union(refused) & offline.keys())
