"""Writes RDF terms as canonical N-Triples (RDF 1.1 N-Triples, section 4).

Must never let a value end a literal early.
"""

from __future__ import annotations

import re

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"}  # these four, and nothing else, in the canonical form
_SPECIAL = re.compile(r'["\\\n\r]')
_SURROGATE = re.compile("[\ud800-\udfff]")


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        text = _SPECIAL.sub(lambda match: _ESCAPES[match[0]], _SURROGATE.sub("\ufffd", text))
    return f'"{text}"'


def literal(text: str) -> str:
    """Write a plain string (``xsd:string``). A lone surrogate becomes U+FFFD."""
    return _quoted(text)


def text_literal(text: str, language: str) -> str:
    """Write a text with its language tag, in lower case."""
    return f"{_quoted(text)}@{language.lower()}"


def typed(lexical: str, datatype: str) -> str:
    """Write a typed literal; ``datatype`` is an IRI without brackets."""
    return f"{_quoted(lexical)}^^<{datatype}>"


def iri(address: str) -> str:
    """Write an IRI that has been cleaned or minted."""
    return f"<{address}>"
