"""Behaviour of every SearchIndex: the same suite over Tantivy and over the plain Python oracle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.engines import Document, SearchIndex, SearchRequest
from federation.engines.search_memory import MemorySearch
from federation.engines.search_order import counted_for, fair_order
from federation.engines.search_tantivy import TantivySearch

BASE = "http://c.example/id/projet/"


def project(name: str, title: str = "Projet", text: str = "", **more: tuple[str, ...]) -> Document:
    """A document with short names for what a test is about."""
    return Document(id=BASE + name, title=title, text=text, **more)  # type: ignore[arg-type]


def names(ids: tuple[str, ...]) -> list[str]:
    """Last segments of project IRIs."""
    return [one.removeprefix(BASE) for one in ids]


@pytest.fixture(params=["tantivy", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchIndex]:
    """An empty index of each implementation."""
    made: SearchIndex = TantivySearch(tmp_path / "search", threads=1) if request.param == "tantivy" else MemorySearch()
    yield made
    made.close()


def found(index: SearchIndex, text: str, **filters: list[str]) -> set[str]:
    """Names of the projects that a search box and filters find."""
    return set(names(index.search(SearchRequest(text=text, filters=filters, limit=100)).ids))


def test_an_empty_index_finds_nothing(index: SearchIndex) -> None:
    """A fresh index is at change 0, has no project and counts nothing."""
    page = index.search(SearchRequest(facets=("theme",), seed="2026-01-01"))

    assert (page.ids, page.total, page.facets, index.seq) == ((), 0, {"theme": {}}, 0)


def test_all_words_are_required(index: SearchIndex) -> None:
    """Two words find only what has both, in any field."""
    index.update([project("a", "Jardin", "partagé"), project("b", "Jardin"), project("c", text="partagé")], [], 1)

    assert found(index, "jardin partagé") == {"a"}


@pytest.mark.parametrize(
    "query",
    ["jardins", "JARDIN", "l'école", "école", "ECOLE", "ecoles", "oeuvre", "œuvres", "l’œuvre", "e\u0301cole", "agees"],
)
def test_french_forms_find_each_other(index: SearchIndex, query: str) -> None:
    """Plurals, case, accents, elisions, ligatures, typographic apostrophes and decomposed letters do not matter."""
    index.update([project("a", "Le jardin de l’école", "Des œuvres pour personnes âgées"), project("b", "Vélo")], [], 1)

    assert found(index, query) == {"a"}


def test_empty_words_are_not_required(index: SearchIndex) -> None:
    """ "le jardin de la ville" does not ask for "le", "de" and "la"; alone, such a word is asked for."""
    index.update([project("a", "Jardin, ville"), project("b", "Par la fenêtre")], [], 1)

    assert found(index, "le jardin de la ville") == {"a"}
    assert found(index, "la") == {"b"}


def test_a_phrase_is_found_in_order_and_inside_one_value(index: SearchIndex) -> None:
    """Quoted words must follow each other, in one value; the elided article between them counts as a place."""
    index.update(
        [
            project("a", "Le jardin partagé de Lyon"),
            project("b", "Partagé, le jardin"),
            project("c", keywords=("grand jardin", "partagé")),
            project("d", "Chef d'orchestre"),
        ],
        [],
        1,
    )

    assert found(index, '"jardin partagé"') == {"a"}
    assert found(index, "« chef d’orchestre »") == {"d"}
    assert found(index, '"chef orchestre"') == set()


def test_a_minus_excludes(index: SearchIndex) -> None:
    """-word leaves out what has the word; alone it keeps all the rest; a hyphen inside a word is no minus."""
    index.update([project("a", "Jardin urbain"), project("b", "Jardin"), project("c", "Porte-à-porte")], [], 1)

    assert found(index, "jardin -urbain") == {"b"}
    assert found(index, "-jardin") == {"c"}
    assert found(index, "porte-à-porte") == {"c"}


def test_every_text_field_is_searched(index: SearchIndex) -> None:
    """Title, text, keywords, holders and places all answer."""
    index.update(
        [project("a", "x", "boulangerie", keywords=("semence",), holders=("Emmaüs",), places=("Reims",))], [], 1
    )

    for word in ("boulangerie", "semences", "emmaus", "reims"):
        assert found(index, word) == {"a"}


def test_the_title_outranks_the_text(index: SearchIndex) -> None:
    """A word in the title comes before the same word in a keyword, then in a place, then in the text."""
    plain = {"title": "autre", "text": "rien", "keywords": ("divers",), "places": ("Lyon",)}
    said = {"text": "mobilité", "places": ("mobilité",), "keywords": ("mobilité",), "title": "mobilité"}
    index.update([project(field, **{**plain, field: value}) for field, value in said.items()], [], 1)  # type: ignore[arg-type]

    assert names(index.search(SearchRequest(text="mobilité")).ids) == ["title", "keywords", "places", "text"]


def test_the_exact_form_outranks_the_stem(index: SearchIndex) -> None:
    """Between two equal titles, the one with the very word comes first."""
    index.update([project("plural", "jardins"), project("exact", "jardin")], [], 1)

    assert names(index.search(SearchRequest(text="jardin")).ids) == ["exact", "plural"]


def test_filters_are_or_inside_and_across(index: SearchIndex) -> None:
    """Two themes widen, a theme and a partner narrow; an unknown filter name changes nothing."""
    index.update(
        [
            project("a", themes=("AGR", "sust_env"), partners=("avise",)),
            project("b", themes=("MOB",), partners=("avise",)),
            project("c", themes=("MOB",), partners=("fonda",)),
        ],
        [],
        1,
    )

    assert found(index, "", theme=["AGR", "MOB"], partner=["avise"]) == {"a", "b"}
    assert found(index, "", domain=["sust_env"], theme=["AGR"]) == {"a"}
    assert found(index, "", nonsense=["x"]) == {"a", "b", "c"}
    assert found(index, "", theme=["ZZZ"]) == set()


def test_each_facet_is_counted_without_its_own_filter(index: SearchIndex) -> None:
    """Choosing a theme keeps the counts of the other themes, and narrows those of the partners."""
    index.update(
        [
            project("a", themes=("AGR",), partners=("avise",)),
            project("b", themes=("MOB",), partners=("avise", "fonda")),
            project("c", themes=("MOB",), partners=("fonda",)),
        ],
        [],
        1,
    )

    page = index.search(SearchRequest(filters={"theme": ["AGR"]}, facets=("theme", "partner", "nonsense")))

    assert page.total == 1
    assert page.facets == {"theme": {"AGR": 1, "MOB": 2}, "partner": {"avise": 1}, "nonsense": {}}


def test_a_document_is_replaced_removed_and_cleared(index: SearchIndex) -> None:
    """The index follows the log: the last word counts, applying a batch twice changes nothing, clearing forgets."""
    index.update([project("a", "Jardin"), project("b", "Jardin")], [], 1)
    for _ in range(2):
        index.update([project("a", "Vélo")], [BASE + "b", BASE + "never"], 2)

    assert (found(index, "jardin"), found(index, "vélo"), index.seq) == (set(), {"a"}, 2)

    index.clear()

    assert (found(index, ""), index.seq) == (set(), 0)
    index.update([project("c")], [], 3)
    assert found(index, "") == {"c"}


def test_all_documents_are_replaced_in_one_step(index: SearchIndex) -> None:
    """What is not given any more is gone, and the state reached is the one given."""
    index.update([project("a", "Jardin"), project("b", "Ruche")], [], 1)
    assert found(index, "") == {"a", "b"}

    index.replace([project("b", "Verger"), project("c", "Jardin")], 5)

    assert (found(index, "jardin"), found(index, "ruche"), found(index, "verger")) == ({"c"}, set(), {"b"})
    assert index.seq == 5


def test_pages_fit_together(index: SearchIndex) -> None:
    """Pages of one seed, with and without text, are disjoint and complete, also when every score is equal."""
    index.update([project(f"p{n}", "Jardin", partners=(f"s{n % 7}",)) for n in range(300)], [], 1)

    for text in ("", "jardin"):
        pages = [index.search(SearchRequest(text=text, offset=at, limit=20, seed="s")).ids for at in range(0, 320, 20)]
        flat = [one for page in pages for one in page]
        assert len(flat) == len(set(flat)) == 300
        assert pages[-1] == ()
        other = index.search(SearchRequest(text=text, limit=20, seed="another day")).ids
        assert other != pages[0]


def test_the_default_order_is_fair(index: SearchIndex) -> None:
    """Among the first N, while K contributors have projects left, none has more than ceil(N / K)."""
    sizes = {"huge": 200, "middle": 30, "small": 3, "tiny": 1}
    partners_of = {f"{name}{n}": (name,) for name, size in sizes.items() for n in range(size)}
    partners_of["shared"] = ("huge", "tiny")
    index.update([project(name, partners=partners) for name, partners in partners_of.items()], [], 1)

    order = names(index.search(SearchRequest(limit=500, seed="2026-03-01")).ids)

    assert_fair(order, partners_of, "2026-03-01")


def assert_fair(order: list[str], partners_of: dict[str, tuple[str, ...]], seed: str) -> None:
    """Check the published bound on every prefix."""
    owner = {name: counted_for(seed, BASE + name, partners) for name, partners in partners_of.items()}
    size = Counter(owner.values())
    assert sorted(order) == sorted(partners_of)
    for end in range(1, len(order) + 1):
        taken = Counter(owner[name] for name in order[:end])
        alive = sum(1 for partner in size if taken[partner] < size[partner])
        if alive == len(size):
            assert max(taken.values()) <= math.ceil(end / alive)
        live = [taken[partner] for partner in size if taken[partner] < size[partner]]
        assert max(taken.values()) <= min(live, default=max(taken.values())) + 1


PARTNERS = st.lists(st.sampled_from("abcde"), max_size=3, unique=True).map(tuple)


@given(st.dictionaries(st.integers(0, 500).map(str), PARTNERS, max_size=80), st.text(max_size=10))
def test_the_shuffle_is_fair_for_any_mix(partners_of: dict[str, tuple[str, ...]], seed: str) -> None:
    """The bound holds for any sizes, any shared projects, any seed."""
    order = fair_order(seed, [(BASE + name, partners) for name, partners in partners_of.items()])

    assert_fair(names(tuple(order)), partners_of, seed)


WORDS = st.sampled_from(
    [
        "jardin",
        "jardins",
        "Jardiner",
        "l'école",
        "écoles",
        "œuvre",
        "oeuvres",
        "santé",
        "sante",
        "d’été",
        "arc-en-ciel",
        "la",
        "de",
        "2017",
        "ÉNERGIE",
        "vélo",
        "co-working",
        "aujourd'hui",
        "R&D",
        "…",
        "n°3",
    ]
)
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
CODES = st.lists(st.sampled_from(["AGR", "MOB", "HAB", "sust_env"]), max_size=3).map(tuple)
DOCUMENTS = st.builds(
    Document,
    id=st.integers(0, 12).map(lambda n: f"{BASE}{n}"),
    title=TEXTS,
    text=TEXTS,
    keywords=st.lists(TEXTS, max_size=2).map(tuple),
    holders=st.lists(TEXTS, max_size=1).map(tuple),
    themes=CODES,
    partners=PARTNERS,
)
PIECES = st.one_of(
    WORDS, WORDS.map("-{}".format), st.lists(WORDS, min_size=1, max_size=3).map(lambda w: f'"{" ".join(w)}"')
)
QUERIES = st.one_of(st.lists(PIECES, max_size=3).map(" ".join), st.text(max_size=12))
FILTERS = st.fixed_dictionaries(
    {}, optional={"theme": CODES.map(list), "partner": PARTNERS.map(list), "domain": st.just(["sust_env"])}
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], TantivySearch]]:
    """One Tantivy index, emptied between examples."""
    index = TantivySearch(tmp_path_factory.mktemp("property") / "search", threads=1)

    def emptied() -> TantivySearch:
        index.clear()
        return index

    yield emptied
    index.close()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DOCUMENTS, max_size=12), st.lists(st.tuples(QUERIES, FILTERS), min_size=1, max_size=6))
def test_tantivy_agrees_with_the_oracle(
    fresh: Callable[[], TantivySearch], documents: list[Document], asked: list[tuple[str, dict[str, list[str]]]]
) -> None:
    """Any documents, any query: same total, same facet counts, same set; without words, the same order."""
    tantivy, memory = fresh(), MemorySearch()
    unique = list({one.id: one for one in documents}.values())
    for index in (tantivy, memory):
        index.update(unique, [], 1)

    for text, filters in asked:
        request = SearchRequest(text, filters, ("theme", "partner", "domain"), 0, 50, "2026-01-01")
        one, other = tantivy.search(request), memory.search(request)
        assert (one.total, one.facets, set(one.ids)) == (other.total, other.facets, set(other.ids))
        if not text:
            assert one.ids == other.ids


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("vélo", "vélos"),
        ("lieu", "lieux"),
        ("jeu", "jeux"),
        ("tissu", "tissus"),
        ("ami", "amis"),
        ("local", "locaux"),
        ("réseau", "réseaux"),
        ("travail", "travaux"),
        ("école", "écoles"),
        ("villageois", "villageoise"),
        ("eau", "eaux"),
    ],
)
def test_singular_and_plural_find_each_other(index: SearchIndex, one: str, many: str) -> None:
    """Short French words, too, in both directions, with and without accents; the form asked for comes first."""
    index.update([project("singular", one), project("plural", many)], [], 1)

    for asked in (one, one.replace("é", "e")):
        assert names(index.search(SearchRequest(text=asked)).ids) == ["singular", "plural"]
    for asked in (many, many.replace("é", "e")):
        assert names(index.search(SearchRequest(text=asked)).ids) == ["plural", "singular"]


def test_words_that_end_like_plurals_are_found_as_they_are(index: SearchIndex) -> None:
    """A word that is no plural keeps being found, and short ones are not cut."""
    index.update([project(word, word) for word in ("bois", "bus", "prix", "noix", "mois")], [], 1)

    for word in ("bois", "bus", "prix", "noix", "mois"):
        assert names(index.search(SearchRequest(text=word)).ids) == [word]
    assert not index.search(SearchRequest(text="bu")).total
