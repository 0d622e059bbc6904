"""Connections for fetching: to checked addresses only, and cut at a deadline whatever the server does.

The name is resolved once and the connection goes to the very address that was checked, so a name that answers otherwise
the second time (DNS rebinding) gains nothing. Must never use a proxy or a credential of this machine.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_RELAYS_6TO4 = ipaddress.ip_network("192.88.99.0/24")  # RFC 7526: no longer to be used
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637, newer than the tables of Python 3.11
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214, section 6.1: then comes an IPv4 address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddress(Exception):
    """Every address of the host is private, loopback, link-local or otherwise not on the public network."""


def is_public(address: Address) -> bool:
    """Say whether an address is on the public network, and so is any IPv4 address that is hidden inside it.

    Hidden ones: IPv4-mapped and -compatible, 6to4, Teredo, NAT64, ISATAP.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.teredo is not None or address.is_site_local or address in _DOCUMENTATION:
            return False
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP and not is_public(_last_four(address)):
            return False
        inner = _hidden(address)
        if inner is not None:
            return is_public(inner)
    elif address in _RELAYS_6TO4:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _hidden(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        return _last_four(address)
    return address.ipv4_mapped or address.sixtofour


def _last_four(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


class Line:
    """Opens connections for one fetch; cuts the open one when ``seconds`` have passed on ``clock``.

    A read timeout is no deadline: a server that sends one byte a second never meets it. So a watchdog shuts the socket
    down, whether it waits for headers, a TLS handshake or the body. ``connect_seconds`` bounds each try to connect.
    """

    def __init__(
        self, seconds: float, allow_private: bool, clock: Callable[[], float], connect_seconds: float | None = None
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._connect_seconds = connect_seconds
        self._expired = threading.Event()
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()
        self._resting = False
        self._arming = 0
        self._end = self._due = clock() + seconds
        self._watchdog: threading.Timer
        self._arm(seconds)

    def rest(self) -> None:
        """Let the deadline pass without harm, between two requests on a connection that is kept."""
        with self._lock:
            self._resting = True

    def renew(self, seconds: float) -> None:
        """Count the deadline anew, for the next request on the connection that was kept.

        A watchdog that would wake in time anyway is left asleep: a thread for each request costs more than sending it.
        """
        with self._lock:
            self._resting = False
            self._expired.clear()
            self._end = self._clock() + seconds
            if self._armed and self._due <= self._end:
                self._renewed = True
            else:
                self._watchdog.cancel()
                self._arm(seconds)

    def _arm(self, seconds: float) -> None:
        self._armed, self._renewed, self._due = True, False, self._end
        self._arming += 1
        self._watchdog = threading.Timer(seconds, self._wake, (self._arming,))
        self._watchdog.daemon = True
        self._watchdog.start()

    def _wake(self, arming: int) -> None:
        with self._lock:
            if arming != self._arming:  # cancelled a moment too late
                return
            if self._renewed and not self._resting:
                self._arm(max(0.0, self._end - self._clock()))
                return
            self._armed = False
            if self._resting:
                return
        self._cut()

    @property
    def left(self) -> float:
        """Seconds until the deadline, never less than a little, for socket timeouts."""
        return max(0.05, self._end - self._clock())

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self._expired.is_set() or self._clock() >= self._end

    def dial(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of a host that answers and is allowed. Raises OSError, PrivateAddress."""
        found = self._resolve(host, port)
        allowed = [entry for entry in found if self._allow_private or is_public(_address(entry[4]))]
        if not allowed:
            raise PrivateAddress(", ".join(sorted({str(entry[4][0]) for entry in found})))
        failure: OSError = OSError("no address")
        for family, kind, protocol, _name, address in allowed:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(min(self.left, self._connect_seconds or self.left))
                # a head and a body in two writes would wait for an acknowledgement that is itself delayed
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
                continue
            self._watch(connection)
            return connection
        raise failure

    def _resolve(self, host: str, port: int) -> list[Any]:
        """Ask for the addresses of a name. The system's resolver knows no deadline: at ours its thread is left behind.

        Raises OSError, UnicodeError.
        """
        told: list[Any] = []

        def ask() -> None:
            try:
                told.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                told.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(self.left)
        if not told:
            raise TimeoutError("name resolution")
        if isinstance(told[0], Exception):
            raise told[0]
        return list(told[0])

    def close(self) -> None:
        """Stop the watchdog. The connection itself belongs to urllib3."""
        with self._lock:
            self._arming += 1
            self._watchdog.cancel()
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def _watch(self, connection: socket.socket) -> None:
        # a second handle on the same connection: TLS takes the first one away
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = connection.dup()
        if self._expired.is_set():
            self._cut()

    def _cut(self) -> None:
        self._expired.set()
        with self._lock:
            if self._handle is not None:
                try:
                    self._handle.shutdown(socket.SHUT_RDWR)
                except OSError:  # closed by the other side in the meantime
                    return


def _address(sockaddr: Any) -> Address:
    # an IPv6 scope ("fe80::1%eth0") is not part of the address
    return ipaddress.ip_address(str(sockaddr[0]).split("%")[0])


def pool(line: Line, scheme: str, host: str, port: int, trust: ssl.SSLContext) -> HTTPConnectionPool:
    """Keep one connection of ``line`` to one origin for many requests; ``trust`` says whose certificates count."""
    if scheme == "https":
        return _pools(line)["https"](host, port, maxsize=1, ssl_context=trust)  # type: ignore[no-any-return]
    return _pools(line)["http"](host, port, maxsize=1)  # type: ignore[no-any-return]


def session(line: Line) -> requests.Session:
    """Open a session whose every connection goes through ``line``: no proxy, no .netrc, certificates verified."""
    opened = requests.Session()
    opened.trust_env = False
    opened.verify = True
    opened.headers.clear()
    adapter = _Adapter(line)
    opened.mount("http://", adapter)
    opened.mount("https://", adapter)
    return opened


class _Adapter(HTTPAdapter):
    """Puts connections of a line under requests. No retries: they are decided above, with the run in sight."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._line)


def _pools(line: Line) -> dict[str, Any]:
    class LineConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return line.dial(self._dns_host, self.port)

    class LineTlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return line.dial(self._dns_host, self.port or 443)

    class LinePool(HTTPConnectionPool):
        ConnectionCls = LineConnection

    class LineTlsPool(HTTPSConnectionPool):
        ConnectionCls = LineTlsConnection

    return {"http": LinePool, "https": LineTlsPool}
