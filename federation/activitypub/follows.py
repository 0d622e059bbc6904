"""Who follows whom, both ways, as state machines: Follow, Accept, Reject, Undo (design, section 6).

Must never believe an answer to a Follow that we did not send, nor one by anybody but the actor who was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection

from federation.activitypub import activities
from federation.activitypub.activities import FollowRef, Saying
from federation.activitypub.actors import SYNC_PROFILE, Document
from federation.activitypub.hearing import implements
from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.origins import origin_of
from federation.ledger import Ledger
from federation.ledger.ap_deliveries import Target
from federation.ledger.ap_follows import Direction, FollowRow, FollowState
from federation.ledger.ap_hosts import HostRow
from federation.ledger.ap_peers import ActorRow, SyncRow

RESEND_AFTER = timedelta(days=7)


class Mode(StrEnum):
    """What a host may do: at once, after a person agreed, not at all."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


def follow_mode(host: HostRow) -> Mode:
    """Whether actors of a host may follow ours. Unknown hosts may."""
    return Mode(host.follow_mode or Mode.ALLOW)


def record_mode(host: HostRow, bound: bool) -> Mode:
    """Whether records of a host enter. ``bound``: its actor is bound to a partner, which is a person's yes."""
    return Mode(host.record_mode or (Mode.ALLOW if bound else Mode.ASK))


class Post(Protocol):
    """What keeps and queues what our actors say to one inbox (sending.Sender)."""

    def saying(self, actor: str) -> Saying:
        """Who says something now, under a new id."""

    def tell(self, say: Saying, document: Document, target: Target, tx: Connection | None = None) -> str:
        """Queue it for one inbox, in the transaction of what it follows from; give its id."""


class Relations:
    """The follows of one instance. Each step takes the transaction in which it is to be durable."""

    def __init__(self, ledger: Ledger, names: Names, post: Post, clock: Callable[[], datetime]) -> None:
        self._ledger, self._names, self._post, self._clock = ledger, names, post, clock

    def is_ours(self, actor: str) -> bool:
        """Whether this is the id of an actor of this instance."""
        username = self._names.username(actor)
        if username is None:
            return False
        return username in {INSTANCE, COMMONS} or self._ledger.sources.partner(username) is not None

    # -- others follow us

    def followed(self, asked: FollowRef, follower: ActorRow, mode: Mode, tx: Connection) -> str:
        """Take a Follow; a repeated one is answered again. Give the rule that decided."""
        target = Target(follower.shared_inbox or follower.inbox, follower.host)
        known = self._ledger.ap_follows.get(Direction.IN, asked.follower, asked.followed, tx)
        if mode is Mode.DENY:
            self._answer(asked, target, activities.reject, tx)
            if known is not None:
                self._ledger.ap_follows.answer(known.id, FollowState.REMOVED, self._clock(), tx)
            return "follow-denied"
        agreed = mode is Mode.ALLOW or (known is not None and known.state == FollowState.ACCEPTED)
        state = FollowState.ACCEPTED if agreed else FollowState.PENDING
        self._put(Direction.IN, asked, state, target, tx)
        if not agreed:
            return "follow-pending"
        self._answer(asked, target, activities.accept, tx)
        return "follow-accepted"

    def approve(self, row: FollowRow, tx: Connection) -> bool:
        """Accept a Follow that waits; False if it waits no more."""
        known = self._ledger.ap_follows.get(Direction.IN, row.follower, row.followed, tx)
        if known is None or known.state != FollowState.PENDING:
            return False
        self._ledger.ap_follows.answer(known.id, FollowState.ACCEPTED, self._clock(), tx)
        self._answer(_ref(known), Target(known.inbox, known.host), activities.accept, tx)
        return True

    def dismiss(self, rows: Iterable[FollowRow], tx: Connection) -> int:
        """Remove followers and tell them; return how many there were."""
        count = 0
        for row in rows:
            self._ledger.ap_follows.answer(row.id, FollowState.REMOVED, self._clock(), tx)
            self._answer(_ref(row), Target(row.inbox, row.host), activities.reject, tx)
            count += 1
        return count

    def undone(self, activity: Document, tx: Connection) -> str:
        """Take back the Follow that an Undo names by its id, or by who follows whom. Only its author can."""
        actor, thing = str(activity["actor"]), activity.get("object")
        row = self._named(Direction.IN, thing, actor, tx)
        if row is None or row.follower != actor:
            return "undo-unknown"
        self._ledger.ap_follows.answer(row.id, FollowState.REMOVED, self._clock(), tx)
        return "undo-done"

    def moved(self, before: ActorRow, after: ActorRow, tx: Connection) -> int:
        """Send what a follower gets to where its inbox is now; return how many follows that were."""
        target, count = Target(after.shared_inbox or after.inbox, after.host), 0
        if target.inbox == (before.shared_inbox or before.inbox):
            return 0
        slugs = [partner.slug for partner in self._ledger.sources.partners()]
        for followed in (self._names.instance, self._names.commons, *map(self._names.partner, slugs)):
            row = self._ledger.ap_follows.get(Direction.IN, after.id, followed, tx)
            if row is not None and row.state in {FollowState.ACCEPTED, FollowState.PENDING}:
                self._put(Direction.IN, _ref(row), FollowState(row.state), target, tx)
                count += 1
        return count

    # -- we follow others

    def ask(self, followed: ActorRow, tx: Connection, follower: str | None = None) -> FollowRow:
        """Follow an actor, or ask it anew."""
        ours, target = follower or self._names.instance, Target(followed.inbox, followed.host)
        say = self._post.saying(ours)
        id_ = self._post.tell(say, activities.follow(self._names, say, followed.id), target, tx)
        return self._put(Direction.OUT, FollowRef(id_, ours, followed.id), FollowState.REQUESTED, target, tx)

    def take_back(self, row: FollowRow, tx: Connection) -> bool:
        """Follow no more; False if that was so already."""
        if row.state in {FollowState.UNDONE, FollowState.REJECTED}:
            return False
        say = self._post.saying(row.follower)
        self._post.tell(say, activities.undo(self._names, say, _ref(row)), Target(row.inbox, row.host), tx)
        self._ledger.ap_follows.answer(row.id, FollowState.UNDONE, self._clock(), tx)
        self._ledger.ap_syncs.remove(row.followed, tx)
        return True

    def answered(self, activity: Document, tx: Connection) -> str:
        """Take an Accept or a Reject of a stored Follow of ours, from the actor that it asked (abuse 21)."""
        actor = str(activity["actor"])
        row = self._named(Direction.OUT, activity.get("object"), None, tx)
        if row is None or row.followed != actor:
            return "answer-unasked"
        agreed = activity["type"] == "Accept"
        expected = {FollowState.REQUESTED} if agreed else {FollowState.REQUESTED, FollowState.ACCEPTED}
        if row.state not in expected:
            return "answer-late"
        state = FollowState.ACCEPTED if agreed else FollowState.REJECTED
        self._ledger.ap_follows.answer(row.id, state, self._clock(), tx)
        if agreed:
            self._begin_sync(actor, tx)
        else:
            self._ledger.ap_syncs.remove(actor, tx)
        return "follow-answered"

    def resend(self) -> int:
        """Ask once more whom nobody has answered for seven days; return how many."""
        now, count = self._clock(), 0
        for row in self._ledger.ap_follows.to_resend(now - RESEND_AFTER):
            with self._ledger.write() as tx:
                target = Target(row.inbox, row.host)
                known = self._ledger.ap_actors.get(row.followed, tx)
                if known is not None:
                    target = Target(known.inbox, known.host)
                self._again(row, target, now, tx)
                count += 1
        return count

    def _again(self, row: FollowRow, target: Target, now: datetime, tx: Connection) -> None:
        """Send the same Follow, under the id that its answer will name."""
        say = self._post.saying(row.follower)
        again = {**activities.follow(self._names, say, row.followed), "id": row.activity}
        self._post.tell(say, again, target, tx)
        self._ledger.ap_follows.resent(row.id, now, tx)

    # -- what both ways share

    def _begin_sync(self, actor: str, tx: Connection) -> None:
        """An actor that declares our sync profile is kept in step with from now on."""
        known = self._ledger.ap_actors.get(actor, tx)
        if known is None or known.type != "Group" or not declares_sync(known.document):
            return
        if self._ledger.ap_syncs.get(actor, tx) is None:
            self._ledger.ap_syncs.put(SyncRow(actor, str(origin_of(actor))), tx)
        else:  # nobody has told us anything since it was left
            self._ledger.ap_syncs.ask(actor, self._clock(), tx)

    def _named(self, direction: Direction, thing: object, actor: str | None, tx: Connection) -> FollowRow | None:
        """The stored Follow that an activity names: by its id, else by (actor, object) of an embedded one."""
        id_ = thing.get("id") if isinstance(thing, Mapping) else thing
        row = self._ledger.ap_follows.by_activity(direction, id_) if isinstance(id_, str) else None
        if row is not None or not isinstance(thing, Mapping) or thing.get("type") != "Follow":
            return row
        follower, followed = thing.get("actor", actor), thing.get("object")
        if isinstance(follower, str) and isinstance(followed, str):
            return self._ledger.ap_follows.get(direction, follower, followed, tx)
        return None

    def _put(
        self, direction: Direction, asked: FollowRef, state: FollowState, target: Target, tx: Connection
    ) -> FollowRow:
        now = self._clock()
        return self._ledger.ap_follows.put(direction, asked.follower, asked.followed, asked.id, state, target, now, tx)

    def _answer(
        self,
        asked: FollowRef,
        to: Target,
        make: Callable[[Names, Saying, FollowRef], Document],
        tx: Connection,
    ) -> None:
        say = self._post.saying(asked.followed)
        self._post.tell(say, make(self._names, say, asked), to, tx)


def declares_sync(document: Mapping[str, Any]) -> bool:
    """Whether an actor's document says that its server keeps in step as ours does (FEP-844e)."""
    return implements(document, SYNC_PROFILE)


def _ref(row: FollowRow) -> FollowRef:
    return FollowRef(row.activity, row.follower, row.followed)
