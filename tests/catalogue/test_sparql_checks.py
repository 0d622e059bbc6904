"""What is refused before or after the engine, where the mistake is, and in which words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from federation.catalogue.service_description import write
from federation.catalogue.sparql import (
    FORMAT_NAMES,
    OFFERS,
    REASONS,
    Refusal,
    SparqlRequest,
    check,
    choose_format,
    describe_limits,
    explain,
    form_of,
    run,
)
from federation.catalogue.sparql_table import Cell, table
from federation.engines import QueryAnswer, QueryLimits
from federation.engines.query_pool import QueryPool
from federation.errors import QueryRejected

LIMITS = QueryLimits(seconds=5, rows=100, bytes=100_000, memory=500 * 2**20)


@pytest.fixture(scope="module")
def queries() -> Iterator[QueryPool]:
    """Workers over an empty store."""
    pool = QueryPool(lambda: None, size=1, limits=LIMITS, base="http://example.org/")
    yield pool
    pool.close()


def refused(query: str, queries: QueryPool) -> QueryRejected:
    with pytest.raises(QueryRejected) as caught:
        run(SparqlRequest(query), queries, LIMITS)
    return caught.value


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("ASK {", (1, 6)),
        ("ASK {} ASK {}", (1, 8)),
        ("selct * {}", (1, 1)),
        ("PREFIX a: <http://a/>\n  selct * {}", (2, 3)),
        ("PREFIX a <http://a/> SELECT * {}", (1, 8)),
        ("SELECT * wher { ?s ?p ?o }", (1, 10)),
        ("SELECT * {\n  ?s a ?t .\n  ?s ?p\n} LIMIT 10", (4, 1)),
        ("SELECT ?s {\n?s ?p ?o .\nFILTER(?o > 3\n}\nORDER BY ?s", (4, 1)),
        ("SELECT * { ?s ?p ?o } LIMIT x", (1, 29)),
        ("SELECT * { ?s ?p '''a\nb\n''' ?z }", (3, 5)),
        ("SELECT * { ?s ?p 'x'@fr@en }", (1, 24)),
        ("SELECT * { ?s ?p 'é' ; . ! }", (1, 26)),
        ("SELECT * { ?s <a b> ?o }", (1, 19)),
        ("SELECT * {\n ?s foo:bar ?o }", (2, 5)),
        ("SELECT * { FILTER(foo(1)) }", (1, 19)),
        ("# nothing", (1, 1)),
        ("SELECT * { ?s ?p 'never closed }", (1, 18)),
    ],
)
def test_a_mistake_is_placed_where_it_is(queries: QueryPool, query: str, place: tuple[int, int]) -> None:
    """The engine reports how far it looked; the message names the token at which the query stops being valid."""
    error = refused(query, queries)

    assert error.reason == "syntax"
    assert (error.line, error.column) == place


def test_messages_are_plain_sentences_in_both_languages(queries: QueryPool) -> None:
    """What is near, in French and English, and nothing of the engine's own words."""
    text = explain(refused("SELECT * {\n ?s ?p ?o . ! }", queries), LIMITS)

    assert text == {
        "fr": "Ligne 2, colonne 13 : le SPARQL n'est plus valide à partir de « ! ».",
        "en": "Line 2, column 13: the query stops being valid SPARQL at “!”.",
    }


def test_an_undeclared_prefix_is_named(queries: QueryPool) -> None:
    """The commonest mistake has its own advice."""
    text = explain(refused("ASK { ?s foaf:name ?o }", queries), LIMITS)

    assert text["fr"] == (
        "Ligne 1, colonne 10 : le préfixe « foaf: » n'est pas déclaré. Ajoutez PREFIX foaf: <…> au début."
    )


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("SELECT ?x { ?s ?p ?o } GROUP BY ?s", "GROUP BY"),
        ("SELECT * { FILTER(<http://example.org/f>(1)) }", "fonction"),
        ("SELECT * { ?s ?p '\ud800' }", "Unicode"),
    ],
)
def test_mistakes_of_meaning_are_explained(queries: QueryPool, query: str, word: str) -> None:
    """Grammatical queries that mean nothing get a reason too."""
    error = refused(query, queries)

    assert error.reason == "syntax"
    assert word in explain(error, LIMITS)["fr"]


@pytest.mark.parametrize(
    "query", ["LOAD <http://x/>", "insert data { <a> <b> <c> }", "PREFIX a: <a> WITH <x> DELETE {}"]
)
def test_updates_are_refused(query: str) -> None:
    """Nothing that writes reaches the engine."""
    with pytest.raises(Refusal) as caught:
        check(SparqlRequest(query))

    assert caught.value.reason == "update"


def test_calls_of_other_servers_are_refused_with_their_place() -> None:
    """SERVICE has a clear answer, before the operating system's."""
    with pytest.raises(Refusal) as caught:
        check(SparqlRequest("SELECT * {\n  service silent <http://x/> { } }"))

    assert (caught.value.reason, caught.value.line, caught.value.column) == ("forbidden", 2, 3)
    assert "SERVICE" in caught.value.text["fr"]


def test_monsters_are_refused() -> None:
    """A query that is too long or nested too deep never reaches a worker."""
    for query, reason in (("#" * 100_001, "too_large"), (f"ASK {'{' * 300}{'}' * 300}", "syntax")):
        with pytest.raises(Refusal) as caught:
            check(SparqlRequest(query))
        assert caught.value.reason == reason


@pytest.mark.parametrize("iri", ["relative", "", "http://x/ y", "http://x/>", "javascript"])
def test_a_graph_is_named_by_an_absolute_iri(iri: str) -> None:
    """A wrong graph name is the client's mistake."""
    with pytest.raises(Refusal) as caught:
        check(SparqlRequest("ASK {}", default_graphs=(iri,)))

    assert caught.value.reason == "syntax"


def test_every_reason_is_explained_with_its_numbers() -> None:
    """No placeholder is left, numbers are grouped as each language does."""
    limits = QueryLimits(seconds=30, rows=10_000, bytes=20 * 2**20, memory=2**31)
    texts = [explain(QueryRejected(reason, "internal words"), limits) for reason in (*REASONS, "syntax", "other")]

    assert all(set(text) == {"fr", "en"} and "{" not in str(list(text.values())) for text in texts)
    assert not any("internal" in text["en"] for text in texts)
    assert "10 000 lignes ou 20 Mo" in describe_limits(limits)["fr"].replace("\u202f", " ").replace(" et ", " ou ")
    assert "10,000 rows" in describe_limits(limits)["en"]


@pytest.mark.parametrize(
    ("kind", "accept", "name", "html", "chosen"),
    [
        ("bindings", None, None, True, ("application/sparql-results+json", "application/sparql-results+json")),
        ("bindings", "application/json", None, True, ("application/json", "application/sparql-results+json")),
        (
            "bindings",
            "text/html,application/xml;q=0.9,*/*;q=0.8",
            None,
            True,
            ("text/html", "application/sparql-results+json"),
        ),
        ("graph", "text/html", None, True, ("text/html", "application/n-triples")),
        ("graph", None, None, True, ("text/turtle", "text/turtle")),
        ("graph", "application/xml", None, True, ("application/xml", "application/rdf+xml")),
        ("bindings", "text/turtle", None, True, None),
        ("boolean", "text/html", "XML", True, ("application/sparql-results+xml", "application/sparql-results+xml")),
        ("graph", None, "xml", True, ("application/rdf+xml", "application/rdf+xml")),
        ("graph", None, "text/turtle", True, ("text/turtle", "text/turtle")),
        ("bindings", None, "docx", True, None),
        ("bindings", "text/html", None, False, None),
    ],
)
def test_a_format_is_chosen_for_each_kind(
    kind: str, accept: str | None, name: str | None, html: bool, chosen: tuple[str, str] | None
) -> None:
    """The parameter wins over the header; what we cannot write is None."""
    assert choose_format(kind, accept, name, html) == chosen


@pytest.mark.parametrize("kind", OFFERS)
def test_every_format_name_can_be_chosen(kind: str) -> None:
    """No short name promises what is not offered."""
    assert all(choose_format(kind, None, name) for name in FORMAT_NAMES[kind])


def test_the_form_is_found_in_any_letter_case() -> None:
    """Forms are keywords."""
    assert form_of("# x\npreFIX a: <ASK> describe a:b") == "DESCRIBE"


def test_tables_link_only_what_a_browser_may_follow() -> None:
    """Addresses come from partners: a script is no link; languages and datatypes stay with their texts."""
    bindings = QueryAnswer(
        "bindings",
        "application/sparql-results+json",
        b"""{"head":{"vars":["a","b","c"]},"results":{"bindings":[
        {"a":{"type":"uri","value":"https://e.org/"},"b":{"type":"uri","value":"javascript:alert(1)"}},
        {"c":{"type":"literal","value":"caf\\u00e9","xml:lang":"fr"}}]}}""",
        1,
    )
    graph = QueryAnswer(
        "graph", "application/n-triples", '<http://a> <http://b> "a\u2028\\n\\"b\\""@fr .\n'.encode(), 1
    )
    boolean = QueryAnswer("boolean", "application/sparql-results+json", b'{"head":{},"boolean":true}', 1)

    shown = table(bindings)
    assert shown.rows[0] == (Cell("https://e.org/", "https://e.org/"), Cell("javascript:alert(1)"), Cell())
    assert shown.rows[1][2] == Cell("café", language="fr")
    assert table(graph).rows == (
        (Cell("http://a", "http://a"), Cell("http://b", "http://b"), Cell('a\u2028\n"b"', language="fr")),
    )
    assert table(boolean).truth is True


@pytest.mark.parametrize("media_type", sorted(set(OFFERS["graph"].values())))
def test_the_service_description_is_written_in_every_rdf_type(media_type: str) -> None:
    """Endpoint, language, formats and limits, whatever the syntax."""
    body = write("https://commons.example/sparql", LIMITS, media_type).decode()

    assert "https://commons.example/sparql" in body
    assert "SPARQL11Query" in body
    assert "100 rows" in body
