"""A page of docs/ with a numbered table whose last column names the tests that carry a mark. Must never run a test."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent

_ROW = re.compile(r"\| (\d+) \| (.+?) \| (.+?) \|(.*)\|$")


@dataclass(frozen=True, slots=True)
class MarkTable:
    """``mark`` is its whole name (``pytest.mark.fault``); ``numbers`` what the table lists, in order."""

    page: Path
    mark: str
    numbers: range

    def numbers_of(self, function: ast.FunctionDef) -> list[int]:
        """The numbers that the marks of a test name."""
        calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
        marks = [each for each in calls if ast.unparse(each.func) == self.mark]
        return [int(ast.literal_eval(number)) for mark in marks for number in mark.args]

    def marked(self) -> Iterator[tuple[str, str, list[int]]]:
        """File, name and numbers of every test that has the mark."""
        for path in sorted(TESTS.rglob("test_*.py"), key=lambda path: path.name):
            text = path.read_text("utf-8")
            for node in ast.walk(ast.parse(text)) if self.mark in text else ():
                if isinstance(node, ast.FunctionDef) and (numbers := self.numbers_of(node)):
                    yield path.name, node.name, numbers

    def shown_by(self) -> dict[int, str]:
        """What the last column of the table says of each number that a test shows."""
        found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for file, name, numbers in self.marked():
            for number in numbers:
                found[number][file].append(name)
        return {
            number: "; ".join(f"`{file}`: {', '.join(f'`{name}`' for name in names)}" for file, names in files.items())
            for number, files in found.items()
        }

    def rows(self) -> dict[int, tuple[str, str, str]]:
        """The rows of the page: what happens, what must follow, tests."""
        matches = [match for line in self.page.read_text("utf-8").splitlines() if (match := _ROW.match(line))]
        repeated = [number for number, times in Counter(match[1] for match in matches).items() if times > 1]
        assert not repeated, repeated
        return {int(match[1]): (match[2], match[3], match[4].strip()) for match in matches}

    def write(self) -> None:
        """Write the last column of the page again."""
        tests, lines = self.shown_by(), self.page.read_text("utf-8").splitlines()
        for place, line in enumerate(lines):
            if match := _ROW.match(line):
                lines[place] = f"| {match[1]} | {match[2]} | {match[3]} | {tests.get(int(match[1]), '')} |"
        self.page.write_text("\n".join(lines) + "\n", "utf-8")
