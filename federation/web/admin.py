"""The pages of those who look after the instance: sources, runs, what waits for a person. One call, then a template.

Every action is a POST that ends with a redirect. Must never decide what an order does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import NotFound

from federation.catalogue.disclosure import OPERATOR
from federation.catalogue.records import titles
from federation.catalogue.reports import report_of
from federation.ledger.candidacies import CandidacyState
from federation.ledger.operations import Refused, Withheld
from federation.model import Rule, RunState
from federation.web import admin_session, admin_words
from federation.web.admin_session import render, see, session
from federation.web.contract import Operations
from federation.web.language import language
from federation.web.site import site

blueprint = Blueprint("admin", __name__)
blueprint.before_request(admin_session.guard)
blueprint.after_request(admin_session.seal)

PAGE = 50  # runs on a page
_DEEPEST = 10_000  # pages
_DIGITS = 9  # of a figure in a form
_T = TypeVar("_T")


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    """Make the words of this part known to its templates."""
    for one in admin_words.FILTERS:
        state.app.jinja_env.filters[one.__name__] = one


def operations() -> Operations:
    """What operators may ask of the platform."""
    return site().platform.operations


# -- logging in and out


@blueprint.route("/admin/login", methods=["GET", "POST"])
def login() -> Response:
    """The form to log in, and logging in: another session each time, so that none can be prepared by somebody else."""
    if request.method != "POST":
        return render("admin_login.html", next=admin_session.safe_next(request.args.get("next", "")))
    name, password = request.form.get("name", ""), request.form.get("password", "")
    target = admin_session.safe_next(request.form.get("next", ""))
    tried = site().platform.gate.login(name, password, request.remote_addr or "")
    if tried.session is None:
        seconds = int(tried.wait.total_seconds()) + 1 if tried.wait is not None else 0
        response = render(
            "admin_login.html", 429 if seconds else 403, next=target, name=name[:64], wrong=True, seconds=seconds
        )
        if seconds:
            response.headers["Retry-After"] = str(seconds)
        return response
    admin_session.end_session()
    return admin_session.hand_over(see(target), tried.token)


@blueprint.post("/admin/logout")
def leave() -> Response:
    """Log out."""
    admin_session.end_session()
    return admin_session.hand_over(see(admin_session.LOGIN), "")


# -- pages


@blueprint.get("/admin", strict_slashes=False)
def queue() -> Response:
    """What waits for a person, what is under way, what waits for whoever writes."""
    requests = site().platform.joining.all(CandidacyState.OPEN)
    return render("admin_queue.html", held=operations().held(), requests=requests, queue=operations().queue())


@blueprint.get("/admin/sources")
def sources() -> Response:
    """All sources with their state."""
    return render("admin_sources.html", sources=operations().sources(), done=_done())


@blueprint.get("/admin/sources/<source>")
def source(source: str) -> Response:
    """One source: its state, its latest runs, what can be asked of it. 404 if there is none."""
    found = operations().source(source)
    if found is None:
        raise NotFound
    runs, _ = operations().runs(source=source, size=10)
    return render("admin_source.html", one=found, runs=runs, done=_done())


@blueprint.get("/admin/runs")
def runs() -> Response:
    """Runs, newest first; of a source, in a state."""
    wanted = request.args.get("source", "")
    state = next((one for one in RunState if one.value == request.args.get("state")), None)
    number = _number(request.args.get("page", "")) or 1
    if number > _DEEPEST:
        raise NotFound
    found, total = operations().runs(wanted or None, state, number, PAGE)
    return render(
        "admin_runs.html",
        runs=found,
        total=total,
        page=number,
        last=max(-(-total // PAGE), 1),
        source=wanted,
        state=state,
        states=list(RunState),
        sources=operations().source_ids(),
    )


@blueprint.get("/admin/runs/<name>")
def run(name: str) -> Response:
    """One run: account, holds, findings, progress, what can be asked of it. 404 if there is none."""
    sheet = operations().run(name)
    if sheet is None:
        raise NotFound
    latest, _ = operations().runs(source=sheet.report.source, size=1)
    waits = any(one.run == name for one in operations().held())
    group = operations().withheld_of(sheet.report) if waits else None
    return render(
        "admin_run.html",
        sheet=sheet,
        run=sheet.report,
        report=report_of(sheet.report, site().platform.ledger.findings_alike, OPERATOR),
        progress=operations().progress(name),
        open=sheet.report.state in {RunState.QUEUED, RunState.RUNNING},
        held=waits,
        group=group,
        names=_names([group] if group else []),
        latest=latest[0].run if latest else "",
        idle=sheet.report.source in operations().idle(),
        source=operations().source(sheet.report.source),
        done=_done(),
    )


@blueprint.get("/admin/runs/<name>/progress")
def progress(name: str) -> Response:
    """How far a run is, as JSON: ``state``, ``stage``, ``done``, ``total``. 404 if there is none."""
    sheet = operations().run(name)
    if sheet is None:
        raise NotFound
    known = operations().progress(name)
    shown = {key: known.get(key) for key in ("stage", "done", "total")}
    return jsonify(state=sheet.report.state.value, **shown)


@blueprint.get("/admin/held")
def held() -> Response:
    """Withdrawals that wait for a person, record by record."""
    groups = operations().withheld()
    return render("admin_held.html", groups=groups, names=_names(groups))


def _names(groups: Sequence[Withheld]) -> Mapping[str, Mapping[str, str]]:
    """The names of the projects whose records wait."""
    return titles(site().platform.reader, [one.record for each in groups for one in (*each.records, *each.deletes)])


@blueprint.get("/admin/log")
def log() -> Response:
    """Who asked for what: for administrators."""
    admin_session.only_admins()
    return render("admin_log.html", lines=operations().audit())


# -- actions


@blueprint.post("/admin/sources/<source>/harvest")
def harvest(source: str) -> Response:
    """Ask for a harvest now."""
    name = _asked(lambda: operations().queue_harvest(source, _who()))
    return see(f"/admin/runs/{name}", "done=harvest")


@blueprint.post("/admin/sources/<source>/pause")
def pause(source: str) -> Response:
    """Stop harvesting a source."""
    _asked(lambda: operations().pause(source, request.form.get("reason", "")[:500], _who()))
    return see(f"/admin/sources/{source}", "done=pause")


@blueprint.post("/admin/sources/<source>/resume")
def resume(source: str) -> Response:
    """Harvest a paused source again."""
    _asked(lambda: operations().resume(source, _who()))
    return see(f"/admin/sources/{source}", "done=resume")


@blueprint.post("/admin/runs/<name>/approve")
def approve(name: str) -> Response:
    """Let what a run holds pass, up to the figures of the form."""
    _confirmed()
    figures = {rule: _number(request.form.get(f"ceiling-{rule.value}", "")) for rule in Rule}
    ceilings = {rule: figure for rule, figure in figures.items() if figure is not None}
    absent = request.form.get("absent") == "yes"
    ordered = _asked(lambda: operations().approve(name, ceilings, absent, _who()))
    return see(f"/admin/runs/{ordered}", "done=approve")


@blueprint.post("/admin/runs/<name>/undo")
def undo(name: str) -> Response:
    """Ask that a run be undone."""
    _confirmed()
    ordered = _asked(lambda: operations().undo(name, _who()))
    return see(f"/admin/runs/{ordered}", "done=undo")


@blueprint.post("/admin/runs/<name>/replay")
def replay(name: str) -> Response:
    """Ask that the stored bytes of a run be read again."""
    ordered = _asked(lambda: operations().replay(name, _who()))
    return see(f"/admin/runs/{ordered}", "done=replay")


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> Response:
    """Say why an order was not taken, and lead back."""
    return render("admin_refused.html", 409, why=error.text[language()])


def _who() -> str:
    return session().account.name


def _done() -> str:
    return admin_words.done_words(request.args.get("done", ""))


def _asked(ask: Callable[[], _T]) -> _T:
    """Hand an order over. Raises NotFound (404) if what it names is unknown; Refused."""
    try:
        return ask()
    except LookupError as error:
        raise NotFound from error


def _confirmed() -> None:
    if request.form.get("confirm") != "yes":
        raise Refused(
            "Nothing was done: tick the box that says what will happen.",
            "Rien n'a été fait : cochez la case qui dit ce qui va se passer.",
        )


def _number(text: str) -> int | None:
    """A whole number, zero or more; None for anything else."""
    plain = text.strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= _DIGITS else None
