"""What a network can do here by itself: try a feed, ask to join. Forms in, one call to a desk, a page out.

Must never show a trial without its secret, nor let anything of it be kept by a cache or found by a search engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, redirect, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response

from federation.catalogue.previews import preview_card
from federation.model import Severity, place_in
from federation.pipeline.joining import JoinRefused, JoinRequest
from federation.pipeline.trial import KEPT, UPLOAD_BYTES, Result, TrialRefused, TrialRequest, Upload
from federation.pipeline.trial.tasks import CARDS, MAPPED
from federation.pipeline.visitors import TooOften
from federation.vocabulary import fold
from federation.web.filters import licence_label
from federation.web.language import here, language, say, text_in
from federation.web.respond import page
from federation.web.site import site

blueprint = Blueprint("selfservice", __name__)

_GIVEN = ("name", "url", "contact", "feed", "address", "licence", "stamp")
_SPARE = 256 * 1024  # bytes of a form beside the file that it brings
_REFERENCE = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_WRONG = 422  # the form was understood and cannot be used


@blueprint.route("/essayer", methods=["GET", "POST"])
def try_feed() -> Response:
    """The form to try a feed; sent, it leads to the secret page of the account."""
    if request.method != "POST":
        return _try_page(TrialRequest(), {})
    request.max_content_length = UPLOAD_BYTES + _SPARE
    asked = TrialRequest()
    try:
        asked = TrialRequest(
            address=request.form.get("address", "").strip(),
            upload=_upload(),
            toml=request.form.get("toml", "").replace("\r\n", "\n").strip(),
            profile=request.form.get("profile", ""),
            lang=language(),
        )
        token = site().platform.trials.run(asked, request.remote_addr or "")
    except RequestEntityTooLarge:
        most = UPLOAD_BYTES // 1024**2
        return _try_page(asked, {"file": say("Ce fichier dépasse %(most)s Mo.", most=most)}, 413)
    except TrialRefused as error:
        return _try_page(asked, {error.field: text_in(error.text)}, _WRONG)
    except TooOften as error:
        return _waiting(_try_page(asked, {"form": text_in(error.text)}, 429), error)
    return _hidden(redirect(f"{here()}/essayer/{token}", 303))


def _upload() -> Upload | None:
    file = request.files.get("file")
    if file is None or not file.filename:
        return None
    name = file.filename.replace("\\", "/").rpartition("/")[2][:200]
    return Upload(name, file.content_type, file.stream.read(UPLOAD_BYTES + 1))


def _try_page(asked: TrialRequest, faults: Mapping[str, str], status: int = 200) -> Response:
    return _hidden(
        page(
            "try.html",
            status,
            asked=asked,
            faults=faults,
            profiles=site().platform.vocabulary.profiles,
            most=UPLOAD_BYTES // 1024**2,
            open=bool(asked.toml or asked.profile),
        ),
        indexed=status == 200,
    )


@blueprint.get("/essayer/<token>")
def trial(token: str) -> Response:
    """The account of a trial, for whoever has the link."""
    found = site().platform.trials.result(token) if _TOKEN.fullmatch(token) else None
    if found is None:
        return _hidden(page("trial_gone.html", 404))
    return _hidden(
        page(
            "trial.html",
            trial=found,
            token=token,
            until=datetime.fromisoformat(found["made"]) + KEPT,
            groups=_by_severity(found),
            cards=[preview_card(one["iri"], one["content"], one["tier"]) for one in found.get("records", ())],
            mapped=MAPPED,
            most=CARDS,
        )
    )


def _by_severity(found: Result) -> list[tuple[str, list[Mapping[str, object]]]]:
    groups = [
        (severity.value, [one for one in found.get("findings", ()) if one["severity"] == severity.value])
        for severity in Severity
    ]
    return [(severity, members) for severity, members in groups if members]


@blueprint.app_template_filter("row_place")
def row_place(where: str) -> str:
    """The partner's address of a row, in the language of the page."""
    return place_in(where, language())


@blueprint.route("/rejoindre", methods=["GET", "POST"])
def join() -> Response:
    """The form to ask to join; ``essai`` names a trial to begin with. Sent, it leads to the reference."""
    if request.method == "POST":
        return _joined()
    tried = request.args.get("essai", "")
    feed = f"{site().base}/essayer/{tried}" if _TOKEN.fullmatch(tried) else ""
    return _join_page(JoinRequest(feed=feed), {})


def _joined() -> Response:
    given = {
        key: request.form.get(key, "").strip()
        for key in ("name", "url", "contact", "feed", "address", "licence", "stamp")
    }
    asked = JoinRequest(
        **given,
        charter=request.form.get("charter") == "1",
        trap=request.form.get("fax", ""),
        lang=language(),
    )
    try:
        reference = site().platform.joining.submit(asked, request.remote_addr or "")
    except JoinRefused as error:
        return _join_page(asked, {field: text_in(said) for field, said in error.faults.items()}, _WRONG)
    except TooOften as error:
        return _waiting(_join_page(asked, {"form": text_in(error.text)}, 429), error)
    return _hidden(redirect(f"{here()}/rejoindre/{reference}", 303))


def _join_page(asked: JoinRequest, faults: Mapping[str, str], status: int = 200) -> Response:
    desk = site().platform.joining
    licences = sorted(site().platform.vocabulary.open_licences, key=lambda iri: fold(licence_label(iri)))
    stamp = asked.stamp if asked.stamp and "stamp" not in faults else desk.stamp()
    uploaded = bool(asked.address) or desk.uploaded(asked.feed)
    answer = page("join.html", status, asked=asked, faults=faults, licences=licences, stamp=stamp, uploaded=uploaded)
    return _hidden(answer, indexed=status == 200)


@blueprint.get("/rejoindre/<reference>")
def joined(reference: str) -> Response:
    """What happens next, with the reference of a request. It says nothing of the request itself."""
    if not _REFERENCE.fullmatch(reference):
        raise NotFound
    return _hidden(page("joined.html", reference=reference))


def _waiting(response: Response, error: TooOften) -> Response:
    response.headers["Retry-After"] = str(error.seconds)
    return response


def _hidden(response: Response, indexed: bool = False) -> Response:
    """Make it an answer for one visitor: kept nowhere, told to nobody, found by search engines only if ``indexed``."""
    response.headers.pop("ETag", None)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    if not indexed:
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
