"""What only operators read, in words: rules to approve, schedules, moments, actions. Free of decisions."""

from __future__ import annotations

from datetime import datetime

from flask_babel import format_datetime  # type: ignore[import-untyped]  # ships no types

from federation.catalogue.reports import KINDS, SEVERITIES, hold_words
from federation.ledger.times import from_text
from federation.model import Rule, RunKind, Severity
from federation.web.language import say, text_in


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


def kind_label(kind: str) -> str:
    """What a run does."""
    return text_in(KINDS[RunKind(kind)])


def severity_label(severity: Severity) -> str:
    """How much a finding matters."""
    return text_in(SEVERITIES[severity])


def source_label(state: str) -> str:
    """State of a source."""
    return {"live": say("en service"), "paused": say("en pause"), "retired": say("retirée du service")}.get(
        state, state
    )


def note_words(note: str) -> str:
    """Why a source stands as it does: a person's words, or the run that was undone."""
    head, _, run = note.partition("undone: ")
    return say("moisson annulée : %(run)s", run=run) if run and not head else note


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
        "retire": say("retrait demandé"),
        "forget": say("fiche effacée pour toujours"),
        "accept": say("demande de rejoindre acceptée"),
        "decline": say("demande de rejoindre refusée"),
        "follow": say("abonnement à un acteur"),
        "unfollow": say("fin d'un abonnement"),
        "bind": say("acteur lié à un contributeur"),
        "unbind": say("acteur délié"),
        "mode": say("droits d'un serveur"),
        "block": say("blocage"),
        "unblock": say("fin d'un blocage"),
        "let-in": say("admission"),
        "turn-down": say("refus"),
        "replay-activities": say("activités à reprendre"),
        "sync": say("mise à jour avec d'autres Carrefour"),
        "rotate": say("changement de clés"),
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
    note_words,
    rule_label,
    schedule_label,
    severity_label,
    source_label,
)
"""What the templates of operators may call."""
