"""Every fault that harvesting must bear is shown by a test, and docs/faults.md says by which."""

from __future__ import annotations

from fault_marks import FAULTS


def test_every_fault_is_shown_by_a_test() -> None:
    """Each number has a mark, no mark has another number, and none stands twice on one test."""
    assert sorted(FAULTS.shown_by()) == list(FAULTS.numbers)
    assert [name for _, name, numbers in FAULTS.marked() if len(set(numbers)) < len(numbers)] == []


def test_the_table_of_faults_is_what_the_marks_say() -> None:
    """If not: ``.venv/bin/python tests/fault_marks.py`` writes its last column again."""
    page = FAULTS.rows()
    assert list(page) == list(FAULTS.numbers)
    assert {number: tests for number, (_, _, tests) in page.items()} == FAULTS.shown_by()
