"""Whom an activity is for: the addressing of ours, and reading that of others. Pure.

Must never hold that something is public because it names nobody (design, sections 4 and 6; AS2 vocabulary, 5.6.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_PUBLIC = frozenset({PUBLIC, "as:Public", "Public"})  # ActivityPub, section 5.6: all three are in use
_ADDRESSING = ("to", "cc", "bto", "bcc", "audience")


@dataclass(frozen=True, slots=True)
class Audience:
    """``to`` and ``cc`` of one activity, always both (Lemmy needs both)."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()

    def members(self) -> dict[str, list[str]]:
        """As they stand in a document."""
        return {"to": list(self.to), "cc": list(self.cc)}

    @property
    def public(self) -> bool:
        """Whether everybody is addressed."""
        return PUBLIC in self.to or PUBLIC in self.cc


def of_record(commons: str, partner: str) -> Audience:
    """For a record and what happens to it: everybody, the commons and the followers of its partner."""
    return Audience((PUBLIC,), (commons, f"{partner}/followers"))


def of_announce(actor: str) -> Audience:
    """For what an actor passes on: everybody and its followers."""
    return Audience((PUBLIC,), (f"{actor}/followers",))


def of_profile(actor: str) -> Audience:
    """For a change of an actor itself: everybody and its followers."""
    return Audience((PUBLIC,), (f"{actor}/followers",))


def to_one(actor: str) -> Audience:
    """For one actor alone: Follow and its answers."""
    return Audience((actor,))


def addressees(document: Mapping[str, Any]) -> Iterator[str]:
    """Every IRI that a document is addressed to, in any member, plain or ``{"id": …}``."""
    for member in _ADDRESSING:
        value = document.get(member)
        for one in value if isinstance(value, list) else [value]:
            name = one.get("id") if isinstance(one, Mapping) else one
            if isinstance(name, str):
                yield name


def is_public(document: Mapping[str, Any]) -> bool:
    """Whether a document of others, in raw JSON, is addressed to everybody."""
    return any_public(addressees(document))


def any_public(names: Iterable[str]) -> bool:
    """Whether one of the addressees is everybody."""
    return not _PUBLIC.isdisjoint(names)
