"""A secret in every column of the ledger, in requests, in restricted fields: no answer to the public tells it."""

from __future__ import annotations

import contextlib
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from planting import SECRET, plant
from running import BASE, LICENCE, SMALL, carrefour, changed, export, files_of, make_instance, own_process
from sqlalchemy import JSON, Column, LargeBinary, Text, create_engine, select, update
from werkzeug.test import TestResponse

from federation.catalogue.formats import ALL
from federation.ledger.schema import metadata
from federation.platform import open_platform
from federation.settings import load_settings
from federation.web import create_app

KEY = "cle-" + "de-la-maison-7f3a"
"""The secret of requests: it must not even be in a report for the operator."""

MARKS = (SECRET.encode(), KEY.encode(), quote(SECRET).encode())

PUBLIC = {
    "partner.name",
    "partner.url",
    "source.name",
    "source.licence",
    "ap_activity.document",
    "ap_activity.object",
    "ap_key.public",
}
"""Columns whose values are published on purpose."""

WORKING = re.compile(
    r"^(source\.(partner|state|lang|first_run|last_run|due|full_at)|run\.(source|partner|state|started|ended|counts|kind|holds|progress|of)|"
    r"record_state\.(partner|key|source|tier|state|first_seen|last_run|pid)|body\.(path|fetched_at)|"
    r"finding\.(run|record|severity|rule)|change\.\w+|journal\.(run|state)|cursor\.\w+|identity\.\w+|claim\.\w+|meta\.\w+|quality\.\w+|"
    r"ap_key\.\w+|ap_activity\.(actor|kind|made)|ap_job\.(actor|next_try)|ap_follow\.(direction|follower|followed|state)|"
    r"ap_(inbox|delivery|object)\.(activity|state|next_try)|ap_lane\.\w+)$"
)
"""Columns of live rows that must keep their values, or the instance would be broken rather than secretive."""

SOURCE = f"""\
[source]
id = "maison"
partner = "maison"
name = "La maison des essais"
url = "{{address}}/export.csv?cle={KEY}"
format = "csv"
licence = "{LICENCE}"
contact = "{SECRET}@maison.example"

[request]
jeton = "env:MAISON_JETON"
code = "{KEY}-code"
[request.headers]
X-Partenaire = "{KEY}-entete"
Authorization = "env:MAISON_AUTORISATION"

[records]
id = "n"
page = "https://maison.example/{{{{n}}}}"

[only]
publier = "oui"

[fields]
name = "nom"
description = "texte"
theme = "mot"
access = "acces"
lesson = "note"
budget = "argent"
holder.name = "porteur"
contact.name = "qui"
contact.email = "mail"
contact.telephone = "tel"
location.address.addressLocality = "ville"

[openness]
lesson = "private"

[always]
theme = "AGR"
"""
TITLES = "n;nom;texte;mot;acces;note;argent;porteur;qui;mail;tel;ville;publier;interne"
GOOD = [
    f"1;Le four à pain;On y cuit le pain du quartier.;;opendata;{SECRET};{SECRET};Les voisins;{SECRET};"
    f"{SECRET}@m.example;{SECRET};Nîmes;oui;{SECRET}",
    f"2;La barque;Elle passe le fleuve à la demande.;;;;;Les passeurs;{SECRET};{SECRET}@m.example;;Arles;oui;{SECRET}",
    f"3;{SECRET};{SECRET};{SECRET};opendata;;;{SECRET};;;;{SECRET};non;",
    f"4;{SECRET} privé;{SECRET};{SECRET};collective;;;{SECRET};;;;{SECRET};oui;",
    f"5;;{SECRET};{SECRET};opendata;{SECRET};;{SECRET};;;;{SECRET};oui;",
]
HELD = [GOOD[0], f"2;{SECRET}{'x' * 300};{SECRET};{SECRET};;;;{SECRET};;;;{SECRET};oui;", *GOOD[2:]]
"""The second harvest refuses record 2, whose last good version stays."""

DATA_TYPES = [form.media_type for form in ALL.values() if form.suffix != "html"]
PAGES = "text/html"
SPARQL_TYPES = (
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
    "text/turtle",
    "application/n-triples",
    "application/rdf+xml",
    "application/ld+json",
    "application/trig",
    "application/n-quads",
    PAGES,
)
QUERIES = (
    "SELECT * { ?s ?p ?o }",
    "SELECT * { GRAPH ?g { ?s ?p ?o } }",
    "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }",
    "DESCRIBE ?s WHERE { ?s ?p ?o }",
    "DESCRIBE ?g WHERE { GRAPH ?g { ?s ?p ?o } }",
    "ASK { ?s ?p ?o }",
)
SCHEME_PATHS = re.compile(r"^(/en)?/(theme|public|method|status|need|spread|marker)/[^?]+")
MOST_OF_A_SCHEME = 12  # concepts of the vocabulary, whose pages are alike and come from files, not from the ledger


@dataclass
class Seen:
    """Every answer that the crawl got: addresses and formats, and those in which a mark was found."""

    answers: set[tuple[str, str]] = field(default_factory=set)
    leaks: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    texts: list[bytes] = field(default_factory=list)

    def take(self, label: str, accept: str, response: TestResponse) -> TestResponse:
        """Look into one answer, headers included."""
        self.answers.add((label, accept))
        self.statuses[response.status_code] = self.statuses.get(response.status_code, 0) + 1
        whole = response.data + b"\n" + str(response.headers).encode()
        if any(mark in whole for mark in MARKS):
            self.leaks.append(f"{label} as {accept}: {response.status}")
        self.texts.append(response.data)
        return response


@contextlib.contextmanager
def feed_server(feeds: list[str], heard: list[str]) -> Iterator[str]:
    """Serve one version of the feed after the other, then refuse; note what credentials came."""
    waiting = list(feeds)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            robots = self.path == "/robots.txt"
            if not robots:
                heard.append(f"{self.path} {self.headers['X-Partenaire']} {self.headers['Authorization']}")
            body = waiting.pop(0).encode() if waiting and not robots else b""
            self.send_response(200 if body else 404 if robots else 403)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class House:
    """The instance full of secrets, and what its three harvests said."""

    folder: Path
    said: str
    heard: tuple[str, ...]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Plant, harvest twice, fail once, plant into the live rows. The very path of the folder is a secret."""
    folder = make_instance(tmp_path_factory.mktemp("secret") / f"i-{SECRET}", {}, {}, f"{SMALL}fetch_private = true\n")
    assert carrefour(folder, "status").code == 0
    ledger = folder / "data" / "ledger" / "ledger.sqlite"
    plant(ledger)
    heard: list[str] = []
    environ = {"MAISON_JETON": f"{KEY}-jeton", "MAISON_AUTORISATION": f"Bearer {KEY}-autorisation"}
    versions = ["\n".join([TITLES, *rows]) + "\n" for rows in (GOOD, HELD)]
    with feed_server(versions, heard) as address:
        (folder / "sources" / "maison.toml").write_text(SOURCE.format(address=address), "utf-8")
        results = [carrefour(folder, "harvest", "maison", "--json", environ=environ) for _ in range(3)]
        told = [carrefour(folder, "harvest", "maison", environ=environ), carrefour(folder, "preview", "maison")]
    assert [result.code for result in results] == [1, 1, 4], results[-1].said
    assert results[1].runs()["maison"]["counts"]["held"] == 1
    plant_into_live_rows(ledger)
    return House(folder, "".join(result.said for result in (*results, *told)), tuple(heard))


def plant_into_live_rows(ledger: Path) -> None:
    """Put the secret into every column of every row, but those that are published or that hold the rows together."""
    engine = create_engine(f"sqlite:///{ledger}")
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            hidden = {column.name: _secret(column) for column in table.columns if _may_hold_a_secret(column)}
            if hidden:
                connection.execute(update(table).values(hidden))
    engine.dispose()


def _may_hold_a_secret(column: Column[object]) -> bool:
    name = f"{column.table.name}.{column.name}"
    wide = isinstance(column.type, Text | JSON | LargeBinary) or getattr(column.type, "length", None) is not None
    return bool(wide) and not (column.primary_key or name in PUBLIC or WORKING.match(name))


def _secret(column: Column[object]) -> object:
    if isinstance(column.type, JSON):
        # as of a field that is not open data: what is wrong with it is public, what it says is not
        said = {"message": {"fr": "Illisible.", "en": "Unreadable."}, "where": "ligne 2", "field": "Courriel"}
        return {**said, "term": "contact.email", "value": SECRET, "suggestion": SECRET}
    return SECRET.encode() if isinstance(column.type, LargeBinary) else SECRET


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[FlaskClient]:
    """A client of the served instance."""
    platform = open_platform(load_settings(house.folder, {}))
    platform.catch_up()
    yield create_app(platform).test_client()
    platform.close()


# -- that there is something to find --------------------------------------------------------------------------------


def test_every_table_holds_the_secret(house: House) -> None:
    """The ledger is full of it, table by table, so that a leak of any of them would show."""
    engine = create_engine(f"sqlite:///{house.folder / 'data' / 'ledger' / 'ledger.sqlite'}")
    with engine.connect() as connection:
        without = [
            table.name
            for table in metadata.sorted_tables
            if not any(SECRET in repr(tuple(row)) for row in connection.execute(select(table)))
        ]
    engine.dispose()

    assert without == []


def test_live_rows_hold_the_secret_where_pages_could_find_it(house: House) -> None:
    """Messages of real runs, findings, restricted fields, addresses of real sources."""
    engine = create_engine(f"sqlite:///{house.folder / 'data' / 'ledger' / 'ledger.sqlite'}")
    tables = metadata.tables
    with engine.connect() as connection:
        runs = list(connection.scalars(select(tables["run"].c.message).where(tables["run"].c.source == "maison")))
        address = connection.scalar(select(tables["source"].c.url).where(tables["source"].c.id == "maison"))
        findings = list(connection.scalars(select(tables["finding"].c.detail)))
        restricted = list(connection.scalars(select(tables["restricted"].c.data)))
    engine.dispose()

    assert runs
    assert set(runs) == {address} == {SECRET}
    assert all(SECRET in str(value) for value in (*findings, *restricted))
    assert len(restricted) > 1


def test_the_credentials_were_really_used(house: House) -> None:
    """Parameters, headers and the environment reached the partner's server."""
    assert f"cle={KEY}" in house.heard[0]
    assert f"jeton={KEY}-jeton" in house.heard[0]
    assert f"{KEY}-entete Bearer {KEY}-autorisation" in house.heard[0]


# -- credentials -----------------------------------------------------------------------------------------------------


def test_credentials_are_in_no_report_for_the_operator(house: House) -> None:
    """Neither in runs, findings and messages of good harvests nor in those of a refused one, nor in a preview."""
    assert "403" in house.said
    assert KEY not in house.said


def test_secrets_of_the_environment_are_written_nowhere(house: House) -> None:
    """No file of the data folder holds them, not even the stored bodies or the ledger."""
    holding = [
        name
        for name, body in files_of(house.folder / "data").items()
        if f"{KEY}-jeton".encode() in body or f"{KEY}-autorisation".encode() in body
    ]

    assert holding == []


# -- what the public sees --------------------------------------------------------------------------------------------


def test_the_export_holds_no_secret(house: House) -> None:
    """Nor do the files that the query workers may open, but for the path of the folder in the engine's own log."""
    dump = export(house.folder)
    path = str(house.folder).encode()
    store = {name: body.replace(path, b"") for name, body in files_of(house.folder / "data" / "store").items()}

    assert "Le four à pain".encode() in dump
    assert b"La barque" in dump
    assert [mark for mark in MARKS if mark in dump] == []
    assert [name for name, body in store.items() if any(mark in body for mark in MARKS)] == []


@pytest.mark.parametrize("query", QUERIES)
def test_sparql_gives_no_secret_in_any_format(client: FlaskClient, query: str) -> None:
    """Everything that there is, by GET and by POST, in every format of rows and graphs."""
    seen = Seen()
    for accept in SPARQL_TYPES:
        got = seen.take("GET", accept, client.get("/sparql", query_string={"query": query}, headers={"Accept": accept}))
        assert got.status_code in (200, 406)
        seen.take("POST", accept, client.post("/sparql", data={"query": query}, headers={"Accept": accept}))

    assert seen.statuses[200] >= 8
    assert seen.leaks == []


def test_sparql_opens_no_file_and_no_other_graph(client: FlaskClient, house: House) -> None:
    """FROM, parameters, SERVICE and LOAD lead nowhere: not to the ledger, not to stored bodies."""
    ledger = (house.folder / "data" / "ledger" / "ledger.sqlite").as_uri()
    asked = (
        {"query": f"SELECT * FROM <{ledger}> {{ ?s ?p ?o }}"},  # noqa: S608 - SPARQL
        {"query": f"SELECT * FROM NAMED <{ledger}> {{ GRAPH ?g {{ ?s ?p ?o }} }}"},  # noqa: S608 - SPARQL
        {"query": "SELECT * { ?s ?p ?o }", "default-graph-uri": ledger},
        {"query": f"SELECT * {{ SERVICE <{ledger}> {{ ?s ?p ?o }} }}"},
        {"query": f"LOAD <{ledger}>"},
    )
    answers = [client.get("/sparql", query_string=one, headers={"Accept": SPARQL_TYPES[0]}) for one in asked]

    for answer in answers[:3]:
        assert answer.status_code == 200
        assert answer.get_json()["results"]["bindings"] == []
    assert [answer.status_code for answer in answers[3:]] == [400, 403]


def test_no_page_and_no_document_within_reach_tells_a_secret(client: FlaskClient) -> None:
    """A visitor who follows every link of every page, in both languages and all formats, reads no secret."""
    seen = crawl(client, ["/", "/en/", "/sparql", "/en/sparql", "/vocab", "/robots.txt", "/healthz"])
    visited = {path for path, _ in seen.answers}

    assert seen.leaks == []
    assert any("Le four à pain".encode() in text for text in seen.texts)
    for start in (
        "/projet/",
        "/records/maison/",
        "/contributeur/maison",
        "/sources/maison",
        "/actors/maison",
        "/runs/",
    ):
        assert any(path.startswith(start) for path in visited), start
    assert any(path.startswith("/en/projet/") for path in visited)
    assert len(seen.answers) > 250
    assert set(seen.statuses) <= {200, 301, 303, 304, 308, 406}


def crawl(client: FlaskClient, starts: list[str]) -> Seen:
    """Follow every link of this server, by page, header and redirect, and ask for each in every format."""
    seen, queue, known, of_scheme = Seen(), deque(starts), set(starts), 0
    while queue:
        path = queue.popleft()
        if SCHEME_PATHS.match(path):
            of_scheme += 1
            if of_scheme > MOST_OF_A_SCHEME:
                continue
        page = seen.take(path, PAGES, client.get(path, headers={"Accept": PAGES}))
        found = _links(path, page)
        if "?" not in path and not path.startswith("/static/"):
            for accept in DATA_TYPES:
                found |= _links(path, seen.take(path, accept, client.get(path, headers={"Accept": accept})))
        for link in sorted(found - known):
            known.add(link)
            queue.append(link)
    return seen


_HREF = re.compile(r'(?:href|src|action)="([^"]+)"')
_LINK = re.compile(r"<([^>]+)>")


def _links(path: str, response: TestResponse) -> set[str]:
    """Addresses of this server in a page and in the headers of any answer."""
    given = [*_LINK.findall(response.headers.get("Link", "")), response.headers.get("Location") or ""]
    if response.mimetype == PAGES:
        given += _HREF.findall(response.get_data(as_text=True).replace("&amp;", "&"))
    elif response.mimetype == "application/n-triples":
        given += [iri for iri in _LINK.findall(response.get_data(as_text=True)) if iri.startswith(BASE)]
    found = set()
    for link in filter(None, given):
        parts = urlsplit(urljoin(f"{BASE}{path}", link))
        if f"{parts.scheme}://{parts.netloc}" == BASE:
            found.add(parts.path + (f"?{parts.query}" if parts.query else ""))
    return found


ERRORS = (
    ("GET", "/nulle-part", 404),
    ("GET", "/en/nulle-part", 404),
    ("GET", "/projet/inconnu", 404),
    ("GET", "/records/maison/3", 404),
    ("GET", "/records/maison/4", 404),
    ("GET", "/records/maison/5.ttl", 404),
    ("GET", "/projets?page=99999", 404),
    ("POST", "/projets", 405),
    ("DELETE", "/sparql", 405),
    ("GET", "/sparql?query=SELECT", 400),
    ("GET", "/en/sparql?query=SELECT%20*%20%7B%20%3Fs", 400),
    ("GET", "/sparql?query=DROP%20ALL", 403),
    ("GET", "/sparql?query=SELECT%20*%20%7B%20SERVICE%20%3Chttp%3A%2F%2Fx.example%3E%20%7B%7D%20%7D", 400),
)


@pytest.mark.parametrize("accept", [PAGES, "application/json", "text/turtle", "*/*"])
def test_error_pages_tell_no_secret(client: FlaskClient, accept: str) -> None:
    """Refusals of every kind, as a page and as text, name neither files nor rows."""
    seen = Seen()
    for method, path, status in ERRORS:
        response = seen.take(path, accept, client.open(path, method=method, headers={"Accept": accept}))
        assert response.status_code in (status, 406), path

    assert seen.leaks == []


def test_a_type_that_nobody_offers_tells_no_secret(client: FlaskClient) -> None:
    """406 with the list of what there is, on every kind of thing."""
    seen = Seen()
    for path in (
        "/records/maison/1",
        "/actors/maison",
        "/sources/maison",
        "/vocab",
        "/theme/AGR",
        "/sparql?query=ASK{}",
    ):
        response = seen.take(path, "image/png", client.get(path, headers={"Accept": "image/png"}))
        assert response.status_code == 406, path

    assert seen.leaks == []


def test_a_broken_store_is_told_without_its_path(house: House) -> None:
    """503 in both languages: the operator's log names the folder, the page does not."""
    platform = open_platform(load_settings(house.folder, {}))
    seen = Seen()
    with changed(house.folder / "data" / "store" / "checkpoints" / "CURRENT", b"99-99\n"):
        broken = create_app(platform).test_client()
        for path in ("/records/maison/1", "/en/projet/x", "/healthz", "/sparql?query=ASK{}"):
            response = seen.take(path, PAGES, broken.get(path, headers={"Accept": PAGES}))
            assert response.status_code == 503, path
        platform.close()

    assert seen.leaks == []


def test_a_query_on_the_command_line_gives_no_secret_either(house: House) -> None:
    """The same workers answer there."""
    result = own_process(house.folder, "query", "SELECT * { GRAPH ?g { ?s ?p ?o } }", "--format", "json")

    assert result.code == 0
    assert [mark for mark in MARKS if mark in result.out] == []
