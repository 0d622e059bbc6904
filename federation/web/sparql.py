"""The public SPARQL endpoint over HTTP, and its page. HTTP in, one call to the catalogue, HTTP out.

It must never write, show an engine's own words, or answer with a part of a result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, url_for

from federation.catalogue import service_description
from federation.catalogue.negotiation import best, best_language
from federation.catalogue.sparql import (
    FORMAT_NAMES,
    KINDS,
    OFFERS,
    SparqlRequest,
    choose_format,
    describe_limits,
    explain,
    form_of,
    is_stable,
    run,
)
from federation.catalogue.sparql_lexer import with_limit
from federation.catalogue.sparql_table import Table, table
from federation.engines import QueryAnswer, QueryLimits
from federation.errors import EngineUnavailable, QueryRejected
from federation.model import Text
from federation.web.errors import QUERY_STATUS, problem, reads_json
from federation.web.language import language
from federation.web.site import site
from federation.web.sparql_clients import Clients, TooMany
from federation.web.sparql_request import Asked, ProtocolError, read
from federation.web.sparql_words import WORDS

_CLIENTS = "carrefour.sparql"  # where an application keeps its counter of clients
_PAGE_ROWS = 1000  # that a page shows of a query without LIMIT
_SOON = 5  # seconds after which a worker may be free again
_EXPOSED = "Link, ETag, Content-Location, Carrefour-Timeout, Carrefour-Max-Rows, Retry-After"
_METHODS = ["GET", "POST", "OPTIONS"]
_PAGE_FORMATS = ("html", "json", "xml", "csv", "tsv", "turtle", "json-ld", "n-triples", "rdfxml")
_UNAVAILABLE = {
    "fr": "Le service de requêtes est momentanément indisponible. Réessayez dans quelques secondes.",
    "en": "The query service is unavailable at the moment. Try again in a few seconds.",
}
_TOO_MANY = {
    "fr": "Trop de requêtes en même temps depuis votre adresse. Attendez que l'une d'elles finisse.",
    "en": "Too many queries at the same time from your address. Wait until one of them ends.",
}
_NO_FORMAT = {
    "fr": "Le résultat de cette requête n'existe pas dans le format demandé. Choisissez-en un dans l'en-tête Accept,"
    " ou par le paramètre format.",
    "en": "The result of this query cannot be had in the format asked for. Choose one in the Accept header, or with the"
    " format parameter.",
}


def sparql_blueprint() -> Blueprint:
    """The endpoint at ``/sparql``; under the language prefix its page is English. Needs an installed ``Site``."""
    blueprint = Blueprint("sparql", __name__)
    blueprint.add_url_rule(
        "/sparql", "endpoint", endpoint, methods=_METHODS, strict_slashes=False, provide_automatic_options=False
    )
    blueprint.after_request(_common_headers)
    blueprint.record_once(lambda state: state.app.extensions.setdefault(_CLIENTS, {}))
    return blueprint


def endpoint() -> Response:
    """Answer one request of the SPARQL 1.1 Protocol, or show the page."""
    if request.method == "OPTIONS":
        return _preflight()
    asked = Asked(None)
    try:
        asked = read(request)
        if not asked.query and (asked.query is None or _wants_page(asked.format)):
            return _description(asked)
        return _result(asked)
    except ProtocolError as error:
        return _refusal(error.status, error.text, asked)
    except TooMany:
        return _refusal(429, _TOO_MANY, asked, {"Retry-After": str(_SOON)})
    except EngineUnavailable:
        return _refusal(503, _UNAVAILABLE, asked, {"Retry-After": str(_SOON)})
    except QueryRejected as error:
        if error.reason == "busy":  # all workers are: our trouble, not one client's excess
            return _refusal(503, explain(error, _limits()), asked, {"Retry-After": str(_SOON)})
        status = QUERY_STATUS[error.reason]
        return _refusal(status.code, explain(error, _limits()), asked, status.headers)


def _result(asked: Asked) -> Response:
    query = asked.query or ""
    form = form_of(query)
    if form not in KINDS:
        run(SparqlRequest(query), site().platform.queries, _limits())  # says what is wrong
    kind = KINDS.get(form, "bindings")
    chosen = choose_format(kind, request.headers.get("Accept"), asked.format, html=True)
    if chosen is None:
        return _not_acceptable(kind)
    media_type, written = chosen
    page = media_type == "text/html"
    stable = not page and request.method != "POST" and is_stable(query)
    if stable and _etag(site().platform.reader.seq, asked, media_type) in request.if_none_match:
        return _not_modified(site().platform.reader.seq, asked, media_type)
    cut = page and form in ("SELECT", "CONSTRUCT")
    sent = with_limit(query, _page_rows()) if cut else query
    with _clients().admit(request.remote_addr or ""):
        answer = run(
            SparqlRequest(sent, {kind: written}, asked.default_graphs, asked.named_graphs),
            site().platform.queries,
            _limits(),
        )
    if page:
        return _page(asked, answer=answer, limited=sent != query)
    if stable and _etag(answer.seq, asked, media_type) in request.if_none_match:
        return _not_modified(answer.seq, asked, media_type)
    response = Response(answer.body, content_type=_content_type(media_type))
    if stable:
        response.set_etag(_etag(answer.seq, asked, media_type))
    response.headers["Cache-Control"] = "public, no-cache"
    return response


def _description(asked: Asked) -> Response:
    """The page for browsers, the Service Description for machines."""
    if _wants_page(asked.format):
        return _page(asked)
    chosen = choose_format("graph", request.headers.get("Accept"), asked.format)
    if chosen is None:
        return _not_acceptable("graph")
    body = service_description.write(site().platform.settings.base_url + "/sparql", _limits(), chosen[1])
    return Response(body, content_type=_content_type(chosen[0]))


def _page(
    asked: Asked,
    *,
    answer: QueryAnswer | None = None,
    limited: bool = False,
    error: str | None = None,
    status: int = 200,
) -> Response:
    shown: Table | None = table(answer) if answer else None
    lang = language()
    body = render_template(
        "sparql.html",
        lang=lang,
        words=WORDS[lang],
        query=asked.query or "",
        chosen=asked.format or "html",
        formats=_PAGE_FORMATS,
        default_graphs=asked.default_graphs,
        named_graphs=asked.named_graphs,
        limits=describe_limits(_limits())[lang],
        examples=_examples(),
        table=shown,
        most=_page_rows(),
        tabular=answer is not None and answer.kind == "bindings",
        limited=limited and shown is not None and len(shown.rows) >= _page_rows(),
        error=error,
        action=url_for("sparql.endpoint"),
        permalink=_permalink(asked) if asked.query else None,
    )
    return Response(body, status=status, content_type="text/html; charset=utf-8")


def _permalink(asked: Asked) -> str:
    fields: dict[str, Any] = {"query": asked.query} if asked.query else {}
    if asked.default_graphs:
        fields["default-graph-uri"] = list(asked.default_graphs)
    if asked.named_graphs:
        fields["named-graph-uri"] = list(asked.named_graphs)
    return url_for("sparql.endpoint", **fields)


def _examples() -> list[dict[str, str]]:
    lang = language()
    return [
        {
            "title": example.labels[lang],
            "comment": example.comment.get(lang, ""),
            "link": url_for("sparql.endpoint", query=example.text),
        }
        for example in site().platform.vocabulary.queries
    ]


def _refusal(status: int, text: Text, asked: Asked, headers: Mapping[str, str] | None = None) -> Response:
    if _wants_page(asked.format):
        response = _page(asked, error=text[language()], status=status)
    else:
        asked_for = request.headers.get("Accept-Language")
        spoken = "en" if language() == "en" else best_language(asked_for, ("fr", "en"))
        if reads_json():
            response = problem(status, text[spoken])
        else:
            response = Response(f"{text[spoken]}\n", status=status, content_type="text/plain; charset=utf-8")
        response.headers["Content-Language"] = spoken
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return response


def _not_acceptable(kind: str) -> Response:
    """406 that says what it refuses and what it has, by media type and by name."""
    spoken = "en" if language() == "en" else best_language(request.headers.get("Accept-Language"), ("fr", "en"))
    types = "\n".join((*OFFERS[kind], "text/html"))
    names = " ".join((*FORMAT_NAMES[kind], "html"))
    body = f"406 Not Acceptable\n{_NO_FORMAT[spoken]}\n\nAccept:\n{types}\n\nformat=\n{names}\n"
    response = Response(body, status=406, content_type="text/plain; charset=utf-8")
    response.headers["Content-Language"] = spoken
    response.headers["Cache-Control"] = "no-store"
    return response


def _preflight() -> Response:
    response = Response(status=204)
    response.headers["Allow"] = "GET, HEAD, POST, OPTIONS"
    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = "Accept, Accept-Language, Content-Type, If-None-Match"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _not_modified(seq: int, asked: Asked, media_type: str) -> Response:
    response = Response(status=304)
    response.set_etag(_etag(seq, asked, media_type))
    response.headers["Cache-Control"] = "public, no-cache"
    return response


def _etag(seq: int, asked: Asked, media_type: str) -> str:
    """Opaque tag of the state of the data and everything that shapes the answer."""
    parts = [seq, asked.query, asked.default_graphs, asked.named_graphs, media_type]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _wants_page(format_name: str | None) -> bool:
    if format_name:
        return format_name in ("html", "text/html")
    accept = request.headers.get("Accept")
    return bool(accept) and best(accept, ("application/sparql-results+json", "text/turtle", "text/html")) == "text/html"


def _common_headers(response: Response) -> Response:
    limits = _limits()
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    response.headers["Carrefour-Timeout"] = f"{limits.seconds:g}"
    response.headers["Carrefour-Max-Rows"] = str(limits.rows)
    response.vary.update(("Accept", "Accept-Language"))
    return response


def _page_rows() -> int:
    return min(_PAGE_ROWS, site().platform.settings.query_rows)


def _limits() -> QueryLimits:
    settings = site().platform.settings
    return QueryLimits(settings.query_seconds, settings.query_rows, settings.query_bytes, settings.query_memory)


def _clients() -> Clients:
    """The counter of this application, made at its first query."""
    kept: dict[str, Clients] = current_app.extensions[_CLIENTS]
    if "clients" not in kept:
        settings = site().platform.settings
        made = Clients(settings.query_per_client, settings.query_workers, settings.query_seconds + 1)
        kept.setdefault("clients", made)
    return kept["clients"]
