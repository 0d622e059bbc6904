"""JSON, fast when it is right and careful when it is not: says where a broken document breaks, and saves what it can.

Shared by every reader of JSON. Must never crash on depth, nor lose a value in silence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from federation.model import Finding, Severity
from federation.pipeline.readers.reading import ReadOptions, UnreadableFeed, empty_body, remark
from federation.pipeline.readers.text import broken_characters, decode, kind_of, not_what_was_promised

DEPTH = 250
"""Levels of nesting that a record may have: what orjson can write again, far below Python's recursion limit."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACE = b" \t\r\n"
_NAMES_SHOWN = 10


@dataclass(slots=True)
class ParsedJson:
    """A document of plain JSON values, and what there is to say about the file as a whole. None for an empty body."""

    document: Any
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class JsonText:
    """A document as UTF-8, not parsed yet; empty if there is nothing to parse. ``kind``: what it looks like."""

    data: bytes
    kind: str | None
    findings: list[Finding] = field(default_factory=list)


def parse(body: bytes, options: ReadOptions, expected: str = "JSON") -> ParsedJson:
    """Parse a body whatever its header says of its encoding (RFC 8259, section 8.1).

    Raises UnreadableFeed with line and column: cut, not JSON, nested too deep, not text.
    """
    text = as_json_text(body, options, expected)
    if not text.data:
        return ParsedJson(None, text.findings)
    return ParsedJson(parse_text(text, expected), text.findings)


def as_json_text(body: bytes, options: ReadOptions, expected: str) -> JsonText:
    """Take a body for JSON, as UTF-8. Raises UnreadableFeed if it is plainly something else, or no text."""
    findings: list[Finding] = []
    kind = kind_of(body)
    if kind in ("zip", "ole", "gzip", "pdf"):
        raise not_what_was_promised(kind, expected)
    data = _as_utf8(body, options, findings)
    if not data.strip(_SPACE):
        return JsonText(b"", kind, [*findings, empty_body(options.length_proved)])
    return JsonText(data, kind, findings)


def parse_text(text: JsonText, expected: str) -> Any:
    """Parse the whole document; remarks are added to its findings. Raises UnreadableFeed."""
    try:
        document = orjson.loads(text.data)
    except orjson.JSONDecodeError:
        return _careful(text.data, text.findings, text.kind, expected)
    try:
        colons = orjson.dumps(document).count(b":")
    except TypeError:  # nested deeper than DEPTH: its records are refused anyway
        return document
    text.findings += repeated_keys(text.data, colons)
    return document


def _as_utf8(body: bytes, options: ReadOptions, findings: list[Finding]) -> bytes:
    if options.encoding is None and _is_utf8(body):
        if b"\xc3\x83" in body or b"\xef\xbf\xbd" in body or b"\xc3\xa2\xe2\x82\xac" in body:
            findings += broken_characters(body.decode("utf-8"))
        return body
    decoded = decode(body, options)
    findings += decoded.findings
    return decoded.text.encode("utf-8", "replace")


def _is_utf8(body: bytes) -> bool:
    if body[:3] == b"\xef\xbb\xbf" or body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def repeated_keys(data: bytes, colons: int) -> list[Finding]:
    """Find keys given twice in one object; the last value was kept (RFC 8259, section 4).

    The parser is silent, so colons are counted: written again, a document without repeated keys has as many, which
    ``colons`` gives. Only if the counts differ is the document parsed again to name the keys.
    """
    if colons == data.count(b":"):
        return []
    seen: Counter[str] = Counter()

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            seen.update(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)

    json.loads(data, object_pairs_hook=note, strict=False)
    return [
        remark(
            "duplicate-key",
            Severity.WARNING,
            f"La clé « {key} » est donnée plusieurs fois dans un même objet ({count} objets) : seule la dernière "
            "valeur "
            "est lue.",
            f"The key “{key}” is given more than once in one object ({count} objects): only the last value is read.",
            field=key,
        )
        for key, count in seen.most_common(_NAMES_SHOWN)
    ]


def _careful(data: bytes, findings: list[Finding], kind: str | None, expected: str) -> Any:
    """Parse again what the fast parser refused: repair what loses nothing, else explain."""
    text = data.decode("utf-8")
    if kind in ("html", "xml"):
        raise not_what_was_promised(kind, expected)
    odd: Counter[str] = Counter()
    try:
        document = json.loads(
            text, strict=False, parse_constant=_no_number(odd), parse_float=_number(odd), parse_int=_integer(odd)
        )
        written = json.dumps(document, ensure_ascii=False)
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise _explained(text, error) from error
    if _SURROGATES.search(written):
        odd["surrogate"] = len(_SURROGATES.findall(written))
        written = _SURROGATES.sub("\ufffd", written)
    try:
        repaired = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise _too_deep() from error
    findings += [*repeated_keys(data, written.count(":")), *_repairs(odd)]
    return repaired


def _no_number(odd: Counter[str]) -> Any:
    def constant(name: str) -> None:
        odd[name] += 1

    return constant


def _number(odd: Counter[str]) -> Any:
    def parse_float(text: str) -> float | None:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            odd[text[:20]] += 1
            return None
        return value

    return parse_float


def _integer(odd: Counter[str]) -> Any:
    def parse_int(text: str) -> int | float | None:
        # longer ones cost quadratic time, and name nothing that a partner counts
        return int(text) if len(text) <= 18 else _number(odd)(text)

    return parse_int


def _repairs(odd: Counter[str]) -> list[Finding]:
    if not odd:
        return [
            remark(
                "control-character",
                Severity.INFO,
                "Des caractères de contrôle sont écrits tels quels dans des textes ; ils ont été acceptés. "
                "Échappez-les.",
                "Control characters stand as they are inside strings; they were accepted. Escape them.",
            )
        ]
    findings = []
    if count := odd.pop("surrogate", 0):
        findings.append(
            remark(
                "lone-surrogate",
                Severity.WARNING,
                f"{count} moitié(s) de caractère (\\ud800 à \\udfff) sans l'autre moitié, remplacée(s) par « \ufffd ».",
                f"{count} half character(s) (\\ud800 to \\udfff) without the other half, replaced by “\ufffd”.",
            )
        )
    for name, count in odd.most_common(_NAMES_SHOWN):
        findings.append(
            remark(
                "number-not-finite",
                Severity.WARNING,
                f"« {name} » n'est pas un nombre JSON ({count} fois) : la valeur est considérée comme absente.",
                f"“{name}” is not a JSON number ({count} times): the value counts as missing.",
                value=name,
            )
        )
    return findings


def _too_deep() -> UnreadableFeed:
    return UnreadableFeed(
        "too-deep",
        f"Le document emboîte plus de {DEPTH} niveaux d'objets ou de listes : il est refusé sans être lu. Une telle "
        "profondeur trahit une erreur d'export.",
        f"The document nests more than {DEPTH} levels of objects or lists: it is refused unread. Such depth betrays an "
        "export gone wrong.",
    )


def _explained(text: str, error: json.JSONDecodeError) -> UnreadableFeed:
    rest = text[error.pos :].strip()
    cut = (
        not rest
        or error.msg.startswith("Unterminated string")
        or any(word.startswith(rest) for word in ("true", "false", "null", "-"))
    )
    if cut:
        line = text.count("\n") + 1
        column = len(text) - text.rfind("\n")
        return UnreadableFeed(
            "cut",
            f"Le fichier JSON est coupé : il s'arrête ligne {line}, colonne {column}, après {len(text)} caractères, au "
            f"milieu d'une valeur commencée ligne {error.lineno}, colonne {error.colno}. Rien n'a été repris : "
            "relancez "
            "l'export.",
            f"The body was cut: the JSON stops at line {line}, column {column}, after {len(text)} characters, inside "
            f"a value begun at line {error.lineno}, column {error.colno}. Nothing was taken from it: export it again.",
        )
    near = text[error.pos : error.pos + 30].split("\n")[0]
    return UnreadableFeed(
        "not-json",
        f"Le fichier n'est pas du JSON valide : ligne {error.lineno}, colonne {error.colno}, près de « {near} ». "
        "Corrigez l'export.",
        f"The file is not valid JSON: line {error.lineno}, column {error.colno} ({error.msg}), near “{near}”. "
        "Correct the export.",
    )
