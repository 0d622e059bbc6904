"""A lying server for tests that fetch, visits to it, and an instance that harvests from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lying_server import LyingServer
from visiting import Visits
from years import Instance

from federation.vocabulary import Vocabulary, load


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


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The vocabulary, read once."""
    return load()


@pytest.fixture
def here(tmp_path: Path, vocabulary: Vocabulary, server: LyingServer) -> Iterator[Instance]:
    """An instance without records, whose feeds are at the server, that must be in order when the test is over."""
    instance = Instance(tmp_path / "here", vocabulary, server=server)
    yield instance
    instance.check()
    instance.close()
