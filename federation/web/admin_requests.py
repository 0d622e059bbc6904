"""The pages on which operators read requests to join and decide on them. One call to the desk, then a template.

Must never take a source file from a form: what is approved came of a trial of the feed, or is written by command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Response, request
from werkzeug.exceptions import NotFound

from federation.errors import ConfigError
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.operations import Refused
from federation.pipeline.trial import TooOften, TrialRefused, TrialRequest
from federation.web.admin import blueprint
from federation.web.admin_session import render, see, session
from federation.web.language import language, say
from federation.web.site import site

__all__ = ["blueprint"]

_T = TypeVar("_T")


@blueprint.get("/admin/requests")
def list_requests() -> Response:
    """Requests that wait for a decision, the oldest first; with ``all``, also those that have been decided."""
    every = request.args.get("all") == "1"
    found = site().platform.joining.all(None if every else CandidacyState.OPEN)
    return render("admin_requests.html", requests=found, every=every, done=_done())


@blueprint.get("/admin/requests/<reference>")
def show_request(reference: str) -> Response:
    """One request with the source file that came with it. 404 if there is none."""
    return render("admin_request.html", one=_find(reference), done=_done())


@blueprint.post("/admin/requests/<reference>/try")
def try_request(reference: str) -> Response:
    """Try the feed with the proposed source file, as its network did; leads to the account of the trial.

    A request that came without a source file has the one of this trial from now on.
    """
    found = _find(reference)
    feed, toml = str(found.detail.get("feed") or ""), str(found.detail.get("toml") or "")
    asked = TrialRequest(address=feed, toml=toml, lang=language())
    try:
        token = site().platform.trials.run(asked, None)
    except (TrialRefused, TooOften) as error:
        raise Refused(error.text["en"], error.text["fr"]) from error
    if found.state is CandidacyState.OPEN:
        _asked(lambda: site().platform.joining.propose(reference, token))
    return see(f"/essayer/{token}")


@blueprint.post("/admin/requests/<reference>/approve")
def approve_request(reference: str) -> Response:
    """Accept a request: its source file is written, and harvested when its ``schedule`` says so."""
    found = _find(reference)
    if request.form.get("confirm") != "yes" or not found.detail.get("charter"):
        raise Refused(
            "Nothing was done: tick the box that says what will happen; the network must have accepted the charter.",
            "Rien n'a été fait : cochez la case qui dit ce qui va se passer ; le réseau doit avoir accepté la charte.",
        )
    identity = request.form.get("id", "").strip()[:64] or None
    _asked(lambda: site().platform.joining.approve(reference, session().account.name, identity))
    return see(f"/admin/requests/{reference}", "done=approved")


@blueprint.post("/admin/requests/<reference>/refuse")
def refuse_request(reference: str) -> Response:
    """Decline a request with a reason."""
    _find(reference)
    reason = request.form.get("reason", "")[:500]
    _asked(lambda: site().platform.joining.refuse(reference, session().account.name, reason))
    return see(f"/admin/requests/{reference}", "done=refused")


@blueprint.app_template_filter("request_label")
def request_label(state: CandidacyState) -> str:
    """What has become of a request."""
    return {
        CandidacyState.OPEN: say("à décider"),
        CandidacyState.APPROVED: say("acceptée"),
        CandidacyState.REFUSED: say("refusée"),
    }[state]


def _done() -> str:
    return {
        "approved": say("C'est accepté : le fichier de source est écrit. La première moisson se demande à la main."),
        "refused": say("C'est refusé, et la raison est gardée."),
    }.get(request.args.get("done", ""), "")


def _find(reference: str) -> Candidacy:
    """One request. Raises NotFound (404)."""
    try:
        return site().platform.joining.find(reference)
    except ConfigError as error:
        raise NotFound from error


def _asked(decide: Callable[[], _T]) -> _T:
    """Hand a decision over. Raises Refused if it cannot be taken."""
    try:
        return decide()
    except ConfigError as error:
        raise Refused(error.text["en"], error.text["fr"]) from error
