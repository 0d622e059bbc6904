"""POST to our inboxes: the raw request goes to the platform, a status comes back. Personal and shared ones are one.

Must never read more than the cap, believe X-Forwarded-Host, nor say more than a status.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from federation.activitypub.inbox import Answer
from federation.activitypub.names import COMMONS
from federation.activitypub.strictjson import MAX_BYTES
from federation.web.errors import problem
from federation.web.language import LANGUAGE_KEY
from federation.web.raw import raw_message
from federation.web.site import site

blueprint = Blueprint("inbox", __name__)


@blueprint.post("/inbox")
@blueprint.post("/actor/inbox")
def shared() -> Response:
    """The shared inbox, and the instance's own."""
    return _take()


@blueprint.post("/actors/<slug>/inbox")
def personal(slug: str) -> Response:
    """The inbox of the Group, or of a partner. Raises NotFound if there is no such actor."""
    if slug != COMMONS and site().platform.federation.actor(slug) is None:
        raise NotFound
    return _take()


def _take() -> Response:
    if LANGUAGE_KEY in request.environ:
        raise NotFound  # an inbox has one address, without a language
    body = _body()
    if body is None:
        return _answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
    return _answer(site().platform.inbox.receive(raw_message(body), request.remote_addr or ""))


def _body() -> bytes | None:
    """The raw body; None if it is longer than the cap, whatever length was announced."""
    if (request.content_length or 0) > MAX_BYTES:
        return None
    request.max_content_length = MAX_BYTES
    try:
        return request.get_data(cache=False)  # in pieces: asking for the cap at once would make room for it each time
    except RequestEntityTooLarge:
        return None


def _answer(answer: Answer) -> Response:
    """The same body for the same status, for everybody."""
    if answer.status == HTTPStatus.ACCEPTED:
        response = Response("", answer.status)
        response.headers.remove("Content-Type")
    else:
        response = problem(answer.status)
    response.headers.extend(answer.headers)
    response.headers["Cache-Control"] = "no-store"
    return response
