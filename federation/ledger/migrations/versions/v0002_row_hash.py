"""Records remember the hash of their whole row: what has not changed at all needs no mapping to be compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; known records get theirs with their next harvest."""
    with op.batch_alter_table("record_state") as table:
        table.add_column(sa.Column("row_hash", sa.String(length=32), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("record_state") as table:
        table.drop_column("row_hash")
