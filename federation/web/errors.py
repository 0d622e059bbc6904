"""One table from failures to HTTP answers. Errors know nothing of HTTP; this module knows nothing of their causes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from federation.catalogue.formats import RECORD_DATA
from federation.catalogue.negotiation import best, split_extension
from federation.errors import CarrefourError, ConfigError, EngineUnavailable, PartnerError, PeerError, QueryRejected
from federation.web.language import language, say
from federation.web.respond import Unacceptable, href

RETRY_SECONDS = "30"
_JSON = ("application/problem+json", "application/json")
_MACHINES = ("text/plain", *_JSON, *(form.media_type for form in RECORD_DATA))
"""What a client that reads no pages may name; all but JSON get plain text."""


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP status with the headers that go with it."""

    code: int
    headers: Mapping[str, str]


_RETRY = {"Retry-After": RETRY_SECONDS}


QUERY_STATUS: Mapping[str, Status] = {
    "syntax": Status(400, {}),
    "forbidden": Status(400, {}),
    "update": Status(403, {}),
    "too_large": Status(413, {}),
    "memory": Status(413, {}),
    "timeout": Status(503, {"Retry-After": "60"}),
    "busy": Status(503, {"Retry-After": "5"}),
}
"""Reasons of QueryRejected (vocabulary design, section 11). All workers busy is our trouble (503); one client's
excess (429) is counted before a query runs."""

ERROR_STATUS: tuple[tuple[type[CarrefourError], Status], ...] = (
    (EngineUnavailable, Status(503, _RETRY)),
    (PeerError, Status(502, {})),
    (PartnerError, Status(502, {})),
    (ConfigError, Status(500, {})),
    (CarrefourError, Status(500, {})),
)
"""The first class that fits decides."""

NOTHING_INTERNAL = {500, 502, 503}
"""Statuses whose message to the public is ours, not the error's: it may name files and addresses."""


def status_of(error: CarrefourError) -> Status:
    """Status and headers for one of our errors."""
    if isinstance(error, QueryRejected):
        return QUERY_STATUS.get(error.reason, Status(400, {}))
    return next(status for kind, status in ERROR_STATUS if isinstance(error, kind))


def wants_html() -> bool:
    """Whether an error is best shown as a page: not to a client that prefers data, or wants no HTML at all.

    Nor to one that asks for a data file by its suffix and takes anything: it has no use for a page.
    """
    offers = ["text/html", *_MACHINES]
    return best(request.headers.get("Accept"), offers[::-1] if _asks_for_data() else offers) == "text/html"


def reads_json() -> bool:
    """Whether a client that gets no page is told by a problem document, not by text."""
    offers = (*_JSON, "text/plain") if _asks_for_data() else _MACHINES
    return best(request.headers.get("Accept"), offers) in _JSON


def problem(code: int, detail: str = "") -> Response:
    """A problem document (RFC 9457)."""
    said = {"title": _reason(code), "status": code} | ({"detail": detail} if detail else {})
    return Response(json.dumps(said, ensure_ascii=False) + "\n", code, mimetype="application/problem+json")


def _asks_for_data() -> bool:
    media_type = split_extension(request.path)[1]
    return media_type is not None and media_type != "text/html"


def answer(code: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A page; for machines a problem document (RFC 9457) if they read JSON, else a line of plain text."""
    if wants_html():
        response = Response(render_template("error.html", code=code, detail=detail), code, mimetype="text/html")
    elif reads_json():
        response = problem(code, detail or _sentence(code))
    else:
        detail = detail or _sentence(code)
        said = " ".join(filter(None, (str(code), _reason(code)))) + (f"\n{detail}" if detail else "")
        response = Response(f"{said}\n", code, content_type="text/plain; charset=utf-8")
    if response.mimetype == "text/html" or detail or _sentence(code):
        response.headers["Content-Language"] = language()
    response.headers.update(headers or {})
    return _open(response)


def _sentence(code: int) -> str:
    """What the page of this status says, for those who get no page."""
    if code != 404:
        return ""
    why = say("L'adresse est peut-être incomplète. Une adresse que nous avons donnée ne change jamais.")
    return say("Il n'y a rien ici") + f". {why}"


def _reason(code: int) -> str:
    return HTTP_STATUS_CODES.get(code, "")


def _open(response: Response) -> Response:
    """The headers of every failure: read from other sites, never kept, different by Accept."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


def register(app: Flask) -> None:
    """Route every failure through the table."""

    @app.errorhandler(CarrefourError)
    def ours(error: CarrefourError) -> Response:
        status = status_of(error)
        app.logger.warning("%s %s: %s", request.method, request.path, error)
        return answer(status.code, "" if status.code in NOTHING_INTERNAL else error.text[language()], status.headers)

    @app.errorhandler(Unacceptable)
    def unacceptable(error: Unacceptable) -> Response:
        offers = [(href(path), form) for path, form in error.offers]
        lines = "".join(f"{form.media_type} {path}\n" for path, form in offers)
        if wants_html():
            response = Response(render_template("error.html", code=406, offers=offers), 406, mimetype="text/html")
        else:
            response = Response(f"406 Not Acceptable\n{lines}", 406, content_type="text/plain; charset=utf-8")
        written = [f'<{path}>; rel="alternate"; type="{form.media_type}"' for path, form in offers]
        response.headers["Link"] = ", ".join(written)
        response.headers["Access-Control-Expose-Headers"] = "Link"
        return _open(response)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400:
            return Response(error.get_response(request.environ).get_data(), error.code, error.get_headers())
        keep = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
        return answer(error.code or 500, headers=keep)
