"""Plain text out of whatever a partner types or pastes: no markup, one form per character, paragraphs by blank line.

Must never keep a tag, a script or a control character, and never change the words.
"""

from __future__ import annotations

import html
import re
from typing import Any

import nh3

from federation.pipeline.cleaning.problems import Problem
from federation.vocabulary.composing import composed

LONGEST = 100_000  # characters of one raw text: a book's chapter; cleaning markup takes more than linear time

MISSING = frozenset(
    {
        "",
        "na",
        "nr",
        "n/a",
        "n.a.",
        "n/d",
        "null",
        "none",
        "nan",
        "default",
        "-",
        "--",
        "_",
        "?",
        "#n/d",
        "#n/a",
        "undefined",
    }
)
"""Words that stand for nothing (folded)."""
_LONGEST_MISSING = max(map(len, MISSING))  # folding makes no word shorter

_BREAKS = re.compile(r"<\s*(?:br|hr)\s*/?>", re.IGNORECASE)
_BLOCKS = re.compile(
    r"</?\s*(?:p|div|li|ul|ol|h[1-6]|tr|table|section|article|blockquote|dd|dt|dl)\b[^>]*>", re.IGNORECASE
)
_OPENING = re.compile(r"<[a-zA-Z/!?]")
_RUNNING = re.compile(r"<(?:script|style|iframe)\b", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z][^\s/>]*")
_IN_TAG = re.compile(r"=\s*([\"'])|>")
_LONGEST_TAG = 10_000  # characters of a tag after its name: pictures written out as data are longer, but one attribute
_PARAGRAPHS = re.compile(r"\n[ \t\xa0\u202f]*\n\s*")
_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff\ufff9-\ufffb]")
_HUGE_CHARACTER = re.compile(r"&#[0-9]{4000,};?")  # more digits than int() takes
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOJIBAKE = re.compile("Ã[\x80-\xbf©¨ªà¢´®§¹»¯«€‚ƒ„…†‡ˆ‰Š‹Œ]|â€[™œ¦“”˜\x9d]|Â[\xa0«»°]")


def is_missing(raw: Any) -> bool:
    """Say whether a raw value stands for nothing: empty, ``NA``, ``NR``, ``null``, ``default``, hyphens, ``#N/D``..."""
    if raw is None:
        return True
    if isinstance(raw, str):
        if len(raw) > 40:
            return False
        word = raw.strip()
        if len(word) <= _LONGEST_MISSING and word.casefold() in MISSING:
            return True
        return not word.strip("-")  # codes glued by hyphens leave a row of them when there are none
    return isinstance(raw, (list, dict)) and not raw


def clean_text(raw: Any, problems: list[Problem], repair: bool = False) -> str | None:
    """Clean a text of one or several paragraphs; None if nothing is left.

    Lines inside a paragraph are joined by a space; paragraphs are separated by one blank line. U+FFFD and double
    UTF-8 ("Ã©") are reported, and the latter mended only if ``repair``.
    """
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    if len(text) > LONGEST:
        problems.append(Problem("text-too-long", f"{text[:80]}…"))
        return None
    if "<" in text or "&" in text:
        text = _without_markup(text)
    if not text.isascii():
        text = _characters(text, problems, repair)
    if not text.isprintable():
        text = _UNWANTED.sub("", _NEWLINES.sub("\n", text))
        if "\n" in text:
            paragraphs = (" ".join(part.split()) for part in _PARAGRAPHS.split(text))
            text = "\n\n".join(part for part in paragraphs if part)
            return None if is_missing(text) else text
    text = " ".join(text.split())
    return None if is_missing(text) else text


def clean_line(raw: Any, problems: list[Problem], repair: bool = False) -> str | None:
    """Clean a text that is one line long (a name, a keyword, a street)."""
    text = clean_text(raw, problems, repair)
    if text is not None and "\n" in text:
        return " ".join(text.split())
    return text


def as_string(raw: Any) -> str | None:
    """Give scalars as text, as JSON would write them; None for anything else."""
    if isinstance(raw, str):
        return raw
    if raw is None or isinstance(raw, (list, dict)):
        return None
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        return str(int(raw))
    return str(raw)


def _without_markup(text: str) -> str:
    for _ in range(2):  # feeds often escape their markup twice
        end = text.rfind(">") + 1
        opening = _OPENING.search(text, 0, end)
        if opening or _RUNNING.search(text):
            # Only up to the last ">": a search for the end of each of many tags that have none takes quadratic time.
            text = _BLOCKS.sub("\n\n", _BREAKS.sub("\n\n", _short_tags(text[:end]))) + text[end:]
            text = nh3.clean(text, tags=set(), attributes={}, strip_comments=True)
        if "&" not in text:
            break
        text = html.unescape(_HUGE_CHARACTER.sub("\ufffd", text))
    return text


def _short_tags(text: str) -> str:
    """Take the attributes out of very long tags: a parser compares each attribute with all that came before it."""
    kept: list[str] = []
    done = at = 0
    while opening := _TAG.search(text, at):
        at = opening.end()
        while (event := _IN_TAG.search(text, at)) and (quote := event[1]):  # a quoted value may hold anything
            at = text.find(quote, event.end()) + 1 or len(text)
        at = event.start() if event else len(text)
        if at - opening.end() > _LONGEST_TAG:
            kept.append(text[done : opening.end()])
            done = at
    return "".join(kept) + text[done:]


def _characters(text: str, problems: list[Problem], repair: bool) -> str:
    if _SURROGATE.search(text):
        text = _SURROGATE.sub("\ufffd", text)
    if ("Ã" in text or "â€" in text or "Â" in text) and _MOJIBAKE.search(text):
        mended = _mended(text)
        if repair and mended is not None:
            problems.append(Problem("text-double-encoded", text, mended, kept=True))
            text = mended
        else:
            problems.append(Problem("text-double-encoded", text, mended, kept=True))
    if "\ufffd" in text:
        problems.append(Problem("text-damaged", text, kept=True))
    return composed(text)


def _mended(text: str) -> str | None:
    for charset in ("cp1252", "latin-1"):
        try:
            return text.encode(charset).decode("utf-8")
        except UnicodeError:
            continue
    return None
