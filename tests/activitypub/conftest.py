"""What tests of federation share."""

from __future__ import annotations

import pytest

from federation.vocabulary import Vocabulary, load


@pytest.fixture(scope="session")
def words() -> Vocabulary:
    """The vocabulary."""
    return load()
