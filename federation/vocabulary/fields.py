"""Derive the field table from shapes and context: what a mapping may fill, of which kind, how open, how required.

No field is named here: adding one is an edit of vocab/context and shapes/ only (vocabulary design, sections 3 and 9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from federation.errors import ConfigError
from federation.model import Openness, Severity
from federation.vocabulary.graph import Graph, Node
from federation.vocabulary.terms import CRF, DCTERMS, RDF, SH, SKOS, XSD, Field, Kind

_SEVERITIES = {
    SH + "Violation": Severity.VIOLATION,
    SH + "Warning": Severity.WARNING,
    SH + "Info": Severity.INFO,
}
_KINDS = {
    RDF + "langString": Kind.TEXT,
    XSD + "date": Kind.DATE,
    XSD + "gYear": Kind.DATE,
    XSD + "gYearMonth": Kind.DATE,
    XSD + "dateTime": Kind.DATETIME,
    XSD + "decimal": Kind.NUMBER,
    XSD + "integer": Kind.INTEGER,
    XSD + "boolean": Kind.BOOLEAN,
}
_RANK = (Severity.VIOLATION, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class ContextTerm:
    """A context entry with its IRIs written out. ``vocab`` says that its values are names of concepts."""

    key: str
    property: str
    inverse: bool
    datatype: str | None
    vocab: bool


def context_terms(context: Mapping[str, Any]) -> dict[str, ContextTerm]:
    """Read the terms of our own context. Raises ConfigError for a term that is not written as we write them."""
    prefixes = {key: value for key, value in context.items() if isinstance(value, str) and value.endswith(("#", "/"))}

    def full(name: str) -> str:
        prefix, _, local = name.partition(":")
        if local and not local.startswith("//"):
            if prefix not in prefixes:
                raise ConfigError(
                    f"vocab/context/v1.jsonld: the prefix `{prefix}` of `{name}` is not declared.",
                    f"vocab/context/v1.jsonld : le préfixe `{prefix}` de `{name}` n'est pas déclaré.",
                )
            return prefixes[prefix] + local
        return name

    terms: dict[str, ContextTerm] = {}
    for key, value in context.items():
        if key.startswith("@") or key in prefixes or value in ("@id", "@graph"):
            continue
        entry: Mapping[str, Any] = {"@id": value} if isinstance(value, str) else value
        name = entry.get("@reverse") or entry["@id"]
        if name.startswith("@"):
            continue
        type_ = entry.get("@type")
        datatype = full(type_) if type_ and not type_.startswith("@") else None
        if "@language" in str(entry.get("@container", "")):
            datatype = RDF + "langString"
        terms[key] = ContextTerm(key, full(name), "@reverse" in entry, datatype, type_ == "@vocab")
    return terms


class FieldTable:
    """Builds the fields of a class from its node shape, nested ones included."""

    def __init__(self, shapes: Graph, terms: Mapping[str, ContextTerm]) -> None:
        self._graph = shapes
        self._terms: dict[tuple[str, bool], list[ContextTerm]] = {}
        for term in terms.values():
            self._terms.setdefault((term.property, term.inverse), []).append(term)
        self.shape_of: dict[str, Node] = {
            target: shape
            for shape in shapes.instances(SH + "NodeShape")
            for target in shapes.nodes(shape, SH + "targetClass")
        }

    def fields_of(self, class_iri: str, owner: str, prefix: str = "", within: tuple[str, ...] = ()) -> dict[str, Field]:
        """All fields of a class by dotted key, in the order of the shape. A class never nests inside itself."""
        shape = self.shape_of.get(class_iri)
        if shape is None:
            raise ConfigError(
                f"shapes/: no shape targets <{class_iri}>. Put back the file that came with this version.",
                f"shapes/ : aucun gabarit ne vise <{class_iri}>. Remettez le fichier livré avec cette version.",
            )
        graph = self._graph
        shapes = graph.nodes(shape, SH + "property")
        fields: dict[str, Field] = {}
        for property_shape in shapes:
            for field in self._fields_of_property(property_shape, owner, prefix):
                if field.key not in fields:
                    fields[field.key] = field
        for property_shape in shapes:
            self._add_presence(property_shape, fields, prefix)
        for key, field in list(fields.items()):
            if field.kind is Kind.OBJECT:
                for inner in field.classes:
                    if inner in self.shape_of and inner not in within:
                        nested = self.fields_of(inner, _local(inner), key + ".", (*within, class_iri))
                        fields |= {k: _no_more_open(f, field.openness) for k, f in nested.items()}
        return fields

    def _path(self, property_shape: Node) -> tuple[str, bool] | None:
        path = self._graph.node(property_shape, SH + "path")
        if path is None:
            raise ConfigError(
                f"{self._file(property_shape)}: the shape <{property_shape}> is named but has no sh:path.",
                f"{self._file(property_shape)} : le gabarit <{property_shape}> est nommé, mais n'a pas de sh:path.",
            )
        if not path.startswith("_:"):
            return path, False
        inverse = self._graph.node(path, SH + "inversePath")
        return (inverse, True) if inverse and not inverse.startswith("_:") else None

    def _file(self, shape: Node) -> str:
        return self._graph.file(shape) if self._graph.has(shape) else "shapes/"

    def _openness(self, shape: Node) -> Openness:
        access = self._graph.node(shape, DCTERMS + "accessRights")
        levels = {CRF + level.value: level for level in Openness}
        if access is None:
            return Openness.OPENDATA
        if access not in levels:
            known = ", ".join(f"crf:{level.value}" for level in Openness)
            raise ConfigError(
                f"{self._file(shape)}: <{shape}>: dcterms:accessRights <{access}> is none of {known}.",
                f"{self._file(shape)} : <{shape}> : dcterms:accessRights <{access}> n'est aucun de {known}.",
            )
        return levels[access]

    def _severity(self, shape: Node) -> Severity:
        severity = self._graph.node(shape, SH + "severity") or SH + "Violation"
        if severity not in _SEVERITIES:
            raise ConfigError(
                f"{self._file(shape)}: <{shape}>: <{severity}> is not a severity of SHACL.",
                f"{self._file(shape)} : <{shape}> : <{severity}> n'est pas une gravité de SHACL.",
            )
        return _SEVERITIES[severity]

    def _number(self, shape: Node, name: str) -> float | None:
        text = self._graph.literal(shape, SH + name)
        try:
            return None if text is None else float(text)
        except ValueError as error:
            raise ConfigError(
                f"{self._file(shape)}: <{shape}>: sh:{name} is not a number: {text!r}.",
                f"{self._file(shape)} : <{shape}> : sh:{name} n'est pas un nombre : {text!r}.",
            ) from error

    def _count(self, shape: Node, name: str) -> int | None:
        number = self._number(shape, name)
        return None if number is None else int(number)

    def _fields_of_property(self, shape: Node, owner: str, prefix: str) -> Iterator[Field]:
        path = self._path(shape)
        if path is None or not self._states_values(shape):
            return
        value_prefix = self._graph.literal(shape, CRF + "valuePrefix") or ""
        if value_prefix:
            key = shape.partition("#")[2].rpartition("-")[2]
            yield self._field(shape, ContextTerm(key, path[0], path[1], None, False), owner, prefix, value_prefix)
            return
        for term in self._terms.get(path, ()):
            yield self._field(shape, term, owner, prefix, "")

    def _states_values(self, shape: Node) -> bool:
        """Whether the shape says what a value is (others only ask for presence, a type, or a finer point)."""
        return bool(
            self._datatypes(shape) or self._graph.values(shape, SH + "nodeKind") or self._graph.values(shape, SH + "in")
        )

    def _datatypes(self, shape: Node) -> list[str]:
        graph = self._graph
        found = list(graph.nodes(shape, SH + "datatype"))
        for head in graph.nodes(shape, SH + "or"):
            for option in graph.list_(head):
                if isinstance(option, str):
                    found += graph.nodes(option, SH + "datatype")
        return found

    def _field(self, shape: Node, term: ContextTerm, owner: str, prefix: str, value_prefix: str) -> Field:
        graph = self._graph
        maximum = self._count(shape, "maxCount")
        group = graph.node(shape, SH + "group")
        scheme = self._scheme(shape)
        kind, datatype = self._kind(shape, term, scheme)
        return Field(
            key=prefix + term.key,
            name=term.key,
            property=term.property,
            kind=kind,
            labels=graph.text(shape, SH + "name"),
            definition=graph.text(shape, SH + "description"),
            owner=owner,
            inverse=term.inverse,
            scheme=scheme,
            classes=graph.nodes(shape, SH + "class"),
            many=maximum != 1 and not graph.values(shape, SH + "uniqueLang"),
            openness=self._openness(shape),
            order=self._count(shape, "order") or 0,
            group=group.rstrip("/").rpartition("/")[2] if group else None,
            datatype=datatype,
            prefix=value_prefix,
            pattern=graph.literal(shape, SH + "pattern"),
            min_length=self._count(shape, "minLength"),
            max_length=self._count(shape, "maxLength"),
            minimum=self._number(shape, "minInclusive"),
            maximum=self._number(shape, "maxInclusive"),
            max_count=maximum,
            message=graph.text(shape, SH + "message"),
            shape=shape,
        )

    def _kind(self, shape: Node, term: ContextTerm, scheme: str | None) -> tuple[Kind, str | None]:
        graph = self._graph
        datatypes = self._datatypes(shape)
        if datatypes:
            datatype = term.datatype if term.datatype in datatypes else datatypes[0]
            if datatype in _KINDS:
                return _KINDS[datatype], datatype
            coded = datatype == XSD + "string" and graph.values(shape, SH + "pattern")
            return (Kind.CODE if coded else Kind.STRING), datatype
        if graph.values(shape, SH + "class"):
            return Kind.OBJECT, None
        return (Kind.CONCEPT if scheme and term.vocab else Kind.IRI), None

    def _scheme(self, shape: Node) -> str | None:
        graph = self._graph
        for node in graph.nodes(shape, SH + "node"):
            for inner in graph.nodes(node, SH + "property"):
                if SKOS + "inScheme" in graph.nodes(inner, SH + "path"):
                    return graph.node(inner, SH + "hasValue")
        return None

    def _add_presence(self, shape: Node, fields: dict[str, Field], prefix: str) -> None:
        graph = self._graph
        if not graph.values(shape, SH + "minCount"):
            return
        severity = self._severity(shape)
        members = self._alternatives(shape)
        touched = [key for key, f in fields.items() if (f.property, f.inverse) in members and f.key == prefix + f.name]
        for key in touched:
            field = fields[key]
            if field.severity is not None and _RANK.index(field.severity) <= _RANK.index(severity):
                continue
            either = tuple(k for k in touched if k != key and fields[k].property != field.property)
            fields[key] = replace(field, severity=severity, either=either)

    def _alternatives(self, shape: Node) -> set[tuple[str, bool]]:
        path = self._path(shape)
        if path is not None:
            return {path}
        node = self._graph.node(shape, SH + "path")
        head = self._graph.node(node, SH + "alternativePath") if node else None
        members = self._graph.list_(head) if head else []
        return {(member, False) for member in members if isinstance(member, str)}


def _no_more_open(field: Field, outer: Openness) -> Field:
    levels = list(Openness)
    return field if levels.index(field.openness) >= levels.index(outer) else replace(field, openness=outer)


def _local(iri: str) -> str:
    return iri.replace("#", "/").rstrip("/").rpartition("/")[2]
