"""The bytes that feeds gave us, kept by their SHA-256 in compressed files beside the ledger. Never public."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, exists, select

from federation.errors import EngineUnavailable, os_reason
from federation.ledger.database import Database
from federation.ledger.schema import body
from federation.ledger.times import from_text, to_text

_LEVEL = 4  # of gzip: half the time of the default for a few per cent more bytes

ACTIVITIES = "application/vnd.carrefour.activities+json"
RECORDS = "application/vnd.carrefour.records+json"
PUSHED = frozenset({ACTIVITIES, RECORDS})
"""Media types of bodies that were pushed: they tell of some records only."""


@dataclass(frozen=True, slots=True)
class Body:
    """One kept body: ``size`` in bytes as received, and what the server said of it."""

    sha256: str
    source: str
    size: int
    fetched_at: datetime
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class Bodies:
    """The table ``body`` and its files under ``folder``."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def keep(
        self,
        content: bytes,
        source: str,
        now: datetime,
        content_type: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Body:
        """Keep the body of a feed: file first (temporary name, fsync, rename), then its row. Keeping again is free.

        Raises EngineUnavailable (disk full, unwritable).
        """
        kept = Body(hashlib.sha256(content).hexdigest(), source, len(content), now, content_type, etag, last_modified)
        path = f"{kept.sha256[:2]}/{kept.sha256}.gz"
        try:
            _write_once(self._folder / path, content)
        except OSError as error:
            why = os_reason(error)
            raise EngineUnavailable(
                f"The bytes of the feed {source} cannot be kept in {self._folder}: {why['en']}."
                " Free some space there, or give this user the right to write.",
                f"Les octets du flux {source} ne peuvent pas être gardés dans {self._folder} : {why['fr']}."
                " Faites-y de la place, ou donnez à cet utilisateur le droit d'écrire.",
            ) from error
        values = {
            "sha256": kept.sha256,
            "source": source,
            "size": kept.size,
            "path": path,
            "fetched_at": to_text(now),
            "content_type": content_type,
            "etag": etag,
            "last_modified": last_modified,
        }
        with self._database.write() as tx:
            tx.execute(self._database.upsert(body), values)
        return kept

    def read(self, sha256: str) -> bytes:
        """The bytes of a kept body. Raises LookupError if we do not keep it, EngineUnavailable if it is damaged."""
        with self._database.read() as tx:
            path = tx.scalar(select(body.c.path).where(body.c.sha256 == sha256).limit(1))
        if path is None:
            raise LookupError(sha256)
        try:
            content = gzip.decompress((self._folder / path).read_bytes())
        except (OSError, EOFError) as error:
            raise EngineUnavailable(
                f"The kept bytes {sha256} cannot be read from {self._folder}: {error}",
                f"Les octets gardés {sha256} ne peuvent pas être lus dans {self._folder} : {error}",
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise EngineUnavailable(
                f"The kept bytes {sha256} in {self._folder} are damaged.",
                f"Les octets gardés {sha256} dans {self._folder} sont abîmés.",
            )
        return content

    def latest(self, source: str) -> Body | None:
        """What was last fetched of a source."""
        query = select(body).where(body.c.source == source).order_by(body.c.fetched_at.desc()).limit(1)
        with self._database.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else _body(row)

    def about(self, sha256: str, source: str) -> Body | None:
        """What is known of a kept body of a source."""
        with self._database.read() as tx:
            row = tx.execute(select(body).where(body.c.sha256 == sha256, body.c.source == source)).one_or_none()
        return None if row is None else _body(row)

    def forget(self, source: str) -> None:
        """Remove all bodies of a source: one of its records is to leave no trace."""
        with self._database.write() as tx:
            paths = set(tx.scalars(select(body.c.path).where(body.c.source == source)))
            tx.execute(delete(body).where(body.c.source == source))
            shared = {path for path in paths if tx.scalar(select(exists().where(body.c.path == path)))}
        for path in paths - shared:
            (self._folder / path).unlink(missing_ok=True)

    def sources(self) -> list[str]:
        """The ids of all sources of which anything is kept."""
        with self._database.read() as tx:
            return list(tx.scalars(select(body.c.source).distinct().order_by(body.c.source)))

    def prune(self, source: str, before: datetime, keep: Collection[str] = ()) -> int:
        """Forget bodies of a source fetched before a time, save those in ``keep`` (by hash); return how many.

        A row goes before its file: a crash in between leaves a file too many, never a row without its file.
        """
        of_source = body.c.source == source
        query = select(body.c.sha256, body.c.path).where(of_source, body.c.fetched_at < to_text(before))
        with self._database.write() as tx:
            old = {sha256: path for sha256, path in tx.execute(query) if sha256 not in keep}
            for sha256 in old:
                tx.execute(delete(body).where(body.c.sha256 == sha256, of_source))
            used = {sha256 for sha256 in old if tx.scalar(select(exists().where(body.c.sha256 == sha256)))}
        for sha256 in old.keys() - used:
            _remove(self._folder / old[sha256])
        return len(old)

    def sweep(self) -> int:
        """Remove files that no row names (a crash left them); return how many. Only for the writer, between runs."""
        with self._database.read() as tx:
            known = set(tx.scalars(select(body.c.path)))
        strays = [path for path in self._folder.glob("*/*") if path.relative_to(self._folder).as_posix() not in known]
        return sum(_remove(path) for path in strays)


def _remove(path: Path) -> bool:
    """Remove a file that nobody needs; one that cannot be removed now is for the next sweep."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _body(row: Row[Any]) -> Body:
    return Body(
        row.sha256, row.source, row.size, from_text(row.fetched_at), row.content_type, row.etag, row.last_modified
    )


def _write_once(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(gzip.compress(content, _LEVEL, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
