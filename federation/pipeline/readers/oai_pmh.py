"""Rows of one OAI-PMH 2.0 response (ListRecords or GetRecord), a deleted record as a withdrawal.

Must never follow a resumption token: walking is fetching. Source: OAI-PMH 2.0, sections 2.5, 3.6, 4.1 and 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from federation.model import Finding, RawRecord, Severity
from federation.pipeline.readers.json_reader import row_problem
from federation.pipeline.readers.reading import (
    Reading,
    ReadOptions,
    UnreadableFeed,
    empty_body,
    rejected,
    remark,
    too_many,
)
from federation.pipeline.readers.text import broken_characters
from federation.pipeline.readers.xml_safe import name_of, parse_xml, text_of

_OAI = "http://www.openarchives.org/OAI/2.0/"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {"http://purl.org/dc/elements/1.1/": "dc", "http://purl.org/dc/terms/": "dcterms"}
_DEPTH = 40
_VERBS = ("ListRecords", "GetRecord")
_HINTS = {  # of an address that was given bare; a source of this format is always asked with a verb
    "badVerb": (
        " Une adresse d'entrepôt se lit avec « ?verb=ListRecords&metadataPrefix=oai_dc », ou par un fichier de source "
        'qui dit profile = "oai_dc".',
        ' The address of a repository is read with "?verb=ListRecords&metadataPrefix=oai_dc", or through a source file '
        'that says profile = "oai_dc".',
    ),
}


def read_oai(body: bytes, options: ReadOptions) -> Reading:
    """Read the records of one response: ``identifier``, ``datestamp``, ``setSpec`` (a list), and the metadata.

    Elements of Dublin Core are ``dc:title``, ``dcterms:spatial``, always lists; those of other formats have their bare
    names, one value alone, several a list. A text with ``xml:lang`` is ``{"@value", "@language"}``.
    Raises UnreadableFeed: a web page, cut, entities (fault 14), an error that the repository reports.
    """
    if not body.strip():
        empty_body(proved=False)
    root = parse_xml(body, options, "OAI-PMH")
    if name_of(root) != (_OAI, "OAI-PMH"):
        raise UnreadableFeed(
            "not-oai",
            f"Ce document XML n'est pas une réponse OAI-PMH (racine « {name_of(root)[1]} »). Vérifiez `url`.",
            f"This XML document is no OAI-PMH answer (its root is “{name_of(root)[1]}”). Check `url`.",
        )
    findings = broken_characters(etree.tostring(root, encoding="unicode"))
    _refuse_errors(root, findings)
    lists = [child for child in root if name_of(child)[1] in _VERBS]
    if not lists and not findings:
        raise _wrong_verb(root)
    records = [record for each in lists for record in each if name_of(record)[1] == "record"]
    if len(records) > options.max_records:
        raise too_many(options.max_records)
    return Reading("oai-pmh", _rows(records, options), findings)


def _refuse_errors(root: etree._Element, findings: list[Finding]) -> None:
    """Raise UnreadableFeed for an error of the repository; that no record matches is none (section 3.6)."""
    for child in root:
        if name_of(child)[1] != "error":
            continue
        code, said = str(child.get("code") or "?"), text_of(child)[:200]
        if code != "noRecordsMatch":
            fr, en = _HINTS.get(code, ("", ""))
            raise UnreadableFeed(
                "oai-error",
                f"L'entrepôt OAI-PMH répond par une erreur : {code} ({said}). Vérifiez `url` et [request].{fr}",
                f"The OAI-PMH repository answers with an error: {code} ({said}). Check `url` and [request].{en}",
            )
        findings.append(
            remark(
                "oai-no-records",
                Severity.INFO,
                "L'entrepôt OAI-PMH n'a aucune fiche pour cette demande (noRecordsMatch).",
                "The OAI-PMH repository has no record for this request (noRecordsMatch).",
            )
        )


def _wrong_verb(root: etree._Element) -> UnreadableFeed:
    found = next((name_of(child)[1] for child in root if name_of(child)[1] not in ("responseDate", "request")), "?")
    return UnreadableFeed(
        "oai-verb",
        f"La réponse OAI-PMH est un « {found} », pas une liste de fiches. Ajoutez à [request] : "
        'verb = "ListRecords" et metadataPrefix = "oai_dc".',
        f"The OAI-PMH answer is a “{found}”, no list of records. Add to [request]: "
        'verb = "ListRecords" and metadataPrefix = "oai_dc".',
    )


def _rows(records: list[etree._Element], options: ReadOptions) -> Iterator[RawRecord | Finding]:
    for number, record in enumerate(records, 1):
        parts = {name_of(child)[1]: child for child in record}
        header = parts.get("header")
        row = _header(header)
        where = str(row.get("identifier") or f"élément {number}")[:200]
        if header is None or "identifier" not in row:
            yield rejected(
                "oai-header",
                where,
                "Cette fiche n'a pas d'en-tête avec un identifiant : elle est écartée.",
                "This record has no header with an identifier: it is left out.",
            )
        elif header.get("status") == "deleted":
            yield RawRecord(where, row, deleted=True)
        else:
            row |= _metadata(parts.get("metadata"))
            problem = row_problem(row, where, options.max_record_bytes)
            yield RawRecord(where, row) if problem is None else problem


def _header(header: etree._Element | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for child in header if header is not None else ():
        name, text = name_of(child)[1], text_of(child)
        if name == "setSpec":
            row.setdefault("setSpec", []).append(text)
        elif name in ("identifier", "datestamp") and text:
            row[name] = text
    return row


def _metadata(metadata: etree._Element | None) -> dict[str, Any]:
    """The elements of the one container in ``<metadata>``."""
    container = next(iter(metadata), None) if metadata is not None else None
    return {} if container is None else _children(container, 0)


def _children(element: etree._Element, depth: int) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    lists = set()
    for child in element:
        space, local = name_of(child)
        if not local:
            continue
        prefix = _PREFIXES.get(space)
        key = f"{prefix}:{local}" if prefix else local
        if prefix:
            lists.add(key)
        value = _value(child, depth + 1)
        if value is not None:
            found.setdefault(key, []).append(value)
    return {key: values if key in lists or len(values) > 1 else values[0] for key, values in found.items()}


def _value(element: etree._Element, depth: int) -> Any:
    if len(element) and depth < _DEPTH:
        return _children(element, depth) or None
    text = text_of(element)
    if not text:
        return None
    language = element.get(_LANG)
    return {"@value": text, "@language": str(language)} if language else text
