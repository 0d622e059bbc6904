"""The partners of another Carrefour as partners here: their names, their sources made without a file, their retraction.

Two commons may have partners of one name: here each carries its origin. In the data their IRIs stay the peer's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from federation.errors import PeerError
from federation.ledger import Ledger
from federation.model import peer_slug
from federation.pipeline.sources import PIPELINE_VERSION, Coverage, Limits, Partner, Source
from federation.vocabulary import Vocabulary

_ACTOR = re.compile(r"(https?://[^/?#@\s\"<>\\^`{|}]+)/actors/([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)", re.ASCII)
_RECORDS = 5_000_000  # rows of one delivery at most: the first one of a peer brings all that it has


@dataclass(frozen=True, slots=True)
class PeerPartner:
    """A partner of another Carrefour: its ``actor`` IRI there (``{origin}/actors/{slug}``), its name and its address.

    ``licence`` and ``lang`` are what its source says there, if that is known; each record brings its own licence.
    """

    actor: str
    name: str
    url: str | None = None
    licence: str | None = None
    lang: str = "fr"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the Carrefour that it belongs to. Raises PeerError."""
        return self._parts()[0]

    @property
    def slug(self) -> str:
        """Its name among our partners, and the id of its source: see :func:`federation.model.peer_slug`."""
        self._parts()
        return peer_slug(self.actor)

    def _parts(self) -> tuple[str, str]:
        found = _ACTOR.fullmatch(self.actor)
        if found is None:
            raise PeerError(
                f"{self.actor[:200]!r} is no actor of a partner of a Carrefour (https://HOST/actors/NAME).",
                f"{self.actor[:200]!r} n'est pas l'acteur d'un contributeur d'un Carrefour (https://HÔTE/actors/NOM).",
            )
        return found[1], found[2]


def source_of(partner: PeerPartner, vocabulary: Vocabulary) -> Source:
    """The source of a peer's partner, which no file declares. Raises PeerError."""
    host = urlsplit(partner.origin).netloc
    name = f"{partner.name} ({host})"
    said = f"{PIPELINE_VERSION}\n{vocabulary.version}\ncarrefour\n{partner.actor}"
    return Source(
        id=partner.slug,
        partner=Partner(partner.slug, name, partner.url or partner.actor),
        name=name,
        url=partner.actor,
        format="carrefour",
        version=hashlib.sha256(said.encode()).hexdigest(),
        lang=partner.lang,
        coverage=Coverage.LOG,
        licence=partner.licence,
        schedule="manual",
        limits=Limits(records=_RECORDS),
    )


def note(partner: PeerPartner, ledger: Ledger) -> None:
    """Remember a peer's partner, so that its source can be made again by its id."""
    said = json.dumps(asdict(partner), sort_keys=True)
    if ledger.cursors.fact(_known(partner.slug)) != said:
        ledger.cursors.set_fact(_known(partner.slug), said)


def noted(source: str, ledger: Ledger) -> PeerPartner | None:
    """The peer's partner whose source has this id; None if it is none."""
    said = ledger.cursors.fact(_known(source)) if "-at-" in source else None
    return None if not said else PeerPartner(**json.loads(said))


def partners_of(origin: str, ledger: Ledger) -> Iterator[PeerPartner]:
    """The partners of one other Carrefour, by the id of their source."""
    for row in ledger.sources.all():
        partner = noted(row.id, ledger)
        if partner is not None and partner.origin == origin:
            yield partner


def begin_hiding(source: str, ledger: Ledger) -> None:
    """Note that the records of a source are to be hidden: the runs that do it are kept until they are undone."""
    if hiding(source, ledger) is None:
        ledger.cursors.set_fact(_hidden(source), "[]")


def hiding(source: str, ledger: Ledger) -> list[str] | None:
    """The runs that have hidden a source, oldest first; None if it is not hidden."""
    said = ledger.cursors.fact(_hidden(source))
    return [str(run) for run in json.loads(said)] if said else None


def note_hiding(source: str, run: str, ledger: Ledger) -> None:
    """Note, before it writes, a run that withdraws all records of a source; nothing if it is not to be hidden."""
    before = hiding(source, ledger)
    if before is not None:
        ledger.cursors.set_fact(_hidden(source), json.dumps([*before, run]))


def end_hiding(source: str, ledger: Ledger) -> None:
    """Note that a source is hidden no more: it is in service again."""
    ledger.sources.set_state(source, "live")
    ledger.cursors.set_fact(_hidden(source), "")


def _known(source: str) -> str:
    return f"peer/{source}"


def _hidden(source: str) -> str:
    return f"hidden/{source}"
