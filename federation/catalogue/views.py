"""The project page's model: every value with the records that state it, and where the sources differ.

Pure: graphs in, plain values out. Must never choose between values: the merge has done so; this says who said what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from federation.catalogue.records import Node, Nodes, RecordLine, web_address
from federation.catalogue.values import FOAF, GEO, IGEO, RDF, SCHEMA, Value, by_subject, decode, first_text, one_literal
from federation.catalogue.words import Words
from federation.model import Term, Text, Triple
from federation.vocabulary import Field, Kind

_DEPTH = 4  # nodes inside nodes (funding → amount → …): deeper ones are not shown
_HIDDEN = {RDF + "type", GEO + "hasGeometry", GEO + "asWKT"}
_HIDDEN_NESTED = {SCHEMA + "latitude", SCHEMA + "longitude", SCHEMA + "containedInPlace", IGEO + "codeINSEE"}

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One property of a node inside a project (the telephone of a contact)."""

    label: Text
    value: Shown


@dataclass(frozen=True, slots=True)
class Shown:
    """One value ready to be written: text with its language, or a concept, a link, or a node with parts."""

    text: str
    language: str | None = None
    concept: str | None = None
    link: str | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A value and the records that state it. ``kept``: the merged project shows it."""

    value: Shown
    records: tuple[RecordLine, ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a project page. ``diverging``: sources give different values where one is expected."""

    key: str
    label: Text
    many: bool
    values: tuple[Said, ...]
    others: tuple[Said, ...]
    diverging: bool

    @property
    def sources(self) -> int:
        """How many records say something here."""
        return len({line.iri for said in (*self.values, *self.others) for line in said.records})

    @property
    def names(self) -> tuple[str, ...]:
        """The partners who say something here, by name."""
        said = (*self.values, *self.others)
        return tuple(sorted({line.partner_name for one in said for line in one.records}))


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields, with its label."""

    key: str
    label: Text
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project page: the fields by key for the head of the page, the sections for the rest."""

    iri: str
    pid: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    sections: tuple[Section, ...]
    records: tuple[RecordLine, ...]
    fields: Mapping[str, FieldView]

    @property
    def diverging(self) -> bool:
        """Whether the sources differ anywhere."""
        return any(field.diverging for field in self.fields.values())


@dataclass(frozen=True, slots=True)
class _Statement:
    """One value of one property of a project node, in one graph. ``record`` None: the merged project."""

    signature: Signature
    value: Shown
    record: str | None


def project_view(
    project: str,
    merged: Iterable[Triple],
    graphs: Mapping[str, Iterable[Triple]],
    lines: Mapping[str, RecordLine],
    words: Words,
) -> ProjectView:
    """Lay a merged project beside the graphs of its records. ``lines``: their credits, by record IRI."""
    nodes = by_subject(merged)
    own = nodes.get(project, {})
    statements: dict[str, list[_Statement]] = {}
    _state(statements, project, nodes, None, words)
    for record, triples in sorted(graphs.items()):
        said = by_subject(triples)
        for topic in said.get(record, {}).get(FOAF + "primaryTopic", ()):
            _state(statements, topic[1:-1], said, record, words)
    fields = {
        field.name if not field.inverse else field.key: view
        for iri, field in words.fields.items()
        if iri in statements and (view := _field(field, statements[iri], lines)) is not None
    }
    return ProjectView(
        iri=project,
        pid=project.rpartition("/")[2],
        title=first_text(own, SCHEMA + "name"),
        summary=first_text(own, "http://purl.org/dc/terms/abstract"),
        sections=_sections(fields, words),
        records=tuple(lines[record] for record in sorted(graphs) if record in lines),
        fields=fields,
    )


def record_view(record: str, graph: Iterable[Triple], line: RecordLine, words: Words) -> ProjectView:
    """The same page for one record alone: everything is said by it."""
    triples = tuple(graph)
    topic = next((t[2][1:-1] for t in triples if t[1] == f"<{FOAF}primaryTopic>"), record)
    return project_view(topic, triples, {record: triples}, {record: line}, words)


def _sections(fields: Mapping[str, FieldView], words: Words) -> tuple[Section, ...]:
    group_of = {field.name: field.group for field in words.fields.values()}
    found = []
    for key, label in words.groups:
        members = tuple(view for name, view in fields.items() if group_of.get(name) == key)
        if members:
            found.append(Section(key, label, members))
    return tuple(found)


def _state(statements: dict[str, list[_Statement]], topic: str, nodes: Nodes, record: str | None, words: Words) -> None:
    for name, terms in nodes.get(topic, {}).items():
        if name in words.fields and not words.fields[name].inverse:
            for term in terms:
                made = _Statement(signature(term, nodes, topic), shown(term, nodes, words), record)
                statements.setdefault(name, []).append(made)
    inverse = {name for name, field in words.fields.items() if field.inverse}
    for node, properties in nodes.items():
        for name in inverse.intersection(properties):
            if f"<{topic}>" in properties[name] and node != topic:
                made = _Statement(signature(f"<{node}>", nodes, topic), shown(f"<{node}>", nodes, words), record)
                statements.setdefault(name, []).append(made)


def signature(term: Term, nodes: Nodes, topic: str, depth: int = _DEPTH) -> Signature:
    """What makes two values the same whatever their nodes are called: the term, or the content of the node."""
    iri = term[1:-1]
    if iri == topic:
        return ("",)
    if not term.startswith("<") or iri not in nodes or depth == 0:
        return (term,)
    content = sorted(
        (name, tuple(sorted(repr(signature(value, nodes, topic, depth - 1)) for value in values)))
        for name, values in nodes[iri].items()
    )
    return (tuple(content),)


def _field(field: Field, statements: Sequence[_Statement], lines: Mapping[str, RecordLine]) -> FieldView | None:
    by_value: dict[str, tuple[Shown, list[RecordLine], bool]] = {}
    for one in statements:
        name = repr(one.signature)
        value, records, kept = by_value.get(name, (one.value, [], False))
        if one.record in lines and (line := lines[one.record or ""]) not in records:
            records.append(line)
        by_value[name] = (value, records, kept or one.record is None)
    said = [Said(value, tuple(records), kept) for value, records, kept in by_value.values()]
    values = tuple(one for one in said if one.kept)
    others = tuple(one for one in said if not one.kept)
    if not values and not others:
        return None
    return FieldView(field.name, field.labels, field.many, values, others, not field.many and _differ(said))


def _differ(said: Sequence[Said]) -> bool:
    """Whether two records give different values in one language (or of one kind, for values without language)."""
    seen: dict[str | None, int] = {}
    for one in said:
        if one.records:
            seen[one.value.language] = seen.get(one.value.language, 0) + 1
    return any(count > 1 for count in seen.values())


# -- one value ------------------------------------------------------------------------------------------------------


def shown(term: Term, nodes: Nodes, words: Words, depth: int = _DEPTH) -> Shown:
    """Prepare one value for a page. Addresses that a browser must not follow are shown as text."""
    value = decode(term)
    if value.literal:
        return _literal(value)
    if value.text in words.concepts:
        return Shown(value.text, concept=value.text)
    node = nodes.get(value.text)
    if node is None or depth == 0:
        return Shown(value.text, link=web_address(value.text))
    return _node(node, nodes, words, depth)


def _literal(value: Value) -> Shown:
    return Shown(value.text, value.language)


def _node(node: Node, nodes: Nodes, words: Words, depth: int) -> Shown:
    name = first_text(node, SCHEMA + "name")
    language, title = next(iter(name.items()), (None, ""))
    summary = _SUMMARIES.get(_kind(node), _no_summary)(node, nodes)
    parts = []
    for iri, terms in node.items():
        field = words.nested.get(iri) or words.fields.get(iri)
        if field is None or iri in _HIDDEN or iri in _HIDDEN_NESTED or (iri == SCHEMA + "name") or summary:
            continue
        if field.inverse or (field.kind is Kind.IRI and iri == SCHEMA + "about"):
            continue
        parts += [Part(field.labels, shown(term, nodes, words, depth - 1)) for term in terms]
    text = summary or title
    link = web_address(next((t[1:-1] for t in node.get(SCHEMA + "contentUrl", ()) if t.startswith("<")), None))
    return Shown(text, language if text == title else None, link=link, parts=tuple(parts))


def _kind(node: Node) -> str:
    types = node.get(RDF + "type", ())
    return next((term[1:-1] for term in types if term[1:-1] in _SUMMARIES), "")


def _no_summary(_node: Node, _nodes: Nodes) -> str:
    return ""


def _address(node: Node, _nodes: Nodes) -> str:
    street = one_literal(node, SCHEMA + "streetAddress")
    town = " ".join(
        filter(None, (one_literal(node, SCHEMA + "postalCode"), one_literal(node, SCHEMA + "addressLocality")))
    )
    return ", ".join(filter(None, (street, town)))


def _place(node: Node, nodes: Nodes) -> str:
    inner = next((term[1:-1] for term in node.get(SCHEMA + "address", ()) if term.startswith("<")), "")
    name = next(iter(first_text(node, SCHEMA + "name").values()), "")
    address = _address(nodes.get(inner, {}), nodes)
    if name and name.casefold() not in address.casefold():
        address = ", ".join(filter(None, (name, address)))
    return address or name or one_literal(node, IGEO + "codeINSEE") or ""


def _amount(node: Node, _nodes: Nodes) -> str:
    value, currency = one_literal(node, SCHEMA + "value"), one_literal(node, SCHEMA + "currency")
    return "\u202f".join(filter(None, (_grouped(value), currency)))


def _grouped(number: str | None) -> str:
    whole, _, rest = (number or "").partition(".")
    if not whole.isdigit():
        return number or ""
    grouped = f"{int(whole):,}".replace(",", "\u202f")
    return grouped if not rest.strip("0") else f"{grouped},{rest}"


_SUMMARIES: Mapping[str, Callable[[Node, Nodes], str]] = {
    SCHEMA + "Place": _place,
    SCHEMA + "PostalAddress": _address,
    SCHEMA + "MonetaryAmount": _amount,
}
