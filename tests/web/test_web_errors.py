"""The table from errors to statuses, and that nothing internal is told."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from sample_commons import make_platform

from federation.engines import SearchPage, SearchRequest
from federation.errors import (
    CarrefourError,
    ConfigError,
    DataFolderBusy,
    EngineUnavailable,
    PartnerError,
    PeerError,
    QueryRejected,
)
from federation.web import create_app
from federation.web.errors import status_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 500),
        (PartnerError("x"), 502),
        (PeerError("x"), 502),
        (EngineUnavailable("x"), 503),
        (DataFolderBusy("x"), 503),
        (CarrefourError("x"), 500),
        (QueryRejected("syntax", "x"), 400),
        (QueryRejected("forbidden", "x"), 400),
        (QueryRejected("update", "x"), 403),
        (QueryRejected("too_large", "x"), 413),
        (QueryRejected("memory", "x"), 413),
        (QueryRejected("timeout", "x"), 503),
        (QueryRejected("busy", "x"), 503),
    ],
)
def test_each_error_has_one_status(error: CarrefourError, code: int) -> None:
    """One table; what passes with time says when to come back."""
    status = status_of(error)

    assert status.code == code
    assert ("Retry-After" in status.headers) is (code == 503)


class BrokenSearch:
    """A SearchIndex whose files are gone."""

    seq = 0

    def search(self, request: SearchRequest) -> SearchPage:
        raise EngineUnavailable("cannot read /srv/secret/path")

    def update(self, documents: object, removed: object, seq: int) -> None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def broken() -> FlaskClient:
    """A commons whose index does not answer."""
    made = make_platform()
    made.search = BrokenSearch()  # type: ignore[assignment]
    return create_app(made).test_client()


@pytest.mark.parametrize("path", ["/", "/projets", "/en/projets", "/themes", "/healthz"])
def test_a_broken_engine_is_a_calm_503(broken: FlaskClient, path: str) -> None:
    """A page with Retry-After; no path, no class name, no trace."""
    response = broken.get(path, headers={"Accept": "text/html"})

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert b"secret" not in response.data
    assert b"Traceback" not in response.data


def test_linked_data_survives_a_broken_index(broken: FlaskClient) -> None:
    """A project is read from the store: the index has no part in it."""
    assert broken.get("/projet/p1.ttl").status_code == 200


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    """405 with Allow."""
    response = client.post("/projets")

    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("path", ["/nope", "/records/avise/nope", "/theme/NOPE", "/sources/nope"])
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/turtle", "text/plain"),
        ("application/ld+json", "text/plain"),
        ("text/turtle, */*;q=0.1", "text/plain"),
        ("image/png", "text/plain"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("text/html, */*;q=0.8", "text/html"),
    ],
)
def test_a_machine_is_told_in_its_own_terms(client: FlaskClient, path: str, accept: str, kind: str) -> None:
    """404 as a line of text or a problem document to whoever reads no HTML; varying, and open to other sites."""
    response = client.get(path, headers={"Accept": accept})

    assert response.status_code == 404
    assert response.mimetype == kind
    assert "Accept" in response.headers["Vary"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    if kind == "application/problem+json":
        told = json.loads(response.data)
        assert (told["title"], told["status"]) == ("Not Found", 404)
        assert told["detail"].startswith("Il n'y a rien ici.")
        assert response.headers["Content-Language"] == "fr"


@pytest.mark.parametrize("path", ["/projet/p1", "/projet/gone", "/records/avise/123"])
def test_a_refused_format_is_explained_to_machines(client: FlaskClient, path: str) -> None:
    """406 as plain text with the list, readable by scripts of other sites."""
    response = client.get(path, headers={"Accept": "image/png"})

    assert (response.status_code, response.mimetype) == (406, "text/plain")
    assert "Accept" in response.headers["Vary"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/projet/x.ttl", "/records/x/y.jsonld", "/context/v2.jsonld", "/theme/NOPE.nt"])
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/problem+json"),
        (None, "application/problem+json"),
        ("text/turtle", "text/plain"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
    ],
)
def test_a_data_file_that_is_not_there_is_no_page(
    client: FlaskClient, path: str, accept: str | None, kind: str
) -> None:
    """Whoever takes anything and names a data suffix is a program; a browser still gets its page."""
    response = client.get(f"/en{path}", headers={"Accept": accept} if accept else {})

    assert (response.status_code, response.mimetype) == (404, kind)
    assert "There is nothing here" in response.get_data(as_text=True)
    assert response.headers["Content-Language"] == "en"


def test_a_page_that_is_not_there_is_a_page(client: FlaskClient) -> None:
    """Without a data suffix nothing changes for who takes anything."""
    assert client.get("/projet/nope", headers={"Accept": "*/*"}).mimetype == "text/html"
    assert client.get("/projet/nope.html", headers={"Accept": "*/*"}).mimetype == "text/html"
