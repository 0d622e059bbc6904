"""Runs are found by state (the queue, each second), by partner (its page), and by the run that they are about."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_run_partner_started": ["partner", "started"],
    "ix_run_state_id": ["state", "id"],
    "ix_run_of": ["of"],
}


def upgrade() -> None:
    """Add the indexes."""
    for name, columns in _INDEXES.items():
        op.create_index(name, "run", columns)


def downgrade() -> None:
    """Drop them."""
    for name in _INDEXES:
        op.drop_index(name, "run")
