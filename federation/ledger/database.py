"""The connection to the ledger's SQL database: short transactions, durable commits, failures in plain words.

No session, no connection and no vendor exception is kept or passed beyond the transaction it belongs to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from federation.errors import ConfigError, EngineUnavailable

_WAIT = 30  # seconds that SQLite waits for another writer; our transactions take far less


class Row(Protocol):
    """A named tuple."""

    @property
    def _fields(self) -> tuple[str, ...]: ...
    def _asdict(self) -> dict[str, Any]: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Database:
    """One SQL database. ``read`` and ``write`` give a connection inside one transaction."""

    def __init__(self, url: str) -> None:
        """Connect lazily to ``url`` (SQLAlchemy form). Raises ConfigError if it is no database address we know."""
        try:
            parsed = make_url(url)
            self._engine = _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else create_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ConfigError(
                f"The setting `ledger_url` cannot be used: {error}",
                f"Le réglage `ledger_url` est inutilisable : {error}",
            ) from error
        self.shown = parsed.render_as_string(hide_password=True)
        self._written: WeakKeyDictionary[Insert, tuple[str, tuple[str, ...]]] = WeakKeyDictionary()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @contextlib.contextmanager
    def read(self, joined: Connection | None = None) -> Iterator[Connection]:
        """One consistent view; or the caller's own, when it hands over ``joined``. Raises EngineUnavailable."""
        if joined is not None:
            yield joined
            return
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self, joined: Connection | None = None) -> Iterator[Connection]:
        """One transaction, durable when the block ends; or the caller's own, when it hands over ``joined``.

        Raises EngineUnavailable (disk full, read-only, locked too long, lost server).
        """
        if joined is not None:
            yield joined
            return
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(carrefour_write=True)
            with connection.begin():
                yield connection

    def upsert(self, table: Table, keep: Sequence[str] = ()) -> Insert:
        """Statement that inserts a row of ``table``, or replaces it by primary key, leaving ``keep`` as they were."""
        keys = [column.name for column in table.primary_key]
        insert = (postgresql if self.dialect == "postgresql" else sqlite).insert(table)
        replaced = {
            column.name: insert.excluded[column.name]
            for column in table.columns
            if column.name not in keys and column.name not in keep
        }
        statement: Insert = insert.on_conflict_do_update(index_elements=keys, set_=replaced)
        return statement

    def put_rows(self, tx: Connection, statement: Insert, rows: Sequence[Row]) -> None:
        """Run an insert or upsert for many rows, each a named tuple with a value for every column of the table.

        Straight to a driver that numbers its parameters (SQLite's): naming them, row by row, took longer than the
        database itself. No column may need a conversion (JSON). A statement object that is used
        again, for rows of one kind, is written once. Raises EngineUnavailable.
        """
        if not rows:
            return
        if not tx.dialect.positional:
            tx.execute(statement, [row._asdict() for row in rows])
            return
        written = self._written.get(statement)
        if written is None:
            compiled = statement.compile(dialect=tx.dialect, column_keys=list(rows[0]._fields))
            written = self._written[statement] = str(compiled), tuple(getattr(compiled, "positiontup", None) or ())
        sql, names = written
        places = [rows[0]._fields.index(name) for name in names]
        in_order = rows if places == list(range(len(rows[0]))) else [tuple(row[at] for at in places) for row in rows]
        tx.exec_driver_sql(sql, [tuple(row) for row in in_order])

    def scour(self) -> None:
        """Write the database anew, so that its files keep nothing of what was deleted. Takes its size in time and room.

        Raises EngineUnavailable.
        """
        with self._translated(), self._engine.connect() as plain:
            if self.dialect == "postgresql":
                plain.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM FULL")
                return
            connection = plain.execution_options(carrefour_alone=True)
            connection.exec_driver_sql("VACUUM")
            if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar():  # somebody reads all the time
                raise _unavailable(self.shown, "locked")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # a rule of the schema was broken: the caller knows which, or it is a defect of ours
        except DBAPIError as error:
            raise _unavailable(self.shown, str(error.orig)) from error


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _WAIT, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, _record: Any) -> None:
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read transaction can fail without waiting (SQLITE_BUSY).
        options = connection.get_execution_options()
        if options.get("carrefour_alone"):
            return  # VACUUM takes no transaction around it
        writing = options.get("carrefour_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _unavailable(where: str, problem: str) -> EngineUnavailable:
    lowered = problem.lower()
    if "full" in lowered or "disk i/o" in lowered:
        return EngineUnavailable(
            f"The disk of the ledger ({where}) is full or failing: {problem}. Free some space and start again;"
            " what was being written is finished at the next start.",
            f"Le disque du registre ({where}) est plein ou défaillant : {problem}. Faites de la place et"
            " recommencez ; ce qui était en cours d'écriture est terminé au prochain démarrage.",
        )
    if "readonly" in lowered or "read-only" in lowered or "unable to open" in lowered:
        return EngineUnavailable(
            f"The ledger ({where}) cannot be written to: give this user the right to write there.",
            f"Impossible d'écrire dans le registre ({where}) : donnez à cet utilisateur le droit d'y écrire.",
        )
    if "locked" in lowered:
        return EngineUnavailable(
            f"The ledger ({where}) is held by another process for more than {_WAIT} seconds. Wait, or stop it.",
            f"Le registre ({where}) est tenu par un autre processus depuis plus de {_WAIT} secondes. Attendez, ou "
            "arrêtez-le.",
        )
    return EngineUnavailable(
        f"The ledger ({where}) cannot be used: {problem}", f"Le registre ({where}) est inutilisable : {problem}"
    )
