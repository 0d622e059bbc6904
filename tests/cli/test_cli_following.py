"""Orders left to the worker of another process: what is said after them is true by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from federation.cli import following
from federation.cli.shell import Shell
from federation.model import Counts, RunReport, RunState

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class SlowIndex:
    """A search index that another process brings up to date after a few looks."""

    seqs: Iterator[int] = field(default_factory=lambda: iter([3, 3, 7, 7]))

    @property
    def seq(self) -> int:
        """How far it is."""
        return next(self.seqs)


def test_a_followed_harvest_ends_when_search_tells_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends before its worker has written the index: a total read at once would be the old one."""
    monkeypatch.setattr(following, "LOOK", 0)
    done = RunReport("01RUN", "jardins", "jardins", RunState.SUCCEEDED, NOW, NOW, Counts(read=1, accepted=1))
    index = SlowIndex()
    platform: Any = SimpleNamespace(
        desk=SimpleNamespace(worker=lambda: "7", account=lambda _run: done),
        reader=SimpleNamespace(seq=7),
        search=index,
    )
    shown: list[RunReport] = []

    following.follow(Shell(Path(), "en"), platform, [("jardins", "01RUN")], shown.append)

    assert shown == [done]
    assert list(index.seqs) == [7], "it has waited until the index was there, and no longer"
