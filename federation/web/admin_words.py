"""What operators read: rules of the guard, states, schedules, moments and actions in words. Free of decisions."""

from __future__ import annotations

from datetime import datetime

from flask_babel import format_datetime  # type: ignore[import-untyped]  # ships no types

from federation.ledger.times import from_text
from federation.model import Hold, Part, Rule, Severity
from federation.web.language import say, show_number


def hold_words(hold: Hold) -> str:
    """Why a run is held."""
    figures = {"figure": show_number(hold.figure), "limit": show_number(hold.limit)}
    return {
        Rule.EMPTY: lambda: say("Le flux est vide ; fiches en ligne : %(figure)s.", **figures),
        Rule.SHRINK: lambda: say("Fiches disparues du flux : %(figure)s ; limite : %(limit)s.", **figures),
        Rule.EXPLICIT: lambda: say("Retraits demandés par le flux : %(figure)s ; limite : %(limit)s.", **figures),
        Rule.CHANGE: lambda: say("Fiches modifiées d'un coup : %(figure)s ; limite : %(limit)s.", **figures),
        Rule.REJECT: lambda: say(
            "Fiches en ligne dont la nouvelle version est refusée : %(figure)s ; limite : %(limit)s.", **figures
        ),
        Rule.GROWTH: lambda: say("Fiches nouvelles d'un coup : %(figure)s ; limite : %(limit)s.", **figures),
        Rule.RE_IDENTIFIED: lambda: say(
            "Les mêmes projets reviennent sous d'autres identifiants : %(figure)s ; limite : %(limit)s.", **figures
        ),
    }[hold.rule]()


def part_words(part: Part) -> str:
    """A part of a plan that waits."""
    return {
        Part.WITHDRAWALS: say("les retraits pour absence"),
        Part.DELETES: say("les retraits demandés par le flux"),
        Part.CHANGES: say("les modifications"),
        Part.NEW: say("les nouvelles fiches"),
    }[part]


def rule_label(rule: Rule) -> str:
    """A rule of the guard, for a form."""
    return {
        Rule.EMPTY: say("Flux vide"),
        Rule.SHRINK: say("Disparitions"),
        Rule.EXPLICIT: say("Retraits demandés"),
        Rule.CHANGE: say("Modifications"),
        Rule.REJECT: say("Refus"),
        Rule.GROWTH: say("Nouveautés"),
        Rule.RE_IDENTIFIED: say("Identifiants changés"),
    }[rule]


def severity_label(severity: Severity) -> str:
    """How much a finding matters."""
    return {
        Severity.VIOLATION: say("Bloquant"),
        Severity.WARNING: say("À corriger"),
        Severity.INFO: say("Conseil"),
    }[severity]


def run_label(state: str) -> str:
    """State of a run, those included that public pages never show."""
    from_public = {
        "queued": say("en attente"),
        "running": say("en cours"),
        "unchanged": say("inchangée"),
        "succeeded": say("réussie"),
        "with-rejects": say("réussie avec rejets"),
        "held": say("à approuver"),
        "incomplete": say("incomplète"),
        "failed": say("échouée"),
        "abandoned": say("abandonnée"),
    }
    return from_public.get(state, state)


def kind_label(kind: str) -> str:
    """What a run does."""
    return {
        "harvest": say("moisson"),
        "replay": say("relecture"),
        "undo": say("annulation"),
        "retire": say("retrait de la source"),
    }.get(kind, kind)


def source_label(state: str) -> str:
    """State of a source."""
    return {"live": say("en service"), "paused": say("en pause"), "retired": say("retirée du service")}.get(
        state, state
    )


def schedule_label(schedule: str | None) -> str:
    """How often a source is harvested."""
    return {
        "nightly": say("chaque nuit"),
        "weekly": say("chaque semaine"),
        "monthly": say("chaque mois"),
        "manual": say("à la demande"),
        None: say("fichier de source illisible"),
    }.get(schedule, schedule or "")


def act_label(act: str) -> str:
    """What an operator asked for."""
    return {
        "harvest": say("moisson demandée"),
        "approve": say("approbation"),
        "undo": say("annulation demandée"),
        "replay": say("relecture demandée"),
        "pause": say("mise en pause"),
        "resume": say("reprise"),
    }.get(act, act)


def done_words(code: str) -> str:
    """What to say after an action; "" for a code that is none."""
    return {
        "harvest": say("La moisson est demandée : elle commence dès que le moissonneur est libre."),
        "approve": say("C'est approuvé pour trois jours ; une moisson est demandée pour l'appliquer."),
        "undo": say("L'annulation est demandée."),
        "replay": say("La relecture est demandée."),
        "pause": say("La source est en pause ; ses fiches restent en ligne."),
        "resume": say("La source est de nouveau en service."),
    }.get(code, "")


def moment(value: datetime | str | None) -> str:
    """A day and an hour (UTC); "" for none."""
    if value is None:
        return ""
    at = from_text(value) if isinstance(value, str) else value
    return f"{format_datetime(at, 'medium')} UTC"


FILTERS = (
    act_label,
    hold_words,
    kind_label,
    moment,
    part_words,
    rule_label,
    run_label,
    schedule_label,
    severity_label,
    source_label,
)
"""What the templates of operators may call."""
