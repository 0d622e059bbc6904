"""Reads robots.txt as RFC 9309 says, with ``*`` and ``$``, which ``urllib.robotparser`` ignores. Must never fetch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

PRODUCT = "carrefour"
"""Our product token, compared without case (RFC 9309, section 2.2.1)."""

MAX_BYTES = 500 * 1024
"""What is read of a robots.txt (RFC 9309, section 2.5)."""

_PATTERN = 2048
_TOKEN = re.compile(r"[a-z_-]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow or disallow line; ``pieces`` are the parts of its path between stars."""

    allow: bool
    pieces: tuple[str, ...]
    anchored: bool
    length: int

    def matches(self, target: str) -> bool:
        """Whether a path with query starts as the rule says (or is it, if the rule ends in ``$``)."""
        first, *others = self.pieces
        if not target.startswith(first):
            return False
        at = len(first)
        if not others:
            return not self.anchored or at == len(target)
        *between, last = others
        for piece in between:  # the leftmost place of each piece leaves most room to those after it
            found = target.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        if self.anchored:
            return target.endswith(last) and len(target) - len(last) >= at
        return target.find(last, at) >= 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a robots.txt says to us."""

    rules: tuple[Rule, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether we may ask for an address: the longest rule that matches decides, allow before disallow."""
        parts = urlsplit(url)
        target = _plain((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        if target == "/robots.txt":
            return True
        matching = [(rule.length, rule.allow) for rule in self.rules if rule.matches(target)]
        return max(matching)[1] if matching else True


def parse(body: bytes) -> Rules:
    """Read the rules for our product token, else those for ``*`` (RFC 9309, section 2.2). Anything else is skipped."""
    ours: list[Rule] = []
    others: list[Rule] = []
    named = False
    agents: set[str] = set()
    in_rules = False
    for line in body[:MAX_BYTES].decode("utf-8-sig", "replace").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            agents = {_agent(value)} if in_rules else agents | {_agent(value)}
            in_rules = False
            named = named or PRODUCT in agents
        elif key in ("allow", "disallow"):
            in_rules = True
            if value and len(value) <= _PATTERN:
                rule = _rule(key == "allow", value)
                ours += [rule] if PRODUCT in agents else []
                others += [rule] if "*" in agents else []
    return Rules(tuple(ours if named else others))


def _agent(value: str) -> str:
    token = _TOKEN.match(value.lower())
    return "*" if value.startswith("*") else token[0] if token else ""


def _rule(allow: bool, path: str) -> Rule:
    anchored = path.endswith("$")
    plain = _plain(path.removesuffix("$"))
    return Rule(allow, tuple(plain.split("*")), anchored, len(plain))


def _plain(path: str) -> str:
    """Write a path in one way: UTF-8 escaped, unreserved characters not (RFC 9309, section 2.2.2)."""
    escaped = quote(path, safe="/?:@!$&'()*+,;=~#[]%-._|")
    return _ESCAPE.sub(_escape, escaped)


def _escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()
