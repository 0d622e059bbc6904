"""Our actors as ActivityPub documents: the instance, the commons, one per partner (design, section 2).

Pure: plain values in, plain dicts out. No context of ours: verifying a key must not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.times import moment
from federation.vocabulary import BASE

Document = Mapping[str, Any]
"""One JSON object, as it will be written."""

AS2 = "https://www.w3.org/ns/activitystreams"
RFC_9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
SYNC_PROFILE = BASE + "sync/v1"
"""What a server declares that reads ``recordData`` and our change feed (FEP-844e)."""

TERMS: Mapping[str, Any] = {
    "toot": "http://joinmastodon.org/ns#",
    "lemmy": "https://join-lemmy.org/ns#",
    "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
    "discoverable": "toot:discoverable",
    "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
    "webfinger": {"@id": "https://purl.archive.org/socialweb/webfinger#webfinger"},
    "implements": {"@id": "https://w3id.org/fep/844e/implements", "@type": "@id", "@container": "@list"},
}
CONTEXT: tuple[Any, ...] = (
    AS2,
    "https://w3id.org/security/v1",
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/multikey/v1",
    TERMS,
)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """RSA-2048 as SPKI PEM for HTTP signatures, Ed25519 as a multibase Multikey for proofs (FEP-521a)."""

    rsa_pem: str
    ed25519_multibase: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What people see of an actor. ``summary`` is plain text; ``page`` its address for people.

    ``approves``: whether a person decides on each follower.
    """

    name: str
    summary: str
    page: str
    published: datetime | None = None
    approves: bool = False


def instance_actor(names: Names, profile: Profile, keys: PublicKeys) -> Document:
    """The Application that signs every GET and follows peers."""
    return _actor(names, names.instance, "Application", INSTANCE, profile, keys)


def commons_actor(names: Names, profile: Profile, keys: PublicKeys) -> Document:
    """The Group that distributes by Announce (FEP-1b12); it owns no record."""
    made = _actor(names, names.commons, "Group", COMMONS, profile, keys)
    return {**made, "attributedTo": names.moderators, "postingRestrictedToMods": True}


def partner_actor(names: Names, slug: str, profile: Profile, keys: PublicKeys) -> Document:
    """The Organization that owns the records of a partner. Raises ValueError for the slug of the Group."""
    if slug == COMMONS:
        raise ValueError(slug)
    return _actor(names, names.partner(slug), "Organization", slug, profile, keys)


def tombstone_actor(actor: str, former: str, deleted: datetime) -> Document:
    """What is left of an actor that is gone, to be served with 410. ``former``: the type it had."""
    return {"@context": AS2, "id": actor, "type": "Tombstone", "formerType": former, "deleted": moment(deleted)}


def moderators(names: Names, partners: Iterable[str]) -> Document:
    """Who may post in the Group: the actors of all partners. ``partners`` are slugs."""
    members = [names.partner(slug) for slug in sorted(partners) if slug != COMMONS]
    return {
        "@context": AS2,
        "id": names.moderators,
        "type": "OrderedCollection",
        "attributedTo": names.commons,
        "totalItems": len(members),
        "orderedItems": members,
    }


def _actor(names: Names, actor: str, kind: str, username: str, profile: Profile, keys: PublicKeys) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@context": list(CONTEXT),
        "id": actor,
        "type": kind,
        "preferredUsername": username,
        "name": profile.name,
        "summary": f"<p>{escape(profile.summary)}</p>",
        "url": profile.page,
        "icon": {"type": "Image", "mediaType": "image/svg+xml", "url": f"{names.origin}/static/icon.svg"},
        "inbox": f"{actor}/inbox",
        "outbox": f"{actor}/outbox",
        "followers": f"{actor}/followers",
        "following": f"{actor}/following",
        "endpoints": {"sharedInbox": names.shared_inbox},
        "publicKey": {"id": f"{actor}#main-key", "owner": actor, "publicKeyPem": keys.rsa_pem},
        "assertionMethod": [
            {
                "id": f"{actor}#ed25519-key",
                "type": "Multikey",
                "controller": actor,
                "publicKeyMultibase": keys.ed25519_multibase,
            }
        ],
        "webfinger": f"{username}@{names.authority}",
        "discoverable": True,
        "manuallyApprovesFollowers": profile.approves,
        "generator": {"type": "Application", "implements": [{"href": RFC_9421}, {"href": SYNC_PROFILE}]},
    }
    if profile.published is not None:
        made["published"] = moment(profile.published)
    return made
