"""Public SPARQL, before and around the engine: what may be asked, in which formats, and why a query was refused.

It must never evaluate a query itself, and never repeat to strangers what an engine said in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from federation.catalogue.negotiation import best
from federation.catalogue.sparql_lexer import (
    Token,
    called_services,
    outline,
    position,
    spread,
    tokens,
    undeclared,
)
from federation.engines import PublicQueries, QueryAnswer, QueryLimits
from federation.errors import QueryRejected
from federation.model import Text

UPDATES = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"})
KINDS: Mapping[str, str] = MappingProxyType(
    {"SELECT": "bindings", "ASK": "boolean", "CONSTRUCT": "graph", "DESCRIBE": "graph"}
)
"""Kind of result (see ``QueryAnswer``) of each query form."""

MOST_CHARACTERS = 100_000  # of a query: far more than people write, little enough to read in milliseconds
_MOST_DEPTH = 200  # of nested brackets: the engine's parser crashes at some thousands

_RESULTS: Mapping[str, str] = MappingProxyType(
    {
        "application/sparql-results+json": "application/sparql-results+json",
        "application/sparql-results+xml": "application/sparql-results+xml",
        "text/csv": "text/csv",
        "text/tab-separated-values": "text/tab-separated-values",
        "application/json": "application/sparql-results+json",
        "application/xml": "application/sparql-results+xml",
        "text/xml": "application/sparql-results+xml",
    }
)
_GRAPHS: Mapping[str, str] = MappingProxyType(
    {
        "text/turtle": "text/turtle",
        "application/ld+json": "application/ld+json",
        "application/n-triples": "application/n-triples",
        "application/rdf+xml": "application/rdf+xml",
        "application/trig": "application/trig",
        "application/n-quads": "application/n-quads",
        "application/json": "application/ld+json",
        "application/xml": "application/rdf+xml",
        "application/x-turtle": "text/turtle",
        "text/n3": "text/turtle",
    }
)
OFFERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"bindings": _RESULTS, "boolean": _RESULTS, "graph": _GRAPHS}
)
"""For each kind: media types that a client may ask for, preferred first, and what the engine writes for them."""

_RESULT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "json": "application/sparql-results+json",
        "srj": "application/sparql-results+json",
        "xml": "application/sparql-results+xml",
        "srx": "application/sparql-results+xml",
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
    }
)
_GRAPH_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "turtle": "text/turtle",
        "ttl": "text/turtle",
        "n3": "text/turtle",
        "nt": "application/n-triples",
        "n-triples": "application/n-triples",
        "ntriples": "application/n-triples",
        "nq": "application/n-quads",
        "trig": "application/trig",
        "jsonld": "application/ld+json",
        "json-ld": "application/ld+json",
        "json": "application/ld+json",
        "rdf": "application/rdf+xml",
        "rdfxml": "application/rdf+xml",
        "rdf+xml": "application/rdf+xml",
        "xml": "application/rdf+xml",
    }
)
FORMAT_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"bindings": _RESULT_NAMES, "boolean": _RESULT_NAMES, "graph": _GRAPH_NAMES}
)
"""For each kind: short names that the parameter ``format`` knows, beside ``html`` and the media types."""

_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^<>"{}|^`\\\x00-\x20]*')


@dataclass(frozen=True, slots=True)
class SparqlRequest:
    """One query of the SPARQL 1.1 Protocol. Graphs named here replace those that the query names (section 2.1.4).

    ``accept`` maps each kind of result to the media type that the engine shall write; a kind left out gets our first.
    """

    query: str
    accept: Mapping[str, str] = field(default_factory=dict)
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()


class Refusal(QueryRejected):
    """A rejected query with its reason in French and English, ready to be shown."""

    def __init__(self, reason: str, text: Text, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason, text["en"], line, column)
        self.text = text


def form_of(query: str) -> str:
    """The form of a query (``SELECT``, ``ASK``, ...) or update (``INSERT``, ...), in capitals, or empty."""
    return outline(tokens(query[:MOST_CHARACTERS])).form


def is_stable(query: str) -> bool:
    """Whether the same data must give the same answer: false with NOW, RAND, UUID or STRUUID."""
    return outline(tokens(query[:MOST_CHARACTERS])).stable


def choose_format(kind: str, accept: str | None, name: str | None = None, html: bool = False) -> tuple[str, str] | None:
    """Choose how to write a result: the media type to announce and the one that the engine writes, or None (406).

    ``name`` (parameter ``format``) wins over ``accept`` (header). With ``html`` a web page can be chosen too; then the
    second media type is the one from which the page is made.
    """
    offers = OFFERS[kind]
    page = {"text/html": next(iter(_RESULTS)) if kind != "graph" else "application/n-triples"} if html else {}
    if name:
        wanted = {**FORMAT_NAMES[kind], **({"html": "text/html"} if html else {})}.get(name.lower(), name.lower())
        engine = {**offers, **page}.get(wanted)
        return (wanted, engine) if engine else None
    chosen = best(accept, [*offers, *page])
    return (chosen, {**offers, **page}[chosen]) if chosen else None


def run(request: SparqlRequest, queries: PublicQueries, limits: QueryLimits) -> QueryAnswer:
    """Check and run one query. Raises QueryRejected (mostly Refusal, with texts), EngineUnavailable."""
    found = check(request)
    accept = {kind: request.accept.get(kind, next(iter(offers))) for kind, offers in OFFERS.items()}
    try:
        return queries.answer(request.query, accept, request.default_graphs, request.named_graphs, limits)
    except QueryRejected as error:
        if error.reason == "syntax":
            raise _located(request.query, found, error, queries, limits) from error
        raise


def check(request: SparqlRequest) -> Sequence[Token]:
    """Refuse what needs no engine to be refused: updates, SERVICE, monsters. Returns the tokens. Raises Refusal."""
    query = request.query
    if len(query) > MOST_CHARACTERS:
        raise Refusal("too_large", _too_long(MOST_CHARACTERS))
    for iri in (*request.default_graphs, *request.named_graphs):
        if not _IRI.fullmatch(iri):
            raise Refusal("syntax", _bad_graph(iri))
    found = tokens(query)
    said = outline(found)
    if said.form in UPDATES:
        raise Refusal("update", REASONS["update"])
    for token in called_services(found):
        raise Refusal("forbidden", REASONS["forbidden"], *position(query, token.start))
    if said.depth > _MOST_DEPTH:
        raise Refusal("syntax", _too_deep(_MOST_DEPTH))
    return found


def explain(error: QueryRejected, limits: QueryLimits) -> Text:
    """Say in French and English why a query was refused and what to do."""
    if isinstance(error, Refusal):
        return error.text
    if error.reason == "syntax":
        return _placed(_HINTS.get(str(error), _HINTS[""]), error.line, error.column)
    if error.reason in REASONS:
        return {language: text.format(**_numbers(limits, language)) for language, text in REASONS[error.reason].items()}
    return {"fr": "La requête a été refusée.", "en": "The query was refused."}


def describe_limits(limits: QueryLimits) -> Text:
    """State the limits for people."""
    said = {
        "fr": "Une requête dispose de {seconds} secondes ; son résultat, de {rows} lignes et {megabytes} Mo."
        " Au-delà elle est refusée, jamais tronquée. Lecture seule, sans SERVICE.",
        "en": "A query may take {seconds} seconds, its result {rows} rows and {megabytes} MB."
        " Beyond that it is refused, never cut. Read only, without SERVICE.",
    }
    return {language: text.format(**_numbers(limits, language)) for language, text in said.items()}


def _numbers(limits: QueryLimits, language: str) -> dict[str, str]:
    return {
        "seconds": f"{limits.seconds:g}",
        "rows": _grouped(limits.rows, language),
        "megabytes": f"{limits.bytes / 2**20:.3g}",
        "memory": _grouped(limits.memory // 2**20, language),
    }


def _located(
    query: str, found: Sequence[Token], error: QueryRejected, queries: PublicQueries, limits: QueryLimits
) -> Refusal:
    """Find the place of a syntax error and say it in plain words."""
    if not found:
        text = {"fr": "La requête est vide.", "en": "The query is empty."}
        return Refusal("syntax", text, 1, 1)
    said = outline(found)
    if said.form not in (*KINDS, "PREFIX", "BASE"):
        return _at(query, found[min(said.body, len(found) - 1)], _HINTS["form"])
    if token := undeclared(found, said.prefixes):
        name = token.text.partition(":")[0]
        return _at(query, token, {language: text.format(name=name) for language, text in _HINTS["prefix"].items()})
    hint = _HINTS.get(str(error))
    if hint is not None and error.line is None:
        return Refusal("syntax", _placed(hint, None, None))
    token = _mistaken(found, queries, limits)
    if hint is not None:
        return _at(query, token, hint) if token else Refusal("syntax", _placed(hint, None, None))
    if token is None:
        return Refusal("syntax", _placed(_HINTS["end"], *position(query, len(query))), *position(query, len(query)))
    near = token.text if len(token.text) <= _NEAR else f"{token.text[:_NEAR]}…"
    return _at(query, token, {language: text.format(near=near) for language, text in _HINTS["near"].items()})


_NEAR = 40  # characters of the query repeated in a message


def _mistaken(found: Sequence[Token], queries: PublicQueries, limits: QueryLimits) -> Token | None:
    """The token at which the engine stops; None if that is the end of the query."""
    probe, starts = spread(found)
    try:
        queries.answer(probe, {kind: next(iter(offers)) for kind, offers in OFFERS.items()}, (), (), limits)
    except QueryRejected as error:
        if error.reason == "syntax" and error.line is not None:
            reached = [token for token, line in zip(found, starts, strict=True) if line <= error.line]
            beyond = error.line > starts[-1] + found[-1].text.count("\n")
            return None if beyond or not reached else reached[-1]
    return None


def _at(query: str, token: Token, text: Text) -> Refusal:
    line, column = position(query, token.start)
    return Refusal("syntax", _placed(text, line, column), line, column)


def _placed(text: Text, line: int | None, column: int | None) -> Text:
    if line is None:
        return {language: f"{said[0].upper()}{said[1:]}" for language, said in text.items()}
    return {"fr": f"Ligne {line}, colonne {column} : {text['fr']}", "en": f"Line {line}, column {column}: {text['en']}"}


def _grouped(number: int, language: str) -> str:
    return f"{number:,}".replace(",", "\u202f") if language == "fr" else f"{number:,}"


def _too_long(most: int) -> Text:
    return {
        "fr": f"La requête dépasse {_grouped(most, 'fr')} caractères.",
        "en": f"The query is longer than {_grouped(most, 'en')} characters.",
    }


def _too_deep(most: int) -> Text:
    return {
        "fr": f"La requête imbrique plus de {most} parenthèses ou accolades.",
        "en": f"The query nests more than {most} brackets.",
    }


def _bad_graph(iri: str) -> Text:
    shown = iri[:200]
    return {
        "fr": f"« {shown} » n'est pas une IRI absolue : un graphe se nomme par une IRI.",
        "en": f"“{shown}” is not an absolute IRI: a graph is named by an IRI.",
    }


REASONS: Mapping[str, Text] = MappingProxyType(
    {
        "update": {
            "fr": "Cette adresse est en lecture seule : ni LOAD, ni INSERT, ni aucune autre mise à jour.",
            "en": "This endpoint is read only: no LOAD, INSERT or any other update.",
        },
        "forbidden": {
            "fr": "SERVICE n'est pas permis ici : une requête ne peut pas appeler un autre serveur."
            " Interrogez-le séparément, ou copiez ici ses résultats avec VALUES.",
            "en": "SERVICE is not allowed here: a query cannot call another server."
            " Ask it separately, or bring its results here with VALUES.",
        },
        "timeout": {
            "fr": "La requête a été arrêtée après {seconds} secondes. Ajoutez LIMIT, précisez les motifs pour qu'elle"
            " parcoure moins de données, ou demandez un export à l'opérateur (`carrefour export`).",
            "en": "The query was stopped after {seconds} seconds. Add LIMIT, make its patterns narrower so that it"
            " walks through less data, or ask the operator for an export (`carrefour export`).",
        },
        "too_large": {
            "fr": "Le résultat dépasse {rows} lignes ou {megabytes} Mo ; il n'est pas tronqué mais refusé. Prenez-le"
            " par morceaux (ORDER BY avec LIMIT et OFFSET), précisez les motifs, ou demandez un export à l'opérateur"
            " (`carrefour export`).",
            "en": "The result has more than {rows} rows or {megabytes} MB; it is refused, not cut. Take it in parts"
            " (ORDER BY with LIMIT and OFFSET), make the patterns narrower, or ask the operator for an export"
            " (`carrefour export`).",
        },
        "memory": {
            "fr": "La requête demande plus de {memory} Mo de mémoire. Triez ou regroupez moins de lignes à la fois :"
            " précisez les motifs, ou choisissez d'abord les sujets dans une sous-requête avec LIMIT.",
            "en": "The query needs more than {memory} MB of memory. Sort or group fewer rows at a time: make the"
            " patterns narrower, or choose the subjects first in a sub-query with LIMIT.",
        },
        "busy": {
            "fr": "Trop de requêtes sont en cours. Réessayez dans quelques secondes.",
            "en": "Too many queries are running. Try again in a few seconds.",
        },
    }
)
"""Why a query is refused, by the reason of QueryRejected; ``syntax`` has messages of its own."""

_HINTS: Mapping[str, Text] = MappingProxyType(
    {
        "": {"fr": "la requête n'est pas du SPARQL valide.", "en": "the query is not valid SPARQL."},
        "near": {
            "fr": "le SPARQL n'est plus valide à partir de « {near} ».",
            "en": "the query stops being valid SPARQL at “{near}”.",
        },
        "end": {
            "fr": "la requête n'est pas finie : une accolade, une parenthèse ou un terme manque.",
            "en": "the query is not finished: a bracket or a term is missing.",
        },
        "form": {
            "fr": "une requête commence par SELECT, ASK, CONSTRUCT ou DESCRIBE.",
            "en": "a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE.",
        },
        "prefix": {
            "fr": "le préfixe « {name}: » n'est pas déclaré. Ajoutez PREFIX {name}: <…> au début.",
            "en": "the prefix “{name}:” is not declared. Add PREFIX {name}: <…> at the beginning.",
        },
        "An IRI is not valid.": {"fr": "cette IRI n'est pas valide.", "en": "this IRI is not valid."},
        "SELECT names a variable that is neither grouped nor aggregated.": {
            "fr": "SELECT nomme une variable qui n'est ni dans GROUP BY ni dans un agrégat (COUNT, SAMPLE…).",
            "en": "SELECT names a variable that is neither in GROUP BY nor in an aggregate (COUNT, SAMPLE…).",
        },
        "A variable gets a value a second time.": {
            "fr": "une variable reçoit une valeur une seconde fois.",
            "en": "a variable gets a value a second time.",
        },
        "The query calls a function that does not exist here.": {
            "fr": "la requête appelle une fonction qui n'existe pas ici.",
            "en": "the query calls a function that does not exist here.",
        },
        "The query holds characters that are not valid Unicode.": {
            "fr": "la requête contient des caractères qui ne sont pas de l'Unicode valide.",
            "en": "the query holds characters that are not valid Unicode.",
        },
    }
)
