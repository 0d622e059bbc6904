"""Takes the records of another Carrefour as they are: its IRIs, its N-Triples, byte for byte. Pure.

Must never let in a statement on anything but the record itself, nor a record of another owner than the source's.
Source: federation design, section 3 (``recordData``) and section 5, step 13.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, RdfFormat, Triple, parse

from federation.model import (
    Finding,
    Outcome,
    RawRecord,
    Reason,
    Record,
    Severity,
    Term,
    from_lines,
    iri,
    literal,
    text_literal,
    to_lines,
    typed,
)
from federation.pipeline.mapping.grouping import Group
from federation.pipeline.mapping.stamp import RunStamp
from federation.pipeline.sources import Source

_KEY = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_PROV = "<http://www.w3.org/ns/prov#"
_VOLATILE = frozenset({f"{_PROV}generatedAtTime>", f"{_PROV}wasGeneratedBy>"})
_PAGE = "<http://purl.org/dc/terms/source>"
_OWNERS = frozenset({"<http://purl.org/dc/terms/publisher>", f"{_PROV}wasAttributedTo>"})
_SAME_AS = "<http://schema.org/sameAs>"
_ADDRESSES = ("<https://", "<http://", "<mailto:", "<tel:", "<urn:", "<geo:")  # a page may show them as links
_STRING = "http://www.w3.org/2001/XMLSchema#string"


def home_of(source: Source, base_url: str) -> str:
    """What the IRIs of a source's records begin with: ours, or those of the Carrefour that they come from."""
    if not source.is_verbatim:
        return f"{base_url}/records/{source.partner.slug}/"
    origin, _, slug = source.url.rpartition("/actors/")
    return f"{origin}/records/{slug}/"


def key_of(home: str, record: Any) -> str | None:
    """The key in the IRI of a record of this home; None if it is no such IRI."""
    if not isinstance(record, str) or not record.startswith(home):
        return None
    key = record[len(home) :]
    return key if _KEY.fullmatch(key) and key.strip(".") else None


class Verbatim:
    """The way of a row of another Carrefour to a record. ``names``: its fields by our terms; it has ours already."""

    names: Mapping[str, str] = {}

    def __init__(self, source: Source, base_url: str) -> None:
        self._source, self._home = source, home_of(source, base_url)
        self._own = self._home.startswith(f"{base_url}/")

    def group(self, rows: Iterable[RawRecord]) -> Iterator[Group | Outcome]:
        """One row, one record; a row that may not speak of its record comes as an outcome."""
        seen: set[str] = set()
        for raw in rows:
            record = raw.row.get("record")
            key = key_of(self._home, record)
            if self._own:
                yield Outcome(raw.where, None, None, (), excluded="own")
            elif key is None or raw.row.get("owner") != self._source.url:
                yield _refused(raw.where, "record-owner", None, _OWNER, str(record))
            elif key in seen:
                yield Outcome(raw.where, None, None, (), excluded="repeated", key=key)
            elif raw.deleted:
                seen.add(key)
                yield Outcome(raw.where, None, None, (), excluded="deleted", key=key, closing=Reason.EXPLICIT)
            else:
                seen.add(key)
                yield Group(key, str(record), (raw,), 0, _mark(raw.row))

    def raw_hash(self, group: Group) -> str:
        """The SHA-256 (hex) that the row gives of its N-Triples; what it is worth is looked at when it is taken."""
        return str(group.rows[0].row.get("digest") or "").removeprefix("sha-256:")

    def map(self, group: Group, _run: RunStamp) -> Outcome:
        """The record as it came, or why it cannot be taken. The outcome has no tier yet."""
        row, record = group.rows[0].row, group.identifier
        data, claimed = row["data"], self.raw_hash(group)
        given = hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()
        if given != claimed:
            return _refused(group.where, "digest-mismatch", group.key, _DIGEST, claimed)
        fault = _fault(record, data)
        if fault is None and not self._owned(record, data):
            fault = "record-owner", _OWNER, record
        if fault is not None:
            rule, message, value = fault
            return _refused(group.where, rule, group.key, message, value)
        made = self._made(group, record, data, claimed)
        return Outcome(group.where, made, None, (), key=group.key, raw_hash=claimed)

    def _owned(self, record: str, data: str) -> bool:
        node, owner = f"<{record}>", f"<{self._source.url}>"
        said = [term for subject, predicate, term in from_lines(data) if subject == node and predicate in _OWNERS]
        return all(term == owner for term in said)

    def _made(self, group: Group, record: str, data: str, claimed: str) -> Record:
        node, project = f"<{record}>", f"<{record}#project>"
        page, same = "", []
        lasting = hashlib.sha256()
        for line in data.split("\n")[:-1]:
            subject, predicate, rest = line.split(" ", 2)
            if predicate not in _VOLATILE:
                lasting.update(f"{line}\n".encode())
            if predicate == _PAGE and subject == node:
                page = rest[1:-3]
            elif predicate == _SAME_AS and subject == project:
                same.append(rest[1:-3])
        return Record(
            iri=record,
            partner=self._source.partner.slug,
            source=self._source.id,
            key=group.key,
            page=page,
            content=data,
            digest=lasting.hexdigest(),
            raw_hash=claimed,
            claims=tuple(dict.fromkeys(claim for claim in (page, *same) if claim)),
            row_hash=group.row_hash,
        )


def _fault(record: str, data: str) -> tuple[str, Mapping[str, str], str] | None:
    """Say why N-Triples may not be a record's graph: rule, message and value; None if they may."""
    node, inner = f"<{record}>", f"<{record}#"
    try:
        quads = list(parse(input=data.encode("utf-8"), format=RdfFormat.N_TRIPLES))
    except (SyntaxError, UnicodeEncodeError, ValueError) as error:
        return "data-unreadable", _UNREADABLE, str(error)
    triples = []
    for quad in quads:
        line = _terms(quad)
        if line is None:
            return "blank-node", _BLANK, str(quad)
        if line[0] != node and not line[0].startswith(inner):
            return "foreign-subject", _FOREIGN, line[0]
        if line[2].startswith("<") and not line[2].startswith(_ADDRESSES):
            return "address-refused", _ADDRESS, line[2]
        triples.append(line)
    if not triples or to_lines(triples) != data:
        return "not-canonical", _CANONICAL, ""
    return None


def _terms(quad: Quad) -> tuple[Term, Term, Term] | None:
    """The terms of a statement in canonical form; None if it holds a blank node, or anything but plain RDF 1.1."""
    subject, value = quad.subject, quad.object
    if not isinstance(subject, NamedNode) or not isinstance(quad.graph_name, DefaultGraph):
        return None
    if isinstance(value, BlankNode | Triple):
        return None
    return iri(subject.value), iri(quad.predicate.value), _term(value)


def _term(value: NamedNode | Literal) -> Term:
    if isinstance(value, NamedNode):
        return iri(value.value)
    if value.language is not None:
        return text_literal(value.value, value.language)
    return literal(value.value) if value.datatype.value == _STRING else typed(value.value, value.datatype.value)


def _mark(row: Mapping[str, Any]) -> str:
    return hashlib.blake2b(str(row.get("digest")).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _refused(where: str, rule: str, key: str | None, message: Mapping[str, str], value: str) -> Outcome:
    said = Finding(rule, Severity.VIOLATION, message, where=where, value=value[:200])
    return Outcome(where, None, None, (said,), key=key)


_OWNER = {
    "fr": "Cette fiche n'est pas de l'acteur qui l'envoie : elle est écartée, car chacun ne parle que de ses fiches.",
    "en": "This record is not of the actor that sends it: it is left out, as each speaks for its own records only.",
}
_DIGEST = {
    "fr": "L'empreinte annoncée n'est pas celle des données reçues : la fiche est écartée.",
    "en": "The digest that was announced is not that of the data received: the record is left out.",
}
_UNREADABLE = {
    "fr": "Ces données ne sont pas du N-Triples lisible : la fiche est écartée.",
    "en": "These data are no readable N-Triples: the record is left out.",
}
_BLANK = {
    "fr": "Cette fiche contient un nœud anonyme ou un énoncé cité : elle est écartée.",
    "en": "This record holds a blank node or a quoted statement: it is left out.",
}
_FOREIGN = {
    "fr": "Cette fiche parle d'autre chose que d'elle-même : elle est écartée.",
    "en": "This record speaks of something else than itself: it is left out.",
}
_ADDRESS = {
    "fr": "Cette fiche renvoie à une adresse d'une sorte que nous ne montrons pas : elle est écartée.",
    "en": "This record refers to an address of a kind that we do not show: it is left out.",
}
_CANONICAL = {
    "fr": "Ces N-Triples ne sont pas sous forme canonique (lignes triées, sans doublon) : la fiche est écartée.",
    "en": "These N-Triples are not in canonical form (sorted lines, none twice): the record is left out.",
}
