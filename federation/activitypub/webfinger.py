"""WebFinger (RFC 7033): from a name, an actor's address or the origin to the actor. The id is the identity.

Pure. Must never name an actor that is not ours, nor a self link that is not the actor's id.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from federation.activitypub.actors import Document
from federation.activitypub.names import Names

JRD = "application/jrd+json"
SERVICE = "https://www.w3.org/ns/activitystreams#Service"
"""Relation from an origin to its instance actor (FEP-d556)."""

_ACTIVITY = "application/activity+json"
_PROFILE = "http://webfinger.net/rel/profile-page"
_ACCT = re.compile(r"acct:@?([A-Za-z0-9][A-Za-z0-9._-]{0,127})@([^@/?#]{1,255})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ``resource`` stands for: the origin itself, or an actor by its user name."""

    username: str | None

    @property
    def origin(self) -> bool:
        """Whether the server itself is asked for."""
        return self.username is None


def read_resource(names: Names, resource: str) -> Asked | None:
    """What is asked for: ``acct:name@authority``, the address of an actor, or ``{o}/``. None for anything else."""
    if resource in {names.origin, f"{names.origin}/"}:
        return Asked(None)
    if found := _ACCT.fullmatch(resource):
        return Asked(found[1].lower()) if found[2].lower() == names.authority else None
    username = names.username(resource)
    return None if username is None else Asked(username)


def actor_answer(names: Names, actor: Document, relations: Collection[str] = ()) -> Document:
    """The descriptor of an actor of ours. ``relations``: those asked for, all if none (RFC 7033, section 4.3)."""
    links: list[dict[str, Any]] = [
        {"rel": "self", "type": _ACTIVITY, "href": actor["id"]},
        {"rel": _PROFILE, "type": "text/html", "href": actor["url"]},
    ]
    return {
        "subject": f"acct:{actor['preferredUsername']}@{names.authority}",
        "aliases": [actor["id"], actor["url"]],
        "links": _wanted(links, relations),
    }


def origin_answer(names: Names, relations: Collection[str] = ()) -> Document:
    """The descriptor of the origin: it leads to the instance actor (FEP-d556)."""
    links: list[dict[str, Any]] = [{"rel": SERVICE, "type": _ACTIVITY, "href": names.instance}]
    return {"subject": f"{names.origin}/", "links": _wanted(links, relations)}


def _wanted(links: list[dict[str, Any]], relations: Collection[str]) -> list[dict[str, Any]]:
    return [link for link in links if not relations or link["rel"] in relations]
