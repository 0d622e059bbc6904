"""Web addresses: http and https only, made valid IRIs. Must never let through a scheme that can run code."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import as_string, is_missing

LONGEST = 2000
"""Characters. Longer addresses break browsers and are always a mistake in a feed."""

_SAFE = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z0-9-]{2,}(?:/[A-Za-z0-9._~!$&'()*+,;=:@/?#-]*)?$")
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
_FILE_ENDS = (
    "avi avif bmp csv doc docx geojson gif gz heic htm html jpeg jpg js json jsonld mov mp3 mp4 odp ods odt pdf php "
    "png ppt pptx rar rdf rtf svg tar tif tiff ttl txt wav webm webp xls xlsm xlsx xml zip"
)
_FILES = frozenset(_FILE_ENDS.split())
"""Ends of file names. A few are top-level domains as well (``zip``, ``mov``), which partners hardly have."""
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|mc_cid|mc_eid|pk_\w+|mtm_\w+|xtor)$", re.IGNORECASE)


def clean_iri(raw: Any, problems: list[Problem]) -> str | None:
    """Read a web address; None if it is missing (also ``http://`` alone) or cannot be one.

    A missing scheme becomes ``https://`` with a hint, if what is there can be a host; characters that an IRI may not
    hold are percent-encoded.
    """
    if isinstance(raw, dict):
        raw = raw.get("@id")
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    text = text.strip()
    # The longest are not even looked at: what is looked at is remembered, and memory is for many short ones.
    address, rule = _address(text) if len(text) <= 2 * LONGEST else (None, "iri-unreadable")
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
    if "&amp;" in text:
        text = html.unescape(text)
    if _SAFE.match(text):
        return text, None
    if text.rstrip("/").casefold() in _EMPTY:
        return None, None
    rule = None
    if any(char.isspace() for char in text):
        text, rule = _within(text), "iri-in-text"
    text, bare = _with_scheme(_DOUBLED.sub(r"\1", text))
    found = _valid(text) if text and len(text) <= LONGEST else None
    return (None, "iri-unreadable") if found is None else (found, bare or rule)


_EMPTY = frozenset({"http:", "https:", "http", "https", "www.", "http://www", "https://www"})
_DOUBLED = re.compile(r"https?://(?=https?://)(https?://)", re.IGNORECASE)
_JOINING = frozenset({"ou", "et", "or", "and", "&", "-", ",", ";", "/", "|"})


def _within(text: str) -> str:
    """Find the first address in a text that holds some; empty if what follows it could be a part of it."""
    for line in text.splitlines():
        words = line.split()
        starts = [place for place, word in enumerate(words) if word.startswith(("http://", "https://"))]
        if starts:
            rest = [word for word in words[starts[0] + 1 :] if not word.startswith("http")]
            return words[starts[0]].rstrip(",;") if all(word in _JOINING for word in rest) else ""
    return ""


def _valid(text: str) -> str | None:
    """Check host and port, encode what an IRI may not hold (RFC 3987)."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    rest = text[text.index("//") + 2 + len(parts.netloc) :]
    named = _HOST.match(host) and ("." in host or host == "localhost") and "@" not in parts.netloc
    if not named or (rest and rest[0] not in "/?#"):
        return None
    head, hash_, fragment = _encoded(rest).partition("#")
    where = host if port is None else f"{host}:{port}"
    return f"{parts.scheme.lower()}://{where}{head}{hash_}{fragment.replace('#', '%23')}"


def _with_scheme(text: str) -> tuple[str, str | None]:
    if _SLASHES.match(text):
        return _SLASHES.sub(r"\1://", text, count=1), None
    scheme = _SCHEME.match(text)
    if scheme and "." not in scheme[1] and not text[scheme.end() : scheme.end() + 1].isdigit():
        return "", None  # javascript:, data:, mailto:, ttps:
    if text.startswith("//"):
        text = text[2:]
    host = text.split("/", 1)[0].split("?", 1)[0]
    name = host.split(":")[0].casefold().rstrip(".")
    if "." not in name or "@" in host or not _HOST.match(name) or not _is_host(name, text[len(host) :]):
        return "", None
    return f"https://{text}", "iri-scheme"


def _is_host(name: str, rest: str) -> bool:
    """Whether what stands where a host could be is one: ``a.org`` and ``www.jpg.fr`` are, ``photo.jpg`` is not."""
    if name.startswith("www.") or len(rest) > 1:
        return True
    last = name.rpartition(".")[2]
    return len(last) > 1 and (last.isalpha() or last.startswith("xn--")) and last not in _FILES


def _encoded(text: str) -> str:
    if "%" in text:
        text = _BAD_PERCENT.sub("%25", text)
    return _FORBIDDEN.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")), text)


@lru_cache(maxsize=8192)
def normal_address(address: str) -> str:
    """Reduce an address to what identifies the page: no scheme, ``www.``, tracking query or final slash.

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
