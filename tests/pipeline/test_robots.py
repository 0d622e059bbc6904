"""robots.txt by RFC 9309: who is meant, which rule is the longest, stars and ends of paths."""

from __future__ import annotations

import pytest

from federation.pipeline.fetch.robots import MAX_BYTES, parse

SITE = "https://x.example"


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("lines", "path", "allowed"),
    [
        ("User-agent: *\nDisallow: /", "/feed", False),
        ("User-agent: *\nDisallow:", "/feed", True),
        ("User-agent: *\nDisallow: /private", "/privately", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.json$", "/feed.json", False),
        ("User-agent: *\nDisallow: /*.json$", "/feed.json?x=1", True),
        ("User-agent: *\nDisallow: /*?page=", "/feed?page=2", False),
        ("User-agent: *\nDisallow: /*a*b*c$", "/xaxbxc", False),
        ("User-agent: *\nDisallow: /*a*b*c$", "/xaxbxcx", True),
        ("User-agent: *\nDisallow: /ab*b$", "/ab", True),
        ("User-agent: *\nDisallow: /feed$", "/feed", False),
        ("User-agent: *\nDisallow: /feed$", "/feeds", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("user-agent:  CARREFOUR/9 # us\ndisallow : /a\nUser-agent: *\nDisallow: /", "/b", True),
        ("User-agent: Carrefour\nDisallow: /a\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: CarrefourBot\nDisallow: /", "/a", True),
        ("User-agent: other\nUser-agent: carrefour\nDisallow: /", "/a", False),
        (
            "User-agent: carrefour\nAllow: /a\nUser-agent: other\nDisallow: /\nUser-agent: carrefour\nDisallow: /b",
            "/b",
            False,
        ),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: carrefour\nUser-agent: *\nDisallow: /a\nSitemap: /s.xml\nDisallow: /b", "/b", False),
        ("Disallow: /", "/a", True),
        ("\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/a", False),
        ("User-agent: *\nDisallow: /écologie", "/%C3%A9cologie", False),
        ("User-agent: *\nDisallow: /%c3%a9cologie", "/écologie", False),
        ("User-agent: *\nDisallow: /%7Ejo", "/~jo", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
        ("<html><body>Disallow: / nothing here</body></html>", "/a", True),
    ],
)
def test_the_longest_rule_of_our_group_decides(lines: str, path: str, allowed: bool) -> None:
    """What a robots.txt forbids us, with ``*`` and ``$``, and nothing more."""
    assert parse(lines.encode()).allows(SITE + path) is allowed


@pytest.mark.fault(13)
def test_a_robots_file_without_an_end_is_read_to_the_cap() -> None:
    """Half a mebibyte counts, what follows does not."""
    start = b"User-agent: *\nDisallow: /a\n"
    long = start + b"#" * MAX_BYTES + b"\nDisallow: /b\n"

    rules = parse(long)

    assert not rules.allows(SITE + "/a")
    assert rules.allows(SITE + "/b")


@pytest.mark.fault(13)
def test_a_hostile_pattern_ends() -> None:
    """Stars are matched in one pass; trying every way would not end."""
    rules = parse(b"User-agent: *\n" + b"Disallow: /" + b"*a" * 900 + b"b$\n")

    assert rules.allows(SITE + "/" + "a" * 2000)
