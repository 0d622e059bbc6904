"""Embedded Oxigraph: the lock, checkpoints and their removal, full and read-only disks, a swap cut short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from federation.engines import GraphWrite
from federation.engines.checkpoints import hold
from federation.engines.store_oxigraph import newest_checkpoint, open_reader, open_store
from federation.errors import DataFolderBusy, EngineUnavailable
from federation.model import to_lines

GRAPH = "https://commons.example/records/a/1"
LINE = f'<{GRAPH}> <http://schema.org/name> "un" .\n'

OPEN_AND_TELL = """
import os, sys
from pathlib import Path
from federation.engines.store_oxigraph import open_store
from federation.errors import CarrefourError
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
try:
    open_store(Path(sys.argv[1])).close()
except CarrefourError as error:
    print(type(error).__name__, error)
else:
    print("opened")
"""

FILL_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from federation.engines import GraphWrite
from federation.engines.store_oxigraph import open_store
from federation.errors import EngineUnavailable
store = open_store(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
line = '<https://commons.example/x/{}> <http://schema.org/name> "{:0200}" .\\n'
text = "".join(line.format(n, n * 7919 % 99991) for n in range(4000))
try:
    for number in range(20):
        store.write([GraphWrite(f"https://commons.example/g/{number}", text, fresh=sys.argv[2] == "bulk")])
except EngineUnavailable as error:
    print(error)
"""


def run_child(code: str, *arguments: str) -> str:
    """Run Python code in a new process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    """It gets DataFolderBusy with the process number and advice, and the first one goes on."""
    store = open_store(tmp_path / "store")

    told = run_child(OPEN_AND_TELL, str(tmp_path / "store"))
    store.write([GraphWrite(GRAPH, LINE)])
    store.close()

    assert told.startswith(
        f"DataFolderBusy The data folder {tmp_path / 'store'} is being written to by process {os.getpid()}."
    )
    assert "Wait until it ends, or stop it" in told
    assert run_child(OPEN_AND_TELL, str(tmp_path / "store")) == "opened"


def test_a_second_opening_in_the_same_process_is_refused(tmp_path: Path) -> None:
    """Two stores on one folder never write beside each other."""
    store = open_store(tmp_path / "store")

    with pytest.raises(DataFolderBusy):
        open_store(tmp_path / "store")

    store.close()


def test_readers_in_other_processes_work_beside_the_writer(tmp_path: Path) -> None:
    """A reader elsewhere sees what was published, while the writer holds the folder."""
    store = open_store(tmp_path / "store")
    store.write([GraphWrite(GRAPH, LINE)])
    store.publish(5)
    read = (
        "import sys; from pathlib import Path; from federation.engines.store_oxigraph import open_reader;"
        "reader = open_reader(Path(sys.argv[1])); print(reader.seq, len(list(reader.graph(sys.argv[2]))))"
    )

    told = run_child(read, str(tmp_path / "store"), GRAPH)
    store.close()

    assert told == "5 1"


def test_an_unwritable_folder_is_said_plainly(tmp_path: Path) -> None:
    """Without the right to write there, EngineUnavailable says which folder and what to give."""
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(0o555)
    tmp_path.chmod(0o755)

    told = run_child(OPEN_AND_TELL, str(folder), *(["65534"] if os.getuid() == 0 else []))

    folder.chmod(0o755)
    assert told == (
        f"EngineUnavailable The data folder {folder} cannot be written to: give this user the right to write there."
    )


def test_a_file_in_the_place_of_the_folder_is_said_plainly(tmp_path: Path) -> None:
    """A path that is no folder is EngineUnavailable, not a traceback."""
    (tmp_path / "store").write_text("I am a file")

    with pytest.raises(EngineUnavailable, match="store"):
        open_store(tmp_path / "store")


@pytest.mark.fault(35)
@pytest.mark.parametrize("way", ["bulk", "transaction"])
def test_a_full_disk_is_said_plainly_and_loses_nothing_written_before(tmp_path: Path, way: str) -> None:
    """When files cannot grow, EngineUnavailable says so; the next opening has every earlier batch, and works."""
    store = open_store(tmp_path / "store")
    store.write([GraphWrite(GRAPH, LINE)])
    store.publish(1)
    store.close()

    told = run_child(FILL_A_SMALL_DISK, str(tmp_path / "store"), way)

    store = open_store(tmp_path / "store")
    assert told.startswith("The disk of")
    assert "is full" in told
    assert to_lines(store.reader().graph(GRAPH)) == LINE
    store.write([GraphWrite(GRAPH, LINE.replace("un", "deux"))])
    assert to_lines(store.reader().graph(GRAPH)) == LINE.replace("un", "deux")
    store.close()


def test_a_reader_of_an_empty_folder_reads_nothing_then_follows(tmp_path: Path) -> None:
    """A reader opened before the store exists sees the store once it is published."""
    reader = open_reader(tmp_path / "store")
    empty = (
        reader.seq,
        list(reader.graph(None)),
        reader.ask("ASK { ?s ?p ?o }"),
        newest_checkpoint(tmp_path / "store"),
    )

    store = open_store(tmp_path / "store")
    store.write([GraphWrite(None, LINE)])
    store.publish(1)
    store.close()

    assert empty == (0, [], False, None)
    assert (reader.seq, to_lines(reader.graph(None))) == (1, LINE)


def test_old_checkpoints_go_but_those_held_stay(tmp_path: Path) -> None:
    """Three are kept, and any that a reader holds until it lets go."""
    store = open_store(tmp_path / "store")
    store.publish(1)
    found = newest_checkpoint(tmp_path / "store")
    assert found is not None
    held = hold(found[0])

    for seq in range(2, 9):
        store.publish(seq)
    while_held = found[0].exists()
    os.close(held)
    store.publish(9)

    left = sorted(path.name for path in (tmp_path / "store" / "checkpoints").iterdir() if path.is_dir())
    store.close()
    assert while_held
    assert left == ["7-8", "8-9", "9-10"]


def test_the_published_change_is_remembered(tmp_path: Path) -> None:
    """After reopening, the store knows the change it was published as, and numbers checkpoints on."""
    store = open_store(tmp_path / "store")
    store.publish(12)
    store.close()

    store = open_store(tmp_path / "store")

    assert store.reader().seq == 12
    store.publish(12)
    assert newest_checkpoint(tmp_path / "store") == (tmp_path / "store" / "checkpoints" / "12-3", 12)
    store.close()


def test_a_swap_cut_short_is_finished_at_the_next_opening(tmp_path: Path) -> None:
    """Killed between declaring the rebuilt store good and putting it in place: the rebuilt one is used, once."""
    folder = tmp_path / "store"
    for place, name in ((folder, "vieux"), (tmp_path / "other", "neuf")):
        store = open_store(place)
        store.write([GraphWrite(GRAPH, LINE.replace("un", name))])
        store.publish(1)
        store.close()
    (tmp_path / "other" / "live").rename(folder / "rebuilt")

    store = open_store(folder)

    assert to_lines(store.reader().graph(GRAPH)) == LINE.replace("un", "neuf")
    assert not (folder / "rebuilt").exists()
    store.close()


def test_a_killed_writer_leaves_the_folder_free(tmp_path: Path) -> None:
    """After kill -9 the next process opens at once, even while a forked child of the dead one lives on."""
    die = (
        "import os, sys, time; from pathlib import Path; from federation.engines.store_oxigraph import open_store;"
        "store = open_store(Path(sys.argv[1]))\n"
        "if os.fork() == 0:\n    os.dup2(os.open(os.devnull, os.O_RDWR), 1); time.sleep(8); os._exit(0)\n"
        "print('ready', flush=True); os.kill(os.getpid(), 9)"
    )
    child = subprocess.Popen([sys.executable, "-c", die, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.wait()
    child.stdout.close()

    open_store(tmp_path / "store").close()

    assert child.returncode == -9
