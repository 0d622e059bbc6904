"""The constraint components of SHACL Core that refer to other shapes (SHACL sections 4.6 and 4.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from federation.model import Term
from federation.pipeline.shacl.components import Builder, Context, boolean, integer, single
from federation.pipeline.shacl.data import Data
from federation.pipeline.shacl.results import Check, Result, Shape
from federation.pipeline.shacl.terms import sh

Conforms = Callable[[Data, Term], bool]


def _each(context: Context, component: str, conforms: Conforms, forward: bool) -> Check:
    """Report every value node that fails a test which may read the data."""
    report = context.head.reporter(sh(component))

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        for value in values:
            if not conforms(data, value):
                out.append(report(focus, value))

    return Check(run, forward=forward)


def _node(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    shapes = [context.shape(node) for node in values]
    for shape in shapes:
        if shape.head.path is not None:
            raise context.wrong(
                f"has a sh:node that is a property shape: {shape.name}",
                f"a un sh:node qui est une forme de propriété : {shape.name}",
            )
    return [_each(context, "NodeConstraintComponent", shape.conforms, shape.forward) for shape in shapes]


def _not(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    return [_one_not(context, context.shape(node)) for node in values]


def _one_not(context: Context, shape: Shape) -> Check:
    conforms = shape.conforms
    return _each(context, "NotConstraintComponent", lambda data, v: not conforms(data, v), shape.forward)


def _listed(component: str, accept: Callable[[Data, Term, Sequence[Conforms]], bool]) -> Builder:
    def build(context: Context, values: Sequence[Term]) -> Sequence[Check]:
        return [_one_list(context, head) for head in values]

    def _one_list(context: Context, head: Term) -> Check:
        shapes = [context.shape(node) for node in context.graph.items(head)]
        if not shapes:
            raise context.wrong("combines shapes through an empty list", "combine des formes par une liste vide")
        members = [shape.conforms for shape in shapes]
        forward = all(shape.forward for shape in shapes)
        return _each(context, component, lambda data, v: accept(data, v, members), forward)

    return build


def _all(data: Data, value: Term, members: Sequence[Conforms]) -> bool:
    return all(conforms(data, value) for conforms in members)


def _any(data: Data, value: Term, members: Sequence[Conforms]) -> bool:
    return any(conforms(data, value) for conforms in members)


def _one(data: Data, value: Term, members: Sequence[Conforms]) -> bool:
    return sum(conforms(data, value) for conforms in members) == 1


def _property(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    shapes = [context.shape(node) for node in values]
    for shape in shapes:
        if shape.head.path is None:
            raise context.wrong(
                f"has a sh:property that is no property shape (it has no sh:path): {shape.name}",
                f"a un sh:property qui n'est pas une forme de propriété (il n'a pas de sh:path) : {shape.name}",
            )
    forward = all(shape.forward for shape in shapes)
    always = [shape.run for shape in shapes if shape.on_empty or shape.single is None]
    by_predicate: dict[Term, list[Callable[[Data, Term, list[Result]], None]]] = {}
    for shape in shapes:
        if shape.single is not None and not shape.on_empty:
            by_predicate.setdefault(shape.single, []).append(shape.run)

    def run(data: Data, _focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        for value in values:
            for check in always:
                check(data, value, out)
            # A shape that has nothing to say of an absent property is asked only about those present.
            for predicate in data.properties[value]:
                for check in by_predicate.get(predicate, ()):
                    check(data, value, out)

    return [Check(run, forward=forward)]


def _qualified(context: Context, values: Sequence[Term]) -> Sequence[Check]:
    if context.head.path is None:
        return []  # pySHACL ignores it on node shapes
    node = single(context, "qualifiedValueShape", values)
    graph = context.graph
    low = graph.values(context.node, sh("qualifiedMinCount"))
    high = graph.values(context.node, sh("qualifiedMaxCount"))
    if not low and not high:
        raise context.wrong(
            "has sh:qualifiedValueShape without sh:qualifiedMinCount or sh:qualifiedMaxCount",
            "a sh:qualifiedValueShape sans sh:qualifiedMinCount ni sh:qualifiedMaxCount",
        )
    at_least = integer(context, "qualifiedMinCount", low) if low else None
    at_most = integer(context, "qualifiedMaxCount", high) if high else None
    shape = context.shape(node)
    siblings = [context.shape(sibling) for sibling in _siblings(context, node)]
    others = [sibling.conforms for sibling in siblings]
    too_few = context.head.reporter(sh("QualifiedMinCountConstraintComponent"))
    too_many = context.head.reporter(sh("QualifiedMaxCountConstraintComponent"))
    conforms = shape.conforms

    def run(data: Data, focus: Term, values: Sequence[Term], out: list[Result]) -> None:
        count = sum(conforms(data, v) and not any(other(data, v) for other in others) for v in values)
        if at_most is not None and count > at_most:
            out.append(too_many(focus, None))
        if at_least is not None and count < at_least:
            out.append(too_few(focus, None))

    forward = shape.forward and all(sibling.forward for sibling in siblings)
    return [Check(run, on_empty=bool(at_least), forward=forward)]


def _siblings(context: Context, node: Term) -> Sequence[Term]:
    """Shapes that a value must not conform to as well (SHACL section 4.7.3, sibling shapes)."""
    graph = context.graph
    disjoint = graph.values(context.node, sh("qualifiedValueShapesDisjoint"))
    if not disjoint or not boolean(context, "qualifiedValueShapesDisjoint", disjoint):
        return []
    parents = [parent for parent, child in graph.pairs(sh("property")) if child == context.node]
    found = (
        shape
        for parent in parents
        for child in graph.values(parent, sh("property"))
        for shape in graph.values(child, sh("qualifiedValueShape"))
    )
    return [shape for shape in dict.fromkeys(found) if shape != node]


BUILDERS: Mapping[str, Builder] = {
    "node": _node,
    "property": _property,
    "not": _not,
    "and": _listed("AndConstraintComponent", _all),
    "or": _listed("OrConstraintComponent", _any),
    "xone": _listed("XoneConstraintComponent", _one),
    "qualifiedValueShape": _qualified,
}
