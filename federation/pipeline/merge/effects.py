"""What a batch of records changes: graphs, projects, states and the change log. It reads, and writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from federation.engines import GraphReader, GraphWrite
from federation.ledger import Ledger
from federation.ledger.changes import NewChange
from federation.ledger.records import PRESENT, RecordState, RecordStatus
from federation.ledger.revisions import Revision
from federation.linking import Arrival, Cluster, Decision, Regrouping, claims_of, regroup
from federation.model import Action, Reason, Record, Tier, to_lines
from federation.pipeline.merge.descriptions import record_lines
from federation.pipeline.merge.project import DCTERMS, RecordView, merged_project, modified_of, published_by_holder


@dataclass(frozen=True, slots=True)
class Item:
    """One record to write. DELETE: ``record`` needs no content, ``tier`` is ignored (see :func:`removal`)."""

    action: Action
    record: Record
    tier: Tier
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of one journal row. ``applied``: ledger time of the first attempt, which a replay repeats.

    ``remove`` holds the lines of the default graph to take out; None until they have been looked up.
    """

    run: str
    mapping_version: str
    applied: str
    items: tuple[Item, ...]
    remove: str | None = None


@dataclass(slots=True)
class Effects:
    """All that follows from a batch. ``projects``: content by project IRI, None when it answers no more."""

    regrouping: Regrouping
    remove: str = ""
    graphs: list[GraphWrite] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    default: list[str] = field(default_factory=list)
    states: list[RecordState] = field(default_factory=list)
    changes: list[NewChange] = field(default_factory=list)
    projects: dict[str, str | None] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)

    def writes(self, replayed: bool) -> list[GraphWrite]:
        """For the store. A replayed batch may be there already, so then nothing is promised to be fresh."""
        if replayed:
            graphs = [GraphWrite(each.graph, each.content) for each in self.graphs]
            return [*graphs, GraphWrite(None, "".join(self.fresh + self.default), self.remove)]
        default = GraphWrite(None, "".join(self.default), self.remove)
        fresh = GraphWrite(None, "".join(self.fresh), fresh=True)
        return [*self.graphs, *(each for each in (fresh, default) if each.content or each.remove)]


def removal(state: RecordState, reason: Reason) -> Item:
    """The item that withdraws a known record, and why."""
    gone = Record(state.record, state.partner, state.source, state.key, state.page or "", "", "", state.raw_hash)
    return Item(Action.DELETE, gone, Tier.ESSENTIAL, reason)


def view_of(ledger: Ledger, record: str, partner: str, content: str, tier: Tier, among: int) -> RecordView:
    """A record as merging sees it; what decides between records is looked up only ``among`` several."""
    if among == 1:
        return RecordView(record, content, tier)
    who = ledger.sources.partner(partner)
    own = who is not None and published_by_holder(content, who.name, who.url)
    return RecordView(record, content, tier, modified_of(record, content), own)


def replaced_lines(base_url: str, pids: Iterable[str], pid: str) -> list[str]:
    """Where the IRIs that a project does not answer under lead."""
    project = project_iri(base_url, pid)
    others = sorted(set(pids) - {pid})
    return [f"<{project_iri(base_url, each)}> <{DCTERMS}isReplacedBy> <{project}> .\n" for each in others]


def project_iri(base_url: str, pid: str) -> str:
    """IRI of a merged project."""
    return f"{base_url}/id/projet/{pid}"


class Workshop:
    """Works out batches. It holds what does not change between them."""

    def __init__(
        self,
        ledger: Ledger,
        reader: GraphReader,
        base_url: str,
        single_valued: Collection[str],
        decisions: Sequence[Decision],
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._base = base_url
        self._single_valued = frozenset(single_valued)
        self._decisions = decisions

    def work_out(self, batch: Batch) -> Effects:
        """Find all that follows from a batch. Raises ValueError (a record twice, or of another source)."""
        items = {item.record.iri: item for item in batch.items}
        if len(items) != len(batch.items):
            raise ValueError("a record comes twice in one batch")
        with self._ledger.read() as tx:
            regrouping = regroup(
                self._ledger, [_arrival(item) for item in batch.items], batch.applied, tx, self._decisions
            )
        states = regrouping.states
        for record, item in items.items():
            if record in states and states[record].source != item.record.source:
                raise ValueError(f"{record} belongs to the source {states[record].source}, not {item.record.source}")
        effects = Effects(regrouping)
        before = _by_pid(states)
        touched = [each for each in regrouping.clusters if _is_touched(each, items, before)]
        pids = {record: cluster.pid for cluster in touched for record in (*cluster.live, *cluster.withdrawn)}
        self._projects(effects, touched, items)
        self._records(effects, batch, pids)
        self._moves(effects, items, touched, pids)
        effects.remove = self._stale(states, items, pids, regrouping) if batch.remove is None else batch.remove
        return effects

    def _projects(self, effects: Effects, touched: Iterable[Cluster], items: Mapping[str, Item]) -> None:
        """Merge each touched project; say where the IRIs that it does not answer under lead."""
        states, minted = effects.regrouping.states, effects.regrouping.minted
        for cluster in touched:
            records = (*cluster.live, *cluster.withdrawn)
            for record in records:
                if (state := states.get(record)) is not None and state.pid:
                    effects.projects.setdefault(project_iri(self._base, state.pid), None)
            project = project_iri(self._base, cluster.pid)
            if not cluster.live:
                effects.projects.setdefault(project, None)
                continue
            views = [self._view(record, items.get(record), states, len(cluster.live)) for record in cluster.live]
            content = merged_project(project, views, self._single_valued)
            effects.projects[project] = content
            lines = replaced_lines(self._base, (minted[record].pid for record in records), cluster.pid)
            is_fresh = all(_is_fresh(states.get(record)) for record in records)
            (effects.fresh if is_fresh else effects.default).extend((content, *lines))

    def _view(self, record: str, item: Item | None, states: Mapping[str, RecordState], among: int) -> RecordView:
        if item is not None:
            content, tier, partner = item.record.content, item.tier, item.record.partner
        else:
            content, tier = to_lines(self._reader.graph(record)), Tier(states[record].tier)
            partner = states[record].partner
        return view_of(self._ledger, record, partner, content, tier, among)

    def _records(self, effects: Effects, batch: Batch, pids: Mapping[str, str]) -> None:
        """The batch's own records: their graphs, our words on them, their states and changes."""
        for item in batch.items:
            record, state = item.record, effects.regrouping.states.get(item.record.iri)
            project = project_iri(self._base, pids[record.iri])
            if item.action is Action.DELETE:
                if state is None or state.state == RecordStatus.WITHDRAWN:
                    continue
                withdrawn = state._replace(
                    state=RecordStatus.WITHDRAWN.value,
                    last_run=batch.run,
                    reason=None if item.reason is None else item.reason.value,
                    withdrawn_at=batch.applied,
                )
                effects.revisions.append(self._before(record.iri, state))
                effects.states.append(withdrawn._replace(pid=pids[record.iri]))
                effects.graphs.append(GraphWrite(record.iri, ""))
                effects.changes.append(NewChange(Action.DELETE, record.iri, "", project))
                continue
            first_seen = batch.applied if state is None else state.first_seen
            effects.states.append(_live_state(item, batch, first_seen, pids[record.iri]))
            is_fresh = _is_fresh(state)
            lines = record_lines(record.iri, item.tier, first_seen, record.digest)
            (effects.fresh if is_fresh else effects.default).append(lines)
            if state is None or state.state not in PRESENT:
                effects.revisions.append(Revision(record.iri, state, None, {}))
                effects.graphs.append(GraphWrite(record.iri, record.content, fresh=is_fresh))
                effects.changes.append(NewChange(Action.CREATE, record.iri, record.digest, project))
            elif state.digest != record.digest or self._differs(record, state):
                effects.revisions.append(self._before(record.iri, state))
                effects.graphs.append(GraphWrite(record.iri, record.content))
                effects.changes.append(NewChange(Action.UPDATE, record.iri, record.digest, project))
            elif state.tier != item.tier.value:  # its graph is as it was, and nobody is told; but it may be undone
                effects.revisions.append(self._before(record.iri, state))

    def _differs(self, record: Record, state: RecordState) -> bool:
        """Whether a record of another Carrefour, kept to the byte, has another stamp of the run that made it there."""
        return record.raw_hash != state.raw_hash and not record.iri.startswith(f"{self._base}/")

    def _before(self, record: str, state: RecordState) -> Revision:
        content = to_lines(self._reader.graph(record)) if state.state in PRESENT else None
        return Revision(record, state, content, self._ledger.records.restricted(record))

    def _moves(
        self,
        effects: Effects,
        items: Mapping[str, Item],
        touched: Iterable[Cluster],
        pids: Mapping[str, str],
    ) -> None:
        """Tell followers of projects that changed, by IRI or by content, without a record of the batch saying so.

        A record that moves gets one line for the project it left, if nothing else tells of that, before the line for
        the project it is of now: the last line of a record is always true.
        """
        states = effects.regrouping.states
        noted = {state.record for state in effects.states}  # not all items: one withdrawn twice may still move
        moved: list[NewChange] = []
        told = {change.project for change in effects.changes}
        told_of = {change.record for change in effects.changes}
        left: dict[str, NewChange] = {}
        for cluster in touched:
            project = project_iri(self._base, cluster.pid)
            for record in (*cluster.live, *cluster.withdrawn):
                state = states.get(record)
                if state is None or not state.pid or state.pid == pids[record]:
                    continue
                was = project_iri(self._base, state.pid)
                if record in cluster.withdrawn:
                    left[was] = NewChange(Action.DELETE, record, "", was)
                else:
                    left[was] = NewChange(Action.UPDATE, record, state.digest, was)
                    if record not in told_of:
                        moved.append(NewChange(Action.UPDATE, record, state.digest, project))
                        told.add(project)
                if record not in noted:
                    effects.states.append(state._replace(pid=pids[record]))
            others = [record for record in cluster.live if record not in items]
            if others and project not in told:
                moved.append(NewChange(Action.UPDATE, others[0], states[others[0]].digest, project))
                told.add(project)
        farewells = [line for project, line in sorted(left.items()) if project not in told]
        effects.changes = [*farewells, *effects.changes, *moved]

    def _stale(
        self,
        states: Mapping[str, RecordState],
        items: Mapping[str, Item],
        pids: Mapping[str, str],
        regrouping: Regrouping,
    ) -> str:
        """The lines of the default graph that the batch replaces."""
        subjects = {record for record in items if not _is_fresh(states.get(record))}
        for record in pids:
            state = states.get(record)
            if state is not None and state.pid:
                subjects.add(project_iri(self._base, state.pid))
                subjects.add(project_iri(self._base, regrouping.minted[record].pid))
        if not subjects:
            return ""
        described = self._reader.describe(sorted(subjects))
        return to_lines(triple for triples in described.values() for triple in triples)


def _arrival(item: Item) -> Arrival:
    record, live = item.record, item.action is not Action.DELETE
    claims = claims_of(record.iri, record.page, record.claims)
    return Arrival(record.iri, record.partner, record.source, claims, live, item.reason is not Reason.UNDONE)


def _is_fresh(state: RecordState | None) -> bool:
    """Whether nothing of a record can be in the store."""
    return state is None or state.state == RecordStatus.REJECTED


def _by_pid(states: Mapping[str, RecordState]) -> dict[str | None, set[str]]:
    grouped: dict[str | None, set[str]] = defaultdict(set)
    for record, state in states.items():
        grouped[state.pid].add(record)
    return grouped


def _is_touched(
    cluster: Cluster,
    items: Mapping[str, Item],
    before: Mapping[str | None, set[str]],
) -> bool:
    records = (*cluster.live, *cluster.withdrawn)
    return any(record in items for record in records) or before.get(cluster.pid) != set(records)


def _live_state(item: Item, batch: Batch, first_seen: str, pid: str) -> RecordState:
    record = item.record
    return RecordState(
        record=record.iri,
        partner=record.partner,
        key=record.key,
        source=record.source,
        digest=record.digest,
        raw_hash=record.raw_hash,
        row_hash=record.row_hash,
        mapping_version=batch.mapping_version,
        tier=item.tier.value,
        state=RecordStatus.LIVE.value,
        first_seen=first_seen,
        last_run=batch.run,
        page=record.page,
        pid=pid,
    )
