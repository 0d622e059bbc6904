"""Which tests show which faults: the marks ``@pytest.mark.fault(9)`` of the suite, and the table of docs/faults.md.

Run it (``.venv/bin/python tests/fault_marks.py``) after a mark has changed: it writes the last column again.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "faults.md"
FAULTS = range(1, 48)

_ROW = re.compile(r"\| (\d+) \| (.+?) \| (.+?) \|(.*)\|$")


def numbers_of(function: ast.FunctionDef) -> list[int]:
    """The faults that the marks of a test name."""
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    marks = [each for each in calls if ast.unparse(each.func) == "pytest.mark.fault"]
    return [int(ast.literal_eval(number)) for mark in marks for number in mark.args]


def marked() -> Iterator[tuple[str, str, list[int]]]:
    """File, name and faults of every test that has a mark."""
    for path in sorted(TESTS.rglob("test_*.py"), key=lambda path: path.name):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and (numbers := numbers_of(node)):
                yield path.name, node.name, numbers


def shown_by() -> dict[int, str]:
    """What the last column of the table says of each fault."""
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, name, numbers in marked():
        for number in numbers:
            found[number][file].append(name)
    return {
        number: "; ".join(f"`{file}`: {', '.join(f'`{name}`' for name in names)}" for file, names in files.items())
        for number, files in found.items()
    }


def rows() -> dict[int, tuple[str, str, str]]:
    """The rows of the page: fault, required behaviour, tests."""
    matches = [match for line in PAGE.read_text("utf-8").splitlines() if (match := _ROW.match(line))]
    repeated = [number for number, times in Counter(match[1] for match in matches).items() if times > 1]
    assert not repeated, repeated
    return {int(match[1]): (match[2], match[3], match[4].strip()) for match in matches}


def write() -> None:
    """Write the last column of the page again."""
    tests, lines = shown_by(), PAGE.read_text("utf-8").splitlines()
    for place, line in enumerate(lines):
        if match := _ROW.match(line):
            lines[place] = f"| {match[1]} | {match[2]} | {match[3]} | {tests.get(int(match[1]), '')} |"
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write()
