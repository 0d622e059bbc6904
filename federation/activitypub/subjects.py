"""Other servers in the words of operators: how they are named, what is shown of them, what waits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.activitypub.follows import Mode
from federation.activitypub.origins import origin_of
from federation.activitypub.refusal import Refused
from federation.errors import ConfigError
from federation.ledger.ap_follows import FollowRow
from federation.ledger.ap_hosts import HostRow
from federation.ledger.ap_inbox import InboxRow
from federation.ledger.ap_peers import BindingRow, BlockRow, SyncRow


@dataclass(frozen=True, slots=True)
class Peer:
    """A host as operators see it. ``block``: of the host or of one of its actors; ``waiting``: deliveries."""

    host: HostRow
    followers: tuple[FollowRow, ...] = ()
    following: tuple[FollowRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()
    syncs: tuple[SyncRow, ...] = ()
    blocks: tuple[BlockRow, ...] = ()
    waiting: int = 0

    @property
    def blocked(self) -> bool:
        """Whether the whole host is blocked."""
        return any(block.subject == self.host.host for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something to decide on. ``reference``: ``f`` or ``a`` and a number; ``kind``: ``follow``, ``moderation``, …

    ``text`` is what a stranger wrote, as it came: it is to be shown as text only.
    """

    reference: str
    kind: str
    actor: str
    about: str
    since: str
    text: str = ""


def waiting_of(row: InboxRow) -> Waiting:
    """A kept activity as something to decide on."""
    kept = (row.raw or b"")[:4_000].decode("utf-8", "replace")
    return Waiting(f"a{row.id}", str(row.outcome), row.actor, row.object or row.activity, row.received, kept)


def host_of(subject: str) -> str:
    """The host that an address, a name or a host stands for. Raises ConfigError."""
    return origin_of(subject_of(subject)[1]).authority if subject_of(subject)[0] == "actor" else subject_of(subject)[1]


def subject_of(subject: str) -> tuple[str, str]:
    """Whether a block is meant of an actor or of a host, and its name as the ledger writes it. Raises ConfigError."""
    plain = subject.strip()
    try:
        if plain.startswith(("http://", "https://")):
            origin = origin_of(plain)
            return ("host", origin.authority) if plain.rstrip("/") == str(origin) else ("actor", plain)
        return "host", origin_of(f"https://{plain.rpartition('@')[2]}/").authority
    except Refused as error:
        raise ConfigError(
            f"{plain[:200]!r} is neither a host nor the address of an actor.",
            f"{plain[:200]!r} n'est ni un hôte ni l'adresse d'un acteur.",
        ) from error


def reference_of(reference: str) -> tuple[str, int]:
    """The kind and the number that a reference names. Raises ConfigError."""
    kind, number = reference[:1], reference[1:]
    if kind not in {"a", "f"} or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise unknown(reference)
    return kind, int(number)


def mode_of(asked: str | None, now: str | None) -> str | None:
    """The mode that is asked for, None for the default; ``now`` if none is. Raises ConfigError."""
    if asked is None:
        return now
    if asked == "default":
        return None
    try:
        return Mode(asked).value
    except ValueError:
        raise ConfigError(
            f"{asked[:40]!r} is no mode: allow, ask, deny or default.",
            f"{asked[:40]!r} n'est pas un mode : allow, ask, deny ou default.",
        ) from None


def unknown(subject: str) -> ConfigError:
    """What to raise over a name that leads to nothing."""
    return ConfigError(f"Nothing is known of {subject[:200]!r}.", f"On ne connaît pas {subject[:200]!r}.")


def plain(peer: Peer) -> Mapping[str, Any]:
    """A peer in plain values, for machines."""
    return {
        "host": peer.host.host,
        "follow": peer.host.follow_mode or "default",
        "records": peer.host.record_mode or "default",
        "sync": peer.host.sync or bool(peer.syncs),
        "blocked": peer.blocked,
        "failures": peer.host.breaker.failures,
        "waiting": peer.waiting,
        "followers": [{"actor": row.follower, "follows": row.followed, "state": row.state} for row in peer.followers],
        "following": [{"actor": row.followed, "state": row.state} for row in peer.following],
        "bindings": [{"actor": row.actor, "partner": row.partner, "source": row.source} for row in peer.bindings],
        "blocks": [{"subject": row.subject, "by": row.by, "at": row.at, "reason": row.reason} for row in peer.blocks],
    }
