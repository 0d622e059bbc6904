"""A partner who closes a record is obeyed at the next harvest: nothing of it stays public, and it may come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.engines import SearchRequest
from federation.model import RunReport
from federation.platform import Platform, open_platform
from federation.settings import load_settings

SOURCE = """[source]
id = "s"
partner = "p"
url = "../feed.json"
format = "json"
licence = "https://creativecommons.org/licenses/by/4.0/"
[records]
id = "id"
page = "url"
[fields]
name = "name"
license = "licence"
access = "access"
"""


@pytest.fixture
def commons(tmp_path: Path) -> Iterator[Platform]:
    """An instance with one source."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "s.toml").write_text(SOURCE, "utf-8")
    platform = open_platform(load_settings(tmp_path, {"CARREFOUR_WORKERS": "1"}))
    yield platform
    platform.close()


def harvest(commons: Platform, **more: str) -> RunReport:
    """Harvest a feed of one record."""
    row = {"id": "1", "url": "https://p.example/1", "name": "Garage solidaire", **more}
    (commons.settings.sources_dir.parent / "feed.json").write_text(json.dumps([row]), "utf-8")
    with commons.writing() as writer:
        return writer.harvest(commons.source("s"), lambda *_: None)


@pytest.mark.fault(43)
@pytest.mark.parametrize("closing", [{"licence": "CC BY-NC 4.0"}, {"access": "private"}, {"access": "?!"}])
def test_a_closed_record_leaves_every_public_place_and_may_return(commons: Platform, closing: dict[str, str]) -> None:
    """Its graph, its project and its entry in the index go; open again, it has the same address."""
    harvest(commons)
    (before,) = commons.reader.select("SELECT ?g ?p WHERE { ?p <http://www.w3.org/ns/prov#wasDerivedFrom> ?g }")

    closed = harvest(commons, **closing)

    assert (closed.counts.held, closed.counts.missing, closed.counts.accepted) == (0, 0, 0)
    assert not commons.reader.ask("ASK { GRAPH ?g { ?s ?p ?o } }")
    assert b"Garage" not in b"".join(commons.export())
    assert commons.totals() == (0, 0)
    assert commons.ledger.withdrawn(before["g"][1:-1]) is not None
    assert harvest(commons).counts.new == 1
    assert commons.reader.select("SELECT ?g ?p WHERE { ?p <http://www.w3.org/ns/prov#wasDerivedFrom> ?g }") == [before]


def nowhere(commons: Platform, words: str) -> None:
    """Assert that no public place says these words: graph, export, search."""
    said = f'FILTER(CONTAINS(STR(?o), "{words}"))'
    assert not commons.reader.ask(f"ASK {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?g {{ ?s ?p ?o }} }} {said} }}")
    assert words.encode() not in b"".join(commons.export())
    assert commons.search.search(SearchRequest(text=words)).total == 0


@pytest.mark.fault(43)
@pytest.mark.parametrize("level", ["commons", "collective", "private"])
def test_a_field_whose_level_rises_leaves_every_public_place(commons: Platform, level: str) -> None:
    """The record stays, without that field, from the next harvest on, though its feed has not changed."""
    path = commons.settings.sources_dir / "s.toml"
    path.write_text(SOURCE + 'description = "text"\n', "utf-8")
    harvest(commons, text="Une zinnia dans la cour")
    assert commons.search.search(SearchRequest(text="zinnia")).total == 1

    path.write_text(SOURCE + f'description = "text"\n[openness]\ndescription = "{level}"\n', "utf-8")
    report = harvest(commons, text="Une zinnia dans la cour")

    assert report.counts.changed == 1
    nowhere(commons, "zinnia")
    assert commons.totals() == (1, 1)


@pytest.mark.fault(43)
@pytest.mark.parametrize("level", ["commons", "private"])
def test_a_source_whose_level_rises_leaves_every_public_place(commons: Platform, level: str) -> None:
    """All its records go with the next harvest."""
    harvest(commons)
    path = commons.settings.sources_dir / "s.toml"
    path.write_text(SOURCE.replace('format = "json"\n', f'format = "json"\nopenness = "{level}"\n'), "utf-8")
    harvest(commons)
    nowhere(commons, "Garage")
    assert commons.totals() == (0, 0)


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    "closing", [{"licence": "CC BY-NC 4.0"}, {"licence": "tous droits réservés"}, {"access": "?!"}]
)
def test_a_record_whose_consent_or_licence_cannot_be_read_is_refused(
    commons: Platform, closing: dict[str, str]
) -> None:
    """It never comes in, and the partner is told why in both languages."""
    report = harvest(commons, **closing)
    assert (report.counts.rejected, report.counts.accepted) == (1, 0)
    rules = {finding.rule for finding in report.findings if finding.message["fr"] and finding.message["en"]}
    assert rules & {"licence-not-open", "licence-unreadable", "access-unreadable"}
    nowhere(commons, "Garage")
    assert commons.totals() == (0, 0)
