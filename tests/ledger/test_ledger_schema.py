"""The schema of the ledger: migrations lead to exactly the tables that the code uses, from any earlier state."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from federation.errors import ConfigError, EngineUnavailable
from federation.ledger import open_ledger
from federation.ledger.database import Database
from federation.ledger.migrate import MIGRATIONS, newest, upgrade
from federation.ledger.schema import metadata


def test_migrations_make_the_schema_that_the_code_uses(tmp_path: Path) -> None:
    """After all migrations nothing differs from schema.py: tables, columns, types, indexes."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")

    upgrade(database)

    with database.read() as tx:
        differences = compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata)
        found = set(inspect(tx).get_table_names()) - {"alembic_version"}
    database.close()
    assert differences == []
    assert found == set(metadata.tables)


def test_the_newest_migration_is_told_by_its_file() -> None:
    """So that Alembic is loaded only where one is missing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def test_opening_again_migrates_nothing_and_takes_no_lock(tmp_path: Path) -> None:
    """A ledger up to date opens while another process is in the middle of a write."""
    first = open_ledger("", tmp_path)

    with first.write():
        second = open_ledger("", tmp_path)
        second.close()

    first.close()


def test_the_ledger_survives_a_power_cut(tmp_path: Path) -> None:
    """SQLite runs with a write-ahead log, syncs every commit, and checks foreign keys."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")

    with database.read() as tx:
        settings = [tx.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]

    database.close()
    assert settings == ["wal", 2, 1]


def test_every_table_has_a_form_for_postgresql() -> None:
    """Tables, types and the index that allows one running run per source compile for PostgreSQL."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

    tables = "".join(str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables)
    indexes = [str(CreateIndex(index).compile(dialect=dialect)) for t in metadata.sorted_tables for index in t.indexes]

    assert "BIGSERIAL" in tables
    assert any("one_run" in each and "WHERE state = 'running'" in each for each in indexes)


def test_a_bad_address_of_the_ledger_is_a_configuration_error(tmp_path: Path) -> None:
    """The setting is named, and no traceback of a driver comes up."""
    with pytest.raises(ConfigError, match="ledger_url"):
        open_ledger("no such thing", tmp_path)
    with pytest.raises(ConfigError, match="ledger_url"):
        open_ledger("nosuchdatabase://here/there", tmp_path)


def test_a_ledger_that_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    """A damaged file is EngineUnavailable, naming it."""
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, certainly not" * 100)

    with pytest.raises(EngineUnavailable, match=r"ledger\.sqlite"):
        open_ledger("", tmp_path)


def test_an_unknown_database_is_told_in_french_too(tmp_path: Path) -> None:
    """The operator reads in French which setting to mend."""
    with pytest.raises(ConfigError) as caught:
        open_ledger("nothing://here", tmp_path)

    assert caught.value.text["fr"].startswith("Le réglage `ledger_url` est inutilisable")
