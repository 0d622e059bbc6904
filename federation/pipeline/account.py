"""Keeps the findings of one run: few in memory, all of them in the ledger, hints that are alike counted as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from federation.model import Finding

KEPT = 20_000  # findings held in memory for the report of one run; beyond it they are counted by rule
PLACES = 3  # rows named by a finding that stands for many

_Kind = tuple[str, str | None]  # rule and partner's field


class Account:
    """The findings of one run, as they come. ``fresh`` holds those not yet handed to the ledger."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._fresh: list[Finding] = []
        self._beyond: dict[_Kind, Finding] = {}
        self._hints: dict[_Kind, tuple[Finding, list[str]]] = {}
        self._counts: Counter[_Kind] = Counter()

    def add(self, where: str, findings: Iterable[Finding]) -> None:
        """Take the findings of a row. One without a place of its own is a hint that many rows share."""
        for finding in findings:
            if finding.where:
                self._take(finding)
                continue
            kind = (finding.rule, finding.field)
            self._counts[kind] += 1
            _, places = self._hints.setdefault(kind, (finding, []))
            if len(places) < PLACES and where:
                places.append(where)

    def _take(self, finding: Finding) -> None:
        self._fresh.append(finding)
        if len(self._kept) < KEPT:
            self._kept.append(finding)
            return
        key = (finding.rule, finding.field)
        before = self._beyond.get(key)
        self._beyond[key] = replace(finding, where="", count=before.count + 1 if before else 1)

    def drain(self) -> list[Finding]:
        """Hand over what the ledger does not have yet."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def hints(self) -> list[Finding]:
        """The hints, each once with its count and the first rows it is about."""
        return [
            replace(self._hints[kind][0], where=", ".join(self._hints[kind][1]), count=count)
            for kind, count in self._counts.most_common()
        ]

    def all(self) -> tuple[Finding, ...]:
        """What the report of the run shows."""
        return (*self._kept, *self._beyond.values(), *self.hints())
