"""The reading side of embedded Oxigraph: trusted reads of any opened state, and the follower of checkpoints.

No pyoxigraph object or exception leaves the engines. It never writes.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from federation.engines.checkpoints import CURRENT, hold, newest_checkpoint
from federation.errors import EngineUnavailable
from federation.model import Term, Triple

# Nodes of a project that point to it instead of being pointed to (vocabulary.md section 3: job, assessment).
_INVERSES = tuple(map(ox.NamedNode, ("http://schema.org/hiringOrganization", "http://schema.org/about")))
_DEFAULT = ox.DefaultGraph()
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbf'])|.)")
_PLAIN = {"t": "\t", "b": "\b", "f": "\f", "'": "'"}
_CHUNK = 1 << 18  # bytes of a dump handed on at once


def open_reader(folder: Path) -> CheckpointReader:
    """Read the newest checkpoint of the store in ``folder``, from any process, following what the writer publishes.

    A folder without a checkpoint reads as empty. The reads raise EngineUnavailable when a checkpoint cannot be opened.
    """
    return CheckpointReader(folder)


@dataclass(frozen=True)
class View:
    """One opened state: the store, the change it is complete to, and the hold that keeps its checkpoint in place.

    Whoever iterates over it keeps a reference, so the hold ends when the last answer from it has been read.
    """

    store: ox.Store
    seq: int
    held: int | None = None

    def __del__(self) -> None:
        if self.held is not None:
            os.close(self.held)


class Reads:
    """The trusted reads, over whichever state :meth:`_view` answers with."""

    def _view(self) -> View:
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
                    view.store.dump(sink, ox.RdfFormat.N_QUADS)
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
            raise EngineUnavailable(
                f"The triple store could not be read to its end: {failures[0]}",
                f"La base de triplets n'a pas pu être lue jusqu'au bout : {failures[0]}",
            ) from failures[0]


class CheckpointReader(Reads):
    """A GraphReader of the newest checkpoint. Safe for threads; each call sees one whole published state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointer = folder / "checkpoints" / CURRENT
        self._guard = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._opened = View(ox.Store(), 0)

    def _view(self) -> View:
        try:
            status = os.stat(self._pointer)
        except FileNotFoundError:
            return self._opened
        except OSError as error:
            raise unavailable(self._folder, error) from error
        stamp = (status.st_ino, status.st_mtime_ns)
        with self._guard:
            if stamp != self._stamp:
                self._opened = self._open_newest()
                self._stamp = stamp
            return self._opened

    def close(self) -> None:
        """Let go of the state that is open; a later read opens the newest again."""
        with self._guard:
            self._opened, self._stamp = View(ox.Store(), 0), None

    def _open_newest(self) -> View:
        failure: OSError | None = None
        for _ in range(5):  # the writer may remove a checkpoint between our reading its name and our holding it
            found = newest_checkpoint(self._folder)
            if found is None:
                break
            held: int | None = None
            try:
                held = hold(found[0])
                return View(ox.Store.read_only(str(found[0])), found[1], held)
            except OSError as error:
                failure = error
                if held is not None:
                    os.close(held)
        raise EngineUnavailable(
            f"The newest checkpoint in {self._folder} cannot be opened: {failure}",
            f"Le dernier état publié dans {self._folder} ne peut pas être ouvert : {failure}",
        ) from failure


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
        raise EngineUnavailable(
            f"The triple store cannot be read: {error}", f"La base de triplets ne peut pas être lue : {error}"
        ) from error


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


def unavailable(folder: Path, error: OSError | RuntimeError) -> EngineUnavailable:
    """Say what an operator can do about a failing store in ``folder``."""
    text, number = str(error), getattr(error, "errno", None)
    if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or "No space left" in text or "too large" in text:
        return EngineUnavailable(
            f"The disk of {folder} is full: nothing more can be written. Free some space and start again;"
            " what was being written is finished at the next start.",
            f"Le disque de {folder} est plein : rien ne peut plus être écrit. Faites de la place et recommencez ;"
            " ce qui était en cours d'écriture est terminé au prochain démarrage.",
        )
    if number in {errno.EACCES, errno.EPERM, errno.EROFS} or "Permission denied" in text or "Read-only" in text:
        return EngineUnavailable(
            f"The data folder {folder} cannot be written to: give this user the right to write there.",
            f"Impossible d'écrire dans le dossier de données {folder} : donnez à cet utilisateur le droit d'y écrire.",
        )
    return EngineUnavailable(
        f"The triple store in {folder} cannot be used: {text}",
        f"La base de triplets dans {folder} est inutilisable : {text}",
    )
