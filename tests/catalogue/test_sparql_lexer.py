"""The lexer sees keywords where the grammar has them, and nowhere else."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.sparql import MOST_CHARACTERS
from federation.catalogue.sparql_lexer import (
    Kind,
    called_services,
    outline,
    position,
    spread,
    tokens,
    undeclared,
    with_limit,
)

INNOCENT = [
    'SELECT * { ?s ?p "SERVICE <http://x/> { }" }',
    "SELECT * { ?s ?p 'it\\'s SERVICE' }",
    "SELECT * { ?s ?p '''SERVICE ' '' SERVICE''' }",
    'SELECT * { ?s ?p """SERVICE " "" \\""" SERVICE""" }',
    "# SERVICE <http://x/>\nSELECT * { ?s ?p ?o } # service",
    "SELECT ?service $SERVICE { ?service ?p $SERVICE }",
    "PREFIX ex: <http://x/> SELECT * { ?s ex:SERVICE ?o }",
    "PREFIX service: <http://x/> SELECT * { ?s service:a service: }",
    "PREFIX ex: <http://x/> SELECT * { ?s ex:a.SERVICE ex:b-SERVICE, ex:c\\-SERVICE, ex:%20SERVICE }",
    "SELECT * { ?s <http://x/SERVICE> ?o }",
    "SELECT * { ?s <http://x/#SERVICE> ?o }",
    "SELECT * { _:SERVICE ?p ?o }",
    'SELECT * { ?s ?p "x"@service }',
]
GUILTY = [
    "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { service silent <http://x/> { ?s ?p ?o } }",
    "SELECT * {SERVICE<http://x/>{}}",
    "SELECT * { ?s ?p ?o.SERVICE ?s { } }",
    "SELECT * { { SELECT * { { ?s ?p 'a'.SeRvIcE <http://x/> { } } } } }",
    "SELECT * { ?s ?p '''a''' # '''\n SERVICE <http://x/> { } }",
    'SELECT * { ?s ?p "\\\\" SERVICE <http://x/> { } . ?a ?b "" }',
    "SELECT * { FILTER(?a < 3) SERVICE <http://x/> { } FILTER(?b > 3) }",
    "PREFIX ex: <http://x/> ASK { ex:a ex:b ex:c. SERVICE ex:d { } }",
    "SELECT * { ?s ?p 1. SERVICE <http://x/> { } }",
    "ASK { FILTER EXISTS { SERVICE <http://x/> { } } }",
]


@pytest.mark.parametrize("query", INNOCENT)
def test_service_in_names_texts_and_comments_is_no_call(query: str) -> None:
    """Only a keyword calls another server."""
    assert not list(called_services(tokens(query)))


@pytest.mark.parametrize("query", GUILTY)
def test_every_call_of_a_service_is_seen(query: str) -> None:
    """In any letter case, nested as deep as may be, with or without white space."""
    assert len(list(called_services(tokens(query)))) == 1


@pytest.mark.parametrize("query", GUILTY[:-1])
def test_the_guilty_queries_are_valid(query: str) -> None:
    """The cases above are real queries for the engine: they fail only for want of a server."""
    ask = query.replace("http://x/", "ftp://x/")
    try:
        ox.Store().query(ask)
    except SyntaxError:
        pytest.fail("not valid SPARQL")
    except (OSError, RuntimeError):
        pass


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("select * {}", "SELECT"),
        ("  # ASK\n base <http://ASK/> prefix ask: <http://x/ASK> Construct { } where { }", "CONSTRUCT"),
        ("PREFIX : <http://x/>PREFIX a: <http://x/a>DESCRIBE a:b", "DESCRIBE"),
        ("prefix x:<…ASK…> DESCRIBE x:y", "DESCRIBE"),
        ("LOAD <http://x/>", "LOAD"),
        ("", ""),
        ("PREFIX", "PREFIX"),
        ("<http://x/>", ""),
    ],
)
def test_the_form_stands_behind_the_prologue(query: str, form: str) -> None:
    """Letter case, comments and names like a form do not deceive."""
    assert outline(tokens(query)).form == form


def test_the_outline_knows_what_changes_by_itself() -> None:
    """An answer with the time or chance in it is another one each time; a variable of that name is not."""
    assert outline(tokens("SELECT ?now { ?now ?rand 'NOW()' }")).stable
    assert not outline(tokens("SELECT (now() AS ?t) {}")).stable
    assert not outline(tokens("SELECT * { BIND(struuid() AS ?t) }")).stable


@pytest.mark.parametrize(
    ("query", "limited"),
    [
        ("SELECT * { ?s ?p ?o }", "SELECT * { ?s ?p ?o }\nLIMIT 9"),
        ("SELECT * { ?s ?p ?o } limit 5", "SELECT * { ?s ?p ?o } limit 5"),
        ("SELECT * { ?s ?p ?o } OFFSET 2 LIMIT 5", "SELECT * { ?s ?p ?o } OFFSET 2 LIMIT 5"),
        ("SELECT * { { SELECT * { } LIMIT 5 } }", "SELECT * { { SELECT * { } LIMIT 5 } }\nLIMIT 9"),
        ("SELECT * { } VALUES ?x { 1 }", "SELECT * { } LIMIT 9 VALUES ?x { 1 }"),
        ("SELECT * { VALUES ?x { 1 } } # end", "SELECT * { VALUES ?x { 1 } } # end\nLIMIT 9"),
        ("SELECT (COUNT(*) AS ?n) { } GROUP BY ?g HAVING (?n > 1)", None),
        ("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } ORDER BY ?s", None),
        ("CONSTRUCT WHERE { ?s ?p ?o }", None),
    ],
)
def test_a_limit_is_added_only_where_there_is_none(query: str, limited: str | None) -> None:
    """The limit belongs to the whole query, stands before final VALUES, and leaves valid SPARQL."""
    given_limit = with_limit(query, 9)

    assert given_limit == (limited if limited is not None else f"{query}\nLIMIT 9")
    ox.Store().query(given_limit)


def test_an_undeclared_prefix_is_found() -> None:
    """The first name whose prefix is not declared, be it the empty one."""
    found = tokens("PREFIX ex: <http://x/> SELECT * { ex:a ?p :b . ?s foo:c ?o }")

    token = undeclared(found, outline(found).prefixes)

    assert token is not None
    assert token.text == ":b"


def test_positions_count_from_one() -> None:
    """Lines and columns as editors show them."""
    assert position("a\nbc", 0) == (1, 1)
    assert position("a\nbc", 3) == (2, 2)


@pytest.mark.parametrize("query", [*INNOCENT, *GUILTY])
def test_a_spread_query_means_the_same(query: str) -> None:
    """Setting tokens apart leaves the query as valid as it was, and each token on its line."""

    def valid(text: str) -> bool:
        try:
            ox.Store().query(text.replace("http://x/", "ftp://x/"))
        except SyntaxError:
            return False
        except (OSError, RuntimeError):
            return True
        return True

    found = tokens(query)
    text, starts = spread(found)

    assert valid(text) == valid(query)
    lines = text.split("\n")
    assert all(lines[line - 1].find(token.text.split("\n")[0]) >= 0 for token, line in zip(found, starts, strict=True))


@given(st.text(max_size=80) | st.text(st.sampled_from("{}()<>\"'\\?:#@a.1 \n|^é"), max_size=80))
def test_nothing_breaks_the_lexer_and_nothing_is_lost(query: str) -> None:
    """Whatever comes in, the tokens and what lies between them are the query again."""
    found = tokens(query)

    at = 0
    for token in found:
        gap = query[at : token.start]
        assert all(line.strip(" \t\r\n") == "" or "#" in line for line in gap.splitlines())
        assert query[token.start :].startswith(token.text)
        at = token.start + len(token.text)
    assert {token.kind for token in found} <= set(Kind)


@pytest.mark.parametrize("piece", ["a.", "<a", "'''", '"', "<\\u0000", ":\\-.", "a:b.", "((((", "#", "?", "1e", "_:a."])
def test_the_longest_query_is_cut_without_loss(piece: str) -> None:
    """Pieces that invite a pattern to look ever further leave nothing out; how long it takes, bench.parts tells."""
    query = piece * (MOST_CHARACTERS // len(piece))

    found = tokens(query)

    assert "".join(token.text for token in found) == ("" if piece == "#" else query)
