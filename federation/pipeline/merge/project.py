"""The merged project: a pure function of its records (vocabulary.md section 2). Nobody edits it; it can be rebuilt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from federation.linking import normal_form
from federation.model import Term, Tier, Triple
from federation.pipeline.shacl.terms import lexical

RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
DCTERMS = "http://purl.org/dc/terms/"
PROV = "http://www.w3.org/ns/prov#"
_LICENSE = f"<{DCTERMS}license>"
_MODIFIED = f"<{DCTERMS}modified>"
_ATTRIBUTED = f"<{PROV}wasAttributedTo>"
_DERIVED = f"<{PROV}wasDerivedFrom>"
_HOLDER = "<https://w3id.org/carrefour/vocab#holder>"
_NAME = "<http://schema.org/name>"
_OTHER_NAME = "<http://schema.org/alternateName>"
_URL = "<http://schema.org/url>"
_INHERITED = (_LICENSE, _ATTRIBUTED)  # what the project keeps of its record nodes
_TYPES = tuple(
    f"{RDF_TYPE} <{iri}> .\n"
    for iri in (
        "http://schema.org/Project",
        "http://virtual-assembly.org/ontologies/pair#Project",
        "https://w3id.org/carrefour/vocab#Project",
    )
)
_RANK = {Tier.FULL: 0, Tier.BASIC: 1, Tier.ESSENTIAL: 2}


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as merging sees it. ``modified``: the partner's date, as text; ``own``: its partner is the holder."""

    iri: str
    content: str
    tier: Tier
    modified: str = ""
    own: bool = False


def merged_project(project: str, records: Sequence[RecordView], single_valued: Collection[str]) -> str:
    """Content of the merged project in the default graph, as canonical N-Triples lines.

    ``single_valued`` are the IRIs of properties that take one value (text: one per language): the holder's own record
    wins, then the latest ``modified``, then the tier, then IRI order. All other values are united. A node that only a
    losing value led to goes with it. A name that loses stays as ``schema:alternateName``. Raises ValueError without
    records.
    """
    if not records:
        raise ValueError("a project without records")
    if len(records) == 1:
        return "".join(sorted(_lines_of_one(project, records[0])))
    ranked = sorted(records, key=lambda view: view.iri)
    ranked.sort(key=lambda view: _RANK[view.tier])
    ranked.sort(key=lambda view: view.modified, reverse=True)
    ranked.sort(key=lambda view: not view.own)
    single = {f"<{iri}>" for iri in single_valued}.difference(_INHERITED)  # every record's licence and author stay
    return "".join(sorted(_lines_of_many(project, ranked, single)))


def modified_of(record: str, content: str) -> str:
    """The partner's date of last change in a record's graph (``dcterms:modified``), as text; empty if it gave none."""
    opening = f"<{record}> {_MODIFIED} "
    for line in content.split("\n"):
        if line.startswith(opening):
            return lexical(line[len(opening) : -2])
    return ""


def published_by_holder(content: str, name: str, url: str | None) -> bool:
    """Whether a record's partner, of this name and address, is itself the organisation that carries the project."""
    triples = list(_triples(set(_whole_lines(content))))
    holders = {value for _, predicate, value in triples if predicate == _HOLDER}
    for subject, predicate, value in triples:
        if subject in holders:
            if predicate == _NAME and _folded(lexical(value)) == _folded(name):
                return True
            if predicate == _URL and url and normal_form(value[1:-1]) == normal_form(url):
                return True
    return False


def _whole_lines(content: str) -> Iterator[str]:
    for line in content.split("\n"):  # not splitlines(): a literal may hold other line separators of Unicode
        if line:
            yield f"{line}\n"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _lines_of_one(project: str, view: RecordView) -> set[str]:
    """The way of nearly every record, hence without taking triples apart further than needed."""
    record_node = f"<{view.iri}> "
    main_node = f"<{view.iri}#project>"
    inner = f"<{view.iri}#"
    skip = len(inner)
    lines = _head(project, view.iri)
    for line in view.content.split("\n"):
        if line.startswith(inner):
            subject, predicate, rest = line.split(" ", 2)
            if rest.startswith(inner):
                rest = f"<{project}> ." if rest == f"{main_node} ." else f"<{project}#{rest[skip:]}"
            subject = f"<{project}>" if subject == main_node else f"<{project}#{subject[skip:]}"
            lines.add(f"{subject} {predicate} {rest}\n")
        elif line.startswith(record_node):
            _, predicate, rest = line.split(" ", 2)
            if predicate in _INHERITED:
                lines.add(f"<{project}> {predicate} {rest}\n")
    return lines  # a triple about anything else is its record's business: it never speaks for others here


def _lines_of_many(project: str, ranked: Sequence[RecordView], single_valued: Collection[str]) -> set[str]:
    main = f"<{project}>"
    taken: dict[tuple[str, str], str] = {}  # (property, language) to the record that gave its value
    kept: set[Triple] = set()
    lost: set[Term] = set()
    names: set[Term] = set()
    nodes: dict[Term, set[Triple]] = defaultdict(set)
    lines: set[str] = set()
    for view in ranked:
        lines |= _head(project, view.iri)
        for triple in _triples(_lines_of_one(project, view) - lines):
            subject, predicate, value = triple
            if subject != main:
                nodes[subject].add(triple)
            elif predicate in single_valued and taken.setdefault((predicate, _language(value)), view.iri) != view.iri:
                (names if predicate == _NAME else lost).add(value)
            else:
                kept.add(triple)
    for node in _orphans(kept, lost, nodes, main):
        del nodes[node]
    kept |= {(main, _OTHER_NAME, name) for name in _other_names(names, kept)}
    for triples in (kept, *nodes.values()):
        lines.update(f"{s} {p} {o} .\n" for s, p, o in triples)
    return lines


def _other_names(names: Collection[Term], kept: set[Triple]) -> Iterator[Term]:
    """Names that other records say, each once whatever its case and spaces: people search for the one they know."""
    seen = {_folded(lexical(value)) for _, predicate, value in kept if predicate == _NAME}
    for name in sorted(names):
        if (folded := _folded(lexical(name))) not in seen:
            seen.add(folded)
            yield name


def _orphans(kept: set[Triple], lost: set[Term], nodes: Mapping[Term, set[Triple]], main: Term) -> set[Term]:
    """The nodes that losing values led to and nothing else leads to."""
    pointing = {node for node, triples in nodes.items() if any(value == main for _, _, value in triples)}
    return _led_to(lost, nodes) - _led_to({value for _, _, value in kept} | pointing, nodes)


def _led_to(values: Collection[Term], nodes: Mapping[Term, set[Triple]]) -> set[Term]:
    found: set[Term] = set()
    waiting = [value for value in values if value in nodes]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(value for _, _, value in nodes[node] if value in nodes)
    return found


def _head(project: str, record: str) -> set[str]:
    lines = {f"<{project}> {_DERIVED} <{record}> .\n"}
    lines.update(f"<{project}> {each}" for each in _TYPES)
    return lines


def _triples(lines: set[str]) -> Iterator[Triple]:
    for line in lines:
        subject, predicate, rest = line.split(" ", 2)
        yield subject, predicate, rest[:-3]


def _language(value: Term) -> str:
    return value.rpartition('"@')[2] if value.startswith('"') and not value.endswith(('"', ">")) else ""
