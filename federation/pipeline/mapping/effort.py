"""Bounds what one record may cost to map, in steps and in values. Must never look at a clock.

A limit in seconds would let the same bytes be taken on one day and refused on another; steps are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from federation.pipeline.cleaning import Problem

Value = TypeVar("Value")

STEPS = 200_000
"""Work on one row: visits of an expression, values it builds, nodes and lines written. About 0.2 seconds of it."""

WRITTEN_DATE = 4_000
"""Steps for a date in words, which takes a parser of languages: fifty of them in one row, about 0.1 seconds."""

VALUES = 1_000
"""Values of one field that are taken; further ones are counted and left out."""

FINDINGS = 100
"""Findings about one record, beside those that refuse it; further ones are counted."""

HINTS = 20
"""Unknown words of one record that get the nearest concept as a suggestion."""

_FEW_MARKS = 20  # of a text; fewer cost next to nothing
_CHARACTERS = 16  # of a text that count as one step


class TooCostlyError(Exception):
    """Mapping a row takes more than a record may cost. ``field`` is the partner's path, or our term, that did it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Effort:
    """What may still be spent on the row at hand. One for a mapper, renewed for every row."""

    __slots__ = ("_left", "_spent", "hints")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Start a new row."""
        self._left = STEPS
        self._spent: dict[str, int] = {}
        self.hints = HINTS

    def spend(self, steps: int, field: str) -> None:
        """Take steps from what is left, for a path or a term of ours.

        Raises TooCostlyError if there are not enough: it names the one that has taken most, not the last.
        """
        self._left -= steps
        self._spent[field] = self._spent.get(field, 0) + steps
        if self._left < 0:
            raise TooCostlyError(max(self._spent, key=self._spent.__getitem__))

    def weigh(self, value: Any, field: str) -> None:
        """Spend a value that was built: a step for each value in it, and for each 16 characters.

        What is in it twice counts twice, as it would when it is written. Raises TooCostlyError.
        """
        todo = [value]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                self.spend(1 + len(item) // _CHARACTERS, field)
                continue
            self.spend(1, field)
            if isinstance(item, Mapping | list | tuple):
                self.spend(len(item), field)  # before they are on the list: it must not outgrow the limit
                todo += item
            if isinstance(item, Mapping):
                todo += item.values()

    def weigh_markup(self, value: Any, field: str) -> None:
        """Spend the tags and entities of a value as it came: a parser of HTML takes time that grows as their square.

        4,472 of them in one text are all that a row may have; a long page has some hundreds. Raises TooCostlyError.
        """
        todo = [value]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                if len(item) < _FEW_MARKS:
                    continue
                marks = item.count("<") + item.count("&")
                if marks >= _FEW_MARKS:
                    self.spend(marks * marks // 100, field)
            elif isinstance(item, list | tuple):
                todo += item
            elif isinstance(item, Mapping):
                todo += item.values()

    def repeat(self, text: str, times: int, field: str) -> None:
        """Spend, before it is made, a text that repeats another. Raises TooCostlyError."""
        self.spend(times * (1 + len(text) // _CHARACTERS), field)


def first_values(values: Sequence[Value], problems: list[Problem]) -> Sequence[Value]:
    """Take as many values of a field as a record may have, and say how many are left out."""
    if len(values) <= VALUES:
        return values
    problems.append(Problem("too-many-values", str(len(values) - VALUES), str(VALUES)))
    return values[:VALUES]
