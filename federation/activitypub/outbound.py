"""From the change log to what our actors say of it: Create, Update, Delete by the partner, Announce by the commons.

What a record is now, as everybody can read it, is held against what was last said of it; so nothing is said twice, nor
of what nobody can see. Must never send anything, nor read more than the public graph (design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from federation.activitypub import activities
from federation.activitypub.activities import Saying
from federation.activitypub.actors import Document
from federation.activitypub.memory import Keyring
from federation.activitypub.names import Names
from federation.activitypub.notes import Notes
from federation.activitypub.objects import PAGE, Prove
from federation.activitypub.relay import Relay
from federation.activitypub.sending import Audience, Letter, Sender, Sync
from federation.activitypub.strictjson import parse_document
from federation.ledger import Ledger
from federation.ledger.ap_activities import ActivityRow, NewActivity
from federation.ledger.changes import erased_name
from federation.ledger.times import to_text
from federation.model import Change, Reason, partner_of

CONSUMER = "activitypub"
"""The name of its cursor in the change log."""
AT_ONCE = 100
"""Changes that one transaction goes on by."""


class Objects(Protocol):
    """What is public of each record: see desk.py."""

    def embedded(self, record: str) -> Document | None:
        """Its Page or its Tombstone; None if it never was."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What was last said of an object: the kind of activity, and the digest of the record in it."""

    kind: str
    digest: str | None


class Outbound:
    """Follows the change log. One per instance, for one thread at a time."""

    def __init__(
        self,
        ledger: Ledger,
        names: Names,
        objects: Objects,
        visible: Callable[[], int],
        keyring: Keyring,
        sender: Sender,
        relay: Relay,
        notes: bool = False,
    ) -> None:
        """``visible``: the change that public readers see everything up to; ``notes``: whether to send Notes, too."""
        self._ledger, self._names, self._objects = ledger, names, objects
        self._visible, self._keyring, self._sender, self._relay = visible, keyring, sender, relay
        self._notes = Notes(names, sender, notes)
        self._firsts: dict[str, list[tuple[str, str | None]]] = {}

    def work(self) -> bool:
        """Say what a part of the log asks for; whether there was any. Raises EngineUnavailable: nothing is said then.

        Activities, jobs and the cursor are written in one transaction. A record that has changed several times in that
        part is spoken of once, as it is now.
        """
        start, end = self._ledger.cursors.get(CONSUMER), self._visible()
        changes = [one for one in self._ledger.changes.since(start, AT_ONCE) if one.seq <= end]
        if not changes:
            return False
        self._firsts = {}
        letters: list[Letter] = []
        erased: list[str] = []
        latest = {one.record: one for one in changes}
        theirs = self._ledger.ap_objects.by_records(latest)  # pushed by their partners, who speak for them
        for change in latest.values():
            letters += [] if change.record in theirs else self._of_change(change, erased)
        with self._ledger.write() as tx:
            if self._ledger.ap_activities.last_seq(tx) <= start:  # else another process was here
                self._ledger.ap_activities.blank(erased, tx)
                self._sender.keep(letters, tx)
            self._ledger.cursors.set(CONSUMER, changes[-1].seq, tx)
        return True

    # -- one change ---------------------------------------------------------------------------------------------

    def _of_change(self, change: Change, erased: list[str]) -> list[Letter]:
        """What is to be said of a change. ``erased`` takes the activities whose bytes are to go."""
        record = self._record(change)
        object_id = self._names.object(record)
        if object_id is None or (record != change.record and self._ledger.ap_objects.by_record(record) is not None):
            return []  # of another instance, or pushed by its partner, who speaks for it
        now, partner = self._objects.embedded(record), self._names.partner(partner_of(record, self._names.origin))
        rows = [row for row in self._ledger.ap_activities.of_object(object_id) if row.actor == partner]
        said = _said(rows)
        if now is not None and now.get("reason") == Reason.PERSON.value:
            erased += self._telling(rows)
        kind = _kind(said, now)
        if kind is None or now is None:
            return []
        say = self._sender.saying(partner)
        made = activities.ABOUT_RECORDS[kind](self._names, say, now, self._prover(say))
        body = activities.serialise(made)
        first = kind == "Create" and said is None and self._is_first(change, record)
        return [
            self._own(say, kind, object_id, change.seq, body, first=first),
            *self._relay.letters(kind, self._names.activity(say.ulid), object_id, body, change.seq, first=first),
            *self._notes.letters(kind, rows, now, change.seq),
        ]

    def _record(self, change: Change) -> str:
        """The record of a change; of one that a person had erased, the one of which we have spoken."""
        partner = self._names.partner(partner_of(change.record, self._names.origin))
        if not change.record.rpartition("/")[2].startswith("h-"):
            return change.record
        for object_id in self._ledger.ap_activities.objects_of(partner):
            record = self._names.record(object_id)
            if record is not None and erased_name(record) == change.record:
                return record
        return change.record

    def _telling(self, rows: Iterable[ActivityRow]) -> list[str]:
        """Which activities hold what was said of an object: those of its partner, and the Announces around them."""
        telling = [row.id for row in rows if row.kind != "Delete" and row.document]
        around = [self._ledger.ap_activities.of_object(self._names.activity(id_)) for id_ in telling]
        return [*telling, *(row.id for each in around for row in each)]

    def _is_first(self, change: Change, record: str) -> bool:
        """Whether a record came with the first harvest of its source."""
        state = self._ledger.records.get([record]).get(record)
        if state is None:
            return False
        if state.source not in self._firsts:
            runs = self._ledger.runs.first_that_wrote(state.source)
            self._firsts[state.source] = [
                (to_text(run.started), None if run.ended is None else to_text(run.ended)) for run in runs
            ]
        at = to_text(change.time)
        return any(start <= at and (end is None or at <= end) for start, end in self._firsts[state.source])

    def _prover(self, say: Saying) -> Prove:
        return lambda document: self._keyring.prove(say.actor, document, say.at)

    # -- letters ------------------------------------------------------------------------------------------------

    def _own(self, say: Saying, kind: str, object_id: str, seq: int | None, body: bytes, *, first: bool) -> Letter:
        """What the partner says. Of a first harvest it is in the outbox only; Update and Delete reach microblogs so."""
        audience = None
        if not first:
            followed = (say.actor,) if kind == "Create" else (say.actor, self._names.commons)
            audience = Audience(followed, Sync.NOT)
        made = NewActivity(say.ulid, say.actor, kind, object_id, seq, to_text(say.at), body)
        return Letter(made, audience, object_id, kind == "Update")


def _said(rows: Iterable[ActivityRow]) -> _Said | None:
    """What the partner said last."""
    own = [row for row in rows if row.kind in activities.ABOUT_RECORDS]
    return _Said(own[-1].kind, _digest(own[-1])) if own else None


def _kind(said: _Said | None, now: Document | None) -> str | None:
    """What is to be said of an object that is so now, after what was said last; None: nothing."""
    if now is None:
        return None
    known = said is not None and said.kind != "Delete"
    if now["type"] != PAGE:
        return "Delete" if known else None
    if said is None or not known:
        return "Create"
    return None if said.digest == now["recordDigest"] else "Update"


def _digest(row: ActivityRow) -> str | None:
    """The digest of the record in an activity of ours; None if it has none (any more)."""
    if row.kind == "Delete" or not row.document:
        return None
    embedded = parse_document(row.document)["object"]
    found = embedded.get("recordDigest") if isinstance(embedded, dict) else None
    return found if isinstance(found, str) else None
