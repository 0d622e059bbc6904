"""The source files of an instance, read again when any of them has changed. Must never stop at one with a fault."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from federation.errors import ConfigError
from federation.pipeline.sources.load import load_source
from federation.pipeline.sources.source import Source
from federation.vocabulary import Vocabulary

_Mark = tuple[tuple[str, int, int], ...]


class SourceShelf:
    """The folder ``sources/`` as it is now. Safe for threads."""

    def __init__(self, folder: Path, vocabulary: Vocabulary) -> None:
        self._folder, self._vocabulary = folder, vocabulary
        self._lock = threading.Lock()
        self._mark: _Mark | None = None
        self._found: Mapping[str, Source | ConfigError] = {}
        self._paths: Mapping[str, Path] = {}

    def all(self) -> Mapping[str, Source | ConfigError]:
        """Every source by id, or by the name of its file the fault that keeps it from being read."""
        with self._lock:
            if (mark := self._stamp()) != self._mark:
                self._read()
                self._mark = mark
            return self._found

    def one(self, source: str) -> Source:
        """One source as its file, and what that names, say now. Raises ConfigError."""
        self.all()
        path = self._paths.get(source, self._folder / f"{source}.toml")
        if not path.is_file():
            raise ConfigError(
                f"{path.name}: this source file does not exist any more.",
                f"{path.name} : ce fichier de source n'existe plus.",
            )
        return load_source(path, self._vocabulary)

    def _stamp(self) -> _Mark:
        """Names, times and sizes: also of the word lists beside the source files."""
        marks = []
        for path in sorted(self._folder.glob("*")):
            try:
                known = path.stat()
            except OSError:  # gone since
                continue
            marks.append((path.name, known.st_mtime_ns, known.st_size))
        return tuple(marks)

    def _read(self) -> None:
        found: dict[str, Source | ConfigError] = {}
        paths: dict[str, Path] = {}
        for path in sorted(self._folder.glob("*.toml")):
            try:
                source = load_source(path, self._vocabulary)
            except ConfigError as error:
                found.setdefault(path.stem, error)
                continue
            found[source.id], paths[source.id] = source, path
        self._found, self._paths = found, paths
