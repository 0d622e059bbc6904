"""Telling web pages, XML and tables apart by what a body begins with."""

from __future__ import annotations

import codecs

import pytest
from reading_help import reading

from federation.pipeline.readers.markup import markup_of, root_of
from federation.pipeline.readers.reading import UnreadableFeed

PAGES = {
    "page": b"<!doctype html><html><body>x</body></html>",
    "fragment": b"<p>Site en maintenance</p>",
    "comment first": b"<!-- page d'accueil -->\n<div>Site en maintenance</div>",
    "comment and text": b"<!-- maintenance; -->\n\nRevenez plus tard ; merci",
    "comment never closed": b"<!-- maintenance; \n\n",
    "long comment": b"<!-- " + b"licence " * 4000 + b"-->\n<html><body>x</body></html>",
    "several comments": b"<!-- a --> <!-- b -->\r\n<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>\n<head>",
    "space first": b"\r\n\t  \n<HTML><BODY>x",
    "mark first": codecs.BOM_UTF8 + b"\n<!-- x --><body>x",
    "utf-16": "<!-- x --><html><body>fermé</body></html>".encode("utf-16"),
    "php error": b"<br />\n<b>Fatal error</b>:  Uncaught Error; in /www/export.php",
    "xhtml": b"<?xml version='1.0'?><!-- x --><!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'/>",
    "script": b"<script>location='/login'</script>",
}
DOCUMENTS = {
    "rss": (b"<?xml version='1.0'?><rss version='2.0'><channel><title>le <html> en XML</title>", "rss"),
    "comment, then rss": (b"<!-- <html> --><rss version='2.0'>", "rss"),
    "prefixed root": (b"<rdf:RDF xmlns:rdf='x'>", "RDF"),
    "own document type": (b"<!DOCTYPE rss [<!ENTITY nbsp '>'>]>\n<rss>", "rss"),
    "declared, unknown": (b"<?xml version='1.0'?><div>", "div"),
    "comment, unknown root": (b"<!-- x --><projets>", "projets"),
}
TABLES = (b"nom;ville\na;b\n", b'"<b>nom</b>";ville\n', b"< 10;>= 10\n1;2\n", b"<data>;x\n1;2\n", b"", b"[1]", b"{}")


@pytest.mark.parametrize("name", PAGES)
def test_a_web_page_is_known_whatever_it_begins_with(name: str) -> None:
    """Comments, marks, white space, document types, pieces of pages, messages of a broken server."""
    assert markup_of(PAGES[name]) == "html"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_in_xml_the_root_decides(name: str) -> None:
    """What texts and comments say of HTML does not make a page of it."""
    body, root = DOCUMENTS[name]
    assert (markup_of(body), root_of(body)) == ("xml", root)


@pytest.mark.parametrize("body", TABLES)
def test_a_table_is_no_markup(body: bytes) -> None:
    """A cell may hold a tag or a sign; JSON and nothing at all are no pages either."""
    assert markup_of(body) is None


@pytest.mark.parametrize("expected", ["csv", "json", "json-ld", "geojson", "feed", "oai-pmh", "xlsx", "activitypub"])
@pytest.mark.parametrize("name", PAGES)
def test_no_reader_takes_a_web_page_for_rows(expected: str, name: str) -> None:
    """Each reader says that the answer is a web page, instead of reading blank or broken rows."""
    with pytest.raises(UnreadableFeed) as caught:
        reading(PAGES[name], expected)
    assert caught.value.rule == "web-page"
