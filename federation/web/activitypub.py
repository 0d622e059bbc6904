"""ActivityPub over HTTP, the reading side: actors, collections, activities, objects, WebFinger, NodeInfo, the context.

Documents come whole from the platform; here they get media type and headers. Must never answer from a Host header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, NotFound

from federation.activitypub.activities import LD_PROFILE
from federation.activitypub.actors import AS2
from federation.activitypub.desk import Answer
from federation.activitypub.inbox import Answer as Receipt
from federation.activitypub.names import INSTANCE, outbox_page
from federation.activitypub.nodeinfo import CONTENT_TYPE as NODE_INFO
from federation.activitypub.objects import CONTEXT_FILE, CONTEXT_PATH
from federation.activitypub.webfinger import JRD
from federation.catalogue.formats import DATA, HTML, JSONLD, Format
from federation.catalogue.negotiation import MediaType, best, parse_accept
from federation.web.contract import Federation
from federation.web.errors import problem
from federation.web.raw import raw_message
from federation.web.respond import FOREVER, REVALIDATE, Unacceptable, finish, moved, see_other
from federation.web.site import site

blueprint = Blueprint("activitypub", __name__)

ACTIVITY = "application/activity+json"
ONE_HOUR = "public, max-age=3600"
_PRIVATE = "private, no-cache"  # made for one reader: nobody between may keep it for others

_SAFE = "/:@!$&'()*+,;=~-._%"  # of a path, as in every IRI that we mint
_VIEW = Format("", ACTIVITY, "ActivityStreams")
_OTHERS = frozenset(form.media_type for form in (*DATA, HTML))


def wants_as2() -> bool:
    """Whether a client names a media type of ActivityStreams, and no other of ours before it.

    For addresses that also have linked data or a page: ``*/*`` and plain ``application/ld+json`` get these.
    """
    ranges = parse_accept(request.headers.get("Accept", ""))
    asked = max((one.quality for one in ranges if _is_as2(one)), default=0.0)
    others = (one.quality for one in ranges if not _is_as2(one) and f"{one.main}/{one.sub}" in _OTHERS)
    return asked > 0 and asked >= max(others, default=0.0)


def _is_as2(one: MediaType) -> bool:
    name = f"{one.main}/{one.sub}"
    profiles = one.parameters.get("profile", "").split()
    return name == ACTIVITY or (name == JSONLD.media_type and AS2 in profiles)


def see_as2(address: str) -> Response:
    """303 from a thing or a page to its view in ActivityStreams."""
    return _varied(finish(Response("", 303, headers={"Location": address}), data=True))


def as2_answer(found: Answer | None, for_all: bool = False) -> Response:
    """One document: ``application/activity+json``, or JSON-LD with the profile; people are sent to its page (303).

    In secure mode only to whoever signs the request, unless it is ``for_all``. Raises NotFound, Unacceptable (406).
    """
    if found is None:
        raise NotFound
    if found.moved is not None:
        return _varied(moved(found.moved))
    offers = [ACTIVITY, LD_PROFILE, "application/json", *([HTML.media_type] if found.page else [])]
    wanted = best(request.headers.get("Accept"), offers)
    if wanted is None:
        raise Unacceptable([(request.path, _VIEW)])
    if wanted == HTML.media_type and found.page is not None:
        return _varied(see_other(found.page, HTML))
    kind = LD_PROFILE if wanted == LD_PROFILE else ACTIVITY
    cache = FOREVER if found.settled else REVALIDATE
    if site().platform.settings.federation_secure and not for_all:
        refused = site().platform.readers.refusal(raw_message(), request.remote_addr or "")
        if refused is not None:
            return _refused(refused)
        cache = _PRIVATE
    response = Response(found.body, 410 if found.gone else 200, content_type=kind)
    links = [(site().base + found.page, "alternate", HTML.media_type)] if found.page else []
    return _varied(finish(response, links=links, cache=cache, data=True))


def _refused(answer: Receipt) -> Response:
    """The same body for the same status, for everybody."""
    response = problem(answer.status)
    response.headers.extend(answer.headers)
    response.headers["Cache-Control"] = "no-store"
    return _varied(response)


def _varied(response: Response) -> Response:
    response.vary.update(["Accept", "Signature"])
    return response


def _federation() -> Federation:
    return site().platform.federation


# -- actors ---------------------------------------------------------------------------------------------------------


@blueprint.get("/actor")
def instance() -> Response:
    """The Application: it and its key are always readable."""
    return as2_answer(_federation().actor(INSTANCE), for_all=True)


@blueprint.get("/actors/commons/moderators")
def moderators() -> Response:
    """Who may post in the Group."""
    return as2_answer(_federation().moderators())


@blueprint.get("/actor/outbox", defaults={"slug": INSTANCE})
@blueprint.get("/actors/<slug>/outbox")
def outbox(slug: str) -> Response:
    """The outbox of an actor."""
    return as2_answer(_federation().outbox(slug))


@blueprint.get("/actor/outbox/<number>", defaults={"slug": INSTANCE})
@blueprint.get("/actors/<slug>/outbox/<number>")
def page_of_outbox(slug: str, number: str) -> Response:
    """One page of it, numbered from the oldest. Raises NotFound for a number written in another way."""
    wanted = outbox_page(number)
    return as2_answer(None if wanted is None else _federation().outbox_page(slug, wanted))


@blueprint.get("/actor/followers", defaults={"slug": INSTANCE})
@blueprint.get("/actors/<slug>/followers")
def followers(slug: str) -> Response:
    """How many follow an actor."""
    return as2_answer(_federation().followers(slug))


@blueprint.get("/actor/following", defaults={"slug": INSTANCE})
@blueprint.get("/actors/<slug>/following")
def following(slug: str) -> Response:
    """How many an actor follows."""
    return as2_answer(_federation().following(slug))


# -- what they say ------------------------------------------------------------------------------------------------


@blueprint.get("/activities/<ulid>")
def activity(ulid: str) -> Response:
    """An activity with its object as it is now."""
    return as2_answer(_federation().activity(ulid))


@blueprint.get("/notes/<ulid>")
def note(ulid: str) -> Response:
    """A short word about a record that has changed, if the instance is set to send them."""
    return as2_answer(_federation().note(ulid))


@blueprint.get("/objects/<path:rid>")
def object_(rid: str) -> Response:
    """A record as a Page."""
    return as2_answer(_federation().object(quote(rid, safe=_SAFE)))


@blueprint.get("/contexts/<pid>")
def context(pid: str) -> Response:
    """The records of one project (FEP-7888)."""
    return as2_answer(_federation().context(pid))


# -- discovery ------------------------------------------------------------------------------------------------------


@blueprint.get("/.well-known/webfinger")
def webfinger() -> Response:
    """From a name, an address or the origin to an actor (RFC 7033). Raises BadRequest without ``resource``."""
    resource = request.args.get("resource")
    if not resource:
        raise BadRequest
    found = _federation().webfinger(resource, request.args.getlist("rel"))
    if found is None:
        raise NotFound
    return _json(found, JRD)


@blueprint.get("/.well-known/nodeinfo")
def node_links() -> Response:
    """Where NodeInfo is, and the instance actor (FEP-2677)."""
    return _json(_federation().node_links(), "application/json")


@blueprint.get("/nodeinfo/2.1")
def node_info() -> Response:
    """NodeInfo 2.1."""
    return _json(_federation().node_info(), NODE_INFO)


@blueprint.get(CONTEXT_PATH)
def terms() -> Response:
    """Our JSON-LD context: one file, the same bytes on every instance, for ever."""
    response = Response(site().platform.vocabulary.file(CONTEXT_FILE), content_type=JSONLD.media_type)
    return finish(response, cache=FOREVER, data=True, vary="")


def _json(document: Mapping[str, Any], kind: str) -> Response:
    return finish(Response(orjson.dumps(document), content_type=kind), cache=ONE_HOUR, data=True, vary="")
