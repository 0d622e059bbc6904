"""A small instance that tests harvest for years: its clock, feeds, restarts and people are the test's.

Its feeds lie in files, or at a lying server, and then every harvest goes over HTTP.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consistency import check
from lying_server import LyingServer, http
from made_up import BASE, VOLATILE

from federation.engines.store_oxigraph import open_store
from federation.ledger import open_ledger
from federation.ledger.records import PRESENT, RecordState
from federation.model import Rule, RunKind, RunReport, RunState, to_lines
from federation.pipeline import Asked, Preview, Workshop, erase_records, harvest, known_of, preview
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.merge import Merger
from federation.pipeline.sources import Source, load_source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
NIGHT = timedelta(days=1)

Row = Mapping[str, Any]


class SetClock:
    """A clock that a test sets; every reading is a little later than the one before."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=7)
        return self.now

    def turn(self, by: timedelta) -> None:
        """Let time pass; or set the clock back."""
        self.now += by


def row(key: str, text: str = "Un projet", **more: Any) -> Row:
    """One project of a feed; what distinguishes it are its name and its page."""
    return {"id": key, "url": f"https://p.example/{key}", "name": f"Projet {key}", "description": text, **more}


def rows(count: int, text: str = "Un projet", start: int = 0) -> list[Row]:
    """So many projects, numbered from ``start``."""
    return [row(str(number), text) for number in range(start, start + count)]


class Instance:
    """An instance with sources ``s`` of partner ``p``, ``t`` of partner ``q``; open it, harvest, restart it."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, days: int = 0, server: LyingServer | None = None) -> None:
        """Open it, so many days after the start. ``server``: where its feeds lie, if not in files."""
        self.server = server
        self.folder, self.vocabulary, self.clock = folder, vocabulary, SetClock()
        self.clock.turn(days * (NIGHT + timedelta(minutes=1)))  # no night is just seven days from another
        (folder / "sources").mkdir(parents=True, exist_ok=True)
        self.settings = Settings(
            base_url=BASE, data_dir=folder / "data", sources_dir=folder / "sources", workers=1, fetch_private=True
        )
        for name, partner in (("s", "p"), ("t", "q")):
            self.map(name, partner)
            self.feed([], name)
        self.open()

    def open(self) -> None:
        """Open store and ledger for writing, and finish what was cut."""
        self.store = open_store(self.settings.data_dir / "store")
        self.ledger = open_ledger("", self.settings.data_dir / "ledger")
        single = {item.property for item in self.vocabulary.fields.values() if not item.many and "." not in item.key}
        self.single_valued = single
        self.merger = Merger(self.store, self.ledger, BASE, self.clock, single)
        self.merger.recover()
        self.shop = Workshop(
            self.settings, self.vocabulary, self.ledger, self.merger, self.clock, lambda _batch: None, {},
            visitor=self.visitor(),
        )  # fmt: skip

    def visitor(self) -> Visitor:
        """Who asks for its feeds: pauses let only the test's time pass."""
        return Visitor(
            self.settings,
            sleep=lambda seconds: self.clock.turn(timedelta(seconds=seconds)),
            now=self.clock,
        )

    def forbid_private(self) -> None:
        """Open it anew without the setting that lets it ask this machine."""
        self.close()
        self.settings = replace(self.settings, fetch_private=False)
        self.open()

    def close(self) -> None:
        """Close it."""
        self.merger.close()
        self.store.close()
        self.ledger.close()

    def map(self, source: str = "s", partner: str = "p", at: str = "", extra: str = "", **fields: str) -> None:
        """Write the file of a source; ``fields`` go beside or in place of the usual mapping."""
        mapping = {"name": "name", "description": "description", **fields}
        text = (
            f'[source]\nid = "{source}"\npartner = "{partner}"\nurl = "{self.address(source)}"\nformat = "json"\n'
            'licence = "https://creativecommons.org/licenses/by/4.0/"\n[records]\nid = "id"\npage = "url"\n'
            + (f'at = "{at}"\n' if at else "")
            + "[fields]\n"
            + "".join(f'{term} = "{column}"\n' for term, column in mapping.items())
        )
        (self.settings.sources_dir / f"{source}.toml").write_text(text + extra, "utf-8")

    def feed(self, items: Iterable[Row], name: str = "s") -> None:
        """Write what a source gives from now on."""
        self.feed_text(json.dumps(list(items)), name)

    def feed_text(self, text: str, name: str = "s") -> None:
        """Write the body that a source gives from now on."""
        if self.server is None:
            (self.folder / f"{name}.json").write_text(text, "utf-8")
        else:
            self.server.answers[f"/{name}.json"] = http(text.encode(), "Content-Type: application/json")

    def address(self, source: str) -> str:
        """Where the feed of a source lies."""
        return f"../{source}.json" if self.server is None else self.server.url(f"/{source}.json")

    def source(self, name: str = "s") -> Source:
        """A source as its file says."""
        return load_source(self.settings.sources_dir / f"{name}.toml", self.vocabulary)

    def run(self, items: Sequence[Row] | None = None, name: str = "s", **asked: Any) -> RunReport:
        """Harvest at once; ``items`` are the feed from now on."""
        if items is not None:
            self.feed(items, name)
        return harvest(self.source(name), self.shop, lambda *_: None, Asked(**asked))

    def night(self, items: Sequence[Row] | None = None, name: str = "s", **asked: Any) -> RunReport:
        """Harvest a day later."""
        self.clock.turn(NIGHT)
        return self.run(items, name, **asked)

    def undo(self, run: RunReport) -> RunReport:
        """Put back what a run changed."""
        return self.run(name=run.source, kind=RunKind.UNDO, of=run.run)

    def preview(self, name: str = "s") -> Preview:
        """Say what a harvest would do."""
        source, now = self.source(name), self.clock()
        known = known_of(source, self.ledger, self.merger.graphs, now)
        return preview(source, self.settings, self.vocabulary, now, lambda *_: None, known)

    def approve(self, run: RunReport, **ceilings: int) -> None:
        """Agree to what the guard withheld, up to these figures."""
        limits = {Rule(rule.replace("_", "-")): figure for rule, figure in ceilings.items()}
        now = self.clock()
        self.ledger.approvals.give(run.source, run.run, limits, "alice", now, now + timedelta(days=3))

    def forget(self, key: str) -> bool:
        """Remove a record of ``s`` for good."""
        self.ledger.erasures.ask(iri(key))
        return bool(erase_records(self.shop, let_go=0.0))

    def states(self, name: str = "s") -> dict[str, RecordState]:
        """What the ledger knows of each record."""
        return self.ledger.records.states(name)

    def online(self, name: str = "s") -> set[str]:
        """The keys of the records that are online."""
        return {key for key, state in self.states(name).items() if state.state in PRESENT}

    def graphs(self) -> dict[str, str]:
        """The published record graphs, without what every run writes anew."""
        reader = self.store.reader()
        names = [each["g"][1:-1] for each in reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")]
        return {name: _lasting(to_lines(reader.graph(name))) for name in names}

    def dump(self) -> str:
        """The record graphs and the merged projects: all that is public but for runs, partners and sources."""
        told = (f"<{BASE}/id/", f"<{BASE}/records/")
        projects = [line for line in to_lines(self.store.reader().graph(None)).splitlines() if line.startswith(told)]
        graphs = "\n".join(f"{name}\n{content}" for name, content in sorted(self.graphs().items()))
        return graphs + "\n" + _lasting("\n".join(projects))

    def everything(self) -> str:
        """A hash of all that the instance keeps: whether anything at all was written.

        Of the store, what it holds and how often it was published: its files it also rearranges by itself.
        """
        seen, store = hashlib.sha256(), self.settings.data_dir / "store"
        for path in sorted(self.settings.data_dir.rglob("*")):
            seen.update(os.fsencode(path) if path.is_dir() or store not in path.parents else b"")
            if path.is_file() and store not in path.parents and not path.name.endswith(("-shm", "-wal")):
                seen.update(path.read_bytes())
        reader = self.store.reader()
        for name in [None, *sorted(self.graphs())]:
            seen.update(to_lines(reader.graph(name)).encode())
        seen.update(str(reader.seq).encode())
        return seen.hexdigest()

    def told(self) -> int:
        """The number of the last change that followers hear of."""
        return self.ledger.changes.last_seq()

    def check(self) -> None:
        """Assert that graphs, states, change log and projects agree."""
        check(self.store.reader(), self.ledger, self.single_valued)


def iri(key: str, partner: str = "p") -> str:
    """The address of a record."""
    return f"{BASE}/records/{partner}/{key}"


def rules(report: RunReport) -> set[Rule]:
    """The rules of the guard that hold a run."""
    return {hold.rule for hold in report.holds}


def is_held(report: RunReport, *expected: Rule) -> None:
    """Assert that a run is held by these rules, and no others."""
    assert report.state is RunState.HELD, report
    assert rules(report) == set(expected)


def _lasting(content: str) -> str:
    return "\n".join(line for line in content.splitlines() if not any(word in line for word in VOLATILE))
