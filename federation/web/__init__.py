"""HTTP in, one call, HTTP out. ``create_app`` is the only door; nothing here decides about records or rankings."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from federation.web import (
    activitypub,
    admin_peers,
    changes,
    errors,
    inbox,
    meaning,
    pages,
    passages,
    runs,
    selfservice,
    things,
)
from federation.web.contract import Platform, RunBook, SourceLine
from federation.web.filters import install_filters
from federation.web.language import LanguagePrefix, install_translations
from federation.web.site import Site, install
from federation.web.sparql import sparql_blueprint

__all__ = ["Platform", "RunBook", "SourceLine", "create_app"]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
MAX_BODY = 1024 * 1024  # bytes; the only bodies we read are SPARQL queries


def create_app(platform: Platform) -> Flask:
    """Build the WSGI application over an opened platform."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=1)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.url_map.merge_slashes = False  # a slash in a key is data
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    install(app, Site(platform))
    install_translations(app)
    install_filters(app)
    errors.register(app)
    for blueprint in (
        pages.blueprint,
        things.blueprint,
        activitypub.blueprint,
        changes.blueprint,
        inbox.blueprint,
        runs.blueprint,
        passages.blueprint,
        meaning.blueprint,
        selfservice.blueprint,
        sparql_blueprint(),
        admin_peers.blueprint,  # with the other pages of operators
    ):
        app.register_blueprint(blueprint)
    app.after_request(_protect)
    app.wsgi_app = LanguagePrefix(app.wsgi_app)  # type: ignore[method-assign]
    if count := platform.settings.trusted_proxies:  # addresses only: IRIs and links are built on ``base_url``
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=0, x_host=0)  # type: ignore[method-assign]
    return app


def _protect(response: Response) -> Response:
    """Headers of every answer: no third party, no guessing of types, no frame, no tracking."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    if request.method == "OPTIONS" and "Access-Control-Allow-Origin" not in response.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type, If-None-Match"
    return response
