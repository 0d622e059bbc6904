"""Who may say what: the one place that decides origin and authority, for inbox, harvest and inverse links alike.

Pure. It must never compare addresses as text where origins are meant, nor believe a document about another's actor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from federation.activitypub.origins import Origin, address_of, origin_of, same_origin, without_fragment
from federation.activitypub.refusal import Forbidden, Refused, Unauthorised

ACTOR_TYPES = frozenset({"Application", "Group", "Organization", "Person", "Service"})

Document = Mapping[str, Any]

# ---- Whose a thing is


def id_of(thing: object) -> str:
    """Give the id of an embedded object or of a bare reference, which must be an http(s) address. Raises Refused."""
    named = thing.get("id") if isinstance(thing, Mapping) else thing
    origin_of(named)
    return str(named)


def owner_of(thing: Document) -> str:
    """Give the one actor an object belongs to: its ``attributedTo``, exactly one string, on the origin of its id.

    Raises Refused if there is none or several, Forbidden if the owner lives on another origin.
    """
    owner = thing.get("attributedTo")
    if not isinstance(owner, str):
        raise Refused("owner:one")
    if origin_of(owner) != origin_of(id_of(thing)):
        raise Forbidden("owner:origin")
    return owner


def actor_of(activity: Document) -> str:
    """Give the one actor of an activity, a string on the origin of the activity's id. Raises Refused, Forbidden."""
    actor = activity.get("actor")
    if not isinstance(actor, str):
        raise Refused("actor:one")
    if origin_of(actor) != origin_of(id_of(activity)):
        raise Forbidden("actor:origin")
    return actor


def is_actor(thing: object) -> bool:
    """Say whether an object is an actor by any of its types."""
    if not isinstance(thing, Mapping):
        return False
    kinds = thing.get("type")
    return any(
        isinstance(kind, str) and kind in ACTOR_TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


UNPROVED = "unproved"
"""Method in the verdict on a kept activity that :func:`ends_itself`: no key can prove it any more."""


def ends_itself(activity: Document) -> bool:
    """Say whether an actor says by an activity that it is no more: the Delete of its own id."""
    actor, thing = activity.get("actor"), activity.get("object")
    named = thing.get("id") if isinstance(thing, Mapping) else thing
    return activity.get("type") == "Delete" and isinstance(actor, str) and named == actor


# ---- Keys


class Purpose(Enum):
    """What a key is for: HTTP signatures, or proofs on documents. One is never taken for the other."""

    HTTP = "http"
    PROOF = "proof"


_LISTS = {Purpose.HTTP: ("publicKey",), Purpose.PROOF: ("assertionMethod",)}
_OWNER = {Purpose.HTTP: "owner", Purpose.PROOF: "controller"}
_MATERIAL = {Purpose.HTTP: "publicKeyPem", Purpose.PROOF: "publicKeyMultibase"}


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key that an actor's own document lists. ``material``: PEM, or Multikey in multibase."""

    id: str
    owner: str
    purpose: Purpose
    material: str


def check_sender(activity: Document, key_id: str) -> str:
    """Give the actor, if key id, activity id and actor are on one origin; before any fetch. Raises Unauthorised."""
    actor = activity.get("actor")
    if not isinstance(actor, str) or not same_origin(key_id, activity.get("id"), actor):
        raise Unauthorised("sender:origin")
    return actor


def listed_key(actor_document: Document, key_id: str, purpose: Purpose) -> ListedKey:
    """Find a key in the document of the actor it belongs to. Raises Unauthorised.

    The document lists exactly one key of that id, embedded, and the key names the actor as its owner; all three ids are
    on one origin. ``actor_document`` must come from a fetch of its id (law 1).
    """
    owner = actor_document.get("id")
    if not isinstance(owner, str) or not is_actor(actor_document) or not same_origin(owner, key_id):
        raise Unauthorised("key:owner")
    entries = [entry for entry in _entries(actor_document, purpose) if _names(entry, key_id)]
    if len(entries) != 1 or not isinstance(entries[0], Mapping):
        raise Unauthorised("key:listing")
    return _claimed(entries[0], key_id, owner, purpose)


def key_of_own_document(key_document: Document, actor_document: Document, key_id: str, purpose: Purpose) -> ListedKey:
    """Take a key whose id is a document of its own, if its owner's document names the same key. Raises Unauthorised.

    The owner's document may name it by its id alone; if it embeds it, then with the same material.
    """
    owner = actor_document.get("id")
    if not isinstance(owner, str) or not is_actor(actor_document) or not same_origin(owner, key_id):
        raise Unauthorised("key:owner")
    if key_document.get("id") != key_id:
        raise Unauthorised("key:id")
    key = _claimed(key_document, key_id, owner, purpose)
    entries = [entry for entry in _entries(actor_document, purpose) if _names(entry, key_id)]
    if len(entries) != 1:
        raise Unauthorised("key:listing")
    if isinstance(entries[0], Mapping) and _claimed(entries[0], key_id, owner, purpose) != key:
        raise Unauthorised("key:material")
    return key


def _entries(document: Document, purpose: Purpose) -> list[Any]:
    found: list[Any] = []
    for name in _LISTS[purpose]:
        value = document.get(name)
        found.extend(value if isinstance(value, list) else [] if value is None else [value])
    return found


def _names(entry: object, key_id: str) -> bool:
    return entry == key_id or (isinstance(entry, Mapping) and entry.get("id") == key_id)


def _claimed(entry: Document, key_id: str, owner: str, purpose: Purpose) -> ListedKey:
    material = entry.get(_MATERIAL[purpose])
    if entry.get(_OWNER[purpose]) != owner:
        raise Unauthorised("key:owner")
    if not isinstance(material, str):
        raise Unauthorised("key:material")
    return ListedKey(key_id, owner, purpose, material)


# ---- Actors


@dataclass(frozen=True, slots=True)
class Actor:
    """What an actor document may say about itself: everything on the origin of its id."""

    id: str
    type: str
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers: str | None
    key_ids: tuple[str, ...]

    @property
    def delivery_inbox(self) -> str:
        """Where deliveries to this actor may be grouped."""
        return self.shared_inbox or self.inbox


def check_actor(document: Document) -> Actor:
    """Take what counts of an actor document that was fetched from its id. Raises Refused, Forbidden.

    Inbox, outbox, followers, endpoints and keys are on the actor's origin. Moves and aliases are not read.
    """
    actor = id_of(document)
    if not is_actor(document):
        raise Refused("actor:type")
    kinds = document["type"] if isinstance(document["type"], list) else [document["type"]]
    endpoints = document.get("endpoints")
    shared = endpoints.get("sharedInbox") if isinstance(endpoints, Mapping) else None
    inbox = _own(document.get("inbox"), actor)
    if inbox is None:
        raise Refused("actor:inbox")
    named = [_key_id(entry) for purpose in Purpose for entry in _entries(document, purpose)]
    # a did: key proves nothing here, so it cannot take over anything either
    keys = [str(_own(key, actor)) for key in named if not key.startswith("did:")]
    return Actor(
        id=actor,
        type=next(kind for kind in kinds if isinstance(kind, str) and kind in ACTOR_TYPES),
        inbox=inbox,
        shared_inbox=_own(shared, actor),
        outbox=_own(document.get("outbox"), actor),
        followers=_own(document.get("followers"), actor),
        key_ids=tuple(keys),
    )


def changed_members(before: Actor, after: Actor) -> tuple[str, ...]:
    """Name what an update of an actor moves, for the log. Raises Forbidden if it is not the same actor."""
    if before.id != after.id:
        raise Forbidden("actor:id")
    names = ("type", "inbox", "shared_inbox", "outbox", "followers", "key_ids")
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _key_id(entry: object) -> str:
    named = entry.get("id") if isinstance(entry, Mapping) else entry
    if not isinstance(named, str):
        raise Refused("actor:key")
    return named


def _own(url: object, actor: str) -> str | None:
    if url is None:
        return None
    if origin_of(url) != origin_of(actor):
        raise Forbidden("actor:foreign-member")
    return str(url)


# ---- Statements


class Standing(Enum):
    """What an activity of a proved actor is worth."""

    EMBEDDED = "embedded"
    """The object in it may be taken as it is."""
    FETCH = "fetch"
    """Only what the origin of the object's id serves counts."""
    CONFIRM = "confirm"
    """Act only when a fetch shows that the object is gone, or who owns it."""
    NOTHING = "nothing"
    """It says nothing about an object that anyone could own."""


@dataclass(frozen=True, slots=True)
class Known:
    """What we know already: who owns the object (or collection, or activity), and its origin's Application actor."""

    owner: str | None = None
    application: str | None = None


def may_state(activity: Document, known: Known | None = None) -> Standing:
    """Decide what the actor of an activity may say about its object. The actor's identity is proved by then.

    ``known`` is of the object; for Add and Remove of the collection in ``target``, for Undo of the activity undone.
    Raises Forbidden if it may not, Refused if the activity is not in order. Design of federation, section 6.
    """
    rule = _RULES.get(str(activity.get("type")))
    actor = actor_of(activity)
    return Standing.NOTHING if rule is None else rule(actor, activity, known or Known())


def _state_object(actor: str, activity: Document, known: Known) -> Standing:
    thing = _object(activity)
    _same(thing, actor)
    if is_actor(thing):
        # an actor, its keys and inboxes are believed from a fetch of its id only
        if activity["type"] != "Update" or id_of(thing) != actor:
            raise Forbidden("state:actor")
        return Standing.FETCH
    if known.owner is not None and known.owner != actor:
        raise Forbidden("state:owner")
    if not isinstance(thing, Mapping) or thing.keys() <= {"id", "type"}:
        return Standing.FETCH
    if owner_of(thing) != actor:
        raise Forbidden("state:owner")
    return Standing.EMBEDDED


def _state_deletion(actor: str, activity: Document, known: Known) -> Standing:
    thing = _object(activity)
    _same(thing, actor)
    if id_of(thing) == actor:
        return Standing.CONFIRM
    if known.owner is None:
        return Standing.CONFIRM
    if actor not in (known.owner, known.application):
        raise Forbidden("state:owner")
    return Standing.EMBEDDED


def _state_undo(actor: str, activity: Document, known: Known) -> Standing:
    thing = _object(activity)
    _same(thing, actor)
    undone = actor_of(thing) if isinstance(thing, Mapping) and "actor" in thing else None
    if {undone, known.owner} - {None, actor}:
        raise Forbidden("state:owner")
    return Standing.CONFIRM if undone is None and known.owner is None else Standing.EMBEDDED


def _state_membership(actor: str, activity: Document, known: Known) -> Standing:
    id_of(_object(activity))
    _same(activity.get("target"), actor)
    if known.owner is not None and known.owner != actor:
        raise Forbidden("state:owner")
    return Standing.CONFIRM if known.owner is None else Standing.EMBEDDED


def _state_announce(actor: str, activity: Document, known: Known) -> Standing:
    thing = _object(activity)
    id_of(thing)
    if not isinstance(thing, Mapping) or is_actor(thing) or not _is_owners(thing, actor):
        return Standing.FETCH
    return Standing.FETCH if known.owner not in (None, actor) else Standing.EMBEDDED


def _is_owners(thing: Document, actor: str) -> bool:
    """Whether an embedded object, not an activity, is the speaker's own."""
    try:
        return "actor" not in thing and owner_of(thing) == actor
    except Refused:
        return False


def _object(activity: Document) -> str | Document:
    thing = activity.get("object")
    if not isinstance(thing, str | Mapping):
        raise Refused("object:one")
    return thing


def _same(thing: object, actor: str) -> None:
    if origin_of(id_of(thing)) != origin_of(actor):
        raise Forbidden("state:origin")


_RULES = {
    "Create": _state_object,
    "Update": _state_object,
    "Delete": _state_deletion,
    "Undo": _state_undo,
    "Add": _state_membership,
    "Remove": _state_membership,
    "Announce": _state_announce,
}

__all__ = [
    "ACTOR_TYPES",
    "UNPROVED",
    "Actor",
    "Document",
    "Known",
    "ListedKey",
    "Origin",
    "Purpose",
    "Standing",
    "actor_of",
    "address_of",
    "changed_members",
    "check_actor",
    "check_sender",
    "ends_itself",
    "id_of",
    "is_actor",
    "key_of_own_document",
    "listed_key",
    "may_state",
    "origin_of",
    "owner_of",
    "same_origin",
    "without_fragment",
]
