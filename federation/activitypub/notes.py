"""Short replies for microblogs that do not read the Update of a Page (mastodon#31114): what it says now, in brief.

Only if the instance is set to send them. Like everything else a Note is made of what is public now: it must never say
what its record does not say any more (design, section 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from federation.activitypub import activities
from federation.activitypub.activities import ABOUT_RECORDS, Saying
from federation.activitypub.actors import AS2, Document
from federation.activitypub.audience import of_announce
from federation.activitypub.names import Names
from federation.activitypub.sending import Audience, Letter, Sender, Sync
from federation.activitypub.strictjson import parse_document
from federation.activitypub.times import moment
from federation.ledger.ap_activities import ActivityRow, NewActivity
from federation.ledger.times import to_text

CREATED, DELETED = "Note", "NoteGone"
"""Kinds of activities in the ledger: the Create and the Delete of a Note about an object."""

KINDS = MappingProxyType({CREATED: "Create", DELETED: "Delete"})
_SHOWN = ("name", "summary")
"""What microblogs show of a Page: a change of anything else is not worth a word to everybody."""


def note(names: Names, say: Saying, page: Document) -> Document:
    """A Note about a Page as it is now, or its Tombstone: to be embedded, or served with ``@context``."""
    id_ = names.note(say.ulid)
    if page["type"] == "Tombstone":
        return {"id": id_, "type": "Tombstone", "formerType": "Note", "deleted": page["deleted"]}
    title, address = escape(str(page["name"])), escape(str(page["url"]))
    said = f'<p>Mise à jour / Update: <a href="{address}">{title}</a></p>'
    if page.get("summary"):
        said += f"<p>{page['summary']}</p>"
    return {
        "id": id_,
        "type": "Note",
        "attributedTo": say.actor,
        "inReplyTo": page["id"],
        "content": said,
        "url": page["url"],
        "published": moment(say.at),
        **of_announce(say.actor).members(),
    }


def activity(names: Names, kind: str, say: Saying, embedded: Document) -> Document:
    """The Create or the Delete of a Note, by what the ledger calls it."""
    return {
        "@context": AS2,
        "id": names.activity(say.ulid),
        "type": KINDS[kind],
        "actor": say.actor,
        "published": moment(say.at),
        **of_announce(say.actor).members(),
        "object": embedded,
    }


class Notes:
    """What is said beside the activities about records. ``speaks``: whether the instance is set to send Notes."""

    def __init__(self, names: Names, sender: Sender, speaks: bool) -> None:
        self._names, self._sender, self._speaks = names, sender, speaks

    def letters(self, kind: str, rows: Sequence[ActivityRow], now: Document, seq: int) -> Iterator[Letter]:
        """What goes out beside an Update or a Delete. ``rows``: what was said of the object; ``now``: what it is.

        Notes go whatever is set now: one must not outlive its record.
        """
        if kind == "Update" and self._speaks and _is_notable(_last_page(rows), now):
            yield from self._created(now, seq)
        elif kind == "Delete":
            yield from self._deleted(rows, now, seq)

    def _created(self, page: Document, seq: int) -> Iterator[Letter]:
        say = self._sender.saying(str(page["attributedTo"]))
        made = activity(self._names, CREATED, say, note(self._names, say, page))
        about = str(page["id"])
        yield self._letter(CREATED, say, about, made, seq, about)
        group = self._sender.saying(self._names.commons)
        named = self._names.note(say.ulid)
        yield self._letter("Announce", group, named, activities.announce_object(self._names, group, named), seq, about)

    def _deleted(self, rows: Iterable[ActivityRow], tombstone: Document, seq: int) -> Iterator[Letter]:
        about = str(tombstone["id"])
        for row in standing(rows):
            say = self._sender.saying(row.actor)
            gone = note(self._names, Saying(row.id, row.actor, say.at), tombstone)
            made = activity(self._names, DELETED, say, gone)
            letter = self._letter(DELETED, say, about, made, seq, about)
            yield Letter(letter.activity, Audience((row.actor, self._names.commons), Sync.NOT), about)

    def _letter(self, kind: str, say: Saying, object_: str, document: Document, seq: int, about: str) -> Letter:
        made = NewActivity(say.ulid, say.actor, kind, object_, seq, to_text(say.at), activities.serialise(document))
        return Letter(made, Audience((say.actor,), Sync.NOT), about)


def standing(rows: Iterable[ActivityRow]) -> list[ActivityRow]:
    """The Notes about an object that were not deleted, the oldest first."""
    found: list[ActivityRow] = []
    for row in rows:
        if row.kind == CREATED:
            found.append(row)
        elif row.kind == "Delete":
            found = []  # with the record go its Notes
    return found


def _is_notable(before: Document | None, now: Document) -> bool:
    return before is not None and any(before.get(name) != now.get(name) for name in _SHOWN)


def _last_page(rows: Iterable[ActivityRow]) -> Document | None:
    """The Page in what was last said of an object; None if its bytes are gone."""
    own = [row for row in rows if row.kind in ABOUT_RECORDS]
    if not own or not own[-1].document:
        return None
    found: Any = parse_document(own[-1].document).get("object")
    return found if isinstance(found, dict) else None
