"""The other half of the long random years: a file is the unit that is shared out among processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_harvest_model import STEPS, years

from federation.vocabulary import Vocabulary

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(123, 145))
def test_more_random_years_keep_the_invariants(tmp_path: Path, vocabulary: Vocabulary, seed: int) -> None:
    """Two sources, feeds that go wrong in turn, restarts, approvals, undone and replayed runs."""
    years(tmp_path, vocabulary, seed, STEPS * 5)
