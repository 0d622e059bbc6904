"""Runs and findings as text for a terminal and as JSON values for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from federation.catalogue.reports import KINDS, SEVERITIES, gist, hold_words, state_of
from federation.model import Counts, Finding, Hold, RunKind, RunReport, RunState, Severity, Text, place_in

ORDER = [Severity.VIOLATION, Severity.WARNING, Severity.INFO]
MAX_PLACES = 3
MAX_VALUES = 6  # different values of one rule and field that are named
MAX_SENTENCES = 4  # different sentences of one rule and field that are told
CAUSES = {"column-missing", "mapping-guessed"}  # told before all else: many other findings follow from them
WORDS = {"unknown-word", "unknown-word-dropped"}  # each value has its own nearest concept, or none
_CUT: Text = {
    "fr": "le processus qui s'en chargeait a été arrêté ou tué ; carrefour serve ou worker la reprend à son prochain "
    "départ, sinon la prochaine moisson de la source",
    "en": "the process at work on it was stopped or killed; carrefour serve or worker takes it up again at its next "
    "start, else the next harvest of the source does",
}
_TAKEN_UP: Text = {
    "fr": "le processus qui s'en chargeait a été arrêté ou tué ; le passage {later} a pris la suite",
    "en": "the process at work on it was stopped or killed; run {later} has followed",
}
SPOKEN = {"unknown-word"}  # hints that are always shown: the partner or the curator can settle them with one line


def run_line(report: RunReport, lang: str, alone: bool = True, later: str | None = None) -> str:
    """One line: source, state, counts; and why it failed, unless the line is not ``alone``: a finding below says it.

    ``later``: the run that has taken up what this one, interrupted, left.
    """
    parts = [opening(report, lang)]
    told = next((finding for finding in report.findings if finding.message.get("en") == report.message), None)
    parts += [text[lang].rstrip(".") for text in hold_words(report)]
    if report.message and (alone or told is None):
        parts.append(told.message.get(lang, report.message) if told else report.message)
    if _unexplained(report):
        kept = report.state is not RunState.UNCHANGED  # nothing was read then, so nothing was found
        where = f"run show {report.run}" if kept else f"preview {report.source}"
        parts.append(f"{'motifs des rejets :' if lang == 'fr' else 'why rows are refused:'} carrefour {where}")
    if report.state is RunState.ABANDONED:
        parts.append((_CUT if later is None else _TAKEN_UP)[lang].format(later=later))
    if report.state is RunState.FAILED:
        parts.append("ce qui est en ligne y reste" if lang == "fr" else "what is online stays")
    return " ; ".join(parts) if lang == "fr" else "; ".join(parts)


def opening(report: RunReport, lang: str) -> str:
    """The beginning of what is said of a run: source, kind, state, counts."""
    french = lang == "fr"
    state = state_of(report)[lang]
    if report.kind is not RunKind.HARVEST:
        state = f"{KINDS[report.kind][lang]}, {state}"
    named = f"{report.source} : {state}" if french else f"{report.source}: {state}"
    account = account_line(report, lang)
    return f"{named}{' ; ' if french else '; '}{account}" if account else named


def _unexplained(report: RunReport) -> bool:
    """Whether rows are refused and nothing here says why: an unchanged feed is not read again."""
    refused = report.counts.rejected or report.counts.held
    return bool(refused) and not any(finding.severity is Severity.VIOLATION for finding in report.findings)


def held_lines(report: RunReport, lang: str) -> list[str]:
    """One line for each rule of the guard that fired: figure, limit, and what waits for a person."""
    head = "  Retenu : " if lang == "fr" else "  Held: "
    return [f"{head}{text[lang]}" for text in hold_words(report)]


def account_line(report: RunReport, lang: str) -> str:
    """What a run did with rows, or with records if it read none; empty if there is nothing to tell."""
    counts, french = report.counts, lang == "fr"
    if report.kind is RunKind.UNDO and report.state is RunState.SUCCEEDED:
        many = "s" * (counts.changed > 1)
        return f"{counts.changed} fiche{many} remise{many} comme avant" if french else f"{counts.changed} put back"
    if report.kind is RunKind.RETIRE and report.state is RunState.SUCCEEDED:
        many = "s" * (counts.withdrawn > 1)
        return f"{counts.withdrawn} fiche{many} retirée{many}" if french else f"{counts.withdrawn} withdrawn"
    return count_line(counts, lang) if counts.read or counts.missing else ""


def count_line(counts: Counts, lang: str) -> str:
    """The account of the rows, in words; zero parts are left out."""
    fr = lang == "fr"
    names = ("essentiel", "de base", "complet") if fr else ("Essential", "Basic", "Full")
    reached = (counts.essential, counts.basic, counts.full)
    tiers = ", ".join(f"{number} {name}" for number, name in zip(reached, names, strict=True))
    parts = [f"{counts.read} " + (("lues" if counts.read > 1 else "lue") if fr else "read")]
    accepted = ("acceptées" if counts.accepted > 1 else "acceptée") if fr else "accepted"
    detail = f" ({tiers})" if counts.essential + counts.basic + counts.full else ""
    parts.append(f"{counts.accepted} {accepted}{detail}")
    absent = ("absente{s} mais gardée{s} en ligne", "missing but kept online")
    if counts.withdrawn:  # some of those that are absent may be among them
        absent = ("absente{s}", "missing")
    optional = [
        (counts.held, "retenue{s} (la dernière bonne version reste)", "held (the last good version stays)"),
        (counts.rejected, "rejetée{s}", "rejected"),
        (counts.excluded, "écartée{s} par la source", "left out by the source"),
        (counts.merged, "ligne{s} jointe{s} à une autre", "joined to another row"),
        (counts.missing, *absent),
        (counts.withdrawn, "retirée{s}", "withdrawn"),
    ]
    parts += [
        f"{n} {(french if fr else english).format(s='s' if n > 1 else '')}" for n, french, english in optional if n
    ]
    parts.append(f"+{counts.new} ~{counts.changed} ={counts.unchanged}")
    return ", ".join(parts)


def finding_lines(findings: Sequence[Finding], lang: str, limit: int | None = None) -> list[str]:
    """Findings grouped by severity, rule and field, causes first; each with its number, an example and its rows.

    With a ``limit``, hints that a field is missing are only counted: there are many, and a preview shows them all.
    """
    groups: dict[tuple[bool, int, str, str], list[Finding]] = {}
    for finding in findings:
        kind = (finding.rule not in CAUSES, ORDER.index(finding.severity), finding.rule, finding.field or "")
        groups.setdefault(kind, []).append(finding)
    ordered = [group for _, group in sorted(groups.items(), key=lambda item: (item[0][:2], -len(item[1]), item[0]))]
    if limit is None:
        return [line for group in ordered for line in _group_lines(group, lang)]
    shown = [group for group in ordered if group[0].severity is not Severity.INFO or group[0].rule in SPOKEN][:limit]
    lines = [line for group in shown for line in _group_lines(group, lang)]
    if rest := len(ordered) - len(shown):
        more = (
            f"  … et {rest} sortes de conseils : carrefour preview"
            if lang == "fr"
            else f"  … and {rest} kinds of hints: carrefour preview"
        )
        lines.append(more)
    return lines


def _group_lines(group: Sequence[Finding], lang: str) -> list[str]:
    """Findings of one rule and field: a line for each sentence they say, then how many say yet another."""
    sentences: dict[str, list[Finding]] = {}
    for finding in group:
        sentences.setdefault("" if finding.rule in WORDS else gist(finding), []).append(finding)
    lines = [_group_line(alike, lang) for alike in list(sentences.values())[:MAX_SENTENCES]]
    rest = [finding for alike in list(sentences.values())[MAX_SENTENCES:] for finding in alike]
    if rest:
        count = sum(finding.count for finding in rest)
        said = f"et {count} de la même sorte" if lang == "fr" else f"and {count} of the same kind"
        lines.append(f"    … {said}{_places(rest, lang)}")
    return lines


def _group_line(group: Sequence[Finding], lang: str) -> str:
    """One line for findings that say the same: the first in full, then the other values, then how many more."""
    first, french = group[0], lang == "fr"
    head = f"  {SEVERITIES[first.severity][lang]} ({sum(item.count for item in group)})"
    field = ""
    if first.field:
        field = f" champ « {first.field} »" if french else f' field "{first.field}"'
    message = first.message.get(lang) or next(iter(first.message.values()), first.rule)
    alike = [item for item in group if item.value == first.value]
    value = f" [{first.value}]" if first.value and first.value not in message else ""
    line = f"{head}{field}{' :' if french else ':'} {message}{value}{_places(alike, lang)}"
    others = list(dict.fromkeys(item.value for item in group if item.value != first.value))
    if not others:
        return line
    alone = {item.suggestion for item in group} == {first.suggestion}  # a limit, say: it is the same for all
    said = []
    for other in others[:MAX_VALUES]:
        those = [item for item in group if item.value == other]
        near = "" if alone and first.rule not in WORDS else _near(those[0], french)
        quoted = f"« {other} »" if french else f"“{other}”"
        said.append(f"{quoted}{near}{_places(those, lang)}")
    if len(others) > MAX_VALUES:
        said.append(f"et {len(others) - MAX_VALUES} autres" if french else f"and {len(others) - MAX_VALUES} more")
    return f"{line} {'De même :' if french else 'Likewise:'} {', '.join(said)}"


def _near(finding: Finding, french: bool) -> str:
    """The suggestion of a value that stands under another value's message: what was true of that one is not of this."""
    if finding.suggestion:
        return f" → {place_in(finding.suggestion, 'fr' if french else 'en')}"
    return "" if finding.rule not in WORDS else (" → rien de proche" if french else " → nothing near")


def _places(group: Sequence[Finding], lang: str) -> str:
    """The first rows that findings are about, in brackets."""
    seen = list(dict.fromkeys(item.where for item in group if item.where))
    if not seen:
        return ""
    named = [place_in(where, lang).split(", ") for where in seen[:MAX_PLACES]]
    rows = sum(len(parts) for parts in named)
    more = " …" if len(seen) > MAX_PLACES or sum(item.count for item in group) > max(len(seen), rows) else ""
    between = ", " if rows == len(named) else " ; "  # "page 1, élément 1" is one place
    return f" ({between.join(', '.join(map(_short, parts)) for parts in named)}{more})"


def project_count(projects: int, partners: int, lang: str) -> str:
    """How many projects from how many partners, in words."""
    if lang == "fr":
        return f"{projects} projet{'s' * (projects > 1)} de {partners} contributeur{'s' * (partners > 1)}"
    return f"{projects} project{'s' * (projects != 1)} from {partners} partner{'s' * (partners != 1)}"


def _short(where: str) -> str:
    """An IRI by its end, which tells records apart; a final slash, as of WordPress, tells nothing."""
    return where.rstrip("/").rpartition("/")[2] if "://" in where else where


def finding_values(finding: Finding) -> dict[str, Any]:
    """A finding as JSON values, without empty ones."""
    values = {**asdict(finding), "severity": finding.severity.value, "message": dict(finding.message)}
    return {key: value for key, value in values.items() if value not in (None, "")}


def hold_values(hold: Hold) -> dict[str, Any]:
    """A rule of the guard that fired, as JSON values."""
    parts = sorted(part.value for part in hold.parts)
    return {"rule": hold.rule.value, "figure": hold.figure, "limit": hold.limit, "parts": parts}


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
        "kind": report.kind.value,
        "of": report.of,
        "live": report.live,
        "holds": [hold_values(hold) for hold in report.holds],
        "findings": [finding_values(finding) for finding in report.findings],
    }
