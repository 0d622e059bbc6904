"""What keeps other Carrefours in step with us, over HTTP: change feed, digest, manifest, dump. For anybody.

Documents come whole from the platform; here they get media type and headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from federation.activitypub.names import outbox_page
from federation.web.activitypub import ACTIVITY
from federation.web.contract import ChangeFeed
from federation.web.respond import REVALIDATE, finish
from federation.web.site import site

blueprint = Blueprint("changes", __name__)

LINES = "application/x-ndjson"
_JSON = "application/json"


def _changes() -> ChangeFeed:
    return site().platform.changes


def _answer(document: Mapping[str, Any], kind: str = _JSON) -> Response:
    return finish(Response(orjson.dumps(document), content_type=kind), data=True, vary="")


@blueprint.get("/changes")
def feed() -> Response:
    """The change feed."""
    return _answer(_changes().feed(), ACTIVITY)


@blueprint.get("/changes/page/<number>")
def page(number: str) -> Response:
    """One page of it, numbered from the oldest. Raises NotFound."""
    wanted = outbox_page(number)
    found = None if wanted is None else _changes().page(wanted)
    if found is None:
        raise NotFound
    return _answer(found, ACTIVITY)


@blueprint.get("/changes/digest")
def digest() -> Response:
    """Count and combined digest of each partner's records."""
    return _answer(_changes().digest())


@blueprint.get("/changes/manifest")
def manifest() -> Response:
    """Where the manifest of each partner begins."""
    return _answer(_changes().manifest())


@blueprint.get("/changes/manifest/<slug>", defaults={"after": ""})
@blueprint.get("/changes/manifest/<slug>/<after>")
def manifest_part(slug: str, after: str) -> Response:
    """Records of a partner by address, digest and date."""
    return _answer(_changes().manifest_part(slug, after))


@blueprint.get("/changes/dump")
def dump() -> Response:
    """All public records in one body, one on each line; 304 as long as nothing has changed."""
    changes = _changes()
    mark = f"dump-{changes.seq()}"
    response = Response(status=304) if request.if_none_match.contains_weak(mark) else Response(changes.dump())
    response.content_type = LINES
    response.set_etag(mark, weak=True)
    response.headers["Cache-Control"] = REVALIDATE
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag"
    return response


@blueprint.get("/changes/dump/<slug>", defaults={"after": ""})
@blueprint.get("/changes/dump/<slug>/<after>")
def dump_part(slug: str, after: str) -> Response:
    """Some records of a partner, whole."""
    return _answer(_changes().dump_part(slug, after))
