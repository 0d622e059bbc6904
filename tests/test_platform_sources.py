"""The platform finds a source by the id that its file gives, as the worker does."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.platform import open_platform
from federation.settings import Settings

SOURCE = (
    '[source]\nid = "gardens"\npartner = "p"\nurl = "f.csv"\nformat = "csv"\n'
    '[records]\nid = "n"\n[fields]\nname = "n"\n'
)


def test_the_platform_and_the_worker_know_a_source_by_its_id(tmp_path: Path) -> None:
    """Not by the name of its file, which an operator may change."""
    (tmp_path / "sources").mkdir()
    file = tmp_path / "sources" / "file-of-old.toml"
    file.write_text(SOURCE, "utf-8")
    with contextlib.closing(
        open_platform(Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources"))
    ) as platform:
        assert platform.source_ids() == ["gardens"]
        assert [source.id for source in platform.sources()] == ["gardens"]
        assert platform.source("gardens") == platform.shelf.one("gardens") == platform.source(str(file))
        with pytest.raises(ConfigError, match="Known sources: gardens"):
            platform.source("file-of-old")
