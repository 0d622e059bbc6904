"""Rows of one web page: its schema.org in JSON-LD, else in microdata, else what ``[select]`` picks with XPath.

Each row has the page's own address as ``@page``. Must never fetch a page, a script or a context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import lxml.html
import orjson
from lxml import etree
from lxml.html import HtmlElement

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.hosts import host_of
from federation.pipeline.readers.json_parser import parse
from federation.pipeline.readers.json_reader import row_problem
from federation.pipeline.readers.jsonld import read_jsonld
from federation.pipeline.readers.jsonld_rows import Names
from federation.pipeline.readers.microdata import Microdata
from federation.pipeline.readers.reading import (
    Reading,
    ReadOptions,
    UnreadableFeed,
    empty_body,
    rejected,
    remark,
    too_many,
)
from federation.pipeline.readers.text import decode, kind_of, not_what_was_promised

_META = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
_META_REACH = 4096
_WRAPPER = re.compile(r"\A\s*(?://\s*)?<!(?:\[CDATA\[|--)|(?://\s*)?(?:\]\]|--)>\s*\Z")
"""What old pages put around a script so that older browsers would not show it."""

_ADDRESSES = frozenset({"href", "src", "action", "data"})


@dataclass(frozen=True, slots=True)
class _Page:
    """A parsed page, its own address, and the address that relative ones start from."""

    root: HtmlElement
    address: str
    base: str


def read_html(body: bytes, options: ReadOptions) -> Reading:
    """Read the records that one page describes.

    JSON-LD blocks are parsed one by one, so a malformed one costs only itself (fault 31); contexts are pinned (15).
    With ``options.select`` the page is one row of what the expressions find. A page without records gives none, with
    a remark (32). Raises UnreadableFeed: not a page, cut.
    """
    if not body.strip():
        empty_body(proved=False)
    kind = kind_of(body)
    if kind not in (None, "html"):
        raise not_what_was_promised(str(kind), "HTML")
    findings: list[Finding] = []
    page = _parsed(body, options, findings)
    items = list(_selected(page, options) if options.select else _described(page, options, findings))
    if len(items) > options.max_records:
        raise too_many(options.max_records)
    if not items:
        findings.append(_nothing(page, bool(options.select)))
    return Reading("html", iter(items), findings)


def _parsed(body: bytes, options: ReadOptions, findings: list[Finding]) -> _Page:
    charset_tag = _META.search(body[:_META_REACH])
    charset = options.declared_charset or (charset_tag[1].decode("ascii") if charset_tag else None)
    decoded = decode(body, replace(options, declared_charset=charset))
    findings += decoded.findings
    if not options.length_proved and "</html" not in decoded.text[-2000:].lower():
        raise UnreadableFeed(
            "cut",
            "La page semble coupée : </html> manque à la fin, et le serveur n'a pas annoncé sa longueur. Rien n'en a "
            "été repris.",
            "The page was probably cut: </html> is missing at its end, and the server did not announce its length. "
            "Nothing was taken from it.",
        )
    parser = lxml.html.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = lxml.html.document_fromstring(decoded.text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise _not_a_page() from error
    if "<" not in decoded.text:
        raise _not_a_page()
    declared_base = next((element.get("href") or "" for element in root.iter("base")), "")
    base = _joined(options.base_url, declared_base)
    return _Page(root, _canonical(root, base, options), base)


def _canonical(root: HtmlElement, base: str, options: ReadOptions) -> str:
    """The page's canonical address, if it lies at the host that answered; else the address it was fetched from."""
    own = options.host or host_of(options.base_url)
    for link in root.iter("link"):
        if "canonical" not in (link.get("rel") or "").lower().split():
            continue
        address = _joined(base, link.get("href") or "").split("#", 1)[0]
        host = host_of(address)
        if host is not None and (host == own or options.host is None):
            return address
    return options.base_url


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return base


def _described(page: _Page, options: ReadOptions, findings: list[Finding]) -> Iterator[RawRecord | Finding]:
    """Yield what JSON-LD describes; microdata only if that is nothing."""
    broken: list[UnreadableFeed] = []
    found = list(_jsonld(page, options, findings, broken))
    if not any(isinstance(item, RawRecord) for item in found):
        found += _microdata(page, options, findings)
    good = any(isinstance(item, RawRecord) for item in found)
    for error in broken:
        if good:  # the page's record is there: what else it says is worth a remark
            fr, en = error.text["fr"], error.text["en"]
            findings.append(remark(error.rule, Severity.WARNING, fr, en, value=page.address))
        else:
            yield rejected(error.rule, page.address, error.text["fr"], error.text["en"])
    for item in found:
        if isinstance(item, RawRecord):
            where = item.where if host_of(item.where) else page.address
            yield RawRecord(where, {**item.row, "@page": page.address})
        else:
            yield item


def _jsonld(
    page: _Page, options: ReadOptions, findings: list[Finding], broken: list[UnreadableFeed]
) -> Iterator[RawRecord | Finding]:
    """Yield the nodes of all blocks. Blocks that cannot be parsed go to ``broken``."""
    documents: list[Any] = []
    for number, text in enumerate(_blocks(page.root), 1):
        try:
            document = parse(text.encode("utf-8", "replace"), ReadOptions("json-ld"), "JSON-LD").document
        except UnreadableFeed as error:
            broken.append(_block_broken(number, error))
        else:
            documents += document if isinstance(document, list) else [document]
    documents = [document for document in documents if isinstance(document, dict)]
    if not documents:
        return
    inner = replace(options, format="json-ld", base_url=page.base, at=None, encoding="utf-8", length_proved=True)
    try:
        reading = read_jsonld(orjson.dumps(documents), inner)
        for item in reading:
            yield item if isinstance(item, RawRecord) else replace(item, where=page.address)
    except UnreadableFeed as error:
        broken.append(error)
        return
    except TypeError:  # deeper than what can be written
        broken.append(_too_deep())
        return
    findings += reading.findings


def _blocks(root: HtmlElement) -> Iterator[str]:
    for script in root.iter("script"):
        if (script.get("type") or "").split(";")[0].strip().lower() == "application/ld+json":
            text = _WRAPPER.sub("", script.text or "").strip()
            if text:
                yield text


def _microdata(page: _Page, options: ReadOptions, findings: list[Finding]) -> Iterator[RawRecord | Finding]:
    names = Names(options.prefixes)
    wanted = {names.of_type(name) for name in options.types}
    items = Microdata(page.root, page.base, names)
    for row in items.rows():
        types = row.get("@type")
        if wanted and wanted.isdisjoint(types if isinstance(types, list) else [types]):
            continue
        where = str(row.get("@id") or page.address)
        problem = row_problem(row, where, options.max_record_bytes)
        yield RawRecord(where, row) if problem is None else problem
    if items.clipped:
        findings.append(
            remark(
                "microdata-clipped",
                Severity.WARNING,
                "Les microdonnées de la page renvoient trop souvent aux mêmes parties (`itemref`) : la fin n'est pas "
                "lue.",
                "The microdata of the page refer to the same parts too often (`itemref`): the end was not read.",
                value=page.address,
            )
        )
    if items.foreign:
        findings.append(
            remark(
                "microdata-foreign",
                Severity.INFO,
                "La page décrit aussi des choses en microdonnées d'un autre vocabulaire que schema.org : elles ne sont "
                "pas lues.",
                "The page also describes things in microdata of another vocabulary than schema.org: they are not read.",
                value=page.address,
            )
        )


def _selected(page: _Page, options: ReadOptions) -> Iterator[RawRecord | Finding]:
    """Yield one row of what the expressions find. Several nodes for one name are a fault, never joined."""
    row: dict[str, Any] = {}
    for name, expression in options.select.items():
        try:
            found = etree.XPath(expression, regexp=False, smart_strings=True)(page.root)
        except etree.XPathError as error:
            yield _select_fault(name, page, f"« {expression} » : {error}", f"“{expression}”: {error}")
            return
        values = found if isinstance(found, list) else [found]
        if len(values) > 1:
            yield _select_fault(
                name,
                page,
                f"« {expression} » trouve {len(values)} éléments au lieu d'un seul",
                f"“{expression}” finds {len(values)} nodes instead of one",
            )
            return
        value = _spoken(values[0], page.base) if values else ""
        if value != "":
            row[name] = value
    if row:
        row["@page"] = page.address
        problem = row_problem(row, page.address, options.max_record_bytes)
        yield RawRecord(page.address, row) if problem is None else problem


def _spoken(value: Any, base: str) -> Any:
    if isinstance(value, etree._Element):
        return str(etree.tostring(value, method="text", encoding="unicode", with_tail=False)).strip()
    if isinstance(value, bool | float):
        return value
    text = str(value).strip()
    return _joined(base, text) if getattr(value, "attrname", None) in _ADDRESSES and text else text


def _select_fault(name: str, page: _Page, fr: str, en: str) -> Finding:
    return replace(
        rejected(
            "select",
            page.address,
            f"[select] {name} : {fr}. La page est écartée : précisez l'expression.",
            f"[select] {name}: {en}. The page is left out: make the expression more precise.",
        ),
        field=name,
    )


def _nothing(page: _Page, selected: bool) -> Finding:
    if selected:
        return remark(
            "select-nothing",
            Severity.WARNING,
            "Les expressions de [select] ne trouvent rien dans cette page : le site a-t-il changé d'habillage ?",
            "The expressions of [select] find nothing on this page: has the site been redesigned?",
            value=page.address,
        )
    return remark(
        "page-without-records",
        Severity.INFO,
        "Cette page ne décrit rien en schema.org (ni JSON-LD ni microdonnées) des types demandés.",
        "This page describes nothing in schema.org (neither JSON-LD nor microdata) of the types asked for.",
        value=page.address,
    )


def _block_broken(number: int, error: UnreadableFeed) -> UnreadableFeed:
    return UnreadableFeed(
        "json-ld-block",
        f"Le bloc JSON-LD n° {number} de la page est illisible, les autres sont lus. {error.text['fr']}",
        f"JSON-LD block number {number} of the page cannot be read, the others are. {error.text['en']}",
    )


def _too_deep() -> UnreadableFeed:
    return UnreadableFeed(
        "record-too-deep",
        "Le JSON-LD de la page emboîte trop de niveaux : il est écarté.",
        "The JSON-LD of the page nests too many levels: it is left out.",
    )


def _not_a_page() -> UnreadableFeed:
    return UnreadableFeed(
        "not-html",
        "La réponse n'est pas une page web. Vérifiez `url` et `format`.",
        "The answer is no web page. Check `url` and `format`.",
    )
