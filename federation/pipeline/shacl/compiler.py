"""Turns the shapes of a shapes graph into functions over one record, and says which shapes it does not claim.

It must claim only what it evaluates exactly as SHACL Core says; a shape that rests on anything else is refused whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from federation.errors import ConfigError
from federation.model import Term
from federation.pipeline.shacl import components, logical
from federation.pipeline.shacl.components import Builder, UnclaimedError
from federation.pipeline.shacl.data import Background, Data
from federation.pipeline.shacl.graph import ShapesGraph
from federation.pipeline.shacl.paths import compile_path, read_path
from federation.pipeline.shacl.results import Check, Result, Shape, ShapeHead
from federation.pipeline.shacl.terms import NIL, SH, TYPE, language, lexical, sh

_BUILDERS: Mapping[Term, Builder] = {
    sh(name): builder for name, builder in (*components.BUILDERS.items(), *logical.BUILDERS.items())
}

# Read by a builder together with its main parameter, or of no effect on results.
_KNOWN = frozenset(
    sh(name)
    for name in (
        *("path", "flags", "ignoredProperties", "severity", "message", "deactivated"),
        *("qualifiedMinCount", "qualifiedMaxCount", "qualifiedValueShapesDisjoint"),
        *("targetClass", "targetNode", "targetSubjectsOf", "targetObjectsOf"),
        *("name", "description", "order", "group", "defaultValue"),
    )
)

_NOT_EVALUATED = (sh("js"), sh("jsFunctionName"))  # pySHACL would pass over them without a word

_MEMO_LIMIT = 100_000  # background nodes per shape; a thesaurus has hundreds, all communes of France are 35,000


def messages_of(graph: ShapesGraph, node: Term) -> Mapping[str, str]:
    """Read sh:message of a shape, by language tag."""
    found = sorted(graph.values(node, sh("message")))
    return {(language(m) or "").lower(): lexical(m) for m in reversed(found)}


class _Context:
    """The shape being compiled, as its builders see it."""

    def __init__(self, compiler: Compiler, node: Term, head: ShapeHead) -> None:
        self.graph = compiler.graph
        self.node = node
        self.head = head
        self.shape = compiler.shape

    def wrong(self, why: str, fr: str) -> ConfigError:
        """An error that names the shape at hand; ``why`` and ``fr`` go on from its name."""
        name = en_name = fr_name = self.head.name
        if self.node[0] == "_":
            path = self.head.path
            en_name = f"without an IRI, path {path}" if path else f"without an IRI ({name})"
            fr_name = f"sans IRI, de chemin {path}," if path else f"sans IRI ({name})"
        return ConfigError(f"The shape {en_name} {why}.", f"La forme {fr_name} {fr}.")


class Compiler:
    """Compiles each shape once. Shapes are asked for by node; those that cannot be claimed raise UnclaimedError."""

    def __init__(self, graph: ShapesGraph, background: Background) -> None:
        self.graph = graph
        self._background = background
        self._done: dict[Term, Shape | UnclaimedError] = {}
        self._open: list[Term] = []
        custom = [node for node, kind in graph.pairs(TYPE) if kind == sh("ConstraintComponent")]
        self._custom = any(not node.startswith(f"<{SH}") for node in custom)

    def shape(self, node: Term) -> Shape:
        """Compile a shape and all shapes it refers to. Raises UnclaimedError, ConfigError."""
        done = self._done.get(node)
        if done is None:
            if node in self._open:
                raise UnclaimedError(f"the shape {self.graph.name(node)} refers to itself")
            self._open.append(node)
            try:
                done = self._compile(node)
            except UnclaimedError as refusal:
                done = refusal
            finally:
                self._open.pop()
            self._done[node] = done
        if isinstance(done, UnclaimedError):
            raise UnclaimedError(str(done))
        return done

    def _compile(self, node: Term) -> Shape:
        if node[0] == '"':
            raise ConfigError(
                f"The shapes refer to a literal where a shape is expected: {node}",
                f"Les formes renvoient à un littéral là où une forme est attendue : {node}",
            )
        head = self._head(node)
        context = _Context(self, node, head)
        if self._deactivated(node):
            return _inactive(head)
        checks = [check for name in self._claimed(context) for check in self._build(name, context)]
        forward = all(check.forward for check in checks) and (head.path is None or head.path.forward)
        run = _node_run(checks) if head.path is None else _property_run(head, checks)
        return Shape(
            name=head.name,
            head=head,
            run=run,
            conforms=_conformance(run, self._background, forward),
            forward=forward,
            on_empty=any(check.on_empty for check in checks),
            single=head.path.iri if head.path is not None and head.path.kind == "iri" else None,
        )

    def _build(self, name: Term, context: _Context) -> Sequence[Check]:
        return _BUILDERS[name](context, self.graph.values(context.node, name))

    def _claimed(self, context: _Context) -> Sequence[Term]:
        """Parameters of the shape that have a builder; refuses the shape if any other could matter."""
        if self._custom:
            raise UnclaimedError("the shapes declare constraint components of their own")
        parameters = [p for p in self.graph.properties(context.node) if p.startswith(f"<{SH}")]
        for parameter in parameters:
            if parameter in _NOT_EVALUATED:
                raise context.wrong(
                    f"uses {parameter}, which no engine here evaluates",
                    f"emploie {parameter}, qu'aucun moteur n'évalue ici",
                )
            if parameter not in _BUILDERS and parameter not in _KNOWN:
                raise UnclaimedError(f"the shape {context.head.name} uses {parameter}")
        if sh("ignoredProperties") in parameters and sh("closed") not in parameters:
            raise context.wrong("has sh:ignoredProperties without sh:closed", "a sh:ignoredProperties sans sh:closed")
        return [p for p in parameters if p in _BUILDERS]

    def _head(self, node: Term) -> ShapeHead:
        graph = self.graph
        name = graph.name(node)
        paths = graph.values(node, sh("path"))
        severities = graph.values(node, sh("severity"))
        if len(paths) > 1 or len(severities) > 1:
            raise ConfigError(
                f"The shape {name} has more than one sh:path or sh:severity.",
                f"La forme {name} a plus d'un sh:path ou d'un sh:severity.",
            )
        if paths and paths[0] == NIL:
            raise ConfigError(f"The shape {name} has an empty sh:path.", f"La forme {name} a un sh:path vide.")
        types = graph.values(node, TYPE)
        if not paths and sh("PropertyShape") in types:
            raise ConfigError(
                f"The property shape {name} has no sh:path.", f"La forme de propriété {name} n'a pas de sh:path."
            )
        if paths and sh("NodeShape") in types:
            raise ConfigError(f"The node shape {name} has a sh:path.", f"La forme de nœud {name} a un sh:path.")
        path = read_path(graph, paths[0]) if paths else None
        severity = severities[0] if severities else sh("Violation")
        return ShapeHead(name, path, severity, messages_of(graph, node))

    def _deactivated(self, node: Term) -> bool:
        values = self.graph.values(node, sh("deactivated"))
        if len(values) > 1 or any(value[0] != '"' for value in values):
            name = self.graph.name(node)
            raise ConfigError(
                f"The shape {name} has a sh:deactivated that is not one boolean.",
                f"La forme {name} a un sh:deactivated qui n'est pas un seul booléen.",
            )
        return bool(values) and lexical(values[0]) in ("true", "1")


def _inactive(head: ShapeHead) -> Shape:
    def run(_data: Data, _focus: Term, _out: list[Result]) -> None:
        """Find nothing."""

    return Shape(head.name, head, run, lambda _data, _focus: True, forward=True, on_empty=False, single=None)


def _node_run(checks: Sequence[Check]) -> Callable[[Data, Term, list[Result]], None]:
    runs = [check.run for check in checks]

    def run(data: Data, focus: Term, out: list[Result]) -> None:
        values = (focus,)
        for check in runs:
            check(data, focus, values, out)

    return run


def _property_run(head: ShapeHead, checks: Sequence[Check]) -> Callable[[Data, Term, list[Result]], None]:
    assert head.path is not None  # noqa: S101 - for the type checker: the caller has looked
    walk = compile_path(head.path)
    runs = [check.run for check in checks]
    runs_on_empty = [check.run for check in checks if check.on_empty]

    def run(data: Data, focus: Term, out: list[Result]) -> None:
        values = walk(data, focus)
        for check in runs if values else runs_on_empty:
            check(data, focus, values, out)

    return run


def _conformance(
    run: Callable[[Data, Term, list[Result]], None], background: Background, forward: bool
) -> Callable[[Data, Term], bool]:
    """Conformance checking of one node (SHACL section 3.4.3).

    What a shape says of a background node cannot change while no triple of the record touches the background and
    the shape follows no property backwards: then the answer is kept (a concept is checked once, not once per record).
    """
    known = background.properties
    memo: dict[Term, bool] = {}

    def check(data: Data, node: Term) -> bool:
        out: list[Result] = []
        run(data, node, out)
        return not out

    def remember(data: Data, node: Term) -> bool:
        if not data.apart or node not in known:
            return check(data, node)
        answer = memo.get(node)
        if answer is None:
            answer = check(data, node)
            if len(memo) < _MEMO_LIMIT:
                memo[node] = answer
        return answer

    return remember if forward and known else check
