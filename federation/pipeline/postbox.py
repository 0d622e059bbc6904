"""Puts letters about runs into the outbox of the ledger, and takes out those that are due.

Must never lose a letter because the mail server is down, nor send one twice because a process died.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from federation.errors import EngineUnavailable, PeerError
from federation.ledger import Ledger
from federation.ledger.notices import NoticeRow
from federation.model import RunReport
from federation.pipeline.notices import (
    A_DAY,
    NoticeKind,
    Told,
    fleet,
    notice_of,
    recipients,
    rules_of,
)

SETTLE = timedelta(hours=5)  # a letter to a partner waits for the end of the night: do others fall on the same rule?
STALE = timedelta(days=7)  # a letter that nobody has tried to send for so long is old news
TRIES = 9
_FIRST_PAUSE = timedelta(minutes=5)
_LONGEST_PAUSE = timedelta(days=1)
_RUNS = 2000  # runs looked at for the fleet rule: more than a day has
_EARLIER = 100  # runs of a source looked at for the beginning of its failures

Post = Callable[[NoticeRow], None]
"""Writes the letter of a notice and hands it to the mail server. Raises EngineUnavailable (try later), PeerError."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of the letters that were due. ``problem``: why the mail server took none, if so."""

    sent: int = 0
    refused: int = 0
    held_back: int = 0
    problem: EngineUnavailable | None = None


def tell(
    report: RunReport, contacts: Mapping[str, str], ledger: Ledger, now: datetime, gone: bool = False
) -> NoticeKind | None:
    """Queue what the end of a run deserves; say what. What nobody wants to read is remembered all the same.

    ``contacts``: addresses with their preference; ``gone``: the feed's address is gone for good (410).
    Raises EngineUnavailable.
    """
    passages = ledger.passages.of_partner(report.partner, _EARLIER, report.source)
    earlier = [one for one in passages if one.run != report.run]
    kind = notice_of(report, earlier, _told(report.source, ledger), gone, now)
    if kind is None or (kind is NoticeKind.RECOVERED and _taken_back(report.source, ledger)):
        return None
    wanted = recipients(contacts, kind)
    when: dict[str, datetime | None] = {"": None}
    if wanted:
        when = dict.fromkeys(wanted, now + SETTLE)
    ledger.notices.add(report.source, report.run, kind.value, when, {"rules": rules_of(report)}, now)
    return kind


def _taken_back(source: str, ledger: Ledger) -> bool:
    """Take back the letters about a problem that is over before they have left; False if there are none."""
    waiting = [one.id for one in ledger.notices.waiting() if one.source == source and one.tries == 0]
    ledger.notices.withdraw(waiting)
    return bool(waiting)


def _told(source: str, ledger: Ledger) -> Told | None:
    changes = [kind.value for kind in NoticeKind if kind not in {NoticeKind.DIGEST, NoticeKind.FLEET}]
    change, last = ledger.notices.last(source, changes), ledger.notices.last(source)
    return None if change is None or last is None else Told(NoticeKind(change.kind), last.made)


def deliver(ledger: Ledger, operator: str, post: Post, now: datetime) -> Posted:
    """Send every letter that is due; hold back what the fleet rule says is no affair of the partners.

    ``operator``: whom to tell of that. After the first failure of the mail server the rest wait, too.
    Raises EngineUnavailable if the ledger is out of order.
    """
    held_back = _hold_back(ledger, operator, now)
    sent = refused = 0
    for notice in ledger.notices.due(now):
        if not ledger.notices.claim(notice.id, now, _next(notice.tries, now)):
            continue  # another process has it
        try:
            post(notice)
        except EngineUnavailable as problem:
            return Posted(sent, refused, held_back, problem)
        except PeerError:
            ledger.notices.give_up(notice.id)
            refused += 1
        else:
            ledger.notices.sent(notice.id, now)
            sent += 1
    return Posted(sent, refused, held_back)


def _next(tries: int, now: datetime) -> datetime | None:
    """When to try again if this attempt, the ``tries`` + 1st, fails; None if it is the last."""
    pause: timedelta = min(_FIRST_PAUSE * 4**tries, _LONGEST_PAUSE)
    return now + pause if tries + 1 < TRIES else None


def _hold_back(ledger: Ledger, operator: str, now: datetime) -> int:
    waiting = [one for one in ledger.notices.waiting() if one.source and one.tries == 0]
    ledger.notices.withdraw([one.id for one in waiting if now - one.made > STALE])
    if not waiting:
        return 0
    rules = fleet(ledger.runs.recent(_RUNS), now)
    caught = {one.id: rule for one in waiting for rule in one.detail.get("rules", ()) if rule in rules}
    last = ledger.notices.last("", [NoticeKind.FLEET.value])
    known = set(last.detail["rules"]) if last is not None and now - last.made < A_DAY else set()
    if set(caught.values()) - known:
        named = sorted(known.union(caught.values()) & set(rules))
        sources = sorted(frozenset().union(*(rules[rule] for rule in named)))
        when: dict[str, datetime | None] = {operator: now} if operator else {"": None}
        ledger.notices.add("", "", NoticeKind.FLEET.value, when, {"rules": named, "sources": sources}, now)
    ledger.notices.withdraw(caught)
    return len(caught)


__all__ = ["SETTLE", "TRIES", "Post", "Posted", "deliver", "tell"]
