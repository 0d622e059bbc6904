"""Brings the schema of a ledger up to date, by Alembic, when it is opened. Never touches the data folder otherwise."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from federation.ledger.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the missing migrations in one transaction; take no write lock if none is missing.

    Raises EngineUnavailable.
    """
    if _present(database) == (newest() if revision == "head" else revision):
        return
    # a tenth of the time of every start, and needed only once for each new version
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _present(database: Database) -> str | None:
    """The revision that Alembic has noted in the database; None if it is empty."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def newest() -> str:
    """The revision of the newest migration: its file is named for it (``v0004_what.py``)."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("v*.py")).partition("_")[0].removeprefix("v")
