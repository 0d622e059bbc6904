"""What is known of processes that died at work on the inbox: an activity that kills is found, no other pays for it.

What a dead process held is taken up again at once and in its order. Must never blame an activity for one death: only
one that was in hand at several in a row, alone at most of them, is put off, and put aside if it was put off some times.
"""

from __future__ import annotations

from federation.ledger import Ledger

TOGETHER = 3
"""Deaths over one oldest activity after which activities are worked on one by one."""
ALONE = 4
"""Deaths over one activity that was worked on alone after which it is put off."""
_FACT = "intake-deaths"
"""The fact of the ledger: number of the oldest activity that the last dead process held, and how many died so."""


class Deaths:
    """One per process, for the thread that may write: no other process works on the inbox meanwhile."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._oldest, self._times = 0, 0
        self._careful = 0

    def begin(self, careful_for: int) -> None:
        """Take back what the dead held. After several deaths ``careful_for`` activities are worked on one by one.

        Raises EngineUnavailable.
        """
        with self._ledger.write() as tx:
            left = self._ledger.ap_inbox.let_go(tx)
            noted = (self._ledger.cursors.fact(_FACT) or "0 0").split()
            self._oldest, self._times = int(noted[0]), int(noted[1])
            if left:
                self._times = self._times + 1 if min(left) == self._oldest else 1
                self._oldest = min(left)
                self._ledger.cursors.set_fact(_FACT, f"{self._oldest} {self._times}", tx)
        self._careful = careful_for if self._times >= TOGETHER else 0

    @property
    def careful(self) -> bool:
        """Whether activities are to be worked on one by one."""
        return self._careful > 0

    def may_try(self, id_: int) -> bool:
        """Whether an activity may be worked on; if not, it is to be put off, and its deaths are forgotten."""
        self._careful = max(0, self._careful - 1)
        if id_ != self._oldest or self._times < TOGETHER + ALONE:
            return True
        self._oldest, self._times = 0, 0
        self._ledger.cursors.set_fact(_FACT, "0 0")
        return False
