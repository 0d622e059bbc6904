"""Web pages: JSON-LD block by block, microdata, XPath."""

from __future__ import annotations

import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed
from federation.vocabulary import load

GOOD = '{"@context": "https://schema.org", "@type": "Project", "name": "Jardin de la gare", "url": "/jardin"}'
CRUMBS = '{"@context": "https://schema.org", "@type": "BreadcrumbList", "numberOfItems": 2}'
OPTIONS = {"base_url": "https://a.org/projets/1?utm=x", "host": "a.org", "contexts": load().contexts}
MICRODATA = """<div itemscope itemtype="https://schema.org/Organization" itemref="suite" itemid="#org">
<h1 itemprop="name">Recyclerie <b>du coin</b></h1><a itemprop="url sameAs" href="/recyclerie">le site</a>
<div itemprop="address" itemscope itemtype="http://schema.org/PostalAddress"><span itemprop="postalCode">79000</span>
<meta itemprop="addressLocality" content="Niort"></div><time itemprop="foundingDate" datetime="2014-03">mars 2014</time>
<img itemprop="image" src="photo.jpg"><data itemprop="numberOfEmployees" value="12">douze</data></div>
<p id="suite"><span itemprop="email">a@recyclerie.example</span><span itemprop="knowsAbout">Réemploi</span>
<span itemprop="knowsAbout">Couture</span></p>"""


def page(*blocks: str, head: str = "", body: str = "") -> bytes:
    """A page with blocks of JSON-LD."""
    scripts = "".join(f'<script type="application/ld+json">{block}</script>' for block in blocks)
    return f"<!doctype html><html><head><title>x</title>{head}{scripts}</head><body>{body}</body></html>".encode()


@pytest.mark.fault(31)
def test_a_malformed_block_beside_a_good_one_costs_only_itself() -> None:
    """The good block is read, and the finding says which block is not."""
    rows, broken, result = reading(page('{"@type": "Project",}', GOOD), "html", **OPTIONS)

    assert broken == []
    assert [row.row["name"] for row in rows] == ["Jardin de la gare"]
    assert rules(result) == ["json-ld-block"]
    assert "number 1" in result.findings[0].message["en"]


def test_a_page_with_only_a_malformed_block_is_rejected() -> None:
    """Then a record is missing, and where is said."""
    rows, broken, _ = reading(page('{"@type": "Project",}'), "html", **OPTIONS)

    assert (rows, [(each.rule, each.where) for each in broken]) == (
        [],
        [("json-ld-block", "https://a.org/projets/1?utm=x")],
    )


@pytest.mark.fault(15)
def test_a_context_that_is_not_pinned_is_never_fetched() -> None:
    """It is named, and the block of another context is read."""
    foreign = GOOD.replace("https://schema.org", "https://contexte.example/v1")

    rows, broken, _ = reading(page(foreign, GOOD), "html", **OPTIONS)
    alone = reading(page(foreign), "html", **OPTIONS)[1]

    assert len(rows) == 1
    assert all("contexte.example" in each.message["en"] for each in [*broken, *alone])
    assert len(broken) == len(alone) == 1


def test_types_choose_among_what_a_page_describes() -> None:
    """Crumbs and menus are no records."""
    rows, _, _ = reading(page(CRUMBS, GOOD), "html", types=("schema:Project",), **OPTIONS)

    assert [row.row["@type"] for row in rows] == ["Project"]


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        ("/projets/1", "https://a.org/projets/1"),
        ("https://a.org:443/projets/1#haut", "https://a.org:443/projets/1"),
        ("https://a.org.evil.net/projets/1", "https://a.org/projets/1?utm=x"),
        ("https://a.org@evil.net/", "https://a.org/projets/1?utm=x"),
        ("", "https://a.org/projets/1?utm=x"),
        ("http://[", "https://a.org/projets/1?utm=x"),
    ],
)
def test_the_canonical_address_counts_on_the_same_host_only(canonical: str, expected: str) -> None:
    """``@page`` names the record, so no page may take another site's name."""
    head = f'<link rel="canonical" href="{canonical}">' if canonical else ""

    assert reading(page(GOOD, head=head), "html", **OPTIONS)[0][0].row["@page"] == expected


def test_relative_addresses_start_at_the_page_or_its_base() -> None:
    """HTML standard, section 4.2.3."""
    plain = reading(page(GOOD), "html", **OPTIONS)[0][0].row["url"]
    based = reading(page(GOOD, head='<base href="/fr/sous/">'), "html", **OPTIONS)[0][0].row["url"]

    assert (plain, based) == ("https://a.org/jardin", "https://a.org/jardin")
    moved = reading(page(GOOD.replace("/jardin", "jardin"), head='<base href="/fr/">'), "html", **OPTIONS)[0]
    assert moved[0].row["url"] == "https://a.org/fr/jardin"


def test_microdata_have_the_form_of_json_ld_rows() -> None:
    """HTML standard, section 5.2: nested items, values by kind of element, itemref."""
    rows, broken, result = reading(page(body=MICRODATA), "html", **OPTIONS)

    assert (broken, result.findings) == ([], [])
    assert rows[0].row == {
        "@id": "https://a.org/projets/1?utm=x#org",
        "@type": "Organization",
        "name": "Recyclerie du coin",
        "url": "https://a.org/recyclerie",
        "sameAs": "https://a.org/recyclerie",
        "address": {"@type": "PostalAddress", "postalCode": "79000", "addressLocality": "Niort"},
        "foundingDate": "2014-03",
        "image": "https://a.org/projets/photo.jpg",
        "numberOfEmployees": "12",
        "email": "a@recyclerie.example",
        "knowsAbout": ["Réemploi", "Couture"],
        "@page": "https://a.org/projets/1?utm=x",
    }


def test_microdata_are_read_only_where_json_ld_says_nothing() -> None:
    """The same thing would be told twice."""
    rows, _, _ = reading(page(GOOD, body=MICRODATA), "html", **OPTIONS)

    assert [row.row["@type"] for row in rows] == ["Project"]


def test_items_that_point_at_each_other_end() -> None:
    """``itemref`` in a circle, and a thousand references to the same properties."""
    circle = (
        '<div itemscope itemtype="https://schema.org/Thing" itemref="b"><i itemprop="name">x</i></div>'
        '<div id="b" itemprop="part" itemscope itemref="b c"><i itemprop="name">y</i></div>'
        '<div id="c" itemprop="part" itemscope itemref="b"><i itemprop="name">z</i></div>'
    )

    rows, _, _ = reading(page(body=circle), "html", **OPTIONS)

    assert rows[0].row["name"] == "x"


@pytest.mark.fault(14)
def test_a_page_that_refers_to_itself_without_end_is_read_in_part() -> None:
    """Two thousand items that all take in the same twenty thousand properties."""
    bomb = '<div id="b">' + '<i itemprop="name">x</i>' * 20_000 + "</div>"
    bomb += '<div itemscope itemtype="https://schema.org/Thing" itemref="b"></div>' * 2_000

    rows, _, result = reading(page(body=bomb), "html", **OPTIONS)

    assert len(rows) == 1
    assert rules(result) == ["microdata-clipped"]


def test_items_of_other_vocabularies_are_left_out_with_a_remark() -> None:
    """Their words would pass for schema.org's."""
    other = '<div itemscope itemtype="http://data-vocabulary.org/Person"><i itemprop="name">x</i></div>'

    rows, _, result = reading(page(body=other), "html", **OPTIONS)

    assert (rows, rules(result)) == ([], ["microdata-foreign", "page-without-records"])


SELECT = {"titre": "//h1", "lien": "//a/@href", "nombre": "count(//p)"}


def test_xpath_picks_what_a_page_without_schema_org_says() -> None:
    """Texts, attributes with addresses resolved, numbers."""
    rows, _, _ = reading(
        page(body="<h1> Un <b>jardin</b></h1><a href='/x'>x</a><p>a<p>b"), "html", select=SELECT, **OPTIONS
    )

    assert rows[0].row == {"titre": "Un jardin", "lien": "https://a.org/x", "nombre": 2.0, "@page": rows[0].where}


def test_several_nodes_for_one_name_are_an_error_never_joined() -> None:
    """The page is rejected, and which name is said."""
    rows, broken, _ = reading(page(body="<h1>a</h1><h1>b</h1>"), "html", select={"titre": "//h1"}, **OPTIONS)

    assert (rows, [(each.rule, each.field) for each in broken]) == ([], [("select", "titre")])


@pytest.mark.fault(32)
def test_expressions_that_find_nothing_give_no_record() -> None:
    """A redesign empties the list, which the guard then holds."""
    rows, broken, result = reading(page(body="<h2>Refonte</h2>"), "html", select={"titre": "//h1"}, **OPTIONS)

    assert (rows, broken, rules(result)) == ([], [], ["select-nothing"])


def test_old_wrappings_of_scripts_are_taken_off() -> None:
    """CDATA and comments around the JSON."""
    rows, _, _ = reading(page(f"//<![CDATA[\n{GOOD}\n//]]>"), "html", **OPTIONS)

    assert len(rows) == 1


@pytest.mark.fault(9)
def test_a_page_of_another_encoding_is_read_as_it_declares() -> None:
    """The tag in the page counts where the header says nothing."""
    body = page(GOOD.replace("gare", "forêt €"), head='<meta charset="iso-8859-15">').decode().encode("iso-8859-15")

    assert reading(body, "html", **OPTIONS)[0][0].row["name"] == "Jardin de la forêt €"


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "empty-body"),
        (b'{"a": 1}', "wrong-format"),
        (b"%PDF-1.4", "wrong-format"),
        (b"<?xml version='1.0'?><urlset/>", "wrong-format"),
        (b"Bonjour", "not-html"),
    ],
)
def test_what_is_no_page_is_refused_in_words(body: bytes, rule: str) -> None:
    """Data, a document or plain text where a web page was promised."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(body, "html", **OPTIONS)

    assert caught.value.rule == rule


@pytest.mark.fault(4)
def test_a_page_whose_length_nothing_proves_must_end() -> None:
    """A page that stops before its end is refused; the whole one is read."""
    with pytest.raises(UnreadableFeed, match="probably cut"):
        reading(page(GOOD)[:-30], "html", length_proved=False, **OPTIONS)

    assert len(reading(page(GOOD), "html", length_proved=False, **OPTIONS)[0]) == 1


@pytest.mark.fault(14)
def test_entities_of_a_page_are_never_resolved() -> None:
    """No file, no request."""
    body = page(body="<h1>&x;&y;</h1>").replace(
        b"<!doctype html>",
        b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname"><!ENTITY y "yyyy">]>',
    )

    rows, _, _ = reading(body, "html", select={"titre": "//h1"}, **OPTIONS)

    assert rows[0].row["titre"] == "&x;&y;"


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "block",
    [
        '{"@context": "https://schema.org", "@type": "Project", "name": NaN}',
        '{"a":' * 3000 + "1" + "}" * 3000,
        "[1, 2",
        '"x"',
    ],
    ids=["NaN", "deep", "cut", "text"],
)
def test_hostile_json_in_a_page_costs_only_its_block(block: str) -> None:
    """Refused or left out, and the good block is read."""
    rows, _, _ = reading(page(block, GOOD), "html", **OPTIONS)

    assert "Jardin de la gare" in [row.row.get("name") for row in rows]


@pytest.mark.fault(14)
def test_a_page_nested_without_end_is_no_danger() -> None:
    """Neither a crash nor a long wait."""
    deep = "<div itemscope itemprop='x'>" * 5000

    rows, _, _ = reading(page(GOOD, body=deep), "html", **OPTIONS)

    assert len(rows) == 1
