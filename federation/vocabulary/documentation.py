"""Write docs/vocabulary.md from the vocabulary itself, so that it cannot lag behind. Prints; a test compares.

Run ``python -m federation.vocabulary.documentation > docs/vocabulary.md`` after a change in vocab/ or shapes/.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

from federation.model import Severity
from federation.vocabulary.reader import Vocabulary, load
from federation.vocabulary.terms import Field, Kind

_TIER = {Severity.VIOLATION: "Essential", Severity.WARNING: "Basic", Severity.INFO: "Full", None: "–"}
_OPENING = """# The shared vocabulary

This page is written by `python -m federation.vocabulary.documentation`, from `vocab/` and `shapes/`. A test compares.

- `vocab/ontology.ttl`: our own terms, then those of others that we use.
- `vocab/context/v1.jsonld`: our JSON-LD context. `vocab/contexts/`: those of others, pinned. `vocab/frame/`: the frame
  of public documents.
- `vocab/activitypub/`: contexts of the Fediverse, pinned, and ours for ActivityPub. No source depends on them.
- `vocab/thesauri/`: SKOS schemes. `vocab/licences.ttl`: licences and their aliases. `vocab/crosswalks/tags.csv`: what
  the tags of a contributor stand for. `vocab/mappings/`: reading profiles.
- `vocab/prefixes.ttl`: the table of prefixes. `vocab/queries/`: SPARQL examples.
- `shapes/`: SHACL, one file per class. A *property shape* named after a field says what its value is; one named
  `…-expected` asks for its presence.

## Add a field

1. Add the key to `vocab/context/v1.jsonld`: its property, and `@type` or `@container`.
2. Add a property shape to the class's file in `shapes/`, and to the list of its node shape: path, what a value is,
   `sh:name`, `sh:description` and `sh:message` in French and English, `sh:order`, `sh:group`; `dcterms:accessRights` if
   it is not open data. If its absence should be told, add an `…-expected` shape with `sh:minCount 1` and the severity.
3. If the property is our own, define it in `vocab/ontology.ttl`; if it is another's, add it to the reused terms there.
4. Add the key to `vocab/mappings/carrefour.toml`, the profile of feeds in our own vocabulary.
5. Write this page again, run the tests of `tests/vocabulary/`.

No Python changes: kind, openness, tier and thesaurus are read from these files. A text is `rdf:langString`; a string
with an `sh:pattern` is a code, which never becomes a number; an IRI with `sh:class` is an object with its own fields.
"""


def describe(vocabulary: Vocabulary) -> str:
    """The whole page, in Markdown."""
    parts = [_OPENING, "## Own terms\n", _table(("term", "kind", "FR", "EN"), _own_terms(vocabulary))]
    tops = [f for f in vocabulary.fields.values() if "." not in f.key]
    for owner, title in (("record", "Keys of a record"), ("project", "Keys of a project")):
        parts += [f"## {title}\n", _field_table(vocabulary, (f for f in tops if f.owner == owner))]
    parts.append(
        "## Keys of inner nodes\n\n"
        "Written after the key of the outer field and a dot: `location.address.postalCode`. "
        "A node that lacks an Essential key would be refused.\n"
    )
    for name, fields in _inner(vocabulary).items():
        parts += [f"### {name}\n", _field_table(vocabulary, fields.values())]
    parts += ["## Thesauri\n", _table(("scheme", "FR", "EN", "concepts"), _schemes(vocabulary))]
    parts += ["## Licences\n", _table(("code", "licence", "open"), _licences(vocabulary))]
    parts += ["## Pinned contexts\n", "".join(f"- `{url}`\n" for url in vocabulary.contexts)]
    parts += ["## Prefixes\n", _table(("prefix", "namespace"), ((p, f"`{n}`") for p, n in vocabulary.prefixes.items()))]
    return "\n".join(parts)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(head)
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _own_terms(vocabulary: Vocabulary) -> Iterator[tuple[str, str, str, str]]:
    for term in vocabulary.terms.values():
        name = "crf:" + term.iri.rpartition("#")[2]
        yield f"`{name}`", term.kind, term.definition["fr"], term.definition["en"]


def _inner(vocabulary: Vocabulary) -> Mapping[str, dict[str, Field]]:
    found: dict[str, dict[str, Field]] = {}
    for field in vocabulary.fields.values():
        if "." in field.key:
            found.setdefault(field.owner, {}).setdefault(field.name, field)
    return dict(sorted(found.items()))


def _field_table(vocabulary: Vocabulary, fields: Iterable[Field]) -> str:
    head = ("key", "property", "value", "many", "tier", "openness", "FR", "EN")
    return _table(head, (_field_row(vocabulary, field) for field in fields))


def _field_row(vocabulary: Vocabulary, field: Field) -> Iterator[str]:
    yield f"`{field.name}`"
    yield f"{'inverse of ' if field.inverse else ''}`{_short(vocabulary, field.property)}`"
    yield _value(vocabulary, field)
    yield "yes" if field.many else "no"
    tier = _TIER[field.severity]
    yield f"{tier} (or {', '.join(k.rpartition('.')[2] for k in field.either)})" if field.either else tier
    yield str(field.openness.value)
    yield field.definition["fr"]
    yield field.definition["en"]


def _value(vocabulary: Vocabulary, field: Field) -> str:
    if field.kind is Kind.CONCEPT and field.scheme:
        return f"concept of `{_short(vocabulary, field.scheme)}`"
    if field.kind is Kind.OBJECT:
        return " + ".join(f"`{_short(vocabulary, name)}`" for name in field.classes)
    if field.kind is Kind.DATE and field.datatype:
        return f"{field.kind.value} (`{_short(vocabulary, field.datatype)}`)"
    return str(field.kind.value)


def _short(vocabulary: Vocabulary, iri: str) -> str:
    for prefix, namespace in vocabulary.prefixes.items():
        if iri.startswith(namespace) and iri != namespace:
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


def _schemes(vocabulary: Vocabulary) -> Iterator[tuple[str, str, str, str]]:
    for scheme in vocabulary.schemes.values():
        yield f"`{scheme.iri}`", scheme.labels["fr"], scheme.labels["en"], str(len(scheme.concepts))


def _licences(vocabulary: Vocabulary) -> Iterator[tuple[str, str, str]]:
    for licence in vocabulary.licences.values():
        yield licence.code, f"<{licence.iri}>", "yes" if licence.open else "no"


if __name__ == "__main__":
    sys.stdout.write(describe(load()))
