"""Passes on, from the commons to its followers, what bound partners have said to it: the very bytes (FEP-1b12).

Must never pass on an Announce: whoever calls has asked :func:`federation.activitypub.graphs.may_announce`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from federation.activitypub.activities import announce_activity
from federation.activitypub.names import Names
from federation.activitypub.sending import Audience, Letter, Sender
from federation.ledger.ap_activities import NewActivity
from federation.ledger.times import to_text


class Relay:
    """One per process, over the sender of what our actors say."""

    def __init__(self, names: Names, sender: Sender) -> None:
        self._names, self._sender = names, sender

    def announce_received(self, inner: bytes, about: str, tx: Connection) -> None:
        """Queue an Announce, by the commons, of the bytes of an activity as they were received."""
        say = self._sender.saying(self._names.commons)
        document = announce_activity(self._names, say, inner)
        made = NewActivity(say.ulid, say.actor, "Announce", about, None, to_text(say.at), document)
        self._sender.keep([Letter(made, Audience(followers=(self._names.commons,)), about)], tx)
