"""The first schema: sources, runs, record states, links, and the log of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _sources()
    _runs()
    _records()
    _links()
    _log()


def downgrade() -> None:
    """Drop every table."""
    for table in (
        "meta",
        "cursor",
        "journal",
        "change",
        "identity",
        "claim",
        "restricted",
        "record_state",
        "finding",
        "body",
        "run",
        "source",
        "partner",
    ):
        op.drop_table(table)


def _sources() -> None:
    """Who is harvested."""
    op.create_table(
        "partner",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_partner")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("file_hash", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("lang", sa.String(length=35), nullable=False),
        sa.Column("first_run", sa.String(length=26), nullable=True),
        sa.Column("last_run", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(["partner"], ["partner.slug"], name=op.f("fk_source_partner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_index(op.f("ix_source_partner"), "source", ["partner"], unique=False)


def _runs() -> None:
    """What each run read and found."""
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started", sa.String(length=32), nullable=False),
        sa.Column("ended", sa.String(length=32), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.Column("input_sha256", sa.String(length=64), nullable=True),
        sa.Column("mapping_version", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("holder", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_source_started", "run", ["source", "started"], unique=False)
    op.create_index(
        "one_run",
        "run",
        ["source"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "body",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.String(length=32), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", "source", name=op.f("pk_body")),
    )
    op.create_index("ix_body_source_fetched_at", "body", ["source", "fetched_at"], unique=False)
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_record"), "finding", ["record"], unique=False)
    op.create_index(op.f("ix_finding_run"), "finding", ["run"], unique=False)


def _records() -> None:
    """What is known of each record."""
    op.create_table(
        "record_state",
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("raw_hash", sa.String(length=64), nullable=False),
        sa.Column("mapping_version", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("first_seen", sa.String(length=32), nullable=False),
        sa.Column("last_run", sa.String(length=26), nullable=False),
        sa.Column("page", sa.Text(), nullable=True),
        sa.Column("pid", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_record_state")),
    )
    op.create_index("ix_record_state_partner", "record_state", ["partner"], unique=False)
    op.create_index("ix_record_state_pid", "record_state", ["pid"], unique=False)
    op.create_index("ix_record_state_source", "record_state", ["source", "state"], unique=False)
    op.create_table(
        "restricted",
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_restricted")),
    )


def _links() -> None:
    """Which records are of one project."""
    op.create_table(
        "claim",
        sa.Column("hash", sa.String(length=24), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("hash", "record", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_record", "claim", ["record"], unique=False)
    op.create_table(
        "identity",
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("pid", sa.String(length=32), nullable=False),
        sa.Column("minted", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("home", name=op.f("pk_identity")),
        sa.UniqueConstraint("pid", name=op.f("uq_identity_pid")),
    )


def _log() -> None:
    """What happened, and how far others have read it."""
    op.create_table(
        "change",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("time", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_change_project"), "change", ["project"], unique=False)
    op.create_index(op.f("ix_change_record"), "change", ["record"], unique=False)
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_journal_run"), "journal", ["run"], unique=False)
    op.create_index(op.f("ix_journal_state"), "journal", ["state"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("consumer", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_cursor")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
