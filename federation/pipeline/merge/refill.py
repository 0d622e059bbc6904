"""Fills an empty store from the records' own graphs and the ledger: the merged view made again from scratch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from federation.engines import GraphReader, GraphWrite, TripleStore
from federation.ledger import Ledger
from federation.ledger.records import PRESENT, RecordState
from federation.model import Tier, to_lines
from federation.pipeline.merge.descriptions import partner_iri, partner_lines, record_lines, run_lines, source_lines
from federation.pipeline.merge.effects import project_iri, replaced_lines, view_of
from federation.pipeline.merge.project import merged_project
from federation.pipeline.peering import noted

_AT_ONCE = 1000  # projects per batch: as many as a harvest applies


def refill(
    store: TripleStore, reader: GraphReader, ledger: Ledger, base_url: str, single_valued: Collection[str]
) -> int:
    """Copy every present record's graph from ``reader`` to ``store`` and merge each project anew; return their number.

    Describes partners, sources and the runs that wrote something. The vocabulary is the caller's. Raises
    EngineUnavailable.
    """
    groups = ledger.records.by_project()
    count = 0
    while part := list(islice(groups, _AT_ONCE)):
        writes: list[GraphWrite] = []
        default: list[str] = []
        for group in part:
            if any(state.state in PRESENT for state in group):
                count += 1
                default += _project(group, writes, reader, ledger, base_url, single_valued)
        store.write([*writes, GraphWrite(None, "".join(default), fresh=True)])
    store.write([GraphWrite(None, "".join(_descriptions(ledger, base_url)))])
    return count


def _project(
    group: Sequence[RecordState],
    writes: list[GraphWrite],
    reader: GraphReader,
    ledger: Ledger,
    base_url: str,
    single_valued: Collection[str],
) -> Iterator[str]:
    present = [state for state in group if state.state in PRESENT]
    contents = {state.record: to_lines(reader.graph(state.record)) for state in present}
    writes.extend(GraphWrite(record, content, fresh=True) for record, content in contents.items())
    pid = str(group[0].pid)
    views = [
        view_of(ledger, state.record, state.partner, contents[state.record], Tier(state.tier), len(present))
        for state in present
    ]
    yield merged_project(project_iri(base_url, pid), views, single_valued)
    if len(group) > 1:
        minted = ledger.identities.of_homes(state.record for state in group)
        yield from replaced_lines(base_url, (each.pid for each in minted.values()), pid)
    for state in present:
        yield record_lines(state.record, Tier(state.tier), state.first_seen, state.digest)


def partner_iris(base_url: str, slug: str, ledger: Ledger) -> list[str]:
    """The names of a partner: ours and, of one of another Carrefour, the one that its records bear."""
    abroad = noted(slug, ledger)
    return [partner_iri(base_url, slug), *([abroad.actor] if abroad is not None else [])]


def _descriptions(ledger: Ledger, base_url: str) -> Iterator[str]:
    for partner in ledger.sources.partners():
        for iri in partner_iris(base_url, partner.slug, ledger):
            yield partner_lines(iri, partner)
    for source in ledger.sources.all():
        yield source_lines(base_url, source)
    for report in ledger.runs.that_wrote():
        yield run_lines(base_url, report)
