"""What of a partner's findings anybody may read: the one door between the ledger's findings and the public.

Pure. Must never let through a value whose field, source or record is not open data.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from federation.model import Finding, Openness, Text

_ABOUT_IDS = frozenset({"id-duplicate", "key-repeated", "key-owned-elsewhere", "row-repeated", "more-findings"})
_ABOUT_FORM = frozenset(
    {"cell-count", "charset-guessed", "double-encoding", "replacement-character"}
)  # the message counts cells, lines and bytes, and quotes nothing
_NOT_SHOWN: Text = {
    "fr": "une valeur ne convient pas. Ce champ n'est pas public : elle n'est pas montrée ici.",
    "en": "a value is not right. This field is not public, so the value is not shown here.",
}
_ADDRESS = re.compile(r"(https?://)(?:[^\s/@]*@)?([^\s/?#»\"')]+)([/?#][^\s»\"')]*)?")
_PATH = re.compile(r"(?<![\w/:.…])/(?:[^\s/»\"')]+/)+[^\s»\"')]*")
_LEVELS = list(Openness)


class Described(Protocol):
    """What is needed of a field of the vocabulary."""

    @property
    def openness(self) -> Openness: ...


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What of the findings of a source anybody may read.

    ``fields``: the vocabulary's, by term. ``levels``: the source's own levels by term; None if they cannot be known
    (its file is gone), then no value is shown. ``source``: the level of the source as a whole. ``closed``: records
    that are not public: nothing that would name or quote them is shown. ``all``: for operators, who see everything.
    """

    fields: Mapping[str, Described] = field(default_factory=dict)
    levels: Mapping[str, Openness] | None = None
    source: Openness = Openness.OPENDATA
    closed: frozenset[str] = frozenset()
    all: bool = False

    def __call__(self, finding: Finding) -> Finding:
        """Give the finding as it may be shown: whole, or without its value."""
        if self.all:
            return finding
        if self._is_open(finding):
            return finding if finding.record or finding.term else replace(finding, message=_without_paths(finding))
        record = None if finding.record is not None and finding.record in self.closed else finding.record
        quoted = finding.value is not None or finding.suggestion is not None
        message = _NOT_SHOWN if quoted and not _is_neutral(finding) else finding.message
        return replace(finding, value=None, suggestion=None, message=message, record=record)

    @property
    def fingerprint(self) -> str:
        """Changes whenever something else may be shown."""
        levels = None if self.levels is None else sorted((key, level.value) for key, level in self.levels.items())
        fields = sorted((key, one.openness.value) for key, one in self.fields.items())
        said = repr((fields, levels, self.source.value, sorted(self.closed), self.all))
        return hashlib.sha256(said.encode()).hexdigest()

    def _is_open(self, finding: Finding) -> bool:
        if self.levels is None or self.source is not Openness.OPENDATA:
            return False
        if finding.record is not None and finding.record in self.closed:
            return False
        if finding.term is None:
            return finding.rule in _ABOUT_IDS or finding.value is None
        if _is_neutral(finding) and finding.term not in self.fields:
            return True  # shapes see the public content only; the term of a part does not say what it is a part of
        return self.level(finding.term) is Openness.OPENDATA

    def level(self, term: str) -> Openness:
        """How open a term is: the strictest of itself and what it is part of. What we do not know is private."""
        keys = [term] if term in self.fields else [key for key in self.fields if key.endswith(f".{term}")]
        if not keys:
            return Openness.PRIVATE
        return max((self._level(key) for key in keys), key=_LEVELS.index)

    def _level(self, key: str) -> Openness:
        levels = self.levels or {}
        parts = key.split(".")
        chain = [".".join(parts[: count + 1]) for count in range(len(parts))]
        known = [levels.get(one) or self.fields[one].openness for one in chain if one in levels or one in self.fields]
        return max(known, key=_LEVELS.index)


OPERATOR = Disclosure(all=True)


def _is_neutral(finding: Finding) -> bool:
    """Whether the message speaks of the field (a shape's) or of the form of the file, and never quotes the value."""
    return finding.rule.startswith("shape:") or finding.rule in _ABOUT_FORM


def _without_paths(finding: Finding) -> Text:
    """The message without what follows the host of an address, nor any path: there may be secrets in it."""
    return {
        tag: _PATH.sub("…", _ADDRESS.sub(lambda found: f"{found[1]}{found[2]}{'/…' if found[3] else ''}", text))
        for tag, text in finding.message.items()
    }
