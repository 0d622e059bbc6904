"""What the reading side asks of the ledger and of our keys, part by part.

Must never ask for more: who follows whom, private keys and queues are not for readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from federation.activitypub.actors import Document, PublicKeys
from federation.ledger import Ledger
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.records import RecordState
from federation.ledger.sources import PartnerRow
from federation.model import Change


class Keyring(Protocol):
    """Our keys, as documents show and use them."""

    def public(self, actor: str) -> PublicKeys | None:
        """The current public keys of an actor of ours; None if it has none (yet)."""

    def prove(self, actor: str, document: Document, created: datetime) -> Document:
        """A document with a proof by the current Ed25519 key of an actor that has keys."""


class Outbox(Protocol):
    """Our activities, as the ledger keeps them."""

    def get(self, id_: str) -> ActivityRow | None:
        """One activity by its ULID."""

    def total(self, actor: str) -> int:
        """How many an actor's outbox shows."""

    def page(self, actor: str, number: int) -> list[str]:
        """The ULIDs on one page, oldest first; pages are numbered from 1, the oldest."""


class Relations(Protocol):
    """How many follow, and are followed; who they are is nobody's business."""

    def followers(self, actor: str) -> int:
        """How many follow an actor of ours."""

    def following(self, actor: str) -> int:
        """How many an actor of ours follows."""


class Sources(Protocol):
    """The partners, as the ledger knows them."""

    def partner(self, slug: str) -> PartnerRow | None:
        """One partner."""

    def partners(self) -> list[PartnerRow]:
        """Every partner, by slug."""

    def since(self, slug: str | None = None) -> datetime | None:
        """When the first run of a partner's sources began, or of any source if none is named; None before that."""


class Changes(Protocol):
    """The change log."""

    def latest(self, iri: str, upto: int | None = None) -> Change | None:
        """The last change of a record or a project."""


class Records(Protocol):
    """The states of records."""

    def get(self, records: Collection[str]) -> dict[str, RecordState]:
        """Those of some records, by their IRIs."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the desk asks of the ledger, one part each. ``elsewhere``: the object id of a record that a partner pushed,

    and of which we publish no copy; None for a record of ours.
    """

    sources: Sources
    changes: Changes
    records: Records
    outbox: Outbox
    relations: Relations
    elsewhere: Callable[[str], str | None]


def memory_of(ledger: Ledger) -> Memory:
    """The parts of a ledger that the desk reads."""

    def elsewhere(record: str) -> str | None:
        known = ledger.ap_objects.by_record(record)
        return None if known is None else known.id

    return Memory(ledger.sources, ledger.changes, ledger.records, ledger.ap_activities, ledger.ap_follows, elsewhere)
