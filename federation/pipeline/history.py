"""What people may do about records beside harvesting: undo a run, retire a source.

All of it goes through merge like everything else, so that the log tells of it and followers hear of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from federation.ledger import Ledger
from federation.ledger.records import PRESENT, RecordState, RecordStatus
from federation.ledger.revisions import Revision
from federation.ledger.times import to_text
from federation.model import Action, Finding, Reason, Record, Severity, Tier, from_lines
from federation.pipeline.apply import BATCH, Site, withdraw
from federation.pipeline.merge import Item, removal

_SAME_AS = "<http://schema.org/sameAs>"
_IDENTIFIER = "<http://purl.org/dc/terms/identifier>"


def undo(site: Site, source: str, run: str) -> tuple[int, list[Finding]]:
    """Put back what a run changed; records that a later run has changed are left, and listed.

    Returns how many records were put back, and the findings. Raises EngineUnavailable, Stopped.
    """
    ledger = site.ledger
    later = ledger.revisions.changed_after(source, run)
    left: list[str] = []
    back: dict[str, Revision] = {}
    for each in ledger.revisions.of_run(run):
        if each.record in later:
            left.append(each.record)
        else:
            back[each.record] = each  # the last one given is the oldest: what was before the whole run
    states = ledger.records.get(back)
    for version, items in _by_version(back.values(), states, site.mapping_version):
        for start in range(0, len(items), BATCH):
            site.follow(site.merger.apply(site.run, version, items[start : start + BATCH]))
    _restore(ledger, back.values(), to_text(site.merger.now()))
    return len(back), [_left(record) for record in left]


def retire(site: Site, states: Iterable[RecordState]) -> int:
    """Withdraw all records of a source that leaves; return how many. Raises EngineUnavailable, Stopped."""
    present = [state for state in states if state.state in PRESENT]
    withdraw(site, present, Reason.RETIRED)
    return len(present)


def _by_version(
    revisions: Iterable[Revision], states: dict[str, RecordState], version: str
) -> Iterator[tuple[str, list[Item]]]:
    """What to write, by the mapping version that the records had: a batch has one."""
    items: dict[str, list[Item]] = defaultdict(list)
    for each in revisions:
        now = states.get(each.record)
        online = now is not None and now.state in PRESENT
        if each.state is not None and each.content is not None:
            action = Action.UPDATE if online else Action.CREATE
            items[each.state.mapping_version].append(Item(action, _again(each, each.state), Tier(each.state.tier)))
        elif now is not None and online:
            items[version].append(removal(now, _why_gone(each.state)))
    yield from items.items()


def _why_gone(before: RecordState | None) -> Reason:
    """Undone, if the run had brought the record: then what it named was never said. Else why it was gone before."""
    return Reason.UNDONE if before is None or before.reason is None else Reason(before.reason)


def _again(revision: Revision, state: RecordState) -> Record:
    """The record as it was. What it claims to be is read from its graph."""
    content = revision.content or ""
    project = f"<{state.record}#project>"
    claims = [state.page] if state.page else []
    for subject, predicate, value in from_lines(content):
        if predicate == _SAME_AS and subject == project:
            claims.append(value[1:-1])
        elif predicate == _IDENTIFIER and "/" in value:
            claims.append(value.strip('"'))
    return Record(
        iri=state.record,
        partner=state.partner,
        source=state.source,
        key=state.key,
        page=state.page or "",
        content=content,
        digest=state.digest,
        raw_hash=state.raw_hash,
        claims=tuple(claims),
        restricted=revision.restricted,
        row_hash=state.row_hash,
    )


def _restore(ledger: Ledger, revisions: Iterable[Revision], time: str) -> None:
    """Put back what the ledger knew: whether a record was missing or held; but its absence is counted from now on.

    The undone run had found it again, or had withdrawn it against a person's word: either way the next night on which
    it is absent is the first that counts.
    """
    before = {each.record: each.state for each in revisions if each.state is not None}
    now = ledger.records.get(before)
    states = [state._replace(pid=now[record].pid) for record, state in before.items() if record in now]
    ledger.records.put(
        [
            each._replace(misses=0, missing_since=time, missed_at=None) if each.state == RecordStatus.MISSING else each
            for each in states
        ]
    )


def _left(record: str) -> Finding:
    return Finding(
        "changed-later",
        Severity.WARNING,
        {
            "fr": "Une moisson plus récente a changé cette fiche : elle est laissée telle quelle.",
            "en": "A later run has changed this record: it is left as it is.",
        },
        where=record,
        record=record,
    )
