"""Fetches one body, whole or not at all: from the web, or from a file of this machine. Must never parse it.

A transfer that cannot prove that it is whole says so (``length_proved``), and the reader demands proof of the syntax.
Design of harvesting, section 2. One call is one request (and its redirects): whoever calls it paces requests, asks
robots.txt, adds conditional headers, and tries again; ``FetchFailed.fault`` and ``retry_after`` are there for that.
"""

from __future__ import annotations

import hashlib
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from federation.errors import ConfigError, os_reason
from federation.pipeline.fetch.delivery import Delivery
from federation.pipeline.fetch.faults import (
    Fault,
    FetchFailed,
    FetchRefused,
    bad_status,
    cut,
    invalid_address,
    private,
    shown,
    too_large,
)
from federation.pipeline.fetch.inflate import PIECE, inflate
from federation.pipeline.fetch.received import Fetched, FetchRequest
from federation.pipeline.fetch.transport import Line, PrivateAddress, session

_REDIRECTS = 5
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_WALKED = re.compile(r"^(link|date)$|total|count", re.IGNORECASE)
_ACCEPT = "application/ld+json, application/geo+json, application/json, text/csv, */*;q=0.5"


def fetch(
    request: FetchRequest,
    clock: Callable[[], float] = time.monotonic,
    on_hop: Callable[[str], None] | None = None,
) -> Fetched:
    """Fetch a body within its limits. ``clock`` gives seconds; ``on_hop`` is asked before each redirect is followed.

    Raises FetchFailed (a PeerError), FetchRefused (a PartnerError), ConfigError (a file that is not there), and what
    ``on_hop`` raises.
    """
    scheme = urlsplit(request.url).scheme.lower()
    if scheme in ("http", "https"):
        line = Line(request.max_seconds, request.allow_private, clock)
        try:
            with session(line) as opened:
                return _Fetch(request, line, opened, on_hop).run()
        finally:
            line.close()
    if scheme == "file":
        return _from_file(Path(unquote(urlsplit(request.url).path)), request)
    if len(scheme) > 1:
        where = shown(request.url)
        raise ConfigError(
            f"The address {where} is neither http(s) nor a file.",
            f"L'adresse {where} n'est ni en http(s) ni celle d'un fichier.",
        )
    return _from_file(Path(request.url), request)


def _from_file(path: Path, request: FetchRequest) -> Fetched:
    try:
        # a device or a pipe would be read for ever
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path} is not a regular file.", f"{path} n'est pas un fichier ordinaire.")
        with path.open("rb") as stream:
            body = stream.read(request.max_bytes + 1)
    except OSError as error:
        why = os_reason(error)
        raise ConfigError(
            f"The file {path} cannot be read: {why['en']}. Check its path (`url`, if a source file gives it).",
            f"Le fichier {path} ne peut pas être lu : {why['fr']}. Vérifiez son chemin (`url`, si un fichier "
            "de source le donne).",
        ) from error
    if len(body) > request.max_bytes:
        raise too_large(str(path), request.max_bytes)
    return Fetched(body, hashlib.sha256(body).hexdigest(), path.absolute().as_uri(), 200)


class _Fetch:
    """One request with its redirects, over one line."""

    def __init__(
        self, request: FetchRequest, line: Line, opened: requests.Session, on_hop: Callable[[str], None] | None
    ) -> None:
        self._request = request
        self._on_hop = on_hop
        self._line = line
        self._session = opened

    def run(self) -> Fetched:
        request = self._request
        url, params, headers = request.url, request.params, request.headers
        moved_to: str | None = None
        for hop in range(_REDIRECTS + 1):
            with closing(self._send(url, params, headers)) as response:
                target = response.headers.get("Location")
                if response.status_code not in _REDIRECT_CODES or target is None:
                    return self._received(response, url, moved_to)
                permanent = response.status_code in (301, 308) and (hop == 0 or moved_to is not None)
            following = next_hop(url, target)
            moved_to = following if permanent else None
            if _origin(following) != _origin(url):
                headers = {}
            if self._on_hop is not None and hop < _REDIRECTS:
                self._on_hop(following)
            url, params = following, {}
        raise FetchRefused(
            Fault.REDIRECT,
            f"{shown(request.url)} renvoie d'adresse en adresse, plus de {_REDIRECTS} fois. Corrigez `url`.",
            f"{shown(request.url)} redirects more than {_REDIRECTS} times. Correct `url`.",
        )

    def _send(self, url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> requests.Response:
        sent: CaseInsensitiveDict[str] = CaseInsensitiveDict({"Accept": _ACCEPT, **headers})
        sent["User-Agent"] = self._request.user_agent
        sent["Accept-Encoding"] = "gzip, deflate"
        try:
            prepared = self._session.prepare_request(requests.Request("GET", url, dict(sent), params=dict(params)))
            return self._session.send(
                prepared, stream=True, allow_redirects=False, timeout=self._line.left, proxies={}, verify=True
            )
        except PrivateAddress as error:
            raise private(url, str(error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unreachable(url, error) from error

    def _unreachable(self, url: str, error: Exception) -> FetchFailed | FetchRefused:
        if self._line.expired or isinstance(error, requests.Timeout):
            return self._timeout(url)
        host = urlsplit(url).hostname or "?"
        if isinstance(error, requests.exceptions.SSLError):
            return FetchFailed(
                Fault.TLS,
                f"La connexion sûre à {host} échoue : certificat périmé, d'un autre nom, ou refusé. Faites-le "
                "renouveler.",
                f"The secure connection to {host} fails: certificate expired, for another name, or not trusted. "
                "Have it "
                f"renewed. ({_cause(error)})",
            )
        if isinstance(_root(error), socket.gaierror):
            return FetchFailed(
                Fault.UNREACHABLE,
                f"Le nom {host} n'existe pas ou plus dans le DNS. Vérifiez l'adresse.",
                f"The name {host} is not, or no longer, in the DNS. Check the address.",
            )
        if isinstance(error, requests.exceptions.InvalidURL | ValueError):
            return invalid_address(url)
        return FetchFailed(
            Fault.UNREACHABLE,
            f"{host} ne répond pas ou répond n'importe quoi. C'est souvent passager.",
            f"{host} does not answer, or answers nonsense; this often passes. ({_cause(error)})",
        )

    def _received(self, response: requests.Response, url: str, moved_to: str | None) -> Fetched:
        conditional = {"if-none-match", "if-modified-since"} & {name.lower() for name in self._request.headers}
        status = response.status_code
        # 206 is a part of a body, and nobody asked for one
        if not (200 <= status < 300 and status != 206) and not (status == 304 and conditional):
            raise bad_status(url, response.status_code, response.headers.get("Retry-After"))
        body, proved = (b"", True) if response.status_code in (204, 304) else self._body(response, url)
        content_type = response.headers.get("Content-Type")
        return Fetched(
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            final_url=url,
            status=response.status_code,
            content_type=content_type,
            charset=_charset(content_type),
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
            length_proved=proved,
            moved_to=moved_to,
            headers={name.lower(): value for name, value in response.headers.items() if _WALKED.search(name)},
        )

    def _body(self, response: requests.Response, url: str) -> tuple[bytes, bool]:
        """Collect the decoded body; the flag says whether its length or its end mark is proved."""
        raw: urllib3.HTTPResponse = response.raw
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        proved = chunked or raw.length_remaining is not None
        chunks = self._raw(raw, url)
        if coding in ("gzip", "x-gzip", "deflate"):
            # a clipped body ends at its limit, one piece before inflate() would stop it
            chunks, proved = inflate(chunks, coding, self._request.max_bytes + PIECE, shown(url)), True
        elif coding not in ("identity", ""):
            raise FetchRefused(
                Fault.ENCODING,
                f"{shown(url)} répond avec la compression « {coding} », que nous n'avons pas demandée.",
                f"{shown(url)} answers in the encoding “{coding}”, which was not asked for.",
            )
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > self._request.max_bytes:
                if self._request.clip:
                    return bytes(body[: self._request.max_bytes]), True
                raise too_large(shown(url), self._request.max_bytes)
        return bytes(body), proved

    def _raw(self, raw: urllib3.HTTPResponse, url: str) -> Iterator[bytes]:
        """Yield bytes as they come; urllib3 and http.client check the announced length and the last chunk."""
        while True:
            try:
                data = raw.read1(PIECE, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise self._broke_off(url, error) from error
            if self._line.expired:
                raise self._timeout(url)
            if not data:
                return
            yield data

    def _broke_off(self, url: str, error: Exception) -> FetchFailed:
        if self._line.expired or isinstance(error, urllib3.exceptions.TimeoutError):
            return self._timeout(url)
        return cut(shown(url))

    def _timeout(self, url: str) -> FetchFailed:
        seconds = self._request.max_seconds
        return FetchFailed(
            Fault.TIMEOUT,
            f"{shown(url)} n'a pas livré son fichier en {seconds:g} secondes. C'est souvent passager ; sinon relevez "
            "[limits] seconds.",
            f"{shown(url)} did not deliver its file within {seconds:g} seconds. This often passes; else raise "
            "[limits] seconds.",
        )


def next_hop(url: str, location: str) -> str:
    """Resolve a redirect. Raises FetchRefused if it leaves https for http, or the web altogether."""
    try:
        target = urljoin(url, location.strip())
        scheme = urlsplit(target).scheme.lower()
    except ValueError as error:
        raise invalid_address(location) from error
    if scheme not in ("http", "https"):
        raise FetchRefused(
            Fault.REDIRECT,
            f"{shown(url)} renvoie hors du web ({scheme or '?'}:). Corrigez `url`.",
            f"{shown(url)} redirects out of the web ({scheme or '?'}:). Correct `url`.",
        )
    if scheme == "http" and urlsplit(url).scheme.lower() == "https":
        raise FetchRefused(
            Fault.REDIRECT,
            f"{shown(url)} renvoie de https vers http, sans protection ({shown(target)}). Indiquez une adresse en "
            "https.",
            f"{shown(url)} redirects from https to unprotected http ({shown(target)}). State an https address.",
        )
    return target


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _charset(content_type: str | None) -> str | None:
    for parameter in (content_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


def _root(error: BaseException) -> BaseException:
    seen: BaseException = error
    for _ in range(10):
        inner = seen.__cause__ or seen.__context__ or getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return seen


def _cause(error: BaseException) -> str:
    return str(_root(error))[:120]


__all__ = ["Delivery", "Fault", "FetchFailed", "FetchRefused", "FetchRequest", "Fetched", "fetch", "next_hop", "shown"]
