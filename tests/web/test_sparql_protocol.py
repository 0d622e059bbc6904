"""The SPARQL endpoint over real HTTP: protocol, formats, limits, refusals, page."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import html5lib
import pyoxigraph as ox
import pytest
import rdflib
from rdflib.collection import Collection
from SPARQLWrapper import (
    CSV,
    GET,
    JSON,
    JSONLD,
    N3,
    POST,
    POSTDIRECTLY,
    RDFXML,
    TSV,
    TURTLE,
    URLENCODED,
    XML,
    SPARQLWrapper,
)
from werkzeug.serving import make_server

from federation.engines import QueryLimits
from federation.engines.query_pool import QueryPool
from federation.settings import Settings
from federation.vocabulary import ExampleQuery
from federation.web import create_app

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib", "ignore::DeprecationWarning:SPARQLWrapper")

SETTINGS = Settings(
    base_url="https://commons.example", query_seconds=2.0, query_rows=200, query_memory=300 * 2**20, query_workers=2
)
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . FILTER(?c != ?f) }"
KASEI = "http://kasei.us/2009/09/sparql/data/"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def type(self) -> str:
        return self.headers.get_content_type()


class Client:
    """Plain HTTP, so that nothing is helped along."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.port = port
        self._source = source

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(self._source, 0))
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, query: str, extra: str = "", **headers: str) -> Answer:
        return self.ask("GET", f"/sparql?query={quote(query)}{extra}", **headers)


@pytest.fixture(scope="module")
def states() -> list[int]:
    """The change that the store is complete to; a test may move it."""
    return [3]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, states: list[int]) -> Iterator[Client]:
    """A live server over the suite's graphs and 300 triples in the default graph."""
    folder = tmp_path_factory.mktemp("sparql")
    store = ox.Store(str(folder / "store"))
    document = ox.NamedNode("http://xmlns.com/foaf/0.1/Document")
    kind = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    for name in ("data1", "data2", "data3"):
        graph = ox.NamedNode(f"{KASEI}{name}.rdf")
        store.add(ox.Quad(graph, kind, document, graph))
    for number in range(300):
        subject = ox.NamedNode(f"http://example.org/s{number}")
        store.add(
            ox.Quad(subject, ox.NamedNode("http://example.org/p"), ox.Literal(f"né & <b>{number}</b>", language="fr"))
        )
    store.flush()
    store.backup(str(folder / "checkpoint"))
    limits = QueryLimits(SETTINGS.query_seconds, SETTINGS.query_rows, SETTINGS.query_bytes, SETTINGS.query_memory)
    pool = QueryPool(lambda: (folder / "checkpoint", states[0]), size=2, limits=limits, base="http://example.org/")
    pool.warm()
    example = ExampleQuery(
        "https://w3id.org/carrefour/queries/x",
        {"fr": "Tout", "en": "All"},
        {"fr": "Rien que pour voir", "en": "Just to see"},
        "SELECT * { ?s ?p ?o } LIMIT 5",
    )
    platform: Any = SimpleNamespace(
        settings=SETTINGS,
        queries=pool,
        vocabulary=SimpleNamespace(queries=(example,)),
        reader=SimpleNamespace(seq=states[0]),
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, create_app(platform), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Client(server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()
    pool.close()


# --- the W3C suite -----------------------------------------------------------------------------------------------

HT = rdflib.Namespace("http://www.w3.org/2011/http#")
CNT = rdflib.Namespace("http://www.w3.org/2011/content#")
MF = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
EXPECTED_TYPES = {
    "boolean": {"application/sparql-results+json", "application/sparql-results+xml"},
    "tabular": {"application/sparql-results+json", "application/sparql-results+xml", "text/csv"},
    "RDF": {"text/turtle", "application/rdf+xml", "application/n-triples"},
}
SUITE_SIZE = 34


def play(client: Client, graph: rdflib.Graph, request: rdflib.term.Node) -> tuple[Answer, bool]:
    """Send one request of the manifest; say whether it is an update."""

    def value(node: Any, predicate: Any) -> Any:
        found = graph.value(node, predicate)
        return found.toPython() if isinstance(found, rdflib.Literal) else found

    headers = {}
    if listed := graph.value(request, HT.headers):
        for header in Collection(graph, listed):
            headers[str(value(header, HT.fieldName))] = str(value(header, HT.fieldValue))
    body = None
    if content := graph.value(request, HT.body):
        body = value(content, CNT.chars).encode(value(content, CNT.characterEncoding))
    path = value(request, HT.absolutePath)
    update = "sparql-update" in str(headers) or "update=" in path or bool(body and body.startswith(b"update="))
    return client.ask(value(request, HT.methodName), path, body, **headers), update


@pytest.mark.needs_shared
def test_the_w3c_protocol_suite_passes(client: Client, shared: Path) -> None:
    """All query tests as written; updates are refused, which is what the tests of bad updates expect too."""
    graph = rdflib.Graph().parse(shared / "w3c/sparql/sparql11/protocol/manifest.ttl")
    failures, passed, refused = [], [], []

    for test in Collection(graph, next(graph.objects(predicate=MF.entries))):
        name = str(test).rpartition("#")[2]
        action = graph.value(test, MF.action)
        for request in Collection(graph, graph.value(action, HT.requests)):  # type: ignore[arg-type]
            answer, update = play(client, graph, request)
            response = graph.value(request, HT.resp)
            wanted = {str(one)[-3:] for one in graph.objects(response, MF.expectedStatus)}
            if update and "4xx" not in {one.lower() for one in wanted}:
                (refused if answer.status == 403 else failures).append(name)
                break
            fine = f"{answer.status // 100}xx" in {one.lower() for one in wanted}
            if fine and (form := graph.value(response, MF.expectedFormat)):
                fine = answer.type in EXPECTED_TYPES[str(form)]
            if fine and (truth := graph.value(response, MF.expectedBoolean)) is not None:
                fine = json.loads(answer.body)["boolean"] is truth.toPython()  # type: ignore[union-attr]
            if not fine:
                failures.append(f"{name}: {answer.status} {answer.text[:100]}")
                break
        else:
            passed.append(name)

    assert not failures
    assert len(passed) + len(refused) == SUITE_SIZE
    assert sorted(refused) == [
        "update_base_uri",
        "update_dataset_default_graph",
        "update_dataset_default_graphs",
        "update_dataset_full",
        "update_dataset_named_graphs",
        "update_post_direct",
        "update_post_form",
    ]


# --- asking ------------------------------------------------------------------------------------------------------


def test_the_three_ways_to_ask_give_the_same_answer(client: Client) -> None:
    """GET, a form by POST, and the query itself by POST (SPARQL 1.1 Protocol, section 2.1)."""
    query = 'SELECT ?o { <s7> ?p ?o . FILTER("a+b%2B" != "é & c") }'

    answers = [
        client.get(query),
        client.ask(
            "POST", "/sparql", urlencode({"query": query}).encode(), Content_Type="application/x-www-form-urlencoded"
        ),
        client.ask("POST", "/sparql", query.encode(), Content_Type="application/sparql-query; charset=UTF-8"),
    ]

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert "né & <b>7</b>" in answers[0].text


def test_a_query_is_decoded_once(client: Client) -> None:
    """Percent signs that belong to the query stay (defect seen elsewhere: double decoding)."""
    answer = client.get('SELECT ("%41+%2B é" AS ?x) {}', "&format=csv")

    assert answer.text == "x\r\n%41+%2B é\r\n"


def test_unknown_parameters_are_ignored(client: Client) -> None:
    """Tools send all sorts of things."""
    assert client.get("ASK {}", "&timeout=0&debug=on&should-sponge=&x").status == 200


@pytest.mark.parametrize(
    "query", ["describe <s7>", "prefix x: <…ASK…> construct where { <s7> ?p ?o }", "cOnStRuCt WHERE { <s7> ?p ?o }"]
)
def test_forms_are_found_in_any_letter_case(client: Client, query: str) -> None:
    """No Accept: graphs come as Turtle."""
    answer = client.get(query)

    assert (answer.status, answer.type) == (200, "text/turtle")
    assert len(rdflib.Graph().parse(answer.body, format="turtle")) == 1


def test_ask_in_xml(client: Client) -> None:
    """ASK has its own element in the XML results format."""
    answer = client.get("ASK {}", Accept="application/sparql-results+xml")

    assert answer.type == "application/sparql-results+xml"
    assert b"<boolean>true</boolean>" in answer.body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sparql?query=ASK+%7B%7D&query=ASK+%7B%7D", 400),
        ("/sparql?default-graph-uri=http://x/", 400),
        ("/sparql?query=ASK%20%FF", 400),
        ("/sparql?update=CLEAR+ALL", 403),
        ("/sparql?query=", 400),
        ("/sparql?query=ASK+%7B", 400),
        ("/sparql?query=ASK+%7B%7D&default-graph-uri=no-iri", 400),
        ("/sparql?query=LOAD+%3Chttp://x/%3E", 403),
        ("/sparql?query=DROP+ALL", 403),
        ("/sparql?" + "a=1&" * 2000, 400),
    ],
)
def test_wrong_requests_are_told_so(client: Client, path: str, status: int) -> None:
    """Each with its status and a sentence, never a page of the framework."""
    answer = client.ask("GET", path)

    assert answer.status == status
    assert answer.type == "text/plain"
    assert answer.headers["Content-Language"] == "fr"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"query=ASK+%7B%7D", "", 415),
        (b"ASK {}", "text/plain", 415),
        (b"ASK {}", "application/sparql-query; charset=latin-1", 415),
        (b"ASK { ?s ?p '\xff' }", "application/sparql-query", 400),
        (b"other=1", "application/x-www-form-urlencoded", 400),
        (b"query=ASK+%7B%7D&update=CLEAR+ALL", "application/x-www-form-urlencoded", 403),
        (b"INSERT DATA {}", "application/sparql-update", 403),
        (b"INSERT DATA {}", "application/sparql-query", 403),
        (b"#" * 150_000, "application/sparql-query", 413),
        (b"#" * 3_000_000, "application/sparql-query", 413),
    ],
)
def test_wrong_bodies_are_told_so(client: Client, body: bytes, kind: str, status: int) -> None:
    """Media type, charset, encoding, size."""
    headers = {"Content_Type": kind} if kind else {}

    assert client.ask("POST", "/sparql", body, **headers).status == status


def test_other_methods_are_not_allowed(client: Client) -> None:
    """PUT and DELETE have no meaning here."""
    assert client.ask("PUT", "/sparql", b"ASK {}").status == 405
    assert client.ask("DELETE", "/sparql").status == 405


def test_a_browser_of_another_site_may_ask(client: Client) -> None:
    """CORS is open: preflight, answers and refusals."""
    preflight = client.ask("OPTIONS", "/sparql", Origin="https://other.example", Access_Control_Request_Method="POST")
    answers = [client.get("ASK {}"), client.get("ASK {")]

    assert preflight.status == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in (preflight, *answers)} == {"*"}
    assert "ETag" in answers[0].headers["Access-Control-Expose-Headers"]


def test_head_is_get_without_a_body(client: Client) -> None:
    """Same headers, nothing else."""
    path = f"/sparql?query={quote('SELECT * { ?s ?p ?o } LIMIT 3')}"
    got, head = client.ask("GET", path), client.ask("HEAD", path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(got.body))


# --- formats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [GET, POST])
@pytest.mark.parametrize("way", [URLENCODED, POSTDIRECTLY])
def test_sparqlwrapper_reads_every_format(client: Client, method: str, way: str) -> None:
    """A common client gets what it asks for, in all formats, by all ways."""

    def ask(query: str, form: str) -> Any:
        wrapper = SPARQLWrapper(f"http://127.0.0.1:{client.port}/sparql")
        wrapper.setMethod(method)
        wrapper.setRequestMethod(way if method == POST else URLENCODED)
        wrapper.setReturnFormat(form)
        wrapper.setQuery(query)
        return wrapper.queryAndConvert()

    select, construct = "SELECT ?o { <s7> ?p ?o }", "CONSTRUCT WHERE { <s7> ?p ?o }"
    text = "né & <b>7</b>"

    assert ask(select, JSON)["results"]["bindings"][0]["o"] == {"type": "literal", "value": text, "xml:lang": "fr"}
    assert ask(select, XML).getElementsByTagName("literal")[0].firstChild.data == text
    assert ask(select, CSV).decode().split("\r\n")[1] == text
    assert ask(select, TSV).decode().split("\n")[1] == f'"{text}"@fr'
    assert ask("ASK { <s7> ?p ?o }", JSON)["boolean"] is True
    assert ask("ASK {}", XML).getElementsByTagName("boolean")[0].firstChild.data == "true"
    for form, parser in ((TURTLE, "turtle"), (N3, "n3")):
        assert text in str(next(rdflib.Graph().parse(ask(construct, form), format=parser).objects()))
    for form in (RDFXML, JSONLD, XML):
        assert text in str(next(ask(construct, form).objects()))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/turtle", "text/turtle"),
        ("application/n-triples", "application/n-triples"),
        ("application/n-quads", "application/n-quads"),
        ("application/trig", "application/trig"),
        ("application/ld+json", "application/ld+json"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("application/json", "application/json"),
        ("application/xml;q=0.5, text/turtle;q=0.4", "application/xml"),
        ("*/*", "text/turtle"),
    ],
)
def test_graphs_come_in_all_rdf_types(client: Client, accept: str, media_type: str) -> None:
    """The announced type is the one that was asked for, and a parser of it reads the answer."""
    answer = client.get("CONSTRUCT WHERE { <s7> ?p ?o }", Accept=accept)
    parsers = {
        "application/json": "json-ld",
        "application/ld+json": "json-ld",
        "application/xml": "xml",
        "application/n-quads": "nquads",
        "application/trig": "trig",
    }

    assert answer.type == media_type
    dataset = rdflib.Dataset()
    dataset.parse(data=answer.text, format=parsers.get(media_type, media_type))
    assert len(list(dataset.quads())) == 1


def test_the_format_parameter_wins_over_the_header(client: Client) -> None:
    """A courtesy for links and forms."""
    assert client.get("ASK {}", "&format=xml", Accept="text/html").type == "application/sparql-results+xml"
    assert client.get("SELECT * {}", "&output=TSV").type == "text/tab-separated-values"
    assert (
        client.get("SELECT * {}", "&format=application%2Fsparql-results%2Bxml").type == "application/sparql-results+xml"
    )


def test_what_cannot_be_written_is_406_with_the_list(client: Client) -> None:
    """The client learns what there is."""
    answer = client.get("ASK {}", Accept="image/png")

    assert answer.status == 406
    assert "application/sparql-results+json" in answer.text
    assert client.get("SELECT * {}", "&format=docx").status == 406
    assert client.get("ASQ {}", Accept="image/png").status == 400  # what is no query has no format


def test_answers_say_what_may_vary_and_how_much_is_allowed(client: Client) -> None:
    """Headers of every answer."""
    answer = client.get("ASK {}")

    assert {"Accept", "Accept-Language"} <= {word.strip() for word in answer.headers["Vary"].split(",")}
    assert (answer.headers["Carrefour-Timeout"], answer.headers["Carrefour-Max-Rows"]) == ("2", "200")


def test_an_unchanged_answer_is_304(client: Client, states: list[int]) -> None:
    """The tag follows the state of the data, the query and the format; chance has none."""
    query = "SELECT * { <s7> ?p ?o }"
    first = client.get(query)
    tag = first.headers["ETag"]

    again = client.get(query, If_None_Match=tag)
    other = client.get(query, Accept="text/csv", If_None_Match=tag)
    states[0] += 1
    later = client.get(query, If_None_Match='"x"')
    states[0] -= 1

    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert other.status == 200
    assert later.headers["ETag"] != tag
    assert "ETag" not in client.get("SELECT (RAND() AS ?x) {}").headers


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_runaway_query_is_stopped_while_others_keep_answering(client: Client) -> None:
    """503 with Retry-After and advice at the limit; twenty small queries meanwhile take less than a second each."""
    times = []
    with ThreadPoolExecutor(1) as other:
        start = time.monotonic()
        runaway = other.submit(client.get, RUNAWAY)
        for _ in range(20):
            asked = time.monotonic()
            assert client.get("ASK { <s7> ?p ?o }").status == 200
            times.append(time.monotonic() - asked)
        answer = runaway.result()
        took = time.monotonic() - start

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "2 secondes" in answer.text
    assert took < SETTINGS.query_seconds + 1
    assert max(times) < 1


def test_one_client_has_four_queries_at_once_and_never_all_workers(client: Client) -> None:
    """Of five, one is told 429 at once, two run, two wait for those; another address is answered meanwhile."""

    def timed(_: int) -> tuple[int, float]:
        start = time.monotonic()
        return client.get(RUNAWAY).status, time.monotonic() - start

    with ThreadPoolExecutor(5) as others:
        five = [others.submit(timed, number) for number in range(5)]
        while not any(one.done() for one in five):
            time.sleep(0.01)
        start = time.monotonic()
        neighbour = Client(client.port, "127.0.0.2").get("ASK {}")
        took = time.monotonic() - start
        ends = sorted(one.result() for one in five)

    assert (neighbour.status, took < 1) == (200, True)
    assert [status for status, _ in ends] == [429, 503, 503, 503, 503]
    assert ends[0][1] < 1
    assert ends[2][1] < SETTINGS.query_seconds + 1 < ends[3][1]


def test_too_many_rows_are_413_with_advice_and_never_cut(client: Client) -> None:
    """200 rows pass, 201 do not."""
    whole = client.get("SELECT * { ?s ?p ?o } LIMIT 200", Accept="text/csv")
    more = client.get("SELECT * { ?s ?p ?o } LIMIT 201", Accept="text/csv")

    assert (whole.status, whole.text.count("\r\n")) == (200, 201)
    assert more.status == 413
    assert "LIMIT" in more.text


def test_a_greedy_query_is_413(client: Client) -> None:
    """Memory is a size too: the same question asked again would not fare better."""
    pattern = " . ".join(f"?a{n} ?b{n} ?c{n}" for n in range(6))

    answer = client.get(f"SELECT * {{ {pattern} }} ORDER BY ?c0 ?c1 ?c2 ?c3")

    assert answer.status in {413, 503}
    assert client.get("ASK {}").status == 200


@pytest.mark.parametrize("call", ["SERVICE", "service SILENT"])
def test_service_is_refused_and_nothing_is_called(client: Client, call: str) -> None:
    """400 with a reason; no connection arrives."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        nested = f"SELECT * {{ {{ SELECT * {{ {call} <{address}> {{ ?s ?p ?o }} }} }} }}"
        loaded = client.get("ASK { ?s ?p ?o }", f"&default-graph-uri={quote(address)}")

        answer = client.get(nested)

        assert (answer.status, "SERVICE" in answer.text) == (400, True)
        assert json.loads(loaded.body)["boolean"] is False
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_service_in_a_literal_is_no_call(client: Client) -> None:
    """Texts may speak of anything."""
    assert client.get("ASK { ?s ?p 'SERVICE <http://x/> { LOAD }' }").status == 200


def test_errors_speak_the_language_of_the_client(client: Client) -> None:
    """French by default, English when asked; line and column, nothing internal."""
    french, english = client.get("ASK {\n  ! }"), client.get("ASK {\n  ! }", Accept_Language="en-GB, fr;q=0.5")

    assert french.text == "Ligne 2, colonne 3 : le SPARQL n'est plus valide à partir de « ! ».\n"
    assert english.text == "Line 2, column 3: the query stops being valid SPARQL at “!”.\n"
    assert english.headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    "accept", ["application/json", "application/sparql-results+json, application/problem+json;q=0.5"]
)
def test_errors_are_problem_documents_for_those_who_read_json(client: Client, accept: str) -> None:
    """RFC 9457, with the same sentence; whoever names no JSON is told in text."""
    answer = client.get("ASK {\n  ! }", Accept=accept)

    assert (answer.status, answer.type) == (400, "application/problem+json")
    told = json.loads(answer.text)
    assert (told["status"], told["title"]) == (400, "Bad Request")
    assert told["detail"].startswith("Ligne 2, colonne 3")
    assert client.get("ASK {\n  ! }", Accept="application/sparql-results+json").type == "text/plain"


# --- descriptions and page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["", "*/*", "text/turtle", "application/rdf+xml", "application/ld+json"])
def test_a_bare_get_describes_the_service(client: Client, accept: str) -> None:
    """SPARQL 1.1 Service Description: the three tests of the suite ask for RDF, an endpoint and known terms."""
    answer = client.ask("GET", "/sparql", **({"Accept": accept} if accept else {}))
    graph = rdflib.Graph().parse(data=answer.text, format=answer.type)
    sd = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
    service = rdflib.URIRef("https://commons.example/sparql")

    assert (service, rdflib.RDF.type, sd.Service) in graph
    assert (service, sd.endpoint, service) in graph
    assert (service, sd.supportedLanguage, sd.SPARQL11Query) in graph
    assert any("200" in str(text) for text in graph.objects(service, rdflib.RDFS.comment))


def page(answer: Answer) -> Any:
    """Parse strictly: a page that is not valid HTML fails."""
    assert answer.type == "text/html"
    parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
    tree = parser.parse(answer.text)
    assert not [error for error in parser.errors if error[1] != "expected-doctype-but-got-start-tag"]
    return tree


def text_of(element: Any) -> str:
    return "".join(element.itertext())


def test_a_browser_gets_the_page(client: Client) -> None:
    """Form, limits, examples with links; French here, English under /en."""
    french, english = (client.ask("GET", path, Accept=BROWSER) for path in ("/sparql", "/en/sparql"))

    tree = page(french)
    example = next(link for link in tree.iter("a") if text_of(link) == "Tout")
    assert "2 secondes" in french.text
    assert "may take 2 seconds" in english.text
    assert parse_qs(urlsplit(example.get("href")).query)["query"] == ["SELECT * { ?s ?p ?o } LIMIT 5"]
    assert "All" in english.text
    assert tree.find(".//form").get("action") == "/sparql"
    assert page(english).find(".//form").get("action") == "/en/sparql"


def test_results_are_a_table_with_links(client: Client) -> None:
    """IRIs link, texts are escaped, the query stays in its box, the permanent link asks it again."""
    query = "\nSELECT ?s ?o { ?s ?p ?o . FILTER(?s = <s7>) }"
    tree = page(client.get(query, Accept=BROWSER))

    cells = [text_of(cell).split() for cell in tree.iter("td")]
    links = [link.get("href") for link in tree.iter("a")]
    permanent = next(link.get("href") for link in tree.iter("a") if link.get("rel") == "bookmark")
    assert cells == [["http://example.org/s7"], ["né", "&", "<b>7</b>", "@fr"]]
    assert "http://example.org/s7" in links
    assert text_of(tree.find(".//textarea")) == query
    assert client.ask("GET", permanent).status == 200
    assert client.ask("GET", next(link for link in links if link.endswith("format=csv"))).type == "text/csv"


def test_the_page_adds_a_limit_only_to_queries_without_one(client: Client) -> None:
    """A query over everything is shown in part and says so; machines get it whole or not at all."""
    query = "SELECT ?a { ?a ?b ?c . ?d ?e ?f }"  # this server allows 200 rows, less than the 1,000 of a page

    shown = page(client.get(query, Accept=BROWSER))
    limited = page(client.get(f"{query} LIMIT 3", Accept=BROWSER))

    assert len(list(shown.iter("td"))) == 200
    assert "200 lignes" in text_of(next(item for item in shown.iter("p") if item.get("role") == "status"))
    assert len(list(limited.iter("td"))) == 3
    assert not [item for item in limited.iter("p") if item.get("role") == "status"]
    assert client.get(query).status == 413
    assert client.get(f"{query} LIMIT 201", Accept=BROWSER).status == 413


@pytest.mark.parametrize(
    ("query", "word"),
    [("ASK {}", "Oui"), ("SELECT * { <none> ?p ?o }", "Aucun résultat"), ("DESCRIBE <s7>", "http://example.org/p")],
)
def test_every_form_has_its_page(client: Client, query: str, word: str) -> None:
    """Truth, emptiness, graphs."""
    assert word in text_of(page(client.get(query, Accept=BROWSER)).find(".//section"))


def test_a_refusal_is_a_page_for_browsers(client: Client) -> None:
    """The message above the query as it was typed."""
    answer = client.get('ASK { "<script>" ! }', Accept=BROWSER)
    tree = page(answer)

    assert answer.status == 400
    assert "Ligne 1" in text_of(next(item for item in tree.iter("div") if item.get("role") == "alert"))
    assert text_of(tree.find(".//textarea")) == 'ASK { "<script>" ! }'
    assert not [script for script in tree.iter("script") if "<" in text_of(script)]


def test_the_empty_form_shows_the_page_again(client: Client) -> None:
    """Pressing the button without a query is no error for a person."""
    assert client.ask("GET", "/sparql?query=&format=html", Accept=BROWSER).status == 200


def test_many_clients_at_once_are_answered_right(client: Client) -> None:
    """Sixty queries from three addresses, each with its own answer."""

    def ask(number: int) -> bool:
        answer = Client(client.port, f"127.0.0.{2 + number % 3}").get(
            f"SELECT ?o {{ <s{number}> ?p ?o }}", "&format=csv"
        )
        return answer.status == 429 or answer.text == f"o\r\nné & <b>{number}</b>\r\n"

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(ask, range(60)))
