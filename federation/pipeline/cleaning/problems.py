"""What a cleaner says of a value that it could not take as it was.

Never a sentence: those are written once, elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One remark on one value.

    ``rule`` is a key of the table of messages; ``value`` the value as given; ``suggestion`` what was, or could be,
    taken instead. ``kept`` says that a (repaired) value was taken all the same.
    """

    rule: str
    value: str
    suggestion: str | None = None
    kept: bool = False
