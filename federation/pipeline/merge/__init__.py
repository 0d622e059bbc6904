"""Apply: writes planned records into the store and the ledger so that a crash leaves each old or new, never half.

Journal (pending) → store → one SQL transaction (states, links, changes, journal done). Never a second way in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from federation.engines import GraphWrite, TripleStore
from federation.errors import CarrefourError, EngineUnavailable
from federation.ledger import Ledger
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import from_text, to_text
from federation.linking import Decision
from federation.model import Action, Change, Reason, Record, RunReport, Tier, to_lines
from federation.pipeline.merge.descriptions import (
    partner_lines,
    run_iri,
    run_lines,
    source_iri,
    source_lines,
)
from federation.pipeline.merge.effects import Batch, Effects, Item, Workshop, project_iri, removal
from federation.pipeline.merge.project import RecordView, merged_project
from federation.pipeline.merge.refill import partner_iris, refill

__all__ = ["AppliedBatch", "Item", "Merger", "RecordView", "merged_project", "project_iri", "removal"]

_VOCABULARY, _SUBJECTS = "vocabulary", "vocabulary-subjects"  # facts: what of it is in the public graph
_PUBLISHED = "published-batch"  # fact: the last batch of the journal that the newest checkpoint holds
_BETWEEN = timedelta(seconds=1)  # at least, from one checkpoint for readers to the next


@dataclass(frozen=True, slots=True)
class AppliedBatch:
    """What followed from a batch: its changes, and the content of each project touched (None: it answers no more)."""

    changes: tuple[Change, ...]
    projects: Mapping[str, str | None]


class Merger:
    """The one writer of the public graph. Not for several threads at once."""

    def __init__(
        self,
        store: TripleStore,
        ledger: Ledger,
        base_url: str,
        clock: Callable[[], datetime],
        single_valued: Collection[str],
        decisions: Sequence[Decision] = (),
    ) -> None:
        """``single_valued``: IRIs of project properties that take one value; ``decisions``: people's on identity."""
        self._store = store
        self._ledger = ledger
        self._base = base_url
        self._clock = clock
        self._single_valued = frozenset(single_valued)
        self._vocabulary: tuple[str, Mapping[str, str]] | None = None
        self._workshop = Workshop(ledger, store.reader(), base_url, single_valued, decisions)
        self._published: datetime | None = None
        self._behind = False  # something is written that readers do not see yet
        self._broken = False  # a write failed half-way: only a restart may go on

    def recover(self) -> list[RunReport]:
        """Finish what a crash cut short: roll pending batches forward, mark running runs as abandoned, publish.

        Publishes only if readers do not see all that is written. To be called once, before anything else is written.
        Returns the abandoned runs. Raises EngineUnavailable.
        """
        for pending in self._ledger.journal.pending():
            payload = orjson.loads(pending.payload)
            try:
                if payload["kind"] == "records":
                    self._carry_out(pending.batch, _unpack(payload), replayed=True)
                else:
                    self._carry_out_descriptions(pending.batch, payload["remove"], payload["content"])
            except ValueError as error:
                raise EngineUnavailable(
                    f"Row {pending.batch} of the journal holds what the store cannot read ({error}). Nothing published "
                    "is lost; keep a copy of the data folder and report this."
                ) from error
        abandoned = self._ledger.runs.abandon_open(self._clock())
        for report in abandoned:
            if self._ledger.journal.wrote(report.run):
                self._describe(report.run, {run_iri(self._base, report.run): run_lines(self._base, report)})
        if not self._all_published():
            self.publish()
        return abandoned

    def declare(self, partner: PartnerRow, source: SourceRow, language: str) -> None:
        """Note a partner and one of its sources, and describe them in the public graph if that says anything new."""
        source = replace(source, lang=language)
        self._ledger.sources.declare(partner, source)
        described = {
            **{iri: partner_lines(iri, partner) for iri in partner_iris(self._base, partner.slug, self._ledger)},
            source_iri(self._base, source.id): source_lines(self._base, source),
        }
        present = self._store.reader().describe(described)
        self._describe("", {iri: lines for iri, lines in described.items() if to_lines(present[iri]) != lines})

    def describe_vocabulary(self, version: str, statements: Mapping[str, str]) -> None:
        """Put the ontology and the thesauri into the public graph: lines by subject IRI. Nothing if they are there."""
        self._vocabulary = (version, statements)
        stamp = hashlib.sha256(orjson.dumps([version, sorted(statements.items())])).hexdigest()
        if self._ledger.cursors.fact(_VOCABULARY) == stamp:
            return
        before = orjson.loads(self._ledger.cursors.fact(_SUBJECTS) or "[]")
        self._describe("", {**dict.fromkeys(before, ""), **statements})
        self._ledger.cursors.set_fact(_SUBJECTS, orjson.dumps(sorted(statements)).decode())
        self._ledger.cursors.set_fact(_VOCABULARY, stamp)
        self.publish()

    def rebuild(self) -> int:
        """Make the default graph again from the records' own graphs and the ledger, aside, then swap it in.

        Returns the number of projects. Raises EngineUnavailable; then the store is as it was.
        """
        self._refuse_if_broken()
        reader = self._store.reader()
        self._ledger.cursors.set_fact(_PUBLISHED, "")  # a crash between the swap and its checkpoint leaves this sign
        with self._store.rebuild() as aside:
            projects = refill(aside, reader, self._ledger, self._base, self._single_valued)
            if self._vocabulary is not None:
                aside.write([GraphWrite(None, "".join(self._vocabulary[1].values()))])
            aside.publish(self._ledger.changes.last_seq())
        self._note_published()
        return projects

    def scour(self, move_on: Callable[[], None], let_go: float) -> None:
        """Fill the store anew, so that its files keep nothing of what was removed, and keep no earlier checkpoint.

        ``move_on`` is called when readers can see the new one; others get ``let_go`` seconds. Takes as long as a
        rebuild: to delete and compact would leave what was deleted in files that nothing rewrites (measured). Raises
        EngineUnavailable.
        """
        self.rebuild()
        move_on()
        self._store.drop_earlier(let_go)

    def apply(self, run: str, mapping_version: str, items: Sequence[Item]) -> AppliedBatch:
        """Write a batch of about 1,000 records, each at most once, all of one source.

        Returns when all of it is durable; readers see it within a second or at the end of the run. Raises
        EngineUnavailable: then the batch is finished by :meth:`recover` at the next start, and this merger is done.
        """
        if not items:
            return AppliedBatch((), {})
        self._refuse_if_broken()
        batch = Batch(run, mapping_version, to_text(self._clock()), tuple(items))
        effects = self._workshop.work_out(batch)
        with self._ledger.write() as tx:  # what is to be changed is kept before it is
            self._ledger.revisions.add(run, items[0].record.source, from_text(batch.applied), effects.revisions, tx)
            number = self._ledger.journal.add(run, _pack(batch, effects.remove), tx)
        return self._carry_out(number, batch, replayed=False, effects=effects)

    def graphs(self, records: Iterable[str]) -> dict[str, str]:
        """The content of records as they are now, published or not; empty for one that is not online."""
        reader = self._store.reader()
        return {record: to_lines(reader.graph(record)) for record in records}

    def finish(self, report: RunReport, whole: bool = False) -> None:
        """Write the account of a run; describe it in the public graph if it wrote any record; publish the rest.

        ``whole``: it saw a whole list, so all records that are present and not missing were seen. The run's findings
        are added apart, as they come.
        """
        self._refuse_if_broken()
        if self._ledger.journal.wrote(report.run):
            self._describe(report.run, {run_iri(self._base, report.run): run_lines(self._base, report)})
        with self._ledger.write() as tx:
            self._ledger.runs.finish(report, tx)
            if whole:
                self._ledger.records.end_run(report.source, report.run, tx)
            self._ledger.sources.note_run(report.source, report.run, tx)
        if self._behind:
            self.publish()

    def publish(self) -> None:
        """Make everything written visible to readers now."""
        self._store.publish(self._ledger.changes.last_seq())
        self._note_published()

    def _note_published(self) -> None:
        """Remember what the newest checkpoint holds. After the checkpoint: a crash in between only repeats one."""
        self._ledger.cursors.set_fact(_PUBLISHED, str(self._ledger.journal.last_done()))
        self._published = self._clock()
        self._behind = False

    def _all_published(self) -> bool:
        """Whether the newest checkpoint holds every batch: changes by their number, descriptions by the journal's.

        The change number alone would not do (a description has none), nor the note alone (the checkpoints may have
        been removed or taken from a backup).
        """
        noted = self._ledger.cursors.fact(_PUBLISHED) == str(self._ledger.journal.last_done())
        return noted and self._store.reader().seq == self._ledger.changes.last_seq()

    def now(self) -> datetime:
        """The time, as this instance's clock has it."""
        return self._clock()

    def close(self) -> None:
        """Publish what readers do not see yet. The store and the ledger belong to whoever opened them."""
        if self._behind and not self._broken:
            self.publish()

    def _carry_out(self, number: int, batch: Batch, replayed: bool, effects: Effects | None = None) -> AppliedBatch:
        effects = effects or self._workshop.work_out(batch)
        self._write(effects.writes(replayed))
        regrouping = effects.regrouping
        restricted = {item.record.iri: item.record.restricted for item in batch.items}
        try:
            with self._ledger.write() as tx:
                self._ledger.records.put(effects.states, tx)
                self._ledger.records.restrict(restricted, tx)
                self._ledger.identities.mint(regrouping.fresh, tx)
                self._ledger.identities.replace_claims(restricted, regrouping.claims, tx)
                changes = self._ledger.changes.append(effects.changes, from_text(batch.applied), tx)
                self._ledger.journal.close(number, tx)
        except CarrefourError:
            self._broken = True
            raise
        self._publish_in_time()
        return AppliedBatch(tuple(changes), effects.projects)

    def _describe(self, run: str, described: Mapping[str, str]) -> None:
        """Replace descriptions in the default graph, by way of the journal like everything else."""
        if not described:
            return
        present = self._store.reader().describe(described)
        remove = to_lines(triple for triples in present.values() for triple in triples)
        content = "".join(described.values())
        payload = {"kind": "descriptions", "remove": remove, "content": content}
        self._carry_out_descriptions(self._ledger.journal.add(run, orjson.dumps(payload)), remove, content)

    def _carry_out_descriptions(self, number: int, remove: str, content: str) -> None:
        self._write([GraphWrite(None, content, remove)])
        with self._ledger.write() as tx:
            self._ledger.journal.close(number, tx)
        self._behind = True

    def _write(self, writes: Sequence[GraphWrite]) -> None:
        try:
            self._store.write(writes)
        except (CarrefourError, ValueError):
            self._broken = True
            raise

    def _publish_in_time(self) -> None:
        self._behind = True
        if self._published is None or abs(self._clock() - self._published) >= _BETWEEN:
            self.publish()

    def _refuse_if_broken(self) -> None:
        if self._broken:
            raise EngineUnavailable(
                "An earlier write failed half-way. Start again: what was being written is finished first.",
                "Une écriture précédente s'est arrêtée à moitié. Recommencez : ce qui était en cours est terminé "
                "d'abord.",
            )


def _pack(batch: Batch, remove: str) -> bytes:
    payload = {
        "kind": "records",
        "run": batch.run,
        "mapping_version": batch.mapping_version,
        "applied": batch.applied,
        "items": batch.items,
        "remove": remove,
    }
    return orjson.dumps(payload, default=dict)  # default: a Mapping that is no dict


def _unpack(payload: Mapping[str, Any]) -> Batch:
    items = tuple(
        Item(
            Action(item["action"]),
            Record(**{**item["record"], "claims": tuple(item["record"]["claims"])}),
            Tier(item["tier"]),
            None if item.get("reason") is None else Reason(item["reason"]),
        )
        for item in payload["items"]
    )
    return Batch(payload["run"], payload["mapping_version"], payload["applied"], items, payload["remove"])
