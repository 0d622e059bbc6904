"""Content negotiation (RFC 9110, section 12.5.1): weights, wildcards, specificity, parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.negotiation import RDF_TYPES, RESULT_TYPES, best, best_language, parse_accept, split_extension

OFFERS = ("application/ld+json", "text/turtle", "text/html")
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/ld+json"),
        ("", "application/ld+json"),
        ("*/*", "application/ld+json"),
        (FIREFOX, "text/html"),
        ("text/turtle", "text/turtle"),
        ("TEXT/Turtle", "text/turtle"),
        ("text/*", "text/turtle"),
        ("text/turtle;q=0.5, text/html;q=0.6", "text/html"),
        ("text/turtle; q=0.5 , text/html ; q = 0.4", "text/turtle"),
        ("text/*;q=0.9, text/turtle;q=0.1, */*;q=0.2", "text/html"),
        ("*/*, application/ld+json;q=0", "text/turtle"),
        ("text/html;q=0", None),
        ("image/png", None),
        ("text/turtle;q=0", None),
        ("application/json, */*;q=0.1", "application/ld+json"),
        ("text/turtle;charset=utf-8", "text/turtle"),
        ("text/turtle;v=1;q=0.3, text/html;q=0.2", "text/turtle"),
        ('application/ld+json;profile="http://example.org/a,b;q=0"', "application/ld+json"),
        ("garbage, text/html", "text/html"),
        ("garbage", "application/ld+json"),
        ("*/turtle, text/html", "text/html"),
        ("text/turtle;q=7, text/html;q=0.1", "text/html"),
        (",,text/html,,", "text/html"),
    ],
)
def test_the_heaviest_acceptable_offer_wins(accept: str | None, chosen: str | None) -> None:
    """Weights first, the most specific range decides them, and our own order breaks ties."""
    assert best(accept, OFFERS) == chosen


def test_a_profile_tells_offers_of_one_type_apart() -> None:
    """A parameter that an offer has too is more specific; one that no offer has is forgiven."""
    activity = 'application/ld+json;profile="https://www.w3.org/ns/activitystreams"'
    offers = ("application/ld+json", activity, "text/html")

    assert best('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', offers) == activity
    assert best("application/ld+json", offers) == "application/ld+json"
    assert best('application/ld+json; profile="http://example.org/other"', offers) == "application/ld+json"
    assert best('application/ld+json;profile="http://example.org/other", text/html;q=0.1', offers) == "text/html"


def test_quoted_commas_and_escapes_do_not_split_members() -> None:
    """A quoted string is one value, whatever is in it."""
    ranges = parse_accept('a/b;x="1, \\"2\\"; q=0", c/d;q=0.25')

    assert [(item.main, item.parameters, item.quality) for item in ranges] == [
        ("a", {"x": '1, "2"; q=0'}, 1.0),
        ("c", {}, 0.25),
    ]


@given(st.text(max_size=60) | st.text(st.sampled_from('text/turtle*;q=0.9," \\'), max_size=60))
def test_no_header_breaks_the_reader(header: str) -> None:
    """Whatever a client sends, an offer or None comes out."""
    assert best(header, OFFERS) in (*OFFERS, None)


def test_a_monstrous_header_is_read_in_part() -> None:
    """What follows the first dozens of members is noise."""
    assert len(parse_accept("a/b," * 100_000)) == 64


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr-CA", "fr"),
        ("de, *;q=0.5", "fr"),
        ("de, en;q=0.2, *;q=0.9", "en"),
        ("nonsense;;;q=x", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
    ],
)
def test_a_language_is_chosen_by_its_first_part(header: str | None, chosen: str) -> None:
    """Regional tags fall back to their language; anything else gets the default."""
    assert best_language(header, ("fr", "en")) == chosen


def test_extensions_name_media_types() -> None:
    """A known extension is taken off a path; dots of other kinds stay."""
    assert split_extension("/records/avise/12.ttl") == ("/records/avise/12", "text/turtle")
    assert split_extension("/records/avise/v1.2") == ("/records/avise/v1.2", None)
    assert split_extension("/records/avise/.ttl") == ("/records/avise/.ttl", None)
    assert split_extension("r.srx", RESULT_TYPES) == ("r", "application/sparql-results+xml")
    assert len(set(RDF_TYPES.values())) == 8
