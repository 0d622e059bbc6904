"""The composition root: opens vocabulary, ledger and engines from Settings. The only place that picks an engine.

It must never decide anything about records: it hands the pieces to pipeline/ and catalogue/.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from federation.activitypub.changes import Changes
from federation.activitypub.desk import Desk as FederationDesk
from federation.activitypub.inbox import Inbox
from federation.activitypub.peers import Peers
from federation.activitypub.reading import Readers
from federation.catalogue.disclosure import Disclosure
from federation.catalogue.letters import mail_of
from federation.catalogue.quality import Quality, assess_quality
from federation.catalogue.records import titles
from federation.catalogue.sparql import SparqlRequest, run
from federation.catalogue.statistics import totals
from federation.catalogue.words import Words
from federation.engines import PublicQueries, QueryAnswer, QueryLimits, SearchIndex
from federation.engines.mail import MailServer, Security, send
from federation.engines.query_pool import QueryPool
from federation.engines.search_tantivy import TantivySearch
from federation.engines.store_oxigraph import (
    CheckpointReader,
    is_written,
    newest_checkpoint,
    open_reader,
    open_store,
    writer_of,
)
from federation.errors import ConfigError, EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.gate import Gate
from federation.ledger.notices import NoticeRow
from federation.ledger.operations import Operations
from federation.ledger.qualities import QualityRow
from federation.ledger.runbook import RunBook
from federation.model import Counts, Finding, RunReport, RunState, to_lines
from federation.pipeline import (
    Preview,
    Progress,
    Workshop,
    check,
    known_of,
    preview,
)
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.joining import JoiningDesk
from federation.pipeline.lost import SOURCE_PAUSED
from federation.pipeline.merge import Merger
from federation.pipeline.merge.descriptions import source_iri
from federation.pipeline.peering import noted, source_of
from federation.pipeline.postbox import Posted, deliver, tell
from federation.pipeline.schedule import zone_named
from federation.pipeline.sources import Source, SourceShelf, load_source
from federation.pipeline.trial import TrialDesk
from federation.pipeline.visitors import Visitors
from federation.pipeline.worker import Desk, Pace, Watcher, Worker, keep_working, one_at_a_time
from federation.settings import Settings
from federation.station import Station, at_rest
from federation.vocabulary import Vocabulary, load
from federation.writer import Indexer, Writer

_BASE = "base-url"  # fact: the address that all names of the instance begin with
_POST = 60.0  # seconds from one look for letters to the next
GONE = frozenset({"fetch:gone", SOURCE_PAUSED})  # rules: nothing is left at the address of a feed


def _now() -> datetime:
    return datetime.now(UTC)


class Platform:
    """An open instance, for reading; :meth:`writing` opens it for writing too. Safe for threads."""

    def __init__(self, settings: Settings, vocabulary: Vocabulary, ledger: Ledger) -> None:
        self.settings = settings
        self.vocabulary = vocabulary
        self.words = Words.of(vocabulary)
        self.ledger = RunBook(ledger)
        self.accounts = ledger.accounts
        self.gate = Gate(ledger.accounts, ledger.sessions, ledger.attempts, _now)
        self.operations = Operations(ledger, _now, self._schedule)
        self.desk = Desk(ledger, _now)
        self._ledger = ledger
        self._store = settings.data_dir / "store"
        self._writing = threading.Lock()

    @functools.cached_property
    def reader(self) -> CheckpointReader:
        """The published state of the graph, always the newest."""
        return open_reader(self._store)

    @functools.cached_property
    def visitor(self) -> Visitor:
        """Who fetches from partners: one for the process, so that its threads take turns at a host."""
        return Visitor(self.settings)

    @functools.cached_property
    def search(self) -> SearchIndex:
        """The search index."""
        return TantivySearch(self.settings.data_dir / "index")

    @functools.cached_property
    def trials(self) -> TrialDesk:
        """Where visitors try their feeds."""
        visitors = Visitors(self._ledger, _now, os.urandom)
        return TrialDesk(self.settings, self.vocabulary, self._ledger, visitors, _now, os.urandom)

    @functools.cached_property
    def joining(self) -> JoiningDesk:
        """Where networks ask to join, and operators decide."""
        visitors = Visitors(self._ledger, _now, os.urandom)
        return JoiningDesk(self.settings, self.vocabulary, self._ledger, visitors, _now, os.urandom)

    @functools.cached_property
    def station(self) -> Station:
        """The federation of this instance."""
        return Station(
            self.settings, self.vocabulary, self.words, self._ledger, lambda: self.reader, _now,
            lambda source: self.source(source).format,
        )  # fmt: skip

    @property
    def federation(self) -> FederationDesk:
        """What anybody may read of us by ActivityPub."""
        return self.station.desk

    @property
    def inbox(self) -> Inbox:
        """Where other servers put what they say."""
        return self.station.inbox

    @property
    def readers(self) -> Readers:
        """Who may read ActivityStreams documents in secure mode."""
        return self.station.readers

    @property
    def peers(self) -> Peers:
        """What operators do about other servers."""
        return self.station.peers

    @property
    def changes(self) -> Changes:
        """What other Carrefours keep in step by."""
        return self.station.changes

    @property
    def query_limits(self) -> QueryLimits:
        """What one public query may use."""
        chosen = self.settings
        return QueryLimits(chosen.query_seconds, chosen.query_rows, chosen.query_bytes, chosen.query_memory)

    @functools.cached_property
    def queries(self) -> PublicQueries:
        """The isolated processes that answer public queries."""
        return QueryPool(
            functools.partial(newest_checkpoint, self._store),
            size=self.settings.query_workers,
            limits=self.query_limits,
            base=f"{self.settings.base_url}/",
        )

    def query(self, text: str, accept: Mapping[str, str], limits: QueryLimits) -> QueryAnswer:
        """Answer one query as the public endpoint would. Raises QueryRejected, EngineUnavailable."""
        return run(SparqlRequest(text, accept), self.queries, limits)

    def totals(self) -> tuple[int, int]:
        """How many projects, from how many partners."""
        found = totals(self.search, _now().date().isoformat())
        return found.projects, found.partners

    @functools.cached_property
    def shelf(self) -> SourceShelf:
        """The source files of the instance, by the ids that they give."""
        return SourceShelf(self.settings.sources_dir, self.vocabulary)

    def source_ids(self) -> list[str]:
        """The ids of all sources, in order; of a file with a fault its name stands for it."""
        return sorted(self.shelf.all())

    def sources(self, names: Sequence[str] = ()) -> list[Source]:
        """The sources of the instance, or those named. Raises ConfigError naming file, line and nearest word."""
        return [self.source(name) for name in names or self.source_ids()]

    def source(self, name: str) -> Source:
        """One source by id, or by the path of its file (``….toml``). Raises ConfigError."""
        path = Path(name)
        if path.suffix != ".toml":
            partner = noted(name, self._ledger)
            return self.shelf.one(name) if partner is None else source_of(partner, self.vocabulary)
        if not path.is_file():
            raise ConfigError(f"{path} does not exist.", f"{path} n'existe pas.")
        return load_source(path, self.vocabulary)

    def _schedule(self, source: str) -> str | None:
        """When a source is to be harvested, as its file says; None if the file cannot be read."""
        try:
            return self.source(source).schedule
        except ConfigError:
            return None

    def last_runs(self) -> dict[str, RunReport | None]:
        """The last run of every source the ledger knows, by source id."""
        return {row.id: self._ledger.runs.last(row.id) for row in self._ledger.sources.all()}

    def disclosure(self, run: RunReport) -> Disclosure:
        """What of the findings of a run anybody may read; no value at all if its source file is gone or wrong."""
        try:
            source = self.source(run.source)
        except ConfigError:
            return Disclosure(self.vocabulary.fields)
        closed = self.ledger.closed(run.run, "access" in source.fields or "access" in source.always)
        return Disclosure(self.vocabulary.fields, source.levels, source.openness, closed)

    def assess_quality(self, source: Source, run: str) -> Quality:
        """Work out the quality of the live records of a source after a run, and note it in the ledger."""
        named = source_iri(self.settings.base_url, source.id)
        quality = assess_quality(self.reader, named, _now(), "license" in source.fields)
        self._ledger.qualities.put(QualityRow(source.id, run, quality.score, quality.values()))
        return quality

    def titles(self, records: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """What published records call their projects, by language, by record."""
        return titles(self.reader, records)

    def _run_ended(self, report: RunReport, source: Source) -> None:
        """What follows from a run for people: how good the feed is, and whom to write to."""
        told = report.state in {RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.HELD, RunState.INCOMPLETE}
        if told and (report.counts.new or report.counts.changed or report.counts.withdrawn):  # else it is what it was
            self.assess_quality(source, report.run)
        self.tell(report, source, any(finding.rule in GONE for finding in report.findings))

    def tell(self, report: RunReport, source: Source, gone: bool = False) -> None:
        """Queue the letters that the end of a run deserves. ``gone``: it paused its source."""
        tell(report, source.contacts, self._ledger, _now(), gone)

    def deliver(self) -> Posted:
        """Send the letters that are due; nothing without a mail server in the settings."""
        chosen = self.settings
        sender = chosen.smtp_from or chosen.contact
        if not chosen.smtp_host or not sender:
            return Posted()
        server = MailServer(
            chosen.smtp_host, chosen.smtp_port, sender, chosen.smtp_user, chosen.smtp_password,
            Security(chosen.smtp_security),
        )  # fmt: skip

        def post(notice: NoticeRow) -> None:
            send(mail_of(notice, self._ledger, self.disclosure, chosen), server)

        return deliver(self._ledger, chosen.contact, post, _now())

    def preview(self, source: Source, progress: Progress) -> Preview:
        """Say what a harvest of the source would do. Nothing is written."""
        known = known_of(source, self._ledger, self._graphs, _now())
        return preview(source, self.settings, self.vocabulary, _now(), progress, known)

    def _graphs(self, records: Sequence[str]) -> dict[str, str]:
        return {record: to_lines(self.reader.graph(record)) for record in records}

    def check(self, path: Path, source: Source | None, progress: Progress) -> tuple[tuple[Finding, ...], Counts]:
        """Say what would be refused in a file. Nothing is written."""
        return check(path, source, self.settings, self.vocabulary, _now(), progress)

    def export(self) -> Iterator[bytes]:
        """The whole published graph as sorted N-Quads lines."""
        pending = b""
        lines: list[bytes] = []
        for chunk in self.reader.dump():
            *whole, pending = (pending + chunk).split(b"\n")
            lines += whole
        for line in sorted(line for line in [*lines, pending] if line):
            yield line + b"\n"

    def catch_up(self) -> None:
        """Bring the search index up to the published graph, unless another process is doing just that."""
        with contextlib.suppress(EngineUnavailable), contextlib.closing(Indexer(self.search, self.words)) as indexer:
            indexer.catch_up(self._ledger, self.reader)

    @contextlib.contextmanager
    def writing(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Writer]:
        """Open the instance for writing; what a crash left open is finished first, so is what people want erased.

        Raises DataFolderBusy (another process writes there, or this one already), EngineUnavailable (unwritable, disk
        full). ``stop`` is asked between two batches whether to leave a run for the next start.
        """
        with (
            one_at_a_time(self._writing),
            contextlib.closing(open_store(self._store)) as store,
            contextlib.closing(Indexer(self.search, self.words)) as indexer,
        ):
            single = {
                item.property for item in self.vocabulary.fields.values() if not item.many and "." not in item.key
            }
            merger = Merger(store, self._ledger, self.settings.base_url, _now, single)
            self._ledger.cursors.set_fact(_BASE, self.settings.base_url)
            merger.recover()
            merger.describe_vocabulary(self.vocabulary.version, self.vocabulary.statements())
            indexer.catch_up(self._ledger, self.reader)
            shop = Workshop(
                self.settings,
                self.vocabulary,
                self._ledger,
                merger,
                _now,
                indexer.follow,
                stop=stop,
                visitor=self.visitor,
            )
            with contextlib.closing(merger):
                writer = Writer(shop, indexer, self.reader, self.shelf.one, self._run_ended)
                writer.erase()
                yield writer

    def work(self, stop: threading.Event, watcher: Watcher, until_idle: bool = False, due: bool = True) -> None:
        """Harvest what is asked for and, if ``due``, what is due: until ``stop``, or until nothing is left to do.

        Raises DataFolderBusy, EngineUnavailable, ConfigError (no such time zone).
        """
        pace = Pace(zone_named(self.settings.timezone), self.settings.fetch_threads)
        with self.writing(stop.is_set) as writer, self.station.at_work(writer) if due else at_rest() as errand:
            Worker(writer, self._ledger, self.shelf, pace, watcher, _now, errand=errand).run(stop, until_idle, due)

    def keep_working(self, stop: threading.Event, watcher: Watcher) -> None:
        """Work until ``stop``, whatever fails in between; wait while another process writes. Letters go out too."""
        threading.Thread(target=self._post, args=(stop,), name="post", daemon=True).start()
        keep_working(lambda: self.work(stop, watcher), stop, watcher.said)

    def _post(self, stop: threading.Event) -> None:
        """Send letters as they come; a mail server that is down or slow keeps nothing else waiting."""
        while not stop.wait(_POST):
            with contextlib.suppress(EngineUnavailable):  # the ledger is busy or away: the letters stay in it
                self.deliver()

    def has_worker(self) -> bool:
        """Say whether the process that writes to the instance, another one, takes orders.

        One that was killed has left its number, as worker and in the lock file, but holds the lock no more.
        """
        return bool(worker := self.desk.worker()) and self.is_written() and worker == writer_of(self._store)

    def is_written(self) -> bool:
        """Say whether another process writes to the instance now; while this one does, none can."""
        return not self._writing.locked() and is_written(self._store)  # to look would take our own lock from us

    def close(self) -> None:
        """Close what was opened."""
        for name in ("queries", "search", "station", "reader"):
            if name in self.__dict__:
                self.__dict__[name].close()
        self._ledger.close()


def check_alone(path: Path, source_file: Path | None, progress: Progress) -> tuple[tuple[Finding, ...], Counts]:
    """Check a file without any instance. Raises ConfigError, PartnerError."""
    vocabulary = load()
    source = load_source(source_file, vocabulary) if source_file else None
    return check(path, source, Settings(), vocabulary, _now(), progress)


def demo_folder() -> Path:
    """Where the demonstration lies: in the checkout, else in the package."""
    checkout = Path(__file__).resolve().parents[1] / "demo"
    return checkout if checkout.is_dir() else Path(str(files("federation"))) / "_data" / "demo"


def open_platform(settings: Settings) -> Platform:
    """Open an instance. Raises ConfigError, EngineUnavailable."""
    vocabulary = load()
    ledger = open_ledger(settings.ledger_url, settings.data_dir / "ledger")
    named = ledger.cursors.fact(_BASE)
    if named not in {None, settings.base_url}:
        ledger.close()
        raise ConfigError(
            f"Everything in {settings.data_dir} is named after {named}, but `base_url` is {settings.base_url}. Names "
            "never change: put `base_url` back, or begin with an empty data folder and harvest again.",
            f"Tout ce que contient {settings.data_dir} porte des noms en {named}, mais `base_url` vaut "
            f"{settings.base_url}. Les noms ne changent jamais : remettez `base_url`, ou partez d'un dossier de "
            "données vide et moissonnez de nouveau.",
        )
    return Platform(settings, vocabulary, ledger)
