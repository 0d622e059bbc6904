"""One guarded exchange with another server: a request on a line, redirects re-checked and signed anew, a capped body.

It must never follow more than three redirects, ask one address twice in a row of them, or hand out a cut body.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin

import urllib3

from federation.activitypub.authority import Origin, address_of
from federation.activitypub.refusal import Refused
from federation.pipeline.fetch.faults import Fault, FetchFailed, FetchRefused
from federation.pipeline.fetch.inflate import PIECE, inflate
from federation.pipeline.fetch.transport import Line, PrivateAddress, pool

MAX_HOPS = 3
MAX_FETCHES = 100
"""Requests that one activity may cause."""
MAX_AT_ONCE = 16
MAX_PER_HOST = 4

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})

Sign = Callable[[str, str, Mapping[str, str]], Mapping[str, str]]
"""Method, address and headers (Host among them) in; the headers to send out. Called anew for every hop."""


class RemoteFault(Refused):
    """Another server gives no usable answer. ``passing``: trying again later may help.

    ``remote_status``, ``retry_after`` and ``accept_signature`` as the server said, if it said anything.
    """

    status = HTTPStatus.BAD_GATEWAY

    def __init__(
        self,
        rule: str,
        *,
        passing: bool = False,
        remote_status: int | None = None,
        retry_after: str | None = None,
        accept_signature: str | None = None,
    ) -> None:
        super().__init__(rule)
        self.passing = passing
        self.remote_status = remote_status
        self.retry_after = retry_after
        self.accept_signature = accept_signature


class Busy(Refused):
    """As many fetches as allowed are under way: nothing was asked (503)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class FetchBudget:
    """Requests that one activity may still cause, whatever it refers to (abuse 43)."""

    def __init__(self, most: int = MAX_FETCHES) -> None:
        self.left = most

    def spend(self) -> None:
        """Take one. Raises RemoteFault when none is left."""
        if self.left <= 0:
            raise RemoteFault("remote:budget")
        self.left -= 1


@dataclass(frozen=True, slots=True)
class RemoteBody:
    """A whole decoded body. ``url`` is where it was served, after redirects."""

    url: str
    body: bytes
    content_type: str


class Slots:
    """Shares out fetches: ``total`` at once, ``per_host`` of them at one host. Never makes two hosts wait in line."""

    def __init__(self, total: int = MAX_AT_ONCE, per_host: int = MAX_PER_HOST) -> None:
        self._total, self._per_host = total, per_host
        self._taken: dict[str, int] = {}
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, host: str, wait: float) -> Iterator[None]:
        """Hold one slot, waiting ``wait`` seconds at most. Raises Busy."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free(host), wait):
                raise Busy("remote:busy")
            self._taken[host] = self._taken.get(host, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._taken[host] -= 1
                if not self._taken[host]:
                    del self._taken[host]
                self._changed.notify_all()

    def _free(self, host: str) -> bool:
        return sum(self._taken.values()) < self._total and self._taken.get(host, 0) < self._per_host


@dataclass(frozen=True, slots=True)
class Visit:
    """Requests that share one deadline, one budget and one signer. ``checked`` refuses addresses and gives origins."""

    checked: Callable[[str], Origin]
    agent: str
    slots: Slots
    trust: ssl.SSLContext
    line: Line
    sign: Sign | None
    budget: FetchBudget | None
    wait: float

    def get(self, address: str, accept: str, takes: Callable[[str], bool], limit: int) -> RemoteBody:
        """Get one body of a media type that ``takes`` accepts. Raises RemoteFault, Busy, Refused."""
        visited: set[str] = set()
        for _ in range(MAX_HOPS + 1):
            if address in visited:
                raise RemoteFault("remote:loop")
            visited.add(address)
            got = self._hop(address, accept, takes, limit)
            if isinstance(got, RemoteBody):
                return got
            address = got
        raise RemoteFault("remote:redirects")

    def _hop(self, address: str, accept: str, takes: Callable[[str], bool], limit: int) -> RemoteBody | str:
        """Make one request; give the body, or the address it leads to."""
        origin = self.checked(address)
        if self.budget is not None:
            self.budget.spend()
        headers: Mapping[str, str] = {"Host": origin.authority, "Accept": accept}
        if self.sign is not None:
            headers = self.sign("GET", address, headers)
        sent = {"User-Agent": self.agent, **headers, "Host": origin.authority, "Accept-Encoding": "gzip, deflate"}
        connections = pool(self.line, origin.scheme, origin.host, origin.port, self.trust)
        with self.slots.hold(origin.host, self.wait), closing(connections):
            target = address[len(str(origin)) :]
            with closing(send(connections, self.line, "GET", target, sent)) as response:
                return self._read(response, address, takes, limit)

    def _read(
        self, response: urllib3.BaseHTTPResponse, address: str, takes: Callable[[str], bool], limit: int
    ) -> RemoteBody | str:
        location = response.headers.get("Location")
        if response.status in _REDIRECTS and location is not None:
            return address_of(_joined(address, location))
        if response.status != HTTPStatus.OK:
            raise _bad_status(response)
        kinds = response.headers.getlist("Content-Type")
        if len(kinds) != 1 or not takes(kinds[0]):
            raise RemoteFault("remote:content-type")
        return RemoteBody(address, _body(response, self.line, limit), kinds[0])


def send(
    connections: urllib3.HTTPConnectionPool,
    line: Line,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> urllib3.BaseHTTPResponse:
    """Send one request and wait for the head of its answer. Raises RemoteFault."""
    try:
        return connections.urlopen(
            method, target, body, headers, retries=False, redirect=False, preload_content=False, timeout=line.left
        )
    except PrivateAddress:
        raise RemoteFault("remote:private") from None
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _unreachable(line, error) from error


def pieces(response: urllib3.BaseHTTPResponse, line: Line) -> Iterator[bytes]:
    """Yield the body as it comes, not decoded; its announced length is checked. Raises RemoteFault."""
    while True:
        try:
            data = response.read1(PIECE, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _unreachable(line, error) from error
        if line.expired:
            raise RemoteFault("remote:timeout", passing=True)
        if not data:
            return
        yield data


def _body(response: urllib3.BaseHTTPResponse, line: Line, limit: int) -> bytes:
    """Collect the decoded body, ``limit`` bytes at most. Raises RemoteFault."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    chunks = pieces(response, line)
    if coding in ("gzip", "x-gzip", "deflate"):
        chunks = inflate(chunks, coding, limit, "")
    elif coding not in ("identity", ""):
        raise RemoteFault("remote:content-encoding")
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > limit:
                raise RemoteFault("remote:size")
    except (FetchFailed, FetchRefused) as error:
        raise RemoteFault("remote:size" if error.fault is Fault.TOO_LARGE else "remote:content-encoding") from error
    return bytes(body)


def _joined(address: str, location: str) -> str:
    try:
        return urljoin(address, location)
    except ValueError:
        raise RemoteFault("remote:location") from None


def _bad_status(response: urllib3.BaseHTTPResponse) -> RemoteFault:
    return RemoteFault(
        "remote:status",
        passing=response.status >= 500 or response.status in _PASSING,
        remote_status=response.status,
        retry_after=response.headers.get("Retry-After"),
        accept_signature=response.headers.get("Accept-Signature"),
    )


def _unreachable(line: Line, error: Exception) -> RemoteFault:
    if line.expired or isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return RemoteFault("remote:timeout", passing=True)
    if isinstance(error, urllib3.exceptions.SSLError):
        return RemoteFault("remote:tls", passing=True)
    return RemoteFault("remote:unreachable", passing=True)
