"""The constraint components of SHACL Core that look at value nodes themselves (SHACL sections 4.1 to 4.5 and 4.8).

Each builder turns the parameters of one constraint into checks. Those that refer to other shapes are in logical.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from federation.errors import ConfigError
from federation.model import Term
from federation.pipeline.shacl.data import Data
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.results import Check, Result, Shape, ShapeHead
from federation.pipeline.shacl.terms import (
    RDFS,
    TYPE,
    XSD,
    Test,
    datatype,
    iri,
    is_literal,
    language,
    lexical,
    sh,
)
from federation.pipeline.shacl.typed import bound_test, datatype_test, less_than, needs_reference


class UnclaimedError(Exception):
    """The compiler does not claim this construct: the reference engine takes every shape that rests on it."""


class Context(Protocol):
    """What a builder may ask of the compiler about the shape at hand."""

    graph: ShapesGraph
    node: Term
    head: ShapeHead

    def shape(self, node: Term) -> Shape:
        """Compile another shape. Raises UnclaimedError."""

    def wrong(self, why: str, fr: str) -> ConfigError:
        """An error that names the shape at hand; ``why`` and ``fr`` go on from its name."""


Builder = Callable[[Context, Sequence[Term]], Sequence[Check]]


def each(context: Context, component: str, test: Test) -> Check:
    """Report every value node that fails a test."""
    report = context.head.reporter(sh(component))

    def run(_data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        for value in values:
            if not test(value):
                out.append(report(focus, value))

    return Check(run)


def single(context: Context, name: str, values: Sequence[Term]) -> Term:
    """Take the only value of a parameter."""
    if len(values) != 1:
        raise context.wrong(
            f"has several values of sh:{name}, where only one is allowed",
            f"a plusieurs valeurs de sh:{name}, alors qu'une seule est permise",
        )
    return values[0]


def integer(context: Context, name: str, values: Sequence[Term]) -> int:
    """Take the only value of a parameter as a natural number."""
    value = single(context, name, values)
    text = lexical(value)
    if datatype(value) != iri(XSD + "integer") or not re.fullmatch(r"\+?[0-9]{1,18}", text):
        raise context.wrong(
            f"has a value of sh:{name} that is not a natural number: {value}",
            f"a une valeur de sh:{name} qui n'est pas un entier naturel : {value}",
        )
    return int(text)


def boolean(context: Context, name: str, values: Sequence[Term]) -> bool:
    """Take the only value of a parameter as true or false; ``1`` is not ``true`` (W3C test uniqueLang-002)."""
    value = single(context, name, values)
    if datatype(value) != iri(XSD + "boolean"):
        raise context.wrong(
            f"has a value of sh:{name} that is not true or false: {value}",
            f"a une valeur de sh:{name} qui n'est ni true ni false : {value}",
        )
    return lexical(value) == "true"


def _class(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    return [_one_class(context, cls) for cls in values]


def _one_class(context: Context, cls: Term) -> Check:
    report = context.head.reporter(sh("ClassConstraintComponent"))

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        for value in values:
            if value[0] == '"' or not data.is_instance(value, cls):
                out.append(report(focus, value))

    return Check(run)


def _datatype(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    wanted = single(context, "datatype", values)
    if needs_reference(wanted):
        raise UnclaimedError(f"sh:datatype {wanted}")
    return [each(context, "DatatypeConstraintComponent", datatype_test(wanted))]


_KINDS: Mapping[Term, str] = {
    sh("IRI"): "<",
    sh("BlankNode"): "_",
    sh("Literal"): '"',
    sh("BlankNodeOrIRI"): "_<",
    sh("BlankNodeOrLiteral"): '_"',
    sh("IRIOrLiteral"): '<"',
}


def _node_kind(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    kinds = _KINDS.get(single(context, "nodeKind", values))
    if kinds is None:
        raise context.wrong(f"has an unknown sh:nodeKind: {values[0]}", f"a un sh:nodeKind inconnu : {values[0]}")
    return [each(context, "NodeKindConstraintComponent", lambda v: v[0] in kinds)]


def _count(name: str, fails: Callable[[int, int], bool]) -> Builder:
    def build(context: Context, values: Sequence[Term]) -> Sequence[Check]:
        limit = integer(context, name, values)
        if context.head.path is None:
            raise context.wrong(
                f"is a node shape and cannot have sh:{name}", f"est une forme de nœud et ne peut pas avoir sh:{name}"
            )
        component = "MinCountConstraintComponent" if name == "minCount" else "MaxCountConstraintComponent"
        report = context.head.reporter(sh(component))

        def run(_data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
            if fails(len(values), limit):
                out.append(report(focus, None))

        return [Check(run, on_empty=name == "minCount" and limit > 0)]

    return build


def _range(component: str, accept: Callable[[int], bool]) -> Builder:
    def build(context: Context, values: Sequence[Term]) -> Sequence[Check]:
        for bound in values:
            if not is_literal(bound):
                raise context.wrong(
                    f"has a bound that is not a literal: {bound}", f"a une borne qui n'est pas un littéral : {bound}"
                )
        return [each(context, component, bound_test(bound, accept)) for bound in values]

    return build


def _min_length(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    limit = integer(context, "minLength", values)

    def test(v: Term) -> bool:
        return limit == 0 or (v[0] != "_" and len(lexical(v)) >= limit)

    return [each(context, "MinLengthConstraintComponent", test)]


def _max_length(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    limit = integer(context, "maxLength", values)
    return [each(context, "MaxLengthConstraintComponent", lambda v: v[0] != "_" and len(lexical(v)) <= limit)]


def _pattern(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    letters = "".join(lexical(flag) for flag in context.graph.values(context.node, sh("flags")))
    if not set(letters) <= set("im"):
        raise UnclaimedError(f"sh:flags {letters}")
    flags = (re.IGNORECASE if "i" in letters else re.NOFLAG) | (re.MULTILINE if "m" in letters else re.NOFLAG)
    return [_one_pattern(context, lexical(value), flags) for value in values]


def _one_pattern(context: Context, pattern: str, flags: re.RegexFlag) -> Check:
    try:
        search = re.compile(pattern, flags).search
    except re.error as error:
        raise context.wrong(
            f"has a sh:pattern that is not a regular expression ({error}): {pattern}",
            f"a un sh:pattern qui n'est pas une expression régulière ({error}) : {pattern}",
        ) from error
    return each(context, "PatternConstraintComponent", lambda v: v[0] != "_" and search(lexical(v)) is not None)


def _language_in(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    ranges = {lexical(item).lower() for item in context.graph.items(single(context, "languageIn", values))}
    if any("-" in tag for tag in ranges):
        raise UnclaimedError("sh:languageIn with a language range of several parts")

    def test(v: Term) -> bool:
        tag = language(v)
        return tag is not None and ("*" in ranges or tag.lower().partition("-")[0] in ranges)

    return [each(context, "LanguageInConstraintComponent", test)]


def _unique_lang(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    if not boolean(context, "uniqueLang", values):
        return []
    if context.head.path is None:
        raise context.wrong(
            "is a node shape and cannot have sh:uniqueLang", "est une forme de nœud et ne peut pas avoir sh:uniqueLang"
        )
    report = context.head.reporter(sh("UniqueLangConstraintComponent"))

    def run(_data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        if len(values) > 1:
            tags = Counter(tag.lower() for tag in map(language, values) if tag)
            out.extend(report(focus, None) for times in tags.values() if times > 1)

    return [Check(run)]


def _equals(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    return [_one_equals(context, predicate) for predicate in values]


def _one_equals(context: Context, predicate: Term) -> Check:
    report = context.head.reporter(sh("EqualsConstraintComponent"))

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        out.extend(report(focus, v) for v in set(values) ^ set(data.properties[focus].get(predicate, ())))

    return Check(run, on_empty=True)


def _disjoint(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    return [_one_disjoint(context, predicate) for predicate in values]


def _one_disjoint(context: Context, predicate: Term) -> Check:
    report = context.head.reporter(sh("DisjointConstraintComponent"))

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        out.extend(report(focus, v) for v in set(values) & set(data.properties[focus].get(predicate, ())))

    return Check(run)


def _less(component: str, accept: Callable[[int], bool]) -> Builder:
    def build(context: Context, values: Sequence[Term]) -> Sequence[Check]:
        if context.head.path is None:
            raise context.wrong(
                "is a node shape and cannot compare its values with a property",
                "est une forme de nœud et ne peut pas comparer ses valeurs à une propriété",
            )
        return [_one_less(context, component, accept, predicate) for predicate in values]

    return build


def _one_less(context: Context, component: str, accept: Callable[[int], bool], predicate: Term) -> Check:
    report = context.head.reporter(sh(component))

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        others = data.properties[focus].get(predicate, ())
        out.extend(report(focus, v) for v in values for other in others if not less_than(v, other, accept))

    return Check(run)


def _in(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    allowed = frozenset(context.graph.items(single(context, "in", values)))
    return [each(context, "InConstraintComponent", allowed.__contains__)]


def _has_value(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    return [_one_value(context, wanted) for wanted in values]


def _one_value(context: Context, wanted: Term) -> Check:
    report = context.head.reporter(sh("HasValueConstraintComponent"))

    def run(_data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        if wanted not in values:
            out.append(report(focus, None))

    return Check(run, on_empty=True)


def _closed(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    if lexical(single(context, "closed", values)) not in ("true", "1"):
        return []
    graph = context.graph
    known = {path for p in graph.values(context.node, sh("property")) for path in graph.values(p, sh("path"))}
    for ignored in graph.values(context.node, sh("ignoredProperties")):
        known.update(graph.items(ignored))
    report = context.head.reporter(sh("ClosedConstraintComponent"))
    harmless = (TYPE, iri(RDFS + "Resource"))  # true of every node, so pySHACL never counts it

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        for value in values:
            for predicate, objects in data.properties[value].items():
                if predicate not in known:
                    out.extend(report(focus, o, predicate) for o in objects if (predicate, o) != harmless)

    return [Check(run)]


BUILDERS: Mapping[str, Builder] = {
    "class": _class,
    "datatype": _datatype,
    "nodeKind": _node_kind,
    "minCount": _count("minCount", lambda n, limit: n < limit),
    "maxCount": _count("maxCount", lambda n, limit: n > limit),
    "minExclusive": _range("MinExclusiveConstraintComponent", lambda order: order > 0),
    "minInclusive": _range("MinInclusiveConstraintComponent", lambda order: order >= 0),
    "maxExclusive": _range("MaxExclusiveConstraintComponent", lambda order: order < 0),
    "maxInclusive": _range("MaxInclusiveConstraintComponent", lambda order: order <= 0),
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "languageIn": _language_in,
    "uniqueLang": _unique_lang,
    "equals": _equals,
    "disjoint": _disjoint,
    "lessThan": _less("LessThanConstraintComponent", lambda order: order < 0),
    "lessThanOrEquals": _less("LessThanOrEqualsConstraintComponent", lambda order: order <= 0),
    "in": _in,
    "hasValue": _has_value,
    "closed": _closed,
}
