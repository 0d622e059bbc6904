"""Every attack on federation that we know is shown by a test or said to be missing; docs/abuse.md says which."""

from __future__ import annotations

from abuse_marks import ATTACKS, missing, not_yet


def test_attacks_that_no_test_shows_are_those_that_the_page_admits() -> None:
    """Each number has a mark or stands under “Not yet”, never both: a test more makes that list shorter."""
    assert not_yet() == missing()


def test_marks_of_attacks_name_the_list() -> None:
    """No mark has a number outside the list, and none stands twice on one test."""
    assert set(ATTACKS.shown_by()) <= set(ATTACKS.numbers)
    assert [name for _, name, numbers in ATTACKS.marked() if len(set(numbers)) < len(numbers)] == []


def test_the_table_of_attacks_is_what_the_marks_say() -> None:
    """If not: ``.venv/bin/python tests/abuse_marks.py`` writes its last column again."""
    page = ATTACKS.rows()
    assert list(page) == list(ATTACKS.numbers)
    shown = ATTACKS.shown_by()
    assert {number: tests for number, (_, _, tests) in page.items()} == {n: shown.get(n, "") for n in ATTACKS.numbers}
