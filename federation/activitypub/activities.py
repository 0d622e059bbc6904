"""What our actors say: Create, Update, Delete, Announce, Follow and its answers, each with ``to`` and ``cc``.

Pure. An activity is serialised once and the same bytes go everywhere; an Announce must never change the bytes it embeds
(design, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import rfc8785

from federation.activitypub import actors, objects
from federation.activitypub.actors import AS2, Document
from federation.activitypub.audience import Audience, of_announce, of_profile, of_record, to_one
from federation.activitypub.names import Names
from federation.activitypub.objects import Prove
from federation.activitypub.times import moment

CONTENT_TYPE = "application/activity+json"
LD_PROFILE = f'application/ld+json; profile="{AS2}"'
PROOFS = "https://w3id.org/security/data-integrity/v1"
_HOLE = "\u0000"  # stands for the embedded bytes while the rest is written: no IRI holds it
_HOLE_WRITTEN = rfc8785.dumps(_HOLE)


@dataclass(frozen=True, slots=True)
class Saying:
    """Who says something, under which ULID, and when."""

    ulid: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FollowRef:
    """A Follow as its answers name it: its id, who follows, who is followed."""

    id: str
    follower: str
    followed: str

    def members(self) -> dict[str, str]:
        """The Follow as it is embedded."""
        return {"id": self.id, "type": "Follow", "actor": self.follower, "object": self.followed}


def serialise(document: Document) -> bytes:
    """The bytes of a document: canonical JSON (RFC 8785), so that the same document always gives the same ones.

    Raises rfc8785.CanonicalizationError for what JSON cannot hold: NaN, whole numbers above 2^53, lone surrogates.
    """
    return rfc8785.dumps(dict(document))


# -- records --------------------------------------------------------------------------------------------------------


def create(names: Names, say: Saying, embedded: Document, prove: Prove | None) -> Document:
    """A new or revived record. ``embedded``: its object."""
    return _of_record(names, "Create", say, embedded, prove)


def update(names: Names, say: Saying, embedded: Document, prove: Prove | None) -> Document:
    """A record whose public content has changed. ``embedded``: its object as it is now."""
    return _of_record(names, "Update", say, embedded, prove)


def delete(names: Names, say: Saying, tombstone: Document, prove: Prove | None) -> Document:
    """A record that is public no longer. ``tombstone``: what stands in its place."""
    return _of_record(names, "Delete", say, tombstone, prove)


def _of_record(names: Names, kind: str, say: Saying, embedded: Document, prove: Prove | None) -> Document:
    made = _activity(names, kind, say, of_record(names.commons, say.actor), embedded)
    return _proved({**made, "@context": objects.context(names), "audience": names.commons}, prove)


ABOUT_RECORDS: Mapping[str, Callable[[Names, Saying, Document, Prove | None], Document]] = MappingProxyType(
    {"Create": create, "Update": update, "Delete": delete}
)
"""How each kind of activity about a record is made."""


# -- what is passed on ------------------------------------------------------------------------------------------


def announce_activity(names: Names, say: Saying, inner: bytes) -> bytes:
    """The bytes of an Announce of a whole activity (FEP-1b12). ``inner``: its bytes, embedded as they are.

    So a proof inside holds, and whoever verified the bytes once finds the same ones again.
    """
    made = _activity(names, "Announce", say, of_announce(say.actor), _HOLE)
    head, found, tail = serialise(made).partition(_HOLE_WRITTEN)
    if not found or _HOLE_WRITTEN in tail:
        raise ValueError(say.actor)
    return head + inner + tail


def announce_object(names: Names, say: Saying, object_id: str) -> Document:
    """An Announce of an object by its id, for microblogs."""
    return _activity(names, "Announce", say, of_announce(say.actor), object_id)


# -- actors ---------------------------------------------------------------------------------------------------------


def update_actor(names: Names, say: Saying, actor: Document, prove: Prove | None) -> Document:
    """A changed profile or key. ``actor``: the document as it is served."""
    inner = {key: value for key, value in actor.items() if key not in {"@context", "proof"}}
    made = _activity(names, "Update", say, of_profile(say.actor), inner)
    first, *others = actors.CONTEXT
    return _proved({**made, "@context": [first, PROOFS, *others]}, prove)


# -- relations ------------------------------------------------------------------------------------------------------


def follow(names: Names, say: Saying, followed: str) -> Document:
    """Ask an actor for what it says from now on."""
    return _activity(names, "Follow", say, to_one(followed), followed)


def accept(names: Names, say: Saying, asked: FollowRef) -> Document:
    """Agree to a Follow."""
    return _activity(names, "Accept", say, to_one(asked.follower), asked.members())


def reject(names: Names, say: Saying, asked: FollowRef) -> Document:
    """Decline a Follow, or end one that was accepted."""
    return _activity(names, "Reject", say, to_one(asked.follower), asked.members())


def reject_record(names: Names, say: Saying, sender: str, activity: str, report: str) -> Document:
    """Tell a sender that what it pushed was not taken. ``report``: the address of the account, for people."""
    made = _activity(names, "Reject", say, to_one(sender), activity)
    return {**made, "url": report}


def undo(names: Names, say: Saying, asked: FollowRef) -> Document:
    """Take a Follow of ours back."""
    return _activity(names, "Undo", say, to_one(asked.followed), asked.members())


# -- what all have in common ----------------------------------------------------------------------------------------


def _activity(
    names: Names, kind: str, say: Saying, audience: Audience, about: str | Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "@context": AS2,
        "id": names.activity(say.ulid),
        "type": kind,
        "actor": say.actor,
        "published": moment(say.at),
        **audience.members(),
        "object": about,
    }


def _proved(made: dict[str, Any], prove: Prove | None) -> Document:
    return made if prove is None else prove(made)
