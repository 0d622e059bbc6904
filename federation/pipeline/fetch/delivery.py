"""What one visit to a source brings home: one body, or the pages of a list. Must never look into a body."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from federation.model import Finding
from federation.pipeline.fetch.received import Fetched


@dataclass(frozen=True, slots=True)
class Delivery:
    """The bodies of one visit, in order, each whole.

    ``whole``: nothing says that what was asked for goes on; of all there is, if not ``conditional``, so that what is
    not in it is absent. ``unchanged``: the server says that nothing has changed since the last visit (304 everywhere);
    then there may be no pages. ``conditional``: only what is new was asked for and came, by condition (304) or since a
    date; a whole body that answers a condition is none. ``validators``: what the next conditional visit repeats, by
    address (``etag``, ``last_modified``, and what a walk needs). ``total``: records that the server announced.
    ``findings`` tell the partner about the visit itself (a page failed, a new address). ``pushed``: nobody was asked;
    one body, which says itself (by its media type) that it tells of some records only.
    """

    pages: tuple[Fetched, ...]
    whole: bool = True
    unchanged: bool = False
    conditional: bool = False
    validators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    total: int | None = None
    findings: tuple[Finding, ...] = ()
    pushed: bool = False

    @property
    def sha256(self) -> str:
        """The SHA-256 (hex) of the one body; of several, or of a part of a list, that of their manifest."""
        return self.pages[0].sha256 if self.plain else hashlib.sha256(self.manifest()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all pages together."""
        return sum(len(page.body) for page in self.pages)

    @property
    def plain(self) -> bool:
        """Whether it is one body, and all there is to say of the visit."""
        return len(self.pages) == 1 and (self.pushed or (self.whole and not self.conditional))

    def manifest(self) -> bytes:
        """The addresses and hashes of the pages as JSON: with the kept bodies, enough to read the visit again."""
        pages = [[page.final_url, page.sha256, page.content_type] for page in self.pages]
        return orjson.dumps({"pages": pages, "whole": self.whole, "conditional": self.conditional})
