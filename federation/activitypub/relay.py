"""What the commons says to its followers of what a partner has said: the activity, byte for byte (FEP-1b12).

Must never pass on an Announce: of what is not our own, whoever calls has asked
:func:`federation.activitypub.graphs.may_announce`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from federation.activitypub import activities
from federation.activitypub.names import Names
from federation.activitypub.sending import Audience, Letter, Sender, Sync
from federation.ledger.ap_activities import NewActivity
from federation.ledger.times import to_text


class Heard(NamedTuple):
    """What a bound partner has sent us. ``kind``: Create, Update or Delete; ``raw``: the bytes that were received."""

    kind: str
    activity: str
    object: str
    raw: bytes


class Relay:
    """One per process, over the sender of what our actors say."""

    def __init__(self, names: Names, sender: Sender) -> None:
        self._names, self._sender = names, sender

    def pass_on(self, heard: Iterable[Heard], tx: Connection | None = None) -> None:
        """Announce what bound partners have sent us. With ``tx`` in the transaction that notes what became of it."""
        self._sender.keep([letter for one in heard for letter in self.letters(*one)], tx)

    def letters(
        self, kind: str, activity: str, object_: str, body: bytes, seq: int | None = None, *, first: bool = False
    ) -> Iterator[Letter]:
        """Announce the activity as it is and, of a Create, the id of its object, for microblogs.

        ``seq``: the change that it is about; ``first``: of a first harvest, which only those hear who are in step.
        """
        commons = self._names.commons
        say = self._sender.saying(commons)
        whole = activities.announce_activity(self._names, say, body)
        made = NewActivity(say.ulid, commons, "Announce", activity, seq, to_text(say.at), whole)
        yield Letter(made, Audience((commons,), Sync.ONLY if first else Sync.ALSO), object_, kind == "Update")
        if kind == "Create" and not first:
            say = self._sender.saying(commons)
            bare = activities.serialise(activities.announce_object(self._names, say, object_))
            made = NewActivity(say.ulid, commons, "Announce", object_, seq, to_text(say.at), bare)
            yield Letter(made, Audience((commons,), Sync.NOT), object_)
