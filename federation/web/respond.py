"""Linked-data answers: choosing a representation, and the headers that go with it (vocabulary design, section 10).

Every document of ours leaves through :func:`negotiated` or :func:`page`. Must never build an IRI from a Host header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

from flask import Response, redirect, render_template, request
from werkzeug.exceptions import NotAcceptable

from federation.catalogue.formats import HTML, JSONLD, Content, Format, serialise
from federation.catalogue.negotiation import best
from federation.web.language import here, language, root_path
from federation.web.site import site

REVALIDATE = "public, no-cache"
ONE_DAY = "public, max-age=86400"
FOREVER = "public, max-age=31536000, immutable"
EXPOSED = "Link, ETag, Content-Location, Location"

Link = tuple[str, str, str | None]
"""(target, relation, media type)."""


class Unacceptable(NotAcceptable):
    """Nothing that we have suits the client; carries what we have: (address, format)."""

    def __init__(self, offers: Sequence[tuple[str, Format]]) -> None:
        super().__init__()
        self.offers = tuple(offers)


def choose(formats: Sequence[Format], preferred: Format, path: str) -> Format:
    """The format that the client wants among ``formats``; ``preferred`` for ``*/*``. Raises Unacceptable (406)."""
    ordered = [preferred, *(one for one in formats if one is not preferred)]
    accept = request.headers.get("Accept")
    wanted = best(accept, [one.media_type for one in ordered])
    if wanted is None and JSONLD in ordered and best(accept, ["application/json"]):
        return JSONLD
    if wanted is None:
        raise Unacceptable([(suffixed(path, one), one) for one in ordered])
    return next(one for one in ordered if one.media_type == wanted)


def suffixed(path: str, form: Format) -> str:
    """Address of one representation; the page itself has none. A list (``/theme/``) loses its slash (``/theme.ttl``);

    a record keeps it, for it belongs to the partner's key.
    """
    if form is HTML:
        return path
    stem = path if path.startswith("/records/") else path.rstrip("/")
    return f"{stem}.{form.suffix}"


def href(path: str) -> str:
    """Language-neutral address on this server of a path that starts with a slash."""
    return root_path() + quote(path, safe="/:@!$&'()*+,;=~-._%")


def finish(
    response: Response, *, links: Iterable[Link] = (), cache: str = REVALIDATE, data: bool = False, vary: str = "Accept"
) -> Response:
    """Add Link, Vary, caching, a strong ETag and, for data, open CORS; answer 304 where the client has it already."""
    written = [f'<{target}>; rel="{rel}"' + (f'; type="{kind}"' if kind else "") for target, rel, kind in links]
    if written:
        response.headers["Link"] = ", ".join(written)
    if vary:
        response.vary.update([vary])
    response.headers["Cache-Control"] = cache
    if data:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    if response.status_code == 200:
        mark = sha256(response.get_data())
        mark.update(f"\0{response.content_type}\0{language()}".encode())
        response.set_etag(mark.hexdigest()[:32])
        response.make_conditional(request)
    return response


def page(template: str, status: int = 200, links: Iterable[Link] = (), **values: object) -> Response:
    """An HTML page in the language of the address."""
    response = Response(render_template(template, **values), status, mimetype="text/html")
    response.headers["Content-Language"] = language()
    return finish(response, links=links, vary="Accept")


def alternates(path: str, formats: Sequence[Format]) -> list[Link]:
    """Typed links to the other representations."""
    return [(href(suffixed(path, one)), "alternate", one.media_type) for one in formats]


def data(
    content: Content,
    form: Format,
    path: str,
    links: Iterable[Link] = (),
    cache: str = REVALIDATE,
    status: int = 200,
    modified: datetime | None = None,
) -> Response:
    """One thing in one RDF format. ``modified``: when its triples last changed, if that is known."""
    body = serialise(content, form, site().compactor, site().words.prefixes)
    response = Response(body, status, content_type=form.content_type)
    response.headers["Content-Location"] = href(suffixed(path, form))
    whole = not (form.graphs and content.beside)  # what is said beside may change without the triples
    if modified is not None and whole:
        response.last_modified = modified
    response = finish(response, links=links, cache=cache, data=True)
    if modified is not None:
        response.last_modified = modified
    return response


def negotiated(
    content: Content,
    path: str,
    form: Format | None,
    formats: Sequence[Format],
    html: Callable[[], Response] | None,
    *,
    preferred: Format = JSONLD,
    links: Iterable[Link] = (),
    cache: str = REVALIDATE,
    status: int = 200,
    modified: datetime | None = None,
) -> Response:
    """Answer with the format of the suffix, else with the one that the client wants.

    ``path`` is the address without suffix; ``html`` makes the page, if there is one. ``modified``: when the triples
    last changed. A page shows more than them, so it tells that date and answers 304 by its ETag alone. Raises
    Unacceptable (406).
    """
    offers = [*formats, HTML] if html is not None else list(formats)
    wanted = form or choose(offers, preferred, path)
    given = [*links, *alternates(path, [one for one in offers if one is not wanted])]
    if wanted is HTML and html is not None:
        response = html()
        extra = ", ".join(f'<{t}>; rel="{r}"' + (f'; type="{k}"' if k else "") for t, r, k in given)
        response.headers["Link"] = ", ".join(filter(None, (response.headers.get("Link"), extra)))
        response.headers["Content-Location"] = here() + quote(path)
        if modified is not None:
            response.last_modified = modified
        return response
    return data(content, wanted, path, given, cache, status, modified)


def see_other(path: str, form: Format) -> Response:
    """303 from a thing to the document that describes it."""
    target = href(suffixed(path, form)) if form is not HTML else here() + quote(path)
    response = Response("", 303, headers={"Location": target})
    return finish(response, data=True)


def moved(path: str, seconds: int = 3600) -> Response:
    """301 that may be undone one day: kept for an hour only."""
    response = redirect(path, 301)
    made = Response(response.get_data(), 301, headers=[("Location", path), ("Content-Type", "text/html")])
    return finish(made, cache=f"public, max-age={seconds}", data=True)
