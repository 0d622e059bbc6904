"""The registry of readers, and the guess for bare files."""

from __future__ import annotations

import pytest
from reading_help import reading
from test_xlsx_reader import workbook

from federation.errors import ConfigError
from federation.pipeline.readers import READERS, detect


def test_an_unknown_format_names_the_known_ones() -> None:
    """A format without reader is the operator's fault."""
    with pytest.raises(ConfigError, match="activitypub, csv, feed, geojson, html, json, json-ld, oai-pmh, xlsx"):
        reading(b"", "yaml")


@pytest.mark.parametrize(
    ("body", "content_type", "name", "expected"),
    [
        (b"a;b\n1;2\n", None, "export", "csv"),
        (b"a;b\n1;2\n", "text/plain", "export.tsv", "csv"),
        (b'[{"a": 1}]', "text/html", "x", "json"),
        (b'{"@context": "https://schema.org"}', "application/json", "x.json", "json-ld"),
        (b'[{"@id": "x"}]', None, "x", "json-ld"),
        (b'{"type": "FeatureCollection", "features": []}', None, "x.json", "geojson"),
        (b'\xef\xbb\xbf{"type": "FeatureCollection", "features": [', None, "x.json", "geojson"),
        (b'{"@context": "https://schema.org", "@graph": [{"a', None, "x.json", "json-ld"),
        (b'{"a": [', None, "x.geojson", "geojson"),
        (b'{"type": "Feature list"}', None, "x", "json"),
        (b"<html>", "text/csv", "x.csv", None),
        (b'<html><script type="application/ld+json">{}</script></html>', "text/html", "x", "html"),
        (b"<html><div itemscope itemtype='https://schema.org/Thing'></div></html>", "text/html", "x", "html"),
        (b"<?xml version='1.0'?><!-- x --><rss version='2.0'><channel/></rss>", "text/html", "x", "feed"),
        (b"<rss version='2.0'><channel><title>le <html> en XML</title></channel></rss>", None, "x", "feed"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "application/xml", "x.xml", "feed"),
        (b"<?xml version='1.0'?>\n<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>", None, "x", "oai-pmh"),
        (b"<?xml version='1.0'?><urlset/>", None, "sitemap.xml", "html"),
        (b"<?xml version='1.0'?><kml/>", None, "x.kml", None),
        (
            b'{"@context": "https://www.w3.org/ns/activitystreams", "type": "Collection"}',
            None,
            "x",
            "activitypub",
        ),
        (b'{"@context": ["https://www.w3.org/ns/activitystreams"], "type": "Pers', None, "x.json", "activitypub"),
        (b"%PDF-1.4", None, "x", None),
        (b"PK\x03\x04", None, "x", "xlsx"),
        (b"Bonjour", None, "x", None),
        (b"\xff\xfea\x00;\x00b\x00", None, "x", "csv"),
    ],
)
def test_detection(body: bytes, content_type: str | None, name: str, expected: str | None) -> None:
    """Bytes first, then the name, then the content type."""
    assert detect(body, content_type, name) == expected


def test_a_workbook_is_told_from_other_archives() -> None:
    """A zip with a workbook inside is XLSX."""
    assert detect(workbook(["a"], [1]), None, "x.bin") == "xlsx"


@pytest.mark.parametrize("format", sorted(READERS.keys() - {"html"}))
def test_every_reader_names_a_web_page(format: str) -> None:  # noqa: A002 - the option's name
    """Whatever the format, a maintenance page is refused as one."""
    with pytest.raises(Exception, match="web page"):
        reading(b"<!doctype html><html><body>Site en maintenance</body></html>", format)
