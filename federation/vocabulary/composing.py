"""Brings Unicode text to a normal form in time that grows with its length, whoever wrote it.

Must never hand a run of combining marks to the normaliser unbroken: it sorts a run in quadratic time, so that 100,000
marks take 14 seconds. Source: Unicode Standard Annex 15, section 13 (Stream-Safe Text Format).
"""

from __future__ import annotations

import re
from unicodedata import combining, is_normalized, normalize

LONGEST_RUN = 30
"""Combining marks in a row; no writing of a language has as many."""

_JOINER = "\u034f"  # combining grapheme joiner: shows nothing, and no mark is sorted past it
_FIRST, _LAST = 0x300, 0x1F000  # where characters with a combining class stand
_MARKS = "".join(mark for mark in map(chr, range(_FIRST, _LAST)) if combining(mark))
_PLAIN = re.compile("[\x00-\u02ff\u2010-\u2027\u20ac]*").fullmatch  # no mark, and composed: nearly every text
_LONG_RUN = re.compile(f"[{re.escape(_MARKS)}]{{{LONGEST_RUN + 1},}}")


def composed(text: str) -> str:
    """Unicode NFC, so that é typed as e and an accent is the same letter."""
    if _PLAIN(text):
        return text
    text = _stream_safe(text)
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def decomposed(text: str) -> str:
    """Unicode NFKD: letters and their marks apart."""
    return text if text.isascii() else normalize("NFKD", _stream_safe(text))


def _stream_safe(text: str) -> str:
    """Break runs of more than 30 marks by an invisible joiner."""
    return text if _PLAIN(text) else _LONG_RUN.sub(_broken, text)


def _broken(run: re.Match[str]) -> str:
    marks = run[0]
    return _JOINER.join(marks[start : start + LONGEST_RUN] for start in range(0, len(marks), LONGEST_RUN))
