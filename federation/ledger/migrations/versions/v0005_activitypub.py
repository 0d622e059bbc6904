"""ActivityPub: keys, peers, follows, what came in, what goes out, and the objects of others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.String(length=32)
_TABLES = (
    "ap_key",
    "ap_remote_key",
    "ap_actor",
    "ap_host",
    "ap_block",
    "ap_binding",
    "ap_sync",
    "ap_follow",
    "ap_object",
    "ap_inbox",
    "ap_activity",
    "ap_job",
    "ap_lane",
    "ap_delivery",
)


def upgrade() -> None:
    """Create the tables."""
    _keys()
    _peers()
    _ties()
    _relations()
    _received()
    _sent()
    _lanes()
    _deliveries()


def downgrade() -> None:
    """Drop them, with their indexes."""
    for name in reversed(_TABLES):
        op.drop_table(name)


def _keys() -> None:
    """Our keys and those of others."""
    op.create_table(
        "ap_key",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("used_from", _TIME, nullable=True),
        sa.Column("retired", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ap_key")),
    )
    op.create_index("ix_ap_key_actor", "ap_key", ["actor", "kind"], unique=False)
    op.create_index(
        "one_key",
        "ap_key",
        ["actor", "kind"],
        unique=True,
        sqlite_where=sa.text("used_from IS NOT NULL AND retired IS NULL"),
        postgresql_where=sa.text("used_from IS NOT NULL AND retired IS NULL"),
    )
    op.create_table(
        "ap_remote_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("public", sa.Text(), nullable=True),
        sa.Column("fetched", _TIME, nullable=True),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("forced", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("key_id", "owner", "kind", name=op.f("pk_ap_remote_key")),
    )
    op.create_index(op.f("ix_ap_remote_key_expires"), "ap_remote_key", ["expires"], unique=False)


def _peers() -> None:
    """Whom we know, and what was decided about them."""
    op.create_table(
        "ap_actor",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("shared_inbox", sa.Text(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("fetched", _TIME, nullable=False),
        sa.Column("gone", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_actor")),
    )
    op.create_index(op.f("ix_ap_actor_host"), "ap_actor", ["host"], unique=False)
    op.create_table(
        "ap_host",
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("follow_mode", sa.String(length=8), nullable=True),
        sa.Column("record_mode", sa.String(length=8), nullable=True),
        sa.Column("dialect", sa.String(length=8), nullable=True),
        sa.Column("dialect_until", _TIME, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_failure", _TIME, nullable=True),
        sa.Column("last_failure", _TIME, nullable=True),
        sa.Column("open_until", _TIME, nullable=True),
        sa.Column("dormant_since", _TIME, nullable=True),
        sa.Column("sync", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_ap_host")),
    )
    op.create_index(
        "ix_ap_host_failing",
        "ap_host",
        ["first_failure"],
        unique=False,
        sqlite_where=sa.text("first_failure IS NOT NULL"),
        postgresql_where=sa.text("first_failure IS NOT NULL"),
    )
    op.create_table(
        "ap_block",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_ap_block")),
    )


def _ties() -> None:
    """Which peer is which partner, and how far we are in step with whom."""
    op.create_table(
        "ap_binding",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("actor", name=op.f("pk_ap_binding")),
    )
    op.create_index(op.f("ix_ap_binding_partner"), "ap_binding", ["partner"], unique=False)
    op.create_table(
        "ap_sync",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("digests", sa.JSON(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("compared", _TIME, nullable=True),
        sa.Column("asked", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("actor", name=op.f("pk_ap_sync")),
    )


def _relations() -> None:
    """Follows of both directions, and what others told us of objects."""
    op.create_table(
        "ap_follow",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("follower", sa.Text(), nullable=False),
        sa.Column("followed", sa.Text(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("answered", _TIME, nullable=True),
        sa.Column("resent", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_follow")),
        sa.UniqueConstraint("direction", "follower", "followed", name=op.f("uq_ap_follow_direction")),
    )
    op.create_index(op.f("ix_ap_follow_activity"), "ap_follow", ["activity"], unique=False)
    op.create_index("ix_ap_follow_followed", "ap_follow", ["followed", "direction", "state", "inbox"], unique=False)
    op.create_index(op.f("ix_ap_follow_host"), "ap_follow", ["host"], unique=False)
    op.create_table(
        "ap_object",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("updated", sa.String(length=40), nullable=True),
        sa.Column("digest", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("deleted", _TIME, nullable=True),
        sa.Column("checked", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_object")),
        sa.UniqueConstraint("record", name=op.f("uq_ap_object_record")),
    )
    op.create_index(op.f("ix_ap_object_host"), "ap_object", ["host"], unique=False)
    op.create_index(op.f("ix_ap_object_owner"), "ap_object", ["owner"], unique=False)
    op.create_index("ix_ap_object_source", "ap_object", ["source", "state"], unique=False)
    op.create_index(op.f("ix_ap_object_state"), "ap_object", ["state"], unique=False)


def _received() -> None:
    """What came in."""
    op.create_table(
        "ap_inbox",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("kind", _TIME, nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("received", _TIME, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try", _TIME, nullable=True),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("seen", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_inbox")),
        sa.UniqueConstraint("activity", name=op.f("uq_ap_inbox_activity")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_ap_inbox_actor"), "ap_inbox", ["actor"], unique=False)
    op.create_index(
        "ix_ap_inbox_due",
        "ap_inbox",
        ["next_try", "id"],
        unique=False,
        sqlite_where=sa.text("next_try IS NOT NULL"),
        postgresql_where=sa.text("next_try IS NOT NULL"),
    )
    op.create_index(
        "ix_ap_inbox_object",
        "ap_inbox",
        ["object"],
        unique=False,
        sqlite_where=sa.text("object IS NOT NULL"),
        postgresql_where=sa.text("object IS NOT NULL"),
    )
    op.create_index(op.f("ix_ap_inbox_seen"), "ap_inbox", ["seen"], unique=False)
    op.create_index(op.f("ix_ap_inbox_state"), "ap_inbox", ["state"], unique=False)


def _sent() -> None:
    """What goes out."""
    op.create_table(
        "ap_activity",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_activity")),
        sa.UniqueConstraint("actor", "position", name=op.f("uq_ap_activity_actor")),
    )
    op.create_index(op.f("ix_ap_activity_object"), "ap_activity", ["object"], unique=False)
    op.create_index(op.f("ix_ap_activity_seq"), "ap_activity", ["seq"], unique=False)
    op.create_table(
        "ap_job",
        sa.Column("activity", sa.String(length=26), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("collapses", sa.Boolean(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try", _TIME, nullable=True),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("activity", name=op.f("pk_ap_job")),
    )
    op.create_index(
        "ix_ap_job_due",
        "ap_job",
        ["next_try", "activity"],
        unique=False,
        sqlite_where=sa.text("next_try IS NOT NULL"),
        postgresql_where=sa.text("next_try IS NOT NULL"),
    )


def _lanes() -> None:
    """In which order it goes out."""
    op.create_table(
        "ap_lane",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("ready", _TIME, nullable=True),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.Column("claimed_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_lane")),
        sa.UniqueConstraint("host", "actor", name=op.f("uq_ap_lane_host")),
    )
    op.create_index(
        "ix_ap_lane_leased",
        "ap_lane",
        ["lease_until", "host"],
        unique=False,
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_ap_lane_ready",
        "ap_lane",
        ["ready", "id"],
        unique=False,
        sqlite_where=sa.text("ready IS NOT NULL"),
        postgresql_where=sa.text("ready IS NOT NULL"),
    )


def _deliveries() -> None:
    """What goes out, to whom."""
    op.create_table(
        "ap_delivery",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("activity", sa.String(length=26), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("collapses", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", _TIME, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made", _TIME, nullable=False),
        sa.Column("settled", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ap_delivery")),
        sa.UniqueConstraint("activity", "inbox", name=op.f("uq_ap_delivery_activity")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_ap_delivery_of_object",
        "ap_delivery",
        ["object", "lane"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(op.f("ix_ap_delivery_state"), "ap_delivery", ["state"], unique=False)
    op.create_index(
        "ix_ap_delivery_waiting",
        "ap_delivery",
        ["lane", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
