"""What the web needs from the platform: only these attributes, only these calls. Must never name an engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from federation.engines import GraphReader, PublicQueries, SearchIndex
from federation.model import RunReport
from federation.settings import Settings
from federation.vocabulary import Vocabulary


class SourceLine(Protocol):
    """A declared source of a partner, as its page shows it. ``licence`` is an IRI."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...


class RunBook(Protocol):
    """The little that pages may know of the ledger."""

    def sources_of(self, partner: str) -> Sequence[SourceLine]:
        """Declared sources of a partner, by slug."""

    def last_run(self, source: str) -> RunReport | None:
        """The latest finished run of a source, by id."""

    def withdrawn(self, iri: str) -> datetime | None:
        """When a record or a project was withdrawn; None if it was not."""

    def changed(self, iri: str, seq: int) -> datetime | None:
        """When a record or a project last changed, up to change ``seq``; None if nothing is known of it."""


class Platform(Protocol):
    """The composition root, as the web sees it. ``reader`` is asked anew for each request."""

    @property
    def settings(self) -> Settings: ...
    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def reader(self) -> GraphReader: ...
    @property
    def search(self) -> SearchIndex: ...
    @property
    def queries(self) -> PublicQueries: ...
    @property
    def ledger(self) -> RunBook: ...
