"""Writes TOML: quoted texts and commented lines. Must never write a text that ``tomllib`` would read otherwise."""

from __future__ import annotations

import re

_BARE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$", re.ASCII)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def quoted(text: str) -> str:
    """A basic string (TOML 1.0), on one line."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\\u{code:04x}" if code < 0x20 or code == 0x7F else char


def key(term: str) -> str:
    """A key: a term of ours is written bare, anything else quoted."""
    return term if _BARE.match(term) else quoted(term)


def value(given: str | bool | int | list[str] | tuple[str, ...]) -> str:
    """A value: text, number, boolean, or a list of texts."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, str):
        return quoted(given)
    return "[" + ", ".join(quoted(item) for item in given) + "]"


def note(text: str) -> str:
    """A comment on one line, without characters that TOML does not allow in one."""
    return "# " + "".join(" " if ord(char) < 0x20 or ord(char) == 0x7F else char for char in text)
