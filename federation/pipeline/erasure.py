"""Carries out what people ask for under data protection law: a record leaves no trace, in tables, graph or files.

Each step may be repeated: what a crash cuts short is taken up when the instance is next opened for writing. All of it
goes through merge, so that the log tells of it and followers hear of it. Source: harvesting design, section 8.
"""

from __future__ import annotations

from collections.abc import Callable

from federation.ledger.records import PRESENT, RecordState
from federation.model import Reason
from federation.pipeline.apply import Site, write
from federation.pipeline.merge import removal

LET_GO = 30.0
"""Seconds given to whoever still reads an earlier state of the graph; its files go then, whether it has ended or not.
As long as a public query may take."""


def erase_asked(site: Site, index: Callable[[], None], let_go: float = LET_GO) -> int:
    """Erase the records that people have asked for; return how many. ``index`` makes the search index anew.

    Readers see them no more within a second; then the files of store, index and ledger are written anew, which takes as
    long as a rebuild. Raises EngineUnavailable; whatever is left is done by the next call.
    """
    ledger = site.ledger
    count = 0
    for record in ledger.erasures.asked():
        state = ledger.records.get([record]).get(record)
        if state is None:
            ledger.erasures.drop(record)
        else:
            _erase(site, state)
            count += 1
    if ledger.erasures.in_files():
        site.merger.publish()
        site.merger.scour(index, let_go)
        ledger.scour()
        ledger.erasures.files_done()
    return count


def _erase(site: Site, state: RecordState) -> None:
    """Remove one record from graph and ledger, with all kept bytes of its partner: none can be replayed any more.

    The first step is the hash that keeps it out whatever happens, the last strikes out the order.
    """
    ledger = site.ledger
    with ledger.write() as tx:
        ledger.forgotten.add(state.partner, state.key, site.merger.now(), tx)
    if state.state in PRESENT:
        write(site, [removal(state, Reason.PERSON)])
    for source in ledger.sources.all():
        if source.partner == state.partner:
            ledger.bodies.forget(source.id)
            ledger.cursors.set_in_store(source.id, "")  # the same feed again is not what the store has
    left = ledger.records.get([state.record])[state.record]
    with ledger.write() as tx:
        ledger.revisions.forget(state.source, state.record, tx)
        ledger.findings.forget(state.record, tx)
        ledger.erasures.erase(left, tx)
