"""The plan on disk: everything comes back in order, nothing stays behind, a full disk is said before any change."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from pathlib import Path

import pytest

from federation.errors import EngineUnavailable
from federation.pipeline.spool import Spool


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 100])
@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_all_comes_back_in_order(tmp_path: Path, count: int, size: int) -> None:
    """In lists of the size asked for, the last one shorter, none empty."""
    kept: Spool[int] = Spool(tmp_path, at_once=7)
    for number in range(count):
        kept.put(number)
    batches = list(kept.batches(size))
    kept.close()
    assert [number for batch in batches for number in batch] == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)


def test_it_has_no_name_and_leaves_nothing(tmp_path: Path) -> None:
    """No other process can read it, and no crash leaves it behind."""
    kept: Spool[str] = Spool(tmp_path / "plans", at_once=1)
    kept.put("x")
    assert not list((tmp_path / "plans").iterdir())
    kept.close()
    assert not list((tmp_path / "plans").iterdir())


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both languages, with the folder and what to do."""
    kept: Spool[int] = Spool(tmp_path, at_once=1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pickle, "dump", full)
    with pytest.raises(EngineUnavailable, match="Nothing was changed") as raised:
        kept.put(1)
    kept.close()
    assert str(tmp_path) in raised.value.text["fr"]
    assert "Rien n'a changé" in raised.value.text["fr"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_is_full_when_the_plan_is_flushed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffered bytes reach the disk late: that failure, too, is one of the plan and not of the program."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", 4096))  # noqa: SIM115
    kept: Spool[str] = Spool(tmp_path, at_once=100)
    kept.put("little, so that it is still in a buffer")
    with pytest.raises(EngineUnavailable):
        list(kept.batches(10))


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file lies where the folder should be."""
    (tmp_path / "plans").write_text("", "utf-8")
    with pytest.raises(EngineUnavailable):
        Spool(tmp_path / "plans")
