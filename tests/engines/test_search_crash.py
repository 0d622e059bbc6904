"""The index after a process that ended in the middle of a commit."""

from __future__ import annotations

import shutil
from pathlib import Path

from federation.engines import Document, SearchRequest
from federation.engines.search_state import STATE
from federation.engines.search_tantivy import TantivySearch


def test_a_commit_cut_short_is_done_again(tmp_path: Path) -> None:
    """Files that it had written already, under the names that it wants again, are in nobody's way."""
    folder, kept = tmp_path / "index", tmp_path / "kept"
    documents = [Document(id=f"p{number}", title=f"Jardin {number}", text="") for number in range(50)]
    index = TantivySearch(folder)
    index.update(documents, [], 1)
    index.close()
    shutil.copytree(folder, kept)
    index = TantivySearch(folder)
    index.update(documents[:5], ["p40"], 2)
    index.close()
    for name in ("meta.json", STATE):
        shutil.copy(kept / name, folder / name)  # as if the process had ended just before it wrote these

    index = TantivySearch(folder)
    index.update(documents[:5], ["p40"], 2)

    assert index.search(SearchRequest(text="jardin")).total == 49
    index.close()
