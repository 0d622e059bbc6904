"""The trial itself: from the bytes of a feed to an account of what would become of each row. Pure; run it confined.

It must never write, fetch, or give out anything that is not open data but what the visitor's own findings quote.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from federation.errors import CarrefourError, ConfigError, PartnerError
from federation.ledger.times import to_seconds
from federation.model import Finding, Outcome, Severity
from federation.pipeline.assess import Assessor
from federation.pipeline.fetch import Delivery, Fetched
from federation.pipeline.fetch.walks.further import further
from federation.pipeline.intake import open_feed, readable
from federation.pipeline.mapping import Columns, RunStamp
from federation.pipeline.plan import Planner
from federation.pipeline.readers import Reading, detect
from federation.pipeline.sources import Source
from federation.pipeline.suggest import Answer, suggest
from federation.pipeline.trial.tasks import CARDS, MAPPED, Task
from federation.pipeline.trial.visitor import address, licensed, profile_source, slug, visitor_source
from federation.settings import Settings
from federation.vocabulary import Vocabulary

_GROUPS = 60  # kinds of findings told
_PLACES = 8  # rows named for each
_WORDS = 60
_CARD_CHARACTERS = 60_000  # of one record's graph
_UNKNOWN = ("unknown-word", "unknown-word-dropped")
_ORDER = [Severity.VIOLATION, Severity.WARNING, Severity.INFO]


def examine(task: Task, body: bytes, vocabulary: Vocabulary, now: datetime) -> dict[str, Any]:
    """Take a body through reading, mapping and validation, and give the account as JSON values.

    ``state``: ``read``; ``unreadable`` (the feed), ``source`` (the source file has a fault), ``unknown`` (no records
    that we know to read), with ``message``. ``format``, ``toml`` and ``origin`` (``own``, ``profile``, ``guess``) say
    how it was read; ``counts``, ``mapped``, ``rows``, ``records``, ``findings``, ``words`` what became of the rows;
    ``more``, if it is there, that this is one page of a longer list (see further.py).
    """
    account: dict[str, Any] = {"format": detect(body, task.content_type, task.name), "state": "read", "message": None}
    try:
        source, remarks = _source(task, body, vocabulary, account)
    except ConfigError as error:
        return {**account, "state": "source", "message": dict(error.text)}
    except PartnerError as error:
        return {**account, "state": "unreadable", "message": dict(error.text)}
    account["format"] = source.format
    if account["state"] == "read":
        _Trial(task, source, vocabulary, now).run(body, account, remarks)
    return account


def _source(
    task: Task, body: bytes, vocabulary: Vocabulary, account: dict[str, Any]
) -> tuple[Source, tuple[Finding, ...]]:
    """The source to use, and what is to be said of a guess; the account says where it is from, and if the body is not
    its feed."""
    if task.toml:
        account |= {"toml": task.toml, "origin": "own"}
        return visitor_source(task.toml, vocabulary), ()
    if task.profile:
        text, source = profile_source(task, account["format"] or "json", vocabulary)
        account |= {"toml": text, "origin": "profile"}
        return source, ()
    answer = Answer(body, address(task), task.content_type, task.charset, task.headers, task.length_proved)
    found = suggest(answer, vocabulary, task.lang)
    text = found.text
    if not task.url:  # its host is none
        text = text.replace(f'id = "{found.source.id}"', f'id = "{slug(task.name)}"', 1)
    account["origin"] = "guess"
    if found.rows or found.elsewhere or found.source.profile is not None:  # without a row, no column is known
        account["toml"] = text
    if found.elsewhere:
        account |= {"state": "unknown", "message": _elsewhere(found.source.url)}
    elif found.source.format == "html" and found.source.profile is None:
        account |= {"state": "unknown", "message": _PLAIN_PAGE}
    return licensed(found.source), found.remarks


def _elsewhere(url: str) -> dict[str, str]:
    return {
        "fr": f"C'est une page web. Elle annonce un flux à l'adresse {url} : essayez celle-ci.",
        "en": f"This is a web page. It announces a feed at the address {url}: try that one.",
    }


_PLAIN_PAGE = {
    "fr": "C'est une page web, sans fiches qu'une machine puisse lire : ni schema.org, ni flux annoncé. Cherchez "
    "l'adresse de l'export (CSV, JSON, GeoJSON, RSS ou Atom), ou dites dans un fichier de source où sont les fiches.",
    "en": "This is a web page without records that a machine can read: neither schema.org nor an announced feed. Look "
    "for the address of the export (CSV, JSON, GeoJSON, RSS or Atom), or say in a source file where the records are.",
}


class _Trial:
    """One trial under way."""

    def __init__(self, task: Task, source: Source, vocabulary: Vocabulary, now: datetime) -> None:
        self._task, self._source, self._vocabulary = task, source, vocabulary
        self._stamp = RunStamp(f"{task.base_url}/runs/preview", to_seconds(now))
        self._planner = Planner({}, source.version)
        self._told: dict[tuple[int, str, str], dict[str, Any]] = {}
        self._words: Counter[tuple[str, str, str]] = Counter()
        self._records: list[dict[str, Any]] = []
        self._read = 0

    def run(self, body: bytes, account: dict[str, Any], remarks: tuple[Finding, ...]) -> None:
        """Fill the account. What stops the feed stands in it, beside what was done before."""
        task = self._task
        fetched = Fetched(
            body, "", task.url or "file:", 200, task.content_type, task.charset, None, None, task.length_proved, None,
            task.headers,
        )  # fmt: skip
        columns = Columns(self._source)
        reading: Reading | None = None
        rest = 0
        try:
            reading = open_feed(self._source, Delivery((fetched,)), Settings(base_url=task.base_url), self._vocabulary)
            rest = self._map(reading, columns)
        except CarrefourError as error:
            account |= {"state": "unreadable", "message": dict(error.text)}
        for finding in (*remarks, *(reading.findings if reading else ()), *columns.findings("")):
            self._tell(finding, "")
        account |= {
            "counts": asdict(self._planner.counts(False)),
            "mapped": self._read,
            "rows": self._read + rest,
            "records": self._records,
            "findings": self._findings(),
            "words": self._unknown_words(),
        }
        if task.url and (more := further(self._source, fetched, self._read + rest)) is not None:
            account["more"] = asdict(more)

    def _map(self, reading: Reading, columns: Columns) -> int:
        """Map the first rows, and count the others."""
        broken: list[Outcome] = []
        rows = readable(reading, broken, harvested=False)
        judge = Assessor(self._source, self._vocabulary, self._task.base_url)
        first = islice(rows, MAPPED)
        groups = judge.mapper.group(columns.over(first))
        outcomes = (item if isinstance(item, Outcome) else judge(item, self._stamp) for item in groups)
        for planned in self._planner.plan(chain(outcomes, iter(broken))):
            outcome = planned.outcome
            self._read += outcome.rows
            for finding in outcome.findings:
                self._tell(finding, outcome.where)
            if outcome.record is not None and outcome.tier is not None:
                self._show(outcome.record.content, outcome.record.iri, outcome.tier.value)
        return sum(1 for _ in _others(rows, broken))

    def _show(self, content: str, iri: str, tier: str) -> None:
        if len(self._records) < CARDS and len(content) <= _CARD_CHARACTERS:
            self._records.append({"iri": iri, "tier": tier, "content": content})

    def _tell(self, finding: Finding, where: str) -> None:
        if finding.rule in _UNKNOWN and finding.value:
            self._words[(finding.value, finding.term or "", finding.field or "")] += finding.count
            return
        key = (_ORDER.index(finding.severity), finding.rule, finding.field or "")
        if key not in self._told and len(self._told) >= _GROUPS * 4:
            return
        group = self._told.setdefault(key, {"first": replace(finding, where=""), "count": 0, "places": []})
        group["count"] += finding.count
        if len(group["places"]) < _PLACES and (finding.where or where):
            place = {"where": finding.where or where, "value": finding.value, "suggestion": finding.suggestion}
            group["places"].append(place)

    def _findings(self) -> list[dict[str, Any]]:
        ordered = sorted(self._told.items(), key=lambda item: (item[0][0], -item[1]["count"], item[0]))
        return [_group_values(group) for _, group in ordered[:_GROUPS]]

    def _unknown_words(self) -> list[dict[str, Any]]:
        found = []
        for (word, term, field), count in self._words.most_common(_WORDS):
            scheme = self._vocabulary.scheme_of(term)
            near = self._vocabulary.nearest_concept(scheme, word) if scheme else None
            entry = {"word": word, "term": term, "field": field, "count": count}
            found.append(entry | ({"near": dict(near.labels), "code": near.code} if near else {}))
        return found


def _others(rows: Any, broken: list[Outcome]) -> Any:
    """The rows that are only counted; those among them that cannot be read count, too."""
    before = len(broken)
    yield from rows
    yield from broken[before:]


def _group_values(group: dict[str, Any]) -> dict[str, Any]:
    first: Finding = group["first"]
    return {
        "rule": first.rule,
        "severity": first.severity.value,
        "message": dict(first.message),
        "field": first.field,
        "term": first.term,
        "count": group["count"],
        "places": group["places"],
    }
