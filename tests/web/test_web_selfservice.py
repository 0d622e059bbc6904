"""The pages where a network tries its feed, with feeds of each format, good and bad, and where it asks to join."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import html5lib
import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from federation.ledger.trials import hashed
from federation.pipeline import trial as trial_module
from federation.pipeline.joining import JoiningDesk
from federation.pipeline.trial import UPLOAD_BYTES
from federation.pipeline.trial.work import examine
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.vocabulary import load
from federation.web import create_app

CC_BY = "https://creativecommons.org/licenses/by/4.0/"
ROWS = [
    ("n", "Titre", "Description", "URL", "Ville", "Thème"),
    ("1", "Le potager des Deux-Rives", "Un jardin ouvert à tous.", "https://jardins.example/1", "Nevers", "AGR"),
    ("2", "Les ruches de la gare", "Des abeilles en ville.", "https://jardins.example/2", "Auxerre", "AGR"),
]
CSV = "\n".join(";".join(row) for row in ROWS).encode()
RECORDS = "[" + ",".join(
    f'{{"id": {row[0]}, "titre": "{row[1]}", "description": "{row[2]}", "url": "{row[3]}"}}' for row in ROWS[1:]
) + "]"  # fmt: skip
ENTITY = b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Maintenance</h1></body></html>"


def workbook(rows: Sequence[tuple[str, ...]] = ROWS, name: str = "Feuille", *others: str) -> bytes:
    """The rows as a spreadsheet; ``others`` are sheets after theirs."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = name
    for row in rows:
        sheet.append(row)
    for other in others:
        made.create_sheet(other)
    packed = BytesIO()
    made.save(packed)
    return packed.getvalue()


def cut_workbook() -> bytes:
    """A workbook whose sheet is no XML."""
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(workbook())) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            body = source.read(name)
            target.writestr(name, body[: len(body) // 2] if name.endswith("sheet1.xml") else body)
    return packed.getvalue()


def features(places: str = "[3.1, 47.0]") -> bytes:
    """The rows as a map."""
    made = [
        f'{{"type": "Feature", "geometry": {{"type": "Point", "coordinates": {places}}}, "properties": '
        f'{{"id": {row[0]}, "titre": "{row[1]}", "url": "{row[3]}"}}}}'
        for row in ROWS[1:]
    ]
    return f'{{"type": "FeatureCollection", "features": [{",".join(made)}]}}'.encode()


def linked(rows: int = 2, context: str = '"https://schema.org/"') -> bytes:
    """The rows as JSON-LD."""
    made = [
        f'{{"@id": "{row[3]}", "@type": "Project", "name": "{row[1]}", "url": "{row[3]}"}}'
        for row in ROWS[1 : 1 + rows]
    ]
    return f'{{"@context": {context}, "@graph": [{",".join(made)}]}}'.encode()


def syndicated() -> bytes:
    """The rows as RSS."""
    made = [
        f"<item><title>{row[1]}</title><link>{row[3]}</link><guid>{row[3]}</guid><description>{row[2]}</description></item>"
        for row in ROWS[1:]
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Jardins</title>'
        f"<link>https://jardins.example/</link><description>x</description>{''.join(made)}</channel></rss>"
    ).encode()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A real instance, just installed, that takes many trials."""
    settings = Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources", trials_per_hour=1000)
    settings.sources_dir.mkdir()
    opened = open_platform(settings)
    with opened.writing():
        pass
    yield opened
    opened.close()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine in this process: quicker, and the process has its own tests."""

    def quickly(task: Any, body: bytes, _seconds: float) -> dict[str, Any]:
        return examine(task, body, load(), datetime.now(UTC))

    monkeypatch.setattr(trial_module, "run_apart", quickly)


@pytest.fixture
def app(platform: Platform) -> Flask:
    """The application over it."""
    return create_app(platform)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor."""
    made = app.test_client()
    made.environ_base["HTTP_ACCEPT"] = "text/html"
    return made


def attempt(client: FlaskClient, body: bytes, name: str, prefix: str = "", **more: str) -> TestResponse:
    """Send a file."""
    return client.post(prefix + "/essayer", data={"file": (BytesIO(body), name), **more})


def account(client: FlaskClient, body: bytes, name: str, prefix: str = "", **more: str) -> str:
    """Send a file, follow to its account, and give the words of the page, which is sound HTML."""
    sent = attempt(client, body, name, prefix, **more)
    assert sent.status_code == 303
    shown = client.get(sent.headers["Location"])
    assert shown.status_code == 200
    return words(shown)


def words(response: TestResponse) -> str:
    """The words of a page; strict parsing refuses the smallest mistake."""
    text = response.get_data(as_text=True)
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return re.sub(r"\s+", " ", "".join(tree.find("body").itertext()))


GOOD = {
    "table.csv": CSV,
    "table.xlsx": workbook(),
    "liste.json": RECORDS.encode(),
    "carte.geojson": features(),
    "graphe.jsonld": linked(),
    "flux.rss": syndicated(),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", GOOD)
def test_a_good_feed_of_each_format_shows_its_records(client: FlaskClient, name: str) -> None:
    """Without a source file: the format is found, the columns are guessed, the cards are shown, a file is proposed."""
    said = account(client, GOOD[name], name)

    assert "2 fiches entreraient, aucune ne serait refusée." in said
    assert re.search(r"Entreraient ?2 \(2 (complètes|de base|essentielles)\)", said)
    assert "Le potager des Deux-Rives" in said
    assert "Les ruches de la gare" in said
    assert "Rien n'a été publié." in said
    assert "[source]" in said


@pytest.mark.usefixtures("here")
def test_a_page_with_a_record_for_machines_is_a_feed(client: FlaskClient) -> None:
    """schema.org in a page: one record, named by the page's own address."""
    page = b'<!DOCTYPE html><html><body><script type="application/ld+json">' + linked(1) + b"</script></body></html>"

    assert "1 fiche entrerait" in account(client, page, "page.html")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("decale.csv", CSV + b"\n3;Un titre; avec ; en trop;https://jardins.example/3;Nevers;AGR", "cellules au lieu"),
        ("mauvais.csv", CSV + b"\n3;;Sans nom;https://jardins.example/3;Nevers;AGR", "Sans nom, la fiche n'entre pas"),
        ("coupe.json", RECORDS[:-40].encode(), "est coupé"),
        ("coupe.jsonld", linked()[:-30], "est coupé"),
        ("contexte.jsonld", linked(2, '"https://elsewhere.example/context.jsonld"'), "nous n'en avons pas de copie"),
        ("coupe.geojson", features()[:-20], "est coupé"),
        ("carte.geojson", features("[300, 99]"), "300"),
        ("echangee.geojson", features("[45.77, 3.08]"), "latitude et longitude semblent échangées : « 3.08, 45.77 »"),
        ("texte.geojson", features('["3,08", "45,77"]'), "écrites comme du texte (élément 1, élément 2)"),
        ("coupe.xlsx", workbook()[:-400], "classeur"),
        ("casse.xlsx", cut_workbook(), "classeur"),
        ("page.csv", PAGE, "C'est une page web"),
        ("coupe.rss", syndicated()[:-60], "coupé"),
        ("entites.rss", syndicated().replace(b"<rss", ENTITY + b"<rss", 1), "entité"),
        ("vide.csv", b"", "rien à lire"),
        ("blanc.csv", b" \n\n", "rien à lire"),
        ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, ""),
    ],
)  # fmt: skip
def test_a_bad_feed_of_each_format_says_what_is_wrong(
    client: FlaskClient, name: str, body: bytes, expected: str
) -> None:
    """The cause in plain words, with the partner's own row and value; never a failure of ours."""
    assert expected in account(client, body, name)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("vide.csv", b"n;Titre;URL\n", "aucune ligne sous ses titres"),
        ("vide.xlsx", workbook([ROWS[0]]), "aucune ligne sous ses titres"),
        ("feuilles.xlsx", workbook([], "Notes", "Lieux tenus"), "« Notes » est vide, ou n'a pas de ligne de titres"),
    ],
)
def test_an_empty_table_is_told_in_words_of_tables(client: FlaskClient, name: str, body: bytes, expected: str) -> None:
    """Neither `at` nor `types`, which tables do not have; nothing online, as nothing is; no file for columns unseen."""
    said = account(client, body, name)

    assert expected in said
    assert "`at`" not in said
    assert "`types`" not in said
    assert "en ligne y restent" not in said
    assert "[source]" not in said
    assert ("Lieux tenus" in said) == (name == "feuilles.xlsx")


@pytest.mark.usefixtures("here")
def test_a_list_without_a_page_for_each_record_says_so(client: FlaskClient) -> None:
    """The records would enter, but lead nowhere: that stands among what is to be corrected, with what to do."""
    said = account(client, "\n".join(f"{row[0]};{row[1]};{row[2]}" for row in ROWS).encode(), "x.csv")

    assert "2 fiches entreraient" in said
    assert "Aucune colonne ne donne la page de chaque fiche" in said
    assert "Ajoutez une colonne « page »" in said


@pytest.mark.usefixtures("here")
def test_findings_speak_english_to_english_readers(client: FlaskClient) -> None:
    """The same account under /en/: causes, rows and buttons."""
    said = account(client, CSV + b"\n3;;Sans nom;https://jardins.example/3;Nevers;AGR", "x.csv", "/en")

    assert "2 records would enter, 1 would be refused." in said
    assert "Without a name the record is refused" in said
    assert "line 4" in said
    assert "Nothing was published." in said


@pytest.mark.usefixtures("here")
def test_markup_in_a_feed_is_inert(client: FlaskClient) -> None:
    """Titles, columns, words, file names and source files are written as text; links that run are dropped."""
    evil = "<script>alert(1)</script>"
    body = f"n;Titre;Description;URL;{evil}\n1;{evil}Jardin;</textarea>{evil};javascript:alert(1);{evil}\n".encode()

    sent = attempt(client, body, f"{evil}.csv")
    page = client.get(sent.headers["Location"]).get_data(as_text=True)

    assert "<script" not in page
    assert 'href="javascript:' not in page
    assert words(client.get(sent.headers["Location"]))


@pytest.mark.parametrize(
    ("prefix", "followed", "said"),
    [
        (
            "",
            True,
            ["l'essai n'en a lu qu'une", "214 fiches sont annoncées", "22 pages", "Une moisson les lit toutes."],
        ),
        ("/en", True, ["the trial has read one of them", "214 records are announced", "A harvest reads them all."]),
        ("", False, ["sous [paging], comment demander les suivantes"]),
    ],
)
def test_one_page_of_a_longer_list_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, prefix: str, followed: bool, said: list[str]
) -> None:
    """How many records and pages are announced, and whether a harvest would read them all, in both languages."""

    def paged(task: Any, body: bytes, _seconds: float) -> dict[str, Any]:
        more = {"records": 214, "pages": 22, "followed": followed}
        return examine(task, body, load(), datetime.now(UTC)) | {"more": more}

    monkeypatch.setattr(trial_module, "run_apart", paged)

    shown = account(client, CSV, "x.csv", prefix)

    assert all(sentence in shown for sentence in said)


@pytest.mark.usefixtures("here")
def test_a_source_file_of_the_visitor_is_used(client: FlaskClient) -> None:
    """Its mapping decides; a fault in it is told with its line."""
    toml = (
        '[source]\nurl = "https://jardins.example/x.csv"\nformat = "csv"\nlicence = "CC0"\n'
        '[records]\nid = "n"\npage = "URL"\n[fields]\nname = "Description"\n'
    )

    assert "Un jardin ouvert à tous." in account(client, CSV, "x.csv", toml=toml)
    assert "ligne 9" in account(client, CSV, "x.csv", toml=toml.replace("name =", "nom ="))
    assert "[request]" in account(client, CSV, "x.csv", toml=toml + '[request]\ntoken = "env:HOME"\n')


@pytest.mark.usefixtures("here")
def test_a_profile_can_be_chosen(client: FlaskClient) -> None:
    """The form offers the profiles; an unknown one comes back."""
    assert "2 fiches entreraient" in account(client, linked(), "x.jsonld", profile="schema.org")
    assert attempt(client, linked(), "x.jsonld", profile="nothing").status_code == 422


def test_a_large_upload_comes_back_with_the_limit(client: FlaskClient) -> None:
    """Six megabytes: 413, the form again, and the limit at its field."""
    for size in (UPLOAD_BYTES + 1, 6 * 1024 * 1024):
        answer = attempt(client, b"x" * size, "large.csv")

        assert answer.status_code in {413, 422}
        assert "5 Mo" in words(answer)
        assert 'href="#file"' in answer.get_data(as_text=True)


def test_other_addresses_keep_their_small_bodies(client: FlaskClient) -> None:
    """Only the trial takes megabytes."""
    answer = client.post("/rejoindre", data={"name": "x" * (2 * 1024 * 1024)})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/x", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/", "file:///etc/passwd"],
)
def test_a_refused_address_comes_back_with_the_form(client: FlaskClient, address: str) -> None:
    """422, the address still in its field, a summary that has the focus and leads to the field."""
    answer = client.post("/essayer", data={"address": address})
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert re.search(r'<div class="faults" role="alert" id="errors" tabindex="-1" autofocus>', page)
    assert '<a href="#address">' in page
    assert re.search(r'<input id="address"[^>]*aria-describedby="address-help address-fault" aria-invalid="true"', page)
    assert f'value="{address}"' in page
    assert "root:" not in page


def test_an_empty_form_and_a_full_one_come_back(client: FlaskClient) -> None:
    """Neither an address nor a file; or both."""
    assert client.post("/essayer", data={}).status_code == 422
    assert attempt(client, CSV, "x.csv", address="https://a.example/").status_code == 422


@pytest.mark.usefixtures("here")
def test_an_account_is_for_whoever_has_the_link_only(client: FlaskClient, platform: Platform) -> None:
    """No cache, no index, no referrer; a wrong token and one that has expired are 404 in both languages."""
    sent = attempt(client, CSV, "x.csv")
    path = sent.headers["Location"]
    shown = client.get(path)

    for answer in (sent, shown):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "ETag" not in answer.headers
    assert '<meta name="robots" content="noindex, nofollow">' in shown.get_data(as_text=True)

    token = path.rpartition("/")[2]
    assert hashed(token) != token
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), hashed(token), "x", "%00"):
        assert client.get(f"/essayer/{wrong}").status_code == 404
    platform.trials._clock = lambda: datetime.now(UTC) + timedelta(days=7)  # type: ignore[method-assign]
    assert client.get(path).status_code == 404
    assert "seven days" in words(client.get("/en" + path))


@pytest.mark.usefixtures("here")
def test_too_many_tries_are_told_to_wait(client: FlaskClient, platform: Platform) -> None:
    """429 with Retry-After, and the form with what was in it."""
    platform.trials._settings = Settings(data_dir=platform.settings.data_dir, trials_per_hour=1)
    assert attempt(client, CSV, "x.csv").status_code == 303

    answer = attempt(client, CSV, "x.csv", toml="[source]")

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "Réessayez dans" in words(answer)
    assert "[source]" in answer.get_data(as_text=True)


# -- to join ----------------------------------------------------------------------------------------------------------


def form(platform: Platform, **changes: str) -> dict[str, str]:
    """A request to join, filled in for a minute."""
    visitors = platform.joining._visitors
    clock, visitors._clock = visitors._clock, lambda: datetime.now(UTC) - timedelta(minutes=1)
    stamp = platform.joining.stamp()
    visitors._clock = clock
    return {
        "name": "Réseau des jardins",
        "url": "https://jardins.example/",
        "contact": "nous@jardins.example",
        "feed": "https://jardins.example/x.csv",
        "licence": CC_BY,
        "charter": "1",
        "stamp": stamp,
        **changes,
    }


def desk(platform: Platform) -> JoiningDesk:
    """The desk of an instance."""
    return platform.joining


def test_a_request_to_join_gets_a_reference(client: FlaskClient, platform: Platform) -> None:
    """303 to a page that says the reference and what happens next, and nothing of the request."""
    sent = client.post("/rejoindre", data=form(platform))

    assert sent.status_code == 303
    shown = client.get(sent.headers["Location"])
    (kept,) = desk(platform).all()
    assert kept.id in words(shown)
    assert "nous@jardins.example" not in shown.get_data(as_text=True)
    assert client.get("/rejoindre/nothing").status_code == 404


def test_a_request_that_lacks_something_comes_back_with_it(client: FlaskClient, platform: Platform) -> None:
    """422; each fault leads to its field; what was right is still there; nothing is kept."""
    answer = client.post("/en/rejoindre", data=form(platform, contact="nobody", charter="", name=""))
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    for field in ("name", "contact", "charter"):
        assert f'<a href="#{field}">' in page
        assert f'id="{field}-fault"' in page
    assert 'value="https://jardins.example/x.csv"' in page
    assert f'<option value="{CC_BY}" selected>' in page
    assert "To join, the charter must be accepted." in words(answer)
    assert desk(platform).all() == []


def test_the_charter_stands_in_both_languages(client: FlaskClient) -> None:
    """Equality, each vouches for its records, an open licence, correcting and leaving at any time."""
    french, english = words(client.get("/rejoindre")), words(client.get("/en/rejoindre"))

    for said in ("Tous les partenaires ont la même place", "garant", "licence ouverte", "quand il veut"):
        assert said in french
    for said in ("All partners have the same place", "vouches", "open licence", "whenever it wants"):
        assert said in english


@pytest.mark.usefixtures("here")
def test_a_trial_leads_to_a_request_with_its_source_file(client: FlaskClient, platform: Platform) -> None:
    """The account links to the form, which carries the trial; the request carries the proposed file."""
    page = client.get(attempt(client, CSV, "x.csv").headers["Location"]).get_data(as_text=True)
    link = re.search(r'href="(/rejoindre\?essai=[^"]+)"', page)
    assert link is not None
    feed = re.search(r'id="feed" name="feed" value="([^"]+)"', client.get(link[1]).get_data(as_text=True))
    assert feed is not None

    assert client.post("/rejoindre", data=form(platform, feed=feed[1])).status_code == 303

    (kept,) = desk(platform).all()
    assert "[source]" in kept.detail["toml"]
    assert kept.detail["feed"] == "x.csv"


def test_a_robot_is_thanked(client: FlaskClient, platform: Platform) -> None:
    """The field that nobody sees: whoever fills it is answered as usual, and forgotten."""
    assert client.post("/rejoindre", data=form(platform, fax="1")).status_code == 303
    assert desk(platform).all() == []
