"""Origins of addresses: scheme, host and port by one strict parse, the same for every decision and every connection.

Pure. It must never repair an address: what two parsers might read differently is refused.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

import idna

from federation.activitypub.refusal import Refused

MAX_URL = 2048

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]{1,5}))?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\<>\"`{}|^\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "/?%:@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Scheme, host and port of an address: its authority. ``host`` in ASCII and lower case, IPv6 without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """What a Host header says: a default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def origin_of(url: object) -> Origin:
    """Parse the origin of an http(s) address. Raises Refused.

    One parse for every purpose (FEP-fe34; RFC 6454; UTS 46 once). Refused: user information, backslashes, spaces,
    %-signs and zone ids in the host, a final dot, numbers that are no dotted IPv4.
    """
    return _split(url)[0]


def address_of(url: object) -> str:
    """Write an http(s) address in the one ASCII form in which it is asked for and signed. Raises Refused.

    Origin parsed, no fragment, %-escapes in upper case (RFC 3986, 6.2.2.1), what is not ASCII in UTF-8 escapes.
    """
    origin, rest = _split(url)
    path = rest.partition("#")[0]
    if _BAD_ESCAPE.search(path):
        raise Refused("url:escape")
    path = quote(_ESCAPE.sub(lambda found: found[0].upper(), path), safe=_SAFE)
    return f"{origin}{path if path.startswith('/') else '/' + path}"


def same_origin(*urls: object) -> bool:
    """Say whether all addresses have one origin. What is no http(s) address has none, so never the same."""
    try:
        return len({origin_of(url) for url in urls}) == 1
    except Refused:
        return False


def without_fragment(url: str) -> str:
    """Name the document that an id with a fragment lies in."""
    return url.partition("#")[0]


def _split(url: object) -> tuple[Origin, str]:
    if not isinstance(url, str):
        raise Refused("url:form")
    return _parsed(url)


@functools.lru_cache(maxsize=4096)
def _parsed(url: str) -> tuple[Origin, str]:
    if not 0 < len(url) <= MAX_URL or _FORBIDDEN.search(url):
        raise Refused("url:form")
    whole = _URL.fullmatch(url)
    if whole is None or (scheme := whole["scheme"].lower()) not in _PORTS:
        raise Refused("url:scheme")
    return _origin(scheme, whole["authority"]), whole["rest"] or ""


@functools.lru_cache(maxsize=4096)
def _origin(scheme: str, written: str) -> Origin:
    """Read an authority: addresses are new with each activity, their hosts are not."""
    authority = _AUTHORITY.fullmatch(written)
    if authority is None:
        raise Refused("url:authority")
    port = int(authority["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise Refused("url:port")
    return Origin(scheme, _host(authority["host"]), port)


def _host(written: str) -> str:
    if written.startswith("["):
        try:
            return str(ipaddress.IPv6Address(written[1:-1]))
        except ValueError:
            raise Refused("url:host") from None
    if not written.isascii() or "xn--" in written.lower():
        try:
            # what is in punycode already must decode, and encode to itself
            host = idna.encode(written, uts46=True, std3_rules=True).decode("ascii").lower()
            if idna.encode(idna.decode(host)).decode("ascii") != host:
                raise Refused("url:host")
        except (idna.IDNAError, UnicodeError):
            raise Refused("url:host") from None
    else:
        host = written.lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("url:host")
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Refused("url:host") from None
    return host
