"""One visit under way: its source, its budget, what the last visit left to ask by. Must never hand a secret to another
host, nor let one into an address that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from federation.pipeline.fetch.faults import Fault, FetchRefused, bad_status
from federation.pipeline.fetch.patience import Budget
from federation.pipeline.fetch.received import Fetched, FetchRequest
from federation.pipeline.fetch.visit import Visitor, user_agent
from federation.pipeline.sources import Source
from federation.settings import Settings

WEEK, MONTH = timedelta(days=7), timedelta(days=28)

_BODIES = 5
"""A visit takes this many times the bytes of one body, so that pages do not fill the memory."""

_FULL, _SINCE = "full", "since"
_OVERLAP = timedelta(days=1)

Validators = Mapping[str, Mapping[str, str]]


class Trip:
    """One visit to one source. ``validators`` are those of the last visit; ``full`` asks for everything."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        environ: Mapping[str, str],
        validators: Validators,
        full: bool,
        visitor: Visitor,
    ) -> None:
        self.source, self.known, self._visitor = source, validators, visitor
        self._settings = settings
        self.params, self._headers = source.request.resolved(environ)
        self._full = full
        self.started = visitor.now()
        self.brought: dict[str, Fetched] = {}  # whole answers to a condition, not yet taken by the walk
        self._size = source.limits.bytes or settings.fetch_bytes
        # what only finds pages, as sitemaps and an actor do, does not count as one of them
        self.budget = Budget(visitor.monotonic, settings.fetch_visit_seconds, source.limits.pages, _BODIES * self._size)

    def due_full(self, every: timedelta) -> bool:
        """Whether this visit takes everything: asked for, never done, or ``every`` has passed since the last time."""
        last = self._date(_FULL)
        return self._full or last is None or not timedelta() <= self.started - last < every

    @property
    def since(self) -> datetime | None:
        """The time from which on the last visit knows nothing, with a day of overlap for clocks and zones."""
        last = self._date(_SINCE)
        return None if last is None else last - _OVERLAP

    def dates(self, full: bool, complete: bool = True) -> dict[str, str]:
        """What the next visit must know of this one's time, to be kept under the address of the source.

        A visit that is not ``complete`` leaves the dates as they were, so that the next one asks for the same again.
        """
        since = self.started if complete else self._date(_SINCE)
        last = self.started if complete and full else self._date(_FULL)
        found = {_SINCE: since, _FULL: last}
        return {key: value.isoformat() for key, value in found.items() if value is not None}

    def _date(self, key: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(self.known.get(self.source.url, {}).get(key, ""))
        except ValueError:
            return None
        return found if found.tzinfo is not None else None

    def get(
        self,
        address: str,
        *,
        accept: str | None = None,
        conditional: bool = False,
        params: Mapping[str, str] | None = None,
    ) -> Fetched:
        """Fetch one body. Headers and parameters of the source (or other ``params``) go to its own origin only.

        ``conditional`` repeats what the last visit learnt of this address: the answer may be 304.
        Raises FetchFailed, FetchRefused, ConfigError.
        """
        own = same_origin(address, self.source.url)
        headers = dict(self._headers) if own else {}
        if accept is not None:
            headers["Accept"] = accept
        asked = conditions(self.known.get(address, {})) if conditional else {}
        headers |= asked
        fetched = self._visitor.get(
            FetchRequest(
                url=address,
                params=(self.params if params is None else params) if own else {},
                headers=headers,
                max_bytes=self._size,
                max_seconds=self.source.limits.seconds or self._settings.fetch_seconds,
                allow_private=self._settings.fetch_private,
                user_agent=user_agent(self._settings),
            ),
            self.budget,
        )
        if fetched.status == 304 and not asked:  # a condition in [request.headers] is none of ours: nothing is kept
            raise bad_status(address, fetched.status, None)
        self.budget.spend_bytes(len(fetched.body))
        return fetched

    @property
    def max_bytes(self) -> int:
        """Decoded bytes that one body may have."""
        return self._size

    def without_params(self, address: str) -> str:
        """Take the parameters of the source out of an address that a server wrote: they may be secrets, and are
        added again when it is asked for."""
        parts = urlsplit(address)
        netloc = parts.netloc.rpartition("@")[2]
        if not self.params or not parts.query:
            return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
        pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in self.params]
        return urlunsplit((parts.scheme, netloc, parts.path, urlencode(pairs), ""))

    def following(self, page: Fetched, target: str) -> str | None:
        """Resolve the next address that a page names; None if it is on another site. A host that calls itself by http
        behind its https door is asked by https."""
        try:
            address = urljoin(page.final_url, target.strip())
            parts, base = urlsplit(address), urlsplit(page.final_url)
            ours = site(address) in (site(page.final_url), site(self.source.url))
            if parts.scheme not in ("http", "https") or not ours:
                return None
        except ValueError:
            return None
        if parts.scheme == "http" and base.scheme == "https":
            address = urlunsplit(("https", parts.hostname or "", parts.path, parts.query, ""))
        return self.without_params(address)


def conditions(known: Mapping[str, str]) -> dict[str, str]:
    """Make the headers of a conditional request of what is known of an address (RFC 9110, section 13)."""
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    return {names[key]: value for key, value in known.items() if key in names}


def learnt(fetched: Fetched) -> dict[str, str]:
    """Keep of an answer what the next conditional request repeats."""
    found = {"etag": fetched.etag, "last_modified": fetched.last_modified}
    return {key: value for key, value in found.items() if value}


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses have the same scheme, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc.rpartition("@")[2]) == (second.scheme, second.netloc.rpartition("@")[2])


def site(address: str) -> str:
    """Give the host name of an address, without a ``www.`` that may be there or not."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def with_query(address: str, **params: str) -> str:
    """Put parameters into the query of an address, in place of those of the same name."""
    parts = urlsplit(address)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in params]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode([*pairs, *params.items()]), ""))


def not_data(fr: str, en: str, status: int | None = None) -> FetchRefused:
    """The address answers, but not as its format or profile says."""
    return FetchRefused(Fault.STATUS, fr, en, status)
