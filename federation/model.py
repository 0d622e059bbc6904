"""The nouns that travel between rooms: plain frozen values, no I/O.

RDF travels as **canonical N-Triples text**, not as objects of some RDF library: a term is the string
``<iri>``, ``"text"@fr``, ``"2012"^^<datatype>`` with the escapes of canonical N-Triples (RDF 1.1 N-Triples,
section 4), a triple is three of them, a graph is its sorted lines. So equality, digests and storage need no parser.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

Term = str
"""One RDF term in canonical N-Triples form. Never a blank node."""

Triple = tuple[Term, Term, Term]

Text = Mapping[str, str]
"""A message by language tag: always ``fr`` and ``en``."""

_PLACES: Mapping[str, str] = {"ligne": "line", "élément": "item"}
"""What readers call a row that has no name of its own, and the English for it. Rows are kept under the French."""

_PLACE = re.compile(rf"({'|'.join(_PLACES)}) (\d+)")


def place_in(where: str, language: str) -> str:
    """Say the partner's address of a row (``page 2, ligne 14``) in a language; a name or an IRI stays as it is."""
    return where if language == "fr" else ", ".join(map(_english_place, where.split(", ")))


def _english_place(part: str) -> str:
    row = _PLACE.fullmatch(part)
    return part if row is None else f"{_PLACES[row[1]]} {row[2]}"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"}  # these four, and nothing else, in the canonical form
_SPECIAL = re.compile(r'["\\\n\r]')
_SURROGATE = re.compile("[\ud800-\udfff]")


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        text = _SPECIAL.sub(lambda match: _ESCAPES[match[0]], _SURROGATE.sub("\ufffd", text))
    return f'"{text}"'


def literal(text: str) -> Term:
    """Write a plain string (``xsd:string``). A lone surrogate becomes U+FFFD."""
    return _quoted(text)


def text_literal(text: str, language: str) -> Term:
    """Write a text with its language tag, in lower case."""
    return f"{_quoted(text)}@{language.lower()}"


def typed(lexical: str, datatype: str) -> Term:
    """Write a typed literal; ``datatype`` is an IRI without brackets."""
    return f"{_quoted(lexical)}^^<{datatype}>"


def iri(address: str) -> Term:
    """Write an IRI that has been cleaned or minted."""
    return f"<{address}>"


def peer_slug(actor: str) -> str:
    """The name here of a partner of another Carrefour (actor ``{origin}/actors/{name}``), of 51 characters at most.

    ``avise-at-commons-example-1f3a9c02``: name and host for people, the beginning of a hash so that no two are alike.
    """
    origin, _, name = actor.rpartition("/actors/")
    host = re.sub(r"[^a-z0-9]+", "-", urlsplit(origin).netloc.lower()).strip("-")
    mark = hashlib.sha256(actor.encode()).hexdigest()[:8]
    return f"{name[:18].rstrip('-')}-at-{host[:20].strip('-')}-{mark}"


def partner_of(record: str, base: str) -> str:
    """The slug of the partner whose record this is: ``{base}/records/{slug}/{key}``, or one of another Carrefour."""
    start, _, path = record.partition("/records/")
    slug = path.partition("/")[0]
    return slug if start == base else peer_slug(f"{start}/actors/{slug}")


def to_lines(triples: Iterable[Triple]) -> str:
    """Canonical N-Triples: one line per triple, sorted, each ended by a newline, repeats removed."""
    return "".join(sorted({f"{s} {p} {o} .\n" for s, p, o in triples}))


def from_lines(lines: str) -> Iterator[Triple]:
    """Read back what :func:`to_lines` wrote. Not a parser for foreign N-Triples."""
    for line in lines.split("\n")[:-1]:  # not splitlines(): a literal may hold other line separators of Unicode
        subject, predicate, rest = line.split(" ", 2)
        yield subject, predicate, rest[:-2]


class Severity(Enum):
    """SHACL severities, and what partners read for them (shapes tiers: Essential, Basic, Full)."""

    VIOLATION = "violation"  # bloquant: the record is refused
    WARNING = "warning"  # à corriger
    INFO = "info"  # conseil


class Tier(Enum):
    """How complete an accepted record is (vocabulary: shapes/essential, shapes/basic, shapes/full)."""

    ESSENTIAL = "essential"
    BASIC = "basic"
    FULL = "full"


class Openness(Enum):
    """Who may read a field; ordered from open to closed."""

    OPENDATA = "opendata"
    COMMONS = "commons"
    COLLECTIVE = "collective"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell a partner about its feed, in the partner's own words.

    ``rule`` is a stable identifier to group by (``unknown-word``, ``date-unreadable``, ``shape:name:minCount``);
    ``where`` the partner's address of the row (``ligne 14``, an IRI); ``field`` the partner's column or path;
    ``term`` our key (``location.address.postalCode``); ``value`` the offending value as given, clipped to 200
    characters; ``message`` says what is wrong and what to do, in French and English. ``count`` is more than 1 where
    one finding stands for many alike.
    """

    rule: str
    severity: Severity
    message: Text
    where: str = ""
    field: str | None = None
    term: str | None = None
    value: str | None = None
    suggestion: str | None = None
    record: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One row of a feed as a reader found it: its address in the partner's words, and plain JSON-like values.

    ``deleted``: the feed says that this record is to be withdrawn; the row holds no more than what names it. ``words``:
    what the feed itself calls keys that the reader has renamed, one table for all its rows.
    """

    where: str
    row: Mapping[str, Any]
    deleted: bool = False
    words: Mapping[str, str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """What one partner says of one project, mapped to the shared vocabulary: the content of one named graph.

    ``iri`` names the record and its graph; ``content`` is that graph as canonical N-Triples lines and holds open data
    only; ``restricted`` holds the fields of other openness levels as plain values, for the ledger, keyed by our term.
    ``digest`` is the SHA-256 (hex) of ``content`` without ``prov:generatedAtTime`` and ``prov:wasGeneratedBy``.
    ``raw_hash`` is the SHA-256 (hex) of the canonical JSON of the values the mapping read; ``row_hash`` one of the
    partner's whole row, which needs no mapping to be compared.
    ``claims`` are page and identity IRIs by which other records may name the same project (linking, exact rule).
    """

    iri: str
    partner: str
    source: str
    key: str
    page: str
    content: str
    digest: str
    raw_hash: str
    claims: tuple[str, ...] = ()
    restricted: Mapping[str, Any] = field(default_factory=dict)
    row_hash: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: an accepted record with its tier, or none; the findings say why.

    ``excluded`` names why a row was left out on purpose (``[only]``, ``[except]``, foreign origin): no error.
    ``closing``: the record of this key may not be public (any more), and why.
    """

    where: str
    record: Record | None
    tier: Tier | None
    findings: tuple[Finding, ...]
    rows: int = 1
    excluded: str | None = None
    key: str | None = None
    raw_hash: str | None = None
    row_hash: str = ""
    closing: Reason | None = None


class Action(Enum):
    """The three kinds of change in the append-only log."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the append-only change log: everything derived (index, dumps, delivery) follows it by ``seq``.

    ``project`` is the IRI of the merged project that the record belongs to after the change.
    """

    seq: int
    time: datetime
    action: Action
    record: str
    digest: str
    project: str


class RunState(Enum):
    """States of a run (harvesting design, section 7). ``HELD``: the guard withholds a part until a person agrees."""

    QUEUED = "queued"
    RUNNING = "running"
    UNCHANGED = "unchanged"
    SUCCEEDED = "succeeded"
    WITH_REJECTS = "with-rejects"
    HELD = "held"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Counts:
    """Every row of the feed is in one of accepted, held, rejected, excluded; ``merged`` counts rows joined to another.

    ``held``: refused by a Violation while a last good version stays live. ``rejected``: refused and nothing live.
    ``new + changed + unchanged == accepted``.
    """

    read: int = 0
    accepted: int = 0
    held: int = 0
    rejected: int = 0
    excluded: int = 0
    merged: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    essential: int = 0
    basic: int = 0
    full: int = 0
    withdrawn: int = 0


class RunKind(Enum):
    """What a run does: a feed's way from its server or from stored bytes, or putting back what another run changed."""

    HARVEST = "harvest"
    REPLAY = "replay"  # maps stored bytes again, without network
    UNDO = "undo"
    RETIRE = "retire"  # withdraws all records of a source


class Reason(Enum):
    """Why a record is withdrawn (harvesting design, section 8). Kept with its tombstone."""

    ABSENT = "absent"  # not in the list any more, for long enough
    EXPLICIT = "explicit"  # the feed says so
    PARTNER = "partner"  # the partner confirmed, or closed its openness
    PERSON = "person"  # somebody's request (GDPR): for good
    LICENCE = "licence"
    RETIRED = "retired"  # its source has left
    UNDONE = "undone"  # the run that brought it was undone


class Rule(Enum):
    """Rules of the guard (harvesting design, section 7)."""

    EMPTY = "empty"
    SHRINK = "shrink"
    EXPLICIT = "explicit"
    CHANGE = "change"
    REJECT = "reject"
    GROWTH = "growth"
    RE_IDENTIFIED = "re-identified"


class Part(Enum):
    """Parts of a plan that the guard may withhold."""

    WITHDRAWALS = "withdrawals"  # for absence
    DELETES = "deletes"  # that the feed asks for
    CHANGES = "changes"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Hold:
    """One rule of the guard that fired: its figure, the limit it passed, and the parts of the plan it withholds."""

    rule: Rule
    figure: int
    limit: int
    parts: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class RunReport:
    """The account of one run of one source. ``input_sha256`` names the stored bytes it read.

    ``holds``: what the guard withheld. ``of``: the run that this one replays, resumes or undoes. ``live``: records of
    the source that are online when it ends.
    """

    run: str
    source: str
    partner: str
    state: RunState
    started: datetime
    ended: datetime | None
    counts: Counts
    findings: tuple[Finding, ...] = ()
    input_sha256: str | None = None
    mapping_version: str | None = None
    message: str | None = None
    kind: RunKind = RunKind.HARVEST
    of: str | None = None
    holds: tuple[Hold, ...] = ()
    live: int = 0
