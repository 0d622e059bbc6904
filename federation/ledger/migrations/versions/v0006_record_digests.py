"""The digest of each public record, and their combined digest per partner: for peers that keep in step with us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty: they are filled from the change log."""
    op.create_table(
        "ap_digest",
        sa.Column("record", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("updated", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_ap_digest")),
    )
    op.create_index("ix_ap_digest_partner", "ap_digest", ["partner", "record"], unique=False)
    op.create_table(
        "ap_tally",
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("xor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_ap_tally")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("ap_tally")
    op.drop_table("ap_digest")
