"""The quality of sources as pages and linked data show it: read from the ledger, put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from federation.catalogue.quality import (
    NOT_MEASURED,
    Quality,
    QualityPart,
    most_useful,
    parts,
    patterns,
    quality_triples,
)
from federation.model import Text, Triple
from federation.web.site import site


@dataclass(frozen=True, slots=True)
class QualityView:
    """The quality of a source as its partner's page shows it."""

    score: int
    records: int
    parts: tuple[QualityPart, ...]
    best: QualityPart | None
    patterns: tuple[Text, ...]
    note: Text
    run: str


def quality_views(sources: Sequence[str]) -> dict[str, QualityView]:
    """What is known of the quality of some sources, by id."""
    found = {}
    for name, row in site().platform.ledger.qualities(sources).items():
        quality = Quality.of(row.detail)
        found[name] = QualityView(
            quality.score,
            quality.records,
            parts(quality),
            most_useful(quality),
            patterns(quality),
            NOT_MEASURED,
            row.run,
        )
    return found


def quality_of(sources: Sequence[str]) -> list[Triple]:
    """The quality of some sources as linked data (DQV): it is in the ledger, not in the store."""
    base = site().base
    return [
        triple
        for name, row in site().platform.ledger.qualities(sources).items()
        for triple in quality_triples(f"{base}/sources/{name}", f"{base}/runs/{row.run}", Quality.of(row.detail))
    ]
