"""One table from failures to HTTP answers. Errors know nothing of HTTP; this module knows nothing of their causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from federation.catalogue.negotiation import best
from federation.errors import CarrefourError, ConfigError, EngineUnavailable, PartnerError, PeerError, QueryRejected
from federation.web.language import language
from federation.web.respond import Unacceptable, href

RETRY_SECONDS = "30"


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


def answer(code: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A page, or plain text for those who want no HTML."""
    if best(request.headers.get("Accept"), ["text/html", "text/plain"]) == "text/plain":
        response = Response(f"{code} {detail}\n", code, content_type="text/plain; charset=utf-8")
    else:
        body = render_template("error.html", code=code, detail=detail)
        response = Response(body, code, mimetype="text/html")
        response.headers["Content-Language"] = language()
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


def register(app: Flask) -> None:
    """Route every failure through the table."""

    @app.errorhandler(CarrefourError)
    def ours(error: CarrefourError) -> Response:
        status = status_of(error)
        app.logger.warning("%s %s: %s", request.method, request.path, error)
        return answer(status.code, "" if status.code in NOTHING_INTERNAL else str(error), status.headers)

    @app.errorhandler(Unacceptable)
    def unacceptable(error: Unacceptable) -> Response:
        offers = [(href(path), form) for path, form in error.offers]
        lines = "".join(f"{form.media_type} {path}\n" for path, form in offers)
        if best(request.headers.get("Accept"), ["text/html"]):
            response = Response(render_template("error.html", code=406, offers=offers), 406, mimetype="text/html")
        else:
            response = Response(f"406 Not Acceptable\n{lines}", 406, content_type="text/plain; charset=utf-8")
        written = [f'<{path}>; rel="alternate"; type="{form.media_type}"' for path, form in offers]
        response.headers["Link"] = ", ".join(written)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.vary.add("Accept")
        return response

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400:
            return Response(error.get_response(request.environ).get_data(), error.code, error.get_headers())
        keep = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
        return answer(error.code or 500, headers=keep)
