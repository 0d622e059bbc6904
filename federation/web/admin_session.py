"""Who is at the door of ``/admin``: cookie, session, the secret in each form. Must never let a page out without them.

The cookie exists only for those who have logged in, and only under ``/admin`` and ``/en/admin``.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from urllib.parse import quote, urlsplit

from flask import Response, g, render_template, request
from werkzeug.exceptions import BadRequest, Forbidden

from federation.ledger.accounts import Role
from federation.ledger.sessions import Session
from federation.web.language import LANGUAGES, PREFIX, here, language, root_path
from federation.web.site import site

COOKIE = "carrefour_session"
HOME = "/admin"
LOGIN = "/admin/login"
MAX_FORM = 64 * 1024  # bytes
_WITHOUT = "admin.login"  # the endpoint that needs no session
_NEXT = re.compile(r"/admin(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~=&%+-]*)?")


def guard() -> Response | None:
    """Before every request under ``/admin``: who it is. Sends strangers to the login page.

    Raises Forbidden (403), RequestEntityTooLarge (413), BadRequest (400: a zero character, which databases refuse).
    """
    request.max_content_length = MAX_FORM
    if "\0" in request.path or any("\0" in value for value in request.values.values()):
        raise BadRequest
    g.session = site().platform.gate.session(request.cookies.get(COOKIE, ""))
    if request.method == "POST" and _from_elsewhere():
        raise Forbidden
    if request.endpoint == _WITHOUT:
        return None
    if g.session is None:
        back = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else ""
        return see(LOGIN, f"next={quote(safe_next(back), safe='/')}")
    if request.method == "POST" and not _repeats(g.session.csrf):
        raise Forbidden
    return None


def seal(response: Response) -> Response:
    """After every request under ``/admin``: nothing is kept, found or read from elsewhere."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers.pop("Access-Control-Allow-Origin", None)
    response.vary.add("Cookie")
    return response


def session() -> Session:
    """The session of this request. Raises Forbidden where there is none."""
    found: Session | None = g.get("session")
    if found is None:
        raise Forbidden
    return found


def only_admins() -> None:
    """Raise Forbidden (403) for operators."""
    if session().account.role is not Role.ADMIN:
        raise Forbidden


def hand_over(response: Response, token: str) -> Response:
    """Give the browser the token of its session; an empty one takes it away."""
    for tag in LANGUAGES:
        path = root_path() + (PREFIX if tag == "en" else "") + HOME
        secure = site().base.startswith("https://")
        age = None if token else 0
        response.set_cookie(COOKIE, token, age, path=path, secure=secure, httponly=True, samesite="Lax")
    return response


def end_session() -> None:
    """End the session that this request came with, if any: logging in again begins another one."""
    token = request.cookies.get(COOKIE, "")
    if token:
        site().platform.gate.logout(token)


def safe_next(path: str) -> str:
    """Where to go after login: a page of ours under ``/admin``, whatever was asked for."""
    return path if _NEXT.fullmatch(path) else HOME


def see(path: str, query: str = "") -> Response:
    """303 to one of our pages, in the language of this one. Only paths that we have made or checked."""
    target = here() + quote(path, safe="/?&=%+") + (f"{'&' if '?' in path else '?'}{query}" if query else "")
    return Response("", 303, headers={"Location": target})


def render(template: str, status: int = 200, **values: object) -> Response:
    """A page for whoever is logged in."""
    who: Session | None = g.get("session")
    html = render_template(template, who=who and who.account, csrf=who.csrf if who else "", **values)
    response = Response(html, status, mimetype="text/html")
    response.headers["Content-Language"] = language()
    return response


def _repeats(csrf: str) -> bool:
    return compare_digest(request.form.get("csrf", "").encode(), csrf.encode())


def _from_elsewhere() -> bool:
    """Whether a browser says that another site has sent this form. The login form has no session to hold a secret."""
    said = request.headers.get("Sec-Fetch-Site")
    if said is not None:
        return said not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    base = urlsplit(site().base)
    return origin is not None and origin not in {f"{base.scheme}://{base.netloc}", request.host_url.rstrip("/")}
