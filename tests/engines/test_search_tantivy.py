"""What only an index on disk can do wrong: locks, damage, foreign folders, other processes."""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from federation.engines import Document, SearchRequest
from federation.engines.search_tantivy import STATE, TantivySearch
from federation.errors import DataFolderBusy, EngineUnavailable

ONE = Document(id="http://c.example/id/projet/a", title="Jardin", text="", partners=("avise",))


def filled(folder: Path) -> None:
    """Write one project and close."""
    index = TantivySearch(folder, threads=1)
    index.update([ONE], [], 7)
    index.close()


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    """Documents and the change reached are there when the folder is opened again."""
    filled(tmp_path / "s")

    again = TantivySearch(tmp_path / "s")

    assert (again.seq, again.search(SearchRequest(text="jardins")).ids) == (7, (ONE.id,))


def test_a_reader_sees_what_another_index_object_commits(tmp_path: Path) -> None:
    """A reader opened before a commit answers from it at its next search."""
    writer = TantivySearch(tmp_path / "s", threads=1)
    reader = TantivySearch(tmp_path / "s")
    assert reader.search(SearchRequest()).total == 0

    writer.update([ONE], [], 1)

    assert (reader.search(SearchRequest()).total, reader.seq) == (1, 1)
    writer.close()


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    """While one process indexes, another one that tries gets a sentence, not a stack of locks; later it may."""
    writer = TantivySearch(tmp_path / "s", threads=1)
    writer.update([ONE], [], 1)
    code = (
        "import sys; from pathlib import Path\n"
        "from federation.engines.search_tantivy import TantivySearch\n"
        "from federation.errors import DataFolderBusy\n"
        "index = TantivySearch(Path(sys.argv[1]))\n"
        "assert index.search(__import__('federation.engines').engines.SearchRequest()).total == 1\n"
        "try: index.update([], [], 2)\n"
        "except DataFolderBusy as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], capture_output=True, text=True, check=True)

    assert "Another process is writing" in done.stdout
    writer.close()
    other = TantivySearch(tmp_path / "s", threads=1)
    other.update([], [ONE.id], 2)
    assert other.search(SearchRequest()).total == 0
    other.close()


def test_two_writers_in_one_process_are_refused_too(tmp_path: Path) -> None:
    """The lock belongs to the index object, not to the process."""
    one, two = TantivySearch(tmp_path / "s", threads=1), TantivySearch(tmp_path / "s", threads=1)
    one.update([ONE], [], 1)

    with pytest.raises(DataFolderBusy, match="Another process"):
        two.update([ONE], [], 1)
    one.close()


def _truncate_segments(folder: Path) -> None:
    for item in folder.iterdir():
        if item.suffix in {".fast", ".term", ".idx", ".store", ".pos", ".fieldnorm"}:
            item.write_bytes(item.read_bytes()[:20])


def _garble_meta(folder: Path) -> None:
    (folder / "meta.json").write_text("{", "utf-8")


def _lose_segments(folder: Path) -> None:
    for item in folder.iterdir():
        if item.suffix == ".fast":
            item.unlink()


def _lose_state(folder: Path) -> None:
    (folder / STATE).unlink()


def _age(folder: Path) -> None:
    (folder / STATE).write_text(json.dumps({"layout": 0, "seq": 7}), "utf-8")


@pytest.mark.parametrize("damage", [_truncate_segments, _garble_meta, _lose_segments, _lose_state, _age])
def test_a_damaged_or_old_index_is_rebuilt_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    """Whatever happened to the files, the index opens empty at change 0, says why, and can be filled again."""
    filled(tmp_path / "s")
    assert callable(damage)
    damage(tmp_path / "s")

    with caplog.at_level(logging.WARNING):
        again = TantivySearch(tmp_path / "s", threads=1)

    assert again.seq == 0
    assert again.search(SearchRequest()).total == 0
    assert "is rebuilt" in caplog.text
    again.update([ONE], [], 7)
    assert again.search(SearchRequest(text="jardin")).total == 1
    again.close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files is never emptied: the operator is told."""
    (tmp_path / "photo.jpg").write_bytes(b"x")

    with pytest.raises(EngineUnavailable, match="not a search index"):
        TantivySearch(tmp_path)

    assert (tmp_path / "photo.jpg").exists()


def test_an_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    """A path that cannot be a folder raises EngineUnavailable with the path in it."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(EngineUnavailable, match="cannot be created"):
        TantivySearch(tmp_path / "file" / "s")


def test_a_crash_between_commit_and_state_only_repeats_work(tmp_path: Path) -> None:
    """With an older change number than its content, the index takes the same batch again and stays equal."""
    filled(tmp_path / "s")
    (tmp_path / "s" / STATE).write_text(json.dumps({"layout": 1, "seq": 3}), "utf-8")

    again = TantivySearch(tmp_path / "s", threads=1)
    assert again.seq == 3
    again.update([ONE], [], 7)

    assert (again.search(SearchRequest()).total, again.seq) == (1, 7)
    again.close()


@pytest.mark.slow
def test_forty_thousand_projects_are_indexed_and_paged_in_time(tmp_path: Path) -> None:
    """40,000 documents by batches of 1,000; then a page of the daily order and its counts.

    The bars (8,000 documents a second, 50 ms) are for an idle machine; the test allows four times, for a busy one.
    """
    draw = random.Random(1)
    words = ["".join(draw.choices("aeiourstlnméèc", k=draw.randint(3, 9))) for _ in range(30_000)]
    documents = [
        Document(
            id=f"http://c.example/id/projet/{n:06x}",
            title=" ".join(draw.choices(words, k=6)),
            text=" ".join(draw.choices(words, k=95)),
            keywords=tuple(draw.choices(words, k=4)),
            themes=tuple(draw.sample(["AGR", "MOB", "HAB", "EMP"], 2)),
            partners=(f"p{draw.randint(1, 20)}",),
        )
        for n in range(40_000)
    ]
    index = TantivySearch(tmp_path / "s")

    start = time.perf_counter()
    for at in range(0, len(documents), 1000):
        index.update(documents[at : at + 1000], [], at + 1000)
    rate = len(documents) / (time.perf_counter() - start)
    request = SearchRequest(facets=("theme", "partner"), seed="2026-01-01", offset=20_000)
    index.search(request)
    start = time.perf_counter()
    page = index.search(request)
    elapsed = time.perf_counter() - start

    assert (page.total, len(page.ids)) == (40_000, 20)
    assert rate >= 2_000
    assert elapsed < 0.2
    index.close()


def test_a_foreign_folder_is_told_in_french_too(tmp_path: Path) -> None:
    """The operator reads in French which folder to empty."""
    (tmp_path / "notes.txt").write_text("x", "utf-8")

    with pytest.raises(EngineUnavailable) as caught:
        TantivySearch(tmp_path)

    assert f"Le dossier {tmp_path} contient des fichiers" in caught.value.text["fr"]
