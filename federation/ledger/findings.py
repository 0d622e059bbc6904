"""The findings of each run, whole and never cut: what to tell a partner about its feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from federation.ledger.database import Database
from federation.ledger.schema import finding
from federation.model import Finding, Severity

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

    def by_rule(self, run: str) -> dict[tuple[str, Severity], int]:
        """How often each rule was broken in a run, most frequent first."""
        count = func.sum(finding.c.times)
        query = select(finding.c.rule, finding.c.severity, count).where(finding.c.run == run)
        query = query.group_by(finding.c.rule, finding.c.severity).order_by(count.desc(), finding.c.rule)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return {(row[0], Severity(row[1])): row[2] for row in rows}


def saying(run: str, english: str, tx: Connection) -> tuple[Finding, ...]:
    """The last finding of a run whose English is that sentence; none if there is no such finding."""
    same = finding.c.detail["message"]["en"].as_string() == english
    query = select(finding).where(finding.c.run == run, same).order_by(finding.c.id.desc()).limit(1)
    return tuple(_finding(row) for row in tx.execute(query))


def _finding(row: Row[Any]) -> Finding:
    return Finding(rule=row.rule, severity=Severity(row.severity), record=row.record, count=row.times, **row.detail)
