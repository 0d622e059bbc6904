"""What a user test found: searches without a word, agreement in French, joining, health, the SPARQL page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import html5lib
import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from sample_commons import BASE, Sample, make_platform, quads

from federation.errors import EngineUnavailable, QueryRejected
from federation.vocabulary import load
from federation.web import create_app
from federation.web.language import say_many, show_date

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

CODES = [one.code for one in load().concepts.values() if one.scheme.endswith("/status/") and one.code != "running"]
"""Statuses that no project of the sample has."""


def shown(client: FlaskClient, path: str, status: int = 200) -> tuple[str, str, str]:
    """Title, main heading and the whole text of a page."""
    response = client.get(path, headers={"Accept": BROWSER})
    assert response.status_code == status
    page = html5lib.parse(response.get_data(as_text=True), namespaceHTMLElements=False)
    title, heading = page.find(".//title"), page.find(".//h1")
    return (
        " ".join("".join(title.itertext()).split()),
        " ".join("".join(heading.itertext()).split()),
        " ".join("".join(page.itertext()).split()),
    )


@pytest.mark.parametrize("text", ["%22", "-", "*", "!?", "%C2%AB"])
def test_a_search_without_a_word_finds_nothing(client: FlaskClient, text: str) -> None:
    """Signs alone are no search: the page says so, and shows no project as if it matched."""
    title, heading, said = shown(client, f"/projets?q={text}")

    assert heading == "Rien à chercher : aucun mot"
    assert title.startswith(heading)
    assert "Écrivez au moins un mot" in said
    assert "Garage solidaire" not in said


def test_a_search_for_all_but_a_word_is_a_search(client: FlaskClient) -> None:
    """An excluded word is something to search by."""
    assert shown(client, "/projets?q=-graines")[1] == "2 projets avec « -graines »"


def test_a_page_beyond_the_last_says_so_in_its_title(client: FlaskClient) -> None:
    """The heading agrees with the status: no such page, not so many projects."""
    title, heading, said = shown(client, "/projets?page=99", 404)

    assert heading == "La page 99 n'existe pas"
    assert title.startswith(heading)
    assert "La liste compte 1 page." in said


def test_french_counts_zero_and_one_as_singular(client: FlaskClient) -> None:
    """0 projet, 1 projet, 2 projets; in English 0 projects."""
    with client.application.test_request_context("/"):
        assert [say_many("%(num)s projet", "%(num)s projets", n) for n in (0, 1, 2)] == [
            "0 projet",
            "1 projet",
            "2 projets",
        ]
    english = client.application.test_request_context("/")
    english.request.environ["carrefour.language"] = "en"
    with english:
        assert say_many("%(n)s projet", "%(n)s projets", 0, n=0) == "0 projects"


def test_templates_count_as_french_does(client: FlaskClient) -> None:
    """A concept that no project has: 0 projet."""
    assert "0 projet" in shown(client, f"/status/{CODES[0]}")[2]
    assert "0 projets" not in shown(client, f"/status/{CODES[0]}")[2]


@pytest.mark.parametrize(
    ("written", "said"), [("2018-11-01", "1er novembre 2018"), ("2018-11-11", "11 novembre 2018"), ("2018", "2018")]
)
def test_the_first_of_a_month_is_an_ordinal(client: FlaskClient, written: str, said: str) -> None:
    """1er novembre, as French writes it; other days are plain."""
    with client.application.test_request_context("/"):
        assert show_date(written) == said


def test_how_to_join_is_found_and_said(client: FlaskClient) -> None:
    """Home and footer lead to a page that explains the source file; the contact is a mailto link."""
    settings_client = create_app(with_contact()).test_client()

    assert 'href="/contribuer"' in client.get("/", headers={"Accept": BROWSER}).get_data(as_text=True)
    assert "fichier de source" in shown(client, "/contribuer")[2]
    assert "source file" in shown(client, "/en/contribuer")[2]
    for path in ("/contribuer", "/a-propos"):
        body = settings_client.get(path, headers={"Accept": BROWSER}).get_data(as_text=True)
        assert '<a href="mailto:equipe@example.org">' in body


def with_contact() -> Sample:
    """The sample with an address to write to."""
    made = make_platform()
    made.settings = replace(made.settings, contact="equipe@example.org")
    return made


def test_no_page_promises_a_download_of_all(client: FlaskClient) -> None:
    """The page about us says what there is: linked data, SPARQL, an export on demand."""
    said = shown(client, "/a-propos")[2]

    assert "Toutes les données se téléchargent" not in said
    assert "SPARQL" in said
    assert "export" in said


class Refusing:
    """PublicQueries that fail in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def answer(self, *_: object, **__: object) -> object:
        raise self.error

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("error", "status", "queries"),
    [
        (None, "ok", "ok"),
        (QueryRejected("busy", "x"), "ok", "busy"),
        (QueryRejected("timeout", "x"), "degraded", "unavailable"),
        (EngineUnavailable("x"), "degraded", "unavailable"),
    ],
)
def test_health_tells_of_the_query_workers(error: Exception | None, status: str, queries: str) -> None:
    """A trivial query is asked; pages can live without the workers, so the code stays 200."""
    made = make_platform()
    if error is not None:
        made.queries = Refusing(error)  # type: ignore[assignment]
    made.reader.seq = 7

    response = create_app(made).test_client().get("/healthz")

    health = json.loads(response.data)

    assert response.status_code == 200
    assert health["status"] == status
    assert health["queries"] == queries
    assert (health["store"], health["index"], health["behind"]) == (7, 1, 6)


def test_the_icon_is_where_browsers_look(client: FlaskClient) -> None:
    """/favicon.ico answers with our drawing."""
    response = client.get("/favicon.ico")

    assert (response.status_code, response.mimetype) == (200, "image/svg+xml")


def test_a_refused_result_format_is_explained(client: FlaskClient) -> None:
    """SPARQL 406 says what is wrong in the language asked for, then the list."""
    french = client.get("/sparql?query=ASK%7B%7D&format=docx")
    english = client.get("/sparql?query=ASK%7B%7D&format=docx", headers={"Accept-Language": "en"})

    assert french.status_code == english.status_code == 406
    assert "n'existe pas dans le format demandé" in french.get_data(as_text=True)
    assert "cannot be had in the format" in english.get_data(as_text=True)


def test_an_example_fits_its_box(client: FlaskClient) -> None:
    """The box has a line for every line of the query, up to 40."""
    query = "ASK {" + "%0A" * 20 + "}"
    page = html5lib.parse(
        client.get(f"/sparql?query={query}", headers={"Accept": BROWSER}).get_data(as_text=True),
        namespaceHTMLElements=False,
    )

    assert page.find(".//textarea").get("rows") == "22"


def test_the_example_of_shared_projects_speaks_french() -> None:
    """Projects described by several partners are named in French where they can be."""
    store = ox.Store()
    store.extend(quads())
    query = next(one for one in load().queries if one.iri.endswith("described-by-several")).text

    solutions: Any = store.query(query)
    rows = list(solutions)

    assert [(row["project"].value, row["title"].value, row["title"].language) for row in rows] == [
        (f"{BASE}/id/projet/p1", "Graine(s) de troc", "fr")
    ]
