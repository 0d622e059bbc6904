"""The findings of each run, whole and never cut: what to tell a partner about its feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, exists, func, insert, not_, or_, select

from federation.ledger.database import Database
from federation.ledger.schema import finding, record_state, run
from federation.ledger.times import to_text
from federation.model import Finding, Severity

_Word = tuple[str, Severity, str | None, str | None, str | None]  # rule, severity, field, term, value
DELETE_HELD = "delete-held"
"""Rule of the findings that name a record whose deletion the feed asks for and the guard withholds."""

FORGOTTEN = "findings-forgotten"
"""Rule of the finding that stands for those of an old run."""

AT_ONCE = 1000  # findings read in one statement, where all of them are wanted


class Findings:
    """The table ``finding``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: str, findings: Iterable[Finding], tx: Connection | None = None) -> None:
        """Append findings to the account of a run."""
        rows = [
            {
                "run": run,
                "rule": item.rule,
                "severity": item.severity.value,
                "record": item.record,
                "times": item.count,
                "detail": {
                    "message": dict(item.message),
                    "where": item.where,
                    "field": item.field,
                    "term": item.term,
                    "value": item.value,
                    "suggestion": item.suggestion,
                },
            }
            for item in findings
        ]
        if rows:
            with self._database.write(tx) as tx:
                tx.execute(insert(finding), rows)

    def of_run(self, run: str, rule: str | None = None, limit: int | None = None) -> list[Finding]:
        """The findings of a run in the order they were made, all or those of one rule."""
        query = select(finding).where(finding.c.run == run).order_by(finding.c.id)
        if rule is not None:
            query = query.where(finding.c.rule == rule)
        with self._database.read() as tx:
            rows = tx.execute(query if limit is None else query.limit(limit)).all()
        return [_finding(row) for row in rows]

    def each(self, run: str) -> Iterator[Finding]:
        """Every finding of a run in the order they were made, read in parts: there may be very many."""
        query = select(finding).where(finding.c.run == run).order_by(finding.c.id).limit(AT_ONCE)
        after = 0
        while True:
            with self._database.read() as tx:
                rows = tx.execute(query.where(finding.c.id > after)).all()
            yield from map(_finding, rows)
            if len(rows) < AT_ONCE:
                return
            after = rows[-1].id

    def alike(
        self,
        run: str,
        examples: int,
        words: Sequence[str],
        closed: Collection[str] = frozenset(),
        message: str | None = None,
    ) -> Iterator[Finding]:
        """The findings of a run with those that are alike as one, in the order of their kinds: few, however many.

        Of each rule, severity and field: the first ``examples`` that name a place or a value, then one for all others,
        which names neither. Of the rules ``words``, whose values are what counts: one for each value and term, without
        its record; but those of ``closed`` records one by one. And, counted no more, what says the ``message``.
        """
        apart = self._apart(run, words, closed)
        with self._database.read() as tx:
            counted = {(row[0], row[1], row[2]): row for row in tx.execute(_kinds(run, words))}
            shown = tx.execute(_firsts(run, words, examples)).all()
            told = tx.execute(_by_value(run, words)).all()
            singles = list(tx.execute(select(finding).where(finding.c.id.in_([row.first for row in counted.values()]))))
        by_kind: dict[tuple[str, str, str | None], list[Finding]] = {}
        for row in shown:
            by_kind.setdefault((row.rule, row.severity, row.detail["field"]), []).append(_finding(row))
        for row in sorted(singles, key=lambda one: int(one.id)):
            kind = (row.rule, row.severity, row.detail["field"])
            named = by_kind.get(kind, [])
            yield from named
            if rest := counted[kind].times - sum(one.count for one in named):
                yield replace(_finding(row), where="", value=None, suggestion=None, record=None, count=rest)
        hidden = Counter({kind: sum(one.count for one in group) for kind, group in apart.items()})
        for row in told:
            one = _finding(row)
            if rest := row.sum - hidden[one.rule, one.severity, one.field, one.term, one.value]:
                yield replace(one, record=None, count=rest)
        for group in apart.values():
            yield from group
        if message is not None:
            with self._database.read() as tx:
                said = saying(run, message, tx)
            yield from (replace(one, where="", count=0) for one in said if one.value is None and not one.suggestion)

    def _apart(self, run: str, words: Sequence[str], closed: Collection[str]) -> dict[_Word, list[Finding]]:
        """The findings of some rules on some records."""
        names = sorted(closed)
        found: dict[_Word, list[Finding]] = {}
        for start in range(0, len(names), AT_ONCE):
            here = finding.c.record.in_(names[start : start + AT_ONCE])
            query = select(finding).where(finding.c.run == run, finding.c.rule.in_(words), _VALUE.is_not(None), here)
            with self._database.read() as tx:
                for row in tx.execute(query.order_by(finding.c.id)):
                    one = _finding(row)
                    found.setdefault((one.rule, one.severity, one.field, one.term, one.value), []).append(one)
        return found

    def offline(self, run: str, online: Iterable[str]) -> dict[str, bool]:
        """The records that a run speaks of and that are in none of the states ``online``: whether they ever were."""
        query = (
            select(finding.c.record, func.max(record_state.c.pid).is_not(None))
            .outerjoin(record_state, record_state.c.record == finding.c.record)
            .where(finding.c.run == run, finding.c.record.is_not(None))
            .where(or_(record_state.c.state.is_(None), record_state.c.state.not_in(list(online))))
            .group_by(finding.c.record)
        )
        with self._database.read() as tx:
            return {str(row[0]): bool(row[1]) for row in tx.execute(query)}

    def records(self, run: str, rules: Iterable[str] | None = None) -> list[str]:
        """The records that a run says anything of, or that it says one of ``rules`` of."""
        query = select(finding.c.record).where(finding.c.run == run, finding.c.record.is_not(None)).distinct()
        if rules is not None:
            query = query.where(finding.c.rule.in_(list(rules)))
        with self._database.read() as tx:
            return [str(record) for record in tx.scalars(query)]

    def forget(self, record: str, tx: Connection) -> None:
        """Remove everything ever said of a record: a person asked for it."""
        tx.execute(delete(finding).where(finding.c.record == record))

    def prune(self, before: datetime, keep: Collection[str] = (), limit: int = 5_000) -> int:
        """Forget the findings of runs that ended before then, but for those in ``keep``; return how many rows went.

        At most ``limit`` runs, the oldest. What tells why a run failed stays; one finding says that there were others.
        """
        said = exists().where(finding.c.run == run.c.id, finding.c.rule == FORGOTTEN)
        told = exists().where(finding.c.run == run.c.id)
        query = select(run.c.id, run.c.message).where(run.c.ended < to_text(before), told, not_(said))
        with self._database.read() as tx:
            old = [row for row in tx.execute(query.order_by(run.c.id)) if row.id not in set(keep)]
        count = 0
        for row in old[:limit]:
            here = finding.c.run == row.id
            if row.message is not None:
                here = and_(here, finding.c.detail["message"]["en"].as_string() != row.message)
            with self._database.write() as tx:
                times = tx.scalar(select(func.sum(finding.c.times)).where(here)) or 0
                gone = tx.execute(delete(finding).where(here)).rowcount
                if gone:
                    self.add(row.id, [_forgotten(times)], tx)
            count += gone
        return count

    def by_rule(self, run: str) -> dict[tuple[str, Severity], int]:
        """How often each rule was broken in a run, most frequent first."""
        count = func.sum(finding.c.times)
        query = select(finding.c.rule, finding.c.severity, count).where(finding.c.run == run)
        query = query.group_by(finding.c.rule, finding.c.severity).order_by(count.desc(), finding.c.rule)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return {(row[0], Severity(row[1])): row[2] for row in rows}


_FIELD = finding.c.detail["field"].as_string()
_TERM = finding.c.detail["term"].as_string()
_VALUE = finding.c.detail["value"].as_string()
_PLACE = finding.c.detail["where"].as_string()


def _forgotten(times: int) -> Finding:
    return Finding(
        FORGOTTEN,
        Severity.INFO,
        {
            "fr": f"Les constats de cette moisson ancienne ne sont plus gardés ; il y en avait {times}.",
            "en": f"The findings of this old harvest are not kept any more; there were {times}.",
        },
    )


def _counted_by_value(words: Sequence[str]) -> ColumnElement[bool]:
    return and_(finding.c.rule.in_(words), _VALUE.is_not(None))


def _kinds(run: str, words: Sequence[str]) -> Select[Any]:
    """Rule, severity and field of what a run found, how often, and the first of each."""
    count, first = func.sum(finding.c.times).label("times"), func.min(finding.c.id).label("first")
    query = select(finding.c.rule, finding.c.severity, _FIELD.label("field"), count, first)
    query = query.where(finding.c.run == run, not_(_counted_by_value(words)))
    return query.group_by(finding.c.rule, finding.c.severity, _FIELD)


def _firsts(run: str, words: Sequence[str], examples: int) -> Select[Any]:
    """The first findings of each kind that name a place or a value."""
    rank = func.row_number().over(partition_by=(finding.c.rule, finding.c.severity, _FIELD), order_by=finding.c.id)
    told = or_(_PLACE != "", _VALUE.is_not(None))
    ranked = select(finding.c.id, rank.label("rank")).where(finding.c.run == run, not_(_counted_by_value(words)), told)
    inner = ranked.subquery()
    return (
        select(finding).join(inner, inner.c.id == finding.c.id).where(inner.c.rank <= examples).order_by(finding.c.id)
    )


def _by_value(run: str, words: Sequence[str]) -> Select[Any]:
    """What a run found whose value is what counts: the first of each value, with how often it was found."""
    groups = (finding.c.rule, finding.c.severity, _FIELD, _TERM, _VALUE)
    query = select(func.min(finding.c.id).label("first"), func.sum(finding.c.times).label("sum"))
    inner = query.where(finding.c.run == run, _counted_by_value(words)).group_by(*groups).subquery()
    return select(finding, inner.c.sum).join(inner, inner.c.first == finding.c.id).order_by(finding.c.id)


def saying(run: str, english: str, tx: Connection) -> tuple[Finding, ...]:
    """The last finding of a run whose English is that sentence; none if there is no such finding."""
    same = finding.c.detail["message"]["en"].as_string() == english
    query = select(finding).where(finding.c.run == run, same).order_by(finding.c.id.desc()).limit(1)
    return tuple(_finding(row) for row in tx.execute(query))


def _finding(row: Row[Any]) -> Finding:
    return Finding(rule=row.rule, severity=Severity(row.severity), record=row.record, count=row.times, **row.detail)
