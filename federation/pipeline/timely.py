"""Leaves out what is older than what we have: what was pushed and what was pulled may come in any order.

The later word of a record's owner wins, by the owner's own times. Pure, but for what it is given to ask. Must never
take a time from the future at its word: it would shut out all later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from federation.ledger.records import RecordState, RecordStatus
from federation.ledger.times import to_text
from federation.model import Finding, Outcome, RawRecord, Reason, Severity, Text
from federation.pipeline.mapping import Naming
from federation.pipeline.plan import Planned, Step
from federation.pipeline.sources import Source

UPDATED = "@updated"
"""Among what the ledger keeps of a record beside its graph: when its owner last spoke of it, by the owner's clock."""

RECEIVED = "@received"
"""Beside it, how that came to us: plain words by name (``from``, ``method``, ``key``, ``activity``, ``sha256``, …)."""

DATED = frozenset({"activitypub", "carrefour"})
"""Formats whose rows say when they were last changed, and that may come by push."""

_AT_ONCE = 500  # rows whose records are looked up together
_SAYING = ("updated", "deleted", "published")

Kept = Mapping[str, Mapping[str, Any]]


class Timely:
    """The rows of one run of one source, without those that are older than what is known."""

    def __init__(
        self,
        source: Source,
        base_url: str,
        now: datetime,
        states: Mapping[str, RecordState],
        ask: Callable[[list[str]], None],
        restricted: Callable[[list[str]], Kept],
        pushed: bool = False,
    ) -> None:
        """``pushed``: the rows carry our own words on how they came; those of a feed that say so are not believed."""
        self._naming = Naming(source, base_url) if source.format in DATED else None
        self._now = to_text(now)
        self._pushed = pushed
        self._states, self._ask, self._restricted = states, ask, restricted
        self._known: dict[str, Mapping[str, Any]] = {}
        self._said: dict[str, dict[str, Any]] = {}

    def over(self, rows: Iterable[RawRecord], left: list[Outcome]) -> Iterator[RawRecord]:
        """Give the rows on that are not older than what is known; what is left out goes to ``left``, with why."""
        naming = self._naming
        if naming is None:
            yield from rows
            return
        rest = iter(rows)
        while part := list(islice(rest, _AT_ONCE)):
            keys = [naming.key(raw) for raw in part]
            self._look_up([key for key in keys if key is not None], naming.home)
            for raw, key in zip(part, keys, strict=True):
                if key is None or self._is_timely(raw, key):
                    yield raw
                else:
                    left.append(_older(raw, key, naming.home + key))

    def marked(self, planned: Planned) -> Planned:
        """Add to a planned row what the ledger is to keep of it: when its owner said it, and how it came to us."""
        outcome = planned.outcome
        key = outcome.key if outcome.record is None else outcome.record.key
        said = self._said.get(key) if key is not None else None
        if said is None or key is None or planned.step in {Step.HELD, Step.REJECTED}:
            return planned
        if planned.step is not Step.EXCLUDED and outcome.record is not None:
            record = replace(outcome.record, restricted={**outcome.record.restricted, **said})
            planned = replace(planned, outcome=replace(outcome, record=record))
            unchanged = planned.step is Step.UNCHANGED and not planned.noted and not planned.retiered
            return replace(planned, kept=record.restricted) if unchanged and self._is_news(key, said) else planned
        if outcome.closing is Reason.EXPLICIT or (planned.step is Step.UNCHANGED and self._is_news(key, said)):
            before = {} if outcome.closing else dict(self._known.get(key, {}))
            return replace(planned, kept={**before, **said}) if key in self._states else planned
        return planned

    def _is_news(self, key: str, said: Mapping[str, Any]) -> bool:
        return bool(said[UPDATED] != self._known.get(key, {}).get(UPDATED))

    def _look_up(self, keys: Sequence[str], home: str) -> None:
        self._ask(list(keys))
        known = [key for key in keys if key in self._states]
        found = self._restricted([home + key for key in known])
        self._known.update({key: found[home + key] for key in known if home + key in found})

    def _is_timely(self, raw: RawRecord, key: str) -> bool:
        received = raw.row.get(RECEIVED) if self._pushed else None
        received = received if isinstance(received, dict) else {}
        said = when(received.get("said")) or next((at for name in _SAYING if (at := when(raw.row.get(name)))), None)
        if said is None:
            return True
        said = min(said, self._now)
        have = self._have(key)
        gone = key in self._states and self._states[key].state == RecordStatus.WITHDRAWN
        if have is not None and (said < have or (gone and not raw.deleted and said == have)):
            return False
        how = {name: value for name, value in received.items() if name != "said"}
        self._said[key] = {UPDATED: said, **({RECEIVED: how} if how else {})}
        return True

    def _have(self, key: str) -> str | None:
        """When the owner last spoke of a record, as far as is known; of one that it deleted, at the latest then."""
        if (said := self._known.get(key, {}).get(UPDATED)) is not None:
            return str(said)
        state = self._states.get(key)
        gone = state is not None and state.reason == Reason.EXPLICIT.value
        return state.withdrawn_at if state is not None and gone else None


def when(value: Any) -> str | None:
    """A time that a row gives (ISO 8601; UTC if it names no zone) as ledger time; None if it is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        given = datetime.fromisoformat(value.strip())
        return to_text(given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _older(raw: RawRecord, key: str, record: str) -> Outcome:
    said = Finding("older-than-known", Severity.INFO, _OLDER, where=raw.where, record=record)
    return Outcome(raw.where, None, None, (said,), excluded="older", key=key)


_OLDER: Text = {
    "fr": "Une version plus récente de cette fiche est déjà là : celle-ci, plus ancienne, est laissée de côté.",
    "en": "A later version of this record is here already: this older one is left out.",
}
