"""Statements of bound partners and sync peers into the graph, by the way of every record (intake, steps 14 and 15).

One push per source and batch; then the ledger is told in one transaction. Must never write a graph itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from federation.activitypub import activities
from federation.activitypub.activities import Saying
from federation.activitypub.audience import addressees
from federation.activitypub.follows import Post
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.relay import Heard
from federation.activitypub.resolve import ABOUT_OBJECTS, BRINGING, Statement
from federation.errors import ConfigError, PeerError
from federation.ledger import Ledger
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_inbox import InboxRow, InboxState, Outcome, held_in
from federation.ledger.ap_objects import ObjectRow, ObjectState, refusal
from federation.ledger.ap_peers import ActorRow, BindingRow
from federation.ledger.records import PRESENT
from federation.ledger.runs import Order
from federation.ledger.times import from_text, to_text
from federation.model import Part, RawRecord, RunReport, RunState, Severity
from federation.pipeline.mapping import Naming
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pushed import PushedActivity, PushedRecord
from federation.pipeline.sources import Source
from federation.pipeline.timely import UPDATED, when

NO_OWNER = "no-owner"
"""Rule: the origin of an object is to say whose it is, before it is taken from anybody."""
_OLDER = "older-than-known"  # rule: something later is known of the record
_HELD = "held"
_PRESENT = frozenset(state.value for state in PRESENT)
_AGAIN = frozenset({RunState.ABANDONED, RunState.FAILED, RunState.INCOMPLETE})


Records = Mapping[str, str | None]
"""The IRIs of records by the ids of their objects."""


class Writing(Protocol):
    """The writing side of an open instance (writer.Writer), as far as it is needed here."""

    def source(self, name: str) -> Source:
        """One source by its id. Raises ConfigError."""

    def push(self, source: Source, activities: Sequence[PushedActivity]) -> RunReport:
        """Take verified activities of one bound partner into the graph."""

    def push_records(self, partner: PeerPartner, records: Sequence[PushedRecord]) -> RunReport:
        """Take records of one partner of another Carrefour into the graph."""

    def block(self, origin: str) -> list[RunReport]:
        """Withdraw all that came from another Carrefour, until unblocked."""

    def unblock(self, origin: str) -> list[RunReport]:
        """Bring back what was withdrawn."""

    def carry_out(self, order: Order, progress: Callable[[str, int, int | None], None]) -> RunReport:
        """Replay, undo or retire, as an order says."""


class Relaying(Protocol):
    """What announces to the followers of the commons (relay.py)."""

    def pass_on(self, heard: Iterable[Heard], tx: Connection | None = None) -> None:
        """Announce what bound partners have sent us, by the bytes that were received."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A statement that may be taken in, and where: for a bound partner, or for the partner of a sync peer."""

    row: InboxRow
    said: Statement
    binding: BindingRow | None
    owner: ActorRow | None = None


class Retry(Exception):
    """The run did not go through: its activities are to be tried again."""


class Graphs:
    """Takes what is ready into the graph. Only for the thread that may write."""

    def __init__(
        self, ledger: Ledger, names: Names, post: Post, relay: Relaying, clock: Callable[[], datetime]
    ) -> None:
        self._ledger, self._names, self._post, self._relay = ledger, names, post, relay
        self._clock = clock

    def take(self, batch: Sequence[Ready], writer: Writing) -> list[tuple[InboxRow, str, bool]]:
        """Take statements in, and settle their rows; give those that did not go: row, rule, whether to try again.

        Raises EngineUnavailable, DataFolderBusy: then what was not settled is claimed again later, to the same effect.
        """
        groups: dict[str, list[Ready]] = defaultdict(list)
        for one in batch:
            groups[one.binding.source if one.binding else one.said.actor].append(one)
        failed: list[tuple[InboxRow, str, bool]] = []
        for group in groups.values():
            known = self._ledger.ap_objects.many(one.said.name for one in group)
            timely = [one for one in group if self._is_timely(one, known, failed)]
            try:
                if timely:
                    self._take(timely, known, writer, failed)
            except (ConfigError, PeerError) as error:
                rule = "source-idle" if isinstance(error, ConfigError) else "peer-actor"
                failed += [(one.row, rule, False) for one in timely]
            except Retry as error:
                failed += [(one.row, str(error), True) for one in timely]
        return failed

    def _is_timely(self, one: Ready, known: Mapping[str, ObjectRow], failed: list[tuple[InboxRow, str, bool]]) -> bool:
        """Whether a statement may replace what is known of its object; if not, it is put to what did not go."""
        said = one.said
        rule = refusal(known.get(said.name), said.actor, _stated(said), said.kind == "Create", said.confirmed)
        if said.kind == "Delete" and rule in {"tombstone", "no-date"}:
            rule = None  # a Delete without a date is its owner's word all the same, and again it changes nothing
        if rule is not None:
            failed.append((one.row, rule, False))
        return rule is None

    def _take(
        self,
        group: Sequence[Ready],
        known: Mapping[str, ObjectRow],
        writer: Writing,
        failed: list[tuple[InboxRow, str, bool]],
    ) -> None:
        binding = group[0].binding
        if binding is not None:
            source = writer.source(binding.source)
            naming = Naming(source, self._names.origin)
            records: Records = {one.said.name: _record(naming, one.said) for one in group}
            group = self._owned(self._unclashing(group, records, known, failed), records, known, failed)
            if not group:
                return
            self._reserve(group, binding.source, records, known)
            report, name = writer.push(source, [_pushed(one) for one in group]), binding.source
        else:
            records = {one.said.name: one.said.record for one in group}
            if not (group := self._unclashing(group, records, known, failed)):
                return
            partner = _partner(group[0])
            self._reserve(group, partner.slug, records, known)
            report, name = writer.push_records(partner, [_peer_record(one) for one in group]), partner.slug
        if report.state in _AGAIN:
            raise Retry(f"run-{report.state.value}")
        judged = self._judged(report, group, records)
        ours = self._ledger.records.get([record for record in records.values() if record is not None])
        with self._ledger.write() as tx:
            unended = self._ledger.ap_inbox.unended([one.row.id for one in group], tx)
            group = [one for one in group if one.row.id in unended]
            taken = [one for one in group if one.said.name not in judged]
            self._ledger.ap_objects.put(
                [self._row(one, name, records[one.said.name], known.get(one.said.name), report) for one in taken], tx
            )
            self._ledger.ap_inbox.settle([self._told(one, judged.get(one.said.name), report, tx) for one in group], tx)
            # nobody is told of a Note, which makes no record, nor of a Delete of what was never here
            self._relay.pass_on(self._heard([one for one in taken if records[one.said.name] in ours]), tx)

    def _reserve(self, group: Sequence[Ready], source: str, records: Records, known: Mapping[str, ObjectRow]) -> None:
        """Note whose the records of new objects are, before the log tells of them: else they would go out as ours."""
        self._ledger.ap_objects.put(
            [
                ObjectRow(
                    one.said.name, records[one.said.name], one.said.actor, origin_of(one.said.actor).authority, source,
                    None, None, ObjectState.LIVE, "public", {},
                )
                for one in group
                if one.said.name not in known and one.said.kind != "Delete"
            ]
        )  # fmt: skip

    def _unclashing(
        self,
        group: Sequence[Ready],
        records: Records,
        known: Mapping[str, ObjectRow],
        failed: list[tuple[InboxRow, str, bool]],
    ) -> list[Ready]:
        """Those whose record belongs to no other object: one record IRI, one object id (design, section 3)."""
        kept: dict[str, Ready] = {}
        wanted = {one.said.name: records[one.said.name] or one.said.name for one in group}
        owners = self._ledger.ap_objects.by_records(iri for name, iri in wanted.items() if name not in known)
        for one in group:
            record = wanted[one.said.name]
            owner = owners.get(record) if one.said.name not in known else None
            if record in kept or (owner is not None and owner.id != one.said.name):
                failed.append((one.row, "record:taken", False))
            else:
                kept[record] = one
        return list(kept.values())

    def _owned(
        self,
        group: Sequence[Ready],
        records: Records,
        known: Mapping[str, ObjectRow],
        failed: list[tuple[InboxRow, str, bool]],
    ) -> list[Ready]:
        """Those of which it is clear whose they are: what came by a visit is nobody's until its origin says so.

        Of several actors that push for one partner none takes over what is another's (abuse 14).
        """
        unclear = {one.said.name for one in group if one.said.name not in known and not one.said.confirmed}
        found = self._ledger.records.get([iri for name in unclear if (iri := records[name]) is not None])
        visited = {name for name in unclear if records[name] in found}
        failed.extend((one.row, NO_OWNER, False) for one in group if one.said.name in visited)
        return [one for one in group if one.said.name not in visited]

    def _told(self, one: Ready, rule: str | None, report: RunReport, tx: Connection) -> Outcome:
        """What becomes of an activity after its run; who is to hear of it does."""
        if rule == _OLDER:
            return Outcome(one.row.id, InboxState.DROPPED, "older")
        if rule == _HELD:  # the guard asks a person; what is approved is worked on again
            return Outcome(one.row.id, InboxState.HELD, held_in(report.run))
        if rule is not None:
            self._tell_sender(one, report, tx)
            return Outcome(one.row.id, InboxState.QUARANTINED, "record-refused")
        return Outcome(one.row.id, InboxState.DONE, "taken")

    def _heard(self, taken: Sequence[Ready]) -> Iterator[Heard]:
        """What of that which was taken in the commons passes on."""
        for one in taken:
            if one.binding is not None and one.row.raw is not None and may_announce(one.said, self._names):
                yield Heard(one.said.kind, one.row.activity, one.said.name, one.row.raw)

    def _judged(self, report: RunReport, group: Sequence[Ready], records: Records) -> Mapping[str, str]:
        """What a run did not take, by object: the rule of the finding that says why, or that the guard holds it."""
        counts = report.counts
        found: dict[str, str] = {}
        if counts.rejected or counts.held or counts.excluded:
            told = _telling(report)
            for one in group:
                rule = told.get(one.said.name[:200]) or told.get(records[one.said.name] or "")
                if rule is not None:
                    found[one.said.name] = rule
        if report.state is RunState.HELD:
            for one in self._waiting(report, group, records):
                found.setdefault(one.said.name, _HELD)
        return found

    def _waiting(self, report: RunReport, group: Sequence[Ready], records: Records) -> list[Ready]:
        """What the guard has withheld of a run: what is not in the graph as it says, nor gone as it says."""
        names = [record for record in records.values() if record is not None]
        states, kept = self._ledger.records.get(names), self._ledger.records.restrictions(names)
        changes = any(Part.CHANGES in hold.parts for hold in report.holds)
        found = []
        for one in group:
            record = records[one.said.name] or ""
            online = record in states and states[record].state in _PRESENT
            said = min(to_text(_stated(one.said) or one.said.received.at), to_text(report.started))
            behind = changes and online and str(kept.get(record, {}).get(UPDATED, "")) < said
            if behind or online is (one.said.kind == "Delete"):
                found.append(one)
        return found

    def _row(
        self, one: Ready, source: str, record: str | None, known: ObjectRow | None, report: RunReport
    ) -> ObjectRow:
        said, now = one.said, self._clock()
        deleted = said.kind == "Delete"
        stated = _stated(said)
        provenance: dict[str, Any] = {
            **said.received.words(),
            "run": report.run,
            "mapping": report.mapping_version or "",
        }
        return ObjectRow(
            id=said.name,
            record=record if known is None or known.record is None else known.record,
            owner=said.actor,
            host=origin_of(said.actor).authority,
            source=source,
            updated=to_text(stated) if stated is not None else to_text(said.received.at),
            digest=None if deleted else said.digest,
            state=ObjectState.TOMBSTONE if deleted else ObjectState.LIVE,
            audience="public",
            provenance=provenance,
            deleted=to_text(stated or now) if deleted else None,
            checked=to_text(now),  # its owner spoke of it: that is as good as a look
        )

    def _tell_sender(self, one: Ready, report: RunReport, tx: Connection) -> None:
        """Reject what was refused, with the address of the account: to partners only, at the inbox they declare."""
        actor = self._ledger.ap_actors.get(one.said.actor, tx)
        if one.binding is None or actor is None or actor.gone is not None:
            return
        say: Saying = self._post.saying(self._names.instance)
        account = f"{self._names.origin}/runs/{report.run}"
        made = activities.reject_record(self._names, say, actor.id, one.row.activity, account)
        self._post.tell(say, made, Target(actor.inbox, actor.host), tx)


def _stated(said: Statement) -> datetime | None:
    """When the owner last spoke of the object, by its own clock; None if it does not say."""
    thing, document = said.thing or {}, said.document
    about = document.get("object")
    if said.kind == "Delete" and isinstance(about, Mapping):
        thing = about
    told = [thing.get("updated"), thing.get("deleted"), thing.get("published") if said.kind == "Create" else None]
    told += [document.get("updated"), document.get("published")]
    found = next((at for value in told if (at := when(value)) is not None), None)
    return None if found is None else from_text(found)


def _pushed(one: Ready) -> PushedActivity:
    said = one.said
    document = {**said.document, "type": said.kind, "actor": said.actor}
    return PushedActivity(document, said.name if said.thing is None else said.thing, said.received)


def _record(naming: Naming, said: Statement) -> str | None:
    """The IRI of the record that an object makes; None if it makes none."""
    row = {**(said.thing or {}), "id": said.name, "@id": said.name}
    key = naming.key(RawRecord(said.name, row))
    return None if key is None else naming.home + key


def _peer_record(one: Ready) -> PushedRecord:
    said = one.said
    stated = _stated(said)
    updated = to_text(stated) if stated is not None else to_text(said.received.at)
    data = said.data if said.kind in BRINGING else None
    return PushedRecord(said.record, said.actor, updated, said.received, data, said.digest if data else "")


def _partner(one: Ready) -> PeerPartner:
    document = one.owner.document if one.owner is not None else {}
    name, url = document.get("name"), document.get("url")
    plain = url if isinstance(url, str) and url.startswith(("https://", "http://")) else None
    return PeerPartner(one.said.actor, name[:200] if isinstance(name, str) and name.strip() else one.said.actor, plain)


def _telling(report: RunReport) -> Mapping[str, str]:
    """The rules of findings that say why something was not taken, by the places of rows and by records."""
    telling = [one for one in report.findings if one.severity is Severity.VIOLATION or one.rule == _OLDER]
    return {word: one.rule for one in telling for word in (one.where, one.record) if word}


def may_announce(said: Statement, names: Names) -> bool:
    """Whether the commons passes on what a bound partner stated: said to it, by nobody in between.

    Never an Announce, nor what came through another Group: so nothing goes round (design, section 6).
    """
    direct = not said.received.announcer and said.document.get("type") in ABOUT_OBJECTS
    return direct and names.commons in set(addressees(said.document))
