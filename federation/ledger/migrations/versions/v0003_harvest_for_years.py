"""Harvest for years: absences and tombstones, guards and approvals, undo, schedules, reports, accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and widen those that are there."""
    _wider()
    _history()
    _reports()
    _people()


def downgrade() -> None:
    """Drop them again."""
    for name in (
        "session",
        "throttle",
        "account",
        "candidacy",
        "trial",
        "quality",
        "notice",
        "forgotten",
        "approval",
        "revision",
    ):
        op.drop_table(name)
    for table, columns in (
        ("source", ("full_at", "validators", "note", "failures", "due")),
        ("run", ("progress", "options", "live", "holds", "of", "kind")),
        ("record_state", ("withdrawn_at", "reason", "missed_at", "missing_since", "misses")),
    ):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column)


def _wider() -> None:
    """What is known besides of records, runs and sources."""
    with op.batch_alter_table("record_state") as table:
        table.add_column(sa.Column("misses", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("missing_since", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("missed_at", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("reason", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("withdrawn_at", sa.String(length=32), nullable=True))

    with op.batch_alter_table("run") as table:
        table.add_column(sa.Column("kind", sa.String(length=16), server_default="harvest", nullable=False))
        table.add_column(sa.Column("of", sa.String(length=26), nullable=True))
        table.add_column(sa.Column("holds", sa.JSON(), nullable=True))
        table.add_column(sa.Column("live", sa.Integer(), nullable=True))
        table.add_column(sa.Column("options", sa.JSON(), nullable=True))
        table.add_column(sa.Column("progress", sa.JSON(), nullable=True))

    with op.batch_alter_table("source") as table:
        table.add_column(sa.Column("due", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("note", sa.Text(), nullable=True))
        table.add_column(sa.Column("validators", sa.JSON(), nullable=True))
        table.add_column(sa.Column("full_at", sa.String(length=32), nullable=True))


def _history() -> None:
    """What runs changed, and what people decided on them."""
    op.create_table(
        "revision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("revision") as table:
        table.create_index(table.f("ix_revision_run"), ["run"], unique=False)
        table.create_index(table.f("ix_revision_source"), ["source"], unique=False)

    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.Column("ceiling", sa.Integer(), nullable=False),
        sa.Column("given", sa.String(length=32), nullable=False),
        sa.Column("until", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    with op.batch_alter_table("approval") as table:
        table.create_index(table.f("ix_approval_source"), ["source"], unique=False)

    op.create_table(
        "forgotten",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_forgotten")),
    )


def _reports() -> None:
    """What partners are told."""
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("sent", sa.String(length=32), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    with op.batch_alter_table("notice") as table:
        table.create_index(table.f("ix_notice_source"), ["source"], unique=False)

    op.create_table(
        "quality",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_quality")),
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("until", sa.String(length=32), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
    )


def _people() -> None:
    """Who may work here, and who asks to join."""
    op.create_table(
        "candidacy",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("decided", sa.String(length=32), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidacy")),
    )
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("disabled", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("made", sa.String(length=32), nullable=False),
        sa.Column("seen", sa.String(length=32), nullable=False),
        sa.Column("until", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_session_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session") as table:
        table.create_index(table.f("ix_session_account"), ["account"], unique=False)

    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
