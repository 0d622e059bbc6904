"""The polite client: paces requests to a host, obeys robots.txt, tries again with patience. Must never read a body
but that of robots.txt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

from requests.models import PreparedRequest

from federation import __version__
from federation.pipeline.fetch import fetch
from federation.pipeline.fetch.faults import Fault, FetchFailed, FetchRefused, disallowed, robots_unknown
from federation.pipeline.fetch.pace import Pacer, is_loopback
from federation.pipeline.fetch.patience import Budget
from federation.pipeline.fetch.received import Fetched, FetchRequest
from federation.pipeline.fetch.robots import MAX_BYTES, Rules, parse
from federation.settings import Settings

_DAY = 86_400.0
_SITES = 1024
_ROBOTS_SECONDS = 30.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Visitor:
    """One per process, shared by its threads: they take turns at a host and know its robots.txt for a day.

    ``monotonic`` and ``sleep`` in seconds; ``now`` an aware time; ``unpaced`` hosts have no pause (this machine).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
        unpaced: Callable[[str], bool] = is_loopback,
    ) -> None:
        self.now, self.monotonic, self._sleep = now, monotonic, sleep
        self._pacer = Pacer(settings.fetch_pause, monotonic, sleep, unpaced)
        self._known: dict[str, tuple[float, Rules]] = {}
        self._guard = threading.Lock()

    def get(self, request: FetchRequest, budget: Budget) -> Fetched:
        """Fetch one body politely: robots.txt, turn and pause, two more tries for failures that may pass.

        Raises FetchFailed (its ``retry_after`` asks for more than we wait), FetchRefused, ConfigError.
        """
        if urlsplit(request.url).scheme.lower() not in ("http", "https"):
            return fetch(request, self.monotonic)

        self._ask(request, whole_address(request), budget)
        return self._patiently(lambda: self._paced(request, budget, self._ask), budget)

    def _patiently(self, once: Callable[[], Fetched], budget: Budget) -> Fetched:
        attempt = 1
        while True:
            try:
                return once()
            except FetchFailed as error:
                wait = budget.wait_before(attempt, error, self.now())
                if wait is None:
                    raise
            self._sleep(wait)
            attempt += 1

    def _paced(
        self, request: FetchRequest, budget: Budget, ask: Callable[[FetchRequest, str, Budget], None] | None
    ) -> Fetched:
        with self._pacer.turn(request.url) as turn:

            def hop(following: str) -> None:
                turn.leave()
                if ask is not None:
                    ask(request, following, budget)
                turn.take(following)

            limited = replace(request, max_seconds=min(request.max_seconds, budget.left))
            return fetch(limited, self.monotonic, hop)

    def _ask(self, request: FetchRequest, url: str, budget: Budget) -> None:
        """Ask the robots.txt of the host, known for a day. Raises FetchRefused, FetchFailed."""
        parts = urlsplit(url)
        site = urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower(), "/robots.txt", "", ""))
        with self._guard:
            until, rules = self._known.get(site, (0.0, None))
        if rules is None or until <= self.monotonic():
            rules = self._robots(request, site, rules, budget)
        if not rules.allows(url):
            raise disallowed(url)

    def _robots(self, request: FetchRequest, site: str, stale: Rules | None, budget: Budget) -> Rules:
        asked = replace(
            request,
            url=site,
            params={},
            headers={"Accept": "text/plain, */*;q=0.5"},
            max_bytes=MAX_BYTES,
            max_seconds=min(_ROBOTS_SECONDS, request.max_seconds),
            clip=True,
        )
        try:
            rules = parse(self._patiently(lambda: self._paced(asked, budget, None), budget).body)
        except FetchRefused as refused:
            if refused.fault is Fault.PRIVATE:
                raise
            rules = Rules()  # 4xx, or redirects that lead nowhere (RFC 9309, section 2.3.1.3)
        except FetchFailed as error:
            if stale is not None:
                return stale
            if error.fault is Fault.STATUS:
                raise robots_unknown(site, error) from error
            raise
        with self._guard:
            if len(self._known) >= _SITES:
                self._known.pop(next(iter(self._known)))
            self._known[site] = (self.monotonic() + _DAY, rules)
        return rules


def whole_address(request: FetchRequest) -> str:
    """Give the address with its parameters, as it will be asked for. What cannot be one is left to the request."""
    prepared = PreparedRequest()
    try:
        prepared.prepare_url(request.url, dict(request.params))
    except ValueError:
        return request.url
    return prepared.url or request.url


def user_agent(settings: Settings) -> str:
    """Who we are, where that is explained, and whom to write to."""
    contact = f"; mailto:{settings.contact}" if settings.contact else ""
    return f"Carrefour/{__version__} (+{settings.base_url}/a-propos{contact})"
