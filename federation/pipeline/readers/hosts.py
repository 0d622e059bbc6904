"""Compares the hosts of addresses, parsed and never by their beginning. Must never look a name up."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_of(address: object) -> str | None:
    """Give ``host`` or ``host:port`` of an http(s) address in lower case and ASCII; None if it has none.

    User names before an ``@`` and default ports are no part of it: ``https://a.org@evil.net`` lies at ``evil.net``.
    """
    if not isinstance(address, str) or "\\" in address:
        return None
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return None
    name = host.rstrip(".")
    try:
        name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return name if port in (None, _DEFAULT_PORTS[scheme]) else f"{name}:{port}"
