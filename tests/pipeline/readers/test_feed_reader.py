"""RSS and Atom: every version, and every way in which a feed lies."""

from __future__ import annotations

import pytest
from reading_help import reading

from federation.pipeline.readers import UnreadableFeed

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:georss="http://www.georss.org/georss">
<channel><title>Lozère en transition</title><link>https://lozere.example/</link>
<item><title>Atelier vélo &amp; café</title><link>/ateliers/velo</link>
<guid isPermaLink="false">https://lozere.example/?p=12</guid><pubDate>Mon, 02 Mar 2020 10:00:00 +0100</pubDate>
<category>Mobilité</category><category><![CDATA[Réparation]]></category>
<description><![CDATA[<script>x()</script>On répare ensemble.]]></description>
<content:encoded><![CDATA[<p onclick="x()">On répare <a href="/velo">ensemble</a>.</p>]]></content:encoded>
<georss:point>44.52 3.50</georss:point></item>
<item><title>Épicerie de village</title><link>https://lozere.example/epicerie</link></item>
</channel></rss>
"""


def refused(body: bytes) -> str:
    """The rule under which a body is refused."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(body, "feed")
    assert set(caught.value.text) == {"fr", "en"}
    return caught.value.rule


def test_an_entry_keeps_what_its_feed_says() -> None:
    """Texts and dates stay as they are: cleaning is the mapping's."""
    rows, broken, result = reading(RSS.encode(), "feed", base_url="https://lozere.example/feed/")

    first = rows[0].row
    assert (len(rows), broken, result.findings, result.whole) == (2, [], [], True)
    assert rows[0].where == first["link"] == "https://lozere.example/ateliers/velo"
    assert (first["id"], first["title"]) == ("https://lozere.example/?p=12", "Atelier vélo & café")
    assert first["published"] == "Mon, 02 Mar 2020 10:00:00 +0100"
    assert first["summary"] == "<script>x()</script>On répare ensemble."
    assert first["content"][0]["value"] == '<p onclick="x()">On répare <a href="/velo">ensemble</a>.</p>'
    assert [tag["term"] for tag in first["tags"]] == ["Mobilité", "Réparation"]
    assert first["where"]["coordinates"] == [3.5, 44.52]
    assert not [key for key in first if key.endswith("_parsed")]


@pytest.mark.parametrize(
    "body",
    [
        b'<rss version="0.91"><channel><title>a</title><item><title>b</title><link>http://x.example/</link></item>'
        b"</channel></rss>",
        b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd">'
        b'<rss version="0.91"><channel><title>a</title><item><title>b</title><link>http://x.example/</link></item>'
        b"</channel></rss>",
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel '
        b'rdf:about="http://x.example/"><title>a</title></channel><item rdf:about="http://x.example/1"><title>b</title>'
        b"<link>http://x.example/</link></item></rdf:RDF>",
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title><entry><id>tag:x,1</id><title>b</title>'
        b'<link href="http://x.example/"/></entry></feed>',
    ],
    ids=["RSS 0.91", "RSS 0.91 with a document type", "RSS 1.0", "Atom"],
)
def test_every_version_gives_the_same_names(body: bytes) -> None:
    """A mapping written for RSS serves Atom."""
    rows, _, _ = reading(body, "feed")

    assert [(row.row["title"], row.row["link"]) for row in rows] == [("b", "http://x.example/")]


def test_an_entry_that_atom_declares_deleted_is_a_withdrawal() -> None:
    """RFC 6721."""
    body = (
        b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>a</title>'
        b'<at:deleted-entry ref="tag:x,2" when="2026-01-01T00:00:00Z"/></feed>'
    )

    rows, _, _ = reading(body, "feed")

    assert [(row.row["id"], row.deleted) for row in rows] == [("tag:x,2", True)]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_a_cut_feed_gives_nothing(share: float) -> None:
    """Not even its whole entries: half an entry would pass for a changed one."""
    body = RSS.strip().encode()

    assert refused(body[: int(len(body) * share)]) == "xml-broken"


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "empty-body"),
        (b"  \n", "empty-body"),
        (b"<!doctype html><html><body>Maintenance</body></html>", "web-page"),
        (b'{"title": "x"}', "wrong-format"),
        (b"Bonjour", "not-xml"),
        (b"<catalogue><item/></catalogue>", "not-a-feed"),
        (b'<rss version="2.0"><channel><title>a&nbsp;b</title></channel></rss>', "xml-broken"),
    ],
)
def test_what_is_no_feed_is_refused_in_words(body: bytes, rule: str) -> None:
    """A maintenance page is not an empty feed."""
    assert refused(body) == rule


BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "declared",
    [
        f'<!ENTITY l0 "lol">{BILLION}',
        '<!ENTITY x SYSTEM "file:///etc/hostname">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;',
    ],
    ids=["billion laughs", "a file", "a parameter entity"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("format_", ["feed", "oai-pmh"])
def test_entities_are_refused_before_they_are_read(declared: str, encoding: str, format_: str) -> None:
    """No crash, no request, no file."""
    body = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE rss [{declared}]><rss><channel>&l9;</channel></rss>'

    with pytest.raises(UnreadableFeed) as caught:
        reading(body.encode(encoding), format_)

    assert caught.value.rule == "xml-entities"


@pytest.mark.fault(14)
def test_a_feed_nested_without_end_is_refused() -> None:
    """The parser stops at 256 levels."""
    assert refused(b'<rss version="2.0">' + b"<a>" * 5000 + b"</a>" * 5000 + b"</rss>") == "xml-broken"


@pytest.mark.fault(9)
def test_the_encoding_that_a_feed_declares_is_believed() -> None:
    """XML says its own encoding."""
    body = RSS.replace("UTF-8", "iso-8859-1").encode("iso-8859-1")

    assert reading(body, "feed")[0][1].row["title"] == "Épicerie de village"


@pytest.mark.fault(9)
def test_accents_broken_at_the_source_are_a_finding() -> None:
    """UTF-8 encoded twice."""
    _, _, result = reading(RSS.replace("Épicerie", "Ã‰picerie rÃ©elle").encode(), "feed")

    assert [finding.rule for finding in result.findings] == ["double-encoding"]


def test_limits_hold_for_entries_too() -> None:
    """Their number stops the feed, their size only themselves."""
    with pytest.raises(UnreadableFeed, match="more than 1 records"):
        reading(RSS.encode(), "feed", max_records=1)

    rows, broken, _ = reading(RSS.encode(), "feed", max_record_bytes=500)
    assert ([row.row["title"] for row in rows], [each.rule for each in broken]) == (
        ["Épicerie de village"],
        ["record-too-large"],
    )


@pytest.mark.parametrize("text", ["thé & café", "a&nbsp;b", "?a=1&b=2"])
def test_a_bare_ampersand_is_said_in_words_with_what_to_write(text: str) -> None:
    """What the parser calls it helps nobody who writes a feed."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(f'<rss version="2.0"><channel><title>{text}</title></channel></rss>'.encode(), "feed")

    for said in caught.value.text.values():
        assert "&amp;" in said
        assert "EntityRef" not in said
