"""Rows of an ActivityPub document: a page of an outbox or of another collection, an activity, an actor, an object.

A row is the object in the compact keys of ActivityStreams 2.0, with its type also as ``@type``, and its hashtags
without their sign as ``hashtags``. Must never take an object on the word of another host than its own, nor fetch one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.hosts import host_of
from federation.pipeline.readers.json_parser import parse
from federation.pipeline.readers.json_reader import row_problem
from federation.pipeline.readers.reading import Reading, ReadOptions, UnreadableFeed, rejected, remark, too_many

_SPACE = "https://www.w3.org/ns/activitystreams#"
_COLLECTIONS = frozenset({"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"})
_BRINGING = frozenset({"Create", "Update"})
# fmt: off
_ACTIVITIES = frozenset([
    "Accept", "Add", "Announce", "Arrive", "Block", "Create", "Delete", "Dislike", "Flag", "Follow", "Ignore", "Invite",
    "Join", "Leave", "Like", "Listen", "Move", "Offer", "Read", "Reject", "Remove", "TentativeAccept",
    "TentativeReject", "Travel", "Undo", "Update", "View",
])
# fmt: on
"""Activity types of the vocabulary, without Question, which is used as an object everywhere."""

_ITEMS = ("orderedItems", "items")
_MORE = ("first", "next")


def read_activitypub(body: bytes, options: ReadOptions) -> Reading:
    """Read what one document creates, updates or deletes; ``Delete`` and ``Tombstone`` are withdrawals with ``id``.

    ``options.types`` (``Event``) chooses among objects. Of one object the first mention counts, which is the newest in
    an outbox (ActivityPub, section 5). Announce, Like and the like, and replies, are counted in one remark.
    Objects of another host than their actor's are refused (fault 30). Raises UnreadableFeed: not ActivityStreams.
    """
    parsed = parse(body, options, "ActivityPub")
    if parsed.document is None:
        return Reading("activitypub", iter(()), parsed.findings)
    document = parsed.document
    if not isinstance(document, dict) or not _types(document):
        raise _not_activitystreams(document)
    reading = Reading("activitypub", iter(()), parsed.findings)
    work = _Work(options, reading)
    reading.items = work.items(document)
    return reading


class _Work:
    """The reading of one document."""

    def __init__(self, options: ReadOptions, reading: Reading) -> None:
        self._options, self._reading = options, reading
        self._wanted = {_short(name) for name in options.types}
        self._left_out: Counter[str] = Counter()
        self._seen: set[str] = set()

    def items(self, document: Mapping[str, Any]) -> Iterator[RawRecord | Finding]:
        """Yield rows, withdrawals and refused objects in the order of the document."""
        members, host = self._members(document)
        if len(members) > self._options.max_records:
            raise too_many(self._options.max_records)
        for number, member in enumerate(members, 1):
            yield from self._member(member, f"élément {number}", host)
        if self._left_out:
            self._reading.findings.append(_passed_over(self._left_out))

    def _members(self, document: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        """The members of a collection with the host that answers for them; any other document is its own member."""
        host = self._options.host or host_of(_id(document))
        if not _types(document) & _COLLECTIONS:
            return [document], host
        members = _listed(document)
        first = document.get("first")
        if not members and isinstance(first, dict):
            members = _listed(first)
        self._check_total(document, members)
        return members, host

    def _check_total(self, document: Mapping[str, Any], members: list[Any]) -> None:
        """Some servers announce posts and list none (pixelfed#4519)."""
        total = document.get("totalItems")
        if members or not isinstance(total, int) or total <= 0 or any(document.get(key) for key in _MORE):
            return
        self._reading.whole = False
        self._reading.findings.append(
            remark(
                "outbox-empty",
                Severity.WARNING,
                f"La collection annonce {total} publications mais n'en montre aucune. Le logiciel les cache peut-être "
                "aux visiteurs : rendez-les publiques, ou donnez un autre flux (RSS).",
                f"The collection announces {total} posts but shows none. The software may hide them from visitors: "
                "make them public, or give another feed (RSS).",
            )
        )

    def _member(self, member: Any, where: str, host: str | None) -> Iterator[RawRecord | Finding]:
        if isinstance(member, str):
            self._left_out["IRI"] += 1
            return
        if not isinstance(member, dict):
            self._left_out["?"] += 1
            return
        types = _types(member)
        if not types & _ACTIVITIES:
            yield from self._object(member, where, _actor(member) or _id(member), host)
        elif types & _BRINGING:
            given = member.get("object")
            for each in given if isinstance(given, list) else [given]:
                if isinstance(each, dict):
                    yield from self._object(each, where, _named(member.get("actor")), host)
                else:
                    self._left_out["IRI"] += 1
        elif "Delete" in types:
            given = member.get("object")
            for each in given if isinstance(given, list) else [given]:
                yield from self._deleted(each, where, _named(member.get("actor")), host)
        else:
            self._left_out[min(types)] += 1

    def _object(self, given: dict[str, Any], where: str, actor: str | None, host: str | None) -> Iterator[Any]:
        name = _id(given)
        if (fault := _foreign(name, actor, host, where)) is not None:
            yield fault
            return
        if "Tombstone" in _types(given):
            yield from self._deleted(given, where, actor, host)
            return
        if name in self._seen:
            return
        self._seen.add(str(name))
        types = _types(given)
        if self._wanted and not self._wanted & types:
            self._left_out[min(types, default="?")] += 1
        elif given.get("inReplyTo"):
            self._left_out["inReplyTo"] += 1
        else:
            row = _row(given)
            problem = row_problem(row, str(name)[:200], self._options.max_record_bytes)
            yield RawRecord(str(name)[:200], row) if problem is None else problem

    def _deleted(self, given: Any, where: str, actor: str | None, host: str | None) -> Iterator[RawRecord | Finding]:
        name = _named(given)
        if (fault := _foreign(name, actor, host, where)) is not None:
            yield fault
        elif name not in self._seen:
            self._seen.add(str(name))
            row: dict[str, Any] = {"id": name, "type": "Tombstone", "@type": "Tombstone"}
            if isinstance(given, dict):
                row |= {key: given[key] for key in ("formerType", "deleted", "@received") if key in given}
            yield RawRecord(str(name)[:200], row, deleted=True)


def _foreign(name: str | None, actor: str | None, host: str | None, where: str) -> Finding | None:
    """Say why an object may not be taken: without an id, or of another host than its actor or the server."""
    own = host_of(name)
    if own is None:
        return rejected(
            "object-id",
            where,
            "Cet objet n'a pas d'`id` en http(s) : il est écarté.",
            "This object has no http(s) `id`: it is left out.",
            value=name,
        )
    for other in (host_of(actor), host):
        if other is not None and other != own:
            return rejected(
                "object-host",
                str(name)[:200],
                f"Cet objet est de {own}, mais c'est {other} qui l'annonce : il est écarté, car un serveur ne parle "
                "que pour lui-même.",
                f"This object is of {own}, but announced by {other}: it is left out, as a server speaks for itself "
                "only.",
                value=name,
            )
    if host_of(actor) is None:
        return rejected(
            "object-actor",
            str(name)[:200],
            "On ne sait pas qui annonce cet objet (`actor` manque) : il est écarté.",
            "It is not said who announces this object (`actor` is missing): it is left out.",
        )
    return None


def _row(given: dict[str, Any]) -> dict[str, Any]:
    """The object with compact keys; a text given only by language (``nameMap``) stands also under its plain key."""
    row: dict[str, Any] = {}
    for key, value in given.items():
        if key == "@context":
            continue
        row[{"@id": "id", "@type": "type"}.get(key, _short(key))] = value
    types = sorted(_types(given))
    row["@type"] = row["type"] = types[0] if len(types) == 1 else types
    for key in ("name", "summary", "content"):
        if not row.get(key) and isinstance(row.get(f"{key}Map"), dict):
            row[key] = row[f"{key}Map"]
    if hashtags := _hashtags(given.get("tag")):
        row["hashtags"] = hashtags
    return row


def _hashtags(tags: Any) -> list[str]:
    """The names of hashtags without their sign, to be compared as words."""
    listed = tags if isinstance(tags, list) else [tags]
    names = [tag.get("name") for tag in listed if isinstance(tag, dict) and "Hashtag" in _types(tag)]
    return [name.removeprefix("#") for name in names if isinstance(name, str) and name.strip("# ")]


def _types(given: Mapping[str, Any]) -> set[str]:
    value = given.get("type", given.get("@type"))
    return {_short(name) for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)}


def _short(name: str) -> str:
    return name.removeprefix(_SPACE).removeprefix("as:")


def _id(given: Mapping[str, Any]) -> str | None:
    value = given.get("id", given.get("@id"))
    return value if isinstance(value, str) else None


def _named(value: Any) -> str | None:
    """The IRI of something given by its IRI or as an object; of several, the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    return _id(value) if isinstance(value, dict) else value if isinstance(value, str) else None


def _actor(given: Mapping[str, Any]) -> str | None:
    return _named(given.get("attributedTo")) or _named(given.get("actor"))


def _listed(collection: Mapping[str, Any]) -> list[Any]:
    for key in _ITEMS:
        value = collection.get(key)
        if value is not None:
            return value if isinstance(value, list) else [value]
    return []


def _passed_over(counts: Counter[str]) -> Finding:
    shown = ", ".join(f"{name} ({count})" for name, count in counts.most_common(10))
    total = sum(counts.values())
    return Finding(
        "activities-left-out",
        Severity.INFO,
        {
            "fr": f"{total} éléments ne sont pas des fiches et sont laissés de côté : {shown}.",
            "en": f"{total} items are no records and are left out: {shown}.",
        },
        count=total,
    )


def _not_activitystreams(document: Any) -> UnreadableFeed:
    shown = ", ".join(list(document)[:10]) if isinstance(document, dict) else type(document).__name__
    return UnreadableFeed(
        "not-activitystreams",
        f"Ce document JSON n'est pas de l'ActivityStreams : il n'a pas de `type` ({shown}). Vérifiez l'adresse : celle "
        "d'une boîte d'envoi (outbox), d'une collection ou d'un acteur.",
        f"This JSON document is no ActivityStreams: it has no `type` ({shown}). Check the address: that of an outbox, "
        "a collection or an actor.",
    )
