"""Twelve real feeds through the real command: all accounted for, nothing written twice, SPARQL answers on the whole."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import random
import re
import tomllib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from report import SOURCES, real_instance, reasons, table
from running import BASE, Result, carrefour, export, own_process

from federation.engines import QueryLimits
from federation.model import Counts
from federation.pipeline.plan import imbalance
from federation.platform import Platform, open_platform
from federation.settings import load_settings
from federation.vocabulary import ExampleQuery, load

pytestmark = [pytest.mark.needs_shared, pytest.mark.slow]

Row = Mapping[str, Any]

FEEDS = {
    "aidants-connect": "feeds/aidants-connect/aidants-connect.json",
    "cis-members": "feeds/la-france-s-engage/members.csv",
    "data-inclusion": "feeds/data-inclusion/structures.json",
    "fablabs": "feeds/fablabs/fablabs.csv",
    "france-services": "feeds/france-services/france-services.csv",
    "gironde": "feeds/gironde/gironde.json",
    "hinaura": "feeds/hinaura-yeswiki/bazar.json",
    "initiatives-covid": "feeds/initiatives-covid/initiatives-2020-04-06.csv",
    "la-france-s-engage": "feeds/la-france-s-engage/projets.csv",
    "laureats-2018": "feeds/la-france-s-engage/projets-v1.xlsx",
    "paca": "feeds/paca/paca.json",
    "transiscope-niort": "feeds/transiscope-niort/elements.json",
}
SHUFFLED = ("cis-members", "fablabs", "gironde", "initiatives-covid", "transiscope-niort")  # the quick ones
SHUFFLED_LATER = tuple(name for name, path in FEEDS.items() if name not in SHUFFLED and not path.endswith(".xlsx"))
PARTNERS = {
    **{name: name for name in FEEDS},
    "cis-members": "cis",
    "initiatives-covid": "covid-initiatives",
    "laureats-2018": "laureats",
    "transiscope-niort": "transiscope",
}
NAMES = {
    "aidants-connect": "Name",
    "cis-members": "MEMBRE DU COLLECTIF",
    "data-inclusion": "nom",
    "fablabs": "titre_initiative",
    "france-services": "lib_fs",
    "gironde": "Lieu",
    "hinaura": "Nom du lieu ou de la structure *",
    "initiatives-covid": "titre_initiative",
    "la-france-s-engage": "Nom du projet",
    "laureats-2018": "Nom du projet",
    "paca": "nom",
    "transiscope-niort": "title",
}
POSTCODES: Mapping[str, Callable[[Row], Any]] = {
    "aidants-connect": lambda row: row["Code postal"],
    "data-inclusion": lambda row: row.get("code_postal"),
    "fablabs": lambda row: row["code_postal"] or row["result_postcode"],
    "france-services": lambda row: row["code_postal"],
    "hinaura": lambda row: row.get("Code postal"),
    "initiatives-covid": lambda row: row["code_postal"],
    "la-france-s-engage": lambda row: row["Code postal"],
    "laureats-2018": lambda row: row["Code postal"],
    "paca": lambda row: row.get("adresse_code_postal"),
    "transiscope-niort": lambda row: row["address"].get("postalCode"),
}
SAMPLES = (
    "France services de Valserhône",
    "Cultiver la solidarité à grande échelle",
    "Rêve & Réalite : la jeunesse des quartiers s’engage",
    "Association Centre Social & Culturel d'Arpajon-sur-Cère",
)
BROKEN = re.compile("Ã[\x80-\xbf©¨ªà´®§¹»¯«]|\ufffd|&(?:amp|nbsp|eacute|egrave|#39);")
BROKEN_AT_THE_SOURCE = {"Fresnes-LÃ©guillon", "Trie-ChÃ¢teau"}
PREFIXES = (
    "PREFIX dcterms: <http://purl.org/dc/terms/> PREFIX foaf: <http://xmlns.com/foaf/0.1/> "
    "PREFIX schema: <http://schema.org/> PREFIX prov: <http://www.w3.org/ns/prov#> "
    "PREFIX crf: <https://w3id.org/carrefour/vocab#> "
)
NAME = "project http://schema.org/name"
THEME = "https://w3id.org/carrefour/theme/"

CURATOR = """\
[source]
id = "carnet"
partner = "carnet"
name = "Carnet d'une curieuse"
url = "../feeds/carnet.csv"
format = "csv"
licence = "CC0"

[records]
id = "n"
page = "https://carnet.example/{n}"

[fields]
name = "nom"
description = "avis"
sameAs = "adresse"

[always]
theme = "AGR"
"""


@dataclass(frozen=True)
class Moment:
    """What is on disk after a harvest: the published state, the digest of the whole graph, the stored bodies."""

    seq: int
    checkpoint: str
    graph: str
    bodies: tuple[str, ...]


@dataclass(frozen=True)
class Harvests:
    """The instance of real feeds after three harvests: as they are, unchanged, and some with rows in another order."""

    folder: Path
    first: Result = field(repr=False)
    runs: Mapping[str, Mapping[str, Any]] = field(repr=False)
    again: Mapping[str, Mapping[str, Any]] = field(repr=False)
    shuffled: Mapping[str, Mapping[str, Any]] = field(repr=False)
    after_first: Moment
    after_again: Moment  # without the graph: that of after_shuffled is compared with the first
    after_shuffled: Moment
    platform: Platform
    graphs: Mapping[str, list[tuple[str, str]]] = field(repr=False)


def look(folder: Path, dump: bytes = b"") -> Moment:
    """What is on disk now; ``dump``: the whole graph."""
    data = folder / "data"
    return Moment(
        carrefour(folder, "status", "--json").json()["seq"],
        (data / "store" / "checkpoints" / "CURRENT").read_text("ascii").partition("-")[0],
        hashlib.sha256(dump).hexdigest() if dump else "",
        tuple(sorted(str(path) for path in (data / "ledger" / "bodies").rglob("*") if path.is_file())),
    )


MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet_of(path: Path) -> list[Row]:
    """The rows of the first sheet of a workbook, without any reader of workbooks."""
    with zipfile.ZipFile(path) as book:
        strings = etree.fromstring(book.read("xl/sharedStrings.xml"))
        sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    words = ["".join(str(text.text or "") for text in each.iter(f"{MAIN}t")) for each in strings]
    table = []
    for row in sheet.iter(f"{MAIN}row"):
        cells = {}
        for cell in row.iter(f"{MAIN}c"):
            value = cell.findtext(f"{MAIN}v")
            if value is not None:
                column = str(cell.get("r")).rstrip("0123456789")
                cells[column] = words[int(value)] if cell.get("t") == "s" else value
        table.append(cells)
    titles = {column: " ".join(title.split()) for column, title in table[0].items()}
    return [{title: cells.get(column, "") for column, title in titles.items()} for cells in table[1:] if cells]


def rows_of(source: str, shared: Path) -> list[Row]:
    """The rows of a feed as the standard library reads them: titles trimmed, nothing else."""
    if FEEDS[source].endswith(".xlsx"):
        return sheet_of(shared / FEEDS[source])
    text = (shared / FEEDS[source]).read_text("utf-8-sig")
    if FEEDS[source].endswith(".json"):
        found: list[Row] = json.loads(text)
        return found
    return [
        {" ".join(name.split()): value for name, value in row.items()}
        for row in csv.DictReader(io.StringIO(text, newline=""))
        if any(value.strip() for value in row.values())
    ]


def shuffled(source: str, body: bytes) -> bytes:
    """The same feed with its rows in another order; rows that share an address keep theirs, as the first one counts."""
    chance = random.Random(20261121)
    if FEEDS[source].endswith(".json"):
        rows = json.loads(body)
        chance.shuffle(rows)
        return json.dumps(rows, ensure_ascii=False).encode()
    header, *lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    place = header.index("url_initiative") if "url_initiative" in header else None
    waiting: dict[str, list[list[str]]] = defaultdict(list)
    order = []
    for number, line in enumerate(lines):
        address = "" if place is None else line[place].strip().lower().rstrip("/").partition("://")[2]
        name = address or str(number)
        waiting[name].append(line)
        order.append(name)
    chance.shuffle(order)
    written = io.StringIO(newline="")
    csv.writer(written).writerows([header, *(waiting[name].pop(0) for name in order)])
    return written.getvalue().encode()


def harvest_shuffled(folder: Path, sources: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Bring the rows of some feeds into another order, harvest all, and give the runs of these."""
    for source in sources:
        feed = folder / "feeds" / FEEDS[source].replace("/", "-")
        feed.write_bytes(shuffled(source, feed.read_bytes()))
    runs = own_process(folder, "harvest", "--json").runs()
    return {source: runs[source] for source in sources}


@pytest.fixture(scope="session")
def harvests(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harvests]:
    """Harvest the real feeds, one partner more who speaks of a project of another, all again, then some shuffled."""
    folder = real_instance(tmp_path_factory.mktemp("real") / "instance", shared)
    first = own_process(folder, "harvest", "--json")
    (folder / "sources" / "carnet.toml").write_text(CURATOR, "utf-8")
    page = rows_of("transiscope-niort", shared)[0]["url"]
    told = f"n,nom,avis,adresse\n1,L'essentiel à Sauzé,Une épicerie bio que tout le bourg connaît.,{page}\n"
    (folder / "feeds" / "carnet.csv").write_text(told, "utf-8")
    curator = carrefour(folder, "harvest", "carnet")
    assert curator.code == 0, curator.said
    after_first = look(folder, export(folder))
    again = carrefour(folder, "harvest", "--json")
    after_again = look(folder)
    third = harvest_shuffled(folder, SHUFFLED)
    dump = export(folder)
    after_shuffled = look(folder, dump)
    platform = open_platform(load_settings(folder, {}))
    yield Harvests(
        folder,
        first,
        first.runs(),
        again.runs(),
        third,
        after_first,
        after_again,
        after_shuffled,
        platform,
        _graphs(dump),
    )
    platform.close()


def ask(harvests: Harvests, query: str) -> list[dict[str, str]]:
    """Put a query to the isolated workers, as the public endpoint does."""
    answer = harvests.platform.query(query, {"bindings": "application/sparql-results+json"}, QueryLimits())
    return [
        {name: term["value"] for name, term in row.items()} for row in json.loads(answer.body)["results"]["bindings"]
    ]


def example(name: str) -> str:
    """The text of one of the published example queries."""
    return next(query.text for query in load().queries if query.iri.endswith(f"/{name}"))


# -- every row is accounted for ------------------------------------------------------------------------------


@pytest.mark.parametrize("source", FEEDS)
def test_every_row_of_a_real_feed_is_in_exactly_one_place(source: str, harvests: Harvests, shared: Path) -> None:
    """As many rows are read as the standard library counts, and the account balances."""
    run = harvests.runs[source]
    counts = Counts(**run["counts"])

    assert counts.read == len(rows_of(source, shared))
    assert imbalance(counts) == 0
    assert run["state"] == ("with-rejects" if counts.rejected else "succeeded")


@pytest.mark.parametrize("source", FEEDS)
def test_each_refused_row_of_a_real_feed_has_its_reason(source: str, harvests: Harvests) -> None:
    """For every rejected row a blocking finding names the row, in French and English."""
    run = harvests.runs[source]
    blocking = [finding for finding in run["findings"] if finding["severity"] == "violation"]

    assert len({finding["where"] for finding in blocking}) == run["counts"]["rejected"]
    assert all(finding["message"]["fr"] and finding["message"]["en"] for finding in blocking)


def test_the_command_says_that_some_rows_were_refused(harvests: Harvests) -> None:
    """Exit code 1: done, with rejected records."""
    assert harvests.first.code == 1


def test_as_many_graphs_as_accepted_records(harvests: Harvests) -> None:
    """Each accepted record is one named graph, and no other graph exists."""
    graphs = Counter(graph.split("/")[4] for graph in harvests.graphs)
    accepted = {PARTNERS[source]: run["counts"]["accepted"] for source, run in harvests.runs.items()} | {"carnet": 1}

    assert graphs == accepted


def test_the_table_of_the_acceptance_can_be_printed(harvests: Harvests) -> None:
    """One line for each feed and one for all; reasons that block come first."""
    lines = table(harvests.first).splitlines()

    assert len(lines) == 2 + len(FEEDS) + 1
    assert "| 14497 | 13190 |" in lines[-1]
    assert reasons(harvests.runs["initiatives-covid"]["findings"])[0] == ("**page-missing**", 26)


LAST = "laureats-2018"  # the feed that was left for last, and the lines that its mapping may take
LINES = 40


def test_a_feed_left_for_last_is_mapped_in_under_forty_lines(harvests: Harvests) -> None:
    """A workbook whose columns nobody had looked at: no Python, and all but its rows without a page are accepted."""
    text = (SOURCES / f"{LAST}.toml").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip()]
    counts = Counter(harvests.runs[LAST]["counts"])

    assert len(lines) < LINES
    assert max(map(len, lines)) <= 120
    assert not tomllib.loads(text).keys() & {"construct", "python"}
    assert (counts["accepted"], counts["rejected"]) == (147, 3)
    assert counts["basic"] > 140


# -- French accents ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", FEEDS)
def test_names_are_letter_for_letter_those_of_the_feed(source: str, harvests: Harvests, shared: Path) -> None:
    """Every name in the graph stands in the file; so does each of the file in the graph, but for rows left out."""
    query = (
        f"{PREFIXES} SELECT DISTINCT ?name {{ GRAPH ?r {{ ?r dcterms:publisher <{BASE}/actors/{PARTNERS[source]}> ; "
        "foaf:primaryTopic/schema:name ?name } }"
    )
    told = {row["name"] for row in ask(harvests, query)}
    given = {" ".join(html.unescape(str(row[NAMES[source]])).split()) for row in rows_of(source, shared)}
    counts = harvests.runs[source]["counts"]

    assert told <= given
    assert len(given - told) <= counts["rejected"] + counts["excluded"]
    assert any(not name.isascii() for name in told)


def test_accents_are_right_in_samples(harvests: Harvests) -> None:
    """Names with accents, ligatures, typographic apostrophes and entities, as a French reader expects them."""
    said = {value for graph in harvests.graphs.values() for name, value in graph if name == NAME}

    assert set(SAMPLES) <= said


def test_no_accent_is_broken_but_those_that_the_partner_broke(harvests: Harvests) -> None:
    """The four double encodings of one feed are reported, not changed; there is no other."""
    said = {value for graph in harvests.graphs.values() for name, value in graph if not name.endswith("/identifier")}
    broken = {value for value in said if BROKEN.search(value)}

    assert {word for value in broken for word in BROKEN_AT_THE_SOURCE if word in value} == BROKEN_AT_THE_SOURCE
    assert all(any(word in value for word in BROKEN_AT_THE_SOURCE) for value in broken)


# -- a second and a third harvest ----------------------------------------------------------------------------


def test_a_second_harvest_of_the_same_bytes_writes_nothing(harvests: Harvests) -> None:
    """The change log, the published state, the stored bodies and every byte of the export stay as they were."""
    assert {run["state"] for run in harvests.again.values()} == {"unchanged"}
    assert harvests.after_again == replace(harvests.after_first, graph="")


def test_a_second_harvest_loses_and_doubles_no_record(harvests: Harvests) -> None:
    """Its account is that of the first one, with all accepted records unchanged."""
    for source, run in harvests.runs.items():
        counts = {**run["counts"], "new": 0, "unchanged": run["counts"]["accepted"]}
        assert harvests.again[source]["counts"] == counts


def changes_no_record(harvests: Harvests, runs: Mapping[str, Mapping[str, Any]], after: Moment) -> None:
    """Assert that the bytes differed and nothing else; that each account is as before."""
    assert {name for name, run in runs.items() if run["input_sha256"] == harvests.runs[name]["input_sha256"]} == set()
    for name, run in runs.items():
        counts = harvests.runs[name]["counts"]
        assert run["counts"] == {**counts, "new": 0, "unchanged": counts["accepted"]}, name
        assert [run["counts"][each] for each in ("new", "changed", "missing", "held")] == [0, 0, 0, 0], name
    assert after.seq == harvests.after_first.seq
    assert after.graph == harvests.after_first.graph


def test_rows_in_another_order_change_no_record(harvests: Harvests) -> None:
    """The rows are read again; no record is new, changed or missing, the account is the same, no graph is touched."""
    changes_no_record(harvests, harvests.shuffled, harvests.after_shuffled)


def test_rows_of_large_feeds_in_another_order_change_no_record(harvests: Harvests) -> None:
    """The same with all the feeds that the test above leaves as they are, but for the workbook."""
    runs = harvest_shuffled(harvests.folder, SHUFFLED_LATER)

    changes_no_record(harvests, runs, look(harvests.folder, export(harvests.folder)))


# -- SPARQL over the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize("query", load().queries, ids=lambda query: query.iri.rpartition("/")[2])
def test_every_published_example_query_gives_rows(query: ExampleQuery, harvests: Harvests) -> None:
    """The examples that people are offered answer on real data."""
    assert ask(harvests, query.text)


def test_projects_per_partner_and_theme_are_those_of_the_graphs(harvests: Harvests) -> None:
    """The published query gives what counting the lines of the export gives."""
    told = {
        (row["partner"], row["theme"]): int(row["projects"])
        for row in ask(harvests, example("projects-by-theme-and-partner"))
    }
    counted: Counter[tuple[str, str]] = Counter()
    for graph in harvests.graphs.values():
        publisher = dict(graph)["http://purl.org/dc/terms/publisher"]
        counted.update((publisher, o) for p, o in graph if p == "project http://purl.org/dc/terms/subject")

    assert told == counted
    assert len({partner for partner, _ in told}) == len(FEEDS) + 1


def test_projects_per_theme_are_those_of_the_files(harvests: Harvests, shared: Path) -> None:
    """Counted from the files alone, with the words that the source files translate."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for row in ask(harvests, example("projects-by-theme-and-partner")):
        told[row["partner"].rpartition("/")[2]][row["theme"].removeprefix(THEME)] = int(row["projects"])

    assert told["la-france-s-engage"] == _themes_of_laureates(shared)
    assert told["data-inclusion"] == _themes_of_structures(shared)
    assert told["hinaura"] == {"NUM": 1167}
    assert told["fablabs"] == {"NUM": 207}
    assert told["france-services"] == {"SER": 2683, "DRO": 2683}
    assert told["aidants-connect"] == {"DRO": 3374, "NUM": 3374}
    assert told["gironde"] == {"NUM": 347, "FOR": 213, "DRO": 212, "LOI": 62}


def _themes_of_laureates(shared: Path) -> Counter[str]:
    """Glued codes of one project, by the crosswalk of its source file."""
    words = tomllib.loads((SOURCES / "la-france-s-engage.toml").read_text("utf-8"))["crosswalk"]["theme"]
    codes: dict[str, set[str]] = defaultdict(set)
    for row in rows_of("la-france-s-engage", shared):
        fine, coarse = (
            row["Tag CIS - Niveau 2 - ASSEMBLAGE CODE"],
            row["Tag CIS - Niveau - 1 - ASSEMBLAGE THEMATIQUE CODE"],
        )
        for code in (fine.strip("- ") or coarse).split("-"):
            if code.strip():
                ours = words[code.strip()]
                codes[row["ID interne sourceur"] or row["ID CIS"]].update([ours] if isinstance(ours, str) else ours)
    return Counter(code for found in codes.values() for code in found)


def _themes_of_structures(shared: Path) -> Counter[str]:
    words = tomllib.loads((SOURCES / "data-inclusion.toml").read_text("utf-8"))["crosswalk"]["theme"]
    found: Counter[str] = Counter()
    for row in rows_of("data-inclusion", shared):
        if row.get("source") == "Hinaura" or row["nom"] == "3R":  # read at its own place; a name that is too short
            continue
        ours = [words[word.strip()] for word in (row.get("services") or "").split(";") if word.strip()]
        found.update({code for value in ours for code in ([value] if isinstance(value, str) else value)})
    return found


@pytest.mark.parametrize("departement", ["63", "01", "79", "13"])
def test_projects_of_a_departement_with_their_pages(departement: str, harvests: Harvests, shared: Path) -> None:
    """By postcode, zeros that a spreadsheet lost included, as many records of each partner as in the files."""
    query = (
        f"{PREFIXES} SELECT ?partner (COUNT(DISTINCT ?r) AS ?n) (COUNT(DISTINCT ?page) AS ?pages) {{ GRAPH ?r {{ "
        "?r dcterms:publisher ?partner ; dcterms:source ?page ; foaf:primaryTopic/schema:location/schema:address/"
        f'schema:postalCode ?code FILTER(STRSTARTS(?code, "{departement}")) }} }} GROUP BY ?partner'
    )
    answer = ask(harvests, query)
    told = {row["partner"].rpartition("/")[2]: int(row["n"]) for row in answer}
    counted: Counter[str] = Counter()
    for source, code_of in POSTCODES.items():
        for row in rows_of(source, shared):
            kept = row.get("a_publier", "OUI") == "OUI" and row.get("source") != "Hinaura"
            counted[PARTNERS[source]] += kept and _postcode(code_of(row)).startswith(departement)

    assert told == {partner: number for partner, number in counted.items() if number}
    assert all(int(row["pages"]) >= 1 for row in answer)


def _postcode(value: Any) -> str:
    text = str(value or "").strip()
    return text.zfill(5) if text else ""


def test_the_published_query_for_a_departement_finds_the_same(harvests: Harvests) -> None:
    """Every name, town and page of the Puy-de-Dôme, as read from the lines of the export."""
    told = {(row["name"], row["page"]) for row in ask(harvests, example("projects-of-a-departement"))}
    counted: set[tuple[str, str]] = set()
    for graph in harvests.graphs.values():
        said = dict(graph)
        if any(p == "http://schema.org/postalCode" and o.startswith("63") for p, o in graph):
            names = [o for p, o in graph if p == NAME]
            counted.update((name, said["http://purl.org/dc/terms/source"]) for name in names)

    assert told == counted
    assert len(told) > 200
    assert all(page.startswith("http") for _, page in told)


def test_who_says_what_about_one_project(harvests: Harvests) -> None:
    """Each statement with its record and its partner: two speak of one shop, and each is heard for what it says."""
    query = (
        f"{PREFIXES} SELECT ?partner ?record ?page ?property ?value {{ ?project a crf:Project ; "
        f"prov:wasDerivedFrom <{BASE}/records/carnet/1> , ?record . GRAPH ?record {{ "
        "?record dcterms:publisher ?partner ; dcterms:source ?page ; foaf:primaryTopic ?said . "
        "?said ?property ?value } }"
    )
    rows = ask(harvests, query)
    records = {row["record"] for row in rows}
    names = {(row["partner"].rpartition("/")[2], row["value"]) for row in rows if row["property"].endswith("org/name")}

    assert names == {("carnet", "L'essentiel à Sauzé"), ("transiscope", "A l'essentiel")}
    assert records == {f"{BASE}/records/carnet/1", f"{BASE}/records/transiscope/3paH"}
    for record in records:
        told = {(row["property"], row["value"]) for row in rows if row["record"] == record}
        stated = {(p.removeprefix("project "), o) for p, o in harvests.graphs[record] if p.startswith("project ")}
        assert told == stated
    assert {(row["record"], row["page"]) for row in rows} == {
        (f"{BASE}/records/carnet/1", "https://carnet.example/1"),
        (f"{BASE}/records/transiscope/3paH", "https://presdecheznous.fr/annuaire#/fiche/id/CqS"),
    }


def test_the_published_query_of_who_says_what_hears_both(harvests: Harvests) -> None:
    """Its answer is about one of the projects that two partners describe, and names both."""
    rows = ask(harvests, example("who-says-what"))

    assert len({row["project"] for row in rows}) == 1
    assert {row["partner"].rpartition("/")[2] for row in rows} in (
        {"carnet", "transiscope"},
        {"fablabs", "laureats"},
        {"cis", "laureats"},
    )


def test_partners_who_do_not_know_of_each_other_are_found_to_speak_of_one_project(harvests: Harvests) -> None:
    """Beside the shop of the notebook: laureates of 2018 have the address of a member, and of a fablab of 2020."""
    rows = ask(harvests, example("described-by-several"))

    assert {row["title"] for row in rows} == {"L'essentiel à Sauzé", "Coexister", "My Human Kit"}
    assert {row["partners"] for row in rows} == {"2"}


_QUAD = re.compile(r'<([^>]*)> <([^>]*)> (?:<([^>]*)>|"((?:[^"\\]|\\.)*)"\S*) <([^>]*)> \.')
_ESCAPE = re.compile(r"\\(.)")


def _graphs(dump: bytes) -> dict[str, list[tuple[str, str]]]:
    """Predicates and plain values of each record graph, read without any RDF library; the project's are so marked."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in dump.decode().split("\n"):
        if match := _QUAD.fullmatch(line):
            subject, predicate, iri, text, graph = match.groups()
            mark = "project " if subject == f"{graph}#project" else ""
            value = (
                iri
                if iri is not None
                else _ESCAPE.sub(lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), text)
            )
            found[graph].append((f"{mark}{predicate}", value))
    return found
