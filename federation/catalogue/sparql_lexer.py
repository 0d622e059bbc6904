"""Cuts a SPARQL query into its tokens and reads its outline: form, prefixes, limits, forbidden words.

It must never judge whether a query is right: the engine does. What it does not know becomes a token of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise


class Kind(Enum):
    """Kinds of tokens (SPARQL 1.1 Query Language, section 19.8)."""

    IRI = "iri"
    STRING = "string"
    NAME = "name"  # prefixed name, ``ex:Thing`` or ``ex:``
    BLANK = "blank"
    VARIABLE = "variable"
    LANGUAGE = "language"
    NUMBER = "number"
    WORD = "word"  # keyword or builtin function, any letter case
    SIGN = "sign"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: ``start`` is its offset; ``depth`` how many brackets are open around it."""

    kind: Kind
    text: str
    start: int
    depth: int

    @property
    def word(self) -> str:
        """The keyword in capitals; empty for anything but a word."""
        return self.text.upper() if self.kind is Kind.WORD else ""


# A name is made of \w (letters of any script, digits, _), which contains PN_CHARS but for three signs.
_LOCAL = r"(?:[\w:]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])"
_MORE = r"(?:[\w:\-\u00B7\u203F\u2040]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])"
_TOKEN = re.compile(
    rf"""
    (?P<blankspace>[ \t\r\n]+|\#[^\r\n]*)
  | (?P<iri><[^<>"{{}}|^`\\\x00-\x20]*(?:\\(?:u[0-9A-Fa-f]{{4}}|U[0-9A-Fa-f]{{8}})[^<>"{{}}|^`\\\x00-\x20]*)*>)
  | (?P<string>'''(?:'{{0,2}}(?:[^'\\]|\\.))*'''|\"\"\"(?:"{{0,2}}(?:[^"\\]|\\.))*\"\"\"
      |'(?:[^'\\\r\n]|\\.)*'|"(?:[^"\\\r\n]|\\.)*")
  | (?P<blank>_:[\w](?:[\w.\-\u00B7]*[\w\-\u00B7])?)
  | (?P<name>(?:[^\W\d_](?:[\w.\-\u00B7]{{0,100}}[\w\-\u00B7])?)?:(?:{_LOCAL}(?:\.*{_MORE})*)?)
  | (?P<variable>[?$]\w+)
  | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
  | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+|[0-9]*\.[0-9]+|[0-9]+)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>\^\^|\|\||&&|<=|>=|!=|<<|>>|[{{}}()\[\].,;|/^?*+\-!=<>])
  | (?P<unknown>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPEN, _CLOSE = "{([", "})]"


def tokens(query: str) -> list[Token]:
    """Cut ``query`` into tokens, comments and white space left out. Never fails: junk is of kind ``unknown``."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(query):
        name, text = match.lastgroup, match[0]
        if name is None or name == "blankspace":
            continue
        if name == "sign" and text in _CLOSE:
            depth = max(0, depth - 1)
        found.append(Token(Kind(name), text, match.start(), depth))
        if name == "sign" and text in _OPEN:
            depth += 1
    return found


def position(query: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset."""
    before = query[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def spread(found: Sequence[Token]) -> tuple[str, list[int]]:
    """Write one token per line, far from the next, and say on which line each begins.

    The engine reports the furthest place that it looked at, which can lie a keyword's length behind the mistake.
    With the tokens that far apart, its line names the right one.
    """
    lines: list[str] = []
    starts: list[int] = []
    line = 1
    for at, token in enumerate(found):
        starts.append(line)
        end = token.start + len(token.text)
        glued = at + 1 < len(found) and found[at + 1].start == end and _inseparable(found[at + 1])
        lines.append(token.text if glued else f"{token.text}{' ' * _APART}\n")
        line += token.text.count("\n") + (not glued)
    return "".join(lines), starts


_APART = 40  # longer than any keyword of the language


def _inseparable(token: Token) -> bool:
    return token.kind is Kind.LANGUAGE or token.text == "^^" or token.kind is Kind.UNKNOWN


@dataclass(frozen=True, slots=True)
class Outline:
    """What a query says of itself before its body.

    ``form`` is its first keyword behind the prologue (``SELECT``, ``INSERT``, ...), empty if there is none; ``body`` is
    the index of that token.
    ``prefixes`` are declared, without colon. ``limit`` is that of the whole query. ``stable`` is false if the answer
    may differ although the data are the same (time, chance).
    """

    form: str
    body: int
    prefixes: frozenset[str]
    limit: int | None
    depth: int
    stable: bool


_CHANGING = frozenset({"NOW", "RAND", "UUID", "STRUUID"})


def outline(found: Sequence[Token]) -> Outline:
    """Read the outline of a query from its tokens."""
    prefixes: set[str] = set()
    at = 0
    while at < len(found):
        if found[at].word == "PREFIX" and at + 1 < len(found) and found[at + 1].kind is Kind.NAME:
            prefixes.add(found[at + 1].text.partition(":")[0])
            at += 3
        elif found[at].word in ("BASE", "VERSION"):
            at += 2
        else:
            break
    form = found[at].word if at < len(found) else ""
    return Outline(
        form=form,
        body=at,
        prefixes=frozenset(prefixes),
        limit=_limit(found),
        depth=max((token.depth for token in found), default=0),
        stable=not any(token.word in _CHANGING for token in found),
    )


def called_services(found: Sequence[Token]) -> Iterator[Token]:
    """The SERVICE keywords of a query. ``ex:SERVICE``, ``?service`` and text in quotes are none."""
    return (token for token in found if token.word == "SERVICE")


def undeclared(found: Sequence[Token], prefixes: frozenset[str]) -> Token | None:
    """The first prefixed name whose prefix is not declared."""
    for token in found:
        if token.kind is Kind.NAME and token.text.partition(":")[0] not in prefixes:
            return token
    return None


def with_limit(query: str, most: int) -> str:
    """Add ``LIMIT most`` to a query that has no limit of its own, where the grammar wants it: before final VALUES."""
    found = tokens(query)
    if _limit(found) is not None:
        return query
    values = [token for token in _after_body(found) if token.word == "VALUES"]
    if values:
        at = values[0].start
        return f"{query[:at]}LIMIT {most} {query[at:]}"
    return f"{query}\nLIMIT {most}"


def _limit(found: Sequence[Token]) -> int | None:
    rest = _after_body(found)
    for token, following in pairwise(rest):
        if token.word == "LIMIT" and following.text.isdigit():
            return int(following.text)
    return None


def _after_body(found: Sequence[Token]) -> list[Token]:
    """Tokens outside all brackets, behind the first one that closes a group."""
    outside = [token for token in found if token.depth == 0]
    for at, token in enumerate(outside):
        if token.text == "}":
            return outside[at + 1 :]
    return outside
