"""RDF terms as canonical N-Triples text: what kind, lexical form, language and datatype they carry.

Never parses documents: it takes apart one term that is already canonical (RDF 1.1 N-Triples, section 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from federation.model import Term

SH = "http://www.w3.org/ns/shacl#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
XSD = "http://www.w3.org/2001/XMLSchema#"

TYPE = f"<{RDF}type>"
FIRST, REST, NIL = f"<{RDF}first>", f"<{RDF}rest>", f"<{RDF}nil>"
SUBCLASS = f"<{RDFS}subClassOf>"
LANG_STRING = f"<{RDF}langString>"
STRING = f"<{XSD}string>"

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_CONTROL: Mapping[str, str] = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')
_SHORT: Mapping[str, str] = {
    "\t": "\\t",
    "\b": "\\b",
    "\n": "\\n",
    "\r": "\\r",
    "\f": "\\f",
    '"': '\\"',
    "\\": "\\\\",
}

Test = Callable[[Term], bool]
"""Says whether one term is acceptable, from the term alone."""


def iri(text: str) -> Term:
    """Write an IRI as a term."""
    return f"<{text}>"


def sh(name: str) -> Term:
    """Write the term of the SHACL vocabulary with this local name."""
    return f"<{SH}{name}>"


def is_literal(term: Term) -> bool:
    """Tell whether the term is a literal."""
    return term[0] == '"'


def _replace(match: re.Match[str]) -> str:
    four, eight, short = match.groups()
    code = four or eight
    if code:
        return chr(int(code, 16))
    return _CONTROL.get(short, short)


def unescape(text: str) -> str:
    """Undo the escapes of N-Triples."""
    return _ESCAPE.sub(_replace, text) if "\\" in text else text


def escape(text: str) -> str:
    """Apply the escapes of canonical N-Triples to the content of a literal."""
    return _UNSAFE.sub(lambda m: _SHORT.get(m[0]) or f"\\u{ord(m[0]):04X}", text)


def literal(text: str, language: str | None = None, datatype: Term | None = None) -> Term:
    """Write a literal as a term; ``datatype`` is an IRI term."""
    quoted = f'"{escape(text)}"'
    if language:
        return f"{quoted}@{language}"
    return quoted if datatype in (None, STRING) else f"{quoted}^^{datatype}"


def lexical(term: Term) -> str:
    """Return what SPARQL ``str()`` gives: lexical form of a literal, text of an IRI; empty for a blank node."""
    first = term[0]
    if first == '"':
        text = term[1 : term.rindex('"')]
    elif first == "<":
        text = term[1:-1]
    else:
        return ""
    return unescape(text) if "\\" in text else text


def language(term: Term) -> str | None:
    """Return the language tag of a literal as written, if it has one."""
    if term[0] != '"' or term[-1] in '">':
        return None
    return term[term.rindex('"') + 2 :]


def datatype(term: Term) -> Term | None:
    """Return the datatype of a literal as an IRI term; None for other terms."""
    if term[0] != '"':
        return None
    if term[-1] == '"':
        return STRING
    if term[-1] == ">":
        return term[term.rindex('"') + 3 :]
    return LANG_STRING


def local_name(term: Term) -> str:
    """Return the last part of an IRI term, for names that people read."""
    return re.split(r"[/#:]", term.strip("<>").rstrip("/#:"))[-1]
