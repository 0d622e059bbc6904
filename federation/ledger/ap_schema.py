"""The tables of ActivityPub: keys, peers, follows, what came in, what goes out. Same metadata as the other tables.

Identifiers of others are URLs of at most 2,048 bytes (an index of PostgreSQL takes no more): whoever stores them sees
to it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from federation.ledger.schema import IRI, SERIAL, TIME, metadata

_HOST = String(300)  # host, with its port where that is not the default one
_ULID = String(26)
_HOLDER = String(64)
_IN_BYTES = Text().with_variant(Text(collation="C"), "postgresql")  # an order that peers share


def _where(name: str, *columns: str, condition: str, unique: bool = False) -> Index:
    """An index of only the rows that meet a condition."""
    only = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=only, postgresql_where=only)


ap_key = Table(
    "ap_key",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("actor", IRI, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("key_id", IRI, nullable=False),
    Column("public", Text, nullable=False),
    Column("private", LargeBinary, nullable=False),
    Column("made", TIME, nullable=False),
    Column("used_from", TIME),
    Column("retired", TIME),
    Index("ix_ap_key_actor", "actor", "kind"),
    _where("one_key", "actor", "kind", condition="used_from IS NOT NULL AND retired IS NULL", unique=True),
)

ap_remote_key = Table(
    "ap_remote_key",
    metadata,
    Column("key_id", IRI, primary_key=True),
    Column("owner", IRI, primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("public", Text),
    Column("fetched", TIME),
    Column("expires", TIME, nullable=False, index=True),
    Column("reason", Text),
    Column("forced", TIME),
)

ap_actor = Table(
    "ap_actor",
    metadata,
    Column("id", IRI, primary_key=True),
    Column("host", _HOST, nullable=False, index=True),
    Column("type", String(64), nullable=False),
    Column("inbox", IRI, nullable=False),
    Column("shared_inbox", IRI),
    Column("document", JSON, nullable=False),
    Column("fetched", TIME, nullable=False),
    Column("gone", TIME),
)

ap_host = Table(
    "ap_host",
    metadata,
    Column("host", _HOST, primary_key=True),
    Column("follow_mode", String(8)),
    Column("record_mode", String(8)),
    Column("dialect", String(8)),
    Column("dialect_until", TIME),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("first_failure", TIME),
    Column("last_failure", TIME),
    Column("open_until", TIME),
    Column("dormant_since", TIME),
    Column("sync", Boolean, nullable=False, server_default=text("false")),
    _where("ix_ap_host_failing", "first_failure", condition="first_failure IS NOT NULL"),
)

ap_block = Table(
    "ap_block",
    metadata,
    Column("subject", IRI, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("reason", Text),
)

ap_follow = Table(
    "ap_follow",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("direction", String(3), nullable=False),
    Column("follower", IRI, nullable=False),
    Column("followed", IRI, nullable=False),
    Column("activity", IRI, nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("host", _HOST, nullable=False, index=True),
    Column("inbox", IRI, nullable=False),
    Column("made", TIME, nullable=False),
    Column("answered", TIME),
    Column("resent", TIME),
    UniqueConstraint("direction", "follower", "followed"),
    Index("ix_ap_follow_followed", "followed", "direction", "state", "inbox"),
)

ap_binding = Table(
    "ap_binding",
    metadata,
    Column("actor", IRI, primary_key=True),
    Column("partner", String(64), nullable=False, index=True),
    Column("source", String(64), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", TIME, nullable=False),
)

ap_activity = Table(
    "ap_activity",
    metadata,
    Column("id", _ULID, primary_key=True),
    Column("actor", IRI, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object", IRI, index=True),
    Column("seq", BigInteger, index=True),
    Column("made", TIME, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("position", BigInteger),
    UniqueConstraint("actor", "position"),
)

ap_inbox = Table(
    "ap_inbox",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("activity", IRI, nullable=False, unique=True),
    Column("actor", IRI, nullable=False, index=True),
    Column("host", _HOST, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("object", IRI),
    Column("received", TIME, nullable=False),
    Column("raw", LargeBinary),
    Column("headers", JSON),
    Column("verdict", JSON, nullable=False),
    Column("audience", String(16), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try", TIME),
    Column("holder", _HOLDER),
    Column("outcome", Text),
    Column("sha256", String(64), nullable=False),
    Column("seen", String(64), nullable=False, index=True),
    _where("ix_ap_inbox_due", "next_try", "id", condition="next_try IS NOT NULL"),
    _where("ix_ap_inbox_object", "object", condition="object IS NOT NULL"),
    sqlite_autoincrement=True,
)

ap_job = Table(
    "ap_job",
    metadata,
    Column("activity", _ULID, primary_key=True),
    Column("actor", IRI, nullable=False),
    Column("object", IRI),
    Column("collapses", Boolean, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("made", TIME, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try", TIME),
    Column("holder", _HOLDER),
    _where("ix_ap_job_due", "next_try", "activity", condition="next_try IS NOT NULL"),
)

ap_lane = Table(
    "ap_lane",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("host", _HOST, nullable=False),
    Column("actor", IRI, nullable=False),
    Column("ready", TIME),
    Column("lease_until", TIME),
    Column("holder", _HOLDER),
    Column("claimed_to", BigInteger),
    UniqueConstraint("host", "actor"),
    _where("ix_ap_lane_ready", "ready", "id", condition="ready IS NOT NULL"),
    _where("ix_ap_lane_leased", "lease_until", "host", condition="lease_until IS NOT NULL"),
)

ap_delivery = Table(
    "ap_delivery",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("activity", _ULID, nullable=False),
    Column("inbox", IRI, nullable=False),
    Column("lane", BigInteger, nullable=False),
    Column("object", IRI),
    Column("collapses", Boolean, nullable=False),
    Column("state", String(8), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("next_try", TIME),
    Column("status", Integer),
    Column("reason", Text),
    Column("made", TIME, nullable=False),
    Column("settled", TIME),
    UniqueConstraint("activity", "inbox"),
    _where("ix_ap_delivery_waiting", "lane", "id", condition="state = 'waiting'"),
    _where("ix_ap_delivery_of_object", "object", "lane", condition="state = 'waiting'"),
    sqlite_autoincrement=True,
)

ap_object = Table(
    "ap_object",
    metadata,
    Column("id", IRI, primary_key=True),
    Column("record", IRI, unique=True),
    Column("owner", IRI, nullable=False, index=True),
    Column("host", _HOST, nullable=False, index=True),
    Column("source", String(64)),
    Column("updated", String(40)),
    Column("digest", String(80)),
    Column("state", String(16), nullable=False, index=True),
    Column("audience", String(16), nullable=False),
    Column("provenance", JSON, nullable=False),
    Column("deleted", TIME),
    Column("checked", TIME),
    Column("misses", Integer, nullable=False, server_default="0"),
    Index("ix_ap_object_source", "source", "state"),
    _where("ix_ap_object_check", "checked", "id", condition="state = 'live'"),
)

ap_sync = Table(
    "ap_sync",
    metadata,
    Column("actor", IRI, primary_key=True),
    Column("origin", IRI, nullable=False),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("digests", JSON, nullable=False),
    Column("cursor", Text),
    Column("compared", TIME),
    Column("asked", TIME),
)

ap_digest = Table(
    "ap_digest",
    metadata,
    Column("record", _IN_BYTES, primary_key=True),
    Column("partner", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("updated", TIME, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("ix_ap_digest_partner", "partner", "record"),
)

ap_tally = Table(
    "ap_tally",
    metadata,
    Column("partner", String(64), primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("xor", String(64), nullable=False),
)
