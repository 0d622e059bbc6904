"""Keeps a plan on disk between deciding and applying: the guard judges the whole of it before the first write.

The file has no name: it is gone with the process that made it. A run cut short is planned again from its stored bytes.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from federation.errors import EngineUnavailable, os_reason

_Item = TypeVar("_Item")


class Spool(Generic[_Item]):
    """Items in the order they were put, read once from the beginning."""

    def __init__(self, folder: Path, at_once: int = 500) -> None:
        """``at_once``: items that are written together. Raises EngineUnavailable."""
        self._at_once = at_once
        self._waiting: list[_Item] = []
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise self._full(error) from error

    def put(self, item: _Item) -> None:
        """Add an item. Raises EngineUnavailable (disk full)."""
        self._waiting.append(item)
        if len(self._waiting) >= self._at_once:
            self._write()

    def batches(self, size: int) -> Iterator[Sequence[_Item]]:
        """Give all items in lists of ``size``. Raises EngineUnavailable."""
        self._write()
        try:
            self._file.seek(0)  # writes what is still in its buffer
        except OSError as error:
            raise self._full(error) from error
        batch: list[_Item] = []
        for item in self._items():
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def close(self) -> None:
        """Let go of the file, and with it of all that was put."""
        self._file.close()

    def _items(self) -> Iterator[_Item]:
        while True:
            try:
                yield from pickle.load(self._file)  # noqa: S301 - our own nameless file
            except EOFError:
                return

    def _write(self) -> None:
        if self._waiting:
            try:
                pickle.dump(self._waiting, self._file, pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                raise self._full(error) from error
            self._waiting = []

    def _full(self, error: OSError) -> EngineUnavailable:
        why = os_reason(error)
        return EngineUnavailable(
            f"The plan of a run cannot be kept in {self._folder}: the disk is full or cannot be written to "
            f"({why['en']}). Nothing was changed. Free some space there and start again.",
            f"Le plan d'une moisson ne peut pas être gardé dans {self._folder} : le disque est plein ou n'accepte pas "
            f"d'écriture ({why['fr']}). Rien n'a changé. Faites-y de la place et recommencez.",
        )
