"""A feed that is one body. Must never ask twice."""

from __future__ import annotations

from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.walks import said
from federation.pipeline.fetch.walks.trip import WEEK, Trip, learnt


def walk(trip: Trip) -> Delivery:
    """Fetch the body, unless the server says that it has not changed (full fetch once a week: an ETag may lie)."""
    address = trip.source.url
    full = trip.due_full(WEEK)
    page = trip.get(address, conditional=not full)
    known = dict(trip.known.get(address, {})) | learnt(page) if page.status == 304 else learnt(page)
    validators = {address: {**known, **trip.dates(full or page.status != 304)}}
    findings = (said.moved(address, trip.without_params(page.moved_to)),) if page.moved_to else ()
    if page.status == 304:
        return Delivery((), unchanged=True, conditional=True, validators=validators, findings=findings)
    return Delivery((page,), validators=validators, findings=findings)
