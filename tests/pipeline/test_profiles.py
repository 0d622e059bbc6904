"""The profiles, from the body of a feed to records: what a source file may leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from federation.model import Outcome, RawRecord, from_lines
from federation.pipeline.mapping import RunStamp, compile_mapping
from federation.pipeline.readers import ReadOptions, read
from federation.pipeline.sources import Coverage, Source, parse_source
from federation.vocabulary import Vocabulary, load

BASE = "https://commons.example"
STAMP = RunStamp(f"{BASE}/runs/1", "2026-11-21T02:00:00Z")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout."""
    return load()


def source(vocabulary: Vocabulary, profile: str, more: str = "", url: str = "https://a.example/feed") -> Source:
    """A source with little more than its profile."""
    head = f'[source]\nid = "s"\nurl = "{url}"\nprofile = "{profile}"\nlicence = "CC BY 4.0"\n'
    return parse_source(head + more, "s.toml", vocabulary)


def outcomes(described: Source, body: bytes, vocabulary: Vocabulary, **options: Any) -> list[Outcome]:
    """Read and map a body."""
    given = ReadOptions(
        described.format, at=described.records.at, contexts=vocabulary.contexts, base_url=described.url, **options
    )
    mapper = compile_mapping(described, vocabulary, BASE)
    rows = [item for item in read(body, given) if isinstance(item, RawRecord)]
    return [item if isinstance(item, Outcome) else mapper.map(item, STAMP) for item in mapper.group(rows)]


def said(outcome: Outcome) -> dict[str, set[str]]:
    """Local name of each property → its values, over the whole record."""
    assert outcome.record is not None, outcome.findings
    found: dict[str, set[str]] = {}
    for _, name, value in from_lines(outcome.record.content):
        found.setdefault(name.rstrip(">").replace("#", "/").rpartition("/")[2], set()).add(value)
    return found


WORDPRESS = {
    "id": 12,
    "date_gmt": "2024-03-02T09:30:00",
    "modified_gmt": "2024-05-01T10:00:00",
    "status": "publish",
    "link": "https://a.example/un-jardin/",
    "title": {"rendered": "Un jardin &#8211; partagé"},
    "content": {"rendered": "<p>On <b>cultive</b> ensemble.</p>", "protected": False},
    "excerpt": {"rendered": "<p>On cultive.</p>", "protected": False},
    "_embedded": {
        "wp:featuredmedia": [{"source_url": "https://a.example/jardin.jpg"}],
        "wp:term": [[{"taxonomy": "category", "name": "Jardinage"}, {"name": "Non classé"}], [{"name": "Agriculture"}]],
    },
}


def test_wordpress_posts_become_records(vocabulary: Vocabulary) -> None:
    """Rendered texts without their markup, dates of UTC with their zone, words of the embedded terms."""
    body = json.dumps([WORDPRESS, {**WORDPRESS, "id": 13, "status": "draft"}]).encode()

    first, second = outcomes(source(vocabulary, "wordpress"), body, vocabulary)

    values = said(first)
    assert (first.key, values["name"]) == ("12", {'"Un jardin – partagé"@fr'})
    assert values["source"] == {"<https://a.example/un-jardin/>"}
    assert any(value.startswith('"2024-03-02T09:30:00Z"') for value in values["issued"])
    assert any("/jardin.jpg" in value for value in values["contentUrl"])
    assert second.excluded == "except: status"
    assert "Jardinage" in str([finding.value for finding in first.findings]) or '"Jardinage"' in values["keywords"]
    assert "Non classé" not in str(first.findings)


FEED = b"""<rss version="2.0"><channel><title>a</title><item><title>Atelier</title><link>https://a.example/1</link>
<guid isPermaLink="false">1</guid><pubDate>Mon, 02 Mar 2020 10:00:00 +0100</pubDate><category>Agriculture</category>
<description>&lt;p&gt;On &lt;script&gt;x()&lt;/script&gt;plante.&lt;/p&gt;</description></item></channel></rss>"""


def test_entries_of_a_feed_become_records(vocabulary: Vocabulary) -> None:
    """And their absence never means anything."""
    described = source(vocabulary, "feed")

    values = said(outcomes(described, FEED, vocabulary)[0])

    assert described.coverage is Coverage.WINDOW
    assert values["description"] == {'"On plante."@fr'}
    assert any(value.endswith("/theme/AGR>") for value in values["subject"])


@pytest.mark.fault(22)
def test_scripts_and_dangerous_addresses_never_reach_a_record(vocabulary: Vocabulary) -> None:
    """In a feed, an outbox and a page alike."""
    bad = '<script>mal()</script><iframe src="https://m.example"></iframe><a href="javascript:mal()">On</a> plante.'
    entry = (
        f"<rss version='2.0'><channel><title>a</title><item><title>A</title><link>https://a.example/1</link>"
        f"<guid>1</guid><description><![CDATA[{bad}]]></description></item></channel></rss>"
    )
    thing = {"id": "https://a.example/e/1", "type": "Event", "attributedTo": "https://a.example/@c", "name": "A"}
    item = {**thing, "content": bad, "url": "javascript:mal()", "image": {"url": "data:image/png;base64,AA=="}}
    page = {"@context": "https://schema.org", "@type": "Project", "name": "A", "description": bad, "url": "data:,x"}
    script = json.dumps(page).replace("</", "<\\/")
    html = f'<html><script type="application/ld+json">{script}</script></html>'
    more = 'format = "html"\n[records]\nid = "@page"\npage = "@page"\n'

    made = [
        *outcomes(source(vocabulary, "feed"), entry.encode(), vocabulary),
        *outcomes(source(vocabulary, "activitypub"), json.dumps({**item, "url": []}).encode(), vocabulary),
        *outcomes(source(vocabulary, "schema.org", more), html.encode(), vocabulary),
    ]

    assert len(made) == 3
    for outcome in made:
        assert outcome.record is not None
        assert "plante." in outcome.record.content
        assert not [
            word for word in ("mal()", "iframe", "javascript:", "data:", "<script") if word in outcome.record.content
        ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('format = "feed"\n', Coverage.WINDOW),
        ('format = "feed"\ncoverage = "complete"\n', Coverage.WINDOW),
        ('format = "feed"\ncoverage = "log"\n', Coverage.LOG),
        ('format = "activitypub"\ncoverage = "complete"\n', Coverage.LOG),
        ('format = "json"\n', Coverage.COMPLETE),
    ],
)
def test_the_format_limits_what_absence_may_mean(vocabulary: Vocabulary, written: str, expected: Coverage) -> None:
    """Design of harvesting, section 2: feeds are windows and ActivityPub a log, whatever a file says."""
    text = f'[source]\nurl = "https://a.example/x"\n{written}[records]\nid = "id"\npage = "link"\n'

    assert parse_source(text, "s.toml", vocabulary).coverage is expected


def test_events_of_an_outbox_become_records(vocabulary: Vocabulary) -> None:
    """With dates, place, hashtags as themes; a deletion closes."""
    event = {
        "id": "https://a.example/events/1",
        "type": "Event",
        "name": "Repair café",
        "content": "<p>On répare.</p>",
        "attributedTo": "https://a.example/@c",
        "startTime": "2026-12-01T18:00:00Z",
        "url": [{"mediaType": "text/html", "href": "https://a.example/e/1"}],
        "tag": [{"type": "Hashtag", "name": "#Agriculture"}],
        "location": {
            "type": "Place",
            "name": "Halle",
            "latitude": 46.3,
            "longitude": -0.4,
            "address": {"addressLocality": "Niort", "postalCode": "79000"},
        },
    }
    actor = "https://a.example/@c"
    items = [
        {"type": "Delete", "actor": actor, "object": "https://a.example/events/0"},
        {"type": "Create", "actor": actor, "object": event},
        {"type": "Create", "actor": actor, "object": {**event, "id": "https://a.example/notes/2", "type": "Note"}},
    ]
    body = json.dumps({"id": f"{actor}/outbox", "type": "OrderedCollection", "orderedItems": items}).encode()

    gone, made, note = outcomes(source(vocabulary, "activitypub"), body, vocabulary, host="a.example")

    values = said(made)
    assert (gone.record, gone.closing is not None) == (None, True)
    assert note.excluded == "type"
    assert values["source"] == {"<https://a.example/e/1>"}
    assert values["addressLocality"] == {'"Niort"'}
    assert any(value.endswith("/theme/AGR>") for value in values["subject"])
    assert any("2026-12-01" in value for value in values["startDate"])


def test_dublin_core_becomes_records(vocabulary: Vocabulary) -> None:
    """The page is the identifier that is an address."""
    body = b"""<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords><record><header>
    <identifier>oai:a:1</identifier><datestamp>2026-01-02</datestamp></header><metadata>
    <dc xmlns:d="http://purl.org/dc/elements/1.1/"><d:title>Jardin</d:title><d:identifier>hal-1</d:identifier>
    <d:identifier>https://a.example/1</d:identifier><d:subject>Agriculture</d:subject><d:publisher>Asso</d:publisher>
    </dc></metadata></record></ListRecords></OAI-PMH>"""

    values = said(outcomes(source(vocabulary, "oai_dc"), body, vocabulary)[0])

    assert (values["identifier"], values["source"]) == ({'"oai:a:1"'}, {"<https://a.example/1>"})
    assert {'"Jardin"@fr', '"Asso"@fr'} <= values["name"]


@pytest.mark.parametrize("as_object", [False, True])
def test_entries_of_yeswiki_become_records(vocabulary: Vocabulary, as_object: bool) -> None:
    """A list, or an object of entries by name."""
    entry = {
        "id_fiche": "JardinDuCoin",
        "bf_titre": "Jardin du coin",
        "bf_description": "On cultive.",
        "statut_fiche": "1",
        "date_creation_fiche": "2021-05-05 14:29:42",
        "bf_latitude": "46.3",
        "bf_longitude": "-0.4",
        "bf_code_postal": "79000",
        "bf_ville": "Niort",
        "bf_mail": "a@a.example",
        "checkboxListeTheme": "Agriculture,Culture",
    }
    body = json.dumps({"JardinDuCoin": entry} if as_object else [entry]).encode()
    described = source(vocabulary, "yeswiki", '[records]\npage = "https://a.example/?{id}"\n')

    outcome = outcomes(described, body, vocabulary)[0]

    values = said(outcome)
    assert values["source"] == {"<https://a.example/?JardinDuCoin>"}
    assert len(values["subject"]) == 2
    assert "a@a.example" not in outcome.record.content if outcome.record else False


def test_an_empty_list_of_yeswiki_is_empty(vocabulary: Vocabulary) -> None:
    """Not a fault of the path: the guard decides."""
    described = source(vocabulary, "yeswiki", '[records]\npage = "https://a.example/?{id}"\n')

    assert outcomes(described, b"[]", vocabulary) == []


def test_points_of_geojson_become_records(vocabulary: Vocabulary) -> None:
    """Longitude first; a shape that is no point has no coordinates."""
    point = {"type": "Point", "coordinates": [-0.4, 46.3]}
    line = {"type": "LineString", "coordinates": [[-0.4, 46.3], [-0.5, 46.4]]}
    properties = {"nom": "Jardin", "url": "https://a.example/1", "commune": "Niort"}
    features = [
        {"type": "Feature", "id": number, "properties": properties, "geometry": geometry}
        for number, geometry in enumerate((point, line), 1)
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()

    first, second = (said(each) for each in outcomes(source(vocabulary, "geojson"), body, vocabulary))

    assert any("46.3" in value for value in first["latitude"])
    assert "latitude" not in second


def test_keywords_of_schema_org_are_told_apart_at_commas(vocabulary: Vocabulary) -> None:
    """As schema.org says; a source file may say otherwise."""
    node = {
        "@context": "https://schema.org", "@type": "Project", "@id": "https://a.example/1", "name": "A",
        "description": "Un jardin où l'on composte à plusieurs.", "keywords": "Bocage, compost",
    }  # fmt: skip
    body = json.dumps(node).encode()

    (plain,) = outcomes(source(vocabulary, "schema.org"), body, vocabulary)
    (other,) = outcomes(source(vocabulary, "schema.org", '[split]\ntheme = ";"\n'), body, vocabulary)

    assert said(plain)["keywords"] == {'"Bocage"', '"compost"'}
    assert said(other)["keywords"] == {'"Bocage, compost"'}


def test_pages_with_schema_org_become_records_named_by_their_address(vocabulary: Vocabulary) -> None:
    """The page itself is the id."""
    page = (
        b'<html><head><link rel="canonical" href="https://a.example/p/1"><script type="application/ld+json">'
        b'{"@context": "https://schema.org", "@type": "Organization", "name": "Jardin", "address": {"@type": '
        b'"PostalAddress", "addressLocality": "Niort"}}</script></head></html>'
    )
    more = 'format = "html"\n[records]\ntypes = ["schema:Organization"]\nid = "@page"\npage = "@page"\n'

    outcome = outcomes(source(vocabulary, "schema.org", more), page, vocabulary)[0]

    assert outcome.record is not None
    assert outcome.record.page == "https://a.example/p/1"
    assert said(outcome)["addressLocality"] == {'"Niort"'}


@pytest.mark.needs_shared
def test_a_real_yeswiki_export_needs_its_questions_only(vocabulary: Vocabulary, shared: Path) -> None:
    """The profile gives dates, coordinates and the rest."""
    more = (
        '[records]\nat = "@"\nid = "{datetime_create} {Nom du lieu ou de la structure *}"\npage = "https://h.example/"\n'
        '[fields]\nname = "Nom du lieu ou de la structure *"\n'
    )
    body = (shared / "feeds" / "hinaura-yeswiki" / "bazar.json").read_bytes()
    items = outcomes(source(vocabulary, "yeswiki", more), body, vocabulary)

    made = [outcome for outcome in items if outcome.record is not None]
    assert len(made) > 1000
    assert "latitude" in said(made[0])
