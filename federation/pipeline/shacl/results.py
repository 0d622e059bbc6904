"""What a validation gives: SHACL results as plain frozen values, the same whichever engine found them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from federation.model import Term, Text
from federation.pipeline.shacl.data import Data
from federation.pipeline.shacl.paths import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One validation result (SHACL section 3.6.2). Terms are canonical N-Triples, ``path`` is SPARQL path text.

    ``shape`` is the IRI of the source shape, or the lasting name of one without an IRI. ``messages`` holds
    ``sh:message`` by language tag (empty tag: none stated), and is empty where the shape states none.
    """

    focus: Term
    path: str | None
    value: Term | None
    shape: Term
    component: Term
    severity: Term
    messages: Text = field(default_factory=dict, hash=False)

    @property
    def order(self) -> tuple[str, ...]:
        """Key that puts results in the same order every time."""
        return self.focus, self.path or "", self.component, self.value or "", self.shape


@dataclass(frozen=True, slots=True)
class ShapeHead:
    """What every result of a shape repeats: its name, path, severity and messages."""

    name: Term
    path: Path | None
    severity: Term
    messages: Text

    def reporter(self, component: Term) -> Report:
        """Return the function that writes down a result of this shape for one component."""
        name, severity, messages = self.name, self.severity, self.messages
        own_path = None if self.path is None else str(self.path)

        def report(focus: Term, value: Term | None, path: str | None = None) -> Result:
            return Result(focus, path or own_path, value, name, component, severity, messages)

        return report


Report = Callable[..., Result]
Run = Callable[[Data, Term, Sequence[Term], list[Result]], None]
"""Checks the value nodes of a focus node and appends what it finds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint turned into a function.

    ``on_empty``: there may be something to find where there are no value nodes. ``forward``: nothing that it reads
    lies on a property followed backwards.
    """

    run: Run
    on_empty: bool = False
    forward: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """A compiled shape: ``run`` validates one focus node; ``single`` is its predicate if the path is just that."""

    name: Term
    head: ShapeHead
    run: Callable[[Data, Term, list[Result]], None]
    conforms: Callable[[Data, Term], bool]
    forward: bool
    on_empty: bool
    single: Term | None
