"""The demonstration feeds are what their README says: the right formats, the announced dirt, no false partner."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openpyxl import load_workbook

DEMO = Path(__file__).resolve().parents[2] / "demo"
FEEDS = DEMO / "feeds"
SOURCES = sorted((DEMO / "sources").glob("*.toml"))
ROWS = {
    "accompagnateurs": 10,
    "carnet-du-carrefour": 8,
    "changement-echelle": 16,
    "departements-solidaires": 19,
    "huit-exemples": 10,
    "lettre-collectivites": 15,
    "zero-chomeur": 11,
}


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _json(name: str) -> Any:
    return json.loads((FEEDS / name).read_text("utf-8"))


def _table() -> list[list[str]]:
    text = (FEEDS / "departements-solidaires.csv").read_bytes().decode("cp1252")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def _make_xlsx() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_xlsx", DEMO / "make_xlsx.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cells(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = load_workbook(io.BytesIO(data))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_each_source_reads_one_feed_and_each_feed_has_a_source() -> None:
    """No feed lies there unread, and no source file points to nothing."""
    read = [(path.parent / _toml(path)["source"]["url"]).resolve() for path in SOURCES]

    assert sorted(read) == sorted(FEEDS.iterdir())
    assert sorted(path.stem for path in SOURCES) == sorted(ROWS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_demonstration_partner_passes_for_a_real_one(path: Path) -> None:
    """The partner says that it is a demonstration, and its address answers nobody (RFC 2606)."""
    tables = _toml(path)

    assert tables["partner"]["name"].endswith("(démonstration)")
    assert tables["partner"]["url"].endswith(".demo.carrefour.example/")
    assert tables["source"]["contact"].endswith(".demo.carrefour.example")


def test_the_five_formats_and_the_own_context_are_all_there() -> None:
    """The demonstration shows every reader of this version."""
    shapes = {_toml(path)["source"].get("format") or _toml(path)["source"]["profile"] for path in SOURCES}

    assert shapes == {"json-ld", "json", "csv", "geojson", "xlsx", "schema.org", "carrefour"}


def test_the_csv_is_dirty_as_a_french_spreadsheet_is() -> None:
    """Windows-1252, semicolons, a title with a trailing space, decimal commas, one impossible date, one shifted row."""
    raw = (FEEDS / "departements-solidaires.csv").read_bytes()
    table = _table()
    header, rows = table[0], table[1:]

    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert "Intitulé " in header
    assert len(rows) == ROWS["departements-solidaires"]
    assert [row[0] for row in rows if len(row) != len(header)] == ["62-3"]
    started = [row[header.index("Début")] for row in rows]
    assert "mars 2018" in started
    assert "31/02/2016" in started
    assert "50,2910" in rows[0]


def test_the_spreadsheet_is_what_its_script_writes() -> None:
    """Anyone can make the binary file again: the same cells, and the same bytes twice in a row."""
    made = _make_xlsx().workbook_bytes()

    assert _cells((FEEDS / "accompagnateurs.xlsx").read_bytes()) == _cells(made)
    assert made == _make_xlsx().workbook_bytes()


def test_one_theme_word_is_known_to_nobody_and_used_twice() -> None:
    """« Voisinage » stands in no crosswalk, so the first run reports an unknown word with a count of two."""
    words = Counter(word for row in _json("changement-echelle.json")["data"] for word in row["attributes"]["themes"])
    known = _toml(DEMO / "sources" / "changement-echelle.toml")["crosswalk"]["theme"]

    assert words["Voisinage"] == 2
    assert "Voisinage" not in known
    assert known["Étude 2017"] is False


def test_two_records_name_the_page_of_another_partner() -> None:
    """The exact rule has two pairs to join: sameAs holds a page that another demonstration feed publishes."""
    graph = _json("lettre-collectivites.jsonld")["@graph"]
    letter = {node["@id"]: node["sameAs"] for node in graph if "sameAs" in node}
    own = {
        node["identifier"]: node["sameAs"] for node in _json("carnet-du-carrefour.jsonld")["graph"] if "sameAs" in node
    }
    territories = {feature["id"] for feature in _json("zero-chomeur.geojson")["features"]}
    study = {row["links"]["self"] for row in _json("changement-echelle.json")["data"]}

    assert [page.rsplit("/", 1)[1] for page in letter.values()] == ["villeurbanne-saint-jean"]
    assert "villeurbanne-saint-jean" in territories
    assert list(own) == ["zero-chomeur"]
    assert set(own["zero-chomeur"]) <= study
