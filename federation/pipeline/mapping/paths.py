"""Turns a partner's column title, key or JMESPath into a function that reads one row. Must never run a partner's code.

A column or key is taken as it is written if the row has it; anything else is JMESPath (at most 200 characters). An
expression of that length can make 16 million values of a row that has ten, so every step of it is counted (effort.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from federation.pipeline.cleaning import is_missing
from federation.pipeline.cleaning.text import as_string
from federation.pipeline.mapping.effort import Effort

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$")
_HOLE = re.compile(r"\{([^{}:]+)\}")


def compile_paths(paths: tuple[str, ...], effort: Effort) -> Getter:
    """Read the first of several paths that is not missing; None if all are. Reading raises TooCostlyError."""
    getters = tuple(compile_path(path, effort) for path in paths)
    if len(getters) == 1:
        return getters[0]

    def first(row: Row) -> Any:
        for getter in getters:
            value = getter(row)
            if not is_missing(value):
                return value
        return None

    return first


def compile_path(path: str, effort: Effort) -> Getter:
    """Read one column, key or JMESPath. An expression that fails on a row reads as nothing there.

    Reading raises TooCostlyError if an expression or a template takes more steps than ``effort`` has left.
    """
    if _NAME.match(path):
        return lambda row: row.get(path)
    if _HOLE.search(path):
        return _filler(path, effort)
    if _DOTTED.match(path):
        return _walker(path)
    try:
        parsed = jmespath.compile(path).parsed
    except JMESPathError:
        return _titled(path)

    def search(row: Row) -> Any:
        if path in row:
            return row[path]
        try:
            return _Interpreter(path, effort).visit(parsed, row)
        except (JMESPathError, TypeError, ValueError, ArithmeticError):
            return None

    return search


_BUILDING = frozenset({"multi_select_list", "multi_select_dict"})
"""Steps that may put a value into another several times; all others only choose among what is there."""


class _Interpreter(TreeInterpreter):
    """Evaluates one expression on one row, and counts: each visit, and what is built or computed."""

    def __init__(self, path: str, effort: Effort) -> None:
        super().__init__(Options(custom_functions=_Functions(path, effort)))
        self._path, self._effort = path, effort

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Visit one node of the expression. Raises TooCostlyError."""
        self._effort.spend(1, self._path)
        result = super().visit(node, *args, **kwargs)
        if node["type"] in _BUILDING:
            self._effort.weigh(result, self._path)
        return result


class _Functions(Functions):
    """The functions of JMESPath, which may make long texts of short ones."""

    def __init__(self, path: str, effort: Effort) -> None:
        super().__init__()
        self._path, self._effort = path, effort

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        """Call a function. Raises TooCostlyError."""
        resolved_args = list(resolved_args)
        if function_name == "join" and [type(arg) for arg in resolved_args] == [str, list]:
            glue, pieces = resolved_args
            self._effort.repeat(glue, len(pieces), self._path)
        result = super().call_function(function_name, resolved_args)
        self._effort.weigh(result, self._path)
        return result


def _titled(title: str) -> Getter:
    """Readers fold the spaces of titles, so a double one, or one at the end, that was copied with it does no harm."""
    folded = " ".join(title.split())
    if folded == title:
        return lambda row: row.get(title)
    return lambda row: row[title] if title in row else row.get(folded)


def _filler(template: str, effort: Effort) -> Getter:
    fill = compile_template(template, template.startswith(("http://", "https://")), effort)
    return lambda row: row[template] if template in row else fill(row, None)


def _walker(path: str) -> Getter:
    steps = path.split(".")

    def walk(row: Row) -> Any:
        if path in row:
            return row[path]
        value: Any = row
        for step in steps:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
        return value

    return walk


def is_template(path: str) -> bool:
    """Say whether a path is an address or has holes to fill (``{id}``), rather than something to look up."""
    return path.startswith(("http://", "https://")) or _HOLE.search(path) is not None


def compile_template(template: str, escape: bool, effort: Effort) -> Callable[[Row, str | None], str | None]:
    """Fill a template from a row; ``{id}`` is the record's id if one is given. None if a hole stays empty.

    ``escape``: values are percent-encoded, for addresses. Filling raises TooCostlyError.
    """
    parts = _HOLE.split(template)
    fixed = parts[0::2]
    holes = [(name, compile_path(name, effort)) for name in parts[1::2]]

    def fill(row: Row, identity: str | None) -> str | None:
        filled = [fixed[0]]
        for (name, getter), text in zip(holes, fixed[1:], strict=True):
            value = identity if name == "id" and identity is not None else as_string(scalar(getter(row)))
            if value is None or is_missing(value):
                return None
            value = value.strip()
            effort.weigh(value, template)
            filled += [quote(value, safe="-._~/:@!$'()*,;=") if escape else value, text]
        return "".join(filled)

    return fill


def scalar(value: Any) -> Any:
    """Reduce a JSON-LD value to one scalar: the first of a list, ``@value``, ``@id``."""
    for _ in range(4):
        if isinstance(value, list):
            value = next((item for item in value if not is_missing(item)), None)
        elif isinstance(value, Mapping):
            value = value.get("@value", value.get("@id"))
        else:
            break
    return None if isinstance(value, list | Mapping) else value
