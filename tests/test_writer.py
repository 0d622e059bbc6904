"""The index that follows the writer: what could not be written waits for the next time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.catalogue.words import Words
from federation.engines import Document, SearchRequest
from federation.engines.search_tantivy import TantivySearch
from federation.errors import EngineUnavailable
from federation.model import Action, Change
from federation.pipeline.merge import AppliedBatch
from federation.vocabulary import load
from federation.writer import Indexer

PROJECT = "http://127.0.0.1:8000/id/projet/1"
LINES = f'<{PROJECT}> <http://schema.org/name> "Épicerie solidaire"@fr .\n'


class FullAtFirst(TantivySearch):
    """An index whose disk is full the first time."""

    full = True

    def update(self, documents: Iterable[Document], removed: Iterable[str], seq: int) -> None:
        """Refuse once, then write."""
        if self.full:
            self.full = False
            raise EngineUnavailable("No space left on device.")
        super().update(documents, removed, seq)


def test_what_the_index_could_not_write_waits_for_the_next_time(tmp_path: Path) -> None:
    """A commit that fails says so, and the next one writes the same projects."""
    search = FullAtFirst(tmp_path)
    indexer = Indexer(search, Words.of(load()))
    change = Change(
        1, datetime(2026, 11, 21, tzinfo=UTC), Action.CREATE, "http://127.0.0.1:8000/records/a/1", "d", PROJECT
    )
    indexer.follow(AppliedBatch((change,), {PROJECT: LINES}))
    with pytest.raises(EngineUnavailable, match="No space"):
        indexer.commit()
    indexer.commit()
    assert search.seq == 1
    assert search.search(SearchRequest(text="épicerie")).total == 1
    indexer.close()
    search.close()
