"""How often in a row an object of another server was not at its origin, for the monthly look at stored ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count, 0 so far, and the index by which due objects are found."""
    op.add_column("ap_object", sa.Column("misses", sa.Integer(), server_default="0", nullable=False))
    live = sa.text("state = 'live'")
    op.create_index(
        "ix_ap_object_check", "ap_object", ["checked", "id"], unique=False, sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_ap_object_check", table_name="ap_object")
    op.drop_column("ap_object", "misses")
