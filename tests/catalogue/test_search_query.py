"""What the index is told of a project, and the search address that holds the whole state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_commons import BASE, Reader, quads
from werkzeug.datastructures import MultiDict

from federation.catalogue.search import SearchQuery, document
from federation.catalogue.statistics import Totals, totals
from federation.catalogue.words import Words
from federation.engines import Document, SearchRequest
from federation.engines.search_memory import MemorySearch
from federation.model import to_lines
from federation.vocabulary import load


@pytest.fixture(scope="module")
def words() -> Words:
    """The tables of the real vocabulary."""
    return Words.of(load())


def lines_of(pid: str) -> tuple[str, str]:
    """IRI and content of a merged project of the sample."""
    iri = f"{BASE}/id/projet/{pid}"
    return iri, to_lines(Reader(quads()).describe([iri])[iri])


def test_a_document_holds_what_is_searched_and_filtered(words: Words) -> None:
    """Titles of all languages, texts, keywords with theme labels, places, codes with broader ones, partners, points."""
    made = document(*lines_of("p1"), words)

    assert made.title.splitlines() == ["Graine(s) de troc", "Seed swap"]
    assert "Partout en France." in made.text
    assert {"semences", "troc", "Agriculture et alimentation", "Agriculture and food"} <= set(made.keywords)
    assert {"AGR", "BIO", "sust_env"} <= set(made.themes)
    assert (made.publics, made.status, made.partners) == (("ALL",), ("running",), ("avise", "fonda"))
    assert set(made.places) == {"La Rochelle", "17000"}
    assert set(made.territories) == {"com-17300", "dep-17"}
    assert made.points == ((-1.15, 46.16),)


def test_a_document_names_the_holder(words: Words) -> None:
    """The carrier's name is searched as such; a job's name is not the title."""
    made = document(*lines_of("p2"), words)

    assert made.holders == ("Association Roule",)
    assert made.title == "Garage solidaire"
    assert "Trouver un local." in made.text


def test_a_document_holds_every_name_that_records_say(words: Words) -> None:
    """The one of a merged project, and those that its other records say."""
    iri = f"{BASE}/id/projet/z"
    names = (("name", '"Jardin des sens"@fr'), ("alternateName", '"La Bêche"@fr'))
    lines = to_lines([(f"<{iri}>", f"<http://schema.org/{name}>", value) for name, value in names])

    made = document(iri, lines, words)

    assert (made.title, made.keywords) == ("Jardin des sens", ("La Bêche",))


def test_a_strange_project_still_makes_a_document(words: Words) -> None:
    """Unknown concepts, unreadable coordinates and escapes neither stop nor break the index."""
    iri = f"{BASE}/id/projet/z"
    lines = to_lines(
        [
            (f"<{iri}>", "<http://schema.org/name>", '"Un \\"mot\\"\\n@fr"@fr'),
            (f"<{iri}>", "<http://purl.org/dc/terms/subject>", "<https://w3id.org/carrefour/theme/NOPE>"),
            (f"<{iri}#p>", "<http://schema.org/latitude>", '"nord"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
        ]
    )

    assert document(iri, lines, words) == Document(id=iri, title='Un "mot"\n@fr', text="")


def test_totals_come_from_the_index() -> None:
    """Projects, and partners with at least one."""
    index = MemorySearch()
    index.update([Document("a", "", "", partners=("x", "y")), Document("b", "", "", partners=("x",))], [], 1)

    assert totals(index) == Totals(2, 2)


# -- the query --------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)
ARGUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["q", "theme", "domaine", "contributeur", "page", "par", "graine", "unknown"]),
        st.one_of(TEXT, st.sampled_from(["AGR", "2", "50", "2026-01-01", "-1", "99999999999999"])),
    ),
    max_size=12,
)


@given(ARGUMENTS)
def test_the_canonical_address_means_the_same(arguments: list[tuple[str, str]]) -> None:
    """Any address: parse, write, parse gives the same query; writing is sorted, without defaults and empties."""
    query = SearchQuery.parse(arguments)

    written = query.arguments()

    assert SearchQuery.parse(written) == query
    assert written == sorted(written)
    assert all(value for _, value in written)
    assert ("page", "1") not in written
    assert ("par", "20") not in written


def test_the_query_becomes_a_request() -> None:
    """Keys of the address are those of the index's facets; pages become offsets."""
    query = SearchQuery.parse(
        MultiDict(
            [("q", " jardin  partagé "), ("theme", "AGR"), ("contributeur", "avise"), ("page", "3"), ("par", "50")]
        ).items(multi=True)
    )

    assert query.request(("theme",)) == SearchRequest(
        "jardin partagé", {"theme": ("AGR",), "partner": ("avise",)}, ("theme",), 100, 50, ""
    )


def test_a_filter_is_taken_away_and_the_page_starts_again() -> None:
    """Removing one value keeps the others; removing the text keeps the filters; the page goes back to 1."""
    query = SearchQuery.parse([("q", "x"), ("theme", "AGR"), ("theme", "MOB"), ("page", "4")])

    assert query.without("theme", "AGR").encoded() == "q=x&theme=MOB"
    assert query.without("q", "").encoded() == "theme=AGR&theme=MOB"


def test_limits_hold() -> None:
    """A box of a megabyte, thousands of values, a page of a billion: all cut."""
    query = SearchQuery.parse(
        [("q", "a" * 10**6), ("page", "999999999"), *[("theme", f"T{n}" * 90) for n in range(5000)]]
    )

    assert len(query.text) == 400
    assert len(query.themes) <= 50
    assert all(len(value) <= 100 for value in query.themes)
    assert query.page == 100_000


def test_the_sentence_says_the_search_in_both_languages() -> None:
    """Numbers, quotes and enumerations as each language writes them."""
    query = SearchQuery.parse([("q", "jardin"), ("theme", "AGR"), ("theme", "MOB"), ("contributeur", "avise")])
    names = {"AGR": "Agriculture", "MOB": "Mobilité", "avise": "Avise"}

    def name(_key: str, value: str) -> str:
        return names[value]

    assert query.sentence("fr", 1280, name) == (
        "1\u202f280 projets avec «\u00a0jardin\u00a0» sur le thème Agriculture ou Mobilité chez Avise"
    )
    assert query.sentence("en", 1, name) == "1 project with “jardin” on the theme Agriculture or Mobilité from Avise"
    assert SearchQuery().sentence("fr", 0, name) == "Aucun projet"
