"""The way in: visit a source, keep what it gave, and open that with the reader of its format, now or years later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import orjson

from federation.errors import PartnerError
from federation.ledger import Ledger
from federation.ledger.bodies import PUSHED
from federation.model import Finding, Outcome, RawRecord, Severity, Text
from federation.pipeline.fetch import Delivery, Fetched
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.fetch.walks import visit
from federation.pipeline.readers import Reading, ReadOptions, read
from federation.pipeline.readers.hosts import host_of
from federation.pipeline.sources import Source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

MANIFEST = "application/vnd.carrefour.visit+json"
"""Media type of the body that lists the pages of a visit."""


def obtain(
    source: Source,
    settings: Settings,
    environ: Mapping[str, str],
    validators: Mapping[str, Mapping[str, str]] | None = None,
    visitor: Visitor | None = None,
) -> Delivery:
    """Visit a source; secrets of its request come from ``environ``. Raises PartnerError, PeerError, ConfigError.

    ``validators`` of an earlier visit ask for what is new; without them everything is asked for.
    """
    return visit(source, settings, environ, validators, validators is None, visitor or Visitor(settings))


def keep(delivery: Delivery, source: Source, ledger: Ledger, now: datetime) -> None:
    """Keep the bodies of a visit by their hashes, before anything looks into them. Raises EngineUnavailable."""
    for page in delivery.pages:
        ledger.bodies.keep(page.body, source.id, now, page.content_type, page.etag, page.last_modified)
    if not delivery.plain:
        ledger.bodies.keep(delivery.manifest(), source.id, now, MANIFEST)


def kept(sha256: str, source: Source, ledger: Ledger) -> Delivery:
    """Take a visit out of what was kept. Raises LookupError if it was not, or is not any more; EngineUnavailable."""
    known = ledger.bodies.about(sha256, source.id)
    if known is None:
        raise LookupError(sha256)
    if known.content_type in PUSHED:
        return Delivery((_again("", sha256, known.content_type, ledger),), conditional=True, pushed=True)
    if known.content_type != MANIFEST:
        return Delivery((_again(source.url, sha256, known.content_type, ledger),))
    manifest = orjson.loads(ledger.bodies.read(sha256))
    pages = tuple(_again(url, page, content_type, ledger) for url, page, content_type in manifest["pages"])
    return Delivery(pages, manifest["whole"], conditional=manifest["conditional"])


def _again(url: str, sha256: str, content_type: str | None, ledger: Ledger) -> Fetched:
    return Fetched(ledger.bodies.read(sha256), sha256, url, 200, content_type)


def open_feed(source: Source, delivery: Delivery, settings: Settings, vocabulary: Vocabulary) -> Reading:
    """Open the bodies of a visit with the reader of the source's format, one after the other.

    Raises PartnerError, ConfigError: at once for the first body, while reading for the others.
    """
    findings = list(delivery.findings)
    if not delivery.pages:
        return Reading(source.format, iter(()), [*findings, _NO_NEWS], delivery.whole)
    first = _open(source, delivery.pages[0], settings, vocabulary)
    reading = Reading(first.format, iter(()), findings, delivery.whole)
    reading.items = _chained(reading, first, source, delivery, settings, vocabulary)
    return reading


def _chained(
    reading: Reading, first: Reading, source: Source, delivery: Delivery, settings: Settings, vocabulary: Vocabulary
) -> Iterator[RawRecord | Finding]:
    several = len(delivery.pages) > 1
    rows = 0
    for number, page in enumerate(delivery.pages, 1):
        opened = first if number == 1 else _open(source, page, settings, vocabulary)
        for item in opened:
            rows += 1
            if rows > source.limits.records:
                raise _too_many(source.limits.records)
            yield replace(item, where=f"page {number}, {item.where}") if several else item
        reading.whole = reading.whole and opened.whole
        reading.findings += opened.findings


def _open(source: Source, page: Fetched, settings: Settings, vocabulary: Vocabulary) -> Reading:
    remote = urlsplit(page.final_url).scheme in {"http", "https"}
    options = ReadOptions(
        format=source.format,
        at=source.records.at,
        sheet=source.records.sheet,
        separator=source.records.separator,
        encoding=source.records.encoding,
        header=source.records.header,
        contexts=vocabulary.contexts,
        base_url=page.final_url if remote else f"{settings.base_url}/sources/{source.id}",
        types=source.records.types if source.format in {"html", "activitypub"} else (),
        select=source.select,
        host=host_of(page.final_url) if remote else None,
        max_records=source.limits.records,
        max_record_bytes=source.limits.record_bytes,
        length_proved=page.length_proved,
        declared_charset=page.charset,
    )
    return read(page.body, options)


def readable(reading: Reading, broken: list[Outcome], harvested: bool = True) -> Iterator[RawRecord]:
    """The rows that could be read; the others are put aside as rejected outcomes. A feed without any is remarked on.

    ``harvested``: records of the feed may be online; those of a visitor's trial are not.
    """
    rows = 0
    for item in reading:
        rows += 1
        if isinstance(item, Finding):
            broken.append(Outcome(item.where, None, None, (item,)))
        else:
            yield item
    if not rows and not any(finding.rule in {"empty-body", _NO_NEWS.rule} for finding in reading.findings):
        reading.findings.append(_no_rows(reading.format, harvested))


def _too_many(limit: int) -> PartnerError:
    return PartnerError(
        f"The pages of this feed have more than {limit} records. Raise [limits] records in the source file if that is "
        "expected.",
        f"Les pages de ce flux comptent plus de {limit} fiches. Relevez [limits] records dans le fichier de la source "
        "si c'est voulu.",
    )


_NO_NEWS = Finding(
    "no-news",
    Severity.INFO,
    {
        "fr": "Rien de nouveau ni de modifié depuis la dernière visite.",
        "en": "Nothing new and nothing changed since the last visit.",
    },
)

_TABLE: Text = {
    "fr": "Le tableau n'a aucune ligne sous ses titres.",
    "en": "The table has no row below its titles.",
}
_EMPTY: Text = {"fr": "Le fichier ne contient aucune fiche.", "en": "The feed holds no record at all."}
_KEPT: Text = {"fr": " Celles qui sont en ligne y restent.", "en": " Those online stay."}
_CHECK: Text = {"fr": " Vérifiez l'export.", "en": " Check the export."}
_AT: Text = {
    "fr": " Si les fiches sont dans une liste à l'intérieur du document, dites laquelle dans le fichier de la source : "
    "`at`, dans [records].",
    "en": " If the records are in a list inside the document, say which in the source file: `at`, in [records].",
}
_TYPES: Text = {
    "fr": " Si les fiches y sont, dites leur type dans le fichier de la source : `types`, dans [records].",
    "en": " If the records are there, say their type in the source file: `types`, in [records].",
}
_WHERE: Mapping[str, Text] = {
    "json": _AT,
    "geojson": _AT,
    "json-ld": _TYPES,
    "html": _TYPES,
    "activitypub": _TYPES,
}


def _no_rows(format_: str, harvested: bool) -> Finding:
    """The feed can be read and holds nothing; what can be done is another thing in each format."""
    parts = [_TABLE if format_ in {"csv", "xlsx"} else _EMPTY]
    parts += [_KEPT] if harvested else []
    parts += [_CHECK, _WHERE.get(format_, {"fr": "", "en": ""})]
    message = {lang: "".join(part[lang] for part in parts) for lang in ("fr", "en")}
    return Finding("no-rows", Severity.WARNING, message)
