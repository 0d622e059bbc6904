"""From bytes to text: finds the encoding, and says what a body really is when it is not what was promised.

Must never replace a character in silence: what was guessed, and what was already broken, is a finding.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from federation.model import Finding, Severity
from federation.pipeline.readers.markup import markup_of
from federation.pipeline.readers.reading import ReadOptions, UnreadableFeed, remark

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KNOWN = frozenset(
    [
        "ascii",
        "utf-8",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "iso8859-1",
        "iso8859-15",
        "cp1252",
        "cp850",
        "cp437",
        "mac-roman",
    ]
)
"""Codecs a server or a source file may name; Python has others that are no character sets, or slow on purpose."""

_LATIN_1 = frozenset({"ascii", "iso8859-1"})
"""Read as Windows-1252, as every browser does (WHATWG Encoding, section 4.2)."""

_DOUBLE = re.compile("Ã[\u0080-\u00bf‰ŠŒŽ‹€ƒ„…†‡ˆœšžŸ™›•–—˜]|â€[™œ˜“”¦\u009d\u0093\u0094]|Â[\u00a0«»°]")
"""UTF-8 read as Windows-1252 and saved again: « Ã© » for « é »."""

_KINDS = (
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "pdf"),
)
_KIND_NAMES = {
    "zip": ("un classeur ou une archive zip", "a spreadsheet or a zip archive"),
    "ole": (
        "un ancien classeur Excel (.xls) ou un classeur chiffré",
        "an old Excel workbook (.xls) or an encrypted one",
    ),
    "gzip": ("un fichier compressé (gzip)", "a compressed file (gzip)"),
    "pdf": ("un PDF", "a PDF"),
    "html": ("une page web", "a web page"),
    "xml": ("un document XML", "an XML document"),
    "json": ("du JSON", "JSON"),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text without byte order mark, the codec that gave it, and what there is to say about it."""

    text: str
    encoding: str
    findings: tuple[Finding, ...] = ()


def kind_of(body: bytes) -> str | None:
    """Say what a body is by its first bytes: zip, ole, gzip, pdf, html, xml, json; None if it does not say."""
    for magic, kind in _KINDS:
        if body.startswith(magic):
            return kind
    if (markup := markup_of(body)) is not None:
        return markup
    head = body[:2048].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith((b"{", b"[{", b"[\n", b"[\r", b"[ ", b"[]")):
        return "json"
    return None


def not_what_was_promised(kind: str, expected: str) -> UnreadableFeed:
    """Explain that the body is something else than ``expected`` (a format name)."""
    fr, en = _KIND_NAMES[kind]
    if kind == "html":
        return UnreadableFeed(
            "web-page",
            f"La réponse est une page web, et non un fichier {expected} : maintenance, connexion demandée ou adresse "
            "changée ? Ouvrez l'adresse dans un navigateur, puis corrigez `url`.",
            f"The answer is a web page, not {expected}: maintenance, a login, or a changed address? Open the "
            "address in "
            "a browser, then correct `url`.",
        )
    return UnreadableFeed(
        "wrong-format",
        f"La réponse est {fr}, et non un fichier {expected}. Corrigez `format` ou `url` dans le fichier de la source.",
        f"The answer is {en}, not {expected}. Correct `format` or `url` in the source file.",
    )


def decode(body: bytes, options: ReadOptions) -> Decoded:
    """Decode by: the source file's ``encoding``, byte order mark, strict UTF-8, the server's claim, Windows-1252.

    Design of harvesting, section 3. Raises UnreadableFeed, with the byte and line, if nothing fits.
    """
    if options.encoding is not None:
        return _checked(_forced(body, options.encoding), options.encoding)
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return _checked(_strict(body[len(bom) :], encoding), encoding)
    if unmarked := _utf16_without_mark(body):
        return _checked(_strict(body, unmarked), unmarked)
    try:
        return _checked(body.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        return _guessed(body, error, options.declared_charset)


def known_codec(name: str) -> str | None:
    """Give the codec for a character set name, or None if it is not one that feeds use."""
    try:
        codec = codecs.lookup(name.strip().strip("\"'")).name
    except LookupError:
        return None
    return codec if codec in _KNOWN else None


def _forced(body: bytes, name: str) -> str:
    codec = known_codec(name)
    if codec is None:
        raise UnreadableFeed(
            "encoding-unknown",
            f'`encoding = "{name}"` n\'est pas un encodage connu. Essayez "utf-8" ou "windows-1252".',
            f'`encoding = "{name}"` is not a known encoding. Try "utf-8" or "windows-1252".',
        )
    for bom, _encoding in _BOMS:
        if body.startswith(bom) and codec.startswith("utf"):
            body = body[len(bom) :]
            break
    return _strict(body, codec)


def _strict(body: bytes, codec: str) -> str:
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise UnreadableFeed(
            "charset",
            f"Le fichier n'est pas en {codec} : octet {error.start + 1} (ligne {line}). Exportez-le en UTF-8, ou "
            "indiquez `encoding` dans le fichier de la source.",
            f"The file is not in {codec}: byte {error.start + 1} (line {line}). Export it in UTF-8, or state "
            "`encoding` in the source file.",
        ) from error


def _utf16_without_mark(body: bytes) -> str | None:
    head = body[:200]
    if len(head) < 4 or b"\x00" not in head:
        return None
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) // 4 else None


def _guessed(body: bytes, error: UnicodeDecodeError, declared: str | None) -> Decoded:
    codec = known_codec(declared) if declared else None
    if codec is None or codec.startswith("utf") or codec in _LATIN_1:
        codec = "cp1252"
    text = _strict(body, codec)
    name = {"cp1252": "windows-1252"}.get(codec, codec)
    line = body.count(b"\n", 0, error.start) + 1
    finding = remark(
        "charset-guessed",
        Severity.WARNING,
        f"Le fichier n'est pas en UTF-8 (ligne {line}, octet {error.start + 1}) : il a été lu en {name}. "
        "Exportez-le en "
        "UTF-8.",
        f"The file is not in UTF-8 (line {line}, byte {error.start + 1}): it was read as {name}. Export it in UTF-8.",
        value=text[max(0, error.start - 10) : error.start + 10].strip(),
    )
    return _checked(text, codec, (finding,))


def _checked(text: str, encoding: str, findings: tuple[Finding, ...] = ()) -> Decoded:
    return Decoded(text.removeprefix("\ufeff"), encoding, findings + tuple(broken_characters(text)))


def broken_characters(text: str) -> list[Finding]:
    """Find what an earlier program has broken: UTF-8 encoded twice, and U+FFFD. One finding each, with a count."""
    findings = []
    if match := _DOUBLE.search(text):
        count, line = len(_DOUBLE.findall(text)), text.count("\n", 0, match.start()) + 1
        findings.append(
            remark(
                "double-encoding",
                Severity.WARNING,
                f"Accents abîmés à la source ({count} fois, d'abord ligne {line}) : du texte UTF-8 a été lu comme du "
                "windows-1252 puis réenregistré. Corrigez l'export.",
                f"Accents broken at the source ({count} times, first on line {line}): UTF-8 text was read as "
                "windows-1252 and saved again. Correct the export.",
                value=text[max(0, match.start() - 15) : match.end() + 15].strip(),
            )
        )
    position = text.find("\ufffd")
    if position >= 0:
        count, line = text.count("\ufffd"), text.count("\n", 0, position) + 1
        findings.append(
            remark(
                "replacement-character",
                Severity.WARNING,
                f"Le caractère « \ufffd » apparaît {count} fois (d'abord ligne {line}) : la lettre d'origine est "
                "perdue "
                "à la source. Corrigez l'export.",
                f"The character “\ufffd” appears {count} times (first on line {line}): the original letter is lost at "
                "the source. Correct the export.",
                value=text[max(0, position - 15) : position + 15].strip(),
            )
        )
    return findings
