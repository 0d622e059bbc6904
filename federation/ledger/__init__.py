"""Operational memory in SQL: sources, runs, record states, stored bytes, links, the journal and the change log.

Never reachable from public SPARQL. Each noun is a module; a method joins the caller's transaction when given ``tx``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from federation.errors import EngineUnavailable, os_reason
from federation.ledger.accounts import Accounts
from federation.ledger.ap_activities import Activities
from federation.ledger.ap_deliveries import Deliveries
from federation.ledger.ap_digests import Digests
from federation.ledger.ap_follows import Follows
from federation.ledger.ap_hosts import Hosts
from federation.ledger.ap_inbox import Inbox
from federation.ledger.ap_jobs import Jobs
from federation.ledger.ap_keys import Keys, RemoteKeys
from federation.ledger.ap_objects import Objects
from federation.ledger.ap_peers import Actors, Bindings, Blocks, Syncs
from federation.ledger.approvals import Approvals, Forgotten
from federation.ledger.attempts import Attempts
from federation.ledger.audit import Audit
from federation.ledger.bodies import Bodies
from federation.ledger.candidacies import Candidacies
from federation.ledger.changes import Changes
from federation.ledger.cursors import Cursors
from federation.ledger.database import Database
from federation.ledger.erasures import Erasures
from federation.ledger.findings import Findings
from federation.ledger.identities import Identities
from federation.ledger.journal import Journal
from federation.ledger.migrate import upgrade
from federation.ledger.notices import Notices
from federation.ledger.passages import Passages
from federation.ledger.qualities import Qualities
from federation.ledger.records import Records
from federation.ledger.revisions import Revisions
from federation.ledger.runs import Runs
from federation.ledger.sessions import Sessions
from federation.ledger.sources import Sources
from federation.ledger.throttles import Throttles
from federation.ledger.trials import Trials

__all__ = ["Ledger", "open_ledger"]


class Ledger:
    """The ledger, opened and up to date. Safe for threads: no connection outlives its transaction."""

    def __init__(self, database: Database, folder: Path, randomness: Callable[[int], bytes]) -> None:
        self._database = database
        self.sources = Sources(database)
        self.runs = Runs(database, randomness)
        self.records = Records(database)
        self.bodies = Bodies(database, folder / "bodies")
        self.findings = Findings(database)
        self.changes = Changes(database)
        self.journal = Journal(database)
        self.cursors = Cursors(database)
        self.identities = Identities(database)
        self.approvals = Approvals(database)
        self.forgotten = Forgotten(database)
        self.erasures = Erasures(database)
        self.revisions = Revisions(database)
        self.accounts = Accounts(database, randomness)
        self.sessions = Sessions(database, randomness)
        self.attempts = Attempts(database)
        self.audit = Audit(database, randomness)
        self.notices = Notices(database)
        self.passages = Passages(database)
        self.qualities = Qualities(database)
        self.trials = Trials(database)
        self.candidacies = Candidacies(database)
        self.throttles = Throttles(database)
        self.ap_keys = Keys(database)
        self.ap_remote_keys = RemoteKeys(database)
        self.ap_actors = Actors(database)
        self.ap_hosts = Hosts(database)
        self.ap_blocks = Blocks(database)
        self.ap_bindings = Bindings(database)
        self.ap_syncs = Syncs(database)
        self.ap_follows = Follows(database)
        self.ap_activities = Activities(database)
        self.ap_inbox = Inbox(database)
        self.ap_jobs = Jobs(database)
        self.ap_deliveries = Deliveries(database)
        self.ap_objects = Objects(database)
        self.ap_digests = Digests(database)

    def write(self) -> contextlib.AbstractContextManager[Connection]:
        """One durable transaction, to hand as ``tx`` to several methods. Raises EngineUnavailable."""
        return self._database.write()

    def read(self) -> contextlib.AbstractContextManager[Connection]:
        """One consistent view, to hand as ``tx`` to several methods. Raises EngineUnavailable."""
        return self._database.read()

    def scour(self) -> None:
        """Leave nothing in the files of the database of what was deleted. Raises EngineUnavailable."""
        self._database.scour()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()


def open_ledger(url: str, folder: Path, randomness: Callable[[int], bytes] = os.urandom) -> Ledger:
    """Open the ledger at ``url`` (empty: SQLite in ``folder``) and run the missing migrations.

    ``folder`` holds the stored bytes. Raises ConfigError (no such kind of database), EngineUnavailable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = os_reason(error)
        raise EngineUnavailable(
            f"The folder of the ledger {folder} cannot be made: {why['en']}. Give this user the right to write.",
            f"Le dossier du registre {folder} ne peut pas être créé : {why['fr']}. Donnez à cet utilisateur le droit "
            "d'écrire.",
        ) from error
    database = Database(url or f"sqlite:///{folder / 'ledger.sqlite'}")
    upgrade(database)
    return Ledger(database, folder, randomness)
