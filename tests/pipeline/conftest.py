"""A lying server for tests that fetch, and visits to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lying_server import LyingServer
from visiting import Visits


@pytest.fixture
def server() -> Iterator[LyingServer]:
    """A lying server on the loopback."""
    running = LyingServer()
    yield running
    running.close()


@pytest.fixture
def visits(server: LyingServer) -> Visits:
    """Visits to it, on a clock that only sleeping moves."""
    return Visits(server)
