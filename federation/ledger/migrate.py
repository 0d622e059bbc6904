"""Brings the schema of a ledger up to date, by Alembic, when it is opened. Never touches the data folder otherwise."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from federation.ledger.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the missing migrations in one transaction; take no write lock if none is missing.

    Raises EngineUnavailable.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.read() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == ScriptDirectory.from_config(config).as_revision_number(revision):
        return
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
