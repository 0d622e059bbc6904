"""Markup that would run, and a parser that finds what a page would run."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

BAD = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '"><svg/onload=alert(1)>',
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src='data:text/html,<script>alert(1)</script>'></iframe>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
)


class Active(HTMLParser):
    """Finds what a page would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        for name, value in attrs:
            scheme = urlsplit((value or "").strip()).scheme if name in {"href", "src", "action"} else ""
            if name.startswith("on") or scheme in {"javascript", "data", "vbscript"}:
                self.found.append(f"{tag} {name}={value}")
        if tag in {"iframe", "object", "embed", "math"} or (tag == "script" and not dict(attrs).get("src")):
            self.found.append(tag)
