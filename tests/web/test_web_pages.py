"""Pages as HTML: strict parsing, links that answer, hostile text inert, nothing from third parties, weight."""

from __future__ import annotations

import gzip
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import html5lib
import pytest
from flask.testing import FlaskClient
from sample_commons import BASE, RUN, SCRIPT, make_platform

import federation.web
from federation.engines import Document
from federation.pipeline.absence import Grace
from federation.web import create_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SVG = "{http://www.w3.org/2000/svg}"
PAGES = [
    "/",
    "/projets",
    "/projets?q=graines",
    "/projets?q=introuvable",
    "/projets?theme=AGR&theme=ZZZ&contributeur=avise&domaine=habitat",
    "/projets?page=9",
    "/projet/p1",
    "/projet/p2",
    "/projet/p3",
    "/records/avise/123",
    "/records/malin/x",
    "/contributeurs",
    "/contributeur/avise",
    "/contributeur/malin",
    "/contributeur/avise/passages",
    "/themes",
    "/theme/",
    "/theme/AGR",
    "/theme/habitat",
    "/status/running",
    "/marker/m01",
    "/sources/avise-fiches",
    f"/runs/{RUN}",
    "/vocab",
    "/sparql",
    "/a-propos",
    "/contribuer",
    "/essayer",
    "/rejoindre",
    "/rejoindre/01HZX5T9V0000000000000000A",
    "/licence/open/",
    "/shapes/basic",
    "/shapes/project",
    "/projets?q=%22",
    "/projet/gone",
    "/nowhere",
]


def tree(client: FlaskClient, path: str, status: int | None = None) -> Any:
    """Parse a page, refusing the smallest mistake."""
    response = client.get(path, headers={"Accept": BROWSER})
    assert response.mimetype == "text/html", path
    if status is not None:
        assert response.status_code == status, path
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(response.get_data(as_text=True))


def text_of(element: ElementTree.Element) -> str:
    """All text of an element, spaces reduced."""
    return " ".join("".join(element.itertext()).split())


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_sound(client: FlaskClient, path: str, prefix: str) -> None:
    """Strictly valid HTML in both languages, one h1, a language, unique ids, labelled fields, no third party."""
    page = tree(client, prefix + path)

    assert page.get("lang") == ("en" if prefix else "fr")
    assert len(page.findall(".//h1")) == 1
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    labels = {label.get("for") for label in page.findall(".//label")}
    wrapped = {id(field) for label in page.findall(".//label") for field in label.iter("input")}
    for field in [*page.findall(".//input"), *page.findall(".//select"), *page.findall(".//textarea")]:
        assert field.get("type") == "hidden" or field.get("id") in labels or id(field) in wrapped
    for element in page.iter():
        assert not isinstance(element.tag, str) or element.tag not in {"iframe", "object", "embed", "style"}
        assert not any(name.startswith("on") or name == "style" for name in dict(element.items()))
        for name in ("src", "srcset", "poster", "data"):
            assert not str(element.get(name) or "").startswith(("http", "//"))
    for link in page.findall(".//link"):
        if link.get("rel") in {"stylesheet", "icon"}:
            assert str(link.get("href")).startswith("/")
    assert all(script.get("type") == "application/ld+json" for script in page.findall(".//script"))
    assert "None" not in text_of(page.find("body"))


def test_every_internal_link_answers(client: FlaskClient) -> None:
    """Following every link of every page, in both languages, never meets an error."""
    waiting = ["/", "/en/", *PAGES[1:-2]]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        response = client.get(path, headers={"Accept": BROWSER})
        if path not in PAGES:
            assert response.status_code in {200, 301, 303}, f"{path}: {response.status_code}"
        if response.location:
            waiting.append(urlsplit(response.location).path)
        if response.mimetype != "text/html" or not response.data or len(seen) > 700:
            continue
        page = html5lib.parse(response.get_data(as_text=True), namespaceHTMLElements=False)
        for element in [*page.findall(".//a"), *page.findall(".//link"), *page.findall(".//form")]:
            target = urljoin(BASE + path, element.get("href") or element.get("action") or "")
            if target.startswith(BASE + "/"):
                waiting.append(urldefrag(target).url.removeprefix(BASE))
    assert len(seen) > 60


def test_script_in_partner_text_is_inert(client: FlaskClient) -> None:
    """A partner that writes scripts and javascript: addresses everywhere gets them shown as text."""
    for path in ("/projet/p3", "/records/malin/x", "/projets", "/contributeur/malin", "/contributeurs", "/"):
        for prefix in ("", "/en"):
            page = tree(client, prefix + path)
            assert SCRIPT in text_of(page.find("body"))
            assert all(script.get("type") == "application/ld+json" for script in page.findall(".//script"))
            for element in page.iter():
                for name in ("href", "src", "action"):
                    assert not str(element.get(name) or "").lower().startswith(("javascript:", "data:"))


def test_hostile_addresses_are_harmless(client: FlaskClient) -> None:
    """Markup in the search box and in filters comes back as text, and is never an error."""
    page = tree(
        client, "/projets?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&theme=%3Cb%3E&contributeur=%27&par=x&page=-1", 200
    )

    assert page.find(".//input[@id='q']").get("value") == '"><script>alert(1)</script>'
    assert page.findall(".//script") == []


def test_the_home_page_counts(client: FlaskClient) -> None:
    """The counter says how many projects and contributors, in the language of the page; the shapes are decoration."""
    page = tree(client, "/", 200)

    assert text_of(page.find(".//h1")) == "3 projets de 3 contributeurs"
    assert text_of(tree(client, "/en/").find(".//h1")) == "3 projects from 3 partners"
    scene = page.find(f".//{SVG}svg")
    assert scene.get("aria-hidden") == "true"
    assert len(scene.findall(f".//{SVG}g")) == 3
    assert text_of(page.find(".//button")) == "Commencer une recherche"


def test_an_empty_commons_says_so(empty_client: FlaskClient) -> None:
    """Nothing is published yet: home, list, contributors and themes say it or stay calm, none fails."""
    for path in ("/", "/projets", "/contributeurs"):
        assert "Cette plateforme vient d'être installée" in text_of(tree(empty_client, path, 200))
    for path in ("/themes", "/theme/AGR", "/vocab", "/a-propos", "/healthz"):
        assert empty_client.get(path).status_code == 200


def test_the_list_says_the_search_and_lets_it_be_undone(client: FlaskClient) -> None:
    """Sentence, removable filters (an unknown one named as such), counts without their own filter, checked boxes."""
    page = tree(client, "/projets?q=graines&theme=AGR&theme=ZZZ", 200)

    assert text_of(page.find(".//h1")) == "1 projet avec « graines » sur le thème Agriculture et alimentation ou ZZZ"
    active = {text_of(link): link.get("href") for link in page.findall(".//ul[@class='active']//a")}
    assert active["Retirer ZZZ (valeur inconnue) ×"] == "/projets?q=graines&theme=AGR"
    assert active["Retirer « graines » ×"] == "/projets?theme=AGR&theme=ZZZ"
    assert active["Tout effacer"] == "/projets"
    english = tree(client, "/en/projets?q=graines", 200)
    assert "Remove “graines” ×" in [text_of(link) for link in english.findall(".//ul[@class='active']//a")]
    boxes = {box.get("value"): box.get("checked") for box in page.findall(".//input[@type='checkbox']")}
    assert boxes["AGR"] is not None
    assert boxes["BIO"] is None
    assert "MOB" not in boxes


def test_an_unknown_key_is_ignored_and_the_address_is_canonical(client: FlaskClient) -> None:
    """The canonical link has sorted keys, no defaults, no empties, no unknown ones."""
    response = client.get("/projets?zzz=1&theme=AGR&q=&page=1&par=20", headers={"Accept": BROWSER})

    assert f'<{BASE}/projets?theme=AGR>; rel="canonical"' in response.headers["Link"]


def test_nothing_found_helps(client: FlaskClient) -> None:
    """Zero results: 200, with ways out."""
    page = tree(client, "/projets?q=introuvable&theme=MOB", 200)

    assert text_of(page.find(".//h1")).startswith("Aucun projet")
    links = [link.get("href") for link in page.findall(".//div[@class='nothing']//a")]
    assert links == ["/projets?theme=MOB", "/projets"]


def many_client() -> FlaskClient:
    """A commons of 45 projects."""
    made = make_platform()
    made.search.update(
        [Document(f"{BASE}/id/projet/n{n}", "Jardin", "", partners=("avise",)) for n in range(42)], [], 2
    )
    return create_app(made).test_client()


def test_pages_carry_the_seed_and_end(client: FlaskClient) -> None:
    """Page links keep the daily seed, so that pages fit together after midnight; past the end is a 404."""
    many = many_client()
    page = tree(many, "/projets", 200)
    following = page.find(".//a[@rel='next']").get("href")
    assert re.fullmatch(r"/projets\?graine=\d{4}-\d\d-\d\d&page=2", following)

    past = tree(many, "/projets?page=4", 404)
    assert any("page=3" in str(link.get("href")) for link in past.findall(".//main//a"))


def test_the_project_page_puts_sources_first(client: FlaskClient) -> None:
    """Title, then "Voir la fiche chez …" for each contributor; values that differ say so, with every version."""
    page = tree(client, "/projet/p1", 200)

    origins = [(text_of(link), link.get("href")) for link in page.findall(".//ul[@class='origins']//a")]
    assert origins == [
        ("Voir la fiche chez Avise", "https://avise.example/fiche/123"),
        ("Voir la fiche chez La Fonda", "https://fonda.example/fiche/g-1"),
    ]
    diverging = [text_of(row) for row in page.findall(".//div[@class='diverging']")]
    assert len(diverging) == 2
    assert all("les sources divergent" in row for row in diverging)
    assert any("Graine(s) de troc" in row and "Graines de Troc" in row for row in diverging)
    assert any("Un réseau d'échange" in row and "Une plateforme" in row for row in diverging)


def test_a_text_keeps_its_language(client: FlaskClient) -> None:
    """A missing translation stays French and says so; a present one is used."""
    page = tree(client, "/en/projet/p1", 200)

    assert text_of(page.find(".//h1")) == "Seed swap"
    assert page.find(".//h1").get("lang") is None
    french = [element for element in page.iter() if element.get("lang") == "fr"]
    assert any("Échanger des semences" in text_of(element) for element in french)


def test_other_languages_of_a_text_are_folded(client: FlaskClient) -> None:
    """Of a text in two languages the page shows its own; the other one unfolds, marked with its language."""
    page = tree(client, "/projet/p1", 200)

    folded = [detail for detail in page.iter("details") if text_of(detail.find("summary")) == "In English"]
    assert [text_of(detail) for detail in folded] == ["In EnglishSeed swap"]
    assert folded[0].find("summary").get("lang") == "en"


def test_the_page_holds_schema_org(client: FlaskClient) -> None:
    """schema.org JSON-LD for search engines, unable to close its element, with nobody's javascript: address."""
    page = tree(client, "/projet/p1", 200)
    found = json.loads(page.find(".//script").text)
    assert (found["@type"], found["name"], found["@id"]) == ("Project", "Graine(s) de troc", f"{BASE}/id/projet/p1")
    assert found["location"] == [{"@type": "Place", "name": "17000 La Rochelle"}]

    hostile = json.loads(tree(client, "/projet/p3", 200).find(".//script").text)
    assert hostile["name"] == SCRIPT
    assert "url" not in hostile


def test_the_partner_page_shows_its_last_run(client: FlaskClient) -> None:
    """Sources with the state of the last harvest in words and figures."""
    said = text_of(tree(client, "/contributeur/avise", 200))

    assert "Dernière moisson le 2 janvier 2026 : réussie avec rejets" in said
    assert "3 lues 2 acceptées 1 rejetée" in said


def test_every_answer_is_protected_and_private(client: FlaskClient) -> None:
    """Strict policy, no cookie, no sniffing, on pages, data and errors."""
    for path in ("/", "/projets", "/projet/p1", "/projet/p1.ttl", "/nowhere", "/static/style.css"):
        response = client.get(path)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in response.headers


def test_a_page_is_not_sent_twice(client: FlaskClient) -> None:
    """A page carries a strong ETag; asked again with it, 304 without a body; the other language has another one."""
    first = client.get("/projets", headers={"Accept": BROWSER})
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")

    again = client.get("/projets", headers={"Accept": BROWSER, "If-None-Match": tag})

    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/en/projets", headers={"Accept": BROWSER}).headers["ETag"] != tag


def test_the_style_is_light() -> None:
    """Own CSS at most 8 kB compressed; no foreign address in any style or template."""
    folder = Path(federation.web.__file__).parent
    size = sum(len(gzip.compress(path.read_bytes())) for path in folder.glob("static/*.css"))

    assert size <= 8 * 1024
    for path in [*folder.glob("static/*"), *folder.glob("templates/*")]:
        found = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//[^\"')\s]+", path.read_text("utf-8"))
        assert found == [], path


def test_pages_are_light() -> None:
    """A list of 20 projects is under 60 kB and 1,500 nodes, before compression."""
    response = many_client().get("/projets", headers={"Accept": BROWSER})
    page = html5lib.parse(response.get_data(as_text=True), namespaceHTMLElements=False)

    assert len(response.data) < 60_000
    assert sum(1 for _ in page.iter()) < 1500


def test_the_language_link_keeps_the_search(client: FlaskClient) -> None:
    """Switching language keeps path and filters; the alternate links say both languages."""
    page = tree(client, "/projets?q=graines&theme=AGR", 200)

    assert page.find(".//a[@class='tongue']").get("href") == "/en/projets?q=graines&theme=AGR"
    alternates = {link.get("hreflang"): link.get("href") for link in page.findall(".//link[@hreflang]")}
    assert alternates == {"fr": "/projets?q=graines&theme=AGR", "en": "/en/projets?q=graines&theme=AGR"}


@pytest.mark.parametrize(
    ("path", "times", "days", "formats"),
    [
        ("/contribuer", "après trois moissons", "sept jours", ("CSV", "XLSX", "GeoJSON", "RSS", "Atom", "schema.org")),
        ("/en/contribuer", "after three whole harvests", "seven days", ("CSV", "XLSX", "RSS", "Atom", "schema.org")),
    ],
)
def test_page_for_partners_tells_the_grace_and_the_formats(
    client: FlaskClient, path: str, times: str, days: str, formats: tuple[str, ...]
) -> None:
    """What is promised of withdrawals is what absence counts: three runs, seven days."""
    assert (Grace().misses, Grace().time) == (3, timedelta(days=7))
    text = client.get(path).get_data(as_text=True)
    assert times in text
    assert days in text
    assert all(name in text for name in formats)
