"""Checks a store against its ledger from scratch: nothing here trusts what merge computed step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from made_up import BASE, digest_of

from federation.engines import GraphReader
from federation.ledger import Ledger
from federation.ledger.records import PRESENT, RecordState, RecordStatus
from federation.linking import Member, answering, exact_links, partition
from federation.model import Action, Tier, to_lines
from federation.pipeline.merge.descriptions import record_lines
from federation.pipeline.merge.project import DCTERMS, RecordView, merged_project, modified_of, published_by_holder

COMPUTED = (f"<{BASE}/id/", f"<{BASE}/records/")  # beside them: runs, partners, sources, the vocabulary


def check(reader: GraphReader, ledger: Ledger, single_valued: Collection[str], batch: bool = True) -> dict[str, str]:
    """Assert that graphs, states, links, change log and default graph agree; return the graphs by record IRI.

    ``batch``: also that grouping all records at once gives the projects that merging step by step gave.
    """
    graphs = _graphs(reader)
    states = _states(ledger)
    present = {record: state for record, state in states.items() if state.state in PRESENT}
    assert set(graphs) == set(present), "each present record has its graph, and no graph is without a record"
    last = {change.record: change for change in ledger.changes.since(0, limit=10**9)}
    for record, state in states.items():
        if record in present:
            assert digest_of(graphs[record]) == state.digest, f"the graph of {record} is what its state says"
            assert last[record].digest == state.digest, f"the last change of {record} is what its state says"
            assert last[record].project == f"{BASE}/id/projet/{state.pid}"
        elif state.state == RecordStatus.WITHDRAWN:
            assert last[record].action is Action.DELETE
    seqs = [change.seq for change in ledger.changes.since(0, limit=10**9)]
    assert seqs == list(range(1, len(seqs) + 1)), "the change log has no gap"
    if batch:
        assert _grouped(states) == _regrouped(states, ledger), "step by step gives what all at once gives"
    told = (*COMPUTED, *(f"<{record}>" for record in states if not record.startswith(BASE)))  # those of peers, too
    default = "".join(line for line in _lines(to_lines(reader.graph(None))) if line.startswith(told))
    assert default == _recomputed(states, graphs, ledger, single_valued), "the default graph is what its records make"
    return graphs


def _graphs(reader: GraphReader) -> dict[str, str]:
    names = [row["g"][1:-1] for row in reader.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")]
    return {name: to_lines(reader.graph(name)) for name in names}


def _states(ledger: Ledger) -> dict[str, RecordState]:
    sources = {each.id for each in ledger.sources.all()}
    return {state.record: state for source in sources for state in ledger.records.states(source).values()}


def _grouped(states: Mapping[str, RecordState]) -> dict[str, str | None]:
    return {record: state.pid for record, state in states.items()}


def _regrouped(states: Mapping[str, RecordState], ledger: Ledger) -> dict[str, str]:
    members = {
        record: Member(record, state.partner, state.source, state.state in PRESENT) for record, state in states.items()
    }
    claims = defaultdict(list)
    for claim in ledger.identities.claims_of(states):
        claims[claim.hash].append(claim)
    links = [link for rows in claims.values() for link in exact_links(rows, members)]
    minted = ledger.identities.of_homes(states)
    return {record: answering(part, minted) for part in partition(members, links) for record in part}


def _recomputed(
    states: Mapping[str, RecordState], graphs: Mapping[str, str], ledger: Ledger, single_valued: Collection[str]
) -> str:
    projects: dict[str, list[RecordState]] = defaultdict(list)
    for state in states.values():
        projects[str(state.pid)].append(state)
    minted = ledger.identities.of_homes(states)
    lines: set[str] = set()
    for pid, of_project in projects.items():
        present = [state for state in of_project if state.state in PRESENT]
        if not present:
            continue
        project = f"{BASE}/id/projet/{pid}"
        views = [_view(state, graphs[state.record], ledger) for state in present]
        lines.update(_lines(merged_project(project, views, single_valued)))
        for state in of_project:
            if (home := minted[state.record].pid) != pid:
                lines.add(f"<{BASE}/id/projet/{home}> <{DCTERMS}isReplacedBy> <{project}> .\n")
        for state in present:
            lines.update(_lines(record_lines(state.record, Tier(state.tier), state.first_seen, state.digest)))
    return "".join(sorted(lines))


def _view(state: RecordState, content: str, ledger: Ledger) -> RecordView:
    who = ledger.sources.partner(state.partner)
    own = who is not None and published_by_holder(content, who.name, who.url)
    return RecordView(state.record, content, Tier(state.tier), modified_of(state.record, content), own)


def _lines(content: str) -> Iterable[str]:
    return (f"{line}\n" for line in content.split("\n") if line)
