"""Turns at a host: one request at a time, with a pause between two. Must never make two hosts wait for each other."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LONGEST_PAUSE = 10.0
"""Seconds that a slow host is left alone at most, so that one large body does not stretch a visit for ever."""

_HOSTS = 1024


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself, by name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class _Host:
    lock: threading.Lock = field(default_factory=threading.Lock)
    free_at: float = 0.0
    users: int = 0


class Pacer:
    """Hands out turns at hosts to all threads of the process. ``pause`` in seconds; ``exempt`` hosts never wait."""

    def __init__(
        self,
        pause: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        exempt: Callable[[str], bool] = is_loopback,
    ) -> None:
        self.pause, self.monotonic, self.sleep, self._exempt = pause, monotonic, sleep, exempt
        self._hosts: dict[str, _Host] = {}
        self._guard = threading.Lock()

    @contextmanager
    def turn(self, url: str) -> Iterator[Turn]:
        """Wait for the turn at the host of ``url``, and hold it."""
        turn = Turn(self)
        turn.take(url)
        try:
            yield turn
        finally:
            turn.leave()

    def _host(self, url: str) -> _Host | None:
        name = (urlsplit(url).hostname or "").rstrip(".")
        if self._exempt(name):
            return None
        with self._guard:
            if len(self._hosts) >= _HOSTS:
                now = self.monotonic()
                self._hosts = {key: host for key, host in self._hosts.items() if host.users or host.free_at > now}
            host = self._hosts.setdefault(name, _Host())
            host.users += 1
            return host

    def _done(self, host: _Host) -> None:
        with self._guard:
            host.users -= 1


class Turn:
    """The right to ask one host, which a redirect may change for another; never two at once, so nobody deadlocks."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._host: _Host | None = None
        self._since = 0.0

    def take(self, url: str) -> None:
        """Wait for the host of ``url``: until nobody else asks it and its pause is over."""
        host = self._pacer._host(url)
        if host is None:
            return
        host.lock.acquire()
        wait = host.free_at - self._pacer.monotonic()
        if wait > 0:
            self._pacer.sleep(wait)
        self._host, self._since = host, self._pacer.monotonic()

    def leave(self) -> None:
        """Give the turn back; the host has its pause, as long as it took to answer if that is longer."""
        host, self._host = self._host, None
        if host is None:
            return
        now = self._pacer.monotonic()
        host.free_at = now + max(self._pacer.pause, min(now - self._since, LONGEST_PAUSE))
        host.lock.release()
        self._pacer._done(host)
