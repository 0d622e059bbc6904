"""A source as its file declares it: plain frozen values that travel to every stage and to worker processes.

Must never hold a secret: those stay ``env:NAME`` until the request is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from federation.errors import ConfigError
from federation.model import Openness


class Coverage(Enum):
    """What the absence of a record from the feed means (harvesting design, section 8)."""

    COMPLETE = "complete"
    WINDOW = "window"
    LOG = "log"


def coverage_of(format_: str, said: str) -> Coverage:
    """Give the coverage of a feed: RSS and Atom never hold all records, an outbox is a log of what was done.

    For other formats it is what the source file says.
    """
    if format_ == "activitypub":
        return Coverage.LOG
    if format_ == "feed" and said == Coverage.COMPLETE.value:
        return Coverage.WINDOW
    return Coverage(said)


@dataclass(frozen=True, slots=True)
class Partner:
    """Who publishes the feed, as shown to people."""

    slug: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Query parameters and headers; a value ``env:NAME`` is a secret that only the environment knows."""

    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def resolved(self, environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Give (params, headers) with secrets filled in from ``environ``. Raises ConfigError naming the variable."""
        return _filled(self.params, environ), _filled(self.headers, environ)


def _filled(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    filled = {}
    for key, value in values.items():
        if value.startswith("env:"):
            name = value[4:]
            if name not in environ:
                raise ConfigError(
                    f"The environment variable {name}, needed for `{key}` in [request], is not set.",
                    f"La variable d'environnement {name}, dont `{key}` a besoin dans [request], n'a pas de valeur.",
                )
            value = environ[name]
        filled[key] = value
    return filled


@dataclass(frozen=True, slots=True)
class Limits:
    """What the feed may use; None means the instance's setting. ``bytes`` are decoded bytes of one body."""

    bytes: int | None = None
    seconds: float | None = None
    records: int = 10_000
    record_bytes: int = 1024 * 1024
    pages: int = 500


@dataclass(frozen=True, slots=True)
class Records:
    """``[records]``: where rows are in the feed and what names them. Of several ids or pages the first one is taken."""

    at: str | None = None
    types: tuple[str, ...] = ()
    match: str | None = None
    id: tuple[str, ...] = ()
    page: tuple[str, ...] = ()
    repeat: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    sheet: str | None = None
    separator: str | None = None
    encoding: str | None = None
    header: int | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    """``[paging]``: how the list goes on. One way of four: ``next`` (path of the next address in the body), ``link``
    (HTTP Link header), ``page`` and ``offset`` (names of a parameter that counts pages from ``first``, or records).

    ``total`` (path in the body) or ``total_header`` says how many records the server announces.
    """

    next: str | None = None
    link: bool = False
    page: str | None = None
    offset: str | None = None
    first: int = 1
    total: str | None = None
    total_header: str | None = None


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """A partner's words for one of our terms. ``words`` maps theirs to ours; an empty tuple is known and meaningless.

    ``site`` names a dictionary of (site, tag) facts that is asked after ``words``.
    """

    words: Mapping[str, tuple[str, ...]]
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One source file, checked, with its profile merged in.

    ``url`` is an http(s) address or an absolute path; ``licence`` a canonical IRI or None; ``version`` the SHA-256
    (hex) of everything that decides what a row becomes: same bytes + same version = same records.
    ``fields``: our dotted term to their columns or paths. ``select``: XPath 1.0 by name, for pages. ``area``: ``FR`` or
    (south, west, north, east) in degrees.
    """

    id: str
    partner: Partner
    name: str
    url: str
    format: str
    version: str
    lang: str = "fr"
    area: str | tuple[float, ...] | None = None
    profile: str | None = None
    coverage: Coverage = Coverage.COMPLETE
    licence: str | None = None
    contacts: Mapping[str, str] = field(default_factory=dict)
    schedule: str = "nightly"
    openness: Openness = Openness.OPENDATA
    repair_encoding: bool = False
    limits: Limits = Limits()
    request: Request = field(default_factory=Request)
    records: Records = Records()
    paging: Paging | None = None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    select: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    always: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    crosswalks: Mapping[str, Crosswalk] = field(default_factory=dict)
    levels: Mapping[str, Openness] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_verbatim(self) -> bool:
        """Say whether its records are taken as they are, with their IRIs: those of another Carrefour."""
        return self.format == "carrefour"

    @property
    def is_remote(self) -> bool:
        """Say whether the feed is fetched over HTTP rather than read from a file."""
        return self.url.startswith(("http://", "https://"))
