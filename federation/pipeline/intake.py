"""The way in: fetch the bytes of a source's feed and open them with its reader. Must never write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from federation import __version__
from federation.model import Finding, Outcome, RawRecord, Severity
from federation.pipeline.fetch import Fetched, FetchRequest, fetch
from federation.pipeline.readers import Reading, ReadOptions, read
from federation.pipeline.sources import Source
from federation.settings import Settings
from federation.vocabulary import Vocabulary


def obtain(source: Source, settings: Settings, environ: Mapping[str, str]) -> Fetched:
    """Fetch a feed; secrets of its request come from ``environ``. Raises PartnerError, PeerError, ConfigError."""
    params, headers = source.request.resolved(environ)
    contact = f"; mailto:{settings.contact}" if settings.contact else ""
    return fetch(
        FetchRequest(
            url=source.url,
            params=params,
            headers=headers,
            max_bytes=source.limits.bytes or settings.fetch_bytes,
            max_seconds=source.limits.seconds or settings.fetch_seconds,
            allow_private=settings.fetch_private,
            user_agent=f"Carrefour/{__version__} (+{settings.base_url}/a-propos{contact})",
        )
    )


def open_feed(source: Source, body: Fetched, settings: Settings, vocabulary: Vocabulary) -> Reading:
    """Open the body of a feed with the reader of its format. Raises PartnerError, ConfigError."""
    remote = urlsplit(body.final_url).scheme in {"http", "https"}
    options = ReadOptions(
        format=source.format,
        at=source.records.at,
        sheet=source.records.sheet,
        separator=source.records.separator,
        encoding=source.records.encoding,
        header=source.records.header,
        contexts=vocabulary.contexts,
        base_url=body.final_url if remote else f"{settings.base_url}/sources/{source.id}",
        max_records=source.limits.records,
        max_record_bytes=source.limits.record_bytes,
        length_proved=body.length_proved,
        declared_charset=body.charset,
    )
    return read(body.body, options)


def readable(reading: Reading, broken: list[Outcome]) -> Iterator[RawRecord]:
    """The rows that could be read; the others are put aside as rejected outcomes. A feed without any is remarked on."""
    rows = 0
    for item in reading:
        rows += 1
        if isinstance(item, Finding):
            broken.append(Outcome(item.where, None, None, (item,)))
        else:
            yield item
    if not rows and not any(finding.rule == "empty-body" for finding in reading.findings):
        reading.findings.append(_NO_ROWS)


_NO_ROWS = Finding(
    "no-rows",
    Severity.WARNING,
    {
        "fr": "Le fichier ne contient aucune fiche. Celles qui sont en ligne y restent. Vérifiez l'export, et `at` ou "
        "`types` dans le fichier de la source.",
        "en": "The feed holds no record at all. Those online stay. Check the export, and `at` or `types` in the source "
        "file.",
    },
)
