"""Runs and findings as text for a terminal and as JSON values for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from federation.model import Counts, Finding, RunReport, Severity

STATES = {
    "fr": {
        "running": "en cours",
        "unchanged": "inchangée",
        "succeeded": "réussie",
        "with-rejects": "réussie avec rejets",
        "incomplete": "incomplète",
        "failed": "échouée",
        "abandoned": "abandonnée",
    },
    "en": {},
}
SEVERITIES = {
    "fr": {Severity.VIOLATION: "Bloquant", Severity.WARNING: "À corriger", Severity.INFO: "Conseil"},
    "en": {Severity.VIOLATION: "Blocking", Severity.WARNING: "To mend", Severity.INFO: "Advice"},
}
ORDER = [Severity.VIOLATION, Severity.WARNING, Severity.INFO]
MAX_PLACES = 3


def run_line(report: RunReport, lang: str) -> str:
    """One line: source, state, counts."""
    state = STATES[lang].get(report.state.value, report.state.value)
    parts = [f"{report.source} : {state}" if lang == "fr" else f"{report.source}: {state}"]
    if report.counts.read:
        parts.append(count_line(report.counts, lang))
    if report.message:
        parts.append(report.message)
    return " ; ".join(parts) if lang == "fr" else "; ".join(parts)


def count_line(counts: Counts, lang: str) -> str:
    """The account of the rows, in words; zero parts are left out."""
    fr = lang == "fr"
    tiers = f"{counts.essential} Essential, {counts.basic} Basic, {counts.full} Full"
    parts = [f"{counts.read} " + ("lues" if fr else "read")]
    accepted = "acceptées" if fr else "accepted"
    detail = f" ({tiers})" if counts.essential + counts.basic + counts.full else ""
    parts.append(f"{counts.accepted} {accepted}{detail}")
    optional = [
        (counts.held, "retenues (la dernière bonne version reste)" if fr else "held (the last good version stays)"),
        (counts.rejected, "rejetées" if fr else "rejected"),
        (counts.excluded, "écartées par la source" if fr else "left out by the source"),
        (counts.merged, "lignes jointes" if fr else "rows joined"),
        (counts.missing, "absentes" if fr else "missing"),
    ]
    parts += [f"{number} {word}" for number, word in optional if number]
    parts.append(f"+{counts.new} ~{counts.changed} ={counts.unchanged}")
    return ", ".join(parts)


def finding_lines(findings: Sequence[Finding], lang: str, limit: int | None = None) -> list[str]:
    """Findings grouped by severity, rule and field; each group with its number, an example and its rows."""
    groups: dict[tuple[int, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((ORDER.index(finding.severity), finding.rule, finding.field or ""), []).append(finding)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0]))
    lines = [_group_line(group, lang) for _, group in ordered[:limit]]
    if limit is not None and len(ordered) > limit:
        rest = len(ordered) - limit
        lines.append(f"  … {rest} autres sortes de constats" if lang == "fr" else f"  … {rest} more kinds of findings")
    return lines


def _group_line(group: Sequence[Finding], lang: str) -> str:
    first = group[0]
    places = ", ".join(list(dict.fromkeys(item.where for item in group if item.where))[:MAX_PLACES])
    head = f"  {SEVERITIES[lang][first.severity]} ({len(group)})"
    field = ""
    if first.field:
        field = f" champ « {first.field} »" if lang == "fr" else f' field "{first.field}"'
    value = f" [{first.value}]" if first.value else ""
    more = " …" if len({item.where for item in group}) > MAX_PLACES else ""
    message = first.message.get(lang) or next(iter(first.message.values()), first.rule)
    separator = " :" if lang == "fr" else ":"
    return f"{head}{field}{separator} {message}{value}" + (f" ({places}{more})" if places else "")


def finding_values(finding: Finding) -> dict[str, Any]:
    """A finding as JSON values, without empty ones."""
    values = {**asdict(finding), "severity": finding.severity.value, "message": dict(finding.message)}
    return {key: value for key, value in values.items() if value not in (None, "")}


def run_values(report: RunReport) -> dict[str, Any]:
    """A run as JSON values."""
    return {
        "run": report.run,
        "source": report.source,
        "partner": report.partner,
        "state": report.state.value,
        "started": report.started.isoformat(),
        "ended": report.ended.isoformat() if report.ended else None,
        "counts": asdict(report.counts),
        "input_sha256": report.input_sha256,
        "mapping_version": report.mapping_version,
        "message": report.message,
        "findings": [finding_values(finding) for finding in report.findings],
    }
