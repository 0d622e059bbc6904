"""E-mail addresses. Must never put one into a message: they are seldom open data."""

from __future__ import annotations

import re
from typing import Any

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import clean_line

_LONGEST = 2000
"""Characters that are looked at. A cell with several addresses is far shorter."""

_ADDRESS = re.compile(
    r"(?<![^\s@<>()\[\],;:\"\\])"  # from the first character only: else each one of a long word is tried
    r"[^\s@<>()\[\],;:\"\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)

_ANGLED = re.compile(r"<([^<>\s]{1,64}@[^<>\s]{1,255})>")
"""``A. B. <a@b.example>`` is no markup: the address is not to be lost as if it were."""


def clean_email(raw: Any, problems: list[Problem]) -> str | None:
    """Take a text that holds an e-mail address (RFC 5321, section 4.1.2, without quoted names) as one line."""
    if isinstance(raw, str) and "<" in raw:
        raw = _ANGLED.sub(r"\1", raw[:_LONGEST])
    text = clean_line(raw, problems)
    if text is None:
        return None
    if not _ADDRESS.search(text[:_LONGEST]):
        problems.append(Problem("email-unreadable", text))
        return None
    return text
