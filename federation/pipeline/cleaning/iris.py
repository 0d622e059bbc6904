"""Web addresses: http and https only, made valid IRIs. Must never let through a scheme that can run code."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import as_string, is_missing

LONGEST = 2000
"""Characters. Longer addresses break browsers and are always a mistake in a feed."""

_SAFE = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z0-9-]{2,}(?::\d{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@/?#-]*)?$"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SLASHES = re.compile(r"(https?):/{0,3}(?=[^/])", re.IGNORECASE)
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.)*[^\W_](?:[\w-]{0,62}[^\W_])?\.?$")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(
    '[\x00-\x20<>"{}|^`\\\\\\[\\]\x7f-\x9f\u2028\u2029\u200b\ufeff\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\uffff'
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
    "|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff\U0004fffe\U0004ffff\U0005fffe\U0005ffff\U0006fffe\U0006ffff"
    "\U0007fffe\U0007ffff\U0008fffe\U0008ffff\U0009fffe\U0009ffff\U000afffe\U000affff\U000bfffe\U000bffff\U000cfffe\U000cffff"
    "\U000dfffe\U000dffff]"
)
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|mc_cid|mc_eid|pk_\w+|mtm_\w+|xtor)$", re.IGNORECASE)


def clean_iri(raw: Any, problems: list[Problem]) -> str | None:
    """Read a web address; None if it is missing (also ``http://`` alone) or cannot be one.

    A missing scheme becomes ``https://`` with a hint; characters that an IRI may not hold are percent-encoded.
    """
    if isinstance(raw, dict):
        raw = raw.get("@id")
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    address, rule = _address(text.strip())
    if address is None:
        if rule:
            problems.append(Problem(rule, text))
        return None
    if rule:
        problems.append(Problem(rule, text, address, kept=True))
    return address


@lru_cache(maxsize=8192)
def _address(text: str) -> tuple[str | None, str | None]:
    """Give the address and the rule that fired, if any."""
    if len(text) > LONGEST:
        return None, "iri-unreadable"
    if _SAFE.match(text):
        return text, None
    if text.rstrip("/").casefold() in {"http:", "https:", "http", "https", "http:/", "www.", "http://www"}:
        return None, None
    text, rule = _with_scheme(text)
    if not text:
        return None, "iri-unreadable"
    if any(char.isspace() for char in text):
        return None, "iri-unreadable"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None, "iri-unreadable"
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.match(host) or ("." not in host and host != "localhost") or "@" in parts.netloc:
        return None, "iri-unreadable"
    rest = text[text.index("//") + 2 + len(parts.netloc) :]
    if rest and rest[0] not in "/?#":
        return None, "iri-unreadable"
    head, hash_, fragment = _encoded(rest).partition("#")
    rest = head + hash_ + fragment.replace("#", "%23")
    where = host if port is None else f"{host}:{port}"
    return f"{parts.scheme.lower()}://{where}{rest}", rule


def _with_scheme(text: str) -> tuple[str, str | None]:
    if _SLASHES.match(text):
        return _SLASHES.sub(r"\1://", text, count=1), None
    scheme = _SCHEME.match(text)
    if scheme and "." not in scheme[1] and not text[scheme.end() : scheme.end() + 1].isdigit():
        return "", None  # javascript:, data:, mailto:, ttps:
    if text.startswith("//"):
        text = text[2:]
    host = text.split("/", 1)[0].split("?", 1)[0]
    if "." not in host or "@" in host or not _HOST.match(host.split(":")[0].casefold()):
        return "", None
    return f"https://{text}", "iri-scheme"


def _encoded(text: str) -> str:
    if "%" in text:
        text = _BAD_PERCENT.sub("%25", text)
    return _FORBIDDEN.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")), text)


@lru_cache(maxsize=8192)
def normal_address(address: str) -> str:
    """Reduce an address to what identifies the page: no scheme, ``www.``, tracking query, final slash; host in lower case.

    The fragment stays: many maps name a project by it. Source: linking design, section 3.
    """
    parts = urlsplit(address)
    host = parts.netloc.lower().removeprefix("www.")
    query = "&".join(pair for pair in parts.query.split("&") if pair and not _TRACKING.match(pair.split("=", 1)[0]))
    path = _decoded(parts.path).rstrip("/")
    return host + path + (f"?{query}" if query else "") + (f"#{parts.fragment}" if parts.fragment else "")


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    plain = unquote(path, errors="replace")
    return path if "\ufffd" in plain or " " in plain or not plain.isprintable() else plain
