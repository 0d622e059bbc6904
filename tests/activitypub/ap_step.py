"""Carrefours of tests that keep in step: each with its own folder, served on a loopback port, harvested by hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from federation.activitypub.origins import origin_of
from federation.activitypub.reconcile import LOOK, Reconciler
from federation.activitypub.remote import Remote
from federation.activitypub.tallying import Tallier
from federation.ledger.ap_peers import SyncRow
from federation.ledger.runs import Order
from federation.model import RunKind, RunReport, RunState, to_lines
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pushed import PushedRecord
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.web import create_app
from federation.writer import Writer

Row = Mapping[str, Any]
DONE = frozenset({RunState.SUCCEEDED, RunState.WITH_REJECTS, RunState.UNCHANGED})


def row(key: str, text: str = "Un projet qui aide ses voisins.") -> Row:
    """One project of a feed."""
    return {"id": key, "url": f"https://p.example/{key}", "name": f"Projet {key}", "description": text}


def rows(count: int, text: str = "Un projet qui aide ses voisins.", start: int = 0) -> list[Row]:
    """So many projects."""
    return [row(str(number), text) for number in range(start, start + count)]


class _Quiet(WSGIRequestHandler):
    """A server that does not write to the test's output, and counts what is asked of it."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Count."""
        self.server.__dict__.setdefault("asked", []).append((self.path, int(str(code))))


class Peeked:
    """A writer that stops before a push of records after so many."""

    def __init__(self, writer: Writer, pushes: int) -> None:
        self._writer, self.left = writer, pushes

    def push_records(self, partner: PeerPartner, records: Iterable[PushedRecord]) -> RunReport:
        """Push, or die."""
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self._writer.push_records(partner, list(records))


class Site:
    """One Carrefour. Its port, and so its address, stay when it is down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sources").mkdir(parents=True)
        server = make_server("127.0.0.1", 0, lambda _environ, _start: [])
        self.port = server.server_port
        server.server_close()
        self.base = f"http://127.0.0.1:{self.port}"
        self.late = timedelta()
        self.runs: list[RunReport] = []
        self.up()

    def clock(self) -> datetime:
        """The time here, for its reconciler."""
        return datetime.now(UTC) + self.late

    # -- up and down

    def up(self) -> None:
        """Open it, and serve it."""
        settings = Settings(
            base_url=self.base, data_dir=self.folder / "data", sources_dir=self.folder / "sources", workers=1,
            query_workers=1, fetch_private=True,
        )  # fmt: skip
        self.platform: Platform = open_platform(settings)
        self.ledger = self.platform._ledger
        self.changes = self.platform.changes
        self.server: BaseWSGIServer = make_server(
            "127.0.0.1", self.port, create_app(self.platform), threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.remote = Remote(origin_of(self.base), "carrefour-test", time.monotonic, allow_private=True)
        self.reconciler = Reconciler(self.ledger, self.remote, self.clock)

    @property
    def asked(self) -> list[tuple[str, int]]:
        """What was asked of it since it is up: path and status."""
        found: list[tuple[str, int]] = self.server.__dict__.setdefault("asked", [])
        return found

    def down(self) -> None:
        """Stop serving, and close it."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
        self.reconciler.close()
        self.remote.close()
        self.platform.close()

    # -- what is harvested here

    def harvest(self, source: str, items: Iterable[Row]) -> RunReport:
        """Harvest what a partner (named as its source) gives today. What is not in it is gone at once."""
        self.write(source, items)
        with self.platform.writing() as writer:
            report = writer.harvest(self.platform.source(source), lambda *_: None, confirmed=True)
            self.tally()
        assert report.state in DONE, (report.state, report.holds)
        return report

    def write(self, source: str, items: Iterable[Row]) -> None:
        """Write what a partner gives from now on."""
        (self.folder / f"{source}.json").write_text(json.dumps(list(items)), "utf-8")
        (self.folder / "sources" / f"{source}.toml").write_text(
            f'[source]\nid = "{source}"\npartner = "{source}"\nurl = "../{source}.json"\nformat = "json"\n'
            'licence = "https://creativecommons.org/licenses/by/4.0/"\n[records]\nid = "id"\npage = "url"\n'
            '[fields]\nname = "name"\ndescription = "description"\n',
            "utf-8",
        )

    def retire(self, source: str) -> None:
        """Withdraw all records of a source."""
        last = self.ledger.runs.last(source)
        assert last is not None
        with self.platform.writing() as writer:
            writer.carry_out(Order(RunKind.RETIRE, last.run), lambda *_: None)
            self.tally()

    def tally(self) -> None:
        """Take in what has changed, for peers."""
        Tallier(self.ledger, self.platform.reader, self.base).catch_up()

    # -- keeping in step

    def follow(self, other: Site) -> None:
        """Follow another Carrefour, as if it had accepted."""
        self.ledger.ap_syncs.put(SyncRow(f"{other.base}/actors/commons", other.base))

    def sync(self, other: Site) -> SyncRow:
        """How far we are with another."""
        found = self.ledger.ap_syncs.get(f"{other.base}/actors/commons")
        assert found is not None
        return found

    def catch_up(self, pushes: int | None = None) -> None:
        """Catch up with everybody; or die before a push, after so many."""
        with self.platform.writing() as writer:
            peeked = Peeked(writer, -1 if pushes is None else pushes)
            if self.reconciler._looked is not None:
                self.late += LOOK
            while self.reconciler.step(peeked) or self.reconciler.wait(30):
                pass
            self.tally()

    def again(self, other: Site) -> None:
        """Ask for a comparison, and catch up."""
        self.ledger.ap_syncs.ask(f"{other.base}/actors/commons", self.clock())
        self.catch_up()

    # -- what it holds

    def graphs(self, home: str) -> dict[str, str]:
        """The public records whose IRIs begin so, as canonical N-Triples."""
        reader = self.platform.reader
        found = reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")
        names = [one["g"][1:-1] for one in found]
        return {iri: to_lines(reader.graph(iri)) for iri in names if iri.startswith(f"{home}/records/")}

    def own(self) -> dict[str, str]:
        """Its own public records."""
        return self.graphs(self.base)
