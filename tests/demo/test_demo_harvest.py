"""The demonstration commons, harvested whole: shared projects are one, disagreement shows, nothing is written twice."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from federation.model import RunReport, RunState
from federation.platform import Platform, open_platform
from federation.settings import CONFIG_NAME, load_settings

ROOT = Path(__file__).resolve().parents[2]
BASE = "http://127.0.0.1:8000"
TOUR = re.compile(r"```sparql\n(.*?)```", re.DOTALL)


def _quiet(stage: str, done: int, total: int | None) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Commons:
    """The demonstration instance after two harvests of the same bytes."""

    platform: Platform
    folder: Path
    first: dict[str, RunReport]
    dump_after_first: tuple[bytes, ...]
    second: dict[str, RunReport]


def _harvest_all(platform: Platform) -> dict[str, RunReport]:
    with platform.writing() as writer:
        return {source.id: writer.harvest(source, _quiet) for source in platform.sources()}


def _records(platform: Platform) -> tuple[bytes, ...]:
    """The quads of all record graphs."""
    return tuple(line for line in platform.export() if f"<{BASE}/records/".encode() in line.rsplit(b" ", 2)[1])


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commons]:
    """What `carrefour init --demo` copies, harvested twice."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("sources", "feeds"):
        shutil.copytree(ROOT / "demo" / name, folder / name)
    shutil.copyfile(ROOT / "demo" / CONFIG_NAME, folder / CONFIG_NAME)
    platform = open_platform(replace(load_settings(folder, {}), workers=1))
    first = _harvest_all(platform)
    records = _records(platform)
    second = _harvest_all(platform)
    yield Commons(platform, folder, first, records, second)
    platform.close()


def _select(commons: Commons, query: str) -> list[dict[str, str]]:
    prefixes = (
        "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX schema: <http://schema.org/> "
        "PREFIX foaf: <http://xmlns.com/foaf/0.1/> "
    )
    return commons.platform.reader.select(prefixes + query)


def test_every_record_is_in_the_graph(commons: Commons) -> None:
    """73 records are accepted, and 73 named graphs of records exist."""
    graphs = _select(commons, "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?g prov:generatedAtTime ?t } }")

    assert sum(report.counts.accepted for report in commons.first.values()) == 73
    assert len(graphs) == 73


def test_two_pairs_of_records_are_one_project_each(commons: Commons) -> None:
    """The exact rule joins what sameAs joins, and nothing else: 71 projects, not one merged by likeness of names."""
    rows = _select(
        commons, "SELECT ?p ?r WHERE { ?p a <https://w3id.org/carrefour/vocab#Project> ; prov:wasDerivedFrom ?r }"
    )
    per_project: dict[str, set[str]] = {}
    for row in rows:
        per_project.setdefault(row["p"], set()).add(row["r"].strip("<>").removeprefix(f"{BASE}/records/"))

    joined = sorted(sorted(records) for records in per_project.values() if len(records) > 1)

    assert joined == [
        ["carnet-du-carrefour/zero-chomeur", "changement-echelle/8"],
        ["lettre-collectivites/emerjean", "zero-chomeur/villeurbanne-saint-jean"],
    ]
    assert commons.platform.totals() == (71, 7)


def test_the_partners_of_a_shared_project_disagree_and_both_are_kept(commons: Commons) -> None:
    """Name and stage differ between the two records of Emerjean, and each is still in its own graph."""
    rows = _select(
        commons,
        "SELECT ?g ?name ?status WHERE { GRAPH ?g { ?g foaf:primaryTopic ?p . ?p schema:name ?name ; "
        "<http://virtual-assembly.org/ontologies/pair#hasStatus> ?status } "
        'FILTER(STRENDS(STR(?g), "/emerjean") || STRENDS(STR(?g), "/villeurbanne-saint-jean")) }',
    )

    assert len({row["g"] for row in rows}) == 2
    assert len({row["name"] for row in rows}) == 2
    assert len({row["status"] for row in rows}) == 2


def test_a_second_harvest_of_the_same_bytes_does_nothing(commons: Commons) -> None:
    """Every source is unchanged, and the record graphs are byte for byte what they were."""
    assert {report.state for report in commons.second.values()} == {RunState.UNCHANGED}
    assert _records(commons.platform) == commons.dump_after_first


def test_what_is_not_open_data_is_in_no_graph(commons: Commons) -> None:
    """The e-mail address and the budget of the CSV stay out of the store; French accents are right in it."""
    dump = b"".join(commons.platform.export())

    assert b"accueil@departements-solidaires" not in dump
    assert b'"350000' in dump  # the grant that carnet-du-carrefour publishes as open data
    assert not [line for line in dump.splitlines() if b"departements-solidaires/62-1" in line and b'"350000' in line]
    assert "Intitulé".encode() not in dump
    assert "YESS Académie !".encode() in dump
    assert "Ã©".encode() not in dump


def test_one_record_has_four_places_and_one_has_two_holders(commons: Commons) -> None:
    """Rows of one id are one record with all its places; a list of holders stays a list."""
    counts = Counter(
        (row["g"].rsplit("/records/", 1)[1].strip(">"), row["what"])
        for row in _select(
            commons,
            'SELECT ?g ?what ?x WHERE { GRAPH ?g { { ?p schema:location ?x BIND("place" AS ?what) } UNION '
            '{ ?p <https://w3id.org/carrefour/vocab#holder> ?x BIND("holder" AS ?what) } } }',
        )
    )

    assert counts[("departements-solidaires/OCC-1", '"place"')] == 4
    assert counts[("huit-exemples/4", '"holder"')] == 2


def test_the_query_of_the_tour_answers(commons: Commons) -> None:
    """The SPARQL of docs/demo.md shows two names for the shared project."""
    query = TOUR.findall((ROOT / "docs" / "demo.md").read_text("utf-8"))[0]

    rows = commons.platform.reader.select(query)

    assert len({row["name"] for row in rows}) == 2


def test_one_corrected_line_changes_one_record(commons: Commons) -> None:
    """A partner who gives the untitled row a title sees one new record, and nothing else moves."""
    feed = commons.folder / "feeds" / "departements-solidaires.csv"
    feed.write_bytes(feed.read_bytes().replace(b"BZH-2;;", "BZH-2;Un pôle à décrire;".encode("cp1252")))

    with commons.platform.writing() as writer:
        counts = writer.harvest(commons.platform.source("departements-solidaires"), _quiet).counts

    assert (counts.new, counts.changed, counts.unchanged, counts.rejected) == (1, 0, 13, 1)
