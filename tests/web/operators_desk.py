"""An instance that operators look after: the sample commons over a real ledger, with a clock that tests turn."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from flask.testing import FlaskClient
from sample_commons import SCRIPT, Sample, make_platform
from werkzeug.test import TestResponse

from federation.activitypub.directory import Directory
from federation.activitypub.follows import Relations
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.peers import Peers
from federation.activitypub.remote import Remote
from federation.activitypub.sending import Sender
from federation.ledger import Ledger, open_ledger
from federation.ledger.accounts import Role
from federation.ledger.gate import Gate
from federation.ledger.operations import Operations
from federation.ledger.records import RecordState
from federation.ledger.runbook import RunBook
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import to_text
from federation.model import Counts, Finding, Hold, Part, Rule, RunReport, RunState, Severity

NOW = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)
PASSWORD = "cheval agrafe batterie"


@dataclass
class Desk(Sample):
    """The sample with a door for operators."""

    gate: Gate = field(kw_only=True)
    operations: Operations = field(kw_only=True)
    memory: Ledger = field(kw_only=True)
    at: datetime = NOW

    def now(self) -> datetime:
        """The clock."""
        return self.at

    @property
    def peers(self) -> Peers:
        """Other servers: none is known."""
        ledger, names = self.memory, Names(self.settings.base_url)
        relations = Relations(ledger, names, Sender(ledger, names, self.now, os.urandom), self.now)
        remote = Remote(origin_of(self.settings.base_url), "Carrefour test", time.monotonic)
        return Peers(ledger, names, relations, Directory(ledger, remote, self.now), self.now)

    def use(self, base_url: str) -> None:
        """Another public address."""
        self.settings = replace(self.settings, base_url=base_url)


def make_desk(folder: Path) -> Desk:
    """The commons with the accounts ``ana`` (operator) and ``root`` (admin), the sources ``jardins`` and ``vide``."""
    ledger = open_ledger("", folder)
    sample = make_platform()
    known = (sample.settings, sample.vocabulary, sample.reader, sample.search, sample.queries, RunBook(ledger))
    turning: list[Desk] = []

    def now() -> datetime:
        return turning[0].at

    desk = Desk(
        *known,  # type: ignore[arg-type]
        gate=Gate(ledger.accounts, ledger.sessions, ledger.attempts, now),
        operations=Operations(ledger, now, lambda source: {"jardins": "nightly"}.get(source)),
        memory=ledger,
    )
    turning.append(desk)
    ledger.accounts.add("ana", PASSWORD, Role.OPERATOR, NOW)
    ledger.accounts.add("root", PASSWORD, Role.ADMIN, NOW)
    who = PartnerRow("jardins", f"Réseau {SCRIPT}")
    ledger.sources.declare(who, SourceRow("jardins", "jardins", f"Fiches {SCRIPT}"))
    ledger.sources.declare(who, SourceRow("vide", "jardins", "Vide"))
    return desk


def held_run(desk: Desk, rule: Rule = Rule.SHRINK) -> str:
    """A run of ``jardins`` that the guard holds, with findings and records that are missing."""
    ledger = desk.memory
    run = ledger.runs.start("jardins", "jardins", desk.at, 1)
    parts = frozenset({Part.WITHDRAWALS}) if rule is Rule.SHRINK else frozenset({Part.NEW})
    ledger.runs.finish(
        RunReport(
            run,
            "jardins",
            "jardins",
            RunState.HELD,
            desk.at,
            desk.at,
            Counts(read=3, accepted=3, unchanged=3, missing=6),
            input_sha256="a" * 64,
            holds=(Hold(rule, 6, 2, parts),),
            live=9,
        )
    )
    message = {"fr": f"Le mot {SCRIPT} n'est pas connu.", "en": f"The word {SCRIPT} is not known."}
    ledger.findings.add(
        run,
        [
            Finding("unknown-word", Severity.WARNING, message, f"ligne {SCRIPT}", f"Thème {SCRIPT}", None, SCRIPT),
            Finding("shape:name", Severity.VIOLATION, {"fr": "Le nom manque.", "en": "No name."}, "ligne 9"),
        ],
    )
    ledger.records.put([missing(f"clé {SCRIPT}", "javascript:alert(1)"), missing("2", "https://jardins.example/2")])
    return run


def missing(key: str, page: str) -> RecordState:
    """A record that its feed does not have any more."""
    record = f"http://127.0.0.1:8000/records/jardins/{key}"
    since = to_text(NOW)
    return RecordState(
        record, "jardins", key, "jardins", "d", "r", "m", "basic", "missing", since, "RUN", page, None, "", 2, since
    )


def log_in(client: FlaskClient, name: str = "ana", password: str = PASSWORD, **more: str) -> TestResponse:
    """Fill in the form."""
    return client.post("/admin/login", data={"name": name, "password": password, **more})


def secret(client: FlaskClient, path: str = "/admin") -> str:
    """The secret that the forms of a page repeat."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]
