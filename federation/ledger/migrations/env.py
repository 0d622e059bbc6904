"""What Alembic runs: the migrations, on the connection that migrate.py hands over. It opens no database itself."""

from __future__ import annotations

from alembic import context

from federation.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
