"""The pages on which operators see other servers and decide on them. One call, then a template.

What strangers wrote is shown as text only. Must never fetch or write anything but through what the platform offers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import NotFound

from federation.activitypub.intake import QUARANTINE
from federation.activitypub.peers import Peers
from federation.errors import ConfigError, PeerError
from federation.ledger.operations import Refused
from federation.web.admin_requests import blueprint
from federation.web.admin_session import render, see, session
from federation.web.language import say
from federation.web.site import site

__all__ = ["blueprint"]

_HOME = "/admin/peers"
_AWAY = ("remote:", "run-", "engine")
"""Rules of what passes: another server, or ours, was away too often."""
_LONGEST = 2048  # characters of an address in a form
_T = TypeVar("_T")


def _peers() -> Peers:
    return site().platform.peers


@blueprint.get(_HOME)
def list_peers() -> Response:
    """Other servers, and what waits for a decision."""
    desk = _peers()
    return render(
        "admin_peers.html", peers=desk.all(), queue=desk.queue(), quarantined=desk.quarantined(), done=_done()
    )


@blueprint.get(f"{_HOME}/<host>")
def show_peer(host: str) -> Response:
    """One server: who follows, who is followed, who pushes; its modes and its block. 404 if nothing is known of it."""
    try:
        return render("admin_peer.html", peer=_peers().show(host), done=_done())
    except ConfigError as error:
        raise NotFound from error


@blueprint.post(f"{_HOME}/follow")
def follow_peer() -> Response:
    """Follow an actor or a commons, by its address or its name."""
    row = _asked(lambda: _peers().follow(_field("actor"), _who()))
    return _back(row.host, "followed")


@blueprint.post(f"{_HOME}/unfollow")
def unfollow_peer() -> Response:
    """Follow an actor no more."""
    _asked(lambda: _peers().unfollow(_field("actor"), _who()))
    return see(_HOME, "done=unfollowed")


@blueprint.post(f"{_HOME}/bind")
def bind_peer() -> Response:
    """Let an actor push the records of a partner."""
    partner = _field("partner")
    _asked(lambda: _peers().bind(_field("actor"), partner, _field("source") or partner, _who()))
    return see(_HOME, "done=bound")


@blueprint.post(f"{_HOME}/unbind")
def unbind_peer() -> Response:
    """Take nothing more from an actor."""
    _asked(lambda: _peers().unbind(_field("actor"), _who()))
    return see(_HOME, "done=unbound")


@blueprint.post(f"{_HOME}/mode")
def set_modes() -> Response:
    """Say what a server may do."""
    row = _asked(lambda: _peers().set_modes(_field("host"), _field("follow"), _field("records"), _who()))
    return _back(row.host, "mode")


@blueprint.post(f"{_HOME}/block")
def block_peer() -> Response:
    """Block a server or an actor; its records are hidden."""
    if request.form.get("confirm") != "yes":
        raise Refused(
            "Nothing was done: tick the box that says what will happen.",
            "Rien n'a été fait : cochez la case qui dit ce qui va se passer.",
        )
    _asked(lambda: _peers().block(_field("subject"), _who(), _field("reason")))
    return see(_HOME, "done=blocked")


@blueprint.post(f"{_HOME}/unblock")
def unblock_peer() -> Response:
    """Lift a block."""
    _asked(lambda: _peers().unblock(_field("subject"), _who()))
    return see(_HOME, "done=unblocked")


@blueprint.post(f"{_HOME}/approve")
def approve_peer() -> Response:
    """Let in what waits."""
    _asked(lambda: _peers().approve(_field("reference"), _who()))
    return see(_HOME, "done=let-in")


@blueprint.post(f"{_HOME}/reject")
def reject_peer() -> Response:
    """Turn down what waits."""
    _asked(lambda: _peers().reject(_field("reference"), _who()))
    return see(_HOME, "done=turned-down")


@blueprint.post(f"{_HOME}/replay")
def replay_peers() -> Response:
    """Work once more on what was put aside: one, or all of it."""
    reference = _field("reference")
    _asked(lambda: _peers().replay([reference] if reference else [], _who()))
    return see(_HOME, "done=replayed")


@blueprint.app_template_filter("waiting_label")
def waiting_label(kind: str) -> str:
    """What kind of thing waits for a decision."""
    return {
        "follow": say("abonnement"),
        "moderation": say("fiche d'un inconnu"),
        "reply": say("réponse"),
        "flag": say("signalement"),
    }.get(kind, kind)


@blueprint.app_template_filter("aside_words")
def aside_words(rule: str | None) -> str:
    """Why an activity was put aside, and what to do."""
    told = {
        "record-refused": say("la fiche a été refusée : le compte rendu de la source dit pourquoi"),
        "source-idle": say("sa source ne prend rien : en pause, retirée, ou d'un autre format"),
        "peer-actor": say("son acteur n'est pas celui d'un contributeur d'un Carrefour"),
        "intake:crash": say("le travail s'est arrêté plusieurs fois sur elle : prévenez qui tient le logiciel"),
    }
    if rule in told:
        return told[rule]
    if str(rule).startswith(_AWAY):
        return say("ce qu'il fallait pour elle n'était pas là : reprenez plus tard")
    return say("son contenu ne se lit pas comme il faut") if str(rule).startswith(QUARANTINE) else ""


@blueprint.app_template_filter("follow_label")
def follow_label(state: str) -> str:
    """How a follow stands."""
    return {"pending": say("en attente"), "requested": say("demandé"), "accepted": say("accepté")}.get(state, state)


@blueprint.app_template_filter("mode_label")
def mode_label(mode: str) -> str:
    """What a server may do."""
    return {
        "allow": say("permettre"),
        "ask": say("demander à une personne"),
        "deny": say("refuser"),
        "default": say("comme d'habitude"),
    }.get(mode, mode)


def _done() -> str:
    return {
        "followed": say("L'abonnement est demandé."),
        "unfollowed": say("Ce n'est plus suivi."),
        "bound": say("C'est lié : ce que cet acteur pousse entre."),
        "unbound": say("C'est délié : rien de plus n'entre."),
        "mode": say("C'est réglé."),
        "blocked": say("C'est bloqué ; ses fiches seront cachées dans un instant."),
        "unblocked": say(
            "C'est débloqué ; ses fiches reviennent dans un instant. "
            "Les abonnements ont pris fin : suivez de nouveau ce serveur."
        ),
        "let-in": say("C'est accepté."),
        "turned-down": say("C'est refusé."),
        "replayed": say("Ce sera repris dans un instant."),
    }.get(request.args.get("done", ""), "")


def _back(host: str, done: str) -> Response:
    return see(f"{_HOME}/{quote(host, safe=':')}", f"done={done}")


def _field(name: str) -> str:
    return request.form.get(name, "").strip()[:_LONGEST]


def _who() -> str:
    return session().account.name


def _asked(ask: Callable[[], _T]) -> _T:
    """Hand a decision over. Raises Refused if it cannot be taken."""
    try:
        return ask()
    except (ConfigError, PeerError) as error:
        raise Refused(error.text["en"], error.text["fr"]) from error
