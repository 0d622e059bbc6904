"""Reads a request of the SPARQL 1.1 Protocol from HTTP: three ways to ask, decoded exactly once.

It must never look at the query itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from federation.catalogue.sparql import MOST_CHARACTERS
from federation.model import Text

_MOST_BYTES = 12 * MOST_CHARACTERS  # of a body: four bytes a character, three signs for each in a form
_MOST_FIELDS = 1000
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks. ``query`` is None for a bare GET; ``format`` is the courtesy parameter, lower case."""

    query: str | None
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    format: str | None = None


class ProtocolError(Exception):
    """The request does not follow the protocol: an HTTP status and why, in French and English."""

    def __init__(self, status: int, text: Text) -> None:
        super().__init__(text["en"])
        self.status = status
        self.text = text


def read(request: Request) -> Asked:
    """Read the request (SPARQL 1.1 Protocol, section 2.1). Unknown parameters are ignored. Raises ProtocolError."""
    fields = _pairs(request.query_string)
    direct: list[str] = []
    if request.method == "POST":
        kind = request.mimetype
        if kind == UPDATE:
            raise ProtocolError(403, _UPDATE)
        if kind not in (FORM, QUERY):
            raise ProtocolError(415, _MEDIA_TYPE)
        if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise ProtocolError(415, _CHARSET)
        body = _body(request)
        if kind == FORM:
            fields += _pairs(body)
        else:
            direct = [_decoded(body)]
    return _asked(fields, direct, bare=request.method != "POST")


def _asked(fields: list[tuple[str, str]], direct: list[str], bare: bool) -> Asked:
    by_name: dict[str, list[str]] = {}
    for name, value in fields:
        by_name.setdefault(name, []).append(value)
    if "update" in by_name:
        raise ProtocolError(403, _UPDATE)
    queries = [*direct, *by_name.get("query", ())]
    default, named = by_name.get("default-graph-uri", []), by_name.get("named-graph-uri", [])
    if len(queries) > 1:
        raise ProtocolError(400, _TWICE)
    if not queries and (default or named or not bare):
        raise ProtocolError(400, _MISSING)
    chosen = [*by_name.get("format", ()), *by_name.get("output", ())]
    return Asked(
        query=queries[0] if queries else None,
        default_graphs=tuple(default),
        named_graphs=tuple(named),
        format=next((name.strip().lower() for name in chosen if name.strip()), None),
    )


def _body(request: Request) -> bytes:
    request.max_content_length = _MOST_BYTES
    try:
        return request.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise ProtocolError(413, _LONG) from None


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    """Decode ``application/x-www-form-urlencoded`` bytes, once, as UTF-8."""
    text = _decoded(encoded)
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise ProtocolError(400, _ENCODING) from None
    except ValueError:
        raise ProtocolError(400, _FIELDS) from None


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError(400, _ENCODING) from None


_UPDATE = {
    "fr": "Cette adresse est en lecture seule : les mises à jour sont refusées.",
    "en": "This endpoint is read only: updates are refused.",
}
_MEDIA_TYPE = {
    "fr": f"Envoyez la requête par POST en {QUERY}, ou dans le champ « query » d'un formulaire ({FORM}).",
    "en": f"POST the query as {QUERY}, or in the field “query” of a form ({FORM}).",
}
_CHARSET = {"fr": "Le jeu de caractères doit être UTF-8.", "en": "The character set has to be UTF-8."}
_ENCODING = {"fr": "La requête n'est pas en UTF-8.", "en": "The request is not UTF-8."}
_TWICE = {"fr": "Une seule requête à la fois.", "en": "One query at a time."}
_MISSING = {"fr": "Le paramètre « query » manque.", "en": "The parameter “query” is missing."}
_FIELDS = {"fr": "La requête a trop de paramètres.", "en": "The request has too many parameters."}
_LONG = {"fr": "La requête est trop longue.", "en": "The query is too long."}
