"""The shelf of source files: one way to find a source, by the id that its file gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.pipeline.sources import Source, SourceShelf
from federation.vocabulary import Vocabulary, load

MINE = (
    '[source]\nid = "{id}"\npartner = "p"\nurl = "feed.csv"\nformat = "csv"\n'
    '[records]\nid = "n"\n[fields]\nname = "n"\n'
)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary."""
    return load()


def test_a_source_is_found_by_its_id_whatever_its_file_is_called(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """The name of the file means nothing."""
    (tmp_path / "old-name.toml").write_text(MINE.format(id="gardens"), "utf-8")
    shelf = SourceShelf(tmp_path, vocabulary)

    assert shelf.one("gardens").id == "gardens"
    assert set(shelf.all()) == {"gardens"}
    with pytest.raises(ConfigError, match="Known sources: gardens"):
        shelf.one("old-name")


def test_two_files_of_one_id_are_a_fault_of_both(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """Harvested by turns they would withdraw each other's records."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(MINE.format(id="gardens"), "utf-8")
    shelf = SourceShelf(tmp_path, vocabulary)

    assert isinstance(shelf.all()["gardens"], ConfigError)
    with pytest.raises(ConfigError, match="Several files"):
        shelf.one("gardens")

    (tmp_path / "b.toml").unlink()
    assert isinstance(shelf.all()["gardens"], Source)


def test_a_file_with_a_fault_is_known_by_its_name_and_hides_no_source(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """A file that cannot be read has no id; a source of that id in another file is the one that is meant."""
    (tmp_path / "broken.toml").write_text("[source", "utf-8")
    (tmp_path / "gardens.toml").write_text("[source", "utf-8")
    (tmp_path / "other.toml").write_text(MINE.format(id="gardens"), "utf-8")
    shelf = SourceShelf(tmp_path, vocabulary)

    assert shelf.one("gardens").id == "gardens"
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        shelf.one("broken")
