"""What only an index on disk can do wrong: locks, damage, foreign folders, other processes."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from federation.engines import Document, SearchRequest
from federation.engines.search_state import LAYOUT, STATE
from federation.engines.search_tantivy import TantivySearch
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
    (tmp_path / "s" / STATE).write_text(json.dumps({"layout": LAYOUT, "seq": 3}), "utf-8")

    again = TantivySearch(tmp_path / "s", threads=1)
    assert again.seq == 3
    again.update([ONE], [], 7)

    assert (again.search(SearchRequest()).total, again.seq) == (1, 7)
    again.close()


def test_every_project_is_on_one_page_of_the_daily_order(tmp_path: Path) -> None:
    """However many batches were indexed, walking the pages meets each project once, and the counts cover all."""
    documents = [
        Document(
            id=f"http://c.example/id/projet/{n:06x}",
            title=f"Jardin n° {n}",
            text="Un jardin.",
            themes=("AGR", "MOB") if n % 2 else ("HAB",),
            partners=(f"p{n % 20}",),
        )
        for n in range(1_000)
    ]
    index = TantivySearch(tmp_path / "s", threads=1)
    for at in range(0, len(documents), 100):
        index.update(documents[at : at + 100], [], at + 100)

    request = SearchRequest(facets=("theme", "partner"), seed="2026-01-01", limit=50)
    pages = [index.search(replace(request, offset=offset)) for offset in range(0, 1_000, 50)]

    met = [iri for page in pages for iri in page.ids]
    assert sorted(met) == [one.id for one in documents]
    assert met != sorted(met), "the daily order is not that of the ids"
    assert {page.total for page in pages} == {1_000}
    assert all(dict(page.facets["theme"]) == {"AGR": 500, "MOB": 500, "HAB": 500} for page in pages)
    assert all(set(dict(page.facets["partner"]).values()) == {50} for page in pages)
    index.close()


def test_a_foreign_folder_is_told_in_french_too(tmp_path: Path) -> None:
    """The operator reads in French which folder to empty."""
    (tmp_path / "notes.txt").write_text("x", "utf-8")

    with pytest.raises(EngineUnavailable) as caught:
        TantivySearch(tmp_path)

    assert f"Le dossier {tmp_path} contient des fichiers" in caught.value.text["fr"]
