"""OAI-PMH 2.0: ListRecords with its resumption tokens. Must never send a token together with other arguments."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from lxml import etree

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import FetchFailed, FetchRefused, shown
from federation.pipeline.fetch.received import Fetched
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.documents import children, local, number, text_of
from federation.pipeline.fetch.walks.tally import Tally
from federation.pipeline.fetch.walks.trip import WEEK, Trip, not_data, with_query

_ARGUMENTS = frozenset({"verb", "metadataPrefix", "set", "from", "until", "resumptionToken", "identifier"})
_ACCEPT = "text/xml, application/xml, */*;q=0.5"


def walk(trip: Trip) -> Delivery:
    """Read all records, or those changed since the last visit; all once a week.

    ``metadataPrefix`` (``oai_dc`` if none) and ``set`` are parameters of the source. A token that has expired starts
    the list again, once (section 3.5 of the protocol). Raises FetchRefused for an answer that is an error.
    """
    since = None if trip.due_full(WEEK) else trip.since
    given = {**dict(parse_qsl(urlsplit(trip.source.url).query)), **trip.params}
    asked = {"verb": "ListRecords", "metadataPrefix": given.get("metadataPrefix", "oai_dc")}
    if "set" in given:
        asked["set"] = given["set"]
    if since is not None:
        # days are the one granularity that every repository has
        asked["from"] = since.astimezone(UTC).strftime("%Y-%m-%d")
    tally, expired = _read(trip, asked)
    if expired:
        try:
            tally, expired = _read(trip, asked)
        except (FetchFailed, FetchRefused) as error:
            tally.doubt(said.page_failed(1, trip.source.url, error))
    if expired:
        tally.doubt(said.token_expired())
    tally.judge_total()
    if since is not None and tally.counted == 0:
        tally.pages.clear()
    return tally.delivery(full=since is None)


def _read(trip: Trip, asked: dict[str, str]) -> tuple[Tally, bool]:
    """One pass over the list; the flag says whether a token was refused."""
    tally = Tally(trip)
    others = {key: value for key, value in trip.params.items() if key not in _ARGUMENTS}
    address: str | None = with_query(_base(trip.source.url), **asked)
    while address is not None:
        page = tally.read(address, accept=_ACCEPT, params=others)
        if page is None:
            break
        root = tally.xml(page)
        if root is None or local(root) != "OAI-PMH":
            # the reader of the format explains what a first page is instead
            tally.keep(page)
            tally.doubt(said.unreadable(address))
            break
        code = _error(root)
        if code == "badResumptionToken" and tally.pages:
            return tally, True
        if code is not None and code != "noRecordsMatch":
            _refused(tally, page, root, code)
            break
        token = _kept(tally, page, root)
        address = with_query(_base(trip.source.url), verb="ListRecords", resumptionToken=token) if token else None
    return tally, False


def _refused(tally: Tally, page: Fetched, root: etree._Element, code: str) -> None:
    """An error of the protocol: nothing to read if it comes first, an incomplete list if later."""
    error = children(root, "error")[0]
    reason = f"{code} ({(error.text or '').strip()[:200]})"
    where = shown(page.final_url)
    refusal = not_data(
        f"Le dépôt OAI-PMH {where} refuse la demande : {reason}. Vérifiez `url`, metadataPrefix et set dans [request].",
        f"The OAI-PMH repository {where} refuses the request: {reason}. Check `url`, metadataPrefix and set in "
        "[request].",
        page.status,
    )
    if not tally.pages:
        raise refusal
    tally.doubt(said.page_failed(tally.asked, page.final_url, refusal))


def _error(root: etree._Element) -> str | None:
    for error in children(root, "error"):
        return error.get("code") or "?"
    return None


def _kept(tally: Tally, page: Fetched, root: etree._Element) -> str | None:
    """Take a page; give the token of the next one."""
    total = token = None
    count = 0
    for listed in children(root, "ListRecords"):
        count += len(children(listed, "record"))
        token = text_of(listed, "resumptionToken")
        for element in children(listed, "resumptionToken"):
            total = number(element.get("completeListSize"))
    tally.keep(page, count, total)
    return token


def _base(url: str) -> str:
    """The address of the repository, without arguments of the protocol that somebody copied with it."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _ARGUMENTS]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))
