"""The real feeds beside the checkout are read whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_help import reading, rules

from federation.pipeline.readers import detect


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("path", "format", "records", "findings"),
    [
        ("la-france-s-engage/projets.csv", "csv", 303, []),
        ("la-france-s-engage/projets-v1.xlsx", "xlsx", 150, ["sheet-guessed"]),
        ("la-france-s-engage/members.csv", "csv", 160, []),
        ("initiatives-covid/initiatives-2020-04-06.csv", "csv", 909, ["blank-rows"]),
        ("transiscope-niort/elements.json", "json", 100, []),
        ("hinaura-yeswiki/bazar.json", "json", 1171, []),
        ("data-inclusion/structures.json", "json", 3811, []),
        ("data-inclusion/services.json", "json", 4261, []),
        ("fablabs/fablabs.csv", "csv", 211, []),
        ("gironde/gironde.json", "json", 347, []),
        ("france-services/france-services.csv", "csv", 2683, ["double-encoding"]),
        ("aidants-connect/aidants-connect.json", "json", 3407, []),
        ("paca/paca.json", "json", 1245, []),
    ],
)
def test_real_feeds(shared: Path, path: str, format: str, records: int, findings: list[str]) -> None:  # noqa: A002
    """Every record that the feed's description counts is read (initiatives-covid: 10 of its 919 rows are blank)."""
    body = (shared / "feeds" / path).read_bytes()

    rows, rejected, result = reading(body, format)

    assert detect(body, None, path) == format
    assert (len(rows), rejected) == (records, [])
    assert rules(result) == findings
    assert len({row.where for row in rows}) == records
