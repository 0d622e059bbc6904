"""The trial itself: from the bytes of a feed to an account of what would become of each row. Pure; run it confined.

It must never write, fetch, or give out anything that is not open data but what the visitor's own findings quote.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from federation.errors import CarrefourError, ConfigError
from federation.ledger.times import to_seconds
from federation.model import Finding, Outcome, Severity
from federation.pipeline.assess import Assessor
from federation.pipeline.fetch import Fetched
from federation.pipeline.intake import open_feed, readable
from federation.pipeline.mapping import Columns, RunStamp
from federation.pipeline.plan import Planner
from federation.pipeline.readers import Reading, detect
from federation.pipeline.sources import Source, parse_source
from federation.pipeline.trial.tasks import CARDS, MAPPED, Task
from federation.pipeline.trial.visitor import NAME, profile_text, proposed, visitor_source
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

    ``state``: ``read``; ``unreadable`` (the feed), ``source`` (the source file has a fault), ``unknown`` (no mapping
    can be guessed), with ``message``. ``format``, ``toml`` and ``origin`` (``own``, ``profile``, ``guess``) say how it
    was read; ``counts``, ``mapped``, ``rows``, ``records``, ``findings``, ``words`` what became of the rows.
    """
    account: dict[str, Any] = {"format": detect(body, task.content_type, task.name), "state": "read", "message": None}
    try:
        source = _source(task, body, vocabulary, account)
    except ConfigError as error:
        return {**account, "state": "source", "message": dict(error.text)}
    if source is None:
        return {**account, "state": "unknown", "message": dict(_unknown(account["format"]))}
    account["format"] = source.format
    _Trial(task, source, vocabulary, now).run(body, account)
    return account


def _source(task: Task, body: bytes, vocabulary: Vocabulary, account: dict[str, Any]) -> Source | None:
    if task.toml:
        account |= {"toml": task.toml, "origin": "own"}
        return visitor_source(task.toml, vocabulary)
    text = profile_text(task.profile, account["format"] or "json", task) if task.profile else proposed(body, task)
    if text is None:
        return None
    account |= {"toml": text, "origin": "profile" if task.profile else "guess"}
    return parse_source(text, NAME, vocabulary)


def _unknown(found: str | None) -> dict[str, str]:
    if found is None:
        return {
            "fr": "Ce n'est aucun des formats que nous lisons. Si vous voyez une page dans votre navigateur, cherchez "
            "l'adresse de l'export : CSV, JSON, GeoJSON, RSS ou Atom.",
            "en": "This is none of the formats that we read. If you see a page in your browser, look for the address "
            "of the export: CSV, JSON, GeoJSON, RSS or Atom.",
        }
    return {
        "fr": "Le fichier se lit, mais rien n'y dit ce que ses colonnes veulent dire, et nous n'avons pas pu le "
        "deviner. Joignez un fichier de source, ou choisissez un profil.",
        "en": "The file can be read, but nothing in it says what its columns mean, and we could not guess. Add a "
        "source file, or choose a profile.",
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

    def run(self, body: bytes, account: dict[str, Any]) -> None:
        """Fill the account. What stops the feed stands in it, beside what was done before."""
        task = self._task
        fetched = Fetched(
            body, "", task.url or "file:", 200, task.content_type, task.charset, None, None, task.length_proved
        )
        columns = Columns(self._source)
        reading: Reading | None = None
        rest = 0
        try:
            reading = open_feed(self._source, fetched, Settings(base_url=task.base_url), self._vocabulary)
            rest = self._map(reading, columns)
        except CarrefourError as error:
            account |= {"state": "unreadable", "message": dict(error.text)}
        for finding in (*(reading.findings if reading else ()), *columns.findings("")):
            self._tell(finding, "")
        account |= {
            "counts": asdict(self._planner.counts(False)),
            "mapped": self._read,
            "rows": self._read + rest,
            "records": self._records,
            "findings": self._findings(),
            "words": self._unknown_words(),
        }

    def _map(self, reading: Reading, columns: Columns) -> int:
        """Map the first rows, and count the others."""
        broken: list[Outcome] = []
        rows = readable(reading, broken)
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
