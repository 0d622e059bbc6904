"""Rules of the house that no linter checks: sizes of modules and functions, machine paths, addresses in locks."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "federation").rglob("*.py"))
MAX_LINES, MAX_FUNCTION = 400, 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_and_its_functions_fit_on_a_page(path: Path) -> None:
    """A module has at most 400 lines, a function at most 60."""
    text = path.read_text("utf-8")

    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f"{n.name}: {n.end_lineno - n.lineno + 1}" for n in functions if n.end_lineno - n.lineno >= MAX_FUNCTION]  # type: ignore[operator]

    assert len(text.splitlines()) <= MAX_LINES
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    """A module opens with a docstring."""
    silent = [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]

    assert not silent


def test_locks_name_no_address() -> None:
    """Lock files carry versions and hashes, no URL."""
    locks = list(ROOT.glob("*.lock"))

    assert locks
    assert not [lock.name for lock in locks if re.search(r"https?://|--find-links|--index-url", lock.read_text())]


def test_app_is_only_an_entry_point() -> None:
    """app.py stays under 15 lines."""
    assert len((ROOT / "app.py").read_text().splitlines()) < 15


def test_no_machine_path_stands_in_the_project() -> None:
    """No file that git tracks names a path of somebody's machine."""
    answer = subprocess.run(
        ["git", "grep", "-nIE", "(/home|/root|/wor" + "k)/", "--", "."], cwd=ROOT, capture_output=True, text=True
    )
    if answer.returncode not in (0, 1):
        pytest.skip("not a git checkout")

    assert answer.stdout == ""
