"""Says on which line of a TOML text a key stands, which ``tomllib`` does not. Must never decide what the text means."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Path = tuple[str, ...]

_HEADER = re.compile(r"\s*\[\[?(?P<key>[^\n]*?)\]\]?\s*(?:#.*)?$")
_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_ENTRY = re.compile(rf"\s*(?P<key>{_KEY_PART}(?:\s*\.\s*{_KEY_PART})*)\s*=")


def key_lines(text: str) -> dict[Path, int]:
    """Map every key path of a valid TOML ``text`` to its line, counted from 1. A table maps to its header.

    Continuation lines of multi-line strings and arrays hold no keys: a logical entry ends where it first parses.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, entry in _entries(text):
        if match := _HEADER.match(entry) if entry.lstrip().startswith("[") else None:
            table = _split(match["key"])
            lines.setdefault(table, number)
        elif match := _ENTRY.match(entry):
            path = table + _split(match["key"])
            lines.setdefault(path, number)
            for size in range(len(table) + 1, len(path)):
                lines.setdefault(path[:size], number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Line of ``path``, else of its nearest ancestor that is written down, else 1."""
    for size in range(len(path), 0, -1):
        if path[:size] in lines:
            return lines[path[:size]]
    return 1


def _split(key: str) -> Path:
    """Split a dotted key as TOML does, by letting tomllib read it."""
    node = tomllib.loads(f"{key} = 0")
    parts: list[str] = []
    while isinstance(node, dict):
        name, node = next(iter(node.items()))
        parts.append(name)
    return tuple(parts)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, logical entry). An entry that does not parse yet goes on in the next line."""
    pending, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not pending:
            start = number
        pending = f"{pending}\n{line}" if pending else line
        if _is_whole(pending):
            yield start, pending
            pending = ""
    if pending:
        yield start, pending


def _is_whole(entry: str) -> bool:
    try:
        tomllib.loads(entry)
    except tomllib.TOMLDecodeError:
        return False
    return True
