"""The sheet that one record is written on while it is mapped: its lines, what it keeps apart, what is said of it."""

from __future__ import annotations

from typing import Any

from federation.model import Finding, Severity
from federation.pipeline.cleaning import Problem
from federation.pipeline.mapping.messages import finding


class Sheet:
    """Collects what becomes of one record. ``lines`` are N-Triples lines; ``problems`` wait for :meth:`report`.

    ``nodes`` is the start of its inner IRIs (``{record}#``), ``lang`` the language of its texts.
    """

    __slots__ = ("findings", "iri", "lang", "lines", "names", "nodes", "problems", "restricted", "where")

    def __init__(self, iri: str, where: str, lang: str, names: dict[str, str]) -> None:
        self.iri, self.where, self.lang, self.names = iri, where, lang, names
        self.nodes = f"{iri}#"
        self.lines: list[str] = []
        self.problems: list[Problem] = []
        self.findings: list[Finding] = []
        self.restricted: dict[str, Any] = {}

    def report(self, term: str) -> None:
        """Turn the waiting problems into findings about our ``term``."""
        for problem in self.problems:
            self.findings.append(finding(problem, self.where, self.names.get(term), term, self.iri))
        self.problems.clear()

    @property
    def refused(self) -> bool:
        """Say whether something was said that keeps the record out."""
        return any(item.severity is Severity.VIOLATION for item in self.findings)
