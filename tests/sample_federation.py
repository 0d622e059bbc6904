"""The ActivityPub side of the sample commons: a ledger in memory and keys that never change."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.activitypub.actors import Document, PublicKeys
from federation.activitypub.desk import Desk
from federation.activitypub.keys import encode_multikey, generate_rsa, public_pem
from federation.activitypub.memory import Memory
from federation.activitypub.proofs import ProofKey, create
from federation.catalogue.words import Words
from federation.engines import GraphReader
from federation.ledger.ap_activities import PAGE, ActivityRow
from federation.ledger.records import RecordState
from federation.ledger.sources import PartnerRow
from federation.model import Action, Change
from federation.settings import Settings
from federation.vocabulary import Vocabulary

CHANGED = datetime(2026, 1, 2, 3, 0, 9, 125000, tzinfo=UTC)
PARTNERS = (
    PartnerRow("avise", "Avise", "https://www.avise.org/"),
    PartnerRow("fonda", "La Fonda", "https://fonda.example/"),
    PartnerRow("malin", "<script>alert(1)</script>"),
)


@functools.cache
def _pem() -> str:
    return public_pem(generate_rsa().public_key())


class SampleKeys:
    """Keyring with one Ed25519 key for all actors; ``without`` have none."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.without: set[str] = set()

    def public(self, actor: str) -> PublicKeys | None:
        if actor in self.without:
            return None
        return PublicKeys(_pem(), encode_multikey(self.private.public_key()))

    def prove(self, actor: str, document: Document, created: datetime) -> Document:
        return create(document, key=ProofKey(f"{actor}#ed25519-key", self.private), created=created)


@dataclass
class SampleMemory:
    """What the ledger knows, by hand: ``gone`` and ``changed`` by IRI, states of records, activities in order."""

    gone: Mapping[str, datetime] = field(default_factory=dict)
    changed: Mapping[str, datetime] = field(default_factory=dict)
    states: dict[str, RecordState] = field(default_factory=dict)
    activities: dict[str, ActivityRow] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)

    def partner(self, slug: str) -> PartnerRow | None:
        return next((one for one in PARTNERS if one.slug == slug), None)

    def partners(self) -> list[PartnerRow]:
        return list(PARTNERS)

    def since(self, slug: str | None = None) -> datetime | None:
        return CHANGED

    def latest(self, iri: str, upto: int | None = None) -> Change | None:
        if iri in self.gone:
            return Change(2, self.gone[iri], Action.DELETE, iri, "", "")
        return Change(1, self.changed.get(iri, CHANGED), Action.UPDATE, iri, "", "")

    def states_of(self, records: Collection[str]) -> dict[str, RecordState]:
        return {iri: self.states[iri] for iri in records if iri in self.states}

    def row(self, id_: str) -> ActivityRow | None:
        return self.activities.get(id_)

    def total(self, actor: str) -> int:
        return len(self._listed(actor))

    def page(self, actor: str, number: int) -> list[str]:
        return self._listed(actor)[(number - 1) * PAGE : number * PAGE]

    def followers(self, actor: str) -> int:
        return 3

    def following(self, actor: str) -> int:
        return 0

    def _listed(self, actor: str) -> list[str]:
        return [one.id for one in self.activities.values() if one.actor == actor and one.position is not None]


class _Records:
    def __init__(self, memory: SampleMemory) -> None:
        self.get = memory.states_of


class _Outbox:
    def __init__(self, memory: SampleMemory) -> None:
        self.get, self.total, self.page = memory.row, memory.total, memory.page


def make_desk(
    settings: Settings, vocabulary: Vocabulary, reader: GraphReader, memory: SampleMemory, keys: SampleKeys
) -> Desk:
    """The desk over a reader and a ledger made by hand."""
    parts = Memory(memory, memory, _Records(memory), _Outbox(memory), memory, memory.pushed.get)
    return Desk(settings, parts, lambda: reader, Words.of(vocabulary), keys)
