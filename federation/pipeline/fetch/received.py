"""One request and its answer, as plain values. Must never open a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to fetch. ``url``: http, https, file, or an absolute path. ``max_bytes`` counts decoded bytes of the body,
    ``max_seconds`` everything from the first connection to the last byte. ``params`` join the query of the first
    address; ``headers`` go to no other host than the first. ``clip``: of a body that is too large, take the beginning
    instead of failing."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 20 * 1024 * 1024
    max_seconds: float = 60.0
    allow_private: bool = False
    user_agent: str = "Carrefour"
    clip: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """One whole body, decoded. ``sha256`` is hex; ``status`` is 200 for a file, 304 only if a header asked for it.

    ``moved_to``: the address a permanent redirect (301, 308) proposes instead of the one in the source file.
    ``headers``: those by which lists are walked (links, totals, date), names in lower case.
    """

    body: bytes
    sha256: str
    final_url: str
    status: int
    content_type: str | None = None
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    length_proved: bool = True
    moved_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
