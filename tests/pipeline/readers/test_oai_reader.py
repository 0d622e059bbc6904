"""OAI-PMH 2.0: records, deletions, and errors of the repository."""

from __future__ import annotations

import pytest
from reading_help import reading, rules

from federation.pipeline.readers import UnreadableFeed

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
    '<responseDate>2026-11-21T02:00:00Z</responseDate><request verb="ListRecords">https://depot.example/oai</request>'
)
RECORD = """<record><header><identifier>oai:depot.example:7</identifier><datestamp>2026-03-01</datestamp>
<setSpec>innovation</setSpec><setSpec>sociale</setSpec></header><metadata>
<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title xml:lang="fr">Jardins partagés</dc:title><dc:title xml:lang="en">Shared gardens</dc:title>
<dc:subject>Agriculture</dc:subject><dc:identifier>https://depot.example/7</dc:identifier><dc:date/></oai_dc:dc>
</metadata></record>"""
GONE = """<record><header status="deleted"><identifier>oai:depot.example:8</identifier><datestamp>2026-03-02</datestamp>
</header></record>"""


def answer(inside: str) -> bytes:
    """A whole answer."""
    return f"{HEAD}{inside}</OAI-PMH>".encode()


def test_a_record_has_its_header_and_lists_of_dublin_core() -> None:
    """``dc:`` elements are always lists, as each may be repeated."""
    rows, broken, result = reading(answer(f"<ListRecords>{RECORD}</ListRecords>"), "oai-pmh")

    assert (broken, result.findings) == ([], [])
    assert rows[0].where == "oai:depot.example:7"
    assert rows[0].row == {
        "identifier": "oai:depot.example:7",
        "datestamp": "2026-03-01",
        "setSpec": ["innovation", "sociale"],
        "dc:title": [
            {"@value": "Jardins partagés", "@language": "fr"},
            {"@value": "Shared gardens", "@language": "en"},
        ],
        "dc:subject": ["Agriculture"],
        "dc:identifier": ["https://depot.example/7"],
    }


def test_a_deleted_record_is_a_withdrawal() -> None:
    """OAI-PMH 2.0, section 2.5.1: its header stays, its metadata do not."""
    rows, _, _ = reading(answer(f"<ListRecords>{RECORD}{GONE}</ListRecords>"), "oai-pmh")

    assert [(row.row["identifier"], row.deleted) for row in rows] == [
        ("oai:depot.example:7", False),
        ("oai:depot.example:8", True),
    ]


def test_other_metadata_than_dublin_core_keep_their_structure() -> None:
    """Bare names, nested as they are."""
    other = (
        '<record><header><identifier>a:1</identifier></header><metadata><lom xmlns="urn:lom"><general><title>Atelier'
        "</title><keyword>vélo</keyword><keyword>café</keyword></general></lom></metadata></record>"
    )

    rows, _, _ = reading(answer(f"<GetRecord>{other}</GetRecord>"), "oai-pmh")

    assert rows[0].row["general"] == {"title": "Atelier", "keyword": ["vélo", "café"]}


def test_no_matching_record_is_an_empty_list() -> None:
    """Section 3.6: the repository works and has nothing."""
    rows, broken, result = reading(answer('<error code="noRecordsMatch">none</error>'), "oai-pmh")

    assert (rows, broken, rules(result)) == ([], [], ["oai-no-records"])


def test_a_record_without_identifier_is_rejected_alone() -> None:
    """Every row is accounted for."""
    rows, broken, _ = reading(answer(f"<ListRecords><record><header/></record>{RECORD}</ListRecords>"), "oai-pmh")

    assert (len(rows), [each.rule for each in broken]) == (1, ["oai-header"])


@pytest.mark.fault(4, 6, 14)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (answer('<error code="badResumptionToken">expired</error>'), "oai-error"),
        (answer("<Identify><repositoryName>x</repositoryName></Identify>"), "oai-verb"),
        (answer(f"<ListRecords>{RECORD}</ListRecords>")[:-40], "xml-broken"),
        (b"<rss version='2.0'/>", "not-oai"),
        (b"<!doctype html><html></html>", "web-page"),
        (b"", "empty-body"),
        (b"verb missing", "not-xml"),
    ],
)
def test_what_is_no_list_is_refused_in_words(body: bytes, rule: str) -> None:
    """A body cut short, a web page, entities: none of them is an empty list."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(body, "oai-pmh")

    assert caught.value.rule == rule


def test_the_bare_address_of_a_repository_is_told_how_to_ask_it() -> None:
    """It answers with badVerb: the message says what the address lacks."""
    with pytest.raises(UnreadableFeed, match=r"\?verb=ListRecords&metadataPrefix=oai_dc"):
        reading(answer('<error code="badVerb">Illegal verb</error>'), "oai-pmh")
