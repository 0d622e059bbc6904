"""The writing side of an open platform: what a worker and a command ask of it, and the search index that follows.

It must never pick an engine, nor decide anything about records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from federation.activitypub.erasing import forget
from federation.catalogue.search import document
from federation.catalogue.words import Words
from federation.engines import Document, GraphReader, SearchIndex
from federation.errors import CarrefourError, ConfigError
from federation.ledger import Ledger
from federation.ledger.runs import Order
from federation.model import RunKind, RunReport, RunState, to_lines
from federation.pipeline import Asked, Progress, Workshop, erase_records, harvest, visit_source
from federation.pipeline.fetch import Delivery
from federation.pipeline.merge import AppliedBatch
from federation.pipeline.peering import (
    PeerPartner,
    begin_hiding,
    end_hiding,
    hiding,
    note,
    noted,
    partners_of,
    source_of,
)
from federation.pipeline.pruning import prune
from federation.pipeline.pushed import PushedActivity, PushedRecord, delivery_of, delivery_of_records
from federation.pipeline.schedule import HARVESTED
from federation.pipeline.sources import Source

_PROJECT = "<https://w3id.org/carrefour/vocab#Project>"
DESCRIBED_AT_ONCE = 1_000  # projects read from the graph in one go
TOLD_EVERY = timedelta(minutes=10)  # how often, at most, people are told of runs that pushes make and that go well
INDEXED_AT_ONCE = 10_000  # projects: one commit of the index for several batches


class Indexer:
    """Keeps the search index in step with the change log: batch by batch while harvesting, else from the log.

    What has come together is written beside the harvest, which needs not wait for it; at most one write is under way.
    """

    def __init__(self, search: SearchIndex, words: Words) -> None:
        self._search = search
        self._words = words
        self._waiting: dict[str, str | None] = {}
        self._seq = search.seq
        self._beside = ThreadPoolExecutor(1, "indexer")
        self._under_way: Future[None] | None = None
        self._written: dict[str, str | None] = {}  # what the write under way is of

    def follow(self, batch: AppliedBatch) -> None:
        """Take what a batch changed; write when enough has come together. Raises what an earlier write raised."""
        self._waiting.update(batch.projects)
        if batch.changes:
            self._seq = batch.changes[-1].seq
        if len(self._waiting) >= INDEXED_AT_ONCE:
            self.begin()

    def begin(self) -> None:
        """Start to write what is waiting, beside what the caller does next. Raises what an earlier write raised."""
        self._settle()
        if self._waiting or self._seq != self._search.seq:
            self._written, self._waiting = self._waiting, {}
            self._under_way = self._beside.submit(self._write, self._written, self._seq)

    def catch_up(self, ledger: Ledger, reader: GraphReader) -> None:
        """Index what the log says has changed since the index was last written and readers can see."""
        while changes := [change for change in ledger.changes.since(self._seq) if change.seq <= reader.seq]:
            projects = list(dict.fromkeys(change.project for change in changes))
            found = reader.describe(projects)
            content = {iri: "".join(f"{s} {p} {o} .\n" for s, p, o in found[iri]) or None for iri in projects}
            self._waiting.update(
                {iri: lines if lines and _is_project(lines) else None for iri, lines in content.items()}
            )
            self._seq = changes[-1].seq
            self.commit()

    def commit(self) -> None:
        """Write what is waiting, and wait until all is written."""
        self.begin()
        self._settle()

    def rewrite(self, reader: GraphReader) -> None:
        """Index again, in one step, all projects that readers can see: the files then hold nothing else."""
        self._settle()
        self._waiting = {}
        self._seq = reader.seq
        projects = [row["project"][1:-1] for row in reader.select(f"SELECT ?project WHERE {{ ?project a {_PROJECT} }}")]
        self._search.replace(self._documents(projects, reader), self._seq)

    def _documents(self, projects: Sequence[str], reader: GraphReader) -> Iterator[Document]:
        for start in range(0, len(projects), DESCRIBED_AT_ONCE):
            for iri, triples in reader.describe(projects[start : start + DESCRIBED_AT_ONCE]).items():
                yield document(iri, to_lines(triples), self._words)

    def restart(self) -> None:
        """Forget everything, to index all again."""
        self._settle()
        self._search.clear()
        self._waiting.clear()
        self._seq = 0

    def close(self) -> None:
        """Let a write that is under way end. What is waiting is found in the log next time."""
        self._beside.shutdown()

    def _write(self, projects: Mapping[str, str | None], seq: int) -> None:
        documents = (document(iri, lines, self._words) for iri, lines in projects.items() if lines)
        self._search.update(documents, [iri for iri, lines in projects.items() if not lines], seq)

    def _settle(self) -> None:
        """Wait until what is under way is written. If that fails, it waits again for the next time."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return
        try:
            under_way.result()
        except CarrefourError:
            self._waiting = {**self._written, **self._waiting}
            raise


def _is_project(lines: str) -> bool:
    """A merged-away project keeps a line that names its survivor, but is no document of its own."""
    return _PROJECT in lines


def _quiet(_stage: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


class Writer:
    """The writing side of an open platform. One at a time for a data folder."""

    def __init__(
        self,
        shop: Workshop,
        indexer: Indexer,
        reader: GraphReader,
        load_source: Callable[[str], Source],
        ended: Callable[[RunReport, Source], None],
    ) -> None:
        self._shop = shop
        self._indexer = indexer
        self._reader = reader
        self._load = load_source
        self._ended = ended
        self._told: dict[str, tuple[datetime, RunState]] = {}

    def fetch(self, source: Source) -> Delivery:
        """Visit a source; nothing is written, so several threads may. Raises PartnerError, PeerError, ConfigError."""
        return visit_source(source, self._shop)

    def harvest(
        self,
        source: Source,
        progress: Progress,
        delivery: Delivery | CarrefourError | None = None,
        queued: str | None = None,
        confirmed: bool = False,
    ) -> RunReport:
        """Harvest one source, from a ``delivery`` or by a visit, and bring the search index up to it.

        An error in place of the delivery is accounted for as a failed run. ``queued`` is the order that it carries out;
        ``confirmed``: the partner says that what is absent is gone.
        """
        return self._run(source, progress, Asked(queued=queued, brought=delivery, confirmed=confirmed))

    def carry_out(self, order: Order, progress: Progress, queued: str | None = None) -> RunReport:
        """Replay, undo or retire, as an order says. Raises ConfigError if there is no such run or source."""
        run = self._shop.ledger.runs.get(queued or order.of or "")
        if run is None:
            raise ConfigError(f"There is no run {order.of}.", f"Il n'y a pas de moisson {order.of}.")
        return self._run(self.source(run.source), progress, Asked(order.kind, order.of, queued))

    def source(self, name: str) -> Source:
        """One source by its id: that of a file, or of a partner of another Carrefour. Raises ConfigError."""
        partner = noted(name, self._shop.ledger)
        return self._load(name) if partner is None else source_of(partner, self._shop.vocabulary)

    def push(self, source: Source, activities: Sequence[PushedActivity], progress: Progress = _quiet) -> RunReport:
        """Take verified activities of one bound partner into the graph, in the order in which they came.

        Durable when it returns; the same again changes nothing. Raises ConfigError (the source is idle, or does not
        read activities), EngineUnavailable, DataFolderBusy (it is being harvested by another process).
        """
        if source.format != "activitypub":
            raise ConfigError(
                f"The source {source.id} does not read activities: only the format `activitypub` may be pushed.",
                f"La source {source.id} ne lit pas d'activités : seul le format `activitypub` peut être poussé.",
            )
        return self._pushed(source, delivery_of(activities), progress)

    def push_records(
        self, partner: PeerPartner, records: Sequence[PushedRecord], progress: Progress = _quiet
    ) -> RunReport:
        """Take records of one partner of another Carrefour into the graph, as they are.

        All that a peer has is one call for each partner: the guard judges each call. Raises PeerError (no such actor),
        and what :meth:`push` does.
        """
        source = source_of(partner, self._shop.vocabulary)
        note(partner, self._shop.ledger)
        return self._pushed(source, delivery_of_records(records), progress)

    def block(self, origin: str) -> list[RunReport]:
        """Withdraw all that came from another Carrefour, until :meth:`unblock`; one run for each of its partners."""
        ledger, reports = self._shop.ledger, []
        for partner in partners_of(origin, ledger):
            row = ledger.sources.get(partner.slug)
            if row is not None and row.state != "retired":
                begin_hiding(partner.slug, ledger)
                source = source_of(partner, self._shop.vocabulary)
                reports.append(self._run(source, _quiet, Asked(RunKind.RETIRE)))
        return reports

    def unblock(self, origin: str) -> list[RunReport]:
        """Bring back what :meth:`block` withdrew, as it was, without asking anybody."""
        ledger, reports = self._shop.ledger, []
        for partner in partners_of(origin, ledger):
            runs = hiding(partner.slug, ledger)
            if runs is not None:
                source = source_of(partner, self._shop.vocabulary)
                reports += [self._run(source, _quiet, Asked(RunKind.UNDO, run)) for run in reversed(runs)]
                end_hiding(partner.slug, ledger)
        return reports

    def _pushed(self, source: Source, delivery: Delivery, progress: Progress) -> RunReport:
        """One run over what was pushed. There may be one each second: what it costs must not grow with the source."""
        row = self._shop.ledger.sources.get(source.id)
        if row is not None and row.state not in HARVESTED:
            raise ConfigError(
                f"The source {source.id} is {row.state}: nothing is taken from it.",
                f"La source {source.id} est en pause ou retirée : rien n'en est pris.",
            )
        report = harvest(source, self._shop, progress, Asked(brought=delivery))
        self._indexer.begin()  # what a crash leaves unwritten of it is found in the log
        last = self._told.get(source.id)
        now = self._shop.clock()
        if last is None or last[1] is not report.state or abs(now - last[0]) >= TOLD_EVERY:
            self._told[source.id] = now, report.state
            self._ended(report, source)
        return report

    def _run(self, source: Source, progress: Progress, asked: Asked) -> RunReport:
        report = harvest(source, self._shop, progress, asked)
        self._indexer.begin()  # beside what follows from the run for people
        try:
            self._ended(report, source)
        finally:
            self._indexer.commit()
        return report

    def erase(self) -> int:
        """Erase the records that people have asked for, from all files; return how many there were."""
        ledger = self._shop.ledger
        forget(ledger.erasures.asked(), ledger, self._shop.clock())  # first: nothing leads to them afterwards
        return erase_records(self._shop, lambda: self._indexer.rewrite(self._reader))

    def prune(self) -> None:
        """Forget what has been kept for long enough: bytes and revisions of old runs, what has expired."""
        prune(self._shop.ledger, self._shop.clock())

    def rebuild(self) -> int:
        """Make the merged view and the index again from the records and the ledger. Returns how many projects."""
        count = self._shop.merger.rebuild()
        self._indexer.restart()
        self._indexer.catch_up(self._shop.ledger, self._reader)
        return count
