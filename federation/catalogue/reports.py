"""What a run found, as its partner should read it: grouped by cause, in the partner's own words, with what to do.

Pure: findings in, plain values with both languages out. Must never show the public a value that is not open data:
every finding goes through a Disclosure first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from federation.catalogue.disclosure import Disclosure
from federation.model import Counts, Finding, Part, RunKind, RunReport, RunState, Severity, Text

EXAMPLES = 5  # rows shown of one cause
WORDS = 200  # unknown words shown; the table has all
SEVERITIES: Mapping[Severity, Text] = {
    Severity.VIOLATION: {"fr": "Bloquant", "en": "Blocking"},
    Severity.WARNING: {"fr": "À corriger", "en": "To correct"},
    Severity.INFO: {"fr": "Conseil", "en": "Advice"},
}
UNKNOWN_WORD = ("unknown-word", "unknown-word-dropped")
Alike = Callable[[str, int, Sequence[str], Collection[str], str | None], Iterable[Finding]]
"""Gives the findings of a run, those that are alike as one (ledger/findings.py, ``alike``)."""

_RANK = {Severity.VIOLATION: 0, Severity.WARNING: 1, Severity.INFO: 2}


# -- causes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """One place where something is wrong, in the partner's words. ``times``: rows that it stands for.

    ``own``: its ``message`` says something else than its cause's.
    """

    where: str
    value: str | None
    record: str | None
    message: Text
    times: int = 1
    own: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """All findings of one rule and one column of the partner. ``count`` rows; ``message`` is the first one's."""

    rule: str
    severity: Severity
    field: str | None
    term: str | None
    label: Text
    count: int
    message: Text
    remedy: Text
    examples: tuple[Example, ...]

    @property
    def more(self) -> int:
        """How many rows the examples leave out."""
        return max(self.count - sum(one.times for one in self.examples), 0)


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """A word that the mapping could not place. ``line`` is what to copy into the source file, ``table`` where."""

    word: str
    field: str | None
    term: str
    count: int
    nearest: str | None
    line: str
    table: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found, ready to be shown. ``total`` counts findings with their repeats."""

    run: RunReport
    causes: tuple[Cause, ...] = ()
    words: tuple[UnknownWord, ...] = ()
    more_words: int = 0
    account: Text = field(default_factory=dict)
    holds: tuple[Text, ...] = ()
    told: Text | None = None
    total: int = 0

    def of(self, severity: Severity) -> tuple[Cause, ...]:
        """The causes of one severity, most frequent first."""
        return tuple(cause for cause in self.causes if cause.severity is severity)

    def count(self, severity: Severity) -> int:
        """How many findings of one severity there are."""
        return sum(cause.count for cause in self.causes if cause.severity is severity)


@dataclass(slots=True)
class _Group:
    first: Finding
    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class _Word:
    first: Finding
    count: int = 0


def make_report(
    run: RunReport, findings: Iterable[Finding], disclosure: Disclosure, limit: int = EXAMPLES, words: int = WORDS
) -> Report:
    """Group the findings of a run. ``limit``: examples of each cause. Memory follows the causes, not the findings."""
    groups: dict[tuple[str, Severity, str | None], _Group] = {}
    unknown: dict[tuple[str | None, str], _Word] = {}
    told: Text | None = None
    total = 0
    for raw in findings:
        finding = disclosure(raw)
        total += finding.count
        if run.message is not None and raw.message.get("en") == run.message:
            told = finding.message
        if finding.rule in UNKNOWN_WORD and finding.value is not None:
            unknown.setdefault((finding.term, finding.value), _Word(finding)).count += finding.count
            continue
        group = groups.setdefault((finding.rule, finding.severity, finding.field), _Group(finding))
        group.count += finding.count
        if len(group.examples) < limit and (finding.where or finding.value):
            own = gist(finding) != gist(group.first)
            group.examples.append(
                Example(finding.where, finding.value, finding.record, finding.message, finding.count, own)
            )
    ordered = sorted(unknown.values(), key=lambda one: (-one.count, one.first.value or ""))
    causes = sorted((_cause(group) for group in groups.values()), key=_order)
    return Report(
        run=run,
        causes=tuple(causes),
        words=tuple(_word(one) for one in ordered[:words]),
        more_words=max(len(ordered) - words, 0),
        account=account(run.counts),
        holds=hold_words(run),
        told=told or ({"fr": run.message, "en": run.message} if run.message and disclosure.all else None),
        total=total,
    )


def gist(finding: Finding) -> str:
    """What a finding says without the value and the suggestion that are its own: one who says the same is alike."""
    said = finding.message.get("fr") or next(iter(finding.message.values()), finding.rule)
    for own in (finding.suggestion, finding.value):
        said = said.replace(own, "…") if own else said
    return said


def report_of(run: RunReport, alike: Alike, disclosure: Disclosure) -> Report:
    """The report of a run from its findings with those that are alike as one: its cost follows the causes."""
    return make_report(run, alike(run.run, EXAMPLES, UNKNOWN_WORD, disclosure.closed, run.message), disclosure)


def _order(cause: Cause) -> tuple[int, int, str, str]:
    return _RANK[cause.severity], -cause.count, cause.rule, cause.field or ""


def _cause(group: _Group) -> Cause:
    first = group.first
    label = _label(first)
    return Cause(
        rule=first.rule,
        severity=first.severity,
        field=first.field,
        term=first.term,
        label=label,
        count=group.count,
        message=first.message,
        remedy=remedy(first),
        examples=tuple(group.examples),
    )


def _label(finding: Finding) -> Text:
    if finding.field:
        return {"fr": f"colonne « {finding.field} »", "en": f'column "{finding.field}"'}
    if finding.term:
        return {"fr": f"champ « {finding.term} »", "en": f'field "{finding.term}"'}
    whole = finding.record is None and not finding.rule.startswith("shape:")
    return {"fr": "le flux", "en": "the feed"} if whole else {"fr": "la fiche", "en": "the record"}


def _word(word: _Word) -> UnknownWord:
    finding, value = word.first, str(word.first.value)
    near = finding.suggestion
    code = near.rpartition("(")[2].rstrip(")") if near else None
    ours = json.dumps(code, ensure_ascii=False) if code else "false"
    term = finding.term or "theme"
    return UnknownWord(
        word=value,
        field=finding.field,
        term=term,
        count=word.count,
        nearest=near,
        line=f"{json.dumps(value, ensure_ascii=False)} = {ours}",
        table=f"[crosswalk.{term}]",
    )


def remedy(finding: Finding) -> Text:
    """Say what to do, and what happens meanwhile."""
    column, term = finding.field, finding.term
    if finding.rule.endswith(":minCount"):
        if column:
            return {"fr": f"Remplissez la colonne « {column} ».", "en": f'Fill the column "{column}".'}
        line = {"fr": f" : {term} = « votre colonne ».", "en": f': {term} = "your column".'}
        ours = line if term else {"fr": " à l'un de nos champs.", "en": " to one of our fields."}
        return {
            "fr": f"Ajoutez cette information à votre flux, puis reliez-la{ours['fr']}",
            "en": f"Add this information to your feed, then map it{ours['en']}",
        }
    if finding.rule in UNKNOWN_WORD:
        return {
            "fr": "Ajoutez une ligne à la table de correspondance de la source.",
            "en": "Add a line to the crosswalk of the source.",
        }
    if finding.severity is Severity.WARNING and (finding.rule.startswith("shape:") or not (term or column)):
        return _NOTHING_HELD
    return _MEANWHILE[finding.severity]


_NOTHING_HELD: Text = {  # a shape leaves no value out, nor does a remark on the file as a whole
    "fr": "Corrigez dans votre flux : aucune fiche n'est retenue pour cela.",
    "en": "Correct it in your feed: no record is kept back for this.",
}
_MEANWHILE: Mapping[Severity, Text] = {
    Severity.VIOLATION: {
        "fr": "Corrigez ces lignes dans votre flux : d'ici là elles n'entrent pas, et la dernière bonne version d'une "
        "fiche déjà en ligne y reste.",
        "en": "Correct these rows in your feed: until then they do not enter, and the last good version of a record "
        "that is already online stays.",
    },
    Severity.WARNING: {
        "fr": "Corrigez dans votre flux : la fiche est publiée, sans cette valeur.",
        "en": "Correct it in your feed: the record is published, without this value.",
    },
    Severity.INFO: {
        "fr": "Rien ne presse : la fiche est publiée.",
        "en": "No hurry: the record is published.",
    },
}


# -- the account of rows --------------------------------------------------------------------------------------------

_PARTS = (
    ("accepted", ("acceptée", "acceptées"), "accepted"),
    (
        "held",
        ("refusée, dont la dernière bonne version reste", "refusées, dont la dernière bonne version reste"),
        "refused, whose last good version stays",
    ),
    ("rejected", ("rejetée", "rejetées"), "rejected"),
    ("excluded", ("écartée par un choix de la source", "écartées par un choix de la source"), "left out by choice"),
    ("merged", ("jointe à une autre", "jointes à une autre"), "joined to another row"),
)


def account(counts: Counts) -> Text:
    """What became of every row: read = accepted + held + rejected + excluded + merged, in words."""
    french, english = [], []
    for name, (one, many), said in _PARTS:
        if number := getattr(counts, name):
            french.append(f"{number} {many if number > 1 else one}")
            english.append(f"{number} {said}")
    if not counts.read:
        return {"fr": "Aucune ligne n'a été lue.", "en": "No row was read."}
    lines = "lignes lues" if counts.read > 1 else "ligne lue"
    rows = "rows read" if counts.read > 1 else "row read"
    return {
        "fr": f"{counts.read} {lines} = {' + '.join(french) or '0'}.",
        "en": f"{counts.read} {rows} = {' + '.join(english) or '0'}.",
    }


_HOLDS: Mapping[str, tuple[str, str]] = {
    "empty": (
        "liste vide alors que {figure} fiches étaient en ligne",
        "an empty list while {figure} records were online",
    ),
    "shrink": ("{figure} fiches absentes sur {before}, limite {limit}", "{figure} of {before} gone, limit {limit}"),
    "explicit": (
        "{figure} suppressions demandées sur {before} fiches, limite {limit}",
        "{figure} of {before} to be deleted, limit {limit}",
    ),
    "change": ("{figure} fiches modifiées sur {before}, limite {limit}", "{figure} of {before} changed, limit {limit}"),
    "reject": (
        "{figure} fiches nouvellement refusées sur {before}, limite {limit}",
        "{figure} of {before} newly refused, limit {limit}",
    ),
    "growth": (
        "{figure} fiches nouvelles pour {before} en ligne, limite {limit}",
        "{figure} new for {before} online, limit {limit}",
    ),
    "re-identified": (
        "{figure} fiches connues revenues sous un autre identifiant (limite {limit})",
        "{figure} known records came back under other ids (limit {limit})",
    ),
}
_WITHHELD: Mapping[str, tuple[str, str]] = {
    "withdrawals": ("les retraits pour absence", "withdrawals for absence"),
    "deletes": ("les suppressions demandées par le flux", "the deletes that the feed asks for"),
    "changes": ("les modifications", "the changes"),
    "new": ("les nouvelles fiches", "the new records"),
}


def hold_words(run: RunReport) -> tuple[Text, ...]:
    """Each rule of the guard that fired, with figure and limit, and the parts that wait for a person."""
    return tuple(_hold(run, number) for number in range(len(run.holds)))


def _hold(run: RunReport, number: int) -> Text:
    hold = run.holds[number]
    french, english = _HOLDS[hold.rule.value]
    came = 0 if any(Part.NEW in each.parts for each in run.holds) else run.counts.new
    # online before the run: what is gone or asked to go stays online while it is held
    before = run.live - came + run.counts.withdrawn
    figures = {"figure": hold.figure, "limit": hold.limit, "before": before}
    parts = [_WITHHELD[part.value] for part in sorted(hold.parts, key=lambda one: one.value)]
    kept = {
        "fr": f" En attente d'un accord : {', '.join(fr for fr, _ in parts)}." if parts else "",
        "en": f" Waiting for approval: {', '.join(en for _, en in parts)}." if parts else "",
    }
    said = {"fr": french.format(**figures), "en": english.format(**figures)}
    fr, en = said["fr"], said["en"]
    return {
        "fr": f"{fr[:1].upper()}{fr[1:]}.{kept['fr'] or ' Les dernières bonnes versions restent en ligne.'}",
        "en": f"{en[:1].upper()}{en[1:]}.{kept['en'] or ' The last good versions stay online.'}",
    }


# -- states ---------------------------------------------------------------------------------------------------------

STATES: Mapping[RunState, Text] = {
    RunState.QUEUED: {"fr": "en attente", "en": "waiting"},
    RunState.RUNNING: {"fr": "en cours", "en": "under way"},
    RunState.UNCHANGED: {"fr": "inchangée", "en": "unchanged"},
    RunState.SUCCEEDED: {"fr": "réussie", "en": "succeeded"},
    RunState.WITH_REJECTS: {"fr": "réussie avec rejets", "en": "succeeded with rejects"},
    RunState.HELD: {"fr": "en attente d'un accord", "en": "waiting for approval"},
    RunState.INCOMPLETE: {"fr": "incomplète", "en": "incomplete"},
    RunState.FAILED: {"fr": "échouée", "en": "failed"},
    RunState.ABANDONED: {"fr": "interrompue", "en": "interrupted"},
}
_NONE_ACCEPTED: Text = {"fr": "aucune fiche acceptée", "en": "no record accepted"}


class Ended(Protocol):
    """What is needed of a run to say how it ended."""

    @property
    def state(self) -> RunState: ...

    @property
    def counts(self) -> Counts: ...


def state_of(run: Ended) -> Text:
    """How a run ended, in words: one that has taken nothing at all did not succeed, whatever stays online."""
    if run.state is RunState.WITH_REJECTS and run.counts.read and not run.counts.accepted:
        return _NONE_ACCEPTED
    return STATES[run.state]


KINDS: Mapping[RunKind, Text] = {
    RunKind.HARVEST: {"fr": "moisson", "en": "harvest"},
    RunKind.REPLAY: {"fr": "relecture des octets gardés", "en": "replay of the stored bytes"},
    RunKind.UNDO: {"fr": "annulation d'un passage", "en": "undoing of a run"},
    RunKind.RETIRE: {"fr": "retrait de la source", "en": "retiring of the source"},
}
