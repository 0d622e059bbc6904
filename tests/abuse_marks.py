"""Which tests show which attacks: the marks ``@pytest.mark.abuse(7)`` of the suite, and the table of docs/abuse.md.

Run it (``.venv/bin/python tests/abuse_marks.py``) after a mark has changed: it writes the last column again, and the
list of attacks that no test shows yet, which it never makes longer.
"""

from __future__ import annotations

import re

from mark_table import TESTS, MarkTable

ATTACKS = MarkTable(TESTS.parent / "docs" / "abuse.md", "pytest.mark.abuse", range(1, 51))

_NOT_YET = re.compile(r"^Not yet shown by a test: (.+)\.$", re.MULTILINE)


def not_yet() -> list[int]:
    """The attacks that the page says no test shows yet."""
    line = _NOT_YET.search(ATTACKS.page.read_text("utf-8"))
    assert line, "docs/abuse.md has no line “Not yet shown by a test: ….”"
    return [] if line[1] == "none" else [int(number) for number in line[1].split(", ")]


def missing() -> list[int]:
    """The attacks that no test shows."""
    shown = ATTACKS.shown_by()
    return [number for number in ATTACKS.numbers if number not in shown]


def write() -> None:
    """Write the last column and the list again. SystemExit if an attack has lost its last test."""
    now = missing()
    if lost := sorted(set(now) - set(not_yet())):
        raise SystemExit(f"No test shows these attacks any more: {lost}. The list of what is missing only shrinks.")
    ATTACKS.write()
    line = f"Not yet shown by a test: {', '.join(map(str, now)) or 'none'}."
    ATTACKS.page.write_text(_NOT_YET.sub(line, ATTACKS.page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write()
