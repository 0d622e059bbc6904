"""The platform knows whether a worker takes orders: one that was killed does not, whatever it has left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.ledger import open_ledger
from federation.pipeline.worker.desk import WORKER
from federation.platform import Platform, open_platform
from federation.settings import Settings

HOLDER = """
import sys
from pathlib import Path
from federation.engines.store_oxigraph import open_store
store = open_store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
store.close()
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """An instance that nobody writes to."""
    (tmp_path / "sources").mkdir()
    opened = open_platform(Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources"))
    yield opened
    opened.close()


def note(folder: Path, process: int) -> None:
    """Write the note of a worker into the ledger of an instance."""
    ledger = open_ledger("", folder / "data" / "ledger")
    ledger.cursors.set_fact(WORKER, str(process))
    ledger.close()


def test_a_worker_that_was_killed_takes_no_orders(platform: Platform, tmp_path: Path) -> None:
    """Its number is still in the ledger and in the lock file; its lock went with it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data" / "store")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        assert not platform.has_worker()  # it writes, but calls itself no worker
        note(tmp_path, holder.pid)
        assert platform.has_worker()
        holder.kill()

    assert not platform.has_worker()
    assert platform.desk.worker() == str(holder.pid)


def test_who_writes_can_ask_without_losing_its_lock(platform: Platform, tmp_path: Path) -> None:
    """No other process writes while this one does; to look at the lock file would unlock it."""
    with platform.writing():
        note(tmp_path, os.getpid())
        assert not platform.has_worker()
        assert not platform.is_written()
        other = subprocess.run(
            [sys.executable, "-c", HOLDER, str(tmp_path / "data" / "store")],
            input=b"",
            capture_output=True,
            check=False,
        )
    assert b"DataFolderBusy" in other.stderr
