"""What validation results mean: the tier of a record, findings for people, the standard report for machines.

Messages are those of the shapes; a sentence of ours stands in only where a shape states none.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from federation.model import Finding, Severity, Term, Text, Tier, Triple, to_lines
from federation.pipeline.shacl.paths import parse_path, path_triples
from federation.pipeline.shacl.results import Result
from federation.pipeline.shacl.terms import TYPE, XSD, iri, lexical, literal, local_name, sh

_SEVERITIES: Mapping[Term, Severity] = {sh("Warning"): Severity.WARNING, sh("Info"): Severity.INFO}

_VALUE_LIMIT = 200  # characters of an offending value shown (model.Finding)

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "class": ("désigne une ressource qui n'est pas du type attendu", "names a resource that is not of the right type"),
    "closed": ("n'est pas un champ prévu ici", "is not a field expected here"),
    "datatype": ("n'est pas du type attendu ou est mal écrit", "is not of the expected type or is badly written"),
    "disjoint": ("répète une valeur d'un autre champ", "repeats a value of another field"),
    "equals": ("devrait être égal à un autre champ", "should be equal to another field"),
    "hasValue": ("ne contient pas la valeur exigée", "does not hold the required value"),
    "in": ("n'est pas une des valeurs permises", "is not one of the allowed values"),
    "languageIn": ("n'est pas dans une des langues attendues", "is not in one of the expected languages"),
    "lessThan": ("devrait être inférieur à un autre champ", "should be less than another field"),
    "lessThanOrEquals": ("ne devrait pas dépasser un autre champ", "should not exceed another field"),
    "maxCount": ("a trop de valeurs", "has too many values"),
    "maxExclusive": ("est trop grand", "is too great"),
    "maxInclusive": ("est trop grand", "is too great"),
    "maxLength": ("est trop long", "is too long"),
    "minCount": ("manque ou n'a pas assez de valeurs", "is missing or has too few values"),
    "minExclusive": ("est trop petit", "is too small"),
    "minInclusive": ("est trop petit", "is too small"),
    "minLength": ("est trop court", "is too short"),
    "nodeKind": ("n'est pas de la bonne nature (adresse ou texte)", "is not of the right kind (address or text)"),
    "pattern": ("n'a pas la forme attendue", "does not have the expected form"),
    "qualifiedMaxCount": ("a trop de valeurs d'une certaine sorte", "has too many values of a certain kind"),
    "qualifiedMinCount": ("n'a pas assez de valeurs d'une certaine sorte", "has too few values of a certain kind"),
    "uniqueLang": ("est donné plusieurs fois dans la même langue", "is given several times in the same language"),
}
_OTHERWISE = ("ne respecte pas le schéma", "does not conform to the schema")

_PART = re.compile(r"#([A-Za-z]+)-[0-9a-f]{8}>$")


def severity(result: Result) -> Severity:
    """Translate the severity; one that is not of SHACL counts as a Violation, for nothing passes unseen."""
    return _SEVERITIES.get(result.severity, Severity.VIOLATION)


def tier(results: Iterable[Result]) -> Tier | None:
    """Tell the tier of a record from all its results; None if it is refused (vocabulary, section 9)."""
    found = {severity(result) for result in results}
    if Severity.VIOLATION in found:
        return None
    if Severity.WARNING in found:
        return Tier.ESSENTIAL
    return Tier.BASIC if Severity.INFO in found else Tier.FULL


def _component(result: Result) -> str:
    name = local_name(result.component).removesuffix("ConstraintComponent")
    return name[:1].lower() + name[1:]


def _term(result: Result, names: Mapping[str, str]) -> str | None:
    """Our key of the field; for a part of the record (``#location-1a2b3c4d``), that part's key comes first."""
    if result.path is None:
        return None
    key = names.get(result.path) or names.get(result.path.strip("<>"))
    part = _PART.search(result.focus)
    return f"{part[1]}.{key}" if key and part else key


def _shape_key(result: Result) -> str:
    """Name a result by its shape, or by its path where the shape has no IRI."""
    if result.shape.startswith("<urn:carrefour:shape:"):
        return local_name(parse_path(result.path).iri or result.path) if result.path else "anonymous"
    return local_name(result.shape)


def _message(result: Result, component: str, about: str) -> Text:
    """Take the shape's own message in both languages; fill in a language it does not speak."""
    stated = result.messages
    neutral = stated.get("")
    french, english = _SENTENCES.get(component, _OTHERWISE)
    return {
        "fr": stated.get("fr") or neutral or f"« {about} » {french}.",
        "en": stated.get("en") or neutral or f"“{about}” {english}.",
    }


def _finding(result: Result, names: Mapping[str, str]) -> Finding:
    component = _component(result)
    term = _term(result, names)
    key = term or _shape_key(result)
    value = None
    if result.value is not None:
        value = (lexical(result.value) or result.value)[:_VALUE_LIMIT]
    return Finding(
        rule=f"shape:{key}:{component}",
        severity=severity(result),
        message=_message(result, component, key),
        term=term,
        value=value,
    )


_RANK: Mapping[Severity, int] = {Severity.VIOLATION: 0, Severity.WARNING: 1, Severity.INFO: 2}


def to_findings(results: Iterable[Result], names: Mapping[str, str] | None = None) -> list[Finding]:
    """Say each result to people, gravest first.

    ``names`` gives our key by property path (a bare IRI, or path text as in ``Result.path``). The caller knows the
    row and the partner's column and adds them.
    """
    findings = [_finding(result, names or {}) for result in results]
    return sorted(findings, key=lambda f: (_RANK[f.severity], f.rule, f.term or "", f.value or ""))


def to_report(results: Sequence[Result], report: str | None = None) -> str:
    """Write the standard sh:ValidationReport as canonical N-Triples lines (SHACL, section 3.6).

    Nodes that SHACL leaves blank get IRIs: ``report`` (an IRI; by default one made from the results) for the report,
    and it with a suffix for the rest, so equal results give equal lines.
    """
    if report is None:
        text = "\n".join(sorted(repr((*r.order, r.severity, sorted(r.messages.items()))) for r in results))
        report = f"urn:carrefour:report:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    conforms = literal("false" if results else "true", datatype=iri(f"{XSD}boolean"))
    triples: list[Triple] = [
        (iri(report), TYPE, sh("ValidationReport")),
        (iri(report), sh("conforms"), conforms),
    ]
    seen: Counter[tuple[str, ...]] = Counter()
    for result in results:
        seen[result.order] += 1
        digest = hashlib.sha256(repr((result.order, seen[result.order])).encode()).hexdigest()[:16]
        node = iri(f"{report}-{digest}")
        triples.append((iri(report), sh("result"), node))
        triples.extend(_result_triples(node, result, report))
    return to_lines(triples)


def _result_triples(node: Term, result: Result, base: str) -> list[Triple]:
    triples = [
        (node, TYPE, sh("ValidationResult")),
        (node, sh("focusNode"), result.focus),
        (node, sh("sourceShape"), result.shape),
        (node, sh("sourceConstraintComponent"), result.component),
        (node, sh("resultSeverity"), result.severity),
        *((node, sh("resultMessage"), literal(text, tag)) for tag, text in result.messages.items()),
    ]
    if result.value is not None:
        triples.append((node, sh("value"), result.value))
    if result.path is not None:
        path, about = path_triples(parse_path(result.path), f"{base}-path")
        triples.extend(((node, sh("resultPath"), path), *about))
    return triples


__all__ = ["severity", "tier", "to_findings", "to_report"]
