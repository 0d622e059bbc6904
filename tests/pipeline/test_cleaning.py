"""Cleaning: what becomes of one raw value, by kind."""

from __future__ import annotations

from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.model import literal, text_literal, typed
from federation.pipeline.cleaning import (
    Problem,
    clean_boolean,
    clean_commune,
    clean_country,
    clean_date,
    clean_iri,
    clean_number,
    clean_organisation,
    clean_point,
    clean_postcode,
    clean_text,
    iris,
    normal_address,
)
from federation.pipeline.cleaning.text import LONGEST, is_missing


def rules(problems: list[Problem]) -> list[str]:
    """The rules that fired."""
    return [problem.rule for problem in problems]


# Text


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>Un <b>jardin</b></p><p>et&nbsp;un four</p>", "Un jardin\n\net un four"),
        ("a<br/>b", "a\n\nb"),
        ("Bonjour<script>alert(1)</script>", "Bonjour"),
        ('<iframe src="https://x.example"></iframe>vu', "vu"),
        ("&lt;p&gt;deux fois&lt;/p&gt;", "deux fois"),
        ("3 < 5 & 7 > 2", "3 < 5 & 7 > 2"),
        ("un\r\n\r\n\r\n deux\ntrois  quatre", "un\n\ndeux trois quatre"),
        ("e\u0301cole", "école"),
        ("a\u0000b\u200bc\u2028d", "abc d"),
        ("👩‍🌾 ferme", "👩‍🌾 ferme"),
        (75011, "75011"),
        (12.0, "12"),
    ],
)
def test_text_is_plain_and_in_one_form(raw: Any, expected: str) -> None:
    """Markup, entities, decomposed accents and odd spaces are brought to plain text."""
    assert clean_text(raw, []) == expected


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "raw", ["", " ", "NA", "NR ", "n/a", "null", "default", "-", "------", "#N/D", None, [], "<p></p>", "&nbsp;"]
)
def test_words_for_nothing_are_missing(raw: Any) -> None:
    """What partners write in an empty cell reads as nothing."""
    assert clean_text(raw, []) is None


@pytest.mark.fault(9)
def test_double_encoded_text_is_reported_and_mended_only_on_demand() -> None:
    """The source must opt in before a text is changed."""
    problems: list[Problem] = []

    kept, mended = clean_text("Trie-ChÃ¢teau", problems), clean_text("Trie-ChÃ¢teau", [], repair=True)

    assert (kept, mended, rules(problems)) == ("Trie-ChÃ¢teau", "Trie-Château", ["text-double-encoded"])


@pytest.mark.fault(9)
def test_lost_characters_and_lone_surrogates_are_reported() -> None:
    """U+FFFD tells of a wrong charset; a lone surrogate becomes one."""
    problems: list[Problem] = []

    assert clean_text("caf\ufffd \ud800", problems) == "caf\ufffd \ufffd"
    assert rules(problems) == ["text-damaged"]


@given(st.text())
def test_cleaning_a_text_twice_changes_nothing_more(raw: str) -> None:
    """Plain text that came out goes in and out again unchanged, unless it looks like markup."""
    once = clean_text(raw, [])

    if once is not None and "<" not in once and "&" not in once:
        assert clean_text(once, []) == once


# Dates


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2012", ("year", "2012")),
        (2012, ("year", "2012")),
        ("2012-3", ("month", "2012-03")),
        ("2012-03-04", ("date", "2012-03-04")),
        ("04/07/2020", ("date", "2020-07-04")),
        ("4.7.2020", ("date", "2020-07-04")),
        ("05/05/2021 14:29:42", ("datetime", "2021-05-05T14:29:42")),
        ("2021-05-05T10:00:00+0200", ("datetime", "2021-05-05T10:00:00+02:00")),
        ("2021-05-05T10:00:00.500+00:00", ("datetime", "2021-05-05T10:00:00Z")),
        ("Tue, 10 Nov 2020 10:00:00 +0100", ("datetime", "2020-11-10T09:00:00Z")),
        ("mars 2021", ("month", "2021-03")),
        ("1er janvier 2020", ("date", "2020-01-01")),
        ("lundi 3 février 2020", ("date", "2020-02-03")),
    ],
)
def test_a_date_keeps_the_precision_it_was_given(raw: Any, expected: tuple[str, str]) -> None:
    """A year stays a year, a month a month; day comes before month."""
    assert clean_date(raw, "fr", []) == expected


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "raw",
    [
        "31/02/2024",
        "2024-02-31",
        "20266",
        "hier",
        "demain",
        "il y a 2 ans",
        "le 3 mars",
        "13/2020",
        "２０２０",
        True,
        {},
    ],
)
def test_what_is_no_date_is_reported_and_never_guessed(raw: Any) -> None:
    """Impossible, relative and partial dates give nothing."""
    problems: list[Problem] = []

    assert clean_date(raw, "fr", problems) is None
    assert rules(problems) == (["date-unreadable"] if raw else [])


# Numbers and points


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1 234,56", "1234.56"),
        ("12 000 €", "12000"),
        ("1,234,567", "1234567"),
        (7, "7"),
        (1e-7, "0.0000001"),
        ("-0,5", "-0.5"),
    ],
)
def test_numbers_are_read_as_the_french_write_them(raw: Any, expected: str) -> None:
    """Decimal commas, spaces of any width and a euro sign are understood."""
    assert clean_number(raw, []) == expected


@pytest.mark.parametrize("raw", ["12 k€", "1e5", float("inf"), float("nan"), "deux", True, [1]])
def test_what_is_no_number_is_reported(raw: Any) -> None:
    """Nothing is guessed from words, exponents or infinities."""
    problems: list[Problem] = []

    assert clean_number(raw, problems) is None
    assert rules(problems) == ["number-unreadable"]


def test_yes_and_no_in_two_languages() -> None:
    """The usual words for yes and no are read, others reported."""
    problems: list[Problem] = []

    assert [clean_boolean(raw, problems) for raw in ("Oui", "no", 1, "peut-être")] == [True, False, True, None]
    assert rules(problems) == ["boolean-unreadable"]


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("latitude", "longitude", "postcode", "area", "expected", "said"),
    [
        ("48,83", "2.36", None, None, ("48.83", "2.36"), []),
        (0, 0, None, None, None, ["point-null"]),
        ("2.36", "48.83", "75011", None, ("48.83", "2.36"), ["point-swapped"]),
        ("2.36", "48.83", None, "FR", ("48.83", "2.36"), ["point-swapped"]),
        ("3.08", "45.77", None, None, ("3.08", "45.77"), ["point-doubtful"]),
        ("45.77", "3.08", None, None, ("45.77", "3.08"), []),
        ("2.36", "48.83", "97400", None, ("2.36", "48.83"), []),
        ("-20.88", "55.45", "97400", "FR", ("-20.88", "55.45"), []),
        ("35.77", "10.82", None, "FR", ("35.77", "10.82"), ["point-outside"]),
        ("abc", "2", None, None, None, ["point-unreadable"]),
        ("48.8", "", None, None, None, ["point-unreadable"]),
        ("", "", None, None, None, []),
        ("999", "999", None, None, None, ["point-unreadable"]),
    ],
)
def test_points_are_repaired_only_when_certain(
    latitude: Any, longitude: Any, postcode: str | None, area: Any, expected: Any, said: list[str]
) -> None:
    """Exchanged axes are put right if the postcode or the area proves it; (0, 0) is an empty cell."""
    problems: list[Problem] = []

    assert clean_point(latitude, longitude, postcode, area, problems) == expected
    assert rules(problems) == said


# Codes


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("raw", "expected", "said"),
    [
        ("01000", "01000", []),
        (1000, "01000", ["postcode-zero"]),
        ("2920", "02920", ["postcode-zero"]),
        ("1000.0", "01000", ["postcode-zero"]),
        ("75 011", "75011", []),
        ("SW1A 1AA", "SW1A 1AA", []),
        ("Paris", None, ["postcode-unreadable"]),
    ],
)
def test_postcodes_are_text_and_get_their_zero_back(raw: Any, expected: str | None, said: list[str]) -> None:
    """A spreadsheet's 1000 is Bourg-en-Bresse."""
    problems: list[Problem] = []

    assert clean_postcode(raw, problems) == expected
    assert rules(problems) == said


@pytest.mark.fault(23)
def test_corsican_and_overseas_communes() -> None:
    """INSEE codes have letters in Corsica and no fewer than five characters."""
    assert [clean_commune(raw, []) for raw in ("2a004", "97411", 1004, "123456")] == ["2A004", "97411", "01004", None]


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("raw", "expected", "said"),
    [
        ("22\u202f740\u202f001\u202f700\u202f074", ("siret", "22740001700074"), []),
        ("775 670 417", ("siren", "775670417"), []),
        ("0009:22740001700074", ("siret", "22740001700074"), []),
        ("35600000049837", ("siret", "35600000049837"), []),  # La Poste: sum of digits, not Luhn
        ("W751234567", ("rna", "W751234567"), []),
        ("1", None, ["organisation-placeholder"]),
        ("00000000000000", None, ["organisation-placeholder"]),
        ("123456789", None, ["organisation-check"]),
        ("12345", None, ["organisation-unreadable"]),
    ],
)
def test_organisation_numbers_are_checked(raw: str, expected: Any, said: list[str]) -> None:
    """Narrow spaces go, check digits count, placeholders are dropped."""
    problems: list[Problem] = []

    assert clean_organisation(raw, problems) == expected
    assert rules(problems) == said


def test_countries_by_code_or_usual_name() -> None:
    """FRANCE, france and FR are one country; what is none is reported."""
    problems: list[Problem] = []

    assert [clean_country(raw, problems) for raw in ("FRANCE", "FR", "Pays-Bas", "Toulouse")] == [
        "FR",
        "FR",
        "NL",
        None,
    ]
    assert rules(problems) == ["country-unreadable"]


# Addresses


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("raw", "expected", "said"),
    [
        ("https://a.org/x", "https://a.org/x", []),
        ("https://A.ORG/X\n", "https://a.org/X", []),
        ("www.a.org", "https://www.a.org", ["iri-scheme"]),
        ("a.org:8080/x", "https://a.org:8080/x", ["iri-scheme"]),
        ("été.example/", "https://été.example/", ["iri-scheme"]),
        ("www.photo.jpg", "https://www.photo.jpg", ["iri-scheme"]),
        ("photo.jpg", None, ["iri-unreadable"]),
        ("Affiche.PDF", None, ["iri-unreadable"]),
        ("accueil.html", None, ["iri-unreadable"]),
        ("12.50", None, ["iri-unreadable"]),
        ("http://http://www.a.org", "http://www.a.org", []),
        ("voir : https://a.org/x", "https://a.org/x", ["iri-in-text"]),
        ("https://a.org/ ou http://b.org", "https://a.org/", ["iri-in-text"]),
        ("https://a.org/?a=1&amp;b=2", "https://a.org/?a=1&b=2", []),
        ("https://é.fr/à?q=é|b", "https://é.fr/à?q=é%7Cb", []),
        ("https://a.org/[x]#a#b", "https://a.org/%5Bx%5D#a%23b", []),
        ("https://a.org/%zz", "https://a.org/%25zz", []),
        ("http://", None, []),
        ("https://a.org/img fl_lossy w_20/x.png", None, ["iri-unreadable"]),
        ("javascript:alert(1)", None, ["iri-unreadable"]),
        ("data:text/html,x", None, ["iri-unreadable"]),
        ("http://user:pw@a.org/", None, ["iri-unreadable"]),
        ("pas de site", None, ["iri-unreadable"]),
        ("contact@a.org", None, ["iri-unreadable"]),
        ("http://a.org:99999/", None, ["iri-unreadable"]),
        ("https://[::1", None, ["iri-unreadable"]),
    ],
)
def test_addresses_are_http_and_valid(raw: str, expected: str | None, said: list[str]) -> None:
    """Only http(s) comes through, mended when that is certain."""
    problems: list[Problem] = []

    assert clean_iri(raw, problems) == expected
    assert rules(problems) == said


@given(st.text(max_size=60), st.sampled_from(["", "https://a.org/", "http://", "https://a.org/?", "www.a.org/#"]))
def test_an_address_that_comes_through_is_a_valid_iri(rest: str, start: str) -> None:
    """Whatever was typed, the store accepts what is left, and reads the same back."""
    address = clean_iri(start + rest, [])

    if address is not None:
        line = f"<{address}> <{address}> <{address}> ."
        (quad,) = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
        assert quad.object == ox.NamedNode(address)


@pytest.mark.parametrize(
    "address",
    ["http://www.a.org/x/", "https://a.org/x?utm_source=lettre", "https://A.org/x?fbclid=1&utm_medium=2"],
)
def test_addresses_of_one_page_are_the_same_claim(address: str) -> None:
    """Scheme, www., tracking and a final slash do not make another page."""
    assert normal_address(address) == "a.org/x"


def test_a_fragment_names_a_record_of_a_map() -> None:
    """Maps tell their records apart by the fragment, so it stays."""
    assert normal_address("https://carte.example/#/fiche/-/3") == "carte.example#/fiche/-/3"


# Terms


@given(st.text())
def test_literals_are_canonical_and_read_back(text: str) -> None:
    """Only quotes, backslashes and line ends are escaped (RDF 1.1 N-Triples, section 4); nothing is lost."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    decimal = "http://www.w3.org/2001/XMLSchema#decimal"
    terms = [literal(text), text_literal(text, "fr"), typed(text, decimal)]

    assert terms == [f'"{escaped}"', f'"{escaped}"@fr', f'"{escaped}"^^<{decimal}>']
    lines = "".join(f"<http://a/s> <http://a/p> {term} .\n" for term in terms)
    assert [quad.object.value for quad in ox.parse(lines, ox.RdfFormat.N_TRIPLES)] == [text] * 3


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    """No term may hold what UTF-8 cannot."""
    assert literal('a\ud800"') == '"a\ufffd\\""'


@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.lists(st.text()),
        st.dictionaries(st.text(), st.text()),
    )
)
def test_no_cleaner_raises_whatever_it_is_given(raw: Any) -> None:
    """Bad input is a value."""
    for clean in (
        clean_text,
        clean_number,
        clean_boolean,
        clean_postcode,
        clean_commune,
        clean_organisation,
        clean_iri,
        clean_country,
    ):
        clean(raw, [])
    clean_date(raw, "fr", [])
    clean_point(raw, raw, None, "FR", [])
    is_missing(raw)


def _stored(term: str) -> str:
    """The same term, written to a store and read back."""
    store = ox.Store()
    store.load(f"<http://a/s> <http://a/p> {term} .\n".encode(), ox.RdfFormat.N_TRIPLES)
    return str(next(iter(store)).object)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6)
    | st.integers()
    | st.from_regex(r"\A[+-]?\d{1,18}(\.\d{1,18})?\Z")
)
def test_the_store_gives_a_number_back_as_it_was_written(raw: Any) -> None:
    """Else the digest of a record would not be that of what we publish of it."""
    for whole, datatype in ((True, "integer"), (False, "decimal")):
        if (number := clean_number(str(raw), [], whole)) is not None:
            term = typed(number, f"http://www.w3.org/2001/XMLSchema#{datatype}")
            assert _stored(term) == term


@given(
    st.datetimes().map(str)
    | st.datetimes(timezones=st.timezones()).map(str)
    | st.from_regex(r"\A\d{4}(-\d{1,2}(-\d{1,2}(T\d{2}:\d{2}(:\d{2}([.]\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?\Z")
)
def test_the_store_gives_a_date_back_as_it_was_written(raw: str) -> None:
    """At every precision and in every zone."""
    if (moment := clean_date(raw, "fr", [])) is not None:
        term = typed(moment.lexical, moment.datatype)
        assert _stored(term) == term
        assert moment.lexical.isascii()


@pytest.mark.parametrize(
    ("unit", "becomes"),
    [
        ("<a", "<a"),
        ("<p ", "<p "),
        ("<!--", "<!--"),
        ("&lt;a", "<a"),
        ("<script ", ""),
        ("< ", "< "),
        ("<\t", "< "),
        ("a>", "a>"),
    ],
)
def test_what_never_ends_is_no_markup_but_for_a_script(unit: str, becomes: str) -> None:
    """The longest text that is taken may be made of it; bench.parts tells that its cleaning takes linear time."""
    times = LONGEST // len(unit)
    problems: list[Problem] = []

    assert clean_text(unit * times, problems) == ((becomes * times).strip() or None)
    assert problems == []


def test_text_after_the_last_tag_is_kept() -> None:
    """Only what is markup goes."""
    assert clean_text("<p>un</p><p>deux</p> et 3 < 4", []) == "un\n\ndeux\n\net 3 < 4"
    assert clean_text("2 < 3, x <y", []) == "2 < 3, x <y"


def test_a_character_reference_without_end_is_no_character() -> None:
    """Python refuses to read numbers of thousands of digits."""
    assert clean_text("a&#" + "1" * 5000 + ";b", []) == "a\ufffdb"


def test_a_text_far_too_long_for_an_address_is_not_remembered() -> None:
    """A feed of such texts would fill the memory."""
    before = iris._address.cache_info().currsize
    problems: list[Problem] = []

    assert clean_iri("https://a.example/" + "x" * 100_000, problems) is None
    assert rules(problems) == ["iri-unreadable"]
    assert iris._address.cache_info().currsize == before


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<a " + " ".join(f"a{n}=1" for n in range(4000)) + ">Un lien</a>", "Un lien"),
        ("<img src='data:" + "A" * 30_000 + ">' alt=x>Une image", "Une image"),
        ("<p " + 'a=">" ' * 4000 + ">Un texte</p>", "Un texte"),
        ('<b title="a>b">un</b> deux', "un deux"),
    ],
)
def test_very_long_tags_are_read_without_their_attributes(raw: str, clean: str) -> None:
    """A quoted value may hold the end of a tag; the words around stay."""
    assert clean_text(raw, []) == clean
