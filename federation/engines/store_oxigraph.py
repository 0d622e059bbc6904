"""TripleStore and GraphReader on embedded Oxigraph: the live store of the one writer, and checkpoints for readers.

No pyoxigraph object or exception leaves this module, and no text reaches SPARQL that the engine has not serialised.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from federation.engines import GraphReader, GraphWrite, TripleStore
from federation.engines.checkpoints import CURRENT, hold, newest_checkpoint, next_name, point_to, prune
from federation.errors import DataFolderBusy, EngineUnavailable
from federation.model import Term, Triple

__all__ = ["CheckpointReader", "OxigraphStore", "newest_checkpoint", "open_reader", "open_store"]

# Nodes of a project that point to it instead of being pointed to (vocabulary.md section 3: job, assessment).
_INVERSES = tuple(map(ox.NamedNode, ("http://schema.org/hiringOrganization", "http://schema.org/about")))
_DEFAULT = ox.DefaultGraph()
_N_TRIPLES = ox.RdfFormat.N_TRIPLES
_N_QUADS = ox.RdfFormat.N_QUADS
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbf'])|.)")
_PLAIN = {"t": "\t", "b": "\b", "f": "\f", "'": "'"}
# Never in canonical N-Triples, and able to make a line mean something else as N-Quads: a comment, a carriage return.
_SUSPECT = re.compile(r"\.[ \t]*#|\r")
_CHUNK = 1 << 18  # bytes of a dump handed on at once


def open_store(folder: Path) -> OxigraphStore:
    """Open the store in ``folder`` for writing, creating it if needed; finish a swap that a crash cut short.

    Raises DataFolderBusy (another process writes there), EngineUnavailable (unwritable, disk full, damaged).
    """
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        lock = _take_lock(folder)
    except OSError as error:
        raise _unavailable(folder, error) from error
    try:
        _finish_swap(folder)
        return OxigraphStore(folder, lock)
    except OSError as error:
        os.close(lock)
        if "lock hold by current process" in str(error):
            raise _busy(folder) from error
        raise _unavailable(folder, error) from error


def open_reader(folder: Path) -> CheckpointReader:
    """Read the newest checkpoint of the store in ``folder``, from any process, following what the writer publishes.

    A folder without a checkpoint reads as empty. The reads raise EngineUnavailable when a checkpoint cannot be opened.
    """
    return CheckpointReader(folder)


@dataclass(frozen=True)
class _View:
    """One opened state: the store, the change it is complete to, and the hold that keeps its checkpoint in place.

    Whoever iterates over it keeps a reference, so the hold ends when the last answer from it has been read.
    """

    store: ox.Store
    seq: int
    held: int | None = None

    def __del__(self) -> None:
        if self.held is not None:
            os.close(self.held)


class _Reads:
    """The trusted reads, over whichever state :meth:`_view` answers with."""

    def _view(self) -> _View:
        raise NotImplementedError

    @property
    def seq(self) -> int:
        """The change up to which this view is complete."""
        return self._view().seq

    def graph(self, iri: str | None) -> Iterator[Triple]:
        """All triples of a named graph; None is the default graph. Streamed, from one unchanging state."""
        view = self._view()
        name = _DEFAULT if iri is None else ox.NamedNode(iri)
        for quad in view.store.quads_for_pattern(None, None, None, name):
            yield _triple(quad)

    def describe(self, subjects: Iterable[str]) -> dict[str, tuple[Triple, ...]]:
        """Triples of the default graph about each subject and its fragment nodes; an unknown subject has none.

        A fragment node is found by the links between it and the subject, through other such nodes.
        """
        view = self._view()
        return {subject: tuple(_description(view.store, subject)) for subject in subjects}

    def select(self, query: str) -> list[dict[str, str]]:
        """Rows of one of our own SELECT queries, terms in N-Triples form, unbound variables absent."""
        view = self._view()
        solutions = _query(view.store, query)
        if not isinstance(solutions, ox.QuerySolutions):
            raise TypeError("select() takes a SELECT query")
        names = [variable.value for variable in solutions.variables]
        return [{name: _term(term) for name in names if (term := solution[name]) is not None} for solution in solutions]

    def ask(self, query: str) -> bool:
        """Answer one of our own ASK queries."""
        return bool(_query(self._view().store, query))

    def dump(self) -> Iterator[bytes]:
        """The whole store as N-Quads, in chunks, from one unchanging state."""
        view = self._view()
        source_fd, sink_fd = os.pipe()
        failures: list[OSError] = []

        def pour() -> None:
            try:
                with os.fdopen(sink_fd, "wb") as sink:
                    view.store.dump(sink, _N_QUADS)
            except OSError as error:  # a broken pipe too: the reader stopped early, and does not ask why
                failures.append(error)

        pouring = threading.Thread(target=pour, name="store-dump", daemon=True)
        pouring.start()
        try:
            with os.fdopen(source_fd, "rb") as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
        finally:
            pouring.join()
        if failures:
            raise EngineUnavailable(f"The triple store could not be read to its end: {failures[0]}") from failures[0]


class CheckpointReader(_Reads):
    """A GraphReader of the newest checkpoint. Safe for threads; each call sees one whole published state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointer = folder / "checkpoints" / CURRENT
        self._guard = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._opened = _View(ox.Store(), 0)

    def _view(self) -> _View:
        try:
            status = os.stat(self._pointer)
        except FileNotFoundError:
            return self._opened
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        stamp = (status.st_ino, status.st_mtime_ns)
        with self._guard:
            if stamp != self._stamp:
                self._opened = self._open_newest()
                self._stamp = stamp
            return self._opened

    def _open_newest(self) -> _View:
        failure: OSError | None = None
        for _ in range(5):  # the writer may remove a checkpoint between our reading its name and our holding it
            found = newest_checkpoint(self._folder)
            if found is None:
                break
            held: int | None = None
            try:
                held = hold(found[0])
                return _View(ox.Store.read_only(str(found[0])), found[1], held)
            except OSError as error:
                failure = error
                if held is not None:
                    os.close(held)
        raise EngineUnavailable(f"The newest checkpoint in {self._folder} cannot be opened: {failure}") from failure


class _LiveReader(_Reads):
    """A GraphReader of what the writer has written, published or not."""

    def __init__(self, owner: _Writable) -> None:
        self._owner = owner

    def _view(self) -> _View:
        return self._owner.view()


class _Writable:
    """A store that can be written to: the live one, or one being filled aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: ox.Store | None = ox.Store(str(path))
        self._seq = 0

    def view(self) -> _View:
        """The present state, for our own reads."""
        if self._store is None:
            raise EngineUnavailable(f"The triple store in {self._path} has been closed.")
        return _View(self._store, self._seq)

    def write(self, writes: Sequence[GraphWrite]) -> None:
        """Apply a batch durably: what is fresh by bulk load, the rest in one transaction, then one flush.

        A bulk load is not one transaction. That is sound here because readers see published checkpoints only, and
        whoever writes keeps the batch in its journal until this returns. Raises EngineUnavailable; ValueError when
        a content is not N-Triples (then nothing of the transaction is applied).
        """
        store = self.view().store
        try:
            _load_fresh(store, [item for item in writes if item.fresh])
            if update := ";\n".join(step for item in writes if not item.fresh for step in _replacement(item)):
                store.update(update)
            store.flush()
        except SyntaxError as error:
            raise ValueError(f"A graph to write is not canonical N-Triples: {error}") from error
        except OSError as error:
            raise _unavailable(self._path, error) from error

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

    def rebuild(self) -> contextlib.AbstractContextManager[TripleStore]:
        """Refuse: this store is itself being rebuilt."""
        raise EngineUnavailable("This store is being filled aside already.")


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
        except OSError as error:
            raise _unavailable(self._folder, error) from error

    def _publish(self, seq: int) -> None:
        name = next_name(self._checkpoints, seq)
        part = self._checkpoints / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        self.view().store.backup(str(part))
        part.rename(self._checkpoints / name)
        point_to(self._checkpoints, name)
        self._seq = seq
        prune(self._checkpoints)

    @contextlib.contextmanager
    def rebuild(self) -> Iterator[TripleStore]:
        """Yield an empty store; when the block ends without error it replaces this one and is published.

        After an error, or a crash before the swap, this store is as it was. Raises EngineUnavailable.
        """
        aside = self._folder / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            filled = _Aside(aside)
        except OSError as error:
            raise _unavailable(self._folder, error) from error
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
        except OSError as error:
            raise _unavailable(self._folder, error) from error

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
        content = _checked(item.content)
        if item.graph is None:
            default.append(content)
        else:
            named.append(content.replace(" .\n", f" {ox.NamedNode(item.graph)} .\n"))
    if named:
        store.bulk_load("".join(named), _N_QUADS)
    if default:  # apart, as triples: a line of it can never name a graph
        store.bulk_load("".join(default), _N_TRIPLES)


def _checked(content: str) -> str:
    return _serialised(content) if _SUSPECT.search(content) else content


def _serialised(content: str) -> str:
    """Parse N-Triples and write it again, so that what follows holds triples and nothing else."""
    written = ox.serialize(ox.parse(content, _N_TRIPLES), format=_N_TRIPLES)
    return (written or b"").decode()


def _replacement(item: GraphWrite) -> Iterator[str]:
    """Steps of one SPARQL Update that put the content of ``item`` in place of what is there."""
    content = _serialised(item.content) if item.content else ""
    if item.graph is None:
        if item.remove:
            yield f"DELETE DATA {{ {_serialised(item.remove)} }}"
        if content:
            yield f"INSERT DATA {{ {content} }}"
    else:
        graph = ox.NamedNode(item.graph)
        yield f"DROP SILENT GRAPH {graph}"
        if content:
            yield f"INSERT DATA {{ GRAPH {graph} {{ {content} }} }}"


def _description(store: ox.Store, subject: str) -> Iterator[Triple]:
    inner = f"{subject}#"
    waiting = [ox.NamedNode(subject)]
    seen = {subject}

    def meet(node: object) -> None:
        if isinstance(node, ox.NamedNode) and node.value.startswith(inner) and node.value not in seen:
            seen.add(node.value)
            waiting.append(node)

    while waiting:
        node = waiting.pop()
        for quad in store.quads_for_pattern(node, None, None, _DEFAULT):
            yield _triple(quad)
            meet(quad.object)
        for inverse in _INVERSES:
            for quad in store.quads_for_pattern(None, inverse, node, _DEFAULT):
                meet(quad.subject)


def _query(store: ox.Store, query: str) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    try:
        return store.query(query)
    except OSError as error:
        raise EngineUnavailable(f"The triple store cannot be read: {error}") from error


def _triple(quad: ox.Quad) -> Triple:
    return f"<{quad.subject.value}>", f"<{quad.predicate.value}>", _term(quad.object)  # type: ignore[union-attr]


def _term(term: object) -> Term:
    """The canonical form of RDF 1.1 N-Triples, section 4; the engine escapes more than that (tabs, controls)."""
    text = str(term)
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(escape: re.Match[str]) -> str:
    short, long, letter = escape.groups()
    if short or long:
        return chr(int(short or long, 16))
    return _PLAIN[letter] if letter else escape[0]


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


def _busy(folder: Path) -> DataFolderBusy:
    try:
        holder = (folder / "lock").read_text("ascii").strip()
    except OSError:
        holder = ""
    who = f"process {holder}" if holder else "another process"
    return DataFolderBusy(
        f"The data folder {folder} is being written to by {who}. Wait until it ends, or stop it"
        " (`carrefour serve` and `carrefour harvest` write there); commands that only read work meanwhile."
    )


def _unavailable(folder: Path, error: OSError) -> EngineUnavailable:
    text = str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or "No space left" in text or "too large" in text:
        return EngineUnavailable(
            f"The disk of {folder} is full: nothing more can be written. Free some space and start again;"
            " what was being written is finished at the next start."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS} or "Permission denied" in text or "Read-only" in text:
        return EngineUnavailable(
            f"The data folder {folder} cannot be written to: give this user the right to write there."
        )
    return EngineUnavailable(f"The triple store in {folder} cannot be used: {text}")
