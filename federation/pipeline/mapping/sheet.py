"""The sheet that one record is written on while it is mapped: its lines, what it keeps apart, what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.model import Finding, Severity
from federation.pipeline.cleaning import Problem
from federation.pipeline.mapping.effort import FINDINGS, Effort
from federation.pipeline.mapping.messages import RULES, finding


class Sheet:
    """Collects what becomes of one record. ``lines`` are N-Triples lines; ``problems`` wait for :meth:`report`.

    ``nodes`` is the start of its inner IRIs (``{record}#``), ``lang`` the language of its texts, ``effort`` what may
    still be spent on it.
    """

    __slots__ = (
        "_unsaid",
        "effort",
        "findings",
        "iri",
        "lang",
        "lines",
        "names",
        "nodes",
        "problems",
        "restricted",
        "where",
    )

    def __init__(self, iri: str, where: str, lang: str, names: Mapping[str, str], effort: Effort) -> None:
        self.iri, self.where, self.lang, self.names, self.effort = iri, where, lang, names, effort
        self._unsaid = 0
        self.nodes = f"{iri}#"
        self.lines: list[str] = []
        self.problems: list[Problem] = []
        self.findings: list[Finding] = []
        self.restricted: dict[str, Any] = {}

    def report(self, term: str) -> None:
        """Turn the waiting problems into findings about our ``term``: those that refuse it all, of others the first."""
        for problem in self.problems:
            if len(self.findings) < FINDINGS or RULES[problem.rule][0] is Severity.VIOLATION:
                self.findings.append(finding(problem, self.where, self.names.get(term), term, self.iri))
            else:
                self._unsaid += 1
        self.problems.clear()

    def close(self) -> None:
        """Say how many findings have been left out."""
        if self._unsaid:
            said = Problem("more-findings", str(self._unsaid))
            self.findings.append(finding(said, self.where, None, None, self.iri))

    @property
    def refused(self) -> bool:
        """Say whether something was said that keeps the record out."""
        return any(item.severity is Severity.VIOLATION for item in self.findings)
