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
        """One source by its id, as its file, and what that names, say now.

        Raises ConfigError (there is none, two files claim its id, or its file has a fault).
        """
        known = self.all()
        path = self._paths.get(source)
        if path is not None and path.is_file():
            return load_source(path, self._vocabulary)
        if isinstance(fault := known.get(source), ConfigError):
            raise fault
        ids = ", ".join(sorted(known))
        raise ConfigError(
            f"There is no source `{source}` (no file in {self._folder} has this id). Known sources: {ids or 'none'}.",
            f"Il n'y a pas de source « {source} » (aucun fichier de {self._folder} n'a cet identifiant). Sources "
            f"connues : {ids or 'aucune'}.",
        )

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
        faulty: dict[str, tuple[ConfigError, Path]] = {}
        for path in sorted(self._folder.glob("*.toml")):
            try:
                source = load_source(path, self._vocabulary)
            except ConfigError as error:
                faulty[path.stem] = error, path
                continue
            if source.id in found:
                found[source.id] = _twice(source.id, self._folder)
                paths.pop(source.id, None)
            else:
                found[source.id], paths[source.id] = source, path
        for name, (fault, path) in faulty.items():
            if name not in found:
                found[name], paths[name] = fault, path
        self._found, self._paths = found, paths


def _twice(source: str, folder: Path) -> ConfigError:
    """Several files of one id: to harvest them by turns would withdraw each other's records."""
    return ConfigError(
        f"Several files in {folder} have the id `{source}`: give each another one, or remove those that are too many.",
        f"Plusieurs fichiers de {folder} ont l'identifiant « {source} » : donnez à chacun le sien, ou retirez ceux qui "
        "sont en trop.",
    )
