"""Which tests show which faults: the marks ``@pytest.mark.fault(9)`` of the suite, and the table of docs/faults.md.

Run it (``.venv/bin/python tests/fault_marks.py``) after a mark has changed: it writes the last column again.
"""

from __future__ import annotations

from mark_table import TESTS, MarkTable

FAULTS = MarkTable(TESTS.parent / "docs" / "faults.md", "pytest.mark.fault", range(1, 48))

if __name__ == "__main__":
    FAULTS.write()
