"""TripleStore and GraphReader on embedded Oxigraph: the live store of the one writer, and checkpoints for readers.

No pyoxigraph object or exception leaves this module, and no text reaches SPARQL that the engine has not serialised.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyoxigraph as ox

from federation.engines import GraphReader, GraphWrite, TripleStore
from federation.engines.checkpoints import drop_others, newest_checkpoint, next_name, point_to, prune
from federation.engines.oxigraph_reads import CheckpointReader, Reads, View, open_reader, unavailable
from federation.errors import DataFolderBusy, EngineUnavailable

__all__ = [
    "CheckpointReader",
    "OxigraphStore",
    "is_written",
    "newest_checkpoint",
    "open_reader",
    "open_store",
    "writer_of",
]

_DEFAULT = ox.DefaultGraph()
_N_TRIPLES = ox.RdfFormat.N_TRIPLES
_N_QUADS = ox.RdfFormat.N_QUADS
# Never between the terms of canonical N-Triples, and able to make a line mean something else as N-Quads.
_SUSPECT = (" #", ".#", "\t", "\r")

_END = " .\n"

_Graph = ox.NamedNode | ox.DefaultGraph

_FAILURES = (OSError, RuntimeError)
"""What the engine raises of its files; of one that has gone from under it, the latter (measured)."""


def open_store(folder: Path) -> OxigraphStore:
    """Open the store in ``folder`` for writing, creating it if needed; finish a swap that a crash cut short.

    Raises DataFolderBusy (another process writes there), EngineUnavailable (unwritable, disk full, damaged).
    """
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        lock = _take_lock(folder)
    except OSError as error:
        raise unavailable(folder, error) from error
    try:
        _finish_swap(folder)
        return OxigraphStore(folder, lock)
    except OSError as error:
        os.close(lock)
        if "lock hold by current process" in str(error):
            raise _busy(folder) from error
        raise unavailable(folder, error) from error


class _LiveReader(Reads):
    """A GraphReader of what the writer has written, published or not."""

    def __init__(self, owner: _Writable) -> None:
        self._owner = owner

    def _view(self) -> View:
        return self._owner.view()


class _Writable:
    """A store that can be written to: the live one, or one being filled aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: ox.Store | None = ox.Store(str(path))
        self._seq = 0

    def view(self) -> View:
        """The present state, for our own reads."""
        if self._store is None:
            raise EngineUnavailable(
                f"The triple store in {self._path} has been closed.",
                f"La base de triplets dans {self._path} a été fermée.",
            )
        return View(self._store, self._seq)

    def write(self, writes: Sequence[GraphWrite]) -> None:
        """Apply a batch durably: what is fresh by bulk load, the rest in one transaction, then one flush.

        A bulk load is not one transaction. That is sound here because readers see published checkpoints only, and
        whoever writes keeps the batch in its journal until this returns. Raises EngineUnavailable; ValueError when
        a content is not N-Triples (then nothing of the transaction is applied).
        """
        store = self.view().store
        try:
            _load_fresh(store, [item for item in writes if item.fresh])
            if update := _difference(store, [item for item in writes if not item.fresh]):
                store.update(update)
            store.flush()
        except SyntaxError as error:
            raise ValueError(f"A graph to write is not canonical N-Triples: {error}") from error
        except _FAILURES as error:
            raise unavailable(self._path, error) from error

    def reader(self) -> GraphReader:
        """Read what has been written, published or not."""
        return _LiveReader(self)

    def close(self) -> None:
        """Let go of the files. Iterators over an answer keep theirs until they end."""
        self._store = None


class _Aside(_Writable):
    """A store filled aside by :meth:`OxigraphStore.rebuild`. Publishing only notes the change it is complete to."""

    def publish(self, seq: int) -> None:
        """Note the change that the swapped-in store will be published as."""
        self._seq = seq

    def drop_earlier(self, seconds: float) -> None:
        """Nothing to drop: nobody reads a store that is being filled."""

    def rebuild(self) -> contextlib.AbstractContextManager[TripleStore]:
        """Refuse: this store is itself being rebuilt."""
        raise EngineUnavailable(
            "This store is being filled aside already.", "Cette base est déjà en train d'être refaite à côté."
        )


class OxigraphStore(_Writable):
    """The live store of the one writing process. See :func:`open_store`."""

    def __init__(self, folder: Path, lock: int) -> None:
        super().__init__(folder / "live")
        self._folder = folder
        self._checkpoints = folder / "checkpoints"
        self._lock: int | None = lock
        found = newest_checkpoint(folder)
        self._seq = found[1] if found else 0
        if found is None:
            self._publish(0)

    def publish(self, seq: int) -> None:
        """Make a checkpoint of everything written so far, point readers to it, remove old ones nobody holds.

        Raises EngineUnavailable.
        """
        try:
            self._publish(seq)
        except _FAILURES as error:
            raise unavailable(self._folder, error) from error

    def _publish(self, seq: int) -> None:
        name = next_name(self._checkpoints, seq)
        part = self._checkpoints / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        self.view().store.backup(str(part))
        part.rename(self._checkpoints / name)
        point_to(self._checkpoints, name)
        self._seq = seq
        prune(self._checkpoints)

    def drop_earlier(self, seconds: float) -> None:
        """Remove all checkpoints but the newest: when nobody reads them, or after so many seconds. See checkpoints.py.

        Raises EngineUnavailable.
        """
        try:
            drop_others(self._checkpoints, seconds)
        except _FAILURES as error:
            raise unavailable(self._folder, error) from error

    @contextlib.contextmanager
    def rebuild(self) -> Iterator[TripleStore]:
        """Yield an empty store; when the block ends without error it replaces this one and is published.

        After an error, or a crash before the swap, this store is as it was. Raises EngineUnavailable.
        """
        aside = self._folder / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            filled = _Aside(aside)
        except _FAILURES as error:
            raise unavailable(self._folder, error) from error
        filled.publish(self._seq)
        try:
            yield filled
            seq = filled.view().seq
            filled.close()
            self._swap_in(aside, seq)
        finally:
            filled.close()
            shutil.rmtree(aside, ignore_errors=True)

    def _swap_in(self, aside: Path, seq: int) -> None:
        try:
            self._store = None
            aside.rename(self._folder / "rebuilt")  # from here on a restart finishes the swap
            _finish_swap(self._folder)
            self._store = ox.Store(str(self._path))
            self._publish(seq)
        except _FAILURES as error:
            raise unavailable(self._folder, error) from error

    def close(self) -> None:
        """Close the store and let another process write to this folder. Unpublished writes stay, unpublished."""
        super().close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _finish_swap(folder: Path) -> None:
    """Put a wholly rebuilt store in the place of the live one. Harmless to repeat, at whatever step it was cut."""
    shutil.rmtree(folder / "aside", ignore_errors=True)
    rebuilt = folder / "rebuilt"
    if rebuilt.exists():
        shutil.rmtree(folder / "live", ignore_errors=True)
        rebuilt.rename(folder / "live")


def _load_fresh(store: ox.Store, writes: Sequence[GraphWrite]) -> None:
    named: list[str] = []
    default: list[str] = []
    for item in writes:
        if item.graph is None:
            default.append(item.content)
        else:
            named.append(_as_quads(item.content, f" {ox.NamedNode(item.graph)} .\n"))
    if named:
        store.bulk_load("".join(named), _N_QUADS)
    if default:  # apart, as triples: a line of it can never name a graph
        store.bulk_load("".join(default), _N_TRIPLES)


def _as_quads(content: str, end: str) -> str:
    """Canonical N-Triples as N-Quads, each line with the graph's name; anything else is parsed and written again."""
    quads = content.replace(_END, end)
    whole = len(quads) - len(content) == content.count("\n") * (len(end) - len(_END))  # each line has got the name
    if whole and not any(mark in content for mark in _SUSPECT):
        return quads
    return _serialised(content).replace(_END, end)


def _serialised(content: str) -> str:
    """Parse N-Triples and write it again, so that what follows holds triples and nothing else."""
    written = ox.serialize(ox.parse(content, _N_TRIPLES), format=_N_TRIPLES)
    return (written or b"").decode()


def _difference(store: ox.Store, writes: Sequence[GraphWrite]) -> str:
    """One SPARQL Update that makes ``writes`` come true in their order: only the quads that change (twice as fast)."""
    gone: dict[_Graph, set[ox.Quad]] = defaultdict(set)
    added: dict[_Graph, set[ox.Quad]] = defaultdict(set)
    for item in writes:
        graph: _Graph = _DEFAULT if item.graph is None else ox.NamedNode(item.graph)
        if item.graph is None:
            removed = set(_quads(item.remove, graph))
        else:
            removed = added[graph].union(store.quads_for_pattern(None, None, None, graph))
        content = set(_quads(item.content, graph))
        added[graph] -= removed
        added[graph] |= content
        gone[graph] |= removed
        gone[graph] -= content
    deletions = {graph: [quad for quad in quads if quad in store] for graph, quads in gone.items()}
    insertions = {graph: [quad for quad in quads if quad not in store] for graph, quads in added.items()}
    return ";\n".join(
        f"{verb} DATA {{ {data} }}"
        for verb, quads in (("DELETE", deletions), ("INSERT", insertions))
        if (data := "".join(_block(graph, within) for graph, within in quads.items() if within))
    )


def _quads(content: str, graph: _Graph) -> Iterator[ox.Quad]:
    for quad in ox.parse(content, _N_TRIPLES):
        yield ox.Quad(quad.subject, quad.predicate, quad.object, graph)


def _block(graph: _Graph, quads: Iterable[ox.Quad]) -> str:
    """Quads of one graph as the engine itself writes them."""
    triples = "".join(f"{quad.triple} .\n" for quad in quads)
    return triples if isinstance(graph, ox.DefaultGraph) else f"GRAPH {graph} {{\n{triples}}}\n"


def _take_lock(folder: Path) -> int:
    """Lock the folder for this process and write our process number in the lock file.

    A POSIX lock, not flock(2): a forked child that outlives a killed writer must not keep the folder locked.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except (BlockingIOError, PermissionError) as error:
        busy = _busy(folder)
        os.close(lock)
        raise busy from error
    except OSError:
        os.close(lock)
        raise
    return lock


def writer_of(folder: Path) -> str:
    """The number of the process that writes to the store in ``folder``, or last did; empty if it is not known.

    Not for that process itself: to close the file would unlock it.
    """
    try:
        return (folder / "lock").read_text("ascii").strip()
    except OSError:
        return ""


def is_written(folder: Path) -> bool:
    """Whether another process writes to the store in ``folder`` now: one that was killed has let go of its lock.

    Not for the process that writes: to close the file would unlock it.
    """
    try:
        lock = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _busy(folder: Path) -> DataFolderBusy:
    holder = writer_of(folder)
    en = f"process {holder}" if holder else "another process"
    fr = f"le processus {holder}" if holder else "un autre processus"
    return DataFolderBusy(
        f"The data folder {folder} is being written to by {en}. Wait until it ends, or stop it"
        " (`carrefour harvest` and `carrefour rebuild` write there); commands that only read work meanwhile.",
        f"Quelqu'un écrit dans le dossier de données {folder} : {fr}. Attendez qu'il finisse, ou arrêtez-le"
        " (`carrefour harvest` et `carrefour rebuild` y écrivent) ; les commandes qui ne font que lire marchent.",
    )
