"""Source files proposed for feeds that nobody has described: they load, and say what they are not sure of."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import PartnerError
from federation.model import Openness, Outcome, RawRecord
from federation.pipeline.mapping import RunStamp, compile_mapping
from federation.pipeline.readers import ReadOptions, read
from federation.pipeline.sources import parse_source
from federation.pipeline.suggest import Answer, Suggestion, suggest
from federation.vocabulary import load

VOCABULARY = load()
ROWS = [
    {
        "N°": f"R-{number}",
        "Nom du projet": f"Recyclerie {number}",
        "Présentation": "Un lieu où l'on répare, trie et revend ce qui serait jeté ; ouvert à toutes et tous. " * 2,
        "Thèmes": ["Réemploi ; Culture", "Épicerie ; Réemploi", "Épicerie"][number % 3],
        "CP": f"790{number:02}",
        "Commune": ["Niort", "Melle"][number % 2],
        "Lat.": f"46,{number}",
        "Long": f"-0,{number}",
        "Courriel": f"contact{number}@recyclerie.example",
        "Fiche": f"https://recycleries.example/projet/{number}",
        "Publié": ["oui", "non"][number % 2],
        "Couleur du portail": "bleu",
    }
    for number in range(1, 31)
]


ONE = [{"id": 1}]
HERE = "https://a.example/x"
POSTS = "https://a.example/wp-json/wp/v2/posts"


def suggested(body: bytes, url: str = "https://recycleries.example/export", **more: Any) -> Suggestion:
    """Suggest in French."""
    return suggest(Answer(body, url, **more), VOCABULARY)


def table(rows: list[dict[str, Any]]) -> bytes:
    """A CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_json(value: Any) -> bytes:
    """A JSON body."""
    return json.dumps(value, ensure_ascii=False).encode()


def lines_of(suggestion: Suggestion) -> int:
    """Lines that are neither blank nor comments."""
    return sum(bool(line.strip()) and not line.startswith("#") for line in suggestion.text.splitlines())


def test_a_french_table_is_mapped_by_its_titles_and_values() -> None:
    """Id, page, condition, separator, openness, and the rest in a comment."""
    found = suggested(table(ROWS))

    source = found.source
    assert (source.format, source.id, source.records.id, source.records.page) == (
        "csv",
        "recycleries",
        ("N°",),
        ("Fiche",),
    )
    assert {term: paths[0] for term, paths in source.fields.items()} == {
        "name": "Nom du projet",
        "description": "Présentation",
        "theme": "Thèmes",
        "location.address.postalCode": "CP",
        "location.address.addressLocality": "Commune",
        "location.latitude": "Lat.",
        "location.longitude": "Long",
        "contact.email": "Courriel",
    }
    assert source.split == {"theme": (";",)}
    assert source.only == {"Publié": ("oui",)}
    assert source.levels == {"contact.email": Openness.PRIVATE}
    assert '# "Épicerie" = "' in found.text
    assert "×20" in found.text
    assert "Couleur du portail" in found.text.splitlines()[-1]
    assert "@recyclerie.example" not in found.text
    assert lines_of(found) < 40


def test_coordinates_called_x_and_y_are_told_by_their_values() -> None:
    """Some maps write the latitude first and call it X: no point of France lies at 0 north, 44 east."""
    rows = [
        {"Nom": f"Lieu {n}", "Coord. X": f"44.8{n}", "Coord. Y": f"-0.5{n}", "id": n, "Commune": "Bordeaux"}
        for n in range(1, 30)
    ]

    fields = suggested(as_json(rows)).source.fields

    assert (fields["location.latitude"], fields["location.longitude"]) == (("Coord. X",), ("Coord. Y",))


def test_english_keys_of_nested_json_are_mapped_and_the_list_is_found() -> None:
    """``at`` leads to the longest list, paths to what lies inside."""
    rows = [
        {
            "id": number,
            "attributes": {
                "title": f"Garden {number}",
                "summary": "Shared",
                "geo": {"lat": 48.1, "lng": 2.1 + number / 100},
                "address": {"postalCode": "75011", "city": "Paris"},
            },
            "categories": [{"name": "Food"}, {"name": "Garden"}],
            "links": {"self": f"https://gardens.example/{number}"},
        }
        for number in range(1, 12)
    ]
    body = as_json({"result": {"items": rows, "facets": [{"a": 1}]}, "meta": {"total": 240}, "links": {"next": "/p?2"}})

    source = suggested(body, "https://api.gardens.example/projects").source

    assert source.records.at == "result.items"
    assert (source.records.id, source.records.page) == (("id",), ("links.self",))
    assert source.fields["name"] == ("attributes.title",)
    assert source.fields["theme"] == ("categories[].name",)
    assert source.fields["location.latitude"] == ("attributes.geo.lat",)
    assert source.paging is not None
    assert (source.paging.next, source.paging.total) == ("links.next", "meta.total")


@pytest.mark.parametrize(
    ("document", "url", "headers", "expected"),
    [
        (ONE, HERE, {"Link": f'<{HERE}?page=2>; rel="next"'}, {"link": True}),
        ({"data": ONE, "next": None}, HERE, {}, {"next": "next"}),
        ({"data": ONE, "_links": {"next": {"href": "/2"}}}, HERE, {}, {"next": "_links.next.href"}),
        ({"value": ONE, "@odata.nextLink": f"{HERE}/2"}, HERE, {}, {"next": "@odata.nextLink"}),
        ({"records": ONE, "nhits": 90, "start": 0}, HERE, {}, {"offset": "start", "total": "nhits"}),
        ({"data": ONE, "total": 90}, f"{HERE}?page=1", {}, {"page": "page", "total": "total"}),
        (ONE, f"{HERE}?offset=0", {"X-Total-Count": "7"}, {"offset": "offset", "total_header": "x-total-count"}),
        ({"data": ONE, "total": 1}, HERE, {}, None),
    ],
)
def test_the_way_on_is_read_from_body_and_headers(
    document: Any, url: str, headers: dict[str, str], expected: dict[str, Any] | None
) -> None:
    """Next addresses, counters and totals."""
    found = suggested(as_json(document), url, headers=headers)

    tables = tomllib.loads(found.text)
    written = tables.get("paging")
    assert written == expected or (written is not None and expected is not None and expected.items() <= written.items())


@pytest.mark.parametrize(
    ("body", "profile"),
    [
        (as_json([{"id": 1, "link": "https://a.example/1", "title": {"rendered": "x"}}]), "wordpress"),
        (as_json({"data": [{"id": 1, "name": "x", "geo": {"latitude": 1, "longitude": 2}}]}), "gogocarto"),
        (as_json({"PageX": {"id_fiche": "PageX", "bf_titre": "x", "url": "https://a.example/?PageX"}}), "yeswiki"),
        (as_json({"@context": "https://schema.org", "@type": "Project", "name": "x"}), "schema.org"),
        (
            as_json({"@context": "https://w3id.org/carrefour/context/v1.jsonld", "type": "Project", "name": "x"}),
            "carrefour",
        ),
        (b"<rss version='2.0'><channel><title>a</title><item><title>b</title></item></channel></rss>", "feed"),
        (
            b"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords><record><header><identifier>a"
            b"</identifier></header></record></ListRecords></OAI-PMH>",
            "oai_dc",
        ),
        (
            as_json(
                {
                    "@context": "https://www.w3.org/ns/activitystreams",
                    "type": "OrderedCollection",
                    "id": "https://a.example/o",
                }
            ),
            "activitypub",
        ),
        (b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', "schema.org"),
    ],
)
def test_each_kind_of_feed_gets_its_profile(body: bytes, profile: str) -> None:
    """And next to nothing else."""
    found = suggested(body)

    assert found.source.profile == profile
    assert lines_of(found) < 15


@pytest.mark.parametrize(
    ("head", "headers", "url", "profile"),
    [
        ("", {"link": '<https://a.example/wp-json/>; rel="https://api.w.org/"'}, POSTS, "wordpress"),
        ('<link rel="https://api.w.org/" href="/wp-json/">', {}, POSTS, "wordpress"),
        ('<link rel="alternate" type="application/rss+xml" href="/feed/">', {}, "https://a.example/feed/", "feed"),
        (
            '<link rel="alternate" type="application/activity+json" href="/@c">',
            {},
            "https://a.example/@c",
            "activitypub",
        ),
    ],
)
def test_a_page_leads_to_what_it_announces(head: str, headers: dict[str, str], url: str, profile: str) -> None:
    """The address of the interface or of the feed is proposed, and that it has not been read is said."""
    found = suggested(
        f"<!doctype html><html><head>{head}</head></html>".encode(), "https://a.example/", headers=headers
    )

    assert (found.source.url, found.source.profile, found.elsewhere) == (url, profile, True)
    assert "n'a pas été lue" in found.text


def test_a_page_that_says_nothing_gets_expressions_to_fill_in() -> None:
    """The escape hatch of the design: XPath."""
    found = suggested(b"<!doctype html><html><body><h1>Jardin</h1></body></html>")

    assert found.source.select == {"titre": "//h1"}
    assert found.source.fields == {"name": ("titre",)}


def test_geojson_is_mapped_longitude_first() -> None:
    """RFC 7946."""
    features = [
        {
            "type": "Feature",
            "properties": {"identifiant": f"j{n}", "nom": f"Jardin {n}", "url": f"https://j.example/{n}"},
            "geometry": {"type": "Point", "coordinates": [-0.4, 46.3]},
        }
        for n in (1, 2, 3)
    ]

    source = suggested(as_json({"type": "FeatureCollection", "features": features})).source

    assert source.fields["location.longitude"] == ("geometry.coordinates[0]",)
    assert source.fields["name"] == ("properties.nom",)
    assert (source.records.id, source.records.page) == (("properties.identifiant",), ("properties.url",))


def test_without_an_id_columns_are_joined_and_that_is_said() -> None:
    """A name alone is shared by many."""
    rows = [{"nom": "Bibliothèque", "code postal": f"7900{n}"} for n in range(5)]

    found = suggested(table(rows))

    assert found.source.records.id == ("{nom} {code postal}",)
    assert "Aucune colonne n'est un identifiant stable" in found.text


def test_rows_that_may_be_places_of_one_project_are_pointed_out() -> None:
    """In a comment: only the partner knows."""
    rows = [{"nom": f"Cravate {n % 3}", "ville": f"Ville {n}"} for n in range(12)]

    assert '# repeat = ["location"]' in suggested(table(rows)).text


def test_comments_come_in_english_too() -> None:
    """In the language of the call."""
    found = suggest(Answer(table(ROWS), "https://recycleries.example/x"), VOCABULARY, "en")

    assert found.text.startswith("# Proposed from 30 records")
    assert "Columns left out: Couleur du portail" in found.text
    assert re.search(r"×\d+: [A-Z].*\w\?$", found.text, re.MULTILINE), "English has no space before a question mark"


def test_a_proposal_says_that_no_record_was_read() -> None:
    """A sitemap or an outbox only says where the records are."""
    sitemap = b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>'

    assert suggested(sitemap).text.startswith("# Proposition faite sans lire de fiche : relisez")
    assert suggested(table(ROWS[:1])).text.startswith("# Proposition faite d'après 1 fiche :")


@pytest.mark.parametrize("body", [b"", b"Bonjour", b"%PDF-1.4", b"\x1f\x8b\x08"])
def test_what_no_reader_takes_is_refused_in_words(body: bytes) -> None:
    """In both languages."""
    with pytest.raises(PartnerError) as caught:
        suggested(body)

    assert caught.value.text["fr"] != caught.value.text["en"]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=4), wrapped=st.none() | NAMES)
def test_whatever_the_keys_the_suggestion_loads(rows: list[dict[str, Any]], wrapped: str | None) -> None:
    """Quotes, line breaks, brackets and braces in keys included."""
    document = rows if wrapped is None else {wrapped: rows}

    found = suggest(Answer(as_json(document), "https://a.example/x", "application/json"), VOCABULARY)

    assert found.source.format in {"json", "json-ld", "geojson", "activitypub"}


@pytest.mark.needs_shared
def test_real_feeds_get_a_name_and_load_in_less_than_forty_lines(shared: Path) -> None:
    """Ten networks, CSV, JSON and XLSX."""
    for file in sorted(shared.glob("feeds/*/*.*")):
        found = suggested(file.read_bytes(), str(file))

        assert "name" in found.source.fields, file.name
        assert lines_of(found) < 40, file.name
        assert found.source.levels.get("contact.email", Openness.PRIVATE) is Openness.PRIVATE


@pytest.mark.slow
@pytest.mark.needs_shared
def test_with_its_licence_alone_a_suggestion_takes_most_of_a_real_feed(shared: Path) -> None:
    """What is left is real dirt: repeated rows, rows without a name, rows that must not be published."""
    stamp = RunStamp("https://commons.example/runs/1", "2026-11-21T02:00:00Z")
    rows_seen = records = 0
    for file in sorted(shared.glob("feeds/*/*.*")):
        body = file.read_bytes()
        text = suggested(body, str(file)).text.replace("# licence", "licence")
        source = parse_source(text, "s.toml", VOCABULARY)
        mapper = compile_mapping(source, VOCABULARY, "https://commons.example")
        rows = [
            item for item in read(body, ReadOptions(source.format, at=source.records.at)) if isinstance(item, RawRecord)
        ]
        items = mapper.group(rows[:300])
        made = [item if isinstance(item, Outcome) else mapper.map(item, stamp) for item in items]
        rows_seen += len(rows[:300])
        records += sum(outcome.record is not None for outcome in made)

    assert records > rows_seen * 0.7


def remarked(found: Suggestion) -> dict[str, str]:
    """What is said of a guess, by rule, in French."""
    return {finding.rule: finding.message["fr"] for finding in found.remarks}


def test_a_list_without_pages_and_ids_says_so_and_what_to_do() -> None:
    """All records would lead to one supposed address: whoever tries the list must read it."""
    bare = [{key: value for key, value in row.items() if key not in {"N°", "Fiche"}} for row in ROWS]

    said = remarked(suggested(table(bare)))

    assert said.keys() == {"guess-no-id", "guess-no-page"}
    assert "Ajoutez une colonne « id »" in said["guess-no-id"]
    assert "https://recycleries.example/" in said["guess-no-page"]
    assert "Ajoutez une colonne « page »" in said["guess-no-page"]
    assert remarked(suggested(table(ROWS))) == {}
    assert remarked(suggested(as_json([{**row, "N°": None} for row in ROWS]))) == {}  # the page names each


@pytest.mark.parametrize("form", [table, as_json])
def test_an_id_that_comes_twice_is_named_with_its_value(form: Any) -> None:
    """Two rows are enough: the column would be the id but for this value."""
    found = suggested(form([{**row, "N°": 1} for row in ROWS[:2]]))

    (finding,) = found.remarks
    assert (finding.rule, finding.field, finding.value) == ("guess-id-repeated", "N°", "1")
    assert "« 1 » y est 2 fois" in finding.message["fr"]
    assert "Colonne « N° » : la valeur « 1 » y est 2 fois" in found.text


def test_the_sheet_and_the_row_of_titles_are_written_down() -> None:
    """Of a workbook with a notice first, and a line of title above the table: `sheet` and `header`, with a remark."""
    book = openpyxl.Workbook()
    notice, sheet = book.active, book.create_sheet("Projets")
    assert notice is not None
    notice.title = "Lisez-moi"
    notice.append(["Mode d'emploi"])
    sheet.append(["Nos projets"])
    sheet.append([])
    sheet.append(list(ROWS[0]))
    for row in ROWS[:3]:
        sheet.append(list(row.values()))
    stream = io.BytesIO()
    book.save(stream)

    found = suggested(stream.getvalue(), "projets.xlsx")

    assert (found.source.records.sheet, found.source.records.header) == ("Projets", 3)
    assert found.source.fields["name"] == ("Nom du projet",)
    assert [said.rule for said in found.remarks] == ["sheet-guessed", "header-guessed"]


@pytest.mark.parametrize(
    ("title", "asked"), [("Date de création", True), ("date_creation", True), ("Date de publication", False)]
)
def test_a_date_of_creation_is_asked_about(title: str, asked: bool) -> None:
    """Of the record or of the project: the proposal takes it for the record's and says how to change that."""
    rows = [{"id": n, "nom": f"Jardin {n}", title: f"2024-0{n}-01"} for n in (1, 2, 3)]

    lines = suggested(table(rows)).text.splitlines()
    place = next(at for at, line in enumerate(lines) if line.startswith("issued = "))

    assert ("startDate" in lines[place - 1]) is asked
